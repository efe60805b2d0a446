package ansible

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// modules are the modules that are known, by name without collection.
var modules = map[string]func(ctx context.Context, m Machine, arguments json.RawMessage) result{
	"win_ping":     ping,
	"win_shell":    shell,
	"win_command":  command,
	"async_status": asyncStatus,
}

func runModule(ctx context.Context, m Machine, params json.RawMessage) result {
	var given moduleParams
	if err := json.Unmarshal(params, &given); err != nil {
		return failure("%v", err)
	}
	name, arguments := given.module()
	run, found := modules[name]
	if !found {
		return failure("The simulator does not know the module %s; it knows %s.", name, strings.Join(slices.Sorted(maps.Keys(modules)), ", "))
	}
	return run(ctx, m, arguments)
}

func ping(_ context.Context, _ Machine, arguments json.RawMessage) result {
	given := struct{ Data string }{Data: "pong"}
	if err := json.Unmarshal(arguments, &given); err != nil {
		return failure("%v", err)
	}
	if given.Data == "crash" {
		return failure("Unhandled exception while executing module: boom")
	}
	return result{"ping": given.Data, "changed": false}
}

// commandArguments are those of win_shell and win_command.
type commandArguments struct {
	Raw        string   `json:"_raw_params"`
	Cmd        string   `json:"cmd"`
	Argv       []string `json:"argv"`
	Chdir      string   `json:"chdir"`
	Creates    string   `json:"creates"`
	Removes    string   `json:"removes"`
	Executable string   `json:"executable"`
	Stdin      string   `json:"stdin"`
	NoProfile  bool     `json:"no_profile"`
}

// shell is win_shell: a script for PowerShell, or a line for another shell.
func shell(ctx context.Context, m Machine, arguments json.RawMessage) result {
	given, refusal := readCommand(m, arguments)
	if refusal != nil {
		return refusal
	}
	raw := strings.TrimSpace(given.Raw)
	if raw == "" {
		return failure("Get-AnsibleParam: Missing required argument: _raw_params")
	}
	executable := strings.TrimSuffix(strings.ToLower(given.Executable), ".exe")
	line := given.Executable + " /c " + raw
	switch executable {
	case "", "powershell":
		// The module also sets the encoding of the console's input, which no output depends on.
		line = "powershell.exe -noninteractive -encodedcommand " + encode(raw)
	case "cmd":
	default:
		return failure("The simulator knows the executables powershell and cmd, not %s.", given.Executable)
	}
	return execute(ctx, m, raw, line, given.Stdin)
}

// command is win_command: a program without a shell.
func command(ctx context.Context, m Machine, arguments json.RawMessage) result {
	given, refusal := readCommand(m, arguments)
	if refusal != nil {
		return refusal
	}
	line := strings.TrimSpace(given.Raw)
	switch {
	case given.Cmd != "":
		line = given.Cmd
	case len(given.Argv) > 0:
		words := make([]string, len(given.Argv))
		for i, word := range given.Argv {
			words[i] = word
			if word == "" || strings.ContainsAny(word, " \t\"") {
				words[i] = `"` + strings.ReplaceAll(word, `"`, `\"`) + `"`
			}
		}
		line = strings.Join(words, " ")
	}
	if line == "" {
		return failure("one of the following is required: _raw_params, argv, cmd")
	}
	return execute(ctx, m, line, line, given.Stdin)
}

// readCommand reads the arguments, and gives an answer where nothing is to be run.
func readCommand(m Machine, arguments json.RawMessage) (commandArguments, result) {
	var given commandArguments
	if err := json.Unmarshal(arguments, &given); err != nil {
		return given, failure("%v", err)
	}
	line := strings.TrimSpace(given.Raw)
	switch {
	case given.Chdir != "":
		return given, failure("The simulator has no working folders: chdir cannot be followed.")
	case given.Creates != "" && m.Exists(given.Creates):
		return given, result{"changed": false, "skipped": true, "cmd": line, "rc": 0, "msg": "skipped, since " + given.Creates + " exists"}
	case given.Removes != "" && !m.Exists(given.Removes):
		return given, result{"changed": false, "skipped": true, "cmd": line, "rc": 0, "msg": "skipped, since " + given.Removes + " does not exist"}
	}
	return given, nil
}

func execute(ctx context.Context, m Machine, shown, line, stdin string) result {
	began := time.Now().UTC()
	var stdout, stderr bytes.Buffer
	exit := m.Execute(ctx, line, strings.NewReader(stdin), &stdout, &stderr)
	ended := time.Now().UTC()
	const form = "2006-01-02 15:04:05.000000"
	took := ended.Sub(began)
	answer := result{"changed": true, "cmd": shown, "rc": exit, "stdout": stdout.String(), "stderr": errorText(stderr.String()),
		"start": began.Format(form), "end": ended.Format(form),
		"delta": fmt.Sprintf("%d:%02d:%09.6f", int(took.Hours()), int(took.Minutes())%60, (took % time.Minute).Seconds())}
	if exit != 0 {
		answer["failed"], answer["msg"] = true, "non-zero return code"
	}
	return answer
}

// errorText takes the error records out of CLIXML and leaves other text as it is.
func errorText(text string) string {
	before, objects, found := strings.Cut(text, "#< CLIXML")
	if !found {
		return text
	}
	var lines strings.Builder
	lines.WriteString(before)
	decoder := xml.NewDecoder(strings.NewReader(strings.TrimSpace(objects)))
	for {
		token, err := decoder.Token()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return text
			}
			return strings.TrimSpace(lines.String())
		}
		element, ok := token.(xml.StartElement)
		if !ok || element.Name.Local != "S" {
			continue
		}
		var line string
		if decoder.DecodeElement(&line, &element) != nil {
			return text
		}
		for _, attribute := range element.Attr {
			if attribute.Name.Local == "S" && attribute.Value == "Error" {
				lines.WriteString(strings.ReplaceAll(line, "_x000D__x000A_", "") + "\r\n")
			}
		}
	}
}

// asyncStatus reads what an asynchronous job has left.
func asyncStatus(_ context.Context, m Machine, arguments json.RawMessage) result {
	var given struct {
		Jid    string `json:"jid"`
		Mode   string `json:"mode"`
		Folder string `json:"_async_dir"`
	}
	if err := json.Unmarshal(arguments, &given); err != nil {
		return failure("%v", err)
	}
	path := expandVariables(m, given.Folder) + `\` + given.Jid
	content, err := m.ReadFile(path)
	if err != nil {
		answer := failure("could not find job at '%s'", given.Folder)
		answer["ansible_job_id"], answer["started"], answer["finished"] = given.Jid, 1, 1
		return answer
	}
	if given.Mode == "cleanup" {
		if err := m.Remove(path); err != nil {
			return failure("%v", err)
		}
		return result{"ansible_job_id": given.Jid, "erased": path}
	}
	answer := result{}
	if err := json.Unmarshal(content, &answer); err != nil {
		return failure("Could not parse job output: %v", err)
	}
	return answer
}

// encode is what -EncodedCommand takes.
func encode(script string) string {
	var text []byte
	for _, unit := range utf16.Encode([]rune(script)) {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	return base64.StdEncoding.EncodeToString(text)
}
