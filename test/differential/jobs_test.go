package differential_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
)

const (
	source   = "https://packages.contoso.com/lync/LyncServerUpdateInstaller.exe"
	fileName = "LyncServerUpdateInstaller.exe"
)

// step is one job: what happens before it is ordered, the order, and what happens while it runs.
type step struct {
	name    string
	action  string
	prepare func(t *testing.T, s *side)
	// parameters may name <sha256>, that of the package.
	parameters string
	principal  string
	// meanwhile is called when the job has begun.
	meanwhile func(t *testing.T, s *side)
	// want is "State Outcome exitCode" on both sides.
	want string
	// on is the host where it is not that of the scenario.
	on string
}

// scenario is a series of jobs on one host of a deployment.
type scenario struct {
	sample string
	host   string
	steps  []step
}

const theStored = `{"kind":"StoredAccount","userName":"CONTOSO\\svc-lyncops","password":"` + password + `"}`

func acknowledge(_ *testing.T, s *side) { s.model.Acknowledge("") }

func clearFaults(_ *testing.T, s *side) {
	for _, f := range s.model.Faults() {
		s.model.RemoveFault(f.ID)
	}
}

var scenarios = map[string]scenario{
	"packages": {contoso, "fe01", []step{
		{"a source that cannot be reached", "StagePackage", fault(deployment.Fault{Kind: deployment.FaultSourceUnreachable, Count: 1}),
			`{"source":"` + source + `","sha256":"<sha256>","fileName":"` + fileName + `"}`, "", nil, "Failed SourceUnreachable", ""},
		{"another content", "StagePackage", nil, `{"source":"` + source + `","sha256":"` + strings.Repeat("0", 64) + `","fileName":"` + fileName + `"}`, "", nil, "Failed HashMismatch", ""},
		{"a share that is not there", "StagePackage", nil, `{"source":"\\\\nowhere.contoso.com\\lync\\` + fileName + `","sha256":"<sha256>","fileName":"` + fileName + `"}`, "", nil, "Failed SourceUnreachable", ""},
		{"a package that is not staged", "Install", nil, `{"sha256":"<sha256>","fileName":"` + fileName + `","arguments":["/silentmode"],"timeoutSeconds":3600}`, "", nil, "Failed HashMismatch", ""},
		{"from a share", "StagePackage", nil, `{"source":"\\\\files.contoso.com\\lync\\` + fileName + `","sha256":"<sha256>","fileName":"other.exe"}`, "", nil, "Succeeded", ""},
		{"the right one", "StagePackage", nil, `{"source":"` + source + `","sha256":"<sha256>","fileName":"` + fileName + `"}`, "", nil, "Succeeded", ""},
		{"stop at once", "StopServices", nil, `{"graceful":false,"timeoutSeconds":3600,"onTimeout":"Fail","webServer":false}`, "", nil, "Succeeded", ""},
		{"an installer that fails", "Install", fault(deployment.Fault{Kind: deployment.FaultInstallerFails, Count: 1}),
			`{"sha256":"<sha256>","fileName":"` + fileName + `","arguments":["/silentmode"],"timeoutSeconds":3600}`, "", nil, "Failed InstallerFailed 1603", ""},
		{"an installer that is too slow", "Install", fault(deployment.Fault{Kind: deployment.FaultInstallerSlow, Duration: endless, Count: 1}),
			`{"sha256":"<sha256>","fileName":"` + fileName + `","arguments":[],"timeoutSeconds":2}`, "", nil, "Failed InstallerTimeout", ""},
		{"a restart in mid-installer", "Install", fault(deployment.Fault{Kind: deployment.FaultInstallerSlow, Duration: endless, Count: 1}),
			`{"sha256":"<sha256>","fileName":"` + fileName + `","arguments":[],"timeoutSeconds":7200}`, "", reset, "Interrupted", ""},
		{"stop again", "StopServices", nil, `{"graceful":false,"timeoutSeconds":3600,"onTimeout":"Fail","webServer":false}`, "", nil, "Succeeded", ""},
		{"an installer that ends well", "Install", acknowledge,
			`{"sha256":"<sha256>","fileName":"` + fileName + `","arguments":["/silentmode"],"timeoutSeconds":3600}`, "", nil, "Succeeded  0", ""},
		{"a restart", "RestartComputer", nil, `{"delaySeconds":1200}`, "", nil, "Succeeded", ""},
	}},
	"services": {contoso, "fe01", []step{
		{"one that never drains", "StopServices", fault(deployment.Fault{Kind: deployment.FaultSlowDrain}),
			`{"graceful":true,"timeoutSeconds":2,"onTimeout":"Fail","webServer":false}`, "", nil, "Failed DrainTimeout", ""},
		{"and is stopped at once then", "StopServices", nil, `{"graceful":true,"timeoutSeconds":2,"onTimeout":"StopAtOnce","webServer":true}`, "", nil, "Succeeded", ""},
		{"one that does not start", "StartServices", func(t *testing.T, s *side) {
			clearFaults(t, s)
			fault(deployment.Fault{Kind: deployment.FaultServiceWontStart, Count: 1})(t, s)
		}, `{"timeoutSeconds":3}`, "", nil, "Failed ServiceStuck", ""},
		{"start types are put back", "StartServices", func(t *testing.T, s *side) {
			if err := s.host(t, "fe01").SetStartType(deployment.Caller{User: user}, "RTCSRV", deployment.Manual); err != nil {
				t.Fatal(err)
			}
		}, `{"timeoutSeconds":3600}`, "", nil, "Succeeded", ""},
		{"drained", "StopServices", nil, `{"graceful":true,"timeoutSeconds":3600,"onTimeout":"Fail","webServer":false}`, "", nil, "Succeeded", ""},
		{"as a stored account", "StartServices", nil, `{"timeoutSeconds":3600}`, theStored, nil, "Succeeded", ""},
		{"a wrong password", "StopWebServer", nil, `{"timeoutSeconds":3600}`, strings.Replace(theStored, "Correct", "Wrong", 1), nil, "Failed AccessDenied", ""},
	}},
	"databases": {contoso, "se01", []step{
		{"the web server stops", "StopWebServer", nil, `{"timeoutSeconds":3600}`, "", nil, "Succeeded", ""},
		{"the web server starts", "StartWebServer", nil, `{"timeoutSeconds":3600}`, "", nil, "Succeeded", ""},
		{"local ones", "UpdateDatabases", nil, `{"variant":"Standard","update":true,"sqlServerFqdn":"","sqlInstanceName":"","timeoutSeconds":3600}`, "", nil, "Succeeded", ""},
		{"of a pool", "UpdateDatabases", nil, `{"variant":"Enterprise","update":true,"sqlServerFqdn":"sql01.contoso.com","sqlInstanceName":"","timeoutSeconds":3600}`, "", nil, "Succeeded", ""},
		{"without collocated ones", "UpdateDatabases", nil, `{"variant":"EnterpriseCollocated","update":true,"sqlServerFqdn":"sql01.contoso.com","sqlInstanceName":"","timeoutSeconds":3600}`, "", nil, "Succeeded", ""},
		{"of a server that has none", "UpdateDatabases", nil, `{"variant":"Enterprise","update":true,"sqlServerFqdn":"nosql.contoso.com","sqlInstanceName":"","timeoutSeconds":3600}`, "", nil, "Failed DatabaseUpdateFailed", ""},
	}},
	"a pair of pools": {"paired.yaml", "fe01", []step{
		{"services are written down", "RecordServices", nil, `{}`, "", nil, "Succeeded", ""},
		{"with the central management store", "FailOverPool", nil, `{"poolFqdn":"pool01.contoso.com"}`, theStored, nil, "Failed FailOverFailed", ""},
		{"the store moves", "MoveCentralManagement", nil, `{"poolFqdn":"pool02.contoso.com","timeoutSeconds":3600}`, theStored, nil, "Succeeded", "fe11"},
		{"over", "FailOverPool", nil, `{"poolFqdn":"pool01.contoso.com"}`, theStored, nil, "Succeeded", ""},
		{"the first front end starts", "StartServices", startsOthers, `{"timeoutSeconds":3600}`, "", nil, "Succeeded", ""},
		{"and back", "FailBackPool", nil, `{"poolFqdn":"pool01.contoso.com"}`, theStored, nil, "Succeeded", "fe02"},
	}},
	"failed over": {"skype.yaml", "sfe1", []step{
		{"without the rights", "FailOverComputer", nil, `{"computerName":"sfe1.contoso.com","poolFqdn":"pool19.contoso.com","waitSeconds":3600,"drainingSeconds":0}`, "", nil, "Failed FailOverRefused", ""},
		{"over", "FailOverComputer", nil, `{"computerName":"sfe1.contoso.com","poolFqdn":"pool19.contoso.com","waitSeconds":3600,"drainingSeconds":0}`, theStored, nil, "Succeeded", ""},
		{"and back", "FailBackComputer", nil, `{"computerName":"sfe1.contoso.com","waitSeconds":3600}`, theStored, nil, "Succeeded", ""},
	}},
}

