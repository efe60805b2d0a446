package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
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

// declared lets through what people change: the spec, or an annotation such as the request for another try.
func declared() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
}

func (r *UpgradeDomainReconciler) domainsOf(ctx context.Context, pool client.Object) []reconcile.Request {
	var domains v1alpha1.UpgradeDomainList
	if err := r.Client.List(ctx, &domains, client.InNamespace(pool.GetNamespace())); err != nil {
		logr.FromContextOrDiscard(ctx).Error(err, "listing upgrade domains of a pool", "pool", client.ObjectKeyFromObject(pool))
		return nil
	}
	var requests []reconcile.Request
	for _, domain := range domains.Items {
		if domain.Spec.PoolRef.Name == pool.GetName() {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&domain)})
		}
	}
	return requests
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
		needed, err := r.neededForFailOver(ctx, work)
		if err != nil {
			return fmt.Errorf("asking whether the pool of %s is being failed over: %w", work.object.Spec.DomainName, err)
		}
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
		domain.TopologyChanged = topologyChanged(ctx, r.Servers, work.with, work.pool, answering(found))
		decision = procedure.UpgradeDomain(*domain)
	}
	if decision.NeedMirror {
		domain.Mirror = r.mirrorsOf(ctx, work, domain.Members)
		decision = procedure.UpgradeDomain(*domain)
	}
	return decision
}

// retryToken is what people have asked for so far; any change is one request.
func retryToken(objects ...client.Object) string {
	var tokens []string
	for _, object := range objects {
		if token := object.GetAnnotations()[v1alpha1.AnnotationRetry]; token != "" {
			tokens = append(tokens, token)
		}
	}
	return strings.Join(tokens, "|")
}

// grantRetry turns a new request for another try into permission for one more attempt on every held server. A request that
// was there before the operator ever saw the object is old: it is noted, not obeyed.
func (r *UpgradeDomainReconciler) grantRetry(work *domainWork, firstSight bool) {
	status := &work.object.Status
	token := retryToken(work.object, work.pool)
	if token == status.LastHandledRetry {
		return
	}
	status.LastHandledRetry = token
	if firstSight || status.Hold == nil || token == "" {
		return
	}
	for i := range status.Servers {
		if status.Servers[i].Step == v1alpha1.StepHeld {
			status.Servers[i].Attempt++
		}
	}
	status.Hold = nil
}

func domainFrom(work *domainWork, found []observation) procedure.Domain {
	pool, object := work.pool, work.object
	domain := procedure.Domain{
		Plan:           planFor(object.Spec.DesiredBuild, pool.Spec.Package, pool.Spec.Rollout),
		TurnLimit:      readinessPolicyFor(pool.Spec.Rollout).TurnLimit(),
		ServersAtATime: int(pool.Spec.Rollout.ServersAtATime),
		Paused:         pool.Spec.Paused,
		Observe:        pool.Spec.Management == v1alpha1.ManagementObserve,
		Deleting:       work.deleting(),
		Claimed:        claimed(object),
		WasInProgress:  object.Status.InProgress,
	}
	domain.Plan.Variant = variantOf(pool)
	for _, minimum := range pool.Spec.MinimumBuilds {
		domain.Plan.Minimums = append(domain.Plan.Minimums, procedure.MinimumBuild{Component: minimum.Component, Build: minimum.Build})
	}
	if !domain.Plan.Role.IsFrontEnd() {
		// The ports that are known are those of front ends.
		domain.Plan.Ports = nil
	}
	if pool.Spec.Role == v1alpha1.RolePersistentChat {
		domain.Plan.DrainTimeout = max(domain.Plan.DrainTimeout, shortestPersistentChatStop)
	}
	if open := pool.Status.OpenDomain; isTurnOf(open, object) {
		domain.Turn, domain.Adopted, domain.TurnAge = true, open.Adopted, work.now.Sub(open.Since.Time)
	}
	if gateAbandoned(pool) {
		// Deleting the pool or the domain ends a failover that was begun by carrying it through: users must not be left on the backup pool.
		domain.PoolFailedOver, domain.Deleting = true, false
		domain.Plan.RestartTimeout += orDefault(pool.Spec.Rollout.FailOver.ColdStartTimeout, defaultColdStartTimeout)
	}
	for _, one := range found {
		server := procedure.DomainServer{FQDN: one.fqdn, Server: one.server, Problem: one.problem, Left: hasLeft(pool, one.fqdn)}
		if row := rowOf(object.Status.Servers, one.fqdn); row != nil {
			server.LastStep, server.LastBuild = row.Step, v1alpha1.Build(row.InstalledBuild)
			if object.Status.ObservedGeneration == object.Generation {
				// What was permitted for an earlier declaration is not permitted for this one.
				server.Permitted = int(row.Attempt)
			}
		}
		domain.Servers = append(domain.Servers, server)
	}
	return domain
}

// hasLeft says whether a pool whose servers are known does not have this one.
func hasLeft(pool *v1alpha1.LyncPool, fqdn string) bool {
	has := slices.ContainsFunc(pool.Status.Servers, func(server v1alpha1.PoolServerStatus) bool { return strings.EqualFold(server.FQDN, fqdn) })
	return len(pool.Status.Servers) > 0 && !has
}

