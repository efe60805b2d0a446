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
		if err := w.host("a").InstallDatabases(w.Context(), admin, DatabaseUpdate{SQLServer: "sql.example.org", Update: true}); err == nil {
			w.Error("the databases were updated while the mirror is principal")
		}
	})
}
