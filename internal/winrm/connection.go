package winrm

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Every connection logs in before it carries its first message. NTLM authenticates connections, not requests, so this is
// where it belongs: a request is then sent once, on a connection that is known to be good, and never on one whose login
// is still open. Nothing but the configured scheme is ever answered.

// connection counts what passes and tells the session when it is gone.
type connection struct {
	net.Conn
	session *Session
	gone    sync.Once
	// binding names the TLS connection for logins; nil without TLS.
	binding []byte
}

func (c *connection) Read(buffer []byte) (int, error) {
	n, err := c.Conn.Read(buffer)
	c.session.counters.bytesReceived.Add(int64(n))
	return n, err
}

func (c *connection) Write(buffer []byte) (int, error) {
	n, err := c.Conn.Write(buffer)
	c.session.counters.bytesSent.Add(int64(n))
	return n, err
}

func (c *connection) Close() error {
	c.gone.Do(func() { c.session.forget(c) })
	return c.Conn.Close()
}

// dial returns a connection inside TLS that has logged in.
func (s *Session) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var logged net.Conn
	err := s.connect(ctx, func(ctx context.Context, conn *connection) error {
		logged = conn
		return s.login(ctx, conn)
	})
	if err != nil {
		return nil, err
	}
	return logged, nil
}

