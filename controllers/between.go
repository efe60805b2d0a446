package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// mostGroups is how many routing groups are remembered; a pool has about as many as front ends.
const mostGroups = 1024

// lookBetween reads what else must be as it should be before the next upgrade domain is opened: where the replicas of the routing
// groups are, and whether the central management store has reached the front ends. It is asked after the pool has answered Ready.
func (r *LyncPoolReconciler) lookBetween(ctx context.Context, work *poolWork, pool *procedure.Pool) {
	verify := work.object.Spec.Rollout.Verify
	if verify.Fabric != v1alpha1.GateIgnore {
		pool.Between = append(pool.Between, r.lookAtFabric(ctx, work, pool, verify.Fabric))
	} else {
		work.conditions.remove(v1alpha1.ConditionFabricPlacement)
	}
	if verify.Replication != v1alpha1.GateIgnore {
		pool.Between = append(pool.Between, r.lookAtReplication(ctx, work, verify.Replication))
	} else {
		work.conditions.remove(v1alpha1.ConditionReplicated)
	}
	if names := work.names(); len(names) == 2 {
		work.conditions.set(v1alpha1.ConditionQuorum, true, v1alpha1.ReasonTwoFrontEnds, fmt.Sprintf(
			"%s and %s are all front ends of the pool: while one is out nothing may happen to the other. They are taken one at a time, and the pool is asked before each", names[0], names[1]))
	} else {
		work.conditions.remove(v1alpha1.ConditionQuorum)
	}
}

func (r *LyncPoolReconciler) lookAtFabric(ctx context.Context, work *poolWork, pool *procedure.Pool, policy v1alpha1.GatePolicy) procedure.Judgement {
	text, err := firstAnswer(ctx, work, func(ctx context.Context, name string) (string, error) {
		return r.Servers.PoolFabric(ctx, work.with.At(name), string(work.object.Spec.PoolFQDN))
	})
	judged := procedure.Judgement{Reason: v1alpha1.ReasonFabricUnreadable}
	if err != nil {
		judged.Message = "Get-CsPoolFabricState could not be asked: " + err.Error()
	} else {
		names := work.names()
		now, before := procedure.ReadPlacement(text, names), procedure.Placement{}
		if kept := work.object.Status.Placement; kept != nil {
			before = procedure.PlacementOf(kept.Groups)
		}
		judged = procedure.JudgePlacement(policy, before, now, len(names))
		if now.Readable() && len(now.Groups) <= mostGroups {
			pool.Placement = &now
		}
	}
	work.tellJudgement(v1alpha1.ConditionFabricPlacement, judged)
	return judged
}

func (r *LyncPoolReconciler) lookAtReplication(ctx context.Context, work *poolWork, policy v1alpha1.GatePolicy) procedure.Judgement {
	var replicas []procedure.Replica
	_, err := firstAnswer(ctx, work, func(ctx context.Context, name string) (int, error) {
		answer, err := r.Servers.Replication(ctx, work.with.At(name))
		replicas = nil
		for _, replica := range answer {
			replicas = append(replicas, procedure.Replica{FQDN: replica.FQDN, UpToDate: replica.UpToDate})
		}
		return len(answer), err
	})
	judged := procedure.Judgement{Reason: v1alpha1.ReasonReplicationUnknown}
	if err != nil {
		judged.Message = "Get-CsManagementStoreReplicationStatus could not be asked: " + err.Error()
	} else {
		judged = procedure.JudgeReplication(policy, replicas, work.names(), work.workedOn())
	}
	work.tellJudgement(v1alpha1.ConditionReplicated, judged)
	return judged
}

// firstAnswer asks the candidates one after the other until one answers.
func firstAnswer[T any](ctx context.Context, work *poolWork, ask func(ctx context.Context, name string) (T, error)) (T, error) {
	var nothing T
	err := error(nil)
	for _, name := range work.candidates() {
		var answer T
		if answer, err = ask(ctx, name); err == nil {
			return answer, nil
		}
		if !tryAnother(err) {
			return nothing, err
		}
	}
	return nothing, err
}

// names are the front ends in topology order.
func (w *poolWork) names() []string {
	var names []string
	for _, server := range w.object.Status.Servers {
		names = append(names, server.FQDN)
	}
	return names
}

// workedOn are the front ends that something is being done to, or was and is not put away.
func (w *poolWork) workedOn() []string {
	var names []string
	for _, domain := range w.domains {
		for _, row := range domain.Status.Servers {
			switch row.Step {
			case v1alpha1.StepDone, v1alpha1.StepReady, v1alpha1.StepWaiting, v1alpha1.StepStagePackage, v1alpha1.StepUnknown:
			default:
				names = append(names, row.FQDN)
			}
		}
	}
	return names
}

// tellJudgement writes the condition, and an event when it has come to be other than it should be.
func (w *poolWork) tellJudgement(condition string, judged procedure.Judgement) {
	was := meta.FindStatusCondition(w.object.Status.Conditions, condition)
	if judged.Wrong && (was == nil || was.Reason != judged.Reason) {
		w.told = append(w.told, announcement{warning: true, reason: judged.Reason, action: "Look", note: judged.Message})
	}
	if judged.Reason == v1alpha1.ReasonFabricMoved && (was == nil || was.Reason != judged.Reason) {
		w.told = append(w.told, announcement{reason: judged.Reason, action: "Look", note: judged.Message})
	}
	w.conditions.set(condition, !judged.Wrong, judged.Reason, judged.Message)
}

// rememberPlacement keeps where the replicas are when an upgrade domain is opened, to be compared with what is found after it.
func (w *poolWork) rememberPlacement(domain string, placement *procedure.Placement) {
	w.object.Status.Placement = nil
	if placement != nil {
		w.object.Status.Placement = &v1alpha1.PlacementStatus{BeforeDomain: domain, Groups: placement.Lines()}
	}
}

// soakFrom puts a soak out of the status into the words of the procedure, and soakStatus the other way round.
func soakFrom(status *v1alpha1.SoakStatus) *procedure.Soak {
	if status == nil {
		return nil
	}
	soak := &procedure.Soak{After: status.AfterDomain, Active: int(status.ActiveFrontEnds), Placement: procedure.PlacementOf(status.Placement)}
	if status.Since != nil {
		soak.Since = status.Since.Time
	}
	return soak
}

func soakStatus(soak *procedure.Soak) *v1alpha1.SoakStatus {
	if soak == nil {
		return nil
	}
	status := &v1alpha1.SoakStatus{AfterDomain: soak.After, ActiveFrontEnds: int32(min(soak.Active, 1000)), Placement: soak.Placement.Lines()} //nolint:gosec // bounded
	if !soak.Since.IsZero() {
		since := metav1.NewMicroTime(soak.Since)
		status.Since = &since
	}
	return status
}
