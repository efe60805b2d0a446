package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// A backup that was restored has the finalizer and no status. The server that it speaks of does not answer and leaves the pool: nobody else
// is stopped, and its object stays, until a person lets it go.
func TestAServerThatOnlyTheFinalizerRemembersIsWaitedFor(t *testing.T) {
	servers := threeFrontEnds().manually()
	s := standstill{world: newWorld(t, servers)}
	s.pool = s.world.pool(looksOften)
	domain := &v1alpha1.UpgradeDomain{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "pool01-upgradedomain1"}}
	stepOn := func(what string, reached func() bool) {
		t.Helper()
		s.until(what, func() bool {
			for name := range servers.hosts {
				servers.advance(name)
			}
			return reached()
		})
	}
	stepOn("the first server is out", func() bool { return servers.orders(lync.ActionStopServices, "fe01.contoso.com") > 0 })
	if err := s.look(domain); err != nil || !claimed(domain) {
		t.Fatalf("claimed is %t, %v", claimed(domain), err)
	}
	servers.breaks(fakeFault{method: "Facts", server: "fe01.contoso.com", left: 1 << 20, fails: troubleWith(lync.KindUnreachable, "fe01.contoso.com", "Facts", "no route to host")})
	before, poolBefore := domain.DeepCopy(), s.pool.DeepCopy()
	domain.Status, s.pool.Status = v1alpha1.UpgradeDomainStatus{ObservedGeneration: -1}, v1alpha1.LyncPoolStatus{}
	for lost, old := range map[client.Object]client.Object{domain: before, s.pool: poolBefore} {
		if err := s.client.Status().Patch(t.Context(), lost, client.MergeFrom(old)); err != nil {
			t.Fatal(err)
		}
	}
	s.passDomains(s.client)
	servers.change(func(f *fakeServers) {
		f.computer = slices.DeleteFunc(f.computer, func(name string) bool { return name == "fe01.contoso.com" })
		f.domains = f.domains[1:]
	})
	stepOn("the pool is known without it", func() bool { return len(s.pool.Status.Servers) == len(servers.computer) })
	asked := len(servers.called("Facts"))
	stepOn("many more looks", func() bool { return len(servers.called("Facts")) > asked+20 })
	if err := s.look(domain); err != nil || !claimed(domain) || beingDeleted(domain) {
		t.Fatalf("the object is %v, %v", domain.ObjectMeta, err)
	}
	for _, object := range []client.Object{domain, s.pool} {
		if reason, message := readyReason(conditionsOf(object)); reason != v1alpha1.ReasonServerUnreachable || !strings.Contains(message, v1alpha1.AnnotationForceDelete+"="+v1alpha1.ForceDeleteValue) {
			t.Errorf("%s says %s: %s", object.GetName(), reason, message)
		}
	}
	if names := s.stopped(); !slices.Equal(names, []string{"fe01.contoso.com"}) {
		t.Fatalf("stopped were %v", names)
	}
	edit(s.world, domain, func(domain *v1alpha1.UpgradeDomain) {
		annotate(domain, v1alpha1.AnnotationForceDelete, v1alpha1.ForceDeleteValue)
	})
	if err := s.client.Delete(t.Context(), domain); err != nil {
		t.Fatal(err)
	}
	stepOn("the rollout goes on without it", func() bool { return len(s.stopped()) > 1 })
}

// Two copies of the operator have looked at the same time: the second to write down whom it takes is refused, and gives no order.
func TestNoServerIsTakenThatIsNotWrittenDownFirst(t *testing.T) {
	s := newStandstill(t)
	s.servers.breaks(fakeFault{method: "StartJob", server: "fe01.contoso.com", action: lync.ActionStopServices, fails: troubleWith(lync.KindSessionLost, "fe01.contoso.com", "Start-LyncOpsJob", "the connection was closed"), left: 1})
	domain := &v1alpha1.UpgradeDomain{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "pool01-upgradedomain1"}}
	if err := s.look(domain); err != nil {
		t.Fatal(err)
	}
	if err := s.shared(s.client).claim(t.Context(), domain, domain.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	old := domain.DeepCopy()
	behind := interceptor.NewClient(s.client, interceptor.Funcs{
		Get: func(ctx context.Context, from client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if one, ok := object.(*v1alpha1.UpgradeDomain); ok {
				old.DeepCopyInto(one)
				return nil
			}
			return from.Get(ctx, key, object, options...)
		},
	})
	for _, cached := range []client.Client{s.client, behind, behind} {
		if _, err := (&UpgradeDomainReconciler{s.shared(cached)}).Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(domain)}); err != nil {
			t.Fatal(err)
		}
	}
	if names := s.stopped(); len(names) != 1 {
		t.Errorf("orders were given to %v", names)
	}
	if err := s.look(domain); err != nil || !domain.Status.InProgress || domain.Status.Servers[0].Step != v1alpha1.StepStopServices {
		t.Errorf("the status says %+v, %v", domain.Status, err)
	}
}

// Who was refused has looked at the servers before somebody else may have used the turn: it lets go of nothing before it has looked again.
func TestADomainWhoseTurnIsRefusedKeepsItsFinalizer(t *testing.T) {
	s := newStandstill(t)
	old := s.pool.DeepCopy()
	var domain v1alpha1.UpgradeDomain
	domain.Namespace, domain.Name = s.namespace, "pool01-upgradedomain1"
	if err := s.look(&domain); err != nil {
		t.Fatal(err)
	}
	if err := s.shared(s.client).claim(t.Context(), &domain, domain.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Delete(t.Context(), s.pool); err != nil {
		t.Fatal(err)
	}
	pass := func(cached client.Client) error {
		_, err := (&UpgradeDomainReconciler{s.shared(cached)}).Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&domain)})
		return errors.Join(err, s.look(&domain))
	}
	if err := pass(s.remembering(old)); err != nil || !claimed(&domain) {
		t.Fatalf("after a pass whose turn was refused claimed is %t, %v", claimed(&domain), err)
	}
	s.eventually("the next look lets go", func() error {
		if err := pass(s.client); err != nil {
			return err
		}
		if claimed(&domain) {
			return fmt.Errorf("it is kept: %+v", domain.Status.Conditions)
		}
		return nil
	})
	if names := s.stopped(); len(names) > 0 {
		t.Errorf("%v were stopped", names)
	}
}
