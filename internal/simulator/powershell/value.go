package powershell

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Value is anything a script handles: nil, string, bool, int64, float64, []byte, time.Time, time.Duration, Enum, []Value,
// *Object, *Hashtable, *ScriptBlock, and kinds that only this package makes (characters, types, versions).
type Value = any

// Enum is a named number. It is shown as its name; ConvertTo-Json writes the number, as the Desktop edition does.
type Enum struct {
	TypeName string // optional, such as System.ServiceProcess.ServiceControllerStatus
	Name     string
	Number   int64
}

// Method is what a script calls on an object.
type Method func(ctx context.Context, arguments []Value) (Value, error)

// Object is a thing with named properties in a fixed order; names are compared without regard to case.
type Object struct {
	TypeName string
	// Text is what the object is as a string; empty means PowerShell's default for the type.
	Text string
	// Display names the properties that are shown when a pipeline ends with the object; empty means all.
	Display []string
	// List asks for one property a line even when a table would do.
	List    bool
	names   []string
	values  map[string]Value
	methods map[string]Method
	failure *Failure // of an error record
}

// CustomObjectType is the type of [pscustomobject].
const CustomObjectType = "System.Management.Automation.PSCustomObject"

// NewObject makes an object from names and values in turn; an odd last name gets nil.
func NewObject(typeName string, namesAndValues ...any) *Object {
	o := &Object{TypeName: typeName}
	for i := 0; i < len(namesAndValues); i += 2 {
		var value Value
		if i+1 < len(namesAndValues) {
			value = namesAndValues[i+1]
		}
		o.Set(fmt.Sprint(namesAndValues[i]), value)
	}
	return o
}

// Get gives a property, nil without one of that name.
func (o *Object) Get(name string) Value {
	value, _ := o.Lookup(name)
	return value
}

// Lookup gives a property and whether there is one of that name.
func (o *Object) Lookup(name string) (Value, bool) {
	value, ok := o.values[strings.ToLower(name)]
	return value, ok
}

// Set changes a property or appends it after the others.
func (o *Object) Set(name string, value Value) {
	key := strings.ToLower(name)
	if o.values == nil {
		o.values = map[string]Value{}
	}
	if _, ok := o.values[key]; !ok {
		o.names = append(o.names, name)
	}
	o.values[key] = value
}

// Names lists the properties in order.
func (o *Object) Names() []string { return append([]string(nil), o.names...) }

// SetMethod gives the object a method.
func (o *Object) SetMethod(name string, method Method) {
	if o.methods == nil {
		o.methods = map[string]Method{}
	}
	o.methods[strings.ToLower(name)] = method
}

// Method finds a method; names are compared without regard to case.
func (o *Object) Method(name string) (Method, bool) {
	method, ok := o.methods[strings.ToLower(name)]
	return method, ok
}

// Methods lists the names of the methods, in lower case and sorted.
func (o *Object) Methods() []string {
	return append([]string{}, slices.Sorted(maps.Keys(o.methods))...)
}

// Hashtable is @{}: keys compared without regard to case, kept in the order they were added.
type Hashtable struct {
	Ordered bool
	keys    []Value
	values  map[string]Value
}

// NewHashtable makes an empty table.
func NewHashtable() *Hashtable { return &Hashtable{values: map[string]Value{}} }

func hashKey(key Value) string {
	switch key := key.(type) {
	case string:
		return "s" + strings.ToLower(key)
	case character:
		return "c" + string(rune(key))
	case int64:
		return "n" + strconv.FormatInt(key, 10)
	}
	return fmt.Sprintf("%T", key) + strings.ToLower(toText(key))
}

// Get gives the value of a key, nil without one.
func (h *Hashtable) Get(key Value) Value { return h.values[hashKey(key)] }

// Has tells whether there is such a key.
func (h *Hashtable) Has(key Value) bool {
	_, ok := h.values[hashKey(key)]
	return ok
}

// Set adds or changes an entry.
func (h *Hashtable) Set(key, value Value) {
	if h.values == nil {
		h.values = map[string]Value{}
	}
	if !h.Has(key) {
		h.keys = append(h.keys, key)
	}
	h.values[hashKey(key)] = value
}

// Remove takes an entry out, if it is there.
func (h *Hashtable) Remove(key Value) {
	wanted := hashKey(key)
	if !h.Has(key) {
		return
	}
	delete(h.values, wanted)
	for i, one := range h.keys {
		if hashKey(one) == wanted {
			h.keys = append(h.keys[:i:i], h.keys[i+1:]...)
			return
		}
	}
}

// Keys lists the keys.
func (h *Hashtable) Keys() []Value { return append([]Value(nil), h.keys...) }

type (
	// nothing is the result of a pipeline that wrote nothing: like $null in an expression, but not an item in a pipeline.
	nothing   struct{}
	character rune
	typeValue string // full name with System.
	guidValue string
	version   []int64
	encoding  string
	console   string // in, out or error
)

func plain(value Value) Value {
	if _, ok := value.(nothing); ok {
		return nil
	}
	return value
}

