package powershell

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func (in *interpreter) unary(expression *unary) (Value, error) {
	operand, err := in.evaluate(expression.operand)
	if err != nil {
		return nil, err
	}
	switch expression.operator {
	case "not":
		return !truth(operand), nil
	case "bnot":
		number, err := toInteger(operand)
		return ^number, err
	case "-":
		return arithmetic("-", int64(0), operand)
	case "+":
		return toNumber(operand)
	case "join":
		return in.operate("join", operand, "")
	default:
		var parts []Value
		for _, item := range list(operand) {
			for _, field := range strings.Fields(toText(item)) {
				parts = append(parts, field)
			}
		}
		return parts, nil
	}
}

func (in *interpreter) binary(expression *binary) (Value, error) {
	left, err := in.evaluate(expression.left)
	if err != nil {
		return nil, err
	}
	switch expression.operator {
	case "and":
		if !truth(left) {
			return false, nil
		}
	case "or":
		if truth(left) {
			return true, nil
		}
	}
	right, err := in.evaluate(expression.right)
	if err != nil {
		return nil, err
	}
	return in.operate(expression.operator, left, right)
}

func (in *interpreter) operate(operator string, left, right Value) (Value, error) {
	switch operator {
	case "and", "or":
		return truth(right), nil
	case "xor":
		return truth(left) != truth(right), nil
	case "band", "bor", "bxor", "shl", "shr":
		a, err := toInteger(left)
		if err != nil {
			return nil, err
		}
		b, err := toInteger(right)
		if err != nil {
			return nil, err
		}
		switch operator {
		case "band":
			return a & b, nil
		case "bor":
			return a | b, nil
		case "bxor":
			return a ^ b, nil
		case "shl":
			return a << uint(b&63), nil
		default:
			return a >> uint(b&63), nil
		}
	case "+":
		return in.add(left, right)
	case "-", "*", "/", "%":
		return in.calculate(operator, left, right)
	case "..":
		return span(left, right)
	case "f":
		return format(toText(left), list(right))
	case "is", "isnot":
		name, found := typeNamed(right)
		if !found {
			return nil, unknownType(toText(right))
		}
		return isOfType(left, name) == (operator == "is"), nil
	case "as":
		name := toText(right)
		converted, err := in.convert(name, left)
		if err != nil {
			return nil, nil //nolint:nilerr // -as gives null for what cannot be converted
		}
		return converted, nil
	case "join":
		items := list(left)
		parts := make([]string, len(items))
		for i, item := range items {
			parts[i] = toText(item)
		}
		return strings.Join(parts, toText(right)), nil
	}
	exact := false
	name := operator
	if _, known := precedence[operator]; !known {
		exact, name = true, operator[1:]
	}
	switch name {
	case "split":
		return split(left, right, exact)
	case "replace":
		return replace(left, right, exact)
	case "contains", "notcontains":
		return contains(left, right, exact) == (name == "contains"), nil
	case "in", "notin":
		return contains(right, left, exact) == (name == "in"), nil
	}
	if items, many := left.([]Value); many {
		kept := []Value{}
		for _, item := range items {
			hit, err := in.compare(name, item, right, exact)
			if err != nil {
				return nil, err
			}
			if hit {
				kept = append(kept, item)
			}
		}
		return kept, nil
	}
	return in.compare(name, left, right, exact)
}

func (in *interpreter) add(left, right Value) (Value, error) {
	switch a := left.(type) {
	case nil:
		return right, nil
	case string:
		text := a + in.text(right)
		if len(text) > maximumText {
			return nil, failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
		}
		return text, nil
	case character:
		if _, number := right.(int64); !number {
			return toText(a) + toText(right), nil
		}
	case []Value:
		added := list(right)
		if len(a)+len(added) > maximumCollection {
			return nil, failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
		}
		return append(append(make([]Value, 0, len(a)+len(added)), a...), added...), nil
	case []byte:
		return append(append([]Value{}, list(a)...), list(right)...), nil
	case *Hashtable:
		b, ok := right.(*Hashtable)
		if !ok {
			return nil, failure("AddHashTableToNonHashTable", "A hash table can only be added to another hash table.")
		}
		sum := &Hashtable{Ordered: a.Ordered}
		for _, table := range []*Hashtable{a, b} {
			for _, key := range table.keys {
				if sum.Has(key) {
					return nil, failure("RuntimeException", "Item has already been added. Key in dictionary: '%s'  Key being added: '%s'", toText(key), toText(key))
				}
				sum.Set(key, table.Get(key))
			}
		}
		return sum, nil
	}
	return in.calculate("+", left, right)
}

