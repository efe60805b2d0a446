package procedure

import (
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

const (
	pool2019   = "pool19.contoso.com"
	sfb2015    = v1alpha1.ProductSkypeForBusinessServer2015
	sfb2019    = v1alpha1.ProductSkypeForBusinessServer2019
	sfbSE      = v1alpha1.ProductSkypeForBusinessServerSubscriptionEdition
	lync2013   = v1alpha1.ProductLyncServer2013
	failedOver = ActionFailOverComputer
	failedBack = ActionFailBackComputer
)

func by(action Action) func(*Job) { return func(j *Job) { j.Action = action } }

// overPlan is the plan of a pool whose front ends are failed over. Its build is that of the other tests, which no product is asked about.
func overPlan(changes ...func(*Plan)) Plan {
	over := plan
	over.Variant = Variant{FailOver: true, PoolFQDN: pool2019}
	for _, apply := range changes {
		apply(&over)
	}
	return over
}

// disabled is how Invoke-CsComputerFailOver leaves a server.
func disabled(s *Server) {
	stopped(s)
	for i := range s.Services {
		s.Services[i].StartType = "Disabled"
	}
}

func TestTheVariantFollowsProductRoleAndSize(t *testing.T) {
	cases := []struct {
		name      string
		product   v1alpha1.Product
		role      v1alpha1.Role
		servers   int
		announced bool
		failOver  bool
		refused   string
	}{
		{"Lync Server 2013 has no computer failover", lync2013, "", 6, false, false, ""},
		{"an object without a product is Lync Server 2013", "", "", 6, false, false, ""},
		{"2015: each front end is failed over", sfb2015, v1alpha1.RoleFrontEnd, 3, false, true, ""},
		{"2015, two front ends: as Lync Server 2013, for the cmdlet is for pools of three and more", sfb2015, "", 2, false, false, ""},
		{"2019: each front end is failed over", sfb2019, "", 6, false, true, ""},
		{"2019 forbids two-server pools", sfb2019, "", 2, false, false, v1alpha1.ReasonPoolTooSmall},
		{"Subscription Edition forbids two-server pools", sfbSE, "", 2, false, false, v1alpha1.ReasonPoolTooSmall},
		{"a pool whose size is not known yet is failed over", sfbSE, "", 0, false, true, ""},
		{"Edge Servers are stopped and started", sfb2019, v1alpha1.RoleEdge, 3, false, false, ""},
		{"two Edge Servers are enough", sfb2019, v1alpha1.RoleEdge, 2, false, false, ""},
		{"the only Mediation Server needs announced downtime", sfb2015, v1alpha1.RoleMediation, 1, false, false, v1alpha1.ReasonLastServer},
		{"the only Mediation Server, with announced downtime", sfb2015, v1alpha1.RoleMediation, 1, true, false, ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := VariantFor(test.product, test.role, pool2019, test.servers, test.announced)
			refused := ""
			if got.Refusal != nil {
				refused = got.Refusal.Reason
			}
			if got.FailOver != test.failOver || refused != test.refused {
				t.Errorf("got %+v, %s", got, refused)
			}
		})
	}
}

