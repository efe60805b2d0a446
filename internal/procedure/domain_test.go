package procedure

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// member is one server of the domain under test; the name follows from its place.
func member(changes ...change) DomainServer {
	server := frontEnd(changes...)
	return DomainServer{Server: &server}
}

func unreachable(last v1alpha1.ServerStep) DomainServer {
	return DomainServer{Problem: &Problem{Reason: v1alpha1.ReasonServerUnreachable, Message: "does not answer"}, LastStep: last}
}

// openDomain is an open domain of a pool of six healthy front ends, of which its servers are the first.
func openDomain(servers ...DomainServer) Domain {
	for i := range servers {
		servers[i].FQDN = fmt.Sprintf("fe%02d.contoso.com", i+1)
		if servers[i].Server != nil {
			servers[i].Server.FQDN = servers[i].FQDN
		}
	}
	return Domain{Plan: plan, Servers: servers, Turn: true, Members: poolOf(6), ServersAtATime: 1}
}

func with(domain Domain, apply func(*Domain)) Domain {
	apply(&domain)
	return domain
}

// startsOf writes what a decision starts, such as "fe01 StopServices".
func startsOf(decision DomainDecision) string {
	var list []string
	for _, server := range decision.Servers {
		if server.Verdict == VerdictStart {
			list = append(list, strings.TrimSuffix(server.FQDN, ".contoso.com")+" "+string(server.Order.Action))
		}
	}
	return strings.Join(list, ", ")
}

