package procedure

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

const (
	groupOne = "00000001-0000-4000-8000-000000000000"
	groupTwo = "00000002-0000-4000-8000-00000000ABCD"
)

var fabricFrontEnds = []string{"fe01.contoso.com", "fe02.contoso.com", "fe03.contoso.com"}

// No source shows the whole output, so whatever names groups, roles and front ends side by side must be understood alike.
func TestPlacementIsReadFromMoreThanOneForm(t *testing.T) {
	want := []string{groupOne + ": fe01.contoso.com, fe02.contoso.com, fe03.contoso.com", strings.ToLower(groupTwo) + ": fe02.contoso.com, fe03.contoso.com"}
	for name, text := range map[string]string{
		"one line a group":          "RoutingGroup " + groupOne + ": Primary=fe01.contoso.com Secondary=fe03.contoso.com Secondary=fe02.contoso.com\nRoutingGroup " + groupTwo + ": Primary=fe02.contoso.com Secondary=fe03.contoso.com\nfe01.contoso.com OK UP\n",
		"a block a group":           "Routing Group {" + groupOne + "}\n  Primary:   FE01\n  Secondary: FE02\n  Secondary: FE03\n\nRouting Group {" + groupTwo + "}\n  Primary:   FE02\n  Secondary: FE03\n",
		"a table, roles at the end": groupOne + "\nfe01.contoso.com  Primary  Ready\nfe02.contoso.com  Secondary  Ready\nfe03.contoso.com  Secondary\n" + groupTwo + "\nfe02.contoso.com. Primary\nfe03.contoso.com Secondary",
	} {
		placement := ReadPlacement(text, fabricFrontEnds)
		if !slices.Equal(placement.Lines(), want) || len(placement.Down) > 0 {
			t.Errorf("%s: %q, down %v", name, placement.Lines(), placement.Down)
		}
		if again := PlacementOf(placement.Lines()); !slices.Equal(again.Lines(), want) {
			t.Errorf("%s: kept and read again %q", name, again.Lines())
		}
	}
	for _, text := range []string{"", "All is well.", "Primary fe01.contoso.com", groupOne + " is a GUID"} {
		if placement := ReadPlacement(text, fabricFrontEnds); placement.Readable() {
			t.Errorf("%q was taken for a placement: %v", text, placement.Lines())
		}
	}
	if down := ReadPlacement("WARNING: fe02 is down\nfe03.contoso.com WARNING DOWN\nfe04 down", fabricFrontEnds).Down; !slices.Equal(down, []string{"fe02.contoso.com", "fe03.contoso.com"}) {
		t.Errorf("down are %v", down)
	}
}

