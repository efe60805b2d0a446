// Package windows_test runs the operator's module on a Windows machine of the simulator, without the operator.
package windows_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"lyncops.dev/operator/internal/lync/powershell"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/windows"
	"lyncops.dev/operator/internal/simulator/wsman"
	"lyncops.dev/operator/test/lab"
)

// windowsVariable asks for the tests that need Windows machines, as "make test-windows" does.
const windowsVariable = "LYNCOPS_WINDOWS"

const oneServer = `
timing: {drain: 1s, stop: 1s, start: 1s, boot: 1s, cmdlet: 1ms}
packages:
- sources: ['\\files.contoso.com\lync\LyncServerUpdateInstaller.exe']
  build: 5.0.8308.1149
  duration: 6s
pools:
- fqdn: se01.contoso.com
  edition: Standard
hosts:
- fqdn: se01.contoso.com
  services: [{name: W3SVC}, {name: RTCSRV}]
`

// server is one Windows machine with the operator's module on it.
type server struct {
	*testing.T
	model    *deployment.Model
	host     *deployment.Host
	executor *windows.Executor
	disk     string
	sha256   string
}

// startServer makes a machine that ends with the test.
func startServer(t *testing.T) *server {
	t.Helper()
	if os.Getenv(windowsVariable) == "" {
		t.Skip("needs a Windows machine: make test-windows")
	}
	tool, err := windows.Find(t.Context())
	if err != nil {
		t.Skip(err)
	}
	program, err := lab.BuildMachine(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	contents, err := windows.ReadProgram(program)
	if err != nil {
		t.Fatal(err)
	}
	description, err := deployment.ParseYAML([]byte(oneServer))
	if err != nil {
		t.Fatal(err)
	}
	if err := windows.MakePackages(&description, contents); err != nil {
		t.Fatal(err)
	}
	model, err := deployment.New(description, deployment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(model.Close)
	executor, err := windows.New(t.Context(), model, windows.Options{Winebox: tool, Program: contents, Directory: filepath.Join(t.TempDir(), "machines")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(executor.Close)
	host, _ := model.Host("se01.contoso.com")
	machine, _ := executor.Machine(host)
	s := &server{T: t, model: model, host: host, executor: executor, disk: filepath.Join(machine.Directory(), "drive_c"), sha256: powershell.SHA256()}
	folder := filepath.Join(s.disk, "ProgramData", "LyncOps", "module", s.sha256)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "LyncOps.psm1"), powershell.Module(), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// powershell runs a script as WinRM would, and gives what it printed and its exit code.
func (s *server) powershell(ctx context.Context, script, input string) (string, int) {
	units := utf16.Encode([]rune(script))
	encoded := make([]byte, 0, 2*len(units))
	for _, unit := range units {
		encoded = binary.LittleEndian.AppendUint16(encoded, unit)
	}
	var stdout, stderr bytes.Buffer
	code := s.executor.Execute(ctx, s.host, wsman.Command{User: `CONTOSO\svc-lyncops`, Stdin: strings.NewReader(input), Stdout: &stdout, Stderr: &stderr,
		Line: "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -EncodedCommand " + base64.StdEncoding.EncodeToString(encoded)})
	return stdout.String() + stderr.String(), code
}

// job is a job as the protocol shows it.
type job struct {
	ID       string  `json:"id"`
	State    string  `json:"state"`
	ExitCode *int    `json:"exitCode"`
	Outcome  string  `json:"outcome"`
	Message  string  `json:"message"`
	Started  *string `json:"started"`
}

type answer struct {
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// order calls a verb with its argument on standard input.
func (s *server) order(verb string, argument any) answer {
	s.Helper()
	text, err := json.Marshal(argument)
	if err != nil {
		s.Fatal(err)
	}
	script := "$ProgressPreference='SilentlyContinue'\nImport-Module -Name (Join-Path $env:ProgramData 'LyncOps\\module\\" + s.sha256 + "\\LyncOps.psm1') -DisableNameChecking\n" +
		verb + " -ArgumentFromInput"
	said, _ := s.powershell(s.Context(), script, base64.StdEncoding.EncodeToString(text))
	return s.parse(said)
}

func (s *server) parse(said string) answer {
	s.Helper()
	_, rest, found := strings.Cut(said, "<<<LYNCOPS ")
	text, _, ended := strings.Cut(rest, " LYNCOPS>>>")
	var a answer
	if !found || !ended || json.Unmarshal([]byte(text), &a) != nil {
		s.Errorf("no answer: %s", said)
	}
	return a
}

// start orders a job and gives the answer.
func (s *server) start(id, action string, parameters map[string]any) answer {
	s.Helper()
	return s.order("Start-LyncOpsJob", map[string]any{"id": id, "action": action, "parameters": parameters, "principal": map[string]any{"kind": "LocalSystem"}})
}

func (s *server) job(a answer) job {
	s.Helper()
	var j job
	if !a.OK || json.Unmarshal(a.Result, &j) != nil {
		s.Fatalf("the order was refused: %+v", a)
	}
	return j
}

type facts struct {
	FQDN       string                 `json:"fqdn"`
	Components []deployment.Component `json:"components"`
	Services   []map[string]string    `json:"services"`
	Jobs       []job                  `json:"jobs"`
	Pending    []string               `json:"pendingReboot"`
}

func (s *server) facts() facts {
	s.Helper()
	a := s.order("Get-LyncOpsFacts", map[string]any{})
	var f facts
	if !a.OK || json.Unmarshal(a.Result, &f) != nil {
		s.Fatalf("no facts: %+v", a)
	}
	return f
}

// await asks for facts until the job has a state.
func (s *server) await(id string, states ...string) job {
	s.Helper()
	deadline := time.Now().Add(10 * time.Minute)
	var last job
	for time.Now().Before(deadline) {
		for _, j := range s.facts().Jobs {
			if j.ID != id {
				continue
			}
			last = j
			for _, state := range states {
				if j.State == state {
					return j
				}
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	s.Fatalf("%s did not become %v: %+v", id, states, last)
	return last
}

func (s *server) jobFile(id, name string) string {
	return filepath.Join(s.disk, "ProgramData", "LyncOps", "jobs", id, name)
}

// count says how often a text is in a file of the machine.
func (s *server) count(path, text string) int {
	contents, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	return strings.Count(string(contents), text)
}

func TestModuleOnAWindowsMachine(t *testing.T) {
	s := startServer(t)
	digest := s.model.PackageStates()[0]
	stage := map[string]any{"source": digest.Sources[0], "sha256": digest.SHA256, "fileName": "LyncServerUpdateInstaller.exe"}
	install := map[string]any{"sha256": digest.SHA256, "fileName": "LyncServerUpdateInstaller.exe", "arguments": []string{"/silentmode"}, "timeoutSeconds": 3600}

	t.Run("facts", func(*testing.T) {
		f := s.facts()
		if f.FQDN != "se01.contoso.com" || len(f.Components) != 6 || len(f.Services) != 2 || f.Services[0]["status"] != "Running" {
			t.Errorf("%+v", f)
		}
	})
	t.Run("two starts at once give one job", func(*testing.T) {
		var both sync.WaitGroup
		var answers [2]answer
		for i := range answers {
			both.Go(func() { answers[i] = s.start("stage-package-1", "StagePackage", stage) })
		}
		both.Wait()
		for _, a := range answers {
			if !a.OK {
				t.Errorf("refused: %+v", a.Error)
			}
		}
		if j := s.await("stage-package-1", "Succeeded", "Failed", "Interrupted"); j.State != "Succeeded" {
			t.Fatalf("%+v", j)
		}
		if begun := s.count(s.jobFile("stage-package-1", "log.txt"), "StagePackage begins"); begun != 1 {
			t.Errorf("it began %d times", begun)
		}
	})
	t.Run("the starter killed, the job goes on", func(*testing.T) {
		ctx, kill := context.WithCancel(t.Context())
		go func() {
			for !exists(s.jobFile("stop-services-1", "state.json")) && ctx.Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
			kill()
		}()
		text, _ := json.Marshal(map[string]any{"id": "stop-services-1", "action": "StopServices", "principal": map[string]any{"kind": "LocalSystem"},
			"parameters": map[string]any{"graceful": true, "timeoutSeconds": 3600, "onTimeout": "Fail", "webServer": true}})
		s.powershell(ctx, "Import-Module -Name (Join-Path $env:ProgramData 'LyncOps\\module\\"+s.sha256+"\\LyncOps.psm1') -DisableNameChecking\nStart-LyncOpsJob -ArgumentFromInput",
			base64.StdEncoding.EncodeToString(text))
		kill()
		// Killed before it could register the task, the same order finishes what it began.
		s.start("stop-services-1", "StopServices", map[string]any{"graceful": true, "timeoutSeconds": 3600, "onTimeout": "Fail", "webServer": true})
		if j := s.await("stop-services-1", "Succeeded", "Failed", "Interrupted"); j.State != "Succeeded" {
			t.Fatalf("%+v", j)
		}
		if begun := s.count(s.jobFile("stop-services-1", "log.txt"), "StopServices begins"); begun != 1 {
			t.Errorf("it began %d times", begun)
		}
	})
	t.Run("another process holds the state file open", func(*testing.T) {
		release := make(chan struct{})
		path := `C:\ProgramData\LyncOps\jobs\stop-services-1\state.json`
		go func() {
			defer close(release)
			s.powershell(t.Context(), "$f=[System.IO.File]::Open('"+path+"','Open','Read','None'); [System.IO.File]::WriteAllText('C:\\held.txt','1'); Start-Sleep -Milliseconds 1500; $f.Close()", "")
		}()
		for !exists(filepath.Join(s.disk, "held.txt")) && t.Context().Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		if j := s.await("stop-services-1", "Succeeded", "Interrupted"); j.State != "Succeeded" {
			t.Errorf("%+v", j)
		}
		<-release
	})
	t.Run("a stale lock is taken over", func(*testing.T) {
		s.powershell(t.Context(), "$m=New-Object System.Threading.Mutex $false,'Global\\LyncOps'; [void]$m.WaitOne(); Stop-Process -Id $PID -Force", "")
		if j := s.job(s.start("stage-package-2", "StagePackage", stage)); j.ID != "stage-package-2" {
			t.Errorf("%+v", j)
		}
		s.await("stage-package-2", "Succeeded")
	})
	t.Run("a restart in mid-installer", func(*testing.T) {
		waits, err := s.model.AddFault(deployment.Fault{Kind: deployment.FaultInstallerWaits})
		if err != nil {
			t.Fatal(err)
		}
		s.job(s.start("install-1", "Install", install))
		for len(s.versions()) < 2 && t.Context().Err() == nil {
			time.Sleep(20 * time.Millisecond)
		}
		if err := s.host.Power("reboot"); err != nil {
			t.Fatal(err)
		}
		for s.host.State().Power != "on" && t.Context().Err() == nil {
			time.Sleep(50 * time.Millisecond)
		}
		if j := s.await("install-1", "Succeeded", "Failed", "Interrupted"); j.State != "Interrupted" || !strings.Contains(j.Message, "restarted") {
			t.Errorf("%+v", j)
		}
		if j := s.job(s.start("install-1", "Install", install)); j.State != "Interrupted" {
			t.Errorf("asked again it is %+v", j)
		}
		versions := map[string]int{}
		for _, c := range s.facts().Components {
			versions[c.Version]++
		}
		if len(versions) != 2 {
			t.Errorf("an interrupted installer leaves both builds, not %v", versions)
		}
		s.model.RemoveFault(waits.ID)
		s.job(s.start("install-2", "Install", install))
		if j := s.await("install-2", "Succeeded", "Failed", "Interrupted"); j.State != "Succeeded" {
			t.Errorf("%+v", j)
		}
		for _, c := range s.facts().Components {
			if c.Version != "5.0.8308.1149" {
				t.Errorf("%+v", c)
			}
		}
	})
	t.Run("a corrupted state file", func(*testing.T) {
		if err := os.WriteFile(s.jobFile("install-2", "state.json"), []byte(`{"id":"install-2","st`), 0o600); err != nil {
			t.Fatal(err)
		}
		if j := s.job(s.start("install-2", "Install", install)); j.State != "Interrupted" || !strings.Contains(j.Message, "cannot be read") {
			t.Errorf("%+v", j)
		}
		if s.count(s.jobFile("install-2", "log.txt"), "Install begins") != 1 {
			t.Error("the installer ran again")
		}
	})
}

// versions are those of the components, as the model has seen them on the machine.
func (s *server) versions() map[string]int {
	versions := map[string]int{}
	for _, c := range s.host.Components() {
		versions[c.Version]++
	}
	return versions
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
