package procedure

import (
	"fmt"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
)

// notWanted ends a failover that has moved nobody: the problem is gone, or nobody wants it any more.
func (f FailOver) notWanted(d FailOverDecision, memory failOverMemory) FailOverDecision {
	nobodyRemembers := len(memory.hosts) == 0
	if nobodyRemembers && (f.Phase == "" || !f.mayHaveMoved()) {
		return FailOverDecision{}
	}
	d.Phase, d.UsersOnBackupPool = v1alpha1.FailOverAbandoning, f.UsersOnBackupPool
	// A server that does not answer may remember more. Where the status alone remembers anything the registrar is asked all the same: a server
	// that is gone for good must not keep a pool whose users are at home.
	if unfinished := f.unfinishedJob(); unfinished != "" && !nobodyRemembers {
		return d.wait(v1alpha1.ReasonFailingOver, "a failover was begun that is not wanted any more; %s", unfinished)
	}
	switch {
	case f.Partner == nil && f.Problem == nil:
		return d.needPartner()
	case f.Partner == nil:
		return d.wait(f.Problem.Reason, "a failover was begun that is not wanted any more; where the users are could not be found out: %s%s", sentence(f.Problem.Message), f.orByForce())
	case !f.Partner.usersAtHome():
		// The front end that moved them was rebuilt or has left the pool, or its jobs were put away by somebody.
		d.UsersOnBackupPool = f.Partner.usersElsewhere()
		return d.hold(v1alpha1.ReasonPoolFailedOver, "the registrar of %s is %s, and no front end remembers who has moved its users. Nothing is touched. Start the services of its front ends and finish what was begun by hand (Invoke-CsPoolFailBack); the operator then goes on by itself%s",
			f.PoolFQDN, orUnknown(f.Partner.PoolState), f.orByForce())
	case nobodyRemembers && f.Phase == v1alpha1.FailOverFailingBack:
		return FailOverDecision{} // its jobs were put away, and that was not written down
	}
	d.UsersOnBackupPool = false
	if f.mayHaveMoved() {
		return d.wait(v1alpha1.ReasonFailingOver, "a failover was begun that is not wanted any more; the registrar is %s in the copy of the topology on a front end. Who may have moved the users does not answer or is gone: that is believed when it still says so after %s",
			f.Partner.PoolState, registrarLag)
	}
	d.Verdict, d.PutAway, d.Reason = VerdictPutAway, memory.hosts, v1alpha1.ReasonFailingOver
	d.Message = "no failover is due any more; nobody was moved"
	return d
}

// orByForce says how a person lets a pool go that is being deleted, where the users may stay away for good.
func (f FailOver) orByForce() string {
	if !f.Deleting {
		return ""
	}
	return ". " + letGoByForce
}

// mayHaveMoved says whether a front end that nobody hears of any more may have moved the users a moment ago: then a registrar that is said to
// be Active proves nothing yet. Before the failover itself was ordered nobody can have moved them.
func (f FailOver) mayHaveMoved() bool {
	switch f.Phase {
	case v1alpha1.FailOverChecking, v1alpha1.FailOverRecording, v1alpha1.FailOverMovingCentralManagement:
		return false
	case v1alpha1.FailOverAbandoning:
		return f.UsersOnBackupPool || f.PhaseAge <= registrarLag
	default:
		return true
	}
}

// allCurrent says whether there is nothing to move users for: every front end has the build, no installer of ours for it is to be run again,
// and no restart is still due. It also keeps a failover whose jobs have just been put away, while its end was not written down, from
// beginning anew.
func (f FailOver) allCurrent() bool {
	for _, frontEnd := range f.FrontEnds {
		if frontEnd.Server == nil || frontEnd.Server.Build.OlderThan(f.Plan.Build) || frontEnd.Server.unfinishedInstall(f.Plan.Build) || frontEnd.Server.restartDue(f.Plan) {
			return false
		}
	}
	return len(f.FrontEnds) > 0
}

