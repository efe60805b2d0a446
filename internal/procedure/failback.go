package procedure

import (
	"fmt"

	"lyncops.dev/operator/api/v1alpha1"
)

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
	tries := maximumOwnAttempts
	if memory.failOver == nil {
		memory.failOver = last // its own record was put away first
	} else {
		// Attempts are counted from those of the failover before it, for which a person may have asked more than once.
		tries += memory.failOver.attempt - 1
	}
	switch {
	case last.job.Active():
		return d.await(last, v1alpha1.ReasonFailingBack, f.FailBackTimeout).orderAgain(f, last)
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
	case last.attempt < max(f.Permitted, tries):
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
		current = current && frontEnd.Server != nil && !frontEnd.Server.stillNeeds(f.Plan)
		switch {
		case frontEnd.Server == nil:
			return d.wait(v1alpha1.ReasonFailingBack, "the users of %s are back; %s does not answer and cannot be verified. Start it, or take it out of the topology", f.PoolFQDN, frontEnd.FQDN)
		case !frontEnd.Server.Serving() && memory.failBack.job.age(memory.failBack.server.Time) > f.Plan.RestartTimeout:
			return d.hold(v1alpha1.ReasonServicesNotRunning, "the users of %s are back; the front end service of %s has not come to run within %s. Start it (Start-CsWindowsService), or take the front end out of the topology; the operator then goes on by itself",
				f.PoolFQDN, frontEnd.FQDN, f.Plan.RestartTimeout)
		case !frontEnd.Server.Serving():
			return d.wait(v1alpha1.ReasonFailingBack, "the users of %s are back; the front end service of %s does not run yet. If it does not start, start it (Start-CsWindowsService)", f.PoolFQDN, frontEnd.FQDN)
		case frontEnd.Server.activeJob() != nil:
			return d.wait(v1alpha1.ReasonFailingBack, "the users of %s are back; %s", f.PoolFQDN, inWords(StepOf(frontEnd.Server.activeJob().ID), frontEnd.FQDN))
		}
	}
	for _, domain := range f.Domains {
		// Otherwise the pool would be asked at once for a domain that is done, and what it answers while it settles would count. One that is held is
		// not asked for, and is not done before a person has answered for it.
		if current && domain.State != v1alpha1.DomainDone && domain.State != v1alpha1.DomainHeld && domain.Reason != v1alpha1.ReasonDeleting && !domain.Leaving {
			return d.wait(v1alpha1.ReasonFailingBack, "the users of %s are back; the front ends of %s are looked at once more", f.PoolFQDN, domain.Name)
		}
	}
	d.Verdict, d.PutAway, d.FailedBack, d.Reason = VerdictPutAway, memory.hosts, true, v1alpha1.ReasonFailingBack
	d.Message = fmt.Sprintf("the users of %s are back on their pool, and every front end serves", f.PoolFQDN)
	return d
}
