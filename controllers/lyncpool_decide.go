package controllers

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

func (r *LyncPoolReconciler) decide(ctx context.Context, work *poolWork) (procedure.PoolDecision, error) {
	object := work.object
	busy, err := r.backEndAtWork(ctx, r.Client, client.ObjectKeyFromObject(object))
	if err != nil {
		return procedure.PoolDecision{}, err
	}
	pool := procedure.Pool{
		Domains: work.view(), SoakTime: object.Spec.Rollout.Soak.Duration.Duration, Policy: readinessPolicyFor(object.Spec.Rollout),
		Now: work.now, BackEnd: busy, Paused: object.Spec.Paused, Observe: object.Spec.Management == v1alpha1.ManagementObserve,
	}
	if pool.Ungated = !object.Spec.Role.IsFrontEnd(); pool.Ungated {
		pool.SoakTime = 0
		work.conditions.set(v1alpha1.ConditionPoolReadiness, true, v1alpha1.ReasonNotApplicable, "only Front End pools are asked whether they are ready")
	}
	if open := object.Status.OpenDomain; open != nil {
		pool.Open, pool.OpenSince, pool.Adopted = open.Name, open.Since.Time, open.Adopted
	}
	pool.Soak = soakFrom(object.Status.Soak)
	if hold := object.Status.Hold; hold != nil {
		pool.HoldReason, pool.HoldMessage = hold.Reason, hold.Message
	}
	if last := object.Status.Readiness; last != nil {
		pool.Last = &procedure.Reading{At: last.ReadAt.Time, Domain: last.Domain, Gate: procedure.Gate{Counters: procedure.Counters{
			Busy: int(last.BusyCount), DomainNotReady: int(last.DomainNotReadyCount), Insufficient: int(last.InsufficientCount)}}}
		pool.Last.Gate.Reason, pool.Last.Gate.Message = work.gateSaid()
	}
	first, others, err := r.precedes(ctx, r.Client, object)
	if err != nil {
		return procedure.PoolDecision{}, err
	}
	pool.First, work.stays = first, first != nil && procedure.Stays(peerOfPool(object), first, others)
	work.notePrecedence(pool.First)
	decision, err := r.forGuests(ctx, work, procedure.NextDomain(pool))
	if err != nil {
		return decision, err
	}
	if decision.Action != procedure.PoolAsks {
		return decision, nil
	}
	answer, problem := r.ask(ctx, work)
	if work.problem = problem; problem != nil {
		return procedure.PoolDecision{Action: procedure.PoolWaits, Domain: decision.Domain, Reason: problem.Reason, Message: problem.Message,
			Until: work.now.Add(troubleLook), Soak: decision.Soak}, nil
	}
	if work.moved {
		return procedure.PoolDecision{Action: procedure.PoolWaits, Domain: decision.Domain, Reason: v1alpha1.ReasonDiscovering,
			Message: "the pool's upgrade domains have changed and are read again", Until: work.now}, nil
	}
	before := procedure.Counters{}
	if pool.Last != nil && pool.Last.Domain == decision.Domain {
		before = pool.Last.Gate.Counters
	}
	gate := procedure.JudgeReadiness(pool.Policy, before, answer, decision.Domain)
	work.recordGate(decision.Domain, pool.Policy.Attempts, answer, gate)
	pool.Answer, pool.Soak = &gate, decision.Soak
	if gate.Ready {
		r.lookBetween(ctx, work, &pool)
	}
	decision = procedure.NextDomain(pool)
	if decision.Action == procedure.PoolOpens {
		work.rememberPlacement(decision.Domain, pool.Placement)
	}
	if decision.SoakBegunAgain != "" {
		work.told = append(work.told, announcement{warning: true, reason: v1alpha1.EventSoakBegunAgain, action: "Soak", note: "the soak begins again: " + decision.SoakBegunAgain})
	}
	return decision, nil
}

// view is the pool's domains as their own controller reports them. A report about an older spec counts as none.
func (w *poolWork) view() []procedure.PoolDomain {
	var domains []procedure.PoolDomain
	for _, object := range w.domains {
		domain := procedure.PoolDomain{Name: object.Spec.DomainName, State: object.Status.State, InProgress: object.Status.InProgress, Staged: staged(object)}
		domain.Reason, domain.Message = readyReason(object.Status.Conditions)
		if domain.Leaving = beingDeleted(object); domain.Leaving && !beingFailedOver(w.object) {
			domain.State, domain.Reason = v1alpha1.DomainUnknown, v1alpha1.ReasonDiscovering
			domain.Message = fmt.Sprintf("the object UpgradeDomain %s is being deleted; it is made anew when it is gone", object.Name)
			domains = append(domains, domain)
			continue
		}
		if object.Status.ObservedGeneration != object.Generation {
			domain.State = v1alpha1.DomainUnknown
			domain.Reason, domain.Message = "", ""
		}
		domains = append(domains, domain)
	}
	return domains
}

// staged says whether the package is on every server of the domain that needs it.
func staged(domain *v1alpha1.UpgradeDomain) bool {
	for _, server := range domain.Status.Servers {
		// In a domain that is not held itself, a held server is one with a newer build, which needs no package.
		if server.Step != v1alpha1.StepReady && server.Step != v1alpha1.StepDone && server.Step != v1alpha1.StepHeld {
			return false
		}
	}
	return len(domain.Status.Servers) == len(domain.Spec.FrontEnds)
}

func (w *poolWork) gateSaid() (reason, message string) {
	for _, condition := range w.object.Status.Conditions {
		if condition.Type == v1alpha1.ConditionPoolReadiness {
			return condition.Reason, condition.Message
		}
	}
	return "", ""
}

func (w *poolWork) recordGate(domain string, attempts int, answer procedure.Readiness, gate procedure.Gate) {
	w.object.Status.Readiness = &v1alpha1.ReadinessStatus{
		State: answer.State, ReadAt: metav1.NewMicroTime(w.now), Domain: domain,
		BusyCount: int32(gate.Counters.Busy), DomainNotReadyCount: int32(gate.Counters.DomainNotReady), InsufficientCount: int32(gate.Counters.Insufficient), //nolint:gosec // small counters
	}
	w.conditions.set(v1alpha1.ConditionPoolReadiness, gate.Open, gate.Reason, gate.Message)
	if last := attempts - 1; last > 0 && (gate.Counters.Busy == last || gate.Counters.DomainNotReady == last) && !gate.Unfamiliar {
		// A pool answers like this while it settles after a server has come back: it is news when one more ends the patience.
		w.told = append(w.told, announcement{warning: true, reason: gate.Reason, action: "AskReadiness", note: gate.Message})
	}
}
