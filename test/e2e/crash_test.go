package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"lyncops.dev/operator/test/lab"
)

func TestKilledOperatorGoesOnWhereTheServersStand(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	l := startLab(t, lab.Options{Deployment: contoso, TimeScale: 90})
	atStart := readState(t, l)
	startOperator(t, l)
	if err := l.ApplySamples(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	awaitInstaller(t, l, "pool01.contoso.com", "")
	restart := func() {
		if err := l.KillOperator(); err != nil {
			t.Fatal(err)
		}
		startOperator(t, l)
	}
	restart()
	for range 4 {
		time.Sleep(time.Duration(random.IntN(4000)) * time.Millisecond)
		restart()
	}
	awaitAllReady(t, l, lab.Namespace, sampleObjects)
	checkWholeRollout(t, l, atStart)
}

func TestControlPlaneRebuiltFromTheSameObjects(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Options{Deployment: contoso, TimeScale: 90})
	atStart := readState(t, l)
	startOperator(t, l)
	if err := l.ApplySamples(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	awaitInstaller(t, l, "pool01.contoso.com", "UpgradeDomain2")
	if err := l.ReplaceControlPlane(t.Context()); err != nil {
		t.Fatal(err)
	}
	startOperator(t, l)
	if err := l.ApplySamples(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	awaitAllReady(t, l, lab.Namespace, sampleObjects)
	checkWholeRollout(t, l, atStart)
}

func TestTwoOperatorsDoTheWorkOfOne(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Options{Deployment: contoso, TimeScale: 90})
	atStart := readState(t, l)
	startOperator(t, l)
	if err := l.StartAnotherOperator(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.ApplySamples(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	awaitAllReady(t, l, lab.Namespace, sampleObjects)
	checkWholeRollout(t, l, atStart)
}

// awaitInstaller waits until an installer has begun on a front end of a pool, and of a domain when one is named. It runs still where a
// story has kept it from ending.
func awaitInstaller(t *testing.T, l *lab.Lab, pool, domain string) {
	t.Helper()
	var hosts []string
	for _, host := range readState(t, l).Hosts {
		if host.Pool == pool && (domain == "" || host.Domain == domain) {
			hosts = append(hosts, host.FQDN)
		}
	}
	if len(hosts) == 0 {
		t.Fatalf("no host is in %s %s", pool, domain)
	}
	last := 0
	eventually(t, "an installer in "+pool+" "+domain, func() (bool, string) {
		events, err := l.Simulator().Record(t.Context(), last)
		if err != nil {
			return false, err.Error()
		}
		if len(events) > 0 {
			last = events[len(events)-1].Sequence
		}
		return record(events).of(hosts...).begun() > 0, fmt.Sprintf("no installer on %v up to event %d", hosts, last)
	})
}

// checkWholeRollout: whatever happened to the operator, the servers saw one rollout, each step once.
func checkWholeRollout(t *testing.T, l *lab.Lab, atStart lab.State) {
	t.Helper()
	events := readRecord(t, l)
	for _, frontEnd := range sampleFrontEnds {
		checkSteps(t, events, frontEnd, frontEndSteps, true)
	}
	checkSteps(t, events, "se01.contoso.com", standardSteps, false)
	checkBackEndIsLast(t, events)
	checkOneDomainAtATime(t, events, atStart)
	checkNoViolations(t, l)
	checkAtRest(t, l, atStart)
	checkBuild(t, l, build)
}