// beforeFailOver checks what must hold before anybody is moved, and then moves them.
func (f FailOver) beforeFailOver(d FailOverDecision, memory failOverMemory) FailOverDecision {
	if memory.move != nil && memory.move.job.Active() {
		d.Phase = v1alpha1.FailOverMovingCentralManagement
		return d.await(memory.move, v1alpha1.ReasonFailingOver, f.Timeout).orderAgain(f, memory.move)
	}
	if stopped := f.resting(d); stopped != nil {
		return *stopped
	}
	if stopped := f.serversNotFit(d, true); stopped != nil {
		return *stopped
	}
	switch {
	case f.BackEnd != "":
		return d.wait(v1alpha1.ReasonWaitingForBackEnd, "the back end %s is being worked on; the pool is failed over after it", f.BackEnd)
	case f.Partner == nil && f.Problem == nil:
		return d.needPartner()
	case f.Partner == nil:
		return d.wait(f.Problem.Reason, "%s. What must hold before a failover cannot be checked: %s", f.cause(), sentence(f.Problem.Message))
	}
	if stopped := f.partnerNotFit(d); stopped != nil {
		return *stopped
	}
	if f.First != nil {
		return f.afterOthers(d)
	}
	if recording := f.record(d); recording != nil {
		return *recording
	}
	if f.onThisPool(f.Partner.CentralManagementPool) {
		return f.moveCentralManagement(d, memory)
	}
	d.Phase = v1alpha1.FailOverFailingOver
	if f.BackupPoolBusy != "" {
		return d.wait(v1alpha1.ReasonWaitingForBackupPool, "%s. %s", f.cause(), f.BackupPoolBusy)
	}
	if stopped := f.otherFrontEnds(d); stopped != nil {
		return *stopped
	}
	host := f.host(d.Attempt)
	return d.start(host.FQDN, Order{ID: JobID(v1alpha1.StepFailOverPool, f.Plan.Build, d.Attempt), Action: ActionFailOverPool, Pool: f.PoolFQDN, Timeout: f.Timeout},
		v1alpha1.ReasonFailingOver)
}

// otherFrontEnds reads the topology again before users are moved: a front end that has come since would be stopped with the others, and
// nobody would know of it.
func (f FailOver) otherFrontEnds(d FailOverDecision) *FailOverDecision {
	switch {
	case f.TopologyChanged == nil:
		d.NeedTopology = true
		d = d.wait(v1alpha1.ReasonFailingOver, "a front end is asked whether the pool still has the same front ends")
	case *f.TopologyChanged != "":
		d = d.wait(v1alpha1.ReasonTopologyChanged, "%s. Nobody is moved: %s", f.cause(), *f.TopologyChanged)
	default:
		return nil
	}
	return &d
}

// afterOthers waits for what comes before the pool: a failover is a beginning like that of the first upgrade domain.
func (f FailOver) afterOthers(d FailOverDecision) FailOverDecision {
	if f.First.Lasting {
		return d.hold(f.First.Reason, "%s. The pool may not be failed over: %s", f.cause(), f.First.Message)
	}
	return d.wait(f.First.Reason, "%s. The pool is failed over when it may begin: %s", f.cause(), f.First.Message)
}

func (f FailOver) cause() string {
	if f.Cause == "" {
		return "the failover of " + f.PoolFQDN + " is not over"
	}
	return strings.TrimSuffix(f.Cause, ".")
}

func (f FailOver) onThisPool(pool string) bool { return strings.EqualFold(pool, f.PoolFQDN) }

// resting says why nothing new is begun.
func (f FailOver) resting(d FailOverDecision) *FailOverDecision {
	where := f.cause()
	if d.UsersOnBackupPool {
		where = "the users of " + f.PoolFQDN + " are on the backup pool"
	}
	d.Idle = true
	switch {
	case f.Observe:
		d = d.wait(v1alpha1.ReasonObserving, "%s. Management is Observe: nothing is changed", where)
	case f.Paused:
		d = d.wait(v1alpha1.ReasonPaused, "%s. The pool is paused: nothing further is started", where)
	default:
		return nil
	}
	return &d
}

