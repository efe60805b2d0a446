package powershell

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"strings"
	"time"
	"unicode/utf16"
)

func (in *interpreter) staticProperty(typeName, name string) (Value, error) {
	switch strings.ToLower(typeName + "::" + name) {
	case "system.console::in":
		return console("in"), nil
	case "system.console::out":
		return console("out"), nil
	case "system.console::error":
		return console("error"), nil
	case "system.console::outputencoding", "system.console::inputencoding":
		return encoding("UTF8"), nil
	case "system.environment::machinename":
		return in.machine.Environment("COMPUTERNAME"), nil
	case "system.environment::newline":
		return "\r\n", nil
	case "system.environment::username":
		return in.machine.Environment("USERNAME"), nil
	case "system.datetime::now":
		return in.machine.Now(), nil
	case "system.datetime::utcnow":
		return in.machine.Now().UTC(), nil
	case "system.datetime::today":
		value, _ := timeProperty(in.machine.Now(), "date")
		return value, nil
	case "system.string::empty":
		return "", nil
	case "system.text.encoding::ascii":
		return encoding("ASCII"), nil
	case "system.text.encoding::utf8":
		return encoding("UTF8"), nil
	case "system.text.encoding::unicode":
		return encoding("Unicode"), nil
	case "system.int32::maxvalue":
		return int64(math.MaxInt32), nil
	case "system.int32::minvalue":
		return int64(math.MinInt32), nil
	case "system.int64::maxvalue":
		return int64(math.MaxInt64), nil
	case "system.int64::minvalue":
		return int64(math.MinInt64), nil
	case "system.double::nan":
		return math.NaN(), nil
	case "system.double::maxvalue":
		return math.MaxFloat64, nil
	case "system.guid::empty":
		return guidValue("00000000-0000-0000-0000-000000000000"), nil
	case "system.io.path::directoryseparatorchar":
		return character('\\'), nil
	case "system.math::pi":
		return math.Pi, nil
	case "system.net.servicepointmanager::securityprotocol", "system.net.securityprotocoltype::tls12":
		return Enum{TypeName: "System.Net.SecurityProtocolType", Name: "Tls12", Number: 3072}, nil
	case "system.stringcomparison::ordinalignorecase":
		return Enum{TypeName: "System.StringComparison", Name: "OrdinalIgnoreCase", Number: 5}, nil
	case "system.stringcomparison::ordinal":
		return Enum{TypeName: "System.StringComparison", Name: "Ordinal", Number: 4}, nil
	}
	if typeName == "System.DayOfWeek" {
		for day := time.Sunday; day <= time.Saturday; day++ {
			if strings.EqualFold(day.String(), name) {
				return Enum{TypeName: typeName, Name: day.String(), Number: int64(day)}, nil
			}
		}
	}
	// As in PowerShell without strict mode, a static property that does not exist is $null.
	return nil, nil
}

// exact checks the number of arguments of a method.
func exact(arguments []Value, counts ...int) bool {
	for _, count := range counts {
		if len(arguments) == count {
			return true
		}
	}
	return false
}

