package engine

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"lyncops.dev/operator/internal/simulator/bridge"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
	"lyncops.dev/operator/internal/simulator/sessions"
)

// spareProcesses is how many shared processes there are beside one for each processor: what runs long, such as a job, mostly waits.
const spareProcesses = 4

func (e *Executor) newShared() *sessions.Pool {
	return sessions.NewPool(runtime.NumCPU()+spareProcesses, e.startShared)
}

// startShared starts a process for any host; what belongs to one comes with each request.
func (e *Executor) startShared() (*sessions.Process, error) {
	folder, err := os.MkdirTemp(e.options.Directory, "shared-")
	if err != nil {
		return nil, err
	}
	//nolint:gosec,noctx // running commands is what this is for, and the process outlives the first of them
	process := exec.Command(e.options.Program, "-NoProfile", "-NonInteractive", "-File", filepath.Join(e.options.Directory, "worker.ps1"), e.types, e.prelude)
	process.Env = e.common()
	process.Dir = e.shares
	process.SysProcAttr = attributes()
	return sessions.Start(process, func() { kill(process) }, folder, func(name string) string { return filepath.Join(folder, name) })
}

// share is powershell.exe with a script, in a process that others use before and after.
func (e *Executor) share(ctx context.Context, host *deployment.Host, user string, line powershell.CommandLine, stdin io.Reader, stdout, stderr io.Writer) int {
	input := ""
	// A command that does not read leaves its input open.
	if sessions.ReadsInput(line.Command) {
		text, err := io.ReadAll(stdin)
		if err != nil {
			return 1
		}
		input = string(text)
	}
	one, err := e.shared.Take(ctx)
	if err != nil {
		_, _ = io.WriteString(stderr, err.Error()+"\r\n")
		return 1
	}
	token, forget := e.bridge.Open(host, user)
	defer forget()
	var answer sessions.Answer
	gone, err := host.AdoptProcess(ctx, deployment.Process{ID: one.ID(), Name: "powershell.exe", Started: time.Now().UTC()}, one.Kill)
	if err == nil {
		answer, err = one.Run(ctx, line.Command, append(e.environment(host, user, line), bridge.AddressVariable+"="+e.bridge.Address(), bridge.TokenVariable+"="+token), input)
		gone()
	}
	host.Files().Audit()
	if err != nil || ctx.Err() != nil {
		e.shared.End(one)
		if err != nil {
			_, _ = io.WriteString(stderr, err.Error()+"\r\n")
		}
		return 1
	}
	e.shared.Return(one)
	_, _ = io.WriteString(stdout, answer.Output)
	_, _ = io.WriteString(stderr, answer.Error)
	return answer.Code
}
