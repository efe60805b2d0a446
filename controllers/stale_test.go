package controllers

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// standstill is a pool whose first domain has just been opened, with the package on every server, and no operator: the test
// makes single passes itself, through a cache that may be behind.
type standstill struct {
	*world
	pool *v1alpha1.LyncPool
}

func newStandstill(t *testing.T) standstill {
	t.Helper()
	w := newWorld(t, threeFrontEnds())
	s := standstill{w, w.pool()}
	s.until("the first domain is open", func() bool { return s.pool.Status.OpenDomain != nil })
	return s
}

// until makes passes over all objects, with what the API server says at the moment.
func (s standstill) until(what string, reached func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for !reached() {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: not reached, the pool has %+v", what, s.pool.Status)
		}
		s.passDomains(s.client)
		if err := s.passPool(s.client); err != nil {
			s.t.Fatal(err)
		}
		if err := s.look(s.pool); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s standstill) shared(cached client.Client) Shared {
	return Shared{Client: interceptor.NewClient(cached.(client.WithWatch), s.ledger.funcs()), Live: s.client, Servers: s.servers, Recorder: s.ledger.recorder(nil), Clock: s.clock}
}

func (s standstill) passPool(cached client.Client) error {
	_, err := (&LyncPoolReconciler{s.shared(cached)}).Reconcile(s.t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(s.pool)})
	return err
}

func (s standstill) passDomains(cached client.Client) {
	s.t.Helper()
	var domains v1alpha1.UpgradeDomainList
	if err := s.client.List(s.t.Context(), &domains, client.InNamespace(s.namespace)); err != nil {
		s.t.Fatal(err)
	}
	for _, domain := range domains.Items {
		if _, err := (&UpgradeDomainReconciler{s.shared(cached)}).Reconcile(s.t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&domain)}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// remembering is a cache that still has the pool as it was.
func (s standstill) remembering(old *v1alpha1.LyncPool) client.Client {
	return interceptor.NewClient(s.client, interceptor.Funcs{
		Get: func(ctx context.Context, from client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if pool, ok := object.(*v1alpha1.LyncPool); ok {
				old.DeepCopyInto(pool)
				return nil
			}
			return from.Get(ctx, key, object, options...)
		},
	})
}

func (s standstill) stopped() []string {
	var names []string
	for _, call := range s.servers.called("StartJob") {
		if call.request.Action == lync.ActionStopServices {
			names = append(names, call.server)
		}
	}
	return names
}

// The domain still believes that it is its turn, but the pool has closed it.
func TestNoServerIsStoppedAfterItsTurn(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(pool *v1alpha1.LyncPool)
		spec   func(pool *v1alpha1.LyncPool)
	}{
		{name: "closed", change: func(pool *v1alpha1.LyncPool) { pool.Status.OpenDomain = nil }},
		{name: "another is open", change: func(pool *v1alpha1.LyncPool) { pool.Status.OpenDomain.Name = "UpgradeDomain2" }},
		{name: "opened for another build", change: func(pool *v1alpha1.LyncPool) { pool.Status.OpenDomain.Build = string(laterBuild) }},
		{name: "paused", spec: func(pool *v1alpha1.LyncPool) { pool.Spec.Paused = true }},
		{name: "only observed", spec: func(pool *v1alpha1.LyncPool) { pool.Spec.Management = v1alpha1.ManagementObserve }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStandstill(t)
			old := s.pool.DeepCopy()
			if test.spec != nil {
				edit(s.world, s.pool, test.spec)
			} else {
				before := s.pool.DeepCopy()
				test.change(s.pool)
				if err := s.client.Status().Patch(t.Context(), s.pool, client.MergeFrom(before)); err != nil {
					t.Fatal(err)
				}
			}
			for range 3 {
				s.passDomains(s.remembering(old))
			}
			s.eventually("the pool's status speaks of its latest spec", func() error {
				if err := s.passPool(s.client); err != nil {
					return err
				}
				var pool v1alpha1.LyncPool
				if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(s.pool), &pool); err != nil {
					return err
				}
				if pool.Status.ObservedGeneration != pool.Generation {
					return fmt.Errorf("it speaks of generation %d of %d", pool.Status.ObservedGeneration, pool.Generation)
				}
				return nil
			})
			if names := s.stopped(); len(names) > 0 {
				t.Errorf("%v were stopped out of turn", names)
			}
			domain := s.domain("pool01-upgradedomain1")
			if domain.Status.InProgress || slices.Contains(s.ledger.told(domain), "ServerTaken") {
				t.Errorf("the domain says that it has begun: %+v", domain.Status)
			}
		})
	}
}

