package controllers

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// A front end whose services run but whose port does not listen is not back: nobody is stopped beside it, and the rollout goes on by
// itself once it listens.
func TestAServerThatDoesNotListenHoldsTheRollout(t *testing.T) {
	servers := newFakeServers([]string{"fe01.contoso.com"}, []string{"fe02.contoso.com"}, []string{"fe03.contoso.com"})
	servers.between.silent = map[string][]int{"fe01.contoso.com": {5090}}
	w := startedWorld(t, servers)
	pool := w.pool(func(pool *v1alpha1.LyncPool) { pool.Spec.Rollout.Verify.Timeout = duration(time.Millisecond) })
	message := w.ready(pool, metav1.ConditionFalse, v1alpha1.ReasonPortsNotListening)
	if !strings.Contains(message, "TCP port 5090") || !strings.Contains(message, "fe01.contoso.com") {
		t.Errorf("the hold says %q", message)
	}
	for _, other := range []string{"fe02.contoso.com", "fe03.contoso.com"} {
		if servers.orders(lync.ActionStopServices, other) > 0 {
			t.Errorf("%s was stopped beside a server that does not listen", other)
		}
	}
	servers.change(func(f *fakeServers) { f.between.silent = nil })
	w.nudge(w.domain("pool01-upgradedomain1"))
	w.ready(pool, metav1.ConditionTrue, v1alpha1.ReasonUpToDate)
}

// What is shown of a server that is back is the activity of its front end service, and nothing where it did not say.
func TestActivityIsThatOfTheFrontEndService(t *testing.T) {
	answer := lync.Serving{Activity: []lync.Activity{{Name: "RTCMCU", Level: "Conferences=1"}, {Name: "rtcsrv", Level: "Incoming Requests per Second=3,Messages in Server=1"}}}
	if got, want := activityFrom(answer), "rtcsrv: Incoming Requests per Second=3, Messages in Server=1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := activityFrom(lync.Serving{Activity: answer.Activity[:1]}); got != "" {
		t.Errorf("got %q", got)
	}
}
