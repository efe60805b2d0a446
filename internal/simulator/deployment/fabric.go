package deployment

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// replicasPerGroup is how many copies of a routing group the fabric keeps: one primary and two secondaries.
const replicasPerGroup = 3

// place moves the replicas of the routing groups to where they are after a change: a group loses those on front ends that left the
// fabric, its first secondary becomes the primary, and the next front ends get new secondaries. Nothing moves back by itself when
// a front end returns. There are as many groups as front ends. It expects the lock to be held.
func (p *pool) place() {
	for len(p.placement) < len(p.members) {
		p.placement = append(p.placement, nil)
	}
	for group := range p.placement {
		replicas := slices.DeleteFunc(p.placement[group], func(h *Host) bool { return !h.inFabric() || !slices.Contains(p.members, h) })
		for i := range p.members {
			if h := p.members[(group+i)%len(p.members)]; len(replicas) < replicasPerGroup && h.inFabric() && !slices.Contains(replicas, h) {
				replicas = append(replicas, h)
			}
		}
		p.placement[group] = replicas
	}
}

// FabricState is what Get-CsPoolFabricState prints.
func (h *Host) FabricState(ctx context.Context, poolFQDN string) (string, error) {
	if err := h.lyncCmdlet(ctx); err != nil {
		return "", err
	}
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pool(poolFQDN)
	if p == nil {
		return "", NoSuchPoolError{poolFQDN}
	}
	p.place()
	if m.takeFault(FaultPrimariesMove, nil, h.FQDN(), p.description.FQDN) != nil {
		for group, replicas := range p.placement {
			if len(replicas) > 1 {
				p.placement[group] = append(slices.Clone(replicas[1:]), replicas[0])
			}
		}
	}
	missing := m.takeFault(FaultReplicaMissing, nil, h.FQDN(), p.description.FQDN) != nil
	var text strings.Builder
	fmt.Fprintf(&text, "Pool: %s\nService: fabric:/LyncServer/RoutingGroups\n", p.description.FQDN)
	for group, replicas := range p.placement {
		if missing && group == 0 && len(replicas) > 0 {
			replicas = replicas[:1]
		}
		fmt.Fprintf(&text, "RoutingGroup %08x-0000-4000-8000-000000000000:", group+1)
		for i, fe := range replicas {
			role := "Secondary"
			if i == 0 {
				role = "Primary"
			}
			fmt.Fprintf(&text, " %s=%s", role, fe.FQDN())
		}
		if len(replicas) < min(replicasPerGroup, len(p.members)) {
			text.WriteString(" WARNING: replicas are missing")
		}
		text.WriteString("\n")
	}
	for _, fe := range p.members {
		status := "OK UP"
		if !fe.inFabric() {
			status = "WARNING DOWN"
		}
		fmt.Fprintf(&text, "%s %s\n", fe.FQDN(), status)
	}
	return text.String(), nil
}
