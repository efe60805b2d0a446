package procedure_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lyncops.dev/operator/internal/procedure"
)

// The rules of a pool that is failed over, beside the lines of what must never happen.
const (
	ruleMoving          = 41 // a front end is worked on while a job moves the users
	ruleBroughtBack     = 42 // users are brought back to a pool that is not upgraded or does not serve
	ruleUnhealthy       = 43 // users are moved although what must hold before does not
	ruleBeside          = 44 // two moves run at once
	ruleUnrecorded      = 45 // the services are stopped and were not written down
	ruleMovedForNothing = 46 // users are moved although every front end has the build
	ruleLeft            = 47 // nobody remembers the failover any more, and the users are on the backup pool
	ruleAway            = 48 // databases change while the users are on the backup pool
)

const (
	poolFQDN       = "pool01.contoso.com"
	backupPoolFQDN = "pool02.contoso.com"
)

// pair is what a pool has with the pool that it is paired with.
type pair struct {
	state     string    // the registrar's
	moved     time.Time // when that last changed
	over      time.Time // when the users were moved
	begun     time.Time // when that began
	sick      string    // what the pool answers until it has been upgraded as a whole; empty for a pool that is well
	unhealthy time.Time // until when the backup service is not healthy
	since     time.Time // and since when
	edge      time.Time // until when an Edge pool has the pool as its next hop
	cold      bool      // the pool was stopped as a whole, and not enough front ends are started for it to come up
	forced    bool      // a person has let the pool go with its users elsewhere, and answers for that until they are back
	central   bool      // the central management store is on the pool
	mover     *machine  // the front end of the backup pool that can take it over
	members   []string  // the front ends that the failover has stopped
}

// pairedWorld is a pool that is paired with another one, and may turn bad for good.
func pairedWorld(seed uint64, bad faults) *world {
	w := newWorld(seed, bad)
	p := &pair{state: procedure.RegistrarActive, central: w.random.IntN(4) == 0}
	p.mover = &machine{fqdn: "be01.contoso.com", build: oldBuild, boot: w.now.Add(-48 * time.Hour), running: map[string]bool{}, gone: map[string]bool{}}
	for _, service := range serviceNames {
		p.mover.running[service] = true
	}
	if w.pair = p; w.random.IntN(2) == 0 {
		w.turnBad()
	}
	return w
}

func (w *world) turnBad() {
	w.pair.sick = []string{procedure.PoolStateBusy, procedure.PoolStateInsufficient, "Draining"}[w.random.IntN(3)]
	w.say("the pool turns bad: %s", w.pair.sick)
}

// usersAway says whether the users are on the backup pool.
func (w *world) usersAway() bool {
	return w.pair != nil && (w.pair.state == procedure.RegistrarFailedOver || w.pair.state == procedure.RegistrarFailingBack)
}

// usersMoved says whether the registrar is anything but at home.
func (w *world) usersMoved() bool { return w.pair != nil && w.pair.state != procedure.RegistrarActive }

// passMinute lets a minute pass for the pair.
func (p *pair) passMinute(w *world) {
	switch {
	case w.quiet:
		p.unhealthy, p.edge = time.Time{}, time.Time{}
	case w.chance(400):
		p.since, p.unhealthy = w.now, w.now.Add(w.minutes(5, 60))
	case w.chance(1500):
		p.edge = w.now.Add(w.minutes(10, 120))
	}
	if p.sick == "" && p.state == procedure.RegistrarActive && w.chance(1500) {
		w.turnBad()
	}
	w.endClaims(p.mover)
	for _, j := range p.mover.jobs {
		if j.State == procedure.JobRunning && !w.now.Before(j.ends) {
			w.end(p.mover, j)
		}
	}
	p.comeUp(w)
}

// comeUp lets a pool that was stopped as a whole come up when enough front ends are started.
func (p *pair) comeUp(w *world) {
	members, started, running := w.members(), 0, 0
	for _, m := range members {
		if m.serves() {
			running++
		}
		if m.up() && (m.serves() || m.starting) {
			started++
		}
	}
	if p.cold = p.cold && started < coldStartOf(len(members)) && running < minimumOf(len(members)); p.cold {
		return
	}
	for _, m := range w.machines {
		if m.starting && m.up() {
			m.starting, m.running["RTCSRV"] = false, true
			w.back(m)
		}
	}
}

// coldStartOf repeats the published table in its own words.
func coldStartOf(frontEnds int) int {
	return [...]int{1: 1, 2: 1, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5, 8: 6, 9: 7}[frontEnds]
}

// waitsForOthers says whether the front end service of a machine, whose services are being started, waits for those of others.
func (w *world) waitsForOthers(m *machine, j *job) bool {
	if w.pair == nil || j.action != procedure.ActionStartServices || j.fate != procedure.JobSucceeded || m.running["RTCSRV"] || m.computer.disabled {
		return false
	}
	if w.pair.cold && !m.starting {
		m.restoreStartTypes()
		for _, name := range serviceNames {
			m.running[name] = true
		}
		m.starting, m.running["RTCSRV"] = true, false
	}
	if m.starting && w.now.Sub(j.Started) > 2*time.Hour {
		j.State, j.Finished, j.Message = procedure.JobFailed, w.now, "RTCSRV is StartPending"
		w.say("%s: %s has waited too long", m.fqdn, j.ID)
		return true
	}
	return m.starting
}