func methodNotFound(value Value, name string) error {
	return &Failure{ID: "MethodNotFound", Category: "InvalidOperation: (" + name + ":String)",
		Message: fmt.Sprintf("Method invocation failed because [%s] does not contain a method named '%s'.", typeOf(value), name)}
}

var operatorMethods = map[string]string{"+": "op_Addition", "-": "op_Subtraction", "*": "op_Multiply", "/": "op_Division", "%": "op_Modulus"}

func (in *interpreter) calculate(operator string, left, right Value) (Value, error) {
	switch a := left.(type) {
	case time.Time:
		switch b := right.(type) {
		case time.Time:
			if operator == "-" {
				return wallClock(a).Sub(wallClock(b)), nil
			}
		case time.Duration:
			if operator == "+" {
				return a.Add(b), nil
			}
			if operator == "-" {
				return a.Add(-b), nil
			}
		case string:
			if operator == "-" {
				if parsed, ok := parseTime(b, a.Location()); ok {
					return wallClock(a).Sub(wallClock(parsed)), nil
				}
			}
		}
		return nil, methodNotFound(left, operatorMethods[operator])
	case time.Duration:
		if b, ok := right.(time.Duration); ok {
			switch operator {
			case "+":
				return a + b, nil
			case "-":
				return a - b, nil
			}
		}
		return nil, methodNotFound(left, operatorMethods[operator])
	case string:
		if operator == "*" {
			times, err := toInteger(right)
			if err != nil {
				return nil, err
			}
			if times < 0 || a != "" && times > int64(maximumText/len(a)) {
				return nil, failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
			}
			return strings.Repeat(a, int(times)), nil
		}
	case []Value:
		if operator == "*" {
			times, err := toInteger(right)
			if err != nil {
				return nil, err
			}
			if times < 0 || len(a) > 0 && times > int64(maximumCollection/len(a)) {
				return nil, failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
			}
			product := []Value{}
			for range times {
				product = append(product, a...)
				if len(a) == 0 {
					break
				}
			}
			return product, nil
		}
		return nil, methodNotFound(left, operatorMethods[operator])
	case *Object, *Hashtable, *ScriptBlock, version, typeValue:
		return nil, methodNotFound(left, operatorMethods[operator])
	case nil:
		if operator == "*" {
			return nil, nil
		}
	}
	switch right.(type) {
	case *Object, *Hashtable, *ScriptBlock, time.Time, time.Duration:
		return nil, methodNotFound(left, operatorMethods[operator])
	case []Value:
		return nil, methodNotFound(right, operatorMethods[operator])
	}
	return arithmetic(operator, left, right)
}

