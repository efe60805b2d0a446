package controllers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// atWork is a back end whose jobs end when the test says so.
type atWork struct {
	halfWay
	backEnd *v1alpha1.BackEndServer
}

// stepOn lets the jobs of all servers come to their end until something holds.
func (a atWork) stepOn(what string, holds func() bool) {
	a.t.Helper()
	a.eventually(what, func() error {
		if holds() {
			return nil
		}
		for name := range a.servers.hosts {
			a.servers.advance(name)
		}
		return errors.Join(a.touch(), errors.New("not yet"))
	})
}

func (a atWork) touch() error {
	if err := a.look(a.backEnd); err != nil {
		return client.IgnoreNotFound(err)
	}
	before := a.backEnd.DeepCopy()
	annotate(a.backEnd, "test/nudge", fmt.Sprint(len(a.servers.called("Facts"))))
	return client.IgnoreNotFound(a.client.Patch(a.t.Context(), a.backEnd, client.MergeFrom(before)))
}

func (a atWork) finished(server string) func() bool {
	return func() bool { return slices.Contains(a.story(), server+" put away") }
}

// standardAtWork is a Standard Edition server whose services have been stopped.
func standardAtWork(t *testing.T) atWork {
	t.Helper()
	w := startedWorld(t, newFakeServers([]string{standardServer}).manually())
	a := atWork{halfWay{world: w}, w.backEnd(standardEdition)}
	a.stepOn("the server is taken", func() bool { return w.servers.orders(lync.ActionStopServices, standardServer) > 0 })
	return a
}

var standardSteps = []string{"StopServices", "StopWebServer", "Install", "StopServices", "StartWebServer", "UpdateDatabases", "StartServices", "put away"}

// checkStandardSteps says whether the published steps were taken once, all of them.
func (a atWork) checkStandardSteps() {
	a.t.Helper()
	var got []string
	for _, one := range a.story() {
		got = append(got, strings.TrimPrefix(one, standardServer+" "))
	}
	if !slices.Equal(got, standardSteps) {
		a.t.Errorf("got %v, want %v", got, standardSteps)
	}
}

func pause(backEnd *v1alpha1.BackEndServer) { backEnd.Spec.Paused = true }

// What is in progress is finished, and nothing else is begun before the pause ends.
func TestPausedBackEndFinishesItsServerAndBeginsNoOther(t *testing.T) {
	a := standardAtWork(t)
	edit(a.world, a.backEnd, pause)
	a.stepOn("the server is finished", a.finished(standardServer))
	a.ready(a.backEnd, "True", v1alpha1.ReasonUpToDate)
	a.checkStandardSteps()
	edit(a.world, a.backEnd, func(backEnd *v1alpha1.BackEndServer) {
		backEnd.Spec.DesiredBuild, backEnd.Spec.Package.SHA256 = laterBuild, strings.Repeat("0b", 32)
	})
	for range 3 {
		a.servers.advance(standardServer)
		a.nudge(a.backEnd)
	}
	a.ready(a.backEnd, "False", v1alpha1.ReasonPaused)
	if !hasCondition(a.backEnd, v1alpha1.ConditionPaused) || hasCondition(a.backEnd, v1alpha1.ConditionReconciling) || hasCondition(a.backEnd, v1alpha1.ConditionStalled) {
		t.Errorf("a paused back end has %+v", a.backEnd.Status.Conditions)
	}
	a.checkStandardSteps()
	a.servers.change(func(f *fakeServers) { f.packageBuild = string(laterBuild) })
	edit(a.world, a.backEnd, func(backEnd *v1alpha1.BackEndServer) { backEnd.Spec.Paused = false })
	a.stepOn("the later build is there", func() bool {
		return a.backEnd.Status.InstalledBuild == string(laterBuild) && !a.backEnd.Status.InProgress
	})
	a.ready(a.backEnd, "True", v1alpha1.ReasonUpToDate)
}

func TestPausedEnterpriseBackEndBeginsNothing(t *testing.T) {
	servers := currentPool()
	w := startedWorld(t, servers)
	pool := w.pool()
	backEnd := w.backEnd(pause)
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	w.nudge(backEnd)
	w.ready(backEnd, "False", v1alpha1.ReasonPaused)
	if orders := databaseOrders(servers); len(orders) > 0 || claimed(backEnd) {
		t.Errorf("ordered %+v, claimed %t", orders, claimed(backEnd))
	}
	edit(w, backEnd, func(backEnd *v1alpha1.BackEndServer) { backEnd.Spec.Paused = false })
	w.ready(backEnd, "True", v1alpha1.ReasonUpToDate)
	if orders := databaseOrders(servers); len(orders) != 1 {
		t.Errorf("ordered %+v", orders)
	}
}

func TestPausedAndThenDeletedBackEndFinishesItsServer(t *testing.T) {
	a := standardAtWork(t)
	edit(a.world, a.backEnd, pause)
	a.delete(a.backEnd)
	if message := a.ready(a.backEnd, "False", v1alpha1.ReasonDeleting); !strings.Contains(message, standardServer+" is half way") {
		t.Errorf("it says %q", message)
	}
	a.stepOn("it is gone", func() bool { return a.gone(a.backEnd) })
	a.checkStandardSteps()
}

// Databases are updated by a job on a front end: it is awaited, and no front end is stopped beside it.
func TestDeletedEnterpriseBackEndFinishesItsUpdate(t *testing.T) {
	servers := currentPool().manually()
	w := startedWorld(t, servers)
	pool := w.pool()
	a := atWork{halfWay{world: w, pool: pool}, w.backEnd()}
	a.stepOn("the databases are being updated", func() bool { return servers.orders(lync.ActionUpdateDatabases, "") > 0 })
	a.delete(a.backEnd)
	if message := w.ready(a.backEnd, "False", v1alpha1.ReasonDeleting); !strings.Contains(message, "fe01.contoso.com is half way") {
		t.Errorf("it says %q", message)
	}
	// The pool is to have another build meanwhile: its front ends wait for the databases.
	edit(w, pool, func(pool *v1alpha1.LyncPool) {
		pool.Spec.DesiredBuild, pool.Spec.Package.SHA256 = laterBuild, strings.Repeat("0b", 32)
	})
	for range 3 {
		servers.advance("fe02.contoso.com")
		w.nudge(pool)
	}
	if stopped := servers.orders(lync.ActionStopServices, ""); stopped > 0 {
		t.Errorf("%d front ends were stopped beside SQL Server", stopped)
	}
	a.stepOn("it is gone", func() bool { return a.gone(a.backEnd) })
	if orders := databaseOrders(servers); len(orders) != 1 {
		t.Errorf("ordered %+v", orders)
	}
}
