package controllers

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// peerOfPool is a pool as the order between objects sees it.
func peerOfPool(pool *v1alpha1.LyncPool) procedure.Peer {
	peer := procedure.Peer{
		Kind: v1alpha1.KindLyncPool, Name: pool.Name, Product: pool.Spec.Product, Build: pool.Spec.DesiredBuild, Installed: v1alpha1.Build(pool.Status.InstalledBuild),
		DependsOn: pool.Spec.DependsOn, Deleting: beingDeleted(pool), Labels: pool.Labels, Claimed: claimed(pool),
		Begun: pool.Status.UnderWaySince != nil, Active: underWay(pool),
		Upgrades:          pool.Spec.Management != v1alpha1.ManagementObserve && pool.Spec.Role.IsFrontEnd(),
		CentralManagement: pool.Status.CentralManagement && pool.Spec.Rollout.CentralManagement != v1alpha1.CentralManagementAnyOrder,
	}
	if at := pool.Spec.Rollout.PoolsAtATime; at != nil {
		peer.Limit, peer.LabelKey = int(at.Limit), at.LabelKey
	}
	peer.Finished, peer.Stalled, peer.Reason = stands(pool.Status.Conditions, pool.Status.ObservedGeneration == pool.Generation)
	return peer
}

func peerOfBackEnd(backEnd *v1alpha1.BackEndServer) procedure.Peer {
	peer := procedure.Peer{
		Kind: v1alpha1.KindBackEndServer, Name: backEnd.Name, Product: backEnd.Spec.Product, Build: backEnd.Spec.DesiredBuild, Installed: v1alpha1.Build(backEnd.Status.InstalledBuild),
		DependsOn: backEnd.Spec.DependsOn, Deleting: beingDeleted(backEnd), Claimed: claimed(backEnd),
	}
	if backEnd.Spec.PoolRef != nil && backEnd.Spec.Edition == v1alpha1.EditionEnterprise {
		peer.Pool = backEnd.Spec.PoolRef.Name
	}
	peer.Finished, peer.Stalled, peer.Reason = stands(backEnd.Status.Conditions, backEnd.Status.ObservedGeneration == backEnd.Generation)
	return peer
}

// stands reads how an object stands from its conditions; what they say about an earlier declaration counts for nothing.
func stands(list []metav1.Condition, current bool) (finished, stalled bool, reason string) {
	reason, _ = readyReason(list)
	return current && meta.IsStatusConditionTrue(list, v1alpha1.ConditionReady), current && meta.IsStatusConditionTrue(list, v1alpha1.ConditionStalled), reason
}

// peersOf are the other pools and back ends of a namespace.
func peersOf(ctx context.Context, reader client.Reader, self client.ObjectKey, kind string) ([]procedure.Peer, error) {
	var pools v1alpha1.LyncPoolList
	if err := reader.List(ctx, &pools, client.InNamespace(self.Namespace)); err != nil {
		return nil, fmt.Errorf("listing pools: %w", err)
	}
	var backEnds v1alpha1.BackEndServerList
	if err := reader.List(ctx, &backEnds, client.InNamespace(self.Namespace)); err != nil {
		return nil, fmt.Errorf("listing back ends: %w", err)
	}
	var peers []procedure.Peer
	for i := range pools.Items {
		if kind != v1alpha1.KindLyncPool || pools.Items[i].Name != self.Name {
			peers = append(peers, peerOfPool(&pools.Items[i]))
		}
	}
	for i := range backEnds.Items {
		if kind != v1alpha1.KindBackEndServer || backEnds.Items[i].Name != self.Name {
			peers = append(peers, peerOfBackEnd(&backEnds.Items[i]))
		}
	}
	return peers, nil
}

// precedes is what comes before the pool, as the reader has it.
func (r *LyncPoolReconciler) precedes(ctx context.Context, reader client.Reader, pool *v1alpha1.LyncPool) (*procedure.Precedes, []procedure.Peer, error) {
	others, err := peersOf(ctx, reader, client.ObjectKeyFromObject(pool), v1alpha1.KindLyncPool)
	if err != nil {
		return nil, nil, err
	}
	return procedure.Precedence(peerOfPool(pool), others), others, nil
}

// precedes is what comes before the server, as the reader has it.
func (r *BackEndServerReconciler) precedes(ctx context.Context, reader client.Reader, backEnd *v1alpha1.BackEndServer) (*procedure.Precedes, error) {
	others, err := peersOf(ctx, reader, client.ObjectKeyFromObject(backEnd), v1alpha1.KindBackEndServer)
	if err != nil {
		return nil, err
	}
	return procedure.Precedence(peerOfBackEnd(backEnd), others), nil
}

