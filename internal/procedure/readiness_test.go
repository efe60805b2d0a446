package procedure

import (
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

const domain1, domain2 = "UpgradeDomain1", "UpgradeDomain2"

func poolSays(state string, readyDomains ...string) Readiness {
	answer := Readiness{State: state, TotalFrontEnds: 4, TotalActiveFrontEnds: 4}
	for i, name := range []string{domain1, domain2} {
		ready := false
		for _, other := range readyDomains {
			ready = ready || other == name
		}
		frontEnds := [][]string{{"fe01.contoso.com", "fe02.contoso.com"}, {"fe03.contoso.com", "fe04.contoso.com"}}[i]
		answer.Domains = append(answer.Domains, ReadinessDomain{Name: name, IsReadyForUpgrade: ready, FrontEnds: frontEnds})
	}
	return answer
}

func TestJudgeReadiness(t *testing.T) {
	published := ReadinessPolicy{Interval: 10 * time.Minute, Attempts: 3}
	failOver := ReadinessPolicy{Interval: 10 * time.Minute, Attempts: 3, FailOver: true}
	cases := []struct {
		quote  string // FE or its flowchart
		policy ReadinessPolicy
		before Counters
		answer Readiness
		open   bool
		hold   bool
		reason string
		after  Counters
	}{
		{"if the value is Busy, wait for 10 minutes and then try again", published, Counters{}, poolSays("Busy", domain1), false, false, v1alpha1.ReasonPoolBusy, Counters{Busy: 1}},
		{"Busy a second time in a row waits again", published, Counters{Busy: 1}, poolSays("Busy"), false, false, v1alpha1.ReasonPoolBusy, Counters{Busy: 2}},
		{"Busy for at least three consecutive times: there is an issue with the pool", published, Counters{Busy: 2}, poolSays("Busy"), false, true, v1alpha1.ReasonPoolUnready, Counters{Busy: 3}},
		{"consecutive: Ready in between begins the count again", published, Counters{Busy: 2}, poolSays("Ready", domain1), true, false, v1alpha1.ReasonPoolReady, Counters{}},
		{"any result of InsufficientActiveFrontEnds: there is an issue with the pool", published, Counters{}, poolSays("InsufficientActiveFrontEnds", domain1), false, true, v1alpha1.ReasonInsufficientActiveFrontEnds, Counters{Insufficient: 1}},
		{"InsufficientActiveFrontEnds is not Busy: the count of Busy begins again", published, Counters{Busy: 2}, poolSays("InsufficientActiveFrontEnds"), false, true, v1alpha1.ReasonInsufficientActiveFrontEnds, Counters{Insufficient: 1}},
		{"Ready, and ReadyforUpgrade is True: you can safely upgrade those servers now", published, Counters{}, poolSays("Ready", domain1), true, false, v1alpha1.ReasonPoolReady, Counters{}},
		{"ReadyforUpgrade of another domain does not count", published, Counters{}, poolSays("Ready", domain2), false, false, v1alpha1.ReasonDomainNotReady, Counters{DomainNotReady: 1}},
		{"flowchart: Ready but domain False waits 10 minutes and asks again", published, Counters{DomainNotReady: 1}, poolSays("Ready"), false, false, v1alpha1.ReasonDomainNotReady, Counters{DomainNotReady: 2}},
		{"flowchart: waited too often for the domain: the upgrade failed, without a failover", published, Counters{DomainNotReady: 2}, poolSays("Ready"), false, true, v1alpha1.ReasonDomainUnready, Counters{DomainNotReady: 3}},
		{"flowchart: the domain's count never leads to a failover, even if the policy has one", failOver, Counters{DomainNotReady: 2}, poolSays("Ready"), false, true, v1alpha1.ReasonDomainUnready, Counters{DomainNotReady: 3}},
		{"the counts are kept apart: two Busy and one domain False hold nothing", published, Counters{Busy: 2}, poolSays("Ready"), false, false, v1alpha1.ReasonDomainNotReady, Counters{DomainNotReady: 1}},
		{"the counts are kept apart: two domain False and one Busy hold nothing", published, Counters{DomainNotReady: 2}, poolSays("Busy"), false, false, v1alpha1.ReasonPoolBusy, Counters{Busy: 1}},
		{"a state the page does not name counts as Busy", published, Counters{Busy: 1}, poolSays("Draining", domain1), false, false, v1alpha1.ReasonUnknownPoolState, Counters{Busy: 2}},
		{"three states the page does not name are an issue with the pool", published, Counters{Busy: 2}, poolSays("Draining", domain1), false, true, v1alpha1.ReasonPoolUnready, Counters{Busy: 3}},
		{"no state at all counts as Busy", published, Counters{}, poolSays("", domain1), false, false, v1alpha1.ReasonUnknownPoolState, Counters{Busy: 1}},
		{"you should fail the pool over: the problem is the same with such a policy", failOver, Counters{Busy: 2}, poolSays("Busy"), false, true, v1alpha1.ReasonPoolUnready, Counters{Busy: 3}},
		{"InsufficientActiveFrontEnds is the same problem with such a policy", failOver, Counters{}, poolSays("InsufficientActiveFrontEnds"), false, true, v1alpha1.ReasonInsufficientActiveFrontEnds, Counters{Insufficient: 1}},
	}
	for _, test := range cases {
		t.Run(test.quote, func(t *testing.T) {
			gate := JudgeReadiness(test.policy, test.before, test.answer, domain1)
			if gate.Open != test.open || gate.Hold != test.hold || gate.Reason != test.reason || gate.Counters != test.after {
				t.Errorf("got %+v", gate)
			}
			if gate.Message == "" {
				t.Error("nothing is said")
			}
			if known := map[string]bool{"Ready": true, "Busy": true, "InsufficientActiveFrontEnds": true}; gate.Unfamiliar == known[test.answer.State] {
				t.Errorf("Unfamiliar is %t for %q", gate.Unfamiliar, test.answer.State)
			}
		})
	}
}

func TestADomainThatIsNotMentionedIsNeverOpened(t *testing.T) {
	gate := JudgeReadiness(ReadinessPolicy{Attempts: 3}, Counters{}, poolSays("Ready", domain1, domain2), "UpgradeDomain9")
	if gate.Open || gate.Hold || !gate.Ready || gate.Reason != v1alpha1.ReasonInvalidTopology {
		t.Errorf("got %+v", gate)
	}
}

func TestTheNameOfADomainIsComparedWithoutRegardToCase(t *testing.T) {
	if gate := JudgeReadiness(ReadinessPolicy{Attempts: 3}, Counters{}, poolSays("Ready", domain1), "UPGRADEDOMAIN1"); !gate.Open {
		t.Errorf("got %+v", gate)
	}
}

func TestCheckReadiness(t *testing.T) {
	one := func(name string, frontEnds ...string) ReadinessDomain {
		return ReadinessDomain{Name: name, FrontEnds: frontEnds}
	}
	cases := []struct {
		name    string
		domains []ReadinessDomain
		says    string
	}{
		{"two domains and three front ends", []ReadinessDomain{one("1", "a", "b"), one("2", "c")}, ""},
		{"no domain", nil, "no upgrade domains"},
		{"a domain without a name", []ReadinessDomain{one("", "a")}, "without a name"},
		{"a domain twice", []ReadinessDomain{one("1", "a"), one("1", "b")}, "upgrade domain 1 twice"},
		{"a domain twice in other letters", []ReadinessDomain{one("Ud", "a"), one("uD", "b")}, "twice"},
		{"a domain without front ends", []ReadinessDomain{one("1")}, "without front ends"},
		{"a front end in two domains", []ReadinessDomain{one("1", "a"), one("2", "A")}, "front end A twice, in 1 and 2"},
		{"a front end twice in one domain", []ReadinessDomain{one("1", "a", "a")}, "front end a twice"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			err := CheckReadiness(Readiness{Domains: test.domains})
			switch {
			case test.says == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
				t.Errorf("want an error with %q, got %v", test.says, err)
			}
		})
	}
}
