package procedure_test

import (
	"slices"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

const (
	stopsUnderUsers     flaw = "takes the pool for failed over at any time"
	bringsBackEarly     flaw = "believes that every front end has the build and serves"
	trustsBackupService flaw = "believes that the backup service is healthy"
	trustsRecords       flaw = "believes that the services are written down"
	worksOnAfterFailure flaw = "does not know the word held while users are elsewhere"
	trustsOldCopy       flaw = "believes what a front end says of the registrar at any time"
	letsUsersBehind     flaw = "lets a pool go whose users are elsewhere"
	forgetsWhereUsers   flaw = "updates databases while users are elsewhere"
	worksUnderTheMove   flaw = "goes on with front ends while a job moves the users"
	unknownDomain            = "FailedOver"
	registrarUnknown         = "no front end says where the users are"
)

// failOverStatus is what an operator keeps of a failover outside the servers.
type failOverStatus struct {
	phase      v1alpha1.FailOverPhase
	since      time.Time // when that began, or when it was last said of an abandoned one that the users are elsewhere, or not
	open       bool      // every front end may be worked on
	attempt    int
	users      bool // they are on the backup pool
	reason     string
	message    string
	held, idle bool
}

// begun says whether a failover has begun and is not over.
func (f *failOverStatus) begun() bool { return f != nil && f.phase != v1alpha1.FailOverChecking }

// leadsToFailOver are the holds after which a pool is failed over.
var leadsToFailOver = map[string]bool{v1alpha1.ReasonPoolUnready: true, v1alpha1.ReasonInsufficientActiveFrontEnds: true}

var triedAgain = map[string]bool{v1alpha1.ReasonFailOverFailed: true, v1alpha1.ReasonPoolFailBackFailed: true, v1alpha1.ReasonCentralManagementMoveFailed: true}

func (o *operators) failOverCause() string {
	if hold := o.status.hold; hold != nil && leadsToFailOver[hold.Reason] && !o.w.objects.deleting {
		return hold.Message
	}
	return ""
}

// failOverKnown says whether the status, or a front end as its domain has it, knows of a failover.
func (o *operators) failOverKnown() bool {
	if o.w.pair == nil {
		return false
	}
	for _, object := range o.w.objects.domains {
		if o.status.domains[object.name].failOverSeen || object.name == unknownDomain {
			return true
		}
	}
	return o.status.failOver != nil
}

// moved says whether the users have been moved, or are about to be: from then on the pool is not read again before they are back.
func (f *failOverStatus) moved() bool {
	return f.begun() && f.phase != v1alpha1.FailOverRecording && f.phase != v1alpha1.FailOverAbandoning && f.reason != v1alpha1.ReasonTopologyChanged
}

// openOf names what keeps databases from being changed.
func (o *operators) openOf() string {
	if o.status.open == "" && o.status.failOver.begun() && o.flaw != forgetsWhereUsers {
		return "of a pool that is failed over"
	}
	return o.status.open
}

// retryOfFailOver turns a request for another try into one more attempt of a failover's job; false when there is no failover.
func (o *operators) retryOfFailOver() bool {
	f := o.status.failOver
	if f == nil {
		return false
	}
	switch {
	case triedAgain[f.reason]:
		f.attempt++
	case f.phase == v1alpha1.FailOverChecking || f.phase == v1alpha1.FailOverRecording || f.phase == v1alpha1.FailOverAbandoning:
		o.status.hold, o.status.last = nil, nil
	}
	return true
}

// member is what a front end means to the others, as it was just observed.
func (o *operators) member(fqdn string) procedure.Member {
	member := procedure.Member{FQDN: fqdn, Silent: true}
	server := o.w.observe(o.w.machine(fqdn))
	if server != nil {
		member = procedure.MemberFrom(o.plan(), *server)
	}
	switch o.flaw {
	case ignoresQuorum:
		member.Serving = true
	case worksOnAfterFailure:
		member.Failed, member.Silent = false, false
	case stopsUnderUsers:
		member.FailOver, member.FailedOver = v1alpha1.StepFailOverPool, true
	case worksUnderTheMove:
		member.FailOver, member.FailedOver, member.FailBackFailed = v1alpha1.StepFailBackPool, true, true
	}
	return member
}

// abandonGate lets a domain work on all its servers while the users are on the backup pool.
func (o *operators) abandonGate(domain *procedure.Domain) {
	failOver := o.status.failOver
	if failOver != nil && (failOver.open || o.flaw == worksUnderTheMove && o.w.moving() != nil) || o.flaw == stopsUnderUsers && o.w.pair != nil {
		domain.PoolFailedOver, domain.Deleting = true, false
		domain.Plan.RestartTimeout += time.Hour
	}
}

// failOverStands reads once more whether the front ends may still be worked on.
func (o *operators) failOverStands() bool {
	if o.flaw == stopsUnderUsers || o.flaw == worksUnderTheMove {
		return true
	}
	return o.status.failOver != nil && o.status.failOver.open && !o.w.paused
}

// neededForFailOver adds to what a domain would leave behind the failover that needs it.
func (o *operators) neededForFailOver(name string, departure procedure.Departure) procedure.Departure {
	needed := o.status.failOver.begun() || o.status.domains[name].failOverSeen
	for _, object := range o.w.objects.domains {
		other, looked := o.status.domains[object.name]
		if o.w.pair != nil && o.w.objects.deleting && object.name != name && o.w.objects.claims[object.name] {
			needed = needed || other.failOverSeen || !looked
		}
	}
	if procedure.Depart(departure).LetGo && needed && o.flaw != letsUsersBehind {
		departure.FailOver = poolFQDN
	}
	return departure
}

// findFailOver puts all front ends into one domain where no pool answers and one of them remembers a failover; nil where none does.
func (o *operators) findFailOver() []procedure.PlacedServer {
	if o.w.pair == nil || !slices.ContainsFunc(o.w.machines, o.w.answers) {
		return nil
	}
	var found []procedure.PlacedServer
	seen := false
	for _, name := range o.w.topology() {
		server := o.w.observe(o.w.machine(name))
		seen = seen || server != nil && server.FailOverSeen()
		found = append(found, procedure.PlacedServer{FQDN: name, Domain: unknownDomain})
	}
	if !seen {
		return nil
	}
	return found
}

// failOver brings a pool that is to be failed over, or is, one decision further; false when there is nothing of that kind.
func (o *operators) failOver(servers []procedure.PlacedServer) (engaged bool) {
	w, s := o.w, o.status
	if w.pair == nil || !o.failOverKnown() && o.failOverCause() == "" || o.flaw == letsUsersBehind && w.objects.deleting {
		return false
	}
	version := s.version
	given := procedure.FailOver{PoolFQDN: poolFQDN, Plan: o.plan(), Cause: o.failOverCause(), Allowed: !w.objects.deleting, MoveCentralManagement: true,
		Timeout: time.Hour, FailBackTimeout: 2 * time.Hour, Domains: o.view(servers), Paused: w.paused && o.flaw != forgetsPause, Deleting: w.objects.deleting}
	if s.failOver != nil {
		given.Permitted, given.Opened, given.Phase, given.UsersOnBackupPool = s.failOver.attempt, s.failOver.open, s.failOver.phase, s.failOver.users
		given.PhaseAge = w.now.Sub(s.failOver.since)
	}
	servers = o.dropDead(servers)
	for _, known := range servers {
		frontEnd := procedure.PoolFrontEnd{FQDN: known.FQDN, Server: o.w.observe(w.machine(known.FQDN))}
		if frontEnd.Server == nil {
			frontEnd.Problem = &procedure.Problem{Reason: v1alpha1.ReasonServerUnreachable, Message: known.FQDN + " does not answer"}
		}
		if w.objects.deleting && !w.declared(known.FQDN) { // nobody makes a domain of it any more
			given.WithoutDomain = append(given.WithoutDomain, frontEnd)
			continue
		}
		o.misjudge(frontEnd.Server)
		given.FrontEnds = append(given.FrontEnds, frontEnd)
	}
	if s.backEnd.inProgress {
		given.BackEnd = "sql01.contoso.com"
	}
	decision := procedure.NextFailOverStep(given)
	if decision.NeedPartner {
		if w.chance(10) {
			given.Problem = &procedure.Problem{Reason: v1alpha1.ReasonServerAnswerUnknown, Message: registrarUnknown}
		} else {
			given.Partner = w.pair.partner(w, o)
		}
		decision = procedure.NextFailOverStep(given)
	}
	if decision.NeedServer != "" {
		given.BackupServer = &procedure.PoolFrontEnd{FQDN: decision.NeedServer, Server: w.observe(w.pair.mover), Problem: &procedure.Problem{Message: "no answer"}}
		decision = procedure.NextFailOverStep(given)
	}
	if decision.NeedTopology {
		changed := ""
		if !w.objects.deleting {
			changed = o.topologyChanged()
		}
		given.TopologyChanged = &changed
		decision = procedure.NextFailOverStep(given)
	}
	if !decision.Engaged {
		return o.noFailOver(version)
	}
	if !o.between() {
		o.follow(servers, decision, version)
	}
	return true
}

// declared says whether a front end is in an upgrade domain that still has an object, or there are none.
func (w *world) declared(fqdn string) bool {
	there := func(object *domainObject) bool { return w.there(object.name) }
	holds := func(object *domainObject) bool { return there(object) && slices.Contains(object.servers, fqdn) }
	return !slices.ContainsFunc(w.objects.domains, there) || slices.ContainsFunc(w.objects.domains, holds)
}

// misjudge makes a broken operator see what is not there.
func (o *operators) misjudge(server *procedure.Server) {
	switch {
	case server == nil:
	case o.flaw == bringsBackEarly && o.w.usersAway():
		server.Build, server.Baseline = o.w.desired, nil
		server.Services = []procedure.Service{{Name: "RTCSRV", Status: procedure.ServiceRunning, StartType: procedure.StartAutomatic}}
		server.Jobs = slices.DeleteFunc(server.Jobs, func(j procedure.Job) bool { return procedure.BegunBy(j.ID) })
	case o.flaw == trustsOldCopy:
		for i := range server.Jobs {
			if j := &server.Jobs[i]; !j.Active() {
				j.Started, j.Finished = j.Started.Add(-24*time.Hour), j.Finished.Add(-24*time.Hour)
			}
		}
	case o.flaw == trustsRecords && server.Baseline == nil:
		server.Baseline = []procedure.Service{}
	}
}

// dropDead forgets front ends that do not answer and that the topology does not name any more.
func (o *operators) dropDead(servers []procedure.PlacedServer) []procedure.PlacedServer {
	var alive []string
	for _, known := range servers {
		if o.w.answers(o.w.machine(known.FQDN)) {
			alive = append(alive, known.FQDN)
		}
	}
	if len(alive) == 0 || len(alive) == len(servers) {
		return servers
	}
	return procedure.StillThere(servers, alive, o.w.topology())
}

// noFailOver ends what the status still says of a failover that is neither due nor under way.
func (o *operators) noFailOver(version int) (engaged bool) {
	s := o.status
	last := s.failOver
	if last == nil || o.between() || version != s.version {
		return last != nil
	}
	s.version++
	s.failOver = nil
	if last.phase != v1alpha1.FailOverFailingBack {
		return false
	}
	o.failOverIsOver(procedure.FailOverDecision{FailedBack: true})
	return true
}

// follow does what was decided and reports it. An order that begins a phase is given in the pass after the one that has written it down.
func (o *operators) follow(servers []procedure.PlacedServer, decision procedure.FailOverDecision, version int) {
	w, s := o.w, o.status
	ordered := decision.Verdict == procedure.VerdictStart
	announced := s.failOver != nil && s.failOver.phase == decision.Phase && !s.failOver.open
	if decision.Claims() && !o.claimAll() {
		return
	}
	if ordered && (announced || decision.Phase == v1alpha1.FailOverRecording) {
		for _, placed := range decision.Orders {
			m := w.pair.mover
			if placed.FQDN != m.fqdn {
				m = w.machine(placed.FQDN)
			}
			w.start(o.elsewhere(m, placed.Order), placed.Order, w.desired)
		}
	}
	over := false
	if decision.Verdict == procedure.VerdictPutAway {
		if over = o.putFailOverAway(decision); over {
			w.say("the failover is put away: %s", decision.Message)
			w.judgeOver("the failover is put away")
		}
	}
	if o.between() || version != s.version {
		return // that is not written down any more
	}
	s.version++
	s.servers, s.done, s.why = servers, false, decision.Reason
	if over {
		o.failOverIsOver(decision)
		return
	}
	since := w.now
	if before := s.failOver; before != nil && before.phase == decision.Phase && (before.users == decision.UsersOnBackupPool || before.phase != v1alpha1.FailOverAbandoning) {
		since = before.since
	}
	s.failOver = &failOverStatus{phase: decision.Phase, since: since, open: decision.Open, attempt: max(decision.Attempt, 1), users: decision.UsersOnBackupPool, reason: decision.Reason, message: decision.Message,
		held: decision.Verdict == procedure.VerdictHold, idle: decision.Idle && decision.Reason == v1alpha1.ReasonPaused}
	w.sayOnce("failover, %s: %s", decision.Phase, decision.Message)
	if s.soak = nil; decision.Phase != v1alpha1.FailOverChecking {
		s.open = ""
	}
}

// claimAll claims the pool and its domains: once the users are moved every front end has to be upgraded, whatever is deleted meanwhile.
func (o *operators) claimAll() bool {
	claimed := o.w.claim(poolObject)
	for _, object := range o.w.objects.domains {
		claimed = claimed && (!o.w.there(object.name) || o.w.claim(object.name))
	}
	return claimed
}

// putFailOverAway clears the jobs of a failover that is over, and says whether all of them are gone.
func (o *operators) putFailOverAway(decision procedure.FailOverDecision) bool {
	for _, name := range decision.PutAway {
		m := o.w.machine(name)
		if !o.w.answers(m) || o.w.chance(8) || !o.w.clear(m, procedure.OfFailOver) {
			return false
		}
	}
	return o.w.clear(o.w.pair.mover, procedure.OfFailOver) || true
}

// failOverIsOver takes the failover out of the status.
func (o *operators) failOverIsOver(decision procedure.FailOverDecision) {
	s := o.status
	s.failOver, s.last = nil, nil
	if decision.FailedBack || decision.UsersOnBackupPool || decision.Phase == v1alpha1.FailOverUpgrading {
		s.hold = nil
	}
	if o.w.object(unknownDomain) != nil {
		s.servers = nil // which domain a front end is in can be asked again
	}
}

// mend is what a person does by hand about users that nobody brings back, and about a front end that does not serve those who are back.
func (p *pair) mend(w *world, o *operators) {
	failOver := o.status.failOver
	if failOver == nil || !failOver.held {
		return
	}
	switch moved := w.usersMoved(); {
	case moved && failOver.reason == v1alpha1.ReasonPoolFailedOver:
		w.say("a person fails the pool back by hand")
		p.cold = false
		p.startAll(w)
		p.comeHome(w)
	case !moved && failOver.reason == v1alpha1.ReasonServicesNotRunning:
		w.say("a person starts the services of the pool")
		p.startAll(w)
	}
}

func (p *pair) startAll(w *world) {
	for _, m := range w.members() {
		if m.up() {
			for _, name := range serviceNames {
				m.running[name] = true
			}
			m.starting = false
			w.back(m)
		}
	}
}
