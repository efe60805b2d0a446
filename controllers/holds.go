package controllers

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
)

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

// grantRetry is the same for a back end, of which one server is worked on at a time.
func (r *BackEndServerReconciler) grantRetry(work *backEndWork) {
	status := &work.object.Status
	token := retryToken(work.object)
	if token == status.LastHandledRetry {
		return
	}
	status.LastHandledRetry = token
	if status.ObservedGeneration < 0 || status.Hold == nil || token == "" {
		return
	}
	for i := range status.Servers {
		status.Servers[i].Attempt++
	}
	status.Hold = nil
}

// noteRetry lifts the pool's own hold when a person has asked for another try since.
func (r *LyncPoolReconciler) noteRetry(work *poolWork) {
	status := &work.object.Status
	token := retryToken(work.object)
	if token == status.LastHandledRetry {
		return
	}
	status.LastHandledRetry = token
	if status.ObservedGeneration >= 0 && token != "" && !work.retryOfFailOver() {
		status.Hold, status.Readiness = nil, nil
	}
}

// lastsUntilRetry are the holds that only a person's request lifts: the pool itself has a problem. Holds that follow from what
// servers show are decided afresh at every look.
var lastsUntilRetry = map[string]bool{
	v1alpha1.ReasonPoolUnready: true, v1alpha1.ReasonInsufficientActiveFrontEnds: true, v1alpha1.ReasonDomainUnready: true,
}
