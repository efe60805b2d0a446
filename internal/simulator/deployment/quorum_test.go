package deployment

import (
	"fmt"
	"testing"
)

// The published table: how many front ends start a pool that is fully stopped, and how many keep it functional. Where only
// some of the front ends count, the rest may all run and still not be enough.
func TestQuorumFollowsThePublishedTable(t *testing.T) {
	rows := []struct{ size, start, functional, counted int }{
		{2, 1, 1, 2}, {3, 3, 2, 3}, {4, 3, 2, 4}, {5, 4, 3, 5}, {6, 5, 3, 6}, {7, 5, 4, 7}, {8, 6, 4, 7}, {9, 7, 4, 7},
		{10, 8, 5, 9}, {11, 9, 5, 9}, {12, 10, 5, 9}, {16, 12, 7, 12},
	}
	for _, row := range rows {
		t.Run(fmt.Sprint(row.size, " front ends"), func(t *testing.T) {
			first := func(n int) []bool {
				up := make([]bool, row.size)
				for i := range n {
					up[i] = true
				}
				return up
			}
			if !functional(first(row.functional)) || functional(first(row.functional-1)) {
				t.Errorf("it does not take exactly %d to stay functional", row.functional)
			}
			if !mayStart(first(row.start)) || mayStart(first(row.start-1)) {
				t.Errorf("it does not take exactly %d to start", row.start)
			}
			last := first(row.functional - 1)
			for i := row.counted; i < row.size; i++ {
				last[i] = true
			}
			if functional(last) {
				t.Errorf("front ends after number %d were counted", row.counted)
			}
		})
	}
}
