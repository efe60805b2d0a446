package controllers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"lyncops.dev/operator/api/v1alpha1"
)

func sixFrontEnds() *fakeServers {
	return newFakeServers([]string{"fe01.contoso.com", "fe02.contoso.com"}, []string{"fe03.contoso.com", "fe04.contoso.com"}, []string{"fe05.contoso.com", "fe06.contoso.com"})
}

func TestWholeRollout(t *testing.T) {
	w := startedWorld(t, sixFrontEnds())
	pool, backEnd := w.pool(), w.backEnd()
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	w.ready(backEnd, "True", v1alpha1.ReasonUpToDate)

	t.Run("servers are taken one after the other and the pool is asked before every domain", func(t *testing.T) {
		w := w.in(t)
		if difference := cmp.Diff(wholeRollout, w.story()); difference != "" {
			t.Error("got (+), want (-):\n" + difference)
		}
	})
	t.Run("statuses at the end", func(t *testing.T) {
		w := w.in(t)
		domain := w.domain("pool01-upgradedomain2")
		for _, each := range []struct {
			object client.Object
			status any
			want   string
		}{{pool, &pool.Status, finalPool}, {domain, &domain.Status, finalDomain}, {backEnd, &backEnd.Status, finalBackEnd}} {
			w.eventually(each.object.GetName()+" comes to its final status", func() error {
				if err := w.look(each.object); err != nil {
					return err
				}
				if difference := cmp.Diff(each.want, timeless(t, each.status)); difference != "" {
					return fmt.Errorf("got (+), want (-):\n%s", difference)
				}
				return nil
			})
		}
	})
	t.Run("events", func(t *testing.T) {
		w := w.in(t)
		if told, want := w.toldUntil(pool, v1alpha1.ReasonUpToDate), []string{"DomainOpened", "DomainOpened", "DomainOpened", "UpToDate"}; !slices.Equal(told, want) {
			t.Errorf("of the pool %v were told, want %v", told, want)
		}
		for i := 1; i <= 3; i++ {
			told, want := w.toldUntil(w.domain(fmt.Sprintf("pool01-upgradedomain%d", i)), v1alpha1.EventServerUpgraded), []string{"ServerTaken", "ServerUpgraded", "ServerTaken", "ServerUpgraded"}
			if !slices.Equal(told, want) {
				t.Errorf("of domain %d %v were told, want %v", i, told, want)
			}
		}
		w.toldUntil(backEnd, v1alpha1.ReasonUpToDate)
		mustTellAfterWriting(t, w.ledger.all())
		told := w.events()
		w.eventually("the API server has every event", func() error {
			var stored eventsv1.EventList
			if err := w.client.List(t.Context(), &stored, client.InNamespace(w.namespace)); err != nil {
				return err
			}
			if len(stored.Items) != told {
				return fmt.Errorf("it has %d of %d", len(stored.Items), told)
			}
			return nil
		})
	})
	t.Run("few writes", func(t *testing.T) {
		writes, steps := 0, w.seen.steps()
		for _, one := range w.ledger.all() {
			if one.verb != "create" && !one.failed {
				writes++
			}
		}
		if writes > 2*steps {
			t.Errorf("%d status writes and events for %d steps that people can see", writes, steps)
		}
	})
	t.Run("nothing is written when nothing changes", func(t *testing.T) {
		w := w.in(t)
		domain := w.domain("pool01-upgradedomain1")
		idle := []client.Object{pool, backEnd, domain}
		w.eventually("nothing holds its objects any more", func() error {
			for _, object := range idle {
				if err := w.look(object); err != nil || claimed(object) {
					return fmt.Errorf("%s has the finalizers %v (%w)", object.GetName(), object.GetFinalizers(), err)
				}
			}
			return nil
		})
		written, asked := len(w.ledger.all()), len(w.servers.called("Facts"))
		for range 3 {
			for _, object := range idle {
				w.nudge(object)
			}
			asked += 2 + 6
			w.eventually("the servers are looked at", func() error {
				if now := len(w.servers.called("Facts")); now < asked {
					return fmt.Errorf("%d questions of %d", now, asked)
				}
				return nil
			})
		}
		w.nudge(pool)
		for _, one := range w.ledger.all()[written:] {
			// One that was refused, because the cache had not heard yet that nothing is left to be taken off, has written nothing.
			if !one.failed {
				t.Errorf("an idle pool caused this write: %+v", one)
			}
		}
	})
}

