package procedure_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

const (
	oldBuild  = v1alpha1.Build("5.0.8308.420")
	newBuild  = v1alpha1.Build("5.0.8308.956")
	laterOne  = v1alpha1.Build("5.0.8308.1149")
	interval  = 10 * time.Minute
	soakTime  = 20 * time.Minute
	staleness = 3 * time.Minute // the longest time between what an operator saw and what it does about it
)

// faults says what goes wrong in one history, as chances of one in so many per opportunity; zero is never.
type faults struct {
	crash, forget, twoOperators, unreachable, jobFails, interrupted, drainTimeout, moody, reboots, breaks, people, lostOrder, deletes, members, drift, forces, neverBegins int
}

var (
	noFaults      = faults{}
	operatorDies  = faults{crash: 12, forget: 40, twoOperators: 4, lostOrder: 15}
	everythingBad = faults{crash: 25, forget: 150, twoOperators: 8, unreachable: 150, jobFails: 15, interrupted: 25, drainTimeout: 12, moody: 60, reboots: 900, breaks: 3000, people: 120, lostOrder: 30}
)

// machine is one front end of the model: its services, its build, and what our jobs did to it.
type machine struct {
	fqdn, domain  string
	build, coming v1alpha1.Build // coming: the build is there after the next boot
	running       map[string]bool
	baseline      []procedure.Service
	boot          time.Time
	pendingReboot bool
	jobs          []*job
	gone          map[string]bool // identities of installer jobs that were put away
	unreachable   time.Time
	rebootAt      time.Time
	bootAt        time.Time
	away          bool      // out of service because of us
	broke         bool      // what took it out failed
	unverified    bool      // stopped by us, and neither verified nor put back
	changedAlone  time.Time // when it last changed without us
	heals         time.Time // when a front end service that broke by itself runs again
	hurt          bool      // a start failed in a way that nothing but a person mends
	computer      computerState
	membership    membershipState
	drift         driftState
	starting      bool // its front end service waits for those of others
}

type job struct {
	procedure.Job
	action procedure.Action
	build  v1alpha1.Build
	ends   time.Time
	fate   procedure.JobState
	word   string
	order  procedure.Order
}

var serviceNames = []string{"RTCSRV", "RTCMEETINGMCU", "REPLICA", "W3SVC"}

// reading is an answer of the pool that allowed a domain.
type reading struct {
	domain string
	at     time.Time
}

// failure is a failed or interrupted job that no person has answered yet.
type failure struct {
	job string
	at  time.Time
}

// world is a pool in virtual time, the person who looks after it, and the checker that watches every effect.
type world struct {
	random   *rand.Rand
	faults   faults
	quiet    bool // no further faults
	now      time.Time
	machines []*machine
	desired  v1alpha1.Build
	plan     procedure.Plan
	atATime  int
	paused   bool
	pausedAt time.Time
	mood     string
	moodEnds time.Time
	moodFor  string // the domain that is not ready in this mood
	settled  time.Time

	readings    []reading
	session     string
	sessionAt   time.Time // the reading that opened it
	endedAt     time.Time // when it ended, by a failure
	endedBy     string    // the machine and its job that failed
	storedAt    time.Time // when an operator last wrote down what it had read of the pool's servers
	republished time.Time // when the topology last changed
	published   []publication
	smallest    int
	sessionEnd  bool
	lastChange  time.Time
	failures    map[string]failure
	dbDone      bool
	objects     objects
	journal     []string
	said        string
	effects     []string
	violations  []string
	// ungated: a pool of another role than FrontEnd, each server a domain of its own.
	ungated bool
	// pair is what a pool has with the one that it is paired with; nil when it is not.
	pair *pair
	// mirrors is how the pool's databases are mirrored; nil when they are not.
	mirrors    *mirrors
	declaredAt time.Time // when a person last declared another build
	forced     bool      // a person lets the pool go, whatever is half way
	// blindToClaims: nobody sees since when a job has been claimed.
	blindToClaims bool
}

