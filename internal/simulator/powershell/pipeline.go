package powershell

import (
	"bytes"
	"context"
	"io"
	"strings"
	"unicode/utf8"
)

// stage is one command of a pipeline that runs.
type stage struct {
	process func(Value) error
	end     func() error
}

func (in *interpreter) pipeline(statement *pipeline, out sink) error {
	first, startsWithValue := statement.elements[0].(*commandExpression)
	commands := statement.elements
	if startsWithValue {
		commands = commands[1:]
		if len(commands) == 0 {
			return in.expressionStatement(first, out)
		}
	}
	in.lastOK = true
	stages := make([]stage, len(commands))
	next := out
	for i := len(commands) - 1; i >= 0; i-- {
		element, ok := commands[i].(*command)
		if !ok {
			return failure("ExpressionsMustBeFirstInPipeline", "Expressions are only allowed as the first element of a pipeline.")
		}
		made, err := in.stage(statement, element, i, startsWithValue || i > 0, next)
		if err != nil {
			if isFailure(err) {
				return in.locate(err, element)
			}
			return err
		}
		stages[i] = made
		if i > 0 {
			process := made.process
			next = func(item Value) error {
				if err := in.cancelled(); err != nil {
					return err
				}
				return process(item)
			}
		}
	}
	begin := 0
	if startsWithValue {
		err := in.feed(first, func(item Value) error {
			if err := in.cancelled(); err != nil {
				return err
			}
			return stages[0].process(item)
		})
		if stop, ok := err.(stopSignal); ok && stop.pipeline == statement {
			begin = stop.stage
		} else if err != nil {
			return in.placed(err, statement)
		}
	}
	for i := begin; i < len(stages); i++ {
		err := stages[i].end()
		if stop, ok := err.(stopSignal); ok && stop.pipeline == statement {
			i = max(i, stop.stage-1)
		} else if err != nil {
			return in.placed(err, commands[i])
		}
	}
	return nil
}

func (in *interpreter) placed(err error, at node) error {
	if isFailure(err) {
		return in.locate(err, at)
	}
	return err
}

func (in *interpreter) feed(first *commandExpression, process sink) error {
	return in.redirected(first.redirections, process, func(out sink) error {
		value, err := in.raw(first.expression)
		if err != nil || silent(first.expression) {
			return err
		}
		return emit(value, out)
	})
}

func (in *interpreter) expressionStatement(statement *commandExpression, out sink) error {
	err := in.feed(statement, out)
	if err == nil {
		if name, isVariable := statement.expression.(*variable); !isVariable || name.name != "?" {
			in.lastOK = true
		}
	}
	return err
}

// redirected runs something with its streams going where the redirections say.
func (in *interpreter) redirected(redirections []redirection, out sink, run func(sink) error) error {
	if len(redirections) == 0 {
		return run(out)
	}
	outer := in.streams
	inner, target, finish, err := in.redirect(redirections, out)
	if err != nil {
		return err
	}
	in.streams = inner
	err = run(func(item Value) error {
		in.streams = outer
		err := target(item)
		in.streams = inner
		return err
	})
	in.streams = outer
	if failed := finish(); err == nil {
		err = failed
	}
	return err
}

func (in *interpreter) redirect(redirections []redirection, out sink) (inner outputs, target sink, finish func() error, err error) {
	outer := in.streams
	inner, target = outer, out
	var finishers []func() error
	finish = func() error {
		for _, one := range finishers {
			if err := one(); err != nil {
				return err
			}
		}
		return nil
	}
	for _, one := range redirections {
		var to sink
		if one.to == "1" {
			to = target
		} else {
			name, err := in.evaluate(one.file)
			if err != nil {
				return inner, target, finish, err
			}
			if name == nil {
				to = discard
			} else {
				file, isAppend := toText(name), one.append
				var items []Value
				to = func(item Value) error { items = append(items, item); return nil }
				finishers = append(finishers, func() error {
					text := renderAll(items)
					if isAppend {
						if old, err := in.machine.Files().ReadFile(file); err == nil {
							text = decodeText(old) + text
						}
					}
					return in.machine.Files().WriteFile(file, encodeUTF16(text))
				})
			}
		}
		swap := func(item Value) error {
			saved := in.streams
			in.streams = outer
			err := to(item)
			in.streams = saved
			return err
		}
		if one.from == "1" || one.from == "*" {
			target = to
		}
		if one.from == "2" || one.from == "*" {
			inner.failure = func(failed *Failure) error { return swap(failed.errorRecord()) }
			inner.native = &lineWriter{line: func(line string) error {
				failed := &Failure{Message: line, ID: "NativeCommandError", native: true}
				return swap(failed.errorRecord())
			}}
		}
		if one.from == "3" || one.from == "*" {
			inner.warning = func(text string) error { return swap(text) }
		}
		if one.from == "4" || one.from == "*" {
			inner.verbose = func(text string) error { return swap(text) }
		}
		if one.from == "6" || one.from == "*" {
			inner.host = func(text string) { _ = swap(strings.TrimSuffix(text, "\r\n")) }
		}
	}
	return inner, target, finish, nil
}

