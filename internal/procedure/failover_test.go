package procedure

import (
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

const (
	thisPool   = "pool01.contoso.com"
	backupPool = "pool02.contoso.com"
)

// pair is what a front end says of a pool that may be failed over.
func pair(changes ...func(*Partner)) *Partner {
	partner := &Partner{BackupPool: backupPool, BackupServers: []string{"fe11.contoso.com", "fe12.contoso.com"}, PoolState: RegistrarActive, CentralManagementPool: backupPool}
	for _, pool := range []string{thisPool, backupPool} {
		for _, name := range []string{"UserServices.PresenceFocus", "ConfServices.DataConf"} {
			partner.Modules = append(partner.Modules, BackupModule{pool, name, "FinalState", "NormalState"})
		}
	}
	for _, apply := range changes {
		apply(partner)
	}
	return partner
}

func registrar(state string) func(*Partner) { return func(p *Partner) { p.PoolState = state } }

// poolToFailOver is a pool of three front ends that stayed Busy, with everything staged, and a policy that asks for a failover.
func poolToFailOver(partner *Partner, each change, first ...change) FailOver {
	f := FailOver{PoolFQDN: thisPool, Plan: plan, Cause: "the pool answered Busy 3 times in a row", Allowed: true, Timeout: time.Hour, FailBackTimeout: 2 * time.Hour, Partner: partner, TopologyChanged: new(string),
		Domains: []PoolDomain{{Name: domain1, State: v1alpha1.DomainWaiting}, {Name: domain2, State: v1alpha1.DomainWaiting}}}
	for i, name := range []string{"fe01.contoso.com", "fe02.contoso.com", "fe03.contoso.com"} {
		changes := []change{each}
		if i == 0 {
			changes = append(changes, first...)
		}
		server := frontEnd(changes...)
		server.FQDN = name
		f.FrontEnds = append(f.FrontEnds, PoolFrontEnd{FQDN: name, Server: &server})
	}
	return f
}

func (f FailOver) with(changes ...func(*FailOver)) FailOver {
	for _, apply := range changes {
		apply(&f)
	}
	return f
}

// cutOff is a failover that began a day ago on a server and was cut off when that restarted, so long ago.
func cutOff(ago time.Duration) change {
	return func(s *Server) {
		has(v1alpha1.StepFailOverPool, JobInterrupted)(s)
		job := &s.Jobs[len(s.Jobs)-1]
		job.Started, job.BootTime = s.Time.Add(-24*time.Hour), s.Time.Add(-48*time.Hour)
		s.BootTime = s.Time.Add(-ago)
	}
}

// failedWithoutDomain: the pool is being deleted, the second domain has gone, and its front end had failed.
func failedWithoutDomain(f *FailOver) {
	server := frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobSucceeded))
	f.Deleting, f.Domains = true, f.Domains[:1]
	f.WithoutDomain = []PoolFrontEnd{{FQDN: "fe03.contoso.com", Server: &server}}
	f.FrontEnds = f.FrontEnds[:2]
}

// startingWithoutTheLast: the pool is being deleted, the second domain has gone before its front end was started, and the others wait for it.
func startingWithoutTheLast(f *FailOver) {
	f.Deleting, f.Domains = true, f.Domains[:1]
	f.WithoutDomain, f.FrontEnds = f.FrontEnds[2:], f.FrontEnds[:2]
	for _, started := range f.FrontEnds {
		has(v1alpha1.StepStartServices, JobFailed)(started.Server)
		started.Server.Build, started.Server.Services[0].Status = wanted, ServiceStartPending
	}
}

func noCause(f *FailOver) { f.Cause = "" }

// wasIn is what was written down at the last look.
func wasIn(phase v1alpha1.FailOverPhase, age time.Duration) func(*FailOver) {
	return func(f *FailOver) { f.Phase, f.PhaseAge = phase, age }
}

// awayByStatus: users were on the backup pool at the last look, and that is all that is known of a failover.
func awayByStatus(f *FailOver) {
	f.Phase, f.PhaseAge, f.UsersOnBackupPool = v1alpha1.FailOverAbandoning, time.Hour, true
}

func unasked(f *FailOver) {
	f.Problem = &Problem{Reason: v1alpha1.ReasonServerUnreachable, Message: "no front end answers"}
}

// recorded: the services were written down before the failover.
func recorded(s *Server) {
	staged(s)
	s.Baseline = frontEnd().Services
}

// recordedOnly: they were, and the package is not there.
func recordedOnly(s *Server) { s.Baseline = frontEnd().Services }

func remembersRecording(s *Server) {
	s.Jobs = append(s.Jobs, Job{ID: JobID(v1alpha1.StepRecordServices, plan.Build, 1), State: JobSucceeded, Started: started, Finished: started})
}

// putBackUnfinished: the installer failed, and the services were put back.
func putBackUnfinished(s *Server) {
	for step, state := range map[v1alpha1.ServerStep]JobState{v1alpha1.StepStopServices: JobSucceeded, v1alpha1.StepInstall: JobFailed} {
		s.Jobs = append(s.Jobs, Job{ID: JobID(step, plan.Build, 1), State: state, Started: started, Finished: started})
	}
	s.Jobs = append(s.Jobs, Job{ID: JobID(v1alpha1.StepRecover, plan.Build, 1), State: JobSucceeded, Started: started.Add(time.Minute), Finished: started.Add(time.Minute)})
}

