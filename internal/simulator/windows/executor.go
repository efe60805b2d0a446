package windows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"lyncops.dev/operator/internal/simulator/bridge"
	"lyncops.dev/operator/internal/simulator/cmdlets"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
	"lyncops.dev/operator/internal/simulator/sessions"
	"lyncops.dev/operator/internal/simulator/wsman"
)

// Options say how machines are made.
type Options struct {
	// Winebox is the tool that Find gave; required.
	Winebox string
	// Program runs inside the machines, see ReadProgram; required. The packages of the deployment must have been made with it.
	Program []byte
	// Directory gets a folder for each machine, which Close removes; required.
	Directory string
	// TimeScale is that of the model; 0 means 1. Services know whole seconds only.
	TimeScale float64
	// Reuse lets the encoded scripts of a machine share a few processes of it, each in a session of its own. Scheduled tasks are processes of
	// their own all the same.
	Reuse bool
}

// readyWithin is how long all machines may take until every service runs.
const readyWithin = 5 * time.Minute

// exitNoMachine is what a command ends with that could not be run.
const exitNoMachine = 125

// Executor runs command lines in the machines. Its methods may be called from many goroutines at once.
type Executor struct {
	tool     winebox
	bridge   *bridge.Server
	guard    *guard
	machines map[*deployment.Host]*Machine
	ctx      context.Context
	cancel   context.CancelCauseFunc
	running  sync.WaitGroup
}

// New makes a machine for each host that has Lync, and returns when all their services run. When it fails nothing is left.
func New(ctx context.Context, model *deployment.Model, options Options) (*Executor, error) {
	if options.TimeScale == 0 {
		options.TimeScale = 1
	}
	e := &Executor{tool: winebox(options.Winebox), machines: map[*deployment.Host]*Machine{}}
	e.ctx, e.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { e.cancel(context.Cause(ctx)) })
	defer stop()
	if err := e.start(model, options); err != nil {
		e.Close()
		return nil, fmt.Errorf("windows machines: %w", err)
	}
	return e, nil
}

func (e *Executor) start(model *deployment.Model, options Options) error {
	if err := os.MkdirAll(options.Directory, 0o755); err != nil { //nolint:gosec // nothing secret is in it
		return err
	}
	var err error
	if e.bridge, err = bridge.Listen(e.ctx, e.find); err != nil {
		return err
	}
	var directories []string
	for _, description := range model.Description().Hosts {
		host, _ := model.Host(description.FQDN)
		if !host.HasLync() {
			continue
		}
		m := &Machine{tool: e.tool, directory: filepath.Join(options.Directory, strings.ToLower(host.NetBIOS())), host: host, description: description,
			options: options, orders: make(chan order, 16), jobs: map[string]bool{}, ctx: e.ctx}
		m.shared = sessions.NewPool(sharedProcesses, m.startShared)
		e.machines[host] = m
		directories = append(directories, m.directory)
	}
	if e.guard, err = startGuard(e.tool, options.Directory, directories); err != nil {
		return err
	}
	for host, m := range e.machines {
		token, _ := e.bridge.Open(host, "LocalSystem")
		host.Follow(m)
		e.running.Go(func() {
			err := m.prepare(e.ctx, e.bridge.Address(), token)
			if err == nil {
				m.PowerOn(0)
				err = m.run(e.ctx)
			}
			if err != nil {
				e.cancel(err)
			}
		})
	}
	return e.awaitServices(model)
}

// awaitServices returns when every service of every machine runs that is to run.
func (e *Executor) awaitServices(model *deployment.Model) error {
	deadline := time.NewTimer(readyWithin)
	defer deadline.Stop()
	for {
		changed := model.Changed()
		missing := ""
		for host := range e.machines {
			if !host.State().InService {
				missing = host.FQDN()
			}
		}
		if missing == "" {
			return nil
		}
		select {
		case <-changed:
		case <-e.ctx.Done():
			return context.Cause(e.ctx)
		case <-deadline.C:
			return fmt.Errorf("the services of %s did not run within %s", missing, readyWithin)
		}
	}
}

// Machine is the machine behind a host.
func (e *Executor) Machine(host *deployment.Host) (*Machine, bool) {
	m, found := e.machines[host]
	return m, found
}

