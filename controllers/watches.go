package controllers

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"lyncops.dev/operator/api/v1alpha1"
)

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
