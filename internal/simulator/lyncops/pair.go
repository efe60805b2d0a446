package lyncops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
)

// Outcomes of jobs that move users or the central management store between pools.
const (
	moveFailed     = "MoveFailed"
	failOverFailed = "FailOverFailed"
	edgeNextHop    = "EdgeNextHop"
)

type backupModule struct {
	PoolFQDN     string `json:"poolFqdn"`
	Name         string `json:"name"`
	ExportStatus string `json:"exportStatus"`
	ImportStatus string `json:"importStatus"`
}

type partnerResult struct {
	PoolFQDN                  string         `json:"poolFqdn"`
	BackupPoolFQDN            *string        `json:"backupPoolFqdn"`
	BackupComputers           []string       `json:"backupComputers"`
	PoolState                 string         `json:"poolState"`
	Modules                   []backupModule `json:"modules"`
	EdgePools                 []string       `json:"edgePools"`
	CentralManagementPoolFQDN *string        `json:"centralManagementPoolFqdn"`
}

func partner(ctx context.Context, host *deployment.Host, argument []byte) (any, error) {
	name, err := readPool(argument)
	if err != nil {
		return nil, err
	}
	if err := mayLoadLync(host); err != nil {
		return nil, err
	}
	found, err := host.Partner(ctx, name)
	if err != nil {
		return nil, err
	}
	result := partnerResult{PoolFQDN: name, BackupPoolFQDN: orNull(found.BackupPool), BackupComputers: append([]string{}, found.BackupComputers...),
		PoolState: found.State, Modules: []backupModule{}, EdgePools: append([]string{}, found.EdgePools...), CentralManagementPoolFQDN: orNull(found.CentralManagement)}
	for _, pool := range []string{found.Pool, found.BackupPool} {
		for _, module := range found.Modules[pool] {
			result.Modules = append(result.Modules, backupModule{pool, module.Name, module.Export, module.Import})
		}
	}
	return result, nil
}

func newRecordServices(text json.RawMessage) (action, error) {
	if err := read(text, &struct{}{}); err != nil {
		return nil, err
	}
	return func(_ context.Context, w work) (*int, string, error) {
		if err := writeBaseline(w.host); err != nil {
			return nil, internalError, err
		}
		return nil, "", nil
	}, nil
}

// newPoolMove is FailOverPool or FailBackPool: what the cmdlet does, and the state that must follow from it.
func newPoolMove(text json.RawMessage, back bool) (action, error) {
	var p struct {
		PoolFQDN string `json:"poolFqdn"`
	}
	if err := read(text, &p); err != nil {
		return nil, err
	}
	if p.PoolFQDN == "" {
		return nil, wrongArgument("parameters.poolFqdn", "is missing")
	}
	return func(ctx context.Context, w work) (*int, string, error) {
		move, outcome, wanted := w.host.FailOverPool, failOverFailed, deployment.RegistrarFailedOver
		if back {
			move, outcome, wanted = w.host.FailBackPool, failBackFailed, deployment.RegistrarActive
		}
		err := move(ctx, w.caller, p.PoolFQDN, w.as)
		switch state := w.host.Model().RegistrarState(p.PoolFQDN); {
		case err != nil && !back && strings.Contains(err.Error(), "next hop for the Edge server"):
			return nil, edgeNextHop, err
		case err != nil:
			return nil, outcome, err
		case state != wanted:
			return nil, outcome, fmt.Errorf("the cmdlet ended without an error, and the registrar of %s is %s", p.PoolFQDN, state)
		}
		return nil, "", nil
	}, nil
}

func newMoveCentralManagement(text json.RawMessage) (action, error) {
	var p struct {
		timeout
		PoolFQDN string `json:"poolFqdn"`
	}
	if err := read(text, &p); err != nil {
		return nil, err
	}
	if p.PoolFQDN == "" {
		return nil, wrongArgument("parameters.poolFqdn", "is missing")
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, w work) (*int, string, error) {
		if !strings.EqualFold(w.host.Pool(), p.PoolFQDN) {
			return nil, moveFailed, errors.New("the order is for a computer of " + p.PoolFQDN + ", and " + w.host.NetBIOS() + " is none")
		}
		if err := w.host.MoveCentralManagement(ctx, w.caller, w.as); err != nil {
			return nil, moveFailed, err
		}
		for deadline := time.Now().Add(time.Duration(p.Seconds) * time.Second); ; {
			master := w.host.ActiveMaster()
			if owner, ok := w.host.Model().Host(master); ok && strings.EqualFold(owner.Pool(), p.PoolFQDN) {
				w.log.say("the active master is %s", master)
				return nil, "", nil
			}
			if time.Now().After(deadline) {
				return nil, moveFailed, fmt.Errorf("after %d seconds the active master is %q and no computer of %s", p.Seconds, master, p.PoolFQDN)
			}
			if err := w.host.Pause(ctx, time.Second); err != nil {
				return nil, moveFailed, err
			}
		}
	}, nil
}
