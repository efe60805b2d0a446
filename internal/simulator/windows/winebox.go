package windows

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// WineboxVariable names the tool that makes Windows machines.
const WineboxVariable = "WINEBOX"

// ErrNoWindows says what is missing and how to get it.
var ErrNoWindows = errors.New("no Windows machines: they need wine64 (Debian: apt-get install --no-install-recommends wine64) and winebox (set WINEBOX=/path/to/winebox)")

// Find gives the tool that makes Windows machines: what $WINEBOX names, else winebox on the PATH, else shared/pwsh/winebox beside the
// folder that holds the repository. The error wraps ErrNoWindows where there is none, or where it says that it cannot work.
func Find(ctx context.Context) (string, error) {
	path, err := find()
	if err != nil {
		return "", err
	}
	if said, err := exec.CommandContext(ctx, path, "doctor").CombinedOutput(); err != nil { //nolint:gosec // the tool that the person at hand names
		for line := range strings.Lines(string(said)) {
			if strings.Contains(line, "missing") {
				return "", fmt.Errorf("%w: %s", ErrNoWindows, strings.TrimSpace(line))
			}
		}
		return "", fmt.Errorf("%w: %s doctor: %w", ErrNoWindows, path, err)
	}
	return path, nil
}

func find() (string, error) {
	if named := os.Getenv(WineboxVariable); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("$%s names no program: %w", WineboxVariable, err)
		}
		return filepath.Abs(path)
	}
	if found, err := exec.LookPath("winebox"); err == nil {
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
		beside := filepath.Join(filepath.Dir(folder), "shared", "pwsh", "winebox")
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	return "", ErrNoWindows
}

// winebox is the tool.
type winebox string

// endDelay is how long the ends of an ended program's pipes are waited for.
const endDelay = 2 * time.Second

// command prepares a call of the tool, whose processes are killed together when the context ends.
func (w winebox) command(ctx context.Context, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, string(w), arguments...) //nolint:gosec // the tool that Find gave
	command.SysProcAttr = ownGroup()
	command.Cancel = func() error { return killGroup(command.Process) }
	command.WaitDelay = endDelay
	return command
}

// run waits for a call of the tool; an error ends with what it said.
func (w winebox) run(ctx context.Context, arguments ...string) error {
	if said, err := w.command(ctx, arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("winebox %s: %w: %s", strings.Join(arguments, " "), err, strings.TrimSpace(string(said)))
	}
	return nil
}
