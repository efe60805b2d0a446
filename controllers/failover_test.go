package controllers

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// busyPair is a paired pool that stays Busy until it has been upgraded.
func busyPair() *fakeServers {
	servers := threeFrontEnds()
	servers.state, servers.pair.backup = lync.ReadinessBusy, testBackupPool
	return servers
}

func failsOver(pool *v1alpha1.LyncPool) {
	pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyFailOver
	pool.Spec.Rollout.Readiness.Interval = duration(200 * time.Millisecond)
}

// moves are the jobs of the failover and what each server was made to do, in order.
func (f *fakeServers) moves() (orders []string) {
	for _, call := range f.called("StartJob") {
		if action := call.request.Action; action != lync.ActionStagePackage {
			orders = append(orders, call.String())
		}
	}
	return orders
}

// checkFailedOverOnce says whether the pool was failed over and back once, with every installer in between.
func checkFailedOverOnce(t *testing.T, servers *fakeServers) {
	t.Helper()
	orders := servers.moves()
	over, back := slices.Index(orders, "fe01.contoso.com FailOverPool"), slices.Index(orders, "fe01.contoso.com FailBackPool")
	for _, server := range []string{"fe01.contoso.com", "fe02.contoso.com", "fe03.contoso.com"} {
		recorded, installed := slices.Index(orders, server+" RecordServices"), slices.Index(orders, server+" Install")
		if recorded < 0 || over < recorded || installed < over || back < installed {
			t.Errorf("%s: recorded %d, failed over %d, installed %d, failed back %d in %v", server, recorded, over, installed, back, orders)
		}
		if got := servers.orders(lync.ActionInstall, server); got != 1 {
			t.Errorf("the installer ran %d times on %s", got, server)
		}
	}
	if servers.orders(lync.ActionFailOverPool, "") > 1 || servers.orders(lync.ActionFailBackPool, "") > 1 {
		t.Errorf("moved more than once: %v", orders)
	}
}

func TestBusyPoolIsFailedOverUpgradedAndFailedBack(t *testing.T) {
	servers := busyPair()
	w := startedWorld(t, servers)
	pool := w.pool(failsOver)
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	checkFailedOverOnce(t, servers)
	if pool.Status.FailOver != nil || pool.Status.Hold != nil {
		t.Errorf("the failover is not put away: %+v", pool.Status)
	}
	told := strings.Join(w.toldUntil(pool, v1alpha1.ReasonUpToDate), " ")
	if over, back := strings.Index(told, v1alpha1.EventFailedOver), strings.Index(told, v1alpha1.EventFailedBack); over < 0 || back < over {
		t.Errorf("told: %s", told)
	}
}

func TestApprovalFailsTheHeldPoolOverForThisBuildOnly(t *testing.T) {
	servers := busyPair()
	w := startedWorld(t, servers)
	pool := w.pool(failsOver, func(pool *v1alpha1.LyncPool) { pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyHold })
	if message := w.ready(pool, "False", v1alpha1.ReasonPoolUnready); !strings.Contains(message, v1alpha1.AnnotationApproveFailOver) {
		t.Errorf("the hold does not say how to approve: %q", message)
	}
	edit(w, pool, func(pool *v1alpha1.LyncPool) { annotate(pool, v1alpha1.AnnotationApproveFailOver, "5.0.8308.1") })
	w.nudge(pool)
	w.ready(pool, "False", v1alpha1.ReasonPoolUnready)
	if moves := servers.orders(lync.ActionFailOverPool, ""); moves != 0 {
		t.Error("an approval of another build was followed")
	}
	edit(w, pool, func(pool *v1alpha1.LyncPool) { annotate(pool, v1alpha1.AnnotationApproveFailOver, string(newBuild)) })
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	checkFailedOverOnce(t, servers)
}

func TestNobodyIsMovedBeforeThePrerequisitesHold(t *testing.T) {
	for _, test := range []struct {
		name   string
		breaks func(*fakeServers)
		reason string
		says   string
	}{
		{"no backup pool", func(f *fakeServers) { f.pair.backup = "" }, v1alpha1.ReasonNoBackupPool, "paired with no other"},
		{"an Edge pool's next hop", func(f *fakeServers) { f.pair.edge = []string{"edge01.contoso.com"} }, v1alpha1.ReasonEdgeNextHop, "edge01.contoso.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			servers := busyPair()
			servers.change(test.breaks)
			w := startedWorld(t, servers)
			pool := w.pool(failsOver)
			if message := w.ready(pool, "False", test.reason); !strings.Contains(message, test.says) || !strings.Contains(message, "Busy 3 times in a row") {
				t.Errorf("the message is %q", message)
			}
			if moves := servers.moves(); len(moves) > 0 || !hasCondition(pool, v1alpha1.ConditionStalled) {
				t.Errorf("%v, stalled %t", moves, hasCondition(pool, v1alpha1.ConditionStalled))
			}
			servers.change(func(f *fakeServers) { f.pair = fakePair{backup: testBackupPool} })
			w.nudge(pool)
			w.ready(pool, "True", v1alpha1.ReasonUpToDate)
			checkFailedOverOnce(t, servers)
		})
	}
}