// begin is the beginning of a job of a failover.
func (p *pair) begin(w *world, m *machine, order procedure.Order, j *job) time.Duration {
	switch order.Action {
	case procedure.ActionRecordServices:
		if m.baseline == nil {
			m.baseline = m.services()
		}
		return w.minutes(1, 3)
	case procedure.ActionMoveCentralManagement:
		return w.minutes(2, 15)
	case procedure.ActionFailOverPool:
		p.state, p.moved, p.begun = procedure.RegistrarFailingOver, w.now, w.now
	case procedure.ActionFailBackPool:
		p.state, p.moved = procedure.RegistrarFailingBack, w.now
	default:
	}
	return w.minutes(3, 25)
}

// ends is what a job of a failover leaves behind, however it ended.
func (p *pair) ends(w *world, m *machine, j *job) {
	ok := j.State == procedure.JobSucceeded
	switch j.action {
	case procedure.ActionMoveCentralManagement:
		p.central = p.central && !ok
	case procedure.ActionFailOverPool:
		switch {
		case ok, w.random.IntN(3) == 0: // it failed only after the users were moved
			p.stopAll(w)
		case w.random.IntN(2) == 0:
			p.state, p.moved = procedure.RegistrarActive, w.now
		}
	case procedure.ActionFailBackPool:
		if !ok {
			if w.random.IntN(2) == 0 {
				p.state, p.moved = procedure.RegistrarFailedOver, w.now
			}
			return
		}
		p.comeHome(w)
	default:
	}
}

func (p *pair) stopAll(w *world) {
	p.state, p.moved, p.over, p.cold, p.members = procedure.RegistrarFailedOver, w.now, w.now, true, w.topology()
	w.session, w.lastChange = "", w.now
	for _, m := range w.members() {
		if !m.away && !m.unverified {
			m.membership.taken = m.domain
		}
		m.away, m.starting, m.heals, m.membership.forced = true, false, time.Time{}, p.forced
		m.drift.stopped = nil
		for name := range m.running {
			m.running[name] = false
		}
	}
}

// comeHome is the end of a failback: the users are on the pool again, which is well, and settles. Some services are restarted for it.
func (p *pair) comeHome(w *world) {
	p.state, p.moved, p.sick, p.members, p.forced = procedure.RegistrarActive, w.now, "", nil, false
	w.session, w.lastChange, w.settled = "", w.now, w.now.Add(w.minutes(1, 12))
	if m := w.somebody(); w.random.IntN(4) == 0 && m.serves() && !m.away && !w.quiet {
		w.say("the failback restarts RTCSRV on %s", m.fqdn)
		m.running["RTCSRV"], m.changedAlone, m.heals = false, w.now, w.now.Add(w.minutes(2, 8))
	}
}

// partner is what a front end knows of the pair; its copy of the topology may be behind.
func (p *pair) partner(w *world, o *operators) *procedure.Partner {
	partner := &procedure.Partner{BackupPool: backupPoolFQDN, BackupServers: []string{p.mover.fqdn}, PoolState: p.state, CentralManagementPool: backupPoolFQDN}
	if p.central {
		partner.CentralManagementPool = poolFQDN
	}
	if p.state == procedure.RegistrarFailedOver && w.now.Sub(p.over) < 12*time.Minute && w.chance(3) {
		partner.PoolState = procedure.RegistrarActive
	}
	export := "FinalState"
	if w.now.Before(p.unhealthy) && o.flaw != trustsBackupService {
		export = []string{"ErrorState", "NonSteadyState"}[w.random.IntN(2)]
	}
	if w.now.Before(p.edge) {
		partner.EdgePools = []string{"edge01.contoso.com"}
	}
	for _, pool := range []string{poolFQDN, backupPoolFQDN} {
		partner.Modules = append(partner.Modules, procedure.BackupModule{Pool: pool, Name: "UserServices.PresenceFocus", Export: export, Import: "NormalState"})
	}
	return partner
}

// rememberedWithout says whether a front end can be rebuilt: that takes its time, and of a pool whose users are elsewhere another front end
// still remembers the failover. What no server and no status remembers, nobody can know.
func (w *world) rememberedWithout(rebuilt *machine) bool {
	if w.pair == nil || !w.usersMoved() {
		return w.pair == nil || w.now.Sub(w.pair.moved) > time.Hour
	}
	return w.now.Sub(w.pair.moved) > time.Hour && w.remembered(rebuilt)
}

// remembered says whether a front end of the pool, other than this one, remembers the failover. A person who lets a pool go by force answers
// for what the front end knew that leaves the pool then.
func (w *world) remembered(except *machine) bool {
	return slices.ContainsFunc(w.members(), func(m *machine) bool {
		return m != except && slices.ContainsFunc(m.jobs, func(j *job) bool { return procedure.OfFailOver(j.ID) })
	})
}

