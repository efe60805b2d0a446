package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
	case phase == v1alpha1.FailOverChecking || phase == v1alpha1.FailOverRecording || phase == v1alpha1.FailOverAbandoning:
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
	decision, err := r.decideFailOver(ctx, work, &given)
	if err != nil {
		return false, 0, err
	}
	if !decision.Engaged {
		return r.noFailOver(work)
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
	next, err = r.followFailOver(ctx, work, decision)
	if err == nil && given.First != nil && decision.Reason == given.First.Reason {
		work.leaves, err = r.givesPlaceBack(ctx, work, procedure.PoolDecision{Action: procedure.PoolWaits, Reason: decision.Reason})
	}
	return true, next, err
}

// decideFailOver asks what the decision needs to know, and decides.
func (r *LyncPoolReconciler) decideFailOver(ctx context.Context, work *poolWork, given *procedure.FailOver) (procedure.FailOverDecision, error) {
	decision := procedure.NextFailOverStep(*given)
	if decision.NeedPartner {
		given.Partner, given.Problem = r.partner(ctx, work)
		if given.Partner != nil {
			work.noteCentralManagement(given.Partner.CentralManagementPool)
			var err error
			if given.BackupPoolBusy, err = r.backupPoolBusy(ctx, work.object, given.Partner.BackupPool); err != nil {
				return decision, err
			}
		}
		decision = procedure.NextFailOverStep(*given)
	}
	if decision.NeedServer != "" {
		found := observeOne(ctx, r.Servers, work.with, decision.NeedServer)
		given.BackupServer = &procedure.PoolFrontEnd{FQDN: found.fqdn, Server: found.server, Problem: found.problem}
		decision = procedure.NextFailOverStep(*given)
	}
	if decision.NeedTopology {
		changed := ""
		if !beingDeleted(work.object) { // then it is not read again, and users who can sign in nowhere come first
			_, changed = topologyChanged(ctx, r.Servers, work.with, work.object, nil)
		}
		given.TopologyChanged = &changed
		decision = procedure.NextFailOverStep(*given)
	}
	return decision, nil
}

// noFailOver ends what the status still says of a failover that is neither due nor under way.
func (r *LyncPoolReconciler) noFailOver(work *poolWork) (engaged bool, next time.Duration, err error) {
	last := work.object.Status.FailOver
	if last == nil || last.Phase != v1alpha1.FailOverFailingBack {
		work.object.Status.FailOver = nil
		return false, 0, nil
	}
	// Its jobs were put away, and the pass that did it could not write that down.
	r.failOverIsOver(work, procedure.FailOverDecision{FailedBack: true, Message: fmt.Sprintf("the users of %s are back on their pool", work.object.Spec.PoolFQDN)})
	return true, quickestLook, nil
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
		Deleting: beingDeleted(object),
	}
	given.Plan.Variant = variantOf(object)
	if status.FailOver != nil {
		given.Permitted, given.Opened = int(status.FailOver.Attempt), status.FailOver.GateAbandoned
		given.Phase, given.UsersOnBackupPool = status.FailOver.Phase, status.FailOver.UsersOnBackupPool
		given.PhaseAge = work.now.Sub(status.FailOver.Since.Time)
	}
	for _, one := range r.dropDead(ctx, work, observe(ctx, r.Servers, work.with, work.names())) {
		frontEnd := procedure.PoolFrontEnd{FQDN: one.fqdn, Server: one.server, Problem: one.problem}
		if beingDeleted(object) && !work.inADomain(one.fqdn) { // no upgrade domain is made for it any more
			given.WithoutDomain = append(given.WithoutDomain, frontEnd)
			continue
		}
		given.FrontEnds = append(given.FrontEnds, frontEnd)
	}
	var err error
	given.BackEnd, err = r.backEndAtWork(ctx, r.Live, client.ObjectKeyFromObject(object))
	return given, err
}

// inADomain says whether a front end is in one of the pool's UpgradeDomain objects, or there are none.
func (w *poolWork) inADomain(fqdn string) bool {
	return len(w.domains) == 0 || slices.ContainsFunc(w.domains, func(domain *v1alpha1.UpgradeDomain) bool {
		return slices.ContainsFunc(domain.Spec.FrontEnds, func(name v1alpha1.FQDN) bool { return name.Is(fqdn) })
	})
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