// stoppedAndNothingElse: the services were stopped, and nothing else was done yet.
func stoppedAndNothingElse(s *Server) {
	downAfterFailOver(s)
	s.Jobs = append(s.Jobs, Job{ID: JobID(v1alpha1.StepStopServices, plan.Build, 1), State: JobSucceeded, Started: started, Finished: started, BootTime: s.BootTime})
}

// silentFirst: the first front end does not answer, and users were last known to be on the backup pool.
func silentFirst(phase v1alpha1.FailOverPhase) func(*FailOver) {
	return func(f *FailOver) {
		f.FrontEnds[0].Server, f.Phase, f.Opened, f.UsersOnBackupPool = nil, phase, true, true
	}
}

// downAfterFailOver is how Invoke-CsPoolFailOver leaves a front end.
func downAfterFailOver(s *Server) {
	staged(s)
	stopped(s)
}

func upToDate(s *Server) { s.Build = wanted }

// momentsLater is five minutes after the first job began.
func momentsLater(s *Server) { s.Time = s.Jobs[0].Started.Add(5 * time.Minute) }

var (
	failedOverByUs = has(v1alpha1.StepFailOverPool, JobSucceeded)
	failingOver    = has(v1alpha1.StepFailOverPool, JobRunning)
	failOverFailed = has(v1alpha1.StepFailOverPool, JobFailed, because("FailOverFailed"))
	failedBackByUs = has(v1alpha1.StepFailBackPool, JobSucceeded)
)

func another(attempt int) func(*Job) {
	return func(j *Job) { j.ID = strings.TrimSuffix(j.ID, "1") + string(rune('0'+attempt)) }
}

