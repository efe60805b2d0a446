package powershell_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// servePackages starts the web servers that scenarios fetch packages from and gives the environment that tells of them: one whose
// certificate the engine trusts, and one whose certificate nobody trusts. Only TLS 1.2 is spoken.
func servePackages(t *testing.T) []string {
	t.Helper()
	content := bytes.Repeat([]byte("MZ package "), 100_000)
	plain := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) { answer.Write(content) }))
	t.Cleanup(plain.Close)
	pages := http.NewServeMux()
	pages.HandleFunc("/package", func(answer http.ResponseWriter, request *http.Request) {
		if request.URL.Query().Get("token") != "tok-en" {
			http.Error(answer, "no token", http.StatusForbidden)
			return
		}
		answer.Write(content)
	})
	pages.HandleFunc("/downgrade", func(answer http.ResponseWriter, request *http.Request) {
		http.Redirect(answer, request, plain.URL, http.StatusFound)
	})
	pages.HandleFunc("/cut", func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Length", fmt.Sprint(len(content)))
		answer.Write(content[:len(content)/2])
		panic(http.ErrAbortHandler)
	})
	start := func() (*httptest.Server, []byte) {
		certificate, encoded := newCertificate(t)
		server := httptest.NewUnstartedServer(pages)
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}
		server.StartTLS()
		t.Cleanup(server.Close)
		return server, encoded
	}
	trusted, certificate := start()
	untrusted, _ := start()
	bundle := filepath.Join(t.TempDir(), "trusted.pem")
	if err := os.WriteFile(bundle, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{
		"LYNCOPS_TEST_URL=" + trusted.URL,
		"LYNCOPS_TEST_UNTRUSTED_URL=" + untrusted.URL,
		fmt.Sprintf("LYNCOPS_TEST_SHA256=%x", sha256.Sum256(content)),
		"SSL_CERT_FILE=" + bundle,
	}
}

// newCertificate makes a self-signed certificate for 127.0.0.1 and its PEM text.
func newCertificate(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "packages " + serial.String()},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