// wholeRollout is what a pool of three upgrade domains and its back end see.
var wholeRollout = []string{
	"readiness",
	"fe01.contoso.com StopServices", "fe01.contoso.com Install", "fe01.contoso.com RestartComputer", "fe01.contoso.com put away",
	"fe02.contoso.com StopServices", "fe02.contoso.com Install", "fe02.contoso.com RestartComputer", "fe02.contoso.com put away",
	"readiness",
	"fe03.contoso.com StopServices", "fe03.contoso.com Install", "fe03.contoso.com RestartComputer", "fe03.contoso.com put away",
	"fe04.contoso.com StopServices", "fe04.contoso.com Install", "fe04.contoso.com RestartComputer", "fe04.contoso.com put away",
	"readiness",
	"fe05.contoso.com StopServices", "fe05.contoso.com Install", "fe05.contoso.com RestartComputer", "fe05.contoso.com put away",
	"fe06.contoso.com StopServices", "fe06.contoso.com Install", "fe06.contoso.com RestartComputer", "fe06.contoso.com put away",
	"fe01.contoso.com UpdateDatabases",
}

// story is what was done to the servers and asked of the pool, without repetitions and without staging, which is done to all
// servers at any time.
func (w *world) story() []string {
	var story []string
	for _, call := range w.servers.called("StartJob", "ClearJobs", "PoolReadiness") {
		line := call.String()
		if strings.HasSuffix(line, " StagePackage") || len(story) > 0 && story[len(story)-1] == line {
			continue
		}
		story = append(story, line)
	}
	return story
}

func (w *world) events() int {
	count := 0
	for _, one := range w.ledger.all() {
		if one.verb == "event" {
			count++
		}
	}
	return count
}

// mustTellAfterWriting: every event follows a status of its object that was written, with nothing but events of it in between.
func mustTellAfterWriting(t *testing.T, entries []entry) {
	t.Helper()
	last := map[string]entry{}
	for _, one := range entries {
		if before := last[one.object]; one.verb == "event" && (before.verb != "status" && before.verb != "event" || before.failed) {
			t.Errorf("%+v was told after %+v, not after a status", one, before)
		}
		last[one.object] = one
	}
}

// timeless is a status without what differs from run to run.
func timeless(t *testing.T, status any) string {
	t.Helper()
	text, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := json.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	dropTimes(content)
	if conditions, ok := content["conditions"].([]any); ok {
		slices.SortFunc(conditions, func(a, b any) int {
			return strings.Compare(fmt.Sprint(a.(map[string]any)["type"]), fmt.Sprint(b.(map[string]any)["type"]))
		})
	}
	text, err = yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return "\n" + string(text)
}

func dropTimes(value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, below := range value {
			if text, ok := below.(string); ok {
				if _, err := time.Parse(time.RFC3339, text); err == nil {
					delete(value, key)
				}
			}
			dropTimes(below)
		}
	case []any:
		for _, below := range value {
			dropTimes(below)
		}
	}
}

