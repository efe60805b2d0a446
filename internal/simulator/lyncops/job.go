package lyncops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
)

// States of a job.
const (
	claimed     = "Claimed"
	running     = "Running"
	succeeded   = "Succeeded"
	failed      = "Failed"
	interrupted = "Interrupted"
)

// job is a job as an answer shows it.
type job struct {
	ID       string  `json:"id"`
	Action   string  `json:"action"`
	State    string  `json:"state"`
	ExitCode *int    `json:"exitCode"`
	Outcome  string  `json:"outcome"`
	Message  string  `json:"message"`
	Claimed  string  `json:"claimed"`
	Started  *string `json:"started"`
	Finished *string `json:"finished"`
	BootTime *string `json:"bootTime"`
	LogTail  string  `json:"logTail"`
}

// record is state.json.
type record struct {
	job
	Parameters     json.RawMessage `json:"parameters"`
	Principal      principal       `json:"principal"`
	Process        int             `json:"processId"`
	ProcessStarted time.Time       `json:"processStarted"`
}

type principal struct {
	Kind     string `json:"kind"`
	UserName string `json:"userName,omitempty"`
}

type order struct {
	ID         string          `json:"id"`
	Action     string          `json:"action"`
	Parameters json.RawMessage `json:"parameters"`
	Principal  struct {
		Kind     string `json:"kind"`
		UserName string `json:"userName"`
		Password string `json:"password"`
	} `json:"principal"`
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,79}$`)

func startJob(host *deployment.Host, user string, argument []byte) (any, error) {
	var o order
	if err := read(argument, &o); err != nil {
		return nil, err
	}
	if !idPattern.MatchString(o.ID) {
		return nil, wrongArgument("id", "%q does not match %s", o.ID, idPattern)
	}
	if len(o.Parameters) == 0 || string(o.Parameters) == "null" {
		o.Parameters = json.RawMessage("{}")
	}
	run, err := newAction(o.Action, o.Parameters)
	if err != nil {
		return nil, err
	}
	switch o.Principal.Kind {
	case "LocalSystem":
		o.Principal.UserName = "LocalSystem"
	case "StoredAccount", "GroupManagedServiceAccount":
		if o.Principal.UserName == "" {
			return nil, wrongArgument("principal.userName", "is missing")
		}
		if o.Principal.Kind == "StoredAccount" && o.Principal.Password == "" {
			return nil, wrongArgument("principal.password", "is missing")
		}
	default:
		return nil, wrongArgument("principal.kind", "%q is not LocalSystem, StoredAccount or GroupManagedServiceAccount", o.Principal.Kind)
	}
	var answer job
	host.Exclusive(func() { answer, err = claim(host, user, o, run) })
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// claim returns the job of that id, and makes it when there is none. It runs under the machine-wide mutex.
func claim(host *deployment.Host, user string, o order, run action) (job, error) {
	jobs, err := readJobs(host)
	if err != nil {
		return job{}, err
	}
	for _, j := range jobs {
		if j.ID == o.ID {
			return j, nil
		}
	}
	for _, j := range jobs {
		if j.State == claimed || j.State == running {
			return job{}, &failure{Code: jobConflict, Message: fmt.Sprintf("job %s (%s) is %s on this server", j.ID, j.Action, strings.ToLower(j.State)), Detail: j.ID}
		}
	}
	caller := deployment.Caller{User: user, Command: fmt.Sprintf("%s %s %s (Start-LyncOpsJob)", o.Action, o.ID, compact(o.Parameters))}
	host.JudgeLowerBuild(caller, o.ID+" "+string(o.Parameters))
	if err := host.Files().MkdirAll(jobFolder(o.ID)); err != nil {
		return job{}, err
	}
	r := record{job: job{ID: o.ID, Action: o.Action, State: claimed, Claimed: now()},
		Parameters: o.Parameters, Principal: principal{o.Principal.Kind, o.Principal.UserName}}
	task := deployment.Task{Path: taskFolder + o.ID, User: o.Principal.UserName, Command: "powershell.exe -File " + jobFolder(o.ID) + `\run.ps1`}
	if err := host.RegisterTask(caller, task, o.Principal.Password, o.Principal.Kind == "StoredAccount"); err != nil {
		// The claim stands: the same id is the same job, and this one has failed.
		finished := now()
		r.State, r.Outcome, r.Message, r.Finished = failed, accessDenied, "The task scheduler refused the task: "+err.Error(), &finished
		return r.job, writeRecord(host, r)
	}
	// The process waits until its own number is in the file, or it might write the file first.
	written := make(chan struct{})
	r.Process, r.ProcessStarted, err = host.Spawn(func(ctx context.Context) {
		<-written
		execute(ctx, host, caller, r, run)
	})
	if err != nil {
		close(written)
		return job{}, err
	}
	err = writeRecord(host, r)
	close(written)
	if err != nil {
		return job{}, err
	}
	host.Record(caller, "job "+o.ID+" is claimed")
	return r.job, nil
}

func compact(text json.RawMessage) string {
	return strings.Join(strings.Fields(string(text)), " ")
}

// claimTime is how long a job may be claimed before it counts as interrupted.
const claimTime = 5 * time.Minute

// execute is the scheduled task's process. It leaves the file alone when the host has gone down under it.
func execute(ctx context.Context, host *deployment.Host, caller deployment.Caller, r record, run action) {
	if r.Principal.Kind != "LocalSystem" && !host.TaskMayBegin(r.Principal.UserName) {
		// Nobody begins; the reader finds that out when the claim has lasted too long.
		_ = host.Pause(ctx, claimTime)
		return
	}
	if host.Pause(ctx, 500*time.Millisecond) != nil {
		return
	}
	started := now()
	boot := writeTime(host.BootTime())
	r.State, r.Started, r.BootTime = running, &started, &boot
	log := &jobLog{host: host, id: r.ID}
	log.say("%s begins as %s", r.Action, r.Principal.UserName)
	if writeRecord(host, r) != nil {
		return
	}
	exit, outcome, err := run(ctx, work{host: host, caller: caller, as: r.Principal.UserName, log: log})
	if ctx.Err() != nil {
		return
	}
	finished := now()
	r.State, r.Finished, r.ExitCode = succeeded, &finished, exit
	if err != nil {
		r.State, r.Outcome, r.Message = failed, outcome, err.Error()
		log.say("failed: %v", err)
	} else {
		log.say("done")
	}
	// Nobody is left to hear of an error; the reader finds the process gone and calls the job interrupted.
	_ = writeRecord(host, r)
	host.Record(caller, fmt.Sprintf("job %s: %s %s", r.ID, r.State, r.Outcome))
}

type jobLog struct {
	host *deployment.Host
	id   string
	text strings.Builder
}

func (l *jobLog) say(format string, args ...any) {
	fmt.Fprintf(&l.text, "%s %s\r\n", now(), fmt.Sprintf(format, args...))
	_ = l.host.Files().WriteFile(logFile(l.id), []byte(l.text.String()))
}

func writeRecord(host *deployment.Host, r record) error {
	r.LogTail = ""
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	temporary := stateFile(r.ID) + ".tmp"
	if err := host.Files().WriteFile(temporary, text); err != nil {
		return err
	}
	return host.Files().Replace(temporary, stateFile(r.ID))
}

func readJobs(host *deployment.Host) ([]job, error) {
	names, err := host.Files().List(jobsFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return []job{}, nil
	}
	if err != nil {
		return nil, err
	}
	jobs := []job{}
	for _, name := range names {
		j, err := readJob(host, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, &failure{Code: internalError, Message: "job " + name + ": " + err.Error()}
		default:
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

func readJob(host *deployment.Host, id string) (job, error) {
	r, err := readRecord(host, id)
	if err != nil {
		return job{}, err
	}
	if r.unfinished() && !host.Alive(r.Process, r.ProcessStarted) {
		// It may have ended after the file was read; what it wrote last counts.
		if r, err = readRecord(host, id); err != nil {
			return job{}, err
		}
		if r.unfinished() {
			r.State = interrupted
			r.Message = "the process is gone"
			if r.BootTime != nil && *r.BootTime != writeTime(host.BootTime()) {
				r.Message = "the server has restarted since"
			}
		}
	}
	if text, err := host.Files().ReadFile(logFile(id)); err == nil {
		r.LogTail = string(text[max(0, len(text)-2000):])
	}
	return r.job, nil
}

func (r record) unfinished() bool { return r.State == claimed || r.State == running }

func readRecord(host *deployment.Host, id string) (record, error) {
	var r record
	text, err := host.Files().ReadFile(stateFile(id))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

type clearResult struct {
	Cleared         []string `json:"cleared"`
	BaselineRemoved bool     `json:"baselineRemoved"`
}

func clearJobs(host *deployment.Host, user string, argument []byte) (any, error) {
	var a struct {
		Except []string `json:"except"`
	}
	if err := read(argument, &a); err != nil {
		return nil, err
	}
	result := clearResult{Cleared: []string{}}
	var err error
	host.Exclusive(func() { err = clearUnderLock(host, user, a.Except, &result) })
	return result, err
}

func clearUnderLock(host *deployment.Host, user string, except []string, result *clearResult) error {
	jobs, err := readJobs(host)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, id := range except {
		kept[strings.ToLower(id)] = true
	}
	live := false
	for _, j := range jobs {
		if j.State == claimed || j.State == running {
			live = true
			continue
		}
		if kept[j.ID] {
			continue
		}
		target := historyFolder + `\` + time.Now().UTC().Format("20060102150405") + "-" + j.ID
		if err := host.Files().MkdirAll(historyFolder); err != nil {
			return err
		}
		if err := host.Files().Rename(jobFolder(j.ID), target); err != nil {
			return err
		}
		host.DeleteTask(taskFolder + j.ID)
		result.Cleared = append(result.Cleared, j.ID)
	}
	baseline, err := readBaseline(host)
	if err != nil {
		return err
	}
	if !live && baseline != nil && matches(host, baseline) {
		if err := host.Files().Remove(baselineFile); err != nil {
			return err
		}
		result.BaselineRemoved = true
	}
	if len(result.Cleared) > 0 || result.BaselineRemoved {
		host.Record(deployment.Caller{User: user, Command: "Clear-LyncOpsJobs"}, "clears "+strings.Join(result.Cleared, ", "))
	}
	return nil
}

// matches says whether every service is as the baseline says.
func matches(host *deployment.Host, baseline []serviceFact) bool {
	for _, b := range baseline {
		s, ok := host.Service(b.Name)
		if !ok || s.StatusName != b.Status || s.StartType != b.StartType {
			return false
		}
	}
	return true
}
