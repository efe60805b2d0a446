package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

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

// LyncPoolReconciler finds the upgrade domains of a pool, asks the pool before every one of them whether it is ready, opens one at a
// time, lets the pool soak in between, and sums up.
type LyncPoolReconciler struct {
	Shared
}

// +kubebuilder:rbac:groups=lyncops.dev,resources=lyncpools,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=lyncops.dev,resources=lyncpools/status,verbs=get;patch
// +kubebuilder:rbac:groups=lyncops.dev,resources=upgradedomains,verbs=create;delete;patch
// +kubebuilder:rbac:groups=lyncops.dev,resources=lyncpools/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=secrets;configmaps,verbs=get
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// SetupWithManager registers the reconciler.
func (r *LyncPoolReconciler) SetupWithManager(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).
		For(&v1alpha1.LyncPool{}, builder.WithPredicates(declared())).
		Watches(&v1alpha1.UpgradeDomain{}, handler.EnqueueRequestsFromMapFunc(poolOfDomain), builder.WithPredicates(domainMatters())).
		Watches(&v1alpha1.BackEndServer{}, handler.EnqueueRequestsFromMapFunc(poolOfBackEnd), builder.WithPredicates(backEndMatters())).
		Watches(&v1alpha1.LyncPool{}, handler.EnqueueRequestsFromMapFunc(r.poolsAfter), builder.WithPredicates(standingChanged())).
		Watches(&v1alpha1.BackEndServer{}, handler.EnqueueRequestsFromMapFunc(r.poolsAfter), builder.WithPredicates(standingChanged())).
		WithOptions(controller.Options{MaxConcurrentReconciles: 4}).
		Named("lyncpool").
		Complete(r)
}

// poolWork is one pass over one pool.
type poolWork struct {
	object     *v1alpha1.LyncPool
	before     *v1alpha1.LyncPool
	conditions conditions
	with       credentials.Credentials
	now        time.Time
	told       []announcement
	// leaves: nothing is left to be finished, and the finalizer is taken off.
	leaves bool
	forced procedure.DepartureDecision
	// stays: the pool has claimed its place among those under way and keeps the claim, although another one is in the way.
	stays bool
	// domains are the UpgradeDomain objects in the order in which they are taken.
	domains []*v1alpha1.UpgradeDomain
	// problem is why the pool could not be asked in this pass.
	problem *procedure.Problem
	// moved: the pool has other servers, or they are in other upgrade domains, than were known.
	moved bool
}

// Reconcile brings one pool one decision further.
func (r *LyncPoolReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var object v1alpha1.LyncPool
	if err := r.Client.Get(ctx, request.NamespacedName, &object); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if beingDeleted(&object) && !claimed(&object) {
		return reconcile.Result{}, nil
	}
	before := object.DeepCopy()
	work := &poolWork{object: &object, before: before, now: r.Clock.Now(), conditions: conditions{list: &object.Status.Conditions, generation: object.Generation}}
	pass := r.pass
	if beingDeleted(&object) {
		pass = r.passOfDeleted
	}
	next, err := pass(ctx, work)
	if errors.Is(err, errChanged) {
		return reconcile.Result{RequeueAfter: quickestLook}, nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("pool %s: %w", request, err)
	}
	object.Status.ObservedGeneration = object.Generation
	return r.finish(ctx, outcome{before: before, after: &object, changed: changed(before.Status, object.Status),
		conditionsBefore: before.Status.Conditions, conditionsAfter: object.Status.Conditions, told: work.told, next: next,
		leaves: work.leaves, forced: work.forced})
}

func (r *LyncPoolReconciler) pass(ctx context.Context, work *poolWork) (time.Duration, error) {
	object := work.object
	r.noteRetry(work)
	work.conditions.paused(object.Spec.Paused)
	if err := object.Spec.DesiredBuild.Validate(); err != nil && object.Spec.Management != v1alpha1.ManagementObserve {
		work.conditions.problem(procedure.Problem{Reason: v1alpha1.ReasonInvalidSpec, Message: "spec.desiredBuild: " + err.Error(), Lasting: true})
		return 0, nil
	}
	with, problem, err := r.resolve(ctx, object, false, object.Spec.Connection, object.Spec.Jobs)
	if err != nil {
		return 0, err
	}
	if problem != nil {
		work.conditions.problem(*problem)
		object.Status.Now = "waiting: " + problem.Reason
		return troubleLook, nil
	}
	work.with = with
	if err := r.loadDomains(ctx, work); err != nil {
		return 0, err
	}
	known, err := r.known(ctx, work)
	if err != nil {
		return 0, err
	}
	if !known {
		r.apply(work, procedure.PoolDecision{Action: procedure.PoolWaits, Reason: work.problem.Reason, Message: work.problem.Message})
		return troubleLook, nil
	}
	if err := r.declareDomains(ctx, work); err != nil {
		return 0, err
	}
	work.conditions.set(v1alpha1.ConditionServersReachable, true, v1alpha1.ReasonAllServersAnswer, "every server that had to be asked answered")
	if engaged, next, err := r.failOver(ctx, work); engaged || err != nil {
		return next, err
	}
	for {
		decision, err := r.next(ctx, work)
		if err != nil {
			return 0, err
		}
		r.apply(work, decision)
		if decision.Action == procedure.PoolHolds {
			if engaged, next, err := r.failOver(ctx, work); engaged || err != nil {
				return next, err
			}
		}
		if decision.Action != procedure.PoolCloses {
			leaves, err := r.givesPlaceBack(ctx, work, decision)
			work.leaves = work.leaves || leaves
			return r.nextLook(decision, object.Spec.Rollout.Verify.DriftInterval), err
		}
		// What comes after a closed turn is decided in the same pass, so that both stand in the status with one write.
	}
}

// known makes sure that the pool's servers and domains are known; work.problem says why when they are not.
func (r *LyncPoolReconciler) known(ctx context.Context, work *poolWork) (bool, error) {
	status := work.object.Status
	missing := len(work.domains) == 0 || len(status.Servers) == 0
	if !missing {
		readAgain, err := r.readAgain(ctx, work)
		if usersMoved(work.object) || !work.declaredAnew() && !readAgain || err != nil {
			return true, err
		}
	}
	if work.problem = r.discover(ctx, work); work.problem != nil && r.findFailOver(ctx, work) {
		work.problem = nil
	}
	return work.problem == nil, nil
}

// next decides, takes a place among the pools under way where the decision needs one, and reads a pool again in which nothing goes
// on, where its topology has changed.
func (r *LyncPoolReconciler) next(ctx context.Context, work *poolWork) (procedure.PoolDecision, error) {
	decision, err := r.decide(ctx, work)
	if err != nil {
		return decision, err
	}
	if underWay(work.object) || decision.Action == procedure.PoolOpens || decision.Action == procedure.PoolAdopts {
		if decision, err = r.takePlace(ctx, work, decision); err != nil {
			return decision, err
		}
	}
	if decision.ReadAgain && r.topologyIsNews(ctx, work) {
		// Its domains are declared anew at the next look.
		if work.problem = r.discover(ctx, work); work.problem == nil {
			decision = procedure.PoolDecision{Action: procedure.PoolWaits, Reason: v1alpha1.ReasonDiscovering, Message: "front ends were added or removed; the pool has been read again", Until: work.now}
		}
	}
	return decision, nil
}
