package powershell

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// types maps the short names that scripts write, lower case and without System., to full names.
var types = map[string]string{
	"string": "System.String", "int": "System.Int32", "int32": "System.Int32", "int16": "System.Int16", "uint16": "System.UInt16",
	"long": "System.Int64", "int64": "System.Int64", "uint32": "System.UInt32", "uint64": "System.UInt64", "short": "System.Int16",
	"double": "System.Double", "float": "System.Single", "single": "System.Single", "decimal": "System.Decimal",
	"bool": "System.Boolean", "boolean": "System.Boolean", "byte": "System.Byte", "char": "System.Char", "object": "System.Object",
	"datetime": "System.DateTime", "timespan": "System.TimeSpan", "array": "System.Array", "void": "System.Void",
	"hashtable": "System.Collections.Hashtable", "collections.hashtable": "System.Collections.Hashtable",
	"pscustomobject": CustomObjectType, "psobject": CustomObjectType, "management.automation.psobject": CustomObjectType,
	"management.automation.pscustomobject": CustomObjectType, "guid": "System.Guid", "version": "System.Version",
	"switch": "System.Management.Automation.SwitchParameter", "scriptblock": "System.Management.Automation.ScriptBlock",
	"regex": "System.Text.RegularExpressions.Regex", "text.regularexpressions.regex": "System.Text.RegularExpressions.Regex",
	"type": "System.Type", "math": "System.Math", "convert": "System.Convert", "bitconverter": "System.BitConverter",
	"io.file": "System.IO.File", "io.directory": "System.IO.Directory", "io.path": "System.IO.Path",
	"text.encoding": "System.Text.Encoding", "text.utf8encoding": "System.Text.UTF8Encoding", "console": "System.Console",
	"environment": "System.Environment", "security.cryptography.sha256": "System.Security.Cryptography.SHA256",
	"security.cryptography.sha256cryptoserviceprovider": "System.Security.Cryptography.SHA256CryptoServiceProvider",
	"security.cryptography.sha256managed":               "System.Security.Cryptography.SHA256Managed",
	"dayofweek":                                         "System.DayOfWeek", "exception": "System.Exception", "net.servicepointmanager": "System.Net.ServicePointManager",
	"net.securityprotocoltype": "System.Net.SecurityProtocolType", "net.dns": "System.Net.Dns", "timezoneinfo": "System.TimeZoneInfo",
	"stringcomparison": "System.StringComparison",
	"datetimekind":     "System.DateTimeKind", "diagnostics.process": "System.Diagnostics.Process",
	"management.automation.errorrecord": "System.Management.Automation.ErrorRecord",
}

func knownType(name string) (string, bool) {
	lower := strings.ToLower(name)
	suffix := ""
	for strings.HasSuffix(lower, "[]") {
		lower, suffix = strings.TrimSuffix(lower, "[]"), suffix+"[]"
	}
	full, ok := types[strings.TrimPrefix(lower, "system.")]
	return full + suffix, ok
}

func isOfType(value Value, name string) bool {
	actual := typeOf(value)
	switch name {
	case "System.Object":
		return value != nil
	case "System.Array":
		return strings.HasSuffix(actual, "[]")
	case CustomObjectType:
		_, ok := value.(*Object)
		return ok
	case "System.Type":
		return actual == "System.RuntimeType"
	case "System.Enum":
		_, ok := value.(Enum)
		return ok
	case "System.Exception":
		return strings.HasSuffix(actual, "Exception")
	}
	return strings.EqualFold(actual, name)
}

func badCast(value Value, typeName string) error {
	return &Failure{ID: "InvalidCastException", Category: "InvalidArgument: (:)", Message: fmt.Sprintf(`Cannot convert the "%s" value of type "%s" to type "%s".`, toText(value), typeOf(value), typeName)}
}