func TestFailOverAndFailBackTakeThePlaceOfStopAndStart(t *testing.T) {
	over := has(v1alpha1.StepStopServices, JobSucceeded, by(failedOver))
	back := has(v1alpha1.StepStartServices, JobSucceeded, by(failedBack))
	refused := has(v1alpha1.StepStopServices, JobFailed, by(failedOver), because(OutcomeFailOverRefused))
	lynx := overPlan(func(p *Plan) { p.Variant = Variant{} })
	cases := []struct {
		name      string
		plan      Plan
		permitted int
		server    Server
		verdict   Verdict
		step      v1alpha1.ServerStep
		action    Action
		order     string
		reason    string
	}{
		{"the package is there: it waits for its turn to be failed over", overPlan(), 0, frontEnd(staged), VerdictTurn, v1alpha1.StepReady, failedOver, "stop-services-5.0.8308.956-1", v1alpha1.ReasonWaitingForTurn},
		{"failed over: the installer runs", overPlan(), 0, frontEnd(staged, over, disabled), VerdictStart, v1alpha1.StepInstall, ActionInstall, "install-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"a failover that exceeded its WaitTime has done nothing: held, and nothing is put back", overPlan(), 0, frontEnd(staged, refused), VerdictHold, v1alpha1.StepHeld, "", "", v1alpha1.ReasonFailOverRefused},
		{"a refused failover is tried again when a person asks", overPlan(), 2, frontEnd(staged, refused), VerdictTurn, v1alpha1.StepReady, failedOver, "stop-services-5.0.8308.956-2", v1alpha1.ReasonWaitingForTurn},
		{"a failover that failed half way is failed back", overPlan(), 0, frontEnd(staged, has(v1alpha1.StepStopServices, JobFailed, by(failedOver), because("ServiceStuck")), disabled), VerdictStart, v1alpha1.StepRecover, failedBack, "recover-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"a failover that was cut off is failed back, though the services run", overPlan(), 0, frontEnd(staged, has(v1alpha1.StepStopServices, JobInterrupted, by(failedOver)), rebooted), VerdictStart, v1alpha1.StepRecover, failedBack, "recover-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"the installer failed: failed back, not only started", overPlan(), 0, frontEnd(staged, over, has(v1alpha1.StepInstall, JobFailed), disabled), VerdictStart, v1alpha1.StepRecover, failedBack, "recover-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"the installer failed and the server is failed back: held", overPlan(), 0, frontEnd(staged, over, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobSucceeded, by(failedBack))), VerdictHold, v1alpha1.StepHeld, "", "", v1alpha1.ReasonInstallerFailed},
		{"a retry fails back first what could not be failed back", overPlan(), 2, frontEnd(staged, over, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobFailed, by(failedBack))), VerdictStart, v1alpha1.StepRecover, failedBack, "recover-5.0.8308.956-2", v1alpha1.ReasonUpgrading},
		{"restarted: the services are disabled, and are failed back", overPlan(), 0, frontEnd(staged, over, installedByUs, restartedByUs, atBuild(wanted), disabled, rebooted), VerdictStart, v1alpha1.StepStartServices, failedBack, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"services that somebody started are failed back all the same", overPlan(), 0, frontEnd(staged, over, installedByUs, restartedByUs, atBuild(wanted), rebooted), VerdictStart, v1alpha1.StepStartServices, failedBack, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"failed back and running: done", overPlan(), 0, frontEnd(staged, over, installedByUs, restartedByUs, back, atBuild(wanted), rebooted), VerdictPutAway, v1alpha1.StepVerify, "", "", v1alpha1.ReasonUpgrading},
		{"a failback that a restart cut off is made once more without a person", overPlan(), 0, frontEnd(staged, over, installedByUs, restartedByUs, has(v1alpha1.StepStartServices, JobInterrupted, by(failedBack)), atBuild(wanted), disabled, rebooted), VerdictStart, v1alpha1.StepRecover, failedBack, "recover-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"cut off twice: a person is asked", overPlan(), 0, frontEnd(staged, over, installedByUs, restartedByUs, has(v1alpha1.StepStartServices, JobInterrupted, by(failedBack)), has(v1alpha1.StepRecover, JobInterrupted, by(failedBack)), atBuild(wanted), disabled, rebooted), VerdictHold, v1alpha1.StepHeld, "", "", v1alpha1.ReasonFailBackFailed},
		{"a failback after a failure that a restart cut off is made once more too", overPlan(), 0, frontEnd(staged, over, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobInterrupted, by(failedBack)), disabled, rebooted), VerdictStart, v1alpha1.StepStartServices, failedBack, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"failed back in vain: held, though the services were started", overPlan(), 0, frontEnd(staged, over, installedByUs, restartedByUs, has(v1alpha1.StepStartServices, JobFailed, by(failedBack)), atBuild(wanted), rebooted), VerdictHold, v1alpha1.StepHeld, "", "", v1alpha1.ReasonFailBackFailed},
		{"a retry fails back again and installs nothing", overPlan(), 2, frontEnd(staged, over, installedByUs, restartedByUs, has(v1alpha1.StepStartServices, JobFailed, by(failedBack)), atBuild(wanted), rebooted), VerdictStart, v1alpha1.StepStartServices, failedBack, "start-services-5.0.8308.956-2", v1alpha1.ReasonUpgrading},
		{"what was failed over is failed back, whatever is declared now", lynx, 0, frontEnd(staged, over, installedByUs, restartedByUs, atBuild(wanted), disabled, rebooted), VerdictStart, v1alpha1.StepStartServices, failedBack, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"what was only stopped is only started", overPlan(), 0, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), stopped, rebooted), VerdictStart, v1alpha1.StepStartServices, ActionStartServices, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := FrontEnd(test.plan, test.server, test.permitted)
			order := Order{}
			if got.Order != nil {
				order = *got.Order
			}
			if got.Verdict != test.verdict || got.Step != test.step || order.ID != test.order || order.Action != test.action || got.Reason != test.reason {
				t.Errorf("got %s %s %q %s %s: %s", got.Verdict, got.Step, order.ID, order.Action, got.Reason, got.Message)
			}
			if (order.Action == failedOver || order.Action == failedBack) && order.Computer != test.server.FQDN {
				t.Errorf("the order names %q", order.Computer)
			}
		})
	}
}

