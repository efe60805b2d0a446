package controllers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

func failingInstaller(times int) fakeFault {
	code := 1603
	return fakeFault{server: "fe01.contoso.com", action: lync.ActionInstall, outcome: lync.OutcomeInstallerFailed, exitCode: &code, message: "msiexec ended with 1603", left: times}
}

func TestFailedInstallerIsTriedAgainOncePerRequest(t *testing.T) {
	servers := threeFrontEnds()
	servers.breaks(failingInstaller(2))
	w := startedWorld(t, servers)
	// This request is older than the hold, and than anything the operator has seen of the pool.
	pool := w.pool(func(pool *v1alpha1.LyncPool) { annotate(pool, v1alpha1.AnnotationRetry, "old") })
	domain := w.domain("pool01-upgradedomain1")
	message := w.ready(domain, "False", v1alpha1.ReasonInstallerFailed)
	for _, fragment := range []string{"fe01.contoso.com", "1603", "The services run again", v1alpha1.AnnotationRetry} {
		if !strings.Contains(message, fragment) {
			t.Errorf("%q does not hold %q", message, fragment)
		}
	}
	if domain.Status.Hold == nil || domain.Status.Hold.Server != "fe01.contoso.com" || domain.Status.Servers[0].Step != v1alpha1.StepHeld || !hasCondition(domain, v1alpha1.ConditionStalled) {
		t.Errorf("the domain is not held: %+v", domain.Status)
	}
	w.ready(pool, "False", v1alpha1.ReasonInstallerFailed)
	installers := func(want int) {
		t.Helper()
		for range 3 {
			asked := len(servers.called("Facts"))
			w.nudge(domain)
			w.nudge(pool)
			w.eventually("the servers are looked at", func() error {
				if len(servers.called("Facts")) == asked {
					return errors.New("they are not")
				}
				return nil
			})
		}
		if got := servers.orders(lync.ActionInstall, "fe01.contoso.com"); got != want {
			t.Errorf("the installer was ordered %d times, want %d", got, want)
		}
		if got := servers.orders(lync.ActionStopServices, "fe02.contoso.com"); got != 0 {
			t.Errorf("another server was touched after the failure")
		}
	}
	installers(1)

	edit(w, domain, func(domain *v1alpha1.UpgradeDomain) { annotate(domain, v1alpha1.AnnotationRetry, "first") })
	w.eventually("the installer fails again", func() error {
		if err := w.look(domain); err != nil {
			return err
		}
		if row := domain.Status.Servers[0]; row.Attempt != 2 || row.Step != v1alpha1.StepHeld {
			return fmt.Errorf("%+v", row)
		}
		return nil
	})
	installers(2)
	if err := w.look(domain); err != nil || !strings.Contains(domain.Status.LastHandledRetry, "first") {
		t.Errorf("status.lastHandledRetry is %q (%v)", domain.Status.LastHandledRetry, err)
	}

	// A request on the pool reaches its domains.
	edit(w, pool, func(pool *v1alpha1.LyncPool) { annotate(pool, v1alpha1.AnnotationRetry, "second") })
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	if told := strings.Join(w.toldUntil(domain, v1alpha1.EventServerUpgraded), " "); strings.Count(told, v1alpha1.ReasonInstallerFailed) != 2 {
		t.Errorf("two holds were told as: %s", told)
	}
}

func TestRequestThatWasThereBeforeTheFirstLookIsNotObeyed(t *testing.T) {
	servers := threeFrontEnds()
	servers.breaks(failingInstaller(1))
	w := startedWorld(t, servers)
	pool := w.pool()
	domain := w.domain("pool01-upgradedomain1")
	w.ready(domain, "False", v1alpha1.ReasonInstallerFailed)
	// The object is lost and made again from a file in which the request of some other day still stands.
	again := domain.DeepCopy()
	if err := w.client.Delete(t.Context(), domain); err != nil {
		t.Fatal(err)
	}
	w.eventually("the object is gone", func() error {
		if err := w.look(domain); err == nil && beingDeleted(domain) {
			return errors.New("it is still there")
		}
		return nil
	})
	again.ResourceVersion, again.UID, again.Finalizers, again.DeletionTimestamp, again.Status = "", "", nil, nil, v1alpha1.UpgradeDomainStatus{ObservedGeneration: -1}
	annotate(again, v1alpha1.AnnotationRetry, "some other day")
	if err := w.client.Create(t.Context(), again); err != nil {
		t.Skipf("the pool was quicker to declare the domain again: %v", err)
	}
	w.ready(again, "False", v1alpha1.ReasonInstallerFailed)
	if again.Status.LastHandledRetry == "" || again.Status.Servers[0].Attempt != 1 {
		t.Errorf("the old request was not just noted: %+v", again.Status)
	}
	if got := servers.orders(lync.ActionInstall, "fe01.contoso.com"); got != 1 {
		t.Errorf("the installer was ordered %d times", got)
	}
	edit(w, again, func(again *v1alpha1.UpgradeDomain) { annotate(again, v1alpha1.AnnotationRetry, "today") })
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
}

