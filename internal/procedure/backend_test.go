package procedure

import (
	"slices"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

const sqlServer = "sql01.contoso.com"

// standard is a Standard Edition server as it was observed.
func standard(changes ...change) BackEnd {
	server := frontEnd(changes...)
	return BackEnd{Plan: plan, Edition: v1alpha1.EditionStandard, Declared: server.FQDN, Server: &server}
}

// enterprise is the SQL Server of a pool whose two front ends have the build and serve.
func enterprise(stores v1alpha1.CollocatedStores, apply ...func(*BackEnd)) BackEnd {
	backEnd := BackEnd{Plan: plan, Edition: v1alpha1.EditionEnterprise, Stores: stores, SQLServer: sqlServer, TopologyChanged: new(string)}
	for _, fqdn := range []string{"fe01.contoso.com", "fe02.contoso.com"} {
		server := frontEnd(atBuild(wanted))
		server.FQDN = fqdn
		backEnd.FrontEnds = append(backEnd.FrontEnds, PoolFrontEnd{FQDN: fqdn, Server: &server})
	}
	for _, change := range apply {
		change(&backEnd)
	}
	return backEnd
}

func reports(installed string, collocated ...string) func(*BackEnd) {
	return func(b *BackEnd) {
		b.Report = &DatabaseReport{Databases: []Database{{Name: "rtcxds", ExpectedVersion: "15.13.22", InstalledVersion: installed}}, CollocatedStores: collocated}
	}
}

func onFrontEnd(number int, apply change) func(*BackEnd) {
	return func(b *BackEnd) { apply(b.FrontEnds[number-1].Server) }
}

// finished lets a server do what was ordered, and do it well.
func finished(server *Server, order Order) {
	server.Time = server.Time.Add(5 * time.Minute)
	server.Jobs = append(server.Jobs, Job{ID: order.ID, State: JobSucceeded, Started: server.Time.Add(-4 * time.Minute), Finished: server.Time, BootTime: server.BootTime})
	set := func(status string, which func(string) bool) {
		for i := range server.Services {
			if which(server.Services[i].Name) {
				server.Services[i].Status = status
			}
		}
	}
	lync := func(name string) bool { return name != webServerService }
	web := func(name string) bool { return name == webServerService }
	switch order.Action {
	case ActionStopServices:
		if server.Baseline == nil {
			server.Baseline = slices.Clone(server.Services)
		}
		set(ServiceStopped, lync)
	case ActionStopWebServer:
		set(ServiceStopped, web)
	case ActionInstall:
		server.Build = wanted
	case ActionStartWebServer:
		set(ServiceRunning, web)
	case ActionStartServices:
		set(ServiceRunning, func(string) bool { return true })
	}
}

// BE: the eleven steps. 1 to 3, 6 and 8 open and close a shell; 2 is the package.
// An installer that was cut off after the core components had the build is run again when a person asks for another try.
func TestStandardEditionServerFinishesAnInstallerThatWasCutOff(t *testing.T) {
	backEnd := standard(staged, stoppedByUs, has(v1alpha1.StepStopWebServer, JobSucceeded), has(v1alpha1.StepInstall, JobInterrupted), atBuild(wanted), rebooted)
	reports("15.13.22")(&backEnd)
	if got := NextBackEndStep(backEnd); got.Server.Verdict != VerdictHold || got.Server.Reason != v1alpha1.ReasonJobInterrupted {
		t.Fatalf("before anybody has asked: %s %s", got.Server.Verdict, got.Server.Message)
	}
	backEnd.Permitted = 2
	var got []string
	for range 20 {
		decision := NextBackEndStep(backEnd)
		if decision.Server.Verdict != VerdictStart {
			break
		}
		got = append(got, decision.Server.Order.ID)
		finished(backEnd.Server, *decision.Server.Order)
	}
	want := []string{"stop-services-5.0.8308.956-2", "stop-web-server-5.0.8308.956-2", "install-5.0.8308.956-2"}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("got %v, want %v and what follows", got, want)
	}
}

