package lync

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

const (
	answerBegin = "<<<LYNCOPS "
	answerEnd   = " LYNCOPS>>>"
	protocol    = 1
)

// answer is the document a verb prints.
type answer struct {
	Protocol int             `json:"protocol"`
	Verb     string          `json:"verb"`
	OK       bool            `json:"ok"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *answerError    `json:"error,omitempty"`
}

type answerError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  string `json:"detail,omitempty"`
}

// readAnswer finds the one answer to verb among whatever else was printed. An error says what is wrong with it.
func readAnswer(printed []byte, verb string) (answer, error) {
	wrong := errors.New("it holds no answer")
	for rest := printed; ; {
		_, after, found := bytes.Cut(rest, []byte(answerBegin))
		if !found {
			return answer{}, wrong
		}
		found1, err := readOne(after, verb)
		if err == nil {
			return found1, nil
		}
		wrong, rest = err, after
	}
}

func readOne(text []byte, verb string) (answer, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	var document json.RawMessage
	if err := decoder.Decode(&document); err != nil {
		return answer{}, errors.New("the answer is cut off or not JSON")
	}
	if !bytes.HasPrefix(text[decoder.InputOffset():], []byte(answerEnd)) {
		return answer{}, errors.New("the answer lacks its end mark")
	}
	for _, letter := range document {
		if letter >= 0x80 {
			return answer{}, errors.New("the answer holds characters that are not ASCII")
		}
	}
	var version struct {
		Protocol int `json:"protocol"`
	}
	if err := json.Unmarshal(document, &version); err != nil || version.Protocol != protocol {
		return answer{}, fmt.Errorf("the answer does not follow protocol %d", protocol)
	}
	var result answer
	if err := strict(document, &result); err != nil {
		return answer{}, err
	}
	switch {
	case result.Verb != verb:
		return answer{}, errors.New("the answer is to another verb")
	case result.OK && (isNull(result.Result) || result.Error != nil):
		return answer{}, errors.New("the answer is ok but holds no result or an error")
	case !result.OK && result.Error == nil:
		return answer{}, errors.New("the answer is not ok but holds no error")
	}
	return result, nil
}

// strict decodes JSON that must hold every field of into, and no others. Fields that are pointers or marked omitempty may
// be null or missing. Without this a misspelled list would read as an empty one, and "no service runs" would be true.
func strict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return explain(err)
	}
	return complete(text, reflect.TypeOf(into).Elem(), "")
}

// explain says what is wrong without repeating what was received.
func explain(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("field %q holds a %s", wrong.Field, wrong.Value)
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return errors.New("the answer is not JSON")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// complete names the first field of kind that text lacks.
func complete(text []byte, kind reflect.Type, path string) error {
	if kind.Kind() == reflect.Pointer {
		if isNull(text) {
			return nil
		}
		kind = kind.Elem()
	}
	// These have looked for themselves.
	if reflect.PointerTo(kind).Implements(unmarshaler) {
		return nil
	}
	switch kind.Kind() {
	case reflect.Slice:
		if isNull(text) {
			return nil
		}
		var elements []json.RawMessage
		if err := json.Unmarshal(text, &elements); err != nil {
			return fmt.Errorf("%s is not a list", path)
		}
		for i, element := range elements {
			if isNull(element) {
				return fmt.Errorf("%s[%d] is null", path, i)
			}
			if err := complete(element, kind.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(text, &fields); err != nil {
			return fmt.Errorf("%s is not an object", path)
		}
		for field := range kind.Fields() {
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			below := strings.TrimPrefix(path+"."+name, ".")
			value, found := fields[name]
			if !found || isNull(value) {
				if options == "omitempty" || field.Type.Kind() == reflect.Pointer {
					continue
				}
				return fmt.Errorf("%s is missing", below)
			}
			if err := complete(value, field.Type, below); err != nil {
				return err
			}
		}
	}
	return nil
}

func isNull(text json.RawMessage) bool {
	trimmed := bytes.TrimSpace(text)
	return len(trimmed) == 0 || bytes.Equal(trimmed, []byte("null"))
}
