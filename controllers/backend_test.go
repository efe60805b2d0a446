package controllers

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

const standardServer = "se01.contoso.com"

func standardEdition(backEnd *v1alpha1.BackEndServer) {
	backEnd.Name = "se01"
	backEnd.Spec = v1alpha1.BackEndServerSpec{Edition: v1alpha1.EditionStandard, ServerFQDN: standardServer, DesiredBuild: newBuild,
		Connection: &v1alpha1.WinRMConnection{CredentialsSecretRef: v1alpha1.LocalObjectReference{Name: "winrm"}},
		Package:    &v1alpha1.UpdatePackage{Source: `C:\Updates\LyncServerUpdateInstaller.exe`, SHA256: strings.Repeat("0a", 32)}}
}

func TestStandardEditionServerTakesThePublishedSteps(t *testing.T) {
	servers := newFakeServers([]string{standardServer})
	w := startedWorld(t, servers)
	backEnd := w.backEnd(standardEdition)
	w.ready(backEnd, "True", v1alpha1.ReasonUpToDate)
	want := []string{"StopServices", "StopWebServer", "Install", "StopServices", "StartWebServer", "UpdateDatabases", "StartServices", "put away"}
	for i := range want {
		want[i] = standardServer + " " + want[i]
	}
	if difference := cmp.Diff(want, w.story()); difference != "" {
		t.Error("got (+), want (-):\n" + difference)
	}
	if backEnd.Status.InProgress || backEnd.Status.OutageSince != nil || backEnd.Status.InstalledBuild != string(newBuild) || backEnd.Status.DatabaseVariant != v1alpha1.DatabaseVariantStandard {
		t.Errorf("the status at the end: %+v", backEnd.Status)
	}
	if told, want := w.toldUntil(backEnd, v1alpha1.EventServerUpgraded), []string{"ServerTaken", "ServerUpgraded"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	mustTellAfterWriting(t, w.ledger.all())
}

// The stop's answer is lost twice on the way, the databases cannot be updated at first: told once each, and the services are back
// before anybody is asked for help.
func TestBackEndHoldsWithItsServicesBack(t *testing.T) {
	servers := newFakeServers([]string{standardServer})
	servers.breaks(fakeFault{method: "StartJob", action: lync.ActionStopServices, left: 2, fails: troubleWith(lync.KindSessionLost, standardServer, "Start-LyncOpsJob", "closed")})
	servers.breaks(fakeFault{action: lync.ActionUpdateDatabases, left: 1, outcome: lync.OutcomeDatabaseUpdateFailed, message: "SQL Server does not answer"})
	w := startedWorld(t, servers)
	backEnd := w.backEnd(standardEdition)
	message := w.ready(backEnd, "False", v1alpha1.ReasonDatabaseUpdateFailed)
	for _, fragment := range []string{standardServer, "SQL Server does not answer", "The services run again", v1alpha1.AnnotationRetry} {
		if !strings.Contains(message, fragment) {
			t.Errorf("%q does not hold %q", message, fragment)
		}
	}
	servers.change(func(f *fakeServers) {
		for _, service := range f.hosts[standardServer].services {
			if service.Status != lync.ServiceRunning {
				t.Errorf("%s does not run", service.Name)
			}
		}
	})
	edit(w, backEnd, func(backEnd *v1alpha1.BackEndServer) { annotate(backEnd, v1alpha1.AnnotationRetry, "now") })
	w.ready(backEnd, "True", v1alpha1.ReasonUpToDate)
	if told := strings.Join(w.toldUntil(backEnd, v1alpha1.EventServerUpgraded), " "); strings.Count(told, "DatabaseUpdateFailed") != 1 || strings.Count(told, "ServerUpgraded") != 1 {
		t.Errorf("told: %s", told)
	}
	if installers := servers.orders(lync.ActionInstall, standardServer); installers != 1 {
		t.Errorf("the installer was ordered %d times", installers)
	}
}

// What is in progress is finished, and no further server is started.
func TestPausedPoolFinishesTheServerInProgress(t *testing.T) {
	servers := newFakeServers([]string{"fe01.contoso.com", "fe02.contoso.com"}, []string{"fe03.contoso.com"})
	servers.manually()
	w := startedWorld(t, servers)
	pool := w.pool()
	// stepOn lets the jobs of all servers come to their end until something holds.
	stepOn := func(what string, holds func() bool) {
		t.Helper()
		domains := []*v1alpha1.UpgradeDomain{w.domain("pool01-upgradedomain1"), w.domain("pool01-upgradedomain2")}
		w.eventually(what, func() error {
			if holds() {
				return nil
			}
			for _, name := range []string{"fe01.contoso.com", "fe02.contoso.com", "fe03.contoso.com"} {
				servers.advance(name)
			}
			for _, domain := range domains {
				w.nudge(domain)
			}
			return errors.New("not yet")
		})
	}
	stepOn("the first server is taken", func() bool { return servers.orders(lync.ActionStopServices, "fe01.contoso.com") > 0 })
	edit(w, pool, func(pool *v1alpha1.LyncPool) { pool.Spec.Paused = true })
	stepOn("the first server is finished", func() bool { return slices.Contains(w.story(), "fe01.contoso.com put away") })
	domain := w.domain("pool01-upgradedomain1")
	w.ready(domain, "False", v1alpha1.ReasonPaused)
	if !hasCondition(domain, v1alpha1.ConditionPaused) || hasCondition(domain, v1alpha1.ConditionReconciling) || hasCondition(domain, v1alpha1.ConditionStalled) {
		t.Errorf("a domain of a paused pool has %+v", domain.Status.Conditions)
	}
	if err := w.look(pool); err != nil || !hasCondition(pool, v1alpha1.ConditionPaused) {
		t.Errorf("a paused pool has %+v (%v)", pool.Status.Conditions, err)
	}
	if servers.orders(lync.ActionStopServices, "fe02.contoso.com")+servers.orders(lync.ActionStopServices, "fe03.contoso.com") > 0 {
		t.Errorf("another server was taken in a paused pool: %v", w.story())
	}
	edit(w, pool, func(pool *v1alpha1.LyncPool) { pool.Spec.Paused = false })
	stepOn("the pool is done", func() bool {
		return w.look(pool) == nil && pool.Status.DomainProgress == "2/2"
	})
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
}
