package powershell

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
)

func pathNotFound(name string) *Failure {
	return &Failure{ID: "PathNotFound", Category: "ObjectNotFound: (" + name + ":String)", Type: "System.Management.Automation.ItemNotFoundException",
		target: name, Message: "Cannot find path '" + name + "' because it does not exist."}
}

func (b *bound) paths(input []Value) []string {
	values := list(b.parameters["path"])
	if !b.has("path") {
		values = list(b.parameters["literalpath"])
		if !b.has("literalpath") {
			values = input
		}
	}
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = toText(value)
	}
	return names
}

func getContent(in *interpreter, b *bound, input []Value, _ bool, out sink) error {
	total, err := b.number("totalcount", -1)
	if err != nil {
		return err
	}
	tail, err := b.number("tail", -1)
	if err != nil {
		return err
	}
	for _, name := range b.paths(input) {
		data, err := in.machine.Files().ReadFile(name)
		if err != nil {
			failed := pathNotFound(name)
			if !errors.Is(err, fs.ErrNotExist) && in.machine.Files().Exists(name) {
				failed = &Failure{Message: err.Error(), ID: "GetContentReaderIOError"}
			}
			if err := b.fails(in, failed); err != nil {
				return err
			}
			continue
		}
		if strings.EqualFold(b.text("encoding"), "byte") {
			if err := emit(data, out); err != nil {
				return err
			}
			continue
		}
		text := decodeText(data)
		if b.flag("raw") {
			if err := out(text); err != nil {
				return err
			}
			continue
		}
		lines := textLines(text)
		if total >= 0 && total < int64(len(lines)) {
			lines = lines[:total]
		}
		if tail >= 0 && tail < int64(len(lines)) {
			lines = lines[int64(len(lines))-tail:]
		}
		if err := emit(lines, out); err != nil {
			return err
		}
	}
	return nil
}

func setContent(add bool) func(*interpreter, *bound, []Value, bool, sink) error {
	return func(in *interpreter, b *bound, input []Value, fed bool, _ sink) error {
		values := list(b.parameters["value"])
		if !b.has("value") && fed {
			values = input
		}
		for _, name := range b.paths(nil) {
			var data []byte
			if add {
				data, _ = in.machine.Files().ReadFile(name) // a new file begins empty
			}
			if bytes, ok := b.parameters["value"].([]byte); ok && strings.EqualFold(b.text("encoding"), "byte") {
				data = append(data, bytes...)
			} else {
				text := ""
				for _, value := range values {
					text += toText(value)
					if !b.flag("nonewline") {
						text += "\r\n"
					}
				}
				switch strings.ToLower(b.text("encoding")) {
				case "unicode":
					data = append(data, encodeUTF16(text)...)
				case "utf8":
					if len(data) == 0 {
						data = []byte("\ufeff")
					}
					data = append(data, text...)
				default:
					data = append(data, text...)
				}
			}
			if err := in.write(b, name, data); err != nil {
				return err
			}
		}
		return nil
	}
}

func (in *interpreter) write(b *bound, name string, data []byte) error {
	err := in.machine.Files().WriteFile(name, data)
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return b.fails(in, &Failure{ID: "GetContentWriterDirectoryNotFoundError", Category: "ObjectNotFound: (" + name + ":String)", Message: "Could not find a part of the path '" + name + "'."})
	}
	return b.fails(in, &Failure{ID: "GetContentWriterIOError", Message: err.Error()})
}

func outFile(in *interpreter, b *bound, input []Value, _ bool, _ sink) error {
	text := renderAll(input)
	data := encodeUTF16(text)
	switch strings.ToLower(b.text("encoding")) {
	case "utf8":
		data = []byte("\ufeff" + text)
	case "ascii", "default", "oem":
		data = []byte(text)
	}
	name := b.text("filepath")
	if name == "" {
		name = b.text("literalpath")
	}
	if b.flag("append") {
		if old, err := in.machine.Files().ReadFile(name); err == nil {
			data = slices.Concat(old, []byte(text))
		}
	}
	return in.write(b, name, data)
}

