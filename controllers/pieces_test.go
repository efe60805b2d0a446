package controllers

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

func TestLooksAreNeitherTooFrequentNorTooRare(t *testing.T) {
	for _, test := range []struct {
		active float64
		want   time.Duration
	}{
		{-1, quickestLook}, {0, quickestLook}, {1, quickestLook}, {5, quickestLook}, {10, 400 * time.Millisecond}, {60, 2400 * time.Millisecond},
		{600, 24 * time.Second}, {750, slowestLook}, {86400, slowestLook}, {9e9, slowestLook},
	} {
		if got := lookAfter(test.active); got != test.want {
			t.Errorf("after %v seconds the next look is in %s, want %s", test.active, got, test.want)
		}
	}
}

// Whatever a job takes, hardly any time goes by between its end and the look that notices it, and it costs few questions.
func TestWaitingAddsLittleToAStep(t *testing.T) {
	const question = 300 * time.Millisecond // a look itself
	for length := 5 * time.Second; length < 3*time.Hour; length += length / 53 {
		elapsed, looks := time.Duration(0), 0
		for elapsed < length {
			elapsed += lookAfter(elapsed.Seconds())
			if elapsed < length {
				elapsed += question
			}
			looks++
		}
		if over := (elapsed - length).Seconds() / length.Seconds(); over >= 0.06 {
			t.Errorf("a step of %s is noticed after %s, which is %.1f %% later", length, elapsed, 100*over)
		}
		if looks > 450 {
			t.Errorf("a step of %s costs %d looks", length, looks)
		}
	}
}

func TestSooner(t *testing.T) {
	for _, test := range []struct{ one, other, want time.Duration }{{0, 0, 0}, {0, 5, 5}, {5, 0, 5}, {5, 3, 3}, {3, 5, 3}} {
		if got := sooner(test.one, test.other); got != test.want {
			t.Errorf("sooner of %d and %d is %d, want %d", test.one, test.other, got, test.want)
		}
	}
}

func TestFileNameOfAPackage(t *testing.T) {
	for source, want := range map[string]string{
		"https://packages.contoso.com/lync/LyncServerUpdateInstaller.exe": "LyncServerUpdateInstaller.exe",
		"https://packages.contoso.com/a%20b.exe":                          "a%20b.exe",
		"https://packages.contoso.com/lync/Installer.exe?sig=a/b%2Fc":     "Installer.exe",
		"HTTPS://packages.contoso.com/Installer.exe#part/2":               "Installer.exe",
		`\\files.contoso.com\lync\LyncServerUpdateInstaller.exe`:          "LyncServerUpdateInstaller.exe",
		`\\files.contoso.com\lync\2013 #1\Update? no.exe`:                 "Update? no.exe",
		`C:\Updates\LyncServerUpdateInstaller.exe`:                        "LyncServerUpdateInstaller.exe",
		`C:\LyncServerUpdateInstaller.exe`:                                "LyncServerUpdateInstaller.exe",
		`\\files/lync\LyncServerUpdateInstaller.exe`:                      "LyncServerUpdateInstaller.exe",
		"LyncServerUpdateInstaller.exe":                                   "LyncServerUpdateInstaller.exe",
	} {
		if got := fileNameOf(source); got != want {
			t.Errorf("fileNameOf(%q) is %q, want %q", source, got, want)
		}
	}
}

func TestDomainObjectsHaveReadableNames(t *testing.T) {
	for _, test := range []struct{ pool, domain, want string }{
		{"pool01", "UpgradeDomain1", "pool01-upgradedomain1"},
		{"pool01", "Upgrade Domain 1", "pool01-upgrade-domain-1-b66de22c"},
		{"pool01", "fd:/dc1/rack_2", "pool01-fd--dc1-rack-2-a1c45f30"},
		{"pool01", "-1-", "pool01-1-a267d6bd"},
		{"pool01", "UD.1", "pool01-ud-1-5e0cee1b"},
	} {
		if got := domainObjectName(test.pool, test.domain); got != test.want {
			t.Errorf("domain %q of %s is named %q, want %q", test.domain, test.pool, got, test.want)
		}
	}
}

// Domains that differ must not share a name, and every name must be one that the API server takes.
func TestDomainObjectNamesAreValidAndDiffer(t *testing.T) {
	names := map[string]string{}
	long := strings.Repeat("d", 250)
	for _, domain := range []string{"UpgradeDomain1", "Upgrade Domain1", "UpgradeDomain-1", "Ünï", "домен", "...", "область", long + "-one", long + "-two", "a/b", "a b"} {
		name := domainObjectName("pool01", domain)
		if mistakes := validation.IsDNS1123Subdomain(name); len(mistakes) > 0 {
			t.Errorf("domain %q is named %q: %v", domain, name, mistakes)
		}
		if other, taken := names[name]; taken {
			t.Errorf("the domains %q and %q are both named %q", domain, other, name)
		}
		names[name] = domain
	}
}

