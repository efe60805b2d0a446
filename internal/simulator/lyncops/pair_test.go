package lyncops

import (
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/sample"
)

func inPair(t *testing.T, f func(t *testing.T, m *deployment.Model)) {
	t.Helper()
	sample.InVirtualTime(t, "paired.yaml", "", f)
}

var pool1 = map[string]any{"poolFqdn": "pool01.contoso.com"}

// start gives an order and returns how the job ended.
func start(t *testing.T, h *deployment.Host, id, action string, parameters map[string]any) job {
	t.Helper()
	ask[job](t, h, "Start-LyncOpsJob", jobOrder(id, action, parameters))
	return finish(t, h, id)
}

func TestAPoolIsUpgradedWhileItsUsersAreOnTheOtherOne(t *testing.T) {
	inPair(t, func(t *testing.T, m *deployment.Model) {
		first, partner := host(t, m, "fe01"), host(t, m, "fe11")
		names := []string{"fe01", "fe02", "fe03"}
		if j := start(t, first, "over-0", "FailOverPool", pool1); j.Outcome != failOverFailed || !strings.Contains(j.Message, "Central Management") {
			t.Fatalf("with the central management store on it: %s %s", j.Outcome, j.Message)
		}
		do(t, partner, "move-1", "MoveCentralManagement", map[string]any{"poolFqdn": "pool02.contoso.com", "timeoutSeconds": 600})
		for _, name := range names {
			do(t, host(t, m, name), "record-1", "RecordServices", map[string]any{})
		}
		do(t, first, "over-1", "FailOverPool", pool1)
		pair := ask[partnerResult](t, partner, "Get-LyncOpsPartner", pool1)
		if pair.PoolState != deployment.RegistrarFailedOver || pair.CentralManagementPoolFQDN == nil || *pair.CentralManagementPoolFQDN != "pool02.contoso.com" || len(pair.BackupComputers) != 3 {
			t.Fatalf("%+v", pair)
		}
		time.Sleep(time.Minute)
		source := "https://packages.contoso.com/lync/LyncServerUpdateInstaller.exe"
		digest, _, _ := m.PackageDigest(source)
		pkg := map[string]any{"sha256": digest, "fileName": "LyncServerUpdateInstaller.exe"}
		boots := map[string]time.Time{}
		for _, name := range names {
			h := host(t, m, name)
			if s, _ := h.Service("RTCSRV"); s.Status != deployment.Stopped {
				t.Errorf("RTCSRV of %s is %s after the failover", name, s.StatusName)
			}
			do(t, h, "stage-1", "StagePackage", with(pkg, map[string]any{"source": source}))
			do(t, h, "stop-1", "StopServices", map[string]any{"graceful": false, "timeoutSeconds": 600, "onTimeout": "Fail", "webServer": false})
			do(t, h, "install-1", "Install", with(pkg, map[string]any{"arguments": []string{"/silentmode"}, "timeoutSeconds": 3600}))
			boots[name] = h.BootTime()
			do(t, h, "restart-1", "RestartComputer", map[string]any{"delaySeconds": 5})
		}
		for _, name := range names {
			for host(t, m, name).BootTime().Equal(boots[name]) {
				time.Sleep(time.Second)
			}
		}
		// A pool that is fully stopped comes up when enough of its front ends have started.
		for _, name := range names {
			ask[job](t, host(t, m, name), "Start-LyncOpsJob", jobOrder("start-1", "StartServices", map[string]any{"timeoutSeconds": 3600}))
		}
		for _, name := range names {
			if j := finish(t, host(t, m, name), "start-1"); j.State != succeeded {
				t.Fatalf("%s: %s %s", name, j.State, j.Message)
			}
		}
		do(t, first, "back-1", "FailBackPool", pool1)
		time.Sleep(10 * time.Minute)
		if state := m.RegistrarState("pool01.contoso.com"); state != deployment.RegistrarActive {
			t.Errorf("the users are not back: %s", state)
		}
		expectNoViolations(t, m)
	})
}