func TestNextFailOverStep(t *testing.T) {
	permitted := func(attempt int) func(*FailOver) { return func(f *FailOver) { f.Permitted = attempt } }
	edge := func(p *Partner) { p.EdgePools = []string{"edge01.contoso.com"} }
	central := func(p *Partner) { p.CentralManagementPool = thisPool }
	module := func(export, imported string) func(*Partner) {
		return func(p *Partner) { p.Modules[2].Export, p.Modules[2].Import = export, imported }
	}
	domainsDone := func(f *FailOver) {
		f.Domains = []PoolDomain{{Name: domain1, State: v1alpha1.DomainDone}, {Name: domain2, State: v1alpha1.DomainDone}}
	}
	movable := func(f *FailOver) { f.MoveCentralManagement = true }
	backupServer := func(changes ...change) func(*FailOver) {
		return func(f *FailOver) {
			server := frontEnd(changes...)
			server.FQDN = "fe11.contoso.com"
			f.MoveCentralManagement, f.BackupServer = true, &PoolFrontEnd{FQDN: server.FQDN, Server: &server}
		}
	}
	cases := []struct {
		says    string
		given   FailOver
		phase   v1alpha1.FailOverPhase
		verdict Verdict
		reason  string
		orders  string // server and job of each order
		open    bool
		away    bool // users are on the backup pool
	}{
		{"every front end must answer first, so that every one can be upgraded",
			poolToFailOver(pair(), recorded).with(func(f *FailOver) {
				f.FrontEnds[2] = PoolFrontEnd{FQDN: "fe03.contoso.com", Problem: &Problem{Reason: v1alpha1.ReasonServerUnreachable, Message: "fe03 does not answer"}}
			}),
			v1alpha1.FailOverChecking, VerdictWait, v1alpha1.ReasonServerUnreachable, "", false, false},
		{"nobody is moved for a package that is not there", poolToFailOver(pair(), func(*Server) {}), v1alpha1.FailOverChecking, VerdictWait, v1alpha1.ReasonStaging, "", false, false},
		{"what was begun on a server is finished first", poolToFailOver(pair(), recorded, stoppedAndNothingElse), v1alpha1.FailOverChecking, VerdictWait, v1alpha1.ReasonUpgrading, "", false, false},
		{"a back end at work is waited for", poolToFailOver(pair(), recorded).with(func(f *FailOver) { f.BackEnd = "sql01" }), v1alpha1.FailOverChecking, VerdictWait, v1alpha1.ReasonWaitingForBackEnd, "", false, false},
		{"a pool that has no place among those under way is not failed over yet", poolToFailOver(pair(), recorded).with(func(f *FailOver) {
			f.First = &Precedes{Reason: v1alpha1.ReasonWaitingForOtherPool, Message: "1 of the pools may be under way together, and now it is pool02"}
		}), v1alpha1.FailOverChecking, VerdictWait, v1alpha1.ReasonWaitingForOtherPool, "", false, false},
		{"one that waits for itself in a circle never is", poolToFailOver(pair(), recorded).with(func(f *FailOver) {
			f.First = &Precedes{Reason: v1alpha1.ReasonDependencyCycle, Message: "these wait for each other", Lasting: true}
		}), v1alpha1.FailOverChecking, VerdictHold, v1alpha1.ReasonDependencyCycle, "", false, false},
		{"users who are over there are brought back, whatever comes first", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, failedOverByUs).with(func(f *FailOver) {
			f.First = &Precedes{Reason: v1alpha1.ReasonWaitingForOtherPool, Message: "1 of the pools may be under way together, and now it is pool02"}
		}), v1alpha1.FailOverFailingBack, VerdictStart, v1alpha1.ReasonFailingBack, "fe01 fail-back-pool-5.0.8308.956-1", false, true},
		{"a paused pool is not failed over", poolToFailOver(pair(), recorded).with(func(f *FailOver) { f.Paused = true }), v1alpha1.FailOverChecking, VerdictWait, v1alpha1.ReasonPaused, "", false, false},
		{"the pair is asked about", poolToFailOver(nil, recorded), v1alpha1.FailOverChecking, VerdictWait, v1alpha1.ReasonFailingOver, "", false, false},
		{"without a backup pool a person must repair the pool", poolToFailOver(&Partner{PoolState: RegistrarActive}, recorded), v1alpha1.FailOverChecking, VerdictHold, v1alpha1.ReasonNoBackupPool, "", false, false},
		{"the backup service must be healthy on both sides", poolToFailOver(pair(module("ErrorState", "NormalState")), recorded), v1alpha1.FailOverChecking, VerdictHold, v1alpha1.ReasonBackupServiceUnhealthy, "", false, false},
		{"an import error is one too", poolToFailOver(pair(module("FinalState", "ErrorState")), recorded), v1alpha1.FailOverChecking, VerdictHold, v1alpha1.ReasonBackupServiceUnhealthy, "", false, false},
		{"a backup that is still copying is waited for", poolToFailOver(pair(module("NonSteadyState", "NormalState")), recorded), v1alpha1.FailOverChecking, VerdictWait, v1alpha1.ReasonBackupServiceUnhealthy, "", false, false},
		{"a backup service that says nothing is not healthy", poolToFailOver(pair(func(p *Partner) { p.Modules = nil }), recorded), v1alpha1.FailOverChecking, VerdictHold, v1alpha1.ReasonBackupServiceUnhealthy, "", false, false},
		{"CMSMaster is rightly NotInitialized on a pool without the central store",
			poolToFailOver(pair(func(p *Partner) {
				p.Modules = append(p.Modules, BackupModule{thisPool, "CentralMgmt.CMSMaster", "NotInitialized", "NotInitialized"})
			}), recorded),
			v1alpha1.FailOverFailingOver, VerdictStart, v1alpha1.ReasonFailingOver, "fe01 fail-over-pool-5.0.8308.956-1", false, false},
		{"an Edge pool whose next hop it is must be given another", poolToFailOver(pair(edge), recorded), v1alpha1.FailOverChecking, VerdictHold, v1alpha1.ReasonEdgeNextHop, "", false, false},
		{"the central management store on the pool holds", poolToFailOver(pair(central), recorded), v1alpha1.FailOverChecking, VerdictHold, v1alpha1.ReasonCentralManagementOnPool, "", false, false},
		{"where it may be moved, a server of the backup pool is looked at", poolToFailOver(pair(central), recorded).with(movable), v1alpha1.FailOverMovingCentralManagement, VerdictWait, v1alpha1.ReasonFailingOver, "", false, false},
		{"and moves it", poolToFailOver(pair(central), recorded).with(backupServer()), v1alpha1.FailOverMovingCentralManagement, VerdictStart, v1alpha1.ReasonFailingOver, "fe11 move-central-management-5.0.8308.956-1", false, false},
		{"a move that failed holds, and nobody was moved", poolToFailOver(pair(central), recorded).with(backupServer(has(v1alpha1.StepMoveCentralManagement, JobFailed))), v1alpha1.FailOverMovingCentralManagement, VerdictHold, v1alpha1.ReasonCentralManagementMoveFailed, "", false, false},
		{"a move that ended well is awaited in the topology", poolToFailOver(pair(central), recorded).with(backupServer(has(v1alpha1.StepMoveCentralManagement, JobSucceeded))), v1alpha1.FailOverMovingCentralManagement, VerdictWait, v1alpha1.ReasonFailingOver, "", false, false},
		{"somebody else's failover is theirs to finish", poolToFailOver(pair(registrar(RegistrarFailedOver)), recorded), v1alpha1.FailOverChecking, VerdictHold, v1alpha1.ReasonPoolFailedOver, "", false, true},
		{"the topology is read again before anybody is moved", poolToFailOver(pair(), recorded).with(func(f *FailOver) { *f.TopologyChanged = "fe04 has come" }), v1alpha1.FailOverFailingOver, VerdictWait, v1alpha1.ReasonTopologyChanged, "", false, false},
		{"a server that failed and was put back, and needs a turn to go on, does not keep the pool waiting", poolToFailOver(pair(), recorded, putBackUnfinished), v1alpha1.FailOverFailingOver, VerdictStart, v1alpha1.ReasonFailingOver, "fe01 fail-over-pool-5.0.8308.956-1", false, false},
		{"the front end that remembers restarts: the failover stands as it was", poolToFailOver(nil, recorded).with(silentFirst(v1alpha1.FailOverUpgrading)), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonServerUnreachable, "", true, true},
		{"nobody remembers who moved the users: nothing is put away", poolToFailOver(pair(registrar(RegistrarFailedOver)), recorded, remembersRecording).with(func(f *FailOver) { f.Cause = "" }), v1alpha1.FailOverAbandoning, VerdictHold, v1alpha1.ReasonPoolFailedOver, "", false, true},
		{"who moved the users has left the pool: the status still knows of it", poolToFailOver(nil, upToDate).with(noCause, awayByStatus), v1alpha1.FailOverAbandoning, VerdictWait, v1alpha1.ReasonFailingOver, "", false, true},
		{"and says where they are until the registrar says otherwise", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate).with(noCause, awayByStatus), v1alpha1.FailOverAbandoning, VerdictHold, v1alpha1.ReasonPoolFailedOver, "", false, true},
		{"or nobody can be asked", poolToFailOver(nil, upToDate).with(noCause, awayByStatus, unasked), v1alpha1.FailOverAbandoning, VerdictWait, v1alpha1.ReasonServerUnreachable, "", false, true},
		{"a registrar that is Active is not believed at once", poolToFailOver(pair(), upToDate).with(noCause, awayByStatus), v1alpha1.FailOverAbandoning, VerdictWait, v1alpha1.ReasonFailingOver, "", false, false},
		{"another try of one that is half way does not wait for a package", poolToFailOver(pair(registrar(RegistrarFailingOver)), recordedOnly, failOverFailed).with(permitted(2)), v1alpha1.FailOverFailingOver, VerdictStart, v1alpha1.ReasonFailingOver, "fe02 fail-over-pool-5.0.8308.956-2", false, false},
		{"the services are written down on every front end, because the failover stops them", poolToFailOver(pair(), staged), v1alpha1.FailOverRecording, VerdictStart, v1alpha1.ReasonFailingOver,
			"fe01 record-services-5.0.8308.956-1, fe02 record-services-5.0.8308.956-1, fe03 record-services-5.0.8308.956-1", false, false},
		{"a backup pool that is being worked on is waited for", poolToFailOver(pair(), recorded).with(func(f *FailOver) { f.BackupPoolBusy = "pool02 is being upgraded" }), v1alpha1.FailOverFailingOver, VerdictWait, v1alpha1.ReasonWaitingForBackupPool, "", false, false},
		{"then the pool is failed over", poolToFailOver(pair(), recorded), v1alpha1.FailOverFailingOver, VerdictStart, v1alpha1.ReasonFailingOver, "fe01 fail-over-pool-5.0.8308.956-1", false, false},
		{"a failover that runs is awaited, paused or not", poolToFailOver(nil, recorded, failingOver).with(func(f *FailOver) { f.Paused = true }), v1alpha1.FailOverFailingOver, VerdictWait, v1alpha1.ReasonFailingOver, "", false, false},
		{"one that runs too long is shown to a person and not ended", poolToFailOver(nil, recorded, failingOver, func(s *Server) { s.Time = started.Add(3 * time.Hour) }), v1alpha1.FailOverFailingOver, VerdictHold, v1alpha1.ReasonJobOverdue, "", false, false},
		{"after a failed one the users' place is asked for", poolToFailOver(nil, recorded, failOverFailed), v1alpha1.FailOverFailingOver, VerdictWait, v1alpha1.ReasonFailingOver, "", false, false},
		{"a failed failover holds", poolToFailOver(pair(), recorded, failOverFailed), v1alpha1.FailOverFailingOver, VerdictHold, v1alpha1.ReasonFailOverFailed, "", false, false},
		{"one left half way holds and says that users may have no pool", poolToFailOver(pair(registrar(RegistrarFailingOver)), recorded, failOverFailed), v1alpha1.FailOverFailingOver, VerdictHold, v1alpha1.ReasonFailOverFailed, "", false, false},
		{"a person asks for another try, which is made from another server", poolToFailOver(pair(), recorded, failOverFailed).with(permitted(2)), v1alpha1.FailOverFailingOver, VerdictStart, v1alpha1.ReasonFailingOver, "fe02 fail-over-pool-5.0.8308.956-2", false, false},
		{"also of one left half way", poolToFailOver(pair(registrar(RegistrarFailingOver)), recorded, failOverFailed).with(permitted(2)), v1alpha1.FailOverFailingOver, VerdictStart, v1alpha1.ReasonFailingOver, "fe02 fail-over-pool-5.0.8308.956-2", false, false},
		{"a failed failover that nobody wants any more is put away", poolToFailOver(pair(), recorded, failOverFailed).with(func(f *FailOver) { f.Allowed = false }), v1alpha1.FailOverFailingOver, VerdictPutAway, v1alpha1.ReasonFailOverFailed, "", false, false},
		{"one that was cut off after the users had moved counts", poolToFailOver(pair(registrar(RegistrarFailedOver)), downAfterFailOver, has(v1alpha1.StepFailOverPool, JobInterrupted)), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonUsersOnBackupPool, "", true, true},
		{"failed over: before a server is touched a front end must say so", poolToFailOver(nil, downAfterFailOver, failedOverByUs), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonFailingOver, "", false, true},
		{"failed over: force upgrade all front ends", poolToFailOver(pair(registrar(RegistrarFailedOver)), downAfterFailOver, failedOverByUs), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonUsersOnBackupPool, "", true, true},
		{"it goes on while nobody can answer, because all are being upgraded", poolToFailOver(nil, downAfterFailOver, failedOverByUs).with(func(f *FailOver) {
			f.Opened, f.Problem = true, &Problem{Reason: v1alpha1.ReasonServerUnreachable}
		}), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonUsersOnBackupPool, "", true, true},
		{"the policy may change meanwhile: who is over there is brought back", poolToFailOver(pair(registrar(RegistrarFailedOver)), downAfterFailOver, failedOverByUs).with(func(f *FailOver) { f.Allowed, f.Cause = false, "" }), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonUsersOnBackupPool, "", true, true},
		{"paused before anybody is moved: nobody is", poolToFailOver(pair(), recorded).with(func(f *FailOver) { f.Paused = true }), v1alpha1.FailOverChecking, VerdictWait, v1alpha1.ReasonPaused, "", false, false},
		{"paused: another try of a failover that is half way waits as well", poolToFailOver(pair(registrar(RegistrarFailingOver)), recorded, failOverFailed).with(permitted(2)).with(func(f *FailOver) { f.Paused = true }), v1alpha1.FailOverFailingOver, VerdictWait, v1alpha1.ReasonPaused, "", false, false},
		{"paused: a fail back that failed is not run again", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, failedOverByUs, has(v1alpha1.StepFailBackPool, JobFailed)).with(func(f *FailOver) { f.Paused = true }), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonPaused, "", false, true},
		{"paused: nothing new, and it says where the users are", poolToFailOver(pair(registrar(RegistrarFailedOver)), downAfterFailOver, failedOverByUs).with(func(f *FailOver) { f.Paused = true }), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonPaused, "", false, true},
		{"observed: likewise", poolToFailOver(pair(registrar(RegistrarFailedOver)), downAfterFailOver, failedOverByUs).with(func(f *FailOver) { f.Observe = true }), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonObserving, "", false, true},
		{"a server that failed stops all further ones", poolToFailOver(pair(registrar(RegistrarFailedOver)), downAfterFailOver, failedOverByUs).with(func(f *FailOver) {
			f.Domains[1] = PoolDomain{Name: domain2, State: v1alpha1.DomainHeld, Reason: v1alpha1.ReasonInstallerFailed, Message: "the installer failed on fe03"}
		}), v1alpha1.FailOverUpgrading, VerdictHold, v1alpha1.ReasonInstallerFailed, "", false, true},
		{"failed over a moment ago: a copy of the topology that says Active is not believed", poolToFailOver(pair(), downAfterFailOver, failedOverByUs, momentsLater), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonFailingOver, "", false, true},
		{"failed a moment ago and not wanted any more: nor is it there", poolToFailOver(pair(), recorded, failOverFailed, momentsLater).with(func(f *FailOver) { f.Allowed = false }), v1alpha1.FailOverFailingOver, VerdictWait, v1alpha1.ReasonFailOverFailed, "", false, false},
		{"failed back by hand: from here the usual gates hold", poolToFailOver(pair(), recorded, failedOverByUs), v1alpha1.FailOverUpgrading, VerdictPutAway, v1alpha1.ReasonUpgrading, "", false, false},
		{"no fail back before every front end has the build", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, failedOverByUs, atBuild(installed)), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonUsersOnBackupPool, "", true, true},
		{"and serves", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, failedOverByUs, stopped), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonUsersOnBackupPool, "", true, true},
		{"and is put away", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, failedOverByUs, has(v1alpha1.StepStartServices, JobSucceeded)), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonUsersOnBackupPool, "", true, true},
		{"then the users are brought back", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, failedOverByUs), v1alpha1.FailOverFailingBack, VerdictStart, v1alpha1.ReasonFailingBack, "fe01 fail-back-pool-5.0.8308.956-1", false, true},
		{"not while a back end is at work", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, failedOverByUs).with(func(f *FailOver) { f.BackEnd = "sql01" }), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonWaitingForBackEnd, "", false, true},
		{"another build declared meanwhile is followed first; the fail back belongs to its failover", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, has(v1alpha1.StepFailOverPool, JobSucceeded, named("fail-over-pool-5.0.8308.420-1"))), v1alpha1.FailOverFailingBack, VerdictStart, v1alpha1.ReasonFailingBack, "fe01 fail-back-pool-5.0.8308.420-1", false, true},
		{"a fail back that runs is awaited", poolToFailOver(nil, upToDate, failedOverByUs, has(v1alpha1.StepFailBackPool, JobRunning)), v1alpha1.FailOverFailingBack, VerdictWait, v1alpha1.ReasonFailingBack, "", false, true},
		{"one that failed is run again until it succeeds", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, failedOverByUs, has(v1alpha1.StepFailBackPool, JobFailed)), v1alpha1.FailOverFailingBack, VerdictStart, v1alpha1.ReasonFailingBack, "fe02 fail-back-pool-5.0.8308.956-2", false, true},
		{"three times", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, failedOverByUs, has(v1alpha1.StepFailBackPool, JobFailed, another(3))), v1alpha1.FailOverFailingBack, VerdictHold, v1alpha1.ReasonPoolFailBackFailed, "", true, true},
		{"three times after a failover that a person had to ask for again", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, has(v1alpha1.StepFailOverPool, JobSucceeded, another(3)), has(v1alpha1.StepFailBackPool, JobFailed, another(4))).with(permitted(3)), v1alpha1.FailOverFailingBack, VerdictStart, v1alpha1.ReasonFailingBack, "fe02 fail-back-pool-5.0.8308.956-5", false, true},
		{"and not a fourth time", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, has(v1alpha1.StepFailOverPool, JobSucceeded, another(3)), has(v1alpha1.StepFailBackPool, JobFailed, another(5))).with(permitted(3)), v1alpha1.FailOverFailingBack, VerdictHold, v1alpha1.ReasonPoolFailBackFailed, "", true, true},
		{"and again when a person asks", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, failedOverByUs, has(v1alpha1.StepFailBackPool, JobFailed, another(3))).with(permitted(4)), v1alpha1.FailOverFailingBack, VerdictStart, v1alpha1.ReasonFailingBack, "fe01 fail-back-pool-5.0.8308.956-4", false, true},
		{"a failed one that left services stopped: they are started first", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, failedOverByUs, has(v1alpha1.StepFailBackPool, JobFailed), stopped), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonUsersOnBackupPool, "", true, true},
		{"the registrar must say Active", poolToFailOver(pair(registrar(RegistrarFailingBack)), upToDate, failedOverByUs, failedBackByUs), v1alpha1.FailOverFailingBack, VerdictWait, v1alpha1.ReasonFailingBack, "", false, true},
		{"a registrar that never does is shown to a person", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate, failedOverByUs, failedBackByUs, func(s *Server) { s.Time = started.Add(5 * time.Hour) }), v1alpha1.FailOverFailingBack, VerdictHold, v1alpha1.ReasonPoolFailBackFailed, "", false, true},
		{"and every front end must serve", poolToFailOver(pair(), upToDate, failedOverByUs, failedBackByUs, stopped), v1alpha1.FailOverFailingBack, VerdictWait, v1alpha1.ReasonFailingBack, "", false, false},
		{"a failover that a restart cut off lately: the registrar is not believed yet", poolToFailOver(pair(), staged, cutOff(10*time.Minute)).with(func(f *FailOver) { f.Allowed = false }), v1alpha1.FailOverFailingOver, VerdictWait, v1alpha1.ReasonFailOverFailed, "", false, false},
		{"one that a restart cut off long ago has moved nobody, and is put away", poolToFailOver(pair(), staged, cutOff(20*time.Minute)).with(func(f *FailOver) { f.Allowed = false }), v1alpha1.FailOverFailingOver, VerdictPutAway, v1alpha1.ReasonFailOverFailed, "", false, false},
		{"deleted, and its domains were let go by force: a person brings the users back", poolToFailOver(pair(registrar(RegistrarFailedOver)), downAfterFailOver, failedOverByUs).with(func(f *FailOver) { f.Deleting, f.Domains = true, nil }), v1alpha1.FailOverUpgrading, VerdictHold, v1alpha1.ReasonPoolFailedOver, "", false, true},
		{"deleted, and one of which no domain is left has failed: a person brings the users back", poolToFailOver(pair(registrar(RegistrarFailedOver)), downAfterFailOver, failedOverByUs).with(failedWithoutDomain), v1alpha1.FailOverUpgrading, VerdictHold, v1alpha1.ReasonPoolFailedOver, "", false, true},
		{"deleted, and those that were started wait for one of which no domain is left", poolToFailOver(pair(registrar(RegistrarFailedOver)), downAfterFailOver, failedOverByUs).with(startingWithoutTheLast), v1alpha1.FailOverUpgrading, VerdictHold, v1alpha1.ReasonPoolFailedOver, "", false, true},
		{"but what has been begun is finished first", poolToFailOver(pair(registrar(RegistrarFailedOver)), downAfterFailOver, failedOverByUs, stoppedAndNothingElse).with(failedWithoutDomain), v1alpha1.FailOverUpgrading, VerdictWait, v1alpha1.ReasonUsersOnBackupPool, "", true, true},
		{"back, and the services of a front end have not come up for long: a person starts them", poolToFailOver(pair(), upToDate, failedOverByUs, failedBackByUs, stopped, func(s *Server) { s.Time = s.Time.Add(2 * time.Hour) }), v1alpha1.FailOverFailingBack, VerdictHold, v1alpha1.ReasonServicesNotRunning, "", false, false},
		{"and its domains must have seen that", poolToFailOver(pair(), upToDate, failedOverByUs, failedBackByUs), v1alpha1.FailOverFailingBack, VerdictWait, v1alpha1.ReasonFailingBack, "", false, false},
		{"a domain that is being deleted is not waited for", poolToFailOver(pair(), upToDate, failedOverByUs, failedBackByUs).with(domainsDone).with(func(f *FailOver) {
			f.Domains[1] = PoolDomain{Name: domain2, State: v1alpha1.DomainUnknown, Leaving: true}
		}), v1alpha1.FailOverFailingBack, VerdictPutAway, v1alpha1.ReasonFailingBack, "", false, false},
		{"nor one that is held until a person answers for a server", poolToFailOver(pair(), upToDate, failedOverByUs, failedBackByUs).with(domainsDone).with(func(f *FailOver) {
			f.Domains[1] = PoolDomain{Name: domain2, State: v1alpha1.DomainHeld, Reason: v1alpha1.ReasonInstallerFailed}
		}), v1alpha1.FailOverFailingBack, VerdictPutAway, v1alpha1.ReasonFailingBack, "", false, false},
		{"nor one with a server on which the installer is to be run once more, in a turn of its own", poolToFailOver(pair(), upToDate, failedOverByUs, failedBackByUs, putBackUnfinished), v1alpha1.FailOverFailingBack, VerdictPutAway, v1alpha1.ReasonFailingBack, "", false, false},
		{"then it is over, and put away", poolToFailOver(pair(), upToDate, failedOverByUs, failedBackByUs).with(domainsDone), v1alpha1.FailOverFailingBack, VerdictPutAway, v1alpha1.ReasonFailingBack, "", false, false},
		{"put away halfway: the fail back's record alone is enough", poolToFailOver(pair(), upToDate, failedBackByUs).with(domainsDone), v1alpha1.FailOverFailingBack, VerdictPutAway, v1alpha1.ReasonFailingBack, "", false, false},
		{"but where an installer of ours is to be run again, that is something to move them for", poolToFailOver(pair(), recorded, upToDate, has(v1alpha1.StepStopServices, JobSucceeded), has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobSucceeded)), v1alpha1.FailOverFailingOver, VerdictStart, v1alpha1.ReasonFailingOver, "fe01 fail-over-pool-5.0.8308.956-1", false, false},
		{"nobody is moved where every front end has the build already", poolToFailOver(pair(), upToDate, has(v1alpha1.StepRecordServices, JobSucceeded)).with(wasIn(v1alpha1.FailOverRecording, 0)), v1alpha1.FailOverAbandoning, VerdictPutAway, v1alpha1.ReasonFailingOver, "", false, false},
		{"nor again, where the record of a failed attempt was not put away with the others", poolToFailOver(pair(), upToDate, failOverFailed).with(permitted(2)), v1alpha1.FailOverFailingOver, VerdictPutAway, v1alpha1.ReasonFailOverFailed, "", false, false},
		{"the problem has gone before anybody was moved", poolToFailOver(pair(), recorded, has(v1alpha1.StepRecordServices, JobSucceeded)).with(noCause, wasIn(v1alpha1.FailOverRecording, 0)), v1alpha1.FailOverAbandoning, VerdictPutAway, v1alpha1.ReasonFailingOver, "", false, false},
		{"who may have moved the users is gone: the registrar is not believed at once", poolToFailOver(pair(), recorded, has(v1alpha1.StepRecordServices, JobSucceeded)).with(noCause, wasIn(v1alpha1.FailOverFailingOver, 0)), v1alpha1.FailOverAbandoning, VerdictWait, v1alpha1.ReasonFailingOver, "", false, false},
		{"nor after the status was lost", poolToFailOver(pair(), recorded, has(v1alpha1.StepRecordServices, JobSucceeded)).with(noCause), v1alpha1.FailOverAbandoning, VerdictWait, v1alpha1.ReasonFailingOver, "", false, false},
		{"nor when it has just said something else", poolToFailOver(pair(), recorded, has(v1alpha1.StepRecordServices, JobSucceeded)).with(noCause, wasIn(v1alpha1.FailOverAbandoning, time.Hour), func(f *FailOver) { f.UsersOnBackupPool = true }), v1alpha1.FailOverAbandoning, VerdictWait, v1alpha1.ReasonFailingOver, "", false, false},
		{"but when it says so for long enough", poolToFailOver(pair(), recorded, has(v1alpha1.StepRecordServices, JobSucceeded)).with(noCause, wasIn(v1alpha1.FailOverAbandoning, 16*time.Minute)), v1alpha1.FailOverAbandoning, VerdictPutAway, v1alpha1.ReasonFailingOver, "", false, false},
	}
	for _, test := range cases {
		t.Run(test.says, func(t *testing.T) {
			got := NextFailOverStep(test.given)
			var orders []string
			for _, order := range got.Orders {
				orders = append(orders, strings.TrimSuffix(order.FQDN, ".contoso.com")+" "+order.Order.ID)
			}
			if !got.Engaged || got.Phase != test.phase || got.Verdict != test.verdict || got.Reason != test.reason || strings.Join(orders, ", ") != test.orders ||
				got.Open != test.open || got.UsersOnBackupPool != test.away {
				t.Errorf("got %+v", got)
			}
			if got.Message == "" {
				t.Error("nothing is said")
			}
		})
	}
}

