package procedure

import (
	"slices"
	"testing"

	"lyncops.dev/operator/api/v1alpha1"
)

// besideSQL is the back end of a pool with a Windows server that is declared because Lync components are installed on it, beside SQL Server.
func besideSQL(server Server, apply ...func(*BackEnd)) BackEnd {
	server.FQDN = sqlServer
	return enterprise("Absent", slices.Concat([]func(*BackEnd){reports("15.13.1"), func(b *BackEnd) { b.Declared, b.Server = sqlServer, &server }}, apply)...)
}

// Lync components beside SQL Server are brought to the build by steps 4 to 10, on that server; step 11 follows from a front end.
func TestLyncComponentsBesideSQLServer(t *testing.T) {
	bare := func(s *Server) { s.Build, s.Services = "", nil }
	open := func(b *BackEnd) { b.OpenDomain = domain1 }
	confirmed := func(b *BackEnd) { b.Confirmed = true }
	behind := onFrontEnd(2, atBuild(installed))
	for _, test := range []struct {
		name    string
		backEnd BackEnd
		verdict Verdict
		order   string
		on      string
		reason  string
	}{
		{"their server has not been looked at: nothing is done", besideSQL(frontEnd(), func(b *BackEnd) { b.Server = nil }), VerdictWait, "", sqlServer, v1alpha1.ReasonDiscovering},
		{"it does not answer: nothing is done", besideSQL(frontEnd(), func(b *BackEnd) {
			b.Server, b.Problem = nil, &Problem{Reason: v1alpha1.ReasonServerUnreachable, Message: "does not answer"}
		}), VerdictWait, "", sqlServer, v1alpha1.ReasonServerUnreachable},
		{"they wait for the front ends", besideSQL(frontEnd(), behind), VerdictWait, "", sqlServer, v1alpha1.ReasonWaitingForFrontEnds},
		{"and for an open domain", besideSQL(frontEnd(staged), open), VerdictWait, "", sqlServer, v1alpha1.ReasonWaitingForFrontEnds},
		{"they are older: the package comes first", besideSQL(frontEnd()), VerdictStart, plan.stageJobID(1), sqlServer, v1alpha1.ReasonUpgrading},
		{"then their services are stopped", besideSQL(frontEnd(staged)), VerdictStart, "stop-services-5.0.8308.956-1", sqlServer, v1alpha1.ReasonUpgrading},
		{"databases that were found at the build do not make older components current", besideSQL(frontEnd(staged), confirmed), VerdictStart, "stop-services-5.0.8308.956-1", sqlServer, v1alpha1.ReasonUpgrading},
		{"what was begun is finished, whatever the front ends are", besideSQL(frontEnd(staged, stoppedByUs, stopped), behind, open), VerdictStart, "stop-web-server-5.0.8308.956-1", sqlServer, v1alpha1.ReasonUpgrading},
		{"they have a newer build: never taken back", besideSQL(frontEnd(atBuild(later))), VerdictHold, "", sqlServer, v1alpha1.ReasonDowngradeRefused},
		{"they have the build: the databases follow, from a front end", besideSQL(frontEnd(atBuild(wanted))), VerdictStart, "update-databases-5.0.8308.956-1", "fe01.contoso.com", v1alpha1.ReasonUpgrading},
		{"there are none: the databases follow", besideSQL(frontEnd(bare)), VerdictStart, "update-databases-5.0.8308.956-1", "fe01.contoso.com", v1alpha1.ReasonUpgrading},
		{"all is there", besideSQL(frontEnd(atBuild(wanted)), confirmed), VerdictDone, "", sqlServer, v1alpha1.ReasonUpToDate},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := NextBackEndStep(test.backEnd).Server
			order := ""
			if got.Verdict == VerdictStart {
				order = got.Order.ID
			}
			if got.Verdict != test.verdict || order != test.order || got.FQDN != test.on || got.Reason != test.reason {
				t.Errorf("got %s %q on %s, %s: %s", got.Verdict, order, got.FQDN, got.Reason, got.Message)
			}
		})
	}

	t.Run("from the first step to the last", func(t *testing.T) {
		backEnd := besideSQL(frontEnd())
		var got []string
		for range 20 {
			decision := NextBackEndStep(backEnd).Server
			if decision.Verdict != VerdictStart {
				break
			}
			got = append(got, decision.Order.ID)
			if decision.FQDN != sqlServer {
				t.Errorf("%s is run on %s", decision.Order.ID, decision.FQDN)
			}
			finished(backEnd.Server, *decision.Order)
		}
		want := []string{plan.stageJobID(1), "stop-services-5.0.8308.956-1", "stop-web-server-5.0.8308.956-1", "install-5.0.8308.956-1",
			"stop-services-again-5.0.8308.956-1", "start-web-server-5.0.8308.956-1", "start-services-5.0.8308.956-1"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		if last := NextBackEndStep(backEnd).Server; last.Verdict != VerdictPutAway {
			t.Errorf("in the end %s %s", last.Verdict, last.Message)
		}
	})
}