// startsOthers starts the rest of the pool, without which no front end of a failed over pool starts.
func startsOthers(t *testing.T, s *side) {
	t.Helper()
	for _, name := range []string{"fe02", "fe03"} {
		if err := s.host(t, name).StartLyncServices(t.Context(), deployment.Caller{User: user}, "", true); err != nil {
			t.Fatal(err)
		}
	}
}

// reset presses the button when the installer runs.
func reset(t *testing.T, s *side) {
	t.Helper()
	host := s.host(t, "fe01")
	eventually(t, s, "the installer", host.Installing)
	if err := host.Power("reboot"); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, s *side, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); {
		changed := s.model.Changed()
		if done() {
			return
		}
		select {
		case <-changed:
		case <-time.After(100 * time.Millisecond):
		}
		if t.Context().Err() != nil || time.Now().After(end) {
			t.Fatalf("%s: waited in vain for %s", s.name, what)
		}
	}
}

// settle waits until no process runs on the host, and nothing moves there any more.
func (s *side) settle(t *testing.T, name string) {
	t.Helper()
	host := s.host(t, name)
	eventually(t, s, "rest on "+name, func() bool {
		state := host.State()
		if len(host.Processes()) > 0 || state.Power != "on" || state.Installing {
			return false
		}
		for _, service := range state.Services {
			if strings.HasSuffix(service.StatusName, "Pending") {
				return false
			}
		}
		return true
	})
}

