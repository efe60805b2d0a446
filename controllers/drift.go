package controllers

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/credentials"
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

// topologyChanged reads the topology before somebody is stopped or databases change, and says how it differs from what the pool was found
// to be: the quorum is counted from it, in its order. Empty when it does not. Where the servers are declared, the declaration is the
// topology. Servers that are known to answer are asked first. It gives the topology as well; empty when it could not be read.
func topologyChanged(ctx context.Context, servers Servers, with credentials.Credentials, pool *v1alpha1.LyncPool, answering []string) (now []string, changed string) {
	var known []string
	for _, server := range pool.Status.Servers {
		known = append(known, server.FQDN)
	}
	if declared := namesOf(pool.Spec.Servers); len(declared) > 0 {
		return declared, procedure.TopologyDiffers(known, declared)
	}
	var problem error
	for _, name := range slices.Concat(answering, known) {
		topology, err := servers.Topology(ctx, with.At(name), string(pool.Spec.PoolFQDN))
		if err == nil {
			return topology.Computers, procedure.TopologyDiffers(known, topology.Computers)
		}
		if problem = err; !tryAnother(err) {
			break
		}
	}
	return nil, fmt.Sprintf("the topology of the pool could not be read again, and nothing is begun on what it was: %v", problem)
}

// answering are the servers that were observed.
func answering(found []observation) []string {
	var names []string
	for _, one := range found {
		if one.server != nil {
			names = append(names, one.fqdn)
		}
	}
	return names
}

// topologyIsNews says whether the topology of a pool that rests names other servers than are known, and follows the central management
// store. A pool that cannot be asked is not news: its domains tell that.
func (r *LyncPoolReconciler) topologyIsNews(ctx context.Context, work *poolWork) bool {
	if len(work.object.Spec.Servers) > 0 {
		return false // read again when the declaration changes
	}
	topology, err := firstAnswer(ctx, work, func(ctx context.Context, name string) (lync.Topology, error) {
		return r.Servers.Topology(ctx, work.with.At(name), string(work.object.Spec.PoolFQDN))
	})
	if err == nil && work.object.Spec.Role.IsFrontEnd() {
		work.object.Status.CentralManagement = topology.CentralManagementOnPool
	}
	return err == nil && procedure.TopologyDiffers(work.names(), topology.Computers) != ""
}

// readAgain says whether the pool, before its users are moved, or a domain, or a back end of it, has found that the topology has changed.
func (r *LyncPoolReconciler) readAgain(ctx context.Context, work *poolWork) (bool, error) {
	if reason, _ := readyReason(work.object.Status.Conditions); reason == v1alpha1.ReasonTopologyChanged {
		return true, nil
	}
	for _, domain := range work.domains {
		if reason, _ := readyReason(domain.Status.Conditions); reason == v1alpha1.ReasonTopologyChanged {
			return true, nil
		}
	}
	backEnds, err := r.backEnds(ctx, r.Client, client.ObjectKeyFromObject(work.object))
	for _, backEnd := range backEnds {
		if foundOther(&backEnd) {
			return true, err
		}
	}
	return false, err
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
