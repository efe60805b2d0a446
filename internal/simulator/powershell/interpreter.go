package powershell

import (
	"bufio"
	"context"
	"io"
	"strings"
)

// sink takes what a statement or a stage of a pipeline writes, one item at a time.
type sink func(Value) error

const (
	maximumCallDepth  = 200
	maximumDepth      = 20000    // of expressions within expressions, calls included
	maximumCollection = 10 << 20 // items
	maximumProcesses  = 16       // powershell within cmd within powershell
)

type scope struct {
	parent    *scope
	variables map[string]Value
	types     map[string]string // the type of [int]$x, kept for later assignments
	functions map[string]*ScriptBlock
	script    bool
}

func newScope(parent *scope) *scope {
	return &scope{parent: parent, variables: map[string]Value{}, types: map[string]string{}, functions: map[string]*ScriptBlock{}}
}

// outputs is where streams other than the output go at the moment; redirections change it.
type outputs struct {
	failure func(*Failure) error
	warning func(string) error
	verbose func(string) error
	host    func(string)
	native  io.Writer
}

// interpreter is one session: one powershell.exe.
type interpreter struct {
	ctx      context.Context
	machine  Machine
	global   *scope
	scope    *scope
	streams  outputs
	session  map[string]Command
	stdin    *bufio.Reader
	stdout   io.Writer
	source   *source
	tries    int
	calls    int
	depth    int
	lastOK   bool
	lastExit Value
	failures []Value
	display  *display
}

func (in *interpreter) cancelled() error {
	if err := in.ctx.Err(); err != nil {
		return cancelled{context.Cause(in.ctx)}
	}
	return nil
}

// cancelledIfAny is cancelled for an interpreter that may have been made without a context, to compare values only.
func (in *interpreter) cancelledIfAny() error {
	if in.ctx == nil {
		return nil
	}
	return in.cancelled()
}

// run executes a whole script in the present scope.
func (in *interpreter) run(script *ScriptBlock, out sink) error {
	in.source = script.source
	for _, part := range []*block{script.begin, script.process, script.end} {
		if part == nil {
			continue
		}
		if err := in.block(part, out); err != nil {
			return err
		}
	}
	return nil
}

func (in *interpreter) block(body *block, out sink) error {
	for _, statement := range body.statements {
		if err := in.cancelled(); err != nil {
			return err
		}
		err := in.statement(statement, out)
		if err == nil {
			continue
		}
		if !isFailure(err) {
			return err
		}
		failed := in.locate(err, statement)
		in.lastOK = false
		preference := in.preference("erroractionpreference")
		if in.tries > 0 || preference == "stop" {
			return failed
		}
		if preference == "silentlycontinue" || preference == "ignore" {
			in.remember(failed)
			continue
		}
		if failed.fatal {
			return failed
		}
		if err := in.report(failed); err != nil {
			return err
		}
	}
	return nil
}

// locate gives an error a place if it has none yet.
func (in *interpreter) locate(err error, at node) *Failure {
	failed := asFailure(err)
	if failed.at == nil && at != nil {
		where := at.span()
		failed.at, failed.source = &where, in.source
	}
	return failed
}

func (in *interpreter) remember(failed *Failure) {
	const kept = 256
	in.failures = append([]Value{failed.errorRecord()}, in.failures...)
	if len(in.failures) > kept {
		in.failures = in.failures[:kept]
	}
}

// report shows an error after which the script goes on.
func (in *interpreter) report(failed *Failure) error {
	in.lastOK = false
	in.remember(failed)
	return in.streams.failure(failed)
}

// nonTerminating handles an error that a command reports and survives, as the preference says.
func (in *interpreter) nonTerminating(failed *Failure, preference string) error {
	in.lastOK = false
	switch preference {
	case "stop":
		failed.fatal = true
		return failed
	case "silentlycontinue":
		in.remember(failed)
		return nil
	case "ignore":
		return nil
	}
	return in.report(failed)
}

// preference reads a preference variable as a lower-case word.
func (in *interpreter) preference(name string) string {
	value, _ := in.lookup(name)
	return strings.ToLower(toText(plain(value)))
}

func (in *interpreter) lookup(name string) (Value, bool) {
	for s := in.scope; s != nil; s = s.parent {
		if value, ok := s.variables[name]; ok {
			return value, true
		}
	}
	return nil, false
}

func (in *interpreter) function(name string) (*ScriptBlock, bool) {
	name = strings.ToLower(name)
	for s := in.scope; s != nil; s = s.parent {
		if found, ok := s.functions[name]; ok {
			return found, true
		}
	}
	return nil, false
}

