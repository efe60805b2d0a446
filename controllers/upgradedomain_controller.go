package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/credentials"
	"lyncops.dev/operator/internal/procedure"
)

// UpgradeDomainReconciler takes the servers of one upgrade domain through the front end procedure when it is the domain's turn.
type UpgradeDomainReconciler struct {
	Shared
}

// +kubebuilder:rbac:groups=lyncops.dev,resources=upgradedomains,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=lyncops.dev,resources=upgradedomains/status,verbs=get;patch

// SetupWithManager registers the reconciler.
func (r *UpgradeDomainReconciler) SetupWithManager(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).
		For(&v1alpha1.UpgradeDomain{}, builder.WithPredicates(declared())).
		Watches(&v1alpha1.LyncPool{}, handler.EnqueueRequestsFromMapFunc(r.domainsOf), builder.WithPredicates(turnChanged())).
		WithOptions(controller.Options{MaxConcurrentReconciles: 8}).
		Named("upgradedomain").
		Complete(r)
}

// domainWork is one pass over one upgrade domain.
type domainWork struct {
	object *v1alpha1.UpgradeDomain
	pool   *v1alpha1.LyncPool
	before *v1alpha1.UpgradeDomain
	with   credentials.Credentials
	now    time.Time
	told   []announcement
	// refused: the API server knew of something against a turn, or a failover, that the cache has as standing.
	refused bool
	// leaves: nothing is left to be finished, and the finalizer is taken off.
	leaves bool
	forced procedure.DepartureDecision
}

// deleting: the domain, or the pool without which it cannot be worked on, is being deleted.
func (w *domainWork) deleting() bool {
	return beingDeleted(w.object) || w.pool != nil && beingDeleted(w.pool)
}

// force is what a person has written to let the domain go half way.
func (w *domainWork) force() string {
	if w.pool != nil && beingDeleted(w.pool) {
		return forceValue(w.object, w.pool)
	}
	return forceValue(w.object)
}

// Reconcile observes the servers of a domain, decides, starts at most one job a server, and reports.
func (r *UpgradeDomainReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var object v1alpha1.UpgradeDomain
	if err := r.Client.Get(ctx, request.NamespacedName, &object); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if beingDeleted(&object) && !claimed(&object) {
		return reconcile.Result{}, nil
	}
	before := object.DeepCopy()
	work := &domainWork{object: &object, before: before, now: r.Clock.Now()}
	next, err := r.pass(ctx, work)
	if errors.Is(err, errChanged) {
		return reconcile.Result{RequeueAfter: quickestLook}, nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("upgrade domain %s: %w", request, err)
	}
	object.Status.ObservedGeneration = object.Generation
	return r.finish(ctx, outcome{before: before, after: &object, changed: changed(before.Status, object.Status),
		conditionsBefore: before.Status.Conditions, conditionsAfter: object.Status.Conditions, told: work.told, next: next,
		leaves: work.leaves, forced: work.forced})
}

func (r *UpgradeDomainReconciler) pass(ctx context.Context, work *domainWork) (time.Duration, error) {
	status := &work.object.Status
	conditions := conditions{list: &status.Conditions, generation: work.object.Generation}
	var pool v1alpha1.LyncPool
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: work.object.Namespace, Name: work.object.Spec.PoolRef.Name}, &pool)
	if apierrors.IsNotFound(err) {
		missing := procedure.Problem{Reason: v1alpha1.ReasonPoolNotFound,
			Message: fmt.Sprintf("there is no LyncPool %s in namespace %s yet; create it, or delete this object", work.object.Spec.PoolRef.Name, work.object.Namespace)}
		if beingDeleted(work.object) {
			missing.Lasting = true
			r.departUnseen(work, conditions, missing)
			return 0, nil
		}
		conditions.problem(missing)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	work.pool = &pool
	with, problem, err := r.resolve(ctx, work.object, work.deleting(), pool.Spec.Connection, pool.Spec.Jobs)
	if err != nil {
		return 0, err
	}
	if problem != nil {
		status.State = v1alpha1.DomainUnknown
		if work.deleting() && claimed(work.object) {
			r.departUnseen(work, conditions, *problem)
			return troubleLook, nil
		}
		conditions.problem(*problem)
		return troubleLook, nil
	}
	work.with = with
	firstSight := status.ObservedGeneration < 0
	r.grantRetry(work, firstSight)

	domain, decision, err := r.work(ctx, work)
	if err != nil {
		return 0, err
	}
	r.report(work, conditions, domain, decision)
	if err := r.leaveOrStay(ctx, work, conditions, domain, decision); err != nil {
		return 0, err
	}
	return nextLook(work, domain, decision), nil
}

