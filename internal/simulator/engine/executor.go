package engine

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"lyncops.dev/operator/internal/simulator/bridge"
	"lyncops.dev/operator/internal/simulator/cmdlets"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
	"lyncops.dev/operator/internal/simulator/sessions"
	"lyncops.dev/operator/internal/simulator/wsman"
)

// Options say which engine runs the commands, and how.
type Options struct {
	// Program is the engine, such as witness.FindPowerShell gives it; required.
	Program string
	// Edition is the dialect that the engine imitates, Desktop (the default, Windows PowerShell) or Core. Only the engine of its last
	// place knows it.
	Edition string
	// Directory gets the scripts and modules that stand in for Windows; required.
	Directory string
	// TimeScale is that of the model: Start-Sleep is that much shorter. 0 means 1.
	TimeScale float64
	// Reuse lets questions, orders and scheduled tasks share a few processes, each command in a session of its own: a question then costs
	// a sixth. The process ends where that of the command would be killed. What is not one encoded script has its own process all the same.
	Reuse bool
}

// Executor runs command lines that reach a host over WinRM: powershell.exe is a process of the engine, one for each command; what
// cmd.exe does, and what Ansible sends, stays with the simulator. Its methods may be called from many goroutines at once.
type Executor struct {
	options  Options
	bridge   *bridge.Server
	packages *packages
	programs *programs
	shared   *sessions.Pool
	types    string
	prelude  string
	temp     string
	// shares is where processes begin, and holds what file shares hold.
	shares string
	// name tells this computer's simulators apart.
	name string
}

// The scripts that stand in for Windows.
var (
	//go:embed types.ps1
	types string
	//go:embed prelude.ps1
	prelude string
)

// stopDelay is how long the ends of a killed process's pipes are waited for.
const stopDelay = 2 * time.Second

// New prepares a folder for the engine's processes. The model must have its hosts' disks in a folder (deployment.Options.Disks).
func New(ctx context.Context, model *deployment.Model, options Options) (*Executor, error) {
	for _, host := range model.Hosts() {
		if host.Files().Folder() == "" {
			return nil, errors.New("engine: the hosts' disks are in memory, where no process can reach them")
		}
	}
	directory, err := filepath.Abs(options.Directory)
	if err != nil {
		return nil, err
	}
	options.Directory = directory
	e := &Executor{options: options, types: filepath.Join(directory, "types.ps1"), prelude: filepath.Join(directory, "prelude.ps1"),
		temp: filepath.Join(directory, "tmp"), shares: filepath.Join(directory, "shares"), programs: newPrograms(), name: rand.Text()}
	e.shared = e.newShared()
	if err := e.prepare(ctx, model); err != nil {
		e.Close()
		return nil, fmt.Errorf("engine: %w", err)
	}
	return e, nil
}