func (in *interpreter) staticMethod(typeName, name string, arguments []Value) (Value, error) {
	missing := func() (Value, error) {
		return nil, &Failure{ID: "MethodNotFound", Category: "InvalidOperation: (:)", Message: fmt.Sprintf("Method invocation failed because [%s] does not contain a method named '%s'.", typeName, name)}
	}
	first, second := textAt(arguments, 0), textAt(arguments, 1)
	lower := strings.ToLower(name)
	if lower == "new" {
		return in.create(typeName, arguments)
	}
	switch typeName {
	case "System.IO.File":
		return in.fileMethod(name, arguments, missing)
	case "System.IO.Directory":
		return in.directoryMethod(name, arguments, missing)
	case "System.IO.Path":
		return in.pathMethod(name, arguments, missing)
	case "System.Convert":
		switch lower {
		case "frombase64string":
			cleaned := strings.Map(func(r rune) rune {
				if strings.ContainsRune(" \t\r\n", r) {
					return -1
				}
				return r
			}, first)
			bytes, err := base64.StdEncoding.DecodeString(cleaned)
			if err != nil {
				return nil, thrownBy(name, arguments, "FormatException", "The input is not a valid Base-64 string as it contains a non-base 64 character, more than two padding characters, or an illegal character among the padding characters. ")
			}
			return bytes, nil
		case "tobase64string":
			bytes, err := in.bytes(firstOf(arguments))
			return base64.StdEncoding.EncodeToString(bytes), err
		case "toint32":
			return in.convert("int", firstOf(arguments))
		case "toint64":
			return in.convert("long", firstOf(arguments))
		case "tostring":
			return toText(firstOf(arguments)), nil
		case "toboolean":
			return in.convert("bool", firstOf(arguments))
		case "todatetime":
			return in.convert("datetime", firstOf(arguments))
		}
	case "System.BitConverter":
		if lower == "tostring" && exact(arguments, 1) {
			bytes, err := in.bytes(arguments[0])
			parts := make([]string, len(bytes))
			for i, one := range bytes {
				parts[i] = fmt.Sprintf("%02X", one)
			}
			return strings.Join(parts, "-"), err
		}
	case "System.Guid":
		switch lower {
		case "newguid":
			var random [16]byte
			_, _ = rand.Read(random[:]) // never fails
			random[6], random[8] = random[6]&0x0f|0x40, random[8]&0x3f|0x80
			text := hex.EncodeToString(random[:])
			return guidValue(text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]), nil
		case "parse":
			return in.convert("guid", first)
		}
	case "System.Text.Encoding":
		if lower == "getencoding" {
			switch strings.ToLower(first) {
			case "utf-8", "65001":
				return encoding("UTF8"), nil
			case "us-ascii", "ascii":
				return encoding("ASCII"), nil
			case "utf-16", "unicode", "1200":
				return encoding("Unicode"), nil
			}
		}
	case "System.Security.Cryptography.SHA256", "System.Security.Cryptography.SHA256CryptoServiceProvider", "System.Security.Cryptography.SHA256Managed":
		if lower == "create" {
			return sha256Object(typeName), nil
		}
	case "System.Console":
		switch lower {
		case "write", "writeline":
			return in.consoleMethod("out", name, arguments)
		case "readline":
			return in.consoleMethod("in", name, arguments)
		case "openstandardinput":
			return console("in"), nil
		}
	case "System.Environment":
		switch lower {
		case "getenvironmentvariable":
			if text := in.environment(first); text != "" {
				return text, nil
			}
			return nil, nil
		case "expandenvironmentvariables":
			return in.expandPercent(first), nil
		case "getfolderpath":
			if strings.EqualFold(first, "CommonApplicationData") {
				return in.environment("ProgramData"), nil
			}
		case "exit":
			code, err := toInteger(firstOf(arguments))
			if err != nil {
				return nil, err
			}
			return nil, exitSignal{int(int32(code))}
		}
	case "System.DateTime":
		switch lower {
		case "parse":
			parsed, err := in.convert("datetime", first)
			if err != nil {
				return nil, thrownBy(name, arguments, "FormatException", "String was not recognized as a valid DateTime.")
			}
			return parsed, nil
		case "fromfiletime", "fromfiletimeutc":
			number, err := toInteger(firstOf(arguments))
			number -= 116444736000000000
			return time.Unix(number/10_000_000, number%10_000_000*100).In(in.machine.Now().Location()), err
		}
	case "System.TimeSpan":
		unit := map[string]time.Duration{"fromdays": 24 * time.Hour, "fromhours": time.Hour, "fromminutes": time.Minute, "fromseconds": time.Second, "frommilliseconds": time.Millisecond}[lower]
		if unit > 0 {
			number, err := toFloat(firstOf(arguments))
			return time.Duration(number * float64(unit)), err
		}
		if lower == "parse" {
			return in.convert("timespan", first)
		}
	case "System.String":
		switch lower {
		case "isnullorempty":
			return first == "", nil
		case "isnullorwhitespace":
			return strings.TrimSpace(first) == "", nil
		case "join":
			items := arguments[min(1, len(arguments)):]
			if len(items) == 1 {
				items = list(items[0])
			}
			parts := make([]string, len(items))
			for i, item := range items {
				parts[i] = toText(item)
			}
			return strings.Join(parts, first), nil
		case "format":
			items := arguments[min(1, len(arguments)):]
			if len(items) == 1 {
				items = list(items[0])
			}
			return format(first, items)
		case "concat":
			text := ""
			for _, argument := range arguments {
				text += toText(argument)
			}
			return text, nil
		case "equals":
			return first == second || len(arguments) > 2 && strings.EqualFold(first, second), nil
		case "compare":
			return int64(strings.Compare(first, second)), nil
		}
	case "System.Math":
		if len(arguments) > 0 {
			a, err := toNumber(arguments[0])
			if err != nil {
				return nil, err
			}
			x, _ := toFloat(a)
			switch lower {
			case "max", "min":
				if len(arguments) == 2 {
					order, _, err := in.order(a, arguments[1], true)
					if err != nil {
						return nil, err
					}
					if (order < 0) == (lower == "max") {
						return toNumber(arguments[1])
					}
					return a, nil
				}
			case "abs":
				if whole, ok := a.(int64); ok {
					return max(whole, -whole), nil
				}
				return math.Abs(x), nil
			case "floor":
				return math.Floor(x), nil
			case "ceiling":
				return math.Ceil(x), nil
			case "truncate":
				return math.Trunc(x), nil
			case "sqrt":
				return math.Sqrt(x), nil
			case "pow":
				y, err := toFloat(arguments[min(1, len(arguments)-1)])
				return math.Pow(x, y), err
			case "round":
				digits := int64(0)
				if len(arguments) > 1 {
					if digits, err = toInteger(arguments[1]); err != nil {
						return nil, err
					}
				}
				scale := math.Pow(10, float64(max(0, min(15, digits))))
				return math.RoundToEven(x*scale) / scale, nil
			}
		}
	case "System.Version":
		if lower == "parse" {
			return in.convert("version", first)
		}
	case "System.Int32", "System.Int64", "System.Double":
		if lower == "parse" {
			return in.convert(typeName, first)
		}
	case "System.Text.RegularExpressions.Regex":
		switch lower {
		case "escape":
			return escapeRegular(first), nil
		case "ismatch":
			pattern, err := regular(second, true)
			if err != nil {
				return nil, err
			}
			return pattern.MatchString(first), nil
		case "replace":
			return replace(first, []Value{second, textAt(arguments, 2)}, true)
		case "split":
			return split(first, second, true)
		}
	case "System.Array":
		if lower == "indexof" && len(arguments) > 1 {
			return in.method(arguments[0], "IndexOf", arguments[1:])
		}
	case "System.Net.Dns":
		if lower == "gethostname" {
			return in.machine.Environment("COMPUTERNAME"), nil
		}
	case "System.Management.Automation.ScriptBlock":
		if lower == "create" {
			block, err := Parse(first)
			if err != nil {
				return nil, thrownBy(name, arguments, "ParseException", err.Error())
			}
			return block, nil
		}
	}
	return missing()
}

