package powershell

import (
	"encoding/base64"
	"strings"
)

var aliases = map[string]string{
	"%": "foreach-object", "foreach": "foreach-object", "?": "where-object", "where": "where-object", "select": "select-object",
	"sort": "sort-object", "measure": "measure-object", "group": "group-object", "echo": "write-output", "write": "write-output",
	"cat": "get-content", "gc": "get-content", "type": "get-content", "sc": "set-content", "ni": "new-item", "md": "new-item", "mkdir": "new-item",
	"del": "remove-item", "erase": "remove-item", "rd": "remove-item", "ri": "remove-item", "rm": "remove-item", "rmdir": "remove-item",
	"fl": "format-list", "ft": "format-table", "ipmo": "import-module", "sleep": "start-sleep", "gsv": "get-service", "sasv": "start-service",
	"spsv": "stop-service", "gps": "get-process", "ps": "get-process", "gwmi": "get-wmiobject", "gp": "get-itemproperty", "dir": "get-childitem",
	"ls": "get-childitem", "gci": "get-childitem", "gi": "get-item", "iwr": "invoke-webrequest", "icm": "invoke-command", "gcim": "get-ciminstance", "out": "out-string", "iex": "invoke-expression",
	"gm": "get-member", "gv": "get-variable", "sv": "set-variable",
}

// signature says how a cmdlet of the language takes its arguments.
type signature struct {
	positional string // names in order, the last with ... takes all that is left
	named      string
	switches   string
}

type cmdlet struct {
	signature signature
	// run is called once, with all input, unless stream is set.
	run    func(in *interpreter, call *bound, input []Value, fed bool, out sink) error
	stream func(in *interpreter, call *bound, at stopSignal, fed bool, out sink) (stage, error)
}

var builtins map[string]*cmdlet

//nolint:gochecknoinits // cmdlets refer to the table they are in, which an initializer cannot
func init() { builtins = languageCmdlets() }

func languageCmdlets() map[string]*cmdlet {
	return map[string]*cmdlet{
		"write-output": {signature{"inputobject...", "", "noenumerate"}, writeOutput, nil},
		"write-host":   {signature{"object...", "separator foregroundcolor backgroundcolor", "nonewline"}, writeHost, nil},
		"write-error":  {signature{"message", "exception errorid category targetobject categoryreason errorrecord", ""}, writeError, nil},
		"write-warning": {signature{"message", "", ""}, func(in *interpreter, b *bound, input []Value, _ bool, _ sink) error {
			return in.warn(b.text("message"), b.warnings)
		}, nil},
		"write-verbose": {signature{"message", "", ""}, func(in *interpreter, b *bound, _ []Value, _ bool, _ sink) error {
			return in.tell(b.text("message"), b.verbose)
		}, nil},
		"write-debug":       {signature{"message", "", ""}, quiet, nil},
		"write-progress":    {signature{"activity status id", "percentcomplete secondsremaining currentoperation parentid", "completed"}, quiet, nil},
		"out-null":          {signature{"", "inputobject", ""}, quiet, nil},
		"out-default":       {signature{"", "inputobject transcript", ""}, nil, passThrough},
		"out-host":          {signature{"", "inputobject", "paging"}, nil, passThrough},
		"out-string":        {signature{"", "inputobject width", "stream"}, outString, nil},
		"where-object":      {signature{"property value", "filterscript inputobject", comparisonSwitches}, nil, whereObject},
		"foreach-object":    {signature{"process...", "begin end membername inputobject", ""}, nil, forEachObject},
		"select-object":     {signature{"property", "first last skip expandproperty excludeproperty inputobject index", "unique wait"}, nil, selectObject},
		"sort-object":       {signature{"property", "inputobject", "descending unique casesensitive"}, sortObject, nil},
		"measure-object":    {signature{"property", "inputobject", "sum average maximum minimum line word character"}, measureObject, nil},
		"group-object":      {signature{"property", "inputobject", "noelement ashashtable asstring"}, groupObject, nil},
		"convertto-json":    {signature{"inputobject", "depth", "compress"}, convertToJSON, nil},
		"convertfrom-json":  {signature{"inputobject", "", ""}, convertFromJSON, nil},
		"format-list":       {signature{"property", "inputobject groupby", "force"}, formatCmdlet(true), nil},
		"format-table":      {signature{"property", "inputobject groupby", "autosize wrap hidetableheaders force"}, formatCmdlet(false), nil},
		"get-content":       {signature{"path", "literalpath encoding totalcount tail readcount", "raw force"}, getContent, nil},
		"set-content":       {signature{"path value", "literalpath encoding", "force nonewline passthru"}, setContent(false), nil},
		"add-content":       {signature{"path value", "literalpath encoding", "force nonewline passthru"}, setContent(true), nil},
		"out-file":          {signature{"filepath encoding", "literalpath inputobject width", "append force nonewline noclobber"}, outFile, nil},
		"test-path":         {signature{"path", "literalpath pathtype", "isvalid"}, testPath, nil},
		"new-item":          {signature{"path", "itemtype type name value", "force"}, newItem, nil},
		"remove-item":       {signature{"path", "literalpath include exclude filter", "recurse force confirm whatif"}, removeItem, nil},
		"join-path":         {signature{"path childpath", "", "resolve"}, joinPaths, nil},
		"split-path":        {signature{"path", "literalpath", "leaf parent"}, splitPath, nil},
		"get-date":          {signature{"date", "format uformat year month day hour minute second", ""}, getDate, nil},
		"import-module":     {signature{"name", "prefix function cmdlet variable alias requiredversion minimumversion version argumentlist scope", "disablenamechecking force passthru global noclobber ascustomobject"}, importModule, nil},
		"new-object":        {signature{"typename argumentlist", "property comobject", "strict"}, newObject, nil},
		"start-sleep":       {signature{"seconds", "milliseconds", ""}, startSleep, nil},
		"set-strictmode":    {signature{"", "version", "off"}, quiet, nil},
		"invoke-expression": {signature{"command", "", ""}, invokeExpression, nil},
		"get-variable":      {signature{"name", "scope", "valueonly"}, getVariable, nil},
		"set-variable":      {signature{"name value", "scope option description", "force passthru"}, setVariableCmdlet, nil},
		"add-member":        {signature{"membertype name value", "inputobject notepropertyname notepropertyvalue", "force passthru"}, addMember, nil},
	}
}

