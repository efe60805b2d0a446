package controllers

import (
	"fmt"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

func TestDiscoveryDeclaresTheDomainsOfThePool(t *testing.T) {
	servers := newFakeServers([]string{"fe01.contoso.com", "fe04.contoso.com"}, []string{"fe02.contoso.com"}, []string{"fe03.contoso.com"})
	// The pool answers in another order than its topology has.
	servers.change(func(f *fakeServers) {
		f.domains = []lync.UpgradeDomainReadiness{f.domains[2], f.domains[0], f.domains[1]}
		f.computer = []string{"fe02.contoso.com", "fe01.contoso.com", "fe03.contoso.com", "fe04.contoso.com"}
	})
	w := startedWorld(t, servers)
	pool := w.pool(func(pool *v1alpha1.LyncPool) { pool.Spec.Management = v1alpha1.ManagementObserve })
	w.ready(pool, "False", v1alpha1.ReasonObserving)

	var inOrder []string
	for _, domain := range pool.Status.Domains {
		inOrder = append(inOrder, domain.Name)
	}
	if want := []string{"UpgradeDomain2", "UpgradeDomain1", "UpgradeDomain3"}; !slices.Equal(inOrder, want) {
		t.Errorf("the domains are taken in the order %v, want that of the topology, %v", inOrder, want)
	}
	for name, frontEnds := range map[string][]v1alpha1.FQDN{"1": {"fe01.contoso.com", "fe04.contoso.com"}, "2": {"fe02.contoso.com"}, "3": {"fe03.contoso.com"}} {
		domain := w.domain("pool01-upgradedomain" + name)
		if !metav1.IsControlledBy(domain, pool) || domain.Labels[v1alpha1.LabelPool] != "pool01" {
			t.Errorf("%s is owned by %+v and labelled %v", domain.Name, domain.OwnerReferences, domain.Labels)
		}
		if domain.Spec.DomainName != "UpgradeDomain"+name || domain.Spec.DesiredBuild != newBuild || !slices.Equal(domain.Spec.FrontEnds, frontEnds) || domain.Spec.PoolRef.Name != "pool01" {
			t.Errorf("%s was declared as %+v", domain.Name, domain.Spec)
		}
	}
	if orders := servers.called("StartJob", "ClearJobs"); len(orders) > 0 {
		t.Errorf("an observed pool was touched: %v", orders)
	}
}

func TestDomainMadeByHandIsAdoptedAndLeftAlone(t *testing.T) {
	w := startedWorld(t, threeFrontEnds())
	byHand := &v1alpha1.UpgradeDomain{ObjectMeta: metav1.ObjectMeta{Name: "the-first", Labels: map[string]string{"team": "voice"}}, Spec: v1alpha1.UpgradeDomainSpec{
		PoolRef: v1alpha1.LocalObjectReference{Name: "pool01"}, DomainName: "UpgradeDomain1", FrontEnds: []v1alpha1.FQDN{"fe01.contoso.com"}, DesiredBuild: oldBuild}}
	w.create(byHand)
	spec := byHand.Spec.DeepCopy()
	pool := w.pool()
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	if err := w.look(byHand); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(byHand.Spec) != fmt.Sprint(*spec) || byHand.Generation != 1 || len(byHand.OwnerReferences) != 0 || len(byHand.Labels) != 1 {
		t.Errorf("the object was changed: %+v", byHand)
	}
	if pool.Status.Domains[0].Object != "the-first" || len(pool.Status.Domains) != 3 {
		t.Errorf("the pool's domains are %+v", pool.Status.Domains)
	}
	if orders := w.servers.orders(lync.ActionInstall, "fe01.contoso.com"); orders != 0 {
		t.Error("fe01 was taken to the pool's build, and not left at that of its own domain")
	}
}

func TestChangedBuildReachesTheDomains(t *testing.T) {
	w := startedWorld(t, threeFrontEnds())
	pool := w.pool()
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	w.servers.change(func(f *fakeServers) { f.packageBuild = string(laterBuild) })
	edit(w, pool, func(pool *v1alpha1.LyncPool) { pool.Spec.DesiredBuild = laterBuild })
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	for i := 1; i <= 3; i++ {
		if domain := w.domain(fmt.Sprintf("pool01-upgradedomain%d", i)); domain.Spec.DesiredBuild != laterBuild || domain.Status.InstalledBuild != string(laterBuild) {
			t.Errorf("%s wants %s and has %s", domain.Name, domain.Spec.DesiredBuild, domain.Status.InstalledBuild)
		}
	}
	if pool.Status.InstalledBuild != string(laterBuild) {
		t.Errorf("the pool has %s", pool.Status.InstalledBuild)
	}
}

func TestDomainThatThePoolNoLongerReportsIsDeleted(t *testing.T) {
	w := startedWorld(t, threeFrontEnds())
	pool := w.pool(func(pool *v1alpha1.LyncPool) { pool.Spec.Paused = true })
	w.ready(pool, "False", v1alpha1.ReasonPaused)
	gone := w.domain("pool01-upgradedomain3")
	w.servers.change(func(f *fakeServers) {
		f.domains = []lync.UpgradeDomainReadiness{{Name: "UpgradeDomain1", Frontends: []string{"fe01.contoso.com"}}, {Name: "UpgradeDomain2", Frontends: []string{"fe02.contoso.com", "fe03.contoso.com"}}}
	})
	edit(w, pool, func(pool *v1alpha1.LyncPool) { pool.Spec.Paused = false })
	w.eventually("the domain's object is deleted", func() error {
		if err := w.look(gone); !apierrors.IsNotFound(err) {
			return fmt.Errorf("looking for it ended with %v", err)
		}
		return nil
	})
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	if domain := w.domain("pool01-upgradedomain2"); len(domain.Spec.FrontEnds) != 2 {
		t.Errorf("%s has the front ends %v", domain.Name, domain.Spec.FrontEnds)
	}
}

// A server that is half way is finished, whatever the pool says of its domains meanwhile.
func TestDomainInProgressIsNotDeleted(t *testing.T) {
	servers := threeFrontEnds()
	w := newWorld(t, servers)
	pool := w.pool()
	half := &v1alpha1.UpgradeDomain{ObjectMeta: metav1.ObjectMeta{Name: "pool01-upgradedomain4"}, Spec: v1alpha1.UpgradeDomainSpec{
		PoolRef: v1alpha1.LocalObjectReference{Name: "pool01"}, DomainName: "UpgradeDomain4", FrontEnds: []v1alpha1.FQDN{"fe04.contoso.com"}, DesiredBuild: newBuild}}
	half.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(pool, v1alpha1.GroupVersion.WithKind("LyncPool"))}
	w.create(half)
	idle := half.DeepCopy()
	idle.ObjectMeta = metav1.ObjectMeta{Name: "pool01-upgradedomain5", OwnerReferences: half.OwnerReferences}
	idle.Spec.DomainName, idle.Spec.FrontEnds = "UpgradeDomain5", []v1alpha1.FQDN{"fe05.contoso.com"}
	w.create(idle)
	before := half.DeepCopy()
	half.Status = v1alpha1.UpgradeDomainStatus{ObservedGeneration: 1, InProgress: true, State: v1alpha1.DomainOpen, Servers: []v1alpha1.ServerStatus{{FQDN: "fe04.contoso.com", Step: v1alpha1.StepInstall}},
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonUpgrading, Message: "the installer runs", ObservedGeneration: 1, LastTransitionTime: metav1.Now()}}}
	if err := w.client.Status().Patch(t.Context(), half, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	host := servers.manually().addHost("fe04.contoso.com")
	host.jobs = []*lync.Job{{ID: "install-" + string(newBuild) + "-1", Action: lync.ActionInstall, State: lync.JobRunning}}
	w.startOperator()
	w.eventually("the idle domain is deleted", func() error {
		if err := w.look(idle); !apierrors.IsNotFound(err) {
			return fmt.Errorf("looking for it ended with %v", err)
		}
		return nil
	})
	if err := w.look(half); err != nil {
		t.Errorf("the domain in progress is gone: %v", err)
	}
}
