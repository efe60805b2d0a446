package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/preflight"
	"lyncops.dev/operator/internal/simulator/deployment"
)

var update = flag.Bool("update", false, "write the golden tables anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(string(want), got); difference != "" {
		t.Errorf("%s (-want +got):\n%s", path, difference)
	}
}

func TestAPoolThatIsFitPasses(t *testing.T) {
	l := newLab(t, "")
	status, out, errors := l.run("pool01", "--as", "auditor")
	if status != exitPassed {
		t.Errorf("the exit status is %d", status)
	}
	golden(t, "pass.txt", steady(out))
	if !strings.Contains(errors, "Nothing else is changed") {
		t.Errorf("it does not say what it changes: %s", errors)
	}
	if len(l.api.askedAs) != 1 || !l.api.askedAs["auditor"] {
		t.Errorf("the API server was asked as %v", l.api.askedAs)
	}
	for _, asked := range l.api.asked {
		if !strings.HasPrefix(asked, "GET ") {
			t.Errorf("the API server was told %s", asked)
		}
	}
	for _, host := range l.estate.Model().Hosts() {
		for _, path := range host.Files().Paths() {
			if !strings.HasSuffix(path, `\LyncOps.psm1`) && strings.Contains(path, "LyncOps") {
				t.Errorf("%s was left on %s", path, host.FQDN())
			}
		}
		if len(host.Tasks()) > 0 {
			t.Errorf("%s has tasks", host.FQDN())
		}
	}
	// The module is there now.
	if row := second(t, l); row.Found != "was there, and runs" {
		t.Errorf("the second time: %+v", row)
	}
}

func second(t *testing.T, l *lab) preflight.Row {
	t.Helper()
	_, report := l.report("pool01")
	return rowOf(t, report, "Module", "fe06.contoso.com")
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	closed := closedPort(t)
	expired := newListener(t, "fe02.contoso.com", -1)
	ending := newListener(t, "fe02.contoso.com", 3)
	tests := map[string]struct {
		estate  string
		prepare func(*lab)
		failed  []string
		// row that tells the most, and a part of what it found or advises
		check, server, found, remedy string
	}{
		"nothing listens on a front end": {
			prepare: func(l *lab) { l.connectTo("fe02.contoso.com", closed) },
			failed:  []string{"Connection fe02.contoso.com"},
			check:   "Connection", server: "fe02.contoso.com", found: "connection refused", remedy: "no firewall is between",
		},
		"a name does not resolve": {
			prepare: func(l *lab) { l.connectTo("fe02.contoso.com", "no-such-host.invalid:5986") },
			failed:  []string{"NameResolution fe02.contoso.com"},
			check:   "NameResolution", server: "fe02.contoso.com", found: "no-such-host.invalid", remedy: "make the name resolve",
		},
		"the certificate is over": {
			prepare: func(l *lab) {
				l.connectTo("fe02.contoso.com", expired.address)
				l.authority(append(l.estate.CertificateAuthority(), expired.authority...))
			},
			failed: []string{"Certificate fe02.contoso.com"},
			check:  "Certificate", server: "fe02.contoso.com", found: `issued by "Fabrikam CA"`, remedy: "valid certificate",
		},
		"the certificate ends within days": {
			prepare: func(l *lab) {
				l.connectTo("fe02.contoso.com", ending.address)
				l.authority(append(l.estate.CertificateAuthority(), ending.authority...))
			},
			// What listens there is no WinRM service.
			failed: []string{"Certificate fe02.contoso.com", "Login fe02.contoso.com"},
			check:  "Certificate", server: "fe02.contoso.com", found: `issued by "Fabrikam CA"`, remedy: "renew",
		},
		"the certificate bears another name": {
			prepare: func(l *lab) {
				l.connectTo("fe03.contoso.com", ending.address)
				l.authority(append(l.estate.CertificateAuthority(), ending.authority...))
			},
			failed: []string{"Certificate fe03.contoso.com"},
			check:  "Certificate", server: "fe03.contoso.com", found: "fe02.contoso.com", remedy: "bears this name",
		},
		"the readiness answer has another shape": {
			prepare: func(l *lab) { l.fault(deployment.Fault{Kind: deployment.FaultReadinessShape}) },
			failed:  []string{"ReadinessShape fe01.contoso.com"},
			check:   "ReadinessShape", server: "fe01.contoso.com", found: "shape", remedy: "docs/preflight.md",
		},
		"the pool is busy": {
			prepare: func(l *lab) { l.fault(deployment.Fault{Kind: deployment.FaultPoolBusy}) },
			failed:  []string{"PoolReady fe01.contoso.com"},
			check:   "PoolReady", server: "fe01.contoso.com", found: "Busy", remedy: "Get-CsPoolFabricState",
		},
		"a front end is in two domains": {
			prepare: func(l *lab) { l.fault(deployment.Fault{Kind: deployment.FaultDuplicateFrontEnd}) },
			failed:  []string{"UpgradeDomains fe01.contoso.com"},
			check:   "UpgradeDomains", server: "fe01.contoso.com", found: "listed twice", remedy: "compare",
		},
		"a disk is full": {
			estate: "hosts:\n- fqdn: fe04.contoso.com\n  freeDiskBytes: 3221225472\n",
			failed: []string{"FreeDiskSpace fe04.contoso.com"},
			check:  "FreeDiskSpace", server: "fe04.contoso.com", found: "3 GB free", remedy: "at least 20 GB",
		},
		"the first front end is down, another is asked": {
			prepare: func(l *lab) { l.connectTo("fe01.contoso.com", closed) },
			failed:  []string{"Connection fe01.contoso.com"},
			check:   "Topology", server: "pool01.contoso.com", found: "6 computers",
		},
		"the Secret is not there": {
			prepare: func(l *lab) { delete(l.api.objects, "/api/v1/namespaces/lync/secrets/login") },
			failed:  []string{"Credentials lync/pool01"},
			check:   "Credentials", server: "lync/pool01", found: "does not exist",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, test.estate)
			if test.prepare != nil {
				test.prepare(l)
			}
			status, report := l.report("pool01")
			if difference := cmp.Diff(test.failed, failed(report)); difference != "" || status != exitFailed {
				t.Errorf("exit status %d, failed checks (-want +got):\n%s", status, difference)
			}
			if row := rowOf(t, report, test.check, test.server); !strings.Contains(row.Found, test.found) || !strings.Contains(row.Remedy, test.remedy) {
				t.Errorf("%+v, want %q and %q", row, test.found, test.remedy)
			}
		})
	}
}