func (in *interpreter) statement(statement node, out sink) error {
	in.depth++
	defer func() { in.depth-- }()
	if in.depth > maximumDepth {
		return failure("CallDepthOverflow", "The script failed due to call depth overflow.")
	}
	switch statement := statement.(type) {
	case *pipeline:
		return in.pipeline(statement, out)
	case *assignment:
		_, err := in.assign(statement)
		if err == nil {
			in.lastOK = true
		}
		return err
	case *ifStatement:
		for _, clause := range statement.clauses {
			condition, err := in.valueOf(clause.condition)
			if err != nil {
				return err
			}
			if truth(condition) {
				return in.block(clause.body, out)
			}
		}
		if statement.otherwise != nil {
			return in.block(statement.otherwise, out)
		}
		return nil
	case *loop:
		return in.loop(statement, out)
	case *foreachLoop:
		return in.foreachLoop(statement, out)
	case *switchStatement:
		return in.switchStatement(statement, out)
	case *tryStatement:
		return in.tryStatement(statement, out)
	case *functionDefinition:
		in.scope.functions[strings.ToLower(statement.name)] = statement.block
		return nil
	case *flow:
		return in.flow(statement, out)
	}
	// An expression alone, as a hash literal's value.
	value, err := in.raw(statement)
	if err != nil {
		return err
	}
	return emit(value, out)
}

// emit writes a value to the pipeline, item by item.
func emit(value Value, out sink) error {
	for _, item := range list(value) {
		if err := out(item); err != nil {
			return err
		}
	}
	return nil
}

// collected runs a statement and keeps what it writes.
func (in *interpreter) collected(run func(sink) error) ([]Value, error) {
	var items []Value
	err := run(func(item Value) error {
		if len(items) >= maximumCollection {
			return failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
		}
		items = append(items, item)
		return nil
	})
	return items, err
}

// rawValueOf is the value of a statement in an expression; nothing{} when it wrote nothing.
func (in *interpreter) rawValueOf(statement node) (Value, error) {
	switch statement := statement.(type) {
	case *pipeline:
		if len(statement.elements) == 1 {
			if only, ok := statement.elements[0].(*commandExpression); ok && len(only.redirections) == 0 {
				value, err := in.raw(only.expression)
				if err == nil {
					in.lastOK = true
				}
				return value, err
			}
		}
	case *assignment:
		return in.assign(statement)
	}
	items, err := in.collected(func(out sink) error { return in.statement(statement, out) })
	if err != nil {
		return nil, err
	}
	return collapse(items), nil
}

func (in *interpreter) valueOf(statement node) (Value, error) {
	value, err := in.rawValueOf(statement)
	return plain(value), err
}

// ended interprets what a loop's body came back with.
func ended(err error, label string) (stop bool, rest error) {
	signal, ok := err.(loopSignal)
	if !ok {
		return err != nil, err
	}
	if signal.label != "" && !strings.EqualFold(signal.label, label) {
		return true, err
	}
	return !signal.again, nil
}

func (in *interpreter) loop(statement *loop, out sink) error {
	if statement.initial != nil {
		if err := in.statement(statement.initial, func(Value) error { return nil }); err != nil {
			return err
		}
	}
	for first := true; ; first = false {
		if err := in.cancelled(); err != nil {
			return err
		}
		if statement.condition != nil && !(first && statement.bodyFirst) {
			condition, err := in.valueOf(statement.condition)
			if err != nil {
				return err
			}
			if truth(condition) == statement.until {
				return nil
			}
		}
		if stop, err := ended(in.block(statement.body, out), statement.label); stop {
			return err
		}
		if statement.advance != nil {
			if err := in.statement(statement.advance, func(Value) error { return nil }); err != nil {
				return err
			}
		}
	}
}

func (in *interpreter) foreachLoop(statement *foreachLoop, out sink) error {
	values, err := in.rawValueOf(statement.values)
	if err != nil {
		return err
	}
	if values == nil {
		return nil
	}
	for _, item := range list(values) {
		if err := in.cancelled(); err != nil {
			return err
		}
		if err := in.setVariable(statement.variable, item); err != nil {
			return err
		}
		if stop, err := ended(in.block(statement.body, out), statement.label); stop {
			return err
		}
	}
	return nil
}

func (in *interpreter) switchStatement(statement *switchStatement, out sink) error {
	value, err := in.rawValueOf(statement.value)
	if err != nil {
		return err
	}
	for _, item := range list(value) {
		stop, err := ended(in.switchItem(statement, item, out), statement.label)
		if stop {
			return err
		}
	}
	return nil
}

func (in *interpreter) switchItem(statement *switchStatement, item Value, out sink) error {
	matched := false
	saved, had := in.scope.variables["_"]
	defer func() { in.restore("_", saved, had) }()
	in.scope.variables["_"] = item
	for _, clause := range statement.clauses {
		var hit bool
		switch {
		case clause.condition != nil:
			result, err := in.collected(func(out sink) error { return in.run(clause.condition, out) })
			if err != nil {
				return err
			}
			hit = truth(collapse(result))
		case clause.pattern != nil:
			pattern, err := in.evaluate(clause.pattern)
			if err != nil {
				return err
			}
			operator := map[string]string{"": "eq", "wildcard": "like", "regex": "match"}[statement.mode]
			if statement.exact {
				operator = "c" + operator
			}
			left := item
			if statement.mode == "" {
				if _, text := pattern.(string); text {
					left = toText(item)
				}
			}
			result, err := in.operate(operator, left, pattern)
			if err != nil {
				return err
			}
			hit = truth(result)
		default:
			continue
		}
		if !hit {
			continue
		}
		matched = true
		if err := in.block(clause.body, out); err != nil {
			return err
		}
	}
	if matched {
		return nil
	}
	for _, clause := range statement.clauses {
		if clause.pattern == nil && clause.condition == nil {
			return in.block(clause.body, out)
		}
	}
	return nil
}

