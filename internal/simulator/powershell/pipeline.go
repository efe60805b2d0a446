package powershell

import (
	"strings"
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
