package winrm

import (
	"context"
	"crypto/tls"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/masterzen/winrm"
)

// Session is one logged-in account on one host, with one connection and one shell that are opened when the first command
// needs them. It is safe for concurrent use; commands run one after the other.
type Session struct {
	config     Config
	url        string
	tls        *tls.Config
	parameters *winrm.Parameters
	transport  transport
	counters   counters

	// slot is held by whoever speaks to the host; it guards shell and loginPerMessage.
	slot  chan struct{}
	shell string
	// loginPerMessage says that the host does not keep a connection logged in.
	loginPerMessage bool

	// running ends when Close begins and ends commands; life ends when Close has said goodbye and ends everything.
	running, life         context.Context
	stopRunning, stopLife context.CancelFunc
	commands, dials       sync.WaitGroup

	lock        sync.Mutex
	closed      bool // no new commands
	ended       bool // no new connections
	refused     *Error
	connections map[*connection]struct{}
	binding     []byte // of the connection that was made last
}

// transport is where messages go. They come one after the other.
type transport interface {
	http.RoundTripper
	CloseIdleConnections()
}

// New checks config and returns a session that has not spoken to the host yet. The caller must Close it.
func New(config Config) (*Session, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, &Error{Kind: Protocol, Host: config.Host, Step: "configure", Message: err.Error(), Err: err}
	}
	secured, err := config.tls()
	if err != nil {
		return nil, &Error{Kind: CertificateRejected, Host: config.Host, Step: "configure", Message: err.Error(), Err: err}
	}
	session := &Session{
		config: config,
		url:    config.url(),
		tls:    secured,
		parameters: winrm.NewParameters("PT"+strconv.FormatFloat(config.OperationTimeout.Seconds(), 'f', -1, 64)+"S",
			"en-US", envelopeBytes),
		slot:        make(chan struct{}, 1),
		connections: map[*connection]struct{}{},
	}
	session.running, session.stopRunning = context.WithCancel(context.Background())
	session.life, session.stopLife = context.WithCancel(context.Background())
	if config.Sealed {
		session.transport = &sealedTransport{session: session}
		return session, nil
	}
	session.transport = &http.Transport{
		DialTLSContext:         session.dial,
		MaxConnsPerHost:        1,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        config.IdleTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
	return session, nil
}

// envelopeBytes is the envelope size that even the oldest WinRM takes.
const envelopeBytes = 153600

// Close ends running commands, deletes the shell and closes the connection; ctx bounds the goodbye to the host. Everything
// is freed when it returns, whatever the host does. The error says that the host may still hold the shell, which it ends by
// itself after its idle time.
func (s *Session) Close(ctx context.Context) error {
	s.lock.Lock()
	first := !s.closed
	s.closed = true
	s.lock.Unlock()
	if !first {
		return nil
	}
	s.stopRunning()
	var goodbye *Error
	select {
	case s.slot <- struct{}{}:
		if s.shell != "" {
			goodbye = s.deleteShell(ctx)
		}
		<-s.slot
	case <-ctx.Done():
		goodbye = s.failure(Timeout, "Delete", "the session was closed before its last command had ended on the host", ctx.Err())
	}
	s.end()
	if goodbye != nil {
		return goodbye
	}
	return nil
}

// end frees everything without asking the host.
func (s *Session) end() {
	s.lock.Lock()
	s.ended = true
	open := make([]*connection, 0, len(s.connections))
	for conn := range s.connections {
		open = append(open, conn)
	}
	s.lock.Unlock()
	s.stopLife()
	for _, conn := range open {
		_ = conn.Close()
	}
	s.dials.Wait()
	s.commands.Wait()
	s.transport.CloseIdleConnections()
}

func (s *Session) isClosed() bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.closed
}

func (s *Session) beginCommand() bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.closed {
		return false
	}
	s.commands.Add(1)
	return true
}

func (s *Session) beginDial() bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.ended {
		return false
	}
	s.dials.Add(1)
	return true
}

func (s *Session) remember(conn *connection) bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.ended {
		return false
	}
	s.connections[conn] = struct{}{}
	return true
}

func (s *Session) forget(conn *connection) {
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.connections, conn)
}

// refusal returns the refused login, if there was one: every further attempt could lock the account.
func (s *Session) refusal() *Error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.refused == nil {
		return nil
	}
	own := *s.refused // each caller's error is his own
	return &own
}

// LoginRefused reports whether the host has refused the user name or password, also when the caller whose command led to
// the login has left before he could be told.
func (s *Session) LoginRefused() bool {
	return s.refusal() != nil
}

func (s *Session) refuse() *Error {
	return s.refuseBecause("the host refused the user name or password of " + s.config.UserName)
}

func (s *Session) refuseBecause(message string) *Error {
	refused := s.failure(LoginRefused, "login", message, nil)
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.refused == nil {
		s.refused = refused
	}
	own := *s.refused
	return &own
}

// cleanUpContext outlives the command's context, because a command whose caller has left must still be ended.
func (s *Session) cleanUpContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.config.CleanUpTimeout)
}

// openShell creates the shell. It does not end with the caller's context: a shell whose id nobody learned would count
// against the account's quota until the host's idle time is over, and the next command needs one anyway.
func (s *Session) openShell(ctx context.Context) *Error {
	answer, failed := s.post(context.WithoutCancel(ctx), "Create", winrm.NewOpenShellRequest(s.url, s.parameters))
	if failed != nil {
		return failed
	}
	if answer.Body.Fault != nil {
		return s.faultFailure("Create", answer.Body.Fault)
	}
	id := answer.shellID()
	if answer.Action != createdAction || id == "" {
		return s.failure(Protocol, "Create", "the answer holds no shell id", nil)
	}
	s.shell = id
	return nil
}

// deleteShell ends the shell and every process in it, and forgets it even when the host does not answer.
func (s *Session) deleteShell(ctx context.Context) *Error {
	ctx, cancel := context.WithTimeout(ctx, s.config.CleanUpTimeout)
	defer cancel()
	shell := s.shell
	s.shell = ""
	answer, failed := s.post(ctx, "Delete", winrm.NewDeleteShellRequest(s.url, shell, s.parameters))
	if failed != nil {
		return failed
	}
	if answer.Body.Fault != nil && answer.Body.Fault.kind() != SessionLost {
		return s.faultFailure("Delete", answer.Body.Fault)
	}
	return nil
}

// pause waits between two polls that brought nothing.
func pause(ctx context.Context, length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