// A domain locks an account after a few wrong passwords: one refusal is enough to know.
func TestAWrongPasswordIsTriedOnce(t *testing.T) {
	l := newLab(t, "")
	l.secret("Something-Else-9")
	status, out, _ := l.run("pool01")
	if status != exitFailed {
		t.Errorf("the exit status is %d", status)
	}
	golden(t, "wrong-password.txt", steady(out))
	for host, asked := range l.estate.Counters().Hosts {
		if asked.Authentications > 0 || host != "fe01.contoso.com" && asked.Refusals > 0 {
			t.Errorf("%s: %+v", host, asked)
		}
	}
}

func TestAnAnswerThatNobodyKnowsIsShown(t *testing.T) {
	l := newLab(t, "")
	l.fault(deployment.Fault{Kind: deployment.FaultReadinessShape})
	_, out, _ := l.run("pool01")
	_, raw, found := strings.Cut(out, "Get-CsPoolUpgradeReadinessState on fe01.contoso.com answered what is not known here:\n")
	const want = "{\n  \"Pool\": \"pool01.contoso.com\",\n  \"Health\": \"Good\"\n}\n"
	if !found || raw != want {
		t.Errorf("%q, want %q", raw, want)
	}
}

func TestAStrangersCertificateGetsNoPassword(t *testing.T) {
	l := newLab(t, "")
	l.authority(newListener(t, "fe02.contoso.com", 100).authority)
	status, report := l.report("pool01")
	want := []string{"Certificate fe01.contoso.com", "Certificate pool01.contoso.com"}
	if difference := cmp.Diff(want, failed(report)); difference != "" || status != exitFailed {
		t.Errorf("exit status %d, failed checks (-want +got):\n%s", status, difference)
	}
	if row := rowOf(t, report, "Certificate", "fe01.contoso.com"); !strings.Contains(row.Found, `issued by "lyncsim certificate authority"`) {
		t.Errorf("%+v", row)
	}
	if asked := l.estate.Counters().Total(); asked.HTTPRequests > 0 {
		t.Errorf("a server that is not trusted was sent %d requests", asked.HTTPRequests)
	}
}

