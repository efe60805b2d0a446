package powershell

import (
	"fmt"
	"strings"
)

// evaluate gives an expression's value, nil where a pipeline in it wrote nothing.
func (in *interpreter) evaluate(expression node) (Value, error) {
	value, err := in.raw(expression)
	return plain(value), err
}

// raw is evaluate that keeps the difference between $null and nothing at all.
func (in *interpreter) raw(expression node) (Value, error) {
	in.depth++
	defer func() { in.depth-- }()
	if in.depth > maximumDepth {
		return nil, failure("CallDepthOverflow", "The script failed due to call depth overflow.")
	}
	value, err := in.expression(expression)
	if err != nil && isFailure(err) {
		switch expression.(type) {
		case *binary, *unary, *cast, *call, *member, *index, *typeLiteral, *increment:
			return nil, in.locate(err, expression)
		}
	}
	return value, err
}

func (in *interpreter) expression(expression node) (Value, error) {
	switch expression := expression.(type) {
	case *literal:
		return expression.value, nil
	case *expandable:
		var text strings.Builder
		for _, part := range expression.parts {
			value, err := in.evaluate(part)
			if err != nil {
				return nil, err
			}
			text.WriteString(in.text(value))
			if text.Len() > maximumText {
				return nil, failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
			}
		}
		return text.String(), nil
	case *variable:
		return in.variable(expression), nil
	case *arrayLiteral:
		items := make([]Value, 0, len(expression.items))
		for _, item := range expression.items {
			value, err := in.evaluate(item)
			if err != nil {
				return nil, err
			}
			items = append(items, value)
		}
		return items, nil
	case *arrayExpression:
		items, err := in.collected(func(out sink) error { return in.block(expression.body, out) })
		if items == nil {
			items = []Value{}
		}
		return items, err
	case *subexpression:
		items, err := in.collected(func(out sink) error { return in.block(expression.body, out) })
		return collapse(items), err
	case *parenthesised:
		return in.rawValueOf(expression.statement)
	case *hashLiteral:
		return in.hashtable(expression, false)
	case *scriptBlockLiteral:
		return expression.block, nil
	case *typeLiteral:
		name, ok := knownType(expression.name)
		if !ok {
			return nil, unknownType(expression.name)
		}
		return typeValue(name), nil
	case *cast:
		if strings.EqualFold(expression.typeName, "ordered") {
			if table, ok := expression.operand.(*hashLiteral); ok {
				return in.hashtable(table, true)
			}
		}
		if table, ok := expression.operand.(*hashLiteral); ok && isCustomName(expression.typeName) {
			value, err := in.hashtable(table, true)
			if err != nil {
				return nil, err
			}
			return objectOf(value), nil
		}
		value, err := in.evaluate(expression.operand)
		if err != nil {
			return nil, err
		}
		return in.convert(expression.typeName, value)
	case *unary:
		return in.unary(expression)
	case *increment:
		return in.increment(expression)
	case *binary:
		return in.binary(expression)
	case *member:
		return in.member(expression)
	case *call:
		return in.call(expression)
	case *index:
		target, err := in.evaluate(expression.target)
		if err != nil {
			return nil, err
		}
		at, err := in.evaluate(expression.at)
		if err != nil {
			return nil, err
		}
		return indexed(target, at)
	}
	return in.rawValueOf(expression)
}

func (in *interpreter) hashtable(expression *hashLiteral, ordered bool) (*Hashtable, error) {
	table := NewHashtable()
	table.Ordered = ordered
	for i, key := range expression.keys {
		name, err := in.evaluate(key)
		if err != nil {
			return nil, err
		}
		if name == nil {
			return nil, failure("InvalidNullKey", "A null key is not allowed in a hash literal.")
		}
		value, err := in.valueOf(expression.values[i])
		if err != nil {
			return nil, err
		}
		if table.Has(name) {
			return nil, failure("DuplicateKeyInHashLiteral", "Duplicate keys '%s' are not allowed in hash literals.", toText(name))
		}
		table.Set(name, value)
	}
	return table, nil
}

func objectOf(table *Hashtable) *Object {
	object := &Object{TypeName: CustomObjectType}
	for _, key := range table.keys {
		object.Set(toText(key), table.Get(key))
	}
	return object
}

func isCustomName(name string) bool {
	name = strings.ToLower(name)
	return name == "pscustomobject" || name == "psobject"
}

// text is a value in a string: separated by $OFS.
func (in *interpreter) text(value Value) string {
	if items, ok := value.([]Value); ok {
		if separator, set := in.lookup("ofs"); set {
			parts := make([]string, len(items))
			for i, item := range items {
				parts[i] = toText(item)
			}
			return strings.Join(parts, toText(separator))
		}
	}
	return toText(value)
}

