package powershell

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// programStage runs a program of the machine.
func (in *interpreter) programStage(name string, arguments []passed, fed bool, out sink) (stage, error) {
	var words []string
	for _, one := range arguments {
		if one.parameter != "" {
			word := "-" + one.parameter
			if one.colon {
				word += ":"
			}
			if !one.hasValue {
				words = append(words, word)
				continue
			}
			words = append(words, word+toText(one.value))
			continue
		}
		if one.text != "" {
			words = append(words, one.text)
			continue
		}
		for _, item := range list(one.value) {
			if item != nil {
				words = append(words, toText(item))
			}
		}
	}
	var input bytes.Buffer
	run := func() error {
		stdin := io.Reader(in.stdin)
		if fed {
			stdin = &input
		}
		lines := &lineWriter{line: func(line string) error {
			if !utf8.ValidString(line) {
				line = strings.ToValidUTF8(line, "\ufffd")
			}
			return out(line)
		}}
		code, found := in.program(name, words, stdin, lines, in.streams.native)
		if in.cancelled() != nil {
			return in.cancelled()
		}
		if !found {
			return notRecognized(name)
		}
		if err := lines.close(); err != nil {
			return err
		}
		if rest, ok := in.streams.native.(*lineWriter); ok {
			if err := rest.close(); err != nil {
				return err
			}
		}
		in.lastExit, in.lastOK = int64(code), code == 0
		return nil
	}
	return stage{
		process: func(item Value) error {
			if input.Len() > maximumText {
				return failure("OutOfMemoryException", "Exception of type 'System.OutOfMemoryException' was thrown.")
			}
			input.WriteString(toText(item) + "\r\n")
			return nil
		},
		end: run,
	}, nil
}

// program runs powershell and cmd itself and asks the machine for all others.
func (in *interpreter) program(name string, words []string, stdin io.Reader, stdout, stderr io.Writer) (int, bool) {
	switch strings.TrimSuffix(strings.ToLower(leaf(name)), ".exe") {
	case "powershell":
		return Main(in.ctx, in.machine, words, stdin, stdout, stderr), true
	case "cmd":
		return runCommandShell(in.ctx, in.machine, strings.Join(words, " "), stdin, stdout, stderr), true
	case "hostname":
		if code, found := in.machine.Native(in.ctx, name, words, stdin, stdout, stderr); found {
			return code, true
		}
		_, _ = io.WriteString(stdout, in.machine.Environment("COMPUTERNAME")+"\r\n")
		return 0, true
	}
	return in.machine.Native(in.ctx, name, words, stdin, stdout, stderr)
}
