package lync

import (
	"context"
	"fmt"
	"strings"
)

type poolArgument struct {
	PoolFQDN string `json:"poolFqdn"`
}

// ask performs a question; check looks at an answer that is complete but may still be wrong.
func ask[T any](ctx context.Context, s *Servers, access Access, verb string, argument any, check func(T) error) (T, error) {
	var result, nothing T
	c := newCall(access, verb, argument)
	if err := s.perform(ctx, c, &result); err != nil {
		return nothing, err
	}
	if check != nil {
		if err := check(result); err != nil {
			return nothing, ran(c.badAnswer(err.Error()))
		}
	}
	return result, nil
}

// Facts asks a server about itself. It needs no Lync module and disturbs no installer.
func (s *Servers) Facts(ctx context.Context, access Access) (Facts, error) {
	return ask(ctx, s, access, "Get-LyncOpsFacts", struct{}{}, Facts.check)
}

// Topology asks a server what the published topology says about a pool.
func (s *Servers) Topology(ctx context.Context, access Access, poolFQDN string) (Topology, error) {
	return ask(ctx, s, access, "Get-LyncOpsTopology", poolArgument{poolFQDN}, func(answer Topology) error {
		if answer.Edition != EditionEnterprise && answer.Edition != EditionStandard {
			return fmt.Errorf("edition %q is unknown", answer.Edition)
		}
		return samePool(poolFQDN, answer.PoolFQDN)
	})
}

// PoolReadiness asks a front end that is in service whether its pool can spare an upgrade domain.
func (s *Servers) PoolReadiness(ctx context.Context, access Access, poolFQDN string) (PoolReadiness, error) {
	return ask(ctx, s, access, "Get-LyncOpsPoolReadiness", poolArgument{poolFQDN}, func(answer PoolReadiness) error {
		if answer.State == "" {
			return fmt.Errorf("the state is empty")
		}
		return samePool(poolFQDN, answer.PoolFQDN)
	})
}

// PoolFabric returns what Get-CsPoolFabricState prints about a pool.
func (s *Servers) PoolFabric(ctx context.Context, access Access, poolFQDN string) (string, error) {
	type fabric struct {
		PoolFQDN string `json:"poolFqdn"`
		Text     string `json:"text"`
	}
	answer, err := ask(ctx, s, access, "Get-LyncOpsPoolFabric", poolArgument{poolFQDN}, func(answer fabric) error {
		return samePool(poolFQDN, answer.PoolFQDN)
	})
	return answer.Text, err
}

// Database asks a server for the versions of databases.
func (s *Servers) Database(ctx context.Context, access Access, question DatabaseQuestion) (DatabaseReport, error) {
	return ask[DatabaseReport](ctx, s, access, "Get-LyncOpsDatabase", question, nil)
}

// DatabaseMirror asks a server how the mirrors of a pool's databases stand.
func (s *Servers) DatabaseMirror(ctx context.Context, access Access, poolFQDN string) (DatabaseMirror, error) {
	return ask(ctx, s, access, "Get-LyncOpsDatabaseMirror", poolArgument{poolFQDN}, func(answer DatabaseMirror) error {
		return samePool(poolFQDN, answer.PoolFQDN)
	})
}

// LocalDatabases asks a server about the databases of its own SQL Server instances. It needs no Lync module.
func (s *Servers) LocalDatabases(ctx context.Context, access Access) (LocalDatabases, error) {
	return ask[LocalDatabases](ctx, s, access, "Get-LyncOpsLocalDatabase", struct{}{}, nil)
}

// Preflight asks a server whether it is fit to be worked on.
func (s *Servers) Preflight(ctx context.Context, access Access, question PreflightQuestion) ([]Check, error) {
	type checks struct {
		Checks []Check `json:"checks"`
	}
	answer, err := ask[checks](ctx, s, access, "Get-LyncOpsPreflight", question, nil)
	return answer.Checks, err
}

// samePool refuses the answer to somebody else's question.
func samePool(asked, answered string) error {
	if !strings.EqualFold(asked, answered) {
		return fmt.Errorf("the answer is about pool %q", answered)
	}
	return nil
}

// check refuses words that docs/server-protocol.md does not know.
func (f Facts) check() error {
	if f.ComputerName == "" || f.Time.IsZero() || f.BootTime.IsZero() {
		return fmt.Errorf("computerName, time or bootTime is empty")
	}
	for _, services := range [][]Service{f.Services, f.Baseline} {
		for _, service := range services {
			if !service.Status.known() || !service.StartType.known() {
				return fmt.Errorf("service %q has the unknown status %q or start type %q", service.Name, service.Status, service.StartType)
			}
		}
	}
	return nil
}

func (s ServiceStatus) known() bool {
	switch s {
	case ServiceStopped, ServiceStartPending, ServiceStopPending, ServiceRunning, ServiceContinuePending, ServicePausePending, ServicePaused:
		return true
	}
	return false
}

func (t StartType) known() bool {
	return t == StartAutomatic || t == StartManual || t == StartDisabled
}