func escapeRegular(text string) string {
	var escaped strings.Builder
	for _, r := range text {
		switch r {
		case '\n':
			escaped.WriteString(`\n`)
		case '\r':
			escaped.WriteString(`\r`)
		case '\t':
			escaped.WriteString(`\t`)
		default:
			if strings.ContainsRune(`\*+?|{[()^$.# `, r) {
				escaped.WriteByte('\\')
			}
			escaped.WriteRune(r)
		}
	}
	return escaped.String()
}

func (in *interpreter) bytes(value Value) ([]byte, error) {
	converted, err := in.convertArray("System.Byte", value)
	if err != nil {
		return nil, err
	}
	bytes, _ := converted.([]byte)
	return bytes, nil
}

func (in *interpreter) expandPercent(text string) string { return expandPercent(in.machine, text) }

func sha256Object(typeName string) *Object {
	object := NewObject(typeName, "HashSize", int64(256))
	object.SetMethod("ComputeHash", func(_ context.Context, arguments []Value) (Value, error) {
		bytes, err := (&interpreter{}).bytes(firstOf(arguments))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(bytes)
		return sum[:], nil
	})
	for _, name := range []string{"Dispose", "Clear"} {
		object.SetMethod(name, func(context.Context, []Value) (Value, error) { return nothing{}, nil })
	}
	return object
}

