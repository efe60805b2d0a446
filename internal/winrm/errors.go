package winrm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// Kind is what went wrong, as a word for programs.
type Kind string

// The kinds of error.
const (
	// Unreachable: no connection could be made.
	Unreachable Kind = "Unreachable"
	// CertificateRejected: the certificate is not trusted, has expired or bears another name.
	CertificateRejected Kind = "CertificateRejected"
	// LoginRefused: the host, or the KDC, refused the user name or password. The session does not try again.
	LoginRefused Kind = "LoginRefused"
	// SchemeNotOffered: the host does not offer the configured authentication scheme. No password was sent.
	SchemeNotOffered Kind = "SchemeNotOffered"
	// TicketRefused: there is no Kerberos ticket for the host, or the host does not take it; the account itself was not refused.
	TicketRefused Kind = "TicketRefused"
	// CertificateNotMapped: the host did not take the client certificate.
	CertificateNotMapped Kind = "CertificateNotMapped"
	// AccessDenied: the login was accepted, but the account may not use WinRM.
	AccessDenied Kind = "AccessDenied"
	// Timeout: the host did not answer in time, or the command did not end in time.
	Timeout Kind = "Timeout"
	// SessionLost: the connection broke or the host dropped the shell.
	SessionLost Kind = "SessionLost"
	// QuotaExceeded: a WinRM quota of the host is used up.
	QuotaExceeded Kind = "QuotaExceeded"
	// Protocol: the host answered something that is not WinRM as we know it, or more than we are willing to read, or
	// the command cannot be sent.
	Protocol Kind = "Protocol"
	// Canceled: the caller's context was canceled or the session closed.
	Canceled Kind = "Canceled"
)

// Error is the only error a Session returns. It never holds a password.
type Error struct {
	Kind Kind
	// Host is the host's name as configured.
	Host string
	// Step is what was being done: connect, TLS handshake, ticket, login, Create, Command, Send, Receive, Signal or Delete.
	Step string
	// Message is what was seen.
	Message string
	// Accepted says that the host had accepted the command, so that it may have run in whole or in part.
	Accepted bool
	Err      error
}

// Error is one sentence with host, step and message.
func (e *Error) Error() string {
	return e.Host + ": " + e.Step + ": " + e.Message
}

// Unwrap returns the error below, if there is one.
func (e *Error) Unwrap() error {
	return e.Err
}

// KindOf returns the kind of err, or "" when err is not one of this package.
func KindOf(err error) Kind {
	if found, ok := errors.AsType[*Error](err); ok {
		return found.Kind
	}
	return ""
}

// mayHaveBeenAccepted reports whether the host may have taken a command though its answer did not arrive or made no sense.
func (e *Error) mayHaveBeenAccepted() bool {
	switch e.Kind {
	case Timeout, Canceled, SessionLost, Protocol:
		return true
	default:
		return false
	}
}

func (s *Session) failure(kind Kind, step, message string, cause error) *Error {
	return &Error{Kind: kind, Host: s.config.Host, Step: step, Message: s.presentable(message), Err: cause}
}

// contextFailure explains an ended context to the caller.
func (s *Session) contextFailure(ctx context.Context, step string) *Error {
	switch {
	case s.isClosed():
		return s.failure(Canceled, step, "the session was closed", context.Canceled)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return s.failure(Timeout, step, "the time allowed for the command is over", context.DeadlineExceeded)
	default:
		return s.failure(Canceled, step, "canceled by the caller", context.Canceled)
	}
}

// transportFailure explains why no answer came. requestContext is the context of the one request, caller the context of
// the command.
func (s *Session) transportFailure(caller, requestContext context.Context, step string, err error) *Error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	if caller.Err() != nil {
		return s.contextFailure(caller, step)
	}
	if requestContext.Err() != nil {
		return s.failure(Timeout, step, "no answer came in the time a request may take", context.DeadlineExceeded)
	}
	if errors.Is(err, errNotSealed) {
		return s.failure(Protocol, step, err.Error()+"; something in between may have changed it", err)
	}
	return s.failure(SessionLost, step, "the connection broke: "+plain(err), err)
}

// connectFailure explains why there is no connection.
func (s *Session) connectFailure(step, address string, err error) *Error {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	if errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid) {
		return s.failure(CertificateRejected, step, plain(err), err)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return s.failure(Unreachable, step, address+" did not answer in time", err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return s.failure(Protocol, step, address+" does not speak TLS", err)
	}
	if step == "TLS handshake" && !hungUp(err) {
		return s.failure(Protocol, step, address+" does not agree to TLS 1.2 or newer: "+plain(err), err)
	}
	return s.failure(Unreachable, step, fmt.Sprintf("%s cannot be reached: %s", address, plain(err)), err)
}

// hungUp reports whether the connection broke, and not the conversation.
func hungUp(err error) bool {
	if broken, ok := errors.AsType[*net.OpError](err); ok && broken.Op != "remote error" {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.Canceled)
}

// plain is err in words an administrator knows.
func plain(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the host closed the connection"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset by the host"
	case errors.Is(err, net.ErrClosed):
		return "the connection was closed"
	default:
		return err.Error()
	}
}

const longestMessage = 600

// presentable shortens a text that may come from the host and removes what must never be printed. A host has no business
// repeating a password, but it is not ours to trust it.
func (s *Session) presentable(text string) string {
	if s.config.Password != "" {
		text = strings.ReplaceAll(text, s.config.Password, "(removed)")
		text = strings.ReplaceAll(text, base64.StdEncoding.EncodeToString([]byte(s.config.UserName+":"+s.config.Password)), "(removed)")
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if len(text) > longestMessage {
		cut := longestMessage
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "..."
	}
	return text
}
