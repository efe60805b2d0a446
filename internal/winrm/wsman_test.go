package winrm_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/wsman"
	"lyncops.dev/operator/internal/winrm"
)

// windows is a host behind the simulator's own WinRM server, which shares no code with the client.
type windows struct {
	executed, ended atomic.Int64
	connections     atomic.Int64
	anyDomain       atomic.Bool // the account is known by whatever form of its name
	down            chan struct{}
}

func (w *windows) Host(name string) (wsman.Host, bool) { return w, name == hostName }
func (w *windows) Name() string                        { return hostName }
func (w *windows) Down() (bool, <-chan struct{})       { return false, w.down }

func (w *windows) Password(user, domain string) (string, bool) {
	if w.anyDomain.Load() {
		user, _, _ = strings.Cut(user, "@")
		domain = "CONTOSO"
	}
	return password, user == "lyncops" && domain == "CONTOSO"
}

// Execute knows three commands: echo, sort (which here only repeats its input) and wait (which never ends by itself).
func (w *windows) Execute(ctx context.Context, command wsman.Command) int {
	w.executed.Add(1)
	defer w.ended.Add(1)
	name, rest, _ := strings.Cut(command.Line, " ")
	switch name {
	case "echo":
		_, _ = fmt.Fprint(command.Stdout, rest)
		return 0
	case "sort":
		_, _ = io.Copy(command.Stdout, command.Stdin)
		return 0
	case "wait":
		<-ctx.Done()
		return 1
	}
	_, _ = fmt.Fprintf(command.Stderr, "'%s' is not recognized", name)
	return 9009
}

func newWindows(t testing.TB, options wsman.Options) (*windows, winrm.Config) {
	t.Helper()
	host, server, config := serve(t, options, (*httptest.Server).StartTLS)
	config.CertificateAuthority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return host, config
}

func serve(t testing.TB, options wsman.Options, start func(*httptest.Server)) (*windows, *httptest.Server, winrm.Config) {
	t.Helper()
	host := &windows{down: make(chan struct{})}
	handler := wsman.NewHandler(host, options)
	server := httptest.NewUnstartedServer(handler)
	server.Config = handler.HTTPServer()
	server.Config.ReadHeaderTimeout = patience
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	count := server.Config.ConnState
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			host.connections.Add(1)
		case http.StateClosed:
			host.connections.Add(-1)
		}
		count(conn, state)
	}
	if options.ClientAuthorities != nil {
		server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	}
	start(server)
	t.Cleanup(handler.Close)
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	return host, server, patiently(winrm.Config{
		Host: hostName, UserName: userName, Password: password,
		ConnectTo: func(string, int) string { return address },
	})
}

var schemes = map[winrm.Scheme]wsman.Options{
	winrm.Basic: {AllowBasic: true},
	winrm.NTLM:  {AllowNTLM: true, AllowBasic: true},
}

func TestBothSchemes(t *testing.T) {
	for scheme, options := range schemes {
		t.Run(string(scheme), func(t *testing.T) {
			host, config := newWindows(t, options)
			config.Scheme = scheme
			wantUsableSession(t, host, config)
		})
	}
}

