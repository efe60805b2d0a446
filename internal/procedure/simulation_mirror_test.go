package procedure_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// The rules of a pool whose databases are mirrored, beside the lines of what must never happen.
const (
	rulePrincipal = 51 // a front end is stopped while the mirror is the principal
	ruleInPlace   = 52 // mirrored databases are updated on the wrong side, out of step, or with -Update
)

const (
	asksNoMirror     flaw = "stops front ends without asking for the mirror"
	trustsMirrors    flaw = "believes that every mirror is in place"
	updatesWithFlag  flaw = "says -Update whatever is mirrored"
	principalMoves        = 120
	mirrorFallsBack       = 120
	mirrorIsNotAsked      = 15
	mirrorIsClosed        = 15
)

// mirrors is how the databases of a pool are mirrored.
type mirrors struct {
	declared       bool // a person has said that there are mirrors
	turned, behind bool
	onMirror       time.Time // since when the mirror is the principal
	wrong          time.Time // since when it is that, or is not synchronised
	blind          time.Time // when the cmdlet last said nothing useful
}

// mirroredWorld is a pool whose databases are mirrored; every other one is paired as well.
func mirroredWorld(seed uint64, bad faults) *world {
	w := newWorld(seed, bad)
	if seed%2 == 0 {
		w = pairedWorld(seed, bad)
	}
	w.mirrors = &mirrors{declared: w.random.IntN(2) == 0}
	return w
}

func (m *mirrors) passMinute(w *world) {
	if w.quiet && (m.turned || m.behind) {
		w.say("a person makes the primary the principal")
		m.turned, m.behind = false, false
	}
	if w.chance(principalMoves) {
		m.turned = !m.turned
		w.say("the mirror is the principal: %t", m.turned)
	}
	if w.chance(mirrorFallsBack) {
		m.behind = !m.behind
	}
	m.onMirror, m.wrong = sinceWhen(m.onMirror, m.turned, w.now), sinceWhen(m.wrong, m.turned || m.behind, w.now)
}

// sinceWhen is since when something holds; zero when it does not.
func sinceWhen(since time.Time, holds bool, now time.Time) time.Time {
	switch {
	case !holds:
		return time.Time{}
	case since.IsZero():
		return now
	}
	return since
}

// state is what Get-CsDatabaseMirrorState answers; now and then nothing useful.
func (m *mirrors) state(w *world, o *operators) *procedure.Mirror {
	row := procedure.MirroredDatabase{Name: "rtcxds", StateOnPrimary: "Principal", StateOnMirror: "Mirror", StatusOnPrimary: "synchronized", StatusOnMirror: "synchronized"}
	switch {
	case o.flaw == trustsMirrors:
	case w.chance(mirrorIsNotAsked):
		m.blind = w.now
		return &procedure.Mirror{Problem: "no answer"}
	case w.chance(mirrorIsClosed):
		m.blind = w.now
		row = procedure.MirroredDatabase{Name: "rtcxds", StateOnPrimary: "DatabaseInaccessibleOrMirroringNotEnabled", StateOnMirror: "DatabaseInaccessibleOrMirroringNotEnabled"}
	default:
		if m.turned {
			row.StateOnPrimary, row.StateOnMirror = "Mirror", "Principal"
		}
		if m.behind {
			row.StatusOnPrimary, row.StatusOnMirror = "synchronizing", "synchronizing"
		}
	}
	return &procedure.Mirror{Databases: []procedure.MirroredDatabase{row}}
}

// mirrored says whether the operator knows of mirrors: declared so, or found so by the back end.
func (o *operators) mirrored() bool {
	said := o.status.backEnd.mirror
	return o.w.mirrors != nil && (o.w.mirrors.declared || said != "" && said != v1alpha1.ReasonNotApplicable)
}

// describeMirrors tells a back end what is declared and known of its mirrors.
func (o *operators) describeMirrors(backEnd *procedure.BackEnd) {
	if o.w.mirrors == nil {
		return
	}
	if backEnd.MirrorSaid = o.status.backEnd.mirror; o.w.mirrors.declared {
		backEnd.Mirror.Databases = v1alpha1.MirroredDatabasesPresent
	}
	if o.flaw == updatesWithFlag {
		backEnd.Mirror.Command = v1alpha1.MirrorCommandUpdate
	}
}

// judgeStop checks that the databases are where the published number of front ends takes them to be. Where nobody has said that there
// are mirrors, and the cmdlet does not either, nobody can know.
func (m *mirrors) judgeStop(w *world, fe *machine) {
	if m == nil || !fe.serves() || m.onMirror.IsZero() || w.recently(m.onMirror) || !m.declared && w.recently(m.blind) {
		return
	}
	w.violated(rulePrincipal, "%s is stopped while the mirror has been the principal since %s", fe.fqdn, m.onMirror.Format("15:04"))
}

func (m *mirrors) judgeUpdate(w *world, order procedure.Order) {
	switch {
	case m == nil || order.Action != procedure.ActionUpdateDatabases:
	case !order.WithoutUpdate:
		w.violated(ruleInPlace, "%s runs with -Update on mirrored databases", order.ID)
	case !m.wrong.IsZero() && !w.recently(m.wrong):
		w.violated(ruleInPlace, "%s runs although the mirrors have not been in order since %s", order.ID, m.wrong.Format("15:04"))
	}
}

// mirrorRegressions are seeds of histories of mirrored pools that once broke a promise.
var mirrorRegressions = []uint64{34, 1172, 1194, 3582609613651797618, 2437048554308344747}

// Mirrors that turn and fall behind, beside front ends that come, go, move, drift, fail and are failed over, and pools that are deleted.
func TestNothingForbiddenHappensToMirroredPools(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(16, mirrorRegressions...) {
		for _, bad := range []faults{everythingBad, pairChanges()} {
			checkIn(t, seed, mirroredWorld(seed, bad), bad)
			if t.Failed() {
				return
			}
		}
	}
}

func TestBrokenOperatorsOfMirroredPoolsAreCaught(t *testing.T) {
	for wrong, line := range map[flaw]int{asksNoMirror: rulePrincipal, trustsMirrors: ruleInPlace, updatesWithFlag: ruleInPlace} {
		t.Run(string(wrong), func(t *testing.T) {
			for seed := uint64(1); seed <= 400; seed++ {
				w, _ := playIn(mirroredWorld(seed, everythingBad), everythingBad, wrong)
				if slices.ContainsFunc(w.violations, func(said string) bool { return strings.HasPrefix(said, fmt.Sprintf("line %d:", line)) }) {
					return
				}
			}
			t.Errorf("an operator that %s broke line %d in none of 400 histories", wrong, line)
		})
	}
}
