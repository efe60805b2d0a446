package procedure

import (
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// FE, step 2: "Restart the servers, and make sure they are accepting new connections."
func TestAServerThatRunsMustAlsoListen(t *testing.T) {
	asked := plan
	asked.Ports, asked.VerifyTimeout = []int{5061, 5090}, 15*time.Minute
	upgraded := []change{staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), rebooted}
	listening := func(ports ...int) change { return func(s *Server) { s.Listening = append([]int{}, ports...) } }
	up := func(ago time.Duration) change { return func(s *Server) { s.BootTime = s.Time.Add(-ago) } }
	startedAgo := func(ago time.Duration) change {
		return func(s *Server) {
			has(v1alpha1.StepStartServices, JobSucceeded, func(j *Job) { j.Finished = s.Time.Add(-ago) })(s)
		}
	}
	for _, test := range []struct {
		name    string
		plan    Plan
		changes []change
		verdict Verdict
		reason  string
		asks    bool
		says    string
	}{
		{"no port is asked for", plan, nil, VerdictPutAway, v1alpha1.ReasonUpgrading, false, "run as before"},
		{"it is asked before anything is concluded", asked, nil, VerdictWait, v1alpha1.ReasonUpgrading, true, "is being asked"},
		{"both listen", asked, []change{listening(5090, 5061)}, VerdictPutAway, v1alpha1.ReasonUpgrading, false, "TCP 5061, 5090 listen"},
		{"and what the front end service does is said", asked, []change{listening(5061, 5090), func(s *Server) { s.Activity = "RTCSRV: Incoming Requests per Second=3" }}, VerdictPutAway, v1alpha1.ReasonUpgrading, false, "TCP 5061, 5090 listen; RTCSRV: Incoming Requests per Second=3"},
		{"one does not, shortly after the restart", asked, []change{listening(5061)}, VerdictWait, v1alpha1.ReasonPortsNotListening, false, "nothing listens on TCP port 5090"},
		{"none does", asked, []change{listening()}, VerdictWait, v1alpha1.ReasonPortsNotListening, false, "TCP port 5061, 5090"},
		{"one does not, long after the restart", asked, []change{listening(5061), up(16 * time.Minute)}, VerdictHold, v1alpha1.ReasonPortsNotListening, false, "nothing listens on TCP port 5090"},
		{"the time begins with the last start of the services", asked, []change{listening(5061), up(16 * time.Minute), startedAgo(time.Minute)}, VerdictWait, v1alpha1.ReasonPortsNotListening, false, "yet"},
		{"a service that does not run comes first", asked, []change{listening(), serviceStopped}, VerdictStart, v1alpha1.ReasonUpgrading, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			decision := FrontEnd(test.plan, frontEnd(append(append([]change{}, upgraded...), test.changes...)...), 0)
			if decision.Verdict != test.verdict || decision.Reason != test.reason || decision.NeedServing != test.asks || !strings.Contains(decision.Message, test.says) {
				t.Errorf("%s %s %t: %s", decision.Verdict, decision.Reason, decision.NeedServing, decision.Message)
			}
			if decision.Verdict != VerdictHold && decision.Verdict != VerdictStart && !decision.worksOn(frontEnd(upgraded...)) {
				t.Error("until it is verified the server counts as being worked on")
			}
		})
	}
}

// A server whose ports do not listen keeps the next one from being stopped.
func TestNobodyIsStoppedBesideAServerThatDoesNotListen(t *testing.T) {
	silent := member(staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), rebooted, func(s *Server) { s.Listening = []int{} })
	domain := openDomain(silent, member(staged))
	domain.Plan.Ports, domain.Plan.VerifyTimeout = []int{5061}, 15*time.Minute
	decision := UpgradeDomain(domain)
	if starts := startsOf(decision); starts != "" || !decision.InProgress {
		t.Errorf("started %q: %s", starts, decision.Message)
	}
	domain.Servers[0].Server.Time = domain.Servers[0].Server.Time.Add(time.Hour)
	if decision = UpgradeDomain(domain); startsOf(decision) != "" || decision.State != v1alpha1.DomainHeld {
		t.Errorf("started %q, %s: %s", startsOf(decision), decision.State, decision.Message)
	}
	domain.Servers[0].Server.Listening = []int{5061}
	if decision = UpgradeDomain(domain); decision.Servers[0].Verdict != VerdictPutAway {
		t.Errorf("it listens at last: %s %s", decision.Servers[0].Verdict, decision.Servers[0].Message)
	}
}
