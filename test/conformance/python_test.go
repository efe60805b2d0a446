package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// scenario is a request and what every client has to get for it.
type scenario struct {
	request
	exit   int64
	stdout string // regular expressions
	stderr string
	error  string
}

const large = 1_000_000

var scenarios = []scenario{
	{request: request{Name: "a program", Command: "hostname"}, stdout: `^FE01\r\n$`},
	{request: request{Name: "a cmdlet of Lync", Script: "(Get-CsPool -Identity pool01.contoso.com).Computers -join ' '"}, stdout: `^fe01\.contoso\.com .*fe06\.contoso\.com\r\n$`},
	{request: request{Name: "exit code of a program", Command: "cmd /c exit 3"}, exit: 3},
	{request: request{Name: "exit code of a script", Script: "'before'; exit 7"}, exit: 7, stdout: `^before\r\n$`},
	{request: request{Name: "errors of cmd.exe", Command: "nosuchprogram"}, exit: 1, stderr: `^'nosuchprogram' is not recognized`},
	{request: request{Name: "errors of PowerShell", Script: "'before'; Get-CsPool -Identity nosuch.contoso.com"}, exit: 1, stdout: `^before\r\n$`, stderr: `^#< CLIXML\r\n<Objs (?s:.*)Cannot find pool`},
	{request: request{Name: "lines of input", Script: "$input | ForEach-Object { $_.ToUpper() }", Stdin: "good day\r\nagain\r\n"}, stdout: `^GOOD DAY\r\nAGAIN\r\n$`},
	{request: request{Name: "much input", Script: "[Console]::In.ReadToEnd().Length", Stdin: strings.Repeat("x", 300_000)}, stdout: `^300000\r\n$`},
	{request: request{Name: "several polls", Script: "Start-Sleep -Seconds 5; 'awake'", Poll: 1}, stdout: `^awake\r\n$`},
	{request: request{Name: "much output", Script: "'x' * 1000000"}, stdout: `^x+\r\n$`},
	{request: request{Name: "letters beyond ASCII", Script: "[char]0xE4 + [char]0x20AC"}, stdout: "^\u00e4\u20ac\r\n$"},
	{request: request{Name: "a wrong password", Command: "hostname", Password: "Somebody-Else-9"}, error: `rejected by the server|Failed to authenticate`},
}

// way is a way to log on, by a client's name for it.
type way struct {
	secure    bool
	transport string
}

func (w way) String() string {
	if w.secure {
		return w.transport + " in TLS"
	}
	return w.transport + " sealed"
}

func TestPywinrm(t *testing.T) {
	p := resolving(t, filepath.Join(folderOf(t, "LYNCOPS_CLIENTS_WINRM"), "bin", "python"))
	report(t, "pywinrm", p.version(t, "pywinrm"))
	conform(t, p, "pywinrm_driver.py", scenarios, way{true, "basic"}, way{true, "ntlm"}, way{false, "ntlm"})
}

func TestPypsrp(t *testing.T) {
	p := resolving(t, filepath.Join(folderOf(t, "LYNCOPS_CLIENTS_WINRM"), "bin", "python"))
	report(t, "pypsrp", p.version(t, "pypsrp"))
	conform(t, p, "pypsrp_driver.py", scenarios, way{true, "basic"}, way{true, "negotiate"}, way{false, "ntlm"}, way{false, "negotiate"})
}

// The client of 2018 has another NTLM than the one of today, and cannot send input.
func TestPywinrmOfDebian(t *testing.T) {
	folder := folderOf(t, "LYNCOPS_CLIENTS_DEBIAN")
	p := resolving(t, "/usr/bin/python3", filepath.Join(folder, "usr", "lib", "python3", "dist-packages"))
	// Its NTLM hashes with MD4, which OpenSSL 3 has only on request.
	configuration := filepath.Join(t.TempDir(), "openssl.cnf")
	if err := os.WriteFile(configuration, []byte(`openssl_conf = init
[init]
providers = providers
[providers]
default = on
legacy = on
[on]
activate = 1
`), 0o600); err != nil {
		t.Fatal(err)
	}
	p.environment = append(p.environment, "OPENSSL_CONF="+configuration)
	report(t, "pywinrm of Debian", p.version(t, "pywinrm"))
	var able []scenario
	for _, s := range scenarios {
		if s.Stdin == "" {
			able = append(able, s)
		}
	}
	conform(t, p, "pywinrm_driver.py", able, way{true, "basic"}, way{true, "ntlm"}, way{false, "ntlm"})
}

// conform has a client live through every scenario, and through a restart of the server, in every way to log on.
func conform(t *testing.T, p python, driver string, scenarios []scenario, ways ...way) {
	t.Helper()
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			e := start(t, w.secure)
			requests := make([]request, len(scenarios))
			for i, s := range scenarios {
				requests[i] = s.request
			}
			for i, got := range p.drive(t, e, driver, w.transport, requests...) {
				t.Run(scenarios[i].Name, func(t *testing.T) { judge(t, scenarios[i], got) })
			}
			// Each poll without output ends in a fault, and nothing else that was asked does.
			if faults := e.Counters().Total().SOAPFaults; faults < 2 {
				t.Errorf("%d faults: the long command did not take several polls", faults)
			}
			for _, violation := range e.Model().Violations() {
				t.Errorf("%s: %s", violation.Rule, violation.Text)
			}
			t.Run("a restart in mid-command", func(t *testing.T) { restartInMidCommand(t, p, e, driver, w.transport) })
		})
	}
}

func judge(t *testing.T, want scenario, got answer) {
	t.Helper()
	matches := func(what, pattern, text string) {
		if pattern == "" && text != "" || !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("%s does not match %q: %.500q", what, pattern, text)
		}
	}
	matches("error", want.error, got.Error)
	if got.Error != "" {
		return
	}
	matches("standard output", want.stdout, string(got.Stdout))
	matches("standard error", want.stderr, string(got.Stderr))
	if got.Exit != want.exit {
		t.Errorf("exit code %d, want %d", got.Exit, want.exit)
	}
	if want.Name == "much output" && len(got.Stdout) != large+2 {
		t.Errorf("%d bytes of output, want %d", len(got.Stdout), large+2)
	}
}

// A client whose server restarts under a command must learn that the command is lost; the server answers again afterwards.
func restartInMidCommand(t *testing.T, p python, e *endpoint, driver, transport string) {
	machine := e.machine(t)
	before := e.Counters().Total().SOAPMessages
	restarted := make(chan error, 1)
	go func() {
		// Create, Command, Receive: then the command runs.
		deadline := time.Now().Add(patience)
		for e.Counters().Total().SOAPMessages < before+3 && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
		restarted <- machine.Power("reboot")
	}()
	// The client may try again by itself for a while.
	lost := p.drive(t, e, driver, transport, request{Name: "lost", Script: "Start-Sleep -Seconds 600; 'never'", Poll: 5})[0]
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
	if lost.Error == "" {
		t.Errorf("the client got exit code %d and %q for a command that a restart has ended", lost.Exit, lost.Stdout)
	}
	waitUntil(t, host+" is up again", func() bool {
		down, _ := machine.Down()
		return !down
	})
	if got := p.drive(t, e, driver, transport, request{Name: "again", Command: "hostname"})[0]; string(got.Stdout) != "FE01\r\n" {
		t.Errorf("after the restart: %+v", got)
	}
}
