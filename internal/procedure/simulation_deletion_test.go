package procedure_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/procedure"
)

const (
	letsGoAtOnce    flaw = "lets a deleted pool go at once"
	forgetsDeletion flaw = "does not see that the pool is being deleted"
)

// peopleDelete is a bad time in which people delete the pool as well, wherever it stands, and declare it again later.
func peopleDelete() faults {
	bad := everythingBad
	bad.deletes = 90
	return bad
}

// objects is what the API server has of the pool, its domains and its back end: whether they are declared, and who bears the
// finalizer. It outlives every operator.
type objects struct {
	gone      bool
	deleting  bool
	deletedAt time.Time
	back      time.Time // when the pool is declared again
	claims    map[string]bool
	deletions int
	domains   []*domainObject
	// generations counts what was declared, writes what was reported about domains.
	generations, writes int
}

const (
	poolObject    = "the pool"
	backEndObject = "the back end"
)

// deletedByPeople lets a person delete the pool now and then, or declare it again.
func (w *world) deletedByPeople(s *status) {
	switch o := &w.objects; {
	case o.gone && (w.quiet || !w.now.Before(o.back)):
		w.say("a person declares the pool again")
		o.gone = false
		for _, m := range w.machines {
			if m.membership.left { // what is declared anew knows nothing of it
				delete(w.failures, m.fqdn)
			}
		}
	case !o.gone && !o.deleting && w.chance(w.faults.deletes):
		w.say("a person deletes the pool")
		o.deletions++
		if !o.claims[poolObject] {
			w.letGo(s)
			return
		}
		o.deleting, o.deletedAt = true, w.now
	case o.deleting && w.chance(w.faults.forces):
		w.say("a person lets the pool go by force")
		w.forced = true
		if w.pair != nil {
			w.pair.forced = w.usersMoved()
		}
		w.letGo(s)
		w.forced = false
	}
}

// claim puts the finalizer on an object; the API server refuses it on one that is being deleted.
func (w *world) claim(name string) bool {
	switch o := &w.objects; {
	case o.gone, o.deleting && !o.claims[name], w.object(name) != nil && w.object(name).deleting && !o.claims[name]:
		return false
	default:
		o.claims[name] = true
		return true
	}
}

// there says whether an object can still be worked on: of what is being deleted only what bears the finalizer is left.
func (w *world) there(name string) bool {
	domain := w.object(name)
	if domain == nil && name != poolObject && name != backEndObject {
		return false
	}
	return !w.objects.gone && (!w.objects.deleting && (domain == nil || !domain.deleting) || w.objects.claims[name])
}

// release takes the finalizer of a domain or the back end off when nothing is left to be finished.
func (w *world) release(name string, departure procedure.Departure, mayNeedItStill bool) {
	domain := w.object(name)
	leaving := w.objects.deleting || domain != nil && domain.deleting
	if w.objects.claims[name] && (leaving || !mayNeedItStill) && procedure.Depart(departure).LetGo {
		delete(w.objects.claims, name)
		if domain != nil && domain.deleting {
			w.answerForGone(domain)
			w.drop(name)
		}
	}
}

// departs is a pass over a pool that is being deleted.
func (o *operators) departs() {
	var others []string
	for name, claimed := range o.w.objects.claims {
		if claimed && name != poolObject {
			others = append(others, name)
		}
	}
	if procedure.Depart(procedure.Departure{Others: others}).LetGo || o.flaw == letsGoAtOnce {
		o.w.letGo(o.status)
	}
}

// letGo is the end of the pool's objects and of all that their status knew. From here on nobody finishes anything.
func (w *world) letGo(s *status) {
	w.say("the pool is gone")
	if !w.forced {
		w.judgeLetGo()
	}
	for _, m := range w.machines {
		m.membership.forced = m.membership.forced || w.forced && (m.away || m.unverified || m.worked())
		m.membership.unknown = m.membership.unknown || m.membership.left && !w.answers(m) // it is waited for only while somebody remembers it
	}
	w.objects = objects{gone: true, back: w.now.Add(w.minutes(10, 120)), claims: map[string]bool{}, deletions: w.objects.deletions, writes: w.objects.writes}
	*s = *newStatus()
}

// judgeLetGo checks that a pool leaves nothing half way behind.
func (w *world) judgeLetGo() {
	if w.pair == nil || !w.pair.forced {
		w.judgeOver("the pool is let go")
	}
	for _, m := range w.machines {
		unknown := m.membership.unknown || m.membership.left && !w.answers(m)
		if !m.computer.failedOver {
			w.back(m) // where a stop has failed everything may still run
		}
		if m.away && !unknown && !m.membership.forced && !w.recently(m.changedAlone) && !w.leftWithTheMove(m) {
			w.violated(8, "the pool is let go while %s is half way", m.fqdn)
		}
		for _, j := range m.jobs {
			if j.Active() && procedure.BegunBy(j.ID) && !m.membership.forced {
				w.violated(8, "the pool is let go while the job %s runs on %s", j.ID, m.fqdn)
			}
		}
	}
}

// judgeDeletion is part of line 11: after a deletion what is in progress is finished, and nothing is begun.
func (w *world) judgeDeletion(m *machine) {
	if w.objects.gone || w.objects.deleting && !w.recently(w.objects.deletedAt) {
		w.violated(11, "%s is stopped although the pool was deleted at %s", m.fqdn, w.objects.deletedAt.Format("15:04"))
	}
}

func TestDeletedPoolsLeaveNoServerHalfWay(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(2, 2964394753721836876) {
		check(t, seed, peopleDelete())
		if t.Failed() {
			return
		}
	}
}

// The histories are worth nothing if people do not delete in the middle.
func TestPeopleDeletePoolsThatAreHalfWay(t *testing.T) {
	deletions, held := 0, 0
	for seed := uint64(1); seed <= 40; seed++ {
		w, _ := play(seed, peopleDelete(), "")
		deletions += w.objects.deletions
		for _, line := range w.journal {
			if strings.HasSuffix(line, "waits for its servers") {
				held++
			}
		}
	}
	if deletions < 40 || held < 5 {
		t.Errorf("in 40 histories the pool was deleted %d times, and had to wait for a server %d times", deletions, held)
	}
}

func TestOperatorsThatDeleteBadlyAreCaught(t *testing.T) {
	for _, broken := range []struct {
		flaw      flaw
		line      int
		bad       faults
		histories uint64
	}{
		{letsGoAtOnce, 8, faults{deletes: 40}, 400},
		{forgetsDeletion, 11, faults{deletes: 40}, 400},
		{letsGoRefused, 8, faults{deletes: 30, twoOperators: 2, crash: 8}, 6000},
	} {
		t.Run(string(broken.flaw), func(t *testing.T) {
			for seed := uint64(1); seed <= broken.histories; seed++ {
				w, _ := play(seed, broken.bad, broken.flaw)
				if slices.ContainsFunc(w.violations, func(said string) bool { return strings.HasPrefix(said, fmt.Sprintf("line %d:", broken.line)) }) {
					return
				}
			}
			t.Errorf("an operator that %s broke line %d in none of %d histories", broken.flaw, broken.line, broken.histories)
		})
	}
}
