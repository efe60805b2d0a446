package procedure

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
)

// DatabaseReport is what Test-CsDatabase found.
type DatabaseReport struct {
	Databases        []Database
	CollocatedStores []string
	Mirrored         bool
}

// Database is one database and its versions; an empty version is unknown, which never counts as equal.
type Database struct {
	Name             string
	SQLServerFQDN    string
	ExpectedVersion  string
	InstalledVersion string
}

// centralManagementDatabase differs by design among the local databases, as Microsoft's own diagnostics say, and belongs to
// the central management store everywhere else.
const centralManagementDatabase = "xds"

// isCollocated says whether the database is an archiving or monitoring store.
func (d Database) isCollocated() bool {
	return slices.ContainsFunc([]string{"LcsLog", "LcsCDR", "QoEMetrics"}, func(name string) bool { return strings.EqualFold(name, d.Name) })
}

func (d Database) is(name string) bool { return strings.EqualFold(d.Name, name) }

// old says whether both versions are known and differ.
func (d Database) old() bool {
	return d.ExpectedVersion != "" && d.InstalledVersion != "" && d.ExpectedVersion != d.InstalledVersion
}

// Outdated lists the databases whose installed version is known and is not the expected one.
func (r *DatabaseReport) Outdated() []string {
	var outdated []string
	for _, database := range r.Databases {
		if database.old() {
			outdated = append(outdated, fmt.Sprintf("%s (%s, expected %s)", database.Name, database.InstalledVersion, database.ExpectedVersion))
		}
	}
	return outdated
}

// Confirmed says whether every database is known to be at the expected version.
func (r *DatabaseReport) Confirmed() bool {
	for _, database := range r.Databases {
		if database.InstalledVersion == "" || database.InstalledVersion != database.ExpectedVersion {
			return false
		}
	}
	return len(r.Databases) > 0
}

// where keeps the databases that are wanted.
func (r *DatabaseReport) where(wanted func(Database) bool) *DatabaseReport {
	if r == nil {
		return nil
	}
	kept := *r
	kept.Databases = nil
	for _, database := range r.Databases {
		if wanted(database) {
			kept.Databases = append(kept.Databases, database)
		}
	}
	return &kept
}

// OnServer keeps what Test-CsDatabase -LocalService says about a server's own databases. It also names databases of other
// servers that local services use; those follow with the back end.
func (r *DatabaseReport) OnServer(fqdn string) *DatabaseReport {
	return r.where(func(d Database) bool { return !d.is(centralManagementDatabase) && sameServer(d.SQLServerFQDN, fqdn) })
}

// sameServer compares a name as SQL Server's tools give it, which may be short or empty, with a server's full name.
func sameServer(name, fqdn string) bool {
	short, _, _ := strings.Cut(fqdn, ".")
	return name == "" || name == "." || strings.EqualFold(name, fqdn) || strings.EqualFold(name, short) || strings.EqualFold(name, "(local)")
}

// StoreKind says what databases are to the pool. Each kind has a call of Install-CsDatabase of its own.
type StoreKind string

const (
	// StorePool: the pool's own databases.
	StorePool StoreKind = "Pool"
	// StoreOther: archiving or monitoring databases on another SQL Server.
	StoreOther StoreKind = "Other"
	// StoreCentralManagement: the central management store.
	StoreCentralManagement StoreKind = "CentralManagement"
)

// DatabaseStore is databases that one call of Install-CsDatabase updates, and what was found of them.
type DatabaseStore struct {
	Kind StoreKind
	// SQLServer is the name that the call is given: a server, or the listener of an availability group.
	SQLServer string
	// Instance is for the central management store; empty is the default instance.
	Instance string
	// Report is what Test-CsDatabase found in this pass; nil when it was not asked.
	Report *DatabaseReport
	// ReportProblem is why it could not be asked.
	ReportProblem string
}

// report keeps the databases that the call for this store updates.
func (s DatabaseStore) report() *DatabaseReport {
	if s.Kind != StorePool {
		return s.Report
	}
	return s.Report.where(func(d Database) bool { return !d.is(centralManagementDatabase) && !d.isCollocated() })
}

// leftBehind lists the databases beside the pool's own that are old and that the pool's call does not update: archiving and
// monitoring databases on the same SQL Server, and the central management store where it has no call of its own.
func (s DatabaseStore) leftBehind(centralManagementDeclared bool) []string {
	if s.Kind != StorePool || s.Report == nil {
		return nil
	}
	return s.Report.where(func(d Database) bool {
		return d.isCollocated() || d.is(centralManagementDatabase) && !centralManagementDeclared
	}).Outdated()
}

func (s DatabaseStore) step() v1alpha1.ServerStep {
	switch s.Kind {
	case StoreOther:
		return v1alpha1.StepUpdateOtherStores
	case StoreCentralManagement:
		return v1alpha1.StepUpdateCentralManagement
	default:
		return v1alpha1.StepUpdateDatabases
	}
}

// subject is what identities of this store's jobs carry besides step and attempt: the build and, where there may be several
// servers, which one.
func (s DatabaseStore) subject(build v1alpha1.Build) string {
	if s.Kind != StoreOther {
		return string(build)
	}
	sum := sha256.Sum256([]byte(strings.ToLower(s.SQLServer)))
	return string(build) + "." + hex.EncodeToString(sum[:4])
}

func (s DatabaseStore) jobID(build v1alpha1.Build, attempt int) string {
	return fmt.Sprintf("%s-%s-%d", stepNames[s.step()], s.subject(build), attempt)
}

// UpdatesDatabases says whether a step is an update of databases.
func UpdatesDatabases(step v1alpha1.ServerStep) bool {
	switch step {
	case v1alpha1.StepUpdateDatabases, v1alpha1.StepUpdateOtherStores, v1alpha1.StepUpdateCentralManagement:
		return true
	default:
		return false
	}
}
