package procedure

import (
	"fmt"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
)

// Member is one front end of a pool, in topology order, and whether it was observed to serve.
type Member struct {
	FQDN    string
	Serving bool
	// Silent: it did not answer, so that nothing of what follows is known.
	Silent bool
	// Starting: its front end service is on its way up, which in a pool that was stopped as a whole lasts until enough others are.
	Starting bool
	// Begun: our work on its services has begun and is not put away.
	Begun bool
	// Unfinished: that work went wrong, and the server is back in service.
	Unfinished bool
	// UpdatingDatabases: a job on it is updating the databases of the pool.
	UpdatingDatabases bool
	// FailOver is the latest step of a failover that a job on it shows, and FailedOver whether that was a failover that has ended. Where the
	// users are then, the pool has been asked.
	FailOver   v1alpha1.ServerStep
	FailedOver bool
	// FailBackFailed: the latest fail back on it has ended, and not well.
	FailBackFailed bool
	// Failed: our latest work on it for the desired build failed, whatever has been put back since, and no other attempt has begun.
	Failed bool
}

// MemberFrom says what one front end, as it was observed, means to the others of a pool with this plan.
func MemberFrom(plan Plan, server Server) Member {
	member := Member{FQDN: server.FQDN, Serving: server.Serving(), Starting: server.Starting(), Begun: server.Begun(), UpdatingDatabases: server.UpdatingDatabases(),
		Unfinished: server.Begun() && server.inServiceUnfinished(plan)}
	// What failed for another build was answered for by who has declared this one.
	build, failed := server.failed()
	member.Failed = failed && build == plan.Build
	step, state := server.FailOverStep()
	member.FailOver, member.FailedOver = step, step == v1alpha1.StepFailOverPool && state != JobClaimed && state != JobRunning
	member.FailBackFailed = step == v1alpha1.StepFailBackPool && (state == JobFailed || state == JobInterrupted)
	return member
}

// functionalRow is one row of "Topologies", table "Number of Front End Servers that must be running for the pool to be
// functional": so many of the first so many.
type functionalRow struct{ minimum, first int }

// functionalMinimum returns how many of the first so many front ends, in topology order, must run for a pool of this size to
// stay functional. The published table ends at 12 for Lync Server 2013; 13 to 16 take the stricter row that was published
// for 16. A pool of one has no one to spare.
func functionalMinimum(frontEnds int) (minimum, first int) {
	rows := map[int]functionalRow{
		1: {1, 1}, 2: {1, 2}, 3: {2, 3}, 4: {2, 4}, 5: {3, 5}, 6: {3, 6}, 7: {4, 7},
		8: {4, 7}, 9: {4, 7}, 10: {5, 9}, 11: {5, 9}, 12: {5, 9},
	}
	if row, ok := rows[frontEnds]; ok {
		return row.minimum, row.first
	}
	return 7, 12
}

// QuorumWithout says whether the pool stays functional when these servers stop, counted from what was observed: servers
// that do not serve for whatever reason count as stopped.
func QuorumWithout(members []Member, stopping ...string) (holds bool, message string) {
	minimum, first := functionalMinimum(len(members))
	running := 0
	for i, member := range members {
		leaving := false
		for _, name := range stopping {
			leaving = leaving || strings.EqualFold(name, member.FQDN)
		}
		if i < first && member.Serving && !leaving {
			running++
		}
	}
	holds = len(members) > 0 && running >= minimum
	scope := "front ends"
	if first < len(members) {
		scope = fmt.Sprintf("of the first %d front ends", first)
	}
	return holds, fmt.Sprintf("%d %s would keep running without %s; a pool of %d needs %d to stay functional",
		running, scope, strings.Join(stopping, " and "), len(members), minimum)
}

// coldStartMinimum returns how many front ends must be started before a pool that was stopped as a whole comes up:
// "Topologies", the column for starting the pool the first time. The rows follow no formula (the text says 85 per cent, but 7
// need 5), so nothing is computed. 13 to 15 are not published and take the row that is published for 16; above that there
// is no row, and every front end is needed.
func coldStartMinimum(frontEnds int) int {
	rows := map[int]int{1: 1, 2: 1, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5, 8: 6, 9: 7, 10: 8, 11: 9, 12: 10, 13: 12, 14: 12, 15: 12, 16: 12}
	if minimum, ok := rows[frontEnds]; ok {
		return minimum
	}
	return frontEnds
}

// ColdStart says whether enough front ends of a pool that was stopped as a whole have been started for it to come up. Until then
// RTCSRV sits in StartPending on those that have been, which is no failure of theirs: no server may be judged before. Started
// means that the front end service was observed to start or to run.
func ColdStart(members []Member) (enough bool, message string) {
	minimum, started := coldStartMinimum(len(members)), 0
	for _, member := range members {
		if member.Serving || member.Starting {
			started++
		}
	}
	return len(members) > 0 && started >= minimum, fmt.Sprintf("%d of %d front ends are started; a pool of this size that was stopped as a whole needs %d to come up",
		started, len(members), minimum)
}
