package controllers

import (
	"context"
	"slices"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

func domainFrom(work *domainWork, found []observation) procedure.Domain {
	pool, object := work.pool, work.object
	domain := procedure.Domain{
		Plan:           planFor(object.Spec.DesiredBuild, pool.Spec.Package, pool.Spec.Rollout),
		TurnLimit:      readinessPolicyFor(pool.Spec.Rollout).TurnLimit(),
		ServersAtATime: int(pool.Spec.Rollout.ServersAtATime),
		Paused:         pool.Spec.Paused,
		Observe:        pool.Spec.Management == v1alpha1.ManagementObserve,
		Deleting:       work.deleting(),
		Claimed:        claimed(object),
		WasInProgress:  object.Status.InProgress,
	}
	domain.Plan.Variant = variantOf(pool)
	for _, minimum := range pool.Spec.MinimumBuilds {
		domain.Plan.Minimums = append(domain.Plan.Minimums, procedure.MinimumBuild{Component: minimum.Component, Build: minimum.Build})
	}
	if !domain.Plan.Role.IsFrontEnd() {
		// The ports that are known are those of front ends.
		domain.Plan.Ports = nil
	}
	if pool.Spec.Role == v1alpha1.RolePersistentChat {
		domain.Plan.DrainTimeout = max(domain.Plan.DrainTimeout, shortestPersistentChatStop)
	}
	if open := pool.Status.OpenDomain; isTurnOf(open, object) {
		domain.Turn, domain.Adopted, domain.TurnAge = true, open.Adopted, work.now.Sub(open.Since.Time)
	}
	if gateAbandoned(pool) {
		// Deleting the pool or the domain ends a failover that was begun by carrying it through: users must not be left on the backup pool.
		domain.PoolFailedOver, domain.Deleting = true, false
		domain.Plan.RestartTimeout += orDefault(pool.Spec.Rollout.FailOver.ColdStartTimeout, defaultColdStartTimeout)
	}
	for _, one := range found {
		server := procedure.DomainServer{FQDN: one.fqdn, Server: one.server, Problem: one.problem, Left: hasLeft(pool, one.fqdn)}
		if row := rowOf(object.Status.Servers, one.fqdn); row != nil {
			server.LastStep, server.LastBuild = row.Step, v1alpha1.Build(row.InstalledBuild)
			if object.Status.ObservedGeneration == object.Generation {
				// What was permitted for an earlier declaration is not permitted for this one.
				server.Permitted = int(row.Attempt)
			}
		}
		domain.Servers = append(domain.Servers, server)
	}
	return domain
}

// hasLeft says whether a pool whose servers are known does not have this one.
func hasLeft(pool *v1alpha1.LyncPool, fqdn string) bool {
	has := slices.ContainsFunc(pool.Status.Servers, func(server v1alpha1.PoolServerStatus) bool { return strings.EqualFold(server.FQDN, fqdn) })
	return len(pool.Status.Servers) > 0 && !has
}

// isTurnOf says whether the pool has opened this domain, for the build that the domain is to have.
func isTurnOf(open *v1alpha1.OpenDomain, domain *v1alpha1.UpgradeDomain) bool {
	return open != nil && open.Name == domain.Spec.DomainName && open.Build == string(domain.Spec.DesiredBuild)
}

// members observes the pool's other front ends: nobody is stopped on the strength of what was true some time ago.
func (r *UpgradeDomainReconciler) members(ctx context.Context, work *domainWork, plan procedure.Plan, own []observation) []procedure.Member {
	known := map[string]observation{}
	for _, one := range own {
		known[strings.ToLower(one.fqdn)] = one
	}
	var others []string
	for _, server := range work.pool.Status.Servers {
		if _, ok := known[strings.ToLower(server.FQDN)]; !ok {
			others = append(others, server.FQDN)
		}
	}
	for _, one := range observe(ctx, r.Servers, work.with, others) {
		known[strings.ToLower(one.fqdn)] = one
	}
	members := make([]procedure.Member, 0, len(work.pool.Status.Servers))
	for _, server := range work.pool.Status.Servers {
		member := procedure.Member{FQDN: server.FQDN, Silent: true}
		if one := known[strings.ToLower(server.FQDN)]; one.server != nil {
			member = procedure.MemberFrom(plan, *one.server)
			member.FQDN = server.FQDN
		}
		members = append(members, member)
	}
	return members
}

func namesOf(names []v1alpha1.FQDN) []string {
	result := make([]string, 0, len(names))
	for _, name := range names {
		result = append(result, string(name))
	}
	return result
}