func newWorld(seed uint64, bad faults) *world {
	random := rand.New(rand.NewPCG(seed, 77))
	w := &world{random: random, faults: bad, now: time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC), desired: newBuild, failures: map[string]failure{}}
	shapes := [][]int{{1, 1}, {1, 1, 1}, {2, 1}, {2, 2}, {2, 2, 2}, {1, 1, 1, 1}, {3, 3}, {2, 2, 3}, {4, 4}}
	shape := shapes[random.IntN(len(shapes))]
	for i, size := range shape {
		name := fmt.Sprintf("UpgradeDomain%d", i+1)
		for range size {
			m := &machine{fqdn: fmt.Sprintf("fe%02d.contoso.com", len(w.machines)+1), domain: name, build: oldBuild,
				boot: w.now.Add(-48 * time.Hour), running: map[string]bool{}, gone: map[string]bool{}}
			for _, service := range serviceNames {
				m.running[service] = true
			}
			w.machines = append(w.machines, m)
		}
	}
	w.atATime = 1
	if random.IntN(3) == 0 {
		w.atATime = 2
	}
	w.plan = procedure.Plan{PackageSource: `\\files\updates\LyncServerUpdateInstaller.exe`, PackageSHA256: strings.Repeat("ab", 32),
		Graceful: true, DrainTimeout: 30 * time.Minute, StopAtOnce: random.IntN(3) == 0, RestartComputer: random.IntN(3) != 0,
		InstallTimeout: time.Hour, RestartTimeout: time.Hour}
	w.settled = w.now.Add(-time.Hour)
	w.objects.claims = map[string]bool{}
	w.smallest = 2
	return w
}

func (w *world) chance(one int) bool { return !w.quiet && one > 0 && w.random.IntN(one) == 0 }

func (w *world) minutes(from, to int) time.Duration {
	return time.Duration(from+w.random.IntN(to-from+1)) * time.Minute
}

func (w *world) say(format string, args ...any) {
	w.journal = append(w.journal, w.now.Format("02 15:04 ")+fmt.Sprintf(format, args...))
}

func (w *world) sayOnce(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if w.said != text {
		w.said = text
		w.say("%s", text)
	}
}

func (w *world) violated(line int, format string, args ...any) {
	message := fmt.Sprintf("line %d: %s", line, fmt.Sprintf(format, args...))
	w.say("VIOLATION %s", message)
	w.violations = append(w.violations, message)
}

func (w *world) machine(fqdn string) *machine {
	for _, m := range w.machines {
		if m.fqdn == fqdn {
			return m
		}
	}
	return nil
}

func (m *machine) up() bool { return m.bootAt.IsZero() }

func (m *machine) serves() bool { return m.up() && m.running["RTCSRV"] }

func (m *machine) whole() bool {
	for _, service := range serviceNames {
		if !m.running[service] && m.expects(service) {
			return false
		}
	}
	return m.up()
}

// answers says whether the machine can be asked.
func (w *world) answers(m *machine) bool {
	return m.up() && !m.membership.off && !w.now.Before(m.unreachable)
}

// observe is what an operator sees of a machine; nil when it does not answer.
func (w *world) observe(m *machine) *procedure.Server {
	if !w.answers(m) {
		return nil
	}
	server := &procedure.Server{FQDN: m.fqdn, Build: m.build, Time: w.now, BootTime: m.boot, PendingReboot: m.pendingReboot, Baseline: m.baseline}
	server.Services, server.Jobs = m.services(), make([]procedure.Job, 0, len(m.jobs))
	for _, j := range m.jobs {
		server.Jobs = append(server.Jobs, j.Job)
		if w.blindToClaims {
			server.Jobs[len(server.Jobs)-1].Claimed = time.Time{}
		}
	}
	return server
}

func (m *machine) services() []procedure.Service {
	list := make([]procedure.Service, 0, len(serviceNames))
	for _, name := range serviceNames {
		status := procedure.ServiceStopped
		switch {
		case m.running[name]:
			status = procedure.ServiceRunning
		case name == "RTCSRV" && m.starting && m.up():
			status = procedure.ServiceStartPending
		}
		startType := m.computer.startType()
		if m.drift.manual[name] && !m.computer.disabled {
			startType = "Manual"
		}
		list = append(list, procedure.Service{Name: m.computer.named(name), Status: status, StartType: startType})
	}
	return list
}