// serversNotFit names the first front end that stands in the way of moving users: nobody is moved for an upgrade that could not be
// carried through on every server. WithPackage asks that each of them has the package, too.
func (f FailOver) serversNotFit(d FailOverDecision, withPackage bool) *FailOverDecision {
	stop := func(stopped FailOverDecision) *FailOverDecision { return &stopped }
	if held := f.held(); held != nil {
		return stop(d.hold(held.Reason, "%s. Before the pool can be failed over: %s", f.cause(), held.Message))
	}
	for _, domain := range f.Domains {
		if domain.InProgress {
			return stop(d.wait(v1alpha1.ReasonUpgrading, "%s. What was begun in %s is finished before the pool is failed over", f.cause(), domain.Name))
		}
	}
	for _, frontEnd := range f.FrontEnds {
		switch server := frontEnd.Server; {
		case server == nil:
			reason, message := v1alpha1.ReasonDiscovering, frontEnd.FQDN+" has not been looked at yet"
			if frontEnd.Problem != nil {
				reason, message = frontEnd.Problem.Reason, frontEnd.Problem.Message
			}
			return stop(d.wait(reason, "%s. The pool is failed over when every front end answers, so that every one can be upgraded: %s", f.cause(), sentence(message)))
		case server.Begun() && !server.inServiceUnfinished(f.Plan):
			return stop(d.wait(v1alpha1.ReasonUpgrading, "%s. What was begun on %s is finished before the pool is failed over", f.cause(), frontEnd.FQDN))
		case withPackage && server.Build.OlderThan(f.Plan.Build) && !server.Begun() && !server.stagedFor(f.Plan):
			return stop(d.wait(v1alpha1.ReasonStaging, "%s. The update package is copied to %s before the pool is failed over", f.cause(), frontEnd.FQDN))
		}
		if active := frontEnd.Server.activeJob(); active != nil && StepOf(active.ID) != v1alpha1.StepRecordServices {
			return stop(d.wait(v1alpha1.ReasonUpgrading, "%s. Before the pool is failed over: %s", f.cause(), inWords(StepOf(active.ID), frontEnd.FQDN)))
		}
	}
	if len(f.FrontEnds) == 0 {
		return stop(d.wait(v1alpha1.ReasonDiscovering, "the pool's front ends are not known yet"))
	}
	return nil
}

func (f FailOver) held() *PoolDomain {
	for i := range f.Domains {
		if f.Domains[i].State == v1alpha1.DomainHeld && !f.Domains[i].aside() {
			return &f.Domains[i]
		}
	}
	return nil
}

// stagedFor says whether the package of this plan is on the server.
func (s Server) stagedFor(plan Plan) bool {
	fingerprint := plan.fingerprint()
	for _, job := range s.Jobs {
		if step, subject, _, ok := parseJobID(job.ID); ok && step == v1alpha1.StepStagePackage && subject == fingerprint && job.State == JobSucceeded {
			return true
		}
	}
	return false
}

// partnerNotFit names the first thing about the pair that forbids a failover.
func (f FailOver) partnerNotFit(d FailOverDecision) *FailOverDecision {
	stop := func(reason, message string, args ...any) *FailOverDecision {
		stopped := d.hold(reason, "%s. %s", f.cause(), fmt.Sprintf(message, args...))
		return &stopped
	}
	if f.Partner.BackupPool == "" {
		return stop(v1alpha1.ReasonNoBackupPool, "The pool is paired with no other, so it cannot be failed over: repair it (look at Get-CsPoolFabricState -Verbose), then ask for another try with the annotation %s", v1alpha1.AnnotationRetry)
	}
	if !f.Partner.usersAtHome() {
		d.UsersOnBackupPool = f.Partner.usersElsewhere()
		return stop(v1alpha1.ReasonPoolFailedOver, "Its registrar is %s, and not because of the operator. Finish what was begun by hand (Invoke-CsPoolFailBack); the operator then looks again by itself", orUnknown(f.Partner.PoolState))
	}
	if len(f.Partner.EdgePools) > 0 {
		return stop(v1alpha1.ReasonEdgeNextHop, "It is the next hop of %s: give that Edge pool another next hop (Topology Builder, or Set-CsEdgeServer -Registrar); the operator then goes on by itself", strings.Join(f.Partner.EdgePools, ", "))
	}
	if healthy, lasting, message := f.Partner.backupHealth(f.PoolFQDN); !healthy {
		if !lasting {
			waiting := d.wait(v1alpha1.ReasonBackupServiceUnhealthy, "%s. The backup service has not copied everything yet: %s", f.cause(), message)
			return &waiting
		}
		return stop(v1alpha1.ReasonBackupServiceUnhealthy, "Users' data are not known to be on both pools: %s. Repair the backup service (Get-CsBackupServiceStatus, Invoke-CsBackupServiceSync); the operator then goes on by itself", message)
	}
	switch {
	case f.Partner.CentralManagementPool == "":
		return stop(v1alpha1.ReasonCentralManagementOnPool, "No active central management store is known, and a failover needs one: look at Get-CsManagementStoreReplicationStatus -CentralManagementStoreStatus")
	case f.onThisPool(f.Partner.CentralManagementPool) && !f.MoveCentralManagement:
		return stop(v1alpha1.ReasonCentralManagementOnPool, "The central management store is on this pool: move it (Invoke-CsManagementServerFailover on a front end of %s), or allow that with rollout.failOver.moveCentralManagement", f.Partner.BackupPool)
	case f.onThisPool(f.Partner.CentralManagementPool) && len(f.Partner.BackupServers) == 0:
		return stop(v1alpha1.ReasonCentralManagementOnPool, "The front ends of %s are not known, on one of which the central management store would have to be moved", f.Partner.BackupPool)
	}
	return nil
}

