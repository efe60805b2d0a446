package controllers

import (
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

func nextLook(work *domainWork, domain procedure.Domain, decision procedure.DomainDecision) time.Duration {
	var next time.Duration
	for i, server := range decision.Servers {
		interval := orDefault(work.pool.Spec.Rollout.Verify.DriftInterval, defaultDriftInterval)
		next = sooner(next, lookAtServer(server, domain.Servers[i].Problem, rowOf(work.object.Status.Servers, server.FQDN), work.now, interval))
	}
	if work.refused {
		// What stands against the turn may end without an event for the domain: a back end is done, or users of another pool go home.
		next = sooner(next, holdLook)
	}
	if work.deleting() && !work.leaves {
		// What it waits for may be another domain, or a failover that is put away: neither is an event of its own.
		next = sooner(next, troubleLook)
	}
	if beingFailedOver(work.pool) && decision.State != v1alpha1.DomainDone {
		// Invoke-CsPoolFailBack restarts services, of which no event tells; the pool waits for the domain that has seen them down.
		next = sooner(next, troubleLook)
	}
	return next
}

// lookAtServer is the time until one server should be looked at again.
func lookAtServer(server procedure.ServerDecision, problem *procedure.Problem, row *v1alpha1.ServerStatus, now time.Time, drift time.Duration) time.Duration {
	switch {
	case problem != nil && server.Begun && row != nil && row.Since != nil:
		return lookAfter(now.Sub(row.Since.Time).Seconds())
	case problem != nil && problem.Lasting:
		return holdLook
	case problem != nil:
		return troubleLook
	case server.Verdict == procedure.VerdictDone:
		return unhurried(drift)
	case server.Verdict == procedure.VerdictHold:
		return holdLook
	case server.ActiveSeconds > 0: // a job that is awaited, also where it is ordered once more
		return lookAfter(server.ActiveSeconds)
	case server.Verdict == procedure.VerdictStart, server.Verdict == procedure.VerdictPutAway:
		return quickestLook
	case server.Reason == v1alpha1.ReasonPrincipalOnMirror, server.Reason == v1alpha1.ReasonMirrorNotSynchronised, server.Reason == v1alpha1.ReasonMirrorStateUnknown:
		return holdLook // what a person does about SQL Server arrives as no event
	case server.Step == v1alpha1.StepReady, server.Step == v1alpha1.StepWaiting:
		return unhurried(turnLook)
	}
	return troubleLook
}
