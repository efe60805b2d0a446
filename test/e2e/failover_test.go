package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

// pairedPools are the scenarios whose pool is paired with another one, which bears its name and -backup.
var pairedPools = []string{"busy3", "approved", "overkill", "overgone", "cmsmove", "overfail", "skypair"}

// holdsStore is the scenario whose pool holds the central management store of its pair.
const holdsStore = "cmsmove"

// pairedDeployment describes the backup pools of the scenarios among names that have one. Alone in its estate it holds the central
// management store; in the field another pool does.
func pairedDeployment(names []string) (pools string) {
	for _, name := range names {
		if slices.Contains(pairedPools, name) {
			pools += fmt.Sprintf("- {fqdn: %[1]s-backup.contoso.com, backupPool: %[1]s.contoso.com, centralManagement: %[2]t, frontEnds: [%[1]s-b1.contoso.com, %[1]s-b2.contoso.com, %[1]s-b3.contoso.com]}\n",
				name, len(names) == 1)
		}
	}
	return pools
}

// backupOf is how a pool of the deployment says which one it is paired with.
func backupOf(name string) string {
	if slices.Contains(pairedPools, name) {
		return fmt.Sprintf("backupPool: %s-backup.contoso.com, centralManagement: %t, ", name, name == holdsStore)
	}
	return ""
}

// mayFailOver lets the pool's jobs run under an account that may move users, and gives up on a Busy pool after the published three times.
func (s *scenario) mayFailOver() {
	s.pool.Spec.Rollout.Readiness.Attempts = 3
	s.pool.Spec.Jobs = v1alpha1.JobAccount{RunAs: v1alpha1.RunAsStoredAccount, CredentialsSecretRef: &v1alpha1.LocalObjectReference{Name: secretName}}
}

// backupServers are the front ends of the backup pool.
func (s *scenario) backupServers() (servers []string) {
	for i := range 3 {
		servers = append(servers, fmt.Sprintf("%s-b%d.contoso.com", s.name, i+1))
	}
	return servers
}

// users fails unless the registrar of the pool says where its users are in this word.
func (s *scenario) users(want string) {
	s.Helper()
	for _, pool := range readState(s.T, s.lab).Pools {
		if pool.FQDN == string(s.pool.Spec.PoolFQDN) && pool.Registrar != want {
			s.Errorf("the registrar of %s is %s, not %s", pool.FQDN, pool.Registrar, want)
		}
	}
}

// failedOverAndBack waits for the end of a rollout in which the pool was failed over, and checks that it went as it always should.
func (s *scenario) failedOverAndBack() {
	s.Helper()
	awaitAllReady(s.T, s.lab, s.name, 4)
	all := slices.Concat(s.frontEnds, s.backupServers())
	checkNoViolations(s.T, s.lab, all...)
	checkBuild(s.T, s.lab, string(s.pool.Spec.DesiredBuild), s.frontEnds...)
	s.inService(all...)
	if over, back := s.jobs("fail-over-pool"), s.jobs("fail-back-pool"); over != 1 || back != 1 {
		s.Errorf("failed over %d times and back %d times", over, back)
	}
	for _, frontEnd := range s.frontEnds {
		if runs := s.record(frontEnd).withEffect("installer"); len(runs) == 0 {
			s.Errorf("no installer ran on %s", frontEnd)
		}
	}
	if err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(s.pool), s.pool); err != nil || s.pool.Status.FailOver != nil {
		s.Errorf("the failover is not put away: %+v (%v)", s.pool.Status.FailOver, err)
	}
}

// backupPool is the pool that the scenario's is paired with, only observed.
func (s *scenario) backupPool() *v1alpha1.LyncPool {
	pool := s.pool.DeepCopy()
	pool.ObjectMeta = metav1.ObjectMeta{Namespace: s.name, Name: s.name + "-backup"}
	pool.Spec.PoolFQDN, pool.Spec.DiscoveryServers = v1alpha1.FQDN(s.name+"-backup.contoso.com"), []v1alpha1.FQDN{v1alpha1.FQDN(s.name + "-b1.contoso.com")}
	pool.Spec.Management, pool.Spec.DesiredBuild, pool.Spec.Package = v1alpha1.ManagementObserve, "", nil
	pool.Spec.Rollout.Verify.DriftInterval = duration(2 * time.Second)
	return pool
}

