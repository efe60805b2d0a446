package winrm_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/wsman"
	"lyncops.dev/operator/internal/winrm"
)

func newSealedWindows(t *testing.T, options wsman.Options) (*windows, winrm.Config) {
	t.Helper()
	host, _, config := serve(t, options, (*httptest.Server).Start)
	config.Sealed = true
	return host, config
}

func TestSealed(t *testing.T) {
	for name, user := range map[string]string{"name with domain": userName, "local name": "lyncops", "name with at sign": "lyncops@contoso.com"} {
		t.Run(name, func(t *testing.T) {
			host, config := newSealedWindows(t, wsman.Options{AllowNTLM: true, AllowBasic: true})
			host.anyDomain.Store(true)
			config.UserName = user
			wantUsableSession(t, host, config)
		})
	}
}

func TestSealedSessionIsSafeForConcurrentUse(t *testing.T) {
	host, config := newSealedWindows(t, wsman.Options{AllowNTLM: true})
	session := open(t, config)
	results := make(chan error)
	for caller := range 8 {
		go func() {
			for times := range 10 {
				want := fmt.Sprintf("%d-%d", caller, times)
				result, err := session.Run(t.Context(), winrm.Command{Line: "echo " + want})
				if err == nil && string(result.Stdout) != want {
					err = fmt.Errorf("got %q, want %q", result.Stdout, want)
				}
				results <- err
			}
		}()
	}
	for range 80 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if host.executed.Load() != 80 || session.Counters().LoginRequests != 2 {
		t.Errorf("%d commands were executed, %+v", host.executed.Load(), session.Counters())
	}
}

