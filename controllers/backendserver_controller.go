package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/credentials"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

// BackEndServerReconciler takes a back end or Standard Edition server through the eleven published steps.
type BackEndServerReconciler struct {
	Shared
}

// +kubebuilder:rbac:groups=lyncops.dev,resources=backendservers,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=lyncops.dev,resources=backendservers/status,verbs=get;patch

// SetupWithManager registers the reconciler.
func (r *BackEndServerReconciler) SetupWithManager(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).
		For(&v1alpha1.BackEndServer{}, builder.WithPredicates(declared())).
		Watches(&v1alpha1.LyncPool{}, handler.EnqueueRequestsFromMapFunc(r.backEndsOf), builder.WithPredicates(poolFinished())).
		Watches(&v1alpha1.LyncPool{}, handler.EnqueueRequestsFromMapFunc(r.backEndsAfter), builder.WithPredicates(standingChanged())).
		Watches(&v1alpha1.BackEndServer{}, handler.EnqueueRequestsFromMapFunc(r.backEndsAfter), builder.WithPredicates(standingChanged())).
		WithOptions(controller.Options{MaxConcurrentReconciles: 4}).
		Named("backendserver").
		Complete(r)
}

func (r *BackEndServerReconciler) backEndsOf(ctx context.Context, pool client.Object) []reconcile.Request {
	var backEnds v1alpha1.BackEndServerList
	if err := r.Client.List(ctx, &backEnds, client.InNamespace(pool.GetNamespace())); err != nil {
		logr.FromContextOrDiscard(ctx).Error(err, "listing back ends of a pool", "pool", client.ObjectKeyFromObject(pool))
		return nil
	}
	var requests []reconcile.Request
	for _, backEnd := range backEnds.Items {
		if backEnd.Spec.PoolRef != nil && backEnd.Spec.PoolRef.Name == pool.GetName() {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&backEnd)})
		}
	}
	return requests
}

// poolFinished lets through what a back end waits for: the pool's declaration, and how far its servers are.
func poolFinished() predicate.Predicate {
	return predicate.Or(declared(), predicate.Funcs{UpdateFunc: func(update event.UpdateEvent) bool {
		before, okBefore := update.ObjectOld.(*v1alpha1.LyncPool)
		after, okAfter := update.ObjectNew.(*v1alpha1.LyncPool)
		return okBefore && okAfter && (before.Status.DomainProgress != after.Status.DomainProgress || before.Status.InstalledBuild != after.Status.InstalledBuild)
	}})
}

// backEndWork is one pass over one back end or Standard Edition server.
type backEndWork struct {
	object     *v1alpha1.BackEndServer
	pool       *v1alpha1.LyncPool
	pkg        v1alpha1.UpdatePackage
	conditions conditions
	// with reaches the Windows server, frontEnds the servers of the pool.
	with      credentials.Credentials
	frontEnds credentials.Credentials
	now       time.Time
	told      []announcement
	before    *v1alpha1.BackEndServer
	// leaves: nothing is left to be finished, and the finalizer is taken off.
	leaves bool
	forced procedure.DepartureDecision
}

// deleting: the object, or the pool without which it cannot be worked on, is being deleted.
func (w *backEndWork) deleting() bool {
	return beingDeleted(w.object) || w.pool != nil && beingDeleted(w.pool)
}

// Reconcile brings one back end or Standard Edition server one decision further.
func (r *BackEndServerReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var object v1alpha1.BackEndServer
	if err := r.Client.Get(ctx, request.NamespacedName, &object); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if beingDeleted(&object) && !claimed(&object) {
		return reconcile.Result{}, nil
	}
	before := object.DeepCopy()
	work := &backEndWork{object: &object, before: before, now: r.Clock.Now(), conditions: conditions{list: &object.Status.Conditions, generation: object.Generation}}
	next, err := r.pass(ctx, work)
	if errors.Is(err, errChanged) {
		return reconcile.Result{RequeueAfter: quickestLook}, nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("back end %s: %w", request, err)
	}
	object.Status.ObservedGeneration = object.Generation
	return r.finish(ctx, outcome{before: before, after: &object, changed: changed(before.Status, object.Status),
		conditionsBefore: before.Status.Conditions, conditionsAfter: object.Status.Conditions, told: work.told, next: next,
		leaves: work.leaves, forced: work.forced})
}

