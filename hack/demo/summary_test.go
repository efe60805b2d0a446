package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lyncops.dev/operator/test/lab"
)

var start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// recorder makes a record in the words of the simulator.
type recorder struct {
	events []lab.Event
	out    map[string]string
}

func (r *recorder) add(second float64, host, action, effect string) {
	command := action + ` some-job-1 {"sqlServerFqdn":""} (Start-LyncOpsJob)`
	if action == "UpdateDatabases" {
		command = `UpdateDatabases some-job-1 {"variant":"Enterprise","sqlServerFqdn":"sql01.contoso.com"} (Start-LyncOpsJob)`
	}
	if action == "" {
		command = ""
	}
	out := map[string]string{}
	for server := range r.out {
		out[server] = command
	}
	r.events = append(r.events, lab.Event{Sequence: len(r.events) + 1, Time: start.Add(time.Duration(second * float64(time.Second))), Host: host, Command: command, Effect: effect, Out: out})
}

func (r *recorder) stop(second float64, host string) {
	if r.out == nil {
		r.out = map[string]string{}
	}
	r.add(second, host, "StopServices", "job some-job-1 is claimed")
	r.out[host] = "StopServices"
	r.add(second, host, "StopServices", "stops RTCSRV gracefully")
	r.add(second+2, host, "", "every Lync service is stopped")
	r.add(second+2, host, "StopServices", "job some-job-1: Succeeded ")
}

func (r *recorder) install(second float64, host string) {
	r.add(second, host, "Install", "job some-job-1 is claimed")
	r.add(second, host, "Install", "the installer of 5.0.8308.1149 begins (/silentmode)")
	r.add(second+6, host, "Install", "the installer has installed 5.0.8308.1149 (exit code 0)")
	r.add(second+6, host, "Install", "job some-job-1: Succeeded ")
}

func (r *recorder) restartAndStart(second float64, host string) {
	r.add(second, host, "RestartComputer", "job some-job-1 is claimed")
	r.add(second, host, "RestartComputer", "restart ordered")
	r.add(second, host, "RestartComputer", "job some-job-1: Succeeded ")
	r.add(second+3, host, "RestartComputer", "is up")
	r.add(second+3, host, "StartServices", "job some-job-1 is claimed")
	delete(r.out, host)
	r.add(second+5, host, "StopServices", "is in service again")
	r.add(second+5, host, "StartServices", "job some-job-1: Succeeded ")
}

func (r *recorder) upgrade(second float64, host string) {
	r.stop(second, host)
	r.install(second+2, host)
	r.restartAndStart(second+8, host)
}

func deployment(build string) lab.State {
	host := func(fqdn, domain string) lab.Host {
		return lab.Host{FQDN: fqdn, Pool: "pool01.contoso.com", Domain: domain, InService: true, Components: []lab.Component{{Name: "Core", Version: build}}}
	}
	return lab.State{Hosts: []lab.Host{host("fe01.contoso.com", "UpgradeDomain1"), host("fe02.contoso.com", "UpgradeDomain1"), host("fe03.contoso.com", "UpgradeDomain2"),
		{FQDN: "sql01.contoso.com"}}}
}

func goodRecord() *recorder {
	r := &recorder{}
	r.add(0, "fe01.contoso.com", "StagePackage", "job some-job-1 is claimed")
	r.add(1, "fe01.contoso.com", "StagePackage", "the package is staged")
	r.upgrade(2, "fe01.contoso.com")
	r.upgrade(20, "fe02.contoso.com")
	r.upgrade(60, "fe03.contoso.com")
	r.add(80, "fe01.contoso.com", "UpdateDatabases", "job some-job-1 is claimed")
	r.add(80, "fe01.contoso.com", "UpdateDatabases", "the update of databases begins")
	r.add(81.5, "fe01.contoso.com", "UpdateDatabases", "job some-job-1: Succeeded ")
	return r
}

