package deployment

import (
	"strings"
	"testing"
)

// inWorld starts a model of a small pool with more YAML after it.
func inWorld(t *testing.T, sql string, f func(w world)) {
	t.Helper()
	inDeployment(t, []byte("pools:\n- fqdn: pool.example.org\n  frontEnds: [a.example.org, b.example.org, c.example.org]\n  sqlServer: sql.example.org\n"+
		"accounts:\n- {user: dba, domain: EXAMPLE, password: long-enough-1}\n"+sql), f)
}

func TestOnlyAdministratorsOfTheSQLServerMayUpdateIt(t *testing.T) {
	const sql = "sqlServers:\n- fqdn: sql.example.org\n  administrators: ['EXAMPLE\\dba']\n  instances: [{name: rtc}]\n"
	inWorld(t, sql, func(w world) {
		update := DatabaseUpdate{SQLServer: "sql.example.org", Update: true, As: "LocalSystem"}
		if err := w.host("a").InstallDatabases(w.Context(), admin, update); err == nil || !strings.Contains(err.Error(), "'A$'") {
			w.Errorf("as the computer: %v", err)
		}
		update.As = `example\DBA`
		w.must(w.host("a").InstallDatabases(w.Context(), admin, update))
	})
}

func TestMirrorsAreShownAndRespected(t *testing.T) {
	const sql = "sqlServers:\n- fqdn: sql.example.org\n  mirror: mirror.example.org\n  mirrorPrincipal: true\n  instances: [{name: rtc, databases: [{name: rtcxds, version: 1.2.3}, {name: LcsCDR, version: 1.1.1}]}]\n"
	inWorld(t, sql, func(w world) {
		rows, err := w.host("a").MirrorState(w.Context(), "pool.example.org")
		w.must(err)
		if len(rows) != 2 || rows[0].StateOnMirror != "Principal" {
			w.Errorf("%+v", rows)
		}
		answer, err := w.host("a").TestDatabases(w.Context(), "sql.example.org", false)
		w.must(err)
		if !answer.Mirrored || len(answer.Collocated) != 1 || answer.Rows[0].MirrorSQLServer != "mirror.example.org" {
			w.Errorf("%+v", answer)
		}
		if err := w.host("a").InstallDatabases(w.Context(), admin, DatabaseUpdate{SQLServer: "sql.example.org"}); err == nil {
			w.Error("the databases were updated while the mirror is principal")
		}
		w.must(w.host("b").FailOverDatabases(w.Context(), admin, "pool.example.org", false))
		w.must(w.host("a").InstallDatabases(w.Context(), admin, DatabaseUpdate{SQLServer: "sql.example.org"}))
	})
}

// mirrored gives the SQL server of the samples a mirror.
func (w world) mirrored() {
	w.Helper()
	w.model.mu.Lock()
	defer w.model.mu.Unlock()
	w.model.sqlServer("sql01.contoso.com").Mirror = "sql02.contoso.com"
}

// Behind a listener, on another server and in the central management store: each call reaches its own databases and no others.
func TestEachCallReachesItsOwnDatabases(t *testing.T) {
	const sql = `packages:
- {sources: [http://x/y.exe], build: 5.0.8308.1149, databases: {rtcxds: 2.0.0, LcsCDR: 2.0.0, xds: 2.0.0}}
sqlServers:
- {fqdn: sql.example.org, listener: listener.example.org, centralManagement: true, instances: [{name: rtc, databases: [{name: rtcxds, version: 1.0.0}, {name: LcsCDR, version: 1.0.0}, {name: xds, version: 1.0.0}]}]}
- {fqdn: monitoring.example.org, instances: [{name: mon, databases: [{name: LcsCDR, version: 1.0.0}]}]}
build: 5.0.8308.1149
`
	inWorld(t, sql, func(w world) {
		versions := func() (list []string) {
			for _, d := range w.model.State().Databases {
				if strings.Contains(d.Server, "sql.") || strings.Contains(d.Server, "monitoring.") {
					list = append(list, strings.Split(d.Server, ".")[0]+" "+d.Name+" "+d.Installed)
				}
			}
			return list
		}
		if err := w.host("a").InstallDatabases(w.Context(), admin, DatabaseUpdate{SQLServer: "sql.example.org", Update: true}); err == nil || !strings.Contains(err.Error(), "listener.example.org") {
			w.Errorf("past the listener: %v", err)
		}
		for _, step := range []struct {
			update DatabaseUpdate
			want   string
		}{
			{DatabaseUpdate{SQLServer: "listener.example.org", Update: true}, "sql rtcxds 2.0.0,sql LcsCDR 1.0.0,sql xds 1.0.0,monitoring LcsCDR 1.0.0"},
			{DatabaseUpdate{SQLServer: "monitoring.example.org", Update: true}, "sql rtcxds 2.0.0,sql LcsCDR 1.0.0,sql xds 1.0.0,monitoring LcsCDR 2.0.0"},
			{DatabaseUpdate{SQLServer: "listener.example.org", CentralManagement: true, Instance: "rtc", Update: true}, "sql rtcxds 2.0.0,sql LcsCDR 1.0.0,sql xds 2.0.0,monitoring LcsCDR 2.0.0"},
		} {
			w.must(w.host("a").InstallDatabases(w.Context(), admin, step.update))
			if got := strings.Join(versions(), ","); got != step.want {
				w.Errorf("after %+v: %s", step.update, got)
			}
		}
	})
}

func TestABrokenInstallerLeavesLocalDatabasesThatTheNextOnePutsRight(t *testing.T) {
	inContoso(t, func(w world) {
		single := func() (names []string) {
			rows, _ := w.host("fe01").LocalDatabases()
			for _, row := range rows {
				if row.UserAccess != "MULTI_USER" {
					names = append(names, row.Name)
				}
			}
			return names
		}
		w.fault(Fault{Kind: FaultInstallerLeavesSingleUser, Target: "fe01.contoso.com", ExitCode: ExitFatalError, Count: 1})
		w.gate()
		w.stop("fe01")
		if exit := w.install("fe01"); exit != ExitFatalError {
			w.Errorf("the installer ended with %d", exit)
		}
		if got := strings.Join(single(), ","); got != "rtc,rtcdyn" {
			w.Errorf("single-user: %s", got)
		}
		if err := w.host("fe01").StartLyncServices(w.Context(), admin, "", false); err == nil {
			w.Error("the front end service runs on a database that it cannot use")
		}
		w.install("fe01")
		if got := single(); len(got) > 0 {
			w.Errorf("still single-user: %v", got)
		}
		w.start("fe01")
		w.fault(Fault{Kind: FaultInstallerLeavesSingleUser, Target: "fe02.contoso.com", Count: 1})
		w.stop("fe02")
		if exit := w.install("fe02"); exit != ExitSuccess || w.host("fe02").brokenDatabase() == "" {
			w.Errorf("the installer ended with %d, broken is %q", exit, w.host("fe02").brokenDatabase())
		}
		if err := w.host("fe02").SetBuild(target, false); err != nil || w.host("fe02").brokenDatabase() != "" {
			w.Errorf("somebody ran the update once more (%v), and broken is still %s", err, w.host("fe02").brokenDatabase())
		}
		w.start("fe02")
	})
}
