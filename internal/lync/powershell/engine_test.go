package powershell_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/witness"
)

// patience is how long a script may take on a loaded machine.
const patience = 20 * time.Minute

// run runs a script of testdata with a folder of its own as ProgramData and gives its standard output. Everything the script prints and
// leaves behind is searched for the password that scenarios use.
func run(t *testing.T, edition, folder, script string, arguments ...string) string {
	t.Helper()
	return runWith(t, edition, folder, nil, script, arguments...)
}

// runWith is run with more environment variables.
func runWith(t *testing.T, edition, folder string, environment []string, script string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	module, err := filepath.Abs("LyncOps.psm1")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(ctx, witness.PowerShell(t), append([]string{"-NoProfile", "-NonInteractive", "-File", filepath.Join("testdata", script)}, arguments...)...)
	command.Env = append(os.Environ(), "PSHOST_EDITION="+edition, "LYNCOPS_TEST_FOLDER="+folder, "LYNCOPS_MODULE="+module,
		// No process lives long enough to earn back what translating its methods a second time costs.
		"DOTNET_TieredCompilation=0")
	command.Env = append(command.Env, environment...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, stdout.String(), stderr.String())
	}
	if stderr.Len() > 0 {
		t.Errorf("%s wrote to standard error:\n%s", script, stderr.String())
	}
	refuseSecret(t, "standard output", stdout.Bytes())
	refuseSecret(t, "standard error", stderr.Bytes())
	err = filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil {
			refuseSecret(t, path, content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return stdout.String()
}

// password is what the scenarios give as the password of a stored account; testdata/jobs.ps1 builds the same text from two halves.
const password = "Hunter2-Zebra"

func refuseSecret(t *testing.T, where string, content []byte) {
	t.Helper()
	if bytes.Contains(content, []byte(password)) || bytes.Contains(content, []byte(strings.ReplaceAll(password, "", "\x00")[1:])) {
		t.Errorf("the password stands in %s", where)
	}
}

// expectations turns the lines "ok NAME" and "FAIL NAME: WHY" of a script into subtests and gives the other lines.
func expectations(t *testing.T, output string) []string {
	t.Helper()
	var rest []string
	count, ended := 0, false
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		name, passed := strings.CutPrefix(line, "ok ")
		why, failed := strings.CutPrefix(line, "FAIL ")
		switch {
		case passed:
			count++
			t.Run(name, func(*testing.T) {})
		case failed:
			count++
			name, _, _ = strings.Cut(why, ":")
			t.Run(name, func(t *testing.T) { t.Error(why) })
		case line == "done":
			ended = true
		case line != "":
			rest = append(rest, line)
		}
	}
	if !ended || count == 0 {
		t.Errorf("the script stopped after %d expectations:\n%s", count, output)
	}
	return rest
}
