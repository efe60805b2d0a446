package controllers

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/credentials"
	"lyncops.dev/operator/internal/procedure"
)

// errChanged: an object was changed or deleted by somebody else since it was read. What was decided is lost and decided again.
var errChanged = errors.New("the object has changed since it was read")

// claimed says whether the object bears the finalizer: a server is half way because of it, or may be at any moment.
func claimed(object client.Object) bool {
	return controllerutil.ContainsFinalizer(object, v1alpha1.FinalizerFinishServer)
}

func beingDeleted(object client.Object) bool { return !object.GetDeletionTimestamp().IsZero() }

// claim puts the finalizer on an object before the first order is given for it. The API server refuses it on an object that is
// being deleted, so that nothing is begun for an object that is on its way out.
func (s Shared) claim(ctx context.Context, object client.Object, before client.Object) error {
	return s.setFinalizer(ctx, object, before, true)
}

// letGo takes the finalizer off. The credentials of the object are forgotten once that is written: a pass that has to take it off again
// needs them as much, because it looks at the servers first.
func (s Shared) letGo(ctx context.Context, object client.Object, before client.Object) error {
	if err := s.setFinalizer(ctx, object, before, false); err != nil {
		return err
	}
	if s.Memory != nil {
		s.Memory.Forget(object.GetUID())
	}
	return nil
}

// setFinalizer writes nothing when nothing is to be changed. It leaves the status that is being put together in object alone; before
// is the object as it was read, which the status is compared with later.
func (s Shared) setFinalizer(ctx context.Context, object, before client.Object, wanted bool) error {
	if claimed(object) == wanted {
		return nil
	}
	patched, isObject := object.DeepCopyObject().(client.Object)
	base, isToo := object.DeepCopyObject().(client.Object)
	if !isObject || !isToo {
		return fmt.Errorf("%T cannot be copied", object)
	}
	if wanted {
		controllerutil.AddFinalizer(patched, v1alpha1.FinalizerFinishServer)
	} else {
		controllerutil.RemoveFinalizer(patched, v1alpha1.FinalizerFinishServer)
	}
	err := s.Client.Patch(ctx, patched, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	switch {
	case !wanted && apierrors.IsNotFound(err):
		return nil
	case apierrors.IsConflict(err), apierrors.IsNotFound(err), wanted && (apierrors.IsForbidden(err) || apierrors.IsInvalid(err)) && s.gone(ctx, object):
		return errChanged
	case err != nil:
		return fmt.Errorf("writing the finalizer of %s: %w", client.ObjectKeyFromObject(object), err)
	}
	for _, one := range []client.Object{object, before} {
		one.SetFinalizers(patched.GetFinalizers())
		one.SetResourceVersion(patched.GetResourceVersion())
	}
	return nil
}

// gone says whether the API server has the object no longer, or is deleting it: on such an object no finalizer is put.
func (s Shared) gone(ctx context.Context, object client.Object) bool {
	current, isObject := object.DeepCopyObject().(client.Object)
	if !isObject {
		return false
	}
	err := s.Live.Get(ctx, client.ObjectKeyFromObject(object), current)
	return apierrors.IsNotFound(err) || err == nil && beingDeleted(current)
}

// resolve reads the credentials for an object. Where an object that is being deleted has a server half way and its Secret is gone
// already, as when a whole namespace is deleted, the server is finished with what was read when it was begun.
func (s Shared) resolve(ctx context.Context, object client.Object, deleting bool, connection v1alpha1.WinRMConnection, account v1alpha1.JobAccount) (credentials.Credentials, *procedure.Problem, error) {
	with, problem, err := credentials.Resolve(ctx, s.Live, object.GetNamespace(), connection, account)
	if s.Memory == nil || err != nil {
		return with, problem, err
	}
	if problem == nil {
		s.remember(object, with)
		return with, nil, nil
	}
	missing := problem.Reason == v1alpha1.ReasonCredentialsMissing || problem.Reason == v1alpha1.ReasonCertificateAuthorityMissing
	if kept, known := s.Memory.Of(object.GetUID()); known && missing && deleting {
		return kept, nil, nil
	}
	return with, problem, err
}

// remember keeps the credentials of an object whose work has begun.
func (s Shared) remember(object client.Object, with credentials.Credentials) {
	if s.Memory != nil && claimed(object) {
		s.Memory.Keep(object.GetUID(), with)
	}
}

// depart writes how a deletion stands into the conditions, and says whether the object may go.
func (s Shared) depart(conditions conditions, departure procedure.Departure) procedure.DepartureDecision {
	decision := procedure.Depart(departure)
	stands := standingWorking
	if decision.Stalled {
		stands = standingStalled
	}
	conditions.summarise(stands, decision.Reason, decision.Message)
	return decision
}

// tellForced warns of what a forced deletion leaves behind.
func (s Shared) tellForced(object client.Object, decision procedure.DepartureDecision) {
	if decision.Forced {
		s.Recorder.Eventf(object, nil, corev1.EventTypeWarning, v1alpha1.EventForceDeleted, "LetGo", "%s", cut(decision.Message, longestNote))
	}
}

// forceValue is what a person has written to let an object go, on the object itself or on the pool it belongs to.
func forceValue(objects ...client.Object) string {
	value := ""
	for _, object := range objects {
		if said := object.GetAnnotations()[v1alpha1.AnnotationForceDelete]; said == v1alpha1.ForceDeleteValue || value == "" {
			value = said
		}
	}
	return value
}