// advance lets time pass, a minute at a time.
func (w *world) advance(by time.Duration) {
	for end := w.now.Add(by); w.now.Before(end); {
		w.now = w.now.Add(time.Minute)
		for _, m := range w.machines {
			w.tick(m)
		}
		w.driftByPeople()
		if w.pair != nil {
			w.pair.passMinute(w)
		}
		if w.mirrors != nil {
			w.mirrors.passMinute(w)
		}
		if !w.quiet && w.now.After(w.moodEnds) && w.chance(w.faults.moody) {
			domains := w.domains()
			moods := []string{"Busy", "InsufficientActiveFrontEnds", "Draining", "NotReady", "Busy"}
			w.mood, w.moodEnds, w.moodFor = moods[w.random.IntN(len(moods))], w.now.Add(w.minutes(5, 45)), domains[w.random.IntN(len(domains))]
			w.settled = w.moodEnds
		}
	}
}

func (w *world) tick(m *machine) {
	if m.up() && w.chance(w.faults.unreachable) {
		m.unreachable = w.now.Add(w.minutes(1, 40))
	}
	if w.usersMoved() && m.membership.left && !w.answers(m) {
		delete(w.failures, m.fqdn) // while users are elsewhere, one that has left the pool and does not answer keeps nobody waiting
	}
	if m.up() && m.rebootAt.IsZero() && w.chance(w.faults.reboots) {
		w.say("%s reboots by itself", m.fqdn)
		m.rebootAt, m.changedAlone = w.now, w.now.Add(15*time.Minute)
	}
	if m.serves() && !m.away && w.chance(w.faults.breaks) {
		w.say("RTCSRV on %s breaks", m.fqdn)
		m.running["RTCSRV"], m.changedAlone, m.heals = false, w.now, w.now.Add(w.minutes(30, 300))
	}
	if !m.heals.IsZero() && !m.away && m.up() && (w.quiet || w.now.After(m.heals)) {
		m.running["RTCSRV"], m.heals, w.settled = true, time.Time{}, w.now.Add(5*time.Minute)
		w.healed(m)
	}
	if !m.rebootAt.IsZero() && !w.now.Before(m.rebootAt) {
		m.rebootAt, m.bootAt = time.Time{}, w.now.Add(w.minutes(4, 12))
		for name := range m.running {
			m.running[name] = false
		}
		m.starting = false
		for _, j := range m.jobs {
			switch {
			case j.State == procedure.JobClaimed:
				w.neverBegan(m, j)
			case j.Active():
				j.State, j.Message = procedure.JobInterrupted, "Windows restarted"
				if w.pair != nil {
					w.pair.ends(w, m, j)
				}
				w.cutOff(m, j)
				w.failed(m, j)
			}
		}
	}
	if !m.bootAt.IsZero() && !w.now.Before(m.bootAt) {
		m.boot, m.bootAt, m.pendingReboot, w.settled = m.bootAt, time.Time{}, false, w.now.Add(w.minutes(1, 12))
		if m.coming != "" {
			m.build, m.coming = m.coming, ""
		}
		for _, name := range serviceNames {
			m.running[name] = !m.computer.disabled && !m.drift.manual[name]
		}
		if w.pair != nil && w.pair.cold {
			m.starting, m.running["RTCSRV"] = m.running["RTCSRV"], false
		}
		m.drift.stopped = nil
		w.restarted(m)
		if len(m.drift.manual) > 0 && (m.broke || m.hurt || m.onlyStopped() || m.startedInVain()) && !m.computer.failedOver { // what Windows does not start, a restart without us would have cost as well
			if m.away {
				w.lastChange = w.now
			}
			m.away, m.unverified = false, false
		}
		w.back(m)
	}
	w.endClaims(m)
	for _, j := range m.jobs {
		if j.State == procedure.JobRunning && m.up() && !w.now.Before(j.ends) && !w.waitsForOthers(m, j) {
			w.end(m, j)
		}
	}
}

// restarted ends a failure to restart a machine, or to prepare that: what had failed has happened after all. Where a person has asked for
// another try in between, only the session is left to know of it.
func (w *world) restarted(m *machine) {
	forRestart := func(job string) bool {
		return strings.HasPrefix(job, "restart-computer") || strings.HasPrefix(job, "stop-services-again")
	}
	if forRestart(w.failures[m.fqdn].job) {
		delete(w.failures, m.fqdn)
	}
	if fqdn, job, _ := strings.Cut(w.endedBy, " "); fqdn == m.fqdn && forRestart(job) {
		w.sessionEnd = w.sessionEnd && !m.unverified
	}
}

// worked says whether a job of our work on a machine has not ended.
func (m *machine) worked() bool {
	return slices.ContainsFunc(m.jobs, func(j *job) bool { return j.Active() && procedure.BegunBy(j.ID) })
}

