// Package clientcertificate makes certificates for tests with which clients log in; what a server makes of one belongs elsewhere.
package clientcertificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	t           testing.TB
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority that lives as long as the test.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t}
	template := a.template("authority of clients")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	a.key = a.newKey()
	a.certificate = a.sign(template, template, a.key)
	return a
}

// Pool trusts the authority.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// Issue makes a client certificate and its key, both in PEM form. With a user principal name it is that of a Windows user.
func (a *Authority) Issue(commonName, userPrincipalName string) (certificate, key []byte) {
	a.t.Helper()
	return a.issue(commonName, userPrincipalName, x509.ExtKeyUsageClientAuth)
}

// IssueForServer makes a certificate that is not for clients.
func (a *Authority) IssueForServer(commonName string) (certificate, key []byte) {
	a.t.Helper()
	return a.issue(commonName, "", x509.ExtKeyUsageServerAuth)
}

func (a *Authority) issue(commonName, userPrincipalName string, usage x509.ExtKeyUsage) (certificate, key []byte) {
	a.t.Helper()
	own := a.newKey()
	template := a.template(commonName)
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{usage}
	if userPrincipalName != "" {
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: a.alternativeNames(userPrincipalName)}}
	}
	signed := a.sign(template, a.certificate, own)
	encoded, err := x509.MarshalPKCS8PrivateKey(own)
	a.check(err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// alternativeNames holds one name, of the kind that Windows looks for.
func (a *Authority) alternativeNames(userPrincipalName string) []byte {
	a.t.Helper()
	encoded, err := asn1.Marshal([]any{struct {
		Kind asn1.ObjectIdentifier
		Name string `asn1:"utf8,explicit,tag:0"`
	}{asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}, userPrincipalName}})
	a.check(err)
	// The inner SEQUENCE is written as [0], which encoding/asn1 does not do to the members of a list.
	encoded[2] = 0xa0
	return encoded
}

func (a *Authority) template(commonName string) *x509.Certificate {
	a.t.Helper()
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	a.check(err)
	return &x509.Certificate{SerialNumber: number, Subject: pkix.Name{CommonName: commonName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
}

func (a *Authority) newKey() *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.check(err)
	return key
}

func (a *Authority) sign(template, issuer *x509.Certificate, of *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, of.Public(), a.key)
	a.check(err)
	signed, err := x509.ParseCertificate(der)
	a.check(err)
	return signed
}

func (a *Authority) check(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}