func (in *interpreter) convert(name string, value Value) (Value, error) {
	full, ok := knownType(name)
	if !ok {
		if object, isObject := value.(*Object); isObject && strings.EqualFold(object.TypeName, strings.TrimPrefix(name, "System.")) {
			return value, nil
		}
		return nil, unknownType(name)
	}
	if element, isArray := strings.CutSuffix(full, "[]"); isArray {
		return in.convertArray(element, value)
	}
	integer := func(low, high float64) (Value, error) {
		number, err := toInteger(value)
		if err != nil {
			if failed := asFailure(err); true {
				failed.Message = strings.Replace(failed.Message, "System.Int32", full, 1)
				return nil, failed
			}
		}
		if float64(number) < low || float64(number) > high {
			return nil, &Failure{ID: "InvalidCastIConvertible", Category: "InvalidArgument: (:)", Message: fmt.Sprintf(`Cannot convert value "%s" to type "%s". Error: "Value was either too large or too small for %s %s."`,
				toText(value), full, map[bool]string{true: "an", false: "a"}[full == "System.Int32" || full == "System.Int64"], strings.TrimPrefix(full, "System."))}
		}
		return number, nil
	}
	switch full {
	case "System.Object":
		return value, nil
	case "System.Void":
		return nothing{}, nil
	case "System.String":
		return in.text(value), nil
	case "System.Boolean", "System.Management.Automation.SwitchParameter":
		return truth(value), nil
	case "System.Int32":
		return integer(math.MinInt32, math.MaxInt32)
	case "System.Int16":
		return integer(math.MinInt16, math.MaxInt16)
	case "System.UInt16":
		return integer(0, math.MaxUint16)
	case "System.UInt32":
		return integer(0, math.MaxUint32)
	case "System.UInt64":
		return integer(0, math.MaxInt64)
	case "System.Int64":
		return integer(math.MinInt64, math.MaxInt64)
	case "System.Byte":
		return integer(0, 255)
	case "System.Double", "System.Single", "System.Decimal":
		return toFloatNamed(value, full)
	case "System.Char":
		switch value := value.(type) {
		case int64:
			if value >= 0 && value <= 0xFFFF {
				return character(value), nil
			}
		case character:
			return value, nil
		case string:
			if letters := runes(value); len(letters) == 1 {
				return character(letters[0]), nil
			}
		}
		return nil, badCast(value, full)
	case "System.DateTime":
		switch value := value.(type) {
		case time.Time:
			return value, nil
		case string:
			if parsed, ok := parseTime(value, in.machine.Now().Location()); ok {
				return parsed, nil
			}
			return nil, &Failure{ID: "InvalidCastParseTargetInvocation", Category: "InvalidArgument: (:)",
				Message: fmt.Sprintf(`Cannot convert value "%s" to type "System.DateTime". Error: "String was not recognized as a valid DateTime."`, value)}
		}
		return nil, badCast(value, full)
	case "System.TimeSpan":
		if span, ok := value.(time.Duration); ok {
			return span, nil
		}
		if number, ok := value.(int64); ok {
			return time.Duration(number) * 100, nil
		}
		if span, ok := parseDuration(toText(value)); ok {
			return span, nil
		}
		return nil, badCast(value, full)
	case "System.Array":
		return in.convertArray("System.Object", value)
	case "System.Collections.Hashtable":
		switch value.(type) {
		case *Hashtable, nil:
			return value, nil
		}
		return nil, badCast(value, full)
	case CustomObjectType:
		if table, ok := value.(*Hashtable); ok {
			return objectOf(table), nil
		}
		return value, nil
	case "System.Guid":
		text := strings.ToLower(strings.Trim(toText(value), "{}"))
		if len(text) == 36 && strings.Count(text, "-") == 4 {
			return guidValue(text), nil
		}
		return nil, badCast(value, full)
	case "System.Version":
		if known, ok := value.(version); ok {
			return known, nil
		}
		if parsed, ok := parseVersion(toText(value)); ok {
			return parsed, nil
		}
		return nil, badCast(value, full)
	case "System.Management.Automation.ScriptBlock":
		if script, ok := value.(*ScriptBlock); ok {
			return script, nil
		}
		return nil, badCast(value, full)
	case "System.Type":
		if known, ok := value.(typeValue); ok {
			return known, nil
		}
		known, ok := knownType(toText(value))
		if !ok {
			return nil, unknownType(toText(value))
		}
		return typeValue(known), nil
	case "System.Text.RegularExpressions.Regex":
		_, err := regular(toText(value), true)
		return toText(value), err
	}
	if isOfType(value, full) {
		return value, nil
	}
	return nil, badCast(value, full)
}

