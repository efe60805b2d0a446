package deployment

import (
	"cmp"
	"strconv"
	"strings"
)

func parseVersion(text string) ([4]uint64, bool) {
	var version [4]uint64
	parts := strings.Split(text, ".")
	if len(parts) < 2 || len(parts) > 4 {
		return version, false
	}
	for i, part := range parts {
		number, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return version, false
		}
		version[i] = number
	}
	return version, true
}

// compareVersions compares part by part as numbers. What is not a version is lower than everything that is one.
func compareVersions(a, b string) int {
	left, leftOK := parseVersion(a)
	right, rightOK := parseVersion(b)
	if !leftOK || !rightOK {
		switch {
		case leftOK:
			return 1
		case rightOK:
			return -1
		}
		return 0
	}
	for i := range left {
		if c := cmp.Compare(left[i], right[i]); c != 0 {
			return c
		}
	}
	return 0
}
