package windows

import (
	"context"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"lyncops.dev/operator/internal/simulator/powershell"
	"lyncops.dev/operator/internal/simulator/sessions"
	"lyncops.dev/operator/internal/simulator/wsman"
)

const (
	// sharedProcesses is how many processes of a machine its commands share.
	sharedProcesses = 2
	// sharedPolicy is the execution policy of those processes.
	sharedPolicy   = "RemoteSigned"
	workerFile     = programFolder + "/worker.ps1"
	sessionsFolder = programFolder + "/sessions"
)

// shareable says whether a command line may run in a session of a shared process: it is powershell.exe with one encoded script.
func shareable(line string) (powershell.CommandLine, bool) {
	list := words(line)
	if list[0] == "cmd" {
		return powershell.CommandLine{}, false
	}
	said := powershell.ParseArguments(list[1:])
	return said, said.Problem == "" && said.Encoded && !said.FromInput && strings.EqualFold(said.Policy, sharedPolicy)
}

// share runs a script in a process that others use before and after.
func (m *Machine) share(ctx context.Context, script string, command wsman.Command) (int, error) {
	input := ""
	// A command that does not read leaves its input open.
	if sessions.ReadsInput(script) {
		text, err := io.ReadAll(command.Stdin)
		if err != nil {
			return exitNoMachine, err
		}
		input = string(text)
	}
	one, err := m.shared.Take(ctx)
	if err != nil {
		return exitNoMachine, err
	}
	answer, err := one.Run(ctx, script, nil, input)
	if err != nil || ctx.Err() != nil {
		m.shared.End(one)
		return exitNoMachine, err
	}
	m.shared.Return(one)
	_, _ = io.WriteString(command.Stdout, answer.Output)
	_, _ = io.WriteString(command.Stderr, answer.Error)
	return answer.Code, nil
}

// startShared starts a process for scripts. It ends with the machine.
func (m *Machine) startShared() (*sessions.Process, error) {
	disk := filepath.Join(m.directory, "drive_c")
	if err := os.MkdirAll(filepath.Join(disk, sessionsFolder), 0o755); err != nil { //nolint:gosec // the machine's own folders
		return nil, err
	}
	folder, err := os.MkdirTemp(filepath.Join(disk, sessionsFolder), "")
	if err != nil {
		return nil, err
	}
	inside := path.Join(sessionsFolder, filepath.Base(folder))
	process := m.tool.command(m.ctx, "exec", m.directory, "--job", "--", "powershell.exe", "-NoProfile", "-NonInteractive",
		"-ExecutionPolicy", sharedPolicy, "-File", windowsPath(workerFile))
	return sessions.Start(process, func() { _ = killGroup(process.Process) }, folder, func(name string) string { return windowsPath(path.Join(inside, name)) })
}

// windowsPath is what a machine calls a file of its disk.
func windowsPath(file string) string { return `C:\` + strings.ReplaceAll(file, "/", `\`) }
