package winrm_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lyncops.dev/operator/internal/winrm"
)

func wantKind(t *testing.T, err error, kind winrm.Kind) *winrm.Error {
	t.Helper()
	failed, ok := errors.AsType[*winrm.Error](err)
	if !ok {
		t.Fatalf("error %v is not one of this package", err)
	}
	if failed.Kind != kind {
		t.Fatalf("kind is %s, want %s (%v)", failed.Kind, kind, err)
	}
	return failed
}

func wantActions(t *testing.T, host *responder, want ...string) {
	t.Helper()
	if difference := cmp.Diff(want, host.seen()); difference != "" {
		t.Errorf("messages (-want +got):\n%s", difference)
	}
}

func TestOneShellServesManyCommands(t *testing.T) {
	host := newResponder(t)
	session := open(t, host.config())
	for range 2 {
		result, err := session.Run(t.Context(), winrm.Command{Line: "hello"})
		if err != nil || string(result.Stdout) != "hello" || result.ExitCode != 0 {
			t.Fatalf("got %+v, %v", result, err)
		}
	}
	if err := session.Close(t.Context()); err != nil {
		t.Error(err)
	}
	wantActions(t, host, "Create", "Command", "Receive", "Signal", "Command", "Receive", "Signal", "Delete")
}

func TestStandardInputIsSentInOneMessageAndEnded(t *testing.T) {
	host := newResponder(t)
	session := open(t, host.config())
	if _, err := session.Run(t.Context(), winrm.Command{Line: "sort", Stdin: []byte("b\na\n")}); err != nil {
		t.Fatal(err)
	}
	wantActions(t, host, "Create", "Command", "Send", "Receive", "Signal")
}

func TestCommandThatIsNotReadyIsAskedAgain(t *testing.T) {
	host := newResponder(t)
	host.answers["Receive"] = func(w http.ResponseWriter, _ *http.Request, times int) {
		switch times {
		case 1:
			faulted(w, "w:TimedOut", codeTimedOut, "The operation timed out.")
		case 2:
			received(w, "hel", false)
		default:
			received(w, "lo", true)
		}
	}
	result, err := open(t, host.config()).Run(t.Context(), winrm.Command{Line: "hello"})
	if err != nil || string(result.Stdout) != "hello" {
		t.Fatalf("got %+v, %v", result, err)
	}
}

func TestHostThatHoldsNothingBackIsNotAskedInATightLoop(t *testing.T) {
	host := newResponder(t)
	host.answers["Receive"] = func(w http.ResponseWriter, _ *http.Request, _ int) {
		faulted(w, "w:TimedOut", codeTimedOut, "The operation timed out.")
	}
	_, err := open(t, host.config()).Run(t.Context(), winrm.Command{Line: "hello", Timeout: 500 * time.Millisecond})
	wantKind(t, err, winrm.Timeout)
	if polls := len(host.seen()); polls > 10 {
		t.Errorf("%d messages in half a second", polls)
	}
}