// bindKnown sorts arguments by a signature; names may be abbreviated.
func bindKnown(name string, s signature, arguments []passed) (*bound, error) {
	b := &bound{name: name, parameters: map[string]Value{}}
	order := strings.Fields(s.positional)
	variadic := ""
	if len(order) > 0 {
		if last, ok := strings.CutSuffix(order[len(order)-1], "..."); ok {
			variadic, order = last, order[:len(order)-1]
		}
	}
	valued := append(append([]string{}, order...), strings.Fields(s.named)...)
	if variadic != "" {
		valued = append(valued, variadic)
	}
	switches := strings.Fields(s.switches)
	resolve := func(given string) (string, bool, error) {
		lower := strings.ToLower(given)
		for _, known := range valued {
			if known == lower {
				return known, false, nil
			}
		}
		for _, known := range switches {
			if known == lower {
				return known, true, nil
			}
		}
		var found []string
		flag := false
		for _, known := range valued {
			if strings.HasPrefix(known, lower) {
				found = append(found, known)
			}
		}
		for _, known := range switches {
			if strings.HasPrefix(known, lower) {
				found, flag = append(found, known), true
			}
		}
		switch len(found) {
		case 0:
			return "", false, unknownParameter(name, given)
		case 1:
			return found[0], flag, nil
		}
		return "", false, &Failure{ID: "AmbiguousParameter," + name, Category: "InvalidArgument: (:)", command: name,
			Message: "Parameter cannot be processed because the parameter name '" + given + "' is ambiguous. Possible matches include: -" + strings.Join(found, " -") + "."}
	}
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
		next := func() (Value, error) {
			if one.hasValue {
				return one.value, nil
			}
			if i+1 < len(arguments) && arguments[i+1].parameter == "" {
				i++
				return arguments[i].value, nil
			}
			return nil, &Failure{ID: "MissingArgument," + name, Category: "InvalidArgument: (:)", command: name, Message: "Missing an argument for parameter '" + one.parameter + "'. Specify a parameter of type 'System.Object' and try again."}
		}
		full, flag, err := resolve(one.parameter)
		if err != nil {
			common := commonParameters[strings.ToLower(one.parameter)]
			known, failed := b.common(one.parameter, func() (Value, error) {
				if (common == "verbose" || common == "debug") && !one.hasValue {
					return nil, nil
				}
				return next()
			})
			if failed != nil {
				return nil, failed
			}
			if known {
				continue
			}
			return nil, err
		}
		if flag {
			b.parameters[full] = !one.hasValue || truth(one.value)
			continue
		}
		if b.parameters[full], err = next(); err != nil {
			return nil, err
		}
	}
	for _, parameter := range order {
		if _, given := b.parameters[parameter]; !given && len(rest) > 0 {
			b.parameters[parameter], rest = rest[0], rest[1:]
		}
	}
	if len(rest) > 0 {
		if variadic == "" {
			return nil, &Failure{ID: "PositionalParameterNotFound," + name, Category: "InvalidArgument: (:)", command: name,
				Message: "A positional parameter cannot be found that accepts argument '" + toText(rest[0]) + "'."}
		}
		b.parameters[variadic] = rest
		if len(rest) == 1 {
			b.parameters[variadic] = rest[0]
		}
	}
	return b, nil
}

