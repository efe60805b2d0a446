package powershell

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
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

func init() { builtins = languageCmdlets() } // a function, because cmdlets refer to the table they are in

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

// passThrough leaves what comes to the end of the pipeline.
func passThrough(_ *interpreter, b *bound, _ stopSignal, fed bool, out sink) (stage, error) {
	return stage{process: out, end: endWithInput(b, fed, out)}, nil
}

func quiet(*interpreter, *bound, []Value, bool, sink) error { return nil }

func writeOutput(_ *interpreter, b *bound, input []Value, fed bool, out sink) error {
	if fed {
		return emit(input, out)
	}
	if b.flag("noenumerate") {
		return out(b.parameters["inputobject"])
	}
	if items, many := b.parameters["inputobject"].([]Value); many {
		for _, item := range items {
			if err := emit(item, out); err != nil {
				return err
			}
		}
		return nil
	}
	return emit(b.parameters["inputobject"], out)
}

func writeHost(in *interpreter, b *bound, input []Value, fed bool, _ sink) error {
	separator := " "
	if b.has("separator") {
		separator = b.text("separator")
	}
	items := list(b.parameters["object"])
	if !b.has("object") {
		items = nil
	}
	if fed {
		items = input
		separator = "\r\n"
	}
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = toText(item)
	}
	text := strings.Join(parts, separator)
	if !b.flag("nonewline") {
		text += "\r\n"
	}
	in.streams.host(text)
	return nil
}

func writeError(in *interpreter, b *bound, input []Value, fed bool, _ sink) error {
	failed := &Failure{Message: b.text("message"), ID: b.text("errorid"), Type: "Microsoft.PowerShell.Commands.WriteErrorException"}
	if fed && len(input) > 0 {
		failed.Message = toText(input[0])
	}
	if object, ok := b.parameters["exception"].(*Object); ok {
		failed.Message, failed.Type = toText(object.Get("Message")), object.TypeName
	}
	if failed.ID == "" {
		failed.ID = "Microsoft.PowerShell.Commands.WriteErrorException"
	}
	if category := b.text("category"); category != "" {
		failed.Category = category + ": (:)"
	}
	preference := b.errorAction
	if preference == "" {
		preference = in.preference("erroractionpreference")
	}
	failed.command = "Write-Error"
	return in.nonTerminating(failed, preference)
}

func outString(_ *interpreter, b *bound, input []Value, _ bool, out sink) error {
	text := renderAll(input)
	if b.flag("stream") {
		return emit(textLines(text), out)
	}
	return out(text)
}

const comparisonSwitches = "eq ne gt ge lt le like notlike match notmatch contains notcontains in notin is isnot ceq cne clike cmatch not"

func whereObject(in *interpreter, b *bound, _ stopSignal, fed bool, out sink) (stage, error) {
	script, isScript := b.parameters["filterscript"].(*ScriptBlock)
	if !isScript {
		script, isScript = b.parameters["property"].(*ScriptBlock)
	}
	operator := ""
	for _, name := range strings.Fields(comparisonSwitches) {
		if b.flag(name) {
			operator = name
		}
	}
	if !isScript && !b.has("property") {
		return stage{}, &Failure{ID: "MissingMandatoryParameter,Where-Object", Category: "InvalidArgument: (:)", command: "Where-Object", Message: "Cannot process command because of one or more missing mandatory parameters: FilterScript."}
	}
	name := b.text("property")
	test := func(item Value) (bool, error) {
		if isScript {
			items, err := in.collected(func(out sink) error { return in.withinBlock(script, item, out) })
			return truth(collapse(items)), err
		}
		value, _ := property(item, name)
		if operator == "" {
			return truth(value), nil
		}
		if operator == "not" {
			return !truth(value), nil
		}
		if operator == "is" || operator == "isnot" {
			result, err := in.operate(operator, value, b.parameters["value"])
			return truth(result), err
		}
		result, err := in.operate(operator, value, b.parameters["value"])
		return truth(result), err
	}
	process := func(item Value) error {
		hit, err := test(item)
		if err != nil || !hit {
			return err
		}
		return out(item)
	}
	return stage{process: process, end: endWithInput(b, fed, process)}, nil
}

// endWithInput handles -InputObject where nothing came down the pipeline.
func endWithInput(b *bound, fed bool, process sink) func() error {
	return func() error {
		if fed || !b.has("inputobject") {
			return nil
		}
		return process(b.parameters["inputobject"])
	}
}