// holdsCentralManagement waits until a pool's status says whether it holds the central management store.
func (s *scenario) holdsCentralManagement(pool *v1alpha1.LyncPool, want bool) {
	s.Helper()
	eventually(s.T, fmt.Sprintf("status.centralManagement: %t of %s", want, pool.Name), func() (bool, string) {
		err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(pool), pool)
		_, _, text := says(pool)
		return err == nil && pool.Status.CentralManagement == want && pool.Status.Edition != "", text
	})
}

// awaitUsersAway waits until the users of the pool are on its backup pool.
func (s *scenario) awaitUsersAway() {
	s.Helper()
	eventually(s.T, "users on the backup pool", func() (bool, string) {
		err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(s.pool), s.pool)
		_, _, text := says(s.pool)
		return err == nil && s.pool.Status.FailOver != nil && s.pool.Status.FailOver.UsersOnBackupPool, text
	})
}

// jobs counts the jobs on the front ends whose identity begins with some words.
func (s *scenario) jobs(words string) (count int) {
	for _, id := range s.record(s.frontEnds...).jobs() {
		if strings.HasPrefix(id, words) {
			count++
		}
	}
	return count
}

func failOverStories() []story {
	return []story{
		{"busy3", "Busy three times, paired, and the policy is FailOver", func(s *scenario) {
			s.mayFailOver()
			s.pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyFailOver
			s.fault(lab.Fault{Kind: "poolBusy", Target: string(s.pool.Spec.PoolFQDN)})
			s.declare()
			s.failedOverAndBack()
			for _, reason := range []string{v1alpha1.ReasonFailingOver, v1alpha1.EventFailedOver, v1alpha1.EventFailedBack} {
				checkEvent(s.T, s.lab, s.pool, reason)
			}
		}},
		{"approved", "insufficient front ends, paired, held, and approved for this build", func(s *scenario) {
			s.mayFailOver()
			s.fault(lab.Fault{Kind: "poolInsufficient", Target: string(s.pool.Spec.PoolFQDN)})
			s.declare()
			s.refused(s.pool, v1alpha1.ReasonInsufficientActiveFrontEnds)
			s.change(s.pool, func() {
				s.pool.SetAnnotations(map[string]string{v1alpha1.AnnotationApproveFailOver: build})
			})
			s.failedOverAndBack()
		}},
		{"overgone", "the pool is deleted while its users are on the backup pool", func(s *scenario) {
			s.mayFailOver()
			s.pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyFailOver
			s.fault(lab.Fault{Kind: "poolBusy", Target: string(s.pool.Spec.PoolFQDN)})
			installer := s.keepInstaller(s.frontEnds[0])
			s.declare()
			s.awaitUsersAway()
			// As by kubectl delete --cascade=foreground: the upgrade domains are on their way out as well.
			s.delete(s.pool, s.domain(1), s.domain(2), s.domain(3))
			s.mend(installer)
			s.gone(s.pool, s.domain(1), s.domain(2), s.domain(3))
			all := slices.Concat(s.frontEnds, s.backupServers())
			checkNoViolations(s.T, s.lab, all...)
			checkBuild(s.T, s.lab, build, s.frontEnds...)
			s.inService(all...)
			s.users("Active")
			if over, back := s.jobs("fail-over-pool"), s.jobs("fail-back-pool"); over != 1 || back != 1 {
				s.Errorf("failed over %d times and back %d times", over, back)
			}
		}},
		{"cmsmove", "the central management store is on the pool, and is moved before the failover when that is allowed", func(s *scenario) {
			s.mayFailOver()
			s.pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyFailOver
			s.fault(lab.Fault{Kind: "poolBusy", Target: string(s.pool.Spec.PoolFQDN)})
			backup := s.backupPool()
			s.create(backup)
			s.declare()
			s.refused(s.pool, v1alpha1.ReasonCentralManagementOnPool)
			s.holdsCentralManagement(s.pool, true)
			s.holdsCentralManagement(backup, false)
			s.change(s.pool, func() { s.pool.Spec.Rollout.FailOver.MoveCentralManagement = true })
			s.holdsCentralManagement(backup, true)
			s.holdsCentralManagement(s.pool, false)
			eventually(s.T, "the end of the rollout", func() (bool, string) {
				err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(s.pool), s.pool)
				ready, _, text := says(s.pool)
				return err == nil && ready, text
			})
			s.failedOverAndBack()
			s.holdsCentralManagement(s.pool, false)
			mover := s.backupServers()[0]
			if moves := s.record(mover).jobs(); len(moves) != 1 || !strings.HasPrefix(moves[0], "move-central-management-") {
				s.Errorf("jobs on %s: %q", mover, moves)
			}
			files, err := s.lab.Simulator().Files(s.Context(), mover)
			if err != nil {
				s.Fatal(err)
			}
			for _, file := range files {
				if strings.Contains(file, `\LyncOps\jobs\`) && strings.Contains(file, "move-central-management") && !strings.Contains(file, `\history\`) {
					s.Errorf("%s keeps %s", mover, file)
				}
			}
		}},
		{"overfail", "a backup service in error, a failover and failbacks that fail: each is held, and goes on from there", func(s *scenario) {
			s.mayFailOver()
			s.pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyFailOver
			pool := string(s.pool.Spec.PoolFQDN)
			s.fault(lab.Fault{Kind: "poolBusy", Target: pool})
			unhealthy := s.fault(lab.Fault{Kind: "backupUnhealthy", Target: pool})
			over := s.fault(lab.Fault{Kind: "poolFailOverFails", Target: pool})
			back := s.fault(lab.Fault{Kind: "poolFailBackFails", Target: pool})
			s.declare()
			s.refused(s.pool, v1alpha1.ReasonBackupServiceUnhealthy)
			if moved := s.jobs("fail-over-pool"); moved > 0 {
				s.Error("a pool was failed over although its backup service is in error")
			}
			// It goes on by itself.
			s.mend(unhealthy)
			s.look(s.pool)
			s.held(s.pool, v1alpha1.ReasonFailOverFailed)
			s.staysHeld(s.pool, v1alpha1.ReasonFailOverFailed)
			s.users("Active")
			s.inService(s.frontEnds...)
			if begun := s.record(s.frontEnds...).begun(); begun != 0 {
				s.Errorf("%d installers were begun although the users are still there", begun)
			}
			s.mend(over)
			s.retry(s.pool)
			s.held(s.pool, v1alpha1.ReasonPoolFailBackFailed)
			s.staysHeld(s.pool, v1alpha1.ReasonPoolFailBackFailed)
			s.users("FailedOver")
			checkBuild(s.T, s.lab, build, s.frontEnds...)
			if tries := s.jobs("fail-back-pool"); tries != 3 {
				s.Errorf("the failback was tried %d times before a person was asked", tries)
			}
			s.mend(back)
			s.retry(s.pool)
			awaitAllReady(s.T, s.lab, s.name, 4)
			s.users("Active")
			all := slices.Concat(s.frontEnds, s.backupServers())
			checkNoViolations(s.T, s.lab, all...)
			s.inService(all...)
			if begun := s.record(s.frontEnds...).begun(); begun != len(s.frontEnds) {
				s.Errorf("%d installers were begun on %d front ends", begun, len(s.frontEnds))
			}
		}},
		{"nopair", "insufficient front ends, and no backup pool", func(s *scenario) {
			s.mayFailOver()
			s.pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyFailOver
			fault := s.fault(lab.Fault{Kind: "poolInsufficient", Target: string(s.pool.Spec.PoolFQDN)})
			s.declare()
			s.refused(s.pool, v1alpha1.ReasonNoBackupPool)
			s.mend(fault)
			s.retry(s.pool)
			s.finishes()
			if moved := s.jobs("fail-over-pool"); moved > 0 {
				s.Error("a pool without a backup pool was failed over")
			}
		}},
	}
}

// The operator is killed at any moment of a failover, and goes on where the servers stand.
func TestKilledInMidFailOverGoesOn(t *testing.T) {
	t.Parallel()
	const name = "overkill"
	f := startField(t, []string{name})
	s := newScenario(t, f, name)
	s.mayFailOver()
	s.pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyFailOver
	s.fault(lab.Fault{Kind: "poolBusy", Target: string(s.pool.Spec.PoolFQDN)})
	s.declare()
	restart := func() {
		if err := f.lab.KillOperator(); err != nil {
			t.Fatal(err)
		}
		startOperator(t, f.lab)
	}
	// What each phase begins with stays in the record of the servers, however soon the phase is over.
	for _, begins := range []string{"job fail-over-pool", "the installer of ", "job fail-back-pool"} {
		eventually(t, begins, func() (bool, string) {
			events := s.record(s.frontEnds...)
			return len(events.withEffect(begins)) > 0, fmt.Sprint(events.jobs())
		})
		time.Sleep(300 * time.Millisecond)
		restart()
	}
	s.failedOverAndBack()
	if err := f.lab.StopOperator(); err != nil {
		t.Error(err)
	}
}