func (in *interpreter) variable(name *variable) Value {
	switch name.scope {
	case "env":
		if text := in.environment(name.name); text != "" {
			return text
		}
		return nil
	case "global":
		return in.global.variables[name.name]
	case "script":
		return in.scriptScope().variables[name.name]
	case "local", "private":
		return in.scope.variables[name.name]
	case "function":
		if found, ok := in.function(name.name); ok {
			return found
		}
		return nil
	}
	switch name.name {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	case "?":
		return in.lastOK
	case "lastexitcode":
		return in.lastExit
	case "error":
		return append([]Value{}, in.failures...)
	case "host":
		return NewObject("System.Management.Automation.Internal.Host.InternalHost", "Name", "ConsoleHost", "Version", version{5, 1, 14409, 1005})
	case "pid":
		return int64(4242)
	case "pwd":
		return `C:\Windows\system32`
	}
	value, _ := in.lookup(name.name)
	return value
}

func (in *interpreter) environment(name string) string {
	if value, ok := in.global.variables["env:"+strings.ToLower(name)]; ok {
		return toText(value)
	}
	return in.machine.Environment(name)
}

func (in *interpreter) scriptScope() *scope {
	s := in.scope
	for !s.script && s.parent != nil {
		s = s.parent
	}
	return s
}

func (in *interpreter) setVariable(name *variable, value Value) error {
	target := in.scope
	switch name.scope {
	case "global":
		target = in.global
	case "script":
		target = in.scriptScope()
	case "env":
		in.global.variables["env:"+strings.ToLower(name.name)] = toText(value)
		return nil
	case "", "local", "private":
	default:
		return failure("DriveNotFound", "Cannot find drive. A drive with the name '%s' does not exist.", name.scope)
	}
	switch name.name {
	case "true", "false", "null", "?":
		if name.name == "null" {
			return nil
		}
		return failure("VariableNotWritable", "Cannot overwrite variable %s because it is read-only or constant.", name.name)
	case "lastexitcode":
		in.lastExit = value
		return nil
	case "error":
		in.failures = nil
		return nil
	}
	if typeName := target.types[name.name]; typeName != "" {
		converted, err := in.convert(typeName, plain(value))
		if err != nil {
			return err
		}
		value = converted
	}
	target.variables[name.name] = value
	return nil
}

func (in *interpreter) assign(statement *assignment) (Value, error) {
	value, err := in.rawValueOf(statement.value)
	if err != nil {
		return nil, err
	}
	if statement.operator != "=" {
		old, err := in.evaluate(statement.target)
		if err != nil {
			return nil, err
		}
		if value, err = in.operate(statement.operator[:1], old, plain(value)); err != nil {
			return nil, in.locate(err, statement)
		}
	}
	if err := in.store(statement.target, value); err != nil {
		if isFailure(err) {
			return nil, in.locate(err, statement)
		}
		return nil, err
	}
	return value, nil
}

func (in *interpreter) store(target node, value Value) error {
	switch target := target.(type) {
	case *variable:
		return in.setVariable(target, value)
	case *cast:
		converted, err := in.convert(target.typeName, plain(value))
		if err != nil {
			return err
		}
		if name, ok := target.operand.(*variable); ok && name.scope == "" {
			delete(in.scope.types, name.name)
			if err := in.setVariable(name, converted); err != nil {
				return err
			}
			in.scope.types[name.name] = target.typeName
			return nil
		}
		return in.store(target.operand, converted)
	case *arrayLiteral:
		items := list(value)
		for i, one := range target.items {
			var item Value
			switch {
			case i >= len(items):
			case i == len(target.items)-1 && len(items) > len(target.items):
				item = append([]Value{}, items[i:]...)
			default:
				item = items[i]
			}
			if err := in.store(one, item); err != nil {
				return err
			}
		}
		return nil
	case *member:
		return in.storeMember(target, plain(value))
	case *index:
		container, err := in.evaluate(target.target)
		if err != nil {
			return err
		}
		at, err := in.evaluate(target.at)
		if err != nil {
			return err
		}
		return storeIndex(container, at, plain(value))
	}
	return failure("InvalidLeftHandSide", "The assignment expression is not valid.")
}

func (in *interpreter) storeMember(target *member, value Value) error {
	owner, err := in.evaluate(target.target)
	if err != nil {
		return err
	}
	name, err := in.evaluate(target.name)
	if err != nil {
		return err
	}
	property := toText(name)
	switch owner := owner.(type) {
	case *Object:
		if _, ok := owner.Lookup(property); ok {
			owner.Set(property, value)
			return nil
		}
	case *Hashtable:
		owner.Set(property, value)
		return nil
	case typeValue:
		if owner == "System.Console" && (strings.EqualFold(property, "OutputEncoding") || strings.EqualFold(property, "InputEncoding")) ||
			owner == "System.Net.ServicePointManager" {
			return nil
		}
	}
	return failure("PropertyAssignmentException", "The property '%s' cannot be found on this object. Verify that the property exists and can be set.", property)
}

