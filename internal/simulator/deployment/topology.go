package deployment

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// SetTopology publishes another topology of an Enterprise pool: its front ends are those of the domains, in that order, and each is in
// the domain that names it. They must be front ends or spares of the pool; who is left out is a spare from now on. It is what an
// administrator does with the Topology Builder: recorded, not judged. Nothing is started or stopped on a server, the pool settles,
// and no Ready that was handed out before counts any longer.
func (m *Model) SetTopology(poolFQDN string, domains []Domain) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pool(poolFQDN)
	if p == nil {
		return NoSuchPoolError{poolFQDN}
	}
	if !p.enterprise() {
		return fmt.Errorf("%s is no Enterprise pool of front ends", p.description.FQDN)
	}
	published := p.description
	published.FrontEnds, published.UpgradeDomains = nil, nil
	members := []*Host{}
	for _, domain := range domains {
		published.UpgradeDomains = append(published.UpgradeDomains, Domain{domain.Name, slices.Clone(domain.FrontEnds)})
		for _, name := range domain.FrontEnds {
			h := m.hosts[strings.ToLower(name)]
			if h == nil || h.pool != p {
				return fmt.Errorf("%s is neither a front end nor a spare of %s", name, p.description.FQDN)
			}
			if !slices.Contains(members, h) {
				members = append(members, h)
				published.FrontEnds = append(published.FrontEnds, h.FQDN())
			}
		}
	}
	var found problems
	published.validateEnterprise("topology", &found)
	if err := errors.Join(found...); err != nil {
		return err
	}
	before := p.members
	p.description, p.members = published, members
	for _, h := range slices.Concat(before, members) {
		p.visible[h] = membership{serves: h.serves(), inFabric: h.inFabric()}
	}
	p.serial++
	p.settledAt = time.Now().Add(m.scaled(time.Duration(m.description.Timing.Settling)))
	p.openDomain = ""
	clear(p.visited)
	// There are as many routing groups as front ends.
	p.placement = p.placement[:min(len(p.placement), len(members))]
	p.place()
	p.admit()
	p.checkQuorum()
	members[0].event(Caller{User: "(somebody)", Command: "Publish-CsTopology"}, "the front ends of "+published.FQDN+" are "+strings.Join(published.FrontEnds, ", "))
	m.notify()
	return nil
}

// member is the pool that the published topology has the host in; nil for a spare, and for a host of no pool.
func (h *Host) member() *pool {
	if h.pool == nil || !slices.Contains(h.pool.members, h) {
		return nil
	}
	return h.pool
}
