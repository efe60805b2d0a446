package procedure_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"os" //nolint:depguard // a soak tells people how far it is
	"slices"
	"sync"
	"testing"
	"time"
)

// usualHistories are how many random histories a test plays, by its share, when nothing else is asked for; shortHistories with -short.
const (
	usualHistories = 800
	shortHistories = 300
)

// soakEnds is when a soak is over, the same for all tests that take part.
var soakEnds = sync.OnceValue(func() time.Time { return time.Now().Add(*soakFlag) })

// seeds are the seeds of the histories that a test plays: those that once broke a promise (once adds some of the test's own), then the first numbers; the share says how much
// more the histories of the test cost than others. With -seed it is that one, and with -soak it goes on with ever new ones until the time
// is over. A test that ranges over it takes part in make soak, and must be parallel: one that is not would take all of the time.
func seeds(share int, once ...uint64) iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		if *seedFlag != 0 {
			yield(0, *seedFlag)
			return
		}
		known := slices.Concat(regressions, once)
		for i, seed := range known {
			if !yield(i, seed) {
				return
			}
		}
		if *soakFlag > 0 {
			soak(yield)
			return
		}
		for i := range max(histories()/share, 1) {
			if !yield(len(known)+i, uint64(i)+1) {
				return
			}
		}
	}
}

func histories() int {
	switch {
	case *historiesFlag > 0:
		return *historiesFlag
	case testing.Short():
		return shortHistories
	default:
		return usualHistories
	}
}

// soak plays histories from a place that was never looked at, and says now and then how far it is.
func soak(yield func(int, uint64) bool) {
	first, said := rand.Uint64N(1<<62), time.Now()
	for i := uint64(0); time.Now().Before(soakEnds()); i++ {
		if time.Since(said) > time.Minute {
			said = time.Now()
			fmt.Fprintf(os.Stderr, "soak: %d histories from seed %d on\n", i, first)
		}
		if !yield(int(i), first+i) {
			return
		}
	}
}
