package powershell

import (
	"fmt"
	"strings"
	"time"
)

func (in *interpreter) member(expression *member) (Value, error) {
	target, name, err := in.targetAndName(expression.target, expression.name)
	if err != nil {
		return nil, err
	}
	if expression.static {
		typeName, found := typeNamed(target)
		if !found {
			return nil, nil
		}
		return in.staticProperty(typeName, name)
	}
	value, _ := property(target, name)
	return value, nil
}

// targetAndName evaluates what stands before and after a dot or two colons.
func (in *interpreter) targetAndName(before, after node) (Value, string, error) {
	target, err := in.evaluate(before)
	if err != nil {
		return nil, "", err
	}
	name, err := in.evaluate(after)
	return target, toText(name), err
}

// typeNamed gives the full name of the type that a value is or names.
func typeNamed(value Value) (string, bool) {
	if known, ok := value.(typeValue); ok {
		return string(known), true
	}
	return knownType(toText(value))
}

// property gives a property of any value, and whether there is one of that name.
func property(target Value, name string) (Value, bool) { return propertyWithin(target, name, 0) }

// maximumMembers bounds how deep in arrays of arrays a member is looked for: an array can hold itself.
const maximumMembers = 32

func propertyWithin(target Value, name string, depth int) (Value, bool) {
	lower := strings.ToLower(name)
	switch target := target.(type) {
	case nil:
		if lower == "count" || lower == "length" {
			return int64(0), true
		}
		return nil, false
	case *Object:
		if value, ok := target.Lookup(name); ok {
			return value, true
		}
		if lower == "psobject" {
			return properties(target), true
		}
	case *Hashtable:
		if target.Has(name) {
			return target.Get(name), true
		}
		switch lower {
		case "count":
			return int64(len(target.keys)), true
		case "keys":
			return target.Keys(), true
		case "values":
			values := []Value{}
			for _, key := range target.keys {
				values = append(values, target.Get(key))
			}
			return values, true
		}
		return nil, false
	case string:
		if lower == "length" {
			return int64(len(runes(target))), true
		}
	case []byte:
		if lower == "length" || lower == "count" || lower == "longlength" {
			return int64(len(target)), true
		}
	case []Value:
		switch lower {
		case "length", "count", "longlength":
			return int64(len(target)), true
		case "rank":
			return int64(1), true
		}
		if depth >= maximumMembers {
			return nil, false
		}
		found := []Value{}
		for _, item := range target {
			if value, ok := propertyWithin(item, name, depth+1); ok {
				found = append(found, list(value)...)
			}
		}
		if len(found) == 0 {
			return nil, false
		}
		return plain(collapse(found)), true
	case time.Time:
		if value, ok := timeProperty(target, lower); ok {
			return value, true
		}
	case time.Duration:
		if value, ok := durationProperty(target, lower); ok {
			return value, true
		}
	case Enum:
		if lower == "value__" {
			return target.Number, true
		}
	case typeValue:
		switch lower {
		case "name":
			return string(target[strings.LastIndexByte(string(target), '.')+1:]), true
		case "fullname":
			return string(target), true
		}
	case version:
		for i, part := range []string{"major", "minor", "build", "revision"} {
			if lower == part {
				if i < len(target) {
					return target[i], true
				}
				return int64(-1), true
			}
		}
	case guidValue:
		if lower == "guid" {
			return string(target), true
		}
	case encoding:
		if lower == "encodingname" || lower == "webname" {
			return string(target), true
		}
	}
	if lower == "count" || lower == "length" {
		return int64(1), true
	}
	return nil, false
}

func properties(object *Object) Value {
	items := []Value{}
	for _, name := range object.names {
		items = append(items, NewObject("System.Management.Automation.PSNoteProperty", "Name", name, "Value", object.Get(name), "MemberType", "NoteProperty"))
	}
	return NewObject("System.Management.Automation.PSObject", "Properties", items, "TypeNames", []Value{typeOf(object), "System.Object"})
}

// ticksAtEpoch are the 100 ns steps from the year 1 to 1970.
const ticksAtEpoch = 621355968000000000

