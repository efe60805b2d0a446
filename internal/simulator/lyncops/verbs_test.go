package lyncops

import (
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
)

func addFault(t *testing.T, m *deployment.Model, f deployment.Fault) {
	t.Helper()
	if _, err := m.AddFault(f); err != nil {
		t.Fatal(err)
	}
}

func TestWrongArgumentsAreNamed(t *testing.T) {
	tests := map[string]struct {
		verb     string
		argument any
		field    string
	}{
		"facts with something":   {"Get-LyncOpsFacts", map[string]any{"x": 1}, "x"},
		"no pool":                {"Get-LyncOpsTopology", map[string]any{}, "poolFqdn"},
		"a pool that is no text": {"Get-LyncOpsPoolFabric", map[string]any{"poolFqdn": 7}, "poolFqdn"},
		"another pool":           {"Get-LyncOpsPoolReadiness", poolArgument{"se01.contoso.com"}, "poolFqdn"},
		"no ports":               {"Get-LyncOpsServing", map[string]any{}, "ports"},
		"a port beyond all":      {"Get-LyncOpsServing", map[string]any{"ports": []int{70000}}, "ports"},
		"database without local": {"Get-LyncOpsDatabase", map[string]any{"sqlServerFqdn": "sql01.contoso.com"}, "local"},
		"graceful or not":        {"Start-LyncOpsJob", jobOrder("x", "StopServices", map[string]any{"timeoutSeconds": 1, "onTimeout": "Fail", "webServer": true}), "parameters.graceful"},
		"no delay":               {"Start-LyncOpsJob", jobOrder("x", "RestartComputer", map[string]any{}), "parameters.delaySeconds"},
		"no password": {"Start-LyncOpsJob", map[string]any{"id": "x", "action": "RestartComputer", "parameters": map[string]any{"delaySeconds": 1},
			"principal": map[string]any{"kind": "StoredAccount", "userName": "x"}}, "principal.password"},
		"no SQL server": {"Get-LyncOpsDatabase", map[string]any{"local": false}, "sqlServerFqdn"},
		"job id":        {"Start-LyncOpsJob", jobOrder("../x", "StopWebServer", map[string]any{"timeoutSeconds": 1}), "id"},
		"action":        {"Start-LyncOpsJob", jobOrder("x", "Format", nil), "action"},
		"no timeout":    {"Start-LyncOpsJob", jobOrder("x", "StopWebServer", map[string]any{}), "parameters.timeoutSeconds"},
		"on timeout":    {"Start-LyncOpsJob", jobOrder("x", "StopServices", map[string]any{"graceful": true, "webServer": true, "timeoutSeconds": 1, "onTimeout": "Pray"}), "parameters.onTimeout"},
		"hash":          {"Start-LyncOpsJob", jobOrder("x", "StagePackage", map[string]any{"source": "s", "sha256": "ABC", "fileName": "x.exe"}), "parameters.sha256"},
		"file name": {"Start-LyncOpsJob", jobOrder("x", "Install", map[string]any{"sha256": strings.Repeat("0", 64), "fileName": `..\x.exe`, "timeoutSeconds": 1}),
			"parameters.fileName"},
		"variant":   {"Start-LyncOpsJob", jobOrder("x", "UpdateDatabases", map[string]any{"variant": "Lite", "timeoutSeconds": 1}), "parameters.variant"},
		"principal": {"Start-LyncOpsJob", map[string]any{"id": "x", "action": "RestartComputer", "parameters": map[string]any{"delaySeconds": 1}, "principal": map[string]any{"kind": "Somebody"}}, "principal.kind"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inContoso(t, func(t *testing.T, m *deployment.Model) {
				_, failed := try[any](t, host(t, m, "fe01"), test.verb, test.argument)
				if failed == nil || failed.Code != badArgument || !strings.HasPrefix(failed.Message, test.field+":") {
					t.Errorf("%v, want BadArgument for %s", failed, test.field)
				}
				if len(m.Events(0)) > 0 {
					t.Errorf("it had an effect: %+v", m.Events(0))
				}
			})
		})
	}
}