func TestUpgradeDomain(t *testing.T) {
	ready, done := member(staged), func() DomainServer { return member(atBuild(wanted)) }
	installing := func() DomainServer {
		return member(staged, stoppedByUs, has(v1alpha1.StepInstall, JobRunning), stopped)
	}
	draining := func() DomainServer { return member(staged, has(v1alpha1.StepStopServices, JobRunning)) }
	heldInService := func() DomainServer {
		return member(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobSucceeded))
	}
	retried := func() DomainServer {
		server := heldInService()
		server.Permitted = 2
		return server
	}
	startedByHand := func() DomainServer {
		server := member(staged, stoppedByUs, installedByUs, has(v1alpha1.StepRestartComputer, JobFailed), atBuild(wanted))
		server.Permitted = 2
		return server
	}
	neverStopped := func() DomainServer {
		server := member(staged, has(v1alpha1.StepStopServices, JobInterrupted, neverBegan))
		server.Permitted = 2
		return server
	}
	goesOn := func() DomainServer {
		return member(staged, stoppedByUs, installedByUs, has(v1alpha1.StepRestartComputer, JobFailed), has(v1alpha1.StepRecover, JobSucceeded), rebooted, atBuild(wanted))
	}
	neverStoppedAgain := func() DomainServer {
		server := member(staged, stoppedByUs, installedByUs, has(v1alpha1.StepStopServicesAgain, JobInterrupted, neverBegan), atBuild(wanted))
		server.Permitted = 2
		return server
	}
	patchedByHand := func() DomainServer {
		return member(staged, has(v1alpha1.StepStopServices, JobFailed), has(v1alpha1.StepStartServices, JobSucceeded), atBuild(wanted))
	}
	beingPutBack := member(staged, has(v1alpha1.StepStopServices, JobFailed), has(v1alpha1.StepRecover, JobRunning), stopped)
	atOnce := func(d *Domain) { d.ServersAtATime = 2 }
	cases := []struct {
		name       string
		domain     Domain
		starts     string
		state      v1alpha1.DomainState
		reason     string
		inProgress bool
	}{
		{"servers are taken in order", openDomain(ready, member(staged), member(staged)), "fe01 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"one that has the build is passed over", openDomain(done(), member(staged)), "fe02 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"one at a time: the next waits while one is installed", openDomain(installing(), member(staged)), "", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"one at a time: the next waits until the one before is put away", openDomain(member(staged, stoppedByUs, installedByUs, atBuild(wanted), rebooted), member(staged)), "", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"two at a time", with(openDomain(member(staged), member(staged), member(staged)), atOnce), "fe01 StopServices, fe02 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"two at a time: a third waits", with(openDomain(installing(), draining(), member(staged)), atOnce), "", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"two at a time never in a pool of two", with(openDomain(member(staged), member(staged)), func(d *Domain) { d.ServersAtATime, d.Members = 2, poolOf(2) }), "fe01 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a neighbour that does not answer stops the domain", openDomain(member(staged), unreachable(v1alpha1.StepReady)), "", v1alpha1.DomainUnknown, v1alpha1.ReasonServerUnreachable, false},
		{"a server that does not answer in the middle of its work is in progress", openDomain(unreachable(v1alpha1.StepInstall), member(staged)), "", v1alpha1.DomainOpen, v1alpha1.ReasonServerUnreachable, true},
		{"one that was held half way and does not answer is still half way", with(openDomain(unreachable(v1alpha1.StepHeld), member(staged)), func(d *Domain) { d.WasInProgress = true }), "", v1alpha1.DomainOpen, v1alpha1.ReasonServerUnreachable, true},
		{"one that was held in service and does not answer is not", openDomain(unreachable(v1alpha1.StepHeld), member(staged)), "", v1alpha1.DomainUnknown, v1alpha1.ReasonServerUnreachable, false},
		{"a server that restarts because of us is upgraded, not lost", openDomain(unreachable(v1alpha1.StepRestartComputer), member(staged)), "", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a held neighbour stops the domain", openDomain(member(staged), heldInService()), "", v1alpha1.DomainHeld, v1alpha1.ReasonInstallerFailed, false},
		{"held with its services away, a domain stays in progress", openDomain(member(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobFailed), stopped), member(staged)), "", v1alpha1.DomainHeld, v1alpha1.ReasonInstallerFailed, true},
		{"while a neighbour whose installer failed with the build there is brought back, nobody else is taken, even two at a time", with(openDomain(member(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepStartServices, JobRunning), atBuild(wanted), stopped), member(staged)), atOnce), "", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"while a neighbour is put back after a failure nobody else is taken, even two at a time", with(openDomain(beingPutBack, member(staged)), atOnce), "", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"one that does not serve anyway is taken before one that does", openDomain(member(staged), member(staged, func(s *Server) { s.Services[0].Status = ServiceStopped })), "fe02 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"the second lock: too few others serve", with(openDomain(member(staged)), func(d *Domain) { d.Members = poolOf(6, 2, 3, 4) }), "", v1alpha1.DomainOpen, v1alpha1.ReasonQuorumAtRisk, false},
		{"the second lock counts one that is being drained as gone", with(openDomain(draining(), member(staged)), func(d *Domain) { d.ServersAtATime, d.Members = 2, poolOf(6, 5, 6) }), "", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a server of another domain that failed and is in service again", with(openDomain(member(staged)), func(d *Domain) { d.Members[5].Begun, d.Members[5].Unfinished = true, true }), "fe01 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"another front end remembers a failover of the pool that is not over", with(openDomain(member(staged)), func(d *Domain) { d.Members[5].FailOver = v1alpha1.StepFailOverPool }), "", v1alpha1.DomainOpen, v1alpha1.ReasonFailingOver, false},
		{"two at a time: the one that is being worked on is of this domain", with(openDomain(installing(), member(staged)), func(d *Domain) { d.ServersAtATime, d.Members[0].Begun, d.Members[0].Serving = 2, true, false }), "fe02 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a held neighbour stops the domain, even two at a time", with(openDomain(member(staged), heldInService()), atOnce), "", v1alpha1.DomainHeld, v1alpha1.ReasonInstallerFailed, false},
		{"another domain's server is being worked on", with(openDomain(member(staged)), func(d *Domain) { d.Members[5].Begun = true }), "", v1alpha1.DomainOpen, v1alpha1.ReasonWaitingForTurn, false},
		{"one that serves again in the middle of its work is not stopped while a server of another domain is out", with(openDomain(member(staged, stoppedByUs, installedByUs, atBuild(wanted))), func(d *Domain) { d.Members[5].Begun, d.Members[5].Serving = true, false }), "", v1alpha1.DomainOpen, v1alpha1.ReasonWaitingForTurn, true},
		{"but it does not wait for one that serves in the middle of its work as well", with(openDomain(member(staged, stoppedByUs, installedByUs, atBuild(wanted))), func(d *Domain) { d.Members[5].Begun = true }), "fe01 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"the databases are being updated from a front end", with(openDomain(member(staged)), func(d *Domain) { d.Members[5].UpdatingDatabases = true }), "", v1alpha1.DomainOpen, v1alpha1.ReasonWaitingForBackEnd, false},
		{"the back end is being worked on", with(openDomain(member(staged)), func(d *Domain) { d.BackEnd = "sql01" }), "", v1alpha1.DomainOpen, v1alpha1.ReasonWaitingForBackEnd, false},
		{"not this domain's turn", with(openDomain(member(staged)), func(d *Domain) { d.Turn = false }), "", v1alpha1.DomainWaiting, v1alpha1.ReasonWaitingForTurn, false},
		{"packages are staged before the turn", with(openDomain(member(), member()), func(d *Domain) { d.Turn = false }), "fe01 StagePackage, fe02 StagePackage", v1alpha1.DomainWaiting, v1alpha1.ReasonUpgrading, false},
		{"one whose services a person must start is spoken of before those that only wait", with(openDomain(member(staged), member(atBuild(wanted), serviceStopped)), func(d *Domain) { d.Turn = false }), "", v1alpha1.DomainWaiting, v1alpha1.ReasonServicesNotRunning, false},
		{"paused: nobody is stopped", with(openDomain(member(staged)), func(d *Domain) { d.Paused = true }), "", v1alpha1.DomainOpen, v1alpha1.ReasonPaused, false},
		{"paused: nothing is staged", with(openDomain(member()), func(d *Domain) { d.Paused = true }), "", v1alpha1.DomainOpen, v1alpha1.ReasonPaused, false},
		{"paused: a server in progress is finished", with(openDomain(member(staged, stoppedByUs, stopped), member(staged)), func(d *Domain) { d.Paused = true }), "fe01 Install", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"paused: a retried server that is back in service is not taken again", with(openDomain(retried()), func(d *Domain) { d.Paused = true }), "", v1alpha1.DomainOpen, v1alpha1.ReasonPaused, false},
		{"observed only: nothing is staged and nobody is stopped", with(openDomain(member(), member(staged)), func(d *Domain) { d.Observe = true }), "", v1alpha1.DomainOpen, v1alpha1.ReasonObserving, false},
		{"a server in progress is finished although it is nobody's turn", with(openDomain(member(staged, stoppedByUs, stopped)), func(d *Domain) { d.Turn = false }), "fe01 Install", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a retried server that is back in service waits for its turn and is not in progress", with(openDomain(retried()), func(d *Domain) { d.Turn = false }), "", v1alpha1.DomainWaiting, v1alpha1.ReasonWaitingForTurn, false},
		{"a retried server that broke by itself after a restart is not ours to stop", with(openDomain(member(staged, has(v1alpha1.StepStopServices, JobInterrupted), rebooted, func(s *Server) {
			s.Jobs = append(s.Jobs, Job{ID: plan.stageJobID(2), State: JobSucceeded})
			s.Services[0].Status = ServiceStopped
		})), func(d *Domain) { d.Turn = false }), "", v1alpha1.DomainWaiting, v1alpha1.ReasonWaitingForTurn, false},
		{"a retried server whose stop failed, and of which somebody has stopped a service since, needs every gate", with(openDomain(member(staged, has(v1alpha1.StepStopServices, JobFailed), func(s *Server) {
			s.Jobs = append(s.Jobs, Job{ID: plan.stageJobID(2), State: JobSucceeded})
			s.Services[1].Status = ServiceStopped
		})), func(d *Domain) { d.Turn = false }), "", v1alpha1.DomainWaiting, v1alpha1.ReasonWaitingForTurn, false},
		{"a server whose restart failed and that a person has started is in service, and needs every gate", with(openDomain(startedByHand()), func(d *Domain) { d.Turn = false }), "", v1alpha1.DomainWaiting, v1alpha1.ReasonWaitingForTurn, false},
		{"a server whose services run after the installer, and whose second stop never began, is in service, and needs every gate", with(openDomain(neverStoppedAgain()), func(d *Domain) { d.Turn = false }), "", v1alpha1.DomainWaiting, v1alpha1.ReasonWaitingForTurn, false},
		{"a server that was stopped for its restart and that a person has started is in service, and needs every gate", with(openDomain(member(staged, stoppedByUs, installedByUs, has(v1alpha1.StepStopServicesAgain, JobSucceeded), atBuild(wanted))), func(d *Domain) { d.Turn = false }), "", v1alpha1.DomainWaiting, v1alpha1.ReasonWaitingForTurn, false},
		{"a server that still needs its restart and has served for long since its installer needs every gate", with(openDomain(member(staged, stoppedByUs, installedByUs, atBuild(wanted), func(s *Server) { s.Time = s.Time.Add(time.Hour) })), func(d *Domain) { d.Turn = false }), "", v1alpha1.DomainWaiting, v1alpha1.ReasonWaitingForTurn, false},
		{"whose services the installer has started is finished", with(openDomain(member(staged, stoppedByUs, installedByUs, atBuild(wanted))), func(d *Domain) { d.Turn = false }), "fe01 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a server that has left the pool is not begun", with(openDomain(member(staged), member(staged)), func(d *Domain) { d.Servers[0].Left, d.Members = true, d.Members[1:] }), "fe02 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a server that leaves the pool in the middle is finished", with(openDomain(member(staged, stoppedByUs, stopped)), func(d *Domain) { d.Servers[0].Left, d.Members = true, d.Members[1:] }), "fe01 Install", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a server that failed and has left the pool is held, until a person says to go on", with(openDomain(heldInService()), func(d *Domain) { d.Servers[0].Left, d.Members = true, d.Members[1:] }), "", v1alpha1.DomainHeld, v1alpha1.ReasonInstallerFailed, false},
		{"and then it is not begun again", with(openDomain(retried()), func(d *Domain) { d.Servers[0].Left, d.Members = true, d.Members[1:] }), "", v1alpha1.DomainOpen, v1alpha1.ReasonTopologyChanged, false},
		{"one that failed, has left the pool and does not answer waits for a person", with(openDomain(unreachable(v1alpha1.StepHeld)), func(d *Domain) { d.Servers[0].Left, d.Members = true, d.Members[1:] }), "", v1alpha1.DomainUnknown, v1alpha1.ReasonServerUnreachable, false},
		{"one that has left the pool with a newer build keeps nobody", with(openDomain(member(atBuild(later))), func(d *Domain) { d.Servers[0].Left, d.Members = true, d.Members[1:] }), "", v1alpha1.DomainDone, v1alpha1.ReasonUpToDate, false},
		{"a retried server goes before others", openDomain(member(staged), retried()), "fe02 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"but after one that only needs its restart", openDomain(retried(), startedByHand()), "fe02 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a turn given before the failure is not used for the retry", with(openDomain(retried()), func(d *Domain) { d.TurnAge = time.Hour }), "", v1alpha1.DomainOpen, v1alpha1.ReasonWaitingForTurn, false},
		{"a turn given after the server was put back is", with(openDomain(retried()), func(d *Domain) { d.TurnAge = time.Minute }), "fe01 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a turn given before a stop that never began is not used for the retry", with(openDomain(neverStopped()), func(d *Domain) { d.TurnAge = time.Hour }), "", v1alpha1.DomainOpen, v1alpha1.ReasonWaitingForTurn, false},
		{"nor while a neighbour is being worked on, even two at a time", with(openDomain(neverStopped(), installing()), func(d *Domain) { d.TurnAge, d.ServersAtATime = time.Hour, 2 }), "", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"an old turn is not used beside one that was put back after a failure and goes on after all, even two at a time", with(openDomain(goesOn(), member(staged)), func(d *Domain) { d.TurnAge, d.ServersAtATime = time.Hour, 2 }), "", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a turn given after a stop that never began is", with(openDomain(neverStopped()), func(d *Domain) { d.TurnAge = time.Minute }), "fe01 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a turn that is too old to begin with", with(openDomain(member(staged)), func(d *Domain) { d.TurnAge, d.TurnLimit = 11*time.Minute, 10*time.Minute }), "", v1alpha1.DomainOpen, v1alpha1.ReasonWaitingForTurn, false},
		{"an old turn goes over from one server to the next", with(openDomain(done(), member(staged)), func(d *Domain) { d.TurnAge, d.TurnLimit, d.Underway = time.Hour, 10*time.Minute, true }), "fe02 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a turn given before a server restarted by itself is not used for it", with(openDomain(member(staged, rebooted)), func(d *Domain) { d.TurnAge = time.Hour }), "", v1alpha1.DomainOpen, v1alpha1.ReasonWaitingForTurn, false},
		{"one given since is", with(openDomain(member(staged, rebooted)), func(d *Domain) { d.TurnAge = time.Minute }), "fe01 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"a server that failed in this turn and came to its build otherwise ends the turn for the next", with(openDomain(patchedByHand(), member(staged)), func(d *Domain) { d.TurnAge, d.Underway = time.Hour, true }), "", v1alpha1.DomainOpen, v1alpha1.ReasonWaitingForTurn, false},
		{"one that failed before this turn does not", with(openDomain(patchedByHand(), member(staged)), func(d *Domain) { d.TurnAge = time.Minute }), "", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"nor is an old turn kept by one that is put away after a failure", with(openDomain(patchedByHand(), member(staged)), func(d *Domain) { d.TurnAge, d.TurnLimit, d.ServersAtATime = 11*time.Minute, 10*time.Minute, 2 }), "", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"an adopted domain stops no further server", with(openDomain(done(), member(staged)), func(d *Domain) { d.Adopted = true }), "", v1alpha1.DomainOpen, v1alpha1.ReasonWaitingForTurn, false},
		{"one with a newer build is left as it is, and the others are upgraded", openDomain(member(atBuild(later)), member(staged)), "fe02 StopServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"it holds when nothing else is left", openDomain(member(atBuild(later)), done()), "", v1alpha1.DomainHeld, v1alpha1.ReasonDowngradeRefused, false},
		{"a failure comes before it", openDomain(member(atBuild(later)), heldInService(), member(staged)), "", v1alpha1.DomainHeld, v1alpha1.ReasonInstallerFailed, false},
		{"its services that a failover has stopped are started", with(openDomain(member(atBuild(later), stopped)), func(d *Domain) { d.PoolFailedOver, d.Members[0].FailedOver = true, true }), "fe01 StartServices", v1alpha1.DomainOpen, v1alpha1.ReasonUpgrading, true},
		{"done", openDomain(done(), done()), "", v1alpha1.DomainDone, v1alpha1.ReasonUpToDate, false},
		{"done before, and now one does not answer: unknown", with(openDomain(done(), unreachable(v1alpha1.StepDone)), func(d *Domain) { d.Turn = false }), "", v1alpha1.DomainUnknown, v1alpha1.ReasonServerUnreachable, false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := UpgradeDomain(test.domain)
			if starts := startsOf(got); starts != test.starts {
				t.Errorf("starts %q, want %q", starts, test.starts)
			}
			if got.State != test.state || got.Reason != test.reason || got.InProgress != test.inProgress {
				t.Errorf("got %s %s, in progress %t: %s", got.State, got.Reason, got.InProgress, got.Message)
			}
		})
	}
}

func TestNobodyIsStoppedBeforeTheOthersWereAsked(t *testing.T) {
	domain := openDomain(member(staged))
	domain.Members = nil
	got := UpgradeDomain(domain)
	if !got.NeedMembers || startsOf(got) != "" {
		t.Errorf("starts %q, needs members %t", startsOf(got), got.NeedMembers)
	}
}

func TestAnUpdateThatStartedTheServicesDoesNotCostTheQuorum(t *testing.T) {
	server := member(staged, stoppedByUs, installedByUs, atBuild(wanted))
	if starts := startsOf(UpgradeDomain(openDomain(server))); starts != "fe01 StopServices" {
		t.Errorf("with everybody else in service it starts %q", starts)
	}
	for _, test := range []struct {
		says     string
		down     []int
		topology string
		starts   string
	}{
		{"three of five others are down", []int{2, 3, 4}, "", ""},
		{"two are down, and three hold the quorum of six", []int{2, 3}, "", "fe01 StopServices"},
		{"one of those three has left the pool", []int{2, 3}, "fe01 fe02 fe03 fe04 fe05", ""},
		{"those that are down have left it", []int{2, 3, 4}, "fe01 fe05 fe06", "fe01 StopServices"},
		{"who has come since is not waited for", []int{2, 3}, "fe01 fe02 fe03 fe04 fe05 fe06 fe07", "fe01 StopServices"},
		{"nobody is left of those who are known", nil, "fe07 fe08 fe09", "fe01 StopServices"},
	} {
		domain := openDomain(server)
		domain.Members, domain.TopologyChanged = poolOf(6, test.down...), "the topology names others now"
		for _, name := range strings.Fields(test.topology) {
			domain.Topology = append(domain.Topology, name+".contoso.com")
		}
		got := UpgradeDomain(domain)
		if startsOf(got) != test.starts || got.QuorumBroken != (test.starts == "") || !got.InProgress {
			t.Errorf("%s: starts %q, quorum broken %t, in progress %t: %s", test.says, startsOf(got), got.QuorumBroken, got.InProgress, got.QuorumMessage)
		}
	}
}

// A server that ran into a failure and has come to the build some other way had its time in service since, and its pool may have changed.
func TestATurnGoesOverFromAServerThatWasFinishedWithoutAFailure(t *testing.T) {
	upgraded := []change{staged, stoppedByUs, installedByUs, restartedByUs, rebooted, atBuild(wanted)}
	for _, test := range []struct {
		says    string
		changes []change
		want    bool
	}{
		{"stopped, upgraded, restarted", upgraded, true},
		{"and its services had to be started", append(upgraded, has(v1alpha1.StepStartServices, JobSucceeded)), true},
		{"Windows was not restarted, the server was put back, and has restarted later by itself",
			[]change{staged, stoppedByUs, installedByUs, has(v1alpha1.StepRestartComputer, JobFailed), has(v1alpha1.StepRecover, JobSucceeded), rebooted, atBuild(wanted)}, false},
		{"putting it back has failed as well, it has restarted later by itself, and the rest was started",
			[]change{staged, stoppedByUs, installedByUs, has(v1alpha1.StepRestartComputer, JobFailed), has(v1alpha1.StepRecover, JobFailed), has(v1alpha1.StepStartServices, JobSucceeded), rebooted, atBuild(wanted)}, false},
		{"the stop failed, and somebody has installed the build by hand", []change{staged, has(v1alpha1.StepStopServices, JobFailed), has(v1alpha1.StepRecover, JobSucceeded), atBuild(wanted)}, false},
		{"it is not finished yet", []change{staged, has(v1alpha1.StepStopServices, JobRunning)}, false},
	} {
		t.Run(test.says, func(t *testing.T) {
			domain := openDomain(member(test.changes...), member(staged))
			if decision := UpgradeDomain(domain); decision.PassesTurnOn(domain) != test.want {
				t.Errorf("%t, and the first server is %+v", !test.want, decision.Servers[0])
			}
		})
	}
}