func (in *interpreter) restore(name string, value Value, had bool) {
	if had {
		in.scope.variables[name] = value
	} else {
		delete(in.scope.variables, name)
	}
}

func (in *interpreter) tryStatement(statement *tryStatement, out sink) error {
	err := in.protected(statement, out)
	if statement.finally == nil {
		return err
	}
	if _, stopped := err.(cancelled); stopped {
		return err
	}
	if failed := in.block(statement.finally, out); failed != nil {
		return failed
	}
	return err
}

func (in *interpreter) protected(statement *tryStatement, out sink) error {
	if len(statement.catches) == 0 {
		return in.block(statement.body, out)
	}
	in.tries++
	err := in.block(statement.body, out)
	in.tries--
	if !isFailure(err) {
		return err
	}
	failed := in.locate(err, statement.body)
	for _, clause := range statement.catches {
		if !catches(clause.types, failed) {
			continue
		}
		in.remember(failed)
		saved, had := in.scope.variables["_"]
		in.scope.variables["_"] = failed.errorRecord()
		err := in.block(clause.body, out)
		in.restore("_", saved, had)
		return err
	}
	return failed
}

func catches(types []string, failed *Failure) bool {
	if len(types) == 0 {
		return true
	}
	actual := strings.ToLower(failed.exceptionType())
	for _, name := range types {
		name = strings.ToLower(strings.TrimPrefix(name, "System."))
		if name == "exception" || strings.TrimPrefix(actual, "system.") == strings.TrimPrefix(name, "system.") {
			return true
		}
		if name == "management.automation.runtimeexception" && strings.HasPrefix(actual, "system.management.automation.") {
			return true
		}
	}
	return false
}

func (in *interpreter) flow(statement *flow, out sink) error {
	switch statement.kind {
	case "break", "continue":
		return loopSignal{again: statement.kind == "continue", label: statement.label}
	case "return":
		if statement.value == nil {
			return returnSignal{}
		}
		if err := in.statement(statement.value, out); err != nil {
			return err
		}
		return returnSignal{}
	}
	var value Value
	if statement.value != nil {
		var err error
		if value, err = in.valueOf(statement.value); err != nil {
			return err
		}
	}
	if statement.kind == "exit" {
		code, err := toInteger(value)
		if err != nil {
			code = 0
		}
		return exitSignal{int(int32(code))}
	}
	if current, ok := in.scope.variables["_"].(*Object); ok && statement.value == nil && current.failure != nil {
		value = current // a bare throw in a catch block
	}
	return in.locate(thrown(value, statement.value == nil), statement)
}

// thrown makes an error of what follows throw.
func thrown(value Value, bare bool) error {
	if object, ok := value.(*Object); ok {
		if object.failure != nil {
			again := *object.failure
			again.fatal = true
			return &again
		}
		if message, isException := object.Lookup("Message"); isException && strings.HasSuffix(object.TypeName, "Exception") {
			return &Failure{Message: toText(message), Type: object.TypeName, ID: toText(message), Category: "OperationStopped: (:)", fatal: true}
		}
	}
	text := toText(value)
	if bare {
		text = "ScriptHalted"
	}
	return &Failure{Message: text, ID: text, Category: "OperationStopped: (" + text + ":String)", target: value, fatal: true}
}

// enter counts a call that runs script; what it gives ends the call.
func (in *interpreter) enter() (func(), error) {
	if in.calls >= maximumCallDepth {
		return nil, failure("CallDepthOverflow", "The script failed due to call depth overflow.")
	}
	in.calls++
	return func() { in.calls-- }, nil
}

// withinBlock runs part of a script block that is called by a cmdlet, such as Where-Object's, in the caller's scope.
func (in *interpreter) withinBlock(script *ScriptBlock, current Value, out sink) error {
	leave, err := in.enter()
	if err != nil {
		return err
	}
	defer leave()
	saved, had := in.scope.variables["_"]
	scope, origin := in.scope, in.source
	scope.variables["_"] = current
	in.source = script.source
	err = in.run(script, out)
	in.scope, in.source = scope, origin
	in.restore("_", saved, had)
	if _, returned := err.(returnSignal); returned {
		return nil
	}
	return err
}

// discard takes items that nobody wants.
func discard(Value) error { return nil }
