package winrm

import (
	"context"
	"encoding/base64"
	"net/http"

	"lyncops.dev/operator/internal/kerberos"
)

// StepTicket is the Step of errors that arose at the KDC.
const StepTicket = "ticket"

// loginWanted is seen inside this package only: the host did not take a message because it came without a login of its own.
const loginWanted Kind = "loginWanted"

// ticket makes the Authorization header of one request. It asks the KDC only when there is no good ticket for the host.
func (s *Session) ticket(ctx context.Context) (string, *Error) {
	limited, cancel := context.WithTimeout(ctx, s.config.ConnectTimeout)
	defer cancel()
	token, err := s.config.Tickets.Token(limited, s.config.Host, s.bound())
	switch {
	case err == nil:
		return "Negotiate " + base64.StdEncoding.EncodeToString(token), nil
	case ctx.Err() != nil:
		return "", s.contextFailure(ctx, StepTicket)
	case limited.Err() != nil:
		return "", s.failure(Unreachable, StepTicket, "no KDC answered in time for "+s.config.Tickets.String(), limited.Err())
	}
	switch kerberos.KindOf(err) {
	case kerberos.AccountRefused:
		return "", s.refuseBecause(err.Error())
	case kerberos.Unreachable:
		return "", s.failure(Unreachable, StepTicket, err.Error(), nil)
	default:
		return "", s.failure(TicketRefused, StepTicket, err.Error(), nil)
	}
}

// bind has tickets bound to the connection that was made last, which is the only one.
func (s *Session) bind(binding []byte) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.binding = binding
}

func (s *Session) bound() []byte {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.binding
}

// kerberos logs in a connection. That the host is the right one is proven by its certificate; its answer to the ticket is not
// looked at.
func (l *loginExchange) kerberos(ctx context.Context, token string) error {
	s := l.session
	status, offered, err := l.ask(ctx, token)
	if err != nil {
		return err
	}
	switch status {
	case http.StatusUnauthorized:
		return s.ticketRefused("login", offered)
	case http.StatusForbidden:
		return s.failure(AccessDenied, "login", "the host answered HTTP 403 to the login", nil)
	}
	// Anything else is the host's opinion about an empty message from an account it knows.
	return nil
}

// ticketRefused explains a ticket that the host did not take, and drops it, because the host's keys may have changed.
func (s *Session) ticketRefused(step string, offered offers) *Error {
	if !offered.include("Negotiate") && !offered.include("Kerberos") {
		return s.notOffered(offered)
	}
	s.config.Tickets.Forget(s.config.Host)
	return s.failure(TicketRefused, step, "the host did not take the Kerberos ticket for HTTP/"+s.config.Host+
		" (is the name registered for another account, or are the clocks apart?)", nil)
}
