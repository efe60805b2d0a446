package powershell

import (
	"strings"
)

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