// record writes down the services of every front end: Invoke-CsPoolFailOver stops them, and what ran before could not be told
// afterwards.
func (f FailOver) record(d FailOverDecision) *FailOverDecision {
	d.Phase, d.Verdict, d.Reason = v1alpha1.FailOverRecording, VerdictWait, v1alpha1.ReasonFailingOver
	var waiting []string
	for _, frontEnd := range f.FrontEnds {
		if frontEnd.Server.Baseline != nil {
			continue
		}
		id := JobID(v1alpha1.StepRecordServices, f.Plan.Build, d.Attempt)
		switch job := frontEnd.Server.job(id); {
		case job == nil, job.overdueToBegin(frontEnd.Server.Time):
			d.Verdict, d.Server = VerdictStart, frontEnd.FQDN
			d.Orders = append(d.Orders, PlacedOrder{FQDN: frontEnd.FQDN, Order: Order{ID: id, Action: ActionRecordServices}})
		case job.Active():
			d.Server = frontEnd.FQDN
		default:
			d.Retriable = true
			held := d.hold(v1alpha1.ReasonFailOverFailed, "%s. The services of %s could not be written down before the failover: %s. Nobody was moved. Ask for another try with the annotation %s",
				f.cause(), frontEnd.FQDN, sentence(job.Message), v1alpha1.AnnotationRetry)
			return &held
		}
		waiting = append(waiting, frontEnd.FQDN)
	}
	if len(waiting) == 0 {
		return nil
	}
	d.Message = "before the failover the services are written down on " + strings.Join(waiting, ", ")
	return &d
}

// moveCentralManagement moves the central management store to the backup pool, by a job on one of its front ends: the cmdlet is to run
// on a server of the pool that the store moves to.
func (f FailOver) moveCentralManagement(d FailOverDecision, memory failOverMemory) FailOverDecision {
	d.Phase = v1alpha1.FailOverMovingCentralManagement
	servers := f.Partner.BackupServers
	server := servers[(d.Attempt-1)%len(servers)]
	d.Server = server
	switch {
	case f.BackupServer == nil:
		d.NeedServer = server
		return d.wait(v1alpha1.ReasonFailingOver, "%s is looked at, on which the central management store is moved", server)
	case f.BackupServer.Server == nil:
		return d.wait(v1alpha1.ReasonServerUnreachable, "%s. The central management store is moved by a job on %s, which could not be looked at: %s. The pool's account must be allowed there; or move the store by hand",
			f.cause(), server, sentence(f.BackupServer.Problem.Message))
	}
	id := JobID(v1alpha1.StepMoveCentralManagement, f.Plan.Build, d.Attempt)
	switch job := f.BackupServer.Server.job(id); {
	case job == nil && f.BackupPoolBusy != "":
		return d.wait(v1alpha1.ReasonWaitingForBackupPool, "%s. %s", f.cause(), f.BackupPoolBusy)
	case job == nil:
		return d.start(server, Order{ID: id, Action: ActionMoveCentralManagement, Pool: f.Partner.BackupPool, Timeout: f.Timeout}, v1alpha1.ReasonFailingOver)
	case job.Active():
		return d.await(memory.move, v1alpha1.ReasonFailingOver, f.Timeout)
	case job.State == JobSucceeded && job.age(f.BackupServer.Server.Time) < f.Timeout:
		return d.wait(v1alpha1.ReasonFailingOver, "the central management store was moved to %s; that is awaited in the copy of the topology on the front ends", f.Partner.BackupPool)
	case job.State == JobSucceeded:
		d.Retriable = true
		return d.hold(v1alpha1.ReasonCentralManagementMoveFailed, "the job %s on %s ended well, but the front ends still know the central management store on %s. Look at Get-CsManagementStoreReplicationStatus; the operator then goes on by itself",
			id, server, f.PoolFQDN)
	default:
		d.Retriable = true
		return d.hold(v1alpha1.ReasonCentralManagementMoveFailed, "the central management store could not be moved to %s by %s: %s. No user was moved. Look at Get-CsManagementStoreReplicationStatus -CentralManagementStoreStatus; move it by hand, or ask for another try with the annotation %s",
			f.Partner.BackupPool, server, sentence(job.Message), v1alpha1.AnnotationRetry)
	}
}
