package procedure

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

const monitoring, central = "sql02.contoso.com", "cms01.contoso.com"

// withStores gives a back end whose pool's databases are current two more stores: monitoring on another server, and the central
// management store.
func withStores(apply ...func(*BackEnd)) BackEnd {
	backEnd := enterprise("Absent", reports("15.13.22"))
	backEnd.OtherStores = []DatabaseStore{{Kind: StoreOther, SQLServer: monitoring}, {Kind: StoreCentralManagement, SQLServer: central, Instance: "rtc"}}
	for _, change := range apply {
		change(&backEnd)
	}
	return backEnd
}

func storeReports(index int, name, installed string) func(*BackEnd) {
	return func(b *BackEnd) {
		b.OtherStores[index].Report = &DatabaseReport{Databases: []Database{{Name: name, SQLServerFQDN: b.OtherStores[index].SQLServer, ExpectedVersion: "2.0.0", InstalledVersion: installed}}}
	}
}

// ran puts the job for a store on the first front end, as it ended.
func ran(index int, state JobState) func(*BackEnd) {
	return func(b *BackEnd) {
		server := b.FrontEnds[0].Server
		server.Jobs = append(server.Jobs, Job{ID: b.stores()[index].jobID(wanted, 1), State: state, Started: started, Message: "no access"})
	}
}

// Step 11 once for every store: the pool's first, then other SQL Servers, the central management store last.
func TestEveryStoreGetsACallOfItsOwn(t *testing.T) {
	old, current := "1.0.0", "2.0.0"
	cases := []struct {
		name    string
		backEnd BackEnd
		verdict Verdict
		order   string
		sql     string
		variant v1alpha1.DatabaseVariant
		asks    int
	}{
		{"the next store is compared when the one before is done", withStores(), VerdictWait, "", "", "", 1},
		{"a store that is current is left alone", withStores(storeReports(0, "LcsCDR", current)), VerdictWait, "", "", "", 2},
		{"monitoring on another server", withStores(storeReports(0, "LcsCDR", old)), VerdictStart, "update-other-stores-5.0.8308.956.", monitoring, "Enterprise", 0},
		{"the pool's come first", withStores(reports("15.13.1"), storeReports(0, "LcsCDR", old)), VerdictStart, "update-databases-5.0.8308.956-1", sqlServer, "Enterprise", 0},
		{"a job for the other store runs", withStores(ran(1, JobRunning)), VerdictWait, "", "", "", 0},
		{"it failed", withStores(storeReports(0, "LcsCDR", old), ran(1, JobFailed)), VerdictHold, "", "", "", 0},
		{"it ended, and the store is old", withStores(storeReports(0, "LcsCDR", old), ran(1, JobSucceeded)), VerdictHold, "", "", "", 0},
		{"it ended, and nobody knows", withStores(storeReports(0, "LcsCDR", ""), ran(1, JobSucceeded)), VerdictWait, "", "", "", 2},
		{"the central management store", withStores(storeReports(0, "LcsCDR", current), storeReports(1, "xds", old)), VerdictStart, "update-central-management-5.0.8308.956-1", central, "CentralManagement", 0},
		{"all current: nothing is run", withStores(storeReports(0, "LcsCDR", current), storeReports(1, "xds", current)), VerdictDone, "", "", "", 0},
		{"another try does not repeat what went well", withStores(reports(""), ran(0, JobSucceeded), storeReports(0, "LcsCDR", old), ran(1, JobFailed), func(b *BackEnd) { b.Permitted = 2 }),
			VerdictStart, "update-other-stores-5.0.8308.956.", monitoring, "Enterprise", 0},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := NextBackEndStep(test.backEnd)
			if got.Server.Verdict != test.verdict || got.Store != test.asks || (got.NeedReport != "") != (test.asks > 0) {
				t.Fatalf("got %s, asks %q about store %d: %s", got.Server.Verdict, got.NeedReport, got.Store, got.Server.Message)
			}
			if order := got.Server.Order; test.order != "" && (!strings.HasPrefix(order.ID, test.order) || order.SQLServer != test.sql || order.Variant != test.variant || order.WithoutUpdate) {
				t.Errorf("got %+v", order)
			}
			if test.verdict == VerdictHold && got.Server.Reason != v1alpha1.ReasonDatabaseUpdateFailed {
				t.Errorf("held with %s", got.Server.Reason)
			}
		})
	}
	if one, other := withStores().stores()[1].jobID(wanted, 1), (DatabaseStore{Kind: StoreOther, SQLServer: "sql03.contoso.com"}).jobID(wanted, 1); one == other {
		t.Errorf("two servers share the job %s", one)
	}
}