func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	tests := map[string]struct {
		prepare  func(t *testing.T, m *deployment.Model)
		host     string
		verb     string
		argument any
		want     string
	}{
		"readiness of a front end that is stopped": {
			func(t *testing.T, m *deployment.Model) {
				if err := host(t, m, "fe01").StopLyncServices(t.Context(), deployment.Caller{}, deployment.StopRequest{}); err != nil {
					t.Fatal(err)
				}
			}, "fe01", "Get-LyncOpsPoolReadiness", poolArgument{poolFQDN}, notInService},
		"readiness in a shape nobody knows": {
			func(t *testing.T, m *deployment.Model) {
				addFault(t, m, deployment.Fault{Kind: deployment.FaultReadinessShape})
			}, "fe01", "Get-LyncOpsPoolReadiness", poolArgument{poolFQDN}, unknownShape},
		"readiness of a Standard Edition server": {nil, "se01", "Get-LyncOpsPoolReadiness", poolArgument{"se01.contoso.com"}, cmdletFailed},
		"a pool that is not in the topology":     {nil, "fe01", "Get-LyncOpsTopology", poolArgument{"nosuch.contoso.com"}, cmdletFailed},
		"a Lync question where no Lync is":       {nil, "sql01", "Get-LyncOpsTopology", poolArgument{poolFQDN}, cmdletMissing},
		"readiness where no Lync runs":           {nil, "sql01", "Get-LyncOpsPoolReadiness", poolArgument{poolFQDN}, notInService},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inContoso(t, func(t *testing.T, m *deployment.Model) {
				if test.prepare != nil {
					test.prepare(t, m)
				}
				if _, failed := try[any](t, host(t, m, test.host), test.verb, test.argument); failed == nil || failed.Code != test.want {
					t.Errorf("%v, want %s", failed, test.want)
				}
			})
		})
	}
}

func TestFactsOfAHostWithoutLync(t *testing.T) {
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		f := ask[map[string]any](t, host(t, m, "sql01"), "Get-LyncOpsFacts", struct{}{})
		if f["baseline"] != nil || len(f["components"].([]any)) != 0 || len(f["jobs"].([]any)) != 0 || f["computerName"] != "SQL01" {
			t.Errorf("%v", f)
		}
		if _, err := time.Parse(timeFormat, f["bootTime"].(string)); err != nil {
			t.Error(err)
		}
	})
}

// Whatever a cmdlet reports twice is reported twice: to refuse it is the reader's business.
func TestDuplicatesAreReportedAsTheyAre(t *testing.T) {
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		addFault(t, m, deployment.Fault{Kind: deployment.FaultDuplicateDomain, Count: 1})
		r := ask[readinessResult](t, host(t, m, "fe01"), "Get-LyncOpsPoolReadiness", poolArgument{poolFQDN})
		if len(r.UpgradeDomains) != 4 || r.UpgradeDomains[3].Name != "UpgradeDomain1" || !strings.Contains(r.Raw, "UpgradeDomain1") {
			t.Errorf("%+v", r)
		}
		addFault(t, m, deployment.Fault{Kind: deployment.FaultDuplicateFrontEnd, Count: 1})
		r = ask[readinessResult](t, host(t, m, "fe01"), "Get-LyncOpsPoolReadiness", poolArgument{poolFQDN})
		if !slices.Contains(r.UpgradeDomains[2].Frontends, "fe01.contoso.com") {
			t.Errorf("%+v", r)
		}
	})
}

// The same id is the same job, whoever asks and however often; ten at once make one.
func TestAJobIsStartedOnce(t *testing.T) {
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		h := host(t, m, "fe01")
		order := jobOrder("web-1", "StartWebServer", map[string]any{"timeoutSeconds": 60})
		var asking sync.WaitGroup
		for range 10 {
			asking.Go(func() {
				if j, failed := try[job](t, h, "Start-LyncOpsJob", order); failed != nil || j.ID != "web-1" {
					t.Errorf("%+v, %v", j, failed)
				}
			})
		}
		asking.Wait()
		if j := finish(t, h, "web-1"); j.State != succeeded || j.Started == nil || j.Finished == nil {
			t.Errorf("%+v", j)
		}
		if j := ask[job](t, h, "Start-LyncOpsJob", order); j.State != succeeded {
			t.Errorf("asked again: %+v", j)
		}
		claims := 0
		for _, e := range m.Events(0) {
			if strings.HasSuffix(e.Effect, "is claimed") {
				claims++
			}
		}
		if claims != 1 {
			t.Errorf("claimed %d times", claims)
		}
	})
}