func (b *bound) has(name string) bool { _, ok := b.parameters[name]; return ok }

func (b *bound) text(name string) string { return toText(b.parameters[name]) }

func (b *bound) flag(name string) bool { return truth(b.parameters[name]) }

// number gives an integer parameter, or what it is without one.
func (b *bound) number(name string, otherwise int64) (int64, error) {
	if !b.has(name) {
		return otherwise, nil
	}
	return toInteger(b.parameters[name])
}

// fails reports an error after which the cmdlet goes on.
func (b *bound) fails(in *interpreter, failed *Failure) error {
	failed.command = properName(b.name)
	preference := b.errorAction
	if preference == "" {
		preference = in.preference("erroractionpreference")
	}
	if b.keepErrors != "" {
		in.keep(b.keepErrors, []Value{failed.errorRecord()})
	}
	return in.nonTerminating(failed, preference)
}

// properName writes get-content as Get-Content.
func properName(name string) string {
	parts := strings.Split(name, "-")
	for i, part := range parts {
		switch part {
		case "json":
			parts[i] = "Json"
		case "foreach":
			parts[i] = "ForEach"
		case "strictmode":
			parts[i] = "StrictMode"
		case "convertto":
			parts[i] = "ConvertTo"
		case "convertfrom":
			parts[i] = "ConvertFrom"
		default:
			if part != "" {
				parts[i] = strings.ToUpper(part[:1]) + part[1:]
			}
		}
	}
	return strings.Join(parts, "-")
}

func (in *interpreter) builtinStage(of *pipeline, name string, built *cmdlet, arguments []passed, place int, fed bool, out sink) (stage, error) {
	call, err := bindKnown(name, built.signature, arguments)
	if err != nil {
		if failed := asFailure(err); failed.command != "" {
			failed.command = properName(name)
		}
		return stage{}, err
	}
	if call.keepOutput != "" {
		var kept []Value
		inner := out
		out = func(item Value) error {
			kept = append(kept, item)
			in.keep(call.keepOutput, kept)
			return inner(item)
		}
	}
	dress := func(err error) error {
		if err == nil || !isFailure(err) {
			return err
		}
		if known, ok := err.(*Failure); ok {
			if call.errorAction == "stop" {
				known.fatal = true
			}
			return known
		}
		failed := asFailure(err)
		failed.command = properName(name)
		return failed
	}
	if built.stream != nil {
		made, err := built.stream(in, call, stopSignal{of, place}, fed, out)
		return made, dress(err)
	}
	var input []Value
	return stage{
		process: func(item Value) error {
			if len(input) >= maximumCollection {
				return failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
			}
			input = append(input, item)
			return nil
		},
		end: func() error {
			if given, has := call.parameters["inputobject"]; has && !fed {
				if name != "write-output" && name != "convertto-json" && name != "convertfrom-json" {
					input = list(given)
				}
			}
			return dress(built.run(in, call, input, fed, out))
		},
	}, nil
}

// decodeCommand reads the argument of -EncodedCommand.
func decodeCommand(text string) (string, error) {
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return "", err
	}
	return decodeUTF16(data), nil
}