func TestAServerThatWasFailedOverIsHalfWayUntilItIsFailedBack(t *testing.T) {
	over := has(v1alpha1.StepStopServices, JobSucceeded, by(failedOver))
	restarted := frontEnd(staged, over, installedByUs, restartedByUs, atBuild(wanted), disabled, rebooted)
	if !restarted.halfWay() {
		t.Error("a restart does not start disabled services, and the server counts as left alone")
	}
	back := frontEnd(staged, over, installedByUs, restartedByUs, has(v1alpha1.StepStartServices, JobSucceeded, by(failedBack)), atBuild(wanted), rebooted)
	if back.halfWay() {
		t.Error("a server that was failed back counts as half way")
	}
	inVain := frontEnd(staged, over, installedByUs, restartedByUs, has(v1alpha1.StepRecover, JobFailed, by(failedBack)), atBuild(wanted), rebooted)
	if !inVain.Serving() || !inVain.halfWay() {
		t.Error("a server whose failback failed counts as back, because its services run")
	}
}

func TestARefusedFailoverHasDoneNothing(t *testing.T) {
	refused := has(v1alpha1.StepStopServices, JobFailed, by(failedOver), because(OutcomeFailOverRefused))
	broken := func(s *Server) { s.Services[0].Status = ServiceStopped }
	if frontEnd(staged, refused, broken).halfWay() {
		t.Error("a server that broke by itself after a refused failover counts as half way because of us")
	}
	back := has(v1alpha1.StepRecover, JobSucceeded, by(failedBack))
	again := has(v1alpha1.StepStopServicesAgain, JobFailed, by(failedOver), because(OutcomeFailOverRefused))
	if server := frontEnd(staged, stoppedByUs, installedByUs, back, again, atBuild(wanted)); !server.putBack() {
		t.Error("a server that was put back does not count as put back after a refused failover")
	}
}

func TestAFailoverWaitsAndDrainsAsDeclared(t *testing.T) {
	cases := []struct {
		name     string
		change   func(*Plan)
		draining time.Duration
	}{
		{"Hold: no session is ever cut", func(*Plan) {}, 0},
		{"StopAtOnce: sessions are cut after the timeout", func(p *Plan) { p.StopAtOnce = true }, 30 * time.Minute},
		{"Immediate, for announced downtime: sessions are cut at once", func(p *Plan) { p.Graceful = false }, time.Second},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			order := FrontEnd(overPlan(test.change), frontEnd(staged), 0).Order
			if order.Timeout != 30*time.Minute || order.DrainingTimeout != test.draining || order.Pool != pool2019 {
				t.Errorf("got %+v", order)
			}
		})
	}
}

func TestOneServerAtATimeWhateverIsDeclared(t *testing.T) {
	draining := func() DomainServer { return member(staged, has(v1alpha1.StepStopServices, JobRunning)) }
	for name, variant := range map[string]Variant{"failed over": {FailOver: true}, "Edge": {Role: v1alpha1.RoleEdge}} {
		t.Run(name, func(t *testing.T) {
			domain := with(openDomain(draining(), member(staged)), func(d *Domain) {
				d.ServersAtATime, d.Plan.Variant = 4, variant
				d.Servers[1].Server.Services = append(d.Servers[1].Server.Services, Service{Name: "RTCMRAUTH", Status: ServiceRunning, StartType: StartAutomatic})
			})
			if starts := startsOf(UpgradeDomain(domain)); starts != "" {
				t.Errorf("started %s beside a server that is being stopped", starts)
			}
		})
	}
}