func TestSealedConnectionIsClosedWhenNobodyUsesIt(t *testing.T) {
	host, config := newSealedWindows(t, wsman.Options{AllowNTLM: true})
	config.IdleTimeout = 10 * time.Millisecond
	session := open(t, config)
	for range 2 {
		if _, err := session.Run(t.Context(), winrm.Command{Line: "echo hello"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the end of the connection", func() bool { return host.connections.Load() == 0 })
	}
}

func TestWrongPasswordIsRefusedWithoutTLS(t *testing.T) {
	host, config := newSealedWindows(t, wsman.Options{AllowNTLM: true, BasicOverPlainHTTP: true})
	config.Password = "wrong"
	session := open(t, config)
	for range 2 {
		_, err := session.Run(t.Context(), winrm.Command{Line: "echo hello"})
		wantKind(t, err, winrm.LoginRefused)
	}
	if session.Counters().LoginRequests != 2 || host.executed.Load() != 0 {
		t.Errorf("it was tried again: %+v", session.Counters())
	}
}

func TestWithoutTLSOnlyNTLMIsConfigured(t *testing.T) {
	for _, scheme := range []winrm.Scheme{winrm.Basic, winrm.Kerberos, winrm.Certificate} {
		_, err := winrm.New(winrm.Config{Host: hostName, UserName: userName, Password: password, Scheme: scheme, Sealed: true})
		if err == nil || !strings.Contains(err.Error(), "only NTLM seals messages") {
			t.Errorf("%s: error is %v", scheme, err)
		}
	}
}

// wire is somebody between client and host who sees and may change everything.
type wire struct {
	lock           sync.Mutex
	seen           bytes.Buffer
	authorizations []string
	change         func(*http.Response)
	changeRequest  func(body []byte)
}

// pass looks at a request, and changes it.
func (w *wire) pass(t *testing.T, request *http.Request) {
	var body []byte
	if request.Body != nil {
		var err error
		if body, err = io.ReadAll(request.Body); err != nil {
			t.Error(err)
		}
	}
	w.lock.Lock()
	w.authorizations = append(w.authorizations, request.Header.Get("Authorization"))
	_ = request.Header.Write(&w.seen)
	w.seen.Write(body)
	w.lock.Unlock()
	if w.changeRequest != nil && len(body) > 0 {
		w.changeRequest(body)
	}
	if request.Body != nil {
		request.Body = io.NopCloser(bytes.NewReader(body))
	}
}

// through puts somebody on the way to the host.
func through(t *testing.T, config winrm.Config, between *wire) winrm.Config {
	t.Helper()
	target := &url.URL{Scheme: "http", Host: config.ConnectTo("", 0)}
	one := &http.Transport{MaxConnsPerHost: 1}
	t.Cleanup(one.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			between.pass(t, r.Out)
		},
		Transport: one,
		ModifyResponse: func(response *http.Response) error {
			body, err := io.ReadAll(response.Body)
			if err != nil {
				return err
			}
			between.lock.Lock()
			between.seen.Write(body)
			between.lock.Unlock()
			response.Body = io.NopCloser(bytes.NewReader(body))
			if between.change != nil {
				between.change(response)
			}
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	config.ConnectTo = func(string, int) string { return server.Listener.Addr().String() }
	return config
}

func TestNobodyOnTheWayReadsASealedMessage(t *testing.T) {
	_, config := newSealedWindows(t, wsman.Options{AllowNTLM: true})
	between := &wire{}
	result, err := open(t, through(t, config, between)).Run(t.Context(), winrm.Command{Line: "sort", Stdin: []byte("the very secret")})
	if err != nil || string(result.Stdout) != "the very secret" {
		t.Fatalf("got %+v, %v", result, err)
	}
	between.lock.Lock()
	defer between.lock.Unlock()
	seen := between.seen.String()
	for _, secret := range []string{password, "the very secret", base64.StdEncoding.EncodeToString([]byte("the very secret")), "Envelope", "sort"} {
		if strings.Contains(seen, secret) {
			t.Errorf("%q can be read on the way", secret)
		}
	}
	if !strings.Contains(seen, "HTTP-SPNEGO-session-encrypted") {
		t.Error("nothing went through")
	}
}

func TestNobodyOnTheWayBreaksTheSeal(t *testing.T) {
	sealedOnly := func(change func(*http.Response, []byte)) func(*http.Response) {
		return func(response *http.Response) {
			if strings.HasPrefix(response.Header.Get("Content-Type"), "multipart/encrypted") {
				body, _ := io.ReadAll(response.Body)
				change(response, body)
			}
		}
	}
	replace := func(response *http.Response, body []byte) {
		response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		response.Header.Set("Content-Length", fmt.Sprint(len(body)))
	}
	for name, test := range map[string]struct {
		between *wire
		kind    winrm.Kind
		text    string
	}{
		"by changing an answer": {&wire{change: sealedOnly(func(response *http.Response, body []byte) {
			body[len(body)-60] ^= 1
			replace(response, body)
		})}, winrm.Protocol, "does not bear the seal"},
		"by giving an answer without a seal": {&wire{change: sealedOnly(func(response *http.Response, _ []byte) {
			response.Header.Set("Content-Type", "application/soap+xml;charset=UTF-8")
			replace(response, []byte(`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"/>`))
		})}, winrm.Protocol, "does not bear the seal"},
		"by cutting an answer short": {&wire{change: sealedOnly(func(response *http.Response, body []byte) {
			replace(response, body[:len(body)/2])
		})}, winrm.Protocol, "does not bear the seal"},
		"by an empty frame": {&wire{change: sealedOnly(func(response *http.Response, _ []byte) {
			replace(response, []byte("--Encrypted Boundary--\r\n"))
		})}, winrm.Protocol, "does not bear the seal"},
		"by changing a message": {&wire{changeRequest: func(body []byte) { body[len(body)-60] ^= 1 }}, winrm.Protocol, "does not bear the seal"},
		"by offering no seal":   {&wire{change: withoutFlags(0x20)}, winrm.SchemeNotOffered, "does not agree to seal"},
		"by offering 56 bits":   {&wire{change: withoutFlags(0x20000000)}, winrm.SchemeNotOffered, "does not agree to seal"},
		"by offering Basic": {&wire{change: func(response *http.Response) {
			response.Header.Set("WWW-Authenticate", `Basic realm="WSMAN"`)
		}}, winrm.SchemeNotOffered, "no password was sent"},
		"by a challenge that makes no sense": {&wire{change: func(response *http.Response) {
			challenge := append([]byte("NTLMSSP\x00\x02\x00\x00\x00"), bytes.Repeat([]byte{0xff}, 60)...)
			response.Header.Set("WWW-Authenticate", "Negotiate "+base64.StdEncoding.EncodeToString(challenge))
		}}, winrm.Protocol, "challenge cannot be answered"},
	} {
		t.Run(name, func(t *testing.T) {
			host, config := newSealedWindows(t, wsman.Options{AllowNTLM: true})
			_, err := open(t, through(t, config, test.between)).Run(t.Context(), winrm.Command{Line: "echo hello"})
			wantKind(t, err, test.kind)
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("error is %v", err)
			}
			if host.executed.Load() != 0 {
				t.Error("the command was executed")
			}
			test.between.lock.Lock()
			defer test.between.lock.Unlock()
			for _, authorization := range test.between.authorizations {
				if authorization != "" && !strings.HasPrefix(authorization, "Negotiate ") {
					t.Errorf("another scheme was answered: %s", authorization)
				}
			}
		})
	}
}

// withoutFlags takes flags out of the host's challenge.
func withoutFlags(flags uint32) func(*http.Response) {
	return func(response *http.Response) {
		token, found := strings.CutPrefix(response.Header.Get("WWW-Authenticate"), "Negotiate ")
		challenge, err := base64.StdEncoding.DecodeString(token)
		if !found || err != nil || len(challenge) < 24 {
			return
		}
		binary.LittleEndian.PutUint32(challenge[20:], binary.LittleEndian.Uint32(challenge[20:])&^flags)
		response.Header.Set("WWW-Authenticate", "Negotiate "+base64.StdEncoding.EncodeToString(challenge))
	}
}

func TestInspectOfAListenerWithoutTLS(t *testing.T) {
	_, config := newSealedWindows(t, wsman.Options{AllowNTLM: true})
	seen, err := winrm.Inspect(t.Context(), config)
	if err != nil || seen.Resolved != nil || seen.Connected != nil || seen.Trusted != nil || seen.Certificate != nil {
		t.Errorf("got %+v, %v", seen, err)
	}
	config.ConnectTo = nil
	config.Host = "host.invalid"
	if seen, _ = winrm.Inspect(t.Context(), config); seen.Address != net.JoinHostPort(config.Host, "5985") || seen.Resolved == nil {
		t.Errorf("got %+v", seen)
	}
}
