package deployment

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Task is a scheduled task. Its password, if any, is the scheduler's secret and not part of it.
type Task struct {
	// Path is the full name, such as \LyncOps\install-1.
	Path    string `json:"path"`
	User    string `json:"user"`
	Command string `json:"command"`
	// Process and Started identify the last run.
	Process int `json:"process,omitempty"`
}

// RegisterTask creates or replaces a scheduled task. A password is checked against the account unless the user needs none.
func (h *Host) RegisterTask(caller Caller, task Task, password string, needsPassword bool) error {
	if needsPassword {
		if want, known := h.model.Password(task.User, ""); !known || want != password {
			return fmt.Errorf("The user name or password is incorrect: %s", task.User)
		}
	}
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if account, found := m.findSecret([]byte(task.Command)); found {
		h.violation(caller, RuleSecretExposed, "the password of "+account+" is in the scheduled task "+task.Path)
	}
	// What runs already goes on under the new definition.
	task.Process = h.tasks[strings.ToLower(task.Path)].Process
	h.tasks[strings.ToLower(task.Path)] = task
	m.notify()
	return nil
}

// Task finds a scheduled task by its full name.
func (h *Host) Task(path string) (Task, bool) {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	t, ok := h.tasks[strings.ToLower(path)]
	return t, ok
}

// Tasks lists all scheduled tasks by name.
func (h *Host) Tasks() []Task {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	list := make([]Task, 0, len(h.tasks))
	for _, t := range h.tasks {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Task) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// DeleteTask removes a task and says whether there was one.
func (h *Host) DeleteTask(path string) bool {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	_, ok := h.tasks[strings.ToLower(path)]
	delete(h.tasks, strings.ToLower(path))
	return ok
}

// RunTask starts a task's program, which lives until it ends or the host goes down. A task that runs is not started again, and that
// is no error.
func (h *Host) RunTask(task Task, run func(ctx context.Context)) error {
	h.taskRuns.Lock()
	defer h.taskRuns.Unlock()
	if h.runs(task.Path) {
		return nil
	}
	p, err := h.SpawnProcess("taskeng.exe", 0, run)
	if err != nil {
		return err
	}
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	task.Process = p.ID
	h.tasks[strings.ToLower(task.Path)] = task
	return nil
}

// TaskRuns says whether a task's program runs.
func (h *Host) TaskRuns(path string) bool {
	h.taskRuns.Lock()
	defer h.taskRuns.Unlock()
	return h.runs(path)
}

func (h *Host) runs(path string) bool {
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	task, ok := h.tasks[strings.ToLower(path)]
	if !ok || task.Process == 0 {
		return false
	}
	_, alive := h.processes[task.Process]
	return alive
}

// HasTaskFolder says whether the task scheduler has a folder.
func (h *Host) HasTaskFolder(path string) bool {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	_, ok := h.taskFolders[folderKey(path)]
	return ok
}

// CreateTaskFolder makes a folder of the task scheduler.
func (h *Host) CreateTaskFolder(path string) {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	h.taskFolders[folderKey(path)] = struct{}{}
}

func folderKey(path string) string { return strings.ToLower(strings.Trim(path, `\`)) }
