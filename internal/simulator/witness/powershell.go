package witness

import "errors"

// ErrNoPowerShell says what is missing and how to get it.
var ErrNoPowerShell = errors.New("no PowerShell engine: set PWSH=/path/to/pwsh or install PowerShell so that pwsh is on the PATH")

// FindPowerShell gives the PowerShell engine of this machine: what $PWSH names, else pwsh on the PATH, else shared/pwsh/pwsh beside the
// folder that holds the repository. The error is ErrNoPowerShell where there is none.
func FindPowerShell() (string, error) { return Find("PWSH", "pwsh", ErrNoPowerShell) }

// PowerShell gives a test the engine of this machine, or skips the test with what to do about it.
func PowerShell(t interface {
	Helper()
	Skip(reasons ...any)
	Fatal(reasons ...any)
}) string {
	t.Helper()
	found, err := FindPowerShell()
	switch {
	case errors.Is(err, ErrNoPowerShell):
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	return found
}
