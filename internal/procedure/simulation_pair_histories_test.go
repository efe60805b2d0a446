package procedure_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// failOverRegressions are seeds of histories of paired pools that once broke a promise.
var failOverRegressions = []uint64{13, 17, 22, 38, 44, 46, 168, 306, 401, 213, 534, 1193533963554406476, 738099366284045486, 3384655241794231970,
	2302782174975111022, 2547264039100651149, 3631454523425354251, 2564526999398656311, 225230172902406294, 1930907385323807057,
	752458490175838775, 4569153702544433058, 3595326733707120918, 3082374388739066822, 2369091473066742747, 1127118301007317635, 1325200018079040473, 3636106491343377538, 1763436795513046427,
	677437521665979824, 2440932548911087026, 1877744842493952235, 4346297861868492065,
	1068120719438659434, 2685329734056425870, 3312822602331055466, 3376941533529007227, 4509933500341364310}

// pairChanges is a bad time for a paired pool: it changes, drifts and is deleted as well, in the middle of a failover too.
func pairChanges() faults {
	bad := poolChanges()
	bad.jobFails, bad.deletes, bad.forces = 20, 300, 400
	return bad
}

// Whatever happens to a paired pool: nobody is stopped under users, users are moved once all that must hold holds, they come back to a pool
// that serves, and in the end all of it is done or undone.
func TestNothingForbiddenHappensToPairedPools(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(8, failOverRegressions...) {
		for _, bad := range []faults{noFaults, everythingBad, pairChanges()} {
			if bad == noFaults && seed%10 != 0 && *seedFlag == 0 {
				continue
			}
			checkIn(t, seed, pairedWorld(seed, bad), bad)
			if t.Failed() {
				return
			}
		}
	}
}

func TestBrokenOperatorsOfPairedPoolsAreCaught(t *testing.T) {
	for _, broken := range []struct {
		flaw flaw
		line int
		bad  faults
	}{
		{stopsUnderUsers, 3, everythingBad},
		{bringsBackEarly, ruleBroughtBack, everythingBad},
		{trustsBackupService, ruleUnhealthy, everythingBad},
		{trustsRecords, ruleUnrecorded, everythingBad},
		{worksOnAfterFailure, 6, everythingBad},
		{trustsOldCopy, ruleLeft, everythingBad},
		{letsUsersBehind, ruleLeft, pairChanges()},
		{forgetsWhereUsers, ruleAway, everythingBad},
		{worksUnderTheMove, ruleMoving, everythingBad},
	} {
		t.Run(string(broken.flaw), func(t *testing.T) {
			for seed := uint64(1); seed <= 400; seed++ {
				w, _ := playIn(pairedWorld(seed, broken.bad), broken.bad, broken.flaw)
				if slices.ContainsFunc(w.violations, func(said string) bool { return strings.HasPrefix(said, fmt.Sprintf("line %d:", broken.line)) }) {
					return
				}
			}
			t.Errorf("an operator that %s broke line %d in none of 400 histories", broken.flaw, broken.line)
		})
	}
}