// create is New-Object and [type]::new().
func (in *interpreter) create(typeName string, arguments []Value) (Value, error) {
	switch typeName {
	case CustomObjectType:
		return &Object{TypeName: CustomObjectType}, nil
	case "System.Security.Cryptography.SHA256CryptoServiceProvider", "System.Security.Cryptography.SHA256Managed":
		return sha256Object(typeName), nil
	case "System.Collections.Hashtable":
		return NewHashtable(), nil
	case "System.Object":
		return &Object{TypeName: "System.Object"}, nil
	case "System.Text.UTF8Encoding":
		return encoding("UTF8"), nil
	case "System.Exception":
		return NewObject("System.Exception", "Message", textAt(arguments, 0)), nil
	case "System.Version":
		return in.convert("version", textAt(arguments, 0))
	case "System.Guid":
		return in.convert("guid", textAt(arguments, 0))
	case "System.String":
		if len(arguments) == 2 {
			return in.calculate("*", textAt(arguments, 0), arguments[1])
		}
		text := ""
		for _, item := range list(firstOf(arguments)) {
			text += toText(item)
		}
		return text, nil
	case "System.DateTime", "System.TimeSpan":
		parts := []int{1, 1, 1, 0, 0, 0, 0}
		if typeName == "System.TimeSpan" {
			parts = []int{0, 0, 0, 0, 0, 0, 0}
		}
		for i, argument := range arguments {
			number, err := toInteger(argument)
			if err != nil || i >= len(parts) || number < 0 || number > 1e6 {
				return nil, thrownBy(".ctor", arguments, "ArgumentOutOfRangeException", "Year, Month, and Day parameters describe an un-representable DateTime.")
			}
			parts[i] = int(number)
		}
		if typeName == "System.DateTime" {
			return time.Date(parts[0], time.Month(parts[1]), parts[2], parts[3], parts[4], parts[5], parts[6]*1e6, in.machine.Now().Location()), nil
		}
		if len(arguments) == 3 {
			parts = append([]int{0}, parts...)
		}
		return time.Duration(parts[0])*24*time.Hour + time.Duration(parts[1])*time.Hour + time.Duration(parts[2])*time.Minute + time.Duration(parts[3])*time.Second, nil
	}
	return nil, &Failure{ID: "ConstructorInvokedThrowException", Category: "InvalidOperation: (:)", Message: fmt.Sprintf("Cannot create an object of type [%s] here.", typeName)}
}

func encodingMethod(of encoding, name string, arguments []Value) (Value, error) {
	switch strings.ToLower(name) {
	case "getbytes":
		text := textAt(arguments, 0)
		switch of {
		case "Unicode":
			var bytes []byte
			for _, unit := range utf16.Encode(runes(text)) {
				bytes = append(bytes, byte(unit), byte(unit>>8))
			}
			return bytes, nil
		case "ASCII":
			var bytes []byte
			for _, letter := range runes(text) {
				if letter > 127 {
					letter = '?'
				}
				bytes = append(bytes, byte(letter))
			}
			return bytes, nil
		}
		return []byte(text), nil
	case "getstring":
		bytes, err := (&interpreter{}).bytes(firstOf(arguments))
		if err != nil {
			return nil, err
		}
		switch of {
		case "Unicode":
			return decodeUTF16(bytes), nil
		case "ASCII":
			return strings.Map(func(r rune) rune {
				if r > 127 {
					return '?'
				}
				return r
			}, string(bytes)), nil
		}
		return strings.ToValidUTF8(string(bytes), "\ufffd"), nil
	}
	return nil, methodNotFound(of, name)
}

func decodeUTF16(bytes []byte) string {
	units := make([]uint16, 0, len(bytes)/2)
	for i := 0; i+1 < len(bytes); i += 2 {
		units = append(units, uint16(bytes[i])|uint16(bytes[i+1])<<8)
	}
	return string(utf16.Decode(units))
}

