package wsman

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/http"
)

// certificateScheme says that the proof is the certificate shown to TLS.
const certificateScheme = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"

var (
	oidAlternativeNames  = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidUserPrincipalName = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// acceptCertificate checks the certificate of the connection and maps it to an account. It holds for one request.
func (s *Server) acceptCertificate(host Host, r *http.Request) verdict {
	switch {
	case s.options.ClientAuthorities == nil || s.options.CertificateAccount == nil:
		return verdict{refusal: errors.New("certificates are not taken here")}
	case r.TLS == nil || len(r.TLS.PeerCertificates) == 0:
		return verdict{refusal: errors.New("the client showed no certificate")}
	}
	shown := r.TLS.PeerCertificates[0]
	between := x509.NewCertPool()
	for _, certificate := range r.TLS.PeerCertificates[1:] {
		between.AddCert(certificate)
	}
	if _, err := shown.Verify(x509.VerifyOptions{
		Roots: s.options.ClientAuthorities, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		return verdict{refusal: fmt.Errorf("the client's certificate is not trusted: %w", err)}
	}
	name := userPrincipalName(shown)
	if name == "" {
		name = shown.Subject.CommonName
	}
	account, mapped := s.options.CertificateAccount(host.Name(), name)
	if !mapped {
		return verdict{refusal: fmt.Errorf("no account is mapped to the certificate of %s", name)}
	}
	return verdict{account: account, proven: true}
}

// userPrincipalName is the name that Windows looks for, or "".
func userPrincipalName(certificate *x509.Certificate) string {
	for _, extension := range certificate.Extensions {
		if !extension.Id.Equal(oidAlternativeNames) {
			continue
		}
		var names []asn1.RawValue
		if _, err := asn1.Unmarshal(extension.Value, &names); err != nil {
			return ""
		}
		for _, name := range names {
			var kind asn1.ObjectIdentifier
			var outer, value asn1.RawValue
			if name.Class != asn1.ClassContextSpecific || name.Tag != 0 { // otherName
				continue
			}
			rest, err := asn1.Unmarshal(name.Bytes, &kind)
			if err != nil || !kind.Equal(oidUserPrincipalName) {
				continue
			}
			if _, err := asn1.Unmarshal(rest, &outer); err != nil {
				continue
			}
			if _, err := asn1.Unmarshal(outer.Bytes, &value); err == nil {
				return string(value.Bytes)
			}
		}
	}
	return ""
}
