package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// announcement is an event that is told after the status write that it belongs to.
type announcement struct {
	warning bool
	reason  string
	action  string
	note    string
}

// saidBy says whether the end of the work is told already, by the last server that was finished.
func (a announcement) saidBy(told []announcement) bool {
	return a.action == finish && slices.ContainsFunc(told, func(other announcement) bool { return other.reason == v1alpha1.EventServerUpgraded })
}

// finish is the action of becoming ready.
const finish = "Finish"

// outcome is what one pass over an object came to.
type outcome struct {
	before, after                     client.Object
	changed                           bool
	conditionsBefore, conditionsAfter []metav1.Condition
	told                              []announcement
	// next is when to look again; zero: when something happens.
	next time.Duration
	// leaves: the finalizer is taken off once the status is written; forced says that a server is left half way by it.
	leaves bool
	forced procedure.DepartureDecision
}

// finish writes the status once when it changed, never when it did not, on condition that nobody else has changed the object in
// between, and tells the events afterwards. Decisions that rest on a stale object are lost with the conflict and taken again; what was done
// is told when a status is written.
func (s Shared) finish(ctx context.Context, pass outcome) (reconcile.Result, error) {
	if !pass.changed {
		return s.leave(ctx, pass)
	}
	err := s.Client.Status().Patch(ctx, pass.after, client.MergeFromWithOptions(pass.before, client.MergeFromWithOptimisticLock{}))
	object := pass.after.GetUID()
	if apierrors.IsNotFound(err) {
		s.Untold.with(object, nil)
		return reconcile.Result{RequeueAfter: quickestLook}, nil
	}
	if err != nil {
		s.Untold.keep(object, pass.told)
	}
	if apierrors.IsConflict(err) {
		return reconcile.Result{RequeueAfter: quickestLook}, nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("writing the status of %s: %w", client.ObjectKeyFromObject(pass.after), err)
	}
	told := s.Untold.with(object, pass.told)
	if change := readinessAnnouncement(pass.conditionsBefore, pass.conditionsAfter); change != nil && !change.saidBy(told) {
		told = append(told, *change)
	}
	for _, one := range told {
		kind := corev1.EventTypeNormal
		if one.warning {
			kind = corev1.EventTypeWarning
		}
		s.Recorder.Eventf(pass.after, nil, kind, one.reason, one.action, "%s", cut(one.note, longestNote))
	}
	return s.leave(ctx, pass)
}

// leave takes the finalizer off where nothing is left to be finished, at the end of a pass that was not refused.
func (s Shared) leave(ctx context.Context, pass outcome) (reconcile.Result, error) {
	if !pass.leaves {
		return reconcile.Result{RequeueAfter: pass.next}, nil
	}
	s.tellForced(pass.after, pass.forced)
	if err := s.letGo(ctx, pass.after, pass.before); errors.Is(err, errChanged) {
		return reconcile.Result{RequeueAfter: quickestLook}, nil
	} else if err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: pass.next}, nil
}

// longestNote is how many bytes of a note the API server takes; it refuses an event with more.
const longestNote = 1024

// readinessAnnouncement tells when an object comes to need a person, stops needing one, or becomes ready; what goes on in
// between is told by the servers' own events.
func readinessAnnouncement(before, after []metav1.Condition) *announcement {
	old, now := meta.FindStatusCondition(before, v1alpha1.ConditionReady), meta.FindStatusCondition(after, v1alpha1.ConditionReady)
	stalled := meta.IsStatusConditionTrue(after, v1alpha1.ConditionStalled)
	wasStalled := meta.IsStatusConditionTrue(before, v1alpha1.ConditionStalled)
	if now == nil || old != nil && old.Reason == now.Reason && old.Status == now.Status && stalled == wasStalled {
		return nil
	}
	switch {
	case stalled:
		return &announcement{warning: true, reason: now.Reason, action: "Hold", note: now.Message}
	case troubling[now.Reason]:
		return &announcement{warning: true, reason: now.Reason, action: "Wait", note: now.Message}
	case now.Status == metav1.ConditionTrue:
		return &announcement{reason: now.Reason, action: finish, note: now.Message}
	case wasStalled:
		return &announcement{reason: now.Reason, action: "Resume", note: now.Message}
	}
	return nil
}

// troubling are the reasons that deserve a warning although they may go away by themselves.
var troubling = map[string]bool{
	v1alpha1.ReasonUnknownPoolState: true, v1alpha1.ReasonQuorumAtRisk: true,
	v1alpha1.ReasonCredentialsMissing: true, v1alpha1.ReasonCertificateAuthorityMissing: true, v1alpha1.ReasonPoolNotFound: true,
	v1alpha1.ReasonMirrorNotSynchronised: true, v1alpha1.ReasonMirrorStateUnknown: true, v1alpha1.ReasonPrincipalOnMirror: true,
	v1alpha1.ReasonServerUnreachable: true, v1alpha1.ReasonServerAnswerUnknown: true, v1alpha1.ReasonServicesNotRunning: true,
	v1alpha1.ReasonDeletionBlocked:   true,
	v1alpha1.ReasonPortsNotListening: true, v1alpha1.ReasonFrontEndsInactive: true, v1alpha1.ReasonFabricIncomplete: true, v1alpha1.ReasonReplicationLate: true,
}

// changed says whether two statuses differ in anything but formalities.
func changed(before, after any) bool { return !equality.Semantic.DeepEqual(before, after) }
