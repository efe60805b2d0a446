package powershell

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"
)

// SplitCommandLine splits a command line into program and arguments by the rules of Windows' C run-time library.
func SplitCommandLine(line string) []string {
	var words []string
	letters := []rune(line)
	i := 0
	for {
		for i < len(letters) && (letters[i] == ' ' || letters[i] == '\t') {
			i++
		}
		if i >= len(letters) {
			return words
		}
		var word strings.Builder
		quoted := false
		// In the program's name backslashes mean nothing special.
		program := len(words) == 0
		for i < len(letters) {
			r := letters[i]
			if !quoted && (r == ' ' || r == '\t') {
				break
			}
			slashes := 0
			for !program && i < len(letters) && letters[i] == '\\' {
				slashes, i = slashes+1, i+1
			}
			if slashes > 0 {
				if i < len(letters) && letters[i] == '"' {
					word.WriteString(strings.Repeat(`\`, slashes/2))
					if slashes%2 == 1 {
						word.WriteByte('"')
						i++
					}
				} else {
					word.WriteString(strings.Repeat(`\`, slashes))
				}
				continue
			}
			i++
			if r != '"' {
				word.WriteRune(r)
				continue
			}
			if quoted && !program && i < len(letters) && letters[i] == '"' {
				word.WriteByte('"')
				i++
				continue
			}
			quoted = !quoted
		}
		words = append(words, word.String())
	}
}

// part is one command of a cmd.exe line and what stands before it.
type part struct {
	text      string
	separator string // "", "&", "&&", "||" or "|"
}

// splitParts cuts a line at &, &&, || and |, outside of quotes; a caret takes the meaning from the next character.
func splitParts(line string) []part {
	var parts []part
	var text strings.Builder
	separator := ""
	quoted := false
	letters := []rune(line)
	for i := 0; i < len(letters); i++ {
		r := letters[i]
		switch {
		case r == '"':
			quoted = !quoted
		case r == '^' && !quoted:
			i++
			if i < len(letters) {
				text.WriteRune(letters[i])
			}
			continue
		case (r == '&' || r == '|') && !quoted:
			if r == '&' && i > 0 && letters[i-1] == '>' {
				break // 2>&1
			}
			parts = append(parts, part{text.String(), separator})
			text.Reset()
			separator = string(r)
			if i+1 < len(letters) && letters[i+1] == r {
				separator += string(r)
				i++
			}
			continue
		case r == '\r' || r == '\n':
			parts = append(parts, part{text.String(), separator})
			text.Reset()
			separator = "&"
			continue
		}
		text.WriteRune(r)
	}
	return append(parts, part{text.String(), separator})
}

func expandPercent(machine Machine, text string) string {
	var expanded strings.Builder
	for {
		start := strings.IndexByte(text, '%')
		if start < 0 {
			break
		}
		end := strings.IndexByte(text[start+1:], '%')
		if end < 0 {
			break
		}
		name := text[start+1 : start+1+end]
		if value := machine.Environment(name); name != "" && value != "" {
			expanded.WriteString(text[:start] + value)
			text = text[start+end+2:]
			continue
		}
		expanded.WriteString(text[:start+1])
		text = text[start+1:]
	}
	return expanded.String() + text
}

// ExecuteLine runs a line as cmd.exe /c does and returns the exit code of the last command that ran. Known are echo,
// exit, rem, ver, type, cd, the separators &, &&, ||, |, the redirections to nul and 2>&1, powershell, cmd and the
// machine's programs. What cmd.exe could do and this cannot is an error, never silence.
func ExecuteLine(ctx context.Context, machine Machine, line string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, allowed := deeper(ctx)
	if !allowed {
		_, _ = io.WriteString(stderr, "Not enough quota is available to process this command.\r\n")
		return 1
	}
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	code := 0
	parts := splitParts(expandPercent(machine, line))
	for i := 0; i < len(parts); i++ {
		if ctx.Err() != nil {
			return 1
		}
		switch parts[i].separator {
		case "&&":
			if code != 0 {
				continue
			}
		case "||":
			if code == 0 {
				continue
			}
		}
		input := stdin
		for i+1 < len(parts) && parts[i+1].separator == "|" {
			var piped bytes.Buffer
			if _, stop := runOne(ctx, machine, parts[i].text, input, &piped, stderr); stop {
				break
			}
			input = &piped
			i++
		}
		result, stop := runOne(ctx, machine, parts[i].text, input, stdout, stderr)
		code = result
		if stop {
			return code
		}
	}
	return code
}

// runCommandShell is cmd.exe with arguments.
func runCommandShell(ctx context.Context, machine Machine, rest string, stdin io.Reader, stdout, stderr io.Writer) int {
	for {
		rest = strings.TrimSpace(rest)
		if len(rest) < 2 || rest[0] != '/' {
			// Without /c or /k it is an interactive shell whose input is at an end.
			return 0
		}
		option := strings.ToLower(rest[1:2])
		rest = rest[2:]
		if option != "c" && option != "k" && option != "r" {
			for rest != "" && rest[0] != ' ' {
				rest = rest[1:]
			}
			continue
		}
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, `"`) && strings.HasSuffix(rest, `"`) && len(rest) > 1 && (strings.Count(rest, `"`) != 2 || strings.ContainsAny(rest, "&<>()@^|") || !strings.Contains(rest, " ")) {
			rest = rest[1 : len(rest)-1]
		}
		return ExecuteLine(ctx, machine, rest, stdin, stdout, stderr)
	}
}

// cutRedirections takes >nul, 2>nul, 2>&1 off a command. ok is false for a redirection to or from a file.
func cutRedirections(text string, stdout, stderr io.Writer) (string, io.Writer, io.Writer, bool) {
	quoted := false
	letters := []rune(text)
	var kept strings.Builder
	for i := 0; i < len(letters); i++ {
		r := letters[i]
		if r == '"' {
			quoted = !quoted
		}
		if quoted || r != '>' && r != '<' {
			kept.WriteRune(r)
			continue
		}
		stream := "1"
		before := kept.String()
		if n := len(before); n > 0 && (before[n-1] == '1' || before[n-1] == '2') && (n == 1 || before[n-2] == ' ') {
			stream = before[n-1:]
			kept.Reset()
			kept.WriteString(before[:n-1])
		}
		i++
		for i < len(letters) && (letters[i] == ' ' || letters[i] == '>') {
			i++
		}
		start := i
		for i < len(letters) && letters[i] != ' ' {
			i++
		}
		target := strings.ToLower(string(letters[start:i]))
		switch {
		case r == '<' && target == "nul":
		case r == '>' && target == "nul" && stream == "2":
			stderr = io.Discard
		case r == '>' && target == "nul":
			stdout = io.Discard
		case r == '>' && target == "&1" && stream == "2":
			stderr = stdout
		case r == '>' && target == "&2" && stream == "1":
			stdout = stderr
		default:
			return "", stdout, stderr, false
		}
		i--
	}
	return kept.String(), stdout, stderr, true
}

// runOne runs one command. stop is true when it was exit.
func runOne(ctx context.Context, machine Machine, text string, stdin io.Reader, stdout, stderr io.Writer) (code int, stop bool) {
	text, stdout, stderr, ok := cutRedirections(text, stdout, stderr)
	if !ok {
		_, _ = io.WriteString(stderr, "Access is denied.\r\n")
		return 1, false
	}
	tail := text[len(strings.TrimRight(text, " ")):] // echo writes the blanks at the end too
	text = strings.TrimLeft(strings.TrimSpace(text), "@ \t")
	for strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		text = strings.TrimSpace(text[1 : len(text)-1])
	}
	if text == "" {
		return 0, false
	}
	words := SplitCommandLine(text)
	program := words[0]
	rest := ""
	if end := strings.IndexAny(text, " \t"); end >= 0 {
		rest = strings.TrimSpace(text[end:])
	}
	if lower := strings.ToLower(text); strings.HasPrefix(lower, "echo.") || strings.HasPrefix(lower, "echo:") {
		_, _ = io.WriteString(stdout, text[5:]+"\r\n")
		return 0, false
	}
	switch strings.ToLower(program) {
	case "echo":
		if rest == "" {
			rest = "ECHO is on."
		}
		_, _ = io.WriteString(stdout, rest+tail+"\r\n")
		return 0, false
	case "exit":
		fields := strings.Fields(rest)
		if len(fields) > 0 && strings.EqualFold(fields[0], "/b") {
			fields = fields[1:]
		}
		if len(fields) > 0 {
			code, _ = strconv.Atoi(fields[0]) // cmd.exe takes what is no number for 0
		}
		return code, true
	case "rem", "cls", "cd", "chcp", "set", "title", "pushd", "popd":
		if strings.EqualFold(program, "set") || strings.EqualFold(program, "cd") || strings.EqualFold(program, "pushd") {
			break
		}
		return 0, false
	case "ver":
		_, _ = io.WriteString(stdout, "\r\nMicrosoft Windows [Version 6.2.9200]\r\n")
		return 0, false
	case "type":
		name := strings.Trim(rest, `"`)
		data, err := machine.Files().ReadFile(name)
		if err != nil {
			_, _ = io.WriteString(stderr, "The system cannot find the file specified.\r\n")
			return 1, false
		}
		_, _ = stdout.Write(data)
		return 0, false
	case "call":
		return runOne(ctx, machine, rest, stdin, stdout, stderr)
	}
	switch strings.TrimSuffix(strings.ToLower(leaf(program)), ".exe") {
	case "powershell":
		if runner, ok := machine.(EngineRunner); ok {
			if code, done := runner.PowerShell(ctx, words[1:], stdin, stdout, stderr); done {
				return code, false
			}
		}
		return Main(ctx, machine, words[1:], stdin, stdout, stderr), false
	case "cmd":
		return runCommandShell(ctx, machine, rest, stdin, stdout, stderr), false
	}
	code, found := machine.Native(ctx, program, words[1:], stdin, stdout, stderr)
	if found {
		return code, false
	}
	if strings.EqualFold(strings.TrimSuffix(strings.ToLower(leaf(program)), ".exe"), "hostname") {
		_, _ = io.WriteString(stdout, machine.Environment("COMPUTERNAME")+"\r\n")
		return 0, false
	}
	_, _ = io.WriteString(stderr, "'"+program+"' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n")
	return 1, false
}