func serviceNames(names ...string) change {
	return func(s *Server) {
		s.Services = nil
		for _, name := range names {
			s.Services = append(s.Services, Service{Name: name, Status: ServiceRunning, StartType: StartAutomatic})
		}
	}
}

func calledBy(name string) change {
	return func(s *Server) {
		s.ProductName, s.Product = name, v1alpha1.ProductOfComponent(name+", Core Components")
	}
}

func TestWhatIsFoundMustBeWhatIsDeclared(t *testing.T) {
	edge := []string{"RTCSRV", "RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY", "REPLICA"}
	cases := []struct {
		name    string
		product v1alpha1.Product
		role    v1alpha1.Role
		build   v1alpha1.Build
		server  Server
		reason  string
	}{
		{"Lync Server 2013 as declared", lync2013, "", wanted, frontEnd(calledBy("Microsoft Lync Server 2013")), ""},
		{"2019 is declared, 2015 is there", sfb2019, "", "7.0.2046.530", frontEnd(calledBy("Skype for Business Server 2015")), v1alpha1.ReasonProductMismatch},
		{"2019 and Subscription Edition share a base: the name tells them apart", sfb2019, "", "7.0.2046.530", frontEnd(atBuild("7.0.2046.0"), calledBy("Skype for Business Server Subscription Edition")), v1alpha1.ReasonProductMismatch},
		{"Subscription Edition as declared", sfbSE, "", "7.0.2046.879", frontEnd(atBuild("7.0.2046.800"), calledBy("Skype for Business Server Subscription Edition")), ""},
		{"a product that nobody knows", lync2013, "", wanted, frontEnd(calledBy("Microsoft Lync Server 2010")), v1alpha1.ReasonProductMismatch},
		{"a build of another product", sfb2015, "", "7.0.2046.530", frontEnd(atBuild("6.0.9319.0"), calledBy("Skype for Business Server 2015")), v1alpha1.ReasonInvalidSpec},
		{"an Edge Server as declared", lync2013, v1alpha1.RoleEdge, wanted, frontEnd(serviceNames(edge...)), ""},
		{"Edge is declared, a front end is there", lync2013, v1alpha1.RoleEdge, wanted, frontEnd(serviceNames("RTCSRV", "RTCIMMCU", "RTCMEDSRV")), v1alpha1.ReasonRoleMismatch},
		{"Edge is declared, and nothing of an Edge Server is there", lync2013, v1alpha1.RoleEdge, wanted, frontEnd(serviceNames("RTCSRV", "REPLICA")), v1alpha1.ReasonRoleMismatch},
		{"a front end is declared, an Edge Server is there", lync2013, "", wanted, frontEnd(serviceNames(edge...)), v1alpha1.ReasonRoleMismatch},
		{"a Director as declared", lync2013, v1alpha1.RoleDirector, wanted, frontEnd(serviceNames("RTCSRV", "REPLICA", "W3SVC")), ""},
		{"Director is declared, a front end is there: its pool has gates", lync2013, v1alpha1.RoleDirector, wanted, frontEnd(serviceNames("RTCSRV", "RTCAVMCU")), v1alpha1.ReasonRoleMismatch},
		{"a Mediation Server as declared", lync2013, v1alpha1.RoleMediation, wanted, frontEnd(serviceNames("RTCMEDSRV", "REPLICA")), ""},
		{"Mediation is declared, a front end with Mediation is there", lync2013, v1alpha1.RoleMediation, wanted, frontEnd(serviceNames("RTCSRV", "RTCMEDSRV")), v1alpha1.ReasonRoleMismatch},
		{"a Persistent Chat Server as declared", lync2013, v1alpha1.RolePersistentChat, wanted, frontEnd(serviceNames("RTCCHAT", "REPLICA")), ""},
		{"Persistent Chat is declared, and there is none", lync2013, v1alpha1.RolePersistentChat, wanted, frontEnd(serviceNames("REPLICA")), v1alpha1.ReasonRoleMismatch},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			p := plan
			p.Build, p.Variant = test.build, VariantFor(test.product, test.role, pool2019, 3, false)
			got := FrontEnd(p, test.server, 0)
			if test.reason == "" && got.Verdict == VerdictHold || test.reason != "" && (got.Verdict != VerdictHold || got.Reason != test.reason) {
				t.Errorf("got %s %s: %s", got.Verdict, got.Reason, got.Message)
			}
			if got.Order != nil && test.reason != "" {
				t.Errorf("the server is touched: %s", got.Order.ID)
			}
		})
	}
}

