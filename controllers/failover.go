package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

// Documented defaults of a failover, for objects that were stored without them.
const (
	defaultFailOverTimeout  = time.Hour
	defaultFailBackTimeout  = 2 * time.Hour
	defaultColdStartTimeout = time.Hour
)

// unknownDomain stands for the upgrade domain of all front ends of a pool that was found failed over: none of them serves, so none can
// say which domain it is in. No domain matters then, and they are read when the pool is back.
const unknownDomain = "FailedOver"

// leadsToFailOver are the holds after which a pool may be failed over.
var leadsToFailOver = map[string]bool{v1alpha1.ReasonPoolUnready: true, v1alpha1.ReasonInsufficientActiveFrontEnds: true}

// triedAgain are the holds of a failover in which a person's request is one for another attempt of its job.
var triedAgain = map[string]bool{
	v1alpha1.ReasonFailOverFailed: true, v1alpha1.ReasonPoolFailBackFailed: true, v1alpha1.ReasonCentralManagementMoveFailed: true,
}

// failOverAllowed says whether the policy asks for a failover, or a person has approved one for the desired build.
func failOverAllowed(pool *v1alpha1.LyncPool) bool {
	approved := pool.GetAnnotations()[v1alpha1.AnnotationApproveFailOver]
	return pool.Spec.Rollout.WhenUnready == v1alpha1.UnreadyFailOver || approved != "" && approved == string(pool.Spec.DesiredBuild)
}

// failOverCause is the problem of the pool that leads to a failover.
func failOverCause(pool *v1alpha1.LyncPool) string {
	if hold := pool.Status.Hold; hold != nil && leadsToFailOver[hold.Reason] && !beingDeleted(pool) {
		// What a person could do instead belongs to the hold, not to the failover.
		cause, _, _ := strings.Cut(hold.Message, ". ")
		return cause
	}
	return ""
}

// failOverSeen says whether a front end of the pool remembers a failover.
func (w *poolWork) failOverSeen() bool {
	for _, domain := range w.domains {
		if domain.Status.FailOverSeen || domain.Spec.DomainName == unknownDomain {
			return true
		}
	}
	return false
}

// retryOfFailOver turns a request for another try into one more attempt of the failover's job, or, while nobody has been moved, lets
// the pool be asked afresh. It says false when there is no failover.
func (w *poolWork) retryOfFailOver() bool {
	status := &w.object.Status
	if status.FailOver == nil {
		return false
	}
	reason, _ := readyReason(status.Conditions)
	switch phase := status.FailOver.Phase; {
	case triedAgain[reason]:
		status.FailOver.Attempt++
	case phase == v1alpha1.FailOverChecking || phase == v1alpha1.FailOverRecording:
		status.Hold, status.Readiness = nil, nil
	}
	return true
}

// failOver brings a pool that is to be failed over, or is, one decision further. It says false when there is nothing of that kind, and
// the pool follows the usual procedure.
func (r *LyncPoolReconciler) failOver(ctx context.Context, work *poolWork) (engaged bool, next time.Duration, err error) {
	object, status := work.object, &work.object.Status
	if status.FailOver == nil && !work.failOverSeen() && (failOverCause(object) == "" || !failOverAllowed(object)) {
		return false, 0, nil
	}
	given, err := r.failOverOf(ctx, work)
	if err != nil {
		return false, 0, err
	}
	if given.First, err = r.beforeFailOver(ctx, r.Client, work); err != nil {
		return false, 0, err
	}
	decision := procedure.NextFailOverStep(given)
	if decision.NeedPartner {
		given.Partner, given.Problem = r.partner(ctx, work)
		if given.Partner != nil {
			work.noteCentralManagement(given.Partner.CentralManagementPool)
			if given.BackupPoolBusy, err = r.backupPoolBusy(ctx, object, given.Partner.BackupPool); err != nil {
				return false, 0, err
			}
		}
		decision = procedure.NextFailOverStep(given)
	}
	if decision.NeedServer != "" {
		found := observeOne(ctx, r.Servers, work.with, decision.NeedServer)
		given.BackupServer = &procedure.PoolFrontEnd{FQDN: found.fqdn, Server: found.server, Problem: found.problem}
		decision = procedure.NextFailOverStep(given)
	}
	if !decision.Engaged {
		if last := status.FailOver; last != nil && last.Phase == v1alpha1.FailOverFailingBack {
			// Its jobs were put away, and the pass that did it could not write that down.
			r.failOverIsOver(work, procedure.FailOverDecision{FailedBack: true, Message: fmt.Sprintf("the users of %s are back on their pool", object.Spec.PoolFQDN)})
			return true, quickestLook, nil
		}
		status.FailOver = nil
		return false, 0, nil
	}
	if decision.Verdict == procedure.VerdictStart && !underWay(object) && !beingDeleted(object) {
		// It claims its place and looks at the others after that, as before a first domain is opened.
		if err := r.claim(ctx, object, work.before); err != nil {
			return true, 0, err
		}
		if given.First, err = r.beforeFailOver(ctx, r.Live, work); err != nil {
			return true, 0, err
		}
		decision = procedure.NextFailOverStep(given)
	}
	engaged, next, err = r.followFailOver(ctx, work, decision)
	if err == nil && engaged && given.First != nil && decision.Reason == given.First.Reason {
		work.leaves, err = r.givesPlaceBack(ctx, work, procedure.PoolDecision{Action: procedure.PoolWaits, Reason: decision.Reason})
	}
	return engaged, next, err
}