func testPath(in *interpreter, b *bound, input []Value, _ bool, out sink) error {
	files := in.machine.Files()
	for _, name := range b.paths(input) {
		found := false
		switch {
		case strings.HasPrefix(strings.ToLower(name), "env:"):
			found = in.environment(name[4:]) != ""
		case strings.EqualFold(b.text("pathtype"), "leaf"):
			found = files.Exists(name)
		case strings.EqualFold(b.text("pathtype"), "container"):
			found = files.IsDirectory(name)
		default:
			found = files.Exists(name) || files.IsDirectory(name)
		}
		if err := out(found); err != nil {
			return err
		}
	}
	return nil
}

func newItem(in *interpreter, b *bound, _ []Value, _ bool, out sink) error {
	name := b.text("path")
	if child := b.text("name"); child != "" {
		name = joinPath(name, child)
	}
	kind := strings.ToLower(b.text("itemtype") + b.text("type"))
	if kind == "" && (b.name == "mkdir" || b.name == "md") {
		kind = "directory"
	}
	files := in.machine.Files()
	if (files.Exists(name) || files.IsDirectory(name)) && !b.flag("force") {
		return b.fails(in, &Failure{ID: "NewItemIOError", Category: "ResourceExists: (" + name + ":String)", Message: "The file '" + name + "' already exists."})
	}
	var err error
	if strings.HasPrefix(kind, "d") || kind == "container" {
		err = files.MkdirAll(name)
	} else {
		if b.flag("force") && parentOf(name) != "" {
			if err := files.MkdirAll(parentOf(name)); err != nil {
				return b.fails(in, &Failure{ID: "NewItemIOError", Message: err.Error()})
			}
		}
		err = files.WriteFile(name, []byte(b.text("value")))
	}
	if err != nil {
		return b.fails(in, &Failure{ID: "NewItemIOError", Message: err.Error()})
	}
	return out(in.item(name))
}

func removeItem(in *interpreter, b *bound, input []Value, _ bool, _ sink) error {
	files := in.machine.Files()
	for _, name := range b.paths(input) {
		names := []string{name}
		if strings.ContainsAny(name, "*?") && !b.has("literalpath") {
			pattern, err := wildcard(leaf(name), false)
			if err != nil {
				return err
			}
			names = nil
			found, _ := files.List(parentOf(name)) // a folder that is not there holds nothing to remove
			for _, one := range found {
				if pattern.MatchString(one) {
					names = append(names, joinPath(parentOf(name), one))
				}
			}
		}
		for _, one := range names {
			if !files.Exists(one) && !files.IsDirectory(one) {
				if err := b.fails(in, pathNotFound(one)); err != nil {
					return err
				}
				continue
			}
			if b.flag("whatif") {
				continue
			}
			if err := in.remove(one, b.flag("recurse")); err != nil {
				if !isFailure(err) {
					return err
				}
				if err := b.fails(in, &Failure{ID: "RemoveFileSystemItemIOError", Category: "WriteError: (" + one + ":String)", Message: "Cannot remove item " + one + ": " + err.Error()}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func joinPaths(_ *interpreter, b *bound, input []Value, fed bool, out sink) error {
	parents := list(b.parameters["path"])
	if fed && !b.has("path") {
		parents = input
	}
	for _, parent := range parents {
		if parent == nil || toText(parent) == "" {
			return &Failure{ID: "ParameterArgumentValidationErrorNullNotAllowed,Microsoft.PowerShell.Commands.JoinPathCommand", Category: "InvalidData: (:)", command: "Join-Path", Message: "Cannot bind argument to parameter 'Path' because it is null."}
		}
		child := b.text("childpath")
		joined := joinPath(toText(parent), child)
		if err := out(joined); err != nil {
			return err
		}
	}
	return nil
}

func splitPath(_ *interpreter, b *bound, input []Value, _ bool, out sink) error {
	for _, name := range b.paths(input) {
		part := parentOf(name)
		if b.flag("leaf") {
			part = leaf(strings.TrimRight(name, `\/`))
		}
		if err := out(part); err != nil {
			return err
		}
	}
	return nil
}
