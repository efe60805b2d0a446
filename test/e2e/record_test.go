package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lyncops.dev/operator/test/lab"
)

// The published steps as jobs, in their order.
var (
	frontEndSteps = []string{"stage-package", "stop-services", "install", "restart-computer", "start-services"}
	standardSteps = []string{"stage-package", "stop-services", "stop-web-server", "install", "stop-services-again", "start-web-server", "update-databases", "start-services"}
)

// record is what happened to simulated servers, in order.
type record []lab.Event

func readRecord(t *testing.T, l *lab.Lab) record {
	t.Helper()
	events, err := l.Simulator().Record(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// of keeps the events of some hosts.
func (r record) of(hosts ...string) record {
	return slices.DeleteFunc(slices.Clone(r), func(e lab.Event) bool { return !slices.Contains(hosts, e.Host) })
}

// withEffect keeps the events whose effect contains a text.
func (r record) withEffect(text string) record {
	return slices.DeleteFunc(slices.Clone(r), func(e lab.Event) bool { return !strings.Contains(e.Effect, text) })
}

// jobs are the identities of the jobs that were begun, in order: the simulator says that it claimed one, and a scheduled task shows
// that the module itself did.
func (r record) jobs() []string {
	var ids []string
	for _, event := range r {
		for _, words := range [][2]string{{"job ", " is claimed"}, {`the scheduled task \LyncOps\`, " is created"}} {
			id, begins := strings.CutPrefix(event.Effect, words[0])
			if id, ends := strings.CutSuffix(id, words[1]); begins && ends {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// steps are the jobs without build, package and attempt: install-5.0.8308.1149-1 is install.
func (r record) steps() []string {
	var steps []string
	for _, id := range r.jobs() {
		parts := strings.Split(id, "-")
		steps = append(steps, strings.Join(parts[:max(len(parts)-2, 0)], "-"))
	}
	return steps
}

// begun says how often an installer was begun.
func (r record) begun() int { return len(r.withEffect("the installer of ")) }

// untouched says whether nothing was taken out of service, stopped, installed or restarted. A staged package is no harm.
func (r record) untouched() error {
	for _, step := range r.steps() {
		if step != "stage-package" {
			return fmt.Errorf("the step %s was begun: %q", step, r.jobs())
		}
	}
	for _, event := range r {
		if len(event.Out) > 0 || strings.HasPrefix(event.Effect, "stops ") {
			return fmt.Errorf("%s: %s", event.Host, event.Effect)
		}
	}
	return nil
}

// checkOneDomainAtATime looks, at every effect on a pool, at who was out of service because of a command.
func checkOneDomainAtATime(t *testing.T, r record, state lab.State) {
	t.Helper()
	domainOf := map[string]string{}
	for _, host := range state.Hosts {
		domainOf[host.FQDN] = host.Domain
	}
	for _, event := range r {
		domains := map[string]bool{}
		for host := range event.Out {
			domains[domainOf[host]] = true
		}
		if len(domains) > 1 {
			t.Errorf("event %d (%s: %s): servers of %d upgrade domains were out: %v", event.Sequence, event.Host, event.Effect, len(domains), event.Out)
		}
	}
}

// checkSteps compares the jobs of a host with the published steps. With unattended true the start of services may be missing:
// after a restart they come up by themselves, and nobody may have looked before.
func checkSteps(t *testing.T, r record, host string, published []string, unattended bool) {
	t.Helper()
	steps := slices.DeleteFunc(r.of(host).steps(), func(step string) bool {
		// The databases of the pool are updated from one of its front ends, which is not a step of that server.
		return step == "update-databases" && !slices.Contains(published, step)
	})
	if unattended && !slices.Contains(steps, "start-services") {
		published = published[:len(published)-1]
	}
	if !slices.Equal(steps, published) {
		t.Errorf("%s went through %q, published are %q; the jobs: %q", host, steps, published, r.of(host).jobs())
	}
	if begun := r.of(host).begun(); begun != 1 {
		t.Errorf("the installer was begun %d times on %s", begun, host)
	}
}

// checkNoViolations fails for everything that must never happen and did on some hosts; none given means all.
func checkNoViolations(t *testing.T, l *lab.Lab, hosts ...string) {
	t.Helper()
	violations, err := l.Simulator().Violations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range violations {
		if len(hosts) == 0 || slices.Contains(hosts, violation.Host) {
			t.Errorf("violation of %s on %s: %s (%s)", violation.Rule, violation.Host, violation.Text, violation.Command)
		}
	}
}