func storeIndex(container, at, value Value) error {
	switch container := container.(type) {
	case *Hashtable:
		if at == nil {
			return failure("NullArrayIndex", "Index operation failed; the array index evaluated to null.")
		}
		container.Set(at, value)
		return nil
	case []Value:
		position, err := position(at, len(container))
		if err != nil {
			return err
		}
		if position < 0 {
			return failure("IndexOutOfRange", "Index was outside the bounds of the array.")
		}
		container[position] = value
		return nil
	case []byte:
		position, err := position(at, len(container))
		if err != nil {
			return err
		}
		number, err := toInteger(value)
		if err != nil {
			return err
		}
		if position < 0 || number < 0 || number > 255 {
			return failure("IndexOutOfRange", "Index was outside the bounds of the array.")
		}
		container[position] = byte(number)
		return nil
	case nil:
		return failure("NullArray", "Cannot index into a null array.")
	}
	return failure("CannotIndex", "Unable to index into an object of type %s.", typeOf(container))
}

// position makes an index that counts from the end when negative; -1 means outside.
func position(at Value, length int) (int, error) {
	number, err := toInteger(at)
	if err != nil {
		return 0, err
	}
	if number < 0 {
		number += int64(length)
	}
	if number < 0 || number >= int64(length) {
		return -1, nil
	}
	return int(number), nil
}

func indexed(target, at Value) (Value, error) {
	if target == nil {
		return nil, failure("NullArray", "Cannot index into a null array.")
	}
	if table, ok := target.(*Hashtable); ok {
		if keys, many := at.([]Value); many {
			values := []Value{}
			for _, key := range keys {
				values = append(values, table.Get(key))
			}
			return values, nil
		}
		if position, isNumber := at.(int64); isNumber && table.Ordered && !table.Has(at) {
			if position >= 0 && position < int64(len(table.keys)) {
				return table.Get(table.keys[position]), nil
			}
			return nil, nil
		}
		if at == nil {
			return nil, nil
		}
		return table.Get(at), nil
	}
	one := func(at Value) (Value, bool, error) {
		switch target := target.(type) {
		case string:
			letters := runes(target)
			place, err := position(at, len(letters))
			if err != nil || place < 0 {
				return nil, false, err
			}
			return character(letters[place]), true, nil
		case []byte:
			place, err := position(at, len(target))
			if err != nil || place < 0 {
				return nil, false, err
			}
			return int64(target[place]), true, nil
		}
		items := list(target)
		place, err := position(at, len(items))
		if err != nil || place < 0 {
			return nil, false, err
		}
		return items[place], true, nil
	}
	if object, ok := target.(*Object); ok {
		if name, text := at.(string); text {
			return nil, failure("CannotIndex", "Unable to index into an object of type %s with %q.", typeOf(object), name)
		}
	}
	if many, ok := at.([]Value); ok {
		values := []Value{}
		for _, single := range many {
			value, found, err := one(single)
			if err != nil {
				return nil, err
			}
			if found {
				values = append(values, value)
			}
		}
		return values, nil
	}
	value, _, err := one(at)
	return value, err
}

func (in *interpreter) increment(expression *increment) (Value, error) {
	old, err := in.evaluate(expression.target)
	if err != nil {
		return nil, err
	}
	if old == nil {
		old = int64(0)
	}
	switch old.(type) {
	case int64, float64:
	default:
		return nil, failure("OperatorRequiresNumber", "The '%s' operator works only on numbers. The operand is a '%s'.", map[int64]string{1: "++", -1: "--"}[expression.by], typeOf(old))
	}
	changed, err := arithmetic("+", old, expression.by)
	if err != nil {
		return nil, err
	}
	if err := in.store(expression.target, changed); err != nil {
		return nil, err
	}
	if expression.prefix {
		return changed, nil
	}
	return old, nil
}

// silent tells whether an expression standing alone writes nothing though it has a value.
func silent(expression node) bool {
	switch expression := expression.(type) {
	case *increment:
		return true
	case *cast:
		return strings.EqualFold(expression.typeName, "void")
	}
	return false
}

func unknownType(name string) error {
	return &Failure{ID: "TypeNotFound", Category: "InvalidOperation: (" + name + ":TypeName)", Message: fmt.Sprintf("Unable to find type [%s].", name)}
}
