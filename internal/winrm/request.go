package winrm

import (
	"context"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/masterzen/winrm/soap"
)

const (
	contentType = "application/soap+xml;charset=UTF-8"
	userAgent   = "lyncops"
)

// post sends one message and returns the host's answer, which may be a fault. It never repeats a message that the host has let in.
func (s *Session) post(caller context.Context, step string, message *soap.SoapMessage) (*envelope, *Error) {
	text := message.String()
	answer, failed := s.send(caller, step, text)
	if failed != nil && failed.Kind == loginWanted {
		// The host has sent the message back unread: with Kerberos it may, or may not, keep a connection logged in.
		s.loginPerMessage = true
		answer, failed = s.send(caller, step, text)
	}
	return answer, failed
}

// send sends a message once.
func (s *Session) send(caller context.Context, step, message string) (*envelope, *Error) {
	if refused := s.refusal(); refused != nil {
		return nil, refused
	}
	ctx, cancel := context.WithTimeout(caller, s.config.OperationTimeout+s.config.AnswerMargin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(message))
	if err != nil {
		return nil, s.failure(Protocol, step, plain(err), err)
	}
	// http.Transport repeats a POST by itself only when not one byte of it was written, which is harmless.
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("User-Agent", userAgent)
	switch {
	case s.config.Scheme == Basic:
		request.SetBasicAuth(s.config.UserName, s.config.Password)
	case s.config.Scheme == Certificate:
		request.Header.Set("Authorization", certificateHeader)
	case s.loginPerMessage:
		token, failed := s.ticket(ctx)
		if failed != nil {
			return nil, failed
		}
		request.Header.Set("Authorization", token)
	}
	s.counters.requests.Add(1)
	response, err := s.transport.RoundTrip(request)
	if err != nil {
		return nil, s.transportFailure(caller, ctx, step, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, s.config.MaximumAnswerBytes+1))
	if err != nil {
		return nil, s.transportFailure(caller, ctx, step, err)
	}
	if int64(len(text)) > s.config.MaximumAnswerBytes {
		return nil, s.failure(Protocol, step, "the answer is longer than "+strconv.FormatInt(s.config.MaximumAnswerBytes, 10)+" bytes", nil)
	}
	return s.interpret(step, response, text)
}

func (s *Session) interpret(step string, response *http.Response, text []byte) (*envelope, *Error) {
	switch response.StatusCode {
	case http.StatusUnauthorized:
		return nil, s.unauthorized(step, offers(response.Header.Values("WWW-Authenticate")))
	case http.StatusForbidden:
		return nil, s.failure(AccessDenied, step, "the host answered HTTP 403", nil)
	}
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if mediaType != "application/soap+xml" {
		return nil, s.failure(Protocol, step, "the host answered HTTP "+statusText(response.StatusCode)+
			" without a SOAP message; is this the WinRM listener?", nil)
	}
	answer, err := parse(text)
	if err != nil {
		return nil, s.failure(Protocol, step, "the answer is not well-formed XML: "+plain(err), nil)
	}
	if response.StatusCode != http.StatusOK && answer.Body.Fault == nil {
		return nil, s.failure(Protocol, step, "the host answered HTTP "+statusText(response.StatusCode)+" without a fault", nil)
	}
	return answer, nil
}

// unauthorized explains a refused message. A connection that NTLM has already let in is refused only when the host has
// forgotten the login, which says nothing about the password.
func (s *Session) unauthorized(step string, offered offers) *Error {
	switch {
	case s.config.Scheme == Basic && offered.include("Basic"):
		return s.refuse()
	case s.config.Scheme == Basic:
		return s.failure(SchemeNotOffered, step, "the host no longer offers Basic", nil)
	case s.config.Scheme == Certificate:
		return s.certificateRefused()
	case s.config.Scheme == Kerberos && s.loginPerMessage:
		return s.ticketRefused(step, offered)
	case s.config.Scheme == Kerberos:
		return s.failure(loginWanted, step, "the host wants a login for each message", nil)
	}
	s.transport.CloseIdleConnections()
	return s.failure(SessionLost, step, "the host has forgotten the login of the connection", nil)
}

// faultFailure turns a fault into an error.
func (s *Session) faultFailure(step string, refused *fault) *Error {
	return s.failure(refused.kind(), step, refused.text(), nil)
}

func statusText(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}
