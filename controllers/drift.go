package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

// drift tells which servers have changed without the operator since they were looked at last: one that was done and has an older
// build again, which is repaired through the gates, and one that has got the build, which is left as it is.
func drift(before []v1alpha1.ServerStatus, now []procedure.ServerDecision, desired v1alpha1.Build) []announcement {
	var told []announcement
	for _, server := range now {
		row := rowOf(before, server.FQDN)
		if row == nil || server.Build == "" || server.Begun || desired == "" {
			continue
		}
		was := v1alpha1.Build(row.InstalledBuild)
		switch {
		case row.Step == v1alpha1.StepDone && server.Build.OlderThan(was) && server.Build.OlderThan(desired):
			told = append(told, announcement{warning: true, reason: v1alpha1.EventDriftFound, action: "Look",
				note: fmt.Sprintf("%s has build %s again, it had %s: it was rebuilt, or taken back. It is upgraded again in its turn", server.FQDN, server.Build, was)})
		case untouched[row.Step] && was != "" && was.OlderThan(desired) && !server.Build.OlderThan(desired):
			told = append(told, announcement{reason: v1alpha1.EventServerAdopted, action: "Look",
				note: fmt.Sprintf("%s has got build %s without the operator; it is left as it is", server.FQDN, server.Build)})
		}
	}
	return told
}

// untouched are the steps in which nothing has been done to the services of a server.
var untouched = map[v1alpha1.ServerStep]bool{v1alpha1.StepWaiting: true, v1alpha1.StepReady: true, v1alpha1.StepStagePackage: true}

// noteComponents puts the components into the rows of the servers that answered, and keeps what is known of the others.
func noteComponents(rows []v1alpha1.ServerStatus, servers []procedure.DomainServer) {
	for i := range rows {
		if i >= len(servers) || servers[i].Server == nil {
			continue
		}
		rows[i].Components = nil
		for _, component := range servers[i].Server.Components {
			same := func(other v1alpha1.ComponentStatus) bool { return other.Name == component.Name }
			if component.Name != "" && !slices.ContainsFunc(rows[i].Components, same) {
				rows[i].Components = append(rows[i].Components, v1alpha1.ComponentStatus{Name: component.Name, Build: string(component.Build)})
			}
		}
	}
}

// topologyChanged reads the topology before somebody is stopped, and says how it differs from what the pool was found to be: the
// quorum is counted from it, in its order. Empty when it does not. Pools of other roles have no quorum.
func (r *UpgradeDomainReconciler) topologyChanged(ctx context.Context, work *domainWork, found []observation) string {
	if !work.pool.Spec.Role.IsFrontEnd() {
		return ""
	}
	var names []string
	for _, one := range found {
		if one.server != nil {
			names = append(names, one.fqdn)
		}
	}
	var known []string
	for _, server := range work.pool.Status.Servers {
		known = append(known, server.FQDN)
	}
	var problem error
	for _, name := range append(names, known...) {
		topology, err := r.Servers.Topology(ctx, work.with.At(name), string(work.pool.Spec.PoolFQDN))
		if err == nil {
			return topologyDiffers(known, topology.Computers)
		}
		if problem = err; !tryAnother(err) {
			break
		}
	}
	return fmt.Sprintf("the topology of the pool could not be read again, and nobody is stopped on what it was: %v", problem)
}

// topologyDiffers says how the front ends that are known differ from those that the topology names; empty when they do not.
func topologyDiffers(known, computers []string) string {
	if slices.EqualFunc(known, computers, strings.EqualFold) {
		return ""
	}
	return fmt.Sprintf("the topology of the pool names %s now, it named %s; the pool is read again before anybody is stopped", strings.Join(computers, ", "), strings.Join(known, ", "))
}

// topologyIsNews says whether the topology of a pool names other front ends than are known, and follows the central management store.
// A pool that cannot be asked is not news: its domains tell that.
func (r *LyncPoolReconciler) topologyIsNews(ctx context.Context, work *poolWork) bool {
	if !work.object.Spec.Role.IsFrontEnd() {
		return false
	}
	topology, err := firstAnswer(ctx, work, func(ctx context.Context, name string) (lync.Topology, error) {
		return r.Servers.Topology(ctx, work.with.At(name), string(work.object.Spec.PoolFQDN))
	})
	if err == nil {
		work.object.Status.CentralManagement = topology.CentralManagementOnPool
	}
	return err == nil && topologyDiffers(work.names(), topology.Computers) != ""
}

// readAgain says whether a domain has found that the topology has changed.
func (w *poolWork) readAgain() bool {
	return slices.ContainsFunc(w.domains, func(domain *v1alpha1.UpgradeDomain) bool {
		reason, _ := readyReason(domain.Status.Conditions)
		return reason == v1alpha1.ReasonTopologyChanged
	})
}

// staying are the front ends that something is being done to, each with the name of the domain that does it: whatever the
// topology says meanwhile, the domain that began finishes.
func (w *poolWork) staying() map[string]string {
	staying := map[string]string{}
	for _, domain := range w.domains {
		if !domain.Status.InProgress {
			continue
		}
		for _, row := range domain.Status.Servers {
			switch row.Step {
			case v1alpha1.StepDone, v1alpha1.StepReady, v1alpha1.StepWaiting, v1alpha1.StepStagePackage, v1alpha1.StepUnknown:
			default:
				staying[strings.ToLower(row.FQDN)] = domain.Spec.DomainName
			}
		}
	}
	return staying
}

// uniform writes whether all front ends have the same build.
func (w *poolWork) uniform() {
	var servers []procedure.NamedBuild
	for _, server := range w.object.Status.Servers {
		servers = append(servers, procedure.NamedBuild{FQDN: server.FQDN, Build: v1alpha1.Build(server.InstalledBuild)})
	}
	switch mixed := procedure.MixedBuilds(servers); {
	case mixed != "":
		w.conditions.set(v1alpha1.ConditionUniformBuilds, false, v1alpha1.ReasonMixedBuilds, mixed)
	case w.object.Status.InstalledBuild != "":
		w.conditions.set(v1alpha1.ConditionUniformBuilds, true, v1alpha1.ReasonOneBuild, "every server that is known has build "+w.object.Status.InstalledBuild)
	default:
		w.conditions.remove(v1alpha1.ConditionUniformBuilds)
	}
}