func TestAServerServesByTheServiceOfItsRole(t *testing.T) {
	off := func(name string) change {
		return func(s *Server) {
			for i := range s.Services {
				if s.Services[i].Name == name {
					s.Services[i].Status = ServiceStopped
				}
			}
		}
	}
	cases := []struct {
		name   string
		server Server
		serves bool
	}{
		{"a Mediation Server", frontEnd(serviceNames("RTCMEDSRV", "REPLICA")), true},
		{"a Mediation Server that is stopped", frontEnd(serviceNames("RTCMEDSRV", "REPLICA"), off("RTCMEDSRV")), false},
		{"a Persistent Chat Server", frontEnd(serviceNames("RTCCHAT", "REPLICA")), true},
		{"a front end whose Mediation service alone runs", frontEnd(serviceNames("RTCSRV", "RTCMEDSRV"), off("RTCSRV")), false},
		{"a front end without its front end service", frontEnd(serviceNames("RTCIMMCU", "RTCMEDSRV")), false},
		{"an Edge Server", frontEnd(serviceNames("RTCSRV", "RTCMRAUTH")), true},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got := test.server.Serving(); got != test.serves {
				t.Errorf("serves: %t", got)
			}
		})
	}
}

func TestTheLastServerOfAPoolWithoutQuorumStays(t *testing.T) {
	members := func(serving ...bool) []Member {
		var list []Member
		for i, serves := range serving {
			list = append(list, Member{FQDN: []string{"edge01", "edge02", "edge03"}[i], Serving: serves})
		}
		return list
	}
	cases := []struct {
		name      string
		members   []Member
		announced bool
		holds     bool
	}{
		{"two of three remain", members(true, true, true), false, true},
		{"one of two remains", members(true, true), false, true},
		{"another one is out: one at a time", members(true, false, true), false, false},
		{"the only one that serves", members(true, false), false, false},
		{"the only one that serves, with announced downtime", members(true, false), true, true},
		{"a pool of one", members(true), false, false},
		{"a pool of one, with announced downtime", members(true), true, true},
		{"one that does not serve anyway", members(false, true), false, true},
		{"one that does not answer may serve, and another one is out", []Member{{FQDN: "edge01", Silent: true}, {FQDN: "edge02"}, {FQDN: "edge03", Serving: true}}, false, false},
		{"nobody was asked", nil, true, false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			holds, message := RemainingWithout(test.members, test.announced, "edge01")
			if holds != test.holds || !strings.Contains(message, "edge01") {
				t.Errorf("got %t: %s", holds, message)
			}
		})
	}
}

func TestAPoolWithoutReadinessOpensOneServerAfterTheOther(t *testing.T) {
	waiting := PoolDomain{State: v1alpha1.DomainWaiting, Staged: true}
	done := PoolDomain{State: v1alpha1.DomainDone, Staged: true}
	ungated := func(p *Pool) { p.Ungated, p.SoakTime = true, 0 }
	cases := []struct {
		name   string
		pool   Pool
		action PoolAction
		domain string
	}{
		{"the first, without a question", but(poolAt(waiting, waiting), ungated), PoolOpens, domain1},
		{"the second, without a soak", but(poolAt(done, waiting), ungated), PoolOpens, domain2},
		{"none while one is open", but(poolAt(PoolDomain{State: v1alpha1.DomainOpen, InProgress: true}, waiting), func(p *Pool) { ungated(p); p.Open = domain1 }), PoolWaits, domain1},
		{"none after a failure", but(poolAt(PoolDomain{State: v1alpha1.DomainHeld}, waiting), ungated), PoolHolds, domain1},
		{"none before the package is there", but(poolAt(PoolDomain{State: v1alpha1.DomainWaiting}, waiting), ungated), PoolWaits, domain1},
		{"none while paused", but(poolAt(waiting, waiting), func(p *Pool) { ungated(p); p.Paused = true }), PoolWaits, domain1},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got := NextDomain(test.pool); got.Action != test.action || got.Domain != test.domain {
				t.Errorf("got %s %s: %s", got.Action, got.Domain, got.Message)
			}
		})
	}
}

