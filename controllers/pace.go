package controllers

import (
	"math/rand/v2"
	"time"
)

// Pace of looking at servers. While a job runs, the time between two looks is a small part of the time it has been running, so
// that waiting adds little to a step of any length and a long step costs few questions.
const (
	quickestLook = 200 * time.Millisecond
	slowestLook  = 30 * time.Second
	lookFraction = 0.04
	// holdLook is how often a held object is looked at, so that what people mend by hand is noticed.
	holdLook = time.Minute
	// troubleLook is how often a server is tried that does not answer.
	troubleLook = 15 * time.Second
	// beginningLook is how often a pool looks at domains that are still staging, for people who watch it.
	beginningLook = 5 * time.Second
	// turnLook is how often a server that waits for its turn is looked at; its turn itself arrives as an event.
	turnLook = 5 * time.Minute
)

// lookAfter is the time until the next look at a job that has been running for so many seconds.
func lookAfter(activeSeconds float64) time.Duration {
	return min(max(time.Duration(activeSeconds*lookFraction*float64(time.Second)), quickestLook), slowestLook)
}

// unhurried spreads looks that are not urgent, so that many objects do not ask at the same moment.
func unhurried(interval time.Duration) time.Duration {
	return interval + time.Duration(rand.Int64N(int64(interval/5))) //nolint:gosec // jitter needs no secrecy
}

// sooner is the earlier of two waiting times, where zero means never.
func sooner(one, other time.Duration) time.Duration {
	if one == 0 || other != 0 && other < one {
		return other
	}
	return one
}