// Nothing that is published updates an archiving or monitoring store from a front end: it is named, not waited for.
func TestStoresThatStayOldAreNamed(t *testing.T) {
	report := func(pool string) *DatabaseReport {
		return &DatabaseReport{CollocatedStores: []string{"LcsCDR", "QoEMetrics"}, Databases: []Database{
			{Name: "rtcxds", ExpectedVersion: "2", InstalledVersion: pool}, {Name: "LcsCDR", ExpectedVersion: "2", InstalledVersion: "1"},
			{Name: "QoEMetrics", ExpectedVersion: "2", InstalledVersion: "2"}, {Name: "xds", ExpectedVersion: "2", InstalledVersion: "1"}}}
	}
	backEnd := enterprise("Detect", func(b *BackEnd) { b.Report = report("2") })
	got := NextBackEndStep(backEnd)
	if want := []string{"LcsCDR (1, expected 2)", "xds (1, expected 2)"}; got.Server.Verdict != VerdictDone || !got.StoresCompared || !slices.Equal(got.LeftBehind, want) {
		t.Errorf("%s, left behind %q", got.Server.Verdict, got.LeftBehind)
	}
	backEnd.OtherStores = []DatabaseStore{{Kind: StoreCentralManagement, SQLServer: sqlServer, Report: &DatabaseReport{Databases: []Database{{Name: "xds", ExpectedVersion: "2", InstalledVersion: "2"}}}}}
	if got := NextBackEndStep(backEnd); !slices.Equal(got.LeftBehind, []string{"LcsCDR (1, expected 2)"}) {
		t.Errorf("with a call of its own for the central management store: %q", got.LeftBehind)
	}
	backEnd.Report = report("1")
	if got := NextBackEndStep(backEnd); got.Server.Verdict != VerdictStart || got.Variant != v1alpha1.DatabaseVariantEnterpriseCollocated {
		t.Errorf("%s %s", got.Server.Verdict, got.Variant)
	}
}

// Test-CsDatabase -LocalService also names databases of the back end, and xds differs by design.
func TestOnlyTheServersOwnDatabasesCountAsLocal(t *testing.T) {
	server := "fe01.contoso.com"
	cases := []struct {
		name                string
		databases           []Database
		outdated, confirmed bool
	}{
		{"equal", []Database{{"rtc", server, "2", "2"}}, false, true},
		{"older", []Database{{"rtc", server, "2", "1"}}, true, false},
		{"the short name is the same server", []Database{{"rtc", "FE01", "2", "1"}}, true, false},
		{"the back end's are old until their turn comes", []Database{{"rtc", server, "2", "2"}, {"rtcxds", sqlServer, "2", "1"}}, false, true},
		{"xds", []Database{{"rtc", server, "2", "2"}, {"xds", server, "2", "1"}}, false, true},
		{"an unknown version", []Database{{"rtc", server, "2", ""}}, false, false},
		{"no row of its own", []Database{{"rtcxds", sqlServer, "2", "2"}}, false, false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			local := (&DatabaseReport{Databases: test.databases}).OnServer(server)
			if got := len(local.Outdated()) > 0; got != test.outdated || local.Confirmed() != test.confirmed {
				t.Errorf("outdated %t, confirmed %t", got, local.Confirmed())
			}
		})
	}
}

