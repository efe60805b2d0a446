package deployment

// quorumRow is one row of the published table: how many front ends must run for the pool to start after a full stop, and
// how many of the first counted ones, in topology order, for it to stay functional.
type quorumRow struct{ start, functional, counted int }

// The numbers follow no formula. Sizes 13 to 15 are not published; they take the row of 16.
var quorumTable = map[int]quorumRow{
	1:  {1, 1, 1},
	2:  {1, 1, 2},
	3:  {3, 2, 3},
	4:  {3, 2, 4},
	5:  {4, 3, 5},
	6:  {5, 3, 6},
	7:  {5, 4, 7},
	8:  {6, 4, 7},
	9:  {7, 4, 7},
	10: {8, 5, 9},
	11: {9, 5, 9},
	12: {10, 5, 9},
	13: {12, 7, 12},
	14: {12, 7, 12},
	15: {12, 7, 12},
	16: {12, 7, 12},
}

// functional says whether a pool keeps running with these front ends (running is in topology order).
func functional(running []bool) bool {
	row := quorumTable[len(running)]
	count := 0
	for _, r := range running[:row.counted] {
		if r {
			count++
		}
	}
	return count >= row.functional
}

// mayStart says whether a pool that is fully stopped comes up with these front ends.
func mayStart(ready []bool) bool {
	count := 0
	for _, r := range ready {
		if r {
			count++
		}
	}
	return count >= quorumTable[len(ready)].start && functional(ready)
}