func TestLostShell(t *testing.T) {
	gone := func(w http.ResponseWriter) {
		faulted(w, "w:InvalidSelectors", codeShellNotFound, "The shell was not found on the server.")
	}
	t.Run("under a running command is an error and the command is not sent again", func(t *testing.T) {
		host := newResponder(t)
		host.answers["Receive"] = func(w http.ResponseWriter, _ *http.Request, _ int) { gone(w) }
		session := open(t, host.config())
		_, err := session.Run(t.Context(), winrm.Command{Line: "hello"})
		if failed := wantKind(t, err, winrm.SessionLost); !failed.Accepted || !strings.Contains(err.Error(), "not found on the server") {
			t.Errorf("the error does not tell what happened: %+v", failed)
		}
		_ = session.Close(t.Context())
		wantActions(t, host, "Create", "Command", "Receive", "Delete")
	})
	t.Run("before the command was taken is replaced once", func(t *testing.T) {
		host := newResponder(t)
		host.answers["Command"] = func(w http.ResponseWriter, _ *http.Request, times int) {
			if times == 2 {
				gone(w)
				return
			}
			soap(w, 200, shell+"CommandResponse", `<rsp:CommandResponse><rsp:CommandId>C</rsp:CommandId></rsp:CommandResponse>`)
		}
		session := open(t, host.config())
		for range 2 {
			if _, err := session.Run(t.Context(), winrm.Command{Line: "hello"}); err != nil {
				t.Fatal(err)
			}
		}
		wantActions(t, host, "Create", "Command", "Receive", "Signal", "Command", "Create", "Command", "Receive", "Signal")
	})
	t.Run("again and again is an error", func(t *testing.T) {
		host := newResponder(t)
		host.answers["Command"] = func(w http.ResponseWriter, _ *http.Request, _ int) { gone(w) }
		session := open(t, host.config())
		_, err := session.Run(t.Context(), winrm.Command{Line: "hello"})
		if failed := wantKind(t, err, winrm.SessionLost); failed.Accepted {
			t.Error("the command counts as accepted")
		}
		wantActions(t, host, "Create", "Command")
	})
}

// leaveWhen runs a command whose caller leaves when asked is closed.
func leaveWhen(t *testing.T, session *winrm.Session, asked <-chan struct{}) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-asked
		cancel()
	}()
	_, err := session.Run(ctx, winrm.Command{Line: "hello"})
	return err
}

// silent lets the host leave an action without answer until the test ends. It gives what is closed when it was asked.
func silent(t *testing.T, host *responder, action string) (asked chan struct{}) {
	asked, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	host.answers[action] = func(http.ResponseWriter, *http.Request, int) {
		close(asked)
		<-release
	}
	return asked
}

func TestCanceledCommandReturnsAtOnceAndIsEndedOnTheHost(t *testing.T) {
	host := newResponder(t)
	asked, release := make(chan struct{}), make(chan struct{})
	host.answers["Receive"] = func(w http.ResponseWriter, _ *http.Request, times int) {
		if times == 1 {
			close(asked)
			<-release // much longer than the caller is willing to wait
			return
		}
		received(w, "hello", true)
	}
	session := open(t, host.config())
	err := leaveWhen(t, session, asked)
	if failed := wantKind(t, err, winrm.Canceled); !failed.Accepted || !errors.Is(err, context.Canceled) {
		t.Errorf("got %+v", failed)
	}
	eventually(t, "Signal", func() bool { return slices.Contains(host.seen(), "Signal") })
	close(release)
	if _, err := session.Run(t.Context(), winrm.Command{Line: "hello"}); err != nil {
		t.Errorf("the session is of no use afterwards: %v", err)
	}
	wantActions(t, host, "Create", "Command", "Receive", "Signal", "Command", "Receive", "Signal")
}

func TestCommandOfUnknownFateIsEndedWithItsShell(t *testing.T) {
	host := newResponder(t)
	asked := silent(t, host, "Command")
	session := open(t, host.config())
	err := leaveWhen(t, session, asked)
	wantKind(t, err, winrm.Canceled)
	eventually(t, "Delete", func() bool { return slices.Contains(host.seen(), "Delete") })
	wantActions(t, host, "Create", "Command", "Delete")
}

func TestShellOfACallerWhoLeftIsKeptForTheNext(t *testing.T) {
	host := newResponder(t)
	asked, release := make(chan struct{}), make(chan struct{})
	host.answers["Create"] = func(w http.ResponseWriter, _ *http.Request, _ int) {
		close(asked)
		<-release
		soap(w, 200, "http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse", `<rsp:Shell><rsp:ShellId>S</rsp:ShellId></rsp:Shell>`)
	}
	session := open(t, host.config())
	err := leaveWhen(t, session, asked)
	if failed := wantKind(t, err, winrm.Canceled); failed.Accepted {
		t.Error("the command counts as accepted")
	}
	close(release)
	if _, err := session.Run(t.Context(), winrm.Command{Line: "hello"}); err != nil {
		t.Fatal(err)
	}
	wantActions(t, host, "Create", "Command", "Receive", "Signal")
}