func toFloatNamed(value Value, full string) (Value, error) {
	number, err := toFloat(value)
	if err != nil {
		failed := asFailure(err)
		failed.Message = strings.Replace(failed.Message, "System.Int32", full, 1)
		return nil, failed
	}
	return number, nil
}

func (in *interpreter) convertArray(element string, value Value) (Value, error) {
	if value == nil {
		return nil, nil
	}
	if bytes, ok := value.([]byte); ok && element == "System.Byte" {
		return bytes, nil
	}
	items := list(value)
	if text, ok := value.(string); ok && element == "System.Char" {
		items = nil
		for _, letter := range runes(text) {
			items = append(items, character(letter))
		}
	}
	if element == "System.Byte" {
		bytes := make([]byte, len(items))
		for i, item := range items {
			number, err := in.convert("byte", item)
			if err != nil {
				return nil, err
			}
			whole, err := toInteger(number)
			if err != nil {
				return nil, err
			}
			bytes[i] = byte(whole)
		}
		return bytes, nil
	}
	converted := make([]Value, len(items))
	for i, item := range items {
		one, err := in.convert(element, item)
		if err != nil {
			return nil, err
		}
		converted[i] = one
	}
	return converted, nil
}

var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02",
	"1/2/2006 15:04:05", "1/2/2006 3:04:05 PM", "1/2/2006 15:04", "1/2/2006 3:04 PM", "1/2/2006", "Monday, January 2, 2006 3:04:05 PM", "January 2, 2006",
}

func parseTime(text string, zone *time.Location) (time.Time, bool) {
	for _, layout := range timeLayouts {
		if parsed, err := time.ParseInLocation(layout, strings.TrimSpace(text), zone); err == nil {
			return parsed.In(zone), true
		}
	}
	return time.Time{}, false
}

func parseDuration(text string) (time.Duration, bool) {
	sign := int64(1)
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = -1, rest
	}
	days := int64(0)
	parts := strings.Split(text, ":")
	if len(parts) == 1 {
		number, err := strconv.ParseInt(text, 10, 32)
		return time.Duration(sign*number*24) * time.Hour, err == nil
	}
	if before, after, found := strings.Cut(parts[0], "."); found {
		number, err := strconv.ParseInt(before, 10, 32)
		if err != nil {
			return 0, false
		}
		days, parts[0] = number, after
	}
	if len(parts) > 3 {
		return 0, false
	}
	total := time.Duration(days) * 24 * time.Hour
	for i, unit := range []time.Duration{time.Hour, time.Minute, time.Second} {
		if i >= len(parts) {
			break
		}
		number, err := strconv.ParseFloat(parts[i], 64)
		if err != nil || number < 0 || number > 1e6 {
			return 0, false
		}
		total += time.Duration(number * float64(unit))
	}
	return time.Duration(sign * int64(total)), true
}