func TestASecondJobIsRefusedWhileOneRuns(t *testing.T) {
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		h := host(t, m, "fe01")
		ask[job](t, h, "Start-LyncOpsJob", jobOrder("stop-1", "StopServices", map[string]any{"graceful": true, "timeoutSeconds": 600, "onTimeout": "Fail", "webServer": false}))
		_, failed := try[job](t, h, "Start-LyncOpsJob", jobOrder("web-1", "StopWebServer", map[string]any{"timeoutSeconds": 60}))
		if failed == nil || failed.Code != jobConflict || failed.Detail != "stop-1" {
			t.Errorf("%v", failed)
		}
		if cleared := ask[clearResult](t, h, "Clear-LyncOpsJobs", map[string]any{}); len(cleared.Cleared) != 0 {
			t.Errorf("a running job was cleared: %+v", cleared)
		}
		finish(t, h, "stop-1")
		do(t, h, "web-1", "StopWebServer", map[string]any{"timeoutSeconds": 60})
	})
}

func TestAJobUnderARestartIsInterrupted(t *testing.T) {
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		h := host(t, m, "fe01")
		ask[job](t, h, "Start-LyncOpsJob", jobOrder("stop-1", "StopServices", map[string]any{"graceful": true, "timeoutSeconds": 600, "onTimeout": "Fail", "webServer": false}))
		time.Sleep(10 * time.Second)
		if err := h.Power("reboot"); err != nil {
			t.Fatal(err)
		}
		j := finish(t, h, "stop-1")
		if j.State != interrupted || j.Finished != nil || j.BootTime == nil || *j.BootTime == writeTime(h.BootTime()) {
			t.Errorf("%+v", j)
		}
		if _, registered := h.Task(taskFolder + "stop-1"); !registered {
			t.Error("the task is gone")
		}
		// What is interrupted is in nobody's way.
		do(t, h, "web-1", "StartWebServer", map[string]any{"timeoutSeconds": 600})
	})
}

func TestHowJobsFail(t *testing.T) {
	stage := func(t *testing.T, m *deployment.Model) map[string]any {
		return with(packageOf(t, m), map[string]any{"source": packageSource})
	}
	install := func(t *testing.T, m *deployment.Model) map[string]any {
		return with(packageOf(t, m), map[string]any{"arguments": []string{}, "timeoutSeconds": 600})
	}
	stop := func(onTimeout string) func(*testing.T, *deployment.Model) map[string]any {
		return func(*testing.T, *deployment.Model) map[string]any {
			return map[string]any{"graceful": true, "timeoutSeconds": 300, "onTimeout": onTimeout, "webServer": false}
		}
	}
	tests := map[string]struct {
		fault      *deployment.Fault
		staged     bool
		action     string
		parameters func(*testing.T, *deployment.Model) map[string]any
		outcome    string
		exitCode   int
	}{
		"the source is away": {&deployment.Fault{Kind: deployment.FaultSourceUnreachable}, false, "StagePackage", stage, sourceUnreachable, 0},
		"the package is another one": {nil, false, "StagePackage", func(t *testing.T, m *deployment.Model) map[string]any {
			return with(stage(t, m), map[string]any{"sha256": strings.Repeat("0", 64)})
		}, hashMismatch, 0},
		"the package is not staged": {nil, false, "Install", install, hashMismatch, 0},
		"the installer fails":       {&deployment.Fault{Kind: deployment.FaultInstallerFails, ExitCode: 1612}, true, "Install", install, installerFailed, 1612},
		"the installer is too slow": {&deployment.Fault{Kind: deployment.FaultInstallerSlow, Duration: deployment.Duration(time.Hour)}, true, "Install", install, installerTimeout, 0},
		"the drain never ends":      {&deployment.Fault{Kind: deployment.FaultSlowDrain}, false, "StopServices", stop("Fail"), drainTimeout, 0},
		"the drain is cut short":    {&deployment.Fault{Kind: deployment.FaultSlowDrain}, false, "StopServices", stop("StopAtOnce"), "", 0},
		"the databases are far away": {nil, false, "UpdateDatabases", func(*testing.T, *deployment.Model) map[string]any {
			return map[string]any{"variant": "Enterprise", "update": true, "sqlInstanceName": "", "sqlServerFqdn": "nosuch.contoso.com", "timeoutSeconds": 60}
		}, databaseUpdateFailed, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inContoso(t, func(t *testing.T, m *deployment.Model) {
				h := host(t, m, "fe01")
				if test.staged {
					do(t, h, "stage-1", "StagePackage", stage(t, m))
				}
				if test.fault != nil {
					addFault(t, m, *test.fault)
				}
				ask[job](t, h, "Start-LyncOpsJob", jobOrder("try-1", test.action, test.parameters(t, m)))
				j := finish(t, h, "try-1")
				if j.Outcome != test.outcome || (j.State == failed) != (test.outcome != "") || (j.Message == "") != (test.outcome == "") || j.LogTail == "" {
					t.Errorf("%+v, want outcome %q", j, test.outcome)
				}
				if test.exitCode != 0 && (j.ExitCode == nil || *j.ExitCode != test.exitCode) {
					t.Errorf("exit code %v, want %d", j.ExitCode, test.exitCode)
				}
			})
		})
	}
}