// Not every update changes databases: on a Standard Edition server they are compared before step 11, and nothing is run.
func TestStandardEditionDatabasesThatAreCurrentAreLeftAlone(t *testing.T) {
	atStep11 := []change{staged, stoppedByUs, has(v1alpha1.StepStopWebServer, JobSucceeded), installedByUs, has(v1alpha1.StepStopServicesAgain, JobSucceeded),
		has(v1alpha1.StepStartWebServer, JobSucceeded), stopped, atBuild(wanted)}
	cases := []struct {
		name  string
		apply func(*BackEnd)
		order string
		asks  bool
	}{
		{"compared first", func(*BackEnd) {}, "", true},
		{"current", reports("15.13.22"), "start-services-5.0.8308.956-1", false},
		{"old", reports("15.13.1"), "update-databases-5.0.8308.956-1", false},
		{"not known", reports(""), "update-databases-5.0.8308.956-1", false},
		{"could not be asked", func(b *BackEnd) { b.ReportProblem = "access denied" }, "update-databases-5.0.8308.956-1", false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			backEnd := standard(atStep11...)
			test.apply(&backEnd)
			got := NextBackEndStep(backEnd)
			order := ""
			if got.Server.Verdict == VerdictStart {
				order = got.Server.Order.ID
			}
			if order != test.order || (got.NeedReport != "") != test.asks || got.NeedReport != "" && !got.Local || !got.InProgress {
				t.Errorf("%s %q, asks %q, local %t, in progress %t", got.Server.Verdict, order, got.NeedReport, got.Local, got.InProgress)
			}
		})
	}
}

func TestFrontEndsAndSQLServerAreNeverOutTogether(t *testing.T) {
	beside := func(b *BackEnd) {
		server := frontEnd()
		server.FQDN, b.Declared = "sql01.contoso.com", "sql01.contoso.com"
		b.Server, b.OpenDomain = &server, domain1
	}
	if got := NextBackEndStep(enterprise("Absent", beside)); got.Server.Verdict != VerdictWait || got.Server.Reason != v1alpha1.ReasonWaitingForFrontEnds {
		t.Errorf("Lync components beside SQL Server, and a domain is open: %s %s", got.Server.Verdict, got.Server.Reason)
	}
	for index, step := range []v1alpha1.ServerStep{v1alpha1.StepUpdateDatabases, v1alpha1.StepUpdateOtherStores, v1alpha1.StepUpdateCentralManagement} {
		backEnd := withStores(ran(index, JobRunning))
		if server := backEnd.FrontEnds[0].Server; !server.UpdatingDatabases() || server.Begun() {
			t.Errorf("%s: updating %t, begun %t", step, server.UpdatingDatabases(), server.Begun())
		}
		if got := NextBackEndStep(backEnd); !got.InProgress || got.Server.Step != step {
			t.Errorf("%s: in progress %t, step %s", step, got.InProgress, got.Server.Step)
		}
	}
}