// The users of another pool have come meanwhile, of which no event tells the domain: it looks again soon, and goes on when they are gone.
func TestDomainWhoseTurnIsRefusedLooksAgainSoon(t *testing.T) {
	s := newStandstill(t)
	guests := &v1alpha1.LyncPool{ObjectMeta: metav1.ObjectMeta{Name: "pool02"}, Spec: *s.pool.Spec.DeepCopy()}
	guests.Spec.PoolFQDN = testBackupPool
	s.create(guests)
	stand := func(failOver *v1alpha1.FailOverStatus) {
		t.Helper()
		before := guests.DeepCopy()
		guests.Status.FailOver = failOver
		if err := s.client.Status().Patch(t.Context(), guests, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
	stand(&v1alpha1.FailOverStatus{Phase: v1alpha1.FailOverUpgrading, BackupPool: testPool, UsersOnBackupPool: true, Since: metav1.Now()})
	domain := s.domain("pool01-upgradedomain1")
	result, err := (&UpgradeDomainReconciler{s.shared(s.client)}).Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(domain)})
	if err != nil || len(s.stopped()) > 0 {
		t.Errorf("%v were stopped (%v)", s.stopped(), err)
	}
	if result.RequeueAfter <= 0 || result.RequeueAfter > holdLook {
		t.Errorf("it looks again after %s", result.RequeueAfter)
	}
	stand(nil)
	s.passDomains(s.client)
	if names := s.stopped(); !slices.Equal(names, []string{"fe01.contoso.com"}) {
		t.Errorf("%v were stopped, want fe01.contoso.com", names)
	}
}

// The control of the tests above: with a cache that is up to date the first server is stopped, and only the first.
func TestServerIsStoppedInItsTurn(t *testing.T) {
	s := newStandstill(t)
	s.passDomains(s.client)
	if names := s.stopped(); !slices.Equal(names, []string{"fe01.contoso.com"}) {
		t.Errorf("%v were stopped, want fe01.contoso.com", names)
	}
}

// The pool's cache does not yet have what the pool itself has just written.
func TestNoSecondDomainIsOpenedOnAnOldView(t *testing.T) {
	w := newWorld(t, threeFrontEnds())
	s := standstill{w, w.pool()}
	var closed *v1alpha1.LyncPool
	s.until("the first domain is done and no other is open", func() bool {
		status := s.pool.Status
		if status.OpenDomain == nil && len(status.Domains) == 3 && status.Domains[0].State == v1alpha1.DomainDone {
			closed = s.pool.DeepCopy()
		}
		return closed != nil
	})
	s.until("the second domain is open", func() bool { return s.pool.Status.OpenDomain != nil })
	opened, told := s.pool.DeepCopy(), len(s.ledger.told(s.pool))
	for range 3 {
		if err := s.passPool(s.remembering(closed)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.look(s.pool); err != nil {
		t.Fatal(err)
	}
	if s.pool.ResourceVersion != opened.ResourceVersion {
		t.Errorf("an old view was written over a newer one: %+v", s.pool.Status)
	}
	if now := len(s.ledger.told(s.pool)); now != told {
		t.Errorf("told what was not stored: %v", s.ledger.told(s.pool))
	}
	// Between the soak of the old view and now: even where it is old enough to open another domain, the write is refused.
	closed.Status.Soak = &v1alpha1.SoakStatus{AfterDomain: "UpgradeDomain1", Since: nil}
	closed.Spec.Rollout.Soak = duration(0)
	if err := s.passPool(s.remembering(closed)); err != nil {
		t.Fatal(err)
	}
	if err := s.look(s.pool); err != nil || s.pool.ResourceVersion != opened.ResourceVersion {
		t.Errorf("a domain was opened on an old view (%v): %+v", err, s.pool.Status)
	}
}
