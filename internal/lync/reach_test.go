package lync_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/lync"
)

func TestReachGoesAsFarAsItCanAndNeverLogsIn(t *testing.T) {
	type outcome struct {
		prepare func(h *host)
		later   time.Duration
		passed  []string
		failed  string // the check that failed; empty for none
		found   string
	}
	for name, test := range map[string]outcome{
		"all is well":                {func(*host) {}, 0, []string{"NameResolution", "Connection", "Certificate"}, "", ""},
		"a name that leads nowhere":  {func(h *host) { h.address = "no-such-host.invalid:5986" }, 0, nil, "NameResolution", "no-such-host.invalid"},
		"an address that is not one": {func(h *host) { h.address = "fe01" }, 0, nil, "NameResolution", "missing port"},
		"nothing listens":            {func(h *host) { h.address = closedPort(h.t) }, 0, []string{"NameResolution"}, "Connection", "refused"},
		"another authority":          {func(h *host) { h.access.CertificateAuthority = nil }, 0, []string{"NameResolution", "Connection"}, "Certificate", "issued by"},
		"another name":               {func(h *host) { h.access.FQDN = "fe99.contoso.com" }, 0, []string{"NameResolution", "Connection"}, "Certificate", "fe99.contoso.com"},
		"no authority in the text": {func(h *host) { h.access.CertificateAuthority = []byte("hello") }, 0, nil, "NameResolution",
			"holds no PEM certificate"},
		"a certificate that ends soon": {func(*host) {}, -24 * time.Hour, []string{"NameResolution", "Connection"}, "Certificate", "good until"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, ntlm)
			test.prepare(h)
			now := time.Now()
			if test.later != 0 {
				now = endOf(t, h).Add(test.later)
			}
			checks := h.servers(lync.Options{}).Reach(t.Context(), h.access, now)
			var passed []string
			for _, check := range checks {
				if check.OK {
					passed = append(passed, check.Name)
				}
			}
			if strings.Join(passed, " ") != strings.Join(test.passed, " ") {
				t.Errorf("passed: %v, want %v", passed, test.passed)
			}
			last := checks[len(checks)-1]
			if last.OK != (test.failed == "") || !last.OK && last.Name != test.failed || !strings.Contains(last.Found, test.found) || !last.OK && last.Remedy == "" {
				t.Errorf("the last check is %+v, want %s with %q", last, test.failed, test.found)
			}
			if h.lookups != 0 {
				t.Error("it logged in")
			}
		})
	}
}

// endOf is when the host's certificate ends, which its authority does not outlive.
func endOf(t *testing.T, h *host) time.Time {
	t.Helper()
	block, _ := pem.Decode(h.access.CertificateAuthority)
	if block == nil {
		t.Fatal("the host has no authority")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate.NotAfter
}

func TestAnErrorSaysWhetherTheCommandRan(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(h *host)
		want    bool
	}{
		"refused login":       {func(h *host) { h.setPassword("another") }, false},
		"unreachable":         {func(h *host) { h.address = closedPort(h.t) }, false},
		"an empty user name":  {func(h *host) { h.access.UserName = "" }, false},
		"stray output":        {func(h *host) { h.verbs["Get-LyncOpsFacts"] = printed("hello") }, true},
		"error of the module": {func(h *host) { h.verbs["Get-LyncOpsFacts"] = refused("Get-LyncOpsFacts", "CmdletFailed", "no", "") }, true},
		"a script that may not run": {func(h *host) {
			h.verbs["Get-LyncOpsFacts"] = func(context.Context, string) (string, string, int) {
				return "", "cannot be loaded because running scripts is disabled on this system", 1
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, ntlm)
			test.prepare(h)
			_, err := h.servers(lync.Options{}).Facts(t.Context(), h.access)
			if failed := wantKind(t, err, lync.KindOf(err)); failed == nil || failed.Ran != test.want {
				t.Errorf("%v: ran is not %v", err, test.want)
			}
		})
	}
}
