package main

import (
	"testing"
	"time"

	"lyncops.dev/operator/test/lab"
)

// at is an effect on a server, so many seconds after the beginning.
func at(seconds float64, host, command, effect string) lab.Event {
	return lab.Event{Time: time.Unix(0, 0).Add(time.Duration(seconds * float64(time.Second))), Host: host, Command: command, Effect: effect}
}

func TestStepsAreJobsAndVerifications(t *testing.T) {
	record := []lab.Event{
		at(0, "fe01.contoso.com", "StopServices", "job stop-services-5.0.8308.1149-1 is claimed"),
		at(1, "fe01.contoso.com", "StopServices", "stops RTCSRV"),
		at(2, "fe01.contoso.com", "StopServices", "job stop-services-5.0.8308.1149-1: Succeeded "),
		at(3, "fe01.contoso.com", "Clear-LyncOpsJobs", "clears stop-services-5.0.8308.1149-1"),
	}
	if steps := stepsOf(record); steps != 2 {
		t.Errorf("%d steps, want the job and the verification after it", steps)
	}
}

func TestCriticalPathLeavesOutWhatRunsBesideIt(t *testing.T) {
	record := []lab.Event{
		at(0, "fe01.contoso.com", "StagePackage", "job stage-package-1a35-1 is claimed"),
		at(0, "fe02.contoso.com", "StagePackage", "job stage-package-1a35-1 is claimed"),
		at(0, "se01.contoso.com", "Install", "job install-5.0.8308.1149-1 is claimed"),
		at(2, "fe01.contoso.com", "StagePackage", "job stage-package-1a35-1: Succeeded "),
		at(3, "fe02.contoso.com", "StagePackage", "job stage-package-1a35-1: Succeeded "),
		at(4, "fe01.contoso.com", "Install", "job install-5.0.8308.1149-1 is claimed"),
		at(14, "fe01.contoso.com", "Install", "job install-5.0.8308.1149-1: Succeeded "),
		at(15, "fe01.contoso.com", "RestartComputer", "restart ordered"),
		at(20, "fe01.contoso.com", "RestartComputer", "is up"),
		at(90, "se01.contoso.com", "Install", "job install-5.0.8308.1149-1: Succeeded "),
	}
	// The longer staging (3 s), the installer (10 s), the restart (5 s) and the prescribed wait; not the Standard Edition server.
	if path := criticalPath(record, 4*time.Second); path != 22*time.Second {
		t.Errorf("the critical path is %s, want 22s", path)
	}
}

func TestOnlyWritesOfOurKindsAndEventsCount(t *testing.T) {
	for labels, want := range map[string]bool{
		`group="lyncops.dev",resource="lyncpools",subresource="status",verb="PATCH"`: true,
		`group="events.k8s.io",resource="events",verb="POST"`:                        true,
		`group="lyncops.dev",resource="lyncpools",verb="WATCH"`:                      false,
		`group="coordination.k8s.io",resource="leases",verb="PUT"`:                   false,
	} {
		if got := isWriteOfOurs(labels); got != want {
			t.Errorf("%s: %t, want %t", labels, got, want)
		}
	}
}