func encodeUTF16(text string) []byte {
	encoded, _ := encodingMethod("Unicode", "GetBytes", []Value{text})
	data, _ := encoded.([]byte)
	return append([]byte{0xFF, 0xFE}, data...)
}

// lineWriter passes on whole lines of what is written to it.
type lineWriter struct {
	line func(string) error
	rest []byte
}

func (w *lineWriter) Write(data []byte) (int, error) {
	w.rest = append(w.rest, data...)
	for {
		cut := bytes.IndexByte(w.rest, '\n')
		if cut < 0 {
			return len(data), nil
		}
		line := string(bytes.TrimSuffix(w.rest[:cut], []byte("\r")))
		w.rest = w.rest[cut+1:]
		if err := w.line(line); err != nil {
			return len(data), err
		}
	}
}

func (w *lineWriter) close() error {
	if len(w.rest) == 0 {
		return nil
	}
	line := string(w.rest)
	w.rest = nil
	return w.line(line)
}

// stage makes a stage of one command of a pipeline; its redirections hold while it runs, not while others do.
func (in *interpreter) stage(of *pipeline, element *command, place int, fed bool, out sink) (stage, error) {
	if len(element.redirections) == 0 {
		return in.plainStage(of, element, place, fed, out)
	}
	outer := in.streams
	inner, target, finish, err := in.redirect(element.redirections, out)
	if err != nil {
		return stage{}, err
	}
	guarded := func(run func() error) error {
		saved := in.streams
		in.streams = inner
		err := run()
		in.streams = saved
		return err
	}
	var made stage
	err = guarded(func() (err error) {
		made, err = in.plainStage(of, element, place, fed, func(item Value) error {
			in.streams = outer
			err := target(item)
			in.streams = inner
			return err
		})
		return err
	})
	if err != nil {
		// The command could not even be found: its redirection takes the message too.
		if failed, ok := err.(*Failure); ok && in.tries == 0 && in.preference("erroractionpreference") == "continue" && hasErrorRedirection(element) {
			return stage{process: discard, end: func() error {
				err := guarded(func() error { return in.report(in.locate(failed, element)) })
				in.lastOK = false
				if err != nil {
					return err
				}
				return finish()
			}}, nil
		}
		return stage{}, err
	}
	return stage{
		process: func(item Value) error { return guarded(func() error { return made.process(item) }) },
		end: func() error {
			err := guarded(made.end)
			if failed := finish(); err == nil {
				err = failed
			}
			return err
		},
	}, nil
}

func hasErrorRedirection(element *command) bool {
	for _, one := range element.redirections {
		if one.from == "2" || one.from == "*" {
			return true
		}
	}
	return false
}

// passed is an argument with its value.
type passed struct {
	parameter string
	colon     bool
	hasValue  bool
	value     Value
	text      string // as typed
	dashes    bool   // -- after which nothing is a parameter
}

func positionals(values []Value) []passed {
	var arguments []passed
	for _, value := range values {
		arguments = append(arguments, passed{hasValue: true, value: value})
	}
	return arguments
}

func (in *interpreter) arguments(element *command) ([]passed, error) {
	var all []passed
	ended := false
	for _, one := range element.arguments {
		if one.parameter == "--" && !ended {
			ended = true
			all = append(all, passed{hasValue: true, value: "--", dashes: true})
			continue
		}
		if ended && one.parameter != "" {
			all = append(all, passed{hasValue: true, value: "-" + one.parameter})
			continue
		}
		item := passed{parameter: one.parameter, colon: one.colon}
		if one.value != nil {
			value, err := in.evaluate(one.value)
			if err != nil {
				return nil, err
			}
			if one.splat {
				if table, ok := value.(*Hashtable); ok {
					for _, key := range table.keys {
						all = append(all, passed{parameter: toText(key), colon: true, hasValue: true, value: table.Get(key)})
					}
				} else {
					all = append(all, positionals(list(value))...)
				}
				continue
			}
			item.hasValue, item.value = true, value
			if number, ok := one.value.(*literal); ok {
				item.text = number.text
			}
		}
		all = append(all, item)
	}
	return all, nil
}