// The store is moved by a job on a server of the backup pool, which has no failover of its own because of that.
func TestAMoveOfTheCentralManagementStoreIsNoFailOverOfTheServersPool(t *testing.T) {
	moved := poolToFailOver(nil, staged, has(v1alpha1.StepMoveCentralManagement, JobSucceeded)).with(func(f *FailOver) { f.Cause = "" })
	if got := NextFailOverStep(moved); got.Engaged {
		t.Errorf("got %+v", got)
	}
	if moved.FrontEnds[0].Server.FailOverSeen() {
		t.Error("a failover is seen on it")
	}
}

func TestAPoolWithoutProblemIsNoFailOver(t *testing.T) {
	for says, given := range map[string]FailOver{
		"nothing to upgrade, as when the end of one was not written down": poolToFailOver(nil, upToDate),
		"no cause":                   poolToFailOver(nil, staged).with(func(f *FailOver) { f.Cause = "" }),
		"a cause, and nobody allows": poolToFailOver(nil, staged).with(func(f *FailOver) { f.Allowed = false }),
	} {
		if got := NextFailOverStep(given); got.Engaged || len(got.Orders) > 0 {
			t.Errorf("%s: got %+v", says, got)
		}
	}
}

// failedOverDomain is a domain of two while the users of its pool of three are elsewhere.
func failedOverDomain(changes ...func(*Domain)) Domain {
	remembering := frontEnd(upToDate, failedOverByUs)
	remembering.FQDN = "fe03.contoso.com"
	first, second := frontEnd(downAfterFailOver), frontEnd(downAfterFailOver)
	second.FQDN = "fe02.contoso.com"
	domain := Domain{Plan: plan, PoolFailedOver: true, ServersAtATime: 1,
		Servers: []DomainServer{{FQDN: first.FQDN, Server: &first}, {FQDN: second.FQDN, Server: &second}},
		Members: []Member{MemberFrom(plan, first), MemberFrom(plan, second), MemberFrom(plan, remembering)}}
	for _, apply := range changes {
		apply(&domain)
	}
	return domain
}