func TestBackEnds(t *testing.T) {
	backEnd := func(spec v1alpha1.BackEndServerSpec) *v1alpha1.BackEndServer {
		return &v1alpha1.BackEndServer{TypeMeta: metav1.TypeMeta{APIVersion: "lyncops.dev/v1alpha1", Kind: "BackEndServer"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "lync", Name: "backend"}, Spec: spec}
	}
	own := connection()
	tests := map[string]struct {
		spec    v1alpha1.BackEndServerSpec
		failed  []string
		checked []string
	}{
		"a Standard Edition server": {
			v1alpha1.BackEndServerSpec{Edition: v1alpha1.EditionStandard, ServerFQDN: "se01.contoso.com", Connection: &own},
			[]string{}, []string{"Login se01.contoso.com", "Databases se01.contoso.com"},
		},
		"databases without a Windows server of their own": {
			v1alpha1.BackEndServerSpec{Edition: v1alpha1.EditionEnterprise, PoolRef: &v1alpha1.LocalObjectReference{Name: "pool01"}, SQL: &v1alpha1.SQLServer{FQDN: "sql01.contoso.com", InstanceName: "rtc"}},
			[]string{}, []string{"Login fe01.contoso.com", "Databases fe01.contoso.com"},
		},
		"a SQL Server without Lync components": {
			v1alpha1.BackEndServerSpec{Edition: v1alpha1.EditionEnterprise, PoolRef: &v1alpha1.LocalObjectReference{Name: "pool01"}, ServerFQDN: "sql01.contoso.com", SQL: &v1alpha1.SQLServer{FQDN: "sql01.contoso.com"}},
			[]string{"LyncModule sql01.contoso.com"}, []string{"Login sql01.contoso.com", "Databases fe01.contoso.com"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "")
			l.api.put("lyncops.dev/v1alpha1/backendservers", backEnd(test.spec))
			status, report := l.report("--backend", "backend")
			if difference := cmp.Diff(test.failed, failed(report)); difference != "" || (status == exitPassed) != (len(test.failed) == 0) {
				t.Errorf("exit status %d, failed checks (-want +got):\n%s", status, difference)
			}
			for _, wanted := range test.checked {
				check, server, _ := strings.Cut(wanted, " ")
				if row := rowOf(t, report, check, server); row.Result != preflight.Pass {
					t.Errorf("%+v", row)
				}
			}
		})
	}
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	for _, arguments := range [][]string{
		{"--backend", "x", "pool01"}, {}, {"pool01", "pool02"}, {"pool01", "-o", "yaml"}, {"pool01", "--nonsense"}, {"pool01", "--winrm-connect-to", "nowhere"},
	} {
		t.Run(fmt.Sprint(arguments), func(t *testing.T) {
			l := &lab{t: t, arguments: []string{"preflight"}}
			if status, out, errors := l.run(arguments...); status != exitUsage || out != "" || !strings.Contains(errors, "--help") {
				t.Errorf("exit status %d\n%s%s", status, out, errors)
			}
		})
	}
}

func TestWhatTheAPIServerRefusesIsTold(t *testing.T) {
	l := newLab(t, "")
	if status, out, errors := l.run("pool02"); status != exitFailed || out != "" || !strings.Contains(errors, "LyncPool lync/pool02") {
		t.Errorf("exit status %d\n%s%s", status, out, errors)
	}
	l.api.forbidden = "/api/v1/namespaces/lync/secrets/login"
	if status, out, errors := l.run("pool01"); status != exitFailed || out != "" || !strings.Contains(errors, "you may not read this") {
		t.Errorf("exit status %d\n%s%s", status, out, errors)
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}
