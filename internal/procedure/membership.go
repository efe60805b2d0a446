package procedure

import (
	"fmt"
	"slices"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
)

// PlacedServer is a server of a pool and the upgrade domain that it is in.
type PlacedServer struct {
	FQDN   string
	Domain string
}

// DomainMembers is an upgrade domain as it is declared.
type DomainMembers struct {
	Name    string
	Servers []string
	// Keeps: a server of the domain is half way because of us, or may be, or is held; WorkedOn are those servers.
	Keeps    bool
	WorkedOn []string
}

// Membership is which upgrade domains a pool should have.
type Membership struct {
	// Domains are the ones to declare, each with its servers; in topology order, then those that are only being finished.
	Domains []DomainMembers
	// Vanished are declared domains that the pool has no more, and that keep no server.
	Vanished []string
}

// Members decides which servers belong into which upgrade domain: those that the pool reports for it. Whatever it reports, the
// domain that began with a server finishes it, so that nobody else takes it and it is not left half way; one that is held stays where a
// person has to answer for it.
func Members(found []PlacedServer, declared []DomainMembers) Membership {
	staying := map[string]string{}
	for _, domain := range declared {
		if domain.Keeps {
			for _, server := range domain.WorkedOn {
				staying[strings.ToLower(server)] = domain.Name
			}
		}
	}
	var result Membership
	for _, name := range domainsOf(found) {
		members := DomainMembers{Name: name}
		for _, server := range found {
			by := staying[strings.ToLower(server.FQDN)]
			if strings.EqualFold(server.Domain, name) && (by == "" || strings.EqualFold(by, name)) {
				members.Servers = append(members.Servers, server.FQDN)
			}
		}
		for _, domain := range declared {
			if strings.EqualFold(domain.Name, name) {
				members.keep(domain)
			}
		}
		if len(members.Servers) > 0 { // otherwise all of them are still being finished by other domains
			result.Domains = append(result.Domains, members)
		}
	}
	for _, domain := range declared {
		if slices.ContainsFunc(result.Domains, func(other DomainMembers) bool { return strings.EqualFold(other.Name, domain.Name) }) {
			continue
		}
		if !domain.Keeps {
			result.Vanished = append(result.Vanished, domain.Name)
			continue
		}
		finishing := DomainMembers{Name: domain.Name}
		if finishing.keep(domain); len(finishing.Servers) == 0 {
			finishing.Servers = domain.Servers
		}
		result.Domains = append(result.Domains, finishing)
	}
	return result
}

// keep adds the servers that the domain, as it is declared, is still working on.
func (m *DomainMembers) keep(declared DomainMembers) {
	if !declared.Keeps {
		return
	}
	for _, server := range declared.Servers {
		if includes(declared.WorkedOn, server) && !includes(m.Servers, server) {
			m.Servers = append(m.Servers, server)
		}
	}
}

func domainsOf(found []PlacedServer) []string {
	var names []string
	for _, server := range found {
		if server.Domain != "" && !includes(names, server.Domain) {
			names = append(names, server.Domain)
		}
	}
	return names
}

// includes says whether a name is among some, as Windows compares names: without regard to case.
func includes(names []string, name string) bool {
	return slices.ContainsFunc(names, func(other string) bool { return strings.EqualFold(other, name) })
}

// DeclaredDomain is an UpgradeDomain object and what its status knows of its servers.
type DeclaredDomain struct {
	Name       string
	Servers    []string
	Known      []KnownServer
	State      v1alpha1.DomainState
	InProgress bool
	// Claimed: it bears the finalizer.
	Claimed bool
	// PoolFailedOver: the users of the pool are on its backup pool.
	PoolFailedOver bool
}

// KnownServer is what was last known of one server of a domain.
type KnownServer struct {
	FQDN  string
	Step  v1alpha1.ServerStep
	Build v1alpha1.Build
}