func TestADomainOfAPoolThatIsFailedOver(t *testing.T) {
	first := func(changes ...change) func(*Domain) {
		return func(d *Domain) {
			for _, apply := range changes {
				apply(d.Servers[0].Server)
			}
			d.Members[0] = MemberFrom(plan, *d.Servers[0].Server)
		}
	}
	cases := []struct {
		says    string
		given   Domain
		verdict [2]Verdict
		reason  string // of the first
	}{
		{"all are taken at once: no domain, no answer, no quorum", failedOverDomain(), [2]Verdict{VerdictStart, VerdictStart}, v1alpha1.ReasonUpgrading},
		{"not without a front end that remembers the failover", failedOverDomain(func(d *Domain) { d.Members[2].FailedOver = false }), [2]Verdict{VerdictWait, VerdictWait}, v1alpha1.ReasonWaitingForTurn},
		{"not when the pool is being failed back", failedOverDomain(func(d *Domain) { d.Members[2].FailOver, d.Members[2].FailedOver = v1alpha1.StepFailBackPool, false }), [2]Verdict{VerdictWait, VerdictWait}, v1alpha1.ReasonFailingBack},
		{"not beside SQL Server", failedOverDomain(func(d *Domain) { d.Members[2].UpdatingDatabases = true }), [2]Verdict{VerdictWait, VerdictWait}, v1alpha1.ReasonWaitingForBackEnd},
		{"not while paused", failedOverDomain(func(d *Domain) { d.Paused = true }), [2]Verdict{VerdictWait, VerdictWait}, v1alpha1.ReasonPaused},
		{"a server that failed: no further one is touched", failedOverDomain(first(stoppedByUs, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobFailed))), [2]Verdict{VerdictHold, VerdictWait}, v1alpha1.ReasonInstallerFailed},
		{"one that does not answer may have failed: no further one is touched", failedOverDomain(func(d *Domain) { d.Members[1] = Member{FQDN: d.Members[1].FQDN, Silent: true} }), [2]Verdict{VerdictWait, VerdictWait}, v1alpha1.ReasonWaitingForTurn},
		{"one that has the build is started, because the failover has stopped it", failedOverDomain(first(upToDate)), [2]Verdict{VerdictStart, VerdictStart}, v1alpha1.ReasonUpgrading},
		{"nobody is judged before enough are started", failedOverDomain(first(upToDate, stoppedByUs, has(v1alpha1.StepStartServices, JobFailed))), [2]Verdict{VerdictWait, VerdictStart}, v1alpha1.ReasonColdStart},
		{"not enough, and one has failed: held, so that a person can ask for another try", failedOverDomain(first(upToDate, stoppedByUs, has(v1alpha1.StepStartServices, JobFailed)), func(d *Domain) { d.Members[1].Failed = true }), [2]Verdict{VerdictHold, VerdictWait}, v1alpha1.ReasonServicesNotRunning},
		{"enough are started: what does not run now is held", failedOverDomain(first(upToDate, stoppedByUs, has(v1alpha1.StepStartServices, JobFailed)), func(d *Domain) {
			for i := range d.Members {
				d.Members[i].Starting = true
			}
		}), [2]Verdict{VerdictHold, VerdictWait}, v1alpha1.ReasonServicesNotRunning},
	}
	for _, test := range cases {
		t.Run(test.says, func(t *testing.T) {
			got := UpgradeDomain(test.given)
			for i, server := range got.Servers {
				if server.Verdict != test.verdict[i] {
					t.Errorf("server %d: got %+v", i+1, server)
				}
			}
			if got.Servers[0].Reason != test.reason {
				t.Errorf("got %+v", got.Servers[0])
			}
		})
	}
}

