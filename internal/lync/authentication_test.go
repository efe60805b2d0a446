package lync_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/keytab"

	"lyncops.dev/operator/internal/kerberos/realm"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/simulator/clientcertificate"
	"lyncops.dev/operator/internal/simulator/wsman"
)

func wantFacts(t *testing.T, h *host, servers *lync.Servers, access lync.Access) {
	t.Helper()
	h.simulate(newModel(t), "fe01.contoso.com")
	if facts, err := servers.Facts(t.Context(), access); err != nil || facts.FQDN != "fe01.contoso.com" {
		t.Errorf("facts: %+v, %v", facts, err)
	}
}

func TestServersWithoutTLSAreAskedSealed(t *testing.T) {
	h := newHostBehind(t, wsman.Options{AllowNTLM: true}, (*httptest.Server).Start)
	h.access.Transport = lync.TransportHTTP
	dialled := 0
	servers := h.servers(lync.Options{ConnectTo: func(_ string, port int) string { dialled = port; return h.address }})
	wantFacts(t, h, servers, h.access)
	if dialled != 5985 {
		t.Errorf("port %d was dialled", dialled)
	}
	for _, authentication := range []string{lync.AuthenticationBasic, lync.AuthenticationKerberos, lync.AuthenticationCertificate} {
		h.access.Authentication = authentication
		if _, err := servers.Facts(t.Context(), h.access); lync.KindOf(err) != lync.KindBadArgument {
			t.Errorf("%s: error is %v", authentication, err)
		}
	}
}

func TestServersTakeAClientCertificate(t *testing.T) {
	authority := clientcertificate.NewAuthority(t)
	h := newHost(t, wsman.Options{AllowNTLM: true, ClientAuthorities: authority.Pool(),
		CertificateAccount: func(_, name string) (string, bool) { return "lyncops", name == "lyncops@localhost" }})
	servers := h.servers(lync.Options{})
	h.access.Authentication, h.access.Password, h.access.UserName = lync.AuthenticationCertificate, "", "CN=lyncops"
	h.access.ClientCertificate, h.access.ClientKey = authority.Issue("lyncops", "lyncops@localhost")
	wantFacts(t, h, servers, h.access)

	h.access.ClientCertificate, h.access.ClientKey = authority.Issue("somebody", "somebody@localhost")
	_, err := servers.Facts(t.Context(), h.access)
	if lync.KindOf(err) != lync.KindLoginRefused || !strings.Contains(err.Error(), "CN=somebody by CN=authority of clients") {
		t.Errorf("error is %v", err)
	}
}

// newDomain is two servers, told apart by their port, that take tickets of a KDC of MIT's.
func newDomain(t *testing.T) (kdc *realm.Realm, one *host, servers *lync.Servers) {
	t.Helper()
	kdc = realm.Start(t)
	kdc.AddUser("lyncops", password)
	kdc.AddService("HTTP/" + fqdn)
	keys := keytab.New()
	if err := keys.Unmarshal(kdc.Keytab("HTTP/" + fqdn)); err != nil {
		t.Fatal(err)
	}
	one, two := newHost(t, wsman.Options{Keytab: keys}), newHost(t, wsman.Options{Keytab: keys})
	one.access.CertificateAuthority = append(one.access.CertificateAuthority, two.access.CertificateAuthority...)
	one.access.Authentication = lync.AuthenticationKerberos
	one.access.Kerberos.Configuration = kdc.Configuration()
	model := newModel(t)
	one.simulate(model, "fe01.contoso.com")
	two.simulate(model, "fe02.contoso.com")
	servers = one.servers(lync.Options{ConnectTo: func(_ string, port int) string {
		return map[int]string{1: one.address, 2: two.address}[port]
	}})
	return kdc, one, servers
}

func TestServersShareKerberosTickets(t *testing.T) {
	kdc, one, servers := newDomain(t)
	for _, port := range []int{1, 2, 1} {
		one.access.Port = port
		if _, err := servers.Facts(t.Context(), one.access); err != nil {
			t.Fatal(err)
		}
	}
	if logins, services := kdc.Issued(); logins != 1 || services != 1 {
		t.Errorf("the KDC has given %d tickets for logins and %d for services", logins, services)
	}
	t.Run("and the keys in a keytab do as well", func(t *testing.T) {
		one.access.Password, one.access.Kerberos.Keytab = "", kdc.Keytab("lyncops")
		if _, err := servers.Facts(t.Context(), one.access); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWrongKerberosPasswordIsTriedTwiceAtMostForAllServers(t *testing.T) {
	kdc, one, servers := newDomain(t)
	one.access.Password = "wrong"
	for attempt := range 6 {
		one.access.Port = attempt%2 + 1
		_, err := servers.Facts(t.Context(), one.access)
		if lync.KindOf(err) != lync.KindLoginRefused {
			t.Fatalf("error is %v", err)
		}
	}
	// Once, while a session that knows of the refusal is still open.
	if refused := kdc.Refused(); refused != 1 && refused != 2 {
		t.Errorf("the KDC has refused %d logins, want one or two", refused)
	}
	one.access.Password = password
	if _, err := servers.Facts(t.Context(), one.access); err != nil {
		t.Errorf("the right password: %v", err)
	}
}
