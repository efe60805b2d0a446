package controllers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// Nothing is stopped while a routing group has no secondary or the store has not reached a front end; both go on by themselves.
func TestADomainStaysClosedUntilReplicasAreThere(t *testing.T) {
	for reason, spoil := range map[string]func(f *fakeServers){
		v1alpha1.ReasonFabricIncomplete: func(f *fakeServers) {
			f.between.fabric = "00000001-0000-4000-8000-000000000000: Primary=fe01.contoso.com"
		},
		v1alpha1.ReasonReplicationLate: func(f *fakeServers) { f.between.late = []string{"fe02.contoso.com"} },
	} {
		t.Run(reason, func(t *testing.T) {
			servers := newFakeServers([]string{"fe01.contoso.com"}, []string{"fe02.contoso.com"}, []string{"fe03.contoso.com"})
			servers.change(spoil)
			w := startedWorld(t, servers)
			pool := w.pool(func(pool *v1alpha1.LyncPool) { pool.Spec.Rollout.Readiness.Interval = duration(time.Second) })
			w.ready(pool, metav1.ConditionFalse, reason)
			if stops := servers.orders(lync.ActionStopServices, "fe01.contoso.com"); stops != 0 {
				t.Errorf("%d servers were stopped", stops)
			}
			servers.change(func(f *fakeServers) { f.between = between{} })
			w.nudge(pool)
			w.ready(pool, metav1.ConditionTrue, v1alpha1.ReasonUpToDate)
			if told := w.toldUntil(pool, v1alpha1.ReasonUpToDate); !slices.ContainsFunc(told, func(line string) bool { return strings.Contains(line, reason) }) {
				t.Errorf("%s was not told: %v", reason, told)
			}
		})
	}
}

// What cannot be asked, or is only to be told, holds nothing up.
func TestWhatCannotBeAskedOfTheFabricHoldsNothingUp(t *testing.T) {
	servers := newFakeServers([]string{"fe01.contoso.com"}, []string{"fe02.contoso.com"})
	servers.breaks(fakeFault{method: "Replication", fails: troubleWith(lync.KindCmdletFailed, "fe01.contoso.com", "Get-LyncOpsReplication", "the store cannot be reached"), left: 1000})
	servers.change(func(f *fakeServers) { f.between.fabric = "Alles in Ordnung" })
	w := startedWorld(t, servers)
	pool := w.pool()
	w.eventually("both gates say that they know nothing", func() error {
		if err := w.look(pool); err != nil {
			return err
		}
		for kind, reason := range map[string]string{v1alpha1.ConditionReplicated: v1alpha1.ReasonReplicationUnknown, v1alpha1.ConditionFabricPlacement: v1alpha1.ReasonFabricUnreadable,
			v1alpha1.ConditionQuorum: v1alpha1.ReasonTwoFrontEnds} {
			if !slices.ContainsFunc(pool.Status.Conditions, func(c metav1.Condition) bool {
				return c.Type == kind && c.Reason == reason && c.Status == metav1.ConditionTrue
			}) {
				return errors.New(fmt.Sprint(kind, " is not ", reason))
			}
		}
		return nil
	})
	w.ready(pool, metav1.ConditionTrue, v1alpha1.ReasonUpToDate)
}
