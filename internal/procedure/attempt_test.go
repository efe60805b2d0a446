package procedure

import (
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// What a failure on one front end means to the others of its pool: none of them is touched, whatever was put back on it, until a person
// has asked for another try or declared another build.
func TestAFrontEndHasFailedUntilAnotherAttempt(t *testing.T) {
	again := func(step v1alpha1.ServerStep) func(*Job) { return named(JobID(step, wanted, 2)) }
	forLater := func(step v1alpha1.ServerStep) func(*Job) { return named(JobID(step, later, 1)) }
	restarted := func(s *Server) { s.BootTime = started.Add(20 * time.Minute) }
	for _, test := range []struct {
		says    string
		changes []change
		failed  bool
	}{
		{"nothing was begun", nil, false},
		{"it is being worked on", []change{has(v1alpha1.StepStopServices, JobSucceeded), has(v1alpha1.StepInstall, JobRunning)}, false},
		{"the stop failed", []change{has(v1alpha1.StepStopServices, JobFailed)}, true},
		{"the stop was cut off", []change{has(v1alpha1.StepStopServices, JobInterrupted)}, true},
		{"and is being put back", []change{has(v1alpha1.StepStopServices, JobFailed), has(v1alpha1.StepRecover, JobRunning)}, true},
		{"and was put back", []change{has(v1alpha1.StepStopServices, JobFailed), has(v1alpha1.StepRecover, JobSucceeded)}, true},
		{"putting it back was undone by a restart, and is done once more", []change{has(v1alpha1.StepStopServices, JobFailed), has(v1alpha1.StepRecover, JobInterrupted), has(v1alpha1.StepStartServices, JobRunning)}, true},
		{"the installer failed, and Windows was restarted after it", []change{has(v1alpha1.StepStopServices, JobSucceeded), has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRestartComputer, JobSucceeded), restarted}, true},
		{"another attempt has begun", []change{has(v1alpha1.StepStopServices, JobFailed), has(v1alpha1.StepRecover, JobSucceeded), has(v1alpha1.StepStopServices, JobRunning, again(v1alpha1.StepStopServices))}, false},
		{"another build was declared", []change{has(v1alpha1.StepStopServices, JobFailed, forLater(v1alpha1.StepStopServices)), has(v1alpha1.StepRecover, JobRunning, forLater(v1alpha1.StepRecover))}, false},
		{"the restart failed", []change{has(v1alpha1.StepInstall, JobSucceeded), has(v1alpha1.StepRestartComputer, JobFailed)}, true},
		{"and Windows has restarted all the same", []change{has(v1alpha1.StepInstall, JobSucceeded), has(v1alpha1.StepRestartComputer, JobFailed), restarted}, false},
		{"the restart cut its own job off", []change{has(v1alpha1.StepInstall, JobSucceeded), has(v1alpha1.StepRestartComputer, JobInterrupted)}, false},
		{"the restart was ordered and never began", []change{has(v1alpha1.StepInstall, JobSucceeded), has(v1alpha1.StepRestartComputer, JobInterrupted, neverBegan)}, true},
		{"services do not start, as while a whole pool starts", []change{has(v1alpha1.StepInstall, JobSucceeded), restarted, has(v1alpha1.StepStartServices, JobFailed)}, false},
		{"a start after a good installer was undone by a restart, and is done once more", []change{has(v1alpha1.StepInstall, JobSucceeded), restarted, has(v1alpha1.StepStartServices, JobInterrupted), has(v1alpha1.StepRecover, JobRunning)}, false},
	} {
		t.Run(test.says, func(t *testing.T) {
			if member := MemberFrom(plan, frontEnd(test.changes...)); member.Failed != test.failed {
				t.Errorf("failed is %t", member.Failed)
			}
		})
	}
}
