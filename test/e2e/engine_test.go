package e2e_test

import (
	"os"
	"testing"

	"lyncops.dev/operator/internal/simulator/witness"
	"lyncops.dev/operator/test/lab"
)

// TestRolloutWithTheModuleInAnEngine is TestRolloutOfTheSamples with the operator's own module run on every server by a PowerShell
// engine, and nothing of the operator told about it.
func TestRolloutWithTheModuleInAnEngine(t *testing.T) {
	if os.Getenv("LYNCOPS_ENGINE") == "" {
		t.Skip("it keeps every processor busy for minutes: run make test-engine")
	}
	program := witness.PowerShell(t)
	directory := t.TempDir()
	l := startLab(t, lab.Options{Directory: directory, Deployment: contoso, TimeScale: 60, Engine: program})
	atStart := readState(t, l)
	startOperator(t, l)
	if err := l.ApplySamples(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	// It keeps every processor busy that it gets.
	awaitAllReadyWithin(t, 3*patience, l, lab.Namespace, sampleObjects)

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
	checkNoPassword(t, l, directory, password)
	if err := l.StopOperator(); err != nil {
		t.Error(err)
	}
}