// back notes that a machine has all its services again.
func (w *world) back(m *machine) {
	if m.whole() && m.away {
		m.away = false
		// What it was let go with may still be going on.
		m.membership.forced = m.membership.forced && m.worked()
		if !m.membership.left { // what has left the pool does not change it any more
			w.lastChange = w.now
		}
	}
	if m.whole() && m.broke {
		m.unverified = false
	}
}

func (w *world) failed(m *machine, j *job) {
	switch j.action {
	case procedure.ActionStopServices, procedure.ActionFailOverComputer, procedure.ActionInstall, procedure.ActionRestartComputer, procedure.ActionUpdateDatabases:
		m.broke = true
		if j.build == w.desired { // a person who declared another build since has said to go on with that one
			w.failures[m.fqdn] = failure{j.ID, w.now}
		}
		if !w.sessionEnd {
			w.sessionEnd, w.endedAt, w.endedBy = true, w.now, m.fqdn+" "+j.ID
		}
	}
}

// end lets a job end the way that was fated when it began.
func (w *world) end(m *machine, j *job) {
	j.State, j.Finished, j.Outcome = j.fate, w.now, j.word
	w.say("%s: %s %s %s", m.fqdn, j.ID, j.State, j.word)
	set := func(running bool) {
		for _, name := range serviceNames {
			m.running[name] = running
		}
		if m.starting = false; running {
			m.drift.stopped = nil
		} else {
			m.away, m.unverified = true, true // also where somebody has started them in between
		}
		w.settled = w.now.Add(w.minutes(1, 12))
	}
	switch j.action {
	case procedure.ActionStopServices:
		if j.State == procedure.JobSucceeded {
			set(false)
		} else {
			m.running["RTCMEETINGMCU"] = false
			m.running["RTCSRV"] = w.random.IntN(2) == 0
		}
	case procedure.ActionFailOverComputer:
		w.endFailOver(m, j, set)
	case procedure.ActionInstall:
		if j.State == procedure.JobSucceeded || w.random.IntN(4) == 0 {
			m.build = j.build
		}
		if j.State == procedure.JobSucceeded && w.random.IntN(4) == 0 {
			m.pendingReboot = true
		}
		if j.State == procedure.JobSucceeded && w.random.IntN(6) == 0 && !m.computer.disabled {
			set(true) // some updates start all services at their end
			w.back(m)
		}
	case procedure.ActionStartServices, procedure.ActionFailBackComputer:
		m.computer.disabled = false // start types are restored first, whatever becomes of the rest
		m.restoreStartTypes()
		if j.action == procedure.ActionFailBackComputer && j.State == procedure.JobSucceeded {
			m.computer.failedOver = false
		}
		if j.State == procedure.JobSucceeded {
			m.computer.cutOff, m.hurt = 0, false
			set(true)
			if strings.HasPrefix(j.ID, "recover") {
				m.unverified = false
			}
		} else {
			m.running["RTCSRV"], m.hurt = w.random.IntN(2) == 0, true
			if m.serves() { // a part of its services is missing, but it takes calls: it is back
				m.away, m.unverified, w.lastChange = false, false, w.now
			}
		}
		w.back(m)
	case procedure.ActionRestartComputer:
		if j.State == procedure.JobFailed {
			w.back(m) // somebody may have started its services
		}
	case procedure.ActionUpdateDatabases:
		w.dbDone = j.State == procedure.JobSucceeded
	case procedure.ActionMoveCentralManagement, procedure.ActionFailOverPool, procedure.ActionFailBackPool:
		w.pair.ends(w, m, j)
	}
	if j.State != procedure.JobSucceeded {
		w.failed(m, j)
	}
	if j.action == procedure.ActionStopServices && j.State != procedure.JobSucceeded {
		w.back(m) // what it stopped had been stopped by somebody before
	}
}

