package procedure

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// A job of a failover that was ordered and does not begin is ordered once more, on the same server, where it would be ordered still.
func TestAJobOfAFailOverThatDoesNotBeginIsOrderedOnceMore(t *testing.T) {
	overdue := claimed(time.Minute)
	over, back, move := has(v1alpha1.StepFailOverPool, JobClaimed, overdue), has(v1alpha1.StepFailBackPool, JobClaimed, overdue), has(v1alpha1.StepMoveCentralManagement, JobClaimed, overdue)
	away, central := registrar(RegistrarFailedOver), func(p *Partner) { p.CentralManagementPool = thisPool }
	on := func(index int, changes ...change) func(*FailOver) {
		return func(f *FailOver) {
			for _, apply := range changes {
				apply(f.FrontEnds[index].Server)
			}
		}
	}
	mover := func(changes ...change) func(*FailOver) {
		return func(f *FailOver) {
			server := frontEnd(changes...)
			server.FQDN = "fe11.contoso.com"
			f.MoveCentralManagement, f.BackupServer = true, &PoolFrontEnd{FQDN: server.FQDN, Server: &server}
		}
	}
	const overAgain, backAgain = "fe01 fail-over-pool-5.0.8308.956-1", "fe01 fail-back-pool-5.0.8308.956-1"
	cases := []struct {
		says   string
		given  FailOver
		phase  v1alpha1.FailOverPhase
		orders string // server and job of each order
		asks   string // what must be known first
	}{
		{"the services of one are not written down: ordered once more on that one", poolToFailOver(pair(), recorded).with(on(1, func(s *Server) { s.Baseline = nil }, has(v1alpha1.StepRecordServices, JobClaimed, overdue))),
			v1alpha1.FailOverRecording, "fe02 record-services-5.0.8308.956-1", ""},
		{"ordered a moment ago: awaited", poolToFailOver(pair(), recorded, has(v1alpha1.StepFailOverPool, JobClaimed, claimed(claimPatience))), v1alpha1.FailOverFailingOver, "", ""},
		{"it runs: never ordered once more", poolToFailOver(pair(), recorded, has(v1alpha1.StepFailOverPool, JobRunning, func(j *Job) { j.Claimed = started })), v1alpha1.FailOverFailingOver, "", ""},
		{"the failover does not begin", poolToFailOver(pair(), recorded, over), v1alpha1.FailOverFailingOver, overAgain, ""},
		{"the pair is asked about once more", poolToFailOver(nil, recorded, over), v1alpha1.FailOverFailingOver, "", "partner"},
		{"and the topology", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { f.TopologyChanged = nil }), v1alpha1.FailOverFailingOver, "", "topology"},
		{"not while the backup service is not healthy", poolToFailOver(pair(func(p *Partner) { p.Modules[0].Export = "ErrorState" }), recorded, over), v1alpha1.FailOverFailingOver, "", ""},
		{"not while the backup pool cannot take the users", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { f.BackupPoolBusy = "pool02 is being upgraded" }), v1alpha1.FailOverFailingOver, "", ""},
		{"not while a back end is at work", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { f.BackEnd = "sql01" }), v1alpha1.FailOverFailingOver, "", ""},
		{"not while a front end does not answer", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { f.FrontEnds[2].Server = nil }), v1alpha1.FailOverFailingOver, "", ""},
		{"not when it is paused", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { f.Paused = true }), v1alpha1.FailOverFailingOver, "", ""},
		{"not when nobody wants it any more", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { f.Cause = "" }), v1alpha1.FailOverFailingOver, "", ""},
		{"not where a front end has come meanwhile", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { *f.TopologyChanged = "fe04 has come" }), v1alpha1.FailOverFailingOver, "", ""},
		{"never on another front end than the one that has it", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { slices.Reverse(f.FrontEnds) }), v1alpha1.FailOverFailingOver, "", ""},
		{"nor beside one that another front end has", poolToFailOver(pair(), recorded, over).with(on(1, failingOver)), v1alpha1.FailOverFailingOver, "", ""},
		{"two front ends have it, and neither has begun: a person must look", poolToFailOver(pair(), recorded, over).with(on(1, over)), v1alpha1.FailOverFailingOver, "", ""},
		{"the second attempt, from the second front end", poolToFailOver(pair(), recorded, failOverFailed).with(on(1, has(v1alpha1.StepFailOverPool, JobClaimed, overdue, another(2)))).with(func(f *FailOver) { f.Permitted = 2 }),
			v1alpha1.FailOverFailingOver, "fe02 fail-over-pool-5.0.8308.956-2", ""},
		{"also of one left half way", poolToFailOver(pair(registrar(RegistrarFailingOver)), recordedOnly, failOverFailed).with(on(1, has(v1alpha1.StepFailOverPool, JobClaimed, overdue, another(2)))).with(func(f *FailOver) { f.Permitted = 2 }),
			v1alpha1.FailOverFailingOver, "fe02 fail-over-pool-5.0.8308.956-2", ""},
		{"the central management store does not begin to move", poolToFailOver(pair(central), recorded).with(mover(move)), v1alpha1.FailOverMovingCentralManagement, "fe11 move-central-management-5.0.8308.956-1", ""},
		{"not while the backup pool is being worked on", poolToFailOver(pair(central), recorded).with(mover(move)).with(func(f *FailOver) { f.BackupPoolBusy = "pool02 is being upgraded" }), v1alpha1.FailOverMovingCentralManagement, "", ""},
		{"not where it may not be moved any more", poolToFailOver(pair(central), recorded).with(mover(move)).with(func(f *FailOver) { f.MoveCentralManagement = false }), v1alpha1.FailOverMovingCentralManagement, "", ""},
		{"the fail back does not begin", poolToFailOver(pair(away), upToDate, failedOverByUs, back), v1alpha1.FailOverFailingBack, backAgain, ""},
		{"before, a front end must say where the users are", poolToFailOver(nil, upToDate, failedOverByUs, back), v1alpha1.FailOverFailingBack, "", "partner"},
		{"not when the users are back already", poolToFailOver(pair(), upToDate, failedOverByUs, back), v1alpha1.FailOverFailingBack, "", ""},
		{"not while a front end does not serve", poolToFailOver(pair(away), upToDate, failedOverByUs, back).with(on(2, stopped)), v1alpha1.FailOverFailingBack, "", ""},
		{"not where nobody remembers the failover", poolToFailOver(pair(away), upToDate, back), v1alpha1.FailOverFailingBack, "", ""},
		{"the second fail back, from the second front end", poolToFailOver(pair(away), upToDate, failedOverByUs, has(v1alpha1.StepFailBackPool, JobFailed)).with(on(1, has(v1alpha1.StepFailBackPool, JobClaimed, overdue, another(2)))),
			v1alpha1.FailOverFailingBack, "fe02 fail-back-pool-5.0.8308.956-2", ""},
	}
	for _, test := range cases {
		t.Run(test.says, func(t *testing.T) {
			got := NextFailOverStep(test.given)
			var orders []string
			for _, order := range got.Orders {
				orders = append(orders, strings.TrimSuffix(order.FQDN, ".contoso.com")+" "+order.Order.ID)
			}
			asks := ""
			switch {
			case got.NeedPartner:
				asks = "partner"
			case got.NeedTopology:
				asks = "topology"
			}
			if got.Phase != test.phase || strings.Join(orders, ", ") != test.orders || asks != test.asks || got.Open || (got.Verdict == VerdictStart) != (test.orders != "") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// A stop that has not begun has done nothing: whether it is ordered once more is decided as if it had not been ordered, and until the server
// ends it nobody lets go of the server.
func TestAStopThatDoesNotBeginPassesEveryGateOnceMore(t *testing.T) {
	claimedStop := func() DomainServer {
		return member(staged, has(v1alpha1.StepStopServices, JobClaimed, claimed(time.Minute)))
	}
	claimedRetry := func() DomainServer {
		server := member(staged, has(v1alpha1.StepStopServices, JobFailed), has(v1alpha1.StepRecover, JobSucceeded), has(v1alpha1.StepStopServices, JobClaimed, claimed(time.Minute), another(2)))
		server.Permitted = 2
		return server
	}
	fails := has(v1alpha1.StepInstall, JobFailed)
	cases := []struct {
		says   string
		given  Domain
		starts string
	}{
		{"every gate is open", openDomain(claimedStop(), member(staged)), "fe01 StopServices"},
		{"the turn is older than one may begin with: the job has taken it in time", with(openDomain(claimedStop()), func(d *Domain) { d.TurnLimit, d.TurnAge = time.Minute, 2*time.Minute }), "fe01 StopServices"},
		{"the turn is over", with(openDomain(claimedStop()), func(d *Domain) { d.Turn = false }), ""},
		{"another try, and the turn is over", with(openDomain(claimedRetry()), func(d *Domain) { d.Turn = false }), ""},
		{"the pool is paused", with(openDomain(claimedStop()), func(d *Domain) { d.Paused = true }), ""},
		{"it is deleted", with(openDomain(claimedStop()), func(d *Domain) { d.Deleting = true }), ""},
		{"a back end has begun", with(openDomain(claimedStop()), func(d *Domain) { d.BackEnd = "sql01" }), ""},
		{"the topology has changed", with(openDomain(claimedStop()), func(d *Domain) { d.TopologyChanged = "fe07 has come" }), ""},
		{"another one has failed", openDomain(claimedStop(), member(staged, stoppedByUs, fails)), "fe02 StartServices"},
		{"another domain is half way", with(openDomain(claimedStop()), func(d *Domain) { d.Members[5].Begun = true }), ""},
		{"too few would be left", with(openDomain(claimedStop()), func(d *Domain) {
			for i := range 3 {
				d.Members[i+3].Serving = false
			}
		}), ""},
		{"users are on the backup pool", failedOverDomain(func(d *Domain) { *d.Servers[0].Server = *claimedStop().Server; d.Servers = d.Servers[:1] }), "fe01 StopServices"},
		{"they are, and another one has failed", failedOverDomain(func(d *Domain) {
			*d.Servers[0].Server, d.Servers, d.Members[1].Failed = *claimedStop().Server, d.Servers[:1], true
		}), ""},
		{"they are, and it is paused", failedOverDomain(func(d *Domain) {
			*d.Servers[0].Server, d.Servers, d.Paused = *claimedStop().Server, d.Servers[:1], true
		}), ""},
	}
	for _, test := range cases {
		t.Run(test.says, func(t *testing.T) {
			if test.says == "another one has failed" {
				stopped(test.given.Servers[1].Server)
			}
			got := UpgradeDomain(test.given)
			if startsOf(got) != test.starts {
				t.Errorf("starts %q: %+v", startsOf(got), got.Servers)
			}
			if first := got.Servers[0]; !first.InProgress || first.Step != v1alpha1.StepStopServices {
				t.Errorf("it is not awaited: %+v", first)
			}
		})
	}
}

func TestAStandardEditionServerWhoseStopDoesNotBeginIsNotStoppedWhilePaused(t *testing.T) {
	given := standard(staged, has(v1alpha1.StepStopServices, JobClaimed, claimed(time.Minute)))
	if got := NextBackEndStep(given); got.Server.Verdict != VerdictStart {
		t.Errorf("got %+v", got.Server)
	}
	given.Paused = true
	if got := NextBackEndStep(given); got.Server.Verdict != VerdictWait || !got.InProgress {
		t.Errorf("paused: got %+v", got.Server)
	}
}

// neverBegan is a job that the server has ended before it began.
func neverBegan(j *Job) { j.Started, j.Claimed, j.State = time.Time{}, j.Started, JobInterrupted }

func TestAJobThatNeverBeganHasDoneNothing(t *testing.T) {
	over := func(j *Job) { j.Action = ActionFailOverComputer }
	server := frontEnd(staged, has(v1alpha1.StepStopServices, JobInterrupted, over, neverBegan))
	if server.failedOver() || server.halfWay() {
		t.Errorf("failed over %t, half way %t", server.failedOver(), server.halfWay())
	}
	server.Services[0].Status, server.Jobs[1].BootTime = ServiceStopped, server.BootTime
	if server.halfWay() {
		t.Error("a service that broke by itself counts as stopped by us")
	}
	cut := frontEnd(staged, has(v1alpha1.StepStopServices, JobInterrupted, over))
	if !cut.failedOver() {
		t.Error("one that was cut off may have failed the server over")
	}
}

func TestAnAttemptThatNeverBeganHasFailed(t *testing.T) {
	server := frontEnd(has(v1alpha1.StepStopServices, JobSucceeded, named("stop-services-5.0.8308.420-1")), has(v1alpha1.StepInstall, JobFailed, named("install-5.0.8308.420-1")),
		has(v1alpha1.StepStopServices, JobInterrupted, neverBegan))
	if member := MemberFrom(plan, server); !member.Failed {
		t.Errorf("got %+v", member)
	}
}

// What was put back under the name of the step that starts services, because the one that puts them back had never begun, needs every gate as
// well: a domain that comes before its own would wait for it, and it for that domain.
func TestAServerThatWasPutBackBeforeItsRestartKeepsNoOtherDomainWaiting(t *testing.T) {
	server := frontEnd(staged, stoppedByUs, installedByUs, has(v1alpha1.StepRestartComputer, JobInterrupted, neverBegan), has(v1alpha1.StepRecover, JobInterrupted, neverBegan),
		has(v1alpha1.StepStartServices, JobSucceeded), atBuild(wanted))
	if member := MemberFrom(plan, server); !member.Begun || !member.Unfinished {
		t.Errorf("got %+v", member)
	}
	restarted := frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, rebooted, has(v1alpha1.StepStartServices, JobSucceeded), atBuild(wanted))
	if member := MemberFrom(plan, restarted); member.Unfinished {
		t.Errorf("one that is finished by itself: got %+v", member)
	}
}
