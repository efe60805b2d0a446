package procedure

import (
	"fmt"
	"testing"
)

// poolOf is a pool of so many front ends of which these, counted from 1 in topology order, do not serve.
func poolOf(size int, down ...int) []Member {
	var members []Member
	for i := range size {
		members = append(members, Member{FQDN: fmt.Sprintf("fe%02d.contoso.com", i+1), Serving: true})
	}
	for _, number := range down {
		members[number-1].Serving = false
	}
	return members
}

func upTo(n int) []int {
	var list []int
	for i := range n {
		list = append(list, i+1)
	}
	return list
}

// Topologies: "Number of Front End Servers that must be running for the pool to be functional".
func TestQuorumFollowsThePublishedTable(t *testing.T) {
	cases := []struct{ frontEnds, minimum, first int }{
		{2, 1, 2},   // 1
		{3, 2, 3},   // any 2
		{4, 2, 4},   // any 2
		{5, 3, 5},   // any 3
		{6, 3, 6},   // any 3
		{7, 4, 7},   // any 4
		{8, 4, 7},   // any 4 of the first 7
		{9, 4, 7},   // any 4 of the first 7
		{10, 5, 9},  // any 5 of the first 9
		{11, 5, 9},  // any 5 of the first 9
		{12, 5, 9},  // any 5 of the first 9
		{13, 7, 12}, // not published for this version: the stricter row
		{14, 7, 12},
		{15, 7, 12},
		{16, 7, 12}, // any 7 of the first 12
	}
	for _, row := range cases {
		t.Run(fmt.Sprintf("%d front ends: any %d of the first %d", row.frontEnds, row.minimum, row.first), func(t *testing.T) {
			spare := row.first - row.minimum
			if holds, message := QuorumWithout(poolOf(row.frontEnds, upTo(spare-1)...), "fe"+fmt.Sprintf("%02d", row.first)+".contoso.com"); !holds {
				t.Errorf("%d of the first %d would keep running, and that is not enough: %s", row.minimum, row.first, message)
			}
			if holds, message := QuorumWithout(poolOf(row.frontEnds, upTo(spare)...), "fe"+fmt.Sprintf("%02d", row.first)+".contoso.com"); holds {
				t.Errorf("%d of the first %d would keep running, and that is enough: %s", row.minimum-1, row.first, message)
			}
		})
	}
}

func TestQuorum(t *testing.T) {
	cases := []struct {
		name    string
		members []Member
		without []string
		holds   bool
	}{
		{"a pool of one has nobody to spare", poolOf(1), []string{"fe01.contoso.com"}, false},
		{"front ends that nobody knows keep no pool running", nil, []string{"fe01.contoso.com"}, false},
		{"of eight, the eighth does not count: three of the first seven are too few", poolOf(8, 1, 2, 3), []string{"fe04.contoso.com"}, false},
		{"of eight, the eighth may stop while four of the first seven run", poolOf(8, 1, 2, 3), []string{"fe08.contoso.com"}, true},
		{"of twelve, the last three do not count", poolOf(12, 1, 2, 3, 4), []string{"fe05.contoso.com"}, false},
		{"of twelve, the last three may all stop", poolOf(12, 1, 2, 3, 4, 10, 11), []string{"fe12.contoso.com"}, true},
		{"one that is down already costs nothing more", poolOf(3, 2), []string{"fe02.contoso.com"}, true},
		{"two that leave together both count", poolOf(4, 4), []string{"fe01.contoso.com", "fe02.contoso.com"}, false},
		{"names are compared without regard to case", poolOf(2, 2), []string{"FE01.CONTOSO.COM"}, false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if holds, message := QuorumWithout(test.members, test.without...); holds != test.holds {
				t.Error(message)
			}
		})
	}
}

// Topologies: "Number of Front End Servers that must be running for the pool to be started the first time", which is also what
// a pool needs that was stopped as a whole.
func TestAColdStartFollowsThePublishedTable(t *testing.T) {
	// 13 to 15 are not published: the row of 16. Above 16 there is no row: all.
	table := map[int]int{1: 1, 2: 1, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5, 8: 6, 9: 7, 10: 8, 11: 9, 12: 10, 13: 12, 14: 12, 15: 12, 16: 12, 17: 17}
	for frontEnds, needed := range table {
		members := poolOf(frontEnds, upTo(frontEnds-needed)...)
		if enough, message := ColdStart(members); !enough {
			t.Errorf("%d of %d are started, which is enough: %s", needed, frontEnds, message)
		}
		members[frontEnds-1].Serving = false
		if enough, message := ColdStart(members); enough {
			t.Errorf("%d of %d are started, which is too few: %s", needed-1, frontEnds, message)
		}
		members[frontEnds-1].Starting = true
		if enough, message := ColdStart(members); !enough {
			t.Errorf("a front end that waits in StartPending for the others counts as started: %s", message)
		}
	}
	if enough, _ := ColdStart(nil); enough {
		t.Error("a pool that nobody knows has not come up")
	}
}

// The second lock counts what was observed. One that is on its way up does not serve yet, nor does one that failed.
func TestQuorumCountsOnlyWhoServes(t *testing.T) {
	members := poolOf(3, 3)
	members[2].Starting = true
	if holds, message := QuorumWithout(members, "fe01.contoso.com"); holds {
		t.Errorf("fe03 is only starting, so one would keep running: %s", message)
	}
}