func ticks(t time.Time) int64 {
	wall := wallClock(t)
	return wall.Unix()*10_000_000 + int64(wall.Nanosecond())/100 + ticksAtEpoch
}

func timeProperty(t time.Time, name string) (Value, bool) {
	switch name {
	case "year":
		return int64(t.Year()), true
	case "month":
		return int64(t.Month()), true
	case "day":
		return int64(t.Day()), true
	case "hour":
		return int64(t.Hour()), true
	case "minute":
		return int64(t.Minute()), true
	case "second":
		return int64(t.Second()), true
	case "millisecond":
		return int64(t.Nanosecond() / 1e6), true
	case "ticks":
		return ticks(t), true
	case "date":
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location()), true
	case "dayofweek":
		return Enum{TypeName: "System.DayOfWeek", Name: t.Weekday().String(), Number: int64(t.Weekday())}, true
	case "dayofyear":
		return int64(t.YearDay()), true
	case "timeofday":
		wall := wallClock(t)
		return wall.Sub(wall.Truncate(24 * time.Hour)), true
	case "kind":
		if t.Location() == time.UTC {
			return Enum{TypeName: "System.DateTimeKind", Name: "Utc", Number: 1}, true
		}
		return Enum{TypeName: "System.DateTimeKind", Name: "Local", Number: 2}, true
	case "datetime":
		return t.Format("Monday, January 2, 2006 3:04:05 PM"), true
	}
	return nil, false
}

func durationProperty(d time.Duration, name string) (Value, bool) {
	switch name {
	case "days":
		return int64(d / (24 * time.Hour)), true
	case "hours":
		return int64(d / time.Hour % 24), true
	case "minutes":
		return int64(d / time.Minute % 60), true
	case "seconds":
		return int64(d / time.Second % 60), true
	case "milliseconds":
		return int64(d / time.Millisecond % 1000), true
	case "ticks":
		return int64(d / 100), true
	case "totaldays":
		return d.Hours() / 24, true
	case "totalhours":
		return d.Hours(), true
	case "totalminutes":
		return d.Minutes(), true
	case "totalseconds":
		return d.Seconds(), true
	case "totalmilliseconds":
		return float64(d) / 1e6, true
	}
	return nil, false
}

func (in *interpreter) call(expression *call) (Value, error) {
	target, name, err := in.targetAndName(expression.target, expression.name)
	if err != nil {
		return nil, err
	}
	arguments := make([]Value, len(expression.arguments))
	for i, argument := range expression.arguments {
		if arguments[i], err = in.evaluate(argument); err != nil {
			return nil, err
		}
	}
	if expression.static {
		typeName, found := typeNamed(target)
		if !found {
			return nil, methodNotFound(target, name)
		}
		return in.staticMethod(typeName, name, arguments)
	}
	if target == nil {
		return nil, &Failure{ID: "InvokeMethodOnNull", Category: "InvalidOperation: (:)", Message: "You cannot call a method on a null-valued expression."}
	}
	return in.method(target, name, arguments)
}

// text arguments of a method
func textAt(arguments []Value, i int) string {
	if i < len(arguments) {
		return toText(arguments[i])
	}
	return ""
}

// thrownBy dresses an error of a method as PowerShell does.
func thrownBy(name string, arguments []Value, exception, message string) *Failure {
	return &Failure{ID: exception, Category: "NotSpecified: (:)", Type: "System.Management.Automation.MethodInvocationException",
		Message: fmt.Sprintf(`Exception calling "%s" with "%d" argument(s): "%s"`, name, len(arguments), message)}
}