var sha256Place = regexp.MustCompile(`<sha256>`)

// do orders a step's job, waits for its end and gives it as the facts show it.
func (s *side) do(t *testing.T, host, id string, one step) answer {
	t.Helper()
	if one.prepare != nil {
		one.prepare(t, s)
	}
	digest, _, _ := s.model.PackageDigest(source)
	principal := one.principal
	if principal == "" {
		principal = localSystem
	}
	text := job(id, one.action, sha256Place.ReplaceAllLiteralString(one.parameters, digest), principal)
	var ordered answer
	if one.principal != "" {
		ordered = s.order(t, host, question{"Start-LyncOpsJob", text})
	} else {
		ordered = s.ask(t, host, question{"Start-LyncOpsJob", text})[0]
	}
	if ordered["ok"] != true {
		t.Fatalf("%s: %s: %v", s.name, one.name, ordered)
	}
	before := s.host(t, host).BootTime()
	if one.meanwhile != nil {
		one.meanwhile(t, s)
	}
	if one.action == "RestartComputer" {
		eventually(t, s, "the restart", func() bool { return s.host(t, host).BootTime() != before })
	}
	s.settle(t, host)
	facts := s.ask(t, host, question{"Get-LyncOpsFacts", "{}"})[0]
	result, _ := facts["result"].(map[string]any)
	jobs, _ := result["jobs"].([]any)
	for _, shown := range jobs {
		if shown, ok := shown.(map[string]any); ok && shown["id"] == id {
			facts["job"] = shown
			delete(result, "jobs")
			return facts
		}
	}
	t.Fatalf("%s: %s: there is no job %s in %v", s.name, one.name, id, facts)
	return nil
}

