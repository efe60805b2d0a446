package controllers

import (
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

func (r *LyncPoolReconciler) nextLook(decision procedure.PoolDecision, drift v1alpha1.Duration) time.Duration {
	switch decision.Action {
	case procedure.PoolAdopts:
		return quickestLook
	case procedure.PoolHolds:
		return holdLook
	case procedure.PoolIsDone:
		return unhurried(orDefault(drift, defaultDriftInterval))
	default:
	}
	switch {
	case decision.Until.IsZero() && (decision.Reason == v1alpha1.ReasonDiscovering || decision.Reason == v1alpha1.ReasonStaging):
		return beginningLook
	case decision.Until.IsZero():
		return unhurried(turnLook)
	}
	return max(decision.Until.Sub(r.Clock.Now()), quickestLook)
}