func TestPoolsThatCannotBeMoved(t *testing.T) {
	moved := func(t *testing.T, m *deployment.Model) *deployment.Host {
		t.Helper()
		do(t, host(t, m, "fe11"), "move-1", "MoveCentralManagement", map[string]any{"poolFqdn": "pool02.contoso.com", "timeoutSeconds": 600})
		return host(t, m, "fe01")
	}
	t.Run("a computer of another pool gets no central management store", func(t *testing.T) {
		inPair(t, func(t *testing.T, m *deployment.Model) {
			if j := start(t, host(t, m, "fe01"), "move-1", "MoveCentralManagement", map[string]any{"poolFqdn": "pool02.contoso.com", "timeoutSeconds": 60}); j.Outcome != moveFailed {
				t.Errorf("%s %s", j.Outcome, j.Message)
			}
		})
	})
	t.Run("the failover fails and leaves the users where they were", func(t *testing.T) {
		inPair(t, func(t *testing.T, m *deployment.Model) {
			h := moved(t, m)
			addFault(t, m, deployment.Fault{Kind: deployment.FaultPoolFailOverFails, Count: 1})
			if j := start(t, h, "over-1", "FailOverPool", pool1); j.Outcome != failOverFailed || m.RegistrarState("pool01.contoso.com") != deployment.RegistrarActive {
				t.Errorf("%s %s, %s", j.Outcome, j.Message, m.RegistrarState("pool01.contoso.com"))
			}
			if s, _ := h.Service("RTCSRV"); s.Status != deployment.Running {
				t.Errorf("RTCSRV is %s", s.StatusName)
			}
		})
	})
	t.Run("the failover stays half way", func(t *testing.T) {
		inPair(t, func(t *testing.T, m *deployment.Model) {
			h := moved(t, m)
			addFault(t, m, deployment.Fault{Kind: deployment.FaultPoolFailOverFails, Detail: deployment.RegistrarFailingOver, Count: 1})
			if j := start(t, h, "over-1", "FailOverPool", pool1); j.Outcome != failOverFailed || m.RegistrarState("pool01.contoso.com") != deployment.RegistrarFailingOver {
				t.Errorf("%s %s", j.Outcome, j.Message)
			}
			do(t, h, "over-2", "FailOverPool", pool1)
		})
	})
	t.Run("hydration fails once", func(t *testing.T) {
		inPair(t, func(t *testing.T, m *deployment.Model) {
			h := moved(t, m)
			do(t, h, "over-1", "FailOverPool", pool1)
			time.Sleep(time.Minute)
			for _, name := range []string{"fe01", "fe02", "fe03"} {
				ask[job](t, host(t, m, name), "Start-LyncOpsJob", jobOrder("start-1", "StartServices", map[string]any{"timeoutSeconds": 3600}))
			}
			for _, name := range []string{"fe01", "fe02", "fe03"} {
				finish(t, host(t, m, name), "start-1")
			}
			addFault(t, m, deployment.Fault{Kind: deployment.FaultPoolFailBackFails, Count: 1})
			if j := start(t, h, "back-1", "FailBackPool", pool1); j.Outcome != failBackFailed || m.RegistrarState("pool01.contoso.com") != deployment.RegistrarFailedOver {
				t.Errorf("%s %s", j.Outcome, j.Message)
			}
			time.Sleep(10 * time.Minute)
			do(t, h, "back-2", "FailBackPool", pool1)
		})
	})
	t.Run("the backup service is judged", func(t *testing.T) {
		inPair(t, func(t *testing.T, m *deployment.Model) {
			h := moved(t, m)
			addFault(t, m, deployment.Fault{Kind: deployment.FaultBackupUnhealthy, Target: "pool01.contoso.com"})
			if pair := ask[partnerResult](t, h, "Get-LyncOpsPartner", pool1); pair.Modules[0].ImportStatus != "ErrorState" {
				t.Errorf("%+v", pair.Modules)
			}
			do(t, h, "over-1", "FailOverPool", pool1)
			if v := m.Violations(); len(v) == 0 || v[0].Rule != deployment.RuleFailOver {
				t.Errorf("%+v", v)
			}
		})
	})
	t.Run("users are brought back too early", func(t *testing.T) {
		inPair(t, func(t *testing.T, m *deployment.Model) {
			h := moved(t, m)
			do(t, h, "over-1", "FailOverPool", pool1)
			if j := start(t, h, "back-1", "FailBackPool", pool1); j.Outcome != failBackFailed {
				t.Errorf("%s %s", j.Outcome, j.Message)
			}
			if v := m.Violations(); len(v) == 0 || v[0].Rule != deployment.RuleFailOver {
				t.Errorf("%+v", v)
			}
		})
	})
}