// start is what Start-LyncOpsJob does: idempotent by identity, refused while another job runs.
func (w *world) start(m *machine, order procedure.Order, build v1alpha1.Build) {
	if !w.answers(m) || w.chance(w.faults.lostOrder) {
		return
	}
	ordered := m.takeClaimed(order.ID)
	if ordered != nil {
		order, build = ordered.order, ordered.build
	}
	for _, j := range m.jobs {
		if j.ID == order.ID || j.Active() {
			return
		}
	}
	w.judge(m, order, build)
	if !m.away && (!m.unverified || m.inServiceAgain(w.now.Add(-staleness))) {
		m.membership.taken = w.domainFor(m)
	}
	w.say("%s: start %s", m.fqdn, order.ID)
	if order.Action != procedure.ActionStagePackage && ordered == nil {
		w.effects = append(w.effects, m.fqdn+" "+order.ID)
	}
	j := &job{Job: procedure.Job{ID: order.ID, Action: order.Action, State: procedure.JobRunning, Claimed: w.now, Started: w.now, BootTime: m.boot}, action: order.Action, build: build, fate: procedure.JobSucceeded, order: order}
	m.jobs = append(m.jobs, j)
	if ordered == nil && w.chance(w.faults.neverBegins) {
		j.State, j.Started, j.BootTime = procedure.JobClaimed, time.Time{}, time.Time{} // nothing is written down of it before it begins
		return
	}
	w.begin(m, order, j)
}

// begin is the beginning of a job.
func (w *world) begin(m *machine, order procedure.Order, j *job) {
	length := w.minutes(1, 6)
	switch order.Action {
	case procedure.ActionStopServices:
		if m.baseline == nil {
			m.baseline = m.services()
		}
		m.away, m.unverified, m.broke = true, true, false
		length = w.minutes(1, 20)
		if order.Graceful && w.chance(w.faults.drainTimeout) {
			length = order.Timeout
			if !order.StopAtOnce {
				j.fate, j.word = procedure.JobFailed, "DrainTimeout"
			}
		}
	case procedure.ActionFailOverComputer:
		length = w.startFailOver(m, order, j)
	case procedure.ActionInstall:
		length = w.minutes(5, 20)
	case procedure.ActionRestartComputer:
		m.away, m.unverified = true, true
		if !w.chance(w.faults.jobFails) {
			m.rebootAt = w.now.Add(2 * time.Minute)
		} else {
			j.fate = procedure.JobFailed
		}
		length = time.Minute
	case procedure.ActionUpdateDatabases:
		length = w.minutes(5, 20)
	case procedure.ActionRecordServices, procedure.ActionMoveCentralManagement, procedure.ActionFailOverPool, procedure.ActionFailBackPool:
		length = w.pair.begin(w, m, order, j)
	}
	if order.Action != procedure.ActionRestartComputer && j.fate == procedure.JobSucceeded && w.chance(w.faults.jobFails) {
		j.fate, j.word = procedure.JobFailed, "Internal"
	}
	if order.Action != procedure.ActionRestartComputer && w.chance(w.faults.interrupted) {
		m.rebootAt, m.changedAlone = w.now.Add(w.minutes(0, int(length/time.Minute))), w.now.Add(length+15*time.Minute)
	}
	j.ends = w.now.Add(length)
}

// putAway is what Clear-LyncOpsJobs does, the oldest job first; it can be cut off anywhere.
func (w *world) putAway(m *machine) (complete bool) {
	if !w.answers(m) {
		return false
	}
	w.say("%s: put away", m.fqdn)
	w.judgePutAway(m)
	whole := m.whole()
	if !w.clear(m, func(id string) bool { return !procedure.OfFailOver(id) }) {
		return false
	}
	if whole || m.whole() || w.recently(m.changedAlone) {
		m.unverified = false
	}
	if stopped := strings.HasPrefix(w.failures[m.fqdn].job, "stop-services"); stopped && m.whole() && !m.build.OlderThan(w.desired) {
		delete(w.failures, m.fqdn) // what it was stopped for has been done by hand
	}
	return true
}

// clear puts those jobs away, and with the last one the baseline when everything is as it says.
func (w *world) clear(m *machine, which func(id string) bool) (complete bool) {
	var kept []*job
	for len(m.jobs) > 0 && !m.jobs[0].Active() {
		if !which(m.jobs[0].ID) {
			kept, m.jobs = append(kept, m.jobs[0]), m.jobs[1:]
			continue
		}
		if w.chance(w.faults.crash * 4) {
			m.jobs = append(kept, m.jobs...)
			return false
		}
		if m.jobs[0].action == procedure.ActionInstall && m.jobs[0].State == procedure.JobSucceeded && !m.build.OlderThan(m.jobs[0].build) {
			m.gone[m.jobs[0].ID] = true
		}
		m.jobs = m.jobs[1:]
	}
	m.jobs = append(kept, m.jobs...)
	if m.whole() {
		m.baseline = nil
	}
	return true
}

