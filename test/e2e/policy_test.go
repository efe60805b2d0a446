package e2e_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

// policyStories are about what happens in the middle of a rollout, and what the declared policy makes of it.
func policyStories() []story {
	return []story{
		{"busy", "the pool is busy three times", func(s *scenario) {
			s.pool.Spec.Rollout.Readiness.Attempts = 3
			// Until it is mended, not a number of times: an answer may be read and lost, and is then asked for again.
			fault := s.fault(lab.Fault{Kind: "poolBusy", Target: string(s.pool.Spec.PoolFQDN)})
			s.declare()
			s.refused(s.pool, v1alpha1.ReasonPoolUnready)
			checkEvent(s.T, s.lab, s.pool, v1alpha1.ReasonPoolBusy)
			s.staysHeld(s.pool, v1alpha1.ReasonPoolUnready)
			s.mend(fault)
			s.retry(s.pool)
			s.finishes()
			s.onceEach(s.frontEnds...)
		}},
		{"insuff", "the pool has too few active front ends", func(s *scenario) {
			fault := s.fault(lab.Fault{Kind: "poolInsufficient", Target: string(s.pool.Spec.PoolFQDN)})
			s.declare()
			s.refused(s.pool, v1alpha1.ReasonInsufficientActiveFrontEnds)
			s.staysHeld(s.pool, v1alpha1.ReasonInsufficientActiveFrontEnds)
			s.mend(fault)
			s.retry(s.pool)
			s.finishes()
		}},
		{"notready", "a domain does not become ready", func(s *scenario) {
			s.pool.Spec.Rollout.Readiness.Attempts = 3
			fault := s.fault(lab.Fault{Kind: "domainNotReady", Target: string(s.pool.Spec.PoolFQDN)})
			s.declare()
			s.refused(s.pool, v1alpha1.ReasonDomainUnready)
			s.mend(fault)
			s.staysHeld(s.pool, v1alpha1.ReasonDomainUnready)
			s.change(s.pool, func() { s.pool.Spec.Rollout.Readiness.Attempts = 20 })
			s.retry(s.pool)
			s.finishes()
		}},
		{"installer", "the installer fails", func(s *scenario) {
			s.fault(lab.Fault{Kind: "installerFails", Target: s.frontEnds[0], ExitCode: 1603, Count: 1})
			s.declare()
			domain := s.domain(1)
			s.held(domain, v1alpha1.ReasonInstallerFailed)
			s.held(s.pool, v1alpha1.ReasonInstallerFailed)
			checkTypedStage(s.T, "held", "LyncPool", s.pool)
			checkTypedStage(s.T, "held", "UpgradeDomain", domain)
			s.staysHeld(s.pool, v1alpha1.ReasonInstallerFailed)
			s.untouched(s.frontEnds[1:]...)
			s.inService(s.frontEnds...)
			if steps, want := s.record(s.frontEnds[0]).steps(), []string{"stage-package", "stop-services", "install", "recover"}; !slices.Equal(steps, want) {
				s.Errorf("%s went through %q, want %q", s.frontEnds[0], steps, want)
			}
			s.acknowledge()
			s.retry(s.pool)
			s.finishes()
			s.onceEach(s.frontEnds[1:]...)
			if begun := s.record(s.frontEnds[0]).begun(); begun != 2 {
				s.Errorf("the installer was begun %d times where it failed once", begun)
			}
		}},
		{"drain", "services do not drain, and the policy is to hold", func(s *scenario) {
			s.pool.Spec.Rollout.Drain.Timeout = duration(4 * time.Second)
			fault := s.fault(lab.Fault{Kind: "slowDrain", Target: s.frontEnds[0]})
			s.declare()
			s.held(s.domain(1), v1alpha1.ReasonDrainTimeout)
			s.held(s.pool, v1alpha1.ReasonDrainTimeout)
			s.inService(s.frontEnds...)
			s.untouched(s.frontEnds[1:]...)
			if begun := s.record(s.frontEnds...).begun(); begun != 0 {
				s.Errorf("%d installers were begun", begun)
			}
			s.mend(fault)
			s.change(s.pool, func() { s.pool.Spec.Rollout.Drain.Timeout = duration(5 * time.Minute) })
			s.retry(s.pool)
			s.finishes()
			s.onceEach(s.frontEnds[1:]...)
		}},
		{"cutoff", "services do not drain, and the policy is to stop at once", func(s *scenario) {
			s.pool.Spec.Rollout.Drain.Timeout = duration(4 * time.Second)
			s.pool.Spec.Rollout.Drain.OnTimeout = v1alpha1.DrainTimeoutStopAtOnce
			s.fault(lab.Fault{Kind: "slowDrain", Target: s.frontEnds[0], Count: 1})
			s.declare()
			s.finishes()
			s.onceEach(s.frontEnds...)
		}},
		{"paused", "paused in the middle", func(s *scenario) {
			installer := s.keepInstaller(s.frontEnds[0])
			s.declare()
			awaitInstaller(s.T, s.lab, string(s.pool.Spec.PoolFQDN), "")
			s.change(s.pool, func() { s.pool.Spec.Paused = true })
			s.noticed(s.pool)
			s.mend(installer)
			// What is in progress is finished.
			eventually(s.T, "the end of the first domain", func() (bool, string) {
				domain := s.domain(1)
				if err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(domain), domain); err != nil {
					return false, err.Error()
				}
				ready, _, text := says(domain)
				return ready, text
			})
			awaitReason(s.T, s.lab, s.pool, v1alpha1.ReasonPaused)
			s.look(s.pool)
			time.Sleep(3 * time.Second)
			s.untouched(s.frontEnds[1:]...)
			s.inService(s.frontEnds...)
			s.change(s.pool, func() { s.pool.Spec.Paused = false })
			s.finishes()
			s.onceEach(s.frontEnds...)
		}},
		{"next", "another build is declared in the middle", func(s *scenario) {
			installer := s.keepInstaller(s.frontEnds[0])
			s.declare()
			awaitInstaller(s.T, s.lab, string(s.pool.Spec.PoolFQDN), "")
			s.change(s.pool, func() {
				s.pool.Spec.DesiredBuild = nextBuild
				s.pool.Spec.Package.Source, s.pool.Spec.Package.SHA256 = nextSource, hashOf(nextContents)
			})
			s.mend(installer)
			s.finishes()
			for _, frontEnd := range s.frontEnds[1:] {
				checkSteps(s.T, s.record(frontEnd), frontEnd, append([]string{"stage-package"}, frontEndSteps...), true)
			}
			if begun := s.record(s.frontEnds[0]).begun(); begun != 2 {
				s.Errorf("%d installers were begun on the server that was in progress, want one for each build", begun)
			}
		}},
		{"service", "a service does not start any more", func(s *scenario) {
			fault := s.fault(lab.Fault{Kind: "serviceWontStart", Target: s.frontEnds[0], Detail: "RTCSRV"})
			s.declare()
			s.held(s.domain(1), v1alpha1.ReasonServicesNotRunning)
			awaitReason(s.T, s.lab, s.pool, v1alpha1.ReasonServicesNotRunning)
			s.untouched(s.frontEnds[1:]...)
			s.mend(fault)
			if err := s.lab.Simulator().Power(s.Context(), s.frontEnds[0], "reboot"); err != nil {
				s.Fatal(err)
			}
			awaitService(s.T, s.lab, s.frontEnds[0])
			s.look(s.domain(1))
			s.finishes()
			s.onceEach(s.frontEnds...)
		}},
		{"loops", "a server restarts again and again under the installer", func(s *scenario) {
			// The core components may have the build although the installer was cut off; another one that lags behind tells.
			s.pool.Spec.MinimumBuilds = []v1alpha1.ComponentBuild{{Component: "Application Host", Build: s.pool.Spec.DesiredBuild}}
			installer := s.keepInstaller(s.frontEnds[0])
			s.declare()
			awaitInstaller(s.T, s.lab, string(s.pool.Spec.PoolFQDN), "")
			for range 3 {
				eventually(s.T, "a restart of "+s.frontEnds[0], func() (bool, string) {
					err := s.lab.Simulator().Power(s.Context(), s.frontEnds[0], "reboot")
					return err == nil, fmt.Sprint(err)
				})
			}
			s.mend(installer)
			s.held(s.domain(1), v1alpha1.ReasonJobInterrupted)
			s.held(s.pool, v1alpha1.ReasonJobInterrupted)
			awaitService(s.T, s.lab, s.frontEnds[0])
			s.untouched(s.frontEnds[1:]...)
			s.staysHeld(s.pool, v1alpha1.ReasonJobInterrupted)
			s.acknowledge()
			s.retry(s.pool)
			s.finishes()
			s.onceEach(s.frontEnds[1:]...)
		}},
		{"link", "the link is cut whenever a job is started", func(s *scenario) {
			s.fault(lab.Fault{Kind: "linkLost", Target: string(s.pool.Spec.PoolFQDN), Match: "Start-LyncOpsJob", Count: 8})
			s.declare()
			s.finishes()
			s.onceEach(s.frontEnds...)
			faults, err := s.lab.Simulator().Faults(s.Context())
			if err != nil {
				s.Fatal(err)
			}
			for _, fault := range faults {
				if fault.Kind == "linkLost" {
					s.Errorf("the link was to be cut %d times more", fault.Count)
				}
			}
		}},
		{"standard", "the installer fails on a Standard Edition server", func(s *scenario) {
			host := s.standardHost()
			s.fault(lab.Fault{Kind: "installerFails", Target: host, ExitCode: 1603, Count: 1})
			server := s.standard()
			s.create(s.goodSecret(), s.authorityMap(s.authority), server)
			s.held(server, v1alpha1.ReasonInstallerFailed)
			checkTypedStage(s.T, "held", "BackEndServer", server)
			s.inService(host)
			s.acknowledge()
			s.retry(server)
			awaitAllReady(s.T, s.lab, s.name, 1)
			checkNoViolations(s.T, s.lab, host)
			checkBuild(s.T, s.lab, build, host)
			s.inService(host)
		}},
	}
}

