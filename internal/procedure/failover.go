package procedure

import (
	"fmt"
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
	// WithoutDomain are front ends of a pool that is being deleted of which no upgrade domain is left, so that nobody finishes them.
	WithoutDomain []PoolFrontEnd
	Domains       []PoolDomain
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
	// Phase and UsersOnBackupPool are what was written down at the last look, and PhaseAge is how long ago that phase began; empty, false and
	// zero when nothing was.
	Phase             v1alpha1.FailOverPhase
	PhaseAge          time.Duration
	UsersOnBackupPool bool
	// BackEnd names a back end of the pool that is being worked on.
	BackEnd string
	// TopologyChanged says why FrontEnds are not the pool's front ends any more, or that this could not be asked; empty when the topology was
	// read again and is as it was, and nil when it was not read in this pass.
	TopologyChanged *string
	// First is what comes before the pool; a failover that has not begun waits for it. Nil when nothing does.
	First *Precedes
	// BackupPoolBusy is why the backup pool cannot take the users now; empty when it can.
	BackupPoolBusy string
	Paused         bool
	Observe        bool
	// Deleting: the pool is being deleted, and no upgrade domain of it is made anew.
	Deleting bool
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
	// NeedTopology: users could be moved now if the topology still names the front ends that were looked at.
	NeedTopology bool
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

// Claims says whether the pool and its domains are needed until the failover is over, whatever is deleted meanwhile.
func (d FailOverDecision) Claims() bool {
	return d.Verdict == VerdictStart || d.Phase != v1alpha1.FailOverChecking && d.Verdict != VerdictPutAway
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
	case f.memorySilent() != "":
		return f.awaitMemory(decision)
	case f.Cause == "" || !f.Allowed || f.allCurrent():
		return f.notWanted(decision, memory)
	}
	return f.beforeFailOver(decision, memory)
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
		return d.await(last, v1alpha1.ReasonFailingOver, f.Timeout).orderAgain(f, last)
	case f.Partner == nil && f.Problem == nil:
		return d.needPartner()
	case f.Partner == nil:
		return d.wait(f.Problem.Reason, "the failover on %s ended badly (%s), and where the users are could not be found out: %s", last.fqdn, sentence(last.job.Message), sentence(f.Problem.Message))
	case f.Partner.PoolState == RegistrarFailedOver:
		return f.upgrading(d, memory)
	case f.Partner.usersAtHome():
		return f.failedAtHome(d, memory)
	case f.Permitted > last.attempt:
		return f.failOverAgain(d, last)
	}
	return f.failOverFailed(d, last)
}

// failedAtHome goes on from a failover that did not succeed and has moved nobody: it is put away where nobody wants it any more, and tried
// again where a person has said so.
func (f FailOver) failedAtHome(d FailOverDecision, memory failOverMemory) FailOverDecision {
	last := memory.failOver
	current := f.allCurrent()
	wanted, asked := f.Allowed && last.subject == string(f.Plan.Build) && !current, f.Permitted > last.attempt
	switch {
	case !wanted && (!asked || current) && last.fresh(f.Timeout):
		return d.wait(v1alpha1.ReasonFailOverFailed, "the failover on %s ended badly (%s) and is not wanted any more; the registrar is %s in the copy of the topology on a front end, which is believed %s after the failover ended",
			last.fqdn, sentence(last.job.Message), f.Partner.PoolState, registrarLag)
	case !wanted || asked && f.Cause == "":
		// Where nobody knows the cause any more, another try begins with asking the pool.
		if unfinished := f.unfinishedJob(); unfinished != "" {
			return d.wait(v1alpha1.ReasonFailOverFailed, "the failover had failed and is not wanted any more; %s", unfinished)
		}
		d.Verdict, d.PutAway, d.Reason = VerdictPutAway, memory.hosts, v1alpha1.ReasonFailOverFailed
		d.Message = "the failover had failed and is not wanted any more; the users are on their pool"
		return d
	case asked:
		d.Attempt = f.Permitted
		return f.beforeFailOver(d, memory)
	}
	return f.failOverFailed(d, last)
}

// failOverFailed waits for a person.
func (f FailOver) failOverFailed(d FailOverDecision, last *placedJob) FailOverDecision {
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
	// The package can follow: users who can sign in nowhere do not wait for it.
	if stopped := f.serversNotFit(d, false); stopped != nil {
		return *stopped
	}
	if stopped := f.otherFrontEnds(d); stopped != nil {
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
	if f.Partner != nil && f.Partner.usersAtHome() {
		return f.failedBackByHand(d, memory)
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
	case !back && f.stranded() != "":
		return d.hold(v1alpha1.ReasonPoolFailedOver, "the users of %s are on the backup pool, and %s (%s). Start the services of its front ends and finish by hand (Invoke-CsPoolFailBack); the operator then goes on by itself",
			f.PoolFQDN, f.stranded(), left)
	case !back:
		d.Open = true
		return d.wait(v1alpha1.ReasonUsersOnBackupPool, "the users of %s are on the backup pool; its front ends are upgraded together: %s", f.PoolFQDN, left)
	}
	return f.failBack(d, memory)
}

// stranded says why nobody upgrades the front ends of a pool that is being deleted any more; empty while somebody does.
func (f FailOver) stranded() string {
	switch {
	case !f.Deleting:
		return ""
	case len(f.Domains) == 0:
		return "every upgrade domain that could upgrade its front ends was let go by force"
	}
	waiting, mayBegin := false, false
	for _, frontEnd := range f.FrontEnds {
		switch server := frontEnd.Server; {
		case server == nil:
			return ""
		case server.Starting() && server.activeJob() == nil:
			waiting = true // for others, so that it is finished with them or not at all
		case server.Begun():
			return "" // what has been begun is finished beside a failure
		case !server.Serving():
			mayBegin = true
		}
	}
	for _, frontEnd := range f.WithoutDomain {
		switch server := frontEnd.Server; {
		case server == nil:
		case MemberFrom(f.Plan, *server).Failed:
			return fmt.Sprintf("%s has failed, of which no upgrade domain is left that could be asked for another try: no further server is touched", frontEnd.FQDN)
		case waiting && !mayBegin && !server.Serving() && !server.Starting():
			return fmt.Sprintf("its front ends wait for others to be started, such as %s, of which no upgrade domain is left that could start it", frontEnd.FQDN)
		}
	}
	return ""
}

// failedBackByHand puts a failover away whose users are at home although Invoke-CsPoolFailBack of the operator has not succeeded: somebody else
// has brought them back. From here the usual gates hold.
func (f FailOver) failedBackByHand(d FailOverDecision, memory failOverMemory) FailOverDecision {
	if last := memory.failOver; last.fresh(f.Timeout) {
		return d.wait(v1alpha1.ReasonFailingOver, "the pool was failed over on %s; the registrar is still %s in the copy of the topology on a front end. That is believed when it still says so %s after the failover",
			last.fqdn, f.Partner.PoolState, registrarLag)
	}
	d.UsersOnBackupPool = false
	if working := f.unfinishedJob(); working != "" {
		return d.wait(v1alpha1.ReasonUpgrading, "the pool was failed back by hand; %s", working)
	}
	d.Verdict, d.PutAway, d.Reason = VerdictPutAway, memory.hosts, v1alpha1.ReasonUpgrading
	d.Message = "the pool was failed back by hand; the rollout goes on one upgrade domain at a time"
	return d
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
