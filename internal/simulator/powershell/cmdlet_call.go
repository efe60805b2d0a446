package powershell

import (
	"context"
	"strings"
)

// bound are a call's arguments sorted into parameters.
type bound struct {
	name        string
	parameters  map[string]Value
	positional  []Value
	errorAction string
	warnings    string
	verbose     *bool
	keepErrors  string
	keepOutput  string
}

var commonParameters = map[string]string{
	"erroraction": "erroraction", "ea": "erroraction", "warningaction": "warningaction", "wa": "warningaction", "verbose": "verbose", "vb": "verbose",
	"debug": "debug", "db": "debug", "errorvariable": "errorvariable", "ev": "errorvariable", "warningvariable": "warningvariable", "wv": "warningvariable",
	"outvariable": "outvariable", "ov": "outvariable", "outbuffer": "outbuffer", "ob": "outbuffer", "informationaction": "informationaction",
	"infa": "informationaction", "informationvariable": "informationvariable", "iv": "informationvariable", "pipelinevariable": "pipelinevariable",
}

// wellKnownSwitches take no value in the cmdlets of a server.
var wellKnownSwitches = map[string]bool{
	"force": true, "passthru": true, "recurse": true, "whatif": true, "confirm": true, "graceful": true, "nowait": true, "wait": true,
	"update": true, "configureddatabases": true, "localdatabases": true, "localservice": true, "excludecollocatedstores": true,
	"disablenamechecking": true, "asjob": true, "ignoresslerrors": true, "asplaintext": true, "list": true, "listavailable": true, "all": true,
	"detailed": true, "report": false, "centralmanagement": true, "centralmanagementdatabase": true, "verbose": true, "debug": true,
}

// common takes the common parameters out of a call. It gives the lower-case full name, or "" where it is none.
func (b *bound) common(parameter string, value func() (Value, error)) (bool, error) {
	full, ok := commonParameters[strings.ToLower(parameter)]
	if !ok {
		return false, nil
	}
	given, err := value()
	if err != nil {
		return true, err
	}
	switch full {
	case "erroraction":
		b.errorAction = actionWord(given)
	case "warningaction":
		b.warnings = actionWord(given)
	case "verbose":
		on := given == nil || truth(given)
		b.verbose = &on
	case "errorvariable":
		b.keepErrors = strings.ToLower(toText(given))
	case "outvariable":
		b.keepOutput = strings.ToLower(toText(given))
	}
	return true, nil
}

func actionWord(value Value) string {
	word := strings.ToLower(toText(value))
	switch word {
	case "0":
		return "silentlycontinue"
	case "1":
		return "stop"
	case "2":
		return "continue"
	}
	return word
}

// bind sorts arguments for a command whose parameters are not known: -Name takes the value after it unless it is a switch.
func bindUnknown(name string, arguments []passed, isSwitch func(parameter string) bool) (*bound, error) {
	b := &bound{name: name, parameters: map[string]Value{}}
	for i := 0; i < len(arguments); i++ {
		one := arguments[i]
		if one.dashes {
			continue
		}
		if one.parameter == "" {
			b.positional = append(b.positional, one.value)
			continue
		}
		take := func(flag bool) Value {
			if one.hasValue {
				return one.value
			}
			if !flag && i+1 < len(arguments) && arguments[i+1].parameter == "" {
				i++
				return arguments[i].value
			}
			return nil
		}
		lower := strings.ToLower(one.parameter)
		full := commonParameters[lower]
		flag := full == "verbose" || full == "debug" || full == "" && isSwitch(lower)
		known, err := b.common(lower, func() (Value, error) { return take(flag), nil })
		if err != nil {
			return nil, err
		}
		if known {
			continue
		}
		if _, twice := b.parameters[lower]; twice {
			return nil, &Failure{ID: "ParameterAlreadyBound," + name, Category: "InvalidArgument: (:)", command: name,
				Message: "Cannot bind parameter because parameter '" + one.parameter + "' is specified more than once."}
		}
		before := i
		value := take(flag)
		if value == nil && !one.hasValue && i == before {
			value = true
		}
		b.parameters[lower] = value
	}
	return b, nil
}

