package lyncops

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/sample"
)

const (
	packageSource = "https://packages.contoso.com/lync/LyncServerUpdateInstaller.exe"
	target        = "5.0.8308.1149"
	poolFQDN      = "pool01.contoso.com"
	password      = "Correct-Horse-7-Battery"
)

func inContoso(t *testing.T, f func(t *testing.T, m *deployment.Model)) {
	t.Helper()
	sample.InVirtualTime(t, "contoso.yaml", "", f)
}

func host(t *testing.T, m *deployment.Model, short string) *deployment.Host {
	t.Helper()
	h, ok := m.Host(short + ".contoso.com")
	if !ok {
		t.Fatalf("there is no host %s", short)
	}
	return h
}

// ask runs a verb and fails the test unless it is answered.
func ask[T any](t *testing.T, h *deployment.Host, verb string, argument any) T {
	t.Helper()
	result, failed := try[T](t, h, verb, argument)
	if failed != nil {
		t.Fatalf("%s on %s: %v", verb, h.FQDN(), failed)
	}
	return result
}

// try runs a verb and returns its result or its error.
func try[T any](t *testing.T, h *deployment.Host, verb string, argument any) (result T, failed *failure) {
	t.Helper()
	text, err := json.Marshal(argument)
	if err != nil {
		t.Fatal(err)
	}
	line := Answer(t.Context(), h, `CONTOSO\svc-lyncops`, verb, base64.StdEncoding.EncodeToString(text))
	inside, marked := strings.CutPrefix(line, "<<<LYNCOPS ")
	inside, ended := strings.CutSuffix(inside, " LYNCOPS>>>")
	if !marked || !ended {
		t.Fatalf("%s: the marks are missing: %q", verb, line)
	}
	var e struct {
		Protocol int
		Verb     string
		OK       bool
		Result   json.RawMessage
		Error    *failure
	}
	if err := json.Unmarshal([]byte(inside), &e); err != nil {
		t.Fatalf("%s: %v in %s", verb, err, inside)
	}
	if e.Protocol != 1 || e.Verb != verb || e.OK != (e.Error == nil) {
		t.Fatalf("%s: a wrong envelope: %s", verb, inside)
	}
	if e.Error == nil {
		if err := json.Unmarshal(e.Result, &result); err != nil {
			t.Fatalf("%s: %v in %s", verb, err, inside)
		}
	}
	return result, e.Error
}

func jobOrder(id, action string, parameters map[string]any) map[string]any {
	return map[string]any{"id": id, "action": action, "parameters": parameters,
		"principal": map[string]any{"kind": "StoredAccount", "userName": `CONTOSO\svc-lyncops`, "password": password}}
}

// finish waits until a job has ended and returns it.
func finish(t *testing.T, h *deployment.Host, id string) job {
	t.Helper()
	for range 2000 {
		if down, _ := h.Down(); !down {
			for _, j := range ask[factsResult](t, h, "Get-LyncOpsFacts", struct{}{}).Jobs {
				if j.ID == id && j.State != claimed && j.State != running {
					return j
				}
			}
		}
		time.Sleep(time.Second)
	}
	t.Fatalf("job %s on %s never ended", id, h.FQDN())
	return job{}
}

// do runs a job and fails the test unless it succeeds.
func do(t *testing.T, h *deployment.Host, id, action string, parameters map[string]any) {
	t.Helper()
	ask[job](t, h, "Start-LyncOpsJob", jobOrder(id, action, parameters))
	if j := finish(t, h, id); j.State != succeeded {
		t.Fatalf("%s on %s: %s %s: %s\n%s", id, h.FQDN(), j.State, j.Outcome, j.Message, j.LogTail)
	}
}

func packageOf(t *testing.T, m *deployment.Model) map[string]any {
	t.Helper()
	digest, _, ok := m.PackageDigest(packageSource)
	if !ok {
		t.Fatal("there is no package at " + packageSource)
	}
	return map[string]any{"sha256": digest, "fileName": "LyncServerUpdateInstaller.exe"}
}