var errClosed = errors.New("the simulator was closed")

// Close deletes the machines, with everything that runs in them.
func (e *Executor) Close() {
	e.cancel(errClosed)
	e.running.Wait()
	for _, m := range e.machines {
		m.shared.Close()
	}
	if e.bridge != nil {
		e.bridge.Close()
	}
	if e.guard != nil {
		e.guard.finish()
	}
}

// Execute runs a command line as a process of the host's machine, in a job as WinRM does. A host without Lync has no machine; the
// simulator's own interpreter answers for it.
func (e *Executor) Execute(ctx context.Context, host *deployment.Host, command wsman.Command) int {
	m, found := e.machines[host]
	if !found {
		return cmdlets.Run(ctx, host, command.User, command.Line, command.Stdin, command.Stdout, command.Stderr)
	}
	e.running.Add(1)
	defer e.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.ctx, cancel)()
	code, err := m.execute(ctx, command)
	if err != nil {
		fmt.Fprintf(command.Stderr, "%v\r\n", err)
	}
	return code
}

// execute runs a command line in the machine.
func (m *Machine) execute(ctx context.Context, command wsman.Command) (int, error) {
	if m.options.Reuse {
		if line, can := shareable(command.Line); can {
			return m.share(ctx, line.Command, command)
		}
	}
	return m.Execute(ctx, words(command.Line), command.Stdin, command.Stdout, command.Stderr)
}

// Execute runs a program in the machine and gives its exit code.
func (m *Machine) Execute(ctx context.Context, arguments []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	file, err := os.CreateTemp("", "lyncsim-exit-")
	if err != nil {
		return exitNoMachine, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	call := m.tool.command(ctx, append([]string{"exec", m.directory, "--job", "--rc", file.Name(), "--"}, arguments...)...)
	call.Stdout, call.Stderr = stdout, stderr
	input, err := call.StdinPipe()
	if err != nil {
		return exitNoMachine, err
	}
	if err := call.Start(); err != nil {
		return exitNoMachine, err
	}
	// Whoever reads from the client until it says that there is no more must not keep a program that has ended.
	go func() { // ends with the command's own context at the latest
		if stdin != nil {
			_, _ = io.Copy(input, stdin)
		}
		_ = input.Close()
	}()
	failed := call.Wait()
	if ctx.Err() != nil {
		return exitNoMachine, context.Cause(ctx)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		return exitNoMachine, err
	}
	code, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return exitNoMachine, fmt.Errorf("the program gave no exit code: %w", errors.Join(failed, err))
	}
	return code, nil
}

// words takes a command line apart. One of powershell.exe is run as it is, everything else by cmd.exe.
func words(line string) []string {
	if fields := strings.Fields(line); len(fields) > 0 && !strings.ContainsAny(line, `"&|<>^%`) {
		name := strings.ToLower(fields[0])
		if name == "powershell" || name == "powershell.exe" {
			return fields
		}
	}
	return []string{"cmd", "/c", line}
}

// find gives the commands with which the program inside a machine tells what it sees and does.
func (e *Executor) find(host *deployment.Host, user, name string) (powershell.Command, bool) {
	text := func(call powershell.Invocation, name string) string {
		given, _ := call.Parameters[name].(string)
		return given
	}
	switch name {
	case "LyncSim-Observe":
		return func(_ context.Context, call powershell.Invocation, _ powershell.Streams) ([]powershell.Value, error) {
			var seen deployment.Observation
			if err := json.Unmarshal([]byte(text(call, "state")), &seen); err != nil {
				return nil, err
			}
			return nil, host.Observe(seen)
		}, true
	case "LyncSim-Install":
		return func(ctx context.Context, call powershell.Invocation, _ powershell.Streams) ([]powershell.Value, error) {
			arguments := text(call, "arguments")
			caller := deployment.Caller{User: user, Command: text(call, "file") + " " + arguments}
			code, err := host.InstallPackage(ctx, caller, text(call, "digest"), strings.Fields(arguments))
			if err != nil {
				return nil, err
			}
			return []powershell.Value{int64(code)}, nil
		}, true
	}
	return nil, false
}
