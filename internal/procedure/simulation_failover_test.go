package procedure_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// flawInFailOver makes an operator do one thing wrong on purpose while it fails a pool over.
type flawInFailOver string

const (
	stopsAtHome      flawInFailOver = "takes the pool for failed over at any time"
	failsBackEarly   flawInFailOver = "believes that every front end has the build and serves"
	believesHealth   flawInFailOver = "believes that the backup service is healthy"
	recordsNothing   flawInFailOver = "believes that the services are written down"
	goesOnAfterwards flawInFailOver = "does not know the word held"
	believesOldCopy  flawInFailOver = "believes what a front end says of the registrar at any time"
)

// failOverMachine is one front end of a pool that is failed over.
type failOverMachine struct {
	fqdn              string
	build             v1alpha1.Build
	running, starting bool
	baseline          []procedure.Service
	boot              time.Time
	down, unreachable time.Time // until when
	jobs              []*failOverJob
	installed         map[string]bool
	begunFrom         v1alpha1.Build
}

type failOverJob struct {
	procedure.Job
	action procedure.Action
	ends   time.Time
	fails  bool
}

// failOverWorld is a paired pool that is not ready before it has been upgraded, in virtual time, with a checker that watches each job.
type failOverWorld struct {
	random     *rand.Rand
	flaw       flawInFailOver
	quiet      bool
	now        time.Time
	machines   []*failOverMachine
	state      string // the registrar's
	moved      time.Time
	unhealthy  time.Time // until when the backup service is not healthy
	paused     bool
	failed     map[string]time.Time
	journal    []string
	violations []string

	// What the operator keeps outside the servers.
	cause     string
	phase     v1alpha1.FailOverPhase
	since     time.Time
	open      bool
	users     bool // they are on the backup pool
	permitted int
	retriable bool
	states    map[string]v1alpha1.DomainState
	attempts  map[string]int
	held      map[string]string
	done      bool
	why       string
}

func newFailOverWorld(seed uint64, wrong flawInFailOver) *failOverWorld {
	w := &failOverWorld{random: rand.New(rand.NewPCG(seed, 99)), flaw: wrong, now: time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC), state: procedure.RegistrarActive, failed: map[string]time.Time{}}
	w.forget()
	for i := range 2 + w.random.IntN(7) {
		w.machines = append(w.machines, &failOverMachine{fqdn: fmt.Sprintf("fe%02d.contoso.com", i+1), build: oldBuild, running: true, boot: w.now.Add(-48 * time.Hour), installed: map[string]bool{}})
	}
	if w.random.IntN(3) == 0 { // one had its turn before the pool turned bad
		w.machines[0].build = newBuild
	}
	return w
}

func (w *failOverWorld) forget() {
	w.cause, w.phase, w.open, w.users, w.permitted = "", "", false, false, 0
	w.states, w.attempts, w.held = map[string]v1alpha1.DomainState{}, map[string]int{}, map[string]string{}
}

func (w *failOverWorld) chance(one int) bool { return !w.quiet && w.random.IntN(one) == 0 }

func (w *failOverWorld) minutes(from, to int) time.Duration {
	return time.Duration(from+w.random.IntN(to-from+1)) * time.Minute
}

func (w *failOverWorld) say(format string, args ...any) {
	w.journal = append(w.journal, w.now.Format("02 15:04 ")+fmt.Sprintf(format, args...))
}

func (w *failOverWorld) violated(what, format string, args ...any) {
	message := what + ": " + fmt.Sprintf(format, args...)
	w.say("VIOLATION %s", message)
	w.violations = append(w.violations, message)
}

func (w *failOverWorld) home() bool { return w.state == procedure.RegistrarActive }

func (m *failOverMachine) services() (list []procedure.Service) {
	for _, name := range []string{"RTCSRV", "W3SVC"} {
		status := procedure.ServiceStopped
		switch {
		case m.running:
			status = procedure.ServiceRunning
		case m.starting:
			status = procedure.ServiceStartPending
		}
		list = append(list, procedure.Service{Name: name, Status: status, StartType: procedure.StartAutomatic})
	}
	return list
}

func (w *failOverWorld) observe(m *failOverMachine) *procedure.Server {
	if w.now.Before(m.down) || w.now.Before(m.unreachable) {
		return nil
	}
	server := &procedure.Server{FQDN: m.fqdn, Build: m.build, Time: w.now, BootTime: m.boot, Baseline: m.baseline, Services: m.services()}
	for _, j := range m.jobs {
		server.Jobs = append(server.Jobs, j.Job)
	}
	return server
}

