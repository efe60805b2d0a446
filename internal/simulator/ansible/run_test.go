package ansible_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lyncops.dev/operator/internal/simulator/ansible"
)

// machine is a server with files and a shell that knows three lines.
type machine struct {
	run context.Context // ends when the machine goes down

	mu       sync.Mutex
	files    map[string]string
	lines    []string
	running  sync.WaitGroup
	released chan struct{}
}

func newMachine(ctx context.Context) *machine {
	return &machine{run: ctx, files: map[string]string{}, released: make(chan struct{})}
}

func (m *machine) Execute(ctx context.Context, line string, stdin io.Reader, stdout, stderr io.Writer) int {
	m.mu.Lock()
	m.lines = append(m.lines, line)
	m.mu.Unlock()
	switch line {
	case "hostname":
		fmt.Fprint(stdout, "FE01\r\n")
	case "cat":
		_, _ = io.Copy(stdout, stdin)
	case "fail":
		fmt.Fprint(stderr, "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">"+
			"<S S=\"Error\">bad &lt;news&gt;_x000D__x000A_</S><S S=\"verbose\">chatter_x000D__x000A_</S></Objs>")
		return 3
	case "wait":
		select {
		case <-ctx.Done():
			return 1
		case <-m.released:
			fmt.Fprint(stdout, "released")
		}
	}
	return 0
}

func (m *machine) Spawn(f func(ctx context.Context)) (int, error) {
	if m.run.Err() != nil {
		return 0, m.run.Err()
	}
	m.running.Go(func() { f(m.run) })
	return 4711, nil
}

func (m *machine) Environment(name string) string {
	return map[string]string{"USERPROFILE": `C:\Users\admin`, "TEMP": `C:\Temp`}[name]
}

func (m *machine) Exists(path string) bool { _, err := m.ReadFile(path); return err == nil }

func (m *machine) ReadFile(path string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, found := m.files[path]
	if !found {
		return nil, fs.ErrNotExist
	}
	return []byte(content), nil
}

func (m *machine) WriteFile(path string, contents []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[path] = string(contents)
	return nil
}

func (m *machine) MkdirAll(path string) error { return m.WriteFile(path, nil) }

func (m *machine) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, path)
	return nil
}

// action is one of a manifest's.
type action struct {
	Name   string         `json:"name"`
	Params map[string]any `json:"params"`
}

func module(name string, arguments map[string]any) action {
	return action{"module_wrapper.ps1", map[string]any{"Script": name + ".ps1", "Environment": map[string]any{},
		"Variables": []any{map[string]any{"Name": "complex_args", "Value": arguments, "Scope": "Global"}}, "ForModule": true}}
}

func wrapped(timeout int, inner action) []action {
	return []action{{"async_wrapper.ps1", map[string]any{"AsyncDir": `%USERPROFILE%\.ansible_async`, "AsyncJid": "j1", "StartupTimeout": 5}},
		{"async_watchdog.ps1", map[string]any{"Timeout": timeout}}, inner}
}

