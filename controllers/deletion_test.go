package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// halfWay is a pool of two upgrade domains whose first server is being worked on; its jobs end when the test says so.
type halfWay struct {
	*world
	pool   *v1alpha1.LyncPool
	domain *v1alpha1.UpgradeDomain
}

func newHalfWay(t *testing.T, lies ...interceptor.Funcs) halfWay {
	t.Helper()
	servers := newFakeServers([]string{"fe01.contoso.com", "fe02.contoso.com"}, []string{"fe03.contoso.com"})
	servers.manually()
	w := startedWorld(t, servers, lies...)
	h := halfWay{world: w, pool: w.pool(), domain: w.domain("pool01-upgradedomain1")}
	h.stepOn("the first server is taken", func() bool { return servers.orders(lync.ActionStopServices, "fe01.contoso.com") > 0 })
	return h
}

// stepOn lets the jobs of all servers come to their end until something holds.
func (h halfWay) stepOn(what string, holds func() bool) {
	h.t.Helper()
	h.eventually(what, func() error {
		if holds() {
			return nil
		}
		for name := range h.servers.hosts {
			h.servers.advance(name)
		}
		var domains v1alpha1.UpgradeDomainList
		if err := h.client.List(h.t.Context(), &domains, client.InNamespace(h.namespace)); err != nil {
			return err
		}
		for i := range domains.Items {
			before := domains.Items[i].DeepCopy()
			annotate(&domains.Items[i], "test/nudge", fmt.Sprint(len(h.servers.called("Facts"))))
			if err := h.client.Patch(h.t.Context(), &domains.Items[i], client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
				return err
			}
		}
		return errors.New("not yet")
	})
}

func (h halfWay) delete(object client.Object, options ...client.DeleteOption) {
	h.t.Helper()
	if err := h.client.Delete(h.t.Context(), object, options...); err != nil {
		h.t.Fatal(err)
	}
}

// gone says whether that very object is there no longer; one made anew under its name is another.
func (h halfWay) gone(object client.Object) bool {
	current, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return false
	}
	err := h.client.Get(h.t.Context(), client.ObjectKeyFromObject(object), current)
	return apierrors.IsNotFound(err) || err == nil && current.GetUID() != object.GetUID()
}

func (h halfWay) mustHaveTouchedNoOther() {
	h.t.Helper()
	for _, server := range []string{"fe02.contoso.com", "fe03.contoso.com"} {
		if h.servers.orders(lync.ActionStopServices, server) > 0 {
			h.t.Errorf("%s was taken after the deletion: %v", server, h.story())
		}
	}
}

var firstServerFinished = []string{"readiness", "fe01.contoso.com StopServices", "fe01.contoso.com Install", "fe01.contoso.com RestartComputer", "fe01.contoso.com put away"}

func TestDeletedPoolFinishesTheServerInProgress(t *testing.T) {
	for _, propagation := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan} {
		t.Run(string(propagation), func(t *testing.T) {
			h := newHalfWay(t)
			h.delete(h.pool, client.PropagationPolicy(propagation))
			message := h.ready(h.pool, "False", v1alpha1.ReasonDeleting)
			if !strings.Contains(message, "UpgradeDomain pool01-upgradedomain1 is not finished with a server") || !strings.Contains(message, v1alpha1.ForceDeleteValue) {
				t.Errorf("the pool says %q", message)
			}
			if message := h.ready(h.domain, "False", v1alpha1.ReasonDeleting); !strings.Contains(message, "fe01.contoso.com is half way") {
				t.Errorf("the domain says %q", message)
			}
			h.stepOn("the first server is finished", func() bool { return slices.Contains(h.story(), "fe01.contoso.com put away") })
			h.eventually("our finalizers are gone", func() error {
				// No garbage collector runs here: what its finalizers and the owner references do is not to be seen.
				if err := h.look(h.pool); err == nil && claimed(h.pool) {
					return errors.New("the pool is still held")
				}
				if err := h.look(h.domain); err == nil && claimed(h.domain) {
					return errors.New("the domain is still held")
				}
				return nil
			})
			h.mustHaveTouchedNoOther()
			if !slices.Equal(h.story(), firstServerFinished) {
				t.Errorf("what was done: %v", h.story())
			}
		})
	}
}