// beforeFailOver is what comes before a pool whose failover has not begun, as the reader has it; nil when nothing does, or when the pool
// is failed over already.
func (r *LyncPoolReconciler) beforeFailOver(ctx context.Context, reader client.Reader, work *poolWork) (*procedure.Precedes, error) {
	if underWay(work.object) || beingDeleted(work.object) {
		return nil, nil
	}
	first, others, err := r.precedes(ctx, reader, work.object)
	work.stays = first != nil && procedure.Stays(peerOfPool(work.object), first, others)
	work.notePrecedence(first)
	return first, err
}

// noteCentralManagement follows the central management store to where a front end says that it is.
func (w *poolWork) noteCentralManagement(pool string) {
	if pool != "" {
		w.object.Status.CentralManagement = w.object.Spec.PoolFQDN.Is(pool)
	}
}

// failOverOf puts together what is known of a failover, with a fresh look at every front end.
func (r *LyncPoolReconciler) failOverOf(ctx context.Context, work *poolWork) (procedure.FailOver, error) {
	object, status := work.object, work.object.Status
	policy := object.Spec.Rollout.FailOver
	given := procedure.FailOver{
		PoolFQDN: string(object.Spec.PoolFQDN), Plan: planFor(object.Spec.DesiredBuild, object.Spec.Package, object.Spec.Rollout),
		Cause: failOverCause(object), Allowed: failOverAllowed(object) && !beingDeleted(object), MoveCentralManagement: policy.MoveCentralManagement,
		Timeout: orDefault(policy.Timeout, defaultFailOverTimeout), FailBackTimeout: orDefault(policy.FailBackTimeout, defaultFailBackTimeout),
		Domains: work.view(), Paused: object.Spec.Paused, Observe: object.Spec.Management == v1alpha1.ManagementObserve,
	}
	given.Plan.Variant = variantOf(object)
	if status.FailOver != nil {
		given.Permitted, given.Opened = int(status.FailOver.Attempt), status.FailOver.GateAbandoned
	}
	for _, one := range r.dropDead(ctx, work, observe(ctx, r.Servers, work.with, work.names())) {
		given.FrontEnds = append(given.FrontEnds, procedure.PoolFrontEnd{FQDN: one.fqdn, Server: one.server, Problem: one.problem})
	}
	var err error
	given.BackEnd, err = r.backEndAtWork(ctx, r.Live, client.ObjectKeyFromObject(object))
	return given, err
}

// dropDead takes front ends out of the status that do not answer and that the topology does not name any more, and gives the observations
// of the others. Front ends that have come meanwhile are read when the failover is over.
func (r *LyncPoolReconciler) dropDead(ctx context.Context, work *poolWork, found []observation) []observation {
	alive := answering(found)
	if len(alive) == len(found) {
		return found
	}
	for _, name := range alive {
		topology, err := r.Servers.Topology(ctx, work.with.At(name), string(work.object.Spec.PoolFQDN))
		if err != nil {
			continue // an installer may be running there
		}
		kept := procedure.StillThere(placesOf(work.object), alive, topology.Computers)
		var servers []v1alpha1.PoolServerStatus
		var observed []observation
		for i, server := range work.object.Status.Servers {
			if slices.ContainsFunc(kept, func(place procedure.PlacedServer) bool { return place.FQDN == server.FQDN }) {
				servers, observed = append(servers, server), append(observed, found[i])
			}
		}
		work.object.Status.Servers = servers
		return observed
	}
	return found
}

