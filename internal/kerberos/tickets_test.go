package kerberos_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/service"
	"github.com/jcmturner/gokrb5/v8/spnego"

	"lyncops.dev/operator/internal/kerberos"
	"lyncops.dev/operator/internal/kerberos/realm"
)

const (
	host     = "fe01.contoso.com"
	userName = "svc-lyncops"
	password = "Correct-Horse-7"
)

func newRealm(t *testing.T) *realm.Realm {
	t.Helper()
	kdc := realm.Start(t)
	kdc.AddUser(userName, password)
	kdc.AddService("HTTP/" + host)
	return kdc
}

func open(t *testing.T, account kerberos.Account) *kerberos.Tickets {
	t.Helper()
	tickets, err := kerberos.New(account)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tickets.Close)
	return tickets
}

// who accepts a token as the host would.
func who(t *testing.T, kdc *realm.Realm, token []byte) string {
	t.Helper()
	from, err := accept(t, kdc, token)
	if err != nil {
		t.Fatalf("the token is not accepted: %v", err)
	}
	return from
}

func accept(t *testing.T, kdc *realm.Realm, token []byte) (string, error) {
	t.Helper()
	keys := keytab.New()
	if err := keys.Unmarshal(kdc.Keytab("HTTP/" + host)); err != nil {
		t.Fatal(err)
	}
	var outer spnego.SPNEGOToken
	if err := outer.Unmarshal(token); err != nil {
		t.Fatal(err)
	}
	var inner spnego.KRB5Token
	if err := inner.Unmarshal(outer.NegTokenInit.MechTokenBytes); err != nil {
		t.Fatal(err)
	}
	ok, from, err := service.VerifyAPREQ(&inner.APReq, service.NewSettings(keys, service.DecodePAC(false)))
	if err != nil || !ok {
		return "", fmt.Errorf("it is not: %w", err)
	}
	return from.UserName() + "@" + from.Domain(), nil
}

func wantIssued(t *testing.T, kdc *realm.Realm, wantLogins, wantServices int) {
	t.Helper()
	if logins, services := kdc.Issued(); logins != wantLogins || services != wantServices {
		t.Errorf("the KDC has given %d tickets for logins and %d for services, want %d and %d", logins, services, wantLogins, wantServices)
	}
}

