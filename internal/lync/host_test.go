package lync_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/simulator/wsman"
)

const (
	fqdn     = "example.com" // the name in httptest's certificate
	userName = `CONTOSO\lyncops`
	password = "correct horse battery staple"
	module   = "# the module that is put on servers\r\n"
)

// host is a server that follows docs/server-protocol.md behind the simulator's WinRM server, and misbehaves on demand.
type host struct {
	t testing.TB
	// verbs answers a verb; the argument is the JSON text. What it returns is printed as it is.
	verbs map[string]func(ctx context.Context, argument string) (stdout, stderr string, exitCode int)

	// execute runs a command line itself when it is set.
	execute func(command wsman.Command, arguments []string) int

	lock     sync.Mutex
	password string
	lookups  int64 // how often a password was needed, which is once for each login
	conns    int
	staged   map[string]bool // by hash
	stagings int
	asked    []string // verbs, in order
	lines    []string // command lines, in order
	down     chan struct{}
	isDown   bool

	handler *wsman.Server
	access  lync.Access
	address string
}

func newHost(t testing.TB, options wsman.Options) *host {
	t.Helper()
	return newHostBehind(t, options, (*httptest.Server).StartTLS)
}

func newHostBehind(t testing.TB, options wsman.Options, start func(*httptest.Server)) *host {
	t.Helper()
	h := &host{
		t: t, password: password, staged: map[string]bool{}, down: make(chan struct{}),
		verbs: map[string]func(context.Context, string) (string, string, int){},
	}
	h.handler = wsman.NewHandler(h, options)
	server := httptest.NewUnstartedServer(h.handler)
	server.Config = h.handler.HTTPServer()
	server.Config.ReadHeaderTimeout = patience
	notice := server.Config.ConnState
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		h.count(state)
		notice(conn, state)
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if options.ClientAuthorities != nil {
		server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	}
	start(server)
	t.Cleanup(h.handler.Close)
	t.Cleanup(server.Close)
	h.address = server.Listener.Addr().String()
	h.access = lync.Access{
		FQDN: fqdn, Authentication: lync.AuthenticationNTLM, UserName: userName, Password: password,
	}
	if certificate := server.Certificate(); certificate != nil {
		h.access.CertificateAuthority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	}
	return h
}

// patience is how long something may take that has to come; it is never reached where all is well, on a machine of any speed.
const patience = 10 * time.Minute

// servers asks the host with the module of these tests. Nothing runs out because the machine of the tests is slow, or has stood still.
func (h *host) servers(options lync.Options) *lync.Servers {
	h.t.Helper()
	if options.Module == nil {
		options.Module = []byte(module)
	}
	if options.ConnectTo == nil {
		options.ConnectTo = func(string, int) string { return h.address }
	}
	if options.QuestionTimeout == 0 {
		options.QuestionTimeout = patience
	}
	options.AnswerTimeout = patience
	servers := lync.NewServers(options)
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = servers.Close(ctx)
	})
	return servers
}

func (h *host) Host(name string) (wsman.Host, bool) { return h, name == fqdn }
func (h *host) Name() string                        { return fqdn }

func (h *host) Down() (bool, <-chan struct{}) {
	h.lock.Lock()
	defer h.lock.Unlock()
	return h.isDown, h.down
}

// restart drops all connections, shells and commands.
func (h *host) restart() {
	h.lock.Lock()
	defer h.lock.Unlock()
	close(h.down)
	h.down = make(chan struct{})
}