func (w *failOverWorld) advance(by time.Duration) {
	for end := w.now.Add(by); w.now.Before(end); {
		w.now = w.now.Add(time.Minute)
		if w.chance(300) {
			w.unhealthy = w.now.Add(w.minutes(5, 60))
		}
		for _, m := range w.machines {
			w.tick(m)
		}
		// A pool that was stopped as a whole comes up when enough are there.
		started, running := 0, 0
		for _, m := range w.machines {
			if m.running {
				running++
			}
			if m.running || m.starting {
				started++
			}
		}
		need := [...]int{0, 1, 1, 3, 3, 4, 5, 5, 6, 7}[len(w.machines)]
		for _, m := range w.machines {
			if m.starting && (running >= minimumOf(len(w.machines)) || started >= need) {
				m.running, m.starting = true, false
			}
		}
	}
}

func (w *failOverWorld) tick(m *failOverMachine) {
	if w.chance(400) {
		m.unreachable = w.now.Add(w.minutes(1, 20))
	}
	if !m.down.IsZero() && !w.now.Before(m.down) {
		m.boot, m.down, m.starting = m.down, time.Time{}, true
	}
	if !m.down.IsZero() {
		return
	}
	for _, j := range m.jobs {
		if j.Active() && !w.now.Before(j.ends) && (j.action != procedure.ActionStartServices || m.running || w.now.Sub(j.Started) > 2*time.Hour) {
			w.end(m, j)
		}
	}
	if w.chance(3000) {
		w.say("%s reboots by itself", m.fqdn)
		w.reboot(m)
	}
}

func (w *failOverWorld) reboot(m *failOverMachine) {
	m.down, m.running, m.starting = w.now.Add(w.minutes(4, 12)), false, false
	for _, j := range m.jobs {
		if j.Active() {
			j.State, j.Message = procedure.JobInterrupted, "Windows restarted"
			w.brokeOff(m, j)
		}
	}
}

// brokeOff notes a failure that nobody may go on after by himself.
func (w *failOverWorld) brokeOff(m *failOverMachine, j *failOverJob) {
	if j.action == procedure.ActionInstall || j.action == procedure.ActionStopServices {
		w.failed[m.fqdn] = w.now
	}
	if j.action == procedure.ActionFailOverPool && w.state == procedure.RegistrarFailingOver && w.random.IntN(2) == 0 {
		w.state, w.moved = procedure.RegistrarActive, w.now
	}
}

func (w *failOverWorld) end(m *failOverMachine, j *failOverJob) {
	j.State, j.Finished = procedure.JobSucceeded, w.now
	if j.fails || j.action == procedure.ActionStartServices && !m.running {
		j.State, j.Message = procedure.JobFailed, "it failed"
		w.brokeOff(m, j)
	}
	w.say("%s: %s %s", m.fqdn, j.ID, j.State)
	ok := j.State == procedure.JobSucceeded
	switch j.action {
	case procedure.ActionInstall:
		if ok {
			m.build, m.installed[j.ID] = newBuild, true
		}
	case procedure.ActionStopServices:
		m.running, m.starting = false, false
	case procedure.ActionRestartComputer:
		w.reboot(m)
	case procedure.ActionFailOverPool:
		if !ok {
			return
		}
		w.state, w.moved = procedure.RegistrarFailedOver, w.now
		for _, other := range w.machines {
			other.running, other.starting = false, false
		}
	case procedure.ActionFailBackPool:
		if ok {
			w.state, w.moved = procedure.RegistrarActive, w.now
		} else {
			w.state = procedure.RegistrarFailedOver
		}
	}
}

func (w *failOverWorld) start(fqdn string, order procedure.Order) {
	m := w.machines[slices.IndexFunc(w.machines, func(m *failOverMachine) bool { return m.fqdn == fqdn })]
	if w.observe(m) == nil || w.chance(20) {
		return
	}
	for _, j := range m.jobs {
		if j.ID == order.ID || j.Active() {
			return
		}
	}
	w.judge(m, order)
	w.say("%s: start %s", fqdn, order.ID)
	j := &failOverJob{Job: procedure.Job{ID: order.ID, State: procedure.JobRunning, Started: w.now, BootTime: m.boot}, action: order.Action, ends: w.now.Add(w.minutes(1, 8)), fails: w.chance(12)}
	m.jobs = append(m.jobs, j)
	switch order.Action {
	case procedure.ActionStopServices, procedure.ActionRecordServices:
		if m.baseline == nil {
			m.baseline = m.services()
		}
		j.fails = false
	case procedure.ActionInstall:
		m.begunFrom = m.build
	case procedure.ActionRestartComputer, procedure.ActionStagePackage:
		j.fails = false
	case procedure.ActionStartServices:
		m.starting, j.fails = !m.running, false
	case procedure.ActionFailOverPool:
		w.state, w.moved = procedure.RegistrarFailingOver, w.now
	case procedure.ActionFailBackPool:
		w.state = procedure.RegistrarFailingBack
	}
}