// partner asks the first front end that can answer about the pair. A server that an installer runs on cannot.
func (r *LyncPoolReconciler) partner(ctx context.Context, work *poolWork) (*procedure.Partner, *procedure.Problem) {
	var problem *procedure.Problem
	for _, server := range work.object.Status.Servers {
		answer, err := r.Servers.Partner(ctx, work.with.At(server.FQDN), string(work.object.Spec.PoolFQDN))
		if err == nil {
			return partnerFrom(answer), nil
		}
		if problem = problemFrom(err); !tryAnother(err) && lync.KindOf(err) != lync.KindJobConflict {
			break
		}
	}
	if problem == nil {
		problem = &procedure.Problem{Reason: v1alpha1.ReasonDiscovering, Message: "the pool's front ends are not known yet"}
	}
	return nil, problem
}

func partnerFrom(answer lync.Partner) *procedure.Partner {
	partner := &procedure.Partner{BackupPool: answer.BackupPoolFQDN, BackupServers: answer.BackupComputers, PoolState: answer.PoolState,
		EdgePools: answer.EdgePools, CentralManagementPool: answer.CentralManagementPoolFQDN}
	for _, module := range answer.Modules {
		partner.Modules = append(partner.Modules, procedure.BackupModule{Pool: module.PoolFQDN, Name: module.Name, Export: module.ExportStatus, Import: module.ImportStatus})
	}
	return partner
}

// backupPoolBusy says why the backup pool, where it is declared as well, cannot take users now. The API server itself is asked: the
// claim of this failover has been written before, and the backup pool looks for it before it stops a server.
func (r *LyncPoolReconciler) backupPoolBusy(ctx context.Context, object *v1alpha1.LyncPool, backupPool string) (string, error) {
	var pools v1alpha1.LyncPoolList
	if err := r.Live.List(ctx, &pools); err != nil {
		return "", fmt.Errorf("listing pools: %w", err)
	}
	for i := range pools.Items {
		other := &pools.Items[i]
		switch {
		case other.UID == object.UID || !other.Spec.PoolFQDN.Is(backupPool):
		case other.Status.OpenDomain != nil:
			return fmt.Sprintf("The backup pool %s is being upgraded itself (LyncPool %s)", backupPool, other.Name), nil
		case other.Status.FailOver != nil && other.Status.FailOver.Phase != v1alpha1.FailOverChecking:
			return fmt.Sprintf("The backup pool %s is being failed over itself (LyncPool %s)", backupPool, other.Name), nil
		}
	}
	return "", nil
}

// carriesUsers names a pool whose users are on this one, or are on their way: no server of it is stopped meanwhile.
func (s Shared) carriesUsers(ctx context.Context, reader client.Reader, object *v1alpha1.LyncPool) (string, error) {
	var pools v1alpha1.LyncPoolList
	if err := reader.List(ctx, &pools); err != nil {
		return "", fmt.Errorf("listing pools: %w", err)
	}
	for i := range pools.Items {
		other := &pools.Items[i]
		failOver := other.Status.FailOver
		if other.UID == object.UID || failOver == nil || !object.Spec.PoolFQDN.Is(failOver.BackupPool) {
			continue
		}
		if failOver.UsersOnBackupPool || failOver.Phase == v1alpha1.FailOverFailingOver || failOver.Phase == v1alpha1.FailOverMovingCentralManagement {
			return string(other.Spec.PoolFQDN), nil
		}
	}
	return "", nil
}

