package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

// sampleObjects are a pool, its three upgrade domains, its back end and a Standard Edition server.
const sampleObjects = 6

var sampleFrontEnds = func() (names []string) {
	for i := range 6 {
		names = append(names, fmt.Sprintf("fe%02d.contoso.com", i+1))
	}
	return names
}()

func TestRolloutOfTheSamples(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	l := startLab(t, lab.Options{Directory: directory, Deployment: contoso, TimeScale: 60})
	atStart := readState(t, l)
	watching := watchAll(t, l)
	startOperator(t, l)
	// A step that is over before its status is written is never seen, so these two last until they have been.
	var installers []string
	for _, host := range []string{sampleFrontEnds[0], "se01.contoso.com"} {
		id, err := l.Simulator().AddFault(t.Context(), lab.Fault{Kind: "installerWaits", Target: host})
		if err != nil {
			t.Fatal(err)
		}
		installers = append(installers, id)
	}
	if err := l.ApplySamples(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	watching.await(t, "UpgradeDomain", "pool01-upgradedomain1", v1alpha1.ReasonUpgrading, string(v1alpha1.StepInstall))
	watching.await(t, "BackEndServer", "se01", v1alpha1.ReasonUpgrading, string(v1alpha1.StepInstall))
	for _, id := range installers {
		if err := l.Simulator().RemoveFault(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	awaitAllReady(t, l, lab.Namespace, sampleObjects)
	watching.end()

	t.Run("every server went through the published steps once", func(t *testing.T) {
		events := readRecord(t, l)
		for _, frontEnd := range sampleFrontEnds {
			checkSteps(t, events, frontEnd, frontEndSteps, true)
		}
		checkSteps(t, events, "se01.contoso.com", standardSteps, false)
		checkBackEndIsLast(t, events)
		checkOneDomainAtATime(t, events, atStart)
		checkNoViolations(t, l)
		checkAtRest(t, l, atStart)
		checkBuild(t, l, build)
	})
	t.Run("Argo CD and kstatus agreed all along", func(t *testing.T) {
		watching.checkHealth(t)
		for _, stage := range []struct{ stage, kind, name, reason, step string }{
			{"waiting", "LyncPool", "", "Soaking", ""}, {"working", "LyncPool", "", "Upgrading", ""}, {"done", "LyncPool", "", "UpToDate", ""},
			{"waiting", "UpgradeDomain", "", "WaitingForTurn", ""}, {"working", "UpgradeDomain", "", "Upgrading", "Install"}, {"done", "UpgradeDomain", "", "UpToDate", ""},
			{"waiting", "BackEndServer", "sql01", "WaitingForFrontEnds", ""}, {"working", "BackEndServer", "se01", "Upgrading", "Install"}, {"done", "BackEndServer", "se01", "UpToDate", ""},
		} {
			checkStage(t, stage.stage, watching.find(t, stage.kind, stage.name, stage.reason, stage.step))
		}
	})
	t.Run("kubectl shows it", func(t *testing.T) {
		table, err := l.Kubectl(t.Context(), "get", "lync")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range [][]string{
			{"DESIRED", "INSTALLED", "DOMAINS", "SERVERS", "READY", "REASON", "NOW"},
			{"lyncpool.lyncops.dev/pool01", build, build, "3/3", "6/6", "True", "UpToDate"},
			{"upgradedomain.lyncops.dev/pool01-upgradedomain3", build, build, "2/2", "True", "UpToDate"},
			{"backendserver.lyncops.dev/sql01", "Enterprise", build, build, "True", "UpToDate"},
			{"backendserver.lyncops.dev/se01", "Standard", build, build, "True", "UpToDate"},
		} {
			if !hasLine(table, want) {
				t.Errorf("no line with %q in:\n%s", want, table)
			}
		}
		if _, err := l.Kubectl(t.Context(), "wait", "--for=condition=Ready", "--timeout=5m", "lyncpools,upgradedomains,backendservers", "--all"); err != nil {
			t.Error(err)
		}
	})
	t.Run("no password is written anywhere", func(t *testing.T) { checkNoPassword(t, l, directory, password) })
	if err := l.StopOperator(); err != nil {
		t.Error(err)
	}
}

// hasLine says whether a line has these words in this order.
func hasLine(table string, words []string) bool {
	for line := range strings.Lines(table) {
		rest, found := line, true
		for _, word := range words {
			if _, rest, found = strings.Cut(rest, word); !found {
				break
			}
		}
		if found {
			return true
		}
	}
	return false
}

// checkBackEndIsLast: databases change once, after the last front end is back in service.
func checkBackEndIsLast(t *testing.T, events record) {
	t.Helper()
	updates := events.of(sampleFrontEnds...).withEffect("the update of databases begins")
	if len(updates) != 1 {
		t.Fatalf("the databases of the pool were updated %d times", len(updates))
	}
	for _, event := range events.of(sampleFrontEnds...) {
		if event.Sequence > updates[0].Sequence && len(event.Out) > 0 {
			t.Errorf("%v was out of service after the update of databases had begun", event.Out)
		}
	}
	if len(updates[0].Serving) != len(sampleFrontEnds) {
		t.Errorf("only %q served when the databases were updated", updates[0].Serving)
	}
}

func readState(t *testing.T, l *lab.Lab) lab.State {
	t.Helper()
	state, err := l.Simulator().State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// checkAtRest compares services with what they were: nothing may stay stopped or disabled. None given means all hosts.
func checkAtRest(t *testing.T, l *lab.Lab, atStart lab.State, hosts ...string) {
	t.Helper()
	now := readState(t, l)
	for _, before := range atStart.Hosts {
		for _, host := range now.Hosts {
			if host.FQDN == before.FQDN && (len(hosts) == 0 || contains(hosts, host.FQDN)) {
				for _, difference := range differences(before, host) {
					t.Errorf("%s: %s", host.FQDN, difference)
				}
			}
		}
	}
}

func contains(hosts []string, host string) bool {
	for _, one := range hosts {
		if strings.EqualFold(one, host) {
			return true
		}
	}
	return false
}

func differences(before, after lab.Host) []string {
	var found []string
	if before.Power != after.Power {
		found = append(found, fmt.Sprintf("power was %s, is %s", before.Power, after.Power))
	}
	services := map[string]lab.Service{}
	for _, service := range after.Services {
		services[service.Name] = service
	}
	for _, service := range before.Services {
		if now := services[service.Name]; now != service {
			found = append(found, fmt.Sprintf("service was %v, is %v", service, now))
		}
	}
	return found
}

// checkBuild: every Lync component has the build. No hosts given means all.
func checkBuild(t *testing.T, l *lab.Lab, want string, hosts ...string) {
	t.Helper()
	for _, host := range readState(t, l).Hosts {
		if len(hosts) > 0 && !contains(hosts, host.FQDN) {
			continue
		}
		for _, component := range host.Components {
			if component.Version != want {
				t.Errorf("%s has %s %s", host.FQDN, component.Name, component.Version)
			}
		}
	}
}