func TestSummaryTellsServersInOrderWithTheTimeOfEachStep(t *testing.T) {
	told := summarize(goodRecord().events, deployment(desiredBuild))
	got := told.lines(start)
	want := []string{
		"AT    SERVER  UPGRADE DOMAIN  STOP  INSTALL  RESTART  DATABASES  START  OUT FOR",
		"0:02  fe01    UpgradeDomain1  2.0s  6.0s     3.0s     -          2.0s   13.0s",
		"0:20  fe02    UpgradeDomain1  2.0s  6.0s     3.0s     -          2.0s   13.0s",
		"1:00  fe03    UpgradeDomain2  2.0s  6.0s     3.0s     -          2.0s   13.0s",
		"1:20  sql01   (SQL, by fe01)  -     -        -        1.5s       -      -",
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Error(difference)
	}
}

func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		record     func() *recorder
		state      lab.State
		violations []lab.Violation
		good       bool
		says       []string
	}{
		"all went well": {
			record: goodRecord, state: deployment(desiredBuild), good: true,
			says: []string{"rules broken     none:", "3 of 3 have build", "one run on each server", "one at a time: UpgradeDomain1, UpgradeDomain2", "1 of its 3 front ends"},
		},
		"a rule was broken": {
			record: goodRecord, state: deployment(desiredBuild), violations: []lab.Violation{{Rule: "quorum", Host: "fe02.contoso.com", Text: "only 1 of 3 would be left"}},
			says: []string{"rules broken     1:", "quorum on fe02.contoso.com: only 1 of 3 would be left"},
		},
		"an installer ran twice": {
			record: func() *recorder {
				r := goodRecord()
				r.install(90, "fe02.contoso.com")
				return r
			},
			state: deployment(desiredBuild), says: []string{"fe02.contoso.com: the installer ran 2 times, not once"},
		},
		"two domains were out together": {
			record: func() *recorder {
				r := &recorder{}
				r.stop(0, "fe01.contoso.com")
				r.stop(1, "fe03.contoso.com")
				return r
			},
			state: deployment(desiredBuild), says: []string{"servers of two upgrade domains were out of service together", "fe02.contoso.com: the installer ran 0 times"},
		},
		"a server kept its build": {
			record: goodRecord, state: deployment("5.0.8308.0"), says: []string{"0 of 3 have build", "not updated, or not in service: fe01, fe02, fe03"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(summarize(c.record().events, c.state), c.state, c.violations)
			text := strings.Join(v.lines, "\n")
			if v.good() != c.good {
				t.Errorf("good: %v, want %v\n%s", v.good(), c.good, text)
			}
			for _, part := range c.says {
				if !strings.Contains(text, part) {
					t.Errorf("%q is missing in:\n%s", part, text)
				}
			}
		})
	}
}

func TestLastScreens(t *testing.T) {
	o := options{timeScale: 30}
	s := summarize(goodRecord().events, deployment(desiredBuild))
	v := judge(s, deployment(desiredBuild), nil)
	succeeded := strings.Join(o.succeeded(96*time.Second, s, start, v), "\n")
	if !strings.Contains(succeeded, "DONE in 1:36.") || !strings.Contains(succeeded, "all took 48 minutes") || !strings.Contains(succeeded, "more than 6 minutes") {
		t.Error(succeeded)
	}
	for _, line := range slices.Concat(o.succeeded(96*time.Second, s, start, v), o.byHand(), tryNext(), pausing()) {
		if len(line) > 80 {
			t.Errorf("too wide for most terminals: %s", line)
		}
	}
	failed := strings.Join(failed(70*time.Second, "nothing has changed for 1m20s", []table{tableFrom("lyncpool", answer())}, verdict{}), "\n")
	for _, part := range []string{"FAILED after 1:10: nothing has changed for 1m20s", "lyncpool/pool01"} {
		if !strings.Contains(failed, part) {
			t.Errorf("%q is missing in:\n%s", part, failed)
		}
	}
}
