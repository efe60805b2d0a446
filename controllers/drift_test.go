package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

func looksOften(pool *v1alpha1.LyncPool) {
	pool.Spec.Rollout.Verify.DriftInterval = duration(time.Second)
}

// A server that was rebuilt at an older build is upgraded again, through the gates; one that was patched by hand is left alone.
func TestDriftIsFoundAndRepairedOrAdopted(t *testing.T) {
	servers := newFakeServers([]string{"fe01.contoso.com"}, []string{"fe02.contoso.com"}, []string{"fe03.contoso.com"})
	servers.change(func(f *fakeServers) { f.hosts["fe03.contoso.com"].build = string(newBuild) })
	w := startedWorld(t, servers)
	pool := w.pool(looksOften)
	w.ready(pool, metav1.ConditionTrue, v1alpha1.ReasonUpToDate)
	if servers.orders(lync.ActionStopServices, "fe03.contoso.com") != 0 || servers.orders(lync.ActionStagePackage, "fe03.contoso.com") != 0 {
		t.Error("a server that had the build was touched")
	}
	asked := len(servers.called("PoolReadiness"))
	servers.change(func(f *fakeServers) { f.hosts["fe02.contoso.com"].build = string(oldBuild) })
	w.eventually("fe02 is upgraded again", func() error {
		if again := servers.orders(lync.ActionInstall, "fe02.contoso.com"); again != 2 {
			return fmt.Errorf("it was installed %d times", again)
		}
		return nil
	})
	w.ready(pool, metav1.ConditionTrue, v1alpha1.ReasonUpToDate)
	if len(servers.called("PoolReadiness")) == asked {
		t.Error("the pool was not asked before the repair")
	}
	domain := w.domain("pool01-upgradedomain2")
	w.eventually("the drift is told, and its end", func() error {
		w.needsAnswers()
		told := w.ledger.told(domain)
		if !slices.Equal(told, []string{v1alpha1.EventServerTaken, v1alpha1.EventServerUpgraded, v1alpha1.EventDriftFound, v1alpha1.EventServerTaken, v1alpha1.EventServerUpgraded}) {
			return fmt.Errorf("told were %v", told)
		}
		return nil
	})
	if len(domain.Status.Servers) != 1 || len(domain.Status.Servers[0].Components) != 2 || domain.Status.Servers[0].Components[0].Name != "Core Components" {
		t.Errorf("the components are %+v", domain.Status.Servers)
	}
}

// Adding a front end in the middle of a rollout, and removing one, are read and never guessed.
func TestFrontEndsAddedAndRemovedInTheMiddleAreReadAgain(t *testing.T) {
	servers := newFakeServers([]string{"fe01.contoso.com"}, []string{"fe02.contoso.com"}, []string{"fe03.contoso.com"}).manually()
	w := startedWorld(t, servers)
	pool := w.pool(looksOften)
	w.eventually("fe01 is being worked on", func() error {
		servers.advance("fe02.contoso.com")
		servers.advance("fe03.contoso.com")
		if servers.orders(lync.ActionStopServices, "fe01.contoso.com") == 0 {
			servers.advance("fe01.contoso.com")
			return fmt.Errorf("not yet")
		}
		return nil
	})
	servers.change(func(f *fakeServers) {
		f.byHand = false
		f.addHost("fe04.contoso.com")
		f.computer = []string{"fe01.contoso.com", "fe02.contoso.com", "fe04.contoso.com"}
		f.domains[2].Frontends = []string{"fe04.contoso.com"}
	})
	w.ready(pool, metav1.ConditionTrue, v1alpha1.ReasonUpToDate)
	var names []string
	for _, server := range pool.Status.Servers {
		names = append(names, server.FQDN)
	}
	if strings.Join(names, " ") != "fe01.contoso.com fe02.contoso.com fe04.contoso.com" {
		t.Errorf("the pool has %v", names)
	}
	if servers.orders(lync.ActionInstall, "fe04.contoso.com") != 1 || servers.orders(lync.ActionStopServices, "fe03.contoso.com") != 0 {
		t.Error("the new front end was not upgraded, or one that left the pool was touched")
	}
	// One more when all is done is found by the slow look.
	servers.change(func(f *fakeServers) {
		f.addHost("fe05.contoso.com")
		f.computer = append(f.computer, "fe05.contoso.com")
		f.domains = append(f.domains, lync.UpgradeDomainReadiness{Name: "UpgradeDomain4", Frontends: []string{"fe05.contoso.com"}})
	})
	w.eventually("fe05 is upgraded", func() error {
		if servers.orders(lync.ActionInstall, "fe05.contoso.com") != 1 {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	w.ready(pool, metav1.ConditionTrue, v1alpha1.ReasonUpToDate)
}