func TestCloseEndsWhatRuns(t *testing.T) {
	host := newResponder(t)
	asked := silent(t, host, "Receive")
	session := open(t, host.config())
	ended := make(chan error)
	go func() {
		_, err := session.Run(context.Background(), winrm.Command{Line: "hello"})
		ended <- err
	}()
	<-asked
	if err := session.Close(t.Context()); err != nil {
		t.Error(err)
	}
	wantKind(t, <-ended, winrm.Canceled)
	wantActions(t, host, "Create", "Command", "Receive", "Signal", "Delete")
	_, err := session.Run(t.Context(), winrm.Command{Line: "hello"})
	wantKind(t, err, winrm.Canceled)
}

func TestHostThatNeverAnswers(t *testing.T) {
	t.Run("a message", func(t *testing.T) {
		host := newResponder(t)
		release := make(chan struct{})
		defer close(release)
		host.answers["Create"] = func(http.ResponseWriter, *http.Request, int) { <-release }
		config := host.config()
		config.OperationTimeout, config.AnswerMargin = time.Second, time.Second
		// A message that was not even sent in that time, on a machine that stood still, proves nothing.
		for len(host.seen()) == 0 {
			_, err := open(t, config).Run(t.Context(), winrm.Command{Line: "hello"})
			wantKind(t, err, winrm.Timeout)
		}
		wantActions(t, host, "Create")
	})
	t.Run("a connection", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		config := newResponder(t).config()
		config.ConnectTo = func(string, int) string { return listener.Addr().String() }
		config.ConnectTimeout = 100 * time.Millisecond
		_, err = open(t, config).Run(t.Context(), winrm.Command{Line: "hello"})
		wantKind(t, err, winrm.Unreachable)
	})
}

func TestHostThatHangsUp(t *testing.T) {
	hangUp := func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) }
	for action, accepted := range map[string]bool{"Create": false, "Command": false, "Send": true, "Receive": true} {
		t.Run("at "+action, func(t *testing.T) {
			host := newResponder(t)
			host.answers[action] = hangUp
			session := open(t, host.config())
			_, err := session.Run(t.Context(), winrm.Command{Line: "hello", Stdin: []byte("x")})
			failed := wantKind(t, err, winrm.SessionLost)
			if failed.Accepted != accepted {
				t.Errorf("accepted is %t", failed.Accepted)
			}
			if _, ok := errors.AsType[*url.Error](err); ok {
				t.Error("the error holds a *url.Error")
			}
			_ = session.Close(t.Context())
			if times := strings.Count(strings.Join(host.seen(), " "), action); times != 1 {
				t.Errorf("%s was sent %d times", action, times)
			}
		})
	}
	t.Run("at Signal does no harm", func(t *testing.T) {
		host := newResponder(t)
		host.answers["Signal"] = hangUp
		if _, err := open(t, host.config()).Run(t.Context(), winrm.Command{Line: "hello"}); err != nil {
			t.Error(err)
		}
	})
}

func TestRefusedLoginIsNotTriedAgain(t *testing.T) {
	host := newResponder(t)
	host.password = "another one"
	session := open(t, host.config())
	for range 3 {
		_, err := session.Run(t.Context(), winrm.Command{Line: "hello"})
		wantKind(t, err, winrm.LoginRefused)
	}
	if schemes := host.seenSchemes(); len(schemes) != 1 {
		t.Errorf("the password was sent %d times", len(schemes))
	}
}

