package v1alpha1

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Build is a four-part build number such as 5.0.8308.1149. Parts are compared as numbers, so that 5.0.8308.99 is older than
// 5.0.8308.420.
//
// +kubebuilder:validation:MaxLength=48
// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]{1,9}[.][0-9]{1,9}[.][0-9]{1,9}[.][0-9]{1,9}$')",message="must be a build number of four parts, for example 5.0.8308.1149 (Get-CsServerVersion and the update's KB article show it)"
type Build string

// Validate returns an error that says what a build number looks like when this is not one.
func (b Build) Validate() error {
	if _, readable := b.parts(); !readable {
		return fmt.Errorf("%q is not a build number of four parts such as 5.0.8308.1149", string(b))
	}
	return nil
}

// Compare returns -1 when b is older than other, 0 when they are the same build and 1 when b is newer. A build that
// cannot be read is older than every build that can.
func (b Build) Compare(other Build) int {
	left, readable := b.parts()
	right, otherReadable := other.parts()
	switch {
	case readable && otherReadable:
		return slices.Compare(left[:], right[:])
	case readable:
		return 1
	case otherReadable:
		return -1
	}
	return 0
}

// OlderThan says whether b comes before other.
func (b Build) OlderThan(other Build) bool { return b.Compare(other) < 0 }

// parts are the four numbers, of up to nine digits each; false where they are not that.
func (b Build) parts() (parts [4]uint64, readable bool) {
	rest := string(b)
	for i := range parts {
		digits, after, more := strings.Cut(rest, ".")
		rest = after
		part, err := strconv.ParseUint(digits, 10, 64)
		if last := i == len(parts)-1; err != nil || len(digits) > 9 || more == last {
			return parts, false
		}
		parts[i] = part
	}
	return parts, true
}
