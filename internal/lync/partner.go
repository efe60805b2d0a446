package lync

import (
	"context"
	"errors"
)

// Partner is what a server knows of a pool and the pool it is paired with.
type Partner struct {
	PoolFQDN string `json:"poolFqdn"`
	// BackupPoolFQDN is empty when the pool is not paired.
	BackupPoolFQDN string `json:"backupPoolFqdn,omitempty"`
	// BackupComputers are the computers of the backup pool in topology order.
	BackupComputers []string `json:"backupComputers"`
	// PoolState says where the users are, in the words of the registrar's configuration: Active, FailingOver, FailedOver, FailingBack,
	// FailedBack.
	PoolState string `json:"poolState"`
	// Modules are the parts of the backup service, of both pools.
	Modules []BackupModule `json:"modules"`
	// EdgePools are those whose next hop the pool is.
	EdgePools []string `json:"edgePools"`
	// CentralManagementPoolFQDN is where the active central management store is; empty when that is not known.
	CentralManagementPoolFQDN string `json:"centralManagementPoolFqdn,omitempty"`
}

// BackupModule is one part of the backup service of one pool, in the words of Get-CsBackupServiceStatus.
type BackupModule struct {
	PoolFQDN     string `json:"poolFqdn"`
	Name         string `json:"name"`
	ExportStatus string `json:"exportStatus"`
	ImportStatus string `json:"importStatus"`
}

// Partner asks a server about a pool and the pool it is paired with.
func (s *Servers) Partner(ctx context.Context, access Access, poolFQDN string) (Partner, error) {
	return ask(ctx, s, access, "Get-LyncOpsPartner", poolArgument{poolFQDN}, func(answer Partner) error {
		if answer.PoolState == "" {
			return errors.New("the state of the pool is empty")
		}
		return samePool(poolFQDN, answer.PoolFQDN)
	})
}

// RecordServices has no parameters: it writes the services down before a failover of the pool stops them.
type RecordServices struct{}

// MoveCentralManagement are the parameters of ActionMoveCentralManagement, which is ordered on a computer of the pool that the store
// moves to.
type MoveCentralManagement struct {
	// PoolFQDN is the pool that the central management store moves to.
	PoolFQDN string `json:"poolFqdn"`
	// TimeoutSeconds is how long its new master is awaited.
	TimeoutSeconds int `json:"timeoutSeconds"`
}

// FailOverPool are the parameters of ActionFailOverPool. The cmdlet is not ended when it takes long.
type FailOverPool struct {
	// PoolFQDN is the pool whose users move to its backup pool.
	PoolFQDN string `json:"poolFqdn"`
}

// FailBackPool are the parameters of ActionFailBackPool. The cmdlet is not ended when it takes long.
type FailBackPool struct {
	// PoolFQDN is the pool whose users come back.
	PoolFQDN string `json:"poolFqdn"`
}

func (p MoveCentralManagement) check() error {
	return errors.Join(checkPool(p.PoolFQDN), checkTimeout(p.TimeoutSeconds))
}

func (RecordServices) check() error { return nil }
func (p FailOverPool) check() error { return checkPool(p.PoolFQDN) }
func (p FailBackPool) check() error { return checkPool(p.PoolFQDN) }

func checkPool(fqdn string) error {
	if fqdn == "" {
		return errors.New("parameters.poolFqdn is empty")
	}
	return nil
}