// judge checks a new job against what must never happen.
func (w *failOverWorld) judge(m *failOverMachine, order procedure.Order) {
	recently := func(t time.Time) bool { return w.now.Sub(t) <= staleness }
	moving := func() bool {
		for _, other := range w.machines {
			for _, j := range other.jobs {
				if j.Active() && (j.action == procedure.ActionFailOverPool || j.action == procedure.ActionFailBackPool) {
					return true
				}
			}
		}
		return false
	}
	switch order.Action {
	case procedure.ActionStopServices, procedure.ActionRestartComputer, procedure.ActionInstall:
		if w.home() && !recently(w.moved) {
			w.violated("home", "%s on %s while the users are on the pool", order.ID, m.fqdn)
		}
		if order.Action == procedure.ActionInstall && m.installed[order.ID] {
			w.violated("twice", "%s runs again on %s", order.ID, m.fqdn)
		}
		first := !slices.ContainsFunc(m.jobs, func(j *failOverJob) bool { return procedure.BegunBy(j.ID) })
		for fqdn, at := range w.failed {
			if order.Action == procedure.ActionStopServices && first && fqdn != m.fqdn && w.now.Sub(at) > 15*time.Minute {
				w.violated("further", "%s is begun although %s failed and nobody has said to go on", m.fqdn, fqdn)
			}
		}
	case procedure.ActionFailOverPool:
		if w.home() && w.now.Before(w.unhealthy) && w.unhealthy.Sub(w.now) < 50*time.Minute {
			w.violated("unhealthy", "users are moved while the backup service is not healthy")
		}
		if moving() {
			w.violated("beside", "%s is started beside another move", order.ID)
		}
		if !slices.ContainsFunc(w.machines, func(other *failOverMachine) bool { return other.build != newBuild }) {
			w.violated("needless", "users are moved although every front end has the build")
		}
		for _, other := range w.machines {
			if other.baseline == nil {
				w.violated("unrecorded", "the services of %s are stopped and were not written down", other.fqdn)
			}
		}
	case procedure.ActionFailBackPool:
		if moving() {
			w.violated("beside", "%s is started beside another move", order.ID)
		}
		for _, other := range w.machines {
			if other.build != newBuild || !other.running && other.down.IsZero() {
				w.violated("early", "users are brought back while %s has build %s, running %t", other.fqdn, other.build, other.running)
			}
		}
	}
}

func (w *failOverWorld) plan() procedure.Plan {
	return procedure.Plan{Build: newBuild, PackageSource: `\\files\update.exe`, PackageSHA256: strings.Repeat("ab", 32), DrainTimeout: 30 * time.Minute, RestartComputer: true,
		InstallTimeout: time.Hour, RestartTimeout: 2 * time.Hour}
}

func (w *failOverWorld) partner() *procedure.Partner {
	state := w.state
	if state == procedure.RegistrarFailedOver && w.now.Sub(w.moved) < 12*time.Minute && w.chance(3) {
		state = procedure.RegistrarActive // this front end has an old copy of the topology
	}
	partner := &procedure.Partner{BackupPool: "pool02.contoso.com", PoolState: state, CentralManagementPool: "pool02.contoso.com"}
	export := "FinalState"
	if w.now.Before(w.unhealthy) && w.flaw != believesHealth {
		export = "ErrorState"
	}
	for _, pool := range []string{"pool01.contoso.com", "pool02.contoso.com"} {
		partner.Modules = append(partner.Modules, procedure.BackupModule{Pool: pool, Name: "UserServices.PresenceFocus", Export: export, Import: "NormalState"})
	}
	return partner
}