// input is what Ansible sends for actions.
func input(t *testing.T, actions ...action) string {
	t.Helper()
	first, err := json.Marshal(map[string]any{"name": "exec_wrapper", "script": "begin {}", "params": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	second, err := json.Marshal(map[string]any{"scripts": map[string]any{}, "actions": actions, "signed_hashlist": []string{}})
	if err != nil {
		t.Fatal(err)
	}
	return string(first) + "\n\x00\x00\x00\x00\n" + string(second)
}

// perform sends actions and gives the one JSON object that comes back.
func perform(t *testing.T, m *machine, actions ...action) (answer map[string]any, exit int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	exit = ansible.Run(t.Context(), m, strings.NewReader(input(t, actions...)), &stdout, &stderr)
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		t.Fatalf("%v: %s%s", err, stdout.String(), stderr.String())
	}
	return answer, exit
}

func TestModules(t *testing.T) {
	for name, test := range map[string]struct {
		module    string
		arguments map[string]any
		exit      int
		want      map[string]any // what must be in the answer
	}{
		"ping":               {"ansible.windows.win_ping", nil, 0, map[string]any{"ping": "pong", "changed": false}},
		"ping with data":     {"win_ping", map[string]any{"data": "hello"}, 0, map[string]any{"ping": "hello"}},
		"crash":              {"win_ping", map[string]any{"data": "crash"}, 1, map[string]any{"failed": true}},
		"program":            {"ansible.windows.win_command", map[string]any{"_raw_params": " hostname "}, 0, map[string]any{"stdout": "FE01\r\n", "rc": 0.0, "changed": true, "cmd": "hostname"}},
		"program with input": {"win_command", map[string]any{"cmd": "cat", "stdin": "good day"}, 0, map[string]any{"stdout": "good day"}},
		"program that fails": {"win_command", map[string]any{"argv": []string{"fail"}}, 1, map[string]any{"rc": 3.0, "failed": true, "msg": "non-zero return code", "stderr": "bad <news>"}},
		"nothing to run":     {"win_command", nil, 1, map[string]any{"failed": true}},
		"not needed":         {"win_shell", map[string]any{"_raw_params": "hostname", "creates": `C:\there`}, 0, map[string]any{"skipped": true, "rc": 0.0}},
		"nothing to remove":  {"win_shell", map[string]any{"_raw_params": "hostname", "removes": `C:\nowhere`}, 0, map[string]any{"skipped": true}},
		"folder":             {"win_shell", map[string]any{"_raw_params": "hostname", "chdir": `C:\there`}, 1, map[string]any{"failed": true}},
		"other shell":        {"win_shell", map[string]any{"_raw_params": "hostname", "executable": "bash"}, 1, map[string]any{"failed": true}},
		"unknown module": {"ansible.windows.win_copy", nil, 1, map[string]any{"failed": true,
			"msg": "The simulator does not know the module win_copy; it knows async_status, win_command, win_ping, win_shell."}},
		"job that is not there": {"ansible.legacy.async_status", map[string]any{"jid": "j9", "_async_dir": `C:\there`}, 1, map[string]any{"failed": true, "finished": 1.0}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t.Context())
			m.files[`C:\there`] = ""
			answer, exit := perform(t, m, module(test.module, test.arguments))
			if exit != test.exit {
				t.Errorf("exit code %d, want %d", exit, test.exit)
			}
			for key, want := range test.want {
				if difference := cmp.Diff(want, answer[key]); difference != "" {
					t.Errorf("%s (-want +got):\n%s", key, difference)
				}
			}
		})
	}
}

func TestShellBecomesAnEncodedCommand(t *testing.T) {
	m := newMachine(t.Context())
	perform(t, m, module("win_shell", map[string]any{"_raw_params": "'a'"}))
	perform(t, m, module("win_shell", map[string]any{"_raw_params": "dir", "executable": "cmd"}))
	if difference := cmp.Diff([]string{"powershell.exe -noninteractive -encodedcommand JwBhACcA", "cmd /c dir"}, m.lines); difference != "" {
		t.Errorf("(-want +got):\n%s", difference)
	}
}

func TestJobOutlivesItsCommand(t *testing.T) {
	m := newMachine(t.Context())
	started, _ := perform(t, m, wrapped(600, module("win_command", map[string]any{"_raw_params": "wait"}))...)
	if started["started"] != true || started["finished"] != false || started["ansible_job_id"] != "j1.4711" {
		t.Errorf("started: %v", started)
	}
	status := module("ansible.windows.async_status", map[string]any{"jid": "j1.4711", "_async_dir": `C:\Users\admin\.ansible_async`})
	if running, _ := perform(t, m, status); running["finished"] != false {
		t.Errorf("running: %v", running)
	}
	close(m.released)
	m.running.Wait()
	if ended, _ := perform(t, m, status); ended["finished"] != true || ended["stdout"] != "released" || ended["rc"] != 0.0 {
		t.Errorf("ended: %v", ended)
	}
	erase := module("async_status", map[string]any{"jid": "j1.4711", "_async_dir": `C:\Users\admin\.ansible_async`, "mode": "cleanup"})
	if erased, exit := perform(t, m, erase); exit != 0 || erased["erased"] != `C:\Users\admin\.ansible_async\j1.4711` {
		t.Errorf("erased: %v", erased)
	}
	if _, exit := perform(t, m, status); exit != 1 {
		t.Error("the job is still there")
	}
}