func TestAServiceThatWillNotStartFailsTheJob(t *testing.T) {
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		h := host(t, m, "fe01")
		do(t, h, "stop-1", "StopServices", map[string]any{"graceful": true, "timeoutSeconds": 600, "onTimeout": "Fail", "webServer": false})
		addFault(t, m, deployment.Fault{Kind: deployment.FaultServiceWontStart, Detail: "RTCSRV", Count: 1})
		ask[job](t, h, "Start-LyncOpsJob", jobOrder("start-1", "StartServices", map[string]any{"timeoutSeconds": 600}))
		if j := finish(t, h, "start-1"); j.Outcome != serviceStuck || !strings.Contains(j.Message, "RTCSRV") {
			t.Errorf("%+v", j)
		}
		do(t, h, "start-2", "StartServices", map[string]any{"timeoutSeconds": 600})
	})
}

// What was disabled in between is put back as the baseline says.
func TestStartServicesRestoresStartTypes(t *testing.T) {
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		h := host(t, m, "fe01")
		do(t, h, "stop-1", "StopServices", map[string]any{"graceful": true, "timeoutSeconds": 600, "onTimeout": "Fail", "webServer": false})
		if err := h.SetStartType(deployment.Caller{}, "RTCSRV", deployment.Disabled); err != nil {
			t.Fatal(err)
		}
		if cleared := ask[clearResult](t, h, "Clear-LyncOpsJobs", map[string]any{"except": []string{"stop-1"}}); cleared.BaselineRemoved || len(cleared.Cleared) != 0 {
			t.Errorf("%+v", cleared)
		}
		do(t, h, "start-1", "StartServices", map[string]any{"timeoutSeconds": 600})
		if s, _ := h.Service("RTCSRV"); s.StartType != deployment.Automatic || s.Status != deployment.Running {
			t.Errorf("%+v", s)
		}
		if cleared := ask[clearResult](t, h, "Clear-LyncOpsJobs", map[string]any{"except": []string{}}); !cleared.BaselineRemoved || len(cleared.Cleared) != 2 {
			t.Errorf("%+v", cleared)
		}
		if names, err := h.Files().List(historyFolder); err != nil || len(names) != 2 || len(h.Tasks()) != 0 {
			t.Errorf("history %v, %v, tasks %v", names, err, h.Tasks())
		}
	})
}

// The claim stands although the scheduler refused the task, so that asking again does not try the password again.
func TestAWrongPasswordFailsTheJob(t *testing.T) {
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		h := host(t, m, "fe01")
		order := jobOrder("web-1", "StopWebServer", map[string]any{"timeoutSeconds": 60})
		order["principal"].(map[string]any)["password"] = "Something-Wrong"
		for range 2 {
			if j := ask[job](t, h, "Start-LyncOpsJob", order); j.State != failed || j.Outcome != accessDenied || j.BootTime != nil || j.Finished == nil {
				t.Errorf("%+v", j)
			}
		}
		if len(h.Tasks()) != 0 {
			t.Errorf("tasks %+v", h.Tasks())
		}
		do(t, h, "web-2", "StopWebServer", map[string]any{"timeoutSeconds": 60})
	})
}

