package procedure

import (
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// Outage says how an outage stands against its budget: WithinBudget, BudgetNearlySpent after two thirds of it, or BudgetSpent. BE,
// introduction: a back end that is away for 30 minutes or more sends users into resiliency mode. Next is the time until that
// changes; zero when it does not change any more.
func Outage(away, budget time.Duration) (reason string, next time.Duration) {
	warning := budget * 2 / 3
	switch {
	case away <= warning:
		return v1alpha1.ReasonWithinBudget, warning - away
	case away <= budget:
		return v1alpha1.ReasonBudgetNearlySpent, budget - away
	default:
		return v1alpha1.ReasonBudgetSpent, 0
	}
}

// awayFor is the time since the first stop after which the services have not been put back, on the server's clock.
func (s Server) awayFor() time.Duration {
	var back, first time.Time
	for _, job := range s.Jobs {
		step := StepOf(job.ID)
		if (step == v1alpha1.StepRecover || step == v1alpha1.StepStartServices) && job.State == JobSucceeded && job.Started.After(back) {
			back = job.Started
		}
	}
	for _, job := range s.Jobs {
		if StepOf(job.ID) == v1alpha1.StepStopServices && job.Started.After(back) && (first.IsZero() || job.Started.Before(first)) {
			first = job.Started
		}
	}
	if first.IsZero() {
		return 0
	}
	return s.Time.Sub(first)
}