func TestJobThatTakesTooLongSaysSo(t *testing.T) {
	m := newMachine(t.Context())
	perform(t, m, wrapped(0, module("win_command", map[string]any{"_raw_params": "wait"}))...)
	m.running.Wait()
	ended, _ := perform(t, m, module("async_status", map[string]any{"jid": "j1.4711", "_async_dir": `%USERPROFILE%\.ansible_async`}))
	if message, _ := ended["msg"].(string); ended["finished"] != true || !strings.Contains(message, "timed out") {
		t.Errorf("ended: %v", ended)
	}
}

func TestJobOfAMachineThatWentDownNeverFinishes(t *testing.T) {
	up, down := context.WithCancel(t.Context())
	m := newMachine(up)
	perform(t, m, wrapped(int(time.Hour/time.Second), module("win_command", map[string]any{"_raw_params": "wait"}))...)
	down()
	m.running.Wait()
	answer, _ := perform(t, m, module("async_status", map[string]any{"jid": "j1.4711", "_async_dir": `%USERPROFILE%\.ansible_async`}))
	if answer["finished"] != false {
		t.Errorf("the job says that it ended: %v", answer)
	}
	if refused, exit := perform(t, m, wrapped(1, module("win_ping", nil))...); exit != 1 || refused["failed"] != true {
		t.Errorf("a job was started on a machine that is down: %v", refused)
	}
}

func TestFolders(t *testing.T) {
	for name, test := range map[string]struct {
		action action
		want   string
	}{
		"home":             {action{"powershell_expand_user.ps1", map[string]any{"Path": "~"}}, `C:\Users\admin`},
		"in the home":      {action{"powershell_expand_user.ps1", map[string]any{"Path": `~\.ansible`}}, `C:\Users\admin\.ansible`},
		"elsewhere":        {action{"powershell_expand_user.ps1", map[string]any{"Path": `C:\~x`}}, `C:\~x`},
		"temporary folder": {action{"powershell_mkdtemp.ps1", map[string]any{"Directory": `%TEMP%\%NO%`, "Name": "a"}}, `C:\Temp\%NO%\a`},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			exit := ansible.Run(t.Context(), newMachine(t.Context()), strings.NewReader(input(t, test.action)), &stdout, &stderr)
			if got := strings.TrimRight(stdout.String(), "\r\n"); got != test.want || exit != 0 || stderr.Len() > 0 {
				t.Errorf("%q, exit code %d, %s; want %q", got, exit, stderr.String(), test.want)
			}
		})
	}
}

func TestOtherInputIsRefusedWithAReason(t *testing.T) {
	for name, test := range map[string]struct{ input, want string }{
		"nothing":        {"", "no line of four zero bytes"},
		"no manifest":    {"{\"name\":\"exec_wrapper\"}\n\x00\x00\x00\x00\n", "second part"},
		"older Ansible":  {"&chcp.com 65001\n\x00\x00\x00\x00{\"module_entry\":\"\"}", "first part"},
		"another script": {"{\"name\":\"other\"}\n\x00\x00\x00\x00\n{}", `"other"`},
		"no action":      {input(t), "no action"},
		"become":         {input(t, action{"become_wrapper.ps1", nil}, module("win_ping", nil)), "does not know Ansible's script become_wrapper.ps1"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if exit := ansible.Run(t.Context(), newMachine(t.Context()), strings.NewReader(test.input), &out, &out); exit != 1 || !strings.Contains(out.String(), test.want) {
				t.Errorf("exit code %d: %q, want %q", exit, out.String(), test.want)
			}
		})
	}
}

func TestOnlyTheBootstrapIsTaken(t *testing.T) {
	bootstrap := "$codeJson = foreach ($in in $input) {\n    if ([string]::Equals($in, \"`0`0`0`0\")) {\n        break\n    }\n    $in\n}\n$code = ConvertFrom-Json -InputObject $codeJson\n"
	if !ansible.IsBootstrap(bootstrap) {
		t.Error("the bootstrap wrapper is not recognised")
	}
	if ansible.IsBootstrap("foreach ($in in $input) { $in }") {
		t.Error("a script of somebody else is taken for Ansible's")
	}
}
