package controllers

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

// A failover is a beginning like that of the first upgrade domain: it waits for a place, and counts from its first step on.
func TestAFailOverTakesItsPlaceAmongThoseUnderWay(t *testing.T) {
	servers := busyPair()
	servers.breaks(fakeFault{action: lync.ActionFailOverPool, outcome: "FailOverFailed", message: "access is denied", left: 1})
	w := startedWorld(t, servers)
	pool := w.pool(failsOver, func(pool *v1alpha1.LyncPool) {
		pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyHold
		pool.Spec.Rollout.PoolsAtATime = &v1alpha1.PoolsAtATime{Limit: 1}
	})
	w.ready(pool, "False", v1alpha1.ReasonPoolUnready)
	if pool.Status.UnderWaySince != nil {
		t.Error("a pool that was only asked counts as under way")
	}
	other := w.otherPool("other", true)
	edit(w, pool, func(pool *v1alpha1.LyncPool) { annotate(pool, v1alpha1.AnnotationApproveFailOver, string(newBuild)) })
	if message := w.ready(pool, "False", v1alpha1.ReasonWaitingForOtherPool); !strings.Contains(message, "now it is other") || !strings.Contains(message, "Busy 3 times in a row") {
		t.Errorf("it says %q", message)
	}
	mustHavePrecedence(t, pool, "False", v1alpha1.ReasonWaitingForOtherPool)
	if moves := servers.moves(); len(moves) > 0 || claimed(pool) || pool.Status.UnderWaySince != nil {
		t.Errorf("it has begun: %v, %v, %v", moves, pool.Finalizers, pool.Status.UnderWaySince)
	}
	w.underWay(other, false)
	w.ready(pool, "False", v1alpha1.ReasonFailOverFailed)
	if pool.Status.UnderWaySince == nil || !claimed(pool) {
		t.Error("a pool in the middle of a failover does not count as under way")
	}
	edit(w, pool, func(pool *v1alpha1.LyncPool) { annotate(pool, v1alpha1.AnnotationRetry, "again") })
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	checkInstalledOnce(t, servers)
	if pool.Status.UnderWaySince != nil {
		t.Error("a pool that is done counts as under way")
	}
}

// Of two pools that may not be under way together, the one that comes second into the API server's memory gives way, although its
// cache knows nothing of the other.
func TestAFailOverTakesItsPlaceWithFreshEyes(t *testing.T) {
	servers := busyPair()
	w := newWorld(t, servers)
	pool := w.pool(failsOver, func(pool *v1alpha1.LyncPool) {
		pool.Spec.Rollout.PoolsAtATime = &v1alpha1.PoolsAtATime{Limit: 1}
		pool.Spec.Rollout.Readiness.Attempts = 1
	})
	other := &v1alpha1.LyncPool{ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: w.namespace, Finalizers: []string{v1alpha1.FinalizerFinishServer}}, Spec: *pool.Spec.DeepCopy()}
	other.Spec.PoolFQDN = "other.contoso.com"
	w.create(other)
	w.underWay(other, true)
	s := standstill{w, pool}
	stale := s.withoutOthers()
	waits := func() bool {
		reason, _ := readyReason(pool.Status.Conditions)
		return reason == v1alpha1.ReasonWaitingForOtherPool && pool.Status.FailOver != nil
	}
	w.eventually("it waits for the other", func() error {
		s.passDomains(w.client)
		if err := errors.Join(s.passPool(stale), w.look(pool)); err != nil {
			return err
		}
		if !waits() {
			return errors.New("it does not")
		}
		return nil
	})
	if len(servers.moves()) > 0 || claimed(pool) {
		t.Errorf("moved %v, claimed %t: %+v", servers.moves(), claimed(pool), pool.Status.Conditions)
	}
}

// A dependency that is not finished any more is waited for, as before an upgrade domain.
func TestAFailOverWaitsForADependency(t *testing.T) {
	servers := busyPair()
	w := startedWorld(t, servers)
	pool := w.pool(failsOver, func(pool *v1alpha1.LyncPool) { pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyHold })
	w.ready(pool, "False", v1alpha1.ReasonPoolUnready)
	edit(w, pool, func(pool *v1alpha1.LyncPool) {
		pool.Spec.DependsOn = []v1alpha1.Dependency{{Kind: v1alpha1.KindBackEndServer, Name: "se01"}}
		annotate(pool, v1alpha1.AnnotationApproveFailOver, string(newBuild))
	})
	w.ready(pool, "False", v1alpha1.ReasonWaitingForDependency)
	if moves := servers.moves(); len(moves) > 0 {
		t.Errorf("it has begun: %v", moves)
	}
	w.ready(w.standardServer(), "True", v1alpha1.ReasonUpToDate)
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	checkInstalledOnce(t, servers)
}