// typeOf gives the .NET name of a value's type.
func typeOf(value Value) string {
	switch value := value.(type) {
	case string:
		return "System.String"
	case bool:
		return "System.Boolean"
	case int64:
		if value > math.MaxInt32 || value < math.MinInt32 {
			return "System.Int64"
		}
		return "System.Int32"
	case float64:
		return "System.Double"
	case []byte:
		return "System.Byte[]"
	case time.Time:
		return "System.DateTime"
	case time.Duration:
		return "System.TimeSpan"
	case []Value:
		return "System.Object[]"
	case *Hashtable:
		if value.Ordered {
			return "System.Collections.Specialized.OrderedDictionary"
		}
		return "System.Collections.Hashtable"
	case *ScriptBlock:
		return "System.Management.Automation.ScriptBlock"
	case *Object:
		if value.TypeName == "" {
			return CustomObjectType
		}
		return value.TypeName
	case Enum:
		if value.TypeName != "" {
			return value.TypeName
		}
		return "System.Enum"
	case character:
		return "System.Char"
	case typeValue:
		return "System.RuntimeType"
	case guidValue:
		return "System.Guid"
	case version:
		return "System.Version"
	case encoding:
		return "System.Text." + string(value) + "Encoding"
	case console:
		return "System.IO.TextReader"
	}
	return "System.Object"
}