// unanswered are the reasons of an object whose server did not answer in time. On a machine that stands still for a minute that is so
// once in a while, whatever else holds the object.
var unanswered = []string{v1alpha1.ReasonServerUnreachable, v1alpha1.ReasonServerAnswerUnknown}

// staysHeld makes the operator look again, and fails when that releases what waits for a person.
func (s *scenario) staysHeld(object client.Object, reason string) {
	s.Helper()
	for range 3 {
		s.look(object)
		time.Sleep(time.Second)
		eventually(s.T, object.GetName()+" stays held with "+reason, func() (bool, string) {
			if err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(object), object); err != nil {
				return false, err.Error()
			}
			_, found, text := says(object)
			if found != reason && !slices.Contains(unanswered, found) {
				s.Fatalf("was held with %s and goes on by itself: %s", reason, text)
			}
			return found == reason, text
		})
	}
}

// awaitService waits until a server serves.
func awaitService(t *testing.T, l *lab.Lab, fqdn string) {
	t.Helper()
	eventually(t, fqdn+" in service", func() (bool, string) {
		state, err := l.Simulator().State(t.Context())
		if err != nil {
			return false, err.Error()
		}
		for _, host := range state.Hosts {
			if host.FQDN == fqdn {
				return host.InService, fmt.Sprint(host.Services)
			}
		}
		return false, "no such host"
	})
}

func (s *scenario) acknowledge() {
	s.Helper()
	for _, pool := range []string{string(s.pool.Spec.PoolFQDN), s.standardHost()} {
		if err := s.lab.Simulator().Acknowledge(s.Context(), pool); err != nil {
			s.Fatal(err)
		}
	}
}
