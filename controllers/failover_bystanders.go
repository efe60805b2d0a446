package controllers

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

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

// beingFailedOver says whether a failover of the pool has begun and is not over: its domains are needed until then.
func beingFailedOver(pool *v1alpha1.LyncPool) bool {
	return pool.Status.FailOver != nil && pool.Status.FailOver.Phase != v1alpha1.FailOverChecking
}

// usersMoved says whether the users of the pool have been moved, or are about to be: from then on it is not read again before they are back,
// unless that is what a failover waits for.
func usersMoved(pool *v1alpha1.LyncPool) bool {
	reason, _ := readyReason(pool.Status.Conditions)
	if !beingFailedOver(pool) || reason == v1alpha1.ReasonTopologyChanged {
		return false
	}
	phase := pool.Status.FailOver.Phase
	return phase != v1alpha1.FailOverRecording && phase != v1alpha1.FailOverAbandoning
}

// neededForFailOver asks the API server itself whether the pool is being failed over, before a domain lets go: the pool claims its
// domains and then moves its users. A server that remembers a failover says the same, where the pool's status is lost. Of a pool that is being
// deleted another domain may know of it; unseen are those that have not been looked at since the statuses were lost, and may.
func (r *UpgradeDomainReconciler) neededForFailOver(ctx context.Context, work *domainWork) (needed bool, unseen []string, err error) {
	if work.object.Status.FailOverSeen {
		return true, nil, nil
	}
	var pool v1alpha1.LyncPool
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(work.pool), &pool); err != nil {
		return false, nil, client.IgnoreNotFound(err)
	}
	if beingFailedOver(&pool) || !beingDeleted(&pool) {
		return beingFailedOver(&pool), nil, nil
	}
	domains, err := domainsLive(ctx, r.Live, &pool)
	if err != nil {
		return false, nil, err
	}
	for i := range domains {
		switch other := &domains[i]; {
		case other.UID == work.object.UID || !claimed(other):
		case other.Status.FailOverSeen:
			return true, nil, nil
		case other.Status.ObservedGeneration < 0:
			unseen = append(unseen, "UpgradeDomain "+other.Name)
		}
	}
	return false, unseen, nil
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
