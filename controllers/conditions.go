package controllers

import (
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// standing is how an object stands in the words of kstatus.
type standing int

const (
	// standingReady: everything is as declared.
	standingReady standing = iota
	// standingWorking: the operator works, or waits for something that comes by itself.
	standingWorking
	// standingStalled: only a person can help.
	standingStalled
	// standingIdle: not as declared, and nothing is being done about it because nobody wants it (paused, or only observing).
	standingIdle
)

// conditions is the condition list of one object while it is being rewritten.
type conditions struct {
	list       *[]metav1.Condition
	generation int64
}

func (c conditions) set(conditionType string, status bool, reason, message string) {
	value := metav1.ConditionFalse
	if status {
		value = metav1.ConditionTrue
	}
	meta.SetStatusCondition(c.list, metav1.Condition{Type: conditionType, Status: value, Reason: reason, Message: bounded(message), ObservedGeneration: c.generation})
}

func (c conditions) remove(conditionType string) { meta.RemoveStatusCondition(c.list, conditionType) }

// summarise writes Ready, Reconciling and Stalled so that kstatus, Argo CD, Flux and Helm read the same from them.
func (c conditions) summarise(stands standing, reason, message string) {
	c.set(v1alpha1.ConditionReady, stands == standingReady, reason, message)
	if stands == standingWorking {
		c.set(v1alpha1.ConditionReconciling, true, reason, message)
	} else {
		c.remove(v1alpha1.ConditionReconciling)
	}
	if stands == standingStalled {
		c.set(v1alpha1.ConditionStalled, true, reason, message)
	} else {
		c.remove(v1alpha1.ConditionStalled)
	}
}

// problem writes what keeps the object from being looked at: a person's business when it lasts, otherwise awaited.
func (c conditions) problem(problem procedure.Problem) {
	stands := standingWorking
	if problem.Lasting {
		stands = standingStalled
	}
	c.summarise(stands, problem.Reason, problem.Message)
}

// paused shows that spec.paused keeps servers from being started.
func (c conditions) paused(paused bool) {
	if paused {
		c.set(v1alpha1.ConditionPaused, true, v1alpha1.ReasonPaused, "spec.paused is true: no further server is started")
		return
	}
	c.remove(v1alpha1.ConditionPaused)
}

// bounded keeps a message within what an object may carry and a person will read.
func bounded(message string) string { return cut(message, 2000) }

// cut shortens a text to so many bytes, between two letters: half a letter would be stored as another one than was written, and
// the status would seem to differ at every look.
func cut(text string, limit int) string {
	const mark = " ..."
	if len(text) <= limit {
		return text
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}

func readyReason(list []metav1.Condition) (reason, message string) {
	for _, condition := range list {
		if condition.Type == v1alpha1.ConditionReady {
			return condition.Reason, condition.Message
		}
	}
	return "", ""
}