func (r *BackEndServerReconciler) pass(ctx context.Context, work *backEndWork) (time.Duration, error) {
	if err := r.findPool(ctx, work); err != nil {
		return 0, err
	}
	work.conditions.paused(work.paused())
	problem, err := r.prepare(ctx, work)
	if err != nil {
		return 0, err
	}
	if problem != nil {
		work.conditions.problem(*problem)
		r.departUnseen(work, *problem)
		return troubleLook, nil
	}
	r.grantRetry(work)
	first, err := r.precedes(ctx, r.Client, work.object)
	if err != nil {
		return 0, err
	}
	notePrecedence(work.conditions, len(work.object.Spec.DependsOn) > 0, first)
	for {
		backEnd := r.observe(ctx, work)
		backEnd.First = first
		decision := r.decide(ctx, work, &backEnd)
		stands, err := r.begin(ctx, work, &backEnd, decision)
		if err != nil {
			return 0, err
		}
		if !stands {
			decision = procedure.NextBackEndStep(backEnd)
		}
		again, err := r.act(ctx, work, &decision)
		if err != nil {
			return 0, err
		}
		if again {
			continue
		}
		r.report(work, backEnd, decision)
		r.leaveOrStay(work, backEnd, decision)
		return r.nextLook(work, backEnd, decision), nil
	}
}

func (r *BackEndServerReconciler) findPool(ctx context.Context, work *backEndWork) error {
	if work.object.Spec.PoolRef == nil {
		return nil
	}
	var pool v1alpha1.LyncPool
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: work.object.Namespace, Name: work.object.Spec.PoolRef.Name}, &pool)
	if apierrors.IsNotFound(err) {
		return nil
	}
	work.pool = &pool
	return err
}

// paused: a back end rests when it, or the pool it belongs to, is paused.
func (w *backEndWork) paused() bool {
	return w.object.Spec.Paused || w.pool != nil && w.pool.Spec.Paused
}

// prepare puts together what the object says and what it takes from its pool.
func (r *BackEndServerReconciler) prepare(ctx context.Context, work *backEndWork) (*procedure.Problem, error) {
	spec := work.object.Spec
	if invalid := spec.DesiredBuild.Validate(); invalid != nil {
		return &procedure.Problem{Reason: v1alpha1.ReasonInvalidSpec, Lasting: true, Message: "spec.desiredBuild: " + invalid.Error()}, nil //nolint:nilerr // what a person declared wrongly is a problem to show, not an error to repeat
	}
	if spec.PoolRef != nil && work.pool == nil {
		return &procedure.Problem{Reason: v1alpha1.ReasonPoolNotFound,
			Message: fmt.Sprintf("there is no LyncPool %s in namespace %s yet; create it, or correct poolRef", spec.PoolRef.Name, work.object.Namespace)}, nil
	}
	if problem := fitsPool(spec, work.pool); problem != nil {
		return problem, nil
	}
	pkg, connection, account := spec.Package, spec.Connection, spec.Jobs
	if work.pool != nil {
		pkg, connection, account = orElse(pkg, work.pool.Spec.Package), orElse(connection, &work.pool.Spec.Connection), orElse(account, &work.pool.Spec.Jobs)
	}
	if connection == nil || pkg == nil && spec.Management != v1alpha1.ManagementObserve {
		return &procedure.Problem{Reason: v1alpha1.ReasonInvalidSpec, Lasting: true, Message: "neither this object nor its pool has connection and package; declare them here or name a pool that has them"}, nil
	}
	if pkg != nil {
		work.pkg = *pkg
	}
	if account == nil {
		account = &v1alpha1.JobAccount{}
	}
	with, problem, err := r.resolve(ctx, work.object, work.deleting(), *connection, *account)
	if problem != nil || err != nil {
		return problem, err
	}
	work.with, work.frontEnds = with, with
	if work.pool != nil && spec.Connection != nil {
		work.frontEnds, problem, err = r.resolve(ctx, work.pool, work.deleting(), work.pool.Spec.Connection, work.pool.Spec.Jobs)
	}
	return problem, err
}