// While a job installs, nothing on that server may load the Lync module.
func TestQuestionsThatNeedLyncAreRefusedDuringAnInstallation(t *testing.T) {
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		h, pkg := host(t, m, "fe01"), packageOf(t, m)
		do(t, h, "stage-1", "StagePackage", with(pkg, map[string]any{"source": packageSource}))
		ask[job](t, h, "Start-LyncOpsJob", jobOrder("install-1", "Install", with(pkg, map[string]any{"arguments": []string{}, "timeoutSeconds": 600})))
		if _, refused := try[any](t, h, "Get-LyncOpsPoolFabric", poolArgument{poolFQDN}); refused == nil || refused.Code != jobConflict || refused.Detail != "install-1" {
			t.Errorf("%v", refused)
		}
		type preflightResult struct{ Checks []check }
		for _, c := range ask[preflightResult](t, h, "Get-LyncOpsPreflight", poolArgument{poolFQDN}).Checks {
			if bad := c.Name == "LyncModule"; bad && c.OK || c.Found == "" || c.Remedy == "" {
				t.Errorf("%+v", c)
			}
		}
		finish(t, h, "install-1")
	})
}

func TestAnswersAreASCII(t *testing.T) {
	line, err := asciiJSON(map[string]string{"text": "Zoë 😀 <&>"})
	if err != nil || line != `{"text":"Zo\u00eb \ud83d\ude00 <&>"}` {
		t.Errorf("%s, %v", line, err)
	}
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		got := Answer(t.Context(), host(t, m, "fe01"), "x", "get-lyncopsfacts", "not base64!")
		if !strings.Contains(got, `"verb":"Get-LyncOpsFacts","ok":false,"error":{"code":"BadArgument"`) {
			t.Error(got)
		}
		spaced := base64.StdEncoding.EncodeToString([]byte(`{}`))
		if got := Answer(t.Context(), host(t, m, "fe01"), "x", "Get-LyncOpsFacts", spaced[:2]+"\r\n"+spaced[2:]+"\r\n"); !strings.Contains(got, `"ok":true`) {
			t.Error(got)
		}
	})
}

// What a person sees of a front end that was restarted: whether its ports listen, what it does, and whether the store has reached it.
func TestAServerTellsWhetherItServes(t *testing.T) {
	inContoso(t, func(t *testing.T, m *deployment.Model) {
		h := host(t, m, "fe01")
		ports := map[string]any{"ports": []int{5061, 5090, 443, 25}}
		if answer := ask[servingResult](t, h, "Get-LyncOpsServing", ports); !slices.Equal(answer.Listening, []int{5061, 5090, 443}) || len(answer.Activity) == 0 {
			t.Errorf("in service: %+v", answer)
		}
		addFault(t, m, deployment.Fault{Kind: deployment.FaultPortSilent, Target: h.FQDN(), Detail: "5090"})
		if answer := ask[servingResult](t, h, "Get-LyncOpsServing", ports); !slices.Equal(answer.Listening, []int{5061, 443}) {
			t.Errorf("with a port that does not listen: %+v", answer)
		}
		do(t, h, "stop-1", "StopServices", map[string]any{"graceful": true, "timeoutSeconds": 600, "onTimeout": "Fail", "webServer": false})
		if answer := ask[servingResult](t, h, "Get-LyncOpsServing", ports); slices.Contains(answer.Listening, 5061) {
			t.Errorf("stopped: %+v", answer)
		}
		late := func() (names []string) {
			type answer struct {
				Replicas []struct {
					ReplicaFQDN string
					UpToDate    bool
				}
			}
			for _, row := range ask[answer](t, host(t, m, "fe02"), "Get-LyncOpsReplication", map[string]any{}).Replicas {
				if !row.UpToDate {
					names = append(names, row.ReplicaFQDN)
				}
			}
			return names
		}
		if names := late(); !slices.Equal(names, []string{"fe01.contoso.com"}) {
			t.Errorf("REPLICA is stopped on fe01, and not up to date are %v", names)
		}
		addFault(t, m, deployment.Fault{Kind: deployment.FaultReplicationLate, Target: "fe03.contoso.com", Count: 1})
		if names := late(); !slices.Equal(names, []string{"fe01.contoso.com", "fe03.contoso.com"}) {
			t.Errorf("not up to date are %v", names)
		}
	})
}
