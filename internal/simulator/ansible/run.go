package ansible

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"
)

// result is what a module answers, as one JSON object.
type result map[string]any

func failure(format string, arguments ...any) result {
	return result{"failed": true, "changed": false, "msg": fmt.Sprintf(format, arguments...)}
}

// Run does what the manifest on standard input says and returns the exit code of powershell.exe. What this package cannot do it refuses
// by name, as a failed module.
func Run(ctx context.Context, m Machine, stdin io.Reader, stdout, stderr io.Writer) int {
	work, err := readManifest(stdin)
	if err != nil {
		fmt.Fprintf(stderr, "The simulator cannot read what Ansible sent (it knows ansible-core 2.19): %v\r\n", err)
		return 1
	}
	text, answer := perform(ctx, m, work.Actions)
	if answer != nil {
		encoded, err := json.Marshal(answer)
		if err != nil {
			fmt.Fprintf(stderr, "%v\r\n", err)
			return 1
		}
		text = string(encoded)
	}
	fmt.Fprintf(stdout, "%s\r\n", text)
	if failed, _ := answer["failed"].(bool); failed {
		return 1
	}
	return 0
}

// perform runs the first action, which may run those after it; it gives a plain text or a module's answer.
func perform(ctx context.Context, m Machine, actions []action) (string, result) {
	first := actions[0]
	switch first.Name {
	case "powershell_expand_user.ps1":
		return expandUser(m, first.Params)
	case "powershell_mkdtemp.ps1":
		return makeTemporaryFolder(m, first.Params)
	case "async_wrapper.ps1":
		return "", startAsync(m, actions)
	case "module_wrapper.ps1":
		return "", runModule(ctx, m, first.Params)
	}
	return "", failure("The simulator does not know Ansible's script %s.", first.Name)
}

func expandUser(m Machine, params json.RawMessage) (string, result) {
	var given struct{ Path string }
	if err := json.Unmarshal(params, &given); err != nil {
		return "", failure("%v", err)
	}
	if rest, found := strings.CutPrefix(given.Path, "~"); found && (rest == "" || rest[0] == '\\') {
		return m.Environment("USERPROFILE") + rest, nil
	}
	return given.Path, nil
}

func makeTemporaryFolder(m Machine, params json.RawMessage) (string, result) {
	var given struct{ Directory, Name string }
	if err := json.Unmarshal(params, &given); err != nil {
		return "", failure("%v", err)
	}
	path := expandVariables(m, given.Directory) + `\` + given.Name
	if err := m.MkdirAll(path); err != nil {
		return "", failure("%v", err)
	}
	return path, nil
}

// expandVariables replaces %NAME%, as .NET does.
func expandVariables(m Machine, text string) string {
	parts := strings.Split(text, "%")
	for i := 1; i < len(parts)-1; i += 2 {
		if value := m.Environment(parts[i]); value != "" {
			parts[i] = value
		} else {
			parts[i] = "%" + parts[i] + "%"
		}
	}
	return strings.Join(parts, "")
}

// startAsync starts the actions that follow as a process of their own and answers at once.
func startAsync(m Machine, actions []action) result {
	var wrapper struct{ AsyncDir, AsyncJid string }
	var watchdog struct{ Timeout int }
	if len(actions) < 3 || actions[1].Name != "async_watchdog.ps1" {
		return failure("The simulator expects async_watchdog.ps1 and a module after async_wrapper.ps1.")
	}
	if err := errors.Join(json.Unmarshal(actions[0].Params, &wrapper), json.Unmarshal(actions[1].Params, &watchdog)); err != nil {
		return failure("%v", err)
	}
	folder := expandVariables(m, wrapper.AsyncDir)
	if err := m.MkdirAll(folder); err != nil {
		return failure("%v", err)
	}
	// The process waits until its number, which is part of the job's name, is known.
	type job struct {
		path  string
		state result
	}
	known := make(chan job, 1)
	process, err := m.Spawn(func(ctx context.Context) {
		started, ok := <-known
		if !ok {
			return
		}
		limited, cancel := context.WithTimeout(ctx, time.Duration(watchdog.Timeout)*time.Second)
		defer cancel()
		_, answer := perform(limited, m, actions[2:])
		if ctx.Err() != nil {
			return // The machine went down: nobody is left to write.
		}
		if limited.Err() != nil {
			answer = failure("failure during async watchdog: timed out waiting for module completion")
		}
		maps.Copy(started.state, answer)
		started.state["finished"] = true
		_ = writeState(m, started.path, started.state) // a disk that cannot be written has nobody to tell
	})
	if err != nil {
		close(known)
		return failure("Failed to start async process: %v", err)
	}
	name := fmt.Sprintf("%s.%d", wrapper.AsyncJid, process)
	path := folder + `\` + name
	state := result{"started": true, "finished": false, "results_file": path, "ansible_job_id": name,
		"_ansible_suppress_tmpdir_delete": true, "ansible_async_watchdog_pid": process}
	if err := writeState(m, path, state); err != nil {
		close(known)
		return failure("%v", err)
	}
	known <- job{path, maps.Clone(state)}
	return state
}

func writeState(m Machine, path string, state result) error {
	content, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return m.WriteFile(path, content)
}
