package procedure

import (
	"fmt"
	"strings"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// FailOver is a pool that is to be failed over, or is, as it was observed.
type FailOver struct {
	PoolFQDN string
	Plan     Plan
	// Cause is why the pool has a problem; empty when it has none that leads to a failover.
	Cause string
	// Allowed: the policy asks for a failover, or a person has approved it for this build.
	Allowed                  bool
	MoveCentralManagement    bool
	Timeout, FailBackTimeout time.Duration
	FrontEnds                []PoolFrontEnd
	Domains                  []PoolDomain
	// Partner is the answer to the question about the pair; nil when it was not asked in this pass, or when Problem says why
	// nobody could answer it.
	Partner *Partner
	Problem *Problem
	// BackupServer is the server of the backup pool that NeedServer named.
	BackupServer *PoolFrontEnd
	// Permitted is the attempt that a person has allowed; 0 for the first.
	Permitted int
	// Opened: servers were let be worked on at the last look, on the strength of an answer about the pair.
	Opened bool
	// BackEnd names a back end of the pool that is being worked on.
	BackEnd string
	// First is what comes before the pool; a failover that has not begun waits for it. Nil when nothing does.
	First *Precedes
	// BackupPoolBusy is why the backup pool cannot take the users now; empty when it can.
	BackupPoolBusy string
	Paused         bool
	Observe        bool
}

// FailOverDecision is what to do for such a pool.
type FailOverDecision struct {
	// Engaged: a failover is due or under way. Otherwise the pool follows the usual procedure.
	Engaged bool
	Phase   v1alpha1.FailOverPhase
	Verdict Verdict
	// Orders are the jobs to start, on one server or, to write services down, on several (VerdictStart).
	Orders []PlacedOrder
	// PutAway are the servers whose finished jobs may be put away (VerdictPutAway); the failover is then over.
	PutAway []string
	// Server is where the job of the moment runs, and Attempt its attempt.
	Server  string
	Attempt int
	// NeedPartner: the question about the pair must be answered before anything can be decided.
	NeedPartner bool
	// NeedServer names a server of the backup pool that must be observed first.
	NeedServer string
	// Open: every front end may be worked on, whatever its domain and whatever the pool says.
	Open bool
	// FailedBack: the users are back because of us (VerdictPutAway).
	FailedBack        bool
	UsersOnBackupPool bool
	BackupPool        string
	// Retriable: a job has failed, and a person can ask for another attempt.
	Retriable     bool
	Idle          bool
	Reason        string
	Message       string
	ActiveSeconds float64
}

// PlacedOrder is an order and the server it is for.
type PlacedOrder struct {
	FQDN  string
	Order Order
}

// NextFailOverStep decides the one next step of a failover. FE, step 1: "If this pool is paired with another Front End pool in a disaster
// recovery topology, you should fail the pool over to the backup pool, and then update the servers in this pool"; its flowchart: "fail
// pool over and force upgrade all front ends". "Failing over a pool" and "Failing back a pool" have the steps in between. What was
// done is read from the jobs on the servers.
func NextFailOverStep(f FailOver) FailOverDecision {
	memory := f.remember()
	decision := FailOverDecision{Engaged: true, Phase: v1alpha1.FailOverChecking, Verdict: VerdictWait, Attempt: max(f.Permitted, 1)}
	if f.Partner != nil {
		decision.BackupPool = f.Partner.BackupPool
	}
	switch {
	case memory.failBack != nil:
		return f.afterFailBack(decision, memory)
	case memory.failOver != nil:
		return f.afterFailOver(decision, memory)
	case f.Cause == "" || !f.Allowed || f.allCurrent():
		return f.notWanted(decision, memory)
	}
	return f.beforeFailOver(decision, memory)
}

// placedJob is a job of a failover and where it was found.
type placedJob struct {
	fqdn    string
	server  *Server
	job     *Job
	subject string
	attempt int
}

// registrarLag is how long a front end's own copy of the topology may be behind the central management store. Microsoft names no number; a
// replication takes some minutes.
const registrarLag = 15 * time.Minute

// fresh says whether the job has ended so lately that a front end may not know yet what it has changed.
func (p placedJob) fresh() bool { return p.job.age(p.server.Time) <= registrarLag }

// failOverMemory are the latest jobs of each step of a failover.
type failOverMemory struct {
	move, failOver, failBack *placedJob
	// hosts are the front ends that have any job of a failover.
	hosts []string
}

// ofFailOver says whether a step belongs to a failover of the pool, not to the procedure of a server.
func ofFailOver(step v1alpha1.ServerStep) bool {
	switch step {
	case v1alpha1.StepRecordServices, v1alpha1.StepMoveCentralManagement, v1alpha1.StepFailOverPool, v1alpha1.StepFailBackPool:
		return true
	default:
		return false
	}
}

// OfFailOver says whether a job belongs to a failover of the pool: it is the pool's memory, and no server's to put away.
func OfFailOver(id string) bool { return ofFailOver(StepOf(id)) }

// FailOverSeen says whether the server remembers anything of a failover of its own pool. A job that moves the central management store
// belongs to a failover of the other pool of the pair.
func (s Server) FailOverSeen() bool {
	for _, job := range s.Jobs {
		if step := StepOf(job.ID); ofFailOver(step) && step != v1alpha1.StepMoveCentralManagement {
			return true
		}
	}
	return false
}

// FailOverStep is how far a failover is by the jobs of one server: the latest of its steps that has a job, and the state of
// that job. Empty when there is none.
func (s Server) FailOverStep() (step v1alpha1.ServerStep, state JobState) {
	for _, wanted := range []v1alpha1.ServerStep{v1alpha1.StepFailBackPool, v1alpha1.StepFailOverPool} {
		var latest *placedJob
		for i := range s.Jobs {
			latest = laterJob(latest, place(s.FQDN, &s, &s.Jobs[i], wanted))
		}
		if latest != nil {
			return wanted, latest.job.State
		}
	}
	return "", ""
}

// place reads a job as one of a step; nil when it is of another.
func place(fqdn string, server *Server, job *Job, wanted v1alpha1.ServerStep) *placedJob {
	step, subject, attempt, ok := parseJobID(job.ID)
	if !ok || step != wanted {
		return nil
	}
	return &placedJob{fqdn: fqdn, server: server, job: job, subject: subject, attempt: attempt}
}

// laterJob is the later of two jobs of the same step: for one build the higher attempt, otherwise what began later.
func laterJob(one, other *placedJob) *placedJob {
	switch {
	case one == nil:
		return other
	case other == nil:
		return one
	case one.subject == other.subject && one.attempt != other.attempt:
		if other.attempt > one.attempt {
			return other
		}
	case other.job.Active() && !one.job.Active() || other.job.Started.After(one.job.Started) && !one.job.Active():
		return other
	}
	return one
}

func (f FailOver) remember() failOverMemory {
	var memory failOverMemory
	places := f.FrontEnds
	if f.BackupServer != nil {
		places = append(places[:len(places):len(places)], *f.BackupServer)
	}
	for i, frontEnd := range places {
		if frontEnd.Server == nil {
			continue
		}
		for at := range frontEnd.Server.Jobs {
			job := &frontEnd.Server.Jobs[at]
			memory.move = laterJob(memory.move, place(frontEnd.FQDN, frontEnd.Server, job, v1alpha1.StepMoveCentralManagement))
			memory.failOver = laterJob(memory.failOver, place(frontEnd.FQDN, frontEnd.Server, job, v1alpha1.StepFailOverPool))
			memory.failBack = laterJob(memory.failBack, place(frontEnd.FQDN, frontEnd.Server, job, v1alpha1.StepFailBackPool))
		}
		if i < len(f.FrontEnds) && frontEnd.Server.FailOverSeen() {
			memory.hosts = append(memory.hosts, frontEnd.FQDN)
		}
	}
	return memory
}

func (d FailOverDecision) wait(reason, message string, args ...any) FailOverDecision {
	d.Verdict, d.Reason, d.Message = VerdictWait, reason, fmt.Sprintf(message, args...)
	return d
}

func (d FailOverDecision) hold(reason, message string, args ...any) FailOverDecision {
	d.Verdict, d.Reason, d.Message = VerdictHold, reason, fmt.Sprintf(message, args...)
	return d
}

func (d FailOverDecision) needPartner() FailOverDecision {
	d.NeedPartner = true
	return d.wait(v1alpha1.ReasonFailingOver, "a front end is asked about the backup pool")
}

// await waits for a job that has not ended. What runs is never ended by us: a failover cut in two is worse than a slow one.
func (d FailOverDecision) await(found *placedJob, reason string, limit time.Duration) FailOverDecision {
	d.Server, d.Attempt = found.fqdn, found.attempt
	d.ActiveSeconds = found.job.activeSeconds(found.server.Time)
	if !found.job.Started.IsZero() {
		elapsed := found.server.Time.Sub(found.job.Started)
		if elapsed > limit+overtime {
			return d.hold(v1alpha1.ReasonJobOverdue, "the job %s on %s has been running for longer than %s. It is not ended. Look at the server: its log is in %%ProgramData%%\\LyncOps\\jobs\\%s",
				found.job.ID, found.fqdn, limit+overtime, found.job.ID)
		}
	}
	return d.wait(reason, "%s", inWords(StepOf(found.job.ID), found.fqdn))
}

// place says which front end gets the job of an attempt: each in turn, so that another attempt is made from another server, and two
// copies of the operator choose the same.
func (f FailOver) host(attempt int) PoolFrontEnd { return f.FrontEnds[(attempt-1)%len(f.FrontEnds)] }

func (d FailOverDecision) start(fqdn string, order Order, reason string) FailOverDecision {
	d.Verdict, d.Server, d.Reason, d.Message = VerdictStart, fqdn, reason, inWords(StepOf(order.ID), fqdn)
	d.Orders = []PlacedOrder{{FQDN: fqdn, Order: order}}
	return d
}

// notWanted ends a failover that has moved nobody: the problem is gone, or nobody wants it any more.
func (f FailOver) notWanted(d FailOverDecision, memory failOverMemory) FailOverDecision {
	if len(memory.hosts) == 0 {
		return FailOverDecision{}
	}
	// A server that does not answer may remember more.
	if unfinished := f.unfinishedJob(); unfinished != "" {
		return d.wait(v1alpha1.ReasonFailingOver, "a failover was begun that is not wanted any more; %s", unfinished)
	}
	d.Verdict, d.PutAway, d.Reason = VerdictPutAway, memory.hosts, v1alpha1.ReasonFailingOver
	d.Message = "no failover is due any more; nobody was moved"
	return d
}

// allCurrent says whether there is nothing to move users for: every front end has the build. It also keeps a failover whose jobs have
// just been put away, while its end was not written down, from beginning anew.
func (f FailOver) allCurrent() bool {
	for _, frontEnd := range f.FrontEnds {
		if frontEnd.Server == nil || frontEnd.Server.Build.OlderThan(f.Plan.Build) {
			return false
		}
	}
	return len(f.FrontEnds) > 0
}

// beforeFailOver checks what must hold before anybody is moved, and then moves them.
func (f FailOver) beforeFailOver(d FailOverDecision, memory failOverMemory) FailOverDecision {
	if memory.move != nil && memory.move.job.Active() {
		d.Phase = v1alpha1.FailOverMovingCentralManagement
		return d.await(memory.move, v1alpha1.ReasonFailingOver, f.Timeout)
	}
	if stopped := f.resting(d); stopped != nil {
		return *stopped
	}
	if stopped := f.serversNotFit(d); stopped != nil {
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
	host := f.host(d.Attempt)
	return d.start(host.FQDN, Order{ID: JobID(v1alpha1.StepFailOverPool, f.Plan.Build, d.Attempt), Action: ActionFailOverPool, Pool: f.PoolFQDN, Timeout: f.Timeout},
		v1alpha1.ReasonFailingOver)
}

// afterOthers waits for what comes before the pool: a failover is a beginning like that of the first upgrade domain.
func (f FailOver) afterOthers(d FailOverDecision) FailOverDecision {
	if f.First.Lasting {
		return d.hold(f.First.Reason, "%s. The pool may not be failed over: %s", f.cause(), f.First.Message)
	}
	return d.wait(f.First.Reason, "%s. The pool is failed over when it may begin: %s", f.cause(), f.First.Message)
}

func (f FailOver) cause() string { return strings.TrimSuffix(f.Cause, ".") }

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
// carried through on every server.
func (f FailOver) serversNotFit(d FailOverDecision) *FailOverDecision {
	stop := func(stopped FailOverDecision) *FailOverDecision { return &stopped }
	if held := f.held(); held != nil {
		return stop(d.hold(held.Reason, "%s. Before the pool can be failed over: %s", f.cause(), held.Message))
	}
	for _, frontEnd := range f.FrontEnds {
		switch server := frontEnd.Server; {
		case server == nil:
			reason, message := v1alpha1.ReasonDiscovering, frontEnd.FQDN+" has not been looked at yet"
			if frontEnd.Problem != nil {
				reason, message = frontEnd.Problem.Reason, frontEnd.Problem.Message
			}
			return stop(d.wait(reason, "%s. The pool is failed over when every front end answers, so that every one can be upgraded: %s", f.cause(), sentence(message)))
		case server.Begun():
			return stop(d.wait(v1alpha1.ReasonUpgrading, "%s. What was begun on %s is finished before the pool is failed over", f.cause(), frontEnd.FQDN))
		case server.Build.OlderThan(f.Plan.Build) && !server.stagedFor(f.Plan):
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
	_, fingerprint, _, _ := parseJobID(plan.stageJobID(1))
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
		case job == nil:
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

// afterFailOver goes on from the latest Invoke-CsPoolFailOver.
func (f FailOver) afterFailOver(d FailOverDecision, memory failOverMemory) FailOverDecision {
	last := memory.failOver
	d.Server, d.Attempt = last.fqdn, last.attempt
	if last.job.State == JobSucceeded {
		return f.upgrading(d, memory)
	}
	d.Phase = v1alpha1.FailOverFailingOver
	switch {
	case last.job.Active():
		return d.await(last, v1alpha1.ReasonFailingOver, f.Timeout)
	case f.Partner == nil && f.Problem == nil:
		return d.needPartner()
	case f.Partner == nil:
		return d.wait(f.Problem.Reason, "the failover on %s ended badly (%s), and where the users are could not be found out: %s", last.fqdn, sentence(last.job.Message), sentence(f.Problem.Message))
	case f.Partner.PoolState == RegistrarFailedOver:
		return f.upgrading(d, memory)
	case f.Partner.usersAtHome() && last.fresh() && f.Permitted <= last.attempt && (!f.Allowed || last.subject != string(f.Plan.Build)):
		return d.wait(v1alpha1.ReasonFailOverFailed, "the failover on %s ended badly (%s) and is not wanted any more; the registrar is %s in the copy of the topology on a front end, which is believed %s after the failover ended",
			last.fqdn, sentence(last.job.Message), f.Partner.PoolState, registrarLag)
	case f.Partner.usersAtHome() && (!f.Allowed || last.subject != string(f.Plan.Build) || f.Cause == "" && f.Permitted > last.attempt):
		// Where nobody knows the cause any more, another try begins with asking the pool.
		if unfinished := f.unfinishedJob(); unfinished != "" {
			return d.wait(v1alpha1.ReasonFailOverFailed, "the failover had failed and is not wanted any more; %s", unfinished)
		}
		d.Verdict, d.PutAway, d.Reason = VerdictPutAway, memory.hosts, v1alpha1.ReasonFailOverFailed
		d.Message = "the failover had failed and is not wanted any more; the users are on their pool"
		return d
	case f.Partner.usersAtHome() && f.Cause != "" && f.Permitted > last.attempt:
		d.Attempt = f.Permitted
		return f.beforeFailOver(d, memory)
	case !f.Partner.usersAtHome() && f.Permitted > last.attempt:
		return f.failOverAgain(d, last)
	}
	d.Retriable = true
	where := "The users are on their pool"
	if !f.Partner.usersAtHome() {
		where = fmt.Sprintf("The registrar of the pool is %s: users may be able to sign in nowhere", f.Partner.PoolState)
	}
	return d.hold(v1alpha1.ReasonFailOverFailed, "Invoke-CsPoolFailOver on %s did not succeed: %s. %s. No server is touched. Look at the log in %%ProgramData%%\\LyncOps\\jobs\\%s, then ask for another try with the annotation %s",
		last.fqdn, sentence(last.job.Message), where, last.job.ID, v1alpha1.AnnotationRetry)
}

// failOverAgain goes on with a failover that was left half way, because a person has said so: the cmdlet takes up where it was.
func (f FailOver) failOverAgain(d FailOverDecision, last *placedJob) FailOverDecision {
	if stopped := f.resting(d); stopped != nil {
		return *stopped
	}
	d.Attempt = f.Permitted
	if stopped := f.serversNotFit(d); stopped != nil {
		return *stopped
	}
	if recording := f.record(d); recording != nil {
		return *recording
	}
	return d.start(f.host(d.Attempt).FQDN, Order{ID: JobID(v1alpha1.StepFailOverPool, v1alpha1.Build(last.subject), d.Attempt), Action: ActionFailOverPool, Pool: f.PoolFQDN, Timeout: f.Timeout},
		v1alpha1.ReasonFailingOver)
}

// upgrading waits until every front end has the build and serves, and then fails the pool back.
func (f FailOver) upgrading(d FailOverDecision, memory failOverMemory) FailOverDecision {
	d.Phase, d.UsersOnBackupPool, d.Server = v1alpha1.FailOverUpgrading, true, ""
	back, left := f.allServe()
	if f.Partner == nil && f.Problem == nil && (back || !f.Opened) {
		return d.needPartner()
	}
	if last := memory.failOver; f.Partner != nil && f.Partner.usersAtHome() && last.fresh() {
		return d.wait(v1alpha1.ReasonFailingOver, "the pool was failed over on %s; the registrar is still %s in the copy of the topology on a front end. That is believed when it still says so %s after the failover",
			last.fqdn, f.Partner.PoolState, registrarLag)
	}
	if f.Partner != nil && f.Partner.usersAtHome() {
		// The operator's own Invoke-CsPoolFailBack has not succeeded: somebody else has brought them back. From here the usual gates hold.
		d.UsersOnBackupPool = false
		if working := f.unfinishedJob(); working != "" {
			return d.wait(v1alpha1.ReasonUpgrading, "the pool was failed back by hand; %s", working)
		}
		d.Verdict, d.PutAway, d.Reason = VerdictPutAway, memory.hosts, v1alpha1.ReasonUpgrading
		d.Message = "the pool was failed back by hand; the rollout goes on one upgrade domain at a time"
		return d
	}
	if stopped := f.resting(d); stopped != nil {
		return *stopped
	}
	if held := f.held(); held != nil {
		return d.hold(held.Reason, "the users of %s are on the backup pool, and stay there until every front end has the build and serves: %s", f.PoolFQDN, held.Message)
	}
	if f.Partner == nil && (back || !f.Opened) {
		return d.wait(f.Problem.Reason, "the users of %s are on the backup pool. Before anything else is done a front end must say so: %s", f.PoolFQDN, sentence(f.Problem.Message))
	}
	switch {
	case f.BackEnd != "":
		return d.wait(v1alpha1.ReasonWaitingForBackEnd, "the users of %s are on the backup pool; the back end %s is being worked on", f.PoolFQDN, f.BackEnd)
	case !back:
		d.Open = true
		return d.wait(v1alpha1.ReasonUsersOnBackupPool, "the users of %s are on the backup pool; its front ends are upgraded together: %s", f.PoolFQDN, left)
	}
	return f.failBack(d, memory)
}

// allServe says whether every front end has the build and serves with all that ran before, and otherwise what is missing.
func (f FailOver) allServe() (all bool, left string) {
	done := 0
	for _, frontEnd := range f.FrontEnds {
		server := frontEnd.Server
		if server == nil || server.Build.OlderThan(f.Plan.Build) || server.Begun() || !server.Serving() {
			continue
		}
		if notRunning, changed := server.missing(); len(notRunning)+len(changed) == 0 {
			done++
		}
	}
	return done == len(f.FrontEnds) && done > 0, fmt.Sprintf("%d of %d have the build and serve", done, len(f.FrontEnds))
}

// unfinishedJob is what still runs on a front end.
func (f FailOver) unfinishedJob() string {
	for _, frontEnd := range f.FrontEnds {
		if frontEnd.Server == nil {
			return frontEnd.FQDN + " does not answer"
		}
		if active := frontEnd.Server.activeJob(); active != nil {
			return inWords(StepOf(active.ID), frontEnd.FQDN)
		}
	}
	return ""
}

// failBack moves the users back, on the latest fail back's next attempt.
func (f FailOver) failBack(d FailOverDecision, memory failOverMemory) FailOverDecision {
	d.Phase, d.Attempt = v1alpha1.FailOverFailingBack, max(f.Permitted, 1)
	if memory.failBack != nil {
		d.Attempt = max(d.Attempt, memory.failBack.attempt+1)
	}
	id := JobID(v1alpha1.StepFailBackPool, v1alpha1.Build(memory.failOver.subject), d.Attempt)
	return d.start(f.host(d.Attempt).FQDN, Order{ID: id, Action: ActionFailBackPool, Pool: f.PoolFQDN, Timeout: f.FailBackTimeout}, v1alpha1.ReasonFailingBack)
}

// afterFailBack goes on from the latest Invoke-CsPoolFailBack. "Known issues": it may fail with "Unable to complete hydration process
// after repeated attempt"; it is then to be run again until it succeeds.
func (f FailOver) afterFailBack(d FailOverDecision, memory failOverMemory) FailOverDecision {
	last := memory.failBack
	d.Phase, d.Server, d.Attempt, d.UsersOnBackupPool = v1alpha1.FailOverFailingBack, last.fqdn, last.attempt, true
	if memory.failOver == nil {
		memory.failOver = last // its own record was put away first
	}
	switch {
	case last.job.Active():
		return d.await(last, v1alpha1.ReasonFailingBack, f.FailBackTimeout)
	case f.Partner == nil && f.Problem == nil:
		return d.needPartner()
	case f.Partner == nil:
		return d.wait(f.Problem.Reason, "whether the users of %s are back could not be found out: %s", f.PoolFQDN, sentence(f.Problem.Message))
	case f.Partner.usersAtHome():
		return f.verifyFailBack(d, memory)
	case last.job.State == JobSucceeded && last.job.age(last.server.Time) <= f.FailBackTimeout:
		return d.wait(v1alpha1.ReasonFailingBack, "the pool was failed back; the registrar is still %s in the copy of the topology on the front ends, and Active is awaited", f.Partner.PoolState)
	case last.job.State == JobSucceeded:
		d.Retriable = true
		if f.Permitted > last.attempt {
			return f.upgrading(d, memory)
		}
		return d.hold(v1alpha1.ReasonPoolFailBackFailed, "Invoke-CsPoolFailBack on %s ended without an error, but the registrar of %s is still %s. Look at Get-CsRegistrarConfiguration; when it is Active, the operator goes on by itself. Another try: the annotation %s",
			last.fqdn, f.PoolFQDN, f.Partner.PoolState, v1alpha1.AnnotationRetry)
	case last.attempt < max(f.Permitted, maximumOwnAttempts):
		return f.upgrading(d, memory)
	}
	d.Retriable, d.Open = true, !f.Paused && !f.Observe
	return d.hold(v1alpha1.ReasonPoolFailBackFailed, "Invoke-CsPoolFailBack did not succeed on %s at attempt %d: %s. The users of %s stay on the backup pool, where they can work. Look at the log in %%ProgramData%%\\LyncOps\\jobs\\%s, then ask for another try with the annotation %s",
		last.fqdn, last.attempt, sentence(last.job.Message), f.PoolFQDN, last.job.ID, v1alpha1.AnnotationRetry)
}

// verifyFailBack looks whether every front end serves the users that are back, and puts the failover away.
func (f FailOver) verifyFailBack(d FailOverDecision, memory failOverMemory) FailOverDecision {
	d.UsersOnBackupPool = false
	current := true
	for _, frontEnd := range f.FrontEnds {
		current = current && frontEnd.Server != nil && !frontEnd.Server.Build.OlderThan(f.Plan.Build)
		switch {
		case frontEnd.Server == nil:
			return d.wait(v1alpha1.ReasonFailingBack, "the users of %s are back; %s does not answer and cannot be verified", f.PoolFQDN, frontEnd.FQDN)
		case !frontEnd.Server.Serving():
			return d.wait(v1alpha1.ReasonFailingBack, "the users of %s are back; the front end service of %s does not run yet. If it does not start, start it (Start-CsWindowsService)", f.PoolFQDN, frontEnd.FQDN)
		case frontEnd.Server.activeJob() != nil:
			return d.wait(v1alpha1.ReasonFailingBack, "the users of %s are back; %s", f.PoolFQDN, inWords(StepOf(frontEnd.Server.activeJob().ID), frontEnd.FQDN))
		}
	}
	for _, domain := range f.Domains {
		// Otherwise the pool would be asked at once for a domain that is done, and what it answers while it settles would count.
		if current && domain.State != v1alpha1.DomainDone && !domain.aside() && !domain.Leaving {
			return d.wait(v1alpha1.ReasonFailingBack, "the users of %s are back; the front ends of %s are looked at once more", f.PoolFQDN, domain.Name)
		}
	}
	d.Verdict, d.PutAway, d.FailedBack, d.Reason = VerdictPutAway, memory.hosts, true, v1alpha1.ReasonFailingBack
	d.Message = fmt.Sprintf("the users of %s are back on their pool, and every front end serves", f.PoolFQDN)
	return d
}
