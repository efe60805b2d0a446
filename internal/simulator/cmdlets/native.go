package cmdlets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

// program is a Windows program: it writes as it would and returns its exit code.
type program func(ctx context.Context, m *machine, run nativeRun) int

type nativeRun struct {
	arguments      []string
	caller         deployment.Caller
	stdout, stderr io.Writer
}

func (r nativeRun) say(format string, args ...any) { fmt.Fprintf(r.stdout, format+"\r\n", args...) }

func (r nativeRun) fail(code int, format string, args ...any) int {
	fmt.Fprintf(r.stderr, format+"\r\n", args...)
	return code
}

// Native runs a Windows program, or an update package by its path.
func (m *machine) Native(ctx context.Context, name string, arguments []string, _ io.Reader, stdout, stderr io.Writer) (int, bool) {
	run := nativeRun{arguments: arguments, stdout: stdout, stderr: stderr,
		caller: deployment.Caller{User: m.user, Command: strings.TrimSpace(name + " " + strings.Join(arguments, " "))}}
	short := strings.ToLower(deployment.CleanPath(name))
	short = strings.TrimSuffix(short[strings.LastIndexByte(short, '\\')+1:], ".exe")
	if known := programNamed(short); known != nil && (!strings.ContainsAny(name, `\/`) || strings.Contains(strings.ToLower(name), `\system32\`)) {
		return known(ctx, m, run), true
	}
	path := name
	if !m.host.IsInstaller(path) {
		path += ".exe"
		if !m.host.IsInstaller(path) {
			return 0, false
		}
	}
	run.say("Checking service status...")
	exit, err := m.host.RunInstaller(ctx, run.caller, path, arguments)
	switch {
	case err != nil:
		return run.fail(1, "%v", err), true
	case exit == 0 || exit == deployment.ExitRebootRequired:
		run.say("SUCCESS: Successfully installed all applicable MSPs.")
	default:
		run.say("ERROR: the installation failed.")
	}
	return exit, true
}

func programNamed(name string) program {
	switch name {
	case "hostname":
		return func(_ context.Context, m *machine, r nativeRun) int { r.say("%s", m.host.NetBIOS()); return 0 }
	case "whoami":
		return func(_ context.Context, m *machine, r nativeRun) int { r.say("%s", strings.ToLower(m.user)); return 0 }
	case "icacls":
		return func(_ context.Context, _ *machine, r nativeRun) int {
			r.say("Successfully processed 1 files; Failed processing 0 files")
			return 0
		}
	case "shutdown":
		return runShutdown
	case "net", "net1":
		return runNet
	case "sc":
		return runSC
	case "schtasks":
		return runSchtasks
	case "secedit":
		return runSecedit
	}
	return nil
}

// option finds the value after a switch such as /t; the second result says whether the switch is there.
func (r nativeRun) option(name string) (string, bool) {
	for i, a := range r.arguments {
		if len(a) < 2 || (a[0] != '/' && a[0] != '-') || !strings.EqualFold(a[1:], name) {
			continue
		}
		if i+1 < len(r.arguments) {
			return strings.Trim(r.arguments[i+1], `"`), true
		}
		return "", true
	}
	return "", false
}

func runShutdown(_ context.Context, m *machine, r nativeRun) int {
	_, again := r.option("r")
	_, off := r.option("s")
	if _, abort := r.option("a"); abort || (!again && !off) {
		return r.fail(1, "The simulator's shutdown knows /r, /s and /t.")
	}
	delay := 30
	if text, given := r.option("t"); given {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 {
			return r.fail(87, "The parameter is incorrect.(87)")
		}
		delay = seconds
	}
	order := m.host.Shutdown
	if again {
		order = m.host.Restart
	}
	if err := order(r.caller, time.Duration(delay)*time.Second); err != nil {
		if errors.Is(err, deployment.ErrShutdownInProgress) {
			return r.fail(1115, "%v", err)
		}
		return r.fail(1, "%v", err)
	}
	return 0
}