// isTurnOf says whether the pool has opened this domain, for the build that the domain is to have.
func isTurnOf(open *v1alpha1.OpenDomain, domain *v1alpha1.UpgradeDomain) bool {
	return open != nil && open.Name == domain.Spec.DomainName && open.Build == string(domain.Spec.DesiredBuild)
}

// members observes the pool's other front ends: nobody is stopped on the strength of what was true some time ago.
func (r *UpgradeDomainReconciler) members(ctx context.Context, work *domainWork, plan procedure.Plan, own []observation) []procedure.Member {
	known := map[string]observation{}
	for _, one := range own {
		known[strings.ToLower(one.fqdn)] = one
	}
	var others []string
	for _, server := range work.pool.Status.Servers {
		if _, ok := known[strings.ToLower(server.FQDN)]; !ok {
			others = append(others, server.FQDN)
		}
	}
	for _, one := range observe(ctx, r.Servers, work.with, others) {
		known[strings.ToLower(one.fqdn)] = one
	}
	members := make([]procedure.Member, 0, len(work.pool.Status.Servers))
	for _, server := range work.pool.Status.Servers {
		member := procedure.Member{FQDN: server.FQDN, Silent: true}
		if one := known[strings.ToLower(server.FQDN)]; one.server != nil {
			member = procedure.MemberFrom(plan, *one.server)
			member.FQDN = server.FQDN
		}
		members = append(members, member)
	}
	return members
}

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
	switch {
	case server.OutOfService:
		return false
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

func (r *UpgradeDomainReconciler) report(work *domainWork, conditions conditions, domain procedure.Domain, decision procedure.DomainDecision) {
	status := &work.object.Status
	work.told = append(work.told, drift(status.Servers, decision.Servers, work.object.Spec.DesiredBuild)...)
	status.Servers = rowsFrom(status.Servers, decision.Servers, work.now)
	noteComponents(status.Servers, domain.Servers)
	status.State = decision.State
	status.InProgress = decision.InProgress
	status.FailOverSeen = procedure.FailOverSeenOn(domain.Servers, status.FailOverSeen)
	status.InstalledBuild = oldestBuild(decision.Servers)
	status.ServerProgress = fmt.Sprintf("%d/%d", decision.Done(), len(decision.Servers))
	status.CurrentServer, status.CurrentStep = decision.Current()
	status.Hold = holdFrom(status.Hold, decision.State == v1alpha1.DomainHeld, decision.Reason, status.CurrentServer, decision.Message, work.now)

	reportReachable(conditions, domain.Servers)
	conditions.paused(domain.Paused)
	switch {
	case decision.State == v1alpha1.DomainDone:
		conditions.set(v1alpha1.ConditionTurn, true, v1alpha1.ReasonNotApplicable, "the domain is done and needs no turn")
	case domain.Turn:
		conditions.set(v1alpha1.ConditionTurn, true, v1alpha1.ReasonTurnGranted, "the pool has opened this upgrade domain")
	default:
		conditions.set(v1alpha1.ConditionTurn, false, v1alpha1.ReasonWaitingForTurn, "the pool has not opened this upgrade domain")
	}
	if decision.QuorumMessage != "" {
		reason := v1alpha1.ReasonQuorumHolds
		if decision.QuorumBroken {
			reason = v1alpha1.ReasonQuorumAtRisk
		}
		conditions.set(v1alpha1.ConditionQuorum, !decision.QuorumBroken, reason, decision.QuorumMessage)
	}
	conditions.summarise(domainStanding(domain, decision), decision.Reason, decision.Message)
}

func domainStanding(domain procedure.Domain, decision procedure.DomainDecision) standing {
	switch {
	case decision.State == v1alpha1.DomainHeld:
		return standingStalled
	case decision.State == v1alpha1.DomainDone:
		return standingReady
	case !decision.InProgress && (domain.Observe || domain.Paused):
		return standingIdle
	case !decision.InProgress && lastingProblem(domain.Servers):
		return standingStalled
	}
	return standingWorking
}

func lastingProblem(servers []procedure.DomainServer) bool {
	for _, server := range servers {
		if server.Problem != nil && server.Problem.Lasting {
			return true
		}
	}
	return false
}

func reportReachable(conditions conditions, servers []procedure.DomainServer) {
	for _, server := range servers {
		if server.Problem != nil && server.LastStep != v1alpha1.StepRestartComputer {
			conditions.set(v1alpha1.ConditionServersReachable, false, server.Problem.Reason, server.Problem.Message)
			return
		}
		if server.Problem != nil {
			return
		}
	}
	conditions.set(v1alpha1.ConditionServersReachable, true, v1alpha1.ReasonAllServersAnswer, "every server that had to be asked answered")
}

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

func namesOf(names []v1alpha1.FQDN) []string {
	result := make([]string, 0, len(names))
	for _, name := range names {
		result = append(result, string(name))
	}
	return result
}

func holdFrom(earlier *v1alpha1.Hold, held bool, reason, server, message string, now time.Time) *v1alpha1.Hold {
	if !held {
		return nil
	}
	hold := &v1alpha1.Hold{Reason: reason, Server: server, Since: metav1.NewTime(now.Truncate(time.Second)), Message: bounded(message)}
	if earlier != nil && earlier.Reason == reason && earlier.Server == server {
		hold.Since = earlier.Since
	}
	return hold
}