func (e *Executor) prepare(ctx context.Context, model *deployment.Model) (err error) {
	if e.bridge, err = bridge.Listen(ctx, e.find); err != nil {
		return err
	}
	if e.packages, err = servePackages(ctx, model, e.options.Directory); err != nil {
		return err
	}
	if err := os.MkdirAll(e.temp, 0o700); err != nil {
		return err
	}
	if err := writeShares(model, e.shares); err != nil {
		return err
	}
	for _, host := range model.Hosts() {
		if err := e.writeModule(host); err != nil {
			return err
		}
	}
	for file, contents := range map[string]string{e.types: types, e.prelude: bridge.Client("", "") + bridge.Functions("global:", forwarded()) + programFunctions() + prelude,
		filepath.Join(e.options.Directory, "worker.ps1"): sessions.Worker} {
		if err := os.WriteFile(file, []byte(contents), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// writeModule gives a host the module of its product, if it has one.
func (e *Executor) writeModule(host *deployment.Host) error {
	if !host.HasLync() {
		return nil
	}
	folder := filepath.Join(e.modulesOf(host), host.ModuleName())
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, host.ModuleName()+".psm1"), []byte(bridge.LyncModule(host, "", "")), 0o600)
}

func (e *Executor) modulesOf(host *deployment.Host) string {
	return filepath.Join(e.options.Directory, "modules", strings.ToLower(host.FQDN()))
}

// Close ends what serves the processes. The processes themselves end with their commands' contexts and with the model.
func (e *Executor) Close() {
	e.shared.Close()
	if e.bridge != nil {
		e.bridge.Close()
	}
	if e.packages != nil {
		e.packages.close()
	}
}

// Execute runs one command line as cmd.exe does, and powershell.exe in it by the engine.
func (e *Executor) Execute(ctx context.Context, host *deployment.Host, command wsman.Command) int {
	return cmdlets.RunWith(ctx, e.run, host, command.User, command.Line, command.Stdin, command.Stdout, command.Stderr)
}

// run is powershell.exe.
func (e *Executor) run(ctx context.Context, host *deployment.Host, user string, arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	line := powershell.ParseArguments(arguments)
	if line.Problem != "" {
		_, _ = io.WriteString(stderr, line.Problem+"\r\n")
		return 1
	}
	if e.options.Reuse && line.Encoded && !line.FromInput {
		return e.share(ctx, host, user, line, stdin, stdout, stderr)
	}
	return e.runAlone(ctx, host, user, line, stdin, stdout, stderr)
}

// runTask is powershell.exe for the task scheduler.
func (e *Executor) runTask(ctx context.Context, host *deployment.Host, user string, arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if line := powershell.ParseArguments(arguments); e.options.Reuse && line.Problem == "" && line.Command != "" {
		return e.share(ctx, host, user, line, stdin, stdout, stderr)
	}
	return e.run(ctx, host, user, arguments, stdin, stdout, stderr)
}

// runAlone is powershell.exe as a process of its own.
func (e *Executor) runAlone(ctx context.Context, host *deployment.Host, user string, line powershell.CommandLine, stdin io.Reader, stdout, stderr io.Writer) int {
	process, err := e.process(ctx, host, user, line, stdin)
	if err != nil {
		_, _ = io.WriteString(stderr, err.Error()+"\r\n")
		return 1
	}
	token, forget := e.bridge.Open(host, user)
	defer forget()
	process.Env = append(process.Env, bridge.AddressVariable+"="+e.bridge.Address(), bridge.TokenVariable+"="+token)
	process.Stdout, process.Stderr = stdout, stderr
	if err := process.Start(); err != nil {
		_, _ = io.WriteString(stderr, err.Error()+"\r\n")
		return 1
	}
	gone, err := host.AdoptProcess(ctx, deployment.Process{ID: process.Process.Pid, Name: "powershell.exe", Started: time.Now().UTC()}, func() { kill(process) })
	if err != nil {
		kill(process)
	} else {
		defer gone()
	}
	// How it ended is in its state; that pipes were cut off after a kill is no news.
	_ = process.Wait()
	kill(process)
	host.Files().Audit()
	if code := process.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	return 1
}

// process is the engine's process for what a command line of powershell.exe asks for.
func (e *Executor) process(ctx context.Context, host *deployment.Host, user string, line powershell.CommandLine, stdin io.Reader) (*exec.Cmd, error) {
	begin := ". '" + strings.ReplaceAll(e.types, "'", "''") + "'; . '" + strings.ReplaceAll(e.prelude, "'", "''") + "'; "
	arguments := []string{"-NoProfile", "-NonInteractive"}
	switch {
	case line.Help:
		arguments = append(arguments, "-Help")
	case line.FromInput:
		arguments = append(arguments, "-Command", "-")
		stdin = io.MultiReader(strings.NewReader(begin+"\n"), stdin)
	case line.File != "":
		place, ok := host.Files().RealPath(line.File)
		if !ok {
			return nil, fmt.Errorf("The argument '%s' to the -File parameter does not exist.", line.File)
		}
		arguments = append(arguments, "-EncodedCommand", encode(begin+"& '"+place+"' "+strings.Join(quoted(line.Arguments), " ")+"; exit $LASTEXITCODE"))
	case strings.Contains(strings.ToLower(line.Command), "$input"):
		// The engine gives its input to a script that says so itself.
		arguments = append(arguments, "-EncodedCommand", encode(begin+line.Command))
	default:
		// Read only when what stands in for .NET's types is there, because a type's name is bound when a script is read.
		arguments = append(arguments, "-EncodedCommand", encode(begin+". ([scriptblock]::Create([System.Text.Encoding]::Unicode.GetString([System.Convert]::FromBase64String('"+
			encode(line.Command)+"'))))"))
	}
	process := exec.CommandContext(ctx, e.options.Program, arguments...) //nolint:gosec // running commands is what this is for
	process.Env = append(e.common(), e.environment(host, user, line)...)
	process.Dir = e.shares
	process.SysProcAttr = attributes()
	process.WaitDelay = stopDelay
	process.Cancel = func() error { kill(process); return nil }
	pipe, err := process.StdinPipe()
	if err != nil {
		return nil, err
	}
	// Not waited for: a command may end before its input does.
	go func() {
		defer pipe.Close()
		_, _ = io.Copy(pipe, stdin)
	}()
	return process, nil
}

func quoted(words []string) []string {
	var list []string
	for _, word := range words {
		if !strings.HasPrefix(word, "-") {
			word = "'" + strings.ReplaceAll(word, "'", "''") + "'"
		}
		list = append(list, word)
	}
	return list
}

func encode(script string) string {
	units := utf16.Encode([]rune(script))
	text := make([]byte, 0, 2*len(units))
	for _, unit := range units {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	return base64.StdEncoding.EncodeToString(text)
}

// common is what the environment of every process of the engine has.
func (e *Executor) common() []string {
	edition := e.options.Edition
	if edition == "" {
		edition = "Desktop"
	}
	return []string{"PATH=/usr/bin:/bin", "HOME=" + e.temp, "TMPDIR=" + e.temp, "DOTNET_CLI_TELEMETRY_OPTOUT=1",
		// No process lives long enough to earn back what compiling its methods a second time costs.
		"DOTNET_TieredPGO=0", "DOTNET_TC_CallCounting=0",
		// The engine reads this one when it starts.
		"SSL_CERT_FILE=" + e.packages.bundle,
		"PSHOST_EDITION=" + edition, "PSHOST_NEWLINE=crlf"}
}

// environment is that of a process on the host. Folders are those of this computer: .NET and programs know no drive C here.
func (e *Executor) environment(host *deployment.Host, user string, line powershell.CommandLine) []string {
	drive := host.Files().Folder()
	stderr := "text"
	if (line.Encoded && line.Output != "text") || line.Output == "xml" {
		stderr = "clixml"
	}
	scale := e.options.TimeScale
	if scale == 0 {
		scale = 1
	}
	policy := line.Policy
	if policy == "" {
		policy = "RemoteSigned"
	}
	set := []string{
		"PSHOST_STDERR=" + stderr, "PSModulePath=" + e.modulesOf(host),
		"ProgramData=" + filepath.Join(drive, "ProgramData"), "ProgramFiles=" + filepath.Join(drive, "Program Files"),
		"CommonProgramFiles=" + filepath.Join(drive, "Program Files", "Common Files"), "SystemRoot=" + filepath.Join(drive, "Windows"),
		"windir=" + filepath.Join(drive, "Windows"), "SystemDrive=" + drive, "TEMP=" + filepath.Join(drive, "Windows", "Temp"),
		"https_proxy=" + e.packages.proxyOf(host),
		"LYNCSIM_FQDN=" + host.FQDN(), "LYNCSIM_POLICY=" + policy, "LYNCSIM_USER=" + user,
		"LYNCSIM_HOST=" + e.name + "-" + strings.ToLower(host.NetBIOS()),
		"LYNCSIM_BOOT=" + strconv.FormatInt(host.BootTime().UnixMilli(), 10),
		"LYNCSIM_TIME_SCALE=" + strconv.FormatFloat(scale, 'g', -1, 64),
	}
	for _, name := range []string{"COMPUTERNAME", "USERNAME", "USERDOMAIN", "USERDNSDOMAIN", "OS", "PROCESSOR_ARCHITECTURE"} {
		set = append(set, name+"="+cmdlets.Environment(host, user, name))
	}
	return set
}
