package controllers

import (
	"slices"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// Whoever orders a job of a failover may be cut off before its task is there. The order is given once more, and to the same server.
func TestAFailOverThatDoesNotBeginIsOrderedOnceMore(t *testing.T) {
	const mover = "fe11.contoso.com"
	servers := busyPair()
	servers.claimedFor = time.Minute
	servers.change(func(f *fakeServers) {
		f.addHost(mover)
		f.pair.computers, f.pair.central = []string{mover}, true
	})
	w := startedWorld(t, servers)
	w.ready(w.pool(failsOver, func(pool *v1alpha1.LyncPool) { pool.Spec.Rollout.FailOver.MoveCentralManagement = true }), "True", v1alpha1.ReasonUpToDate)
	hosts := map[string][]string{}
	for _, call := range servers.called("StartJob") {
		if id := call.request.ID; call.request.Action != lync.ActionRecordServices && !slices.Contains(hosts[id], call.server) {
			hosts[id] = append(hosts[id], call.server)
		}
	}
	for job, want := range map[string]string{"move-central-management": mover, "fail-over-pool": "fe01.contoso.com", "fail-back-pool": "fe01.contoso.com"} {
		if got := hosts[job+"-"+string(newBuild)+"-1"]; len(hosts[job+"-"+string(newBuild)+"-2"]) > 0 || !slices.Equal(got, []string{want}) {
			t.Errorf("%s was ordered on %v, want %s alone", job, got, want)
		}
	}
	for _, action := range []lync.Action{lync.ActionMoveCentralManagement, lync.ActionFailOverPool, lync.ActionFailBackPool} {
		if orders := servers.orders(action, ""); orders < 2 {
			t.Errorf("%s was ordered %d times", action, orders)
		}
	}
	if orders := servers.orders(lync.ActionRecordServices, "fe02.contoso.com"); orders < 2 {
		t.Errorf("the services of fe02 were written down by %d orders", orders)
	}
}
