package procedure

import (
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

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

// fresh says whether the job has ended so lately that a front end may not know yet what it has changed. One that was cut off by a restart has
// run until then, and when it was cut off otherwise nobody knows: it may have run for as long as it was allowed to.
func (p placedJob) fresh(timeout time.Duration) bool {
	age := p.job.age(p.server.Time)
	if p.job.State == JobInterrupted && !p.job.Finished.After(p.job.Started) {
		if age -= timeout; p.server.restartedSince(*p.job) {
			age = p.server.Time.Sub(p.server.BootTime)
		}
	}
	return age <= registrarLag
}

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

// FailOverSeenOn says whether a server of a domain remembers a failover. While one does not answer, what was seen before stands. What one
// that has left the pool remembers is nobody's business any more.
func FailOverSeenOn(servers []DomainServer, before bool) bool {
	unanswered := false
	for _, server := range servers {
		if server.Left {
			continue
		}
		if server.Server == nil {
			unanswered = true
		} else if server.Server.FailOverSeen() {
			return true
		}
	}
	return before && unanswered
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
	case other.job.Active() && !one.job.Active() || other.job.since().After(one.job.since()) && !one.job.Active():
		return other
	}
	return one
}

// memorySilent names a front end that does not answer although users were moved, or may have been, at the last look: it may be the one that
// remembers it, as it restarts. Empty when there is none.
func (f FailOver) memorySilent() string {
	if f.Phase != v1alpha1.FailOverFailingOver && f.Phase != v1alpha1.FailOverUpgrading && f.Phase != v1alpha1.FailOverFailingBack {
		return ""
	}
	for _, frontEnd := range f.FrontEnds {
		if frontEnd.Server == nil {
			return frontEnd.FQDN
		}
	}
	return ""
}

// awaitMemory leaves a failover as it was written down: the domains, the back ends and the backup pool go by that.
func (f FailOver) awaitMemory(d FailOverDecision) FailOverDecision {
	d.Phase, d.UsersOnBackupPool, d.Open = f.Phase, f.UsersOnBackupPool, f.Opened && !f.Paused && !f.Observe
	return d.wait(v1alpha1.ReasonServerUnreachable, "%s does not answer, and no other front end remembers the failover; until one does it stands as it was%s", f.memorySilent(), f.orByForce())
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
