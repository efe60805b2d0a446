package lync

import (
	"encoding/json"
	"fmt"
	"time"
)

// Action is what a job does.
type Action string

// The actions of a job.
const (
	ActionStagePackage    Action = "StagePackage"
	ActionStopServices    Action = "StopServices"
	ActionStopWebServer   Action = "StopWebServer"
	ActionInstall         Action = "Install"
	ActionRestartComputer Action = "RestartComputer"
	ActionStartWebServer  Action = "StartWebServer"
	ActionStartServices   Action = "StartServices"
	ActionUpdateDatabases Action = "UpdateDatabases"
	// ActionFailOverComputer and ActionFailBackComputer are for front ends of Skype for Business Server.
	ActionFailOverComputer Action = "FailOverComputer"
	ActionFailBackComputer Action = "FailBackComputer"
	// These belong to a pool that is failed over to the pool it is paired with.
	ActionRecordServices        Action = "RecordServices"
	ActionMoveCentralManagement Action = "MoveCentralManagement"
	ActionFailOverPool          Action = "FailOverPool"
	ActionFailBackPool          Action = "FailBackPool"
)

// JobState is how far a job is.
type JobState string

// The states of a job.
const (
	JobClaimed     JobState = "Claimed"
	JobRunning     JobState = "Running"
	JobSucceeded   JobState = "Succeeded"
	JobFailed      JobState = "Failed"
	JobInterrupted JobState = "Interrupted"
)

// Finished reports whether the job will not change any more.
func (s JobState) Finished() bool {
	return s == JobSucceeded || s == JobFailed || s == JobInterrupted
}

// Outcome is the reason of a failed job as a word for programs; it is empty for other jobs.
type Outcome string

// The outcomes of a failed job.
const (
	OutcomeHashMismatch         Outcome = "HashMismatch"
	OutcomeSourceUnreachable    Outcome = "SourceUnreachable"
	OutcomeDrainTimeout         Outcome = "DrainTimeout"
	OutcomeServiceStuck         Outcome = "ServiceStuck"
	OutcomeInstallerFailed      Outcome = "InstallerFailed"
	OutcomeInstallerTimeout     Outcome = "InstallerTimeout"
	OutcomeDatabaseUpdateFailed Outcome = "DatabaseUpdateFailed"
	OutcomeAccessDenied         Outcome = "AccessDenied"
	OutcomeFailOverRefused      Outcome = "FailOverRefused"
	OutcomeFailBackFailed       Outcome = "FailBackFailed"
	OutcomeMoveFailed           Outcome = "MoveFailed"
	OutcomeFailOverFailed       Outcome = "FailOverFailed"
	OutcomeEdgeNextHop          Outcome = "EdgeNextHop"
	OutcomeCmdletFailed         Outcome = "CmdletFailed"
	OutcomeInternal             Outcome = "Internal"
)

// Job is one job as the server tells it.
type Job struct {
	ID     string
	Action Action
	State  JobState
	// ExitCode is nil when the job has run no program to its end.
	ExitCode *int
	Outcome  Outcome
	// Message is for people.
	Message string
	// Claimed, Started and Finished are zero when that has not happened.
	Claimed, Started, Finished time.Time
	// BootTime is the server's boot time when the job began; zero before that.
	BootTime time.Time
	// LogTail is the end of the job's log.
	LogTail string
}

// UnmarshalJSON reads a job as docs/server-protocol.md gives it.
func (j *Job) UnmarshalJSON(text []byte) error {
	var wire struct {
		ID       string     `json:"id"`
		Action   Action     `json:"action"`
		State    JobState   `json:"state"`
		ExitCode *int       `json:"exitCode"`
		Outcome  Outcome    `json:"outcome,omitempty"`
		Message  string     `json:"message,omitempty"`
		Claimed  *time.Time `json:"claimed"`
		Started  *time.Time `json:"started"`
		Finished *time.Time `json:"finished"`
		BootTime *time.Time `json:"bootTime"`
		LogTail  string     `json:"logTail,omitempty"`
	}
	if err := strict(text, &wire); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	switch wire.State {
	case JobClaimed, JobRunning, JobSucceeded, JobFailed, JobInterrupted:
	default:
		return fmt.Errorf("job %s: unknown state %q", wire.ID, wire.State)
	}
	*j = Job{
		ID: wire.ID, Action: wire.Action, State: wire.State, ExitCode: wire.ExitCode, Outcome: wire.Outcome, Message: wire.Message,
		Claimed: orZero(wire.Claimed), Started: orZero(wire.Started), Finished: orZero(wire.Finished), BootTime: orZero(wire.BootTime),
		LogTail: wire.LogTail,
	}
	return nil
}

var _ json.Unmarshaler = (*Job)(nil)

func orZero(moment *time.Time) time.Time {
	if moment == nil {
		return time.Time{}
	}
	return moment.UTC()
}

