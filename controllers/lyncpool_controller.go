package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

func poolOfDomain(_ context.Context, object client.Object) []reconcile.Request {
	domain, ok := object.(*v1alpha1.UpgradeDomain)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: domain.Namespace, Name: domain.Spec.PoolRef.Name}}}
}

func poolOfBackEnd(_ context.Context, object client.Object) []reconcile.Request {
	backEnd, ok := object.(*v1alpha1.BackEndServer)
	if !ok || backEnd.Spec.PoolRef == nil {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: backEnd.Namespace, Name: backEnd.Spec.PoolRef.Name}}}
}

// domainMatters lets through what a pool decides upon; the steps of single servers are not its business.
func domainMatters() predicate.Predicate {
	// The pool makes its own domains; only those that people make are news.
	byHand := func(create event.CreateEvent) bool { return metav1.GetControllerOf(create.Object) == nil }
	return predicate.Funcs{CreateFunc: byHand, UpdateFunc: func(update event.UpdateEvent) bool {
		before, okBefore := update.ObjectOld.(*v1alpha1.UpgradeDomain)
		after, okAfter := update.ObjectNew.(*v1alpha1.UpgradeDomain)
		if !okBefore || !okAfter {
			return false
		}
		return changed(domainView(before), domainView(after))
	}}
}

// domainView is what a pool's status and decisions are made of. The builds of single servers follow with the progress.
func domainView(domain *v1alpha1.UpgradeDomain) any {
	view := struct {
		spec                   v1alpha1.UpgradeDomainSpec
		state                  v1alpha1.DomainState
		inProgress, staged     bool
		progress, reason, said string
		current, deleted       bool
		claimed, failOver      bool
		blocked                string
	}{
		spec: domain.Spec, state: domain.Status.State, inProgress: domain.Status.InProgress, staged: staged(domain),
		progress: domain.Status.ServerProgress, current: domain.Status.ObservedGeneration == domain.Generation, deleted: beingDeleted(domain),
		claimed: claimed(domain), failOver: domain.Status.FailOverSeen,
	}
	if reason, said := readyReason(domain.Status.Conditions); reason == v1alpha1.ReasonDeletionBlocked {
		view.blocked = said
	}
	if reason, said := readyReason(domain.Status.Conditions); domain.Status.State != v1alpha1.DomainOpen || reason == v1alpha1.ReasonTopologyChanged {
		view.reason, view.said = reason, said
	}
	if beginning[domain.Status.State] && !view.staged && !troubling[view.reason] && domain.Status.Hold == nil {
		// Every domain looks at its servers and stages the package at its own pace; the pool waits for the result.
		view.state, view.reason, view.said, view.current = "", "", "", false
	}
	return fmt.Sprintf("%+v", view)
}

// beginning are the states of a domain in which nothing has been done to a server yet.
var beginning = map[v1alpha1.DomainState]bool{"": true, v1alpha1.DomainUnknown: true, v1alpha1.DomainWaiting: true}

func backEndMatters() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(update event.UpdateEvent) bool {
		before, okBefore := update.ObjectOld.(*v1alpha1.BackEndServer)
		after, okAfter := update.ObjectNew.(*v1alpha1.BackEndServer)
		return okBefore && okAfter && (before.Status.InProgress != after.Status.InProgress || claimed(before) != claimed(after) || foundOther(before) != foundOther(after))
	}}
}

// foundOther says whether a back end has found that the topology of its pool has changed.
func foundOther(backEnd *v1alpha1.BackEndServer) bool {
	reason, _ := readyReason(backEnd.Status.Conditions)
	return reason == v1alpha1.ReasonTopologyChanged
}

// turnChanged lets through what an upgrade domain decides upon when its pool changes.
func turnChanged() predicate.Predicate {
	return predicate.Or(declared(), predicate.Funcs{UpdateFunc: func(update event.UpdateEvent) bool {
		before, okBefore := update.ObjectOld.(*v1alpha1.LyncPool)
		after, okAfter := update.ObjectNew.(*v1alpha1.LyncPool)
		return okBefore && okAfter && (changed(before.Status.OpenDomain, after.Status.OpenDomain) || changed(failOverView(before), failOverView(after)))
	}})
}

