package controllers

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// The eleven steps end on a Standard Edition server of Skype for Business Server as well: the product is asked for its build, as on a front end.
func TestAStandardEditionServerOfSkypeForBusinessIsFinished(t *testing.T) {
	servers := newFakeServers([]string{standardServer})
	servers.product, servers.packageBuild = "Skype for Business Server 2019", "7.0.2046.530"
	servers.hosts[standardServer].build = "7.0.2046.0"
	servers.patchVersion = "7.0.2046.0"
	w := startedWorld(t, servers)
	backEnd := w.backEnd(standardEdition, func(backEnd *v1alpha1.BackEndServer) {
		backEnd.Spec.Product, backEnd.Spec.DesiredBuild = v1alpha1.ProductSkypeForBusinessServer2019, "7.0.2046.530"
	})
	if message := w.ready(backEnd, "False", v1alpha1.ReasonBuildNotReached); !strings.Contains(message, "Get-CsServerPatchVersion says 7.0.2046.0") {
		t.Errorf("it says %s", message)
	}
	// Somebody mends it, and then the product cannot be asked for a while.
	servers.change(func(f *fakeServers) { f.patchVersion = "" })
	servers.breaks(fakeFault{method: "PatchVersion", left: 1, fails: troubleWith(lync.KindUnreachable, standardServer, "Get-LyncOpsPatchVersion", "no answer")})
	w.nudge(backEnd)
	w.ready(backEnd, "True", v1alpha1.ReasonUpToDate)
	want := []string{"StopServices", "StopWebServer", "Install", "StopServices", "StartWebServer", "UpdateDatabases", "StartServices", "put away"}
	for i := range want {
		want[i] = standardServer + " " + want[i]
	}
	if difference := cmp.Diff(want, w.story()); difference != "" {
		t.Error("got (+), want (-):\n" + difference)
	}
}

// Lync components beside SQL Server are brought to the build after the front ends, and the databases follow. The ports that front ends must
// listen on are not asked of that server.
func TestLyncComponentsBesideSQLServerAreUpgradedBeforeTheDatabases(t *testing.T) {
	servers := threeFrontEnds()
	servers.change(func(f *fakeServers) { f.addHost(testSQLServer) })
	w := startedWorld(t, servers)
	w.pool(func(pool *v1alpha1.LyncPool) { pool.Spec.Rollout.Verify.Ports = []int32{5061, 5090} })
	backEnd := w.backEnd(func(backEnd *v1alpha1.BackEndServer) { backEnd.Spec.ServerFQDN = testSQLServer })
	w.ready(backEnd, "True", v1alpha1.ReasonUpToDate)
	story := w.story()
	last := slices.Index(story, "fe03.contoso.com put away")
	var after []string
	for _, line := range story[last+1:] {
		if line != "readiness" {
			after = append(after, line)
		}
	}
	want := []string{testSQLServer + " StopServices", testSQLServer + " StopWebServer", testSQLServer + " Install", testSQLServer + " StopServices",
		testSQLServer + " StartWebServer", testSQLServer + " StartServices", testSQLServer + " put away", "fe01.contoso.com UpdateDatabases"}
	if difference := cmp.Diff(want, after); difference != "" {
		t.Error("got (+), want (-):\n" + difference)
	}
	for _, call := range servers.called("Serving") {
		if call.server == testSQLServer {
			t.Error("the ports of front ends were asked of the SQL Server")
		}
	}
}
