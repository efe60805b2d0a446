package lync

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"lyncops.dev/operator/internal/winrm"
)

// The checks of Reach, in their order.
const (
	CheckNameResolution = "NameResolution"
	CheckConnection     = "Connection"
	CheckCertificate    = "Certificate"
)

// shortestCertificateLife is what a certificate must still be good for: longer than the upgrade of a pool takes.
const shortestCertificateLife = 14 * 24 * time.Hour

// Reach checks the way to a server up to the login, which it does not try. Checks after the first that fails are left out. now
// decides which certificates end soon.
func (s *Servers) Reach(ctx context.Context, access Access, now time.Time) []Check {
	access = access.withDefaults()
	listener := access.listener()
	seen, err := winrm.Inspect(ctx, winrm.Config{
		Host: access.FQDN, Port: access.Port, Sealed: access.Transport == TransportHTTP, CertificateAuthority: access.CertificateAuthority,
		CertificateName: access.CertificateName, ConnectTo: s.options.ConnectTo,
	})
	if err != nil {
		return []Check{{Name: CheckNameResolution, Found: err.Error(), Remedy: "correct the connection of the object"}}
	}
	resolution := Check{Name: CheckNameResolution, OK: true, Found: strings.Join(seen.Addresses, ", "), Remedy: "make the name resolve where the operator runs, or reach the server with --winrm-connect-to"}
	if seen.Resolved != nil {
		resolution.OK, resolution.Found = false, seen.Resolved.Message
		return []Check{resolution}
	}
	connection := Check{Name: CheckConnection, OK: true, Found: "connected to " + seen.Address, Remedy: "check that the server is up, that " + listener + " is on, and that no firewall is between"}
	if seen.Connected != nil {
		connection.OK, connection.Found = false, seen.Connected.Message
		return []Check{resolution, connection}
	}
	if access.Transport == TransportHTTP {
		return []Check{resolution, connection}
	}
	return []Check{resolution, connection, certificateCheck(seen, access.FQDN, listener, now)}
}

func certificateCheck(seen winrm.Listener, name, listener string, now time.Time) Check {
	check := Check{Name: CheckCertificate, OK: true, Remedy: "give " + listener + " a valid certificate that bears this name, or correct connection.certificateAuthority or connection.certificateNames"}
	presented := ""
	if seen.Certificate != nil {
		presented = describeCertificate(seen.Certificate)
	}
	switch {
	case seen.Trusted != nil && presented != "":
		check.OK, check.Found = false, presented+": "+seen.Trusted.Message
	case seen.Trusted != nil:
		check.OK, check.Found = false, seen.Trusted.Message
	default:
		check.Found = name + ", " + presented
	}
	if check.OK && seen.Certificate.NotAfter.Sub(now) < shortestCertificateLife {
		check.OK = false
		check.Remedy = fmt.Sprintf("renew the certificate of %s: it must be good for the whole upgrade, at least %d days", listener, int(shortestCertificateLife.Hours()/24))
	}
	return check
}

// describeCertificate names issuer and end of a certificate.
func describeCertificate(certificate *x509.Certificate) string {
	issuer := certificate.Issuer.CommonName
	if issuer == "" {
		issuer = certificate.Issuer.String()
	}
	return fmt.Sprintf("issued by %q, good until %s", issuer, certificate.NotAfter.UTC().Format(time.DateOnly))
}

// Staged reports whether this Servers has put the module on a server, which is the only thing a question ever changes there.
func (s *Servers) Staged(fqdn string) bool {
	return s.stagingOf(fqdn).done.Load() > 0
}