// formatTime writes a time by a .NET format string.
func formatTime(t time.Time, format string) string {
	switch format {
	case "":
		return t.Format("1/2/2006 3:04:05 PM")
	case "o", "O":
		text := t.Format("2006-01-02T15:04:05.0000000")
		if t.Location() == time.UTC {
			return text + "Z"
		}
		return text + t.Format("-07:00")
	case "s":
		return t.Format("2006-01-02T15:04:05")
	case "u":
		return t.Format("2006-01-02 15:04:05Z")
	case "r", "R":
		return t.Format("Mon, 02 Jan 2006 15:04:05 GMT")
	case "d":
		return t.Format("1/2/2006")
	case "D":
		return t.Format("Monday, January 2, 2006")
	case "t":
		return t.Format("3:04 PM")
	case "T":
		return t.Format("3:04:05 PM")
	case "g":
		return t.Format("1/2/2006 3:04 PM")
	case "G":
		return t.Format("1/2/2006 3:04:05 PM")
	case "F", "U":
		return t.Format("Monday, January 2, 2006 3:04:05 PM")
	}
	var text strings.Builder
	letters := []rune(format)
	for i := 0; i < len(letters); {
		r := letters[i]
		length := 1
		for i+length < len(letters) && letters[i+length] == r {
			length++
		}
		layout := ""
		switch r {
		case 'y':
			layout = map[bool]string{true: "06", false: "2006"}[length <= 2]
		case 'M':
			layout = []string{"1", "01", "Jan", "January"}[min(length, 4)-1]
		case 'd':
			layout = []string{"2", "02", "Mon", "Monday"}[min(length, 4)-1]
		case 'H':
			fmt.Fprintf(&text, "%0*d", min(length, 2), t.Hour())
		case 'h':
			layout = []string{"3", "03"}[min(length, 2)-1]
		case 'm':
			layout = []string{"4", "04"}[min(length, 2)-1]
		case 's':
			layout = []string{"5", "05"}[min(length, 2)-1]
		case 'f', 'F':
			text.WriteString(fmt.Sprintf("%09d", t.Nanosecond())[:min(length, 7)])
		case 't':
			layout = "PM"
		case 'z':
			layout = []string{"-07", "-07", "-07:00"}[min(length, 3)-1]
		case 'K':
			layout = "Z07:00"
		case '\'', '"':
			end := i + 1
			for end < len(letters) && letters[end] != r {
				end++
			}
			text.WriteString(string(letters[i+1 : end]))
			i = min(end+1, len(letters))
			continue
		case '\\':
			if i+1 < len(letters) {
				text.WriteRune(letters[i+1])
			}
			i += 2
			continue
		default:
			text.WriteString(strings.Repeat(string(r), length))
		}
		if layout != "" {
			text.WriteString(t.Format(layout))
		}
		i += length
	}
	return text.String()
}

// format is the -f operator.
func format(pattern string, items []Value) (Value, error) {
	bad := func() (Value, error) {
		return nil, &Failure{ID: "FormatError", Category: "InvalidOperation: (:)", Message: "Error formatting a string: Input string was not in a correct format.."}
	}
	var text strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '{':
			if i+1 < len(pattern) && pattern[i+1] == '{' {
				text.WriteByte('{')
				i++
				continue
			}
			end := strings.IndexByte(pattern[i:], '}')
			if end < 0 {
				return bad()
			}
			inner := pattern[i+1 : i+end]
			i += end
			inner, specification, _ := strings.Cut(inner, ":")
			number, width, _ := strings.Cut(inner, ",")
			place, err := strconv.Atoi(strings.TrimSpace(number))
			if err != nil || place < 0 {
				return bad()
			}
			if place >= len(items) {
				return nil, &Failure{ID: "FormatError", Category: "InvalidOperation: (:)", Message: "Error formatting a string: Index (zero based) must be greater than or equal to zero and less than the size of the argument list.."}
			}
			shown := formatted(items[place], specification)
			if width != "" {
				pad, err := strconv.Atoi(strings.TrimSpace(width))
				if err != nil || pad > 1<<16 || pad < -1<<16 {
					return bad()
				}
				shown = fmt.Sprintf("%*s", pad, shown)
			}
			text.WriteString(shown)
		case '}':
			if i+1 == len(pattern) || pattern[i+1] != '}' {
				return bad()
			}
			i++
			text.WriteByte('}')
		default:
			text.WriteByte(c)
		}
		if text.Len() > maximumText {
			return nil, failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
		}
	}
	return text.String(), nil
}

