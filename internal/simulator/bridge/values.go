package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"lyncops.dev/operator/internal/simulator/powershell"
)

// A value of no simple kind is a JSON object whose kind says what the rest means. Lists are JSON arrays.
const (
	kindObject = "object" // type, text, properties (pairs of name and value, in order), methods and id
	kindEnum   = "enum"   // type, name, number
	kindTime   = "time"   // value: ISO 8601 in UTC
	kindSpan   = "span"   // ticks: a time span in units of 100 ns
	kindTable  = "table"  // entries: pairs of key and value, in order
)

type wireObject struct {
	Kind       string   `json:"kind"`
	Type       string   `json:"type"`
	Text       string   `json:"text"`
	ID         string   `json:"id,omitempty"`
	Properties [][2]any `json:"properties"`
	Methods    []string `json:"methods"`
}

// encode gives a value as the wire has it. An object with methods is kept, so that they can be called.
func (s *session) encode(value powershell.Value) any {
	switch value := value.(type) {
	case nil, bool, string, int, int64, float64:
		return value
	case time.Time:
		return map[string]any{"kind": kindTime, "value": value.UTC().Format(time.RFC3339Nano)}
	case powershell.Enum:
		return map[string]any{"kind": kindEnum, "type": value.TypeName, "name": value.Name, "number": value.Number}
	case []powershell.Value:
		list := make([]any, 0, len(value))
		for _, one := range value {
			list = append(list, s.encode(one))
		}
		return list
	case *powershell.Hashtable:
		entries := [][2]any{}
		for _, key := range value.Keys() {
			entries = append(entries, [2]any{s.encode(key), s.encode(value.Get(key))})
		}
		return map[string]any{"kind": kindTable, "entries": entries}
	case *powershell.Object:
		wire := wireObject{Kind: kindObject, Type: value.TypeName, Text: value.Text, Properties: [][2]any{}, Methods: value.Methods()}
		for _, name := range value.Names() {
			wire.Properties = append(wire.Properties, [2]any{name, s.encode(value.Get(name))})
		}
		if len(wire.Methods) > 0 {
			wire.ID = s.keep(value)
		}
		return wire
	}
	return fmt.Sprint(value)
}

func (s *session) keep(object *powershell.Object) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strconv.Itoa(len(s.objects) + 1)
	s.objects[id] = object
	return id
}

func (s *session) decodeAll(texts []json.RawMessage) ([]powershell.Value, error) {
	var values []powershell.Value
	for _, text := range texts {
		value, err := s.decode(text)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// decode reads a value as the modules of this package send it: simple kinds, lists, time spans, and objects as {"kind":"object",...}.
func (s *session) decode(text json.RawMessage) (powershell.Value, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, fmt.Errorf("a value is missing")
	}
	switch text[0] {
	case '[':
		var parts []json.RawMessage
		if err := json.Unmarshal(text, &parts); err != nil {
			return nil, err
		}
		list, err := s.decodeAll(parts)
		return append([]powershell.Value{}, list...), err
	case '{':
		return s.decodeObject(text)
	case '"':
		var word string
		err := json.Unmarshal(text, &word)
		return word, err
	}
	if number, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return number, nil
	}
	var value any
	err := json.Unmarshal(text, &value)
	return value, err
}

func (s *session) decodeObject(text json.RawMessage) (powershell.Value, error) {
	var wire struct {
		Kind       string               `json:"kind"`
		Type       string               `json:"type"`
		Text       string               `json:"text"`
		Ticks      int64                `json:"ticks"`
		Properties [][2]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		return nil, err
	}
	if wire.Kind == kindSpan {
		return time.Duration(wire.Ticks) * 100 * time.Nanosecond, nil
	}
	if wire.Kind != kindObject {
		return nil, fmt.Errorf("a value of the kind %q cannot be sent", wire.Kind)
	}
	object := powershell.NewObject(wire.Type)
	object.Text = wire.Text
	for _, property := range wire.Properties {
		name, err := s.decode(property[0])
		if err != nil {
			return nil, err
		}
		value, err := s.decode(property[1])
		if err != nil {
			return nil, err
		}
		object.Set(fmt.Sprint(name), value)
	}
	return object, nil
}
