package controllers

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// underWay says whether a domain of the pool has its turn, servers of one are half way, or the pool is failed over.
func underWay(pool *v1alpha1.LyncPool) bool { return openOf(pool) != "" }

// givesPlaceBack takes a pool that is under way no longer from those that count, and says whether it lets go: nothing of it is left to be
// finished, and deleting it needs to wait for nothing any more. A claim that led to nothing is given back as well.
func (r *LyncPoolReconciler) givesPlaceBack(ctx context.Context, work *poolWork, decision procedure.PoolDecision) (leaves bool, err error) {
	status := &work.object.Status
	if underWay(work.object) || status.UnderWaySince != nil && procedure.KeepsPlace(decision) {
		return false, nil
	}
	status.UnderWaySince = nil
	if !claimed(work.object) || work.stays {
		return false, nil
	}
	others, err := r.unfinished(ctx, work)
	return len(others) == 0, err
}

// unfinished names the objects that need the pool to finish a server: upgrade domains and back ends that bear the finalizer, or have
// a server half way. The API server itself is asked.
func (r *LyncPoolReconciler) unfinished(ctx context.Context, work *poolWork) ([]string, error) {
	var others []string
	domains, err := domainsLive(ctx, r.Live, work.object)
	if err != nil {
		return nil, err
	}
	for i := range domains {
		if claimed(&domains[i]) || domains[i].Status.InProgress {
			others = append(others, "UpgradeDomain "+domains[i].Name)
		}
	}
	backEnd, err := r.backEndAtWork(ctx, r.Live, client.ObjectKeyFromObject(work.object))
	if backEnd != "" {
		others = append(others, "BackEndServer "+backEnd)
	}
	return others, err
}

// domainsLive are the UpgradeDomain objects of the pool as the API server has them.
func domainsLive(ctx context.Context, live client.Reader, pool *v1alpha1.LyncPool) ([]v1alpha1.UpgradeDomain, error) {
	var list v1alpha1.UpgradeDomainList
	if err := live.List(ctx, &list, client.InNamespace(pool.Namespace)); err != nil {
		return nil, fmt.Errorf("listing upgrade domains: %w", err)
	}
	var domains []v1alpha1.UpgradeDomain
	for _, domain := range list.Items {
		if domain.Spec.PoolRef.Name == pool.Name {
			domains = append(domains, domain)
		}
	}
	return domains, nil
}

