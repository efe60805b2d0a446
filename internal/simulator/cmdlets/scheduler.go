package cmdlets

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

// Schedule.Service, as far as scripts that register a task of their own and run it go: Connect, GetFolder, CreateFolder, RegisterTask, GetTask,
// DeleteTask, Run, State.

const (
	taskStateReady   = 3
	taskStateRunning = 4
	// systemSID is LocalSystem.
	systemSID = "S-1-5-18"
)

var errNoSuchTask = errors.New("The system cannot find the file specified. (Exception from HRESULT: 0x80070002)")

// TaskService is the COM object Schedule.Service of a host, for a user whose tasks run powershell.exe by an engine (nil for the
// interpreter).
func TaskService(host *deployment.Host, user string, engine Engine) *powershell.Object {
	m := &machine{host: host, user: user, engine: engine}
	service := powershell.NewObject("System.__ComObject")
	service.SetMethod("Connect", func(context.Context, []powershell.Value) (powershell.Value, error) { return nil, nil })
	service.SetMethod("GetFolder", func(_ context.Context, arguments []powershell.Value) (powershell.Value, error) {
		path := argument(arguments, 0)
		if strings.Trim(path, `\`) != "" && !m.host.HasTaskFolder(path) {
			return nil, errNoSuchTask
		}
		return m.taskFolder(path), nil
	})
	return service
}

func argument(arguments []powershell.Value, position int) string {
	if position >= len(arguments) || arguments[position] == nil {
		return ""
	}
	return fmt.Sprint(arguments[position])
}

func (m *machine) taskFolder(path string) *powershell.Object {
	path = strings.TrimRight(path, `\`)
	folder := powershell.NewObject("System.__ComObject", "Path", path)
	folder.SetMethod("CreateFolder", func(_ context.Context, arguments []powershell.Value) (powershell.Value, error) {
		child := path + `\` + strings.Trim(argument(arguments, 0), `\`)
		m.host.CreateTaskFolder(child)
		return m.taskFolder(child), nil
	})
	folder.SetMethod("RegisterTask", func(_ context.Context, arguments []powershell.Value) (powershell.Value, error) {
		return m.registerTask(path, arguments)
	})
	folder.SetMethod("GetTask", func(_ context.Context, arguments []powershell.Value) (powershell.Value, error) {
		task, ok := m.host.Task(path + `\` + argument(arguments, 0))
		if !ok {
			return nil, errNoSuchTask
		}
		return m.task(task), nil
	})
	folder.SetMethod("DeleteTask", func(_ context.Context, arguments []powershell.Value) (powershell.Value, error) {
		name := path + `\` + argument(arguments, 0)
		if !m.host.DeleteTask(name) {
			return nil, errNoSuchTask
		}
		m.host.Record(deployment.Caller{User: m.user, Command: "DeleteTask " + name}, "the scheduled task "+name+" is deleted")
		return nil, nil
	})
	return folder
}

// taskXML is what of a task's definition has an effect here.
type taskXML struct {
	User    string `xml:"Principals>Principal>UserId"`
	Actions []struct {
		Command   string `xml:"Command"`
		Arguments string `xml:"Arguments"`
	} `xml:"Actions>Exec"`
}

// registerTask takes the arguments of ITaskFolder::RegisterTask: path, text, flags, user, password, logon type, security descriptor.
func (m *machine) registerTask(folder string, arguments []powershell.Value) (powershell.Value, error) {
	var definition taskXML
	if err := xml.Unmarshal([]byte(argument(arguments, 1)), &definition); err != nil {
		return nil, fmt.Errorf("The task XML is malformed. (Exception from HRESULT: 0x8004131A): %w", err)
	}
	if len(definition.Actions) != 1 {
		return nil, errors.New("The simulator's task scheduler takes tasks with one program.")
	}
	task := deployment.Task{Path: folder + `\` + argument(arguments, 0), User: argument(arguments, 3),
		Command: definition.Actions[0].Command + " " + definition.Actions[0].Arguments}
	if task.User == "" {
		task.User = definition.User
	}
	if strings.EqualFold(task.User, systemSID) {
		task.User = "LocalSystem"
	}
	password := argument(arguments, 4)
	caller := deployment.Caller{User: m.user, Command: "RegisterTask " + task.Path}
	m.host.JudgeLowerBuild(caller, task.Path+" "+task.Command)
	// A managed account's password is known to the server, not to us.
	needsPassword := password != "" || (task.User != "LocalSystem" && !strings.HasSuffix(task.User, "$"))
	_, again := m.host.Task(task.Path)
	if err := m.host.RegisterTask(caller, task, password, needsPassword); err != nil {
		return nil, &powershell.Failure{Type: "System.UnauthorizedAccessException", Message: err.Error()}
	}
	if !again {
		m.host.Record(caller, "the scheduled task "+task.Path+" is created")
	}
	return m.task(task), nil
}

func (m *machine) task(task deployment.Task) *powershell.Object {
	state := taskStateReady
	if m.host.TaskRuns(task.Path) {
		state = taskStateRunning
	}
	o := powershell.NewObject("System.__ComObject", "Path", task.Path, "State", int64(state), "Enabled", true)
	o.SetMethod("Run", func(context.Context, []powershell.Value) (powershell.Value, error) { return nil, m.runTask(task) })
	return o
}