func TestPasswordIsSentUnderNoOtherScheme(t *testing.T) {
	for _, test := range []struct {
		scheme  winrm.Scheme
		offered []string
		named   string
	}{
		{winrm.NTLM, []string{`Basic realm="WSMAN"`}, "offers Basic;"},
		{winrm.NTLM, nil, "offers nothing;"},
		{winrm.Basic, []string{"Negotiate", "Kerberos"}, "offers Negotiate, Kerberos;"},
	} {
		t.Run(fmt.Sprintf("%s where %v is offered", test.scheme, test.offered), func(t *testing.T) {
			host := newResponder(t)
			host.offered = test.offered
			config := host.config()
			config.Scheme = test.scheme
			_, err := open(t, config).Run(t.Context(), winrm.Command{Line: "hello"})
			wantKind(t, err, winrm.SchemeNotOffered)
			if !strings.Contains(err.Error(), test.named) {
				t.Errorf("%q does not say what was offered", err)
			}
			if slices.Contains(host.seenSchemes(), "Basic") {
				t.Error("the password was sent")
			}
		})
	}
}

func TestCertificateIsChecked(t *testing.T) {
	run := func(t *testing.T, config winrm.Config) error {
		_, err := open(t, config).Run(t.Context(), winrm.Command{Line: "hello"})
		return err
	}
	t.Run("against the system's authorities", func(t *testing.T) {
		host := newResponder(t)
		config := host.config()
		config.CertificateAuthority = nil
		wantKind(t, run(t, config), winrm.CertificateRejected)
		if host.seenRequests() != 0 {
			t.Error("something was sent")
		}
	})
	t.Run("for the host's name", func(t *testing.T) {
		config := newResponder(t).config()
		config.Host = "fe01.contoso.com"
		wantKind(t, run(t, config), winrm.CertificateRejected)
	})
	t.Run("for the name that is declared instead, and no other", func(t *testing.T) {
		config := newResponder(t).config()
		bears := config.Host
		config.Host = "fe01.contoso.com"
		config.CertificateName = bears
		if err := run(t, config); err != nil {
			t.Errorf("with the name in the certificate: %v", err)
		}
		config.Host, config.CertificateName = bears, "fe01.contoso.com"
		wantKind(t, run(t, config), winrm.CertificateRejected)
	})
	t.Run("with TLS 1.2 or newer", func(t *testing.T) {
		host := newResponder(t)
		host.server.TLS.MaxVersion = tls.VersionTLS11
		host.server.TLS.MinVersion = tls.VersionTLS10
		config := host.config()
		if kind := winrm.KindOf(run(t, config)); kind != winrm.Protocol {
			t.Errorf("kind is %s", kind)
		}
	})
	t.Run("not where the port speaks no TLS", func(t *testing.T) {
		plain := http.Server{Handler: http.NotFoundHandler()}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = plain.Serve(listener) }()
		defer func() { _ = plain.Close() }()
		config := newResponder(t).config()
		config.ConnectTo = func(string, int) string { return listener.Addr().String() }
		wantKind(t, run(t, config), winrm.Protocol)
	})
	t.Run("and must be readable", func(t *testing.T) {
		config := newResponder(t).config()
		config.CertificateAuthority = []byte("no PEM")
		_, err := winrm.New(config)
		wantKind(t, err, winrm.CertificateRejected)
	})
}

