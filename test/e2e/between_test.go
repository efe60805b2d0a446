package e2e_test

import (
	"fmt"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

// betweenStories are about what is looked at between two servers and between two domains, and about servers that change without
// the operator.
func betweenStories() []story {
	return []story{
		{"port", "a port does not listen after the restart", func(s *scenario) {
			s.pool.Spec.Rollout.Verify.Timeout = duration(time.Second)
			fault := s.fault(lab.Fault{Kind: "portSilent", Target: s.frontEnds[0], Detail: "5090"})
			s.declare()
			s.held(s.domain(1), v1alpha1.ReasonPortsNotListening)
			s.held(s.pool, v1alpha1.ReasonPortsNotListening)
			s.untouched(s.frontEnds[1:]...)
			s.inService(s.frontEnds...)
			s.mend(fault)
			s.annotate(s.domain(1), "test/nudge")
			s.finishes()
			s.onceEach(s.frontEnds...)
		}},
		{"replica", "the central management store has not reached a front end", func(s *scenario) {
			fault := s.fault(lab.Fault{Kind: "replicationLate", Target: s.frontEnds[1]})
			s.declare()
			s.awaits(s.pool, v1alpha1.ReasonReplicationLate)
			s.mend(fault)
			s.finishes()
			s.onceEach(s.frontEnds...)
		}},
		{"replicas", "replicas are missing before the first domain, and move while the pool soaks", func(s *scenario) {
			pool := string(s.pool.Spec.PoolFQDN)
			missing, moving := s.fault(lab.Fault{Kind: "replicaMissing", Target: pool}), s.fault(lab.Fault{Kind: "primariesMove", Target: pool})
			s.declare()
			s.awaits(s.pool, v1alpha1.ReasonFabricIncomplete)
			s.mend(missing)
			// Where primaries are does not keep the first domain closed; that they change begins the soak after it again and again.
			checkEvent(s.T, s.lab, s.pool, v1alpha1.EventSoakBegunAgain)
			s.onceEach(s.frontEnds[0])
			s.staysHeld(s.pool, v1alpha1.ReasonSoaking)
			s.untouched(s.frontEnds[1:]...)
			s.mend(moving)
			s.finishes()
			s.onceEach(s.frontEnds...)
		}},
		{"drift", "a server is patched by hand, and another one rebuilt at an older build when all is done", func(s *scenario) {
			s.pool.Spec.Rollout.Verify.DriftInterval = duration(2 * time.Second)
			s.setBuild(s.frontEnds[2], build, false)
			s.declare()
			awaitAllReady(s.T, s.lab, s.name, 4)
			s.untouched(s.frontEnds[2])
			s.onceEach(s.frontEnds[:2]...)
			s.setBuild(s.frontEnds[1], oldBuild, true)
			checkEvent(s.T, s.lab, s.domain(2), v1alpha1.EventDriftFound)
			eventually(s.T, "a second installer on "+s.frontEnds[1], func() (bool, string) {
				events := s.record(s.frontEnds[1])
				return events.begun() == 2, fmt.Sprint(events.jobs())
			})
			s.finishes()
			s.untouched(s.frontEnds[2])
			if begun := s.record(s.frontEnds[1]).begun(); begun != 2 {
				s.Errorf("the installer was begun %d times on a server that was rebuilt once", begun)
			}
		}},
	}
}

func (s *scenario) setBuild(host, to string, rebuilt bool) {
	s.Helper()
	if err := s.lab.Simulator().SetBuild(s.Context(), host, to, rebuilt); err != nil {
		s.Fatal(err)
	}
}