func outcome(facts answer) string {
	shown, _ := facts["job"].(map[string]any)
	words := fmt.Sprintf("%v %v", shown["state"], shown["outcome"])
	if shown["exitCode"] != nil {
		words += fmt.Sprintf(" %v", shown["exitCode"])
	}
	return strings.TrimSpace(words)
}

// TestJobsEndAlike runs every action on the simulator and on the module in both editions, with what can go wrong in it, and compares the
// facts and the whole deployment after each job.
func TestJobsEndAlike(t *testing.T) {
	for name, series := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sides := []*side{builtIn(t, series.sample), inEngine(t, "Desktop", series.sample), inEngine(t, "Core", series.sample)}
			simulated, modules := sides[0], sides[1:]
			staged := map[string]bool{}
			for i, one := range series.steps {
				id := fmt.Sprintf("job-%d", i+1)
				host := series.host
				if one.on != "" {
					host = one.on
				}
				of := make([]answer, len(sides))
				for k, s := range sides {
					if !staged[host] {
						s.stage(t, host)
					}
					of[k] = s.do(t, host, id, one)
					if got := outcome(of[k]); got != one.want {
						t.Errorf("%s: %s: %q, want %q: %v", s.name, one.name, got, one.want, of[k]["job"])
					}
				}
				staged[host] = true
				for k, module := range modules {
					what := one.name + ", " + module.name
					compare(t, what, of[0], of[k+1])
					compareWorlds(t, what, simulated, module)
				}
			}
			end := question{"Clear-LyncOpsJobs", `{"except":["job-2"]}`}
			away := simulated.ask(t, series.host, end)[0]
			for _, module := range modules {
				compare(t, "putting them away, "+module.name, away, module.ask(t, series.host, end)[0])
			}
			for _, s := range sides {
				for _, v := range s.model.Violations() {
					if v.Rule == deployment.RuleSecretExposed {
						t.Errorf("%s: %s: %s", s.name, v.Text, v.Command)
					}
				}
			}
		})
	}
}

// TestOneJobAtATimeOnBoth: the same id is the same job, and another one has to wait.
func TestOneJobAtATimeOnBoth(t *testing.T) {
	t.Parallel()
	simulated, module := builtIn(t, contoso), inEngine(t, "Desktop", contoso)
	of := [2][]answer{}
	for k, s := range []*side{simulated, module} {
		s.stage(t, "fe01")
		fault(deployment.Fault{Kind: deployment.FaultSlowDrain})(t, s)
		long := question{"Start-LyncOpsJob", job("stop-1", "StopServices", `{"graceful":true,"timeoutSeconds":7200,"onTimeout":"Fail","webServer":false}`, localSystem)}
		other := question{"Start-LyncOpsJob", job("stop-2", "StopWebServer", `{"timeoutSeconds":3600}`, localSystem)}
		of[k] = s.ask(t, "fe01", long, other)
		eventually(t, s, "the drain", func() bool {
			service, _ := s.host(t, "fe01").Service("RTCRGS")
			return service.Status == deployment.Paused
		})
		of[k] = append(of[k], s.ask(t, "fe01", long, other, question{"Clear-LyncOpsJobs", `{"except":[]}`})...)
		if err := s.host(t, "fe01").Power("reboot"); err != nil {
			t.Fatal(err)
		}
		s.settle(t, "fe01")
		of[k] = append(of[k], s.ask(t, "fe01", long, question{"Get-LyncOpsFacts", "{}"})...)
	}
	for i, what := range []string{"the order", "another one", "the order again", "another one still", "nothing to put away", "the order after a restart", "the facts after it"} {
		compare(t, what, of[0][i], of[1][i])
	}
}
