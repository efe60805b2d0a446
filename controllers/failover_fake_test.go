package controllers

import (
	"context"
	"slices"
	"strings"

	"lyncops.dev/operator/internal/lync"
)

const testBackupPool = "pool02.contoso.com"

// fakePair is the pair of the fake's pool; without a backup pool it has none.
type fakePair struct {
	backup string
	// state is the registrar's; empty is Active.
	state string
	edge  []string
	// computers are the servers of the backup pool, which are hosts as well; none is named otherwise.
	computers []string
	// central: the pool holds the central management store, not its backup pool.
	central bool
}

func (f *fakeServers) Partner(_ context.Context, access lync.Access, pool string) (lync.Partner, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if _, err := f.enter(fakeCall{method: "Partner", server: access.FQDN}); err != nil {
		return lync.Partner{}, err
	}
	answer := lync.Partner{PoolFQDN: pool, BackupPoolFQDN: f.pair.backup, PoolState: f.pair.state, EdgePools: slices.Clone(f.pair.edge), CentralManagementPoolFQDN: testBackupPool,
		BackupComputers: slices.Clone(f.pair.computers)}
	if f.pair.central {
		answer.CentralManagementPoolFQDN = pool
	}
	if answer.PoolState == "" {
		answer.PoolState = "Active"
	}
	for _, name := range []string{pool, f.pair.backup} {
		answer.Modules = append(answer.Modules, lync.BackupModule{PoolFQDN: name, Name: "UserServices.PresenceFocus", ExportStatus: "FinalState", ImportStatus: "NormalState"})
	}
	return answer, nil
}

// move is what a job of a failover does to the pool. As on a real one, the failover stops the services of every front end.
func (f *fakeServers) move(action lync.Action) {
	switch action {
	case lync.ActionMoveCentralManagement:
		f.pair.central = false
	case lync.ActionFailOverPool:
		f.pair.state = "FailedOver"
		for _, name := range f.computer {
			f.hosts[strings.ToLower(name)].setServices(lync.ServiceStopped, func(service string) bool { return !strings.HasPrefix(service, "MSSQL") })
		}
	case lync.ActionFailBackPool:
		f.pair.state = "Active"
	}
}