// takePlace claims the pool's place among those that are under way before its first domain is opened, and looks at the others after
// that, past the cache: of two pools that claim at the same moment at least one sees the other. It changes the decision to open where
// another pool or a dependency is in the way after all.
func (r *LyncPoolReconciler) takePlace(ctx context.Context, work *poolWork, decision procedure.PoolDecision) (procedure.PoolDecision, error) {
	object := work.object
	if err := r.claim(ctx, object, work.before); err != nil || decision.Action != procedure.PoolOpens {
		return decision, err
	}
	if object.Status.UnderWaySince == nil {
		// The central management store may have been moved here meanwhile.
		r.topologyIsNews(ctx, work)
	}
	first, others, err := r.precedes(ctx, r.Live, object)
	if err != nil || first == nil {
		return decision, err
	}
	work.notePrecedence(first)
	// The answer that would have opened the domain is old when it is the pool's turn; it is asked again.
	object.Status.Readiness = nil
	wait := procedure.PoolDecision{Action: procedure.PoolWaits, Domain: decision.Domain, Reason: first.Reason, Message: first.Message, Soak: decision.Soak}
	if procedure.Stays(peerOfPool(object), first, others) {
		// The other one gives way; it takes a moment to be seen.
		wait.Until, work.stays = work.now, true
		return wait, nil
	}
	return wait, nil
}

// notePrecedence shows the gate where there is one: an order was declared, or follows from what the pool holds.
func (w *poolWork) notePrecedence(first *procedure.Precedes) {
	spec := w.object.Spec
	ordered := len(spec.DependsOn) > 0 || spec.Rollout.PoolsAtATime != nil || w.object.Status.CentralManagement
	notePrecedence(w.conditions, ordered, first)
}

func notePrecedence(conditions conditions, ordered bool, first *procedure.Precedes) {
	switch {
	case first != nil:
		conditions.set(v1alpha1.ConditionPrecedence, false, first.Reason, first.Message)
	case ordered:
		conditions.set(v1alpha1.ConditionPrecedence, true, v1alpha1.ReasonNothingBefore, "no other object comes first")
	default:
		conditions.remove(v1alpha1.ConditionPrecedence)
	}
}

// standingChanged lets through what others wait for: that an object is finished, begun, held, or declared differently.
func standingChanged() predicate.Predicate {
	view := func(object client.Object) string {
		var peer procedure.Peer
		switch object := object.(type) {
		case *v1alpha1.LyncPool:
			peer = peerOfPool(object)
		case *v1alpha1.BackEndServer:
			peer = peerOfBackEnd(object)
		}
		if !peer.Stalled {
			peer.Reason = ""
		}
		if peer.Begun {
			peer.Active = true
		}
		return fmt.Sprintf("%+v", peer)
	}
	return predicate.Funcs{UpdateFunc: func(update event.UpdateEvent) bool { return view(update.ObjectOld) != view(update.ObjectNew) }}
}

// poolsAfter are the pools that may wait for an object: those that depend on it and, for a pool, all others, because limits and the
// central management store concern whole groups.
func (r *LyncPoolReconciler) poolsAfter(ctx context.Context, object client.Object) []reconcile.Request {
	var pools v1alpha1.LyncPoolList
	if err := r.Client.List(ctx, &pools, client.InNamespace(object.GetNamespace())); err != nil {
		logr.FromContextOrDiscard(ctx).Error(err, "listing the pools that may wait", "for", client.ObjectKeyFromObject(object))
		return nil
	}
	kind := kindOf(object)
	var requests []reconcile.Request
	for i := range pools.Items {
		pool := &pools.Items[i]
		peer := peerOfPool(pool)
		grouped := kind == v1alpha1.KindLyncPool && pool.Name != object.GetName() && !peer.Finished
		if grouped || dependsOn(pool.Spec.DependsOn, kind, object.GetName()) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(pool)})
		}
	}
	return requests
}

// backEndsAfter are the back ends and Standard Edition servers that depend on an object.
func (r *BackEndServerReconciler) backEndsAfter(ctx context.Context, object client.Object) []reconcile.Request {
	var backEnds v1alpha1.BackEndServerList
	if err := r.Client.List(ctx, &backEnds, client.InNamespace(object.GetNamespace())); err != nil {
		logr.FromContextOrDiscard(ctx).Error(err, "listing the back ends that may wait", "for", client.ObjectKeyFromObject(object))
		return nil
	}
	var requests []reconcile.Request
	for i := range backEnds.Items {
		if dependsOn(backEnds.Items[i].Spec.DependsOn, kindOf(object), object.GetName()) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&backEnds.Items[i])})
		}
	}
	return requests
}

func kindOf(object client.Object) string {
	if _, isPool := object.(*v1alpha1.LyncPool); isPool {
		return v1alpha1.KindLyncPool
	}
	return v1alpha1.KindBackEndServer
}

func dependsOn(list []v1alpha1.Dependency, kind, name string) bool {
	for _, dependency := range list {
		if dependency.Kind == kind && dependency.Name == name {
			return true
		}
	}
	return false
}