// poolPass is one look of the pool's controller. An order is given only in the phase that an earlier pass has written down.
func (w *failOverWorld) poolPass() {
	given := procedure.FailOver{PoolFQDN: "pool01.contoso.com", Plan: w.plan(), Cause: w.cause, Allowed: true, Timeout: time.Hour, FailBackTimeout: 2 * time.Hour, Permitted: w.permitted, Opened: w.open, Phase: w.phase, PhaseAge: w.now.Sub(w.since), UsersOnBackupPool: w.users, TopologyChanged: new(string), Paused: w.paused}
	unknown := false
	for _, m := range w.machines {
		server := w.observe(m)
		if server != nil && w.flaw == failsBackEarly && w.state == procedure.RegistrarFailedOver {
			server.Build, server.Baseline = newBuild, nil
			server.Services = []procedure.Service{{Name: "RTCSRV", Status: procedure.ServiceRunning, StartType: procedure.StartAutomatic}}
			server.Jobs = slices.DeleteFunc(server.Jobs, func(j procedure.Job) bool { return procedure.BegunBy(j.ID) })
		}
		if server != nil && w.flaw == believesOldCopy {
			for i := range server.Jobs {
				if j := &server.Jobs[i]; !j.Active() {
					j.Started, j.Finished = j.Started.Add(-24*time.Hour), j.Finished.Add(-24*time.Hour)
				}
			}
		}
		if server != nil && w.flaw == recordsNothing {
			server.Baseline = []procedure.Service{}
		}
		given.FrontEnds = append(given.FrontEnds, procedure.PoolFrontEnd{FQDN: m.fqdn, Server: server, Problem: &procedure.Problem{Reason: v1alpha1.ReasonServerUnreachable, Message: "no answer"}})
		domain := procedure.PoolDomain{Name: m.fqdn, State: w.states[m.fqdn], Reason: v1alpha1.ReasonInstallerFailed, Message: w.held[m.fqdn]}
		if w.flaw == goesOnAfterwards && domain.State == v1alpha1.DomainHeld {
			domain.State = v1alpha1.DomainOpen
		}
		unknown = unknown || domain.State == "" || domain.State == v1alpha1.DomainUnknown
		given.Domains = append(given.Domains, domain)
	}
	decision := procedure.NextFailOverStep(given)
	if decision.NeedPartner {
		if w.chance(10) {
			given.Problem = &procedure.Problem{Reason: v1alpha1.ReasonServerAnswerUnknown, Message: "no answer"}
		} else {
			given.Partner = w.partner()
		}
		decision = procedure.NextFailOverStep(given)
	}
	if w.chance(15) {
		return // the operator dies here
	}
	if !decision.Engaged {
		w.phase, w.open, w.users, w.permitted, w.retriable = "", false, false, 0, false
		all := !slices.ContainsFunc(given.Domains, func(d procedure.PoolDomain) bool { return d.State != v1alpha1.DomainDone })
		if w.done = all; !all && !unknown {
			w.cause = "the pool answered Busy 3 times in a row"
		}
		return
	}
	w.done, w.why = false, decision.Message
	w.retriable = decision.Retriable && decision.Verdict == procedure.VerdictHold
	switch {
	case decision.Verdict == procedure.VerdictStart && (w.phase == decision.Phase && !w.open || decision.Phase == v1alpha1.FailOverRecording):
		for _, placed := range decision.Orders {
			w.start(placed.FQDN, placed.Order)
		}
	case decision.Verdict == procedure.VerdictPutAway:
		for _, m := range w.machines {
			if slices.Contains(decision.PutAway, m.fqdn) {
				if w.observe(m) == nil || w.chance(8) {
					return // cut off in the middle
				}
				w.putAway(m, procedure.OfFailOver)
			}
		}
		w.say("the failover is put away: %s", decision.Message)
		if w.state == procedure.RegistrarFailedOver {
			w.violated("left", "the failover is put away, and the users are on the backup pool")
		}
		if w.chance(8) {
			return // that is not written down any more
		}
		w.cause = ""
	}
	if w.phase != decision.Phase || w.users != decision.UsersOnBackupPool && w.phase == v1alpha1.FailOverAbandoning {
		w.since = w.now
	}
	w.phase, w.open, w.users, w.permitted = decision.Phase, decision.Open, decision.UsersOnBackupPool, max(w.permitted, decision.Attempt)
}

func (w *failOverWorld) putAway(m *failOverMachine, which func(id string) bool) {
	m.jobs = slices.DeleteFunc(m.jobs, func(j *failOverJob) bool { return !j.Active() && which(j.ID) })
	if m.running {
		m.baseline = nil
	}
}