// leftWithTheMove says whether a front end was stopped with its pool, and has left it before anything was begun on it; or was let go half
// way by a person.
func (w *world) leftWithTheMove(m *machine) bool {
	return m.membership.left && (m.membership.forced || w.pair != nil && !m.unverified)
}

// moving is a job that moves the users, wherever it runs; nil when there is none.
func (w *world) moving() *job {
	for _, m := range w.machines {
		for _, j := range m.jobs {
			if j.Active() && (j.action == procedure.ActionFailOverPool || j.action == procedure.ActionFailBackPool) {
				return j
			}
		}
	}
	return nil
}

// judgeMove checks a job of a failover.
func (p *pair) judgeMove(w *world, order procedure.Order) {
	if moving := w.moving(); moving != nil {
		w.violated(ruleBeside, "%s is started beside %s", order.ID, moving.ID)
	}
	switch order.Action {
	case procedure.ActionFailOverPool:
		p.judgeFailOver(w)
	case procedure.ActionFailBackPool:
		for _, m := range w.members() {
			if !slices.Contains(p.members, m.fqdn) || w.recently(m.drift.at) || w.recently(m.changedAlone) || m.membership.unknown || w.objects.deleting && !w.declared(m.fqdn) {
				continue
			}
			if m.build.OlderThan(w.desired) && !w.recently(w.declaredAt) || !m.serves() {
				w.violated(ruleBroughtBack, "users are brought back while %s has build %s, running %v", m.fqdn, m.build, m.running)
			}
		}
	default:
	}
}

func (p *pair) judgeFailOver(w *world) {
	if w.usersMoved() {
		return // it goes on with one that was left half way
	}
	needed := false
	for _, m := range w.members() {
		unfinished := slices.ContainsFunc(m.jobs, func(j *job) bool {
			return j.action == procedure.ActionInstall && (j.State != procedure.JobSucceeded || !m.boot.After(j.Started))
		})
		needed = needed || m.build.OlderThan(w.desired) || unfinished || w.recently(m.drift.at) || w.recently(w.declaredAt)
		if m.baseline == nil && !w.recently(w.republished) && !w.recently(m.drift.at) && !w.objects.deleting {
			w.violated(ruleUnrecorded, "the services of %s are stopped and were not written down", m.fqdn)
		}
	}
	switch {
	case !needed && !w.recently(w.republished):
		w.violated(ruleMovedForNothing, "users are moved although every front end has the build")
	case w.now.Before(p.unhealthy) && !w.recently(p.since):
		w.violated(ruleUnhealthy, "users are moved while the backup service is not healthy")
	case w.paused && !w.recently(w.pausedAt):
		w.violated(11, "users are moved although the pool has been paused since %s", w.pausedAt.Format("15:04"))
	}
	w.judgeDeletion(w.members()[0])
}

// judgeAway checks that a front end of a pool whose users are elsewhere may be taken: nobody has failed, and nothing moves.
func (w *world) judgeAway(m *machine) {
	begun := slices.ContainsFunc(m.jobs, func(j *job) bool { return procedure.BegunBy(j.ID) })
	if begun {
		return
	}
	for fqdn, failed := range w.failures {
		if fqdn != m.fqdn && !w.recently(failed.at) && !strings.HasPrefix(failed.job, "update-databases") {
			w.violated(6, "%s is stopped although %s failed on %s and no person has said to go on", m.fqdn, failed.job, fqdn)
		}
	}
	if w.paused && !w.recently(w.pausedAt) {
		w.violated(11, "%s is stopped although the pool has been paused since %s", m.fqdn, w.pausedAt.Format("15:04"))
	}
	if w.republished.Before(w.pair.begun) && !w.objects.deleting { // of a pool that is being deleted the topology is not read again
		w.judgeMember(m)
	}
}

// judgeUsers checks that no work on a server meets users on the move, and says whether they are away.
func (w *world) judgeUsers(m *machine, order procedure.Order) (away bool) {
	if w.pair == nil {
		return false
	}
	works := order.Action == procedure.ActionStopServices || order.Action == procedure.ActionInstall || order.Action == procedure.ActionRestartComputer
	if moving := w.moving(); moving != nil && works && !m.membership.left {
		w.violated(ruleMoving, "%s on %s while %s runs", order.ID, m.fqdn, moving.ID)
	}
	if order.Action == procedure.ActionUpdateDatabases && w.usersMoved() && !(w.pair.forced && !w.remembered(nil)) {
		w.violated(ruleAway, "databases change while the registrar is %s", w.pair.state)
	}
	return w.usersAway()
}

// judgeOver checks that a failover is put away, or its pool let go, only when its users are at home.
func (w *world) judgeOver(what string) {
	if w.usersMoved() {
		w.violated(ruleLeft, "%s while the registrar is %s", what, w.pair.state)
	}
}

func (p *pair) String() string {
	return fmt.Sprintf("registrar %s, sick %q, cold %t, central management %t, members %v", p.state, p.sick, p.cold, p.central, p.members)
}