func forEachObject(in *interpreter, b *bound, _ stopSignal, fed bool, out sink) (stage, error) {
	var scripts []*ScriptBlock
	name := b.text("membername")
	var arguments []Value
	for i, item := range list(b.parameters["process"]) {
		if script, ok := item.(*ScriptBlock); ok {
			scripts = append(scripts, script)
		} else if i == 0 && name == "" {
			name = toText(item)
		} else {
			arguments = append(arguments, item)
		}
	}
	begin, _ := b.parameters["begin"].(*ScriptBlock)
	end, _ := b.parameters["end"].(*ScriptBlock)
	switch {
	case len(scripts) == 2 && begin == nil:
		begin, scripts = scripts[0], scripts[1:]
	case len(scripts) >= 3 && begin == nil && end == nil:
		begin, end, scripts = scripts[0], scripts[len(scripts)-1], scripts[1:len(scripts)-1]
	}
	if len(scripts) == 0 && name == "" {
		return stage{}, &Failure{ID: "MissingMandatoryParameter,ForEach-Object", Category: "InvalidArgument: (:)", command: "ForEach-Object", Message: "Cannot process command because of one or more missing mandatory parameters: Process."}
	}
	started := false
	start := func() error {
		if started || begin == nil {
			return nil
		}
		started = true
		return in.withinBlock(begin, nil, out)
	}
	process := func(item Value) error {
		if err := start(); err != nil {
			return err
		}
		for _, script := range scripts {
			if err := in.withinBlock(script, item, out); err != nil {
				return err
			}
		}
		if name == "" {
			return nil
		}
		if value, ok := property(item, name); ok && len(arguments) == 0 {
			return emit(value, out)
		}
		value, err := in.method(item, name, arguments)
		if err != nil {
			if asFailure(err).ID == "MethodNotFound" && len(arguments) == 0 {
				return nil
			}
			return err
		}
		return emit(value, out)
	}
	return stage{process: process, end: func() error {
		if err := start(); err != nil {
			return err
		}
		if !fed && b.has("inputobject") {
			if err := process(b.parameters["inputobject"]); err != nil {
				return err
			}
		} else if !fed {
			if err := process(nil); err != nil {
				return err
			}
		}
		if end != nil {
			return in.withinBlock(end, nil, out)
		}
		return nil
	}}, nil
}

// column is a property to be shown, sorted or selected by: a name, a pattern, a script or a calculated property.
type column struct {
	name       string
	script     *ScriptBlock
	descending bool
}

func columns(value Value) []column {
	var all []column
	if value == nil {
		return nil
	}
	for _, item := range list(value) {
		switch item := item.(type) {
		case *ScriptBlock:
			all = append(all, column{name: strings.TrimSpace(item.Text), script: item})
		case *Hashtable:
			one := column{}
			for _, key := range item.keys {
				lower := strings.ToLower(toText(key))
				entry := item.Get(key)
				switch {
				case lower == "":
				case strings.HasPrefix("name", lower) || strings.HasPrefix("label", lower):
					one.name = toText(entry)
				case strings.HasPrefix("expression", lower):
					if script, ok := entry.(*ScriptBlock); ok {
						one.script = script
						if one.name == "" {
							one.name = strings.TrimSpace(script.Text)
						}
					} else if one.name == "" {
						one.name = toText(entry)
					}
				case lower == "descending":
					one.descending = truth(entry)
				case lower == "ascending":
					one.descending = !truth(entry)
				}
			}
			all = append(all, one)
		default:
			all = append(all, column{name: toText(item)})
		}
	}
	return all
}

func (in *interpreter) columnValue(one column, item Value) (Value, error) {
	if one.script == nil {
		value, _ := property(item, one.name)
		return value, nil
	}
	items, err := in.collected(func(out sink) error { return in.withinBlock(one.script, item, out) })
	return plain(collapse(items)), err
}

func propertyNames(item Value) []string {
	switch item := item.(type) {
	case *Object:
		return item.names
	case string:
		return []string{"Length"}
	}
	return nil
}