func (in *interpreter) plainStage(of *pipeline, element *command, place int, fed bool, out sink) (stage, error) {
	name, err := in.evaluate(element.name)
	if err != nil {
		return stage{}, err
	}
	arguments, err := in.arguments(element)
	if err != nil {
		return stage{}, err
	}
	if script, ok := name.(*ScriptBlock); ok {
		return in.blockStage(script, "", arguments, fed, out, element.dotSourced)
	}
	text := toText(name)
	if text == "" {
		return stage{}, failure("BadExpression", "The expression after '&' in a pipeline element produced an object that was not valid. It must result in a command name, a script block, or a CommandInfo object.")
	}
	return in.named(of, text, arguments, place, fed, out)
}

// named finds a command as PowerShell does: alias, function, cmdlet, program.
func (in *interpreter) named(of *pipeline, name string, arguments []passed, place int, fed bool, out sink) (stage, error) {
	lower := strings.ToLower(name)
	if full, ok := aliases[lower]; ok {
		lower = full
	}
	if _, bare, found := strings.Cut(lower, `\`); found && !strings.Contains(bare, `\`) && strings.HasPrefix(lower, "microsoft.powershell.") {
		lower = bare
	}
	if script, ok := in.function(lower); ok {
		return in.blockStage(script, name, arguments, fed, out, false)
	}
	if run, ok := in.session[lower]; ok {
		return in.cmdletStage(name, run, arguments, out)
	}
	if run, ok := in.machine.Command(lower); ok && run != nil {
		return in.cmdletStage(name, run, arguments, out)
	}
	if build, ok := builtins[lower]; ok {
		return in.builtinStage(of, lower, build, arguments, place, fed, out)
	}
	return in.programStage(name, arguments, fed, out)
}

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
		take := func(flag bool) (Value, error) {
			if one.hasValue {
				return one.value, nil
			}
			if !flag && i+1 < len(arguments) && arguments[i+1].parameter == "" {
				i++
				return arguments[i].value, nil
			}
			return nil, nil
		}
		lower := strings.ToLower(one.parameter)
		full := commonParameters[lower]
		flag := full == "verbose" || full == "debug" || full == "" && isSwitch(lower)
		known, err := b.common(lower, func() (Value, error) { return take(flag) })
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
		value, _ := take(flag)
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

// programStage runs a program of the machine.
func (in *interpreter) programStage(name string, arguments []passed, fed bool, out sink) (stage, error) {
	var words []string
	for _, one := range arguments {
		if one.parameter != "" {
			word := "-" + one.parameter
			if one.colon {
				word += ":"
			}
			if !one.hasValue {
				words = append(words, word)
				continue
			}
			words = append(words, word+toText(one.value))
			continue
		}
		if one.text != "" {
			words = append(words, one.text)
			continue
		}
		for _, item := range list(one.value) {
			if item != nil {
				words = append(words, toText(item))
			}
		}
	}
	var input bytes.Buffer
	run := func() error {
		stdin := io.Reader(in.stdin)
		if fed {
			stdin = &input
		}
		lines := &lineWriter{line: func(line string) error {
			if !utf8.ValidString(line) {
				line = strings.ToValidUTF8(line, "\ufffd")
			}
			return out(line)
		}}
		code, found := in.program(name, words, stdin, lines, in.streams.native)
		if in.cancelled() != nil {
			return in.cancelled()
		}
		if !found {
			return notRecognized(name)
		}
		if err := lines.close(); err != nil {
			return err
		}
		if rest, ok := in.streams.native.(*lineWriter); ok {
			if err := rest.close(); err != nil {
				return err
			}
		}
		in.lastExit, in.lastOK = int64(code), code == 0
		return nil
	}
	return stage{
		process: func(item Value) error {
			if input.Len() > maximumText {
				return failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
			}
			input.WriteString(toText(item) + "\r\n")
			return nil
		},
		end: run,
	}, nil
}

// program runs powershell and cmd itself and asks the machine for all others.
func (in *interpreter) program(name string, words []string, stdin io.Reader, stdout, stderr io.Writer) (int, bool) {
	switch strings.TrimSuffix(strings.ToLower(leaf(name)), ".exe") {
	case "powershell":
		return Main(in.ctx, in.machine, words, stdin, stdout, stderr), true
	case "cmd":
		return runCommandShell(in.ctx, in.machine, strings.Join(words, " "), stdin, stdout, stderr), true
	case "hostname":
		if code, found := in.machine.Native(in.ctx, name, words, stdin, stdout, stderr); found {
			return code, true
		}
		_, _ = io.WriteString(stdout, in.machine.Environment("COMPUTERNAME")+"\r\n")
		return 0, true
	}
	return in.machine.Native(in.ctx, name, words, stdin, stdout, stderr)
}

// callBlock runs a script block to its end.
func (in *interpreter) callBlock(script *ScriptBlock, name string, arguments []passed, out sink, input []Value) error {
	made, err := in.blockStage(script, name, arguments, input != nil, out, false)
	if err != nil {
		return err
	}
	for _, item := range input {
		if err := made.process(item); err != nil {
			return err
		}
	}
	return made.end()
}

// blockStage runs a function or a script block as a stage.
func (in *interpreter) blockStage(script *ScriptBlock, name string, arguments []passed, fed bool, out sink, dotSourced bool) (stage, error) {
	var input []Value
	local := in.scope
	if !dotSourced {
		local = newScope(in.scope)
	}
	started := false
	within := func(run func() error) error {
		leave, err := in.enter()
		if err != nil {
			return err
		}
		defer leave()
		scope, origin := in.scope, in.source
		in.scope, in.source = local, script.source
		err = run()
		in.scope, in.source = scope, origin
		if _, returned := err.(returnSignal); returned {
			return nil
		}
		return err
	}
	// The output of the block goes to stages that run in the scope they were called from.
	outward := func(item Value) error {
		scope, origin := in.scope, in.source
		in.scope, in.source = local.parentOr(in.scope, dotSourced), origin
		err := out(item)
		in.scope, in.source = scope, origin
		return err
	}
	start := func() error {
		if started {
			return nil
		}
		started = true
		return within(func() error {
			if err := in.bindBlock(script, name, arguments, fed); err != nil {
				return err
			}
			if script.begin != nil {
				return in.block(script.begin, outward)
			}
			return nil
		})
	}
	return stage{
		process: func(item Value) error {
			if err := start(); err != nil {
				return err
			}
			if script.process == nil {
				if len(input) >= maximumCollection {
					return failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
				}
				input = append(input, item)
				return nil
			}
			return within(func() error {
				in.scope.variables["_"] = item
				if err := in.bindPipeline(script, item); err != nil {
					return err
				}
				return in.block(script.process, outward)
			})
		},
		end: func() error {
			if err := start(); err != nil {
				return err
			}
			if script.process != nil && !fed {
				if err := within(func() error { return in.block(script.process, outward) }); err != nil {
					return err
				}
			}
			if script.end == nil {
				return nil
			}
			return within(func() error {
				if script.process == nil {
					in.scope.variables["input"] = append([]Value{}, input...)
					if len(input) > 0 {
						if err := in.bindPipeline(script, input[len(input)-1]); err != nil {
							return err
						}
					}
				}
				return in.block(script.end, outward)
			})
		},
	}, nil
}

func (s *scope) parentOr(other *scope, same bool) *scope {
	if same || s.parent == nil {
		return other
	}
	return s.parent
}

func (in *interpreter) bindPipeline(script *ScriptBlock, item Value) error {
	for _, one := range script.parameters {
		if one.fromPipeline {
			return in.bindValue(one, item)
		}
	}
	return nil
}

func (in *interpreter) bindValue(one parameter, value Value) error {
	if one.typeName != "" {
		converted, err := in.convert(one.typeName, value)
		if err != nil {
			failed := asFailure(err)
			failed.Message = "Cannot process argument transformation on parameter '" + one.name + "'. " + failed.Message
			failed.ID = "ParameterArgumentTransformationError"
			return failed
		}
		value = converted
	}
	if len(one.allowedValues) > 0 {
		var allowed []string
		fits := false
		for _, candidate := range one.allowedValues {
			known, err := in.evaluate(candidate)
			if err != nil {
				return err
			}
			allowed = append(allowed, toText(known))
			fits = fits || strings.EqualFold(toText(known), toText(value))
		}
		if !fits {
			return failure("ParameterArgumentValidationError", "Cannot validate argument on parameter '%s'. The argument \"%s\" does not belong to the set \"%s\" specified by the ValidateSet attribute. Supply an argument that is in the set and then try the command again.",
				one.name, toText(value), strings.Join(allowed, ","))
		}
	}
	in.scope.variables[one.name] = value
	return nil
}

// bindBlock gives a block its parameters, in the scope that is in.scope.
func (in *interpreter) bindBlock(script *ScriptBlock, name string, arguments []passed, fed bool) error {
	given := map[string]Value{}
	var rest []Value
	for i := 0; i < len(arguments); i++ {
		one := arguments[i]
		if one.dashes {
			continue
		}
		if one.parameter == "" {
			rest = append(rest, one.value)
			continue
		}
		found, err := matchParameter(script.parameters, one.parameter)
		if err != nil {
			return err
		}
		if found == nil {
			if full, common := commonParameters[strings.ToLower(one.parameter)]; common && script.advanced {
				var value Value = true
				if one.hasValue {
					value = one.value
				} else if full != "verbose" && full != "debug" && i+1 < len(arguments) {
					i++
					value = arguments[i].value
				}
				switch full {
				case "erroraction":
					in.scope.variables["erroractionpreference"] = value
				case "verbose":
					in.scope.variables["verbosepreference"] = map[bool]string{true: "Continue", false: "SilentlyContinue"}[truth(value)]
				}
				continue
			}
			if script.advanced {
				return unknownParameter(name, one.parameter)
			}
			rest = append(rest, "-"+one.parameter)
			if one.hasValue {
				rest = append(rest, one.value)
			}
			continue
		}
		isSwitch := strings.EqualFold(found.typeName, "switch") || strings.EqualFold(found.typeName, "System.Management.Automation.SwitchParameter")
		switch {
		case one.hasValue:
			given[found.name] = one.value
		case isSwitch:
			given[found.name] = true
		case i+1 < len(arguments) && arguments[i+1].parameter == "":
			i++
			given[found.name] = arguments[i].value
		default:
			return &Failure{ID: "MissingArgument", Category: "InvalidArgument: (:)", command: name, Message: "Missing an argument for parameter '" + found.name + "'. Specify a parameter of type '" + nameOrObject(found.typeName) + "' and try again."}
		}
	}
	for _, one := range script.parameters {
		isSwitch := strings.EqualFold(one.typeName, "switch")
		value, has := given[one.name]
		if !has && len(rest) > 0 && !isSwitch {
			value, has, rest = rest[0], true, rest[1:]
		}
		switch {
		case has:
			if err := in.bindValue(one, value); err != nil {
				failed := asFailure(err)
				failed.command = name
				return failed
			}
		case one.initial != nil:
			value, err := in.evaluate(one.initial)
			if err != nil {
				return err
			}
			if one.typeName != "" {
				if value, err = in.convert(one.typeName, value); err != nil {
					return err
				}
			}
			in.scope.variables[one.name] = value
		case one.mandatory && !(one.fromPipeline && fed):
			return &Failure{ID: "MissingMandatoryParameter," + name, Category: "InvalidArgument: (:)", command: name,
				Message: "Cannot process command because of one or more missing mandatory parameters: " + one.name + "."}
		default:
			in.scope.variables[one.name] = zeroOf(one.typeName)
		}
	}
	if script.advanced && len(rest) > 0 {
		return &Failure{ID: "PositionalParameterNotFound," + name, Category: "InvalidArgument: (:)", command: name,
			Message: "A positional parameter cannot be found that accepts argument '" + toText(rest[0]) + "'."}
	}
	in.scope.variables["args"] = append([]Value{}, rest...)
	bound := NewHashtable()
	for key, value := range given {
		bound.Set(key, value)
	}
	in.scope.variables["psboundparameters"] = bound
	return nil
}

func nameOrObject(name string) string {
	if full, ok := knownType(name); ok {
		return full
	}
	return "System.Object"
}

func zeroOf(typeName string) Value {
	switch strings.ToLower(typeName) {
	case "int", "int32", "long", "int64", "byte":
		return int64(0)
	case "double":
		return 0.0
	case "bool", "switch", "boolean":
		return false
	case "string":
		return ""
	}
	return nil
}

func unknownParameter(command, name string) error {
	return &Failure{ID: "NamedParameterNotFound," + command, Category: "InvalidArgument: (:)", command: command, Type: "System.Management.Automation.ParameterBindingException",
		Message: "A parameter cannot be found that matches parameter name '" + name + "'."}
}

func matchParameter(parameters []parameter, name string) (*parameter, error) {
	lower := strings.ToLower(name)
	var found *parameter
	for i := range parameters {
		one := &parameters[i]
		if one.name == lower {
			return one, nil
		}
		for _, alias := range one.aliases {
			if alias == lower {
				return one, nil
			}
		}
		if strings.HasPrefix(one.name, lower) {
			if found != nil {
				return nil, &Failure{ID: "AmbiguousParameter", Category: "InvalidArgument: (:)", Message: "Parameter cannot be processed because the parameter name '" + name + "' is ambiguous. Possible matches include: -" + found.name + " -" + one.name + "."}
			}
			found = one
		}
	}
	return found, nil
}
