package lyncops

import (
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/sample"
)

func inSkype(t *testing.T, f func(t *testing.T, m *deployment.Model)) {
	t.Helper()
	sample.InVirtualTime(t, "skype.yaml", "", f)
}

func failOverOf(h *deployment.Host, changes map[string]any) map[string]any {
	return with(map[string]any{"computerName": h.FQDN(), "poolFqdn": h.Pool(), "waitSeconds": 3600, "drainingSeconds": 0}, changes)
}

func TestAFrontEndOfSkypeIsUpgradedBetweenFailoverAndFailback(t *testing.T) {
	inSkype(t, func(t *testing.T, m *deployment.Model) {
		h := host(t, m, "sfe1")
		if answer := ask[readinessResult](t, h, "Get-LyncOpsPoolReadiness", poolArgument{"pool19.contoso.com"}); answer.State != deployment.Ready {
			t.Fatalf("the pool is %s", answer.State)
		}
		do(t, h, "over-1", "FailOverComputer", failOverOf(h, nil))
		source := "https://packages.contoso.com/skype/2019/SkypeServerUpdateInstaller.exe"
		digest, _, _ := m.PackageDigest(source)
		pkg := map[string]any{"sha256": digest, "fileName": "SkypeServerUpdateInstaller.exe"}
		do(t, h, "stage-1", "StagePackage", with(pkg, map[string]any{"source": source}))
		do(t, h, "install-1", "Install", with(pkg, map[string]any{"arguments": []string{"/silentmode"}, "timeoutSeconds": 3600}))
		before := h.BootTime()
		do(t, h, "restart-1", "RestartComputer", map[string]any{"delaySeconds": 5})
		for h.BootTime().Equal(before) {
			time.Sleep(time.Second)
		}
		do(t, h, "back-1", "FailBackComputer", map[string]any{"computerName": h.FQDN(), "waitSeconds": 3600})
		if cleared := ask[clearResult](t, h, "Clear-LyncOpsJobs", map[string]any{"except": []string{}}); !cleared.BaselineRemoved {
			t.Error("the services are not as they were")
		}
		type versions struct{ Components []deployment.Component }
		for _, c := range ask[versions](t, h, "Get-LyncOpsPatchVersion", struct{}{}).Components {
			if c.Version != "7.0.2046.530" {
				t.Errorf("%s is at %s", c.Name, c.Version)
			}
		}
		expectNoViolations(t, m)
	})
}

func TestFailoversThatDoNotSucceed(t *testing.T) {
	start := func(t *testing.T, h *deployment.Host, id, action string, parameters map[string]any, account string) job {
		t.Helper()
		order := jobOrder(id, action, parameters)
		if account == "LocalSystem" {
			order["principal"] = map[string]any{"kind": "LocalSystem"}
		}
		ask[job](t, h, "Start-LyncOpsJob", order)
		return finish(t, h, id)
	}
	inSkype(t, func(t *testing.T, m *deployment.Model) {
		h := host(t, m, "sfe1")
		for name, test := range map[string]struct {
			changes map[string]any
			account string
			says    string
		}{
			"another computer":             {map[string]any{"computerName": "sfe2.contoso.com"}, "", "this computer is sfe1"},
			"an account without the right": {nil, "LocalSystem", "administrator on every computer"},
		} {
			got := start(t, h, "over-"+strings.Fields(name)[1], "FailOverComputer", failOverOf(h, test.changes), test.account)
			if got.Outcome != failOverRefused || !strings.Contains(got.Message, test.says) {
				t.Errorf("%s: %s %s", name, got.Outcome, got.Message)
			}
		}
		addFault(t, m, deployment.Fault{Kind: deployment.FaultFailOverRefused, Target: h.FQDN(), Count: 1})
		if got := start(t, h, "over-3", "FailOverComputer", failOverOf(h, map[string]any{"waitSeconds": 60}), ""); got.Outcome != failOverRefused {
			t.Errorf("%s %s", got.Outcome, got.Message)
		}
		if s, _ := h.Service("RTCSRV"); s.Status != deployment.Running || s.StartType != deployment.Automatic {
			t.Errorf("RTCSRV is %s, %s", s.StatusName, s.StartType)
		}
		ask[readinessResult](t, h, "Get-LyncOpsPoolReadiness", poolArgument{"pool19.contoso.com"})
		do(t, h, "over-4", "FailOverComputer", failOverOf(h, nil))
		addFault(t, m, deployment.Fault{Kind: deployment.FaultFailBackFails, Target: h.FQDN(), Count: 1})
		got := start(t, h, "back-1", "FailBackComputer", map[string]any{"computerName": h.FQDN(), "waitSeconds": 60}, "")
		if s, _ := h.Service("RTCSRV"); got.Outcome != failBackFailed || s.Status != deployment.Running || s.StartType != deployment.Automatic {
			t.Errorf("%s %s, RTCSRV is %s, %s", got.Outcome, got.Message, s.StatusName, s.StartType)
		}
		if v := m.CheckAtRest(); len(v) != 1 || v[0].Rule != deployment.RuleNotAtRest {
			t.Errorf("a server that was not failed back counts as at rest: %+v", v)
		}
	})
}

func TestLyncServer2013HasNoPatchVersion(t *testing.T) {
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		if _, failed := try[any](t, host(t, m, "fe01"), "Get-LyncOpsPatchVersion", struct{}{}); failed == nil || failed.Code != cmdletMissing {
			t.Errorf("%v", failed)
		}
	})
}