// wantUsableSession goes through what a session is for.
func wantUsableSession(t *testing.T, host *windows, config winrm.Config) {
	t.Helper()
	session := open(t, config)

	t.Run("a first command", func(t *testing.T) {
		result, err := session.Run(t.Context(), winrm.Command{Line: "echo hello"})
		if err != nil || string(result.Stdout) != "hello" || result.ExitCode != 0 {
			t.Fatalf("got %+v, %v", result, err)
		}
	})
	// Command, Receive and Signal, and one more Receive when the host tells of output and end one after the other.
	t.Run("a warm command costs three requests or four", func(t *testing.T) {
		before := session.Counters()
		if _, err := session.Run(t.Context(), winrm.Command{Line: "echo hello"}); err != nil {
			t.Fatal(err)
		}
		wantCost(t, session, before, 3, 4)
	})
	t.Run("with standard input it costs one more", func(t *testing.T) {
		before := session.Counters()
		result, err := session.Run(t.Context(), winrm.Command{Line: "sort", Stdin: []byte("b\r\na\r\n")})
		if err != nil || string(result.Stdout) != "b\r\na\r\n" {
			t.Fatalf("got %+v, %v", result, err)
		}
		wantCost(t, session, before, 4, 5)
	})
	t.Run("more input than fits one message", func(t *testing.T) {
		input := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
		result, err := session.Run(t.Context(), winrm.Command{Line: "sort", Stdin: input})
		if err != nil || !bytes.Equal(result.Stdout, input) {
			t.Fatalf("%d bytes came back, %v", len(result.Stdout), err)
		}
	})
	t.Run("a failing command is no error", func(t *testing.T) {
		result, err := session.Run(t.Context(), winrm.Command{Line: "ecoh"})
		if err != nil || result.ExitCode != 9009 || !strings.Contains(string(result.Stderr), "not recognized") {
			t.Fatalf("got %+v, %v", result, err)
		}
	})
	t.Run("a canceled command ends on the host", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := session.Run(ctx, winrm.Command{Line: "wait"})
		wantKind(t, err, winrm.Timeout)
		eventually(t, "the end of the command", func() bool { return host.ended.Load() == host.executed.Load() })
		if _, err := session.Run(t.Context(), winrm.Command{Line: "echo hello"}); err != nil {
			t.Errorf("the session is of no use afterwards: %v", err)
		}
	})
	t.Run("closing leaves no connection", func(t *testing.T) {
		if err := session.Close(t.Context()); err != nil {
			t.Error(err)
		}
		eventually(t, "the end of all connections", func() bool { return host.connections.Load() == 0 })
	})
}

func wantCost(t *testing.T, session *winrm.Session, before winrm.Counters, least, most int64) {
	t.Helper()
	after := session.Counters()
	if cost := after.Requests - before.Requests; cost < least || cost > most {
		t.Errorf("it cost %d requests", cost)
	}
	if after.LoginRequests != before.LoginRequests {
		t.Error("it cost a login")
	}
	if after.BytesSent == before.BytesSent || after.BytesReceived == before.BytesReceived {
		t.Error("no bytes were counted")
	}
}

func TestWrongPasswordIsRefusedByBothSchemes(t *testing.T) {
	for scheme, options := range schemes {
		t.Run(string(scheme), func(t *testing.T) {
			host, config := newWindows(t, options)
			config.Scheme, config.Password = scheme, "wrong"
			session := open(t, config)
			_, err := session.Run(t.Context(), winrm.Command{Line: "echo hello"})
			wantKind(t, err, winrm.LoginRefused)
			asked := session.Counters().Requests
			_, err = session.Run(t.Context(), winrm.Command{Line: "echo hello"})
			wantKind(t, err, winrm.LoginRefused)
			if session.Counters().Requests != asked || host.executed.Load() != 0 {
				t.Error("the host was asked again")
			}
		})
	}
}

func TestSessionIsSafeForConcurrentUse(t *testing.T) {
	for scheme, options := range schemes {
		t.Run(string(scheme), func(t *testing.T) {
			host, config := newWindows(t, options)
			config.Scheme = scheme
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
			if host.executed.Load() != 80 {
				t.Errorf("%d commands were executed", host.executed.Load())
			}
		})
	}
}

func TestQuotaOfShells(t *testing.T) {
	_, config := newWindows(t, wsman.Options{AllowNTLM: true, MaxShellsPerUser: 1})
	if _, err := open(t, config).Run(t.Context(), winrm.Command{Line: "echo hello"}); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, config).Run(t.Context(), winrm.Command{Line: "echo hello"})
	wantKind(t, err, winrm.QuotaExceeded)
}

func BenchmarkWarmCommand(b *testing.B) {
	for scheme, options := range schemes {
		b.Run(string(scheme), func(b *testing.B) {
			_, config := newWindows(b, options)
			config.Scheme = scheme
			session := open(b, config)
			run := func() {
				if _, err := session.Run(b.Context(), winrm.Command{Line: "echo hello"}); err != nil {
					b.Fatal(err)
				}
			}
			run()
			before := session.Counters()
			for b.Loop() {
				run()
			}
			after := session.Counters()
			b.ReportMetric(float64(after.Requests-before.Requests)/float64(b.N), "requests/op")
			b.ReportMetric(float64(after.BytesSent-before.BytesSent)/float64(b.N), "sent-B/op")
			b.ReportMetric(float64(after.BytesReceived-before.BytesReceived)/float64(b.N), "received-B/op")
		})
	}
}
