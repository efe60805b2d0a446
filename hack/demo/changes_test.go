package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
)

func domainWith(rows ...v1alpha1.ServerStatus) *v1alpha1.UpgradeDomain {
	return &v1alpha1.UpgradeDomain{ObjectMeta: metav1.ObjectMeta{Name: "pool01-upgradedomain1"}, Status: v1alpha1.UpgradeDomainStatus{Servers: rows}}
}

func row(fqdn string, step v1alpha1.ServerStep, message string) v1alpha1.ServerStatus {
	return v1alpha1.ServerStatus{FQDN: fqdn, Step: step, Message: message}
}

func poolWith(conditions ...metav1.Condition) *v1alpha1.LyncPool {
	return &v1alpha1.LyncPool{ObjectMeta: metav1.ObjectMeta{Name: "pool01"}, Status: v1alpha1.LyncPoolStatus{Conditions: conditions}}
}

func condition(kind, reason, message string, status metav1.ConditionStatus) metav1.Condition {
	return metav1.Condition{Type: kind, Reason: reason, Message: message, Status: status}
}

func event(kind, name, reason, note string) *eventsv1.Event {
	return &eventsv1.Event{Reason: reason, Note: note, Regarding: corev1.ObjectReference{Kind: kind, Name: name}}
}

func TestVersionsOfObjectsBecomeOneLineForEachChange(t *testing.T) {
	for name, c := range map[string]struct {
		versions []client.Object
		want     []change
	}{
		"a server is told once for each step, whatever else changes": {
			versions: []client.Object{
				domainWith(row("fe01.contoso.com", v1alpha1.StepInstall, "the installer runs")),
				domainWith(row("fe01.contoso.com", v1alpha1.StepInstall, "the installer has been running for long")),
				domainWith(row("fe01.contoso.com", v1alpha1.StepRestartComputer, "Windows is restarting")),
			},
			want: []change{{"fe01", "Install", "the installer runs"}, {"fe01", "RestartComputer", "Windows is restarting"}},
		},
		"a server that waits from the beginning is no news, one that waits again is": {
			versions: []client.Object{
				domainWith(row("fe01.contoso.com", v1alpha1.StepUnknown, ""), row("fe02.contoso.com", v1alpha1.StepWaiting, "")),
				domainWith(row("fe01.contoso.com", v1alpha1.StepReady, "the package is there"), row("fe02.contoso.com", v1alpha1.StepWaiting, "")),
				domainWith(row("fe01.contoso.com", v1alpha1.StepUnknown, "does not answer"), row("fe02.contoso.com", v1alpha1.StepWaiting, "")),
			},
			want: []change{{"fe01", "Ready", "the package is there"}, {"fe01", "Unknown", "does not answer"}},
		},
		"a pool tells what it waits for, once": {
			versions: []client.Object{
				poolWith(),
				poolWith(condition("Ready", "Soaking", "for 4s", metav1.ConditionFalse)),
				poolWith(condition("Ready", "Soaking", "for 3s", metav1.ConditionFalse)),
				poolWith(condition("Ready", "Upgrading", "the installer runs on fe03", metav1.ConditionFalse)),
				poolWith(condition("Ready", "Soaking", "for 4s again", metav1.ConditionFalse)),
			},
			want: []change{{"pool01", "Soaking", "for 4s"}, {"pool01", "Soaking", "for 4s again"}},
		},
		"a pool that needs a person leaves the telling to its event": {
			versions: []client.Object{
				poolWith(condition("Ready", "PoolUnready", "Busy too often", metav1.ConditionFalse), condition("Stalled", "PoolUnready", "Busy too often", metav1.ConditionTrue)),
				event("LyncPool", "pool01", "PoolUnready", "Busy too often"),
			},
			want: []change{{"pool01", "PoolUnready", "Busy too often"}},
		},
		"a long sentence is said once, whoever repeats it": {
			versions: []client.Object{
				domainWith(row("fe01.contoso.com", v1alpha1.StepHeld, strings.Repeat("the installer failed ", 5))),
				event("UpgradeDomain", "pool01-upgradedomain1", "InstallerFailed", strings.Repeat("the installer failed ", 5)),
			},
			want: []change{{"fe01", "Held", strings.Repeat("the installer failed ", 5)}, {"pool01-upgradedomain1", "InstallerFailed", "(the same)"}},
		},
		"events that tell nothing new, or nothing to worry about, are left out": {
			versions: []client.Object{
				event("UpgradeDomain", "pool01-upgradedomain1", "ServerTaken", "taking fe01"),
				event("UpgradeDomain", "pool01-upgradedomain1", "ServerUpgraded", "fe01 has the build"),
				event("BackEndServer", "se01", "UpToDate", "has the build"),
				event("BackEndServer", "sql01", "PoolNotFound", "there is no LyncPool pool01 yet"),
				event("UpgradeDomain", "pool01-upgradedomain1", "UpToDate", "every front end has the build"),
			},
			want: []change{{"pool01-upgradedomain1", "UpToDate", "every front end has the build"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			seen := newRollout()
			var got []change
			for _, version := range c.versions {
				got = append(got, seen.see(version)...)
			}
			if difference := cmp.Diff(c.want, got, cmp.AllowUnexported(change{})); difference != "" {
				t.Error(difference)
			}
		})
	}
}

func TestDoneMeansEveryObjectIsReadyForWhatItDeclaresNow(t *testing.T) {
	ready := []metav1.Condition{condition("Ready", "UpToDate", "", metav1.ConditionTrue)}
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name, Generation: 2} }
	pool := &v1alpha1.LyncPool{ObjectMeta: meta("pool01"), Status: v1alpha1.LyncPoolStatus{Conditions: ready, ObservedGeneration: 2}}
	domain := &v1alpha1.UpgradeDomain{ObjectMeta: meta("domain1"), Status: v1alpha1.UpgradeDomainStatus{Conditions: ready, ObservedGeneration: 2}}
	backEnd := &v1alpha1.BackEndServer{ObjectMeta: meta("sql01"), Status: v1alpha1.BackEndServerStatus{Conditions: ready, ObservedGeneration: 2}}
	outdated := pool.DeepCopy()
	outdated.Status.ObservedGeneration = 1
	unready := backEnd.DeepCopy()
	unready.Status.Conditions[0].Status = metav1.ConditionFalse
	for name, c := range map[string]struct {
		objects []client.Object
		want    bool
	}{
		"nothing seen":                         {nil, false},
		"a kind is missing":                    {[]client.Object{pool, domain}, false},
		"every object is ready":                {[]client.Object{pool, domain, backEnd}, true},
		"one is not ready":                     {[]client.Object{pool, domain, unready}, false},
		"one speaks of an earlier declaration": {[]client.Object{outdated, domain, backEnd}, false},
		"the latest version counts":            {[]client.Object{outdated, domain, unready, backEnd, pool}, true},
	} {
		t.Run(name, func(t *testing.T) {
			seen := newRollout()
			for _, object := range c.objects {
				seen.see(object)
			}
			if got := seen.done(); got != c.want {
				t.Errorf("done: %v, want %v", got, c.want)
			}
		})
	}
}

func TestAPersonIsNeededWhenAnObjectStaysStalled(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		since  time.Time
		status metav1.ConditionStatus
		want   string
	}{
		"for a moment": {now.Add(-time.Second), metav1.ConditionTrue, ""},
		"for longer":   {now.Add(-time.Minute), metav1.ConditionTrue, "lyncpool/pool01 cannot go on without a person: InstallerFailed: fe01 failed"},
		"no more":      {now.Add(-time.Minute), metav1.ConditionFalse, ""},
	} {
		t.Run(name, func(t *testing.T) {
			seen := newRollout()
			stalled := condition("Stalled", "InstallerFailed", "fe01 failed", c.status)
			stalled.LastTransitionTime = metav1.NewTime(c.since)
			seen.see(poolWith(stalled))
			if got := seen.needsPerson(now, 5*time.Second); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
