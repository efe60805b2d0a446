package procedure_test

import (
	"slices"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// status is what an operator keeps outside the servers. All of it may be lost at any time.
type status struct {
	servers   []procedure.PlacedServer
	open      string
	openBuild v1alpha1.Build
	openSince time.Time
	adopted   bool
	soak      *procedure.Soak
	last      *procedure.Reading
	hold      *procedure.Gate
	domains   map[string]domainStatus
	permitted map[string]int
	steps     map[string]v1alpha1.ServerStep
	held      map[string]bool
	backEnd   backEndStatus
	failOver  *failOverStatus
	version   int
	done      bool
	why       string
}

type domainStatus struct {
	state              v1alpha1.DomainState
	inProgress, staged bool
	build              v1alpha1.Build
	generation         int
	reason, message    string
	failOverSeen       bool
	unremembered       []string // servers that have not been seen since the status was lost
	written            int      // which write of a status this is, of all
}

type backEndStatus struct {
	inProgress, done, held bool
	permitted              int
	reason                 string
	mirror                 string // how the mirrors stood when that was last known
}

func newStatus() *status {
	return &status{domains: map[string]domainStatus{}, permitted: map[string]int{}, steps: map[string]v1alpha1.ServerStep{}, held: map[string]bool{}}
}

// flaw makes an operator do one thing wrong on purpose.
type flaw string

const (
	skipsTheGate     flaw = "takes every answer for Ready"
	ignoresQuorum    flaw = "believes that every front end serves"
	retriesByItself  flaw = "allows itself another attempt after every failure"
	takesEveryTurn   flaw = "believes that it is always the domain's turn"
	forgetsPause     flaw = "does not know the word paused"
	installsAgain    flaw = "puts the jobs away before it looks, and installs whatever was installed"
	databasesEarly   flaw = "updates the databases first"
	forgetsFailover  flaw = "takes a server that was failed over for one that was only stopped"
	startsAfterOver  flaw = "starts what was failed over instead of failing it back"
	stopsWithoutOver flaw = "stops front ends that should be failed over"
	letsGoRefused    flaw = "writes nothing down before it orders, and lets go of a domain after its turn was refused"
	leavesThemBroken flaw = "never puts services back after a failure"
)

// operators drive a world through nothing but the exported decisions. Between what one sees and what it does, time passes and a
// second copy may do the same.
type operators struct {
	w      *world
	status *status
	flaw   flaw
	deep   bool
	began  time.Time
}

// between lets the second operator in, and says whether this one dies here.
func (o *operators) between() (dies bool) {
	if !o.deep && o.w.now.Sub(o.began) < time.Minute && o.w.chance(o.w.faults.twoOperators) {
		o.deep = true
		o.pass()
		o.deep = false
	}
	if o.w.now.Sub(o.began) < staleness-time.Minute && o.w.chance(o.w.faults.crash/2) {
		o.w.advance(time.Minute)
	}
	o.w.deletedByPeople(o.status)
	return o.w.chance(o.w.faults.crash)
}

// pass lets every controller look once, in any order.
func (o *operators) pass() {
	if o.w.chance(o.w.faults.forget) {
		o.w.say("the operator's whole memory is lost")
		kept := o.status.permitted
		*o.status = *newStatus()
		if o.w.random.IntN(2) == 0 {
			o.status.permitted = kept
		}
	}
	if !o.deep {
		o.began = o.w.now
	}
	for _, m := range o.w.machines {
		o.forgotten(m)
	}
	o.w.deletedByPeople(o.status)
	for _, which := range o.w.random.Perm(len(o.w.objects.domains) + 2) {
		switch which {
		case 0:
			o.pool()
		case 1:
			if o.w.ungated {
				o.status.backEnd.done = true // there is none
			} else {
				o.backEnd()
			}
		default:
			if which-2 < len(o.w.objects.domains) {
				o.domain(o.w.objects.domains[which-2].name)
			}
		}
	}
}

func (o *operators) plan() procedure.Plan {
	plan := o.w.plan
	plan.Build = o.w.desired
	return plan
}

func (o *operators) domain(name string) {
	for again, underway := true, false; again; {
		again, underway = o.domainOnce(name, underway)
	}
}

// domainOnce says whether a server was put away, so that another may be taken at once, and whether the turn goes over to it.
func (o *operators) domainOnce(name string, underway bool) (again, passesOn bool) {
	w := o.w
	if !w.there(name) {
		return false, false
	}
	version, written, object := o.status.version, o.status.domains[name].written, w.object(name)
	generation := object.generation
	deleting := (w.objects.deleting || object.deleting) && o.flaw != forgetsDeletion
	domain := procedure.Domain{Deleting: deleting, WasInProgress: o.status.domains[name].inProgress, Plan: o.plan(), TurnLimit: interval, Underway: underway, ServersAtATime: w.atATime, Paused: w.paused && o.flaw != forgetsPause}
	turn := func() bool {
		return o.flaw == takesEveryTurn || o.status.open == name && o.status.openBuild == domain.Plan.Build
	}
	domain.Claimed = w.objects.claims[name] && o.flaw != forgetsClaims
	domain.Turn, domain.TurnAge, domain.Adopted = turn(), w.now.Sub(o.status.openSince), o.status.adopted
	if o.status.backEnd.inProgress {
		domain.BackEnd = "sql01.contoso.com"
	}
	o.abandonGate(&domain)
	domain.AskMirror, domain.Mirrored = w.mirrors != nil && o.flaw != asksNoMirror, o.mirrored()
	for _, fqdn := range object.servers {
		domain.Servers = append(domain.Servers, o.look(w.machine(fqdn)))
	}
	if o.between() {
		return false, false
	}
	decision := procedure.UpgradeDomain(domain)
	if decision.NeedMembers {
		for _, known := range o.status.servers {
			domain.Members = append(domain.Members, o.member(known.FQDN))
		}
		if domain.TopologyChanged = o.topologyChanged(); o.topologyReadable() && o.flaw != forgetsTopology {
			domain.Topology = w.topology()
		}
		decision = procedure.UpgradeDomain(domain)
	}
	if decision.NeedMirror {
		domain.Mirror = w.mirrors.state(w, o)
		decision = procedure.UpgradeDomain(domain)
	}
	if object != w.object(name) || generation != object.generation {
		return false, false
	}
	if decision.InProgress && !(w.claim(name) && (w.objects.deleting || w.claim(poolObject))) && o.flaw != forgetsDeletion {
		return false, false
	}
	refused := false
	for i, server := range decision.Servers {
		m := w.machine(server.FQDN)
		if o.between() || !w.there(name) {
			return false, false
		}
		switch server.Verdict {
		case procedure.VerdictStart:
			o.misorder(server.Order)
			first := takesOut(server, o.status.steps[server.FQDN])
			stands := !first || !domain.PoolFailedOver || o.failOverStands()
			// Work that has begun is finished without a turn; with one, the pool is read once more.
			if first && domain.Turn && (!turn() || o.status.adopted != domain.Adopted && o.flaw != keepsTheTurn || object.deleting || w.paused && o.flaw != forgetsPause || o.status.backEnd.inProgress || w.objects.deleting && o.flaw != forgetsDeletion) {
				stands = false
			}
			if !stands {
				domain.Turn, domain.PoolFailedOver, refused = false, false, true
				if again := procedure.UpgradeDomain(domain).Servers[i]; again.Verdict != procedure.VerdictStart {
					decision.Servers[i] = again
					continue
				}
			}
			if o.flaw == leavesThemBroken && server.Step == v1alpha1.StepRecover {
				continue
			}
			if known := o.status.steps[server.FQDN]; known != server.Step && beginsWith(server, known) && o.flaw != letsGoRefused {
				if written != o.status.domains[name].written {
					return false, false // somebody else has written since: the API server refuses to have it written down that the server is taken
				}
				unchanged := version == o.status.version
				if written = o.writeAhead(name, server); unchanged {
					version = o.status.version
				}
			}
			w.start(m, *server.Order, domain.Plan.Build)
		case procedure.VerdictPutAway:
			again = w.putAway(m) || again
		}
	}
	if o.between() || version != o.status.version && w.random.IntN(2) == 0 {
		return false, false
	}
	if o.flaw == installsAgain {
		for _, server := range domain.Servers {
			if m := w.machine(server.FQDN); w.answers(m) && m.build == domain.Plan.Build && len(m.jobs) == 0 && w.random.IntN(20) == 0 {
				w.start(m, procedure.Order{ID: procedure.JobID(v1alpha1.StepInstall, domain.Plan.Build, 1), Action: procedure.ActionInstall}, domain.Plan.Build)
			}
		}
	}
	if w.there(name) && object == w.object(name) && generation == object.generation && written == o.status.domains[name].written {
		stale := version != o.status.version // somebody else has written since: the API server refuses to take the finalizer off
		o.report(name, domain, decision)
		if !stale && (!refused || o.flaw == letsGoRefused) { // who was refused has looked before somebody else may have used the turn
			w.release(name, o.neededForFailOver(name, decision.Departure(domain)), domain.Turn)
		}
	}
	return again, underway || decision.PassesTurnOn(domain)
}

// writeAhead writes down that a server is about to be taken.
func (o *operators) writeAhead(name string, server procedure.ServerDecision) (written int) {
	now := o.status.domains[name]
	o.w.objects.writes++
	now.written, now.inProgress = o.w.objects.writes, true
	o.status.domains[name], o.status.steps[server.FQDN] = now, server.Step
	o.status.version++
	return now.written
}

// takesOut says whether an order takes a server out of service that serves, and does not go on with work that has.
func takesOut(server procedure.ServerDecision, known v1alpha1.ServerStep) bool {
	return !server.OutOfService && beginsWith(server, known)
}

// beginsWith says whether an order is the first of our work on a server.
func beginsWith(server procedure.ServerDecision, known v1alpha1.ServerStep) bool {
	if server.Order.Action == procedure.ActionRestartComputer || server.Step == v1alpha1.StepStopServicesAgain {
		return known == "" || known == v1alpha1.StepReady || known == v1alpha1.StepWaiting || known == v1alpha1.StepHeld
	}
	return server.Order.Action == procedure.ActionStopServices || server.Order.Action == procedure.ActionFailOverComputer
}

func (o *operators) look(m *machine) procedure.DomainServer {
	server := procedure.DomainServer{FQDN: m.fqdn, Server: o.w.observe(m), Permitted: o.status.permitted[m.fqdn], LastStep: o.status.steps[m.fqdn]}
	m.membership.silent = server.Server == nil
	o.forgotten(m)
	server.Left = len(o.status.servers) > 0 && !slices.ContainsFunc(o.status.servers, func(known procedure.PlacedServer) bool { return known.FQDN == m.fqdn })
	if server.Server != nil && o.flaw == touchesCurrent && server.Server.Build == o.w.desired {
		server.Server.Build = oldBuild
	}
	if server.Server != nil && o.flaw == acceptsHalf && server.Server.Build == o.w.desired {
		for i := range server.Server.Jobs {
			if server.Server.Jobs[i].Action == procedure.ActionInstall && !server.Server.Jobs[i].Active() {
				server.Server.Jobs[i].State = procedure.JobSucceeded
			}
		}
	}
	if server.Server != nil && o.flaw == forgetsFailover {
		for i := range server.Server.Jobs {
			server.Server.Jobs[i].Action = ""
		}
	}
	if server.Server == nil {
		server.Problem = &procedure.Problem{Reason: v1alpha1.ReasonServerUnreachable, Message: m.fqdn + " does not answer"}
	}
	return server
}

func (o *operators) report(name string, domain procedure.Domain, decision procedure.DomainDecision) {
	now := domainStatus{state: decision.State, inProgress: decision.InProgress, staged: true, build: domain.Plan.Build, generation: o.w.object(name).generation, reason: decision.Reason, message: decision.Message}
	now.failOverSeen = procedure.FailOverSeenOn(domain.Servers, o.status.domains[name].failOverSeen)
	for i, server := range decision.Servers {
		if domain.Servers[i].Server == nil && procedure.Unremembered(o.status.steps[server.FQDN], "") {
			now.unremembered = append(now.unremembered, server.FQDN)
		}
		now.staged = now.staged && (server.Step == v1alpha1.StepReady || server.Step == v1alpha1.StepDone || server.Step == v1alpha1.StepHeld)
		if domain.Servers[i].Server != nil {
			o.status.steps[server.FQDN] = server.Step
		}
		o.status.held[server.FQDN] = server.Verdict == procedure.VerdictHold
		if server.Verdict == procedure.VerdictHold && o.flaw == retriesByItself {
			o.status.permitted[server.FQDN] = server.Attempt + 1
		}
		if server.Verdict == procedure.VerdictHold {
			o.w.sayOnce("%s holds: %s", server.FQDN, server.Message)
		}
	}
	o.w.objects.writes++
	now.written = o.w.objects.writes
	o.status.domains[name] = now
	o.status.version++
}

func (o *operators) pool() {
	w, s := o.w, o.status
	switch {
	case w.objects.gone:
		return
	case w.objects.deleting && o.flaw != forgetsDeletion:
		w.sayOnce("the pool waits for its servers")
		if o.failOverKnown() && o.failOver(slices.Clone(s.servers)) {
			return
		}
		if len(s.servers) == 0 && slices.ContainsFunc(w.members(), w.answers) {
			s.servers, w.storedAt = w.places(), w.now
			s.version++
		}
		o.departs()
		return
	}
	policy := procedure.ReadinessPolicy{Interval: interval, Attempts: 3}
	version := s.version
	found := o.known()
	if found == nil || !o.declare(found) {
		return
	}
	if o.failOver(found) {
		return
	}
	policy.FailOver = w.pair != nil
	pool := procedure.Pool{Open: s.open, OpenSince: s.openSince, Adopted: s.adopted, Soak: s.soak, SoakTime: soakTime, Last: s.last, Policy: policy, Now: w.now, Paused: w.paused}
	if pool.Ungated = w.ungated; w.ungated {
		pool.SoakTime = 0
	}
	moved := o.noteMoves(found, &pool)
	if s.hold != nil {
		pool.HoldReason, pool.HoldMessage = s.hold.Reason, s.hold.Message
	}
	if s.backEnd.inProgress {
		pool.BackEnd = "sql01.contoso.com"
	}
	pool.Domains = o.view(found)
	build := w.desired
	decision := procedure.NextDomain(pool)
	var read *procedure.Reading
	if decision.Action == procedure.PoolAsks {
		answer, answered := w.ask()
		if !answered || o.between() {
			return
		}
		if o.flaw == skipsTheGate {
			answer.State = procedure.PoolStateReady
			for i := range answer.Domains {
				answer.Domains[i].IsReadyForUpgrade = true
			}
		}
		if again := o.placed(answer); !procedure.SamePlaces(again, found) && o.flaw != forgetsTopology {
			// Other servers than were known: nothing is decided on the old ones.
			if !o.between() && version == s.version && again != nil {
				o.noteMoves(again, &pool)
				s.servers, s.soak, s.adopted, w.storedAt = again, pool.Soak, pool.Adopted, pool.Now
				s.version++
			}
			return
		}
		before := procedure.Counters{}
		if s.last != nil && s.last.Domain == decision.Domain {
			before = s.last.Gate.Counters
		}
		gate := procedure.JudgeReadiness(policy, before, answer, decision.Domain)
		read = &procedure.Reading{At: pool.Now, Domain: decision.Domain, Gate: gate}
		pool.Answer, pool.Soak = &gate, decision.Soak
		decision = procedure.NextDomain(pool)
	}
	if decision.ReadAgain && o.topologyChanged() != "" {
		if again := o.discover(); again != nil {
			found, decision = again, procedure.PoolDecision{Action: procedure.PoolWaits, Reason: v1alpha1.ReasonDiscovering}
			moved = o.noteMoves(found, &pool) || moved
		}
	}
	// A conflicting write is refused by the API server, and the pass is lost.
	if o.between() || version != s.version && (read != nil || moved) {
		return
	}
	if (decision.Action == procedure.PoolOpens || decision.Action == procedure.PoolAdopts) && !w.claim(poolObject) && o.flaw != forgetsDeletion || w.objects.gone {
		return
	}
	s.version++
	if moved {
		s.servers, s.adopted = found, pool.Adopted
	}
	if moved || read != nil {
		w.storedAt = pool.Now
	}
	s.soak, s.done, s.why = decision.Soak, false, decision.Reason
	if read != nil {
		s.last = read
	}
	switch decision.Action {
	case procedure.PoolOpens, procedure.PoolAdopts:
		w.say("%s %s", decision.Action, decision.Domain)
		s.open, s.openBuild, s.openSince, s.adopted = decision.Domain, build, pool.Now, decision.Action == procedure.PoolAdopts
	case procedure.PoolCloses:
		w.say("%s %s: %s", decision.Action, decision.Domain, decision.Message)
		s.open, s.last = "", nil
	case procedure.PoolHolds:
		s.adopted = s.adopted || decision.EndsTurn && s.open != ""
		if pool.Answer != nil && pool.Answer.Hold {
			s.hold = pool.Answer
		}
		o.failOver(found)
	case procedure.PoolIsDone:
		s.open, s.soak, s.hold, s.done = "", nil, nil, true
		if len(w.objects.claims) == 1 {
			delete(w.objects.claims, poolObject)
		}
	}
}

func (o *operators) backEnd() {
	w, s := o.w, o.status
	if !w.there(backEndObject) {
		return
	}
	backEnd := procedure.BackEnd{Deleting: w.objects.deleting, Plan: o.plan(), Edition: v1alpha1.EditionEnterprise, Stores: v1alpha1.CollocatedStoresAbsent, SQLServer: "sql01.contoso.com",
		Permitted: s.backEnd.permitted, Paused: w.paused, OpenDomain: o.openOf()}
	for _, known := range s.servers {
		server := w.observe(w.machine(known.FQDN))
		if o.flaw == databasesEarly && server != nil {
			server.Build, server.Jobs, server.Services = backEnd.Plan.Build, nil, []procedure.Service{{Name: "RTCSRV", Status: procedure.ServiceRunning}}
			backEnd.OpenDomain = ""
		}
		if o.flaw == forgetsWhereUsers && server != nil {
			server.Jobs = slices.DeleteFunc(server.Jobs, func(j procedure.Job) bool { return procedure.OfFailOver(j.ID) })
		}
		backEnd.FrontEnds = append(backEnd.FrontEnds, procedure.PoolFrontEnd{FQDN: known.FQDN, Server: server})
	}
	o.describeMirrors(&backEnd)
	decision := procedure.NextBackEndStep(backEnd)
	for decision.NeedReport != "" || decision.NeedMirror != "" || decision.NeedTopology {
		switch {
		case decision.NeedReport != "":
			version := "15.13.1"
			if w.dbDone {
				version = "15.13.22"
			}
			backEnd.Report = &procedure.DatabaseReport{Databases: []procedure.Database{{Name: "rtcxds", ExpectedVersion: "15.13.22", InstalledVersion: version}}, Mirrored: w.mirrors != nil}
		case decision.NeedMirror != "":
			backEnd.MirrorState = w.mirrors.state(w, o)
		default:
			changed := o.topologyChanged()
			backEnd.TopologyChanged = &changed
		}
		decision = procedure.NextBackEndStep(backEnd)
	}
	starts := decision.Server.Verdict == procedure.VerdictStart
	if (starts || decision.InProgress) && (!w.claim(backEndObject) || !w.objects.deleting && !w.claim(poolObject)) {
		return
	}
	s.backEnd = backEndStatus{inProgress: decision.InProgress, done: decision.Server.Verdict == procedure.VerdictDone,
		held: decision.Server.Verdict == procedure.VerdictHold, permitted: s.backEnd.permitted, reason: decision.Server.Reason, mirror: s.backEnd.mirror}
	if decision.Mirror != "" {
		s.backEnd.mirror = decision.Mirror
	}
	// The claim is written before the order, and the pool is read once more after it: whoever claims second sees the first.
	if o.between() || !starts || o.openOf() != "" && o.flaw != databasesEarly || !w.there(backEndObject) || w.objects.deleting {
		w.release(backEndObject, decision.Departure(backEnd), false)
		return
	}
	w.start(w.machine(decision.Server.FQDN), *decision.Server.Order, backEnd.Plan.Build)
}