func orElse[T any](value, otherwise *T) *T {
	if value != nil {
		return value
	}
	return otherwise
}

func (r *BackEndServerReconciler) observe(ctx context.Context, work *backEndWork) procedure.BackEnd {
	object := work.object
	rollout := v1alpha1.RolloutPolicy{}
	if work.pool != nil {
		rollout = work.pool.Spec.Rollout
	}
	backEnd := procedure.BackEnd{
		Plan: planFor(object.Spec.DesiredBuild, &work.pkg, rollout), Edition: object.Spec.Edition, Stores: object.Spec.CollocatedStores,
		Declared: string(object.Spec.ServerFQDN), Paused: work.paused(), Observe: object.Spec.Management == v1alpha1.ManagementObserve,
		Deleting:  work.deleting(),
		Confirmed: object.Status.ObservedGeneration == object.Generation && object.Status.CurrentStep == v1alpha1.StepDone,
	}
	backEnd.Plan.Product = object.Spec.Product
	// The ports that a pool declares are those of its front ends.
	backEnd.Plan.Ports = nil
	describeDatabases(&backEnd, object.Spec)
	backEnd.Away, backEnd.MirrorSaid = work.away(), mirrorSaid(object)
	if work.pool != nil {
		backEnd.OpenDomain = openOf(work.pool)
	}
	for _, row := range object.Status.Servers {
		backEnd.Permitted = max(backEnd.Permitted, int(row.Attempt))
	}
	if backEnd.Declared != "" {
		found := observeOne(ctx, r.Servers, work.with, backEnd.Declared)
		backEnd.Server, backEnd.Problem = found.server, found.problem
		if row := rowOf(object.Status.Servers, backEnd.Declared); row != nil {
			backEnd.LastStep, backEnd.LastBuild = row.Step, v1alpha1.Build(row.InstalledBuild)
		}
	}
	if work.pool != nil && object.Spec.Edition == v1alpha1.EditionEnterprise {
		backEnd.FrontEnds = r.frontEndsOf(ctx, work)
	}
	return backEnd
}

// frontEndsOf observes the pool's front ends. While the pool itself says that it is not there yet, they are not asked.
func (r *BackEndServerReconciler) frontEndsOf(ctx context.Context, work *backEndWork) []procedure.PoolFrontEnd {
	var names []string
	for _, server := range work.pool.Status.Servers {
		names = append(names, server.FQDN)
	}
	var frontEnds []procedure.PoolFrontEnd
	for _, one := range observe(ctx, r.Servers, work.frontEnds, names) {
		frontEnds = append(frontEnds, procedure.PoolFrontEnd{FQDN: one.fqdn, Server: one.server, Problem: one.problem})
	}
	return frontEnds
}

// act starts what was decided and puts finished jobs away. It says true when the server should be looked at again at once.
func (r *BackEndServerReconciler) act(ctx context.Context, work *backEndWork, decision *procedure.BackEndDecision) (again bool, err error) {
	server := &decision.Server
	with := work.frontEnds
	if strings.EqualFold(server.FQDN, string(work.object.Spec.ServerFQDN)) {
		with = work.with
	}
	switch server.Verdict {
	case procedure.VerdictStart:
		request, err := requestFor(*server.Order, work.pkg, with.Principal)
		if err != nil {
			return false, err
		}
		work.tellTaken(*server)
		job, err := r.Servers.StartJob(ctx, with.At(server.FQDN), request)
		if err != nil {
			problem := problemFrom(err)
			server.Reason, server.Message = problem.Reason, problem.Message
			return false, nil
		}
		logr.FromContextOrDiscard(ctx).Info("job started", "server", server.FQDN, "step", server.Step, "job", job.ID, "state", job.State)
	case procedure.VerdictPutAway:
		if _, err := r.Servers.ClearJobs(ctx, with.At(server.FQDN), nil); err != nil {
			problem := problemFrom(err)
			server.Reason, server.Message = problem.Reason, problem.Message
			return false, nil
		}
		work.told = append(work.told, announcement{reason: v1alpha1.EventServerUpgraded, action: "Verify", note: server.Message})
		return true, nil
	default:
	}
	return false, nil
}

