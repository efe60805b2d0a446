package lyncops

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lyncops.dev/operator/internal/simulator/deployment"
)

type check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Found  string `json:"found"`
	Remedy string `json:"remedy"`
}

// checklist is what preflight answers.
type checklist struct {
	Checks []check `json:"checks"`
}

func (l *checklist) add(name, remedy, found string, problem error) {
	c := check{name, problem == nil, found, remedy}
	if problem != nil {
		c.Found = problem.Error()
		var said *failure
		if errors.As(problem, &said) {
			c.Found = said.Message
		}
	}
	l.Checks = append(l.Checks, c)
}

func refuse(bad bool, text string) error {
	if bad {
		return errors.New(text)
	}
	return nil
}

func preflight(ctx context.Context, host *deployment.Host, argument []byte) (any, error) {
	var asked struct {
		PoolFQDN      string `json:"poolFqdn"`
		OutsideDomain bool   `json:"outsideDomain"`
		JobAccount    string `json:"jobAccount"`
	}
	if err := read(argument, &asked); err != nil {
		return nil, err
	}
	if asked.PoolFQDN == "" {
		return nil, wrongArgument("poolFqdn", "is missing")
	}
	var l checklist
	preflightOfServer(&l, host, asked.JobAccount)
	if !l.Checks[len(l.Checks)-1].OK {
		return l, nil
	}
	_, known := host.Model().PoolDescription(asked.PoolFQDN)
	if asked.OutsideDomain {
		l.add("PoolKnown", "Check the name, and that the central management store is replicated to this server.", asked.PoolFQDN,
			refuse(!known, "the topology on this server names no computer of the pool"))
		return l, nil
	}
	l.add("PoolKnown", "Check the name, and that the account may read the central management store.", asked.PoolFQDN, refuse(!known, deployment.NoSuchPoolError{Pool: asked.PoolFQDN}.Error()))
	replicas, err := host.Replication(ctx)
	var late []string
	for _, r := range replicas {
		if !r.UpToDate {
			late = append(late, r.ReplicaFQDN)
		}
	}
	if err == nil {
		err = refuse(len(late) > 0, "not up to date: "+strings.Join(late, ", "))
	}
	l.add("ReplicationUpToDate", "Run Invoke-CsManagementStoreReplication and wait until every replica is up to date.", fmt.Sprintf("%d replicas", len(replicas)), err)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return l, nil
}

// preflightOfServer makes the checks that need no Lync cmdlet; the last one says whether there are any.
func preflightOfServer(l *checklist, host *deployment.Host, jobAccount string) {
	l.add("Administrator", "Make the account a member of the local Administrators group; for a local account set LocalAccountTokenFilterPolicy.", "yes", nil)
	l.add("TaskScheduler", "Start the service Schedule and let administrators register tasks.", "answers", nil)
	if jobAccount != "" {
		by, err := host.MayLogOnAsBatch(jobAccount)
		l.add("BatchLogonRight", `Grant the account of the jobs "Log on as a batch job" (secpol.msc, Local Policies, User Rights Assignment, or the group policy that sets it), and see that "Deny log on as a batch job" names neither it nor a group of its. What is not known here can be looked up there.`,
			"granted to "+by, err)
	}
	l.add("WinRMQuotas", `Raise what is too small, for example Set-Item WSMan:\localhost\Shell\MaxMemoryPerShellMB 1024, or the group policy that sets it, and restart the service WinRM.`,
		"MaxEnvelopeSizekb 500, MaxConcurrentOperationsPerUser 1500, MaxConcurrentUsers 10, MaxShellsPerUser 30, MaxProcessesPerShell 25, MaxMemoryPerShellMB 1024", nil)
	l.add("ExecutionPolicy", "Set the execution policy to RemoteSigned, or to AllSigned with a signed module.", "RemoteSigned, set by Process", nil)
	free := fmt.Sprintf("%d GB free", host.FreeDiskBytes()>>30)
	l.add("FreeDiskSpace", "Free at least 20 GB on the drive of %ProgramData%.", free, refuse(host.FreeDiskBytes() < 20<<30, free))
	pending := host.PendingReboot()
	l.add("NoPendingReboot", "Restart the server before the upgrade.", "none", refuse(len(pending) > 0, strings.Join(pending, ", ")))
	l.add("NoInstallerRunning", "Wait until the other installation has ended.", "none", refuse(host.Installing(), "an installer runs"))
	l.add("LyncModule", "Install the Lync Server core components and administrative tools.", host.ModuleName(), mayLoadLync(host))
}
