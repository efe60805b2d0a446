package wsman

import (
	"bytes"
	"crypto"
	"crypto/md5"      //nolint:gosec // GSS-API hashes bindings with it.
	_ "crypto/sha512" // crypto.SHA384 and crypto.SHA512 are there when it is linked
	"crypto/x509"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
)

// hashOfEndPoint is the hash with which a certificate names its end of a TLS connection: that of its signature, unless it is weak
// (RFC 5929, 4.1). Zero means that there is none.
func hashOfEndPoint(algorithm x509.SignatureAlgorithm) crypto.Hash {
	name := algorithm.String() // such as SHA384-RSA, SHA256-RSAPSS or ECDSA-SHA256
	switch {
	case strings.Contains(name, "SHA512"):
		return crypto.SHA512
	case strings.Contains(name, "SHA384"):
		return crypto.SHA384
	case strings.Contains(name, "SHA256"), strings.Contains(name, "SHA1"), strings.Contains(name, "MD5"):
		return crypto.SHA256
	default:
		return 0
	}
}

// bindingHash is what a login must hold that goes through TLS with a certificate (RFC 2744, 3.11, without addresses). Nil means that
// the certificate names no end point.
func bindingHash(certificate *x509.Certificate) []byte {
	hash := hashOfEndPoint(certificate.SignatureAlgorithm)
	if hash == 0 {
		return nil
	}
	digest := hash.New()
	digest.Write(certificate.Raw)
	name := digest.Sum([]byte("tls-server-end-point:"))
	var structure bytes.Buffer
	for _, part := range [][]byte{nil, nil} { // initiator and acceptor
		structure.Write(make([]byte, 4))                                     // of no type
		_ = binary.Write(&structure, binary.LittleEndian, uint32(len(part))) //nolint:gosec // Nothing.
	}
	_ = binary.Write(&structure, binary.LittleEndian, uint32(len(name))) //nolint:gosec // Less than 100 bytes.
	structure.Write(name)
	sum := md5.Sum(structure.Bytes()) //nolint:gosec // As above.
	return sum[:]
}

var (
	errBindingMissing = errors.New("the login holds no channel binding, which CbtHardeningLevel Strict wants")
	errBindingWrong   = errors.New("the channel binding of the login is that of another TLS connection")
)

// checkBinding compares what a login holds with the connection it came by. Zeros, or nothing, mean that it holds none.
func (s *Server) checkBinding(r *http.Request, held []byte) error {
	if r.TLS == nil || s.options.ServerCertificate == nil || s.options.ChannelBinding == ChannelBindingNone {
		return nil
	}
	want := bindingHash(s.options.ServerCertificate)
	switch {
	case want == nil:
		return nil
	case len(bytes.Trim(held, "\x00")) == 0:
		if s.options.ChannelBinding == ChannelBindingStrict {
			return errBindingMissing
		}
		return nil
	case !bytes.Equal(held, want):
		return errBindingWrong
	}
	return nil
}