func (in *interpreter) consoleMethod(of console, name string, arguments []Value) (Value, error) {
	lower := strings.ToLower(name)
	if of == "in" {
		switch lower {
		case "readtoend":
			bytes, err := io.ReadAll(io.LimitReader(in.stdin, maximumText))
			if in.cancelled() != nil {
				return nil, in.cancelled()
			}
			if err != nil {
				return nil, thrownBy(name, arguments, "IOException", err.Error())
			}
			return string(bytes), nil
		case "readline":
			line, err := in.stdin.ReadString('\n')
			if err != nil && line == "" {
				return nil, nil
			}
			return strings.TrimRight(line, "\r\n"), nil
		case "peek", "close":
			return nothing{}, nil
		}
		return nil, methodNotFound(of, name)
	}
	text := textAt(arguments, 0)
	if len(arguments) > 1 {
		shown, err := format(text, arguments[1:])
		if err != nil {
			return nil, err
		}
		text = toText(shown)
	}
	switch lower {
	case "write":
	case "writeline":
		text += "\r\n"
	case "flush", "close":
		return nothing{}, nil
	default:
		return nil, methodNotFound(of, name)
	}
	if of == "error" {
		_, _ = io.WriteString(in.streams.native, text)
	} else {
		in.display.flush()
		_, _ = io.WriteString(in.stdout, text)
	}
	return nothing{}, nil
}

// fileError words a file system's error as .NET does.
func fileError(name string, arguments []Value, file string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return thrownBy(name, arguments, "FileNotFoundException", fmt.Sprintf("Could not find file '%s'.", file))
	}
	return thrownBy(name, arguments, "IOException", err.Error())
}

func (in *interpreter) fileMethod(name string, arguments []Value, missing func() (Value, error)) (Value, error) {
	files := in.machine.Files()
	first := textAt(arguments, 0)
	switch strings.ToLower(name) {
	case "exists":
		return files.Exists(first), nil
	case "readalltext", "readalllines", "readallbytes":
		data, err := files.ReadFile(first)
		if err != nil {
			return nil, fileError(name, arguments, first, err)
		}
		switch strings.ToLower(name) {
		case "readallbytes":
			return data, nil
		case "readalltext":
			return decodeText(data), nil
		}
		return textLines(decodeText(data)), nil
	case "writeallbytes":
		bytes, err := in.bytes(arguments[min(1, len(arguments)-1)])
		if err != nil {
			return nil, err
		}
		if err := files.WriteFile(first, bytes); err != nil {
			return nil, fileError(name, arguments, first, err)
		}
		return nothing{}, nil
	case "writealltext", "appendalltext":
		text := textAt(arguments, 1)
		if strings.EqualFold(name, "appendalltext") {
			if old, err := files.ReadFile(first); err == nil {
				text = string(old) + text
			}
		}
		if err := files.WriteFile(first, []byte(text)); err != nil {
			return nil, fileError(name, arguments, first, err)
		}
		return nothing{}, nil
	case "delete":
		if !files.Exists(first) {
			return nothing{}, nil
		}
		if err := files.Remove(first); err != nil {
			return nil, fileError(name, arguments, first, err)
		}
		return nothing{}, nil
	case "move", "copy":
		if !exact(arguments, 2, 3) {
			return missing()
		}
		second := textAt(arguments, 1)
		if !files.Exists(first) {
			return nil, thrownBy(name, arguments, "FileNotFoundException", fmt.Sprintf("Could not find file '%s'.", first))
		}
		replaceIt := len(arguments) == 3 && truth(arguments[2]) && strings.EqualFold(name, "copy")
		if (files.Exists(second) || files.IsDirectory(second)) && !replaceIt {
			return nil, thrownBy(name, arguments, "IOException", "Cannot create a file when that file already exists.\r\n")
		}
		var err error
		if strings.EqualFold(name, "move") {
			err = files.Rename(first, second)
		} else {
			var data []byte
			if data, err = files.ReadFile(first); err == nil {
				err = files.WriteFile(second, data)
			}
		}
		if err != nil {
			return nil, fileError(name, arguments, first, err)
		}
		return nothing{}, nil
	}
	return missing()
}

func (in *interpreter) directoryMethod(name string, arguments []Value, missing func() (Value, error)) (Value, error) {
	files := in.machine.Files()
	first := textAt(arguments, 0)
	switch strings.ToLower(name) {
	case "exists":
		return files.IsDirectory(first), nil
	case "createdirectory":
		if err := files.MkdirAll(first); err != nil {
			return nil, fileError(name, arguments, first, err)
		}
		return in.item(first), nil
	case "delete":
		if err := in.remove(first, len(arguments) > 1 && truth(arguments[1])); err != nil {
			return nil, fileError(name, arguments, first, err)
		}
		return nothing{}, nil
	case "getfiles", "getdirectories":
		names, err := files.List(first)
		if err != nil {
			return nil, thrownBy(name, arguments, "DirectoryNotFoundException", fmt.Sprintf("Could not find a part of the path '%s'.", first))
		}
		found := []Value{}
		for _, one := range names {
			full := joinPath(first, one)
			if files.IsDirectory(full) == strings.EqualFold(name, "getdirectories") {
				found = append(found, full)
			}
		}
		return found, nil
	}
	return missing()
}

