package procedure

import (
	"fmt"
	"strings"
)

// Partner is what a server knows of a pool and the pool it is paired with.
type Partner struct {
	// BackupPool is empty when the pool is not paired.
	BackupPool string
	// BackupServers are the front ends of the backup pool in topology order.
	BackupServers []string
	// PoolState is the registrar's: one of the PoolState words, or another one.
	PoolState string
	// Modules are the parts of the backup service, of both pools.
	Modules []BackupModule
	// EdgePools are those whose next hop is the pool.
	EdgePools []string
	// CentralManagementPool is where the active central management store is; empty when that is not known.
	CentralManagementPool string
}

// BackupModule is one part of the backup service of one pool, as Get-CsBackupServiceStatus lists it.
type BackupModule struct {
	Pool, Name, Export, Import string
}

// States of a registrar pool (Set-CsRegistrarConfiguration -PoolState). FailingBack is in no reference, but is set while a pool
// fails back.
const (
	RegistrarActive      = "Active"
	RegistrarFailingOver = "FailingOver"
	RegistrarFailedOver  = "FailedOver"
	RegistrarFailingBack = "FailingBack"
	RegistrarFailedBack  = "FailedBack"
)

// usersAtHome says whether the users of the pool are on the pool itself.
func (p Partner) usersAtHome() bool {
	return p.PoolState == RegistrarActive || p.PoolState == RegistrarFailedBack
}

// usersElsewhere says whether the users of the pool are on the backup pool, whoever has brought them there.
func (p Partner) usersElsewhere() bool {
	return p.PoolState == RegistrarFailedOver || p.PoolState == RegistrarFailingBack
}

// backupHealth says whether the backup service of both pools has what users need on the other side. Export is healthy as FinalState or
// SteadyState, import as NormalState. The module of the central management store is rightly NotInitialized on a pool without it.
// Lasting means that it does not go away without a person.
func (p Partner) backupHealth(pool string) (healthy, lasting bool, message string) {
	var bad []string
	seen := false
	for _, module := range p.Modules {
		if strings.HasSuffix(module.Name, "CMSMaster") && !strings.EqualFold(module.Pool, p.CentralManagementPool) && module.Export == "NotInitialized" {
			continue
		}
		seen = seen || strings.EqualFold(module.Pool, pool)
		exported, imported := module.Export == "FinalState" || module.Export == "SteadyState", module.Import == "NormalState"
		if exported && imported {
			continue
		}
		lasting = lasting || !imported || module.Export != "NonSteadyState"
		bad = append(bad, fmt.Sprintf("%s of %s is %s, %s", module.Name, module.Pool, orUnknown(module.Export), orUnknown(module.Import)))
	}
	switch {
	case !seen:
		return false, true, "the backup service reports nothing for " + pool
	case len(bad) > 0:
		return false, lasting, strings.Join(bad, "; ")
	}
	return true, false, ""
}

func orUnknown(word string) string {
	if word == "" {
		return "unknown"
	}
	return word
}
