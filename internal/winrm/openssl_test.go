package winrm_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/winrm"
)

// openSSL starts a TLS server of OpenSSL that speaks one version and answers every request with a page, and gives its address and the
// certificate it shows.
func openSSL(t *testing.T, version string) (address string, authority []byte) {
	t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not on the PATH")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate := certified(t, key, x509.ECDSAWithSHA256)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	both := filepath.Join(t.TempDir(), "both.pem")
	if err := os.WriteFile(both, append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), authority...), 0o600); err != nil {
		t.Fatal(err)
	}
	// Level 0: OpenSSL itself refuses old versions otherwise.
	server := exec.CommandContext(t.Context(), program, "s_server", "-accept", "127.0.0.1:0", version, "-cipher", "ALL:@SECLEVEL=0", "-cert", both, "-key", both, "-www")
	said, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if found, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			return found, authority
		}
	}
	t.Fatalf("openssl does not say where it listens: %v", lines.Err())
	return "", nil
}

// A server of OpenSSL with nothing newer gets no byte of a message, where a client that allows old versions is let in.
func TestOldTLSOfOpenSSLIsRefused(t *testing.T) {
	for version, refused := range map[string]bool{"-tls1": true, "-tls1_1": true, "-tls1_2": false, "-tls1_3": false} {
		t.Run(version, func(t *testing.T) {
			address, authority := openSSL(t, version)
			// To see that the server would let it in.
			lenient, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10})
			if err != nil {
				t.Skipf("this OpenSSL cannot speak it: %v", err)
			}
			_ = lenient.Close()
			session := open(t, winrm.Config{Host: hostName, UserName: "svc", Password: "Correct-Horse-7", CertificateAuthority: authority, ConnectTo: func(string, int) string { return address }})
			ctx := t.Context()
			if !refused {
				// It answers no POST.
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Second)
				defer cancel()
			}
			_, err = session.Run(ctx, winrm.Command{Line: "hostname"})
			if err == nil {
				t.Fatal("a server that is no WinRM service has run a command")
			}
			if strings.Contains(err.Error(), "protocol version") != refused {
				t.Errorf("refused for its TLS is not %v: %v", refused, err)
			}
		})
	}
}