// tellTaken tells that a server is taken out of service; an order that got lost is given again, and told once.
func (w *backEndWork) tellTaken(server procedure.ServerDecision) {
	row := rowOf(w.object.Status.Servers, server.FQDN)
	repeated := row != nil && row.Step == server.Step && int(row.Attempt) == server.Attempt
	if server.Order.Action == procedure.ActionStopServices && server.Step == v1alpha1.StepStopServices && !repeated {
		w.told = append(w.told, announcement{reason: v1alpha1.EventServerTaken, action: "Stop", note: "taking " + server.FQDN + " out of service to install build " + string(w.object.Spec.DesiredBuild)})
	}
}

func (r *BackEndServerReconciler) report(work *backEndWork, backEnd procedure.BackEnd, decision procedure.BackEndDecision) {
	status, server := &work.object.Status, decision.Server
	status.Servers = rowsFrom(status.Servers, []procedure.ServerDecision{server}, work.now)
	status.CurrentServer, status.CurrentStep = server.FQDN, server.Step
	status.InProgress = decision.InProgress
	status.DatabaseVariant = decision.Variant
	status.Hold = holdFrom(status.Hold, server.Verdict == procedure.VerdictHold, server.Reason, server.FQDN, server.Message, work.now)
	switch {
	case backEnd.Server != nil && backEnd.Server.Build != "":
		status.InstalledBuild = string(backEnd.Server.Build)
	case server.Verdict == procedure.VerdictDone:
		status.InstalledBuild = string(work.object.Spec.DesiredBuild)
	}
	reportDatabases(work, decision)
	reportOutage(work, decision)
	if backEnd.Problem != nil && server.Step != v1alpha1.StepRestartComputer {
		work.conditions.set(v1alpha1.ConditionServersReachable, false, backEnd.Problem.Reason, backEnd.Problem.Message)
	} else if backEnd.Problem == nil {
		work.conditions.set(v1alpha1.ConditionServersReachable, true, v1alpha1.ReasonAllServersAnswer, "every server that had to be asked answered")
	}
	switch {
	case backEnd.Edition == v1alpha1.EditionStandard:
		work.conditions.set(v1alpha1.ConditionFrontEndsUpgraded, true, v1alpha1.ReasonNotApplicable, decision.FrontEndsMessage)
	case decision.FrontEndsReady:
		work.conditions.set(v1alpha1.ConditionFrontEndsUpgraded, true, v1alpha1.ReasonFrontEndsUpgraded, decision.FrontEndsMessage)
	default:
		work.conditions.set(v1alpha1.ConditionFrontEndsUpgraded, false, v1alpha1.ReasonWaitingForFrontEnds, decision.FrontEndsMessage)
	}
	work.conditions.summarise(backEndStanding(backEnd, decision), server.Reason, server.Message)
}

func backEndStanding(backEnd procedure.BackEnd, decision procedure.BackEndDecision) standing {
	switch {
	case decision.Server.Verdict == procedure.VerdictHold:
		return standingStalled
	case decision.Server.Verdict == procedure.VerdictDone:
		return standingReady
	case !decision.InProgress && (backEnd.Observe || backEnd.Paused):
		return standingIdle
	case !decision.InProgress && backEnd.First != nil && backEnd.First.Lasting:
		return standingStalled
	case !decision.InProgress && backEnd.Problem != nil && backEnd.Problem.Lasting:
		return standingStalled
	}
	return standingWorking
}

func (r *BackEndServerReconciler) nextLook(work *backEndWork, backEnd procedure.BackEnd, decision procedure.BackEndDecision) time.Duration {
	server := decision.Server
	if server.Reason == v1alpha1.ReasonWaitingForFrontEnds || backEnd.First != nil && server.Reason == backEnd.First.Reason {
		return unhurried(turnLook)
	}
	next := lookAtServer(server, backEnd.Problem, rowOf(work.object.Status.Servers, server.FQDN), work.now, defaultDriftInterval)
	if decision.Outage > 0 {
		if _, changes := procedure.Outage(decision.Outage, work.budget()); changes > 0 {
			next = sooner(next, changes+time.Second)
		}
	}
	return next
}

var _ Servers = (*lync.Servers)(nil)