// Topologies: "Each routing group should have a primary and at least one secondary before and after".
func TestMissingReplicasKeepTheNextDomainClosed(t *testing.T) {
	whole := groupOne + " Primary fe01 Secondary fe02 Secondary fe03"
	for _, test := range []struct {
		name, before, now string
		policy            v1alpha1.GatePolicy
		blocks            bool
		reason, says      string
	}{
		{"as before", whole, whole, v1alpha1.GateWait, false, v1alpha1.ReasonFabricWhole, "all 1 routing groups"},
		{"nothing is known of before", "", whole, v1alpha1.GateWait, false, v1alpha1.ReasonFabricWhole, ""},
		{"the primary has moved, which a restart brings with it", whole, groupOne + " Primary fe02 Secondary fe01 Secondary fe03", v1alpha1.GateWait, false, v1alpha1.ReasonFabricMoved, "was on fe01.contoso.com and is on fe02.contoso.com"},
		{"one replica fewer than before", whole, groupOne + " Primary fe02 Secondary fe03", v1alpha1.GateWait, true, v1alpha1.ReasonFabricIncomplete, "has 2 replicas, before it had 3"},
		{"no secondary", "", groupOne + " Primary fe02", v1alpha1.GateWait, true, v1alpha1.ReasonFabricIncomplete, "has no secondary"},
		{"no primary", "", groupOne + " Secondary fe02", v1alpha1.GateWait, true, v1alpha1.ReasonFabricIncomplete, "has no primary"},
		{"a group is gone", whole, groupTwo + " Primary fe01 Secondary fe02", v1alpha1.GateWait, true, v1alpha1.ReasonFabricIncomplete, groupOne + " is gone"},
		{"a front end is down", whole, whole + "\nfe03 DOWN", v1alpha1.GateWait, true, v1alpha1.ReasonFabricIncomplete, "fe03.contoso.com is down"},
		{"it is only told where the policy says so", whole, groupOne + " Primary fe02", v1alpha1.GateWarn, false, v1alpha1.ReasonFabricIncomplete, "has no secondary"},
		{"what cannot be read decides nothing", whole, "Alles in Ordnung", v1alpha1.GateWait, false, v1alpha1.ReasonFabricUnreadable, "no routing group"},
	} {
		t.Run(test.name, func(t *testing.T) {
			judged := JudgePlacement(test.policy, ReadPlacement(test.before, fabricFrontEnds), ReadPlacement(test.now, fabricFrontEnds), len(fabricFrontEnds))
			if judged.Blocks != test.blocks || judged.Reason != test.reason || !strings.Contains(judged.Message, test.says) {
				t.Errorf("%+v", judged)
			}
			pool := poolOfThree(func(p *Pool) { p.Answer, p.Between = &Gate{Open: true, Ready: true}, []Judgement{judged} })
			decision := NextDomain(pool)
			if opened := decision.Action == PoolOpens; opened == test.blocks || test.blocks && decision.Reason != test.reason {
				t.Errorf("%s %s: %s", decision.Action, decision.Reason, decision.Message)
			}
		})
	}
	if judged := JudgePlacement(v1alpha1.GateWait, Placement{}, ReadPlacement(groupOne+" Primary fe01", fabricFrontEnds[:1]), 1); judged.Blocks {
		t.Errorf("a pool of one has no secondary to ask for: %+v", judged)
	}
}

// Stop-CsWindowsService stops REPLICA too, so whoever is being worked on is not asked to be up to date.
func TestReplicationIsAskedOfTheFrontEndsInService(t *testing.T) {
	for _, test := range []struct {
		name         string
		late         []string
		leftOut      []string
		policy       v1alpha1.GatePolicy
		blocks       bool
		reason, says string
	}{
		{"all up to date", nil, nil, v1alpha1.GateWait, false, v1alpha1.ReasonReplicationUpToDate, ""},
		{"one is late", []string{"fe02.contoso.com"}, nil, v1alpha1.GateWait, true, v1alpha1.ReasonReplicationLate, "has not reached fe02.contoso.com"},
		{"it is being worked on", []string{"fe02.contoso.com"}, []string{"FE02.contoso.com"}, v1alpha1.GateWait, false, v1alpha1.ReasonReplicationUpToDate, ""},
		{"only told", []string{"fe02.contoso.com"}, nil, v1alpha1.GateWarn, false, v1alpha1.ReasonReplicationLate, "fe02"},
		{"a server of another pool is late", []string{"edge01.contoso.com"}, nil, v1alpha1.GateWait, false, v1alpha1.ReasonReplicationUpToDate, "Outside this pool it has not reached edge01.contoso.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var replicas []Replica
			for _, name := range append([]string{"edge01.contoso.com"}, fabricFrontEnds...) {
				replicas = append(replicas, Replica{FQDN: name, UpToDate: !slices.Contains(test.late, name)})
			}
			judged := JudgeReplication(test.policy, replicas, fabricFrontEnds, test.leftOut)
			if judged.Blocks != test.blocks || judged.Reason != test.reason || !strings.Contains(judged.Message, test.says) {
				t.Errorf("%+v", judged)
			}
		})
	}
	if judged := JudgeReplication(v1alpha1.GateWait, nil, fabricFrontEnds, nil); judged.Blocks || judged.Reason != v1alpha1.ReasonReplicationUnknown {
		t.Errorf("no replicas: %+v", judged)
	}
}

// poolOfThree is a pool whose next domain may be asked for now.
func poolOfThree(apply func(*Pool)) Pool {
	pool := Pool{Policy: ReadinessPolicy{Interval: 10 * time.Minute, Attempts: 3}, Now: started, SoakTime: 20 * time.Minute,
		Domains: []PoolDomain{{Name: "UpgradeDomain1", State: v1alpha1.DomainWaiting, Staged: true}}}
	apply(&pool)
	return pool
}