func TestAnswersAreReadUpToALimit(t *testing.T) {
	t.Run("of one answer", func(t *testing.T) {
		host := newResponder(t)
		host.answers["Receive"] = func(w http.ResponseWriter, _ *http.Request, _ int) { received(w, strings.Repeat("x", 2<<20), true) }
		_, err := open(t, host.config()).Run(t.Context(), winrm.Command{Line: "hello"})
		wantKind(t, err, winrm.Protocol)
	})
	t.Run("of a command that prints for ever", func(t *testing.T) {
		host := newResponder(t)
		host.answers["Receive"] = func(w http.ResponseWriter, _ *http.Request, _ int) { received(w, strings.Repeat("x", 10_000), false) }
		config := host.config()
		config.MaximumOutputBytes = 100_000
		session := open(t, config)
		_, err := session.Run(t.Context(), winrm.Command{Line: "hello"})
		wantKind(t, err, winrm.Protocol)
		_ = session.Close(t.Context())
		if seen := host.seen(); seen[len(seen)-2] != "Signal" {
			t.Errorf("the command was not ended: %v", seen)
		}
	})
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	text := func(contentType, body string) func(http.ResponseWriter, *http.Request, int) {
		return func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(body))
		}
	}
	body := func(body string) func(http.ResponseWriter, *http.Request, int) {
		return func(w http.ResponseWriter, _ *http.Request, _ int) { soap(w, 200, "whatever", body) }
	}
	done := `<rsp:CommandState State="` + shell + `CommandState/Done">`
	for name, test := range map[string]struct {
		action string
		answer func(http.ResponseWriter, *http.Request, int)
	}{
		"a web page":              {"Create", text("text/html", "<html>Welcome</html>")},
		"broken XML":              {"Create", text("application/soap+xml", "<s:Envelope")},
		"nothing":                 {"Create", text("application/soap+xml", "")},
		"a shell without id":      {"Create", body("<rsp:Shell/>")},
		"a command without id":    {"Command", body("<rsp:CommandResponse/>")},
		"no receive response":     {"Receive", body("")},
		"output that is no text":  {"Receive", body(`<rsp:ReceiveResponse><rsp:Stream Name="stdout">%%</rsp:Stream></rsp:ReceiveResponse>`)},
		"an end without exit":     {"Receive", body(`<rsp:ReceiveResponse>` + done + `</rsp:CommandState></rsp:ReceiveResponse>`)},
		"an exit that is no code": {"Receive", body(`<rsp:ReceiveResponse>` + done + `<rsp:ExitCode>x</rsp:ExitCode></rsp:CommandState></rsp:ReceiveResponse>`)},
	} {
		t.Run(name, func(t *testing.T) {
			host := newResponder(t)
			host.answers[test.action] = test.answer
			_, err := open(t, host.config()).Run(t.Context(), winrm.Command{Line: "hello"})
			wantKind(t, err, winrm.Protocol)
		})
	}
}

func TestCommandLinesThatCannotBeSent(t *testing.T) {
	host := newResponder(t)
	session := open(t, host.config())
	for _, line := range []string{"", strings.Repeat("x", 8192), "a ]]> b", "a\nb"} {
		_, err := session.Run(t.Context(), winrm.Command{Line: line})
		wantKind(t, err, winrm.Protocol)
	}
	if host.seenRequests() != 0 {
		t.Error("something was sent")
	}
}

func TestFaultsAreToldApart(t *testing.T) {
	for _, test := range []struct {
		subcode string
		code    int64
		kind    winrm.Kind
	}{
		{"w:QuotaLimit", 2150859173, winrm.QuotaExceeded},
		{"w:InternalError", 1816, winrm.QuotaExceeded},
		{"w:AccessDenied", 5, winrm.AccessDenied},
		{"w:InvalidSelectors", codeShellNotFound, winrm.SessionLost},
		{"w:TimedOut", codeTimedOut, winrm.Timeout},
		{"w:InternalError", 995, winrm.Protocol},
	} {
		t.Run(fmt.Sprint(test.code), func(t *testing.T) {
			host := newResponder(t)
			host.answers["Create"] = func(w http.ResponseWriter, _ *http.Request, _ int) {
				faulted(w, test.subcode, test.code, "The reason in the host's words for "+password+".")
			}
			_, err := open(t, host.config()).Run(t.Context(), winrm.Command{Line: "hello"})
			failed := wantKind(t, err, test.kind)
			if !strings.Contains(failed.Message, "The reason in the host's words") || !strings.Contains(failed.Message, fmt.Sprint(test.code)) {
				t.Errorf("%q does not tell the host's words", failed.Message)
			}
			if strings.Contains(fmt.Sprintf("%+v %#v", err, failed), password) {
				t.Error("the error holds the password")
			}
		})
	}
}

func TestConfigurationPrintsNoPassword(t *testing.T) {
	config := winrm.Config{Host: hostName, UserName: userName, Password: password}
	if text := fmt.Sprintf("%v %+v %#v %s", config, config, config, config); strings.Contains(text, password) {
		t.Error(text)
	}
}
