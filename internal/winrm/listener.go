package winrm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
)

// Listener is what was seen on the way to the WinRM listener of a host. Each step is only tried when the one before it went well.
type Listener struct {
	// Address is where the listener was looked for.
	Address string
	// Addresses are what the name in Address leads to.
	Addresses []string
	// Certificate is what the host presented, also when it was refused; nil when it presented none, as without TLS.
	Certificate *x509.Certificate
	// Resolved, Connected and Trusted say why a step failed; nil when it went well or was not tried.
	Resolved, Connected, Trusted *Error
}

// Inspect goes as far as a session does before it logs in, and notes what it sees. It needs no user name and no password, and
// sends none. The error is that of a config that cannot be used.
func Inspect(ctx context.Context, config Config) (Listener, error) {
	config = config.withDefaults()
	secured, err := config.tls()
	if err != nil {
		return Listener{}, &Error{Kind: CertificateRejected, Host: config.Host, Step: "configure", Message: err.Error(), Err: err}
	}
	// Only the session's way of explaining failures is used.
	session := &Session{config: config, tls: secured}
	seen := Listener{Address: config.address()}
	if config.ConnectTo != nil {
		seen.Address = config.ConnectTo(config.Host, config.Port)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*config.ConnectTimeout)
	defer cancel()
	name, _, err := net.SplitHostPort(seen.Address)
	if err != nil {
		return seen, &Error{Kind: Protocol, Host: config.Host, Step: "configure", Message: err.Error(), Err: err}
	}
	if seen.Addresses, err = net.DefaultResolver.LookupHost(ctx, name); err != nil {
		seen.Resolved = session.failure(Unreachable, "resolve", err.Error(), err)
		return seen, nil
	}
	dialer := &net.Dialer{Timeout: config.ConnectTimeout}
	raw, err := dialer.DialContext(ctx, "tcp", seen.Address)
	if err != nil {
		seen.Connected = session.connectFailure("connect", seen.Address, err)
		return seen, nil
	}
	defer func() { _ = raw.Close() }() // nothing was written that could be lost
	if config.Sealed {
		return seen, nil
	}
	conversation := tls.Client(raw, secured)
	err = conversation.HandshakeContext(ctx)
	if presented := conversation.ConnectionState().PeerCertificates; len(presented) > 0 {
		seen.Certificate = presented[0]
	}
	if err != nil {
		seen.Trusted = session.connectFailure("TLS handshake", seen.Address, err)
		if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(refused.UnverifiedCertificates) > 0 {
			seen.Certificate = refused.UnverifiedCertificates[0]
		}
	}
	return seen, nil
}
