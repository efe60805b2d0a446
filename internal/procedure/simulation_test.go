package procedure_test

import (
	"flag"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

var (
	seedFlag      = flag.Uint64("seed", 0, "replay the history with this seed, and print what happened in it")
	historiesFlag = flag.Int("histories", 0, "how many random histories to play; 0: a number that fits a usual run")
	soakFlag      = flag.Duration("soak", 0, "play random histories for so long instead of a number of them")
)

// TestMain collects garbage seldom: histories make much of it and keep almost nothing, so that a fifth of their time would go into it.
func TestMain(m *testing.M) {
	debug.SetGCPercent(1600)
	m.Run()
}

// regressions are seeds of histories that once broke a promise.
var regressions = []uint64{28, 34, 39, 129, 135, 161, 237, 292, 368, 370, 116, 930, 1124, 1302, 1844, 2114, 2158, 2905, 4539, 4523664182072054888, 4439219917477044107}

// play lets one history happen, heals everything, and lets the person ask for other tries until nothing moves any more.
func play(seed uint64, bad faults, wrong flaw) (*world, *operators) {
	return playIn(newWorld(seed, bad), bad, wrong)
}

func playIn(w *world, bad faults, wrong flaw) (*world, *operators) {
	o := &operators{w: w, status: newStatus(), flaw: wrong}
	w.blindToClaims = wrong == neverOrdersAgain
	o.predeclare()
	end := w.now.Add(time.Duration(6+w.random.IntN(10)) * time.Hour)
	if bad == noFaults || bad == operatorDies || bad == jobsDoNotBegin {
		w.atATime = 1
		end = w.now.Add(200 * time.Hour)
	}
	for w.now.Before(end) && (w.restless() || !(o.status.done && o.status.backEnd.done)) {
		w.advance(w.minutes(1, 5))
		w.person(o)
		w.republish(o)
		o.pass()
		if len(w.violations) > 0 {
			return w, o
		}
	}
	if bad == noFaults || bad == operatorDies || bad == jobsDoNotBegin {
		return w, o
	}
	w.say("from here nothing goes wrong any more")
	w.quiet = true
	o.settle()
	w.nothingLeftStopped()
	for range 12 {
		if len(w.violations) > 0 || o.status.done && o.status.backEnd.done {
			return w, o
		}
		w.paused = false
		w.mend(o)
		w.retry(o)
		o.settle()
	}
	return w, o
}

// settle lets the operator work until everything is done or held.
func (o *operators) settle() {
	for range 600 {
		o.w.advance(o.w.minutes(2, 6))
		o.pass()
		if len(o.w.violations) > 0 || o.resting() {
			return
		}
	}
}

// resting says whether only a person can go on, or nothing is left to do.
func (o *operators) resting() bool {
	for _, m := range o.w.machines {
		if m.membership.off {
			continue
		}
		if !o.w.answers(m) || !m.rebootAt.IsZero() || slices.ContainsFunc(m.jobs, func(j *job) bool { return j.Active() }) {
			return false
		}
	}
	if o.status.failOver != nil {
		return o.status.failOver.held || o.status.failOver.idle
	}
	held := o.status.hold != nil || o.status.backEnd.held || o.status.why == v1alpha1.ReasonPaused
	for _, object := range o.w.objects.domains {
		held = held || o.status.domains[object.name].state == v1alpha1.DomainHeld
	}
	return o.status.done && o.status.backEnd.done || held
}

// person is somebody who pauses, changes the build, asks for another try, or restarts the operator's world view.
func (w *world) person(o *operators) {
	if !w.chance(w.faults.people) {
		return
	}
	switch w.random.IntN(4) {
	case 0:
		w.paused, w.pausedAt = !w.paused, w.now
		w.say("a person sets paused to %t", w.paused)
	case 1:
		w.declareLater()
	default:
		w.retry(o)
	}
}

func (w *world) declareLater() {
	if w.desired == newBuild {
		w.declaredAt = w.now
		w.desired, w.plan.PackageSHA256, w.dbDone = laterOne, strings.Repeat("cd", 32), false
		w.failures = map[string]failure{}
		w.say("a person declares build %s", laterOne)
	}
}

// retry is the annotation on everything that is held.
func (w *world) retry(o *operators) {
	for _, m := range w.machines {
		if o.status.held[m.fqdn] && w.answers(m) { //nolint:gocritic // the condition belongs to the sentence
			w.say("a person asks for another try on %s", m.fqdn)
			attempt := max(1, o.status.permitted[m.fqdn])
			for _, j := range m.jobs {
				var number int
				if at := strings.LastIndex(j.ID, "-"); at > 0 {
					_, _ = fmt.Sscan(j.ID[at+1:], &number)
				}
				attempt = max(attempt, number)
			}
			o.status.permitted[m.fqdn] = attempt + 1
			o.status.held[m.fqdn] = false
		}
	}
	w.failures = map[string]failure{}
	if !o.retryOfFailOver() {
		o.status.hold, o.status.last = nil, nil
	}
	if o.status.backEnd.held {
		o.status.backEnd.permitted = max(o.status.backEnd.permitted, 1) + 1
	}
}

// mend is what a person does by hand before asking for another try.
func (w *world) mend(o *operators) {
	for _, m := range w.machines {
		if (m.hurt || m.membership.forced) && m.up() {
			for name := range m.running {
				m.running[name] = true
			}
			m.hurt, m.unverified, m.computer.disabled = false, false, false
			w.back(m)
		}
	}
	if w.pair != nil {
		w.pair.mend(w, o)
	}
	w.mendDrift(o)
	w.forgetLost(o)
}

// nothingLeftStopped is line 8.
func (w *world) nothingLeftStopped() {
	if w.usersAway() {
		return // they stay on the backup pool until a person has mended what failed
	}
	for _, m := range w.machines {
		if m.computer.failedOver && !m.hurt {
			w.violated(8, "%s was failed over and never failed back", m.fqdn)
		}
		leftInService := m.membership.left && !m.away // what stops there afterwards is nobody's work
		if !m.whole() && !leftInService && !m.hurt && !m.membership.off && !m.membership.forced && !w.leftWithTheMove(m) {
			w.violated(8, "%s is left with stopped services: %v", m.fqdn, m.running)
		}
	}
}

func story(w *world, o *operators) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n", strings.Join(w.journal, "\n"))
	fmt.Fprintf(&text, "open %q, why %s, soak %v, hold %v, paused %t, desired %s\n", o.status.open, o.status.why, o.status.soak, o.status.hold, w.paused, w.desired)
	fmt.Fprintf(&text, "known servers %v\n", o.status.servers)
	for name, domain := range o.status.domains {
		fmt.Fprintf(&text, "%s %+v\n", name, domain)
	}
	for _, object := range w.objects.domains {
		fmt.Fprintf(&text, "object %+v\n", *object)
	}
	for _, m := range w.machines {
		fmt.Fprintf(&text, "%s %s %+v %s %s permitted %d running %v\n", m.fqdn, m.domain, m.membership, m.build, o.status.steps[m.fqdn], o.status.permitted[m.fqdn], m.running)
	}
	if w.pair != nil {
		fmt.Fprintf(&text, "%s, failover %+v\n", w.pair, o.status.failOver)
	}
	fmt.Fprintf(&text, "back end %+v, databases done %t\n", o.status.backEnd, w.dbDone)
	return text.String()
}

