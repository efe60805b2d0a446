package procedure

import "lyncops.dev/operator/api/v1alpha1"

// latestAttempt is the build and the number of the attempt whose work on the server began last; false when there is none.
func (s Server) latestAttempt() (build v1alpha1.Build, attempt int, found bool) {
	var last *Job
	for i := range s.Jobs {
		job := &s.Jobs[i]
		step, subject, number, _ := parseJobID(job.ID)
		if bringsForward(step) && (last == nil || !job.since().Before(last.since())) {
			last, build, attempt, found = job, v1alpha1.Build(subject), number, true
		}
	}
	return build, attempt, found
}

// bringsForward says whether a step brings a server towards a build, rather than back into service.
func bringsForward(step v1alpha1.ServerStep) bool {
	switch step {
	case v1alpha1.StepStopServices, v1alpha1.StepInstall, v1alpha1.StepStopServicesAgain, v1alpha1.StepRestartComputer:
		return true
	default:
		return false
	}
}

// ranIntoAFailure says whether the latest attempt on the server went wrong, or its services were put back in the middle of it: where that has
// succeeded only in part, as with a service that did not start, the server may have served all the same.
func (s Server) ranIntoAFailure() bool {
	if _, failed := s.failed(); failed {
		return true
	}
	build, attempt, found := s.latestAttempt()
	if last := s.lastWork(); last != nil && StepOf(last.ID) == v1alpha1.StepRecover {
		return true
	}
	return found && s.job(JobID(v1alpha1.StepRecover, build, attempt)) != nil
}

// failed says whether the latest attempt on the server went wrong, and for which build that was. That its services were put back afterwards,
// or are being, changes nothing about it; another attempt does.
func (s Server) failed() (build v1alpha1.Build, failed bool) {
	build, attempt, found := s.latestAttempt()
	if !found {
		return "", false
	}
	wrong := func(step v1alpha1.ServerStep) bool {
		job := s.job(JobID(step, build, attempt))
		// A restart cuts its own job off, unless that has never begun.
		return job != nil && (job.State == JobFailed || job.State == JobInterrupted && (step != v1alpha1.StepRestartComputer || job.neverBegan()))
	}
	if wrong(v1alpha1.StepStopServices) || wrong(v1alpha1.StepInstall) {
		return build, true
	}
	// What was to come before a restart, or to bring it about, does not matter after one.
	install := s.lastInstall()
	due := install == nil || !s.restartedSince(*install)
	return build, due && (wrong(v1alpha1.StepStopServicesAgain) || wrong(v1alpha1.StepRestartComputer))
}