// passOfDeleted is one pass over a pool that is being deleted. No domain is opened any more; those whose servers are half way finish
// them, for which they need the pool, and then it goes.
func (r *LyncPoolReconciler) passOfDeleted(ctx context.Context, work *poolWork) (time.Duration, error) {
	object := work.object
	work.conditions.paused(object.Spec.Paused)
	if err := r.loadDomains(ctx, work); err != nil {
		return 0, err
	}
	others, err := r.unfinished(ctx, work)
	if err != nil {
		return 0, err
	}
	if forceValue(object) != v1alpha1.ForceDeleteValue {
		if engaged, next, err := r.failOverOfDeleted(ctx, work); engaged || err != nil {
			return next, err
		}
	}
	if len(object.Status.Servers) == 0 && len(others) > 0 {
		// Its status was lost, and the domains that finish their servers count the quorum from it.
		with, problem, err := r.resolve(ctx, object, true, object.Spec.Connection, object.Spec.Jobs)
		if err != nil {
			return 0, err
		}
		if work.with = with; problem == nil {
			problem = r.readTopology(ctx, work)
		}
		if problem != nil {
			work.conditions.set(v1alpha1.ConditionServersReachable, false, problem.Reason, problem.Message)
		}
	}
	departure := procedure.Departure{Others: others, Force: forceValue(object)}
	for _, domain := range work.domains {
		if reason, said := readyReason(domain.Status.Conditions); reason == v1alpha1.ReasonDeletionBlocked {
			departure.Obstacle = &procedure.Problem{Reason: reason, Message: fmt.Sprintf("UpgradeDomain %s is %s", domain.Name, said), Lasting: true}
		}
	}
	work.sumUp()
	work.forced = r.depart(work.conditions, departure)
	object.Status.Now = "being deleted"
	if work.leaves = work.forced.LetGo; !work.leaves {
		return unhurried(turnLook), nil
	}
	if work.forced.Forced {
		if err := r.letDomainsGo(ctx, work); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// letDomainsGo takes the finalizer off the pool's domains: without their pool they could never be finished.
func (r *LyncPoolReconciler) letDomainsGo(ctx context.Context, work *poolWork) error {
	for _, domain := range work.domains {
		if err := r.letGo(ctx, domain, domain.DeepCopy()); err != nil {
			return err
		}
	}
	return nil
}

// claimWithPool claims the domain, and the pool without which it could not be finished: a server may be found half way, or have to be
// put back, before the pool has opened anything.
func (r *UpgradeDomainReconciler) claimWithPool(ctx context.Context, work *domainWork) error {
	if err := r.claim(ctx, work.object, work.before); err != nil || beingDeleted(work.pool) {
		return err
	}
	return r.claim(ctx, work.pool, work.pool.DeepCopy())
}

// begin claims the back end, and the pool without which it could not be finished, before anything is stopped or changed for it.
// Before the first order it then asks the API server whether the pool has opened a domain meanwhile, and says false when that, or
// anything else, is against it: a domain looks for claims in the same way before it stops a server, so that one of the two sees the other.
func (r *BackEndServerReconciler) begin(ctx context.Context, work *backEndWork, backEnd *procedure.BackEnd, decision procedure.BackEndDecision) (stands bool, err error) {
	starts := decision.Server.Verdict == procedure.VerdictStart && decision.Server.Step != v1alpha1.StepStagePackage
	if !starts && !decision.InProgress || forceValue(work.object) == v1alpha1.ForceDeleteValue && work.deleting() {
		return true, nil
	}
	first := starts && !work.object.Status.InProgress
	if err := r.claimWithPool(ctx, work); err != nil || !first {
		return err == nil, err
	}
	if backEnd.First, err = r.precedes(ctx, r.Live, work.object); err != nil || backEnd.First != nil || work.pool == nil {
		return err == nil && backEnd.First == nil, err
	}
	var pool v1alpha1.LyncPool
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(work.pool), &pool); err != nil {
		return false, fmt.Errorf("asking whether the pool has opened a domain: %w", err)
	}
	backEnd.Deleting = backEnd.Deleting || beingDeleted(&pool)
	backEnd.Paused = backEnd.Paused || pool.Spec.Paused
	backEnd.OpenDomain = openOf(&pool)
	return !backEnd.Deleting && !backEnd.Paused && (backEnd.OpenDomain == "" || backEnd.Edition == v1alpha1.EditionStandard), nil
}

// claimWithPool claims the back end and, unless that is being deleted, its pool.
func (r *BackEndServerReconciler) claimWithPool(ctx context.Context, work *backEndWork) error {
	if err := r.claim(ctx, work.object, work.before); err != nil {
		return err
	}
	r.remember(work.object, work.with)
	if work.pool == nil || beingDeleted(work.pool) {
		return nil
	}
	err := r.claim(ctx, work.pool, work.pool.DeepCopy())
	r.remember(work.pool, work.frontEnds)
	return err
}

// departUnseen says, for a back end that is being deleted and whose servers cannot be asked, what is awaited.
func (r *BackEndServerReconciler) departUnseen(work *backEndWork, problem procedure.Problem) {
	if !claimed(work.object) || !work.deleting() {
		return
	}
	problem.Lasting = problem.Lasting || problem.Reason == v1alpha1.ReasonPoolNotFound
	departure := procedure.Departure{Unseen: []string{work.object.Status.CurrentServer}, Obstacle: &problem, Force: forceValue(work.object)}
	if work.object.Status.InProgress {
		departure.HalfWay = departure.Unseen
	}
	work.forced = r.depart(work.conditions, departure)
	work.leaves = work.forced.LetGo
}

// leaveOrStay says how a deletion stands, and lets go where nothing is left to be finished.
func (r *BackEndServerReconciler) leaveOrStay(work *backEndWork, backEnd procedure.BackEnd, decision procedure.BackEndDecision) {
	if !claimed(work.object) {
		return
	}
	departure := decision.Departure(backEnd)
	if !work.deleting() {
		starting := decision.Server.Verdict == procedure.VerdictStart
		work.leaves = !starting && procedure.Depart(departure).LetGo
		return
	}
	departure.Force = forceValue(work.object)
	work.forced = r.depart(work.conditions, departure)
	work.leaves = work.forced.LetGo
}

// departUnseen is for a domain that is being deleted and whose servers cannot be asked at all.
func (r *UpgradeDomainReconciler) departUnseen(work *domainWork, conditions conditions, problem procedure.Problem) {
	departure := procedure.Departure{Unseen: namesOf(work.object.Spec.FrontEnds), Obstacle: &problem, Force: work.force()}
	if work.object.Status.InProgress && work.object.Status.CurrentServer != "" {
		departure.HalfWay = []string{work.object.Status.CurrentServer}
	}
	work.forced = r.depart(conditions, departure)
	work.leaves = work.forced.LetGo
}

// leaveOrStay says how a deletion stands, and lets go where nothing is left to be finished: after a deletion at once, otherwise
// when the domain's turn, or a failover of its pool, is over.
func (r *UpgradeDomainReconciler) leaveOrStay(ctx context.Context, work *domainWork, conditions conditions, domain procedure.Domain, decision procedure.DomainDecision) error {
	if !claimed(work.object) {
		return nil
	}
	departure := decision.Departure(domain)
	if procedure.Depart(departure).LetGo {
		needed, unseen, err := r.neededForFailOver(ctx, work)
		if err != nil {
			return fmt.Errorf("asking whether the pool of %s is being failed over: %w", work.object.Spec.DomainName, err)
		}
		departure.Others = unseen
		if needed {
			departure.FailOver = string(work.pool.Spec.PoolFQDN)
			if decision.State == v1alpha1.DomainHeld {
				departure.Obstacle = &procedure.Problem{Reason: decision.Reason, Message: decision.Message, Lasting: true}
			}
		}
	}
	if !work.deleting() {
		// Who else knew of the turn may have used it since the servers were looked at: a pass whose turn was refused has looked too early.
		work.leaves = !domain.Turn && !work.refused && procedure.Depart(departure).LetGo
		return nil
	}
	departure.Force = work.force()
	work.forced = r.depart(conditions, departure)
	work.leaves = work.forced.LetGo
	return nil
}
