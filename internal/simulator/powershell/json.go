package powershell

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

func convertToJSON(in *interpreter, b *bound, input []Value, fed bool, out sink) error {
	depth, err := b.number("depth", 2)
	if err != nil {
		return err
	}
	if depth < 0 || depth > 100 {
		return &Failure{ID: "ReachedMaximumDepthAllowed,Microsoft.PowerShell.Commands.ConvertToJsonCommand", Category: "InvalidOperation: (:)", command: "ConvertTo-Json", Message: "The maximum depth allowed for serialization is 100."}
	}
	value := b.parameters["inputobject"]
	if fed {
		if len(input) == 0 {
			return nil
		}
		value = plain(collapse(input))
	}
	if value == nil && fed {
		return nil
	}
	writer := jsonWriter{depth: int(depth), compress: b.flag("compress")}
	writer.value(value, 0, 0)
	if writer.text.Len() > maximumText {
		return failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
	}
	return out(writer.text.String())
}

// jsonWriter writes JSON in the layout of Windows PowerShell: children stand below the bracket that opens them.
type jsonWriter struct {
	text     strings.Builder
	depth    int
	compress bool
}

func (w *jsonWriter) value(value Value, level, column int) {
	if w.text.Len() > maximumText {
		return
	}
	switch value := value.(type) {
	case nil, nothing:
		w.text.WriteString("null")
	case bool:
		w.text.WriteString(strconv.FormatBool(value))
	case int64, float64:
		w.text.WriteString(toText(value))
	case Enum:
		w.text.WriteString(strconv.FormatInt(value.Number, 10))
	case time.Time:
		fmt.Fprintf(&w.text, `"\/Date(%d)\/"`, value.UnixMilli())
	case []Value, []byte:
		if level > w.depth {
			w.quoted(toText(value))
			return
		}
		items := list(value)
		w.brackets('[', ']', len(items), column, func(i, column int) { w.value(items[i], level+1, column) })
	case *Hashtable:
		if level > w.depth {
			w.quoted(toText(value))
			return
		}
		w.members(len(value.keys), column, level, func(i int) (string, Value) { return toText(value.keys[i]), value.Get(value.keys[i]) })
	case *Object:
		if level > w.depth {
			w.quoted(toText(value))
			return
		}
		w.members(len(value.names), column, level, func(i int) (string, Value) { return value.names[i], value.Get(value.names[i]) })
	case time.Duration:
		names := []string{"Ticks", "Days", "Hours", "Milliseconds", "Minutes", "Seconds", "TotalDays", "TotalHours", "TotalMilliseconds", "TotalMinutes", "TotalSeconds"}
		w.members(len(names), column, level, func(i int) (string, Value) {
			part, _ := durationProperty(value, strings.ToLower(names[i]))
			return names[i], part
		})
	case version:
		names := []string{"Major", "Minor", "Build", "Revision", "MajorRevision", "MinorRevision"}
		w.members(len(names), column, level, func(i int) (string, Value) {
			part, known := property(value, names[i])
			if i > 3 || !known {
				part = int64(-1)
			}
			return names[i], part
		})
	default:
		w.quoted(toText(value))
	}
}

func (w *jsonWriter) members(count, column, level int, at func(int) (string, Value)) {
	w.brackets('{', '}', count, column, func(i, column int) {
		name, value := at(i)
		before := w.text.Len()
		w.quoted(name)
		if w.compress {
			w.text.WriteByte(':')
		} else {
			w.text.WriteString(":  ")
		}
		w.value(value, level+1, column+w.text.Len()-before)
	})
}

func (w *jsonWriter) brackets(opening, closing byte, count, column int, item func(i, column int)) {
	w.text.WriteByte(opening)
	for i := range count {
		if i > 0 {
			w.text.WriteByte(',')
		}
		w.line(column + 4)
		item(i, column+4)
		if w.text.Len() > maximumText {
			return
		}
	}
	if count == 0 && !w.compress {
		w.text.WriteString("\r\n")
	}
	w.line(column)
	w.text.WriteByte(closing)
}

func (w *jsonWriter) line(column int) {
	if !w.compress {
		w.text.WriteString("\r\n" + strings.Repeat(" ", column))
	}
}

func (w *jsonWriter) quoted(text string) {
	w.text.WriteByte('"')
	for _, r := range runes(text) {
		switch {
		case r == '"' || r == '\\':
			w.text.WriteByte('\\')
			w.text.WriteRune(r)
		case r == '\n':
			w.text.WriteString(`\n`)
		case r == '\r':
			w.text.WriteString(`\r`)
		case r == '\t':
			w.text.WriteString(`\t`)
		case r == '\b':
			w.text.WriteString(`\b`)
		case r == '\f':
			w.text.WriteString(`\f`)
		case r < 0x20 || r == '<' || r == '>' || r == '&' || r == '\'' || r == 0x85 || r == 0x2028 || r == 0x2029:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&w.text, `\u%04x`, unit)
			}
		default:
			w.text.WriteRune(r)
		}
	}
	w.text.WriteByte('"')
}

func convertFromJSON(_ *interpreter, b *bound, input []Value, fed bool, out sink) error {
	var text strings.Builder
	items := input
	if !fed {
		items = list(b.parameters["inputobject"])
	}
	for i, item := range items {
		if i > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(toText(item))
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text.String())))
	decoder.UseNumber()
	value, err := decodeJSON(decoder)
	if err == nil {
		if _, more := decoder.Token(); more != io.EOF {
			err = fmt.Errorf("something follows the value")
		}
	}
	if err != nil {
		return &Failure{ID: "System.ArgumentException,Microsoft.PowerShell.Commands.ConvertFromJsonCommand", Category: "NotSpecified: (:)", Type: "System.ArgumentException", command: "ConvertFrom-Json",
			Message: "Invalid JSON primitive: " + strings.TrimSuffix(err.Error(), ".") + "."}
	}
	// An array comes down the pipeline as one object in Windows PowerShell.
	return out(value)
}

func decodeJSON(decoder *json.Decoder) (Value, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			items := []Value{}
			for decoder.More() {
				item, err := decodeJSON(decoder)
				if err != nil {
					return nil, err
				}
				items = append(items, item)
			}
			_, err := decoder.Token()
			return items, err
		}
		object := &Object{TypeName: CustomObjectType}
		for decoder.More() {
			name, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			value, err := decodeJSON(decoder)
			if err != nil {
				return nil, err
			}
			object.Set(fmt.Sprint(name), value)
		}
		_, err := decoder.Token()
		return object, err
	case json.Number:
		if whole, err := token.Int64(); err == nil {
			return whole, nil
		}
		return token.Float64()
	case string:
		if inner, ok := strings.CutPrefix(token, "/Date("); ok {
			if inner, ok := strings.CutSuffix(inner, ")/"); ok {
				if milliseconds, err := strconv.ParseInt(inner, 10, 64); err == nil {
					return time.UnixMilli(milliseconds).UTC(), nil
				}
			}
		}
		return token, nil
	}
	return token, nil
}
