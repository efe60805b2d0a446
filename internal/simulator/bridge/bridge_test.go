package bridge_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lyncops.dev/operator/internal/simulator/bridge"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/sample"
	"lyncops.dev/operator/internal/simulator/witness"
)

func contoso(t *testing.T) *deployment.Model {
	t.Helper()
	return sample.Model(t, "contoso.yaml", deployment.Options{TimeScale: 1000})
}

func listen(t *testing.T) *bridge.Server {
	t.Helper()
	server, err := bridge.Listen(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func post(t *testing.T, server *bridge.Server, token, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+server.Address()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, text.String()
}

func TestATokenIsForOneHost(t *testing.T) {
	model, server := contoso(t), listen(t)
	const question = `{"command":"Get-CsPool","parameters":{"Identity":"pool01.contoso.com"}}`
	for name, expected := range map[string]string{"fe01.contoso.com": `"pool01.contoso.com"`, "sql01.contoso.com": `"CommandNotFoundException"`} {
		host, _ := model.Host(name)
		token, forget := server.Open(host, `CONTOSO\svc-lyncops`)
		if status, text := post(t, server, token, "/call", question); status != http.StatusOK || !strings.Contains(text, expected) {
			t.Errorf("%s: %d %s does not say %s", name, status, text, expected)
		}
		forget()
		if status, text := post(t, server, token, "/call", question); status != http.StatusUnauthorized {
			t.Errorf("%s: a forgotten token: %d %s", name, status, text)
		}
	}
	if status, _ := post(t, server, "", "/call", question); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
}

// TestLyncModuleInAnEngine imports the module into a PowerShell engine and calls its cmdlets as scripts on a server do.
// The module of the operator looks for a parameter before it uses it.
func TestOnlyTheReadinessCmdletOf2015SkipsIdleSecondaries(t *testing.T) {
	model := sample.Model(t, "skype.yaml", deployment.Options{})
	for name, declared := range map[string]bool{"ofe1": true, "sfe1": false, "dir1": false} {
		host, _ := model.Host(name)
		if text := bridge.LyncModule(host, "", ""); strings.Contains(text, "[switch]$SkipIdleSecondaryVerification") != declared {
			t.Errorf("%s: declared is not %v", name, declared)
		}
	}
}

func TestLyncModuleInAnEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("starts PowerShell engines")
	}
	pwsh := witness.PowerShell(t)
	expected, err := os.ReadFile(filepath.Join("testdata", "lync.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, edition := range []string{"Desktop", "Core"} {
		t.Run(edition, func(t *testing.T) {
			t.Parallel()
			model, server := contoso(t), listen(t)
			host, _ := model.Host("fe01.contoso.com")
			token, _ := server.Open(host, `CONTOSO\svc-lyncops`)
			module := filepath.Join(t.TempDir(), "Lync.psm1")
			if err := os.WriteFile(module, []byte(bridge.LyncModule(host, "", "")), 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), pwsh, "-NoProfile", "-NonInteractive", "-File", filepath.Join("testdata", "lync.ps1"), "-Module", module)
			command.Env = append(os.Environ(), "PSHOST_EDITION="+edition, "DOTNET_TieredCompilation=0", bridge.AddressVariable+"="+server.Address(), bridge.TokenVariable+"="+token)
			printed, err := command.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, printed)
			}
			if difference := cmp.Diff(string(expected), string(printed)); difference != "" {
				t.Errorf("(-want +got):\n%s", difference)
			}
		})
	}
}
