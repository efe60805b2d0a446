package wsman_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/masterzen/winrm"

	"lyncops.dev/operator/internal/simulator/wsman"
)

const (
	adminUser     = "admin"
	adminDomain   = "CONTOSO"
	adminAccount  = adminDomain + `\` + adminUser
	adminPassword = "Pässword:1" // With a colon and a letter outside ASCII.
	patience      = 10 * time.Minute
)

// machine is a host that understands a few command lines.
type machine struct {
	name    string
	started chan string // tells the lines that began, as far as somebody listens

	mutex sync.Mutex
	off   bool
	down  chan struct{}
}

func newMachine(name string) *machine {
	return &machine{name: name, started: make(chan string, 100), down: make(chan struct{})}
}

func (m *machine) Name() string { return m.name }

func (m *machine) Down() (bool, <-chan struct{}) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.off, m.down
}

func (m *machine) stop() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.off = true
	close(m.down)
}

func (m *machine) start() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.off, m.down = false, make(chan struct{})
}

func (m *machine) Password(user, domain string) (string, bool) {
	switch {
	case strings.EqualFold(user, adminUser) && (strings.EqualFold(domain, adminDomain) || strings.EqualFold(domain, "contoso.com")):
		return adminPassword, true
	case strings.EqualFold(user, adminUser+"@contoso.com") && domain == "", user == "second" && domain == "":
		return adminPassword, true
	default:
		return "", false
	}
}

// Execute runs: `hostname`, `whoami`, `exit N`, `both` (writes to both streams), `cat` (input to output), `big N` (N bytes), `wait`
// (until it is ended), `talk` (a line, then wait).
func (m *machine) Execute(ctx context.Context, cmd wsman.Command) int {
	select {
	case m.started <- cmd.Line:
	default:
	}
	verb, argument, _ := strings.Cut(cmd.Line, " ")
	switch verb {
	case "hostname":
		fmt.Fprint(cmd.Stdout, m.name)
	case "whoami":
		fmt.Fprint(cmd.Stdout, cmd.User)
	case "exit":
		code, _ := strconv.Atoi(argument)
		return code
	case "both":
		fmt.Fprint(cmd.Stdout, "good")
		fmt.Fprint(cmd.Stderr, "bad")
		fmt.Fprint(cmd.Stdout, " news")
		return 3
	case "cat":
		if _, err := io.Copy(cmd.Stdout, cmd.Stdin); err != nil {
			return 9
		}
	case "big":
		length, _ := strconv.Atoi(argument)
		if _, err := cmd.Stdout.Write(pattern(length)); err != nil {
			return 9
		}
	case "wait":
		<-ctx.Done()
		return 7
	case "talk":
		fmt.Fprint(cmd.Stdout, "began")
		<-ctx.Done()
	default:
		fmt.Fprintf(cmd.Stderr, "'%s' is not recognized", verb)
		return 1
	}
	return 0
}

func pattern(length int) []byte {
	content := make([]byte, length)
	for i := range content {
		content[i] = "0123456789abcdefghijklmnopqrstuvwxyz\n"[i%37]
	}
	return content
}

// machines is a backend. An address without name is that of the first machine.
type machines []*machine

func (m machines) Host(name string) (wsman.Host, bool) {
	for i, machine := range m {
		if strings.EqualFold(machine.name, name) || i == 0 && name == "127.0.0.1" {
			return machine, true
		}
	}
	return nil, false
}

// endpoint is a running server.
type endpoint struct {
	server *wsman.Server
	http   *httptest.Server
}

var everythingAllowed = wsman.Options{AllowBasic: true, AllowNTLM: true, BasicOverPlainHTTP: true, UnsealedNTLMOverPlainHTTP: true}

func startEndpoint(t *testing.T, secure bool, options wsman.Options, hosts ...*machine) *endpoint {
	t.Helper()
	server := wsman.NewHandler(machines(hosts), options)
	listener := httptest.NewUnstartedServer(server)
	listener.Config = server.HTTPServer()
	if options.ClientAuthorities != nil {
		listener.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	}
	if secure {
		listener.StartTLS()
	} else {
		listener.Start()
	}
	t.Cleanup(func() {
		server.Close()
		listener.CloseClientConnections()
		listener.Close()
	})
	return &endpoint{server: server, http: listener}
}

func (e *endpoint) secure() bool { return e.http.TLS != nil }

// dial reaches the endpoint under whatever name.
func (e *endpoint) dial(network, address string) (net.Conn, error) {
	return e.dialContext(context.Background(), network, address)
}

func (e *endpoint) dialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, e.http.Listener.Addr().String())
}

func (e *endpoint) authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.http.Certificate().Raw})
}

// transport is how a masterzen client authenticates.
type transport func(*endpoint) winrm.Transporter

func basicTransport(e *endpoint) winrm.Transporter { return winrm.NewClientWithDial(e.dial) }
func ntlmTransport(e *endpoint) winrm.Transporter  { return winrm.NewClientNTLMWithDial(e.dial) }

// sealedTransport cannot be told how to dial, so its hosts must be addresses.
func sealedTransport(*endpoint) winrm.Transporter {
	encryption, err := winrm.NewEncryption("ntlm")
	if err != nil {
		panic(err)
	}
	return encryption
}

// client makes a masterzen client. Each has its own transport because they fall over when shared.
func (e *endpoint) client(t *testing.T, how transport, host, user, password string) *winrm.Client {
	t.Helper()
	address := e.http.Listener.Addr().(*net.TCPAddr)
	where := winrm.NewEndpoint(host, address.Port, e.secure(), false, nil, nil, nil, patience)
	if e.secure() {
		where.CACert = e.authority()
		where.TLSServerName = "example.com" // the name in httptest's certificate
	}
	parameters := winrm.NewParameters("PT20S", "en-US", 153600)
	parameters.TransportDecorator = func() winrm.Transporter { return how(e) }
	client, err := winrm.NewClientWithParameters(where, user, password, parameters)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// outcome is what a client saw of a command.
type outcome struct {
	Stdout, Stderr string
	Code           int
}

func run(t *testing.T, client *winrm.Client, line, input string) (outcome, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	var stdin io.Reader
	if input != "" {
		stdin = strings.NewReader(input)
	}
	code, err := client.RunWithContextWithInput(ctx, line, &stdout, &stderr, stdin)
	return outcome{stdout.String(), stderr.String(), code}, err
}

// question is a request written out by hand, for what no client sends or shows.
type question struct {
	action, shell, timeout, body, resource string
	maxEnvelope                            int
	options                                string
}

const (
	transferURI = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
	shellURI    = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
)

func (q question) String() string {
	resource, timeout, maxEnvelope := q.resource, q.timeout, q.maxEnvelope
	if resource == "" {
		resource = shellURI + "/cmd"
	}
	if timeout == "" {
		timeout = "PT20S"
	}
	if maxEnvelope == 0 {
		maxEnvelope = 153600
	}
	return fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:ad="http://schemas.xmlsoap.org/ws/2004/08/addressing"
  xmlns:wm="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:sh="%s"><e:Header>
  <ad:Action e:mustUnderstand="true">%s</ad:Action><ad:MessageID>uuid:11111111-2222-3333-4444-555555555555</ad:MessageID>
  <wm:ResourceURI>%s</wm:ResourceURI><wm:MaxEnvelopeSize>%d</wm:MaxEnvelopeSize><wm:OperationTimeout>%s</wm:OperationTimeout>
  <wm:SelectorSet><wm:Selector Name="ShellId">%s</wm:Selector></wm:SelectorSet><wm:OptionSet>%s</wm:OptionSet>
</e:Header><e:Body>%s</e:Body></e:Envelope>`, shellURI, q.action, resource, maxEnvelope, timeout, q.shell, q.options, q.body)
}