func TestStandardEditionServerFollowsTheElevenStepsInOrder(t *testing.T) {
	backEnd := standard()
	reports("15.13.1")(&backEnd)
	var orders []Order
	for range 20 {
		decision := NextBackEndStep(backEnd)
		if decision.Server.Verdict == VerdictPutAway {
			break
		}
		if decision.Server.Verdict != VerdictStart {
			t.Fatalf("after %d orders: %s %s", len(orders), decision.Server.Verdict, decision.Server.Message)
		}
		orders = append(orders, *decision.Server.Order)
		finished(backEnd.Server, *decision.Server.Order)
	}
	want := []string{
		plan.stageJobID(1),                   // 2. Download the update, and extract it to the local hard disk.
		"stop-services-5.0.8308.956-1",       // 4. Stop-CsWindowsService
		"stop-web-server-5.0.8308.956-1",     // 5. net stop w3svc
		"install-5.0.8308.956-1",             // 7. Install the update.
		"stop-services-again-5.0.8308.956-1", // 9. Stop the Lync Server services again.
		"start-web-server-5.0.8308.956-1",    // 10. net start w3svc
		"update-databases-5.0.8308.956-1",    // 11. Install-CsDatabase -Update -LocalDatabases
		"start-services-5.0.8308.956-1",      // what the page leaves out
	}
	var got []string
	for _, order := range orders {
		got = append(got, order.ID)
		if order.Action == ActionStopServices && order.Graceful {
			t.Errorf("%s is graceful; the page's Stop-CsWindowsService is not", order.ID)
		}
		if order.Action == ActionUpdateDatabases && order.Variant != v1alpha1.DatabaseVariantStandard {
			t.Errorf("the databases are updated as %s", order.Variant)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestNextBackEndStep(t *testing.T) {
	failedHere := func(step v1alpha1.ServerStep) change { return has(step, JobFailed) }
	webStopped, againStopped := has(v1alpha1.StepStopWebServer, JobSucceeded), has(v1alpha1.StepStopServicesAgain, JobSucceeded)
	retriedAfterDatabases := func(b *BackEnd) { b.Permitted = 2 }
	standardWith := func(backEnd BackEnd, apply func(*BackEnd)) BackEnd { apply(&backEnd); return backEnd }
	cases := []struct {
		name       string
		backEnd    BackEnd
		verdict    Verdict
		order      string
		on         string
		variant    v1alpha1.DatabaseVariant
		reason     string
		inProgress bool
	}{
		{"Enterprise: databases wait for every front end", enterprise("Absent", onFrontEnd(2, atBuild(installed))), VerdictWait, "", sqlServer, "Enterprise", v1alpha1.ReasonWaitingForFrontEnds, false},
		{"Enterprise: a front end that does not serve is not back", enterprise("Absent", onFrontEnd(2, stopped)), VerdictWait, "", sqlServer, "Enterprise", v1alpha1.ReasonWaitingForFrontEnds, false},
		{"Enterprise: a front end that does not answer is not back", enterprise("Absent", func(b *BackEnd) { b.FrontEnds[1].Server = nil }), VerdictWait, "", sqlServer, "Enterprise", v1alpha1.ReasonWaitingForFrontEnds, false},
		{"Enterprise: a front end whose work is not put away is not back", enterprise("Absent", onFrontEnd(2, installedByUs)), VerdictWait, "", sqlServer, "Enterprise", v1alpha1.ReasonWaitingForFrontEnds, false},
		{"Enterprise: front ends nobody knows are not back", enterprise("Absent", func(b *BackEnd) { b.FrontEnds = nil }), VerdictWait, "", sqlServer, "Enterprise", v1alpha1.ReasonWaitingForFrontEnds, false},
		{"Enterprise: not while an upgrade domain is open", enterprise("Absent", reports("15.13.1"), func(b *BackEnd) { b.OpenDomain = domain1 }), VerdictWait, "", sqlServer, "Enterprise", v1alpha1.ReasonWaitingForFrontEnds, false},
		{"Enterprise, nothing collocated", enterprise("Absent", reports("15.13.1")), VerdictStart, "update-databases-5.0.8308.956-1", "fe01.contoso.com", "Enterprise", v1alpha1.ReasonUpgrading, true},
		{"Enterprise, collocated as declared: -ExcludeCollocatedStores", enterprise("Present", reports("15.13.1")), VerdictStart, "update-databases-5.0.8308.956-1", "fe01.contoso.com", "EnterpriseCollocated", v1alpha1.ReasonUpgrading, true},
		{"Enterprise, collocated as found: -ExcludeCollocatedStores", enterprise("Detect", reports("15.13.1", "LcsCDR")), VerdictStart, "update-databases-5.0.8308.956-1", "fe01.contoso.com", "EnterpriseCollocated", v1alpha1.ReasonUpgrading, true},
		{"Enterprise, looked for and not found", enterprise("Detect", reports("15.13.1")), VerdictStart, "update-databases-5.0.8308.956-1", "fe01.contoso.com", "Enterprise", v1alpha1.ReasonUpgrading, true},
		{"Enterprise, looked for and not answered: a person decides", enterprise("Detect", func(b *BackEnd) { b.ReportProblem = "access denied" }), VerdictWait, "", sqlServer, "Enterprise", v1alpha1.ReasonServerAnswerUnknown, false},
		{"Enterprise: an unknown version is never equal", enterprise("Absent", reports("")), VerdictStart, "update-databases-5.0.8308.956-1", "fe01.contoso.com", "Enterprise", v1alpha1.ReasonUpgrading, true},
		{"Enterprise: already at the version", enterprise("Absent", reports("15.13.22")), VerdictDone, "", sqlServer, "Enterprise", v1alpha1.ReasonUpToDate, false},
		{"Enterprise: paused", enterprise("Absent", reports("15.13.1"), func(b *BackEnd) { b.Paused = true }), VerdictWait, "", "fe01.contoso.com", "Enterprise", v1alpha1.ReasonPaused, false},
		{"Enterprise: observed only", enterprise("Absent", reports("15.13.1"), func(b *BackEnd) { b.Observe = true }), VerdictWait, "", "fe01.contoso.com", "Enterprise", v1alpha1.ReasonObserving, false},
		{"Enterprise: the job is found on whichever front end it runs", enterprise("Absent", onFrontEnd(2, has(v1alpha1.StepUpdateDatabases, JobRunning))), VerdictWait, "", "fe02.contoso.com", "Enterprise", v1alpha1.ReasonUpgrading, true},
		{"Enterprise: the job was ordered and does not begin: ordered once more", enterprise("Absent", onFrontEnd(1, has(v1alpha1.StepUpdateDatabases, JobClaimed, claimed(time.Minute))), reports("15.13.1")), VerdictStart, "update-databases-5.0.8308.956-1", "fe01.contoso.com", "Enterprise", v1alpha1.ReasonUpgrading, true},
		{"Enterprise: the job does not begin where it would not be ordered now: awaited", enterprise("Absent", onFrontEnd(2, has(v1alpha1.StepUpdateDatabases, JobClaimed, claimed(time.Minute))), reports("15.13.1")), VerdictWait, "", "fe02.contoso.com", "Enterprise", v1alpha1.ReasonUpgrading, true},
		{"Enterprise: the job is overdue, and still at work", enterprise("Absent", onFrontEnd(2, has(v1alpha1.StepUpdateDatabases, JobRunning)), onFrontEnd(2, func(s *Server) { s.Time = started.Add(5 * time.Hour) })), VerdictHold, "", "fe02.contoso.com", "Enterprise", v1alpha1.ReasonJobOverdue, true},
		{"Enterprise: the job ended and the versions are right", enterprise("Absent", onFrontEnd(2, has(v1alpha1.StepUpdateDatabases, JobSucceeded)), reports("15.13.22")), VerdictDone, "", sqlServer, "Enterprise", v1alpha1.ReasonUpToDate, false},
		{"Enterprise: the job ended and the versions are old", enterprise("Absent", onFrontEnd(2, has(v1alpha1.StepUpdateDatabases, JobSucceeded)), reports("15.13.1")), VerdictHold, "", sqlServer, "Enterprise", v1alpha1.ReasonDatabaseUpdateFailed, false},
		{"Enterprise: the job failed", enterprise("Absent", onFrontEnd(2, has(v1alpha1.StepUpdateDatabases, JobFailed)), reports("15.13.1")), VerdictHold, "", sqlServer, "Enterprise", v1alpha1.ReasonDatabaseUpdateFailed, false},
		{"Enterprise: a retry runs where the first try ran", enterprise("Absent", onFrontEnd(2, has(v1alpha1.StepUpdateDatabases, JobFailed)), reports("15.13.1"), func(b *BackEnd) { b.Permitted = 2 }), VerdictStart, "update-databases-5.0.8308.956-2", "fe02.contoso.com", "Enterprise", v1alpha1.ReasonUpgrading, true},

		{"Standard: at the build with its databases", standardWith(standard(atBuild(wanted)), reports("15.13.22")), VerdictDone, "", "fe01.contoso.com", "Standard", v1alpha1.ReasonUpToDate, false},
		{"Standard: at the build, databases left out by hand", standardWith(standard(atBuild(wanted)), reports("15.13.1")), VerdictHold, "", "fe01.contoso.com", "Standard", v1alpha1.ReasonDatabaseUpdateFailed, false},
		{"Standard: a newer build is never taken back", standard(atBuild(later)), VerdictHold, "", "fe01.contoso.com", "Standard", v1alpha1.ReasonDowngradeRefused, false},
		{"Standard: paused before anything is stopped", standardWith(standard(staged), func(b *BackEnd) { b.Paused = true }), VerdictWait, "", "fe01.contoso.com", "Standard", v1alpha1.ReasonPaused, false},
		{"Standard: a step that was ordered and does not begin is ordered once more", standard(staged, stoppedByUs, stopped, has(v1alpha1.StepStopWebServer, JobClaimed, claimed(time.Minute))), VerdictStart, "stop-web-server-5.0.8308.956-1", "fe01.contoso.com", "Standard", v1alpha1.ReasonUpgrading, true},
		{"Standard: paused in the middle: finished", standardWith(standard(staged, stoppedByUs, stopped), func(b *BackEnd) { b.Paused = true }), VerdictStart, "stop-web-server-5.0.8308.956-1", "fe01.contoso.com", "Standard", v1alpha1.ReasonUpgrading, true},
		{"Standard: the installer failed: put back first", standard(staged, stoppedByUs, webStopped, failedHere(v1alpha1.StepInstall), stopped), VerdictStart, "recover-5.0.8308.956-1", "fe01.contoso.com", "Standard", v1alpha1.ReasonUpgrading, true},
		{"Standard: the installer failed, the build is there all the same: put back, no databases", standard(staged, stoppedByUs, webStopped, failedHere(v1alpha1.StepInstall), stopped, atBuild(wanted)), VerdictStart, "recover-5.0.8308.956-1", "fe01.contoso.com", "Standard", v1alpha1.ReasonUpgrading, true},
		{"Standard: paused, a retry does not stop a server that was put back", standardWith(standard(staged, stoppedByUs, webStopped, failedHere(v1alpha1.StepInstall), has(v1alpha1.StepRecover, JobSucceeded)), func(b *BackEnd) { b.Paused, b.Permitted = true, 2 }), VerdictWait, "", "fe01.contoso.com", "Standard", v1alpha1.ReasonPaused, false},
		{"Standard: the installer asks for a restart to reach the build: restarted before the databases", standard(staged, stoppedByUs, webStopped, installedByUs, stopped, pendingReboot), VerdictStart, "restart-computer-5.0.8308.956-1", "fe01.contoso.com", "Standard", v1alpha1.ReasonUpgrading, true},
		{"Standard: the build is not reached: no databases, put back", standard(staged, stoppedByUs, webStopped, installedByUs, stopped), VerdictStart, "recover-5.0.8308.956-1", "fe01.contoso.com", "Standard", v1alpha1.ReasonUpgrading, true},
		{"Standard: the databases failed: put back", standard(staged, stoppedByUs, webStopped, installedByUs, againStopped, has(v1alpha1.StepStartWebServer, JobSucceeded), failedHere(v1alpha1.StepUpdateDatabases), stopped, atBuild(wanted)), VerdictStart, "recover-5.0.8308.956-1", "fe01.contoso.com", "Standard", v1alpha1.ReasonUpgrading, true},
		{"Standard: a retry after the databases failed stops the services again and does not install", standardWith(standard(staged, stoppedByUs, webStopped, installedByUs, againStopped, has(v1alpha1.StepStartWebServer, JobSucceeded), failedHere(v1alpha1.StepUpdateDatabases), has(v1alpha1.StepRecover, JobSucceeded), atBuild(wanted)), retriedAfterDatabases), VerdictStart, "stop-services-5.0.8308.956-2", "fe01.contoso.com", "Standard", v1alpha1.ReasonUpgrading, true},
		{"Standard: half put away is put away further, and nothing is stopped again", standard(has(v1alpha1.StepUpdateDatabases, JobSucceeded), has(v1alpha1.StepStartServices, JobSucceeded), atBuild(wanted)), VerdictPutAway, "", "fe01.contoso.com", "Standard", v1alpha1.ReasonUpgrading, true},
		{"Standard: does not answer in the middle", standardWith(standard(), func(b *BackEnd) {
			b.Server, b.Problem, b.LastStep = nil, &Problem{Reason: v1alpha1.ReasonServerUnreachable, Message: "does not answer"}, v1alpha1.StepInstall
		}), VerdictWait, "", "fe01.contoso.com", "Standard", v1alpha1.ReasonServerUnreachable, true},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := NextBackEndStep(test.backEnd)
			order := ""
			if got.Server.Order != nil && got.Server.Verdict == VerdictStart {
				order = got.Server.Order.ID
			}
			if got.Server.Verdict != test.verdict || order != test.order || got.Server.FQDN != test.on || got.Variant != test.variant || got.Server.Reason != test.reason || got.InProgress != test.inProgress {
				t.Errorf("got %s %q on %s, %s, %s, in progress %t: %s", got.Server.Verdict, order, got.Server.FQDN, got.Variant, got.Server.Reason, got.InProgress, got.Server.Message)
			}
		})
	}
}

func TestDatabasesAreComparedBeforeTheyAreTouched(t *testing.T) {
	if got := NextBackEndStep(enterprise("Absent")); got.NeedReport != "fe01.contoso.com" || got.Local || got.Server.Verdict != VerdictWait {
		t.Errorf("Enterprise: asks %q, %s", got.NeedReport, got.Server.Verdict)
	}
	unread := enterprise("Absent", reports("15.13.1"))
	unread.TopologyChanged = nil
	if got := NextBackEndStep(unread); !got.NeedTopology || got.Server.Verdict != VerdictWait || got.InProgress {
		t.Errorf("Enterprise, before databases change: reads the topology %t, %s", got.NeedTopology, got.Server.Verdict)
	}
	changed := "the topology names fe03 now"
	unread.TopologyChanged = &changed
	if got := NextBackEndStep(unread); got.Server.Verdict != VerdictWait || got.Server.Reason != v1alpha1.ReasonTopologyChanged || got.InProgress {
		t.Errorf("Enterprise, a front end has come: %s %s", got.Server.Verdict, got.Server.Reason)
	}
	if got := NextBackEndStep(standard(atBuild(wanted))); got.NeedReport != "fe01.contoso.com" || !got.Local {
		t.Errorf("Standard: asks %q, local %t", got.NeedReport, got.Local)
	}
}

// BE: "If the Back End Server is down for at least 30 minutes, users may go into resiliency mode."
func TestOutageIsCountedFromTheStopThatStillHolds(t *testing.T) {
	cases := []struct {
		name    string
		backEnd BackEnd
		outage  time.Duration
	}{
		{"in service", standard(staged), 0},
		{"stopped", standard(staged, stoppedByUs, stopped), 28 * time.Minute},
		{"put back after a failure", standard(staged, stoppedByUs, has(v1alpha1.StepRecover, JobSucceeded)), 0},
		{"stopped again after it was put back", standard(staged, stoppedByUs, has(v1alpha1.StepRecover, JobSucceeded),
			has(v1alpha1.StepStopServices, JobSucceeded, named("stop-services-5.0.8308.956-2")), stopped), 26 * time.Minute},
		{"stopped again after it was started", standard(staged, stoppedByUs, has(v1alpha1.StepStartServices, JobSucceeded),
			has(v1alpha1.StepStopServices, JobSucceeded, named("stop-services-5.0.8308.956-2")), stopped), 26 * time.Minute},
		{"a start that failed brought nothing back", standard(staged, stoppedByUs, has(v1alpha1.StepStartServices, JobFailed), stopped), 28 * time.Minute},
		{"stopped twice, and not back in between", standard(staged, stoppedByUs, has(v1alpha1.StepRecover, JobFailed),
			has(v1alpha1.StepStopServices, JobSucceeded, named("stop-services-5.0.8308.956-2")), stopped), 28 * time.Minute},
		{"stopped by somebody else after the end of our work", standard(has(v1alpha1.StepStartServices, JobSucceeded), stopped, atBuild(wanted)), 0},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got := NextBackEndStep(test.backEnd).Outage; got != test.outage {
				t.Errorf("got %s, want %s", got, test.outage)
			}
		})
	}
}