// followFailOver does what was decided and reports it. An order that begins a phase is given in the pass after the one that has written
// the phase down: the domains, the back ends and the backup pool look for it there before they begin anything.
func (r *LyncPoolReconciler) followFailOver(ctx context.Context, work *poolWork, decision procedure.FailOverDecision) (engaged bool, next time.Duration, err error) {
	status := &work.object.Status
	before := status.FailOver
	ordered := decision.Verdict == procedure.VerdictStart
	announced := before != nil && before.Phase == decision.Phase && !before.GateAbandoned
	if ordered || decision.Phase != v1alpha1.FailOverChecking && decision.Verdict != procedure.VerdictPutAway {
		if err := r.claimWithDomains(ctx, work); err != nil {
			return true, 0, err
		}
		r.remember(work.object, work.with)
	}
	if ordered && (announced || decision.Phase == v1alpha1.FailOverRecording) {
		if err := r.orderFailOver(ctx, work, &decision); err != nil {
			return true, 0, err
		}
	}
	if decision.Verdict == procedure.VerdictPutAway && r.putFailOverAway(ctx, work, &decision) {
		r.failOverIsOver(work, decision)
		return true, quickestLook, nil
	}
	r.reportFailOver(work, decision)
	return true, lookAtFailOver(decision), nil
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

func (r *LyncPoolReconciler) reportFailOver(work *poolWork, decision procedure.FailOverDecision) {
	object, status := work.object, &work.object.Status
	before := status.FailOver
	now := &v1alpha1.FailOverStatus{Phase: decision.Phase, Cause: bounded(failOverCause(object)), BackupPool: decision.BackupPool, UsersOnBackupPool: decision.UsersOnBackupPool,
		GateAbandoned: decision.Open, Server: decision.Server, Attempt: int32(min(max(decision.Attempt, 1), 1000)),
		Since: metav1.NewTime(work.now.Truncate(time.Second)), Message: bounded(decision.Message)}
	if before != nil {
		if before.Phase == now.Phase {
			now.Since = before.Since
		}
		if now.BackupPool == "" {
			now.BackupPool = before.BackupPool
		}
		if now.Cause == "" {
			now.Cause = before.Cause
		}
		now.MovedBy = before.MovedBy
	}
	if now.Phase == v1alpha1.FailOverMovingCentralManagement && decision.Verdict == procedure.VerdictStart && !slices.Contains(now.MovedBy, now.Server) {
		now.MovedBy = append(slices.Clone(now.MovedBy), now.Server)
	}
	if now.Phase == v1alpha1.FailOverFailingOver && (before == nil || before.Phase != now.Phase) && decision.Verdict == procedure.VerdictStart {
		work.told = append(work.told, announcement{warning: true, reason: v1alpha1.ReasonFailingOver, action: "FailOver",
			note: fmt.Sprintf("%s is failed over to %s: its users are signed out once. %s", object.Spec.PoolFQDN, now.BackupPool, now.Cause)})
	}
	if now.UsersOnBackupPool && (before == nil || !before.UsersOnBackupPool) {
		work.told = append(work.told, announcement{reason: v1alpha1.EventFailedOver, action: "FailOver",
			note: fmt.Sprintf("the users of %s are on the backup pool %s; its front ends are upgraded together", object.Spec.PoolFQDN, now.BackupPool)})
	}
	status.FailOver, status.Soak = now, nil
	if now.Phase != v1alpha1.FailOverChecking {
		status.OpenDomain = nil
		if status.UnderWaySince == nil {
			since := metav1.NewMicroTime(work.now)
			status.UnderWaySince = &since
		}
	}
	stands := standingWorking
	switch {
	case decision.Verdict == procedure.VerdictHold:
		stands = standingStalled
	case decision.Idle && (decision.Reason == v1alpha1.ReasonPaused || decision.Reason == v1alpha1.ReasonObserving):
		stands = standingIdle
	}
	work.sumUp()
	status.Now = failOverNow(decision)
	work.conditions.summarise(stands, decision.Reason, decision.Message)
}

func failOverNow(decision procedure.FailOverDecision) string {
	switch {
	case decision.Verdict == procedure.VerdictHold && decision.UsersOnBackupPool:
		return "held, users on backup pool: " + decision.Reason
	case decision.Verdict == procedure.VerdictHold:
		return "held: " + decision.Reason
	case decision.UsersOnBackupPool && decision.Phase == v1alpha1.FailOverFailingBack:
		return "failing back"
	case decision.UsersOnBackupPool:
		return "users on backup pool"
	case decision.Phase == v1alpha1.FailOverChecking:
		return "may be failed over: " + decision.Reason
	}
	return "failing over"
}

// lookAtFailOver is the time until a failover should be looked at again. While servers are upgraded, their domains report.
func lookAtFailOver(decision procedure.FailOverDecision) time.Duration {
	switch {
	case decision.Verdict == procedure.VerdictStart, decision.Verdict == procedure.VerdictPutAway:
		return quickestLook
	case decision.Verdict == procedure.VerdictHold:
		return holdLook
	case decision.ActiveSeconds > 0:
		return lookAfter(decision.ActiveSeconds)
	case decision.Idle && (decision.Reason == v1alpha1.ReasonPaused || decision.Reason == v1alpha1.ReasonObserving):
		return unhurried(turnLook)
	case decision.Open:
		return troubleLook
	}
	return beginningLook
}

// beingFailedOver says whether a failover of the pool has begun and is not over: its domains are needed until then.
func beingFailedOver(pool *v1alpha1.LyncPool) bool {
	return pool.Status.FailOver != nil && pool.Status.FailOver.Phase != v1alpha1.FailOverChecking
}

// neededForFailOver asks the API server itself whether the pool is being failed over, before a domain lets go: the pool claims its
// domains and then moves its users.
func (r *UpgradeDomainReconciler) neededForFailOver(ctx context.Context, work *domainWork) (bool, error) {
	var pool v1alpha1.LyncPool
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(work.pool), &pool); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return beingFailedOver(&pool), nil
}

