package main

import (
	"strings"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
)

// change is one thing worth a line: who came to what, and why.
type change struct {
	who      string
	what     string
	sentence string
}

// rollout is everything the API server has told so far.
type rollout struct {
	objects map[string]client.Object
	told    map[string]change
	// lastSentence is that of the latest change.
	lastSentence string
}

func newRollout() *rollout {
	return &rollout{objects: map[string]client.Object{}, told: map[string]change{}}
}

// see takes in a version of an object and returns what it changes for a reader. What one object repeats after another is not
// said again.
func (r *rollout) see(object client.Object) []change {
	changes := r.changes(object)
	for i, change := range changes {
		if len(change.sentence) > repeatable && change.sentence == r.lastSentence {
			changes[i].sentence = "(the same)"
		}
		r.lastSentence = change.sentence
	}
	return changes
}

// repeatable is the length of a sentence that may be told twice in a row.
const repeatable = 90

func (r *rollout) changes(object client.Object) []change {
	switch object := object.(type) {
	case *v1alpha1.LyncPool:
		r.objects["lyncpool/"+object.Name] = object
		return r.poolChanges(object)
	case *v1alpha1.UpgradeDomain:
		r.objects["upgradedomain/"+object.Name] = object
		return r.serverChanges(object.Status.Servers)
	case *v1alpha1.BackEndServer:
		r.objects["backendserver/"+object.Name] = object
		return r.serverChanges(object.Status.Servers)
	case *eventsv1.Event:
		return eventChanges(object)
	}
	return nil
}

// serverChanges tells when a server comes to another step. That it waits is what everybody knows of it before.
func (r *rollout) serverChanges(rows []v1alpha1.ServerStatus) []change {
	var changes []change
	for _, row := range rows {
		now := change{who: shortName(row.FQDN), what: string(row.Step), sentence: row.Message}
		if r.told[row.FQDN].what == now.what {
			continue
		}
		_, known := r.told[row.FQDN]
		r.told[row.FQDN] = now
		if known || row.Step != v1alpha1.StepUnknown && row.Step != v1alpha1.StepWaiting {
			changes = append(changes, now)
		}
	}
	return changes
}

// toldByOthers are reasons of a pool that its servers and events tell better.
var toldByOthers = map[string]bool{v1alpha1.ReasonUpgrading: true, v1alpha1.ReasonUpToDate: true, v1alpha1.ReasonPoolBusy: true, v1alpha1.ReasonDomainNotReady: true}

// poolChanges tells what the pool waits for.
func (r *rollout) poolChanges(pool *v1alpha1.LyncPool) []change {
	ready := meta.FindStatusCondition(pool.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || r.told[pool.Name].what == ready.Reason {
		return nil
	}
	now := change{who: pool.Name, what: ready.Reason, sentence: ready.Message}
	r.told[pool.Name] = now
	if toldByOthers[ready.Reason] || stalled(pool.Status.Conditions) != nil {
		return nil
	}
	return []change{now}
}

// eventChanges tells an event, unless a server's steps say the same or it says nothing to worry about.
func eventChanges(event *eventsv1.Event) []change {
	switch event.Reason {
	case "ServerTaken", "ServerUpgraded":
		return nil
	case v1alpha1.ReasonPoolNotFound:
		// One "kubectl apply" makes the objects one after another, and the first may miss the next for a moment.
		return nil
	case v1alpha1.ReasonUpToDate:
		if event.Regarding.Kind == "BackEndServer" {
			return nil
		}
	}
	return []change{{who: event.Regarding.Name, what: event.Reason, sentence: event.Note}}
}

// shortName is the first label of a host name.
func shortName(fqdn string) string {
	name, _, _ := strings.Cut(fqdn, ".")
	return name
}

// conditions of an object of ours, with the generation they speak of.
func conditions(object client.Object) (conditions []metav1.Condition, current bool) {
	switch object := object.(type) {
	case *v1alpha1.LyncPool:
		return object.Status.Conditions, object.Status.ObservedGeneration == object.Generation
	case *v1alpha1.UpgradeDomain:
		return object.Status.Conditions, object.Status.ObservedGeneration == object.Generation
	case *v1alpha1.BackEndServer:
		return object.Status.Conditions, object.Status.ObservedGeneration == object.Generation
	}
	return nil, false
}

func stalled(conditions []metav1.Condition) *metav1.Condition {
	condition := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled)
	if condition == nil || condition.Status != metav1.ConditionTrue {
		return nil
	}
	return condition
}

// done says whether the pool, each of its domains and every back end are where they should be.
func (r *rollout) done() bool {
	kinds := map[string]int{}
	for key, object := range r.objects {
		conditions, current := conditions(object)
		if !current || !meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady) {
			return false
		}
		kind, _, _ := strings.Cut(key, "/")
		kinds[kind]++
	}
	return kinds["lyncpool"] > 0 && kinds["upgradedomain"] > 0 && kinds["backendserver"] > 0
}

// needsPerson names an object that has been unable to go on for the given time, and why; empty when there is none. A moment is
// let pass, because objects that arrive together may miss each other.
func (r *rollout) needsPerson(now time.Time, patience time.Duration) string {
	found := ""
	for key, object := range r.objects {
		conditions, _ := conditions(object)
		condition := stalled(conditions)
		if condition == nil || now.Sub(condition.LastTransitionTime.Time) < patience {
			continue
		}
		if text := key + " cannot go on without a person: " + condition.Reason + ": " + condition.Message; found == "" || text < found {
			found = text
		}
	}
	return found
}

// frontEnds counts those that are done, and all, of every pool.
func (r *rollout) frontEnds() (done, all int) {
	for _, object := range r.objects {
		domain, ok := object.(*v1alpha1.UpgradeDomain)
		if !ok {
			continue
		}
		for _, row := range domain.Status.Servers {
			if row.Step == v1alpha1.StepDone {
				done++
			}
		}
		all += len(domain.Spec.FrontEnds)
	}
	return done, all
}
