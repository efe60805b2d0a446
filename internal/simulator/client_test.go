package simulator_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/masterzen/winrm"
	"github.com/masterzen/winrm/soap"

	"lyncops.dev/operator/internal/simulator"
	"lyncops.dev/operator/internal/simulator/deployment"
)

const (
	user     = `CONTOSO\svc-lyncops`
	password = "Correct-Horse-7-Battery"
	poolFQDN = "pool01.contoso.com"
	source   = "https://packages.contoso.com/lync/LyncServerUpdateInstaller.exe"
	target   = "5.0.8308.1149"
	patience = 10 * time.Minute
)

// site is a simulator of testdata/contoso.yaml and what is needed to talk to it.
type site struct {
	*simulator.Simulator
	http *http.Client
}

func start(t *testing.T, timeScale float64) *site {
	t.Helper()
	text, err := os.ReadFile("testdata/contoso.yaml")
	if err != nil {
		t.Fatal(err)
	}
	description, err := deployment.ParseYAML(text)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	running, err := simulator.Start(context.Background(), simulator.Config{Deployment: description, ControlListen: "127.0.0.1:0", TimeScale: timeScale, StateDir: directory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Close)
	ca, err := os.ReadFile(filepath.Join(directory, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatalf("ca.crt holds no certificate: %s", ca)
	}
	// Every name leads to the one endpoint, as a resolver would have it.
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 4,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, running.Address())
		}}
	t.Cleanup(transport.CloseIdleConnections)
	return &site{running, &http.Client{Transport: transport}}
}

// transporter posts SOAP with Basic authentication over the site's connections.
type transporter struct {
	http           *http.Client
	user, password string
	url            string
}

func (p *transporter) Transport(endpoint *winrm.Endpoint) error {
	p.url = "https://" + net.JoinHostPort(endpoint.Host, strconv.Itoa(endpoint.Port)) + "/wsman"
	return nil
}

func (p *transporter) Post(_ *winrm.Client, message *soap.SoapMessage) (string, error) {
	request, err := http.NewRequest(http.MethodPost, p.url, strings.NewReader(message.String()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/soap+xml;charset=UTF-8")
	request.SetBasicAuth(p.user, p.password)
	response, err := p.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("http error %d: %s", response.StatusCode, body)
	}
	return string(body), nil
}

type answer struct {
	stdout, stderr string
	exit           int
}

// run sends one command line to a host.
func (s *site) run(t *testing.T, host, line, stdin string) (answer, error) {
	t.Helper()
	parameters := winrm.NewParameters("PT20S", "en-US", 153600)
	parameters.TransportDecorator = func() winrm.Transporter { return &transporter{http: s.http, user: user, password: password} }
	client, err := winrm.NewClientWithParameters(winrm.NewEndpoint(host, 5986, true, false, nil, nil, nil, patience), user, password, parameters)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	exit, err := client.RunWithContextWithInput(ctx, line, &stdout, &stderr, strings.NewReader(stdin))
	return answer{stdout.String(), stderr.String(), exit}, err
}

// shell sends a command line and fails the test when it has no answer.
func (s *site) shell(t *testing.T, host, line string) answer {
	t.Helper()
	a, err := s.run(t, host, line, "")
	if err != nil {
		t.Fatalf("%s: %s: %v", host, line, err)
	}
	return a
}

func encoded(script string) string {
	var text []byte
	for _, unit := range utf16.Encode([]rune(script)) {
		text = append(text, byte(unit), byte(unit>>8))
	}
	return "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -EncodedCommand " + base64.StdEncoding.EncodeToString(text)
}

// powershell sends a script.
func (s *site) powershell(t *testing.T, host, script string) answer {
	t.Helper()
	return s.shell(t, host, encoded(script))
}

// The module's text does not matter to the simulator, only that it is there and has the right hash.
var module = []byte("# LyncOps\r\n")

func moduleHash() string {
	sum := sha256.Sum256(module)
	return hex.EncodeToString(sum[:])
}

// protocolScript gives a script of docs/server-protocol.md for the module's hash.
func protocolScript(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".ps1")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "<sha256>", moduleHash())
}

func TestScriptsAreThoseOfTheProtocol(t *testing.T) {
	document, err := os.ReadFile("../../docs/server-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first-lines", "stage"} {
		script, err := os.ReadFile("testdata/" + name + ".ps1")
		if err != nil {
			t.Fatal(err)
		}
		var indented strings.Builder
		for line := range strings.Lines(string(script)) {
			indented.WriteString("    " + line)
		}
		if !strings.Contains(string(document), "\n\n"+indented.String()) {
			t.Errorf("docs/server-protocol.md does not hold %s.ps1, line for line", name)
		}
	}
}

func (s *site) stage(t *testing.T, host string) {
	t.Helper()
	a, err := s.run(t, host, encoded(protocolScript(t, "stage")), base64.StdEncoding.EncodeToString(module)+"\n")
	if err != nil || a.exit != 0 || strings.TrimSpace(a.stdout) != "LYNCOPS-STAGED" {
		t.Fatalf("staging on %s: %+v, %v", host, a, err)
	}
}

// verb asks (argument on the command line) or orders (argument on standard input) and decodes the result.
func verb[T any](t *testing.T, s *site, host, name string, argument any, order bool) (T, error) {
	t.Helper()
	var result T
	text, err := json.Marshal(argument)
	if err != nil {
		t.Fatal(err)
	}
	data := base64.StdEncoding.EncodeToString(text)
	script, stdin := protocolScript(t, "first-lines")+name+" -Argument '"+data+"'", ""
	if order {
		script, stdin = protocolScript(t, "first-lines")+name+" -ArgumentFromInput", data+"\n"
	}
	a, err := s.run(t, host, encoded(script), stdin)
	if err != nil {
		return result, err
	}
	_, after, found := strings.Cut(a.stdout, "<<<LYNCOPS ")
	inside, _, ended := strings.Cut(after, " LYNCOPS>>>")
	if !found || !ended {
		return result, fmt.Errorf("no answer between the marks: %+v", a)
	}
	var e struct {
		OK     bool
		Result json.RawMessage
		Error  struct{ Code, Message, Detail string }
	}
	if err := json.Unmarshal([]byte(inside), &e); err != nil {
		t.Fatalf("%v in %s", err, inside)
	}
	if !e.OK {
		return result, fmt.Errorf("%s: %s", e.Error.Code, e.Error.Message)
	}
	if err := json.Unmarshal(e.Result, &result); err != nil {
		t.Fatalf("%v in %s", err, e.Result)
	}
	return result, nil
}

func ask[T any](t *testing.T, s *site, host, name string, argument any) T {
	t.Helper()
	result, err := verb[T](t, s, host, name, argument, false)
	if err != nil {
		t.Fatalf("%s: %s: %v", host, name, err)
	}
	return result
}

// control calls the control interface and decodes what it answers, if it answers anything.
func (s *site) control(t *testing.T, method, path, body string, wantStatus int, result any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.ControlAddress()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != wantStatus {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, response.StatusCode, wantStatus, text)
	}
	if result != nil {
		if err := json.Unmarshal(text, result); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
}

// waitFor asks until the answer is yes; real time passes.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-deadline:
			t.Fatal("it never happened: " + what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