func TestTheProductItselfMustAgreeAboutTheBuild(t *testing.T) {
	says := func(build v1alpha1.Build) change { return func(s *Server) { s.PatchVersion = &build } }
	skype := overPlan(func(p *Plan) { p.Product = sfb2019 })
	over := has(v1alpha1.StepStopServices, JobSucceeded, by(failedOver))
	back := has(v1alpha1.StepStartServices, JobSucceeded, by(failedBack))
	done := func(changes ...change) Server {
		return frontEnd(append([]change{staged, over, installedByUs, restartedByUs, back, atBuild(wanted), rebooted}, changes...)...)
	}
	cases := []struct {
		name    string
		plan    Plan
		server  Server
		verdict Verdict
		asks    bool
		reason  string
	}{
		{"it is asked once the services run, and never before", skype, done(), VerdictWait, true, v1alpha1.ReasonUpgrading},
		{"not while an installer runs", skype, frontEnd(staged, over, has(v1alpha1.StepInstall, JobRunning), disabled), VerdictWait, false, v1alpha1.ReasonUpgrading},
		{"not before the failback", skype, frontEnd(staged, over, installedByUs, restartedByUs, atBuild(wanted), disabled, rebooted), VerdictStart, false, v1alpha1.ReasonUpgrading},
		{"it says the same", skype, done(says(wanted)), VerdictPutAway, false, v1alpha1.ReasonUpgrading},
		{"it says an older build", skype, done(says(installed)), VerdictHold, false, v1alpha1.ReasonBuildNotReached},
		{"it cannot say: the registry is believed", skype, done(says("")), VerdictPutAway, false, v1alpha1.ReasonUpgrading},
		{"Lync Server 2013 has no such cmdlet", plan, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), rebooted), VerdictPutAway, false, v1alpha1.ReasonUpgrading},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := FrontEnd(test.plan, test.server, 0)
			if got.Verdict != test.verdict || got.NeedPatchVersion != test.asks || got.Reason != test.reason {
				t.Errorf("got %s %t %s: %s", got.Verdict, got.NeedPatchVersion, got.Reason, got.Message)
			}
		})
	}
}

func TestOnlyAServerThatServesIsFailedOver(t *testing.T) {
	notServing := func(s *Server) { s.Services[0].Status = ServiceStopped }
	over := has(v1alpha1.StepStopServices, JobSucceeded, by(failedOver))
	back := has(v1alpha1.StepRecover, JobSucceeded, by(failedBack))
	restartFailed := has(v1alpha1.StepRestartComputer, JobFailed)
	cases := []struct {
		name   string
		server Server
		at     int
		action Action
	}{
		{"one that serves", frontEnd(staged), 0, failedOver},
		{"one that does not serve anyway has no users to move", frontEnd(staged, notServing), 0, ActionStopServices},
		{"put back after a restart that failed: failed over again before the next one", frontEnd(staged, over, installedByUs, restartFailed, back, atBuild(wanted)), 2, failedOver},
		{"failed back in vain after it: only stopped, and failed back after the restart", frontEnd(staged, over, installedByUs, restartFailed, has(v1alpha1.StepRecover, JobFailed, by(failedBack)), atBuild(wanted)), 2, ActionStopServices},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := FrontEnd(overPlan(), test.server, test.at)
			if got.Order == nil || got.Order.Action != test.action {
				t.Errorf("got %s %+v: %s", got.Verdict, got.Order, got.Message)
			}
			elsewhere := overPlan()
			elsewhere.PoolFailedOver = true
			if got := FrontEnd(elsewhere, test.server, test.at); got.Order == nil || got.Order.Action != ActionStopServices {
				t.Errorf("while the users of the pool are on its backup pool: %s %+v: %s", got.Verdict, got.Order, got.Message)
			}
		})
	}
}