// ask is Get-CsPoolUpgradeReadinessState as this pool would answer it.
func (w *world) ask() (procedure.Readiness, bool) {
	members := w.members()
	answer := procedure.Readiness{State: procedure.PoolStateReady, TotalFrontEnds: len(members)}
	answered := false
	for _, m := range members {
		if m.serves() {
			answer.TotalActiveFrontEnds++
			answered = answered || w.answers(m)
		}
	}
	switch {
	case answer.TotalActiveFrontEnds < minimumOf(len(members)):
		answer.State = procedure.PoolStateInsufficient
	case answer.TotalActiveFrontEnds < len(members) || w.now.Before(w.settled):
		answer.State = procedure.PoolStateBusy
	}
	switch {
	case w.usersMoved():
		answer.State = procedure.PoolStateBusy
	case w.pair != nil && w.pair.sick != "":
		answer.State = w.pair.sick
	}
	moody := !w.quiet && w.now.Before(w.moodEnds)
	if moody && w.mood != "NotReady" {
		answer.State = w.mood
	}
	for _, domain := range w.domains() {
		ready := !moody || w.mood != "NotReady" || domain != w.moodFor
		frontEnds := []string{}
		for _, m := range members {
			if m.domain == domain {
				frontEnds = append(frontEnds, m.fqdn)
			}
		}
		answer.Domains = append(answer.Domains, procedure.ReadinessDomain{Name: domain, IsReadyForUpgrade: ready, FrontEnds: frontEnds})
		if answered && ready && answer.State == procedure.PoolStateReady {
			w.readings = append(w.readings, reading{domain, w.now})
		}
	}
	if answered {
		w.say("the pool answers %s", answer.State)
	}
	return answer, answered
}

// minimumOf repeats the published table in its own words.
func minimumOf(frontEnds int) int {
	return [...]int{1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 3, 7: 4, 8: 4, 9: 4, 10: 5, 11: 5, 12: 5}[frontEnds]
}

func (w *world) recently(t time.Time) bool { return w.now.Sub(t) <= staleness }

// judge checks a new job against what must never happen.
func (w *world) judge(m *machine, order procedure.Order, build v1alpha1.Build) {
	w.judgeProduct(m, order)
	if procedure.OfFailOver(order.ID) {
		w.pair.judgeMove(w, order)
		return
	}
	away := w.judgeUsers(m, order)
	w.mirrors.judgeUpdate(w, order)
	takesOut := order.Action == procedure.ActionStopServices || order.Action == procedure.ActionFailOverComputer || order.Action == procedure.ActionRestartComputer
	// What could not be put back and is down, has no users, or was down when the operator looked, costs nobody anything.
	neverBack := m.hurt && !m.serves() || m.computer.failedOver || w.recently(m.drift.started)
	switch {
	case takesOut && away:
		w.judgeAway(m)
	case takesOut && !m.away && !neverBack:
		w.judgeTakingOut(m)
	}
	if takesOut && !m.away && !neverBack {
		w.judgeCurrent(m, build)
	}
	if takesOut && !m.serves() && m.unverified && w.session == m.domain {
		w.sessionEnd = false // it never came back, so that its domain was never left
	}
	if order.Action == procedure.ActionInstall {
		switch {
		case m.gone[order.ID]:
			w.violated(4, "the installer %s on %s runs again after it succeeded and was put away", order.ID, m.fqdn)
		case build.OlderThan(m.build) && !w.recently(m.drift.at):
			w.violated(9, "build %s is installed on %s, which has build %s", build, m.fqdn, m.build)
		case !m.build.OlderThan(build) && !w.recently(m.drift.at) && !m.unfinished():
			w.violated(4, "the installer runs on %s, which has build %s already", m.fqdn, m.build)
		case m.running["RTCSRV"] && !w.recently(m.changedAlone) && !w.recently(m.drift.at):
			w.violated(3, "the installer runs on %s under running services", m.fqdn)
		}
	}
	if order.Action == procedure.ActionUpdateDatabases {
		for _, other := range w.machines {
			if w.recently(other.drift.at) || other.membership.left || w.recently(w.republished) {
				continue
			}
			if other.build.OlderThan(build) {
				w.violated(5, "databases change while %s has build %s", other.fqdn, other.build)
			}
			if other.away || other.unverified {
				w.violated(5, "databases change while %s is being worked on", other.fqdn)
			}
		}
	}
}

