package controllers

import (
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// Published and documented defaults, for objects that were stored without them.
const (
	defaultDrainTimeout      = 30 * time.Minute
	defaultInstallTimeout    = time.Hour
	defaultRestartTimeout    = time.Hour
	defaultReadinessInterval = 10 * time.Minute
	defaultReadinessAttempts = 3
	defaultOutageBudget      = 30 * time.Minute
	defaultVerifyTimeout     = 15 * time.Minute
	defaultDriftInterval     = 30 * time.Minute
)

func planFor(build v1alpha1.Build, pkg *v1alpha1.UpdatePackage, rollout v1alpha1.RolloutPolicy) procedure.Plan {
	plan := procedure.Plan{
		Build:           build,
		Graceful:        rollout.Drain.Mode != v1alpha1.DrainImmediate,
		DrainTimeout:    orDefault(rollout.Drain.Timeout, defaultDrainTimeout),
		StopAtOnce:      rollout.Drain.OnTimeout == v1alpha1.DrainTimeoutStopAtOnce || rollout.Drain.Mode == v1alpha1.DrainImmediate,
		RestartComputer: rollout.Restart != v1alpha1.RestartServices,
		InstallTimeout:  orDefault(rollout.InstallTimeout, defaultInstallTimeout),
		RestartTimeout:  orDefault(rollout.RestartTimeout, defaultRestartTimeout),
	}
	plan.VerifyTimeout = orDefault(rollout.Verify.Timeout, defaultVerifyTimeout)
	for _, port := range rollout.Verify.Ports {
		plan.Ports = append(plan.Ports, int(port))
	}
	if pkg != nil {
		plan.PackageSource, plan.PackageSHA256 = pkg.Source, pkg.SHA256
	}
	return plan
}

func readinessPolicyFor(rollout v1alpha1.RolloutPolicy) procedure.ReadinessPolicy {
	policy := procedure.ReadinessPolicy{
		Interval:  orDefault(rollout.Readiness.Interval, defaultReadinessInterval),
		Attempts:  int(rollout.Readiness.Attempts),
		FailOver:  rollout.WhenUnready == v1alpha1.UnreadyFailOver,
		AllActive: rollout.Verify.ActiveFrontEnds != v1alpha1.ActiveAny,
	}
	if policy.Attempts == 0 {
		policy.Attempts = defaultReadinessAttempts
	}
	return policy
}

func orDefault(value v1alpha1.Duration, otherwise time.Duration) time.Duration {
	if value.Duration.Duration == 0 {
		return otherwise
	}
	return value.Duration.Duration
}
