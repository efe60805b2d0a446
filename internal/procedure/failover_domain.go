package procedure

import (
	"fmt"
	"slices"

	"lyncops.dev/operator/api/v1alpha1"
)

// failedOverClosed names the first closed gate in front of a server while the users of its pool are on the backup pool. The flowchart
// then has "force upgrade all front ends": no domain, no answer of the pool and no quorum is asked for. Two things are: a front end
// must remember the failover, so that nothing is taken for failed over that is not, and after a failure no further server is touched.
func (domain Domain) failedOverClosed(result *DomainDecision, index int) (reason, message string) {
	decision := result.Servers[index].forGates()
	if domain.Members == nil {
		result.NeedMembers = true
		return v1alpha1.ReasonWaitingForTurn, "the front ends of the pool are being asked whether it is failed over"
	}
	if reason, message := failOverStands(domain.Members); reason != "" {
		return reason, message
	}
	if decision.InProgress {
		return "", ""
	}
	if blocked, reason, message := domain.blocked(); blocked {
		return reason, message
	}
	if domain.BackEnd != "" {
		return v1alpha1.ReasonWaitingForBackEnd, fmt.Sprintf("the back end %s is being worked on; front ends and SQL Server are never out together", domain.BackEnd)
	}
	if failed := failedMember(domain.Members); failed != "" && !decision.Begun {
		// Servers that have been begun go on side by side; what has not been is not begun after a failure anywhere in the pool.
		return v1alpha1.ReasonWaitingForTurn, failed
	}
	for i, other := range result.Servers {
		if i != index && (other.Verdict == VerdictHold && !other.Aside || other.Step == v1alpha1.StepRecover) {
			return v1alpha1.ReasonWaitingForTurn, fmt.Sprintf("%s has failed; no further server is touched", other.FQDN)
		}
	}
	return "", ""
}

// failOverStands says what keeps the front ends of a pool from being taken for those of a pool that is failed over; empty when nothing does.
func failOverStands(members []Member) (reason, message string) {
	failedOver := false
	for _, member := range members {
		switch {
		case member.UpdatingDatabases:
			return v1alpha1.ReasonWaitingForBackEnd, fmt.Sprintf("the databases are being updated from %s; front ends and SQL Server are never worked on together", member.FQDN)
		case member.FailOver == v1alpha1.StepFailBackPool && member.failingBack():
			return v1alpha1.ReasonFailingBack, fmt.Sprintf("%s remembers that the pool is being failed back; nothing is stopped any more", member.FQDN)
		}
		failedOver = failedOver || member.FailedOver || member.FailOver == v1alpha1.StepFailBackPool
	}
	if !failedOver {
		return v1alpha1.ReasonWaitingForTurn, "no front end that answers remembers that the pool was failed over; nothing is stopped before one does"
	}
	return "", ""
}

// failedMember says which front end has failed, or may have; empty when none has.
func failedMember(members []Member) string {
	for _, member := range members {
		switch {
		case member.Silent:
			return member.FQDN + " does not answer and may have failed; no further server is touched"
		case member.Failed:
			return member.FQDN + " has failed; no further server is touched"
		}
	}
	return ""
}

// failingBack says whether the fail back that the member remembers runs or has succeeded. One that failed leaves the users where they
// are, and the front ends may be worked on.
func (m Member) failingBack() bool { return !m.FailBackFailed }

// awaitColdStart judges no server by services that do not run before enough front ends of the pool have been started. Invoke-CsPoolFailOver
// stops all of them, and RTCSRV then waits in StartPending for the number of the published table.
func (domain Domain) awaitColdStart(result *DomainDecision) {
	if !domain.PoolFailedOver {
		return
	}
	for i := range result.Servers {
		decision := &result.Servers[i]
		starting := decision.Verdict == VerdictHold && (decision.Reason == v1alpha1.ReasonServicesNotRunning || decision.Reason == v1alpha1.ReasonPortsNotListening)
		if !starting || domain.Servers[i].Server == nil {
			continue
		}
		if domain.Members == nil {
			result.NeedMembers = true
			continue
		}
		// After a failure no other is begun, and enough will never be started: only a person can go on.
		failed := slices.ContainsFunc(domain.Members, func(member Member) bool { return member.Failed })
		if enough, message := ColdStart(domain.Members); !enough && !failed {
			begun := decision.Begun
			*decision = decision.wait(v1alpha1.StepStartServices, v1alpha1.ReasonColdStart, "%s is started and waits for the others: %s", decision.FQDN, message)
			decision.InProgress = begun
		}
	}
}

// startAfterFailOver starts the services of a front end that has the build already: Invoke-CsPoolFailOver has stopped them.
func (d ServerDecision) startAfterFailOver(plan Plan, server Server) ServerDecision {
	order := Order{ID: JobID(v1alpha1.StepStartServices, plan.Build, d.Attempt), Action: ActionStartServices, Timeout: plan.RestartTimeout}
	d.Verdict, d.Step, d.Order, d.Reason = VerdictTurn, v1alpha1.StepReady, &order, v1alpha1.ReasonUsersOnBackupPool
	d.Message = fmt.Sprintf("%s has the build; its services, which the failover has stopped, are started", server.FQDN)
	return d
}