func runNet(ctx context.Context, m *machine, r nativeRun) int {
	if len(r.arguments) < 2 {
		return r.fail(1, "The syntax of this command is: NET [ START | STOP ] service")
	}
	name := strings.Trim(strings.Join(r.arguments[1:], " "), `"`)
	name = strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(name, "/y"), "/Y"))
	s, found := m.host.Service(name)
	if !found {
		return r.fail(2, "The service name is invalid.\r\n\r\nMore help is available by typing NET HELPMSG 2185.")
	}
	switch strings.ToLower(r.arguments[0]) {
	case "stop":
		if s.Status == deployment.Stopped {
			return r.fail(2, "The %s service is not started.\r\n\r\nMore help is available by typing NET HELPMSG 3521.", s.DisplayName)
		}
		r.say("The %s service is stopping.", s.DisplayName)
		if err := m.host.StopService(ctx, r.caller, s.Name, false); err != nil {
			return r.fail(2, "%v", err)
		}
		r.say("The %s service was stopped successfully.", s.DisplayName)
	case "start":
		if s.Status == deployment.Running {
			return r.fail(2, "The requested service has already been started.\r\n\r\nMore help is available by typing NET HELPMSG 2182.")
		}
		r.say("The %s service is starting.", s.DisplayName)
		if err := m.host.StartService(ctx, r.caller, s.Name, false); err != nil {
			return r.fail(2, "The %s service could not be started.\r\n%v", s.DisplayName, err)
		}
		r.say("The %s service was started successfully.", s.DisplayName)
	default:
		return r.fail(1, "The simulator's net knows start and stop.")
	}
	return 0
}

var scStates = map[deployment.Status]string{deployment.Stopped: "1  STOPPED", deployment.StartPending: "2  START_PENDING", deployment.StopPending: "3  STOP_PENDING",
	deployment.Running: "4  RUNNING", deployment.Paused: "7  PAUSED"}

func runSC(ctx context.Context, m *machine, r nativeRun) int {
	if len(r.arguments) == 0 {
		return r.fail(1639, "sc: a command is missing")
	}
	command := strings.ToLower(r.arguments[0])
	if len(r.arguments) == 1 {
		if command != "query" {
			return r.fail(1639, "sc: a service is missing")
		}
		for _, s := range m.host.Services() {
			r.sayService(s)
		}
		return 0
	}
	s, found := m.host.Service(r.arguments[1])
	if !found {
		return r.fail(1060, "[SC] OpenService FAILED 1060:\r\n\r\nThe specified service does not exist as an installed service.")
	}
	var err error
	switch command {
	case "query", "queryex":
		r.sayService(s)
	case "qc":
		types := map[string]string{deployment.Automatic: "2   AUTO_START", deployment.Manual: "3   DEMAND_START", deployment.Disabled: "4   DISABLED"}
		r.say("SERVICE_NAME: %s\r\n        START_TYPE         : %s\r\n        DISPLAY_NAME       : %s", s.Name, types[s.StartType], s.DisplayName)
	case "stop":
		if s.Status == deployment.Stopped {
			return r.fail(1062, "[SC] ControlService FAILED 1062:\r\n\r\nThe service has not been started.")
		}
		if err = m.host.StopService(ctx, r.caller, s.Name, true); err == nil {
			s, _ = m.host.Service(s.Name)
			r.sayService(s)
		}
	case "start":
		if s.Status == deployment.Running {
			return r.fail(1056, "[SC] StartService FAILED 1056:\r\n\r\nAn instance of the service is already running.")
		}
		if err = m.host.StartService(ctx, r.caller, s.Name, true); err == nil {
			s, _ = m.host.Service(s.Name)
			r.sayService(s)
		}
	case "config":
		startTypes := map[string]string{"auto": deployment.Automatic, "demand": deployment.Manual, "disabled": deployment.Disabled}
		for i, a := range r.arguments {
			if value, ok := strings.CutPrefix(strings.ToLower(a), "start="); ok {
				if value == "" && i+1 < len(r.arguments) {
					value = strings.ToLower(r.arguments[i+1])
				}
				if err = m.host.SetStartType(r.caller, s.Name, startTypes[value]); err == nil {
					r.say("[SC] ChangeServiceConfig SUCCESS")
				}
			}
		}
	default:
		return r.fail(1639, "The simulator's sc knows query, qc, stop, start and config.")
	}
	if err != nil {
		return r.fail(1, "%v", err)
	}
	return 0
}

