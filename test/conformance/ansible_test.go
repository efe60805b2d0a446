package conformance_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lyncops.dev/operator/internal/simulator/deployment"
)

// ansible runs playbooks against the simulator.
type ansible struct {
	python
	folder string
}

func newAnsible(t *testing.T) ansible {
	t.Helper()
	folder := folderOf(t, "LYNCOPS_CLIENTS_ANSIBLE")
	a := ansible{resolving(t, filepath.Join(folder, "bin", "python")), t.TempDir()}
	// An empty configuration, so that the user's own has no say.
	configuration := filepath.Join(a.folder, "ansible.cfg")
	if err := os.WriteFile(configuration, []byte("[defaults]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.environment = append(a.environment, "ANSIBLE_HOME="+a.folder, "ANSIBLE_COLLECTIONS_PATH="+filepath.Join(folder, "collections"),
		"ANSIBLE_LOCALHOST_WARNING=false", "ANSIBLE_NOCOLOR=1", "ANSIBLE_CONFIG="+configuration, "ANSIBLE_RETRY_FILES_ENABLED=false", "LC_ALL=C.UTF-8")
	return a
}

// play runs a playbook of testdata as an administrator would, with this password.
func (a ansible) play(t *testing.T, e *endpoint, playbook, secret string) said {
	t.Helper()
	address, err := url.Parse(e.url)
	if err != nil {
		t.Fatal(err)
	}
	inventory, err := json.Marshal(map[string]any{"all": map[string]any{"hosts": map[string]any{host: nil}, "vars": map[string]any{
		"ansible_connection": "winrm", "ansible_port": address.Port(), "ansible_user": user, "ansible_password": secret,
		"ansible_winrm_transport": "ntlm", "ansible_winrm_ca_trust_path": e.ca,
		"ansible_winrm_operation_timeout_sec": 2, "ansible_winrm_read_timeout_sec": 600,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(a.folder, "inventory.json")
	if err := os.WriteFile(path, inventory, 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, a.environment, "", a.program, "-m", "ansible", "playbook", "--inventory", path, absolute(t, filepath.Join("testdata", playbook)))
}

// The tasks of the playbook say themselves what they expect; what they did is read from the simulator.
func TestAnsible(t *testing.T) {
	a := newAnsible(t)
	report(t, "Ansible", a.version(t, "ansible-core")+" with ansible.windows")
	e := start(t, true)
	machine := e.machine(t)
	boot := machine.BootTime()
	got := a.play(t, e, "playbook.yaml", password)
	if got.exit != 0 {
		t.Fatalf("exit code %d:\n%s%s", got.exit, got.stdout, got.stderr)
	}
	if !machine.BootTime().After(boot) {
		t.Error("win_reboot has not restarted the server")
	}
	if !slices.ContainsFunc(e.Model().Events(0), func(event deployment.Event) bool {
		return event.Host == host && event.User == user && strings.Contains(event.Command, "shutdown")
	}) {
		t.Error("nobody is recorded who restarted the server")
	}
	for _, violation := range e.Model().Violations() {
		t.Errorf("%s: %s", violation.Rule, violation.Text)
	}
}

func TestAnsibleIsRefusedWithAWrongPassword(t *testing.T) {
	a := newAnsible(t)
	got := a.play(t, start(t, true), "ping.yaml", "Somebody-Else-9")
	const unreachable = 4
	if got.exit != unreachable || !strings.Contains(got.stdout, "credentials were rejected") {
		t.Errorf("exit code %d, want %d and a word on the credentials:\n%s%s", got.exit, unreachable, got.stdout, got.stderr)
	}
}