func (in *interpreter) method(target Value, name string, arguments []Value) (Value, error) {
	in.depth++
	defer func() { in.depth-- }()
	if in.depth > maximumDepth {
		return nil, failure("CallDepthOverflow", "The script failed due to call depth overflow.")
	}
	if err := in.cancelledIfAny(); err != nil {
		return nil, err
	}
	lower := strings.ToLower(name)
	if object, ok := target.(*Object); ok {
		if method := object.methods[lower]; method != nil {
			value, err := method(in.ctx, arguments)
			if err != nil && in.cancelled() != nil {
				return nil, in.cancelled()
			}
			if err != nil && isFailure(err) {
				if _, known := err.(*Failure); !known {
					return nil, thrownBy(name, arguments, "MethodInvocationException", err.Error())
				}
			}
			return value, err
		}
	}
	switch lower {
	case "gettype":
		return typeValue(typeOf(target)), nil
	case "tostring":
		if len(arguments) == 0 {
			switch value := target.(type) {
			case time.Time:
				return formatTime(value, ""), nil
			case []Value, []byte:
				return typeOf(value), nil
			}
			return toText(target), nil
		}
		return formatted(target, textAt(arguments, 0)), nil
	case "equals":
		if len(arguments) == 1 {
			if text, ok := target.(string); ok {
				other, isText := arguments[0].(string)
				return isText && text == other, nil
			}
			return in.equal(target, arguments[0], true), nil
		}
	case "gethashcode":
		return int64(0), nil
	case "compareto":
		if len(arguments) == 1 {
			order, _, err := in.order(target, arguments[0], true)
			return int64(order), err
		}
	}
	switch value := target.(type) {
	case string:
		return stringMethod(value, name, arguments)
	case character:
		return stringMethod(string(rune(value)), name, arguments)
	case time.Time:
		if result, ok, err := timeMethod(value, lower, arguments); ok {
			return result, err
		}
	case time.Duration:
		if lower == "add" && len(arguments) == 1 {
			return in.calculate("+", value, arguments[0])
		}
	case *Hashtable:
		switch lower {
		case "containskey", "contains":
			return value.Has(firstOf(arguments)), nil
		case "containsvalue":
			for _, key := range value.keys {
				if in.equal(value.Get(key), firstOf(arguments), true) {
					return true, nil
				}
			}
			return false, nil
		case "add":
			if len(arguments) == 2 {
				if value.Has(arguments[0]) {
					return nil, thrownBy(name, arguments, "ArgumentException", fmt.Sprintf("Item has already been added. Key in dictionary: '%s'  Key being added: '%s'", toText(arguments[0]), toText(arguments[0])))
				}
				value.Set(arguments[0], arguments[1])
				return nothing{}, nil
			}
		case "remove":
			value.Remove(firstOf(arguments))
			return nothing{}, nil
		case "clear":
			*value = Hashtable{Ordered: value.Ordered}
			return nothing{}, nil
		case "getenumerator":
			return entries(value), nil
		}
	case []Value:
		switch lower {
		case "contains":
			for _, item := range value {
				if in.equal(item, firstOf(arguments), true) {
					return true, nil
				}
			}
			return false, nil
		case "indexof":
			for i, item := range value {
				if in.equal(item, firstOf(arguments), true) {
					return int64(i), nil
				}
			}
			return int64(-1), nil
		case "getvalue":
			return indexed(value, firstOf(arguments))
		case "clone":
			return append([]Value{}, value...), nil
		case "add", "remove":
			return nil, thrownBy(name, arguments, "NotSupportedException", "Collection was of a fixed size.")
		}
		// A method every item has.
		var results []Value
		for _, item := range value {
			if item == nil {
				continue
			}
			result, err := in.method(item, name, arguments)
			if err != nil {
				if failed := asFailure(err); failed.ID == "MethodNotFound" {
					return nil, methodNotFound(target, name)
				}
				return nil, err
			}
			results = append(results, list(result)...)
		}
		return collapse(results), nil
	case encoding:
		return encodingMethod(value, name, arguments)
	case console:
		return in.consoleMethod(value, name, arguments)
	case *ScriptBlock:
		switch lower {
		case "invoke", "invokereturnasis":
			items, err := in.collected(func(out sink) error { return in.callBlock(value, "", positionals(arguments), out, nil) })
			return collapse(items), err
		case "getnewclosure":
			return value, nil
		}
	case typeValue:
		if lower == "isinstanceoftype" {
			return isOfType(firstOf(arguments), string(value)), nil
		}
	}
	return nil, methodNotFound(target, name)
}

