package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// currentPool is a pool whose front ends have the build, so that only its databases are left.
func currentPool() *fakeServers {
	servers := newFakeServers([]string{"fe01.contoso.com"}, []string{"fe02.contoso.com"})
	for _, host := range servers.hosts {
		host.build = string(newBuild)
	}
	return servers
}

// databaseOrders are the updates of databases in the order in which they were asked for, without repetitions.
func databaseOrders(servers *fakeServers) []lync.UpdateDatabases {
	var orders []lync.UpdateDatabases
	seen := map[string]bool{}
	for _, call := range servers.called("StartJob") {
		if parameters, ok := call.request.Parameters.(lync.UpdateDatabases); ok && !seen[call.request.ID] {
			seen[call.request.ID] = true
			orders = append(orders, parameters)
		}
	}
	return orders
}

func TestMirrorOnTheWrongSideHoldsUntilThePrincipalComesBack(t *testing.T) {
	servers := currentPool()
	servers.databases.mirrors = []lync.MirroredDatabase{turnedMirror}
	w := startedWorld(t, servers)
	w.pool()
	backEnd := w.backEnd()
	w.ready(backEnd, "False", v1alpha1.ReasonPrincipalOnMirror)
	if !hasCondition(backEnd, v1alpha1.ConditionStalled) || backEnd.Status.InProgress || len(databaseOrders(servers)) > 0 {
		t.Errorf("held: %+v; ordered %+v", backEnd.Status, databaseOrders(servers))
	}
	servers.change(func(f *fakeServers) { f.databases.mirrors = []lync.MirroredDatabase{healthyMirror} })
	w.nudge(backEnd)
	w.ready(backEnd, "True", v1alpha1.ReasonUpToDate)
	if orders := databaseOrders(servers); len(orders) != 1 || orders[0].Update || orders[0].Variant != lync.DatabaseVariantEnterprise {
		t.Errorf("mirrored databases were updated by %+v", orders)
	}
	if !meta.IsStatusConditionTrue(backEnd.Status.Conditions, v1alpha1.ConditionMirrorHealthy) {
		t.Errorf("%+v", backEnd.Status.Conditions)
	}
}

func TestNoFrontEndIsStoppedWhileTheMirrorIsThePrincipal(t *testing.T) {
	servers := newFakeServers([]string{"fe01.contoso.com"}, []string{"fe02.contoso.com"}, []string{"fe03.contoso.com"})
	servers.databases.mirrors = []lync.MirroredDatabase{turnedMirror}
	w := startedWorld(t, servers)
	pool := w.pool()
	domain := w.domain("pool01-upgradedomain1")
	w.ready(domain, "False", v1alpha1.ReasonPrincipalOnMirror)
	if stops := servers.orders(lync.ActionStopServices, "fe01.contoso.com"); stops > 0 {
		t.Errorf("fe01 was stopped %d times", stops)
	}
	if !meta.IsStatusConditionFalse(domain.Status.Conditions, v1alpha1.ConditionQuorum) {
		t.Errorf("the second lock is open: %+v", domain.Status.Conditions)
	}
	servers.change(func(f *fakeServers) { f.databases.mirrors = []lync.MirroredDatabase{healthyMirror} })
	look := w.nudging(func() []client.Object {
		return []client.Object{w.domain("pool01-upgradedomain1"), w.domain("pool01-upgradedomain2"), w.domain("pool01-upgradedomain3")}
	})
	w.eventually("the pool is done", func() error {
		look()
		if err := w.look(pool); err != nil || pool.Status.DomainProgress != "3/3" {
			return errors.Join(err, errors.New(pool.Status.DomainProgress))
		}
		return nil
	})
}

