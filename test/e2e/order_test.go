package e2e_test

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lyncops.dev/operator/api/v1alpha1"
)

// otherPools are the servers of second pools that stories declare in their own namespace.
var otherPools = []string{"inside", "limitb", "mediate", "chat"}

// orderStories are about several objects of a namespace.
func orderStories() []story {
	return []story{
		{"outside", "two pools and a Standard Edition server one after the other", func(s *scenario) {
			server, inner := s.standard(), s.otherPool("inside")
			s.pool.Spec.DependsOn = []v1alpha1.Dependency{{Kind: v1alpha1.KindLyncPool, Name: inner.Name}}
			inner.Spec.DependsOn = []v1alpha1.Dependency{{Kind: v1alpha1.KindBackEndServer, Name: server.Name}}
			installer := s.keepInstaller(s.standardHost())
			// The outermost is declared first.
			s.declare()
			s.says(s.pool, v1alpha1.ReasonWaitingForDependency, "LyncPool inside, which does not exist")
			s.create(inner, server)
			s.says(s.pool, v1alpha1.ReasonWaitingForDependency, "LyncPool inside, which is not finished")
			s.mend(installer)
			awaitAllReady(s.T, s.lab, s.name, 9)
			s.oneAfterTheOther([]string{s.standardHost()}, frontEndsOf("inside"), s.frontEnds)
			checkNoViolations(s.T, s.lab, append(frontEndsOf("inside"), s.frontEnds...)...)
			s.onceEach(append(frontEndsOf("inside"), s.frontEnds...)...)
		}},
		{"limit", "two pools at a limit of one", func(s *scenario) {
			other := s.otherPool("limitb")
			for _, pool := range []*v1alpha1.LyncPool{s.pool, other} {
				pool.Labels = map[string]string{"site": "north"}
				pool.Spec.Rollout.PoolsAtATime = &v1alpha1.PoolsAtATime{Limit: 1, LabelKey: "site"}
			}
			s.declare()
			s.create(other)
			awaitAllReady(s.T, s.lab, s.name, 8)
			first, second := s.frontEnds, frontEndsOf("limitb")
			if s.begins(second) < s.begins(first) {
				first, second = second, first
			}
			s.oneAfterTheOther(first, second)
			checkNoViolations(s.T, s.lab, append(first, second...)...)
			s.onceEach(append(first, second...)...)
		}},
	}
}

// otherPool is another pool of the scenario's namespace, with the servers of that name.
func (s *scenario) otherPool(name string) *v1alpha1.LyncPool {
	pool := s.pool.DeepCopy()
	pool.ObjectMeta = metav1.ObjectMeta{Namespace: s.name, Name: name}
	pool.Spec.PoolFQDN, pool.Spec.DiscoveryServers = v1alpha1.FQDN(name+".contoso.com"), []v1alpha1.FQDN{v1alpha1.FQDN(frontEndsOf(name)[0])}
	return pool
}

func frontEndsOf(pool string) []string {
	return []string{pool + "-fe1.contoso.com", pool + "-fe2.contoso.com", pool + "-fe3.contoso.com"}
}

// begins is the place in the record of the first job that is more than staging on any of the hosts, and ends that of the last event.
func (s *scenario) begins(hosts []string) int {
	for i, event := range readRecord(s.T, s.lab) {
		if contains(hosts, event.Host) && strings.HasPrefix(event.Effect, "job stop-services") && strings.HasSuffix(event.Effect, " is claimed") {
			return i
		}
	}
	s.Fatalf("no service of %v was ever stopped", hosts)
	return 0
}

func (s *scenario) ends(hosts []string) int {
	last := 0
	for i, event := range readRecord(s.T, s.lab) {
		if contains(hosts, event.Host) {
			last = i
		}
	}
	return last
}

// oneAfterTheOther fails unless everything on one group of hosts had ended before anything was stopped on the next.
func (s *scenario) oneAfterTheOther(groups ...[]string) {
	s.Helper()
	for i := 1; i < len(groups); i++ {
		if ended, began := s.ends(groups[i-1]), s.begins(groups[i]); ended > began {
			s.Errorf("%v was begun (event %d) before %v was finished (event %d)", groups[i], began, groups[i-1], ended)
		}
	}
}
