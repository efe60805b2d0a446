package controllers

import (
	"context"
	"time"

	"github.com/go-logr/logr"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// followFailOver does what was decided and reports it. An order that begins a phase is given in the pass after the one that has written
// the phase down: the domains, the back ends and the backup pool look for it there before they begin anything.
func (r *LyncPoolReconciler) followFailOver(ctx context.Context, work *poolWork, decision procedure.FailOverDecision) (time.Duration, error) {
	status := &work.object.Status
	before := status.FailOver
	ordered := decision.Verdict == procedure.VerdictStart
	announced := before != nil && before.Phase == decision.Phase && !before.GateAbandoned
	if decision.Claims() {
		if err := r.claimWithDomains(ctx, work); err != nil {
			return 0, err
		}
		r.remember(work.object, work.with)
	}
	if ordered && (announced || decision.Phase == v1alpha1.FailOverRecording) {
		if err := r.orderFailOver(ctx, work, &decision); err != nil {
			return 0, err
		}
	}
	if decision.Verdict == procedure.VerdictPutAway && r.putFailOverAway(ctx, work, &decision) {
		r.failOverIsOver(work, decision)
		return quickestLook, nil
	}
	r.reportFailOver(work, decision)
	return lookAtFailOver(decision), nil
}

// claimWithDomains claims the pool and its upgrade domains: once the users are moved every front end has to be upgraded, whatever is
// deleted meanwhile.
func (r *LyncPoolReconciler) claimWithDomains(ctx context.Context, work *poolWork) error {
	if err := r.claim(ctx, work.object, work.before); err != nil {
		return err
	}
	for _, domain := range work.domains {
		if err := r.claim(ctx, domain, domain.DeepCopy()); err != nil {
			return err
		}
	}
	return nil
}

func (r *LyncPoolReconciler) orderFailOver(ctx context.Context, work *poolWork, decision *procedure.FailOverDecision) error {
	for _, placed := range decision.Orders {
		request, err := requestFor(placed.Order, v1alpha1.UpdatePackage{}, work.with.Principal)
		if err != nil {
			return err
		}
		job, err := r.Servers.StartJob(ctx, work.with.At(placed.FQDN), request)
		if err != nil {
			// Whether the job was started is seen at the next look.
			decision.Message = problemFrom(err).Message
			continue
		}
		logr.FromContextOrDiscard(ctx).Info("job started", "server", placed.FQDN, "job", job.ID, "state", job.State)
	}
	return nil
}

// putFailOverAway clears the jobs of a failover that is over, and says whether all of them are gone.
func (r *LyncPoolReconciler) putFailOverAway(ctx context.Context, work *poolWork, decision *procedure.FailOverDecision) bool {
	for _, found := range observe(ctx, r.Servers, work.with, decision.PutAway) {
		if found.server == nil {
			decision.Reason, decision.Message = found.problem.Reason, found.problem.Message
			return false
		}
		var keep []string
		for _, job := range found.server.Jobs {
			if !procedure.OfFailOver(job.ID) {
				keep = append(keep, job.ID)
			}
		}
		if _, err := r.Servers.ClearJobs(ctx, work.with.At(found.fqdn), keep); err != nil {
			problem := problemFrom(err)
			decision.Reason, decision.Message = problem.Reason, problem.Message
			return false
		}
	}
	r.putMovesAway(ctx, work)
	return true
}

// putMovesAway clears the jobs that moved the central management store, on servers of the backup pool. One that cannot be reached keeps
// its record: nothing hangs on it, and the failover does not wait for a server of another pool.
func (r *LyncPoolReconciler) putMovesAway(ctx context.Context, work *poolWork) {
	if work.object.Status.FailOver == nil {
		return
	}
	for _, found := range observe(ctx, r.Servers, work.with, work.object.Status.FailOver.MovedBy) {
		var problem *procedure.Problem
		if problem = found.problem; found.server != nil {
			var keep []string
			for _, job := range found.server.Jobs {
				if procedure.StepOf(job.ID) != v1alpha1.StepMoveCentralManagement {
					keep = append(keep, job.ID)
				}
			}
			if _, err := r.Servers.ClearJobs(ctx, work.with.At(found.fqdn), keep); err != nil {
				problem = problemFrom(err)
			}
		}
		if problem != nil {
			logr.FromContextOrDiscard(ctx).Info("the job that moved the central management store is not put away", "server", found.fqdn, "why", problem.Message)
		}
	}
}

// failOverIsOver takes the failover out of the status. The pool then follows the usual procedure.
func (r *LyncPoolReconciler) failOverIsOver(work *poolWork, decision procedure.FailOverDecision) {
	status := &work.object.Status
	status.FailOver, status.Readiness = nil, nil
	if decision.FailedBack || decision.UsersOnBackupPool || decision.Phase == v1alpha1.FailOverUpgrading {
		status.Hold = nil
	}
	if decision.FailedBack {
		work.told = append(work.told, announcement{reason: v1alpha1.EventFailedBack, action: "FailBack", note: decision.Message})
	}
	for _, domain := range work.domains {
		if domain.Spec.DomainName == unknownDomain {
			status.Servers = nil // which domain a front end is in can be asked again
		}
	}
	work.sumUp()
	status.Now = decision.Message
	work.conditions.summarise(standingWorking, v1alpha1.ReasonUpgrading, decision.Message)
}
