package controllers

import (
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// What rests is looked at within the declared interval and a fifth, and many objects that were looked at together are not again.
func TestWhatRestsIsLookedAtSlowlyAndNotAllAtOnce(t *testing.T) {
	const interval = 10 * time.Minute
	rests := procedure.PoolDecision{Action: procedure.PoolIsDone}
	var reconciler LyncPoolReconciler
	seen := map[time.Duration]bool{}
	for range 100 {
		next := reconciler.nextLook(rests, duration(interval))
		if next < interval || next >= interval+interval/5 {
			t.Fatalf("a pool that rests is looked at again after %s; declared are %s", next, interval)
		}
		seen[next] = true
	}
	if len(seen) < 50 {
		t.Errorf("a hundred pools that rest are looked at again at %d moments", len(seen))
	}
	if next := reconciler.nextLook(rests, v1alpha1.Duration{}); next < defaultDriftInterval || next >= defaultDriftInterval+defaultDriftInterval/5 {
		t.Errorf("where nothing is declared it is looked at again after %s", next)
	}
}
