package controllers

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// act starts what was decided, at most one job a server, and puts finished jobs away. It returns how many servers were put
// away, which changes what is to be decided.
func (r *UpgradeDomainReconciler) act(ctx context.Context, work *domainWork, domain procedure.Domain, decision procedure.DomainDecision) (putAway int, err error) {
	for i := range decision.Servers {
		server := &decision.Servers[i]
		switch server.Verdict {
		case procedure.VerdictStart:
			if err := r.start(ctx, work, server); err != nil {
				return putAway, err
			}
		case procedure.VerdictPutAway:
			if _, err := r.Servers.ClearJobs(ctx, work.with.At(server.FQDN), databaseJobs(domain.Servers[i].Server)); err != nil {
				problem := problemFrom(err)
				server.Reason, server.Message = problem.Reason, problem.Message
				continue
			}
			putAway++
			work.told = append(work.told, announcement{reason: v1alpha1.EventServerUpgraded, action: "Verify", note: server.Message})
		default:
		}
	}
	return putAway, nil
}

// databaseJobs are the jobs of a back end or of a pool failover that ran on this front end: they are the memory of those and stay.
func databaseJobs(server *procedure.Server) []string {
	keep := []string{}
	for _, job := range server.Jobs {
		if procedure.UpdatesDatabases(procedure.StepOf(job.ID)) || procedure.OfFailOver(job.ID) {
			keep = append(keep, job.ID)
		}
	}
	return keep
}

func (r *UpgradeDomainReconciler) start(ctx context.Context, work *domainWork, server *procedure.ServerDecision) error {
	row := rowOf(work.object.Status.Servers, server.FQDN)
	// An order that got lost is given again, but the server is taken once.
	if repeated := row != nil && row.Step == server.Step && int(row.Attempt) == server.Attempt; takesOut(server, row) && !repeated {
		work.told = append(work.told, announcement{reason: v1alpha1.EventServerTaken, action: "Drain", note: "taking " + server.FQDN + " out of service to install build " + string(work.object.Spec.DesiredBuild)})
	}
	var pkg v1alpha1.UpdatePackage
	if work.pool.Spec.Package != nil {
		pkg = *work.pool.Spec.Package
	}
	request, err := requestFor(*server.Order, pkg, work.with.Principal)
	if err != nil {
		return err
	}
	job, err := r.Servers.StartJob(ctx, work.with.At(server.FQDN), request)
	if err != nil {
		// Whether the job was started is seen at the next look; until then the step stands as it was meant.
		problem := problemFrom(err)
		server.Message = problem.Message
		server.Reason = problem.Reason
		return nil
	}
	logr.FromContextOrDiscard(ctx).Info("job started", "server", server.FQDN, "step", server.Step, "job", job.ID, "state", job.State)
	return nil
}

// takesAnyOut says whether a decision takes a server out of service.
func takesAnyOut(work *domainWork, decision procedure.DomainDecision) bool {
	for i := range decision.Servers {
		server := &decision.Servers[i]
		if server.Verdict == procedure.VerdictStart && takesOut(server, rowOf(work.object.Status.Servers, server.FQDN)) {
			return true
		}
	}
	return false
}

// takesOut says whether an order takes a server that serves out of service, and is not the continuation of work that already has.
func takesOut(server *procedure.ServerDecision, row *v1alpha1.ServerStatus) bool {
	return !server.OutOfService && beginsWith(server, row)
}

// beginsWith says whether an order is the first of our work on the services of a server, and not the continuation of work that has begun.
func beginsWith(server *procedure.ServerDecision, row *v1alpha1.ServerStatus) bool {
	switch {
	case server.Order.Action == procedure.ActionRestartComputer, server.Step == v1alpha1.StepStopServicesAgain:
		return row == nil || row.Step == v1alpha1.StepReady || row.Step == v1alpha1.StepWaiting || row.Step == v1alpha1.StepHeld
	case server.Order.Action == procedure.ActionStopServices, server.Order.Action == procedure.ActionFailOverComputer:
		return true
	}
	return false
}

// turnStands asks the API server itself whether it is still this domain's turn: a cache may be a moment behind, and a moment
// is enough to take a second domain out of service, or one whose databases are being updated.
func (r *UpgradeDomainReconciler) turnStands(ctx context.Context, work *domainWork) (bool, error) {
	var pool v1alpha1.LyncPool
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(work.pool), &pool); err != nil {
		return false, fmt.Errorf("asking whether it is still the turn of %s: %w", work.object.Spec.DomainName, err)
	}
	var domain v1alpha1.UpgradeDomain
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(work.object), &domain); err != nil {
		return false, fmt.Errorf("asking whether %s is being deleted: %w", work.object.Name, err)
	}
	backEnd, err := r.backEndAtWork(ctx, r.Live, client.ObjectKeyFromObject(work.pool))
	if err != nil {
		return false, err
	}
	guests, err := r.carriesUsers(ctx, r.Live, &pool)
	if err != nil {
		return false, err
	}
	// A turn that has become an adopted one since is another turn.
	same := isTurnOf(pool.Status.OpenDomain, work.object) && work.pool.Status.OpenDomain != nil && pool.Status.OpenDomain.Adopted == work.pool.Status.OpenDomain.Adopted
	return same && backEnd == "" && guests == "" && !beingDeleted(&pool) && !beingDeleted(&domain) &&
		!pool.Spec.Paused && pool.Spec.Management != v1alpha1.ManagementObserve, nil
}
