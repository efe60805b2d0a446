package controllers

import (
	"fmt"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"lyncops.dev/operator/api/v1alpha1"
)

// Answers about a domain are counted apart from those about the pool, and a restarted operator goes on with both where they stood.
func TestCountsAreKeptApartAcrossARestart(t *testing.T) {
	servers := threeFrontEnds()
	servers.change(func(f *fakeServers) { f.notReady = []string{"UpgradeDomain1"} })
	w := newWorld(t, servers)
	now := clocktesting.NewFakePassiveClock(time.Now())
	w.clock = now
	stop := w.startOperator()
	pool := w.pool(func(pool *v1alpha1.LyncPool) {
		pool.Spec.Rollout.Readiness = v1alpha1.ReadinessPolicy{Interval: duration(10 * time.Minute), Attempts: 3}
		pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyFailOver
	})
	counted := func(busy, notReady int32) {
		t.Helper()
		w.eventually("the answers are counted", func() error {
			if err := w.look(pool); err != nil {
				return err
			}
			if read := pool.Status.Readiness; read == nil || read.BusyCount != busy || read.DomainNotReadyCount != notReady || read.InsufficientCount != 0 {
				return fmt.Errorf("%+v, want busy %d, domain not ready %d", read, busy, notReady)
			}
			return nil
		})
	}
	counted(0, 1)
	asked := pool.Status.Readiness.ReadAt
	stop()
	w.startOperator()
	now.SetTime(asked.Add(10*time.Minute - time.Second))
	edit(w, pool, func(pool *v1alpha1.LyncPool) { pool.Spec.Rollout.Soak = duration(time.Minute) })
	w.ready(pool, "False", v1alpha1.ReasonDomainNotReady)
	if again := pool.Status.Readiness; !again.ReadAt.Equal(&asked) {
		t.Errorf("the restarted operator asked again after %s", again.ReadAt.Sub(asked.Time))
	}
	counted(0, 1)
	for want := int32(2); want <= 3; want++ {
		now.SetTime(now.Now().Add(10 * time.Minute))
		w.nudge(pool)
		counted(0, want)
	}
	// Three answers in all, of which one was before the restart: the upgrade failed, and nobody is moved for it.
	w.ready(pool, "False", v1alpha1.ReasonDomainUnready)
	if pool.Status.FailOver != nil {
		t.Errorf("a domain that is not ready led to a failover: %+v", pool.Status.FailOver)
	}
}
