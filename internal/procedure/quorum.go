package procedure

import (
	"fmt"
	"strings"
)

// Member is one front end of a pool, in topology order, and whether it was observed to serve.
type Member struct {
	FQDN    string
	Serving bool
	// Begun: our work on its services has begun and is not put away.
	Begun bool
	// UpdatingDatabases: a job on it is updating the databases of the pool.
	UpdatingDatabases bool
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