// What an installer leaves behind that did not come to its end: named, with what helps.
func TestLocalDatabasesAfterAnInstaller(t *testing.T) {
	fine := &LocalDatabases{Databases: []LocalDatabase{{"RTCLOCAL", "rtc", "ONLINE", "MULTI_USER"}, {"RTCLOCAL", "rtcdyn", "RECOVERING", "MULTI_USER"}}}
	single := &LocalDatabases{Databases: []LocalDatabase{{"RTCLOCAL", "rtc", "ONLINE", "SINGLE_USER"}}}
	offline := &LocalDatabases{Databases: []LocalDatabase{{"LYNCLOCAL", "lyss", "OFFLINE", "MULTI_USER"}}}
	upgraded := []change{staged, stoppedByUs, installedByUs, atBuild(wanted), restartedByUs, rebooted}
	failedInstall := []change{staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobFailed), stopped}
	cases := []struct {
		name    string
		server  []change
		found   *LocalDatabases
		needs   bool
		verdict Verdict
		reason  string
		says    string
	}{
		{"asked before a server is accepted", upgraded, nil, true, VerdictPutAway, v1alpha1.ReasonUpgrading, ""},
		{"usable", upgraded, fine, false, VerdictPutAway, v1alpha1.ReasonUpgrading, ""},
		{"for a single user", upgraded, single, false, VerdictHold, v1alpha1.ReasonLocalDatabasesBroken, "Run the same update on it once more"},
		{"offline", upgraded, offline, false, VerdictHold, v1alpha1.ReasonLocalDatabasesBroken, `lyss of .\LYNCLOCAL is OFFLINE`},
		{"asked where an installer failed", failedInstall, nil, true, VerdictHold, v1alpha1.ReasonInstallerFailed, ""},
		{"the installer failed and left them so", failedInstall, single, false, VerdictHold, v1alpha1.ReasonLocalDatabasesBroken, v1alpha1.AnnotationRetry},
		{"the installer failed and they are usable", failedInstall, fine, false, VerdictHold, v1alpha1.ReasonInstallerFailed, ""},
		{"no installer of ours has run: not asked", []change{atBuild(wanted)}, nil, false, VerdictDone, v1alpha1.ReasonUpToDate, ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			server := frontEnd(test.server...)
			got := UpgradeDomain(Domain{Plan: plan, Turn: true, Servers: []DomainServer{{FQDN: server.FQDN, Server: &server, LocalDatabases: test.found}}}).Servers[0]
			if got.NeedLocalDatabases != test.needs || got.Verdict != test.verdict || got.Reason != test.reason || !strings.Contains(got.Message, test.says) {
				t.Errorf("front end: needs %t, %s %s: %s", got.NeedLocalDatabases, got.Verdict, got.Reason, got.Message)
			}
		})
	}
	broken := standard(staged, stoppedByUs, has(v1alpha1.StepStopWebServer, JobSucceeded), has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobFailed), stopped)
	if got := NextBackEndStep(broken); !got.Server.NeedLocalDatabases {
		t.Errorf("Standard Edition: %s %s", got.Server.Verdict, got.Server.Reason)
	}
	broken.LocalDatabases = single
	if got := NextBackEndStep(broken); got.Server.Reason != v1alpha1.ReasonLocalDatabasesBroken {
		t.Errorf("Standard Edition: %s %s", got.Server.Verdict, got.Server.Reason)
	}
}

// BE, introduction: 30 minutes.
func TestOutageIsWarnedOfBeforeTheBudgetIsSpent(t *testing.T) {
	const budget = 30 * time.Minute
	cases := []struct {
		away   time.Duration
		reason string
		next   time.Duration
	}{
		{0, v1alpha1.ReasonWithinBudget, 20 * time.Minute},
		{19 * time.Minute, v1alpha1.ReasonWithinBudget, time.Minute},
		{20*time.Minute + time.Second, v1alpha1.ReasonBudgetNearlySpent, 10*time.Minute - time.Second},
		{30 * time.Minute, v1alpha1.ReasonBudgetNearlySpent, 0},
		{30*time.Minute + time.Second, v1alpha1.ReasonBudgetSpent, 0},
	}
	for _, test := range cases {
		if reason, next := Outage(test.away, budget); reason != test.reason || next != test.next {
			t.Errorf("after %s: %s, changes in %s", test.away, reason, next)
		}
	}
	silent := standard()
	silent.Server, silent.Problem, silent.LastStep, silent.Away = nil, &Problem{Reason: v1alpha1.ReasonServerUnreachable, Message: "does not answer"}, v1alpha1.StepRestartComputer, 12*time.Minute
	if got := NextBackEndStep(silent).Outage; got != silent.Away {
		t.Errorf("a server that does not answer has been away for %s", got)
	}
}