// PrincipalKind is the kind of account a job runs as.
type PrincipalKind string

// The kinds of account a job can run as.
const (
	PrincipalLocalSystem                PrincipalKind = "LocalSystem"
	PrincipalStoredAccount              PrincipalKind = "StoredAccount"
	PrincipalGroupManagedServiceAccount PrincipalKind = "GroupManagedServiceAccount"
)

// Principal is the account a job runs as. It may hold a password: never print it.
type Principal struct {
	Kind     PrincipalKind `json:"kind"`
	UserName string        `json:"userName,omitempty"`
	Password string        `json:"password,omitempty"`
}

// String names the account, never the password.
func (p Principal) String() string {
	if p.UserName == "" {
		return string(p.Kind)
	}
	return string(p.Kind) + " " + p.UserName
}

// GoString keeps the password out of %#v.
func (p Principal) GoString() string {
	return p.String()
}

// JobRequest is the order to have a job. The same ID gives the same job, whoever asks and however often.
type JobRequest struct {
	// ID matches ^[a-z0-9][a-z0-9.-]{0,79}$.
	ID     string
	Action Action
	// Parameters is the struct that bears the action's name: StagePackage, StopServices, StopWebServer, Install,
	// RestartComputer, StartWebServer, StartServices, UpdateDatabases, FailOverComputer or FailBackComputer.
	Parameters any
	Principal  Principal
}

// String names the job and its account, never the password.
func (r JobRequest) String() string {
	return string(r.Action) + " " + r.ID + " as " + r.Principal.String()
}

// GoString keeps the password out of %#v.
func (r JobRequest) GoString() string {
	return r.String()
}

// StagePackage are the parameters of ActionStagePackage.
type StagePackage struct {
	// Source is an https URL, a UNC path or a local path.
	Source string `json:"source"`
	// SHA256 is the package's hash in lower-case hexadecimal digits.
	SHA256   string `json:"sha256"`
	FileName string `json:"fileName"`
}

// OnTimeout is what happens when services have not drained in time.
type OnTimeout string

// What can happen when services have not drained in time.
const (
	OnTimeoutFail       OnTimeout = "Fail"
	OnTimeoutStopAtOnce OnTimeout = "StopAtOnce"
)

// StopServices are the parameters of ActionStopServices.
type StopServices struct {
	Graceful       bool      `json:"graceful"`
	TimeoutSeconds int       `json:"timeoutSeconds"`
	OnTimeout      OnTimeout `json:"onTimeout"`
	// WebServer says that W3SVC is stopped too.
	WebServer bool `json:"webServer"`
}

// StopWebServer are the parameters of ActionStopWebServer.
type StopWebServer struct {
	TimeoutSeconds int `json:"timeoutSeconds"`
}

// Install are the parameters of ActionInstall.
type Install struct {
	SHA256         string   `json:"sha256"`
	FileName       string   `json:"fileName"`
	Arguments      []string `json:"arguments"`
	TimeoutSeconds int      `json:"timeoutSeconds"`
}

// RestartComputer are the parameters of ActionRestartComputer.
type RestartComputer struct {
	DelaySeconds int `json:"delaySeconds"`
}

// StartWebServer are the parameters of ActionStartWebServer.
type StartWebServer struct {
	TimeoutSeconds int `json:"timeoutSeconds"`
}

// StartServices are the parameters of ActionStartServices.
type StartServices struct {
	TimeoutSeconds int `json:"timeoutSeconds"`
}

// DatabaseVariant chooses the command that updates databases.
type DatabaseVariant string

// The variants of updating databases.
const (
	DatabaseVariantEnterprise           DatabaseVariant = "Enterprise"
	DatabaseVariantEnterpriseCollocated DatabaseVariant = "EnterpriseCollocated"
	DatabaseVariantStandard             DatabaseVariant = "Standard"
	DatabaseVariantCentralManagement    DatabaseVariant = "CentralManagement"
)

// UpdateDatabases are the parameters of ActionUpdateDatabases.
type UpdateDatabases struct {
	Variant DatabaseVariant `json:"variant"`
	// Update says -Update, which the reference forbids for mirrored databases.
	Update        bool   `json:"update"`
	SQLServerFQDN string `json:"sqlServerFqdn"`
	// SQLInstanceName is for the central management store only; empty is the default instance.
	SQLInstanceName string `json:"sqlInstanceName"`
	TimeoutSeconds  int    `json:"timeoutSeconds"`
}

// Cleared is what ClearJobs removed.
type Cleared struct {
	// Jobs are the ids of the jobs that went to the server's history.
	Jobs []string `json:"cleared"`
	// BaselineRemoved says that the record of the services' former states was removed, because they agree with it again.
	BaselineRemoved bool `json:"baselineRemoved"`
}
