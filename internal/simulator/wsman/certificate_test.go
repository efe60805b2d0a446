package wsman_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/masterzen/winrm"

	"lyncops.dev/operator/internal/simulator/clientcertificate"
	"lyncops.dev/operator/internal/simulator/wsman"
)

const mutual = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"

func certificateEndpoint(t *testing.T) (*clientcertificate.Authority, *endpoint) {
	t.Helper()
	authority := clientcertificate.NewAuthority(t)
	return authority, startEndpoint(t, true, wsman.Options{
		ClientAuthorities: authority.Pool(),
		CertificateAccount: func(host, name string) (string, bool) {
			return "winrm", host == "fe01.contoso.com" && (name == "lyncops@localhost" || name == "lyncops by subject")
		},
	}, newMachine("fe01.contoso.com"))
}

func TestCurlLogsInWithACertificate(t *testing.T) {
	authority, e := certificateEndpoint(t)
	for name, test := range map[string]struct {
		commonName, userPrincipalName string
		accepted                      bool
	}{
		"mapped by user principal name":      {"somebody", "lyncops@localhost", true},
		"mapped by subject":                  {"lyncops by subject", "", true},
		"not mapped":                         {"somebody", "", false},
		"the user principal name goes first": {"lyncops by subject", "somebody@localhost", false},
	} {
		t.Run(name, func(t *testing.T) {
			certificate, key := authority.Issue(test.commonName, test.userPrincipalName)
			file := filepath.Join(t.TempDir(), "client.pem")
			if err := os.WriteFile(file, append(certificate, key...), 0o600); err != nil {
				t.Fatal(err)
			}
			said := e.curl(t, os.Environ(), "fe01.contoso.com", "--cert", file, "--header", "Authorization: "+mutual)
			if accepted := strings.Contains(said, "OS: 6.3.9600") && strings.HasSuffix(said, "HTTP 200"); accepted != test.accepted {
				t.Errorf("curl got %s", said)
			}
			if refused := strings.HasSuffix(said, "HTTP 401"); refused == test.accepted {
				t.Errorf("curl got %s", said)
			}
			if said := e.curl(t, os.Environ(), "fe01.contoso.com", "--cert", file); !strings.HasSuffix(said, "HTTP 401") {
				t.Errorf("without the header curl got %s", said)
			}
		})
	}
	t.Run("no certificate", func(t *testing.T) {
		if said := e.curl(t, os.Environ(), "fe01.contoso.com", "--header", "Authorization: "+mutual); !strings.HasSuffix(said, "HTTP 401") {
			t.Errorf("curl got %s", said)
		}
	})
}

func TestMasterzenLogsInWithACertificate(t *testing.T) {
	authority, e := certificateEndpoint(t)
	address := e.http.Listener.Addr().(*net.TCPAddr)
	where := winrm.NewEndpoint("fe01.contoso.com", address.Port, true, true, nil, nil, nil, patience) // this transport cannot be told a name
	where.Cert, where.Key = authority.Issue("lyncops", "lyncops@localhost")
	parameters := winrm.NewParameters("PT20S", "en-US", 153600)
	parameters.TransportDecorator = func() winrm.Transporter { return winrm.NewClientAuthRequestWithDial(e.dial) }
	client, err := winrm.NewClientWithParameters(where, "", "", parameters)
	if err != nil {
		t.Fatal(err)
	}
	got, err := run(t, client, "whoami", "")
	if diff := cmp.Diff(outcome{Stdout: "winrm"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
