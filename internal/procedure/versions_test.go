package procedure

import (
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

func TestComponentsHaveMinimumsOfTheirOwn(t *testing.T) {
	asked := plan
	asked.Minimums = []MinimumBuild{{Component: "web components server", Build: later}, {Component: "Mediation Server", Build: later}}
	components := func(web v1alpha1.Build) change {
		return func(s *Server) {
			s.Components = []Component{{Name: ComponentName("Microsoft Lync Server 2013, Core Components"), Build: s.Build}, {Name: ComponentName("Microsoft Lync Server 2013, Web Components Server"), Build: web}}
		}
	}
	for _, test := range []struct {
		name    string
		plan    Plan
		server  Server
		verdict Verdict
		step    v1alpha1.ServerStep
		reason  string
	}{
		{"another component may be older where nothing is said of it", plan, frontEnd(atBuild(wanted), components(installed)), VerdictDone, v1alpha1.StepDone, v1alpha1.ReasonUpToDate},
		{"all have their minimum, and one that is not installed has none", asked, frontEnd(atBuild(wanted), components(later)), VerdictDone, v1alpha1.StepDone, v1alpha1.ReasonUpToDate},
		{"the core is current, a component is not: upgraded like any other", asked, frontEnd(atBuild(wanted), components(installed), staged), VerdictTurn, v1alpha1.StepReady, v1alpha1.ReasonWaitingForTurn},
		{"the installer did not bring it there: held", asked, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), components(installed), rebooted), VerdictHold, v1alpha1.StepHeld, v1alpha1.ReasonBuildNotReached},
		{"it did: put away", asked, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), components(later), rebooted), VerdictPutAway, v1alpha1.StepVerify, v1alpha1.ReasonUpgrading},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := FrontEnd(test.plan, test.server, 0)
			if got.Verdict != test.verdict || got.Step != test.step || got.Reason != test.reason {
				t.Errorf("%s %s %s: %s", got.Verdict, got.Step, got.Reason, got.Message)
			}
			if test.reason == v1alpha1.ReasonBuildNotReached && !strings.Contains(got.Message, "Web Components Server has "+string(installed)+", not "+string(later)) {
				t.Errorf("it does not name the component: %s", got.Message)
			}
		})
	}
}

func TestMixedBuildsAreTold(t *testing.T) {
	if said := MixedBuilds([]NamedBuild{{"fe01", wanted}, {"fe02", ""}, {"fe03", wanted}}); said != "" {
		t.Errorf("all that are known have one build: %q", said)
	}
	said := MixedBuilds([]NamedBuild{{"fe01", later}, {"fe02", installed}, {"fe03", later}})
	if want := string(installed) + ": fe02; " + string(later) + ": fe01, fe03"; said != want {
		t.Errorf("said %q, want %q", said, want)
	}
}

// The quorum is counted from the topology: what it was is no reason to stop anybody. What is in progress is finished.
func TestNobodyIsStoppedOnAnOldTopology(t *testing.T) {
	domain := openDomain(member(staged))
	domain.TopologyChanged = "the topology names another front end"
	got := UpgradeDomain(domain)
	if startsOf(got) != "" || got.Reason != v1alpha1.ReasonTopologyChanged {
		t.Errorf("started %q, %s", startsOf(got), got.Reason)
	}
	domain = openDomain(member(staged, stoppedByUs, installedByUs, atBuild(wanted), stopped))
	domain.TopologyChanged = "the topology names another front end"
	if got := UpgradeDomain(domain); startsOf(got) != "fe01 RestartComputer" {
		t.Errorf("a server in progress is not finished: %q %s", startsOf(got), got.Message)
	}
}

// Two front ends in one upgrade domain: the pool's word from before the first was restarted is no word about the second.
func TestThePoolOfTwoIsAskedBeforeTheSecond(t *testing.T) {
	domain := openDomain(member(atBuild(wanted), func(s *Server) { s.BootTime = s.Time.Add(-5 * time.Minute) }), member(staged))
	domain.Members, domain.TurnLimit = poolOf(2), 10*time.Minute
	for age, want := range map[time.Duration]string{6 * time.Minute: "", 2 * time.Minute: "fe02 StopServices"} {
		domain.TurnAge = age
		if got := UpgradeDomain(domain); startsOf(got) != want {
			t.Errorf("the turn is %s old, fe01 up for five minutes: started %q: %s", age, startsOf(got), got.Message)
		}
	}
	// With a third one in the pool somebody is left to make up for it.
	domain.Members, domain.TurnAge = poolOf(3), 6*time.Minute
	if got := UpgradeDomain(domain); startsOf(got) != "fe02 StopServices" {
		t.Errorf("in a pool of three: %q: %s", startsOf(got), got.Message)
	}
}
