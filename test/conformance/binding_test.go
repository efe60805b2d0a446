package conformance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lyncops.dev/operator/internal/simulator/wsman"
)

// Where CbtHardeningLevel is Strict, a login must hold the certificate it goes through. Python's clients send that; curl's NTLM does not.
func TestChannelBinding(t *testing.T) {
	for client, test := range map[string]struct{ driver, transport string }{
		"pywinrm": {"pywinrm_driver.py", "ntlm"},
		"pypsrp":  {"pypsrp_driver.py", "negotiate"},
	} {
		t.Run(client, func(t *testing.T) {
			p := resolving(t, filepath.Join(folderOf(t, "LYNCOPS_CLIENTS_WINRM"), "bin", "python"))
			e := startWith(t, true, wsman.Options{ChannelBinding: wsman.ChannelBindingStrict})
			got := p.drive(t, e, test.driver, test.transport, request{Name: "bound", Command: "hostname"}, request{Name: "unbound", Command: "hostname", Unbound: true})
			if string(got[0].Stdout) != "FE01\r\n" {
				t.Errorf("with the binding: %+v", got[0])
			}
			if got[1].Error == "" {
				t.Errorf("without the binding: %+v", got[1])
			}
		})
	}
	t.Run("curl --ntlm", func(t *testing.T) {
		if os.Getenv("LYNCOPS_CONFORMANCE") == "" {
			t.Skip("run it with \"make conformance\"")
		}
		if _, err := exec.LookPath("curl"); err != nil || !strings.Contains(run(t, nil, "", "curl", "--version").stdout, "NTLM") {
			t.Skip("there is no curl with NTLM")
		}
		for level, want := range map[wsman.ChannelBinding]string{wsman.ChannelBindingStrict: "401", wsman.ChannelBindingRelaxed: "500"} {
			c := &curl{t: t, e: startWith(t, true, wsman.Options{ChannelBinding: level}), login: []string{"--ntlm"}, password: password}
			if status, _ := c.post("<nonsense/>"); status != want {
				t.Errorf("%s: HTTP %s, want %s", level, status, want)
			}
		}
	})
}