func TestInAUsualTurnNobodyIsStoppedWhileAFailOverIsRemembered(t *testing.T) {
	domain := failedOverDomain(func(d *Domain) { d.PoolFailedOver, d.Turn = false, true })
	for _, server := range UpgradeDomain(domain).Servers {
		if server.Verdict != VerdictWait || server.Reason != v1alpha1.ReasonFailingOver && server.Reason != v1alpha1.ReasonWaitingForTurn {
			t.Errorf("got %+v", server)
		}
	}
}

// What the status alone remembers of a failover does not keep a pool whose users are at home, nor one of which nobody was moved.
func TestAFailoverThatNobodyRemembersIsForgotten(t *testing.T) {
	for _, test := range []struct {
		says  string
		given FailOver
	}{
		{"the registrar is Active for long enough", poolToFailOver(pair(), upToDate).with(noCause, wasIn(v1alpha1.FailOverAbandoning, 16*time.Minute))},
		{"nobody had been moved", poolToFailOver(nil, upToDate).with(noCause, wasIn(v1alpha1.FailOverRecording, 0))},
		{"the users were brought back, and only that was not written down", poolToFailOver(pair(), upToDate).with(noCause, wasIn(v1alpha1.FailOverFailingBack, 0))},
		{"nothing is known of a failover", poolToFailOver(nil, upToDate).with(noCause)},
	} {
		t.Run(test.says, func(t *testing.T) {
			for _, deleting := range []bool{false, true} {
				test.given.Deleting = deleting
				got := NextFailOverStep(test.given)
				if got.NeedPartner || got.UsersOnBackupPool || got.Engaged && got.Verdict != VerdictPutAway {
					t.Errorf("deleting %t: got %+v", deleting, got)
				}
			}
		})
	}
}

// A pool that is being deleted and whose users may stay away for good says both ways out.
func TestADeletedPoolWhoseFailoverNobodyRemembersSaysHowItGoes(t *testing.T) {
	for _, test := range []struct {
		says  string
		given FailOver
		hears []string
	}{
		{"the users are on the backup pool", poolToFailOver(pair(registrar(RegistrarFailedOver)), upToDate).with(noCause, awayByStatus), []string{"Invoke-CsPoolFailBack", letGoByForce}},
		{"nobody can be asked where they are", poolToFailOver(nil, upToDate).with(noCause, awayByStatus, unasked), []string{"no front end answers", letGoByForce}},
	} {
		t.Run(test.says, func(t *testing.T) {
			test.given.Deleting = true
			got := NextFailOverStep(test.given)
			for _, heard := range test.hears {
				if !strings.Contains(got.Message, heard) {
					t.Errorf("%q does not say %q", got.Message, heard)
				}
			}
		})
	}
}
