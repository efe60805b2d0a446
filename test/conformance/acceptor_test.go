package conformance_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/kerberos"
	"lyncops.dev/operator/internal/kerberos/realm"
	"lyncops.dev/operator/internal/winrm"
)

// pair writes a certificate, signed by itself, and its key, and gives the certificate in both forms.
func pair(t *testing.T, folder, name string) (certificate, key string, asPEM, asDER []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{host}, SignatureAlgorithm: x509.ECDSAWithSHA256,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	asPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	certificate, key = filepath.Join(folder, "certificate.pem"), filepath.Join(folder, "key.pem")
	for path, text := range map[string][]byte{certificate: asPEM, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key, asPEM, der
}

// acceptor starts the server of testdata/acceptor.py and gives its port. What it refuses it explains on standard error.
func acceptor(t *testing.T, p python, order map[string]string, environment ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), p.program, "testdata/acceptor.py")
	command.Env = append(append(os.Environ(), p.environment...), environment...)
	var said bytes.Buffer
	command.Stderr = &said
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	if err := json.NewEncoder(stdin).Encode(order); err != nil {
		t.Fatal(err)
	}
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(port)
}

// wantLogin has the operator's client log in and send a message. The server says which account sent what, or has refused it with kind.
func wantLogin(t *testing.T, config winrm.Config, account string, kind winrm.Kind) {
	t.Helper()
	session, err := winrm.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close(t.Context()) }()
	_, err = session.Run(t.Context(), winrm.Command{Line: "hostname"})
	switch {
	case err == nil:
		t.Fatal("a server that only answers with faults has run a command")
	case kind != "" && winrm.KindOf(err) != kind:
		t.Errorf("want the kind %s: %v", kind, err)
	case kind == "" && !strings.Contains(err.Error(), account+" sent "+actionCreate):
		t.Errorf("%v, want the account %s", err, account)
	}
}

// ends are what the channel binding of a server with this certificate says, and that of another.
func ends(certificate []byte) (right, wrong string) {
	end := sha256.Sum256(certificate)
	return hex.EncodeToString(append([]byte("tls-server-end-point:"), end[:]...)), hex.EncodeToString([]byte("tls-server-end-point:somewhere else"))
}

const somebodyElse = "Somebody-Else-9"