func TestTheCentralManagementStoreIsMovedFirstAndFollowed(t *testing.T) {
	const mover = "fe11.contoso.com"
	servers := busyPair()
	servers.change(func(f *fakeServers) {
		f.addHost(mover)
		f.pair.computers, f.pair.central = []string{mover}, true
	})
	w := startedWorld(t, servers)
	pool := w.pool(failsOver)
	if message := w.ready(pool, "False", v1alpha1.ReasonCentralManagementOnPool); !strings.Contains(message, "moveCentralManagement") || !pool.Status.CentralManagement {
		t.Errorf("it says %q, status.centralManagement %t", message, pool.Status.CentralManagement)
	}
	servers.breaks(fakeFault{action: lync.ActionMoveCentralManagement, outcome: "MoveFailed", message: "access is denied", left: 1})
	edit(w, pool, func(pool *v1alpha1.LyncPool) { pool.Spec.Rollout.FailOver.MoveCentralManagement = true })
	w.ready(pool, "False", v1alpha1.ReasonCentralManagementMoveFailed)
	if over := servers.orders(lync.ActionFailOverPool, ""); over != 0 || !pool.Status.CentralManagement {
		t.Errorf("failed over %d times before the store was moved; status.centralManagement %t", over, pool.Status.CentralManagement)
	}
	edit(w, pool, func(pool *v1alpha1.LyncPool) { annotate(pool, v1alpha1.AnnotationRetry, "again") })
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	checkInstalledOnce(t, servers)
	if pool.Status.CentralManagement || pool.Status.FailOver != nil {
		t.Errorf("status.centralManagement %t, status.failOver %+v", pool.Status.CentralManagement, pool.Status.FailOver)
	}
	if moved := servers.orders(lync.ActionMoveCentralManagement, mover); moved != 2 {
		t.Errorf("the store was moved %d times, want one that failed and one more", moved)
	}
	servers.change(func(f *fakeServers) {
		if jobs := f.hosts[mover].jobs; len(jobs) > 0 {
			t.Errorf("%s keeps %d jobs, the first is %s", mover, len(jobs), jobs[0].ID)
		}
	})
	// Somebody moves it back by hand: the slow look finds that.
	servers.change(func(f *fakeServers) { f.pair.central = true })
	w.nudge(pool)
	w.eventually("the store is followed", func() error {
		if err := w.look(pool); err != nil || pool.Status.CentralManagement {
			return err
		}
		return errors.New("it is not")
	})
}

