package winrm

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
)

// channelBinding names the TLS connection that a login goes through, by the host's certificate (RFC 5929, tls-server-end-point). A
// login that holds it is good at that certificate only: who takes it off another connection cannot pass it on. Windows demands it
// where CbtHardeningLevel is Strict, and compares it wherever it comes.
//
// It is nil without TLS, and where the signature of the certificate has no hash of its own, for which the RFC defines nothing.
func channelBinding(state tls.ConnectionState) []byte {
	const prefix = "tls-server-end-point:"
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	certificate := state.PeerCertificates[0]
	switch certificate.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1, // too weak, so that the RFC replaces them
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.DSAWithSHA256, x509.ECDSAWithSHA256:
		sum := sha256.Sum256(certificate.Raw)
		return append([]byte(prefix), sum[:]...)
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		sum := sha512.Sum384(certificate.Raw)
		return append([]byte(prefix), sum[:]...)
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		sum := sha512.Sum512(certificate.Raw)
		return append([]byte(prefix), sum[:]...)
	default:
		return nil
	}
}
