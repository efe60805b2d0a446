package winrm_test

import (
	"strings"
	"testing"

	"lyncops.dev/operator/internal/simulator/clientcertificate"
	"lyncops.dev/operator/internal/simulator/wsman"
	"lyncops.dev/operator/internal/winrm"
)

// newMappedHost maps one user principal name to a local account.
func newMappedHost(t *testing.T) (*clientcertificate.Authority, *windows, winrm.Config) {
	t.Helper()
	authority := clientcertificate.NewAuthority(t)
	host, config := newWindows(t, wsman.Options{
		AllowNTLM: true, AllowBasic: true, ClientAuthorities: authority.Pool(),
		CertificateAccount: func(host, name string) (string, bool) {
			return "lyncops", host == hostName && name == "lyncops@localhost"
		},
	})
	config.Scheme, config.UserName, config.Password = winrm.Certificate, "", ""
	return authority, host, config
}

func TestCertificateLogin(t *testing.T) {
	authority, host, config := newMappedHost(t)
	config.ClientCertificate, config.ClientKey = authority.Issue("lyncops", "lyncops@localhost")
	wantUsableSession(t, host, config)
}

func TestCertificateThatIsNotTaken(t *testing.T) {
	authority, host, config := newMappedHost(t)
	for name, issue := range map[string]func() (certificate, key []byte){
		"of somebody else":        func() ([]byte, []byte) { return authority.Issue("somebody", "somebody@localhost") },
		"without the mapped name": func() ([]byte, []byte) { return authority.Issue("lyncops", "") },
		"signed by another authority": func() ([]byte, []byte) {
			return clientcertificate.NewAuthority(t).Issue("lyncops", "lyncops@localhost")
		},
		"for a server": func() ([]byte, []byte) { return authority.IssueForServer("lyncops@localhost") },
	} {
		t.Run(name, func(t *testing.T) {
			config.ClientCertificate, config.ClientKey = issue()
			session := open(t, config)
			_, err := session.Run(t.Context(), winrm.Command{Line: "echo hello"})
			wantKind(t, err, winrm.CertificateNotMapped)
			if session.LoginRefused() || session.Counters().LoginRequests != 1 || host.executed.Load() != 0 {
				t.Errorf("more was tried: %+v", session.Counters())
			}
		})
	}
}

func TestCertificateIsNeverReplacedByAnotherScheme(t *testing.T) {
	authority := clientcertificate.NewAuthority(t)
	_, config := newWindows(t, wsman.Options{AllowNTLM: true, AllowBasic: true})
	config.Scheme = winrm.Certificate // with a user name and password beside it
	config.ClientCertificate, config.ClientKey = authority.Issue("lyncops", "lyncops@localhost")
	session := open(t, config)
	_, err := session.Run(t.Context(), winrm.Command{Line: "echo hello"})
	wantKind(t, err, winrm.CertificateNotMapped)
	if session.Counters().LoginRequests != 1 {
		t.Errorf("more was tried: %+v", session.Counters())
	}
}

func TestCertificateAndKeyThatDoNotBelongTogether(t *testing.T) {
	authority, _, config := newMappedHost(t)
	config.ClientCertificate, _ = authority.Issue("lyncops", "lyncops@localhost")
	_, config.ClientKey = authority.Issue("lyncops", "lyncops@localhost")
	_, err := winrm.New(config)
	if err == nil || !strings.Contains(err.Error(), "cannot be used together") || strings.Contains(err.Error(), "PRIVATE") {
		t.Errorf("error is %v", err)
	}
}
