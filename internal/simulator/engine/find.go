package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNoEngine says what is missing and how to get it.
var ErrNoEngine = errors.New("no PowerShell engine: set PWSH=/path/to/pwsh or install PowerShell so that pwsh is on the PATH")

// Find gives the PowerShell engine of this machine: what $PWSH names, else pwsh on the PATH, else shared/pwsh/pwsh beside the
// folder that holds the repository. The error is ErrNoEngine where there is none.
func Find() (string, error) {
	if named := os.Getenv("PWSH"); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("$PWSH names no program: %w", err)
		}
		return filepath.Abs(path)
	}
	if found, err := exec.LookPath("pwsh"); err == nil {
		return filepath.Abs(found)
	}
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err != nil {
			continue
		}
		beside := filepath.Join(filepath.Dir(folder), "shared", "pwsh", "pwsh")
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	return "", ErrNoEngine
}
