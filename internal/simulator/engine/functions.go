package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"lyncops.dev/operator/internal/simulator/cmdlets"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

// forwarded are the cmdlets of Windows that are answered by the model whoever asks; the prelude decides about the rest.
func forwarded() []string {
	return slices.DeleteFunc(cmdlets.WindowsCommands(), func(name string) bool { return name == "Get-ItemProperty" })
}

// windowsPrograms are those of the simulator.
var windowsPrograms = []string{"icacls", "shutdown", "hostname", "whoami", "schtasks", "secedit", "net", "sc"}

// programFunctions is the PowerShell text of a function for each of them, with and without its ending. Text, and not closures made while
// the prelude runs: those cost each session more than everything else in it.
func programFunctions() string {
	var text strings.Builder
	for _, program := range windowsPrograms {
		names := []string{program + ".exe", program}
		if program == "sc" {
			names = names[:1] // sc alone is Set-Content
		}
		for _, name := range names {
			fmt.Fprintf(&text, "function global:%s { Invoke-LyncSimProgram '%s' $args }\n", name, program)
		}
	}
	return text.String()
}

// function answers what the prelude asks beside cmdlets.
type function func(ctx context.Context, e *Executor, host *deployment.Host, user string, call powershell.Invocation) (powershell.Value, error)

var functions = map[string]function{
	"LyncSim-RegistryKey":  registryKey,
	"LyncSim-TaskService":  taskService,
	"LyncSim-Native":       native,
	"LyncSim-StartProcess": startProcess,
	"LyncSim-WaitProcess":  waitProcess,
	"LyncSim-EndProcess":   endProcess,
	"LyncSim-WinRMSetting": winRMSetting,
	"LyncSim-FreeBytes":    freeBytes,
	"LyncSim-SQL":          sqlConnection,
	"LyncSim-Listeners":    listeners,
	"LyncSim-Identity":     identity,
}

// find is the bridge's Finder.
func (e *Executor) find(host *deployment.Host, user, name string) (powershell.Command, bool) {
	run, known := functions[name]
	if !known {
		return nil, false
	}
	return func(ctx context.Context, call powershell.Invocation, _ powershell.Streams) ([]powershell.Value, error) {
		value, err := run(ctx, e, host, user, call)
		return []powershell.Value{value}, err
	}, true
}

func text(call powershell.Invocation, name string) string {
	if value := call.Parameters[name]; value != nil {
		return fmt.Sprint(value)
	}
	return ""
}

func number(call powershell.Invocation, name string) int {
	value, _ := call.Parameters[name].(int64)
	return int(value)
}

func taskService(_ context.Context, e *Executor, host *deployment.Host, user string, _ powershell.Invocation) (powershell.Value, error) {
	return cmdlets.TaskService(host, user, e.runTask), nil
}

func freeBytes(_ context.Context, _ *Executor, host *deployment.Host, _ string, _ powershell.Invocation) (powershell.Value, error) {
	return host.FreeDiskBytes(), nil
}

func listeners(_ context.Context, _ *Executor, host *deployment.Host, _ string, _ powershell.Invocation) (powershell.Value, error) {
	ports := []powershell.Value{}
	for _, port := range host.Listening() {
		ports = append(ports, int64(port))
	}
	return ports, nil
}

// identity is an account or group with the identifiers of its groups; nil where there is none of that name.
func identity(_ context.Context, _ *Executor, host *deployment.Host, _ string, call powershell.Invocation) (powershell.Value, error) {
	who, known := host.Identity(text(call, "name"))
	if !known {
		return nil, nil
	}
	groups := []powershell.Value{}
	for _, name := range who.Groups {
		if group, known := host.Identity(name); known {
			groups = append(groups, group.SID)
		}
	}
	return powershell.NewObject(powershell.CustomObjectType, "Name", who.Name, "SID", who.SID, "Groups", groups), nil
}

