package deployment

import (
	"context"
	"encoding/base64"
	"slices"
	"testing"
	"time"
)

// Each evil administrator breaks one rule. The names of the servers: fe01 and fe02 are the first upgrade domain, fe03 and fe04 the
// second, fe05 and fe06 the third.
func TestEachEvilAdministratorIsCaught(t *testing.T) {
	const password = "Correct-Horse-7-Battery"
	tests := map[string]struct {
		do   func(w world)
		want []Rule
	}{
		"takes out servers of two domains": {
			func(w world) { w.gate(); w.stop("fe01"); w.stop("fe03") }, []Rule{RuleTwoDomainsOut, RuleDomainGate}},
		"stops more than the pool can spare": {
			func(w world) {
				w.must(w.host("fe04").Power("off"))
				w.must(w.host("fe05").Power("off"))
				w.must(w.host("fe06").Power("off"))
				w.stop("fe01")
			}, []Rule{RuleQuorum, RuleDomainGate}},
		"opens a domain without asking": {
			func(w world) { w.stop("fe01") }, []Rule{RuleDomainGate}},
		"opens a domain on an answer from before a server crashed": {
			func(w world) {
				w.gate()
				w.must(w.host("fe06").Power("reboot"))
				w.eventually(func() bool { return w.host("fe06").State().InService })
				w.stop("fe01")
			}, []Rule{RuleDomainGate}},
		"goes on to the next domain on the answer for the one before": {
			func(w world) { w.gate(); w.upgrade("fe01"); w.upgrade("fe02"); w.stop("fe03") }, []Rule{RuleDomainGate}},
		"ignores that the pool is busy": {
			func(w world) {
				w.fault(Fault{Kind: FaultPoolBusy, Count: 1})
				w.readiness("fe01")
				w.stop("fe01")
			}, []Rule{RuleDomainGate}},
		"stops the second server of a domain before the first is back": {
			func(w world) { w.gate(); w.stop("fe01"); w.stop("fe02") }, []Rule{RuleDomainGate}},
		"restarts a server that serves": {
			func(w world) { w.restart("fe01") }, []Rule{RuleDomainGate}},
		"installs on a server that serves": {
			func(w world) { w.install("fe01") }, []Rule{RuleDomainGate}},
		"stops only the front end service": {
			func(w world) { w.must(w.host("fe01").StopService(w.Context(), admin, "RTCSRV", false)) }, []Rule{RuleDomainGate}},
		"takes out a server that has left the topology": {
			func(w world) {
				w.must(w.model.SetTopology(poolName, []Domain{{"UpgradeDomain1", []string{"fe02.contoso.com"}}, {"UpgradeDomain2", []string{"fe03.contoso.com"}},
					{"UpgradeDomain3", []string{"fe04.contoso.com"}}}))
				w.stop("fe01")
			}, []Rule{RuleNotInTopology}},
		"opens a domain on an answer from before a front end was added": {
			func(w world) {
				all := w.pool().UpgradeDomains
				w.must(w.model.SetTopology(poolName, withoutLast(w)))
				w.eventually(func() bool { return w.readiness("fe01").State == Ready })
				w.must(w.model.SetTopology(poolName, all))
				w.stop("fe01")
			}, []Rule{RuleDomainGate}},
		"starts the installer twice at once": {
			func(w world) {
				w.gate()
				w.stop("fe01")
				_, _, err := w.host("fe01").Spawn(func(context.Context) { w.install("fe01") })
				w.must(err)
				time.Sleep(10 * time.Second)
				if exit := w.install("fe01"); exit != ExitAlreadyRunning {
					w.Errorf("the second installer ended with %d", exit)
				}
				w.eventually(func() bool { return !w.host("fe01").Installing() })
			}, []Rule{RuleInstallerTwice}},
		"installs again what is installed": {
			func(w world) { w.gate(); w.stop("fe01"); w.install("fe01"); w.install("fe01") }, []Rule{RuleInstallerTwice}},
		"updates databases half-way": {
			func(w world) { w.gate(); w.upgrade("fe01"); w.must(w.databases("fe01")) }, []Rule{RuleDatabaseTooEarly}},
		"updates databases while a server is out": {
			func(w world) { w.gate(); w.stop("fe01"); w.must(w.databases("fe02")) }, []Rule{RuleDatabaseTooEarly}},
		"goes on after an installer failed": {
			func(w world) {
				w.fault(Fault{Kind: FaultInstallerFails, Target: "fe01.contoso.com", Count: 1})
				w.gate()
				w.stop("fe01")
				if exit := w.install("fe01"); exit != ExitFatalError {
					w.Errorf("the installer ended with %d", exit)
				}
				w.start("fe01")
				w.stop("fe02")
			}, []Rule{RuleTouchedAfterFailure}},
		"leaves a server stopped": {
			func(w world) { w.gate(); w.stop("fe01"); w.model.CheckAtRest() }, []Rule{RuleNotAtRest}},
		"leaves a service disabled": {
			func(w world) {
				w.must(w.host("fe01").SetStartType(admin, "RTCSRV", Disabled))
				w.model.CheckAtRest()
			}, []Rule{RuleNotAtRest}},
		"would clean the databases": {
			func(w world) {
				w.host("fe01").JudgeCommand("x", "powershell Install-CsDatabase -Clean -ConfiguredDatabases")
			}, []Rule{RuleForbiddenCommand}},
		"would reset the pool": {
			func(w world) { w.host("fe01").JudgeCommand("x", "Reset-CsPoolRegistrarState -ResetType FullReset") }, []Rule{RuleForbiddenCommand}},
		"would remove a mirror": {
			func(w world) {
				w.host("fe01").JudgeCommand("x", "Uninstall-CsMirrorDatabase -SqlServerFqdn sql01.contoso.com")
			}, []Rule{RuleForbiddenCommand}},
		"removes a mirror": {
			func(w world) {
				w.mirrored()
				w.must(w.host("fe01").RemoveMirror(w.Context(), admin, "sql01.contoso.com"))
			}, []Rule{RuleMirror}},
		"updates mirrored databases with -Update": {
			func(w world) {
				w.mirrored()
				if err := w.databases("fe01"); err == nil {
					w.Error("-Update went through on mirrored databases")
				}
			}, []Rule{RuleMirror}},
		"updates databases while the mirror is the principal": {
			func(w world) {
				w.mirrored()
				w.fault(Fault{Kind: FaultPrincipalOnMirror, Target: "pool01.contoso.com"})
				if err := w.host("fe01").InstallDatabases(w.Context(), admin, DatabaseUpdate{SQLServer: "sql01.contoso.com"}); err == nil {
					w.Error("databases were updated on the wrong side")
				}
			}, []Rule{RuleMirror}},
		"updates databases that are not synchronised": {
			func(w world) {
				w.mirrored()
				w.fault(Fault{Kind: FaultMirrorUnsynchronised, Target: "sql01.contoso.com"})
				w.must(w.host("fe01").InstallDatabases(w.Context(), admin, DatabaseUpdate{SQLServer: "sql01.contoso.com"}))
			}, []Rule{RuleMirror}},
		"takes out a server while the mirror is the principal": {
			func(w world) {
				w.mirrored()
				w.must(w.host("fe01").FailOverDatabases(w.Context(), admin, "pool01.contoso.com", true))
				w.gate()
				w.stop("fe01")
			}, []Rule{RuleMirror}},
		"takes out a server while databases change": {
			func(w world) {
				_, _, err := w.host("fe06").Spawn(func(context.Context) { w.must(w.databases("fe06")) })
				w.must(err)
				time.Sleep(5 * time.Second)
				w.gate()
				w.stop("fe01")
				w.eventually(func() bool { return w.model.sqlServer("sql01.contoso.com").updating == 0 })
			}, []Rule{RuleDatabasesAndFrontEnds}},
		"orders a lower build": {
			func(w world) {
				w.gate()
				w.upgrade("fe01")
				w.host("fe01").JudgeLowerBuild(admin, "install-5.0.8308.920-1")
			}, []Rule{RuleForbiddenCommand}},
		"types a password": {
			func(w world) { w.host("fe01").JudgeCommand("x", "net use \\\\fs\\x "+password) }, []Rule{RuleSecretExposed}},
		"hides a password in Base64": {
			func(w world) {
				w.host("fe01").JudgeCommand("x", "echo "+base64.StdEncoding.EncodeToString([]byte(`{"password":"`+password+`"}`)))
			}, []Rule{RuleSecretExposed}},
		"hides a password in an encoded script": {
			func(w world) {
				w.host("fe01").JudgeCommand("x", "powershell -enc "+base64.StdEncoding.EncodeToString(utf16Bytes("$p='"+password+"'")))
			}, []Rule{RuleSecretExposed}},
		"hides Base64 in an encoded script": {
			func(w world) {
				inner := base64.StdEncoding.EncodeToString([]byte(password))
				w.host("fe01").JudgeCommand("x", "powershell -enc "+base64.StdEncoding.EncodeToString(utf16Bytes("$p='"+inner+"'")))
			}, []Rule{RuleSecretExposed}},
		"leaves a password in a file": {
			func(w world) {
				w.must(w.host("fe01").Files().WriteFile(`C:\Windows\Temp\x.ps1`, []byte("password="+password)))
			}, []Rule{RuleSecretExposed}},
		"leaves a password in a task": {
			func(w world) {
				w.must(w.host("fe01").RegisterTask(admin, Task{Path: `\x`, Command: "net use " + password}, "", false))
			}, []Rule{RuleSecretExposed}},
		"installs on a Standard Edition server that runs": {
			func(w world) { w.install("se01") }, []Rule{RuleStepsOutOfOrder}},
		"forgets the second stop on a Standard Edition server": {
			func(w world) {
				w.stop("se01")
				w.install("se01")
				w.must(w.host("se01").StartService(w.Context(), admin, "W3SVC", false))
			}, []Rule{RuleStepsOutOfOrder}},
		"updates the databases of a Standard Edition server before its web server runs": {
			func(w world) {
				w.stop("se01")
				w.install("se01")
				w.stop("se01")
				w.must(w.host("se01").InstallDatabases(w.Context(), admin, DatabaseUpdate{Local: true, Update: true}))
			}, []Rule{RuleStepsOutOfOrder}},
		"updates the databases of a Standard Edition server instead of installing": {
			func(w world) {
				w.stop("se01")
				w.must(w.host("se01").InstallDatabases(w.Context(), admin, DatabaseUpdate{Local: true, Update: true}))
			}, []Rule{RuleStepsOutOfOrder}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inContoso(t, func(w world) {
				test.do(w)
				got := w.rules()
				slices.Sort(got)
				want := slices.Sorted(slices.Values(test.want))
				if !slices.Equal(got, want) {
					w.Errorf("broken rules %v, want %v: %+v", got, want, w.model.Violations())
				}
			})
		})
	}
}