// reply is an answer or a fault, as far as tests look at it.
type reply struct {
	status int
	length int

	Header struct {
		Action    string
		RelatesTo string
	}
	Body struct {
		Shell struct {
			ShellID string `xml:"ShellId"`
		}
		CommandResponse struct {
			CommandID string `xml:"CommandId"`
		}
		ReceiveResponse struct {
			Stream []struct {
				Name    string `xml:",attr"`
				End     string `xml:",attr"`
				Content string `xml:",chardata"`
			}
			CommandState struct {
				State    string `xml:",attr"`
				ExitCode string
			}
		}
		Fault struct {
			Code struct {
				Value   string
				Subcode string `xml:"Subcode>Value"`
			}
			Reason string `xml:"Reason>Text"`
			Detail struct {
				WSManFault struct {
					Code    string `xml:",attr"`
					Machine string `xml:",attr"`
					Message string
				}
			}
		}
	}
}

func (r *reply) fault() string { return r.Body.Fault.Detail.WSManFault.Code }

func (r *reply) stream(t *testing.T, name string) string {
	t.Helper()
	var content []byte
	for _, stream := range r.Body.ReceiveResponse.Stream {
		if stream.Name != name {
			continue
		}
		piece, err := base64.StdEncoding.DecodeString(stream.Content)
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, piece...)
	}
	return string(content)
}

