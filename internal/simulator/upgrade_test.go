package simulator_test

import (
	"fmt"
	"net/http"
	"testing"

	"lyncops.dev/operator/internal/simulator/deployment"
)

type job struct {
	ID, State, Outcome, Message, LogTail string
}

type facts struct {
	BootTime   string
	Components []deployment.Component
	Jobs       []job
}

type readiness struct {
	State          string
	UpgradeDomains []struct {
		Name              string
		IsReadyForUpgrade bool
		Frontends         []string
	}
}

func poolArgument() map[string]any { return map[string]any{"poolFqdn": poolFQDN} }

func order(id, action string, parameters map[string]any) map[string]any {
	return map[string]any{"id": id, "action": action, "parameters": parameters,
		"principal": map[string]any{"kind": "StoredAccount", "userName": user, "password": password}}
}

// do orders a job over the wire and waits for its end.
func do(t *testing.T, s *site, host, id, action string, parameters map[string]any) {
	t.Helper()
	// The same id is the same job: an order whose answer was cut off, by the restart it asks for, is sent again.
	waitFor(t, host+" takes "+id, func() bool {
		_, err := verb[job](t, s, host, "Start-LyncOpsJob", order(id, action, parameters), true)
		return err == nil
	})
	waitFor(t, host+" "+id, func() bool {
		// A host that restarts does not answer.
		f, err := verb[facts](t, s, host, "Get-LyncOpsFacts", struct{}{}, false)
		if err != nil {
			return false
		}
		for _, j := range f.Jobs {
			switch {
			case j.ID != id || j.State == "Claimed" || j.State == "Running":
			case j.State == "Succeeded" || (action == "RestartComputer" && j.State == "Interrupted"):
				return true
			default:
				t.Fatalf("%s: %+v", host, j)
			}
		}
		return false
	})
}

// The whole procedure as a client sees it: nothing but WinRM commands, and nothing that breaks a rule.
func TestAPoolIsUpgradedOverTheWire(t *testing.T) {
	s := start(t, 600)
	topology := ask[struct{ Computers []string }]
	digest, _, _ := s.Model().PackageDigest(source)
	pkg := map[string]any{"sha256": digest, "fileName": "LyncServerUpdateInstaller.exe"}
	with := func(more map[string]any) map[string]any {
		for k, v := range pkg {
			more[k] = v
		}
		return more
	}
	pool, _ := s.Model().PoolDescription(poolFQDN)
	for _, fqdn := range pool.FrontEnds {
		s.stage(t, fqdn)
	}
	if got := topology(t, s, "fe01.contoso.com", "Get-LyncOpsTopology", poolArgument()).Computers; fmt.Sprint(got) != fmt.Sprint(pool.FrontEnds) {
		t.Fatalf("computers %v", got)
	}
	for _, domain := range pool.UpgradeDomains {
		waitFor(t, domain.Name+" is ready", func() bool {
			r := ask[readiness](t, s, "fe06.contoso.com", "Get-LyncOpsPoolReadiness", poolArgument())
			for _, d := range r.UpgradeDomains {
				if r.State == "Ready" && d.Name == domain.Name && d.IsReadyForUpgrade {
					return true
				}
			}
			return false
		})
		for _, fe := range domain.FrontEnds {
			do(t, s, fe, "stage-1", "StagePackage", with(map[string]any{"source": source}))
			do(t, s, fe, "stop-1", "StopServices", map[string]any{"graceful": true, "timeoutSeconds": 600, "onTimeout": "Fail", "webServer": true})
			do(t, s, fe, "install-1", "Install", with(map[string]any{"arguments": []string{"/silentmode"}, "timeoutSeconds": 600}))
			before := ask[facts](t, s, fe, "Get-LyncOpsFacts", struct{}{}).BootTime
			do(t, s, fe, "restart-1", "RestartComputer", map[string]any{"delaySeconds": 30})
			waitFor(t, fe+" has restarted", func() bool {
				f, err := verb[facts](t, s, fe, "Get-LyncOpsFacts", struct{}{}, false)
				return err == nil && f.BootTime != before
			})
			do(t, s, fe, "start-1", "StartServices", map[string]any{"timeoutSeconds": 600})
			if _, err := verb[any](t, s, fe, "Clear-LyncOpsJobs", map[string]any{"except": []string{}}, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	do(t, s, "fe01.contoso.com", "databases-1", "UpdateDatabases", map[string]any{"variant": "Enterprise", "update": true, "sqlInstanceName": "", "sqlServerFqdn": "sql01.contoso.com", "timeoutSeconds": 600})
	for _, fqdn := range pool.FrontEnds {
		for _, c := range ask[facts](t, s, fqdn, "Get-LyncOpsFacts", struct{}{}).Components {
			if c.Version != target {
				t.Errorf("%s: %s is at %s", fqdn, c.Name, c.Version)
			}
		}
	}
	var report struct{ Violations []deployment.Violation }
	s.control(t, http.MethodPost, "/at-rest", "", http.StatusOK, nil)
	s.control(t, http.MethodGet, "/violations", "", http.StatusOK, &report)
	for _, v := range report.Violations {
		t.Errorf("%s on %s: %s (%s)", v.Rule, v.Host, v.Text, v.Command)
	}
}