// wallClock drops the zone: .NET subtracts what the clocks show, whatever their kind.
func wallClock(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

func span(left, right Value) (Value, error) {
	a, err := toInteger(left)
	if err != nil {
		return nil, err
	}
	b, err := toInteger(right)
	if err != nil {
		return nil, err
	}
	size := b - a
	step := int64(1)
	if b < a {
		size, step = a-b, -1
	}
	if size < 0 || size >= maximumCollection {
		return nil, failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
	}
	items := make([]Value, 0, size+1)
	for i, value := int64(0), a; i <= size; i, value = i+1, value+step {
		items = append(items, value)
	}
	return items, nil
}

// order compares two values; the second result is false where they cannot be compared.
func (in *interpreter) order(left, right Value, exact bool) (int, bool, error) {
	switch a := left.(type) {
	case string:
		b := toText(right)
		if !exact {
			a, b = strings.ToLower(a), strings.ToLower(b)
		}
		return strings.Compare(a, b), true, nil
	case character:
		if b, ok := right.(string); ok {
			return in.order(string(rune(a)), b, exact)
		}
	case time.Time:
		b, ok := right.(time.Time)
		if !ok {
			b, ok = parseTime(toText(right), a.Location())
		}
		if !ok {
			return 0, false, failure("ComparisonFailure", "Could not compare \"%s\" to \"%s\".", toText(left), toText(right))
		}
		return wallClock(a).Compare(wallClock(b)), true, nil
	case time.Duration:
		if b, ok := right.(time.Duration); ok {
			return compareNumbers(float64(a), float64(b)), true, nil
		}
		return 0, false, nil
	case version:
		b, ok := right.(version)
		if !ok {
			b, ok = parseVersion(toText(right))
		}
		if !ok {
			return 0, false, failure("ComparisonFailure", "Could not compare \"%s\" to \"%s\".", toText(left), toText(right))
		}
		for i := range 4 {
			x, y := int64(-1), int64(-1)
			if i < len(a) {
				x = a[i]
			}
			if i < len(b) {
				y = b[i]
			}
			if x != y {
				return compareNumbers(float64(x), float64(y)), true, nil
			}
		}
		return 0, true, nil
	case Enum:
		if text, ok := right.(string); ok {
			if _, err := strconv.ParseInt(text, 10, 64); err != nil {
				return in.order(a.Name, text, exact)
			}
		}
		left = a.Number
	case guidValue, typeValue:
		return in.order(toText(a), toText(right), false)
	case nil:
		if right == nil {
			return 0, true, nil
		}
		if _, number := right.(int64); !number {
			return -1, true, nil
		}
		return -1, true, nil
	case *Object, *Hashtable, *ScriptBlock, []Value, []byte, console, encoding:
		if right == nil {
			return 1, true, nil
		}
		return 1, false, nil
	case bool:
		b := truth(right)
		if a == b {
			return 0, true, nil
		}
		if a {
			return 1, true, nil
		}
		return -1, true, nil
	}
	if right == nil {
		return 1, true, nil
	}
	a, err := toFloat(left)
	if err != nil {
		return 0, false, err
	}
	if x, ok := left.(int64); ok {
		if y, ok := right.(int64); ok {
			switch {
			case x < y:
				return -1, true, nil
			case x > y:
				return 1, true, nil
			}
			return 0, true, nil
		}
	}
	b, err := toFloat(right)
	if err != nil {
		return 0, false, err
	}
	return compareNumbers(a, b), true, nil
}

func compareNumbers(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func same(left, right Value) bool {
	switch a := left.(type) {
	case *Object:
		b, ok := right.(*Object)
		return ok && a == b
	case *Hashtable:
		b, ok := right.(*Hashtable)
		return ok && a == b
	case *ScriptBlock:
		b, ok := right.(*ScriptBlock)
		return ok && a == b
	}
	return false
}

func (in *interpreter) equal(left, right Value, exact bool) bool {
	switch left := left.(type) {
	case *Object:
		if text, ok := right.(string); ok && left.Text != "" {
			return left.Text == text || !exact && strings.EqualFold(left.Text, text)
		}
		return same(left, right)
	case *Hashtable, *ScriptBlock, console, encoding:
		return same(left, right)
	case nil:
		return right == nil
	case []Value, []byte:
		return false
	case string:
		if right == nil {
			return false
		}
	}
	order, ordered, err := in.order(left, right, exact)
	return err == nil && ordered && order == 0
}

func (in *interpreter) compare(name string, left, right Value, exact bool) (bool, error) {
	switch name {
	case "eq":
		return in.equal(left, right, exact), nil
	case "ne":
		return !in.equal(left, right, exact), nil
	case "like", "notlike":
		pattern, err := wildcard(toText(right), exact)
		if err != nil {
			return false, err
		}
		return pattern.MatchString(toText(left)) == (name == "like"), nil
	case "match", "notmatch":
		pattern, err := regular(toText(right), exact)
		if err != nil {
			return false, err
		}
		groups := pattern.FindStringSubmatch(toText(left))
		if groups != nil && name == "match" {
			table := NewHashtable()
			for i, group := range groups {
				if label := pattern.SubexpNames()[i]; label != "" {
					table.Set(label, group)
				} else {
					table.Set(int64(i), group)
				}
			}
			in.scope.variables["matches"] = table
		}
		return (groups != nil) == (name == "match"), nil
	}
	order, ordered, err := in.order(left, right, exact)
	if err != nil {
		return false, err
	}
	if !ordered {
		return false, failure("NotIcomparable", "Cannot compare \"%s\" because it is not IComparable.", toText(left))
	}
	switch name {
	case "gt":
		return order > 0, nil
	case "ge":
		return order >= 0, nil
	case "lt":
		return order < 0, nil
	default:
		return order <= 0, nil
	}
}

func contains(container, item Value, exact bool) bool {
	in := &interpreter{}
	for _, one := range list(container) {
		if in.equal(one, item, exact) {
			return true
		}
	}
	return false
}

// wildcard compiles a pattern with *, ? and [a-z].
func wildcard(pattern string, exact bool) (*regexp.Regexp, error) {
	var text strings.Builder
	text.WriteString("(?s")
	if !exact {
		text.WriteByte('i')
	}
	text.WriteString(")^")
	letters := runes(pattern)
	for i := 0; i < len(letters); i++ {
		switch r := letters[i]; r {
		case '*':
			text.WriteString(".*")
		case '?':
			text.WriteByte('.')
		case '`':
			if i+1 < len(letters) {
				i++
			}
			text.WriteString(regexp.QuoteMeta(string(letters[i])))
		case '[':
			end := i + 1
			for end < len(letters) && letters[end] != ']' {
				end++
			}
			if end >= len(letters) || end == i+1 {
				return nil, failure("RuntimeException", "The specified wildcard character pattern is not valid: %s", pattern)
			}
			class := strings.NewReplacer(`\`, `\\`, `^`, `\^`, `[`, `\[`).Replace(string(letters[i+1 : end]))
			text.WriteString("[" + class + "]")
			i = end
		default:
			text.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	text.WriteByte('$')
	compiled, err := regexp.Compile(text.String())
	if err != nil {
		return nil, failure("RuntimeException", "The specified wildcard character pattern is not valid: %s", pattern)
	}
	return compiled, nil
}

// regular compiles a regular expression; what .NET knows and Go does not (look-around, back-references) is an error.
func regular(pattern string, exact bool) (*regexp.Regexp, error) {
	prefix := "(?i)"
	if exact {
		prefix = ""
	}
	compiled, err := regexp.Compile(prefix + pattern)
	if err != nil {
		return nil, failure("RuntimeException", "parsing \"%s\" - %s", pattern, err)
	}
	return compiled, nil
}

func split(left, right Value, exact bool) (Value, error) {
	limit := int64(0)
	options := list(right)
	if len(options) == 0 {
		return nil, failure("RuntimeException", "The -split operator needs a delimiter.")
	}
	literally := false
	if len(options) > 1 {
		var err error
		if limit, err = toInteger(options[1]); err != nil {
			return nil, err
		}
	}
	if len(options) > 2 {
		literally = strings.EqualFold(toText(options[2]), "SimpleMatch")
	}
	text := toText(options[0])
	if literally {
		text = regexp.QuoteMeta(text)
	}
	pattern, err := regular(text, exact)
	if err != nil {
		return nil, err
	}
	parts := []Value{}
	for _, item := range list(left) {
		input := toText(item)
		start := 0
		count := int64(1)
		for _, hit := range pattern.FindAllStringSubmatchIndex(input, -1) {
			if limit > 0 && count >= limit {
				break
			}
			if hit[1] == hit[0] && hit[0] == 0 && text == "" {
				// An empty pattern also matches before the first character, where .NET gives an empty first part.
				parts = append(parts, "")
				count++
				continue
			}
			parts = append(parts, input[start:hit[0]])
			count++
			for group := 2; group+1 < len(hit); group += 2 {
				if hit[group] >= 0 {
					parts = append(parts, input[hit[group]:hit[group+1]])
				}
			}
			start = hit[1]
		}
		parts = append(parts, input[start:])
	}
	return parts, nil
}

var netReplacement = regexp.MustCompile(`\$(\d+|\{\w+\}|\$|&)`)

func goReplacement(text string) string {
	var result strings.Builder
	last := 0
	for _, hit := range netReplacement.FindAllStringIndex(text, -1) {
		result.WriteString(strings.ReplaceAll(text[last:hit[0]], "$", "$$"))
		switch reference := text[hit[0]:hit[1]]; {
		case reference == "$$":
			result.WriteString("$$")
		case reference == "$&":
			result.WriteString("${0}")
		case reference[1] == '{':
			result.WriteString(reference)
		default:
			result.WriteString("${" + reference[1:] + "}")
		}
		last = hit[1]
	}
	result.WriteString(strings.ReplaceAll(text[last:], "$", "$$"))
	return result.String()
}

func replace(left, right Value, exact bool) (Value, error) {
	options := list(right)
	if len(options) == 0 || len(options) > 2 {
		return nil, failure("BadReplaceArgument", "The -replace operator allows only two elements to follow it, not %d.", len(options))
	}
	with := ""
	if len(options) == 2 {
		with = goReplacement(toText(options[1]))
	}
	pattern, err := regular(toText(options[0]), exact)
	if err != nil {
		return nil, err
	}
	if items, many := left.([]Value); many {
		replaced := []Value{}
		for _, item := range items {
			replaced = append(replaced, pattern.ReplaceAllString(toText(item), with))
		}
		return replaced, nil
	}
	return pattern.ReplaceAllString(toText(left), with), nil
}