func TestBusyPoolIsHeldUntilSomebodyAsksForAnotherTry(t *testing.T) {
	for _, test := range []struct {
		name    string
		state   lync.ReadinessState
		reason  string
		waits   string
		message string
	}{
		{"busy three times", lync.ReadinessBusy, v1alpha1.ReasonPoolUnready, v1alpha1.ReasonPoolBusy, "3 times in a row"},
		{"a state that nobody knows", "Rebalancing", v1alpha1.ReasonPoolUnready, v1alpha1.ReasonUnknownPoolState, `"Rebalancing"`},
		{"too few front ends", lync.ReadinessInsufficientActiveFrontEnds, v1alpha1.ReasonInsufficientActiveFrontEnds, "", "3 of 3 front ends"},
	} {
		t.Run(test.name, func(t *testing.T) {
			servers := threeFrontEnds()
			servers.change(func(f *fakeServers) { f.state = test.state })
			w := startedWorld(t, servers)
			pool := w.pool(func(pool *v1alpha1.LyncPool) { pool.Spec.Rollout.Readiness.Interval = duration(300 * time.Millisecond) })
			if message := w.ready(pool, "False", test.reason); !strings.Contains(message, test.message) || !strings.Contains(message, "Get-CsPoolFabricState") {
				t.Errorf("the message is %q", message)
			}
			if !hasCondition(pool, v1alpha1.ConditionStalled) || pool.Status.Hold == nil || pool.Status.Hold.Reason != test.reason || pool.Status.Now != "held: "+test.reason {
				t.Errorf("the pool is not held: %+v", pool.Status)
			}
			// A pass that began before the hold was in the cache may still ask once; its decision is lost with the conflict.
			edit(w, pool, func(pool *v1alpha1.LyncPool) { pool.Spec.Rollout.Readiness.Interval = duration(200 * time.Millisecond) })
			w.ready(pool, "False", test.reason)
			asked := len(servers.called("PoolReadiness"))
			for range 3 {
				w.nudge(pool)
			}
			edit(w, pool, func(pool *v1alpha1.LyncPool) { pool.Spec.Rollout.Readiness.Interval = duration(unasked) })
			w.ready(pool, "False", test.reason)
			if now := len(servers.called("PoolReadiness")); now != asked {
				t.Error("a held pool was asked again")
			}
			if stopped := servers.orders(lync.ActionStopServices, "fe01.contoso.com"); stopped != 0 {
				t.Error("a server of a pool that is not ready was stopped")
			}
			servers.mend()
			edit(w, pool, func(pool *v1alpha1.LyncPool) { annotate(pool, v1alpha1.AnnotationRetry, "now") })
			w.ready(pool, "True", v1alpha1.ReasonUpToDate)
			if pool.Status.Hold != nil || pool.Status.LastHandledRetry != "now" {
				t.Errorf("the hold is %+v, the request handled %q", pool.Status.Hold, pool.Status.LastHandledRetry)
			}
			told := strings.Join(w.toldUntil(pool, v1alpha1.ReasonUpToDate), " ")
			for _, reason := range []string{test.reason, test.waits} {
				if reason != "" && strings.Count(told, reason) != 1 {
					t.Errorf("%s is not told once: %s", reason, told)
				}
			}
		})
	}
}

func TestDomainThatStaysUnreadyIsHeldWithoutFailover(t *testing.T) {
	servers := threeFrontEnds()
	servers.change(func(f *fakeServers) { f.notReady = []string{"UpgradeDomain1"} })
	w := startedWorld(t, servers)
	pool := w.pool(func(pool *v1alpha1.LyncPool) {
		pool.Spec.Rollout.Readiness.Interval = duration(300 * time.Millisecond)
		pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyFailOver
	})
	if message := w.ready(pool, "False", v1alpha1.ReasonDomainUnready); !strings.Contains(message, "UpgradeDomain1") || !strings.Contains(message, "a failover is not the remedy") {
		t.Error(message)
	}
	if told := strings.Join(w.toldUntil(pool, v1alpha1.ReasonDomainUnready), " "); told != "DomainNotReady DomainUnready" {
		t.Errorf("told: %s", told)
	}
}
