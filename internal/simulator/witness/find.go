// Package witness finds the programs of others that the simulator and the tests call on where they are there.
package witness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Find gives a program's full path: what the environment variable names, else the one of its name on the PATH, else the one in
// shared/pwsh beside the folder that holds the repository. The error is missing where there is none.
func Find(variable, name string, missing error) (string, error) {
	if named := os.Getenv(variable); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("$%s names no program: %w", variable, err)
		}
		return filepath.Abs(path)
	}
	if found, err := exec.LookPath(name); err == nil {
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
		beside := filepath.Join(filepath.Dir(folder), "shared", "pwsh", name)
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	return "", missing
}
