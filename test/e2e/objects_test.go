package e2e_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

// conditionsOf are the conditions of any of the three kinds.
func conditionsOf(object client.Object) []metav1.Condition {
	switch typed := object.(type) {
	case *v1alpha1.LyncPool:
		return typed.Status.Conditions
	case *v1alpha1.UpgradeDomain:
		return typed.Status.Conditions
	case *v1alpha1.BackEndServer:
		return typed.Status.Conditions
	}
	return nil
}

func observed(object client.Object) bool {
	switch typed := object.(type) {
	case *v1alpha1.LyncPool:
		return typed.Status.ObservedGeneration == typed.Generation
	case *v1alpha1.UpgradeDomain:
		return typed.Status.ObservedGeneration == typed.Generation
	case *v1alpha1.BackEndServer:
		return typed.Status.ObservedGeneration == typed.Generation
	}
	return false
}

// says is what an object's Ready condition says of its current spec.
func says(object client.Object) (ready bool, reason, text string) {
	condition := meta.FindStatusCondition(conditionsOf(object), v1alpha1.ConditionReady)
	if condition == nil || !observed(object) {
		return false, "", fmt.Sprintf("%T %s has not been looked at", object, object.GetName())
	}
	text = fmt.Sprintf("%T %s: Ready=%s %s: %s", object, object.GetName(), condition.Status, condition.Reason, condition.Message)
	return condition.Status == metav1.ConditionTrue, condition.Reason, text
}

// stalled says whether an object waits for a person.
func stalled(object client.Object) bool {
	return meta.IsStatusConditionTrue(conditionsOf(object), v1alpha1.ConditionStalled)
}

// awaitReason waits until an object's Ready condition has a reason, and leaves the object as it was then in place.
func awaitReason(t *testing.T, l *lab.Lab, object client.Object, reason string) {
	t.Helper()
	eventually(t, reason+" of "+client.ObjectKeyFromObject(object).String(), func() (bool, string) {
		if err := l.Client().Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			return false, err.Error()
		}
		_, found, text := says(object)
		return found == reason, text
	})
}

// awaitAllReady waits until at least so many objects of our kinds are there and all of them are Ready.
func awaitAllReady(t *testing.T, l *lab.Lab, namespace string, count int) {
	t.Helper()
	awaitAllReadyWithin(t, patience, l, namespace, count)
}

func awaitAllReadyWithin(t *testing.T, patience time.Duration, l *lab.Lab, namespace string, count int) {
	t.Helper()
	eventuallyWithin(t, patience, fmt.Sprintf("%d Ready objects in %s", count, namespace), func() (bool, string) {
		objects, err := allObjects(t.Context(), l, namespace)
		if err != nil {
			return false, err.Error()
		}
		for _, object := range objects {
			if ready, _, text := says(object); !ready {
				return false, text
			}
		}
		return len(objects) >= count, fmt.Sprintf("%d objects", len(objects))
	})
}

// allObjects lists the objects of our three kinds in a namespace.
func allObjects(ctx context.Context, l *lab.Lab, namespace string) ([]client.Object, error) {
	var objects []client.Object
	for _, list := range []client.ObjectList{&v1alpha1.LyncPoolList{}, &v1alpha1.UpgradeDomainList{}, &v1alpha1.BackEndServerList{}} {
		if err := l.Client().List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, err
		}
		if err := meta.EachListItem(list, func(item runtime.Object) error {
			objects = append(objects, item.(client.Object)) //nolint:forcetypeassert // every kind of ours is one
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// checkEvent waits for an event about an object: people who look at events only must learn of it too.
func checkEvent(t *testing.T, l *lab.Lab, object client.Object, reason string) {
	t.Helper()
	eventually(t, "an event "+reason+" of "+object.GetName(), func() (bool, string) {
		var events eventsv1.EventList
		if err := l.Client().List(t.Context(), &events, client.InNamespace(object.GetNamespace())); err != nil {
			return false, err.Error()
		}
		var seen []string
		for _, event := range events.Items {
			if event.Regarding.Name != object.GetName() {
				continue
			}
			if seen = append(seen, event.Reason); event.Reason == reason {
				return true, ""
			}
		}
		return false, fmt.Sprint(seen)
	})
}
