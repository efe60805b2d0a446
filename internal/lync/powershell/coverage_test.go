package powershell_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// statement is one of the module's, as testdata/instrument.ps1 lists them.
type statement struct {
	line           int
	function, text string
}

// instrumented writes a module that notes which of its statements run, and gives its file and its statements.
func instrumented(t *testing.T, module string) (path string, statements []statement) {
	t.Helper()
	folder := t.TempDir()
	path, list := filepath.Join(folder, "LyncOps.psm1"), filepath.Join(folder, "statements.txt")
	expectations(t, run(t, "Core", t.TempDir(), "instrument.ps1", "-Path", moduleFile(t, module), "-Module", path, "-List", list))
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 4)
		if len(fields) != 4 || fields[0] != strconv.Itoa(len(statements)) {
			t.Fatalf("%q is no statement", line)
		}
		at, err := strconv.Atoi(fields[1])
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, statement{at, fields[2], fields[3]})
	}
	return path, statements
}

// noted are the numbers of the statements that ran, by the files that the module wrote them to.
func noted(t *testing.T, folder string) map[int]bool {
	t.Helper()
	ran := map[int]bool{}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, number := range strings.Fields(string(text)) {
			i, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			ran[i] = true
		}
	}
	return ran
}

// notRun reads testdata/not-run.txt: why statements of the module do not run in the scenarios, by function, or by function and text.
func notRun(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "not-run.txt"))
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]string{}
	reason := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			reason = ""
		case strings.HasPrefix(line, "#"):
			reason += strings.TrimPrefix(line, "#")
		case reason == "":
			t.Errorf("testdata/not-run.txt: %s: there is no reason above it", line)
		default:
			why[line] = strings.TrimSpace(reason)
		}
	}
	return why
}

// compareRun fails for each statement that did not run without a reason, and for each reason that is no longer needed.
func compareRun(t *testing.T, statements []statement, ran map[int]bool) {
	t.Helper()
	why, needed := notRun(t), map[string]bool{}
	var missing []string
	count := 0
	for i, s := range statements {
		if ran[i] {
			count++
			continue
		}
		exact := s.function + ": " + s.text
		switch {
		case why[s.function] != "":
			needed[s.function] = true
		case why[exact] != "":
			needed[exact] = true
		case why["? "+exact] != "":
		default:
			missing = append(missing, fmt.Sprintf("%s (line %d)", exact, s.line))
		}
	}
	t.Logf("%d of %d statements ran", count, len(statements))
	if len(missing) > 0 {
		t.Errorf("no scenario runs these %d statements of the module; add one, or a reason to testdata/not-run.txt:\n%s", len(missing), strings.Join(missing, "\n"))
	}
	for entry := range why {
		if !needed[entry] && !strings.HasPrefix(entry, "?") {
			t.Errorf("testdata/not-run.txt names %q, which runs, or is not there", entry)
		}
	}
}

// wholeOf reports whether every script ran in this call of the tests.
func wholeOf(ran, scripts []string) bool {
	return !slices.ContainsFunc(scripts, func(script string) bool { return !slices.Contains(ran, script) })
}