// native runs a Windows program and gives its exit code and what it printed.
func native(ctx context.Context, e *Executor, host *deployment.Host, user string, call powershell.Invocation) (powershell.Value, error) {
	var arguments []string
	list, _ := call.Parameters["arguments"].([]powershell.Value)
	for _, one := range list {
		arguments = append(arguments, fmt.Sprint(one))
	}
	var stdout, stderr bytes.Buffer
	code, found := cmdlets.Native(ctx, host, user, e.run, text(call, "name"), arguments, &stdout, &stderr)
	if !found {
		return nil, fmt.Errorf("there is no program %s", text(call, "name"))
	}
	return powershell.NewObject(powershell.CustomObjectType, "Code", int64(code), "Output", stdout.String(), "Error", stderr.String()), nil
}

// winRMSettings are what a server has by default.
var winRMSettings = map[string]string{"maxenvelopesizekb": "500", `service\maxconcurrentoperationsperuser`: "1500", `shell\maxconcurrentusers`: "10",
	`shell\maxshellsperuser`: "30", `shell\maxprocessespershell`: "25", `shell\maxmemorypershellmb`: "1024"}

func winRMSetting(_ context.Context, _ *Executor, _ *deployment.Host, _ string, call powershell.Invocation) (powershell.Value, error) {
	path := strings.ToLower(strings.TrimPrefix(text(call, "path"), `WSMan:\localhost\`))
	value, known := winRMSettings[path]
	if !known {
		return nil, nil
	}
	return powershell.NewObject("Microsoft.WSMan.Management.WSManConfigLeafElement", "Name", filepath.Base(strings.ReplaceAll(text(call, "path"), `\`, "/")), "Value", value), nil
}

// programs are the update packages that were started.
type programs struct {
	mu      sync.Mutex
	running map[int]*program
}

type program struct {
	ended chan struct{}
	// exit is to be read after ended is closed.
	exit int
}

func newPrograms() *programs { return &programs{running: map[int]*program{}} }

// startProcess starts an update package as a process of the host, which outlives who started it. It gives its number.
func startProcess(_ context.Context, e *Executor, host *deployment.Host, user string, call powershell.Invocation) (powershell.Value, error) {
	path := host.Files().WindowsPath(text(call, "path"))
	if !host.IsInstaller(path) {
		return nil, fmt.Errorf("The specified executable is not a valid application for this OS platform: %s", path)
	}
	line := text(call, "arguments")
	caller := deployment.Caller{User: user, Command: strings.TrimSpace(path + " " + line)}
	p := &program{ended: make(chan struct{})}
	started, err := host.SpawnProcess(filepath.Base(strings.ReplaceAll(path, `\`, "/")), number(call, "parent"), func(ctx context.Context) {
		defer close(p.ended)
		exit, err := host.RunInstaller(ctx, caller, path, powershell.SplitCommandLine("x " + line)[1:])
		p.exit = exit
		if err != nil {
			p.exit = 1
		}
	})
	if err != nil {
		return nil, err
	}
	e.programs.mu.Lock()
	defer e.programs.mu.Unlock()
	e.programs.running[started.ID] = p
	return int64(started.ID), nil
}

// waitProcess waits for a started program for some milliseconds (without end where they are negative), and gives its exit code or nil.
func waitProcess(ctx context.Context, e *Executor, _ *deployment.Host, _ string, call powershell.Invocation) (powershell.Value, error) {
	e.programs.mu.Lock()
	p := e.programs.running[number(call, "id")]
	e.programs.mu.Unlock()
	if p == nil {
		return nil, errors.New("No process is associated with this object.")
	}
	if milliseconds := number(call, "milliseconds"); milliseconds >= 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(milliseconds)*time.Millisecond)
		defer cancel()
	}
	select {
	case <-p.ended:
		return int64(p.exit), nil
	case <-ctx.Done():
		return nil, nil
	}
}

func endProcess(_ context.Context, _ *Executor, host *deployment.Host, _ string, call powershell.Invocation) (powershell.Value, error) {
	return host.EndProcess(number(call, "id")), nil
}
