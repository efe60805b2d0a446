package lync

import (
	"context"
	"errors"
	"fmt"
	"regexp"
)

// StartJob orders a job and returns it as it stands. Repeating an order is harmless: the same id gives the same job.
func (s *Servers) StartJob(ctx context.Context, access Access, request JobRequest) (Job, error) {
	type argument struct {
		ID         string    `json:"id"`
		Action     Action    `json:"action"`
		Parameters any       `json:"parameters"`
		Principal  Principal `json:"principal"`
	}
	c := newCall(access, "Start-LyncOpsJob",
		argument{request.ID, request.Action, complement(request.Parameters), request.Principal}, request.Principal.Password)
	c.order = true
	if err := request.check(); err != nil {
		return Job{}, c.failureWithRemedy(KindBadArgument, "job "+request.ID+": "+err.Error(), "nothing was sent to the server", err)
	}
	var job Job
	if err := s.perform(ctx, c, &job); err != nil {
		return Job{}, err
	}
	if job.ID != request.ID || job.Action != request.Action {
		return Job{}, ran(c.badAnswer(fmt.Sprintf("asked for job %s (%s), the answer is about job %s (%s)",
			request.ID, request.Action, job.ID, job.Action)))
	}
	return job, nil
}

// ClearJobs moves every finished job that except does not name to the server's history.
func (s *Servers) ClearJobs(ctx context.Context, access Access, except []string) (Cleared, error) {
	type argument struct {
		Except []string `json:"except"`
	}
	c := newCall(access, "Clear-LyncOpsJobs", argument{append([]string{}, except...)})
	c.order = true
	var cleared Cleared
	if err := s.perform(ctx, c, &cleared); err != nil {
		return Cleared{}, err
	}
	return cleared, nil
}

var (
	jobIDForm    = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,79}$`)
	instanceForm = regexp.MustCompile(`^[A-Za-z0-9_#$-]{0,16}$`)
	fileNameForm = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._ ()+-]{0,125}[A-Za-z0-9_)])?$`)
)

// complement replaces lists that are nil, because the wire knows no absent list.
func complement(given any) any {
	if install, ok := given.(Install); ok && install.Arguments == nil {
		install.Arguments = []string{}
		return install
	}
	return given
}

// check refuses what a server would have to refuse.
func (r JobRequest) check() error {
	if !jobIDForm.MatchString(r.ID) {
		return fmt.Errorf("the id does not match %s", jobIDForm)
	}
	action, err := checkParameters(r.Parameters)
	if err != nil {
		return err
	}
	if action != r.Action {
		return fmt.Errorf("action %q was given the parameters of %q", r.Action, action)
	}
	return r.Principal.check()
}

// parameters are those of one action.
type parameters interface {
	action() Action
	check() error
}

// checkParameters returns the action whose parameters these are.
func checkParameters(given any) (Action, error) {
	known, ok := given.(parameters)
	if !ok {
		return "", fmt.Errorf("parameters of type %T belong to no action", given)
	}
	return known.action(), known.check()
}

func (StagePackage) action() Action          { return ActionStagePackage }
func (StopServices) action() Action          { return ActionStopServices }
func (StopWebServer) action() Action         { return ActionStopWebServer }
func (Install) action() Action               { return ActionInstall }
func (RestartComputer) action() Action       { return ActionRestartComputer }
func (StartWebServer) action() Action        { return ActionStartWebServer }
func (StartServices) action() Action         { return ActionStartServices }
func (UpdateDatabases) action() Action       { return ActionUpdateDatabases }
func (FailOverComputer) action() Action      { return ActionFailOverComputer }
func (FailBackComputer) action() Action      { return ActionFailBackComputer }
func (RecordServices) action() Action        { return ActionRecordServices }
func (MoveCentralManagement) action() Action { return ActionMoveCentralManagement }
func (FailOverPool) action() Action          { return ActionFailOverPool }
func (FailBackPool) action() Action          { return ActionFailBackPool }

func (p StagePackage) check() error {
	if p.Source == "" {
		return errors.New("parameters.source is empty")
	}
	return checkPackage(p.SHA256, p.FileName)
}

func (p StopServices) check() error {
	if p.OnTimeout != OnTimeoutFail && p.OnTimeout != OnTimeoutStopAtOnce {
		return fmt.Errorf("parameters.onTimeout %q is unknown", p.OnTimeout)
	}
	return checkTimeout(p.TimeoutSeconds)
}

func (p StopWebServer) check() error  { return checkTimeout(p.TimeoutSeconds) }
func (p StartWebServer) check() error { return checkTimeout(p.TimeoutSeconds) }
func (p StartServices) check() error  { return checkTimeout(p.TimeoutSeconds) }

func (p Install) check() error {
	return errors.Join(checkPackage(p.SHA256, p.FileName), checkTimeout(p.TimeoutSeconds))
}

func (p RestartComputer) check() error {
	if p.DelaySeconds < 0 {
		return errors.New("parameters.delaySeconds is negative")
	}
	return nil
}

func (p UpdateDatabases) check() error {
	switch p.Variant {
	case DatabaseVariantEnterprise, DatabaseVariantEnterpriseCollocated, DatabaseVariantCentralManagement:
		if p.SQLServerFQDN == "" {
			return errors.New("parameters.sqlServerFqdn is empty")
		}
	case DatabaseVariantStandard:
	default:
		return fmt.Errorf("parameters.variant %q is unknown", p.Variant)
	}
	if !instanceForm.MatchString(p.SQLInstanceName) {
		return fmt.Errorf("parameters.sqlInstanceName %q is not the name of an instance", p.SQLInstanceName)
	}
	return checkTimeout(p.TimeoutSeconds)
}

func checkPackage(sha256, fileName string) error {
	if !sha256Form.MatchString(sha256) {
		return errors.New("parameters.sha256 is not 64 lower-case hexadecimal digits")
	}
	if !fileNameForm.MatchString(fileName) {
		return fmt.Errorf("parameters.fileName %q is not a plain file name", fileName)
	}
	return nil
}

func checkTimeout(seconds int) error {
	if seconds <= 0 {
		return errors.New("parameters.timeoutSeconds is not positive")
	}
	return nil
}

func (p Principal) check() error {
	switch p.Kind {
	case PrincipalLocalSystem:
		if p.UserName != "" || p.Password != "" {
			return errors.New("principal LocalSystem takes no user name and no password")
		}
	case PrincipalStoredAccount:
		if p.UserName == "" || p.Password == "" {
			return errors.New("principal StoredAccount needs a user name and a password")
		}
	case PrincipalGroupManagedServiceAccount:
		if p.UserName == "" || p.Password != "" {
			return errors.New("principal GroupManagedServiceAccount needs a user name and takes no password")
		}
	default:
		return fmt.Errorf("principal kind %q is unknown", p.Kind)
	}
	return nil
}
