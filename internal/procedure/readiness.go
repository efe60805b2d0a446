package procedure

import (
	"fmt"
	"strings"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// Readiness is what a pool answered to Get-CsPoolUpgradeReadinessState.
type Readiness struct {
	State                string
	TotalFrontEnds       int
	TotalActiveFrontEnds int
	Domains              []ReadinessDomain
}

// ReadinessDomain is one upgrade domain in that answer.
type ReadinessDomain struct {
	Name              string
	IsReadyForUpgrade bool
	FrontEnds         []string
}

// States of a pool that the published page names.
const (
	PoolStateReady        = "Ready"
	PoolStateBusy         = "Busy"
	PoolStateInsufficient = "InsufficientActiveFrontEnds"
)

// ReadinessPolicy is how patient the gate is.
type ReadinessPolicy struct {
	Interval time.Duration
	Attempts int
	// FailOver: the pool is failed over when it has a problem, and not merely held.
	FailOver bool
	// AllActive: a pool that counts fewer active front ends than it has is not ready, whatever it answers.
	AllActive bool
}

// shortestTurn is how long an answer stays good in any case: a domain needs a moment to look at all servers of the pool.
const shortestTurn = time.Minute

// TurnLimit is how old the answer may be on whose strength the work on a domain begins: the time between two questions.
func (p ReadinessPolicy) TurnLimit() time.Duration { return max(p.Interval, shortestTurn) }

// Counters count bad answers. They are kept apart: Busy leads to a failover, a domain that is not ready does not, and
// InsufficientActiveFrontEnds needs no second answer.
type Counters struct {
	Busy           int
	DomainNotReady int
	Insufficient   int
}

// Gate is what follows from one answer.
type Gate struct {
	// Open: the domain may be worked on.
	Open bool
	// Ready: the pool itself answered Ready, whatever the domain.
	Ready bool
	// Hold: only a person can go on.
	Hold bool
	// Unfamiliar: the state is not one that the published page names.
	Unfamiliar bool
	Reason     string
	Message    string
	Counters   Counters
	// Active is how many front ends the pool counted; 0 when it did not say.
	Active int
}

// JudgeReadiness applies the published rules to one answer about one domain.
//
// FE, step 1: "If the value of PoolUpgradeState is Busy, wait for 10 minutes and then try Get-CsPoolUpgradeReadinessState
// again. If you see Busy for at least three consecutive times after waiting 10 minutes in between each attempt, or if you see
// any result of InsufficientActiveFrontEnds for PoolUpgradeState, there is an issue with the pool. If this pool is paired with
// another Front End pool in a disaster recovery topology, you should fail the pool over to the backup pool, and then update the
// servers in this pool." Step 2: "If the ReadyforUpgrade value is True for the upgrade domain that contains the server or
// servers that you want to upgrade, you can safely upgrade those servers now." The flowchart adds: Ready but the domain not
// ready waits and asks again, and in the end fails without a failover.
func JudgeReadiness(policy ReadinessPolicy, before Counters, answer Readiness, domain string) Gate {
	gate := Gate{Counters: before}
	switch answer.State {
	case PoolStateReady:
		gate.Active = answer.TotalActiveFrontEnds
		gate.Counters.Busy, gate.Counters.Insufficient = 0, 0
		if policy.AllActive && answer.TotalActiveFrontEnds > 0 && answer.TotalActiveFrontEnds < answer.TotalFrontEnds {
			gate.Reason = v1alpha1.ReasonFrontEndsInactive
			gate.Message = fmt.Sprintf("the pool answered Ready, but only %d of its %d front ends are active. It is asked again after %s",
				answer.TotalActiveFrontEnds, answer.TotalFrontEnds, policy.Interval)
			return gate
		}
		gate.Ready = true
		return gate.judgeDomain(policy, answer, domain)
	case PoolStateInsufficient:
		gate.Counters.Insufficient++
		gate.Counters.Busy, gate.Counters.DomainNotReady = 0, 0
		return gate.problem(policy, v1alpha1.ReasonInsufficientActiveFrontEnds,
			fmt.Sprintf("the pool answered InsufficientActiveFrontEnds (%d of %d front ends are active)", answer.TotalActiveFrontEnds, answer.TotalFrontEnds))
	}
	gate.Counters.Busy++
	gate.Counters.DomainNotReady = 0
	gate.Reason = v1alpha1.ReasonPoolBusy
	said := "Busy"
	if answer.State != PoolStateBusy {
		gate.Unfamiliar = true
		gate.Reason = v1alpha1.ReasonUnknownPoolState
		said = fmt.Sprintf("%q, which counts as Busy,", answer.State)
	}
	if gate.Counters.Busy >= policy.Attempts {
		return gate.problem(policy, v1alpha1.ReasonPoolUnready,
			fmt.Sprintf("the pool answered %s %d times in a row, %s apart", said, gate.Counters.Busy, policy.Interval))
	}
	gate.Message = fmt.Sprintf("the pool answered %s %s in a row; at %d it counts as a problem. It is asked again after %s",
		said, times(gate.Counters.Busy), policy.Attempts, policy.Interval)
	return gate
}

func (g Gate) judgeDomain(policy ReadinessPolicy, answer Readiness, domain string) Gate {
	for _, candidate := range answer.Domains {
		if !strings.EqualFold(candidate.Name, domain) {
			continue
		}
		if candidate.IsReadyForUpgrade {
			g.Open, g.Counters = true, Counters{}
			g.Reason = v1alpha1.ReasonPoolReady
			g.Message = fmt.Sprintf("the pool answered Ready, and %s is ready for upgrade", domain)
			return g
		}
		g.Counters.DomainNotReady++
		if g.Counters.DomainNotReady >= policy.Attempts {
			g.Hold, g.Reason = true, v1alpha1.ReasonDomainUnready
			g.Message = fmt.Sprintf("the pool is Ready but %s was not ready for upgrade %d times in a row, %s apart. Look at Get-CsPoolFabricState; a failover is not the remedy here",
				domain, g.Counters.DomainNotReady, policy.Interval)
			return g
		}
		g.Reason = v1alpha1.ReasonDomainNotReady
		g.Message = fmt.Sprintf("the pool is Ready but %s is not ready for upgrade (%s in a row; at %d the rollout holds). It is asked again after %s",
			domain, times(g.Counters.DomainNotReady), policy.Attempts, policy.Interval)
		return g
	}
	g.Reason = v1alpha1.ReasonInvalidTopology
	g.Message = fmt.Sprintf("the pool's answer does not mention %s any more; its upgrade domains are read again", domain)
	return g
}

// problem is the branch "there is an issue with the pool".
func (g Gate) problem(policy ReadinessPolicy, reason, message string) Gate {
	g.Hold, g.Reason = true, reason
	if policy.FailOver {
		g.Message = message + ". The pool has a problem, and is failed over to its backup pool when nothing forbids it"
		return g
	}
	g.Message = message + ". The pool has a problem: look at Get-CsPoolFabricState -Verbose and repair it, then ask for another try with the annotation " + v1alpha1.AnnotationRetry +
		"; or approve a failover to its backup pool for this build with the annotation " + v1alpha1.AnnotationApproveFailOver
	return g
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// CheckReadiness refuses an answer that contradicts itself: a domain or a front end reported twice, or a domain without
// servers. Acting on it could take two domains out of service at once.
func CheckReadiness(answer Readiness) error {
	domains, frontEnds := map[string]bool{}, map[string]string{}
	if len(answer.Domains) == 0 {
		return fmt.Errorf("the pool reports no upgrade domains")
	}
	for _, domain := range answer.Domains {
		key := strings.ToLower(domain.Name)
		if key == "" {
			return fmt.Errorf("the pool reports an upgrade domain without a name")
		}
		if domains[key] {
			return fmt.Errorf("the pool reports the upgrade domain %s twice", domain.Name)
		}
		domains[key] = true
		if len(domain.FrontEnds) == 0 {
			return fmt.Errorf("the pool reports the upgrade domain %s without front ends", domain.Name)
		}
		for _, frontEnd := range domain.FrontEnds {
			name := strings.ToLower(frontEnd)
			if other, twice := frontEnds[name]; twice {
				return fmt.Errorf("the pool reports the front end %s twice, in %s and %s", frontEnd, other, domain.Name)
			}
			frontEnds[name] = domain.Name
		}
	}
	return nil
}