func entries(table *Hashtable) []Value {
	items := []Value{}
	for _, key := range table.keys {
		items = append(items, NewObject("System.Collections.DictionaryEntry", "Name", key, "Key", key, "Value", table.Get(key)))
	}
	return items
}

func firstOf(arguments []Value) Value {
	if len(arguments) > 0 {
		return arguments[0]
	}
	return nil
}

func timeMethod(t time.Time, name string, arguments []Value) (Value, bool, error) {
	amount := func(unit time.Duration) (Value, bool, error) {
		number, err := toFloat(firstOf(arguments))
		return t.Add(time.Duration(number * float64(unit))), true, err
	}
	whole := func() (int, error) {
		number, err := toInteger(firstOf(arguments))
		return int(max(-100000, min(100000, number))), err
	}
	switch name {
	case "adddays":
		return amount(24 * time.Hour)
	case "addhours":
		return amount(time.Hour)
	case "addminutes":
		return amount(time.Minute)
	case "addseconds":
		return amount(time.Second)
	case "addmilliseconds":
		return amount(time.Millisecond)
	case "addmonths":
		number, err := whole()
		return t.AddDate(0, number, 0), true, err
	case "addyears":
		number, err := whole()
		return t.AddDate(number, 0, 0), true, err
	case "touniversaltime":
		return t.UTC(), true, nil
	case "tolocaltime":
		return t.Local(), true, nil
	case "tofiletime", "tofiletimeutc":
		utc := t.UTC()
		return utc.Unix()*10_000_000 + int64(utc.Nanosecond())/100 + 116444736000000000, true, nil
	case "toshortdatestring":
		return formatTime(t, "d"), true, nil
	case "tolongdatestring":
		return formatTime(t, "D"), true, nil
	case "toshorttimestring":
		return formatTime(t, "t"), true, nil
	case "tolongtimestring":
		return formatTime(t, "T"), true, nil
	case "subtract":
		switch other := firstOf(arguments).(type) {
		case time.Time:
			return wallClock(t).Sub(wallClock(other)), true, nil
		case time.Duration:
			return t.Add(-other), true, nil
		}
	case "add":
		if span, ok := firstOf(arguments).(time.Duration); ok {
			return t.Add(span), true, nil
		}
	}
	return nil, false, nil
}

