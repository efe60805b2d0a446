package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// otherPool is a pool of which nobody knows the credentials: it stands where the test puts it.
func (w *world) otherPool(name string, begun bool) *v1alpha1.LyncPool {
	w.t.Helper()
	pool := &v1alpha1.LyncPool{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.namespace}, Spec: v1alpha1.LyncPoolSpec{
		PoolFQDN: "other.contoso.com", DesiredBuild: newBuild,
		Package:    &v1alpha1.UpdatePackage{Source: `\\files.contoso.com\lync\LyncServerUpdateInstaller.exe`, SHA256: strings.Repeat("0a", 32)},
		Connection: v1alpha1.WinRMConnection{CredentialsSecretRef: v1alpha1.LocalObjectReference{Name: "unknown"}}}}
	w.create(pool)
	w.ready(pool, "False", v1alpha1.ReasonCredentialsMissing)
	w.underWay(pool, begun)
	return pool
}

func (w *world) underWay(pool *v1alpha1.LyncPool, begun bool) {
	w.t.Helper()
	before := pool.DeepCopy()
	pool.Status.UnderWaySince = nil
	if begun {
		now := metav1.NowMicro()
		pool.Status.UnderWaySince = &now
	}
	if err := w.client.Status().Patch(w.t.Context(), pool, client.MergeFrom(before)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) standardServer(dependsOn ...v1alpha1.Dependency) *v1alpha1.BackEndServer {
	w.t.Helper()
	w.servers.change(func(f *fakeServers) { f.addHost("se01.contoso.com") })
	return w.backEnd(func(backEnd *v1alpha1.BackEndServer) {
		backEnd.Name = "se01"
		backEnd.Spec = v1alpha1.BackEndServerSpec{Edition: v1alpha1.EditionStandard, ServerFQDN: "se01.contoso.com", DesiredBuild: newBuild,
			Package:    &v1alpha1.UpdatePackage{Source: `\\files.contoso.com\lync\LyncServerUpdateInstaller.exe`, SHA256: strings.Repeat("0a", 32)},
			Connection: &v1alpha1.WinRMConnection{CredentialsSecretRef: v1alpha1.LocalObjectReference{Name: "winrm"}}, DependsOn: dependsOn}
	})
}

func mustHavePrecedence(t *testing.T, object client.Object, status metav1.ConditionStatus, reason string) {
	t.Helper()
	for _, condition := range conditionsOf(object) {
		if condition.Type == v1alpha1.ConditionPrecedence && condition.Status == status && condition.Reason == reason {
			return
		}
	}
	t.Errorf("%s has no condition Precedence=%s, %s: %+v", object.GetName(), status, reason, conditionsOf(object))
}

func TestPoolWaitsForItsDependencyAndGoesOnByItself(t *testing.T) {
	w := startedWorld(t, threeFrontEnds())
	pool := w.pool(func(pool *v1alpha1.LyncPool) {
		pool.Spec.DependsOn = []v1alpha1.Dependency{{Kind: v1alpha1.KindBackEndServer, Name: "se01"}}
	})
	if message := w.ready(pool, "False", v1alpha1.ReasonWaitingForDependency); !strings.Contains(message, "BackEndServer se01, which does not exist") {
		t.Errorf("it says %q", message)
	}
	mustHavePrecedence(t, pool, "False", v1alpha1.ReasonWaitingForDependency)
	se := w.standardServer()
	w.ready(se, "True", v1alpha1.ReasonUpToDate)
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	mustHavePrecedence(t, pool, "True", v1alpha1.ReasonNothingBefore)
	story := strings.Join(w.story(), "\n")
	if last, first := strings.Index(story, "se01.contoso.com put away"), strings.Index(story, "fe01.contoso.com StopServices"); last < 0 || first < last {
		t.Errorf("the pool did not wait:\n%s", story)
	}
}

func TestObjectsThatDependOnEachOtherAreRefused(t *testing.T) {
	w := startedWorld(t, threeFrontEnds())
	pool := w.pool(func(pool *v1alpha1.LyncPool) {
		pool.Spec.DependsOn = []v1alpha1.Dependency{{Kind: v1alpha1.KindBackEndServer, Name: "se01"}}
	})
	se := w.standardServer(v1alpha1.Dependency{Kind: v1alpha1.KindLyncPool, Name: "pool01"})
	for _, object := range []client.Object{pool, se} {
		w.nudge(object)
		if message := w.ready(object, "False", v1alpha1.ReasonDependencyCycle); !strings.Contains(message, "-> ") || !hasCondition(object, v1alpha1.ConditionStalled) {
			t.Errorf("%s says %q", object.GetName(), message)
		}
	}
	if stopped := w.servers.orders(lync.ActionStopServices, ""); stopped > 0 {
		t.Errorf("%d servers were begun", stopped)
	}
	itself := pool.DeepCopy()
	itself.Spec.DependsOn = []v1alpha1.Dependency{{Kind: v1alpha1.KindLyncPool, Name: "pool01"}}
	if err := w.client.Patch(t.Context(), itself, client.MergeFrom(pool)); err == nil || !strings.Contains(err.Error(), "a pool cannot depend on itself") {
		t.Errorf("a pool that depends on itself: %v", err)
	}
}

func TestPoolWaitsForAPlaceAmongThoseUnderWay(t *testing.T) {
	w := startedWorld(t, threeFrontEnds())
	other := w.otherPool("other", true)
	pool := w.pool(func(pool *v1alpha1.LyncPool) {
		pool.Spec.Rollout.PoolsAtATime = &v1alpha1.PoolsAtATime{Limit: 1}
	})
	if message := w.ready(pool, "False", v1alpha1.ReasonWaitingForOtherPool); !strings.Contains(message, "now it is other") {
		t.Errorf("it says %q", message)
	}
	mustHavePrecedence(t, pool, "False", v1alpha1.ReasonWaitingForOtherPool)
	if claimed(pool) || pool.Status.UnderWaySince != nil {
		t.Errorf("a pool that waits counts as under way: %v, %v", pool.Finalizers, pool.Status.UnderWaySince)
	}
	if w.servers.orders(lync.ActionStopServices, "fe01.contoso.com") > 0 {
		t.Error("it has begun")
	}
	w.underWay(other, false)
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	if pool.Status.UnderWaySince != nil {
		t.Error("a pool that is done counts as under way")
	}
}

// Two pools saw each other at rest, and opened at the same moment.
func TestPlaceIsTakenOnlyWithFreshEyes(t *testing.T) {
	// The package is being copied for as long as the other pool is not there: nothing can be opened before.
	w := newWorld(t, threeFrontEnds().manually())
	pool := w.pool(func(pool *v1alpha1.LyncPool) {
		pool.Spec.Rollout.PoolsAtATime = &v1alpha1.PoolsAtATime{Limit: 1}
	})
	s := standstill{w, pool}
	s.until("the package is being copied everywhere", func() bool {
		return w.servers.orders(lync.ActionStagePackage, "fe01.contoso.com")*w.servers.orders(lync.ActionStagePackage, "fe02.contoso.com")*w.servers.orders(lync.ActionStagePackage, "fe03.contoso.com") > 0
	})
	other := &v1alpha1.LyncPool{ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: w.namespace, Finalizers: []string{v1alpha1.FinalizerFinishServer}}, Spec: *pool.Spec.DeepCopy()}
	other.Spec.PoolFQDN = "other.contoso.com"
	before := s.withoutOthers()
	w.create(other)
	w.underWay(other, true)
	w.servers.change(func(f *fakeServers) { f.byHand = false })
	w.eventually("it waits for the other, which its cache does not know", func() error {
		s.passDomains(w.client)
		if err := errors.Join(s.passPool(before), w.look(pool)); err != nil {
			return err
		}
		reason, message := readyReason(pool.Status.Conditions)
		if reason != v1alpha1.ReasonWaitingForOtherPool && pool.Status.OpenDomain == nil {
			return errors.New(message)
		}
		return nil
	})
	if pool.Status.OpenDomain != nil || claimed(pool) {
		t.Errorf("opened %v, claimed %t, beside another pool under way", pool.Status.OpenDomain, claimed(pool))
	}
	mustHavePrecedence(t, pool, "False", v1alpha1.ReasonWaitingForOtherPool)
}

// withoutOthers is a cache that has not heard of other pools yet.
func (s standstill) withoutOthers() client.Client {
	return interceptor.NewClient(s.client, interceptor.Funcs{
		List: func(ctx context.Context, from client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if pools, ok := list.(*v1alpha1.LyncPoolList); ok {
				pools.Items = nil
				return nil
			}
			return from.List(ctx, list, options...)
		},
	})
}