func TestTheCarefulAdministratorBreaksNoRule(t *testing.T) {
	tests := map[string]func(w world){
		"upgrades the pool and then its databases": func(w world) {
			for _, domain := range [][]string{{"fe01", "fe02"}, {"fe03", "fe04"}, {"fe05", "fe06"}} {
				w.gate()
				for _, fe := range domain {
					w.upgrade(fe)
				}
			}
			w.must(w.databases("fe01"))
		},
		"tries a failed installer again on the same server, and then goes on": func(w world) {
			w.fault(Fault{Kind: FaultInstallerFails, Count: 1})
			w.gate()
			w.stop("fe01")
			w.install("fe01")
			w.install("fe01")
			w.restart("fe01")
			w.start("fe01")
			w.upgrade("fe02")
		},
		"acknowledges a failure before touching another server": func(w world) {
			w.fault(Fault{Kind: FaultInstallerFails, Count: 1})
			w.gate()
			w.stop("fe01")
			w.install("fe01")
			w.start("fe01")
			w.model.Acknowledge(poolName)
			w.upgrade("fe02")
		},
		"stops again what is stopped already": func(w world) {
			w.gate()
			w.stop("fe01")
			w.stop("fe01")
			w.start("fe01")
		},
		"follows the eleven steps on a Standard Edition server": func(w world) {
			w.stop("se01")
			w.install("se01")
			w.stop("se01")
			w.must(w.host("se01").StartService(w.Context(), admin, "W3SVC", false))
			w.must(w.host("se01").InstallDatabases(w.Context(), admin, DatabaseUpdate{Local: true, Update: true}))
			w.start("se01")
		},
		"passes a password on standard input": func(w world) {
			w.host("fe01").JudgeCommand("x", "powershell -enc "+base64.StdEncoding.EncodeToString(utf16Bytes("Start-LyncOpsJob -ArgumentFromInput")))
			w.must(w.host("fe01").RegisterTask(admin, Task{Path: `\x`, User: `CONTOSO\svc-lyncops`, Command: "hostname"}, "Correct-Horse-7-Battery", true))
		},
	}
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			inContoso(t, func(w world) {
				do(w)
				w.model.CheckAtRest()
				for _, v := range w.model.Violations() {
					w.Errorf("%s on %s: %s", v.Rule, v.Host, v.Text)
				}
			})
		})
	}
}

// The record shows, for every effect, who serves and who is out because of what.
func TestTheRecordShowsWhoServesAndWhoIsOut(t *testing.T) {
	inContoso(t, func(w world) {
		w.gate()
		w.stop("fe02")
		events := w.model.Events(0)
		last := events[len(events)-1]
		if len(last.Serving) != 5 || last.Out["fe02.contoso.com"] != admin.Command || slices.Contains(last.Serving, "fe02.contoso.com") {
			w.Errorf("serving %v, out %v", last.Serving, last.Out)
		}
		for i, e := range events {
			if e.Sequence != i+1 {
				w.Errorf("event %d has sequence number %d", i, e.Sequence)
			}
		}
		if later := w.model.Events(events[0].Sequence); len(later) != len(events)-1 {
			w.Errorf("%d events after the first of %d", len(later), len(events))
		}
	})
}