func (r nativeRun) sayService(s deployment.ServiceState) {
	r.say("\r\nSERVICE_NAME: %s\r\nDISPLAY_NAME: %s\r\n        TYPE               : 10  WIN32_OWN_PROCESS\r\n        STATE              : %s", s.Name, s.DisplayName, scStates[s.Status])
}

func runSchtasks(_ context.Context, m *machine, r nativeRun) int {
	name, named := r.option("tn")
	if named && !strings.HasPrefix(name, `\`) {
		name = `\` + name
	}
	has := func(option string) bool { _, ok := r.option(option); return ok }
	const missing = "ERROR: The system cannot find the file specified."
	switch {
	case has("create"):
		command, _ := r.option("tr")
		user, _ := r.option("ru")
		password, withPassword := r.option("rp")
		if name == "" || command == "" {
			return r.fail(1, "ERROR: Invalid syntax. /TN and /TR are mandatory.")
		}
		if user == "" {
			user = m.user
		}
		if _, exists := m.host.Task(name); exists && !has("f") {
			return r.fail(1, "ERROR: The task name \"%s\" already exists.", name)
		}
		if err := m.host.RegisterTask(r.caller, deployment.Task{Path: name, User: user, Command: command}, password, withPassword); err != nil {
			return r.fail(1, "ERROR: %v", err)
		}
		m.host.Record(r.caller, "the scheduled task "+name+" is created")
		r.say("SUCCESS: The scheduled task \"%s\" has successfully been created.", name)
	case has("run"):
		task, exists := m.host.Task(name)
		if !exists {
			return r.fail(1, missing)
		}
		if err := m.runTask(task); err != nil {
			return r.fail(1, "ERROR: %v", err)
		}
		r.say("SUCCESS: Attempted to run the scheduled task \"%s\".", name)
	case has("delete"):
		if !m.host.DeleteTask(name) {
			return r.fail(1, missing)
		}
		m.host.Record(r.caller, "the scheduled task "+name+" is deleted")
		r.say("SUCCESS: The scheduled task \"%s\" was successfully deleted.", name)
	case has("query"):
		found := false
		r.say("\"TaskName\",\"Next Run Time\",\"Status\"")
		for _, t := range m.host.Tasks() {
			if !named || strings.EqualFold(t.Path, name) {
				found = true
				r.say("\"%s\",\"N/A\",\"Ready\"", t.Path)
			}
		}
		if named && !found {
			return r.fail(1, missing)
		}
	default:
		return r.fail(1, "The simulator's schtasks knows /create, /run, /query and /delete.")
	}
	return 0
}

// runTask starts a task's command as its user; it lives until it ends or the host goes down.
func (m *machine) runTask(task deployment.Task) error {
	host := m.host
	// The task scheduler takes the order all the same; the program does not begin.
	if !host.TaskMayBegin(task.User) {
		host.Record(deployment.Caller{User: task.User, Command: task.Command}, "the task "+task.Path+" does not begin: its account may not log on as a batch job")
		return nil
	}
	return host.RunTask(task, func(ctx context.Context) {
		session := &machine{host: host, user: task.User, stdin: strings.NewReader(""), engine: m.engine}
		host.JudgeCommand(task.User, Texts(task.Command)...)
		powershell.ExecuteLine(ctx, session, task.Command, session.stdin, io.Discard, io.Discard)
	})
}
