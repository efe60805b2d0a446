package procedure

import (
	"strings"
	"testing"

	"lyncops.dev/operator/api/v1alpha1"
)

// mirroredAs is a database whose mirror stands in one of the ways that the cmdlet reports.
func mirroredAs(primary, mirror, status string) MirroredDatabase {
	return MirroredDatabase{Name: "rtcxds", StateOnPrimary: primary, StateOnMirror: mirror, StatusOnPrimary: status, StatusOnMirror: status}
}

var (
	inPlace = mirroredAs("Principal", "Mirror", "synchronized")
	turned  = mirroredAs("Mirror", "Principal", "synchronized")
	behind  = mirroredAs("Principal", "Mirror", "synchronizing")
	silent  = mirroredAs("DatabaseInaccessibleOrMirroringNotEnabled", "DatabaseInaccessibleOrMirroringNotEnabled", "")
)

func mirrors(databases ...MirroredDatabase) *Mirror { return &Mirror{Databases: databases} }

func TestMirrorStanding(t *testing.T) {
	oneSided := inPlace
	oneSided.StatusOnMirror = ""
	wordless := inPlace
	wordless.StatusOnPrimary, wordless.StatusOnMirror = "", ""
	cases := []struct {
		name   string
		mirror Mirror
		known  bool
		reason string
	}{
		{"principal on the primary, synchronised", *mirrors(inPlace, inPlace), false, v1alpha1.ReasonMirrorHealthy},
		{"words in another case", *mirrors(mirroredAs("PRINCIPAL", "mirror", "Synchronized")), false, v1alpha1.ReasonMirrorHealthy},
		{"the parts that are there are compared", *mirrors(oneSided), true, v1alpha1.ReasonMirrorHealthy},
		{"no status at all is not known", *mirrors(wordless), true, v1alpha1.ReasonMirrorNotSynchronised},
		{"one database has its principal on the mirror", *mirrors(inPlace, turned), false, v1alpha1.ReasonPrincipalOnMirror},
		{"one sided, and on the wrong side", *mirrors(mirroredAs("", "Principal", "")), false, v1alpha1.ReasonPrincipalOnMirror},
		{"one database is behind", *mirrors(inPlace, behind), false, v1alpha1.ReasonMirrorNotSynchronised},
		{"the wrong side is worse than what is not known", *mirrors(silent, turned, behind), true, v1alpha1.ReasonPrincipalOnMirror},
		{"a word nobody knows", *mirrors(mirroredAs("Disconnected", "Mirror", "synchronized")), false, v1alpha1.ReasonMirrorStateUnknown},
		{"not mirrored, or not reached: nobody says that there are mirrors", *mirrors(silent, silent), false, v1alpha1.ReasonNotApplicable},
		{"not mirrored, or not reached: there are mirrors", *mirrors(silent, silent), true, v1alpha1.ReasonMirrorStateUnknown},
		{"one of several could not be reached", *mirrors(inPlace, silent), false, v1alpha1.ReasonMirrorStateUnknown},
		{"nothing named, and there are mirrors", Mirror{}, true, v1alpha1.ReasonMirrorStateUnknown},
		{"nothing named", Mirror{}, false, v1alpha1.ReasonNotApplicable},
		{"no answer, and there are mirrors", Mirror{Problem: "access denied"}, true, v1alpha1.ReasonMirrorStateUnknown},
		{"no answer", Mirror{Problem: "access denied"}, false, v1alpha1.ReasonNotApplicable},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			reason, message := test.mirror.Standing(test.known)
			if reason != test.reason || message == "" {
				t.Errorf("got %s: %s", reason, message)
			}
			if test.mirror.Problem == "" && len(test.mirror.Databases) > 0 && reason != v1alpha1.ReasonMirrorHealthy && reason != v1alpha1.ReasonNotApplicable && !strings.Contains(message, "rtcxds") {
				t.Errorf("the raw text is not shown: %s", message)
			}
		})
	}
}

// mirrored says that Test-CsDatabase found mirrors, and what Get-CsDatabaseMirrorState says about them.
func mirrored(state *Mirror, command v1alpha1.MirrorCommand) func(*BackEnd) {
	return func(b *BackEnd) {
		reports("15.13.1")(b)
		b.Report.Mirrored, b.MirrorState, b.Mirror.Command = true, state, command
	}
}