func TestTokenProvesTheAccount(t *testing.T) {
	kdc := newRealm(t)
	configuration := kdc.Configuration()
	keys := kdc.Keytab(userName)
	for name, account := range map[string]kerberos.Account{
		"password":                     {UserName: userName, Password: password, Configuration: configuration},
		"password, name with realm":    {UserName: userName + "@contoso.com", Password: password, Configuration: configuration},
		"password, name with domain":   {UserName: `CONTOSO\` + userName, Password: password, Configuration: configuration},
		"password, realm declared":     {UserName: userName + "@example.com", Realm: realm.Name, Password: password, Configuration: configuration},
		"keytab":                       {UserName: userName, Keytab: keys, Configuration: configuration},
		"keytab that beats a password": {UserName: userName, Password: "wrong", Keytab: keys, Configuration: configuration},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := open(t, account).Token(t.Context(), host, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := who(t, kdc, token), userName+"@"+realm.Name; got != want {
				t.Errorf("the token is that of %s, want %s", got, want)
			}
		})
	}
}

func TestKDCIsAskedOncePerLoginAndService(t *testing.T) {
	kdc := newRealm(t)
	kdc.AddService("HTTP/fe02.contoso.com")
	tickets := open(t, kerberos.Account{UserName: userName, Password: password, Configuration: kdc.Configuration()})
	results := make(chan error)
	for caller := range 20 {
		go func() {
			_, err := tickets.Token(t.Context(), fmt.Sprintf("fe0%d.contoso.com", caller%2+1), nil)
			results <- err
		}()
	}
	for range 20 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	wantIssued(t, kdc, 1, 2)

	tickets.Forget(host)
	if _, err := tickets.Token(t.Context(), host, nil); err != nil {
		t.Fatal(err)
	}
	wantIssued(t, kdc, 1, 3)
}

// Tickets that live for seconds are replaced before they end, by themselves, and every token is good.
func TestTicketsAreRenewed(t *testing.T) {
	kdc := newRealm(t)
	short := strings.Replace(kdc.Configuration(), "[libdefaults]\n", "[libdefaults]\n  ticket_lifetime = 3s\n", 1)
	tickets := open(t, kerberos.Account{UserName: userName, Password: password, Configuration: short})
	for deadline := time.Now().Add(10 * time.Minute); ; {
		began := time.Now()
		token, err := tickets.Token(t.Context(), host, nil)
		if err == nil {
			_, err = accept(t, kdc, token)
		}
		// A ticket may well end on its way on a machine that stands still for longer than it lives.
		if err != nil && time.Since(began) < time.Second {
			t.Fatal(err)
		}
		if logins, services := kdc.Issued(); logins > 1 && services > 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the tickets were never replaced")
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func TestWrongPasswordIsTriedOnce(t *testing.T) {
	kdc := newRealm(t)
	tickets := open(t, kerberos.Account{UserName: userName, Password: "wrong-password", Configuration: kdc.Configuration()})
	for range 3 {
		_, err := tickets.Token(t.Context(), host, nil)
		wantError(t, err, kerberos.AccountRefused, "password or keytab is wrong")
		if strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
	if refused := kdc.Refused(); refused != 1 {
		t.Errorf("the KDC has refused %d logins, want one", refused)
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	kdc := newRealm(t)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	for name, test := range map[string]struct {
		account kerberos.Account
		host    string
		kind    kerberos.Kind
		text    string
	}{
		"unknown account": {kerberos.Account{UserName: "nobody", Password: password, Configuration: kdc.Configuration()}, host,
			kerberos.AccountRefused, "no such account"},
		"unknown service": {kerberos.Account{UserName: userName, Password: password, Configuration: kdc.Configuration()}, "fe99.contoso.com",
			kerberos.NotIssued, "HTTP/fe99.contoso.com: the realm knows no such service"},
		"no KDC": {kerberos.Account{UserName: userName, Password: password,
			Configuration: strings.ReplaceAll(kdc.Configuration(), kdc.Address, gone.Addr().String())}, host,
			kerberos.Unreachable, "no KDC answered for svc-lyncops@CONTOSO.COM"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, test.account).Token(t.Context(), test.host, nil)
			wantError(t, err, test.kind, test.text)
		})
	}
}

func wantError(t *testing.T, err error, kind kerberos.Kind, text string) {
	t.Helper()
	if err == nil || kerberos.KindOf(err) != kind || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %q %v, want %q with %q", kerberos.KindOf(err), err, kind, text)
	}
}

func TestCallerMayLeaveBeforeTheKDCHasAnswered(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts nothing, answers nothing
	if err != nil {
		t.Fatal(err)
	}
	tickets := open(t, kerberos.Account{UserName: userName, Realm: realm.Name, Password: password,
		Configuration: "[realms]\n " + realm.Name + " = {\n  kdc = " + silent.Addr().String() + "\n }\n"})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := tickets.Token(ctx, host, nil)
		result <- err
	}()
	conn, err := silent.Accept() // the exchange is under way
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-result; err != context.Canceled {
		t.Errorf("error is %v", err)
	}
	_ = conn.Close()
	_ = silent.Close()
}

func TestAccountsThatCannotBeUsed(t *testing.T) {
	for name, test := range map[string]struct {
		account kerberos.Account
		text    string
	}{
		"no realm":         {kerberos.Account{UserName: `CONTOSO\` + userName, Password: password}, "realm of CONTOSO"},
		"no name":          {kerberos.Account{Realm: realm.Name, Password: password}, "user name is empty"},
		"no secret":        {kerberos.Account{UserName: userName, Realm: realm.Name}, "neither a password nor a keytab"},
		"no keytab":        {kerberos.Account{UserName: userName, Realm: realm.Name, Keytab: []byte("text")}, "keytab"},
		"broken krb5.conf": {kerberos.Account{UserName: userName, Realm: realm.Name, Password: password, Configuration: "[libdefaults]\n clockskew = soon\n"}, "krb5.conf"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := kerberos.New(test.account); err == nil || !strings.Contains(err.Error(), test.text) {
				t.Errorf("error is %v, want one with %q", err, test.text)
			}
		})
	}
}