// cmdletStreams are the streams of one call.
type cmdletStreams struct {
	in     *interpreter
	call   *bound
	cancel context.CancelCauseFunc
	failed error
	kept   []Value
}

func (s *cmdletStreams) Warning(text string) {
	if s.failed == nil {
		s.keep(s.in.warn(text, s.call.warnings))
	}
}

func (s *cmdletStreams) Verbose(text string) {
	if s.failed == nil {
		s.keep(s.in.tell(text, s.call.verbose))
	}
}

func (s *cmdletStreams) Error(message string) {
	if s.failed != nil {
		return
	}
	s.fail(&Failure{Message: message, command: s.call.name, ID: "Microsoft.PowerShell.Commands.WriteErrorException"})
}

func (s *cmdletStreams) fail(failed *Failure) {
	s.kept = append(s.kept, failed.errorRecord())
	preference := s.call.errorAction
	if preference == "" {
		preference = s.in.preference("erroractionpreference")
	}
	s.keep(s.in.nonTerminating(failed, preference))
}

func (s *cmdletStreams) keep(err error) {
	if err != nil && s.failed == nil {
		s.failed = err
		s.cancel(err)
	}
}

func (in *interpreter) warn(text, preference string) error {
	if preference == "" {
		preference = in.preference("warningpreference")
	}
	switch preference {
	case "silentlycontinue", "ignore":
		return nil
	case "stop":
		return &Failure{ID: "ActionPreferenceStop", fatal: true, Message: `The running command stopped because the preference variable "WarningPreference" or common parameter is set to Stop: ` + text}
	}
	return in.streams.warning(text)
}

func (in *interpreter) tell(text string, asked *bool) error {
	if asked != nil && !*asked {
		return nil
	}
	if asked == nil && in.preference("verbosepreference") != "continue" {
		return nil
	}
	return in.streams.verbose(text)
}

// cmdletStage calls a command of the machine, with everything that came down the pipeline at once.
func (in *interpreter) cmdletStage(name string, run Command, arguments []passed, out sink) (stage, error) {
	call, err := bindUnknown(name, arguments, func(parameter string) bool {
		if namer, ok := in.machine.(SwitchNamer); ok {
			return namer.IsSwitch(name, parameter)
		}
		return wellKnownSwitches[parameter]
	})
	if err != nil {
		return stage{}, err
	}
	var input []Value
	return stage{
		process: func(item Value) error { input = append(input, item); return nil },
		end: func() error {
			ctx, cancel := context.WithCancelCause(in.ctx)
			defer cancel(nil)
			streams := &cmdletStreams{in: in, call: call, cancel: cancel}
			output, err := run(ctx, Invocation{Name: name, Parameters: call.parameters, Positional: call.positional, Input: input}, streams)
			if in.cancelled() != nil {
				return in.cancelled()
			}
			if streams.failed != nil {
				return streams.failed
			}
			for _, item := range output {
				if err := emit(item, out); err != nil {
					return err
				}
			}
			in.keepVariables(call, streams.kept, output)
			if err == nil {
				return nil
			}
			if _, exits := err.(exitSignal); exits {
				return err
			}
			failed := asFailure(err)
			if failed.command == "" {
				failed.command = name
			}
			switch call.errorAction {
			case "silentlycontinue", "ignore":
				// A terminating error ends the statement even then, but quietly.
				in.remember(failed)
				in.lastOK = false
				return nil
			case "stop":
				failed.fatal = true
			}
			return failed
		},
	}, nil
}

func (in *interpreter) keepVariables(call *bound, failures, output []Value) {
	if call.keepErrors != "" {
		in.keep(call.keepErrors, failures)
	}
	if call.keepOutput != "" {
		in.keep(call.keepOutput, output)
	}
}

func (in *interpreter) keep(name string, items []Value) {
	if bare, adds := strings.CutPrefix(name, "+"); adds {
		old, _ := in.lookup(bare)
		name, items = bare, append(append([]Value{}, list(old)...), items...)
		if old == nil {
			items = items[1:]
		}
	}
	in.scope.variables[name] = append([]Value{}, items...)
}