func stringMethod(text, name string, arguments []Value) (Value, error) {
	letters := runes(text)
	first := textAt(arguments, 0)
	fold := len(arguments) > 1 && strings.Contains(strings.ToLower(toText(arguments[1])), "ignorecase")
	whole := func(i int) (int, error) {
		number, err := toInteger(arguments[i])
		if err == nil && (number < 0 || number > int64(len(letters))) {
			return 0, thrownBy(name, arguments, "ArgumentOutOfRangeException", "Index and length must refer to a location within the string.\r\nParameter name: length")
		}
		return int(number), err
	}
	set := func() string {
		characters := ""
		for _, argument := range arguments {
			for _, item := range list(argument) {
				characters += toText(item)
			}
		}
		return characters
	}
	folded := func(value string) string {
		if fold {
			return strings.ToLower(value)
		}
		return value
	}
	switch strings.ToLower(name) {
	case "tolower", "tolowerinvariant":
		return strings.ToLower(text), nil
	case "toupper", "toupperinvariant":
		return strings.ToUpper(text), nil
	case "trim":
		if len(arguments) == 0 {
			return strings.TrimSpace(text), nil
		}
		return strings.Trim(text, set()), nil
	case "trimstart":
		if len(arguments) == 0 {
			return strings.TrimLeft(text, " \t\r\n\v\f"), nil
		}
		return strings.TrimLeft(text, set()), nil
	case "trimend":
		if len(arguments) == 0 {
			return strings.TrimRight(text, " \t\r\n\v\f"), nil
		}
		return strings.TrimRight(text, set()), nil
	case "startswith":
		return strings.HasPrefix(folded(text), folded(first)), nil
	case "endswith":
		return strings.HasSuffix(folded(text), folded(first)), nil
	case "contains":
		return strings.Contains(text, first), nil
	case "replace":
		if len(arguments) == 2 {
			if first == "" {
				return nil, thrownBy(name, arguments, "ArgumentException", "String cannot be of zero length.\r\nParameter name: oldValue")
			}
			return strings.ReplaceAll(text, first, textAt(arguments, 1)), nil
		}
	case "indexof", "lastindexof":
		if len(arguments) > 0 {
			place := strings.Index(folded(text), folded(first))
			if strings.EqualFold(name, "lastindexof") {
				place = strings.LastIndex(folded(text), folded(first))
			}
			if place < 0 {
				return int64(-1), nil
			}
			return int64(len(runes(folded(text)[:place]))), nil
		}
	case "substring":
		if len(arguments) == 1 || len(arguments) == 2 {
			start, err := whole(0)
			if err != nil {
				return nil, err
			}
			end := len(letters)
			if len(arguments) == 2 {
				length, err := whole(1)
				if err != nil {
					return nil, err
				}
				if end = start + length; end > len(letters) {
					return nil, thrownBy(name, arguments, "ArgumentOutOfRangeException", "Index and length must refer to a location within the string.\r\nParameter name: length")
				}
			}
			return string(letters[start:end]), nil
		}
	case "remove", "insert":
		if len(arguments) > 0 {
			start, err := whole(0)
			if err != nil {
				return nil, err
			}
			if strings.EqualFold(name, "insert") {
				return string(letters[:start]) + textAt(arguments, 1) + string(letters[start:]), nil
			}
			if len(arguments) == 1 {
				return string(letters[:start]), nil
			}
			length, err := whole(1)
			if err != nil {
				return nil, err
			}
			return string(letters[:start]) + string(letters[min(start+length, len(letters)):]), nil
		}
	case "padleft", "padright":
		if len(arguments) > 0 {
			width, err := toInteger(arguments[0])
			if err != nil || width > 1<<20 {
				return nil, thrownBy(name, arguments, "ArgumentOutOfRangeException", "The width is out of range.")
			}
			with := " "
			if len(arguments) > 1 {
				with = textAt(arguments, 1)
			}
			padding := strings.Repeat(with, max(0, int(width)-len(letters)))
			if strings.EqualFold(name, "padleft") {
				return padding + text, nil
			}
			return text + padding, nil
		}
	case "split":
		return splitMethod(text, arguments)
	case "tochararray":
		items := []Value{}
		for _, letter := range letters {
			items = append(items, character(letter))
		}
		return items, nil
	case "normalize", "clone":
		return text, nil
	case "getenumerator":
		items := []Value{}
		for _, letter := range letters {
			items = append(items, character(letter))
		}
		return items, nil
	}
	return nil, methodNotFound(text, name)
}

// splitMethod is String.Split: by any of the characters, as .NET Framework takes a string for a set of characters.
func splitMethod(text string, arguments []Value) (Value, error) {
	separators := " \t\r\n"
	if len(arguments) > 0 {
		separators = ""
		for _, item := range list(arguments[0]) {
			separators += toText(item)
		}
	}
	dropEmpty := false
	limit := int64(-1)
	for _, option := range arguments[min(1, len(arguments)):] {
		switch option := option.(type) {
		case int64:
			if option == 1 && len(arguments) > 2 {
				dropEmpty = true
			} else {
				limit = option
			}
		default:
			if strings.EqualFold(toText(option), "RemoveEmptyEntries") {
				dropEmpty = true
			} else if text := toText(option); len(text) == 1 {
				separators += text
			}
		}
	}
	parts := []Value{}
	start := 0
	for i, letter := range text {
		if limit > 0 && int64(len(parts)) >= limit-1 {
			break
		}
		if strings.ContainsRune(separators, letter) {
			if !dropEmpty || i > start {
				parts = append(parts, text[start:i])
			}
			start = i + len(string(letter))
		}
	}
	if !dropEmpty || start < len(text) {
		parts = append(parts, text[start:])
	}
	return parts, nil
}