// Topologies: no changes to the primaries and secondaries of routing groups from the beginning to the end of the 20 minutes.
func TestASoakBeginsAgainWhenThePoolChanges(t *testing.T) {
	at := ReadPlacement(groupOne+" Primary fe01 Secondary fe02 Secondary fe03", fabricFrontEnds)
	elsewhere := ReadPlacement(groupOne+" Primary fe02 Secondary fe01 Secondary fe03", fabricFrontEnds)
	soaked := func(active int, placement *Placement, between ...Judgement) PoolDecision {
		return NextDomain(poolOfThree(func(p *Pool) {
			p.Domains = append([]PoolDomain{{Name: "UpgradeDomain0", State: v1alpha1.DomainDone}}, p.Domains...)
			p.Soak = &Soak{After: "UpgradeDomain0", Since: started.Add(-20 * time.Minute), Active: 3, Placement: at}
			p.Answer, p.Placement, p.Between = &Gate{Open: true, Ready: true, Active: active}, placement, between
		}))
	}
	if got := soaked(3, &at); got.Action != PoolOpens {
		t.Errorf("nothing has changed: %s %s", got.Action, got.Message)
	}
	if got := soaked(3, nil); got.Action != PoolOpens {
		t.Errorf("a placement that cannot be read holds nothing up: %s %s", got.Action, got.Message)
	}
	for name, got := range map[string]PoolDecision{"a primary has moved": soaked(3, &elsewhere), "one is active less": soaked(2, &at)} {
		if got.Action != PoolWaits || got.Reason != v1alpha1.ReasonSoaking || !got.Soak.Since.Equal(started) || got.SoakBegunAgain == "" {
			t.Errorf("%s: %s %s %+v %q", name, got.Action, got.Reason, got.Soak, got.SoakBegunAgain)
		}
	}
	got := soaked(3, &elsewhere)
	if !slices.Equal(got.Soak.Placement.Lines(), elsewhere.Lines()) {
		t.Errorf("the new soak is measured against %v", got.Soak.Placement.Lines())
	}
	if got := soaked(3, &at, Judgement{Blocks: true, Reason: v1alpha1.ReasonFabricIncomplete, Message: "x"}); got.Reason != v1alpha1.ReasonFabricIncomplete || !got.Soak.Since.IsZero() {
		t.Errorf("missing replicas end the soak: %s %+v", got.Reason, got.Soak)
	}
}

// A pool of which a front end is missing may answer Ready all the same.
func TestAReadyPoolMustHaveAllItsFrontEnds(t *testing.T) {
	answer := Readiness{State: PoolStateReady, TotalFrontEnds: 6, TotalActiveFrontEnds: 5, Domains: []ReadinessDomain{{Name: "UpgradeDomain1", IsReadyForUpgrade: true}}}
	policy := ReadinessPolicy{Interval: time.Minute, Attempts: 3, AllActive: true}
	gate := JudgeReadiness(policy, Counters{Busy: 2, DomainNotReady: 1}, answer, "UpgradeDomain1")
	if gate.Open || gate.Ready || gate.Hold || gate.Reason != v1alpha1.ReasonFrontEndsInactive || gate.Counters != (Counters{DomainNotReady: 1}) {
		t.Errorf("five of six: %+v", gate)
	}
	for name, change := range map[string]func(*Readiness, *ReadinessPolicy){
		"all six":                     func(r *Readiness, _ *ReadinessPolicy) { r.TotalActiveFrontEnds = 6 },
		"the cmdlet gave no numbers":  func(r *Readiness, _ *ReadinessPolicy) { r.TotalActiveFrontEnds, r.TotalFrontEnds = 0, 0 },
		"the pool's word is enough":   func(_ *Readiness, p *ReadinessPolicy) { p.AllActive = false },
		"it gave only the number all": func(r *Readiness, _ *ReadinessPolicy) { r.TotalActiveFrontEnds = 0 },
	} {
		changed, with := answer, policy
		change(&changed, &with)
		if gate := JudgeReadiness(with, Counters{}, changed, "UpgradeDomain1"); !gate.Open {
			t.Errorf("%s: %+v", name, gate)
		}
	}
}
