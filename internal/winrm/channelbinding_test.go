package winrm_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http/httptest"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/wsman"
	"lyncops.dev/operator/internal/winrm"
)

// certified is a key pair whose certificate is signed by itself.
func certified(t *testing.T, key crypto.Signer, algorithm x509.SignatureAlgorithm) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: hostName}, DNSNames: []string{hostName}, SignatureAlgorithm: algorithm,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func elliptical(t *testing.T, algorithm x509.SignatureAlgorithm) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return certified(t, key, algorithm)
}

// newBoundWindows is a host that shows one certificate and takes itself to have the one in options.
func newBoundWindows(t *testing.T, shown tls.Certificate, options wsman.Options) (*windows, winrm.Config) {
	t.Helper()
	host, _, config := serve(t, options, func(server *httptest.Server) {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{shown}, MinVersion: tls.VersionTLS12}
		server.StartTLS()
	})
	config.CertificateAuthority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: shown.Certificate[0]})
	return host, config
}

// The server compares with the hash that belongs to the signature of its certificate.
func TestLoginIsBoundToTheCertificateOfTheHost(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, certificate := range map[string]tls.Certificate{
		"RSA with SHA-256":                certified(t, rsaKey, x509.SHA256WithRSA),
		"RSA with SHA-384":                certified(t, rsaKey, x509.SHA384WithRSA),
		"RSA with SHA-512":                certified(t, rsaKey, x509.SHA512WithRSA),
		"RSA-PSS with SHA-384":            certified(t, rsaKey, x509.SHA384WithRSAPSS),
		"ECDSA with SHA-256":              elliptical(t, x509.ECDSAWithSHA256),
		"ECDSA with SHA-512":              elliptical(t, x509.ECDSAWithSHA512),
		"Ed25519, which has no such hash": certified(t, edwards, x509.PureEd25519),
	} {
		t.Run(name, func(t *testing.T) {
			host, config := newBoundWindows(t, certificate, wsman.Options{AllowNTLM: true, ChannelBinding: wsman.ChannelBindingStrict, ServerCertificate: certificate.Leaf})
			wantUsableSession(t, host, config)
		})
	}
}

// Somebody in between has a certificate that we trust, and passes our login on.
func TestLoginIsOfNoUseOnAnotherConnection(t *testing.T) {
	shown, own := elliptical(t, x509.ECDSAWithSHA256), elliptical(t, x509.ECDSAWithSHA256)
	for level, want := range map[wsman.ChannelBinding]winrm.Kind{
		wsman.ChannelBindingStrict: winrm.LoginRefused, wsman.ChannelBindingRelaxed: winrm.LoginRefused, wsman.ChannelBindingNone: "",
	} {
		t.Run("NTLM, "+string(level), func(t *testing.T) {
			_, config := newBoundWindows(t, shown, wsman.Options{AllowNTLM: true, ChannelBinding: level, ServerCertificate: own.Leaf})
			_, err := open(t, config).Run(t.Context(), winrm.Command{Line: "echo hello"})
			if kind := winrm.KindOf(err); kind != want {
				t.Errorf("kind is %q, want %q: %v", kind, want, err)
			}
		})
	}
}

func TestKerberosTicketIsBoundToTheConnection(t *testing.T) {
	shown := elliptical(t, x509.ECDSAWithSHA256)
	kdc, keys, tickets := newTickets(t)
	for name, test := range map[string]struct {
		own        tls.Certificate
		perRequest bool
		want       winrm.Kind
	}{
		"the host's own":               {own: shown},
		"the host's own, each message": {own: shown, perRequest: true},
		"another one":                  {own: elliptical(t, x509.ECDSAWithSHA256), want: winrm.TicketRefused},
	} {
		t.Run(name, func(t *testing.T) {
			_, config := newBoundWindows(t, shown, wsman.Options{Keytab: keys, KerberosPerRequest: test.perRequest, ChannelBinding: wsman.ChannelBindingStrict, ServerCertificate: test.own.Leaf})
			config.Scheme, config.Password, config.Tickets = winrm.Kerberos, "", tickets
			_, err := open(t, config).Run(t.Context(), winrm.Command{Line: "echo hello"})
			if kind := winrm.KindOf(err); kind != test.want {
				t.Errorf("kind is %q, want %q: %v", kind, test.want, err)
			}
		})
	}
	if logins, _ := kdc.Issued(); logins != 1 {
		t.Errorf("the KDC was asked for %d logins", logins)
	}
}