func (h *host) Password(user, domain string) (string, bool) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.lookups++
	return h.password, strings.EqualFold(domain+`\`+user, userName)
}

func (h *host) count(state http.ConnState) {
	h.lock.Lock()
	defer h.lock.Unlock()
	switch state {
	case http.StateNew:
		h.conns++
	case http.StateClosed, http.StateHijacked:
		h.conns--
	}
}

func (h *host) openConnections() int {
	h.lock.Lock()
	defer h.lock.Unlock()
	return h.conns
}

func (h *host) setPassword(changed string) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.password = changed
}

// seen returns the verbs that were asked, in order.
func (h *host) seen() []string {
	h.lock.Lock()
	defer h.lock.Unlock()
	return append([]string{}, h.asked...)
}

// The scripts of docs/server-protocol.md, read independently of the code that writes them.
var (
	commandForm = regexp.MustCompile(`^powershell\.exe -NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -EncodedCommand ([A-Za-z0-9+/=]+)$`)
	moduleForm  = regexp.MustCompile(`LyncOps\\module\\([0-9a-f]{64})\\LyncOps\.psm1`)
	askForm     = regexp.MustCompile(`(?m)^([A-Za-z]+-LyncOps[A-Za-z]+) -Argument '([A-Za-z0-9+/=]*)'$`)
	orderForm   = regexp.MustCompile(`(?m)^([A-Za-z]+-LyncOps[A-Za-z]+) -ArgumentFromInput$`)
	stageForm   = regexp.MustCompile(`if\(\$hash -ne '([0-9a-f]{64})'\)`)
)

func (h *host) Execute(ctx context.Context, command wsman.Command) int {
	h.lock.Lock()
	h.lines = append(h.lines, command.Line)
	h.lock.Unlock()
	match := commandForm.FindStringSubmatch(command.Line)
	if match == nil {
		h.t.Errorf("the command line is none of the three: %s", command.Line)
		return 9009
	}
	if h.execute != nil {
		return h.execute(command, strings.Fields(command.Line))
	}
	script := decodeCommand(match[1])
	if stage := stageForm.FindStringSubmatch(script); stage != nil {
		return h.stage(command, stage[1])
	}
	if hash := moduleForm.FindStringSubmatch(script); !h.isStaged(hash[1]) {
		_, _ = fmt.Fprintln(command.Stdout, "LYNCOPS-NOT-STAGED")
		return 3
	}
	var verb, encoded string
	if ask := askForm.FindStringSubmatch(script); ask != nil {
		verb, encoded = ask[1], ask[2]
	} else if order := orderForm.FindStringSubmatch(script); order != nil {
		input, _ := io.ReadAll(command.Stdin)
		for line := range strings.Lines(string(input)) {
			if len(strings.TrimRight(line, "\r\n")) > 1024 {
				h.t.Errorf("a line of standard input has %d characters", len(line))
			}
		}
		verb, encoded = order[1], strings.Join(strings.Fields(string(input)), "")
	}
	argument, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		h.t.Errorf("the argument of %s is not Base64: %v", verb, err)
	}
	h.lock.Lock()
	h.asked = append(h.asked, verb)
	answer := h.verbs[verb]
	h.lock.Unlock()
	if answer == nil {
		h.t.Errorf("unexpected verb %q", verb)
		return 1
	}
	stdout, stderr, code := answer(ctx, string(argument))
	_, _ = io.WriteString(command.Stderr, stderr)
	_, _ = io.WriteString(command.Stdout, stdout)
	return code
}

func (h *host) isStaged(hash string) bool {
	h.lock.Lock()
	defer h.lock.Unlock()
	return h.staged[hash]
}

func (h *host) stage(command wsman.Command, hash string) int {
	input, _ := io.ReadAll(command.Stdin)
	content, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(input)), ""))
	sum := sha256.Sum256(content)
	if err != nil || hex.EncodeToString(sum[:]) != hash {
		_, _ = fmt.Fprintln(command.Stdout, "LYNCOPS-HASH-MISMATCH "+hex.EncodeToString(sum[:]))
		return 4
	}
	h.lock.Lock()
	defer h.lock.Unlock()
	h.staged[hash] = true
	h.stagings++
	_, _ = fmt.Fprintln(command.Stdout, "LYNCOPS-STAGED")
	return 0
}

func decodeCommand(encoded string) string {
	bytes, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	units := make([]uint16, len(bytes)/2)
	for i := range units {
		units[i] = uint16(bytes[2*i]) | uint16(bytes[2*i+1])<<8
	}
	return string(utf16.Decode(units))
}

// answered prints a result between the marks, with stray output around it.
func answered(verb, result string) func(context.Context, string) (string, string, int) {
	return printed("WARNING: stray <<<LYNCOPS output\r\n<<<LYNCOPS " + `{"protocol":1,"verb":"` + verb + `","ok":true,"result":` + result + "} LYNCOPS>>>\r\nmore\r\n")
}

func refused(verb, code, message, detail string) func(context.Context, string) (string, string, int) {
	text, _ := json.Marshal(map[string]any{
		"protocol": 1, "verb": verb, "ok": false,
		"error": map[string]string{"code": code, "message": message, "detail": detail},
	})
	return printed("<<<LYNCOPS " + ascii(string(text)) + " LYNCOPS>>>\r\n")
}

// ascii escapes in JSON what is not ASCII.
func ascii(text string) string {
	var escaped strings.Builder
	for _, letter := range text {
		if letter < 0x80 {
			escaped.WriteRune(letter)
		} else {
			_, _ = fmt.Fprintf(&escaped, `\u%04x`, letter)
		}
	}
	return escaped.String()
}

func printed(stdout string) func(context.Context, string) (string, string, int) {
	return func(context.Context, string) (string, string, int) { return stdout, "", 0 }
}