func TestDeletedDomainFinishesItsServerAndIsMadeAnew(t *testing.T) {
	h := newHalfWay(t)
	old := h.domain.DeepCopy()
	h.delete(h.domain)
	h.ready(h.domain, "False", v1alpha1.ReasonDeleting)
	h.stepOn("the first server is finished", func() bool { return slices.Contains(h.story(), "fe01.contoso.com put away") })
	h.mustHaveTouchedNoOther()
	h.stepOn("the domain is made anew", func() bool { return h.gone(old) && h.look(h.domain) == nil })
	h.stepOn("the pool is done", func() bool { return h.look(h.pool) == nil && h.pool.Status.DomainProgress == "2/2" })
	for _, server := range []string{"fe01.contoso.com", "fe02.contoso.com", "fe03.contoso.com"} {
		if got := h.servers.orders(lync.ActionInstall, server); got != 1 {
			t.Errorf("the installer was ordered %d times on %s", got, server)
		}
	}
}

func TestDeletedInMidRolloutAndNothingHalfWayIsGoneAtOnce(t *testing.T) {
	servers := threeFrontEnds()
	servers.breaks(failingInstaller(1))
	w := startedWorld(t, servers)
	h := halfWay{world: w, pool: w.pool(), domain: w.domain("pool01-upgradedomain1")}
	w.ready(h.pool, "False", v1alpha1.ReasonInstallerFailed)
	h.delete(h.pool)
	w.eventually("the pool is gone", func() error {
		if !h.gone(h.pool) {
			return errors.New("it is still there")
		}
		return nil
	})
}

func TestDeletionThatCannotBeFinishedSaysWhyAndCanBeForced(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(h halfWay)
		says    string
	}{
		{"a server that never answers", func(h halfWay) {
			h.servers.breaks(fakeFault{method: "Facts", server: "fe01.contoso.com", left: 1 << 20, fails: troubleWith(lync.KindUnreachable, "fe01.contoso.com", "Facts", "no route to host")})
			h.delete(h.pool)
		}, "fe01.contoso.com"},
		{"the services do not come back", func(h halfWay) {
			h.servers.breaks(failingInstaller(1))
			h.servers.breaks(fakeFault{server: "fe01.contoso.com", action: lync.ActionStartServices, outcome: lync.OutcomeServiceStuck, message: "RTCSRV does not start", left: 1 << 20})
			h.delete(h.pool)
		}, "the services could not all be put back"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHalfWay(t)
			test.prepare(h)
			h.stepOn("the domain cannot go on", func() bool {
				return h.look(h.domain) == nil && isBlocked(h.domain)
			})
			message := h.ready(h.pool, "False", v1alpha1.ReasonDeletionBlocked)
			if !strings.Contains(strings.ToLower(message), strings.ToLower(test.says)) || !strings.Contains(message, v1alpha1.AnnotationForceDelete+"="+v1alpha1.ForceDeleteValue) {
				t.Errorf("the pool says %q", message)
			}
			edit(h.world, h.pool, func(pool *v1alpha1.LyncPool) { annotate(pool, v1alpha1.AnnotationForceDelete, "yes") })
			h.eventually("another value is refused", func() error {
				if message := h.ready(h.pool, "False", v1alpha1.ReasonDeletionBlocked); !strings.Contains(message, `has the value "yes" and is not obeyed`) {
					return fmt.Errorf("it says %q", message)
				}
				return nil
			})
			edit(h.world, h.pool, func(pool *v1alpha1.LyncPool) {
				annotate(pool, v1alpha1.AnnotationForceDelete, v1alpha1.ForceDeleteValue)
			})
			h.eventually("the pool is gone", func() error {
				if !h.gone(h.pool) {
					return errors.New("it is still there")
				}
				return nil
			})
			h.eventually("the domain is held no longer", func() error {
				if err := h.look(h.domain); err == nil && claimed(h.domain) {
					return errors.New("it is")
				}
				return nil
			})
			// Whichever of the two goes first has left the server behind.
			h.eventually("it is told what is left behind", func() error {
				h.needsAnswers()
				for _, one := range h.ledger.all() {
					if one.warning && one.reason == v1alpha1.EventForceDeleted {
						return nil
					}
				}
				return errors.New("nothing is told")
			})
			h.mustHaveTouchedNoOther()
		})
	}
}

