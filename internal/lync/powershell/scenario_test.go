package powershell_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lyncops.dev/operator/internal/lync/powershell"
	"lyncops.dev/operator/internal/simulator/witness"
)

// The engine at hand knows a newer language than the servers do.
func TestModuleIsWrittenForPowerShell3(t *testing.T) {
	expectations(t, run(t, "Desktop", t.TempDir(), "syntax.ps1", "-Path", "LyncOps.psm1"))
}

// Each line is something that the check above must refuse.
func TestWhatIsNotPowerShell3OrBuildsCodeIsFound(t *testing.T) {
	witness.PowerShell(t)
	lines := []string{
		"using namespace System.IO", "$a = 1 ? 2 : 3", "$a = $null ?? 1", "'a' && 'b'", "class A { }", "enum B { c }", "$a = [guid]::new()", "'a'?.Length", "'a'.ForEach({ $_ })",
		"Get-Item . | ForEach-Object { 1 } &", "Get-Item -Path . -PipelineVariable p", "Get-FileHash x", "& $name 'x'", ". $name", "& (Get-Item x)", "'x'.$name()",
		"[scriptblock]::Create($text)", "$shell.AddScript($text)", "$shell.AddCommand($text)", "$ExecutionContext.InvokeCommand.InvokeScript($text)", "$ExecutionContext.InvokeCommand.ExpandString($text)",
		"Invoke-Expression $text", "New-Module { }", "Set-Item function:x 1",
	}
	path := filepath.Join(t.TempDir(), "all.ps1")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	output := run(t, "Desktop", t.TempDir(), "syntax.ps1", "-Path", path)
	for i, line := range lines {
		if !strings.Contains(output, fmt.Sprintf("FAIL line %d: ", i+1)) {
			t.Errorf("%s: nobody complains:\n%s", line, output)
		}
	}
}

// Every scenario script runs in both editions; what they print besides their expectations must be the same text in both. The module that
// runs in the Core one is held to the latest strict mode, and notes which of its statements run: all of them, but for those with a reason.
func TestScenarios(t *testing.T) {
	witness.PowerShell(t)
	packages := servePackages(t)
	const own, latest = "Set-StrictMode -Version 3.0", "Set-StrictMode -Version Latest"
	if !strings.Contains(string(powershell.Module()), own) {
		t.Errorf("the module does not say %s", own)
	}
	module, statements := instrumented(t, strings.Replace(string(powershell.Module()), own, latest, 1))
	notes := t.TempDir()
	scripts := []string{"questions.ps1", "readiness.ps1", "jobs.ps1", "actions.ps1", "products.ps1", "pools.ps1", "corners.ps1", "windows.ps1"}
	var ended []string
	var lock sync.Mutex
	t.Run("scripts", func(t *testing.T) {
		for _, script := range scripts {
			t.Run(strings.TrimSuffix(script, ".ps1"), func(t *testing.T) {
				t.Parallel()
				var desktop, core []string
				t.Run("editions", func(t *testing.T) {
					t.Run("Desktop", func(t *testing.T) {
						t.Parallel()
						desktop = expectations(t, runWith(t, "Desktop", t.TempDir(), packages, script))
					})
					t.Run("Core", func(t *testing.T) {
						t.Parallel()
						noting := append([]string{"LYNCOPS_MODULE=" + module, "LYNCOPS_RAN=" + filepath.Join(notes, script)}, packages...)
						core = expectations(t, runWith(t, "Core", t.TempDir(), noting, script))
					})
				})
				lock.Lock()
				ended = append(ended, script)
				lock.Unlock()
				if difference := cmp.Diff(desktop, core); difference != "" {
					t.Errorf("the two editions answer differently (-Desktop +Core):\n%s", difference)
				}
			})
		}
	})
	if wholeOf(ended, scripts) && !t.Failed() {
		t.Run("every statement runs", func(t *testing.T) { compareRun(t, statements, noted(t, notes)) })
	}
}

// Five processes give the same order at the same moment. One claim, one task run, and the same job for everybody.
func TestManyStartsAtOnceGiveOneJob(t *testing.T) {
	witness.PowerShell(t)
	folder := t.TempDir()
	outputs := make([]string, 5)
	var group sync.WaitGroup
	for i := range outputs {
		group.Go(func() {
			outputs[i] = run(t, "Desktop", folder, "race.ps1", "-Id", "install-5.0.8308.1149-1")
		})
	}
	group.Wait()
	claimed, registered, ran := map[string]bool{}, 0, 0
	for _, output := range outputs {
		for line := range strings.Lines(output) {
			line = strings.TrimSpace(line)
			if text, found := strings.CutPrefix(line, "<<<LYNCOPS "); found {
				var answer struct {
					OK     bool
					Result struct{ ID, State, Claimed string }
				}
				if err := json.Unmarshal([]byte(strings.TrimSuffix(text, " LYNCOPS>>>")), &answer); err != nil {
					t.Fatal(err)
				}
				if !answer.OK || answer.Result.State != "Claimed" {
					t.Errorf("one of the callers was answered %s", line)
				}
				claimed[answer.Result.Claimed] = true
			}
			if line == "registered" {
				registered++
			}
			if line == "ran" {
				ran++
			}
		}
	}
	if len(claimed) != 1 || registered != 1 || ran != 1 {
		t.Errorf("claims at %v, %d registrations, %d runs; want one of each\n%s", claimed, registered, ran, strings.Join(outputs, ""))
	}
}

// Five processes give five different orders at the same moment. One job, four conflicts that name it.
func TestOneJobAtATime(t *testing.T) {
	witness.PowerShell(t)
	folder := t.TempDir()
	outputs := make([]string, 5)
	var group sync.WaitGroup
	for i := range outputs {
		group.Go(func() {
			outputs[i] = run(t, "Desktop", folder, "race.ps1", "-Id", fmt.Sprintf("install-5.0.8308.1149-%d", i+1))
		})
	}
	group.Wait()
	winners, conflicts := []string{}, []string{}
	for i, output := range outputs {
		if strings.Contains(output, `"state":"Claimed"`) {
			winners = append(winners, fmt.Sprintf("install-5.0.8308.1149-%d", i+1))
		}
		if _, after, found := strings.Cut(output, `"code":"JobConflict"`); found {
			_, detail, _ := strings.Cut(after, `"detail":"`)
			name, _, _ := strings.Cut(detail, `"`)
			conflicts = append(conflicts, name)
		}
	}
	if len(winners) != 1 || len(conflicts) != 4 {
		t.Fatalf("%d jobs and %d conflicts, want 1 and 4\n%s", len(winners), len(conflicts), strings.Join(outputs, ""))
	}
	for _, name := range conflicts {
		if name != winners[0] {
			t.Errorf("a conflict names %s, but the job is %s", name, winners[0])
		}
	}
}