func (w *world) judgeTakingOut(m *machine) {
	members := w.membersFor(m)
	serving, first := 0, len(members)
	if first == 8 || first == 9 {
		first = 7
	}
	unverified, as := 0, m.takenAs()
	if !m.away && m.inServiceAgain(w.now.Add(-staleness)) {
		as = w.domainFor(m) // its work begins anew where it is now
	}
	for i, other := range members {
		if i < first && other != m && !other.away && (other.serves() || w.recently(other.changedAlone)) {
			serving++
		}
	}
	for _, other := range w.machines {
		if other == m {
			continue
		}
		if other.away && !other.membership.unknown && !w.leftWithTheMove(other) && other.takenAs() != as && !w.movedUnseen(m) && !w.movedUnseen(other) {
			w.violated(1, "%s of %s is stopped while %s of %s is out", m.fqdn, m.domain, other.fqdn, other.domain)
		}
		// What breaks by itself on one that came back and left the pool afterwards is nobody's work.
		leftWhole := other.membership.left && (other.whole() || !other.away || other.membership.forced)
		movedWhole := other.whole() && other.domain != other.membership.taken && !w.recently(other.membership.movedAt) // what is left to be done there waits for that domain's turn
		if other.unverified && !other.inServiceAgain(w.now) && !leftWhole && !movedWhole && other.takenAs() == as && w.failures[other.fqdn].job == "" {
			unverified++
		}
		for _, j := range other.jobs {
			if j.action == procedure.ActionUpdateDatabases && j.Active() {
				w.violated(5, "%s is stopped while the databases change", m.fqdn)
			}
		}
	}
	if w.ungated {
		w.judgeWithoutQuorum(m)
	} else if minimum := minimumOf(len(members)); serving < minimum && !w.recently(w.republished) && m.serves() {
		w.violated(2, "%s is stopped, and %d of %d front ends remain; %d are needed", m.fqdn, serving, len(members), minimum)
	}
	fresh := w.freshReading(m)
	if m.unverified && !m.inServiceAgain(w.now.Add(-staleness)) {
		if fresh != nil { // it begins anew, with an answer
			w.session, w.sessionEnd, w.sessionAt, m.membership.taken = fresh.domain, false, fresh.at, fresh.domain
		}
		return // it came back by itself in the middle of our work, which is finished whatever else has happened
	}
	if unverified >= w.atATime {
		w.violated(3, "%s is stopped before %d others are verified back in service", m.fqdn, unverified)
	}
	for fqdn, failed := range w.failures {
		databases := strings.HasPrefix(failed.job, "update-databases") && w.restless() // no reason to leave a front end old that drifted or came since
		if !w.recently(failed.at) && !databases {
			w.violated(6, "%s is stopped although %s failed on %s and no person has said to go on", m.fqdn, failed.job, fqdn)
		}
	}
	w.mirrors.judgeStop(w, m)
	w.judgeDeletion(m)
	if w.paused && !w.recently(w.pausedAt) {
		w.violated(11, "%s is stopped although the pool has been paused since %s", m.fqdn, w.pausedAt.Format("15:04"))
	}
	w.judgeMember(m)
	if fresh != nil && w.session == fresh.domain {
		w.sessionAt = fresh.at // the same domain again: what has changed before this answer was in it
	}
	if !w.ungated && (w.session != w.domainFor(m) || w.sessionEnd && !w.recently(w.endedAt) || w.republishedSince(w.sessionAt)) {
		if fresh == nil {
			w.violated(3, "%s is stopped without a fresh Ready of %s read after the last change", m.fqdn, m.domain)
			return
		}
		w.session, w.sessionEnd, w.sessionAt = fresh.domain, false, fresh.at
	}
}

// freshReading is the latest answer that allows the machine's domain to be worked on: not too old, and read after the last change. Where its move
// cannot be known yet, one for the domain that it has moved to is as good, if that is the later one.
func (w *world) freshReading(m *machine) *reading {
	var fresh *reading
	for i, answer := range w.readings {
		named := answer.domain == w.domainFor(m) || answer.domain == m.domain && (fresh == nil || answer.at.After(fresh.at))
		if named && !answer.at.Before(w.lastChange) && !w.republishedSince(answer.at) && w.now.Sub(answer.at) <= interval+2*staleness {
			fresh = &w.readings[i]
		}
	}
	return fresh
}
