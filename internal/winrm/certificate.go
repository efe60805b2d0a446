package winrm

import (
	"context"
	"crypto/tls"
	"net/http"
)

// certificateHeader says that the proof is the certificate shown to TLS (DSP0226, C.3.1).
const certificateHeader = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"

// certificate makes sure that the host takes the certificate before any message goes out.
func (l *loginExchange) certificate(ctx context.Context) error {
	s := l.session
	status, _, err := l.ask(ctx, certificateHeader)
	if err != nil {
		return err
	}
	switch status {
	case http.StatusUnauthorized:
		return s.certificateRefused()
	case http.StatusForbidden:
		return s.failure(AccessDenied, "login", "the host answered HTTP 403 to the client certificate "+s.certificateSubject(), nil)
	}
	return nil
}

// certificateRefused is not final as a wrong password is: no account can be locked by a certificate, and what it is mapped to may
// be put right at any time.
func (s *Session) certificateRefused() *Error {
	return s.failure(CertificateNotMapped, "login", "the host knows no account for the client certificate "+s.certificateSubject()+
		", does not trust its issuer, or does not offer certificate authentication", nil)
}

func (s *Session) certificateSubject() string {
	own, err := tls.X509KeyPair(s.config.ClientCertificate, s.config.ClientKey)
	if err != nil || own.Leaf == nil {
		return "(unreadable)"
	}
	return own.Leaf.Subject.String() + " by " + own.Leaf.Issuer.String()
}