// failOverView is what an upgrade domain looks at of a failover of its pool.
func failOverView(pool *v1alpha1.LyncPool) [2]bool {
	return [2]bool{pool.Status.FailOver != nil, gateAbandoned(pool)}
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

// noteRetry lifts the pool's own hold when a person has asked for another try since.
func (r *LyncPoolReconciler) noteRetry(work *poolWork) {
	status := &work.object.Status
	token := retryToken(work.object)
	if token == status.LastHandledRetry {
		return
	}
	status.LastHandledRetry = token
	if status.ObservedGeneration >= 0 && token != "" && !work.retryOfFailOver() {
		status.Hold, status.Readiness = nil, nil
	}
}

func (r *LyncPoolReconciler) decide(ctx context.Context, work *poolWork) (procedure.PoolDecision, error) {
	object := work.object
	busy, err := r.backEndAtWork(ctx, r.Client, client.ObjectKeyFromObject(object))
	if err != nil {
		return procedure.PoolDecision{}, err
	}
	pool := procedure.Pool{
		Domains: work.view(), SoakTime: object.Spec.Rollout.Soak.Duration.Duration, Policy: readinessPolicyFor(object.Spec.Rollout),
		Now: work.now, BackEnd: busy, Paused: object.Spec.Paused, Observe: object.Spec.Management == v1alpha1.ManagementObserve,
	}
	if pool.Ungated = !object.Spec.Role.IsFrontEnd(); pool.Ungated {
		pool.SoakTime = 0
		work.conditions.set(v1alpha1.ConditionPoolReadiness, true, v1alpha1.ReasonNotApplicable, "only Front End pools are asked whether they are ready")
	}
	if open := object.Status.OpenDomain; open != nil {
		pool.Open, pool.OpenSince, pool.Adopted = open.Name, open.Since.Time, open.Adopted
	}
	pool.Soak = soakFrom(object.Status.Soak)
	if hold := object.Status.Hold; hold != nil {
		pool.HoldReason, pool.HoldMessage = hold.Reason, hold.Message
	}
	if last := object.Status.Readiness; last != nil {
		pool.Last = &procedure.Reading{At: last.ReadAt.Time, Domain: last.Domain, Gate: procedure.Gate{Counters: procedure.Counters{
			Busy: int(last.BusyCount), DomainNotReady: int(last.DomainNotReadyCount), Insufficient: int(last.InsufficientCount)}}}
		pool.Last.Gate.Reason, pool.Last.Gate.Message = work.gateSaid()
	}
	first, others, err := r.precedes(ctx, r.Client, object)
	if err != nil {
		return procedure.PoolDecision{}, err
	}
	pool.First, work.stays = first, first != nil && procedure.Stays(peerOfPool(object), first, others)
	work.notePrecedence(pool.First)
	decision, err := r.forGuests(ctx, work, procedure.NextDomain(pool))
	if err != nil {
		return decision, err
	}
	if decision.Action != procedure.PoolAsks {
		return decision, nil
	}
	answer, problem := r.ask(ctx, work)
	if work.problem = problem; problem != nil {
		return procedure.PoolDecision{Action: procedure.PoolWaits, Domain: decision.Domain, Reason: problem.Reason, Message: problem.Message,
			Until: work.now.Add(troubleLook), Soak: decision.Soak}, nil
	}
	if work.moved {
		return procedure.PoolDecision{Action: procedure.PoolWaits, Domain: decision.Domain, Reason: v1alpha1.ReasonDiscovering,
			Message: "the pool's upgrade domains have changed and are read again", Until: work.now}, nil
	}
	before := procedure.Counters{}
	if pool.Last != nil && pool.Last.Domain == decision.Domain {
		before = pool.Last.Gate.Counters
	}
	gate := procedure.JudgeReadiness(pool.Policy, before, answer, decision.Domain)
	work.recordGate(decision.Domain, pool.Policy.Attempts, answer, gate)
	pool.Answer, pool.Soak = &gate, decision.Soak
	if gate.Ready {
		r.lookBetween(ctx, work, &pool)
	}
	decision = procedure.NextDomain(pool)
	if decision.Action == procedure.PoolOpens {
		work.rememberPlacement(decision.Domain, pool.Placement)
	}
	if decision.SoakBegunAgain != "" {
		work.told = append(work.told, announcement{warning: true, reason: v1alpha1.EventSoakBegunAgain, action: "Soak", note: "the soak begins again: " + decision.SoakBegunAgain})
	}
	return decision, nil
}

// view is the pool's domains as their own controller reports them. A report about an older spec counts as none.
func (w *poolWork) view() []procedure.PoolDomain {
	var domains []procedure.PoolDomain
	for _, object := range w.domains {
		domain := procedure.PoolDomain{Name: object.Spec.DomainName, State: object.Status.State, InProgress: object.Status.InProgress, Staged: staged(object)}
		domain.Reason, domain.Message = readyReason(object.Status.Conditions)
		if domain.Leaving = beingDeleted(object); domain.Leaving && !beingFailedOver(w.object) {
			domain.State, domain.Reason = v1alpha1.DomainUnknown, v1alpha1.ReasonDiscovering
			domain.Message = fmt.Sprintf("the object UpgradeDomain %s is being deleted; it is made anew when it is gone", object.Name)
			domains = append(domains, domain)
			continue
		}
		if object.Status.ObservedGeneration != object.Generation {
			domain.State = v1alpha1.DomainUnknown
			domain.Reason, domain.Message = "", ""
		}
		domains = append(domains, domain)
	}
	return domains
}

// staged says whether the package is on every server of the domain that needs it.
func staged(domain *v1alpha1.UpgradeDomain) bool {
	for _, server := range domain.Status.Servers {
		// In a domain that is not held itself, a held server is one with a newer build, which needs no package.
		if server.Step != v1alpha1.StepReady && server.Step != v1alpha1.StepDone && server.Step != v1alpha1.StepHeld {
			return false
		}
	}
	return len(domain.Status.Servers) == len(domain.Spec.FrontEnds)
}

func (w *poolWork) gateSaid() (reason, message string) {
	for _, condition := range w.object.Status.Conditions {
		if condition.Type == v1alpha1.ConditionPoolReadiness {
			return condition.Reason, condition.Message
		}
	}
	return "", ""
}

func (w *poolWork) recordGate(domain string, attempts int, answer procedure.Readiness, gate procedure.Gate) {
	w.object.Status.Readiness = &v1alpha1.ReadinessStatus{
		State: answer.State, ReadAt: metav1.NewMicroTime(w.now), Domain: domain,
		BusyCount: int32(gate.Counters.Busy), DomainNotReadyCount: int32(gate.Counters.DomainNotReady), InsufficientCount: int32(gate.Counters.Insufficient), //nolint:gosec // small counters
	}
	w.conditions.set(v1alpha1.ConditionPoolReadiness, gate.Open, gate.Reason, gate.Message)
	if last := attempts - 1; last > 0 && (gate.Counters.Busy == last || gate.Counters.DomainNotReady == last) && !gate.Unfamiliar {
		// A pool answers like this while it settles after a server has come back: it is news when one more ends the patience.
		w.told = append(w.told, announcement{warning: true, reason: gate.Reason, action: "AskReadiness", note: gate.Message})
	}
}

// apply turns a decision into status.
func (r *LyncPoolReconciler) apply(work *poolWork, decision procedure.PoolDecision) {
	object, status := work.object, &work.object.Status
	status.Soak = soakStatus(decision.Soak)
	stands := standingWorking
	switch decision.Action {
	case procedure.PoolOpens, procedure.PoolAdopts:
		if status.UnderWaySince == nil {
			since := metav1.NewMicroTime(work.now)
			status.UnderWaySince = &since
		}
		status.OpenDomain = &v1alpha1.OpenDomain{Name: decision.Domain, Build: work.buildOf(decision.Domain), Since: metav1.NewMicroTime(work.now),
			Adopted: decision.Action == procedure.PoolAdopts}
		work.told = append(work.told, announcement{reason: v1alpha1.EventDomainOpened, action: string(decision.Action), note: decision.Domain + " is opened: " + decision.Message})
		decision.Message = procedure.BeingUpgraded(decision.Domain)
		status.Now = "upgrading " + decision.Domain
		if decision.Action == procedure.PoolAdopts {
			// What the pool answered while the adopted server was on its way out says nothing about the pool's own health. It is
			// asked afresh before any other server is stopped.
			status.Hold, status.Readiness = nil, nil
		}
	case procedure.PoolCloses:
		status.OpenDomain, status.Readiness = nil, nil
		status.Now = decision.Message
	case procedure.PoolHolds:
		stands = standingStalled
		status.Now = "held: " + decision.Reason
		if lastsUntilRetry[decision.Reason] {
			status.Hold = holdFrom(status.Hold, true, decision.Reason, "", decision.Message, work.now)
		}
	case procedure.PoolIsDone:
		stands = standingReady
		status.OpenDomain, status.Readiness, status.Soak, status.Hold = nil, nil, nil, nil
		status.Placement = nil
		status.Now = "up to date"
	case procedure.PoolWaits, procedure.PoolAsks:
		status.Now = nowWaiting(decision)
		if decision.Reason == v1alpha1.ReasonObserving || decision.Reason == v1alpha1.ReasonPaused {
			stands = standingIdle
		}
		if work.problem != nil && work.problem.Lasting {
			stands = standingStalled
		}
	}
	if work.problem != nil {
		work.conditions.set(v1alpha1.ConditionServersReachable, false, work.problem.Reason, work.problem.Message)
	}
	work.sumUp()
	if object.Spec.Management == v1alpha1.ManagementObserve && decision.Action == procedure.PoolIsDone {
		decision.Reason, decision.Message = v1alpha1.ReasonObserving, "every front end answered; nothing is changed because management is Observe"
		status.Now = "observing"
	}
	soaked := decision.Reason != v1alpha1.ReasonSoaking
	if soaked {
		work.conditions.set(v1alpha1.ConditionSoaked, true, v1alpha1.ReasonSoaked, "no soak is due")
	} else {
		work.conditions.set(v1alpha1.ConditionSoaked, false, v1alpha1.ReasonSoaking, decision.Message)
	}
	work.conditions.summarise(stands, decision.Reason, decision.Message)
}

// lastsUntilRetry are the holds that only a person's request lifts: the pool itself has a problem. Holds that follow from what
// servers show are decided afresh at every look.
var lastsUntilRetry = map[string]bool{
	v1alpha1.ReasonPoolUnready: true, v1alpha1.ReasonInsufficientActiveFrontEnds: true, v1alpha1.ReasonDomainUnready: true,
}

func nowWaiting(decision procedure.PoolDecision) string {
	switch decision.Reason {
	case v1alpha1.ReasonUpgrading:
		return "upgrading " + decision.Domain
	case v1alpha1.ReasonSoaking:
		return "soaking before " + decision.Domain
	case v1alpha1.ReasonStaging:
		return "staging the package"
	}
	return "waiting: " + decision.Reason
}

func (w *poolWork) buildOf(domainName string) string {
	for _, domain := range w.domains {
		if domain.Spec.DomainName == domainName {
			return string(domain.Spec.DesiredBuild)
		}
	}
	return string(w.object.Spec.DesiredBuild)
}

// sumUp writes what the domains report.
func (w *poolWork) sumUp() {
	status := &w.object.Status
	status.Domains = nil
	builds := map[string]string{}
	done, servers, serversDone := 0, 0, 0
	for _, domain := range w.domains {
		state := domain.Status.State
		if state == "" || domain.Status.ObservedGeneration != domain.Generation {
			state = v1alpha1.DomainUnknown
		}
		if state == v1alpha1.DomainDone {
			done++
		}
		if open := status.OpenDomain; state == v1alpha1.DomainWaiting && isTurnOf(open, domain) {
			state = v1alpha1.DomainOpen
		}
		status.Domains = append(status.Domains, v1alpha1.PoolDomainStatus{Name: domain.Spec.DomainName, Object: domain.Name,
			DesiredBuild: string(domain.Spec.DesiredBuild), State: state, ServerProgress: domain.Status.ServerProgress})
		for _, row := range domain.Status.Servers {
			servers++
			if row.Step == v1alpha1.StepDone {
				serversDone++
			}
			builds[strings.ToLower(row.FQDN)] = row.InstalledBuild
		}
	}
	status.DomainProgress = fmt.Sprintf("%d/%d", done, len(w.domains))
	status.ServerProgress = fmt.Sprintf("%d/%d", serversDone, max(servers, len(status.Servers)))
	oldest := v1alpha1.Build("")
	for i := range status.Servers {
		build := v1alpha1.Build(builds[strings.ToLower(status.Servers[i].FQDN)])
		status.Servers[i].InstalledBuild = string(build)
		if build != "" && (oldest == "" || build.OlderThan(oldest)) {
			oldest = build
		}
	}
	status.InstalledBuild = string(oldest)
	w.uniform()
}

func (r *LyncPoolReconciler) nextLook(decision procedure.PoolDecision, drift v1alpha1.Duration) time.Duration {
	switch decision.Action {
	case procedure.PoolAdopts:
		return quickestLook
	case procedure.PoolHolds:
		return holdLook
	case procedure.PoolIsDone:
		return unhurried(orDefault(drift, defaultDriftInterval))
	default:
	}
	switch {
	case decision.Until.IsZero() && (decision.Reason == v1alpha1.ReasonDiscovering || decision.Reason == v1alpha1.ReasonStaging):
		return beginningLook
	case decision.Until.IsZero():
		return unhurried(turnLook)
	}
	return max(decision.Until.Sub(r.Clock.Now()), quickestLook)
}

func readyReason(list []metav1.Condition) (reason, message string) {
	for _, condition := range list {
		if condition.Type == v1alpha1.ConditionReady {
			return condition.Reason, condition.Message
		}
	}
	return "", ""
}
