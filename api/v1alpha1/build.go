package v1alpha1

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Build is a four-part build number such as 5.0.8308.1149. Parts are compared as numbers, so that 5.0.8308.99 is older than
// 5.0.8308.420.
//
// +kubebuilder:validation:MaxLength=48
// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]{1,9}[.][0-9]{1,9}[.][0-9]{1,9}[.][0-9]{1,9}$')",message="must be a build number of four parts, for example 5.0.8308.1149 (Get-CsServerVersion and the update's KB article show it)"
type Build string

var buildPattern = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9}){3}$`)

// Validate returns an error that says what a build number looks like when this is not one.
func (b Build) Validate() error {
	if !buildPattern.MatchString(string(b)) {
		return fmt.Errorf("%q is not a build number of four parts such as 5.0.8308.1149", string(b))
	}
	return nil
}

// Compare returns -1 when b is older than other, 0 when they are the same build and 1 when b is newer. A build that
// cannot be read is older than every build that can.
func (b Build) Compare(other Build) int {
	left, right := b.parts(), other.parts()
	if left == nil || right == nil {
		return cmp.Compare(len(left), len(right))
	}
	for i := range left {
		if order := cmp.Compare(left[i], right[i]); order != 0 {
			return order
		}
	}
	return 0
}

// OlderThan says whether b comes before other.
func (b Build) OlderThan(other Build) bool { return b.Compare(other) < 0 }

func (b Build) parts() []int64 {
	if b.Validate() != nil {
		return nil
	}
	var parts []int64
	for text := range strings.SplitSeq(string(b), ".") {
		part, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil
		}
		parts = append(parts, part)
	}
	return parts
}
