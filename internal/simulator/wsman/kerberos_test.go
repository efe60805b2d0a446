package wsman_test

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/jcmturner/gokrb5/v8/keytab"

	"lyncops.dev/operator/internal/kerberos/realm"
	"lyncops.dev/operator/internal/simulator/wsman"
)

func kerberosEndpoint(t *testing.T, options wsman.Options) (*realm.Realm, *endpoint) {
	t.Helper()
	kdc := realm.Start(t)
	kdc.AddUser(adminUser, "Horse-7")
	kdc.AddUser("stranger", "Horse-8")
	kdc.AddService("HTTP/fe01.contoso.com")
	kdc.AddService("HTTP/fe02.contoso.com")
	options.Keytab = keytab.New()
	if err := options.Keytab.Unmarshal(kdc.Keytab("HTTP/fe01.contoso.com", "HTTP/fe02.contoso.com")); err != nil {
		t.Fatal(err)
	}
	return kdc, startEndpoint(t, true, options, newMachine("fe01.contoso.com"), newMachine("fe02.contoso.com"))
}

// curl asks with the curl that is installed, and returns what it wrote: the answer and a line with the HTTP status.
func (e *endpoint) curl(t *testing.T, environment []string, host string, arguments ...string) string {
	t.Helper()
	program, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	_, port, err := net.SplitHostPort(e.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// The certificate bears another name than the machines, whose names curl needs for Kerberos.
	command := exec.CommandContext(ctx, program, append([]string{"--silent", "--show-error", "--insecure", "--noproxy", "*",
		"--connect-to", host + ":5986:127.0.0.1:" + port, "--header", "Content-Type: application/soap+xml;charset=UTF-8",
		"--write-out", "\nHTTP %{http_code}", "--data", identifyQuestion, "https://" + host + ":5986/wsman"}, arguments...)...)
	command.Env = environment
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("curl: %v: %s", err, said)
	}
	return string(said)
}

func TestCurlLogsInWithKerberos(t *testing.T) {
	for name, options := range map[string]wsman.Options{
		"only Kerberos":               {},
		"beside NTLM and Basic":       {AllowNTLM: true, AllowBasic: true},
		"for each request on its own": {KerberosPerRequest: true},
	} {
		t.Run(name, func(t *testing.T) {
			kdc, e := kerberosEndpoint(t, options)
			kdc.Login(adminUser, "Horse-7")
			for _, host := range []string{"fe01.contoso.com", "fe02.contoso.com"} {
				said := e.curl(t, kdc.Environment(), host, "--negotiate", "--user", ":")
				if !strings.Contains(said, "OS: 6.3.9600") || !strings.HasSuffix(said, "HTTP 200") {
					t.Errorf("%s: curl got %s", host, said)
				}
			}
			if logins, services := kdc.Issued(); logins != 1 || services != 2 {
				t.Errorf("the KDC has given %d tickets for logins and %d for services", logins, services)
			}
			if counters := e.server.Counters().Total(); counters.Authentications != 2 {
				t.Errorf("counters are %+v", counters)
			}
		})
	}
}

func TestKerberosIsRefused(t *testing.T) {
	kdc, e := kerberosEndpoint(t, wsman.Options{})
	t.Run("without a ticket", func(t *testing.T) {
		if said := e.curl(t, kdc.Environment(), "fe01.contoso.com", "--negotiate", "--user", ":"); !strings.HasSuffix(said, "HTTP 401") {
			t.Errorf("curl got %s", said)
		}
	})
	t.Run("an account that the machine does not know", func(t *testing.T) {
		kdc.Login("stranger", "Horse-8")
		if said := e.curl(t, kdc.Environment(), "fe01.contoso.com", "--negotiate", "--user", ":"); !strings.HasSuffix(said, "HTTP 401") {
			t.Errorf("curl got %s", said)
		}
	})
	for name, token := range map[string]string{
		"nothing":             "",
		"noise":               "noise",
		"half a SPNEGO token": "\x60\x20\x06\x06\x2b\x06\x01\x05\x05\x02\xa0",
		"a bare OID":          "\x60\x0b\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02",
		"an empty AP-REQ":     "\x60\x0d\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00",
		"an AP-REP":           "\x60\x0d\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x02\x00",
	} {
		for _, scheme := range []string{"Negotiate", "Kerberos"} {
			t.Run(scheme+" with "+name, func(t *testing.T) {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url("fe01.contoso.com"), strings.NewReader(identifyQuestion))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Authorization", scheme+" "+base64.StdEncoding.EncodeToString([]byte(token)))
				response, err := e.httpClient(t).Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				if offered := response.Header.Values("WWW-Authenticate"); response.StatusCode != http.StatusUnauthorized || strings.Join(offered, ", ") != "Negotiate, Kerberos" {
					t.Errorf("HTTP %d, offered %q", response.StatusCode, offered)
				}
			})
		}
	}
}
