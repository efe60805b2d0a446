package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

// pairedPools are the scenarios whose pool is paired with another one, which bears its name and -backup.
var pairedPools = []string{"busy3", "approved", "overkill"}

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
		return fmt.Sprintf("backupPool: %s-backup.contoso.com, ", name)
	}
	return ""
}

// mayFailOver lets the pool's jobs run under an account that may move users, and gives up on a Busy pool after the published three times.
func (s *scenario) mayFailOver() {
	s.pool.Spec.Rollout.Readiness.Attempts = 3
	s.pool.Spec.Jobs = v1alpha1.JobAccount{RunAs: v1alpha1.RunAsStoredAccount, CredentialsSecretRef: &v1alpha1.LocalObjectReference{Name: secretName}}
}

// failedOverAndBack waits for the end of a rollout in which the pool was failed over, and checks that it went as it always should.
func (s *scenario) failedOverAndBack() {
	s.Helper()
	awaitAllReady(s.T, s.lab, s.name, 4)
	all := slices.Clone(s.frontEnds)
	for i := range 3 {
		all = append(all, fmt.Sprintf("%s-b%d.contoso.com", s.name, i+1))
	}
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
	for _, phase := range []v1alpha1.FailOverPhase{v1alpha1.FailOverFailingOver, v1alpha1.FailOverUpgrading, v1alpha1.FailOverFailingBack} {
		eventually(t, "the phase "+string(phase), func() (bool, string) {
			if err := f.lab.Client().Get(t.Context(), client.ObjectKeyFromObject(s.pool), s.pool); err != nil {
				return false, err.Error()
			}
			_, _, text := says(s.pool)
			over := s.pool.Status.FailOver
			return over != nil && over.Phase == phase || phase != v1alpha1.FailOverFailingOver && over == nil, text
		})
		time.Sleep(300 * time.Millisecond)
		restart()
	}
	s.failedOverAndBack()
	if err := f.lab.StopOperator(); err != nil {
		t.Error(err)
	}
}
