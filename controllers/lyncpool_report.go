package controllers

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// apply turns a decision into status.
func (r *LyncPoolReconciler) apply(work *poolWork, decision procedure.PoolDecision) {
	object, status := work.object, &work.object.Status
	status.Soak = soakStatus(decision.Soak)
	stands := standingWorking
	switch decision.Action {
	case procedure.PoolOpens, procedure.PoolAdopts:
		if status.UnderWaySince == nil {
			since := metav1.NewMicroTime(work.now)
			status.UnderWaySince = &since
		}
		status.OpenDomain = &v1alpha1.OpenDomain{Name: decision.Domain, Build: work.buildOf(decision.Domain), Since: metav1.NewMicroTime(work.now),
			Adopted: decision.Action == procedure.PoolAdopts}
		work.told = append(work.told, announcement{reason: v1alpha1.EventDomainOpened, action: string(decision.Action), note: decision.Domain + " is opened: " + decision.Message})
		decision.Message = procedure.BeingUpgraded(decision.Domain)
		status.Now = "upgrading " + decision.Domain
		if decision.Action == procedure.PoolAdopts {
			// What the pool answered while the adopted server was on its way out says nothing about the pool's own health. It is
			// asked afresh before any other server is stopped.
			status.Hold, status.Readiness = nil, nil
		}
	case procedure.PoolCloses:
		status.OpenDomain, status.Readiness = nil, nil
		status.Now = decision.Message
	case procedure.PoolHolds:
		stands = standingStalled
		status.Now = "held: " + decision.Reason
		if status.OpenDomain != nil && decision.EndsTurn {
			status.OpenDomain.Adopted = true
		}
		if lastsUntilRetry[decision.Reason] {
			status.Hold = holdFrom(status.Hold, true, decision.Reason, "", decision.Message, work.now)
		}
	case procedure.PoolIsDone:
		stands = standingReady
		status.OpenDomain, status.Readiness, status.Soak, status.Hold = nil, nil, nil, nil
		status.Placement = nil
		status.Now = "up to date"
	case procedure.PoolWaits, procedure.PoolAsks:
		status.Now = nowWaiting(decision)
		if decision.Reason == v1alpha1.ReasonObserving || decision.Reason == v1alpha1.ReasonPaused {
			stands = standingIdle
		}
		if work.problem != nil && work.problem.Lasting {
			stands = standingStalled
		}
	}
	if work.problem != nil {
		work.conditions.set(v1alpha1.ConditionServersReachable, false, work.problem.Reason, work.problem.Message)
	}
	work.sumUp()
	if object.Spec.Management == v1alpha1.ManagementObserve && decision.Action == procedure.PoolIsDone {
		decision.Reason, decision.Message = v1alpha1.ReasonObserving, "every front end answered; nothing is changed because management is Observe"
		status.Now = "observing"
	}
	soaked := decision.Reason != v1alpha1.ReasonSoaking
	if soaked {
		work.conditions.set(v1alpha1.ConditionSoaked, true, v1alpha1.ReasonSoaked, "no soak is due")
	} else {
		work.conditions.set(v1alpha1.ConditionSoaked, false, v1alpha1.ReasonSoaking, decision.Message)
	}
	work.conditions.summarise(stands, decision.Reason, decision.Message)
}

func nowWaiting(decision procedure.PoolDecision) string {
	switch decision.Reason {
	case v1alpha1.ReasonUpgrading:
		return "upgrading " + decision.Domain
	case v1alpha1.ReasonSoaking:
		return "soaking before " + decision.Domain
	case v1alpha1.ReasonStaging:
		return "staging the package"
	}
	return "waiting: " + decision.Reason
}

func (w *poolWork) buildOf(domainName string) string {
	for _, domain := range w.domains {
		if domain.Spec.DomainName == domainName {
			return string(domain.Spec.DesiredBuild)
		}
	}
	return string(w.object.Spec.DesiredBuild)
}

// sumUp writes what the domains report.
func (w *poolWork) sumUp() {
	status := &w.object.Status
	status.Domains = nil
	builds := map[string]string{}
	done, servers, serversDone := 0, 0, 0
	for _, domain := range w.domains {
		state := domain.Status.State
		if state == "" || domain.Status.ObservedGeneration != domain.Generation {
			state = v1alpha1.DomainUnknown
		}
		if state == v1alpha1.DomainDone {
			done++
		}
		if open := status.OpenDomain; state == v1alpha1.DomainWaiting && isTurnOf(open, domain) {
			state = v1alpha1.DomainOpen
		}
		status.Domains = append(status.Domains, v1alpha1.PoolDomainStatus{Name: domain.Spec.DomainName, Object: domain.Name,
			DesiredBuild: string(domain.Spec.DesiredBuild), State: state, ServerProgress: domain.Status.ServerProgress})
		for _, row := range domain.Status.Servers {
			servers++
			if row.Step == v1alpha1.StepDone {
				serversDone++
			}
			builds[strings.ToLower(row.FQDN)] = row.InstalledBuild
		}
	}
	status.DomainProgress = fmt.Sprintf("%d/%d", done, len(w.domains))
	status.ServerProgress = fmt.Sprintf("%d/%d", serversDone, max(servers, len(status.Servers)))
	oldest := v1alpha1.Build("")
	for i := range status.Servers {
		build := v1alpha1.Build(builds[strings.ToLower(status.Servers[i].FQDN)])
		status.Servers[i].InstalledBuild = string(build)
		if build != "" && (oldest == "" || build.OlderThan(oldest)) {
			oldest = build
		}
	}
	status.InstalledBuild = string(oldest)
	w.uniform()
}