func TestOrdersInTheWordsOfTheServers(t *testing.T) {
	pkg := v1alpha1.UpdatePackage{Source: `\\files\lync\Update.exe`, SHA256: strings.Repeat("AB", 32), Arguments: []string{"/silentmode"}}
	principal := lync.Principal{Kind: lync.PrincipalStoredAccount, UserName: "x", Password: jobPassword}
	hash := strings.Repeat("ab", 32)
	for _, test := range []struct {
		order procedure.Order
		want  any
	}{
		{procedure.Order{Action: procedure.ActionStagePackage, Timeout: time.Hour}, lync.StagePackage{Source: pkg.Source, SHA256: hash, FileName: "Update.exe"}},
		{procedure.Order{Action: procedure.ActionStopServices, Graceful: true, Timeout: time.Hour}, lync.StopServices{Graceful: true, TimeoutSeconds: 3600, OnTimeout: lync.OnTimeoutFail}},
		{procedure.Order{Action: procedure.ActionStopServices, StopAtOnce: true, Timeout: time.Millisecond}, lync.StopServices{TimeoutSeconds: 1, OnTimeout: lync.OnTimeoutStopAtOnce}},
		{procedure.Order{Action: procedure.ActionStopWebServer, Timeout: time.Minute}, lync.StopWebServer{TimeoutSeconds: 60}},
		{procedure.Order{Action: procedure.ActionInstall, Timeout: time.Minute}, lync.Install{SHA256: hash, FileName: "Update.exe", Arguments: []string{"/silentmode"}, TimeoutSeconds: 60}},
		{procedure.Order{Action: procedure.ActionRestartComputer}, lync.RestartComputer{DelaySeconds: 5}},
		{procedure.Order{Action: procedure.ActionStartWebServer, Timeout: time.Minute}, lync.StartWebServer{TimeoutSeconds: 60}},
		{procedure.Order{Action: procedure.ActionStartServices, Timeout: time.Minute}, lync.StartServices{TimeoutSeconds: 60}},
		{procedure.Order{Action: procedure.ActionUpdateDatabases, Variant: v1alpha1.DatabaseVariantEnterpriseCollocated, SQLServer: testSQLServer, Timeout: time.Minute},
			lync.UpdateDatabases{Variant: lync.DatabaseVariantEnterpriseCollocated, Update: true, SQLServerFQDN: testSQLServer, TimeoutSeconds: 60}},
	} {
		test.order.ID = "job-1"
		got, err := requestFor(test.order, pkg, principal)
		want := lync.JobRequest{ID: "job-1", Action: lync.Action(test.order.Action), Parameters: test.want, Principal: principal}
		if difference := cmp.Diff(want, got); difference != "" || err != nil {
			t.Errorf("%s: %v, got (+), want (-):\n%s", test.order.Action, err, difference)
		}
	}
	if _, err := requestFor(procedure.Order{ID: "job-1", Action: "Uninstall"}, pkg, principal); !errors.Is(err, errUnknownAction) || !strings.Contains(err.Error(), "job-1") {
		t.Errorf("an unknown action is no error that names the order: %v", err)
	}
}

// A server refuses an order whose timeout is not positive, and a policy may be shorter than a second.
func TestNoOrderHasATimeoutOfNothing(t *testing.T) {
	for _, action := range []procedure.Action{procedure.ActionStopServices, procedure.ActionStopWebServer, procedure.ActionInstall,
		procedure.ActionStartWebServer, procedure.ActionStartServices, procedure.ActionUpdateDatabases} {
		request, err := requestFor(procedure.Order{ID: "job-1", Action: action, Timeout: 300 * time.Millisecond}, v1alpha1.UpdatePackage{}, lync.Principal{})
		if err != nil {
			t.Fatal(err)
		}
		seconds := map[bool]int{}
		switch parameters := request.Parameters.(type) {
		case lync.StopServices:
			seconds[true] = parameters.TimeoutSeconds
		case lync.StopWebServer:
			seconds[true] = parameters.TimeoutSeconds
		case lync.Install:
			seconds[true] = parameters.TimeoutSeconds
		case lync.StartWebServer:
			seconds[true] = parameters.TimeoutSeconds
		case lync.StartServices:
			seconds[true] = parameters.TimeoutSeconds
		case lync.UpdateDatabases:
			seconds[true] = parameters.TimeoutSeconds
		}
		if seconds[true] < 1 {
			t.Errorf("%s is ordered with a timeout of %d seconds", action, seconds[true])
		}
	}
}