func selectObject(in *interpreter, b *bound, at stopSignal, fed bool, out sink) (stage, error) {
	wanted := columns(b.parameters["property"])
	first, err := b.number("first", -1)
	if err != nil {
		return stage{}, err
	}
	last, err := b.number("last", -1)
	if err != nil {
		return stage{}, err
	}
	skip, err := b.number("skip", 0)
	if err != nil {
		return stage{}, err
	}
	var seen, tail []Value
	count := int64(0)
	shape := func(item Value) error {
		if len(wanted) > 0 {
			selected := &Object{TypeName: "Selected." + typeOf(item)}
			for _, one := range wanted {
				if one.script == nil && strings.ContainsAny(one.name, "*?") {
					pattern, err := wildcard(one.name, false)
					if err != nil {
						return err
					}
					for _, name := range propertyNames(item) {
						if pattern.MatchString(name) {
							value, _ := property(item, name)
							selected.Set(name, value)
						}
					}
					continue
				}
				value, err := in.columnValue(one, item)
				if err != nil {
					value = nil
				}
				name := one.name
				for _, known := range propertyNames(item) {
					if strings.EqualFold(known, name) {
						name = known
					}
				}
				selected.Set(name, value)
			}
			item = selected
		}
		if b.has("excludeproperty") {
			if object, ok := item.(*Object); ok {
				kept := &Object{TypeName: object.TypeName}
				for _, name := range object.names {
					excluded := false
					for _, text := range list(b.parameters["excludeproperty"]) {
						pattern, err := wildcard(toText(text), false)
						if err != nil {
							return err
						}
						excluded = excluded || pattern.MatchString(name)
					}
					if !excluded {
						kept.Set(name, object.Get(name))
					}
				}
				item = kept
			}
		}
		if b.has("expandproperty") {
			name := b.text("expandproperty")
			value, ok := property(item, name)
			if !ok {
				return b.fails(in, &Failure{ID: "ExpandPropertyNotFound,Microsoft.PowerShell.Commands.SelectObjectCommand", Category: "InvalidArgument: (:)", Message: fmt.Sprintf("Property \"%s\" cannot be found.", name)})
			}
			return emit(value, out)
		}
		if b.flag("unique") {
			for _, earlier := range seen {
				if toText(earlier) == toText(item) {
					return nil
				}
			}
			seen = append(seen, item)
		}
		return out(item)
	}
	process := func(item Value) error {
		count++
		if count <= skip {
			return nil
		}
		if last >= 0 {
			tail = append(tail, item)
			if int64(len(tail)) > last {
				tail = tail[1:]
			}
			return nil
		}
		if first == 0 {
			return at
		}
		if first > 0 && count-skip > first {
			return at
		}
		if err := shape(item); err != nil {
			return err
		}
		if first > 0 && count-skip >= first {
			return at
		}
		return nil
	}
	return stage{process: process, end: func() error {
		if err := endWithInput(b, fed, process)(); err != nil {
			return err
		}
		for _, item := range tail {
			if err := shape(item); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

func sortObject(in *interpreter, b *bound, input []Value, _ bool, out sink) error {
	by := columns(b.parameters["property"])
	if len(by) == 0 {
		by = []column{{}}
	}
	type entry struct{ item, keys Value }
	entries := make([]entry, len(input))
	for i, item := range input {
		keys := make([]Value, len(by))
		for k, one := range by {
			keys[k] = item
			if one.name != "" || one.script != nil {
				value, err := in.columnValue(one, item)
				if err != nil {
					return err
				}
				keys[k] = value
			}
		}
		entries[i] = entry{item, keys}
	}
	compare := func(a, c entry) int {
		for k := range by {
			x, y := a.keys.([]Value)[k], c.keys.([]Value)[k]
			order, comparable, err := in.order(x, y, b.flag("casesensitive"))
			if err != nil || !comparable {
				order = strings.Compare(strings.ToLower(toText(x)), strings.ToLower(toText(y)))
			}
			if b.flag("descending") || by[k].descending {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	}
	slices.SortStableFunc(entries, compare)
	for i, one := range entries {
		if b.flag("unique") && i > 0 && compare(entries[i-1], one) == 0 {
			continue
		}
		if err := out(one.item); err != nil {
			return err
		}
	}
	return nil
}

func measureObject(in *interpreter, b *bound, input []Value, _ bool, out sink) error {
	name := b.text("property")
	result := NewObject("Microsoft.PowerShell.Commands.GenericMeasureInfo")
	result.List = true
	count := int64(0)
	sum := 0.0
	var largest, smallest Value
	numbers := b.flag("sum") || b.flag("average")
	for _, item := range input {
		value := item
		if name != "" {
			found, ok := property(item, name)
			if !ok {
				continue
			}
			value = found
		}
		count++
		if numbers {
			number, err := toFloat(value)
			if err != nil {
				if err := b.fails(in, asFailure(err)); err != nil {
					return err
				}
				continue
			}
			sum += number
		}
		if order, ok, err := in.order(value, largest, false); largest == nil || err == nil && ok && order > 0 {
			largest = value
		}
		if order, ok, err := in.order(value, smallest, false); smallest == nil || err == nil && ok && order < 0 {
			smallest = value
		}
	}
	result.Set("Count", count)
	for _, one := range []string{"Average", "Sum", "Maximum", "Minimum", "Property"} {
		result.Set(one, nil)
	}
	if b.flag("average") && count > 0 {
		result.Set("Average", sum/float64(count))
	}
	if b.flag("sum") {
		result.Set("Sum", sum)
	}
	if b.flag("maximum") {
		result.Set("Maximum", largest)
	}
	if b.flag("minimum") {
		result.Set("Minimum", smallest)
	}
	if name != "" {
		result.Set("Property", name)
	}
	return out(result)
}

func groupObject(in *interpreter, b *bound, input []Value, _ bool, out sink) error {
	by := columns(b.parameters["property"])
	groups := NewHashtable()
	for _, item := range input {
		key := toText(item)
		if len(by) > 0 {
			parts := make([]string, len(by))
			for i, one := range by {
				value, err := in.columnValue(one, item)
				if err != nil {
					return err
				}
				parts[i] = toText(value)
			}
			key = strings.Join(parts, ", ")
		}
		old, _ := groups.Get(key).([]Value)
		groups.Set(key, append(old, item))
	}
	if b.flag("ashashtable") {
		return out(groups)
	}
	for _, key := range groups.keys {
		members, _ := groups.Get(key).([]Value)
		if err := out(NewObject("Microsoft.PowerShell.Commands.GroupInfo", "Count", int64(len(members)), "Name", key, "Group", members)); err != nil {
			return err
		}
	}
	return nil
}

func pathNotFound(name string) *Failure {
	return &Failure{ID: "PathNotFound", Category: "ObjectNotFound: (" + name + ":String)", Type: "System.Management.Automation.ItemNotFoundException",
		target: name, Message: "Cannot find path '" + name + "' because it does not exist."}
}

func (b *bound) paths(input []Value) []string {
	values := list(b.parameters["path"])
	if !b.has("path") {
		values = list(b.parameters["literalpath"])
		if !b.has("literalpath") {
			values = input
		}
	}
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = toText(value)
	}
	return names
}

func getContent(in *interpreter, b *bound, input []Value, _ bool, out sink) error {
	total, err := b.number("totalcount", -1)
	if err != nil {
		return err
	}
	tail, err := b.number("tail", -1)
	if err != nil {
		return err
	}
	for _, name := range b.paths(input) {
		data, err := in.machine.Files().ReadFile(name)
		if err != nil {
			failed := pathNotFound(name)
			if !errors.Is(err, fs.ErrNotExist) && in.machine.Files().Exists(name) {
				failed = &Failure{Message: err.Error(), ID: "GetContentReaderIOError"}
			}
			if err := b.fails(in, failed); err != nil {
				return err
			}
			continue
		}
		if strings.EqualFold(b.text("encoding"), "byte") {
			if err := emit(data, out); err != nil {
				return err
			}
			continue
		}
		text := decodeText(data)
		if b.flag("raw") {
			if err := out(text); err != nil {
				return err
			}
			continue
		}
		lines := textLines(text)
		if total >= 0 && total < int64(len(lines)) {
			lines = lines[:total]
		}
		if tail >= 0 && tail < int64(len(lines)) {
			lines = lines[int64(len(lines))-tail:]
		}
		if err := emit(lines, out); err != nil {
			return err
		}
	}
	return nil
}

func setContent(add bool) func(*interpreter, *bound, []Value, bool, sink) error {
	return func(in *interpreter, b *bound, input []Value, fed bool, _ sink) error {
		values := list(b.parameters["value"])
		if !b.has("value") && fed {
			values = input
		}
		for _, name := range b.paths(nil) {
			var data []byte
			if add {
				data, _ = in.machine.Files().ReadFile(name) // a new file begins empty
			}
			if bytes, ok := b.parameters["value"].([]byte); ok && strings.EqualFold(b.text("encoding"), "byte") {
				data = append(data, bytes...)
			} else {
				text := ""
				for _, value := range values {
					text += toText(value)
					if !b.flag("nonewline") {
						text += "\r\n"
					}
				}
				switch strings.ToLower(b.text("encoding")) {
				case "unicode":
					data = append(data, encodeUTF16(text)...)
				case "utf8":
					if len(data) == 0 {
						data = []byte("\ufeff")
					}
					data = append(data, text...)
				default:
					data = append(data, text...)
				}
			}
			if err := in.write(b, name, data); err != nil {
				return err
			}
		}
		return nil
	}
}

func (in *interpreter) write(b *bound, name string, data []byte) error {
	err := in.machine.Files().WriteFile(name, data)
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return b.fails(in, &Failure{ID: "GetContentWriterDirectoryNotFoundError", Category: "ObjectNotFound: (" + name + ":String)", Message: "Could not find a part of the path '" + name + "'."})
	}
	return b.fails(in, &Failure{ID: "GetContentWriterIOError", Message: err.Error()})
}

func outFile(in *interpreter, b *bound, input []Value, _ bool, _ sink) error {
	text := renderAll(input)
	data := encodeUTF16(text)
	switch strings.ToLower(b.text("encoding")) {
	case "utf8":
		data = []byte("\ufeff" + text)
	case "ascii", "default", "oem":
		data = []byte(text)
	}
	name := b.text("filepath")
	if name == "" {
		name = b.text("literalpath")
	}
	if b.flag("append") {
		if old, err := in.machine.Files().ReadFile(name); err == nil {
			data = append(old, []byte(text)...)
		}
	}
	return in.write(b, name, data)
}

func testPath(in *interpreter, b *bound, input []Value, _ bool, out sink) error {
	files := in.machine.Files()
	for _, name := range b.paths(input) {
		found := false
		switch {
		case strings.HasPrefix(strings.ToLower(name), "env:"):
			found = in.environment(name[4:]) != ""
		case strings.EqualFold(b.text("pathtype"), "leaf"):
			found = files.Exists(name)
		case strings.EqualFold(b.text("pathtype"), "container"):
			found = files.IsDirectory(name)
		default:
			found = files.Exists(name) || files.IsDirectory(name)
		}
		if err := out(found); err != nil {
			return err
		}
	}
	return nil
}

func newItem(in *interpreter, b *bound, _ []Value, _ bool, out sink) error {
	name := b.text("path")
	if child := b.text("name"); child != "" {
		name = joinPath(name, child)
	}
	kind := strings.ToLower(b.text("itemtype") + b.text("type"))
	if kind == "" && (b.name == "mkdir" || b.name == "md") {
		kind = "directory"
	}
	files := in.machine.Files()
	if (files.Exists(name) || files.IsDirectory(name)) && !b.flag("force") {
		return b.fails(in, &Failure{ID: "NewItemIOError", Category: "ResourceExists: (" + name + ":String)", Message: "The file '" + name + "' already exists."})
	}
	var err error
	if strings.HasPrefix(kind, "d") || kind == "container" {
		err = files.MkdirAll(name)
	} else {
		if b.flag("force") && parentOf(name) != "" {
			if err := files.MkdirAll(parentOf(name)); err != nil {
				return b.fails(in, &Failure{ID: "NewItemIOError", Message: err.Error()})
			}
		}
		err = files.WriteFile(name, []byte(b.text("value")))
	}
	if err != nil {
		return b.fails(in, &Failure{ID: "NewItemIOError", Message: err.Error()})
	}
	return out(in.item(name))
}

func removeItem(in *interpreter, b *bound, input []Value, _ bool, _ sink) error {
	files := in.machine.Files()
	for _, name := range b.paths(input) {
		names := []string{name}
		if strings.ContainsAny(name, "*?") && !b.has("literalpath") {
			pattern, err := wildcard(leaf(name), false)
			if err != nil {
				return err
			}
			names = nil
			found, _ := files.List(parentOf(name)) // a folder that is not there holds nothing to remove
			for _, one := range found {
				if pattern.MatchString(one) {
					names = append(names, joinPath(parentOf(name), one))
				}
			}
		}
		for _, one := range names {
			if !files.Exists(one) && !files.IsDirectory(one) {
				if err := b.fails(in, pathNotFound(one)); err != nil {
					return err
				}
				continue
			}
			if b.flag("whatif") {
				continue
			}
			if err := in.remove(one, b.flag("recurse")); err != nil {
				if !isFailure(err) {
					return err
				}
				if err := b.fails(in, &Failure{ID: "RemoveFileSystemItemIOError", Category: "WriteError: (" + one + ":String)", Message: "Cannot remove item " + one + ": " + err.Error()}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func joinPaths(_ *interpreter, b *bound, input []Value, fed bool, out sink) error {
	parents := list(b.parameters["path"])
	if fed && !b.has("path") {
		parents = input
	}
	for _, parent := range parents {
		if parent == nil || toText(parent) == "" {
			return &Failure{ID: "ParameterArgumentValidationErrorNullNotAllowed,Microsoft.PowerShell.Commands.JoinPathCommand", Category: "InvalidData: (:)", command: "Join-Path", Message: "Cannot bind argument to parameter 'Path' because it is null."}
		}
		child := b.text("childpath")
		joined := joinPath(toText(parent), child)
		if err := out(joined); err != nil {
			return err
		}
	}
	return nil
}

func splitPath(_ *interpreter, b *bound, input []Value, _ bool, out sink) error {
	for _, name := range b.paths(input) {
		part := parentOf(name)
		if b.flag("leaf") {
			part = leaf(strings.TrimRight(name, `\/`))
		}
		if err := out(part); err != nil {
			return err
		}
	}
	return nil
}

func getDate(in *interpreter, b *bound, input []Value, fed bool, out sink) error {
	when := in.machine.Now()
	given, has := b.parameters["date"]
	if fed && len(input) > 0 && !has {
		given, has = input[0], true
	}
	if has {
		converted, err := in.convert("datetime", given)
		if err != nil {
			failed := asFailure(err)
			failed.Message = "Cannot bind parameter 'Date'. " + failed.Message
			failed.command = "Get-Date"
			return failed
		}
		when, _ = converted.(time.Time)
	}
	parts := []int64{int64(when.Year()), int64(when.Month()), int64(when.Day()), int64(when.Hour()), int64(when.Minute()), int64(when.Second())}
	changed := false
	for i, name := range []string{"year", "month", "day", "hour", "minute", "second"} {
		if b.has(name) {
			number, err := b.number(name, 0)
			if err != nil {
				return err
			}
			parts[i], changed = max(0, min(9999, number)), true
		}
	}
	if changed {
		when = time.Date(int(parts[0]), time.Month(parts[1]), int(parts[2]), int(parts[3]), int(parts[4]), int(parts[5]), when.Nanosecond(), when.Location())
	}
	if b.has("format") {
		return out(formatTime(when, b.text("format")))
	}
	return out(when)
}

func importModule(in *interpreter, b *bound, input []Value, _ bool, _ sink) error {
	names := list(b.parameters["name"])
	if !b.has("name") {
		names = input
	}
	for _, name := range names {
		commands, err := in.machine.ImportModule(in.ctx, toText(name))
		if in.cancelled() != nil {
			return in.cancelled()
		}
		if err != nil {
			failed := asFailure(err)
			if failed.ID == "" {
				failed.ID = "Modules_ModuleNotFound,Microsoft.PowerShell.Commands.ImportModuleCommand"
				failed.Category = "ResourceUnavailable: (" + toText(name) + ":String)"
				failed.Type = "System.IO.FileNotFoundException"
			}
			if err := b.fails(in, failed); err != nil {
				return err
			}
			continue
		}
		for command, run := range commands {
			in.session[strings.ToLower(command)] = run
		}
	}
	return nil
}

func newObject(in *interpreter, b *bound, _ []Value, _ bool, out sink) error {
	name := b.text("typename")
	if b.has("comobject") {
		return &Failure{ID: "NoCOMClassIdentified,Microsoft.PowerShell.Commands.NewObjectCommand", Category: "ResourceUnavailable: (:)", command: "New-Object",
			Message: "Retrieving the COM class factory for component with CLSID {00000000-0000-0000-0000-000000000000} failed: '" + b.text("comobject") + "' is not registered."}
	}
	full, ok := knownType(name)
	if !ok {
		return &Failure{ID: "TypeNotFound,Microsoft.PowerShell.Commands.NewObjectCommand", Category: "InvalidType: (:)", command: "New-Object", Type: "System.Management.Automation.PSArgumentException",
			Message: "Cannot find type [" + name + "]: verify that the assembly containing this type is loaded."}
	}
	var arguments []Value
	if b.has("argumentlist") {
		arguments = list(b.parameters["argumentlist"])
	}
	made, err := in.create(full, arguments)
	if err != nil {
		return err
	}
	if table, ok := b.parameters["property"].(*Hashtable); ok {
		object, isObject := made.(*Object)
		if !isObject {
			return failure("InvalidOperationException,Microsoft.PowerShell.Commands.NewObjectCommand", "The properties of [%s] cannot be set here.", full)
		}
		for _, key := range table.keys {
			object.Set(toText(key), table.Get(key))
		}
	}
	return out(made)
}

func startSleep(in *interpreter, b *bound, input []Value, fed bool, _ sink) error {
	pause := time.Duration(0)
	switch {
	case b.has("milliseconds"):
		number, err := b.number("milliseconds", 0)
		if err != nil {
			return err
		}
		pause = time.Duration(max(0, min(number, 1<<31))) * time.Millisecond
	default:
		value := b.parameters["seconds"]
		if fed && len(input) > 0 {
			value = input[0]
		}
		number, err := toInteger(value)
		if err != nil {
			return err
		}
		pause = time.Duration(max(0, min(number, 1<<31))) * time.Second
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-in.ctx.Done():
		return in.cancelled()
	}
}

func invokeExpression(in *interpreter, b *bound, input []Value, fed bool, out sink) error {
	text := b.text("command")
	if fed && !b.has("command") && len(input) > 0 {
		text = toText(input[0])
	}
	script, err := Parse(text)
	if err != nil {
		return parseFailure(err)
	}
	leave, err := in.enter()
	if err != nil {
		return err
	}
	defer leave()
	origin := in.source
	err = in.run(script, out)
	in.source = origin
	return err
}

func getVariable(in *interpreter, b *bound, _ []Value, _ bool, out sink) error {
	for _, name := range list(b.parameters["name"]) {
		lower := strings.ToLower(toText(name))
		value, ok := in.lookup(lower)
		if !ok {
			value = in.variable(&variable{name: lower})
			ok = value != nil
		}
		if !ok {
			if err := b.fails(in, &Failure{ID: "VariableNotFound", Category: "ObjectNotFound: (" + toText(name) + ":String)", Message: "Cannot find a variable with the name '" + toText(name) + "'."}); err != nil {
				return err
			}
			continue
		}
		if b.flag("valueonly") {
			if err := emit(value, out); err != nil {
				return err
			}
			continue
		}
		if err := out(NewObject("System.Management.Automation.PSVariable", "Name", toText(name), "Value", plain(value))); err != nil {
			return err
		}
	}
	return nil
}

func setVariableCmdlet(in *interpreter, b *bound, _ []Value, _ bool, _ sink) error {
	return in.setVariable(&variable{name: strings.ToLower(b.text("name")), scope: strings.ToLower(b.text("scope"))}, b.parameters["value"])
}

func addMember(_ *interpreter, b *bound, input []Value, _ bool, out sink) error {
	name, value := b.text("notepropertyname"), b.parameters["notepropertyvalue"]
	if name == "" {
		if kind := strings.ToLower(b.text("membertype")); kind != "noteproperty" {
			return failure("NotSupported,Microsoft.PowerShell.Commands.AddMemberCommand", "Add-Member can only add a NoteProperty here, not '%s'.", kind)
		}
		name, value = b.text("name"), b.parameters["value"]
	}
	for _, item := range input {
		object, ok := item.(*Object)
		if !ok {
			return failure("NotSupported,Microsoft.PowerShell.Commands.AddMemberCommand", "Add-Member can only add to an object here, not to [%s].", typeOf(item))
		}
		object.Set(name, value)
		if b.flag("passthru") {
			if err := out(object); err != nil {
				return err
			}
		}
	}
	return nil
}

// decodeCommand reads the argument of -EncodedCommand.
func decodeCommand(text string) (string, error) {
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return "", err
	}
	return decodeUTF16(data), nil
}
