package controllers

import (
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

// A domain that is being deleted stays while its pool is failed over, because its servers have to be upgraded before the users are back.
// So it follows what is declared like any other.
func TestADeletedDomainFollowsItsPoolWhileThatIsFailedOver(t *testing.T) {
	servers := busyPair()
	servers.breaks(fakeFault{action: lync.ActionInstall, outcome: lync.OutcomeInstallerFailed, message: "msiexec ended with 1603", left: 3})
	w := startedWorld(t, servers)
	pool := w.pool(failsOver)
	w.ready(pool, "False", v1alpha1.ReasonInstallerFailed)
	h := halfWay{world: w, pool: pool, domain: w.domain("pool01-upgradedomain1")}
	old := h.domain.DeepCopy()
	h.delete(h.domain)
	servers.change(func(f *fakeServers) { f.packageBuild = string(laterBuild) })
	edit(w, pool, func(pool *v1alpha1.LyncPool) {
		pool.Spec.DesiredBuild, pool.Spec.Package.SHA256 = laterBuild, strings.Repeat("0b", 32)
	})
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	if pool.Status.InstalledBuild != string(laterBuild) || pool.Status.FailOver != nil {
		t.Errorf("build %s, failover %+v", pool.Status.InstalledBuild, pool.Status.FailOver)
	}
	if over, back := servers.orders(lync.ActionFailOverPool, ""), servers.orders(lync.ActionFailBackPool, ""); over != 1 || back != 1 {
		t.Errorf("failed over %d times and back %d times: %v", over, back, servers.moves())
	}
	if !h.gone(old) {
		t.Error("the deleted domain is still there")
	}
}

// A front end remembers that a failover was begun, the users are elsewhere, and nobody knows who has moved them: what would be needed to go
// on stays, whatever is deleted, until a person has brought them back.
func TestAFailOverOfWhichNobodyKnowsKeepsItsPool(t *testing.T) {
	servers := busyPair()
	servers.change(func(f *fakeServers) {
		f.state, f.pair.state = lync.ReadinessReady, procedure.RegistrarFailedOver
		f.hosts["fe02.contoso.com"].jobs = []*lync.Job{{ID: "record-services-" + string(newBuild) + "-1", Action: lync.ActionRecordServices, State: lync.JobSucceeded}}
	})
	w := newWorld(t, servers)
	now := clocktesting.NewFakePassiveClock(time.Now())
	w.clock = now
	w.startOperator()
	pool := w.pool(failsOver)
	if message := w.ready(pool, "False", v1alpha1.ReasonPoolFailedOver); !strings.Contains(message, "Invoke-CsPoolFailBack") || !hasCondition(pool, v1alpha1.ConditionStalled) {
		t.Errorf("it says %q", message)
	}
	if pool.Status.FailOver.Phase != v1alpha1.FailOverAbandoning || pool.Status.UnderWaySince == nil {
		t.Errorf("the failover is %+v, under way since %v", pool.Status.FailOver, pool.Status.UnderWaySince)
	}
	h := halfWay{world: w, pool: pool}
	var domains v1alpha1.UpgradeDomainList
	if err := w.client.List(t.Context(), &domains, client.InNamespace(w.namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range domains.Items {
		h.delete(&domains.Items[i])
	}
	h.delete(pool)
	w.nudge(pool)
	if message := w.ready(pool, "False", v1alpha1.ReasonPoolFailedOver); !strings.Contains(message, "Invoke-CsPoolFailBack") {
		t.Errorf("deleted, it says %q", message)
	}
	// With the last front end that remembers anything only the status is left.
	servers.change(func(f *fakeServers) { f.hosts["fe02.contoso.com"].jobs = nil })
	now.SetTime(now.Now().Add(16 * time.Minute))
	w.nudge(pool)
	byForce := v1alpha1.AnnotationForceDelete + "=" + v1alpha1.ForceDeleteValue
	if message := w.ready(pool, "False", v1alpha1.ReasonPoolFailedOver); !strings.Contains(message, byForce) || h.gone(pool) {
		t.Errorf("remembered by its status alone, it says %q", message)
	}
	for i := range domains.Items {
		if h.gone(&domains.Items[i]) {
			t.Errorf("%s was let go", domains.Items[i].Name)
		}
	}
	if moves := servers.moves(); len(moves) > 0 {
		t.Errorf("something was touched: %v", moves)
	}
	// A front end's copy of the topology is believed when it has said the same for a while.
	servers.change(func(f *fakeServers) { f.pair.state = procedure.RegistrarActive })
	w.nudge(pool)
	if message := w.ready(pool, "False", v1alpha1.ReasonFailingOver); !strings.Contains(message, "believed when it still says so") {
		t.Errorf("it says %q", message)
	}
	now.SetTime(now.Now().Add(16 * time.Minute))
	w.nudge(pool)
	w.eventually("all are gone", func() error {
		for i := range domains.Items {
			if !h.gone(&domains.Items[i]) {
				return errors.New(domains.Items[i].Name + " is still there")
			}
		}
		if !h.gone(pool) {
			return errors.New("the pool is still there")
		}
		return nil
	})
}

// With the statuses of a pool that is being deleted the knowledge of its failover is lost, until the domain of the front end that remembers it
// has been looked at again. No other domain goes before that: its servers may have been stopped with the others.
func TestADomainOfADeletedPoolWaitsForTheOthersToBeLookedAt(t *testing.T) {
	w := newWorld(t, busyPair())
	pool := w.pool(func(pool *v1alpha1.LyncPool) { pool.Finalizers = []string{v1alpha1.FinalizerFinishServer} })
	domain := func(name string) *v1alpha1.UpgradeDomain {
		object := &v1alpha1.UpgradeDomain{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.namespace, Finalizers: []string{v1alpha1.FinalizerFinishServer}},
			Spec: v1alpha1.UpgradeDomainSpec{PoolRef: v1alpha1.LocalObjectReference{Name: pool.Name}, DomainName: name,
				FrontEnds: []v1alpha1.FQDN{v1alpha1.FQDN(name + ".contoso.com")}, DesiredBuild: newBuild},
		}
		w.create(object)
		return object
	}
	goes, other := domain("fe01"), domain("fe02")
	reports := func(change func(*v1alpha1.UpgradeDomainStatus)) {
		before := other.DeepCopy()
		change(&other.Status)
		conditions{list: &other.Status.Conditions, generation: 1}.summarise(standingWorking, v1alpha1.ReasonDeleting, "being deleted")
		if err := w.client.Status().Patch(t.Context(), other, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
	reconciler := &UpgradeDomainReconciler{Shared{Client: w.client, Live: w.client}}
	mustBe := func(says string, wantNeeded bool, wantUnseen int) {
		t.Helper()
		needed, unseen, err := reconciler.neededForFailOver(t.Context(), &domainWork{object: goes, pool: pool})
		if err != nil || needed != wantNeeded || len(unseen) != wantUnseen {
			t.Errorf("%s: needed %t, not looked at %v, %v", says, needed, unseen, err)
		}
	}
	mustBe("the pool is not being deleted, and makes its domains anew", false, 0)
	if err := w.client.Delete(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	mustBe("nothing is known of the other domain", false, 1)
	reports(func(status *v1alpha1.UpgradeDomainStatus) { status.ObservedGeneration, status.FailOverSeen = 1, true })
	mustBe("a front end of the other domain remembers a failover", true, 0)
	reports(func(status *v1alpha1.UpgradeDomainStatus) { status.FailOverSeen = false })
	mustBe("none does", false, 0)
}