func TestMirroredDatabases(t *testing.T) {
	present := func(b *BackEnd) { b.Mirror.Databases = v1alpha1.MirroredDatabasesPresent }
	absent := func(b *BackEnd) { b.Mirror.Databases = v1alpha1.MirroredDatabasesAbsent }
	answered := func(state *Mirror) func(*BackEnd) { return func(b *BackEnd) { b.MirrorState = state } }
	notCompared := func(b *BackEnd) { b.Report, b.ReportProblem = nil, "access denied" }
	cases := []struct {
		name    string
		backEnd BackEnd
		verdict Verdict
		reason  string
		// update is whether the command has -Update, where one is started.
		update bool
		asks   bool
	}{
		{"the cmdlet is asked first", enterprise("Absent", mirrored(nil, "")), VerdictWait, v1alpha1.ReasonUpgrading, false, true},
		{"in place: without -Update", enterprise("Absent", mirrored(mirrors(inPlace), "")), VerdictStart, v1alpha1.ReasonUpgrading, false, false},
		{"in place: with -Update where that is declared", enterprise("Absent", mirrored(mirrors(inPlace), v1alpha1.MirrorCommandUpdate)), VerdictStart, v1alpha1.ReasonUpgrading, true, false},
		{"in place: left to a person where that is declared", enterprise("Absent", mirrored(mirrors(inPlace), v1alpha1.MirrorCommandHold)), VerdictHold, v1alpha1.ReasonMirrorLeftToPerson, false, false},
		{"principal on the mirror: held", enterprise("Absent", mirrored(mirrors(inPlace, turned), "")), VerdictHold, v1alpha1.ReasonPrincipalOnMirror, false, false},
		{"principal on the mirror: held whatever the command", enterprise("Absent", mirrored(mirrors(turned), v1alpha1.MirrorCommandUpdate)), VerdictHold, v1alpha1.ReasonPrincipalOnMirror, false, false},
		{"not synchronised: awaited", enterprise("Absent", mirrored(mirrors(behind), "")), VerdictWait, v1alpha1.ReasonMirrorNotSynchronised, false, false},
		{"mirrored, and the cmdlet says nothing of it: unknown is not healthy", enterprise("Absent", mirrored(mirrors(silent), "")), VerdictWait, v1alpha1.ReasonMirrorStateUnknown, false, false},
		{"mirrored, and no answer", enterprise("Absent", mirrored(&Mirror{Problem: "access denied"}, "")), VerdictWait, v1alpha1.ReasonMirrorStateUnknown, false, false},
		{"a person has updated them already", enterprise("Absent", mirrored(mirrors(turned), ""), reports("15.13.22")), VerdictDone, v1alpha1.ReasonUpToDate, false, false},
		{"not mirrored: not asked, and with -Update", enterprise("Absent", reports("15.13.1")), VerdictStart, v1alpha1.ReasonUpgrading, true, false},
		{"declared, not found: asked", enterprise("Absent", reports("15.13.1"), present), VerdictWait, v1alpha1.ReasonUpgrading, false, true},
		{"declared, not found, not seen: awaited", enterprise("Absent", reports("15.13.1"), present, answered(mirrors(silent))), VerdictWait, v1alpha1.ReasonMirrorStateUnknown, false, false},
		{"declared absent: believed", enterprise("Absent", mirrored(nil, ""), absent), VerdictStart, v1alpha1.ReasonUpgrading, true, false},
		{"not compared: asked", enterprise("Absent", notCompared), VerdictWait, v1alpha1.ReasonUpgrading, false, true},
		{"not compared, and mirrored after all: without -Update", enterprise("Absent", notCompared, answered(mirrors(inPlace))), VerdictStart, v1alpha1.ReasonUpgrading, false, false},
		{"not compared, no mirror seen: more likely not reached, so that a person decides", enterprise("Absent", notCompared, answered(mirrors(silent))), VerdictWait, v1alpha1.ReasonServerAnswerUnknown, false, false},
		{"not compared, declared absent", enterprise("Absent", notCompared, absent), VerdictStart, v1alpha1.ReasonUpgrading, true, false},
		{"not compared, and the product knows no mirrors", enterprise("Absent", notCompared, func(b *BackEnd) { b.Plan.Product = v1alpha1.ProductSkypeForBusinessServer2019 }), VerdictStart, v1alpha1.ReasonUpgrading, true, false},
		{"not compared, not answered: a person decides", enterprise("Absent", notCompared, answered(&Mirror{Problem: "access denied"})), VerdictWait, v1alpha1.ReasonServerAnswerUnknown, false, false},
		{"an availability group has no mirror", enterprise("Absent", mirrored(nil, ""), func(b *BackEnd) { b.AlwaysOn = true }), VerdictStart, v1alpha1.ReasonUpgrading, true, false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := NextBackEndStep(test.backEnd)
			if got.Server.Verdict != test.verdict || got.Server.Reason != test.reason || (got.NeedMirror != "") != test.asks {
				t.Fatalf("got %s %s, asks %q: %s", got.Server.Verdict, got.Server.Reason, got.NeedMirror, got.Server.Message)
			}
			if got.Server.Order != nil && got.Server.Order.WithoutUpdate == test.update {
				t.Errorf("-Update is left out: %t", got.Server.Order.WithoutUpdate)
			}
			if got.Server.Verdict != VerdictStart && got.InProgress {
				t.Error("what only waits for the mirror keeps front ends waiting")
			}
		})
	}
}

