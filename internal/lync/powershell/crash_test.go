package powershell_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lyncops.dev/operator/internal/lync/powershell"
	"lyncops.dev/operator/internal/simulator/witness"
)

// whatChangesFiles are the file operations of the module that leave something behind, each with the call before it.
var whatChangesFiles = []struct{ pattern, stepped string }{
	{`\[System\.IO\.File\]::Replace\((\$\w+), (\$\w+),`, `[System.IO.File]::Replace((Step-File 'a file is replaced' $2)+$1, $2,`},
	{`\[System\.IO\.File\]::(Move|Delete|AppendAllText)\(`, `[System.IO.File]::$1((Step-File 'File.$1')+`},
	{`\[System\.IO\.Directory\]::(Move|CreateDirectory)\(`, `[System.IO.Directory]::$1((Step-File 'Directory.$1')+`},
	{`\[System\.IO\.File\]::Open\((\$\w+), \[System\.IO\.FileMode\]::CreateNew`, `[System.IO.File]::Open((Step-File 'a file is created')+$1, [System.IO.FileMode]::CreateNew`},
	{`\$stream = New-Object -TypeName System\.IO\.FileStream`, `$$null = Step-File 'a file is created'; $0`},
	{`\$(stream|sink)\.(Write|Flush)\(`, `$$null = Step-File 'a file is written'; $0`},
	// Not a file operation, but the waits between tries would make the test slow.
	{`\[System\.Threading\.Thread\]::Sleep\((\d+)\)`, `$$null = $1`},
}

// whatReads are the members of System.IO that change nothing.
const whatReads = `^(File::(Exists|Open)|Directory::(Exists|GetDirectories|GetCreationTimeUtc)|Path::\w+|FileMode::(Open|CreateNew)|FileAccess::\w+|FileShare::\w+|FileOptions::\w+|SeekOrigin::End)$`

// withSteps is the module with a call of Step-File before each file operation that leaves something behind, in the latest strict mode.
func withSteps(t *testing.T) string {
	t.Helper()
	return stepped(t, string(powershell.Module()))
}

func stepped(t *testing.T, module string) string {
	t.Helper()
	text := strings.Join(withoutComments(module), "\n")
	text = strings.Replace(text, "Set-StrictMode -Version 3.0", "Set-StrictMode -Version Latest", 1)
	changing := regexp.MustCompile(`^(File::(Replace|Move|Delete|AppendAllText)|Directory::(Move|CreateDirectory))$`)
	for _, member := range regexp.MustCompile(`\[System\.IO\.(\w+)\]::(\w+)`).FindAllStringSubmatch(text, -1) {
		name := member[1] + "::" + member[2]
		if !changing.MatchString(name) && !regexp.MustCompile(whatReads).MatchString(name) {
			t.Errorf("%s: does it change files? Say so in crash_test.go", member[0])
		}
	}
	for _, created := range regexp.MustCompile(`-TypeName (System\.IO\.\w+)`).FindAllStringSubmatch(text, -1) {
		if !regexp.MustCompile(`FileStream|StreamReader|DriveInfo|IOException`).MatchString(created[1]) {
			t.Errorf("%s: does it change files? Say so in crash_test.go", created[1])
		}
	}
	for _, operation := range whatChangesFiles {
		pattern := regexp.MustCompile(operation.pattern)
		if !pattern.MatchString(text) {
			t.Errorf("the module no longer does %s", operation.pattern)
		}
		text = pattern.ReplaceAllString(text, operation.stepped)
	}
	return text
}

// moduleFile writes a module for a test.
func moduleFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "LyncOps.psm1")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whatever file operation a crash comes before, and whatever comes after the crash, no job is lost and none is done twice.
func TestCrashBetweenAnyTwoFileOperations(t *testing.T) {
	witness.PowerShell(t)
	moments := 0
	for _, line := range expectations(t, runWith(t, "Desktop", t.TempDir(), []string{"LYNCOPS_MODULE=" + moduleFile(t, withSteps(t))}, "crash.ps1")) {
		var action, phase string
		var count int
		if _, err := fmt.Sscanf(line, "moments %s %s %d", &action, &phase, &count); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if count < 4 {
			t.Errorf("%s, %s: only %d moments to crash at", action, phase, count)
		}
		moments += count
	}
	t.Logf("crashed at %d moments", moments)
}

// A module with a mistake is found out by the test above.
func TestCrashTestNoticesMistakes(t *testing.T) {
	witness.PowerShell(t)
	for name, test := range map[string]struct {
		right, wrong  string // in the module
		action, phase string
		complaint     string
	}{
		"services are stopped before it is known how they were": {
			right: "    if (-not [System.IO.File]::Exists((Get-LyncOpsPath 'baseline.json'))) { Write-Baseline }\n    # Nobody", wrong: "    # Nobody",
			action: "StopServices", phase: "run", complaint: "no baseline says that it ran",
		},
		"a process that is gone counts as alive": {
			right: "return ((Get-ProcessStart $ProcessId) -ceq $ProcessStart)", wrong: "return $true",
			action: "RestartComputer", phase: "run", complaint: "after a restart it is still Running",
		},
		"a claim that was cut off is not taken up": {
			right: "if ($record['state'] -ceq 'Claimed') { Start-ClaimedJob $Request }\n    return", wrong: "return",
			action: "RestartComputer", phase: "claim", complaint: "claimed again and run, it is",
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := string(powershell.Module())
			if !strings.Contains(text, test.right) {
				t.Fatalf("the module no longer holds %q", test.right)
			}
			module := moduleFile(t, stepped(t, strings.ReplaceAll(text, test.right, test.wrong)))
			output := runWith(t, "Desktop", t.TempDir(), []string{"LYNCOPS_MODULE=" + module}, "crash.ps1", "-Action", test.action, "-Phase", test.phase)
			if !strings.Contains(output, test.complaint) {
				t.Errorf("nobody complains that %s:\n%s", test.complaint, output)
			}
		})
	}
}