// gateAbandoned says whether every front end of the pool may be worked on because its users are on the backup pool.
func gateAbandoned(pool *v1alpha1.LyncPool) bool {
	return pool.Status.FailOver != nil && pool.Status.FailOver.GateAbandoned
}

// failOverStands asks the API server itself whether the front ends may still be worked on.
func (r *UpgradeDomainReconciler) failOverStands(ctx context.Context, work *domainWork) (bool, error) {
	var pool v1alpha1.LyncPool
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(work.pool), &pool); err != nil {
		return false, fmt.Errorf("asking whether the pool of %s is still failed over: %w", work.object.Spec.DomainName, err)
	}
	return gateAbandoned(&pool) && !pool.Spec.Paused && pool.Spec.Management != v1alpha1.ManagementObserve, nil
}

// findFailOver is the way back into a failover whose objects are gone: no front end serves, so none can name the upgrade domains. If one
// remembers a failover, all front ends stand in one domain until the pool is back.
func (r *LyncPoolReconciler) findFailOver(ctx context.Context, work *poolWork) bool {
	status := &work.object.Status
	var names []string
	for _, server := range status.Servers {
		names = append(names, server.FQDN)
	}
	seen := false
	for _, one := range observe(ctx, r.Servers, work.with, names) {
		seen = seen || one.server != nil && one.server.FailOverSeen()
	}
	if !seen {
		return false
	}
	for i := range status.Servers {
		status.Servers[i].UpgradeDomain = unknownDomain
	}
	return true
}

// failOverOfDeleted carries a failover through that was begun before the pool was deleted: its users must not be left on the backup
// pool. One that has moved nobody is put away.
func (r *LyncPoolReconciler) failOverOfDeleted(ctx context.Context, work *poolWork) (engaged bool, next time.Duration, err error) {
	object := work.object
	if object.Status.FailOver == nil && !work.failOverSeen() {
		return false, 0, nil
	}
	with, problem, err := r.resolve(ctx, object, true, object.Spec.Connection, object.Spec.Jobs)
	if err != nil {
		return false, 0, err
	}
	if problem != nil {
		work.conditions.problem(*problem)
		object.Status.Now = "being deleted, failed over: " + problem.Reason
		return true, troubleLook, nil
	}
	work.with = with
	return r.failOver(ctx, work)
}

// openOf names what keeps SQL Server from being worked on: the upgrade domain whose turn it is, or a failover of all of them.
func openOf(pool *v1alpha1.LyncPool) string {
	switch {
	case pool.Status.OpenDomain != nil:
		return pool.Status.OpenDomain.Name
	case beingFailedOver(pool):
		return "of a pool that is failed over"
	}
	return ""
}

// forGuests lets no domain be opened while the pool carries the users of another one.
func (r *LyncPoolReconciler) forGuests(ctx context.Context, work *poolWork, decision procedure.PoolDecision) (procedure.PoolDecision, error) {
	if decision.Action != procedure.PoolAsks && decision.Action != procedure.PoolOpens {
		return decision, nil
	}
	guests, err := r.carriesUsers(ctx, r.Client, work.object)
	if guests == "" || err != nil {
		return decision, err
	}
	return procedure.PoolDecision{Action: procedure.PoolWaits, Domain: decision.Domain, Reason: v1alpha1.ReasonWaitingForBackupPool, Soak: decision.Soak,
		Until: work.now.Add(holdLook), Message: fmt.Sprintf("the pool carries the users of %s, which is failed over to it; nothing is opened before they are back", guests)}, nil
}
