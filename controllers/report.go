package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
)

// announcement is an event that is told after the status write that it belongs to.
type announcement struct {
	warning bool
	reason  string
	action  string
	note    string
}

// reporter writes a status once when it changed, never when it did not, and tells its events afterwards.
type reporter struct {
	client   client.Client
	recorder events.EventRecorder
}

// write compares two versions of an object and, where their status differs, patches it on condition that nobody else has
// changed the object in between. Decisions that rest on a stale object are lost with the conflict and taken again.
func (r reporter) write(ctx context.Context, before, after client.Object, statusChanged bool, conditionsBefore, conditionsAfter []metav1.Condition, told []announcement) error {
	if !statusChanged {
		return nil
	}
	if err := r.client.Status().Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("writing the status of %s %s: %w", after.GetObjectKind().GroupVersionKind().Kind, client.ObjectKeyFromObject(after), err)
	}
	if change := readinessAnnouncement(conditionsBefore, conditionsAfter); change != nil {
		told = append(told, *change)
	}
	for _, one := range told {
		kind := corev1.EventTypeNormal
		if one.warning {
			kind = corev1.EventTypeWarning
		}
		r.recorder.Eventf(after, nil, kind, one.reason, one.action, "%s", cut(one.note, longestNote))
	}
	return nil
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
		return &announcement{reason: now.Reason, action: "Finish", note: now.Message}
	case wasStalled:
		return &announcement{reason: now.Reason, action: "Resume", note: now.Message}
	}
	return nil
}

// troubling are the reasons that deserve a warning although they may go away by themselves.
var troubling = map[string]bool{
	v1alpha1.ReasonUnknownPoolState: true, v1alpha1.ReasonQuorumAtRisk: true,
	v1alpha1.ReasonCredentialsMissing: true, v1alpha1.ReasonCertificateAuthorityMissing: true, v1alpha1.ReasonPoolNotFound: true,
	v1alpha1.ReasonServerUnreachable: true, v1alpha1.ReasonServerAnswerUnknown: true, v1alpha1.ReasonServicesNotRunning: true,
}

// changed says whether two statuses differ in anything but formalities.
func changed(before, after any) bool { return !equality.Semantic.DeepEqual(before, after) }
