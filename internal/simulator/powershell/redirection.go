package powershell

import (
	"bytes"
	"strings"
)

// redirected runs something with its streams going where the redirections say.
func (in *interpreter) redirected(redirections []redirection, out sink, run func(sink) error) error {
	if len(redirections) == 0 {
		return run(out)
	}
	outer := in.streams
	inner, target, finish, err := in.redirect(redirections, out)
	if err != nil {
		return err
	}
	in.streams = inner
	err = run(func(item Value) error {
		in.streams = outer
		err := target(item)
		in.streams = inner
		return err
	})
	in.streams = outer
	if failed := finish(); err == nil {
		err = failed
	}
	return err
}

func (in *interpreter) redirect(redirections []redirection, out sink) (inner outputs, target sink, finish func() error, err error) {
	outer := in.streams
	inner, target = outer, out
	var finishers []func() error
	finish = func() error {
		for _, one := range finishers {
			if err := one(); err != nil {
				return err
			}
		}
		return nil
	}
	for _, one := range redirections {
		var to sink
		if one.to == "1" {
			to = target
		} else {
			name, err := in.evaluate(one.file)
			if err != nil {
				return inner, target, finish, err
			}
			if name == nil {
				to = discard
			} else {
				file, isAppend := toText(name), one.append
				var items []Value
				to = func(item Value) error { items = append(items, item); return nil }
				finishers = append(finishers, func() error {
					text := renderAll(items)
					if isAppend {
						if old, err := in.machine.Files().ReadFile(file); err == nil {
							text = decodeText(old) + text
						}
					}
					return in.machine.Files().WriteFile(file, encodeUTF16(text))
				})
			}
		}
		swap := func(item Value) error {
			saved := in.streams
			in.streams = outer
			err := to(item)
			in.streams = saved
			return err
		}
		if one.from == "1" || one.from == "*" {
			target = to
		}
		if one.from == "2" || one.from == "*" {
			inner.failure = func(failed *Failure) error { return swap(failed.errorRecord()) }
			inner.native = &lineWriter{line: func(line string) error {
				failed := &Failure{Message: line, ID: "NativeCommandError", native: true}
				return swap(failed.errorRecord())
			}}
		}
		if one.from == "3" || one.from == "*" {
			inner.warning = func(text string) error { return swap(text) }
		}
		if one.from == "4" || one.from == "*" {
			inner.verbose = func(text string) error { return swap(text) }
		}
		if one.from == "6" || one.from == "*" {
			inner.host = func(text string) { _ = swap(strings.TrimSuffix(text, "\r\n")) }
		}
	}
	return inner, target, finish, nil
}

func encodeUTF16(text string) []byte {
	encoded, _ := encodingMethod("Unicode", "GetBytes", []Value{text})
	data, _ := encoded.([]byte)
	return append([]byte{0xFF, 0xFE}, data...)
}

// lineWriter passes on whole lines of what is written to it.
type lineWriter struct {
	line func(string) error
	rest []byte
}

func (w *lineWriter) Write(data []byte) (int, error) {
	w.rest = append(w.rest, data...)
	for {
		cut := bytes.IndexByte(w.rest, '\n')
		if cut < 0 {
			return len(data), nil
		}
		line := string(bytes.TrimSuffix(w.rest[:cut], []byte("\r")))
		w.rest = w.rest[cut+1:]
		if err := w.line(line); err != nil {
			return len(data), err
		}
	}
}

func (w *lineWriter) close() error {
	if len(w.rest) == 0 {
		return nil
	}
	line := string(w.rest)
	w.rest = nil
	return w.line(line)
}