// What is known of the mirrors outlives the update: it says whether front ends may be stopped.
func TestMirrorsAreLookedAtWhenNothingIsLeftToUpdate(t *testing.T) {
	current := func(mirrored bool, state *Mirror, said string) func(*BackEnd) {
		return func(b *BackEnd) {
			reports("15.13.22")(b)
			b.Report.Mirrored, b.MirrorState, b.MirrorSaid = mirrored, state, said
		}
	}
	confirmed := func(b *BackEnd) { b.Report, b.Confirmed = nil, true }
	absent := func(b *BackEnd) { b.Mirror.Databases = v1alpha1.MirroredDatabasesAbsent }
	for _, test := range []struct {
		name                string
		backEnd             BackEnd
		asksMirror, asksAll bool
		says                string
	}{
		{"healthy at the last look: not asked again", enterprise("Absent", current(true, nil, v1alpha1.ReasonMirrorHealthy)), false, false, ""},
		{"mirrored, and never asked: asked", enterprise("Absent", current(true, nil, "")), true, false, ""},
		{"mirrored, and the answer that they are in order was lost: asked again", enterprise("Absent", current(true, nil, v1alpha1.ReasonPrincipalOnMirror)), true, false, ""},
		{"in order again", enterprise("Absent", current(true, mirrors(inPlace), v1alpha1.ReasonPrincipalOnMirror)), false, false, v1alpha1.ReasonMirrorHealthy},
		{"updated by hand, and still on the wrong side", enterprise("Absent", current(true, mirrors(turned), v1alpha1.ReasonPrincipalOnMirror)), false, false, v1alpha1.ReasonPrincipalOnMirror},
		{"no mirrors any more", enterprise("Absent", current(false, mirrors(silent), v1alpha1.ReasonMirrorNotSynchronised)), false, false, v1alpha1.ReasonNotApplicable},
		{"declared to have none", enterprise("Absent", current(true, nil, v1alpha1.ReasonMirrorStateUnknown), absent), false, false, v1alpha1.ReasonNotApplicable},
		{"not mirrored, as before", enterprise("Absent", current(false, nil, v1alpha1.ReasonNotApplicable)), false, false, ""},
		{"found done earlier, in doubt: compared first", enterprise("Absent", current(true, nil, v1alpha1.ReasonPrincipalOnMirror), confirmed), false, true, ""},
		{"found done earlier, no doubt", enterprise("Absent", current(true, nil, v1alpha1.ReasonMirrorHealthy), confirmed), false, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := NextBackEndStep(test.backEnd)
			if got.Server.Verdict != VerdictDone || (got.NeedMirror != "") != test.asksMirror || (got.NeedReport != "") != test.asksAll || got.Mirror != test.says {
				t.Errorf("got %s, asks %q and %q, says %q", got.Server.Verdict, got.NeedMirror, got.NeedReport, got.Mirror)
			}
		})
	}
}

// The number of front ends that must run assumes the databases where the topology says they are.
func TestNoFrontEndIsStoppedWhileThePrincipalIsOnTheMirror(t *testing.T) {
	domainWith := func(known bool, state *Mirror) Domain {
		server := frontEnd(staged)
		members := []Member{{FQDN: server.FQDN, Serving: true}, {FQDN: "fe02.contoso.com", Serving: true}, {FQDN: "fe03.contoso.com", Serving: true}}
		return Domain{Plan: plan, Turn: true, Members: members, Servers: []DomainServer{{FQDN: server.FQDN, Server: &server}}, AskMirror: true, Mirrored: known, Mirror: state}
	}
	cases := []struct {
		name   string
		domain Domain
		stops  bool
		reason string
	}{
		{"asked first", domainWith(false, nil), false, v1alpha1.ReasonWaitingForTurn},
		{"principal on the mirror", domainWith(false, mirrors(turned)), false, v1alpha1.ReasonPrincipalOnMirror},
		{"mirrored, and unknown how", domainWith(true, mirrors(silent)), false, v1alpha1.ReasonMirrorStateUnknown},
		{"mirrored, and no answer", domainWith(true, &Mirror{Problem: "access denied"}), false, v1alpha1.ReasonMirrorStateUnknown},
		{"not known to be mirrored, and no answer", domainWith(false, &Mirror{Problem: "access denied"}), true, v1alpha1.ReasonUpgrading},
		{"not mirrored", domainWith(false, mirrors(silent)), true, v1alpha1.ReasonUpgrading},
		{"in place", domainWith(true, mirrors(inPlace)), true, v1alpha1.ReasonUpgrading},
		{"in place, being synchronised: SQL Server serves", domainWith(true, mirrors(behind)), true, v1alpha1.ReasonUpgrading},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := UpgradeDomain(test.domain)
			if server := got.Servers[0]; (server.Verdict == VerdictStart) != test.stops || server.Reason != test.reason {
				t.Errorf("%s %s: %s", server.Verdict, server.Reason, server.Message)
			}
			if got.NeedMirror != (test.domain.Mirror == nil) {
				t.Errorf("asks for the mirror: %t", got.NeedMirror)
			}
		})
	}
}
