package winrm_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lyncops.dev/operator/internal/winrm"
)

const (
	hostName = "example.com" // the name in httptest's certificate
	userName = `CONTOSO\lyncops`
	password = "correct horse battery staple"
)

// responder is a WS-Man host that misbehaves on demand. By default it offers Basic, and its commands print "hello".
type responder struct {
	server *httptest.Server
	// answers replaces what an action is answered with; times counts from 1.
	answers map[string]func(w http.ResponseWriter, r *http.Request, times int)
	// offered are the WWW-Authenticate headers of a refused request.
	offered []string
	// password is what the host takes; empty takes the right one.
	password string

	lock           sync.Mutex
	actions        []string // of the messages, in order
	authorizations []string // schemes, in order, one for each request that had one
	requests       int
}

var actionForm = regexp.MustCompile(`<[a-z]+:Action[^>]*>([^<]+)</`)

func newResponder(t *testing.T) *responder {
	t.Helper()
	host := &responder{
		answers: map[string]func(http.ResponseWriter, *http.Request, int){},
		offered: []string{`Basic realm="WSMAN"`},
	}
	host.server = httptest.NewUnstartedServer(host)
	host.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	host.server.StartTLS()
	t.Cleanup(host.server.Close)
	return host
}

func (h *responder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	h.lock.Lock()
	h.requests++
	if scheme != "" {
		h.authorizations = append(h.authorizations, scheme)
	}
	h.lock.Unlock()

	user, given, ok := r.BasicAuth()
	wanted := h.password
	if wanted == "" {
		wanted = password
	}
	if !ok || user != userName || given != wanted {
		w.Header()["Www-Authenticate"] = h.offered
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	match := actionForm.FindSubmatch(body)
	if match == nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	action := string(match[1][strings.LastIndex(string(match[1]), "/")+1:])
	h.lock.Lock()
	h.actions = append(h.actions, action)
	times := len(slices.DeleteFunc(slices.Clone(h.actions), func(other string) bool { return other != action }))
	h.lock.Unlock()
	if answer := h.answers[action]; answer != nil {
		answer(w, r.WithContext(context.WithValue(r.Context(), bodyKey{}, string(body))), times)
		return
	}
	switch action {
	case "Create":
		soap(w, 200, "http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse",
			fmt.Sprintf(`<rsp:Shell><rsp:ShellId>SHELL-%d</rsp:ShellId></rsp:Shell>`, times))
	case "Command":
		soap(w, 200, shell+"CommandResponse", `<rsp:CommandResponse><rsp:CommandId>COMMAND</rsp:CommandId></rsp:CommandResponse>`)
	case "Receive":
		received(w, "hello", true)
	default:
		soap(w, 200, shell+action+"Response", "")
	}
}

type bodyKey struct{}

// body is the message of a request that an answer is being given to.
func (h *responder) body(r *http.Request) string {
	text, _ := r.Context().Value(bodyKey{}).(string)
	return text
}

const shell = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/"

func soap(w http.ResponseWriter, status int, action, body string) {
	w.Header().Set("Content-Type", "application/soap+xml;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" `+
		`xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" `+
		`xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Header><a:Action>%s</a:Action></s:Header>`+
		`<s:Body>%s</s:Body></s:Envelope>`, action, body)
}

func received(w http.ResponseWriter, text string, done bool) {
	state := `<rsp:CommandState CommandId="COMMAND" State="` + shell + `CommandState/Running"/>`
	if done {
		state = `<rsp:CommandState CommandId="COMMAND" State="` + shell + `CommandState/Done"><rsp:ExitCode>0</rsp:ExitCode></rsp:CommandState>`
	}
	soap(w, 200, shell+"ReceiveResponse", `<rsp:ReceiveResponse><rsp:Stream Name="stdout" CommandId="COMMAND">`+
		base64.StdEncoding.EncodeToString([]byte(text))+`</rsp:Stream>`+state+`</rsp:ReceiveResponse>`)
}

func faulted(w http.ResponseWriter, subcode string, code int64, text string) {
	soap(w, 500, "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault",
		fmt.Sprintf(`<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>%s</s:Value></s:Subcode></s:Code>`+
			`<s:Reason><s:Text xml:lang="en-US">%s</s:Text></s:Reason><s:Detail><f:WSManFault `+
			`xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="%d"><f:Message>%s</f:Message></f:WSManFault></s:Detail></s:Fault>`,
			subcode, text, code, text))
}

const (
	codeShellNotFound = 2150858843
	codeTimedOut      = 2150858793
)

// seen returns the actions so far.
func (h *responder) seen() []string {
	h.lock.Lock()
	defer h.lock.Unlock()
	return slices.Clone(h.actions)
}

func (h *responder) seenSchemes() []string {
	h.lock.Lock()
	defer h.lock.Unlock()
	return slices.Clone(h.authorizations)
}

func (h *responder) seenRequests() int {
	h.lock.Lock()
	defer h.lock.Unlock()
	return h.requests
}

// config logs in to the responder with Basic.
func (h *responder) config() winrm.Config {
	address := h.server.Listener.Addr().String()
	return patiently(winrm.Config{
		Host: hostName, Scheme: winrm.Basic, UserName: userName, Password: password,
		CertificateAuthority: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.server.Certificate().Raw}),
		ConnectTo:            func(string, int) string { return address },
	})
}

// patience is how long something may take that has to come; it is never reached where all is well, on a machine of any speed.
const patience = 10 * time.Minute

// patiently lets nothing run out because the machine of the tests is slow, or has stood still.
func patiently(config winrm.Config) winrm.Config {
	config.ConnectTimeout, config.AnswerMargin, config.CommandTimeout = patience, patience, patience
	config.CleanUpTimeout, config.IdleTimeout = patience, patience
	return config
}

func open(t testing.TB, config winrm.Config) *winrm.Session {
	t.Helper()
	session, err := winrm.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close(t.Context()) })
	return session
}

// eventually waits for something that another goroutine brings about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