func (r *reply) done() bool {
	return strings.HasSuffix(r.Body.ReceiveResponse.CommandState.State, "/CommandState/Done")
}

// httpClient reaches the endpoint under any name.
func (e *endpoint) httpClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: e.dialContext}
	if e.secure() {
		pool := e.http.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, ServerName: "example.com", MinVersion: tls.VersionTLS12}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func (e *endpoint) url(host string) string {
	if e.secure() {
		return "https://" + host + "/wsman"
	}
	return "http://" + host + "/wsman"
}

// asker sends questions as the administrator with Basic.
type asker struct {
	t       *testing.T
	client  *http.Client
	url     string
	account string
}

func (e *endpoint) asker(t *testing.T, host string) *asker {
	t.Helper()
	return &asker{t: t, client: e.httpClient(t), url: e.url(host), account: adminAccount}
}

func (a *asker) try(q fmt.Stringer) (*reply, error) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.url, strings.NewReader(q.String()))
	if err != nil {
		a.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/soap+xml;charset=UTF-8")
	request.SetBasicAuth(a.account, adminPassword)
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	parsed := &reply{status: response.StatusCode, length: len(content)}
	if len(content) > 0 {
		if err := xml.Unmarshal(content, parsed); err != nil {
			a.t.Fatalf("the answer is no XML: %v\n%s", err, content)
		}
	}
	return parsed, nil
}

func (a *asker) ask(q question) *reply {
	a.t.Helper()
	answer, err := a.try(q)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer
}

// succeed asks and wants no fault.
func (a *asker) succeed(q question) *reply {
	a.t.Helper()
	answer := a.ask(q)
	if answer.status != http.StatusOK {
		a.t.Fatalf("%s: HTTP %d, fault %s: %s", q.action, answer.status, answer.fault(), answer.Body.Fault.Detail.WSManFault.Message)
	}
	return answer
}

var createQuestion = question{action: transferURI + "/Create",
	body: `<sh:Shell><sh:InputStreams>stdin</sh:InputStreams><sh:OutputStreams>stdout stderr</sh:OutputStreams></sh:Shell>`}

func commandQuestion(shell, line string) question {
	return question{action: shellURI + "/Command", shell: shell, body: `<sh:CommandLine><sh:Command>` + line + `</sh:Command></sh:CommandLine>`}
}

func receiveQuestion(shell, command string) question {
	return question{action: shellURI + "/Receive", shell: shell,
		body: `<sh:Receive><sh:DesiredStream CommandId="` + command + `">stdout stderr</sh:DesiredStream></sh:Receive>`}
}

func signalQuestion(shell, command, signal string) question {
	return question{action: shellURI + "/Signal", shell: shell,
		body: `<sh:Signal CommandId="` + command + `"><sh:Code>` + shellURI + `/signal/` + signal + `</sh:Code></sh:Signal>`}
}

func sendQuestion(shell, command, content string, end bool) question {
	return question{action: shellURI + "/Send", shell: shell, body: fmt.Sprintf(`<sh:Send><sh:Stream Name="stdin" CommandId="%s" End="%v">%s</sh:Stream></sh:Send>`,
		command, end, base64.StdEncoding.EncodeToString([]byte(content)))}
}

func deleteQuestion(shell string) question {
	return question{action: transferURI + "/Delete", shell: shell}
}

// begin opens a shell and runs a command in it.
func (a *asker) begin(line string) (shell, command string) {
	a.t.Helper()
	shell = a.succeed(createQuestion).Body.Shell.ShellID
	return shell, a.succeed(commandQuestion(shell, line)).Body.CommandResponse.CommandID
}

// within fails the test when something does not happen in time.
func within[T any](t *testing.T, what string, happens <-chan T) T {
	t.Helper()
	select {
	case value := <-happens:
		return value
	case <-time.After(patience):
		t.Fatalf("%s: nothing happened in %v", what, patience)
		panic("unreachable")
	}
}