// The operator's own client, in front of servers that are not ours: what others say about the simulator, these say about the client.
func TestOperatorLogsInAtPyspnego(t *testing.T) {
	p := resolving(t, filepath.Join(folderOf(t, "LYNCOPS_CLIENTS_WINRM"), "bin", "python"))
	report(t, "pyspnego as a server", p.version(t, "pyspnego"))
	certificate, key, asPEM, asDER := pair(t, t.TempDir(), host)
	right, wrong := ends(asDER)
	domain, name, _ := strings.Cut(user, `\`)
	accounts := filepath.Join(t.TempDir(), "accounts")
	if err := os.WriteFile(accounts, []byte(domain+":"+name+":"+password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		scheme            winrm.Scheme
		sealed            bool
		binding, password string
		kind              winrm.Kind
	}{
		"Basic, which it does not offer":       {scheme: winrm.Basic, password: password, kind: winrm.SchemeNotOffered},
		"in TLS":                               {password: password},
		"in TLS, bound to the connection":      {password: password, binding: right},
		"in TLS, bound to another one":         {password: password, binding: wrong, kind: winrm.LoginRefused},
		"in TLS, with a wrong password":        {password: somebodyElse, kind: winrm.LoginRefused},
		"sealed without TLS":                   {password: password, sealed: true},
		"sealed without TLS, a wrong password": {password: somebodyElse, sealed: true, kind: winrm.LoginRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			order := map[string]string{"way": "ntlm", "binding": test.binding}
			if !test.sealed {
				order["certificate"], order["key"] = certificate, key
			}
			port := acceptor(t, p, order, "NTLM_USER_FILE="+accounts)
			wantLogin(t, winrm.Config{Host: host, Scheme: test.scheme, Sealed: test.sealed, UserName: user, Password: test.password, CertificateAuthority: asPEM, ConnectTo: to(port)}, user, test.kind)
		})
	}
}

func to(port string) func(string, int) string {
	return func(string, int) string { return "127.0.0.1:" + port }
}

func TestOperatorLogsInAtMITKerberos(t *testing.T) {
	folder := folderOf(t, "LYNCOPS_CLIENTS_DEBIAN")
	p := resolving(t, "/usr/bin/python3", filepath.Join(folder, "usr", "lib", "python3", "dist-packages"))
	kdc := realm.Start(t)
	kdc.AddUser("svc-lyncops", password)
	kdc.AddService("HTTP/" + host)
	keys := filepath.Join(t.TempDir(), "host.keytab")
	if err := os.WriteFile(keys, kdc.Keytab("HTTP/"+host), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate, key, asPEM, asDER := pair(t, t.TempDir(), host)
	right, wrong := ends(asDER)
	tickets, err := kerberos.New(kerberos.Account{UserName: "svc-lyncops", Password: password, Configuration: kdc.Configuration()})
	if err != nil {
		t.Fatal(err)
	}
	defer tickets.Close()
	for name, test := range map[string]struct {
		binding string
		kind    winrm.Kind
	}{
		"in TLS":                          {},
		"in TLS, bound to the connection": {binding: right},
		"in TLS, bound to another one":    {binding: wrong, kind: winrm.TicketRefused},
	} {
		t.Run(name, func(t *testing.T) {
			port := acceptor(t, p, map[string]string{"way": "kerberos", "binding": test.binding, "certificate": certificate, "key": key},
				append(kdc.Environment(), "KRB5_KTNAME="+keys)...)
			wantLogin(t, winrm.Config{Host: host, Scheme: winrm.Kerberos, UserName: user, Tickets: tickets, CertificateAuthority: asPEM, ConnectTo: to(port)},
				"svc-lyncops@"+realm.Name, test.kind)
		})
	}
	report(t, "MIT GSSAPI as a server", "python3-gssapi "+p.version(t, "gssapi"))
}

func TestOperatorLogsInAtPythonsTLS(t *testing.T) {
	p := resolving(t, filepath.Join(folderOf(t, "LYNCOPS_CLIENTS_WINRM"), "bin", "python"))
	report(t, "OpenSSL of Python as a server", strings.TrimPrefix(strings.TrimSpace(run(t, p.environment, "", p.program, "-c", "import ssl; print(ssl.OPENSSL_VERSION)").stdout), "OpenSSL "))
	certificate, key, asPEM, _ := pair(t, t.TempDir(), host)
	mine := t.TempDir()
	clientFile, clientKeyFile, clientPEM, _ := pair(t, mine, "lyncops@localhost")
	clientKey, err := os.ReadFile(clientKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	_, strangersKeyFile, strangerPEM, _ := pair(t, t.TempDir(), "lyncops@localhost")
	strangersKey, err := os.ReadFile(strangersKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	server := map[string]string{"certificate": certificate, "key": key, "clients": clientFile, "way": "certificate"}
	config := winrm.Config{Host: host, Scheme: winrm.Certificate, CertificateAuthority: asPEM, ClientCertificate: clientPEM, ClientKey: clientKey}
	t.Run("with a client certificate", func(t *testing.T) {
		config.ConnectTo = to(acceptor(t, p, server))
		wantLogin(t, config, "lyncops@localhost", "")
	})
	t.Run("with that of a stranger", func(t *testing.T) {
		strange := config
		strange.ClientCertificate, strange.ClientKey = strangerPEM, strangersKey
		strange.ConnectTo = to(acceptor(t, p, server))
		wantLogin(t, strange, "", winrm.Protocol)
	})
	server = map[string]string{"certificate": certificate, "key": key, "way": "basic", "user": "lyncops", "password": password}
	config = winrm.Config{Host: host, Scheme: winrm.Basic, UserName: "lyncops", Password: password, CertificateAuthority: asPEM}
	t.Run("with Basic", func(t *testing.T) {
		config.ConnectTo = to(acceptor(t, p, server))
		wantLogin(t, config, "lyncops", "")
	})
	t.Run("with Basic and a wrong password", func(t *testing.T) {
		config.Password, config.ConnectTo = somebodyElse, to(acceptor(t, p, server))
		wantLogin(t, config, "", winrm.LoginRefused)
	})
	t.Run("with NTLM, which it does not offer", func(t *testing.T) {
		config.Scheme, config.Password, config.ConnectTo = winrm.NTLM, password, to(acceptor(t, p, server))
		wantLogin(t, config, "", winrm.SchemeNotOffered)
	})
}