// Members is what the domain keeps, whatever the pool reports: servers that are half way or held, all of them as long as nobody has looked, and
// one that may have been begun and is not remembered. One that is held stays also when it does not answer: that it falls silent answers for
// no failure. While the users are on the backup pool a front end that has died keeps nobody waiting unless it was in the middle.
func (d DeclaredDomain) Members() DomainMembers {
	members := DomainMembers{Name: d.Name, Servers: d.Servers, Keeps: d.InProgress || d.State == v1alpha1.DomainHeld || d.State == ""}
	if d.State == "" {
		members.WorkedOn = slices.Clone(d.Servers)
	}
	for _, known := range d.Known {
		unremembered := d.Claimed && !d.PoolFailedOver && Unremembered(known.Step, known.Build)
		if WorkedOn(known.Step) || unremembered {
			members.WorkedOn = append(members.WorkedOn, known.FQDN)
		}
		members.Keeps = members.Keeps || unremembered || known.Step == v1alpha1.StepHeld && !d.PoolFailedOver
	}
	return members
}

// WorkedOn says whether a server at this step may have been changed by us, so that its domain must finish it.
func WorkedOn(step v1alpha1.ServerStep) bool {
	switch step {
	case "", v1alpha1.StepDone, v1alpha1.StepReady, v1alpha1.StepWaiting, v1alpha1.StepStagePackage, v1alpha1.StepUnknown:
		return false
	default:
		return true
	}
}

// Unremembered says whether a status with a row for a server has never seen it, as one has that was lost while the server does not answer.
// Where the finalizer says that a server of the domain may have been begun, it may be this one.
func Unremembered(step v1alpha1.ServerStep, build v1alpha1.Build) bool {
	return (step == "" || step == v1alpha1.StepUnknown) && build == ""
}

// PlaceServers puts every front end of the topology into the upgrade domain that the pool's answer has it in. Where the two do not
// name the same front ends, nothing can be relied on.
func PlaceServers(computers []string, answer Readiness) ([]PlacedServer, error) {
	domainOf, reported := map[string]string{}, 0
	for _, domain := range answer.Domains {
		for _, frontEnd := range domain.FrontEnds {
			domainOf[strings.ToLower(frontEnd)] = domain.Name
			reported++
		}
	}
	placed := make([]PlacedServer, 0, len(computers))
	for _, computer := range computers {
		domain := domainOf[strings.ToLower(computer)]
		if domain == "" {
			return nil, fmt.Errorf("the front end %s of the topology is in no upgrade domain", computer)
		}
		placed = append(placed, PlacedServer{FQDN: computer, Domain: domain})
	}
	if reported != len(computers) {
		return nil, fmt.Errorf("the upgrade domains hold %d front ends, the topology %d", reported, len(computers))
	}
	return placed, nil
}

// StillThere keeps the servers that answer or that the topology still names. While a pool is failed over its domains cannot be read, and a
// front end that has died and was taken out of the topology must not keep the users of the others on the backup pool.
func StillThere(known []PlacedServer, answering, computers []string) []PlacedServer {
	var kept []PlacedServer
	for _, server := range known {
		if includes(answering, server.FQDN) || includes(computers, server.FQDN) {
			kept = append(kept, server)
		}
	}
	return kept
}

// SamePlaces says whether two readings of a pool have the same servers, in the same order and the same upgrade domains.
func SamePlaces(one, other []PlacedServer) bool {
	return slices.EqualFunc(one, other, func(a, b PlacedServer) bool {
		return strings.EqualFold(a.FQDN, b.FQDN) && strings.EqualFold(a.Domain, b.Domain)
	})
}

// TopologyDiffers says how the servers that are known differ from those that the topology names; empty when they do not. The order
// counts: the published table speaks of the first so many.
func TopologyDiffers(known, computers []string) string {
	if slices.EqualFunc(known, computers, strings.EqualFold) {
		return ""
	}
	return fmt.Sprintf("the topology of the pool names %s now, it named %s; the pool is read again before anybody is stopped", strings.Join(computers, ", "), strings.Join(known, ", "))
}
