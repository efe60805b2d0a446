// Package realm runs a KDC of MIT's on loopback for tests; it is no part of the operator, and what asks the KDC belongs elsewhere.
package realm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Name is the realm that is served.
const Name = "CONTOSO.COM"

// patience is what any one step may take on a loaded machine.
const patience = 60 * time.Second

// Realm is a running KDC.
type Realm struct {
	t      testing.TB
	folder string
	kadmin string
	// Address is where the KDC answers over TCP.
	Address string
}

// program finds a program of MIT Kerberos, which Debian has in a folder that is often not in the search path.
func program(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/bin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed (Debian: apt-get install krb5-kdc krb5-admin-server krb5-user)", name)
	return ""
}

// Start starts a KDC with an empty realm. It ends with the test, which is skipped where MIT Kerberos is not installed.
func Start(t testing.TB) *Realm {
	t.Helper()
	kdc, database := program(t, "krb5kdc"), program(t, "kdb5_util")
	r := &Realm{t: t, folder: t.TempDir(), kadmin: program(t, "kadmin.local"), Address: freeAddress(t)}
	r.write("krb5.conf", r.Configuration())
	r.write("kdc.conf", fmt.Sprintf(`[kdcdefaults]
  kdc_listen = ""
  kdc_tcp_listen = %[1]s
[realms]
  %[2]s = {
    database_name = %[3]s/principal
    key_stash_file = %[3]s/stash
    acl_file = %[3]s/kadm5.acl
    max_life = 10h
    supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
    default_principal_flags = +preauth
  }
[logging]
  kdc = FILE:%[3]s/kdc.log
`, r.Address, Name, r.folder))
	r.run(database, "create", "-s", "-r", Name, "-P", "master")

	ctx, cancel := context.WithCancel(context.Background())
	command := r.command(ctx, kdc, "-n", "-r", Name)
	var said lockedBuffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // It is killed at the end.
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.DialTimeout("tcp", r.Address, time.Second)
		if err == nil {
			_ = conn.Close()
			return r
		}
		select {
		case <-ended:
			t.Fatalf("the KDC ended: %s", said.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("the KDC does not answer: %v, %s", err, said.String())
		}
	}
}

// Configuration is the krb5.conf of a client.
func (r *Realm) Configuration() string {
	return fmt.Sprintf(`[libdefaults]
  default_realm = %[1]s
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  %[1]s = {
    kdc = %[2]s
  }
`, Name, r.Address)
}

// ConfigurationFile is Configuration in a file.
func (r *Realm) ConfigurationFile() string { return filepath.Join(r.folder, "krb5.conf") }

// AddUser adds an account.
func (r *Realm) AddUser(name, password string) {
	r.t.Helper()
	r.query(`addprinc -pw "` + password + `" ` + name)
}

// AddService adds an account without a password that anybody knows, such as HTTP/fe01.contoso.com.
func (r *Realm) AddService(name string) {
	r.t.Helper()
	r.query("addprinc -randkey " + name)
}

// SetPassword changes a password.
func (r *Realm) SetPassword(name, password string) {
	r.t.Helper()
	r.query(`cpw -pw "` + password + `" ` + name)
}

// Keytab returns the keys of accounts as a keytab file. They stay the same keys.
func (r *Realm) Keytab(names ...string) []byte {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "keytab")
	r.query("ktadd -norandkey -k " + file + " " + strings.Join(names, " "))
	content, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	return content
}

// Issued counts in the KDC's log the tickets it has given: those that a login gives, and those for services.
func (r *Realm) Issued() (logins, services int) {
	r.t.Helper()
	log := r.log()
	return strings.Count(log, "AS_REQ") - strings.Count(log, "NEEDED_PREAUTH"), strings.Count(log, "TGS_REQ")
}

// Refused counts in the KDC's log the logins whose password was wrong.
func (r *Realm) Refused() int {
	r.t.Helper()
	return strings.Count(r.log(), "PREAUTH_FAILED")
}

func (r *Realm) log() string {
	content, err := os.ReadFile(filepath.Join(r.folder, "kdc.log"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(content)
}

// Environment is what MIT's programs need to use the realm, with a ticket cache of its own.
func (r *Realm) Environment() []string {
	return append(os.Environ(), "KRB5_CONFIG="+r.ConfigurationFile(), "KRB5CCNAME=FILE:"+filepath.Join(r.folder, "cache"))
}

// Login gets a ticket into the cache of Environment with MIT's kinit.
func (r *Realm) Login(name, password string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, program(r.t, "kinit"), name)
	command.Env, command.Stdin = r.Environment(), strings.NewReader(password+"\n")
	if said, err := command.CombinedOutput(); err != nil {
		r.t.Fatalf("kinit: %v: %s", err, said)
	}
}

func (r *Realm) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.folder, name), []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *Realm) query(query string) {
	r.t.Helper()
	r.run(r.kadmin, "-r", Name, "-q", query)
}

func (r *Realm) run(program string, arguments ...string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	said, err := r.command(ctx, program, arguments...).CombinedOutput()
	// kadmin.local ends well whatever came of its query.
	if err != nil || bytes.Contains(said, []byte("while ")) {
		r.t.Fatalf("%s: %v: %s", filepath.Base(program), err, said)
	}
}

func (r *Realm) command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = append(os.Environ(), "KRB5_CONFIG="+r.ConfigurationFile(), "KRB5_KDC_PROFILE="+filepath.Join(r.folder, "kdc.conf"))
	return command
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

type lockedBuffer struct {
	lock sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*lockedBuffer)(nil)

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.text.Write(text)
}

func (b *lockedBuffer) String() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.text.String()
}