// work looks at the servers, decides and acts. Where putting a finished server away makes room for the next one, it looks again
// at once instead of waiting for the next pass.
func (r *UpgradeDomainReconciler) work(ctx context.Context, work *domainWork) (procedure.Domain, procedure.DomainDecision, error) {
	key := client.ObjectKeyFromObject(work.pool)
	backEnd, err := r.backEndAtWork(ctx, r.Client, key)
	if err != nil {
		return procedure.Domain{}, procedure.DomainDecision{}, err
	}
	mirrored, err := r.mirrored(ctx, key)
	if err != nil {
		return procedure.Domain{}, procedure.DomainDecision{}, err
	}
	for underway := false; ; {
		found := observe(ctx, r.Servers, work.with, namesOf(work.object.Spec.FrontEnds))
		domain := domainFrom(work, found)
		domain.BackEnd, domain.Underway = backEnd, underway
		domain.AskMirror, domain.Mirrored = mayBeMirrored(work.pool), mirrored
		decision := r.decide(ctx, work, &domain, found)
		if (decision.InProgress || takesAnyOut(work, decision)) && work.force() != v1alpha1.ForceDeleteValue {
			if err := r.claimWithPool(ctx, work); err != nil {
				return domain, decision, err
			}
			r.remember(work.object, work.with)
		}
		if domain.PoolFailedOver && takesAnyOut(work, decision) {
			if domain.PoolFailedOver, err = r.failOverStands(ctx, work); err != nil {
				return domain, decision, err
			}
			if work.refused = !domain.PoolFailedOver; work.refused {
				decision = procedure.UpgradeDomain(domain)
			}
		}
		if domain.Turn && takesAnyOut(work, decision) {
			if domain.Turn, err = r.turnStands(ctx, work); err != nil {
				return domain, decision, err
			}
			if !domain.Turn {
				work.refused = true
				decision = procedure.UpgradeDomain(domain)
			}
		}
		if err := r.writeAhead(ctx, work, decision); err != nil {
			return domain, decision, err
		}
		putAway, err := r.act(ctx, work, domain, decision)
		if err != nil || putAway == 0 {
			return domain, decision, err
		}
		underway = underway || decision.PassesTurnOn(domain)
	}
}

// decide asks what the decision needs beyond the servers' facts, each once a pass and only when it comes to that.
func (r *UpgradeDomainReconciler) decide(ctx context.Context, work *domainWork, domain *procedure.Domain, found []observation) procedure.DomainDecision {
	decision := procedure.UpgradeDomain(*domain)
	if r.askServing(ctx, work, *domain, decision) {
		decision = procedure.UpgradeDomain(*domain)
	}
	if r.askPatchVersion(ctx, work, *domain, decision) {
		decision = procedure.UpgradeDomain(*domain)
	}
	if localDatabasesOf(ctx, r.Servers, work.with, domain, decision) {
		decision = procedure.UpgradeDomain(*domain)
	}
	if decision.NeedMembers {
		domain.Members = r.members(ctx, work, domain.Plan, found)
		domain.Topology, domain.TopologyChanged = topologyChanged(ctx, r.Servers, work.with, work.pool, answering(found))
		decision = procedure.UpgradeDomain(*domain)
	}
	if decision.NeedMirror {
		domain.Mirror = r.mirrorsOf(ctx, work, domain.Members)
		decision = procedure.UpgradeDomain(*domain)
	}
	return decision
}