func isBlocked(object client.Object) bool {
	reason, _ := readyReason(conditionsOf(object))
	return reason == v1alpha1.ReasonDeletionBlocked
}

// kubectl delete namespace takes the Secret at once; objects that are held stay, and nothing can be made anew beside them.
func TestServerIsFinishedAlthoughTheSecretIsGoneFirst(t *testing.T) {
	for name, lies := range map[string][]interceptor.Funcs{
		"every write succeeds": nil,
		"somebody has changed the object when it is let go, so that it is looked at once more": {changedWhenLetGo()},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHalfWay(t, lies...)
			h.delete(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: h.namespace, Name: "winrm"}})
			h.delete(h.domain)
			h.delete(h.pool)
			h.stepOn("the first server is finished", func() bool { return slices.Contains(h.story(), "fe01.contoso.com put away") })
			h.eventually("both are gone", func() error {
				if !h.gone(h.pool) || !h.gone(h.domain) {
					_, _ = h.look(h.pool), h.look(h.domain)
					return fmt.Errorf("not yet: the pool says %+v, the domain %+v", h.pool.Status.Conditions, h.domain.Status.Conditions)
				}
				return nil
			})
			h.mustHaveTouchedNoOther()
		})
	}
}

// changedWhenLetGo is an API server that refuses the first writes that would take the finalizer off an upgrade domain.
func changedWhenLetGo() interceptor.Funcs {
	var refusals atomic.Int32
	refusals.Store(2)
	return interceptor.Funcs{Patch: func(ctx context.Context, to client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
		if _, isDomain := object.(*v1alpha1.UpgradeDomain); isDomain && beingDeleted(object) && !claimed(object) && refusals.Add(-1) >= 0 {
			return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("upgradedomains").GroupResource(), object.GetName(), errors.New("it was changed"))
		}
		return to.Patch(ctx, object, patch, options...)
	}}
}

func TestDeletedBackEndFinishesItsServer(t *testing.T) {
	servers := newFakeServers([]string{"fe01.contoso.com"})
	servers.manually()
	w := startedWorld(t, servers)
	backEnd := w.backEnd(func(backEnd *v1alpha1.BackEndServer) {
		backEnd.Spec = v1alpha1.BackEndServerSpec{Edition: v1alpha1.EditionStandard, ServerFQDN: "fe01.contoso.com", DesiredBuild: newBuild,
			Package:    &v1alpha1.UpdatePackage{Source: `\\files.contoso.com\lync\LyncServerUpdateInstaller.exe`, SHA256: strings.Repeat("0a", 32)},
			Connection: &v1alpha1.WinRMConnection{CredentialsSecretRef: v1alpha1.LocalObjectReference{Name: "winrm"}}}
	})
	h := halfWay{world: w}
	stepOn := func(what string, holds func() bool) {
		w.eventually(what, func() error {
			if holds() {
				return nil
			}
			servers.advance("fe01.contoso.com")
			before := backEnd.DeepCopy()
			annotate(backEnd, "test/nudge", fmt.Sprint(len(servers.called("Facts"))))
			if err := w.client.Patch(t.Context(), backEnd, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
				return err
			}
			return errors.New("not yet")
		})
	}
	stepOn("the server is taken", func() bool { return servers.orders(lync.ActionStopServices, "fe01.contoso.com") > 0 })
	h.delete(backEnd)
	if message := w.ready(backEnd, "False", v1alpha1.ReasonDeleting); !strings.Contains(message, "fe01.contoso.com is half way") {
		t.Errorf("it says %q", message)
	}
	stepOn("it is gone", func() bool { return h.gone(backEnd) })
	story := w.story()
	if !slices.Contains(story, "fe01.contoso.com UpdateDatabases") || !slices.Contains(story, "fe01.contoso.com StartServices") || story[len(story)-1] != "fe01.contoso.com put away" {
		t.Errorf("what was done: %v", story)
	}
}