// dialSealed returns a connection without TLS that has logged in, with the keys that seal what it carries.
func (s *Session) dialSealed(ctx context.Context) (*sealedConnection, error) {
	var logged *sealedConnection
	err := s.connect(ctx, func(ctx context.Context, conn *connection) error {
		return s.exchangeLogin(ctx, conn, func(host *loginExchange) error {
			keys, err := host.sealed(ctx)
			logged = newSealedConnection(conn, keys)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return logged, nil
}

// connect makes a connection, inside TLS where there is one, and has it logged in.
func (s *Session) connect(ctx context.Context, login func(context.Context, *connection) error) error {
	if !s.beginDial() {
		return s.failure(Canceled, "connect", "the session was closed", context.Canceled)
	}
	defer s.dials.Done()
	if refused := s.refusal(); refused != nil {
		return refused
	}
	// http.Transport lets a dial live on after its request has been canceled; the session's end must end it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)() //nolint:contextcheck // the end of the session ends the dial too

	address := s.config.address()
	if s.config.ConnectTo != nil {
		address = s.config.ConnectTo(s.config.Host, s.config.Port)
	}
	dialer := &net.Dialer{Timeout: s.config.ConnectTimeout}
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return s.connectFailure("connect", address, err)
	}
	var binding []byte
	if !s.config.Sealed {
		secured := tls.Client(raw, s.tls)
		handshake, stop := context.WithTimeout(ctx, s.config.ConnectTimeout)
		defer stop()
		if err := secured.HandshakeContext(handshake); err != nil {
			_ = raw.Close()
			return s.connectFailure("TLS handshake", address, err)
		}
		raw, binding = secured, channelBinding(secured.ConnectionState())
	}
	conn := &connection{Conn: raw, session: s, binding: binding}
	if !s.remember(conn) {
		_ = conn.Close()
		return s.failure(Canceled, "connect", "the session was closed", context.Canceled)
	}
	if err := login(ctx, conn); err != nil {
		_ = conn.Close()
		return err
	}
	return nil
}

const longestLogin = 256 << 10 // bytes the host may send before it has let us in

func (s *Session) login(ctx context.Context, conn *connection) error {
	var token string
	if s.config.Scheme == Kerberos {
		s.bind(conn.binding)
		var failed *Error
		if token, failed = s.ticket(ctx); failed != nil {
			return failed
		}
	}
	return s.exchangeLogin(ctx, conn, func(host *loginExchange) error {
		switch s.config.Scheme {
		case Basic:
			return host.expectBasic(ctx)
		case Kerberos:
			return host.kerberos(ctx, token)
		case Certificate:
			return host.certificate(ctx)
		default: // NTLM
			return host.ntlm(ctx)
		}
	})
}

// exchangeLogin gives a login its time and sees to it that nothing of it is left on the connection.
func (s *Session) exchangeLogin(ctx context.Context, conn *connection, login func(*loginExchange) error) error {
	if err := conn.SetDeadline(time.Now().Add(s.config.ConnectTimeout)); err != nil {
		return s.failure(SessionLost, "login", plain(err), err)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	host := &loginExchange{session: s, conn: conn, reader: bufio.NewReader(io.LimitReader(conn, longestLogin))}
	if err := login(host); err != nil {
		return err
	}
	if host.reader.Buffered() > 0 {
		return s.failure(Protocol, "login", "the host sent more than was asked for", nil)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return s.failure(SessionLost, "login", plain(err), err)
	}
	return nil
}

// loginExchange asks with empty requests, so that no message is ever sent to a host that does not know us yet.
type loginExchange struct {
	session *Session
	conn    *connection
	reader  *bufio.Reader
}

// ask sends one empty request and returns the status and the offered authentication.
func (l *loginExchange) ask(ctx context.Context, authorization string) (int, offers, error) {
	s := l.session
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, http.NoBody)
	if err != nil {
		return 0, nil, s.failure(Protocol, "login", plain(err), err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("User-Agent", userAgent)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	s.counters.requests.Add(1)
	s.counters.loginRequests.Add(1)
	if err := request.Write(l.conn); err != nil {
		return 0, nil, s.loginBroken(err)
	}
	response, err := http.ReadResponse(l.reader, request)
	if err != nil {
		return 0, nil, s.loginBroken(err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if err != nil {
		return 0, nil, s.loginBroken(err)
	}
	offered := offers(response.Header.Values("WWW-Authenticate"))
	if response.Close && (response.StatusCode != http.StatusUnauthorized || authorization == "") {
		return 0, nil, s.failure(Protocol, "login", "the host does not keep connections open, which a login needs", nil)
	}
	return response.StatusCode, offered, nil
}

func (s *Session) loginBroken(err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return s.failure(Timeout, "login", "the host did not answer the login in time", err)
	}
	return s.failure(SessionLost, "login", "the connection broke: "+plain(err), err)
}

// expectBasic makes sure that the host asks for Basic before the password goes out with the first message.
func (l *loginExchange) expectBasic(ctx context.Context) error {
	status, offered, err := l.ask(ctx, "")
	if err != nil {
		return err
	}
	if status != http.StatusUnauthorized {
		return l.unexpected(status)
	}
	if !offered.include("Basic") {
		return l.session.notOffered(offered)
	}
	return nil
}

func (l *loginExchange) ntlm(ctx context.Context) error {
	s := l.session
	exchange, negotiate, failed := l.beginNTLM()
	if failed != nil {
		return failed
	}
	// Windows names NTLM by the wider word Negotiate; other servers by its own.
	scheme := "Negotiate"
	status, offered, err := l.ask(ctx, scheme+" "+base64.StdEncoding.EncodeToString(negotiate))
	if err != nil {
		return err
	}
	challenge := offered.token(scheme)
	if status == http.StatusUnauthorized && challenge == nil && offered.include("NTLM") {
		scheme = "NTLM"
		status, offered, err = l.ask(ctx, scheme+" "+base64.StdEncoding.EncodeToString(negotiate))
		if err != nil {
			return err
		}
		challenge = offered.token(scheme)
	}
	if status != http.StatusUnauthorized {
		return l.unexpected(status)
	}
	if challenge == nil {
		return s.notOffered(offered)
	}
	authenticate, _, err := exchange.answer(challenge)
	if err != nil {
		return s.failure(Protocol, "login", "the host's NTLM challenge cannot be answered: "+plain(err), err)
	}
	status, _, err = l.ask(ctx, scheme+" "+base64.StdEncoding.EncodeToString(authenticate))
	if err != nil {
		return err
	}
	switch status {
	case http.StatusUnauthorized:
		return s.refuse()
	case http.StatusForbidden:
		return s.failure(AccessDenied, "login", "the host answered HTTP 403 to the login", nil)
	}
	// Anything else is the host's opinion about an empty message from an account it knows.
	return nil
}

func (l *loginExchange) unexpected(status int) error {
	if status == http.StatusForbidden {
		return l.session.failure(AccessDenied, "login", "the host answered HTTP 403 before any login", nil)
	}
	return l.session.failure(Protocol, "login", "the host answered HTTP "+statusText(status)+
		" where it should have asked for a login; is this the WinRM listener?", nil)
}

func (s *Session) notOffered(offered offers) *Error {
	found := "nothing"
	if names := offered.names(); len(names) > 0 {
		found = strings.Join(names, ", ")
	}
	if s.config.Scheme == NTLM && (offered.include("Negotiate") || offered.include("NTLM")) {
		found += " without answering NTLM (a policy may have turned it off)"
	}
	return s.failure(SchemeNotOffered, "login",
		"the session is configured for "+string(s.config.Scheme)+", but the host offers "+found+"; no password was sent", nil)
}

// offers are the values of the WWW-Authenticate headers of an answer.
type offers []string

// names lists the offered schemes, a header with several of them taken apart.
func (o offers) names() []string {
	var names []string
	for _, header := range o {
		for _, part := range strings.Split(header, ",") {
			word, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			if word != "" && !strings.Contains(word, "=") {
				names = append(names, word)
			}
		}
	}
	return names
}

func (o offers) include(scheme string) bool {
	for _, name := range o.names() {
		if strings.EqualFold(name, scheme) {
			return true
		}
	}
	return false
}

// token returns what the host sent along with scheme, or nil.
func (o offers) token(scheme string) []byte {
	for _, header := range o {
		word, text, _ := strings.Cut(strings.TrimSpace(header), " ")
		if !strings.EqualFold(word, scheme) {
			continue
		}
		if token, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err == nil && len(token) > 0 {
			return token
		}
	}
	return nil
}