// formatted writes a value by a .NET format specification.
func formatted(value Value, specification string) string {
	switch value := value.(type) {
	case time.Time:
		return formatTime(value, specification)
	case int64, float64:
		if specification == "" {
			return toText(value)
		}
		return formatNumber(value, specification)
	case time.Duration:
		if specification != "" && specification != "c" {
			replacer := strings.NewReplacer(`\`, "", "dd", fmt.Sprintf("%02d", value/(24*time.Hour)), "hh", fmt.Sprintf("%02d", value/time.Hour%24),
				"mm", fmt.Sprintf("%02d", value/time.Minute%60), "ss", fmt.Sprintf("%02d", value/time.Second%60))
			return replacer.Replace(specification)
		}
	case guidValue:
		return guidText(value, specification)
	case Enum:
		if strings.EqualFold(specification, "d") {
			return strconv.FormatInt(value.Number, 10)
		}
	}
	return toText(value)
}

func guidText(value guidValue, specification string) string {
	switch strings.ToUpper(specification) {
	case "N":
		return strings.ReplaceAll(string(value), "-", "")
	case "B":
		return "{" + string(value) + "}"
	case "P":
		return "(" + string(value) + ")"
	}
	return string(value)
}

func formatNumber(value Value, specification string) string {
	number, err := toFloat(value)
	if err != nil {
		return toText(value)
	}
	kind := specification[0]
	precision, parsed := strconv.Atoi(specification[1:])
	standard := len(specification) == 1 || parsed == nil && precision >= 0 && precision <= 99
	if standard {
		whole, isWhole := value.(int64)
		defaulted := func(other int) int {
			if len(specification) == 1 {
				return other
			}
			return precision
		}
		switch kind {
		case 'x', 'X':
			if isWhole {
				text := strconv.FormatUint(uint64(whole), 16)
				if whole < 0 && whole >= math.MinInt32 {
					text = strconv.FormatUint(uint64(uint32(whole)), 16)
				}
				text = strings.Repeat("0", max(0, defaulted(0)-len(text))) + text
				if kind == 'X' {
					return strings.ToUpper(text)
				}
				return text
			}
		case 'd', 'D':
			if isWhole {
				sign, digits := "", strconv.FormatInt(whole, 10)
				if whole < 0 {
					sign, digits = "-", digits[1:]
				}
				return sign + strings.Repeat("0", max(0, defaulted(0)-len(digits))) + digits
			}
		case 'n', 'N':
			return grouped(rounded(number, defaulted(2)))
		case 'f', 'F':
			return rounded(number, defaulted(2))
		case 'p', 'P':
			return grouped(rounded(number*100, defaulted(2))) + "%"
		case 'e', 'E':
			text := strconv.FormatFloat(number, kind, defaulted(6), 64)
			cut := strings.IndexByte(text, kind)
			power, _ := strconv.Atoi(text[cut+1:])
			return fmt.Sprintf("%s%c%+04d", text[:cut], kind, power)
		case 'g', 'G':
			return toText(value)
		}
	}
	// A custom format: zeros and hashes around a point.
	whole, fraction, point := strings.Cut(specification, ".")
	least := strings.Count(fraction, "0")
	text := rounded(number, strings.Count(fraction, "0")+strings.Count(fraction, "#"))
	sign := ""
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "-", rest
	}
	digits, decimals, _ := strings.Cut(text, ".")
	if point {
		for len(decimals) > least && strings.HasSuffix(decimals, "0") {
			decimals = decimals[:len(decimals)-1]
		}
	}
	if zeros := strings.Count(whole, "0"); len(digits) < zeros {
		digits = strings.Repeat("0", zeros-len(digits)) + digits
	} else if zeros == 0 && digits == "0" {
		digits = ""
	}
	if strings.Contains(whole, ",") {
		digits = grouped(digits)
	}
	if decimals != "" {
		digits += "." + decimals
	}
	return sign + digits
}

// rounded rounds half away from zero, as .NET Framework formats numbers.
func rounded(number float64, digits int) string {
	if digits <= 12 && math.Abs(number) < 1e15 {
		scale := math.Pow(10, float64(digits))
		if scaled := number * scale; math.Abs(scaled) < 1<<52 {
			number = math.Round(scaled) / scale
		}
	}
	return strconv.FormatFloat(number, 'f', digits, 64)
}

func grouped(text string) string {
	sign := ""
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "-", rest
	}
	digits, decimals, point := strings.Cut(text, ".")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if point {
		digits += "." + decimals
	}
	return sign + digits
}