func check(t *testing.T, seed uint64, bad faults) {
	t.Helper()
	checkIn(t, seed, newWorld(seed, bad), bad)
}

func checkIn(t *testing.T, seed uint64, w *world, bad faults) {
	t.Helper()
	w, o := playIn(w, bad, "")
	complaints := slices.Clone(w.violations)
	if len(complaints) == 0 && !(o.status.done && o.status.backEnd.done) {
		complaints = append(complaints, "the rollout ended neither done nor released by a person")
	}
	for _, m := range w.members() {
		if len(complaints) == 0 && (m.build != w.desired || !m.whole() || m.computer.failedOver) {
			complaints = append(complaints, fmt.Sprintf("done is reported, but %s has build %s, running %v", m.fqdn, m.build, m.running))
		}
	}
	if *seedFlag != 0 {
		t.Log(story(w, o))
	}
	if len(complaints) > 0 {
		t.Errorf("seed %d: %s\n(replay: go test ./internal/procedure -run '%s' -seed %d)", seed, strings.Join(complaints, "; "), t.Name(), seed)
	}
}

func TestWithoutFaultsEveryHistoryEndsDone(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(10) {
		check(t, seed, noFaults)
	}
}

func TestNothingForbiddenHappensWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(1) {
		check(t, seed, everythingBad)
		if t.Failed() {
			return
		}
	}
}

// Line 7: crashes, lost memory and a second copy of the operator change when things happen, not what happens in which order.
func TestCrashesAndSecondCopiesDoNotChangeTheOrderOfEffects(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(10) {
		calm, _ := play(seed, noFaults, "")
		torn, o := play(seed, operatorDies, "")
		if len(torn.violations) > 0 || !slices.Equal(inSequence(calm), inSequence(torn)) {
			t.Fatalf("seed %d: %v\nwithout crashes: %s\nwith crashes: %s\n%s", seed, torn.violations,
				strings.Join(inSequence(calm), "\n  "), strings.Join(inSequence(torn), "\n  "), story(torn, o))
		}
	}
}

// inSequence is what was done to the servers: their order where one goes after another, and each server's own steps. Whether
// services must be started after a restart of Windows depends on the model's dice, not on the operator.
func inSequence(w *world) []string {
	var list []string
	steps := map[string][]string{}
	for _, effect := range w.effects {
		fqdn, id, _ := strings.Cut(effect, " ")
		if strings.HasPrefix(id, "start-services") || strings.HasPrefix(id, "stop-services-again") || strings.HasPrefix(id, "restart-computer") && !w.plan.RestartComputer {
			continue
		}
		if len(steps[fqdn]) == 0 {
			list = append(list, "first "+fqdn)
		}
		steps[fqdn] = append(steps[fqdn], id)
	}
	for _, m := range w.machines {
		list = append(list, m.fqdn+": "+strings.Join(steps[m.fqdn], ", "))
	}
	return list
}

// The checker is worth nothing if it does not catch operators that do what must never happen.
func TestBrokenOperatorsAreCaught(t *testing.T) {
	cases := []struct {
		flaw flaw
		line int
		bad  faults
	}{
		{skipsTheGate, 3, everythingBad},
		{ignoresQuorum, 2, faults{breaks: 300}},
		{retriesByItself, 6, everythingBad},
		{takesEveryTurn, 1, everythingBad},
		{forgetsPause, 11, faults{people: 10}},
		{installsAgain, 4, everythingBad},
		{databasesEarly, 5, everythingBad},
		{leavesThemBroken, 8, faults{drainTimeout: 3}},
	}
	for _, broken := range cases {
		t.Run(string(broken.flaw), func(t *testing.T) {
			for seed := uint64(1); seed <= 400; seed++ {
				w, _ := play(seed, broken.bad, broken.flaw)
				if slices.ContainsFunc(w.violations, func(said string) bool { return strings.HasPrefix(said, fmt.Sprintf("line %d:", broken.line)) }) {
					return
				}
			}
			t.Errorf("an operator that %s broke line %d in none of 400 histories", broken.flaw, broken.line)
		})
	}
}