// domainPass is one look of the controller of a front end's domain.
func (w *failOverWorld) domainPass(m *failOverMachine) {
	server := w.observe(m)
	domain := procedure.Domain{Plan: w.plan(), PoolFailedOver: w.open || w.flaw == stopsAtHome, ServersAtATime: 1, Paused: w.paused,
		Servers: []procedure.DomainServer{{FQDN: m.fqdn, Server: server, Permitted: w.attempts[m.fqdn], Problem: &procedure.Problem{Reason: v1alpha1.ReasonServerUnreachable, Message: "no answer"}}}}
	decision := procedure.UpgradeDomain(domain)
	if decision.NeedMembers {
		for _, other := range w.machines {
			member := procedure.Member{FQDN: other.fqdn, Silent: true}
			if seen := w.observe(other); seen != nil {
				member = procedure.MemberFrom(w.plan(), *seen)
			}
			if w.flaw == goesOnAfterwards {
				member.Failed, member.Silent = false, false
			}
			if w.flaw == stopsAtHome {
				member.FailOver, member.FailedOver = v1alpha1.StepFailOverPool, true
			}
			domain.Members = append(domain.Members, member)
		}
		decision = procedure.UpgradeDomain(domain)
	}
	if w.chance(15) {
		return
	}
	switch one := decision.Servers[0]; one.Verdict {
	case procedure.VerdictStart:
		w.start(m.fqdn, *one.Order)
	case procedure.VerdictPutAway:
		w.putAway(m, func(id string) bool { return !procedure.OfFailOver(id) })
	}
	w.states[m.fqdn], w.held[m.fqdn] = decision.State, decision.Message
}

// person asks for another try wherever something waits for one, and mends what cannot start.
func (w *failOverWorld) person() {
	w.failed = map[string]time.Time{}
	if w.retriable {
		w.permitted++
	}
	for _, m := range w.machines {
		if w.states[m.fqdn] != v1alpha1.DomainHeld || w.observe(m) == nil {
			continue
		}
		attempt := max(w.attempts[m.fqdn], 1)
		for _, j := range m.jobs {
			var number int
			if _, err := fmt.Sscan(j.ID[strings.LastIndex(j.ID, "-")+1:], &number); err == nil && !procedure.OfFailOver(j.ID) {
				attempt = max(attempt, number)
			}
		}
		w.attempts[m.fqdn], w.states[m.fqdn] = attempt+1, v1alpha1.DomainOpen
		m.starting = !m.running
	}
}

func playFailOver(seed uint64, wrong flawInFailOver) *failOverWorld {
	w := newFailOverWorld(seed, wrong)
	for end := w.now.Add(120 * time.Hour); w.now.Before(end) && !w.done && len(w.violations) == 0; {
		w.quiet = w.now.After(end.Add(-100 * time.Hour))
		w.advance(w.minutes(1, 4))
		switch {
		case w.chance(150):
			w.say("the operator's whole memory is lost")
			w.forget()
		case w.chance(100):
			w.paused = !w.paused
		case w.random.IntN(40) == 0:
			w.person()
		}
		w.paused = w.paused && !w.quiet
		for _, which := range w.random.Perm(len(w.machines) + 1) {
			if which == len(w.machines) {
				w.poolPass()
			} else {
				w.domainPass(w.machines[which])
			}
		}
	}
	return w
}

// Whatever goes wrong in a failover: nobody is stopped under users, users are moved once prerequisites hold and come back to a pool that
// serves, and in the end all of it is done or undone.
func TestNothingForbiddenHappensInAFailOver(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(2, 542, 1799570975564478973) {
		w := playFailOver(seed, "")
		complaints := slices.Clone(w.violations)
		if len(complaints) == 0 && (!w.done || !w.home()) {
			complaints = append(complaints, fmt.Sprintf("it ended with done %t and the registrar %s: %s", w.done, w.state, w.why))
		}
		for _, m := range w.machines {
			if len(complaints) == 0 && (m.build != newBuild || !m.running && !m.starting && m.down.IsZero()) {
				complaints = append(complaints, fmt.Sprintf("%s has build %s, running %t", m.fqdn, m.build, m.running))
			}
		}
		if *seedFlag != 0 {
			t.Log(strings.Join(w.journal, "\n"))
		}
		if len(complaints) > 0 {
			t.Fatalf("seed %d: %s\n(replay: go test ./internal/procedure -run '%s' -seed %d)", seed, strings.Join(complaints, "; "), t.Name(), seed)
		}
	}
}

// The checker is worth nothing if it does not catch operators that do what must never happen.
func TestBrokenFailOversAreCaught(t *testing.T) {
	for wrong, what := range map[flawInFailOver]string{stopsAtHome: "home", failsBackEarly: "early", believesHealth: "unhealthy", recordsNothing: "unrecorded", goesOnAfterwards: "further", believesOldCopy: "left"} {
		t.Run(string(wrong), func(t *testing.T) {
			for seed := uint64(1); seed <= 400; seed++ {
				if slices.ContainsFunc(playFailOver(seed, wrong).violations, func(said string) bool { return strings.HasPrefix(said, what+":") }) {
					return
				}
			}
			t.Errorf("an operator that %s was caught in none of 400 histories", wrong)
		})
	}
}