// While a failover is under way the pool's domains cannot be read. A front end that has died and was taken out of the topology is not waited
// for all the same.
func TestADeadFrontEndKeepsNoFailOverWaiting(t *testing.T) {
	servers := busyPair()
	servers.change(func(f *fakeServers) { f.pair.edge = []string{"edge01.contoso.com"} })
	w := startedWorld(t, servers)
	pool := w.pool(failsOver)
	w.ready(pool, "False", v1alpha1.ReasonEdgeNextHop)
	servers.breaks(fakeFault{server: "fe03.contoso.com", left: 1 << 20, fails: troubleWith(lync.KindUnreachable, "fe03.contoso.com", "Facts", "no route to host")})
	servers.change(func(f *fakeServers) { f.pair = fakePair{backup: testBackupPool} })
	w.nudge(pool)
	w.ready(pool, "False", v1alpha1.ReasonServerUnreachable)
	servers.change(func(f *fakeServers) {
		f.computer, f.domains = []string{"fe01.contoso.com", "fe02.contoso.com"}, f.domains[:2]
	})
	w.nudge(pool)
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	if len(pool.Status.Servers) != 2 || servers.orders(lync.ActionFailOverPool, "") != 1 || servers.orders(lync.ActionFailBackPool, "") != 1 {
		t.Errorf("the pool has %+v, orders were %v", pool.Status.Servers, servers.moves())
	}
}

func TestFailedFailOverWaitsForAPersonAndIsTriedAgain(t *testing.T) {
	servers := busyPair()
	servers.breaks(fakeFault{action: lync.ActionFailOverPool, outcome: "FailOverFailed", message: "access is denied", left: 1})
	w := startedWorld(t, servers)
	pool := w.pool(failsOver)
	if message := w.ready(pool, "False", v1alpha1.ReasonFailOverFailed); !strings.Contains(message, "access is denied") || !strings.Contains(message, "The users are on their pool") {
		t.Errorf("the message is %q", message)
	}
	if got := servers.orders(lync.ActionInstall, ""); got != 0 {
		t.Error("a server was touched after a failover that failed")
	}
	edit(w, pool, func(pool *v1alpha1.LyncPool) { annotate(pool, v1alpha1.AnnotationRetry, "again") })
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	if got := servers.orders(lync.ActionFailOverPool, "fe02.contoso.com"); got != 1 {
		t.Errorf("the second attempt was made %d times from another server: %v", got, servers.moves())
	}
}

// The cluster is lost while the users are on the backup pool. No front end serves, so none can name its upgrade domain; the jobs on the
// servers tell all that is needed.
func TestAFailOverIsFoundAgainByACluster(t *testing.T) {
	servers := busyPair()
	w := newWorld(t, servers)
	stop := w.startOperator()
	pool := w.pool(failsOver)
	servers.breaks(fakeFault{action: lync.ActionInstall, outcome: lync.OutcomeInstallerFailed, message: "msiexec ended with 1603", left: 3})
	w.ready(pool, "False", v1alpha1.ReasonInstallerFailed)
	if pool.Status.FailOver == nil || !pool.Status.FailOver.UsersOnBackupPool || pool.Status.FailOver.GateAbandoned {
		t.Errorf("status.failOver is %+v", pool.Status.FailOver)
	}
	stop()
	w.loses(pool)
	servers.change(func(f *fakeServers) {
		for _, name := range f.computer { // it never serves again before somebody starts it
			f.hosts[name].setServices(lync.ServiceStopped, func(string) bool { return true })
		}
	})
	w.startOperator()
	again := w.pool(failsOver)
	message := w.ready(again, "False", v1alpha1.ReasonInstallerFailed)
	if again.Status.FailOver == nil || !again.Status.FailOver.UsersOnBackupPool || !strings.Contains(message, "backup pool") {
		t.Errorf("the failover was not found: %q, %+v", message, again.Status.FailOver)
	}
	if over := servers.orders(lync.ActionFailOverPool, ""); over != 1 {
		t.Errorf("failed over %d times", over)
	}
	edit(w, again, func(pool *v1alpha1.LyncPool) { annotate(pool, v1alpha1.AnnotationRetry, "again") })
	w.ready(again, "True", v1alpha1.ReasonUpToDate)
	if again.Status.FailOver != nil || len(again.Status.Domains) != 3 {
		t.Errorf("the pool is not back in its domains: %+v", again.Status)
	}
}

// loses takes the pool and its domains out of the API server, as if they had never been there.
func (w *world) loses(pool *v1alpha1.LyncPool) {
	w.t.Helper()
	var domains v1alpha1.UpgradeDomainList
	if err := w.client.List(w.t.Context(), &domains, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	objects := []client.Object{pool}
	for i := range domains.Items {
		objects = append(objects, &domains.Items[i])
	}
	for _, object := range objects {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		if err := errors.Join(w.client.Patch(w.t.Context(), object, patch), w.client.Delete(w.t.Context(), object)); err != nil {
			w.t.Fatal(err)
		}
	}
}
