package controllers

import (
	"fmt"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// The counters stand in the status and follow the answers one by one, whoever reads them; those about a domain are counted apart from those
// about the pool. A restarted operator goes on with both where they stood.
func TestCountersSurviveARestartAndAreKeptApart(t *testing.T) {
	for _, test := range []struct {
		name           string
		answers        func(*fakeServers)
		unready        v1alpha1.UnreadyPolicy
		busy, notReady int32 // what each answer adds
		waits, holds   string
	}{
		{"the pool is busy", func(f *fakeServers) { f.state = lync.ReadinessBusy }, v1alpha1.UnreadyHold, 1, 0, v1alpha1.ReasonPoolBusy, v1alpha1.ReasonPoolUnready},
		{"a domain is not ready, for which nobody is moved", func(f *fakeServers) { f.notReady = []string{"UpgradeDomain1"} }, v1alpha1.UnreadyFailOver, 0, 1, v1alpha1.ReasonDomainNotReady, v1alpha1.ReasonDomainUnready},
	} {
		t.Run(test.name, func(t *testing.T) {
			servers := threeFrontEnds()
			servers.change(test.answers)
			w := newWorld(t, servers)
			now := clocktesting.NewFakePassiveClock(time.Now())
			w.clock = now
			stop := w.startOperator()
			pool := w.pool(func(pool *v1alpha1.LyncPool) {
				pool.Spec.Rollout.Readiness = v1alpha1.ReadinessPolicy{Interval: duration(10 * time.Minute), Attempts: 3}
				pool.Spec.Rollout.WhenUnready = test.unready
			})
			counted := func(answers int32) {
				t.Helper()
				w.eventually("the answers are counted", func() error {
					if err := w.look(pool); err != nil {
						return err
					}
					read := pool.Status.Readiness
					if read == nil || read.BusyCount != answers*test.busy || read.DomainNotReadyCount != answers*test.notReady || read.InsufficientCount != 0 {
						return fmt.Errorf("%+v after %d answers", read, answers)
					}
					return nil
				})
			}
			counted(1)
			asked := pool.Status.Readiness.ReadAt
			stop()
			w.startOperator()
			now.SetTime(asked.Add(10*time.Minute - time.Second))
			edit(w, pool, func(pool *v1alpha1.LyncPool) { pool.Spec.Rollout.Soak = duration(time.Minute) })
			w.ready(pool, "False", test.waits)
			if again := pool.Status.Readiness; !again.ReadAt.Equal(&asked) {
				t.Errorf("the restarted operator asked again after %s", again.ReadAt.Sub(asked.Time))
			}
			counted(1)
			for want := int32(2); want <= 3; want++ {
				now.SetTime(now.Now().Add(10 * time.Minute))
				w.nudge(pool)
				counted(want)
			}
			// Three answers in all, of which one was before the restart.
			w.ready(pool, "False", test.holds)
			if pool.Status.FailOver != nil {
				t.Errorf("they led to a failover: %+v", pool.Status.FailOver)
			}
			// One question is for the upgrade domains, three are for the gate; one whose answer could not be written down is asked again.
			if questions := len(servers.called("PoolReadiness")); questions < 4 {
				t.Errorf("the pool was asked %d times", questions)
			}
		})
	}
}
