package windows

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"lyncops.dev/operator/internal/simulator/witness"
)

// WineboxVariable names the tool that makes Windows machines.
const WineboxVariable = "WINEBOX"

// ErrNoWindows says what is missing and how to get it.
var ErrNoWindows = errors.New("no Windows machines: they need wine64 (Debian: apt-get install --no-install-recommends wine64) and winebox (set WINEBOX=/path/to/winebox)")

// Find gives the tool that makes Windows machines: what $WINEBOX names, else winebox on the PATH, else shared/pwsh/winebox beside the
// folder that holds the repository. The error wraps ErrNoWindows where there is none, or where it says that it cannot work.
func Find(ctx context.Context) (string, error) {
	path, err := witness.Find(WineboxVariable, "winebox", ErrNoWindows)
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