// A pool is not failed over to one that is being worked on, nor worked on while it carries the users of another.
func TestTheTwoPoolsOfAPairWaitForEachOther(t *testing.T) {
	servers := busyPair()
	w := startedWorld(t, servers)
	backup := &v1alpha1.LyncPool{ObjectMeta: metav1.ObjectMeta{Name: "pool02", Namespace: w.namespace}, Spec: v1alpha1.LyncPoolSpec{
		PoolFQDN: testBackupPool, Management: v1alpha1.ManagementObserve,
		Connection: v1alpha1.WinRMConnection{CredentialsSecretRef: v1alpha1.LocalObjectReference{Name: "unknown"}}}}
	w.create(backup)
	w.ready(backup, "False", v1alpha1.ReasonCredentialsMissing)
	stands := func(change func(*v1alpha1.LyncPoolStatus)) {
		t.Helper()
		before := backup.DeepCopy()
		change(&backup.Status)
		if err := w.client.Status().Patch(t.Context(), backup, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
	stands(func(status *v1alpha1.LyncPoolStatus) {
		status.OpenDomain = &v1alpha1.OpenDomain{Name: "UpgradeDomain1", Build: string(newBuild), Since: metav1.NowMicro()}
	})
	pool := w.pool(failsOver)
	if message := w.ready(pool, "False", v1alpha1.ReasonWaitingForBackupPool); !strings.Contains(message, "pool02.contoso.com is being upgraded itself (LyncPool pool02)") {
		t.Errorf("it says %q", message)
	}
	if over := servers.orders(lync.ActionFailOverPool, ""); over != 0 {
		t.Error("users were moved to a pool that is being upgraded")
	}
	stands(func(status *v1alpha1.LyncPoolStatus) { status.OpenDomain = nil })
	w.nudge(pool)
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	checkFailedOverOnce(t, servers)
	// The other way round, with a later build.
	stands(func(status *v1alpha1.LyncPoolStatus) {
		status.FailOver = &v1alpha1.FailOverStatus{Phase: v1alpha1.FailOverUpgrading, BackupPool: testPool, UsersOnBackupPool: true, Since: metav1.Now()}
	})
	servers.change(func(f *fakeServers) { f.packageBuild, f.state = string(laterBuild), lync.ReadinessReady })
	stopped := servers.orders(lync.ActionStopServices, "")
	edit(w, pool, func(pool *v1alpha1.LyncPool) {
		pool.Spec.DesiredBuild, pool.Spec.Package.SHA256 = laterBuild, strings.Repeat("0b", 32)
	})
	if message := w.ready(pool, "False", v1alpha1.ReasonWaitingForBackupPool); !strings.Contains(message, "carries the users of "+testBackupPool) {
		t.Errorf("it says %q", message)
	}
	if now := servers.orders(lync.ActionStopServices, ""); now != stopped {
		t.Error("a server was stopped under the users of another pool")
	}
	stands(func(status *v1alpha1.LyncPoolStatus) { status.FailOver = nil })
	w.nudge(pool)
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
}

// checkInstalledOnce says whether every front end was upgraded once, between one failover that succeeded and one fail back.
func checkInstalledOnce(t *testing.T, servers *fakeServers) {
	t.Helper()
	for _, server := range []string{"fe01.contoso.com", "fe02.contoso.com", "fe03.contoso.com"} {
		if got := servers.orders(lync.ActionInstall, server); got != 1 {
			t.Errorf("the installer ran %d times on %s: %v", got, server, servers.moves())
		}
	}
	if back := servers.orders(lync.ActionFailBackPool, ""); back != 1 {
		t.Errorf("failed back %d times: %v", back, servers.moves())
	}
}

// Users must not be left on the backup pool, whatever is deleted in whichever order.
func TestDeletedPoolBringsItsUsersBackFirst(t *testing.T) {
	for _, test := range []struct {
		name    string
		domains bool
	}{{"the pool alone", false}, {"with its upgrade domains", true}} {
		t.Run(test.name, func(t *testing.T) {
			servers := busyPair()
			// The servers fail, so that the deletion comes before all are upgraded.
			servers.breaks(fakeFault{action: lync.ActionInstall, outcome: lync.OutcomeInstallerFailed, message: "msiexec ended with 1603", left: 3})
			w := startedWorld(t, servers)
			pool := w.pool(failsOver)
			w.ready(pool, "False", v1alpha1.ReasonInstallerFailed)
			var domains v1alpha1.UpgradeDomainList
			if err := w.client.List(t.Context(), &domains, client.InNamespace(w.namespace)); err != nil {
				t.Fatal(err)
			}
			h := halfWay{world: w, pool: pool}
			h.delete(pool)
			for i := range domains.Items {
				if test.domains {
					h.delete(&domains.Items[i])
				}
			}
			w.nudge(pool)
			if message := w.ready(pool, "False", v1alpha1.ReasonDeletionBlocked); !strings.Contains(message, "msiexec ended with 1603") || !strings.Contains(message, "on the backup pool") {
				t.Errorf("it says %q", message)
			}
			edit(w, pool, func(pool *v1alpha1.LyncPool) { annotate(pool, v1alpha1.AnnotationRetry, "again") })
			w.eventually("all are gone", func() error {
				for i := range domains.Items {
					if test.domains && !h.gone(&domains.Items[i]) || claimed(&domains.Items[i]) && w.look(&domains.Items[i]) == nil && claimed(&domains.Items[i]) {
						return fmt.Errorf("%s is still held", domains.Items[i].Name)
					}
				}
				if !h.gone(pool) {
					return errors.New("the pool is still there")
				}
				return nil
			})
			if over, back := servers.orders(lync.ActionFailOverPool, ""), servers.orders(lync.ActionFailBackPool, ""); over != 1 || back != 1 {
				t.Errorf("failed over %d times and back %d times: %v", over, back, servers.moves())
			}
			servers.change(func(f *fakeServers) {
				for _, name := range f.computer {
					if host := f.hosts[name]; host.build != string(newBuild) || !host.serves() || len(host.jobs) > 1 {
						t.Errorf("%s has build %s, serves %t, keeps %d jobs", name, host.build, host.serves(), len(host.jobs))
					}
				}
			})
		})
	}
}

// Nobody tells a domain that the services are back which Invoke-CsPoolFailBack restarts: one that has seen them down looks again soon.
func TestADomainLooksAgainSoonWhileItsPoolIsFailedOver(t *testing.T) {
	waits := procedure.DomainDecision{State: v1alpha1.DomainWaiting, Servers: []procedure.ServerDecision{{FQDN: "fe01.contoso.com", Step: v1alpha1.StepWaiting}}}
	domain := procedure.Domain{Servers: []procedure.DomainServer{{FQDN: "fe01.contoso.com", Server: &procedure.Server{}}}}
	work := &domainWork{object: &v1alpha1.UpgradeDomain{}, pool: &v1alpha1.LyncPool{}}
	if next := nextLook(work, domain, waits); next < troubleLook {
		t.Errorf("a domain that waits for its turn looks again after %s", next)
	}
	work.pool.Status.FailOver = &v1alpha1.FailOverStatus{Phase: v1alpha1.FailOverFailingBack}
	if next := nextLook(work, domain, waits); next > troubleLook {
		t.Errorf("while its pool is failed back it looks again after %s", next)
	}
	done := procedure.DomainDecision{State: v1alpha1.DomainDone, Servers: []procedure.ServerDecision{{FQDN: "fe01.contoso.com", Verdict: procedure.VerdictDone, Step: v1alpha1.StepDone}}}
	if next := nextLook(work, domain, done); next <= troubleLook {
		t.Errorf("a domain that is done looks again after %s", next)
	}
	deleted := metav1.Now()
	if work.object.DeletionTimestamp = &deleted; nextLook(work, domain, done) > troubleLook {
		t.Error("a domain that is done and deleted does not see soon that the others have forgotten the failover")
	}
}
