package controllers

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

func (r *LyncPoolReconciler) reportFailOver(work *poolWork, decision procedure.FailOverDecision) {
	status := &work.object.Status
	before := status.FailOver
	now := &v1alpha1.FailOverStatus{Phase: decision.Phase, Cause: bounded(failOverCause(work.object)), BackupPool: decision.BackupPool, UsersOnBackupPool: decision.UsersOnBackupPool,
		GateAbandoned: decision.Open, Server: decision.Server, Attempt: int32(min(max(decision.Attempt, 1), 1000)),
		Since: metav1.NewTime(work.now.Truncate(time.Second)), Message: bounded(decision.Message)}
	if before != nil {
		elsewhere := now.Phase == v1alpha1.FailOverAbandoning && before.UsersOnBackupPool != now.UsersOnBackupPool
		if before.Phase == now.Phase && !elsewhere {
			now.Since = before.Since
		}
		if now.BackupPool == "" {
			now.BackupPool = before.BackupPool
		}
		if now.Cause == "" {
			now.Cause = before.Cause
		}
		now.MovedBy = before.MovedBy
	}
	if now.Phase == v1alpha1.FailOverMovingCentralManagement && decision.Verdict == procedure.VerdictStart && !slices.Contains(now.MovedBy, now.Server) {
		now.MovedBy = append(slices.Clone(now.MovedBy), now.Server)
	}
	work.announceFailOver(before, now, decision.Verdict == procedure.VerdictStart)
	status.FailOver, status.Soak = now, nil
	if now.Phase != v1alpha1.FailOverChecking {
		status.OpenDomain = nil
		if status.UnderWaySince == nil {
			since := metav1.NewMicroTime(work.now)
			status.UnderWaySince = &since
		}
	}
	stands := standingWorking
	switch {
	case decision.Verdict == procedure.VerdictHold:
		stands = standingStalled
	case decision.Idle && (decision.Reason == v1alpha1.ReasonPaused || decision.Reason == v1alpha1.ReasonObserving):
		stands = standingIdle
	}
	work.sumUp()
	status.Now = failOverNow(decision)
	work.conditions.summarise(stands, decision.Reason, decision.Message)
}

// announceFailOver tells that users are being moved, and that they are on the backup pool.
func (w *poolWork) announceFailOver(before, now *v1alpha1.FailOverStatus, begins bool) {
	if now.Phase == v1alpha1.FailOverFailingOver && (before == nil || before.Phase != now.Phase) && begins {
		w.told = append(w.told, announcement{warning: true, reason: v1alpha1.ReasonFailingOver, action: "FailOver",
			note: fmt.Sprintf("%s is failed over to %s: its users are signed out once. %s", w.object.Spec.PoolFQDN, now.BackupPool, now.Cause)})
	}
	if now.UsersOnBackupPool && (before == nil || !before.UsersOnBackupPool) {
		w.told = append(w.told, announcement{reason: v1alpha1.EventFailedOver, action: "FailOver",
			note: fmt.Sprintf("the users of %s are on the backup pool %s; its front ends are upgraded together", w.object.Spec.PoolFQDN, now.BackupPool)})
	}
}

func failOverNow(decision procedure.FailOverDecision) string {
	switch {
	case decision.Verdict == procedure.VerdictHold && decision.UsersOnBackupPool:
		return "held, users on backup pool: " + decision.Reason
	case decision.Verdict == procedure.VerdictHold:
		return "held: " + decision.Reason
	case decision.UsersOnBackupPool && decision.Phase == v1alpha1.FailOverFailingBack:
		return "failing back"
	case decision.UsersOnBackupPool:
		return "users on backup pool"
	case decision.Phase == v1alpha1.FailOverChecking:
		return "may be failed over: " + decision.Reason
	case decision.Phase == v1alpha1.FailOverAbandoning:
		return "abandoning a failover"
	}
	return "failing over"
}

// lookAtFailOver is the time until a failover should be looked at again. While servers are upgraded, their domains report.
func lookAtFailOver(decision procedure.FailOverDecision) time.Duration {
	switch {
	case decision.Verdict == procedure.VerdictStart, decision.Verdict == procedure.VerdictPutAway:
		return quickestLook
	case decision.Verdict == procedure.VerdictHold:
		return holdLook
	case decision.ActiveSeconds > 0:
		return lookAfter(decision.ActiveSeconds)
	case decision.Idle && (decision.Reason == v1alpha1.ReasonPaused || decision.Reason == v1alpha1.ReasonObserving):
		return unhurried(turnLook)
	case decision.Open:
		return troubleLook
	}
	return beginningLook
}