func TestFactsInTheWordsOfTheProcedure(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	code := 1603
	facts := lync.Facts{
		FQDN: "another.contoso.com", Time: now, BootTime: now.Add(-time.Hour), PendingReboot: []string{"CBS"},
		Components: []lync.Component{{Name: "Microsoft Lync Server 2013, Front End Server", Version: "5.0.8308.99"},
			{Name: "Microsoft Lync Server 2013, CORE COMPONENTS", Version: "5.0.8308.420"}, {Name: "Microsoft Lync Server 2013, Core Components Language Pack", Version: "9.9.9.9"}},
		Services: []lync.Service{{Name: "RTCSRV", DisplayName: "Front-End", Status: lync.ServiceStopped, StartType: lync.StartDisabled}},
		Baseline: []lync.Service{{Name: "RTCSRV", Status: lync.ServiceRunning, StartType: lync.StartAutomatic}},
		Jobs: []lync.Job{{ID: "install-5.0.8308.420-1", Action: lync.ActionInstall, State: lync.JobFailed, ExitCode: &code, Outcome: lync.OutcomeInstallerFailed, Message: "no",
			Claimed: now.Add(-9 * time.Minute), Started: now.Add(-8 * time.Minute), Finished: now.Add(-7 * time.Minute), BootTime: now.Add(-time.Hour)}},
	}
	want := procedure.Server{
		FQDN: "fe01.contoso.com", Build: "5.0.8308.420", Components: []procedure.Component{{Name: "Front End Server", Build: "5.0.8308.99"}, {Name: "CORE COMPONENTS", Build: "5.0.8308.420"},
			{Name: "Core Components Language Pack", Build: "9.9.9.9"}}, ProductName: "Microsoft Lync Server 2013", Product: v1alpha1.ProductLyncServer2013, Time: now, BootTime: now.Add(-time.Hour), PendingReboot: true,
		Services: []procedure.Service{{Name: "RTCSRV", Status: procedure.ServiceStopped, StartType: "Disabled"}},
		Baseline: []procedure.Service{{Name: "RTCSRV", Status: procedure.ServiceRunning, StartType: procedure.StartAutomatic}},
		Jobs: []procedure.Job{{ID: "install-5.0.8308.420-1", Action: procedure.ActionInstall, State: procedure.JobFailed, ExitCode: &code, Outcome: "InstallerFailed", Message: "no",
			Claimed: now.Add(-9 * time.Minute), Started: now.Add(-8 * time.Minute), Finished: now.Add(-7 * time.Minute), BootTime: now.Add(-time.Hour)}},
	}
	if difference := cmp.Diff(want, serverFrom("fe01.contoso.com", facts)); difference != "" {
		t.Error("got (+), want (-):\n" + difference)
	}
	if bare := serverFrom("fe01.contoso.com", lync.Facts{}); bare.Build != "" || bare.Baseline != nil || bare.PendingReboot {
		t.Errorf("a server without anything became %+v", bare)
	}
	if emptied := serverFrom("fe01.contoso.com", lync.Facts{Baseline: []lync.Service{}}); emptied.Baseline == nil {
		t.Error("a baseline without services became no baseline")
	}
}

func TestProblemsHaveReasons(t *testing.T) {
	for kind, want := range map[lync.ErrorKind]procedure.Problem{
		lync.KindLoginRefused:        {Reason: v1alpha1.ReasonLoginRefused, Lasting: true},
		lync.KindAccessDenied:        {Reason: v1alpha1.ReasonLoginRefused, Lasting: true},
		lync.KindCertificateRejected: {Reason: v1alpha1.ReasonCertificateRejected, Lasting: true},
		lync.KindUnknownShape:        {Reason: v1alpha1.ReasonUnknownReadinessShape, Lasting: true},
		lync.KindBadAnswer:           {Reason: v1alpha1.ReasonServerAnswerUnknown},
		lync.KindCmdletFailed:        {Reason: v1alpha1.ReasonServerAnswerUnknown},
		lync.KindCmdletMissing:       {Reason: v1alpha1.ReasonServerAnswerUnknown},
		lync.KindBadArgument:         {Reason: v1alpha1.ReasonServerAnswerUnknown},
		lync.KindInternal:            {Reason: v1alpha1.ReasonServerAnswerUnknown},
		lync.KindUnreachable:         {Reason: v1alpha1.ReasonServerUnreachable},
		lync.KindTimeout:             {Reason: v1alpha1.ReasonServerUnreachable},
		lync.KindSessionLost:         {Reason: v1alpha1.ReasonServerUnreachable},
		lync.KindQuotaExceeded:       {Reason: v1alpha1.ReasonServerUnreachable},
		lync.KindNotInService:        {Reason: v1alpha1.ReasonServerUnreachable},
		lync.KindCanceled:            {Reason: v1alpha1.ReasonServerUnreachable},
	} {
		err := troubleWith(kind, "fe01.contoso.com", "Get-LyncOpsFacts", "seen")
		want.Message = err.Error()
		if got := problemFrom(err); *got != want {
			t.Errorf("%s became %+v, want %+v", kind, *got, want)
		}
	}
}

// Half a letter at the end of a message would be stored as another letter, and the status would be written at every look.
func TestLongMessagesAreCutBetweenLetters(t *testing.T) {
	for length := 1990; length < 2010; length++ {
		for _, letter := range []string{"a", "é", "域", "🛈"} {
			message := strings.Repeat("x", length) + strings.Repeat(letter, 10)
			got := bounded(message)
			if !utf8.ValidString(got) || len(got) > 2010 || len(message) <= 2000 && got != message {
				t.Errorf("%d bytes became %d: %q", len(message), len(got), got[max(0, len(got)-12):])
			}
		}
	}
}
