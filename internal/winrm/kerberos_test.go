package winrm_test

import (
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/keytab"

	"lyncops.dev/operator/internal/kerberos"
	"lyncops.dev/operator/internal/kerberos/realm"
	"lyncops.dev/operator/internal/simulator/wsman"
	"lyncops.dev/operator/internal/winrm"
)

// newTickets starts a KDC of MIT's that knows the account and the host, and gives the host's key and the account's tickets.
func newTickets(t *testing.T) (*realm.Realm, *keytab.Keytab, *kerberos.Tickets) {
	t.Helper()
	kdc := realm.Start(t)
	kdc.AddUser("lyncops", password)
	kdc.AddService("HTTP/" + hostName)
	keys := keytab.New()
	if err := keys.Unmarshal(kdc.Keytab("HTTP/" + hostName)); err != nil {
		t.Fatal(err)
	}
	return kdc, keys, tickets(t, kerberos.Account{UserName: userName, Password: password, Configuration: kdc.Configuration()})
}

// newDomain is a host that takes tickets of a KDC of MIT's.
func newDomain(t *testing.T, options wsman.Options) (*realm.Realm, *windows, winrm.Config) {
	t.Helper()
	kdc, keys, tickets := newTickets(t)
	options.Keytab = keys
	host, config := newWindows(t, options)
	config.Scheme, config.Password, config.Tickets = winrm.Kerberos, "", tickets
	return kdc, host, config
}

func tickets(t *testing.T, account kerberos.Account) *kerberos.Tickets {
	t.Helper()
	opened, err := kerberos.New(account)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return opened
}

func TestKerberos(t *testing.T) {
	kdc, host, config := newDomain(t, wsman.Options{AllowNTLM: true, AllowBasic: true})
	wantUsableSession(t, host, config)
	wantIssued(t, kdc, 1, 1)
	t.Run("with a keytab", func(t *testing.T) {
		config.Tickets = tickets(t, kerberos.Account{UserName: "lyncops", Keytab: kdc.Keytab("lyncops"), Configuration: kdc.Configuration()})
		result, err := open(t, config).Run(t.Context(), winrm.Command{Line: "echo hello"})
		if err != nil || string(result.Stdout) != "hello" {
			t.Errorf("got %+v, %v", result, err)
		}
		wantIssued(t, kdc, 2, 2)
	})
}

func wantIssued(t *testing.T, kdc *realm.Realm, wantLogins, wantServices int) {
	t.Helper()
	if logins, services := kdc.Issued(); logins != wantLogins || services != wantServices {
		t.Errorf("the KDC has given %d tickets for logins and %d for services, want %d and %d", logins, services, wantLogins, wantServices)
	}
}

func TestKerberosConnectionIsLoggedInOnce(t *testing.T) {
	kdc, _, config := newDomain(t, wsman.Options{})
	for range 2 { // The second session finds the tickets of the first.
		session := open(t, config)
		for range 3 {
			if _, err := session.Run(t.Context(), winrm.Command{Line: "echo hello"}); err != nil {
				t.Fatal(err)
			}
		}
		if logins := session.Counters().LoginRequests; logins != 1 {
			t.Errorf("%d requests were made to log in", logins)
		}
	}
	wantIssued(t, kdc, 1, 1)
}

func TestKerberosHostThatForgetsTheLoginOfAConnection(t *testing.T) {
	kdc, host, config := newDomain(t, wsman.Options{KerberosPerRequest: true})
	wantUsableSession(t, host, config)
	wantIssued(t, kdc, 1, 1)
}

func TestKerberosIsNeverReplacedByAnotherScheme(t *testing.T) {
	kdc := realm.Start(t)
	kdc.AddUser("lyncops", password)
	kdc.AddService("HTTP/" + hostName)
	for name, options := range map[string]wsman.Options{"Basic": {AllowBasic: true}, "NTLM": {AllowNTLM: true}} {
		t.Run(name, func(t *testing.T) {
			host, config := newWindows(t, options)
			config.Scheme = winrm.Kerberos
			config.Tickets = tickets(t, kerberos.Account{UserName: userName, Password: password, Configuration: kdc.Configuration()})
			session := open(t, config)
			_, err := session.Run(t.Context(), winrm.Command{Line: "echo hello"})
			want := map[string]winrm.Kind{"Basic": winrm.SchemeNotOffered, "NTLM": winrm.TicketRefused}[name]
			wantKind(t, err, want)
			if session.LoginRefused() || session.Counters().LoginRequests != 1 || host.executed.Load() != 0 {
				t.Errorf("more was tried: %+v", session.Counters())
			}
		})
	}
}

func TestKerberosAccountIsTriedOnceForAllHosts(t *testing.T) {
	kdc, host, config := newDomain(t, wsman.Options{})
	config.Tickets = tickets(t, kerberos.Account{UserName: userName, Password: "wrong", Configuration: kdc.Configuration()})
	for range 3 {
		session := open(t, config)
		_, err := session.Run(t.Context(), winrm.Command{Line: "echo hello"})
		wantKind(t, err, winrm.LoginRefused)
		if !strings.Contains(err.Error(), "password or keytab is wrong") {
			t.Errorf("error is %v", err)
		}
		if session.Counters().LoginRequests != 0 || !session.LoginRefused() {
			t.Error("the host was asked")
		}
	}
	if kdc.Refused() != 1 || host.executed.Load() != 0 {
		t.Errorf("the KDC was asked %d times", kdc.Refused())
	}
}

func TestKerberosHostWithAnotherKey(t *testing.T) {
	kdc, _, config := newDomain(t, wsman.Options{})
	other := realm.Start(t)
	other.AddUser("lyncops", password)
	other.AddService("HTTP/" + hostName)
	config.Tickets = tickets(t, kerberos.Account{UserName: userName, Password: password, Configuration: other.Configuration()})
	_, err := open(t, config).Run(t.Context(), winrm.Command{Line: "echo hello"})
	wantKind(t, err, winrm.TicketRefused)
	wantIssued(t, kdc, 0, 0)
}

func TestKerberosHostWithoutAService(t *testing.T) {
	kdc, _, config := newDomain(t, wsman.Options{})
	empty := realm.Start(t)
	empty.AddUser("lyncops", password)
	config.Tickets = tickets(t, kerberos.Account{UserName: userName, Password: password, Configuration: empty.Configuration()})
	session := open(t, config)
	_, err := session.Run(t.Context(), winrm.Command{Line: "echo hello"})
	wantKind(t, err, winrm.TicketRefused)
	if !strings.Contains(err.Error(), "setspn") || session.LoginRefused() {
		t.Errorf("error is %v", err)
	}
	wantIssued(t, kdc, 0, 0)
}
