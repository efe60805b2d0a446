package procedure_test

import (
	"slices"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// ruleUnfinished: a server is taken for done although its installer has not run to its end.
const ruleUnfinished = 33

const acceptsHalf flaw = "takes an installer that reached the build for one that ran to its end"

// driftState is what people have done to a machine behind the operator's back.
type driftState struct {
	at      time.Time
	started time.Time       // when somebody has started services that were out because of us
	manual  map[string]bool // services whose start type somebody has set to Manual
	stopped map[string]bool // services that somebody has stopped
}

// driftByPeople lets somebody work on a server who knows nothing of the operator.
func (w *world) driftByPeople() {
	if w.faults.drift == 0 || !w.chance(w.faults.drift) {
		return
	}
	m := w.somebody()
	kind, busy := w.random.IntN(8), slices.ContainsFunc(m.jobs, func(j *job) bool { return j.Active() })
	if m.away && w.random.IntN(2) == 0 {
		kind = 7
	}
	if !m.up() || !m.rebootAt.IsZero() || m.hurt {
		return
	}
	m.drift.at = w.now
	switch {
	case kind == 0 && !busy && !m.away && w.rememberedWithout(m):
		w.say("%s is rebuilt at %s", m.fqdn, oldBuild)
		m.build, m.coming, m.jobs, m.baseline, m.gone, m.computer = oldBuild, "", nil, nil, map[string]bool{}, computerState{role: m.computer.role}
		m.drift.manual, m.drift.stopped, m.unverified, m.broke, m.pendingReboot = nil, nil, false, false, false
		m.boot, m.changedAlone = w.now, w.now
		delete(w.failures, m.fqdn) // a person who rebuilds a server has looked at it
		for _, service := range serviceNames {
			m.running[service] = true
		}
	case kind == 1 && !busy && !m.away:
		w.say("%s is taken back to %s", m.fqdn, oldBuild)
		m.build, m.gone, m.changedAlone = oldBuild, map[string]bool{}, w.now
	case kind <= 3 && !busy:
		w.say("%s is patched to %s by hand", m.fqdn, w.desired)
		if m.build.OlderThan(w.desired) {
			m.build = w.desired
			delete(w.failures, m.fqdn) // so has one who installs what the operator could not
		}
	case kind == 4 && !busy && w.random.IntN(2) == 0:
		w.say("%s is patched to %s by hand", m.fqdn, laterOne)
		m.build = laterOne
		delete(w.failures, m.fqdn)
	case kind == 5 && !m.away && m.heals.IsZero():
		service := serviceNames[1+w.random.IntN(len(serviceNames)-1)]
		w.say("somebody stops %s on %s", service, m.fqdn)
		m.running[service], m.heals, m.changedAlone = false, w.now.Add(w.minutes(10, 200)), w.now
		m.drift.stopped = with(m.drift.stopped, service)
	case kind == 6:
		service := serviceNames[1+w.random.IntN(len(serviceNames)-1)]
		w.say("somebody sets the start type of %s on %s to Manual", service, m.fqdn)
		m.drift.manual = with(m.drift.manual, service)
	case kind == 7 && m.away && !m.computer.disabled:
		w.say("somebody starts the services of %s", m.fqdn)
		for _, service := range serviceNames {
			m.running[service] = true
		}
		m.drift.stopped, m.drift.started, m.changedAlone = nil, w.now, w.now
		w.back(m)
	}
}

// somebody is a front end that something happens to: the worst place is often in the middle of our work.
func (w *world) somebody() *machine {
	members := w.members()
	if w.random.IntN(2) == 0 {
		for _, m := range members {
			if m.away {
				return m
			}
		}
	}
	return members[w.random.IntN(len(members))]
}

func with(set map[string]bool, name string) map[string]bool {
	if set == nil {
		set = map[string]bool{}
	}
	set[name] = true
	return set
}

// healed ends what somebody had stopped by hand.
func (w *world) healed(m *machine) {
	for service := range m.drift.stopped {
		m.running[service] = true
	}
	m.drift.stopped = nil
}

// restoreStartTypes is what Start-Services does with the start types that were written down.
func (m *machine) restoreStartTypes() {
	for _, name := range serviceNames {
		for _, before := range m.baseline {
			if before.Name == m.computer.named(name) && before.StartType == procedure.StartAutomatic {
				delete(m.drift.manual, name)
			}
		}
	}
}

// expects says whether a service should run: it ran before we began or, when nothing of ours is under way, nobody has turned it off.
func (m *machine) expects(service string) bool {
	if m.baseline == nil || !m.away && !m.unverified && (m.drift.manual[service] || m.drift.stopped[service]) {
		return !m.drift.manual[service] && !m.drift.stopped[service]
	}
	return slices.ContainsFunc(m.baseline, func(before procedure.Service) bool {
		return before.Name == m.computer.named(service) && before.Status == procedure.ServiceRunning
	})
}

// inServiceAgain says whether a machine was, at that time, back with its users although our work on it had not come to its end: everything runs, and a
// person has started it after we had stopped it, or our last job there ended more than half an hour before.
func (m *machine) inServiceAgain(at time.Time) bool {
	var last *job
	for _, j := range m.jobs {
		if procedure.BegunBy(j.ID) {
			last = j
		}
	}
	if last == nil || last.State != procedure.JobSucceeded || m.away || !m.whole() {
		return false
	}
	startedByPerson := last.action == procedure.ActionStopServices && m.drift.started.After(last.Finished) && m.drift.started.Before(at)
	return startedByPerson || at.Sub(last.Finished) > 30*time.Minute
}

// onlyStopped says whether the last that was done to a machine was to stop its services: a restart that it makes then is not ours, and what
// Windows has started is taken for in service.
func (m *machine) onlyStopped() bool {
	last := ""
	for _, j := range m.jobs {
		if procedure.BegunBy(j.ID) {
			last = j.ID
		}
	}
	return procedure.StepOf(last) == v1alpha1.StepStopServices
}

// startedInVain says whether both jobs that start services were cut off, or undone by a restart: there is no third, and a person is asked.
func (m *machine) startedInVain() bool {
	cutOff := 0
	for _, j := range m.jobs {
		step := procedure.StepOf(j.ID)
		undone := j.State == procedure.JobInterrupted || j.State == procedure.JobSucceeded && !j.BootTime.Equal(m.boot)
		if (step == v1alpha1.StepStartServices || step == v1alpha1.StepRecover) && undone {
			cutOff++
		}
	}
	return cutOff > 1
}

// judgeCurrent checks that a server that has the build is left alone, whoever brought it there.
func (w *world) judgeCurrent(m *machine, build v1alpha1.Build) {
	ours := slices.ContainsFunc(m.jobs, func(j *job) bool { return j.action == procedure.ActionInstall })
	if !m.unverified && !ours && !m.build.OlderThan(build) && !w.recently(m.drift.at) {
		w.violated(ruleCurrent, "%s is stopped for build %s, and has build %s", m.fqdn, build, m.build)
	}
}

// unfinished says whether the last installer on the machine did not run to its end: the core components alone do not make it done.
func (m *machine) unfinished() bool {
	unfinished := false
	for _, j := range m.jobs {
		if j.action == procedure.ActionInstall && !j.Active() {
			unfinished = j.State != procedure.JobSucceeded
		}
	}
	return unfinished
}

// judgePutAway checks that start types are as they were when our work on a server began.
func (w *world) judgePutAway(m *machine) {
	forThis := len(m.jobs) > 0 && slices.ContainsFunc(m.jobs, func(j *job) bool { return j.action == procedure.ActionInstall && j.build == w.desired })
	if m.unfinished() && forThis && !w.desired.OlderThan(m.build) { // a newer build came with another installer
		w.violated(ruleUnfinished, "%s is taken for done, and its installer has not run to its end", m.fqdn)
	}
	if m.baseline == nil || w.recently(m.drift.at) {
		return
	}
	now := m.services()
	for i, before := range m.baseline {
		if now[i].StartType != before.StartType {
			w.violated(8, "the start type of %s on %s was %s and is %s", before.Name, m.fqdn, before.StartType, now[i].StartType)
		}
	}
}

// mendDrift is what a person does about a server that is newer than what is declared, and about services that the operator has not stopped and
// that are waited for.
func (w *world) mendDrift(o *operators) {
	for _, m := range w.members() {
		if o.status.steps[m.fqdn] == v1alpha1.StepWaiting && o.status.domains[m.domain].reason == v1alpha1.ReasonServicesNotRunning && m.up() {
			w.say("a person starts the services of %s", m.fqdn)
			for _, service := range serviceNames {
				m.running[service] = true
			}
			m.drift.stopped = nil
			w.back(m)
		}
	}
	if slices.ContainsFunc(w.members(), func(m *machine) bool { return w.desired.OlderThan(m.build) }) {
		w.declareLater()
	}
}