const finalPool = `
conditions:
- message: all 6 routing groups have their replicas
  observedGeneration: 1
  reason: FabricWhole
  status: "True"
  type: FabricPlacement
- message: the pool answered Ready, and UpgradeDomain3 is ready for upgrade
  observedGeneration: 1
  reason: PoolReady
  status: "True"
  type: PoolReadiness
- message: every front end has the build and is in service
  observedGeneration: 1
  reason: UpToDate
  status: "True"
  type: Ready
- message: the central management store has reached every front end of the pool that
    is in service
  observedGeneration: 1
  reason: ReplicationUpToDate
  status: "True"
  type: Replicated
- message: every server that had to be asked answered
  observedGeneration: 1
  reason: AllServersAnswer
  status: "True"
  type: ServersReachable
- message: no soak is due
  observedGeneration: 1
  reason: Soaked
  status: "True"
  type: Soaked
- message: every server that is known has build 5.0.8308.1149
  observedGeneration: 1
  reason: OneBuild
  status: "True"
  type: UniformBuilds
domainProgress: 3/3
domains:
- desiredBuild: 5.0.8308.1149
  name: UpgradeDomain1
  object: pool01-upgradedomain1
  serverProgress: 2/2
  state: Done
- desiredBuild: 5.0.8308.1149
  name: UpgradeDomain2
  object: pool01-upgradedomain2
  serverProgress: 2/2
  state: Done
- desiredBuild: 5.0.8308.1149
  name: UpgradeDomain3
  object: pool01-upgradedomain3
  serverProgress: 2/2
  state: Done
edition: Enterprise
installedBuild: 5.0.8308.1149
now: up to date
observedGeneration: 1
serverProgress: 6/6
servers:
- fqdn: fe01.contoso.com
  installedBuild: 5.0.8308.1149
  upgradeDomain: UpgradeDomain1
- fqdn: fe02.contoso.com
  installedBuild: 5.0.8308.1149
  upgradeDomain: UpgradeDomain1
- fqdn: fe03.contoso.com
  installedBuild: 5.0.8308.1149
  upgradeDomain: UpgradeDomain2
- fqdn: fe04.contoso.com
  installedBuild: 5.0.8308.1149
  upgradeDomain: UpgradeDomain2
- fqdn: fe05.contoso.com
  installedBuild: 5.0.8308.1149
  upgradeDomain: UpgradeDomain3
- fqdn: fe06.contoso.com
  installedBuild: 5.0.8308.1149
  upgradeDomain: UpgradeDomain3
`

const finalDomain = `
conditions:
- message: 5 front ends would keep running without fe04.contoso.com; a pool of 6 needs
    3 to stay functional
  observedGeneration: 1
  reason: QuorumHolds
  status: "True"
  type: Quorum
- message: every front end has the build and is in service
  observedGeneration: 1
  reason: UpToDate
  status: "True"
  type: Ready
- message: every server that had to be asked answered
  observedGeneration: 1
  reason: AllServersAnswer
  status: "True"
  type: ServersReachable
- message: the domain is done and needs no turn
  observedGeneration: 1
  reason: NotApplicable
  status: "True"
  type: Turn
installedBuild: 5.0.8308.1149
observedGeneration: 1
serverProgress: 2/2
servers:
- attempt: 1
  components:
  - build: 5.0.8308.1149
    name: Core Components
  - build: 5.0.8308.1149
    name: Front End Server
  fqdn: fe03.contoso.com
  installedBuild: 5.0.8308.1149
  message: has the build and is in service
  step: Done
- attempt: 1
  components:
  - build: 5.0.8308.1149
    name: Core Components
  - build: 5.0.8308.1149
    name: Front End Server
  fqdn: fe04.contoso.com
  installedBuild: 5.0.8308.1149
  message: has the build and is in service
  step: Done
state: Done
`

const finalBackEnd = `
conditions:
- message: all 6 front ends have the build and serve
  observedGeneration: 1
  reason: FrontEndsUpgraded
  status: "True"
  type: FrontEndsUpgraded
- message: the databases are at the build
  observedGeneration: 1
  reason: UpToDate
  status: "True"
  type: Ready
- message: every server that had to be asked answered
  observedGeneration: 1
  reason: AllServersAnswer
  status: "True"
  type: ServersReachable
- message: the services are there
  observedGeneration: 1
  reason: WithinBudget
  status: "True"
  type: WithinOutageBudget
currentServer: sql01.contoso.com
currentStep: Done
databaseVariant: Enterprise
installedBuild: 5.0.8308.1149
observedGeneration: 1
servers:
- attempt: 1
  fqdn: sql01.contoso.com
  installedBuild: 5.0.8308.1149
  message: the databases are at the build
  step: Done
`
