package controllers

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"lyncops.dev/operator/api/v1alpha1"
)

// Untold keeps what was done to servers in passes whose status was refused, so that it is told with the next one that is written. What such
// a pass decided is decided again, but what it did is not done again. It is lost with the process.
type Untold struct {
	mutex sync.Mutex
	deeds map[types.UID][]announcement
}

// NewUntold makes an empty one.
func NewUntold() *Untold { return &Untold{deeds: map[types.UID][]announcement{}} }

// deeds are the events about what was done, not about how an object stands.
var deeds = map[string]bool{v1alpha1.EventServerTaken: true, v1alpha1.EventServerUpgraded: true, v1alpha1.EventFailedBack: true}

// keep remembers the deeds of a pass over an object.
func (u *Untold) keep(object types.UID, told []announcement) {
	done := slices.DeleteFunc(slices.Clone(told), func(one announcement) bool { return !deeds[one.reason] })
	if u == nil || len(done) == 0 {
		return
	}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.deeds[object] = joined(u.deeds[object], done)
}

// with gives what is to be told of an object after all, before what this pass tells, and forgets it.
func (u *Untold) with(object types.UID, told []announcement) []announcement {
	if u == nil {
		return told
	}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	before := u.deeds[object]
	delete(u.deeds, object)
	return joined(before, told)
}

// joined is both lists without repetitions: an order whose status was refused may have been given again.
func joined(before, after []announcement) []announcement {
	all := slices.Clone(before)
	for _, one := range after {
		if !deeds[one.reason] || !slices.Contains(before, one) {
			all = append(all, one)
		}
	}
	return all
}