func joinPath(parent, child string) string {
	return strings.TrimRight(parent, `\/`) + `\` + strings.TrimLeft(child, `\/`)
}

func leaf(name string) string { return name[strings.LastIndexAny(name, `\/`)+1:] }

func parentOf(name string) string {
	cut := strings.LastIndexAny(strings.TrimRight(name, `\/`), `\/`)
	if cut < 0 {
		return ""
	}
	if cut == 2 && name[1] == ':' {
		return name[:3]
	}
	return name[:cut]
}

func (in *interpreter) pathMethod(name string, arguments []Value, missing func() (Value, error)) (Value, error) {
	first := textAt(arguments, 0)
	switch strings.ToLower(name) {
	case "combine":
		joined := first
		for _, argument := range arguments[min(1, len(arguments)):] {
			next := toText(argument)
			if strings.HasPrefix(next, `\`) || len(next) > 1 && next[1] == ':' || joined == "" {
				joined = next
			} else if next != "" {
				joined = strings.TrimRight(joined, `\/`) + `\` + next
			}
		}
		return joined, nil
	case "getfilename":
		return leaf(first), nil
	case "getdirectoryname":
		return parentOf(first), nil
	case "getextension":
		return path.Ext(leaf(first)), nil
	case "getfilenamewithoutextension":
		return strings.TrimSuffix(leaf(first), path.Ext(leaf(first))), nil
	case "gettemppath":
		return in.environment("TEMP") + `\`, nil
	case "ispathrooted":
		return strings.HasPrefix(first, `\`) || len(first) > 1 && first[1] == ':', nil
	case "getfullpath":
		return first, nil
	}
	return missing()
}

// decodeText reads a file's text: a byte order mark wins, UTF-8 else.
func decodeText(data []byte) string {
	switch {
	case len(data) >= 2 && data[0] == 0xFF && data[1] == 0xFE:
		return decodeUTF16(data[2:])
	case len(data) >= 3 && data[0] == 0xEF && data[1] == 0xBB && data[2] == 0xBF:
		data = data[3:]
	}
	return strings.ToValidUTF8(string(data), "\ufffd")
}

func textLines(text string) []Value {
	lines := []Value{}
	if text == "" {
		return lines
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, strings.TrimSuffix(line, "\r"))
	}
	return lines
}

func (in *interpreter) item(name string) *Object {
	name = strings.TrimRight(name, `\/`)
	typeName := "System.IO.FileInfo"
	if in.machine.Files().IsDirectory(name) {
		typeName = "System.IO.DirectoryInfo"
	}
	object := NewObject(typeName, "Name", leaf(name), "FullName", name, "Extension", path.Ext(leaf(name)), "PSIsContainer", typeName == "System.IO.DirectoryInfo",
		"Exists", true, "DirectoryName", parentOf(name))
	object.Text = name
	object.Display = []string{"Name"}
	if typeName == "System.IO.FileInfo" {
		if data, err := in.machine.Files().ReadFile(name); err == nil {
			object.Set("Length", int64(len(data)))
		}
		object.Display = []string{"Length", "Name"}
	}
	return object
}

var errDirectoryNotEmpty = errors.New("The directory is not empty.\r\n")

func (in *interpreter) remove(name string, recursive bool) error {
	files := in.machine.Files()
	if files.IsDirectory(name) {
		names, err := files.List(name)
		if err != nil {
			return err
		}
		if len(names) > 0 && !recursive {
			return errDirectoryNotEmpty
		}
		for _, one := range names {
			if err := in.cancelled(); err != nil {
				return err
			}
			if err := in.remove(joinPath(name, one), true); err != nil {
				return err
			}
		}
	}
	return files.Remove(name)
}