func toText(value Value) string {
	switch value := value.(type) {
	case nil, nothing:
		return ""
	case string:
		return value
	case bool:
		if value {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(value, 10)
	case float64:
		return floatText(value)
	case []byte:
		parts := make([]string, len(value))
		for i, one := range value {
			parts[i] = strconv.Itoa(int(one))
		}
		return strings.Join(parts, " ")
	case time.Time:
		return value.Format("01/02/2006 15:04:05")
	case time.Duration:
		return durationText(value)
	case []Value:
		var text strings.Builder
		for i, one := range value {
			if i > 0 {
				text.WriteByte(' ')
			}
			if nested, ok := one.([]Value); ok {
				text.WriteString(typeOf(nested))
			} else {
				text.WriteString(toText(one))
			}
			if text.Len() > maximumText {
				break
			}
		}
		return text.String()
	case *Hashtable:
		return typeOf(value)
	case *ScriptBlock:
		return value.Text
	case *Object:
		return objectText(value, 0)
	case Enum:
		return value.Name
	case character:
		return string(rune(value))
	case typeValue:
		return strings.TrimPrefix(string(value), "")
	case guidValue:
		return string(value)
	case version:
		parts := make([]string, len(value))
		for i, one := range value {
			parts[i] = strconv.FormatInt(one, 10)
		}
		return strings.Join(parts, ".")
	}
	return typeOf(value)
}

// maximumText bounds any text a script builds, in bytes.
const maximumText = 64 << 20

func objectText(o *Object, depth int) string {
	if o.Text != "" {
		return o.Text
	}
	if o.TypeName != "" && !isCustom(o) {
		return o.TypeName
	}
	if len(o.names) == 0 {
		return ""
	}
	var parts []string
	for _, name := range o.names {
		value := o.Get(name)
		text := ""
		switch value := value.(type) {
		case *Object:
			// PowerShell shows a custom object within another as nothing.
			if depth == 0 && !isCustom(value) || value.Text != "" {
				text = objectText(value, depth+1)
			}
		case []Value:
			text = typeOf(value)
		default:
			text = toText(value)
		}
		parts = append(parts, name+"="+text)
	}
	return "@{" + strings.Join(parts, "; ") + "}"
}

func isCustom(o *Object) bool {
	return o.TypeName == "" || o.TypeName == CustomObjectType || strings.HasPrefix(o.TypeName, "Selected.")
}

// floatText writes a double as .NET Framework does: 15 significant digits.
func floatText(value float64) string {
	switch {
	case math.IsNaN(value):
		return "NaN"
	case math.IsInf(value, 1):
		return "Infinity"
	case math.IsInf(value, -1):
		return "-Infinity"
	case value == 0:
		return "0"
	}
	text := strconv.FormatFloat(value, 'e', 14, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	power, _ := strconv.Atoi(exponent)
	if power >= 15 || power < -5 {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
		return fmt.Sprintf("%sE%+03d", mantissa, power)
	}
	text = strconv.FormatFloat(value, 'f', max(0, 14-power), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func durationText(value time.Duration) string {
	sign := ""
	if value < 0 {
		sign, value = "-", -value
	}
	days := value / (24 * time.Hour)
	rest := value % (24 * time.Hour)
	text := fmt.Sprintf("%02d:%02d:%02d", rest/time.Hour, rest%time.Hour/time.Minute, rest%time.Minute/time.Second)
	if days > 0 {
		text = fmt.Sprintf("%d.%s", days, text)
	}
	if ticks := rest % time.Second / 100; ticks > 0 {
		text += fmt.Sprintf(".%07d", ticks)
	}
	return sign + text
}

func truth(value Value) bool {
	switch value := value.(type) {
	case nil, nothing:
		return false
	case bool:
		return value
	case string:
		return value != ""
	case int64:
		return value != 0
	case float64:
		return value != 0
	case character:
		return value != 0
	case Enum:
		return value.Number != 0
	case time.Duration:
		return true
	case []byte:
		return len(value) > 1 || len(value) == 1 && value[0] != 0
	case []Value:
		switch len(value) {
		case 0:
			return false
		case 1:
			return truth(value[0])
		}
		return true
	}
	return true
}

// list gives the items of a value as a pipeline would see them.
func list(value Value) []Value {
	switch value := value.(type) {
	case nothing:
		return nil
	case []Value:
		return value
	case []byte:
		items := make([]Value, len(value))
		for i, one := range value {
			items[i] = int64(one)
		}
		return items
	}
	return []Value{value}
}

// collapse is the value of a pipeline that wrote these items.
func collapse(items []Value) Value {
	switch len(items) {
	case 0:
		return nothing{}
	case 1:
		return items[0]
	}
	return items
}

// toNumber gives int64 or float64.
func toNumber(value Value) (Value, error) {
	switch value := value.(type) {
	case nil, nothing:
		return int64(0), nil
	case int64, float64:
		return value, nil
	case bool:
		if value {
			return int64(1), nil
		}
		return int64(0), nil
	case character:
		return int64(value), nil
	case Enum:
		return value.Number, nil
	case string:
		text := strings.TrimSpace(value)
		if text == "" {
			return int64(0), nil
		}
		p := &parser{source: &source{text: []rune(text)}, text: []rune(text)}
		sign := int64(1)
		if text[0] == '-' || text[0] == '+' {
			if text[0] == '-' {
				sign = -1
			}
			p.pos++
		}
		if number, ok := p.number(); ok && p.pos == len(p.text) {
			if sign < 0 {
				number = arithmeticNegative(number)
			}
			return number, nil
		}
		return nil, failure("InvalidCastFromStringToInteger", `Cannot convert value "%s" to type "System.Int32". Error: "Input string was not in a correct format."`, value)
	case []Value:
		if len(value) == 1 {
			if _, nested := value[0].([]Value); !nested {
				return toNumber(value[0])
			}
		}
	}
	return nil, failure("ConvertToFinalInvalidCastException", `Cannot convert the "%s" value of type "%s" to type "System.Int32".`, toText(value), typeOf(value))
}

func toInteger(value Value) (int64, error) {
	number, err := toNumber(value)
	if err != nil {
		return 0, err
	}
	switch number := number.(type) {
	case int64:
		return number, nil
	case float64:
		rounded := math.RoundToEven(number)
		if math.IsNaN(number) || rounded >= math.MaxInt64 || rounded <= math.MinInt64 {
			return 0, failure("InvalidCastIConvertible", `Cannot convert value "%s" to type "System.Int32". Error: "Value was either too large or too small for an Int32."`, floatText(number))
		}
		return int64(rounded), nil
	default:
		return 0, badCast(value, "System.Int32")
	}
}

func toFloat(value Value) (float64, error) {
	number, err := toNumber(value)
	if err != nil {
		return 0, err
	}
	switch number := number.(type) {
	case int64:
		return float64(number), nil
	case float64:
		return number, nil
	default:
		return 0, badCast(value, "System.Double")
	}
}

func arithmetic(operator string, left, right Value) (Value, error) {
	a, err := toNumber(left)
	if err != nil {
		return nil, err
	}
	b, err := toNumber(right)
	if err != nil {
		return nil, err
	}
	x, xWhole := a.(int64)
	y, yWhole := b.(int64)
	if xWhole && yWhole {
		if (operator == "/" || operator == "%") && y == 0 {
			return nil, failure("RuntimeException", "Attempted to divide by zero.")
		}
		switch operator {
		case "+":
			if sum := x + y; (sum > x) == (y > 0) {
				return sum, nil
			}
		case "-":
			if difference := x - y; (difference < x) == (y > 0) {
				return difference, nil
			}
		case "*":
			product := new(big.Int).Mul(big.NewInt(x), big.NewInt(y))
			if product.IsInt64() {
				return product.Int64(), nil
			}
		case "/":
			if y != -1 && x%y == 0 {
				return x / y, nil
			}
			if y == -1 && x != math.MinInt64 {
				return -x, nil
			}
		case "%":
			if y == -1 {
				return int64(0), nil
			}
			return x % y, nil
		}
	}
	f, err := toFloat(a)
	if err != nil {
		return nil, err
	}
	g, err := toFloat(b)
	if err != nil {
		return nil, err
	}
	switch operator {
	case "+":
		return f + g, nil
	case "-":
		return f - g, nil
	case "*":
		return f * g, nil
	case "/":
		return f / g, nil
	default:
		return math.Mod(f, g), nil
	}
}

func runes(text string) []rune {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\ufffd")
	}
	return []rune(text)
}

func parseVersion(text string) (version, bool) {
	parts := strings.Split(strings.TrimSpace(text), ".")
	if len(parts) < 2 || len(parts) > 4 {
		return nil, false
	}
	var result version
	for _, part := range parts {
		number, err := strconv.ParseInt(part, 10, 32)
		if err != nil || number < 0 {
			return nil, false
		}
		result = append(result, number)
	}
	return result, true
}
