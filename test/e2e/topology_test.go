package e2e_test

import (
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

// sparedPools are the scenarios whose pool has two spares, fe4 and fe5, that come into its topology later.
var sparedPools = []string{"members"}

// sparesOf is how a pool of the deployment says which spares it has.
func sparesOf(name string) string {
	if slices.Contains(sparedPools, name) {
		return fmt.Sprintf("spares: [%[1]s-fe4.contoso.com, %[1]s-fe5.contoso.com], ", name)
	}
	return ""
}

// topologyStories are about a topology that changes under the operator.
func topologyStories() []story {
	return []story{
		{"members", "front ends are added and another one removed in mid-rollout", func(s *scenario) {
			s.pool.Spec.Rollout.Verify.DriftInterval = duration(2 * time.Second)
			installer := s.keepInstaller(s.frontEnds[0])
			s.declare()
			awaitInstaller(s.T, s.lab, string(s.pool.Spec.PoolFQDN), "")
			first, second, leaves := s.frontEnds[0], s.frontEnds[1], s.frontEnds[2]
			added, joins := s.name+"-fe4.contoso.com", s.name+"-fe5.contoso.com"
			// One joins the domain that is being worked on, one takes another's place, one moves, and one leaves with its domain.
			s.setTopology(lab.UpgradeDomain{Name: "UpgradeDomain1", FrontEnds: []string{first, joins}},
				lab.UpgradeDomain{Name: "UpgradeDomain2", FrontEnds: []string{added}}, lab.UpgradeDomain{Name: "UpgradeDomain4", FrontEnds: []string{second}})
			s.mend(installer)
			s.gone(s.domain(3))
			s.frontEnds = []string{first, joins, added, second}
			awaitAllReady(s.T, s.lab, s.name, 4)
			checkNoViolations(s.T, s.lab, append([]string{leaves}, s.frontEnds...)...)
			checkOneDomainAtATime(s.T, s.record(s.frontEnds...), readState(s.T, s.lab))
			checkBuild(s.T, s.lab, build, s.frontEnds...)
			s.inService(append([]string{leaves}, s.frontEnds...)...)
			s.onceEach(s.frontEnds...)
			s.untouched(leaves)
			for number, want := range map[int][]string{1: {first, joins}, 2: {added}, 4: {second}} {
				s.holds(number, want...)
			}
			s.knows(s.frontEnds...)
			// The one that left comes back when all is done, and is found by the slow look.
			s.setTopology(lab.UpgradeDomain{Name: "UpgradeDomain1", FrontEnds: []string{first, joins}},
				lab.UpgradeDomain{Name: "UpgradeDomain2", FrontEnds: []string{added}}, lab.UpgradeDomain{Name: "UpgradeDomain4", FrontEnds: []string{second, leaves}})
			s.frontEnds = append(s.frontEnds, leaves)
			eventually(s.T, "the build on "+leaves, func() (bool, string) {
				steps := s.record(leaves).steps()
				return slices.Contains(steps, "install"), fmt.Sprint(steps)
			})
			awaitAllReady(s.T, s.lab, s.name, 4)
			s.holds(4, second, leaves)
			s.knows(s.frontEnds...)
			checkNoViolations(s.T, s.lab, s.frontEnds...)
			s.onceEach(s.frontEnds...)
		}},
	}
}

func (s *scenario) setTopology(domains ...lab.UpgradeDomain) {
	s.Helper()
	if err := s.lab.Simulator().SetTopology(s.Context(), string(s.pool.Spec.PoolFQDN), domains); err != nil {
		s.Fatal(err)
	}
}

// holds fails unless an upgrade domain holds some front ends, and has a row for each.
func (s *scenario) holds(number int, frontEnds ...string) {
	s.Helper()
	domain := s.domain(number)
	if err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(domain), domain); err != nil {
		s.Fatal(err)
	}
	var declared, shown []string
	for _, name := range domain.Spec.FrontEnds {
		declared = append(declared, string(name))
	}
	for _, row := range domain.Status.Servers {
		shown = append(shown, row.FQDN)
	}
	if !slices.Equal(declared, frontEnds) || !slices.Equal(shown, frontEnds) {
		s.Errorf("%s holds %v and shows %v, want %v", domain.Name, declared, shown, frontEnds)
	}
}

// knows fails unless the pool's status has some front ends, in the order of the topology, all with the build.
func (s *scenario) knows(frontEnds ...string) {
	s.Helper()
	if err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(s.pool), s.pool); err != nil {
		s.Fatal(err)
	}
	var names []string
	for _, server := range s.pool.Status.Servers {
		if names = append(names, server.FQDN); v1alpha1.Build(server.InstalledBuild) != s.pool.Spec.DesiredBuild {
			s.Errorf("the status has %s at %q", server.FQDN, server.InstalledBuild)
		}
	}
	if !slices.Equal(names, frontEnds) {
		s.Errorf("the status has %v, the topology %v", names, frontEnds)
	}
}
