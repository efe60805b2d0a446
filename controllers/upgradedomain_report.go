package controllers

import (
	"fmt"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

func (r *UpgradeDomainReconciler) report(work *domainWork, conditions conditions, domain procedure.Domain, decision procedure.DomainDecision) {
	status := &work.object.Status
	work.told = append(work.told, drift(status.Servers, decision.Servers, work.object.Spec.DesiredBuild)...)
	status.Servers = rowsFrom(status.Servers, decision.Servers, work.now)
	noteComponents(status.Servers, domain.Servers)
	status.State = decision.State
	status.InProgress = decision.InProgress
	status.FailOverSeen = procedure.FailOverSeenOn(domain.Servers, status.FailOverSeen)
	status.InstalledBuild = oldestBuild(decision.Servers)
	status.ServerProgress = fmt.Sprintf("%d/%d", decision.Done(), len(decision.Servers))
	status.CurrentServer, status.CurrentStep = decision.Current()
	status.Hold = holdFrom(status.Hold, decision.State == v1alpha1.DomainHeld, decision.Reason, status.CurrentServer, decision.Message, work.now)

	reportReachable(conditions, domain.Servers)
	conditions.paused(domain.Paused)
	switch {
	case decision.State == v1alpha1.DomainDone:
		conditions.set(v1alpha1.ConditionTurn, true, v1alpha1.ReasonNotApplicable, "the domain is done and needs no turn")
	case domain.Turn:
		conditions.set(v1alpha1.ConditionTurn, true, v1alpha1.ReasonTurnGranted, "the pool has opened this upgrade domain")
	default:
		conditions.set(v1alpha1.ConditionTurn, false, v1alpha1.ReasonWaitingForTurn, "the pool has not opened this upgrade domain")
	}
	if decision.QuorumMessage != "" {
		reason := v1alpha1.ReasonQuorumHolds
		if decision.QuorumBroken {
			reason = v1alpha1.ReasonQuorumAtRisk
		}
		conditions.set(v1alpha1.ConditionQuorum, !decision.QuorumBroken, reason, decision.QuorumMessage)
	}
	conditions.summarise(domainStanding(domain, decision), decision.Reason, decision.Message)
}

func domainStanding(domain procedure.Domain, decision procedure.DomainDecision) standing {
	switch {
	case decision.State == v1alpha1.DomainHeld:
		return standingStalled
	case decision.State == v1alpha1.DomainDone:
		return standingReady
	case !decision.InProgress && (domain.Observe || domain.Paused):
		return standingIdle
	case !decision.InProgress && lastingProblem(domain.Servers):
		return standingStalled
	}
	return standingWorking
}

func lastingProblem(servers []procedure.DomainServer) bool {
	for _, server := range servers {
		if server.Problem != nil && server.Problem.Lasting {
			return true
		}
	}
	return false
}

func reportReachable(conditions conditions, servers []procedure.DomainServer) {
	for _, server := range servers {
		if server.Problem != nil && server.LastStep != v1alpha1.StepRestartComputer {
			conditions.set(v1alpha1.ConditionServersReachable, false, server.Problem.Reason, server.Problem.Message)
			return
		}
		if server.Problem != nil {
			return
		}
	}
	conditions.set(v1alpha1.ConditionServersReachable, true, v1alpha1.ReasonAllServersAnswer, "every server that had to be asked answered")
}