func with(parameters map[string]any, more map[string]any) map[string]any {
	all := map[string]any{}
	for _, m := range []map[string]any{parameters, more} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

func waitReady(t *testing.T, h *deployment.Host, domain string) {
	t.Helper()
	for range 100 {
		answer := ask[readinessResult](t, h, "Get-LyncOpsPoolReadiness", poolArgument{poolFQDN})
		for _, d := range answer.UpgradeDomains {
			if answer.State == deployment.Ready && d.Name == domain && d.IsReadyForUpgrade {
				return
			}
		}
		time.Sleep(30 * time.Second)
	}
	t.Fatalf("%s never became ready", domain)
}

func upgradeFrontEnd(t *testing.T, h *deployment.Host) {
	t.Helper()
	pkg := packageOf(t, h.Model())
	do(t, h, "stage-1", "StagePackage", with(pkg, map[string]any{"source": packageSource}))
	do(t, h, "stop-1", "StopServices", map[string]any{"graceful": true, "timeoutSeconds": 600, "onTimeout": "Fail", "webServer": true})
	do(t, h, "install-"+target+"-1", "Install", with(pkg, map[string]any{"arguments": []string{"/silentmode"}, "timeoutSeconds": 3600}))
	before := h.BootTime()
	do(t, h, "restart-1", "RestartComputer", map[string]any{"delaySeconds": 5})
	for h.BootTime().Equal(before) {
		time.Sleep(time.Second)
	}
	do(t, h, "start-1", "StartServices", map[string]any{"timeoutSeconds": 600})
	if cleared := ask[clearResult](t, h, "Clear-LyncOpsJobs", map[string]any{"except": []string{}}); len(cleared.Cleared) != 5 || !cleared.BaselineRemoved {
		t.Errorf("%s: cleared %v, baseline removed: %v", h.FQDN(), cleared.Cleared, cleared.BaselineRemoved)
	}
}

func TestThePublishedSequenceUpgradesThePoolAndBreaksNoRule(t *testing.T) {
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		pool, _ := m.PoolDescription(poolFQDN)
		for _, domain := range pool.UpgradeDomains {
			waitReady(t, host(t, m, "fe01"), domain.Name)
			for _, fqdn := range domain.FrontEnds {
				h, _ := m.Host(fqdn)
				upgradeFrontEnd(t, h)
			}
		}
		fe := host(t, m, "fe01")
		type answer struct{ Databases []deployment.DatabaseRow }
		outdated := func() (names []string) {
			for _, row := range ask[answer](t, fe, "Get-LyncOpsDatabase", map[string]any{"sqlServerFqdn": "sql01.contoso.com", "local": false}).Databases {
				if row.ExpectedVersion != row.InstalledVersion {
					names = append(names, row.DatabaseName)
				}
			}
			return names
		}
		if got := outdated(); len(got) != 2 {
			t.Errorf("before the update of databases, %v are outdated, want rtcxds and rtcab", got)
		}
		do(t, fe, "databases-1", "UpdateDatabases", map[string]any{"variant": "Enterprise", "update": true, "sqlInstanceName": "", "sqlServerFqdn": "sql01.contoso.com", "timeoutSeconds": 600})
		if got := outdated(); len(got) != 0 {
			t.Errorf("after the update of databases, %v are outdated", got)
		}
		for _, fqdn := range pool.FrontEnds {
			h, _ := m.Host(fqdn)
			for _, c := range h.Components() {
				if c.Version != target {
					t.Errorf("%s: %s is at %s", fqdn, c.Name, c.Version)
				}
			}
		}
		expectNoViolations(t, m)
	})
}

func expectNoViolations(t *testing.T, m *deployment.Model) {
	t.Helper()
	m.CheckAtRest()
	for _, v := range m.Violations() {
		t.Errorf("%s on %s: %s (%s)", v.Rule, v.Host, v.Text, v.Command)
	}
	if t.Failed() {
		for _, e := range m.Events(0) {
			t.Log(fmt.Sprint(e.Sequence, " ", e.Host, " ", e.Command, ": ", e.Effect, " serving ", len(e.Serving), " out ", e.Out))
		}
	}
}

func TestTheElevenStepsUpgradeAStandardEditionServer(t *testing.T) {
	for name, restart := range map[string]bool{"as published": false, "with a restart after the installer": true} {
		t.Run(name, func(t *testing.T) {
			inContoso(t, func(t *testing.T, m *deployment.Model) {
				h, pkg := host(t, m, "se01"), packageOf(t, m)
				stop := map[string]any{"graceful": false, "timeoutSeconds": 600, "onTimeout": "Fail", "webServer": false}
				limit := map[string]any{"timeoutSeconds": 600}
				do(t, h, "stage-1", "StagePackage", with(pkg, map[string]any{"source": packageSource}))
				do(t, h, "stop-1", "StopServices", stop)
				do(t, h, "stop-web-1", "StopWebServer", limit)
				do(t, h, "install-1", "Install", with(pkg, map[string]any{"arguments": []string{"/silentmode"}, "timeoutSeconds": 3600}))
				if restart {
					before := h.BootTime()
					do(t, h, "restart-1", "RestartComputer", map[string]any{"delaySeconds": 5})
					for h.BootTime().Equal(before) {
						time.Sleep(time.Second)
					}
				}
				do(t, h, "stop-2", "StopServices", stop)
				do(t, h, "start-web-1", "StartWebServer", limit)
				do(t, h, "databases-1", "UpdateDatabases", map[string]any{"variant": "Standard", "update": true, "sqlInstanceName": "", "sqlServerFqdn": "se01.contoso.com", "timeoutSeconds": 600})
				do(t, h, "start-1", "StartServices", limit)
				type answer struct{ Databases []deployment.DatabaseRow }
				for _, row := range ask[answer](t, h, "Get-LyncOpsDatabase", map[string]any{"sqlServerFqdn": "se01.contoso.com", "local": true}).Databases {
					if row.ExpectedVersion != row.InstalledVersion {
						t.Errorf("%s is at %s, not %s", row.DatabaseName, row.InstalledVersion, row.ExpectedVersion)
					}
				}
				expectNoViolations(t, m)
			})
		})
	}
}