// The pool's databases, those on other servers, the central management store: in this order, each by its own call; what is old beside
// them is named.
func TestEveryStoreIsUpdatedAndTheRestIsNamed(t *testing.T) {
	servers := currentPool()
	servers.databases.collocated = []string{"LcsCDR"}
	servers.databases.stores = map[string]map[string]string{"mon01.contoso.com": {"LcsCDR": "39.85.2"}, "arc01.contoso.com": {}, "cms01.contoso.com": {"xds": "10.13.2"}}
	w := startedWorld(t, servers)
	w.pool()
	backEnd := w.backEnd(func(b *v1alpha1.BackEndServer) {
		b.Spec.OtherStores = []v1alpha1.OtherStore{{FQDN: "mon01.contoso.com"}, {FQDN: "arc01.contoso.com"}}
		b.Spec.CentralManagement = &v1alpha1.CentralManagementStore{FQDN: "cms01.contoso.com", InstanceName: "rtc"}
	})
	w.ready(backEnd, "True", v1alpha1.ReasonUpToDate)
	var got []string
	for _, order := range databaseOrders(servers) {
		if !order.Update {
			t.Errorf("without -Update: %+v", order)
		}
		got = append(got, strings.TrimSpace(string(order.Variant)+" "+order.SQLServerFQDN+" "+order.SQLInstanceName))
	}
	if want := []string{"EnterpriseCollocated " + testSQLServer, "Enterprise mon01.contoso.com", "CentralManagement cms01.contoso.com rtc"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	left := meta.FindStatusCondition(backEnd.Status.Conditions, v1alpha1.ConditionStoresCurrent)
	if left == nil || left.Reason != v1alpha1.ReasonStoresOutdated || !strings.Contains(left.Message, "LcsCDR (39.85.2, expected 39.85.3)") {
		t.Errorf("left behind: %+v", left)
	}
	w.eventually("what is left behind is told", func() error { return toldOnce(w, backEnd, v1alpha1.ReasonStoresOutdated) })
}

func TestCurrentDatabasesAreComparedAndNothingIsRun(t *testing.T) {
	servers := currentPool()
	servers.outdated = nil
	w := startedWorld(t, servers)
	w.pool()
	w.ready(w.backEnd(), "True", v1alpha1.ReasonUpToDate)
	if orders := databaseOrders(servers); len(orders) > 0 || len(servers.called("Database")) == 0 {
		t.Errorf("ordered %+v after %d questions", orders, len(servers.called("Database")))
	}
}

func TestAnAvailabilityGroupIsReachedThroughItsListener(t *testing.T) {
	servers := currentPool()
	servers.product = "Skype for Business Server 2015"
	for _, host := range servers.hosts {
		host.build = "6.0.9319.869"
	}
	w := startedWorld(t, servers)
	w.pool(func(pool *v1alpha1.LyncPool) {
		pool.Spec.Product, pool.Spec.DesiredBuild = v1alpha1.ProductSkypeForBusinessServer2015, "6.0.9319.869"
	})
	backEnd := w.backEnd(func(b *v1alpha1.BackEndServer) {
		b.Spec.Product, b.Spec.DesiredBuild = v1alpha1.ProductSkypeForBusinessServer2015, "6.0.9319.869"
		b.Spec.SQL.Availability, b.Spec.SQL.Listener = v1alpha1.SQLAvailabilityAlwaysOn, "listener.contoso.com"
	})
	w.ready(backEnd, "True", v1alpha1.ReasonUpToDate)
	if orders := databaseOrders(servers); len(orders) != 1 || orders[0].SQLServerFQDN != "listener.contoso.com" || !orders[0].Update {
		t.Errorf("ordered %+v", orders)
	}
	if asked := len(servers.called("DatabaseMirror")); asked > 0 {
		t.Errorf("asked for mirrors %d times", asked)
	}
}

// Whoever claims second sees the first: the claim stands on the object before the order is given.
func TestDatabasesAreClaimedBeforeTheyAreTouched(t *testing.T) {
	servers := currentPool()
	w := newWorld(t, servers)
	found := make(chan bool, 100)
	servers.onStart = func(request lync.JobRequest) {
		if request.Action != lync.ActionUpdateDatabases {
			return
		}
		var backEnd v1alpha1.BackEndServer
		err := w.client.Get(context.Background(), client.ObjectKey{Namespace: w.namespace, Name: "sql01"}, &backEnd)
		found <- err == nil && claimed(&backEnd)
	}
	w.startOperator()
	w.pool()
	w.ready(w.backEnd(), "True", v1alpha1.ReasonUpToDate)
	close(found)
	count := 0
	for before := range found {
		count++
		if !before {
			t.Error("the databases were touched before the claim was written")
		}
	}
	if count != 1 {
		t.Errorf("%d orders", count)
	}
}

func TestLocalDatabasesLeftSingleUserAreNamedAndTheServerIsNotAccepted(t *testing.T) {
	servers := newFakeServers([]string{"fe01.contoso.com"}, []string{"fe02.contoso.com"}, []string{"fe03.contoso.com"})
	single := []lync.LocalDatabase{{InstanceName: "RTCLOCAL", DatabaseName: "rtc", State: "ONLINE", UserAccess: "SINGLE_USER"}}
	servers.databases.local = map[string][]lync.LocalDatabase{"fe01.contoso.com": single, standardServer: single}
	servers.addHost(standardServer)
	w := startedWorld(t, servers)
	pool := w.pool()
	backEnd := w.backEnd(standardEdition)
	domain := w.domain("pool01-upgradedomain1")
	w.ready(domain, "False", v1alpha1.ReasonLocalDatabasesBroken)
	w.ready(backEnd, "False", v1alpha1.ReasonLocalDatabasesBroken)
	for _, message := range []string{domain.Status.Hold.Message, backEnd.Status.Hold.Message} {
		if !strings.Contains(message, `rtc of .\RTCLOCAL is ONLINE, SINGLE_USER`) || !strings.Contains(message, "Run the same update on it once more") {
			t.Errorf("says %q", message)
		}
	}
	if stops := servers.orders(lync.ActionStopServices, "fe02.contoso.com"); stops > 0 {
		t.Errorf("another front end was stopped %d times", stops)
	}
	servers.change(func(f *fakeServers) { f.databases.local = nil })
	w.nudge(domain)
	w.nudge(backEnd)
	w.ready(backEnd, "True", v1alpha1.ReasonUpToDate)
	w.eventually("the pool is done", func() error {
		if err := w.look(pool); err != nil || pool.Status.DomainProgress != "3/3" {
			return errors.Join(err, errors.New(pool.Status.DomainProgress))
		}
		return nil
	})
}

// The outage counts from the first stop; the warning comes before the budget is spent, and each word is told once.
func TestOutageIsShownAndWarnedOf(t *testing.T) {
	servers := newFakeServers([]string{standardServer})
	servers.breaks(fakeFault{action: lync.ActionStartServices, outcome: lync.OutcomeServiceStuck, message: "RTCSRV does not start"})
	w := startedWorld(t, servers)
	backEnd := w.backEnd(standardEdition)
	w.ready(backEnd, "False", v1alpha1.ReasonServicesNotRunning)
	for _, step := range []struct {
		ahead  time.Duration
		reason string
	}{{0, v1alpha1.ReasonWithinBudget}, {21 * time.Minute, v1alpha1.ReasonBudgetNearlySpent}, {31 * time.Minute, v1alpha1.ReasonBudgetSpent}} {
		servers.change(func(f *fakeServers) { f.ahead = step.ahead })
		w.nudge(backEnd)
		w.eventually(step.reason+" is shown", func() error {
			if err := w.look(backEnd); err != nil {
				return err
			}
			within := meta.FindStatusCondition(backEnd.Status.Conditions, v1alpha1.ConditionWithinOutageBudget)
			if within == nil || within.Reason != step.reason || backEnd.Status.OutageSince == nil {
				return fmt.Errorf("since %v: %+v", backEnd.Status.OutageSince, within)
			}
			return nil
		})
	}
	w.eventually("it is told", func() error {
		return toldOnce(w, backEnd, v1alpha1.ReasonBudgetNearlySpent, v1alpha1.ReasonBudgetSpent)
	})
}

// toldOnce fails unless each of some reasons was told once, in this order.
func toldOnce(w *world, object client.Object, reasons ...string) error {
	w.needsAnswers()
	var found []string
	told := w.ledger.told(object)
	for _, reason := range told {
		if slices.Contains(reasons, reason) {
			found = append(found, reason)
		}
	}
	if !slices.Equal(found, reasons) {
		return errors.New("told " + strings.Join(told, " "))
	}
	return nil
}
