package deployment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

type sqlServer struct {
	SQLServer
	databases []*database
}

// database is one database, of a SQL server or of a host's own instances.
type database struct {
	name, instance     string
	initial, installed string
	// byInstaller says that the update package itself keeps the database current.
	byInstaller bool
}

func newSQLServer(d SQLServer) *sqlServer {
	s := &sqlServer{SQLServer: d}
	for _, in := range d.Instances {
		for _, db := range in.Databases {
			s.databases = append(s.databases, &database{name: db.Name, instance: in.Name, initial: db.Version, installed: db.Version})
		}
	}
	return s
}

func newHostDatabases(p Pool) []*database {
	var list []*database
	for _, d := range defaultLocalDatabases() {
		instance := "rtclocal"
		if d.Name == "lyss" {
			instance = "lynclocal"
		}
		list = append(list, &database{name: d.Name, instance: instance, initial: d.Version, installed: d.Version, byInstaller: true})
	}
	if p.Edition == Standard {
		for _, d := range defaultPoolDatabases() {
			list = append(list, &database{name: d.Name, instance: "rtc", initial: d.Version, installed: d.Version})
		}
	}
	return list
}

// expected is the schema version that the build of the asking host wants.
func (m *Model) expected(asking *Host, d *database) string {
	build := asking.coreVersion()
	version, from := d.initial, ""
	for _, p := range m.packages {
		for name, v := range p.Databases {
			if sameName(name, d.name) && compareVersions(p.coreVersion(), build) <= 0 && (from == "" || compareVersions(p.coreVersion(), from) > 0) {
				version, from = v, p.coreVersion()
			}
		}
	}
	return version
}

// DatabaseRow is one row of what Test-CsDatabase answers.
type DatabaseRow struct {
	DatabaseName      string `json:"databaseName"`
	SQLServerFQDN     string `json:"sqlServerFqdn"`
	SQLInstanceName   string `json:"sqlInstanceName"`
	ExpectedVersion   string `json:"expectedVersion"`
	InstalledVersion  string `json:"installedVersion"`
	Succeed           bool   `json:"succeed"`
	MirrorSQLServer   string `json:"mirrorSqlServerFqdn"`
	MirrorSQLInstance string `json:"-"`
}

// DatabaseAnswer is what a question about databases finds.
type DatabaseAnswer struct {
	Rows     []DatabaseRow
	Warnings []string
	// Collocated are archiving and monitoring databases on the same SQL server.
	Collocated []string
	Mirrored   bool
}

// ErrNoLyncTools is what a Lync cmdlet on a host without Lync says.
var ErrNoLyncTools = errors.New("The specified module 'Lync' was not loaded because no valid module file was found in any module directory.")

// HasLync says whether Lync's cmdlets are on the host.
func (h *Host) HasLync() bool {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	return len(h.components) > 0
}

// lyncCmdlet is Cmdlet, and an error on a host without Lync.
func (h *Host) lyncCmdlet(ctx context.Context) error {
	if !h.HasLync() {
		return ErrNoLyncTools
	}
	return h.Cmdlet(ctx)
}

var collocatedStores = []string{"LcsLog", "LcsCDR", "QoEMetrics"}

// TestDatabases compares installed with expected versions: of a SQL server as configured for pools, or (local) of everything
// the host's own services use.
func (h *Host) TestDatabases(ctx context.Context, sqlServerFQDN string, local bool) (DatabaseAnswer, error) {
	if err := h.lyncCmdlet(ctx); err != nil {
		return DatabaseAnswer{}, err
	}
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	answer := DatabaseAnswer{Rows: []DatabaseRow{}, Warnings: []string{}, Collocated: []string{}}
	if local {
		h.testOwnDatabases(&answer)
		if h.pool == nil || h.pool.description.SQLServer == "" {
			return answer, nil
		}
		sqlServerFQDN = h.pool.description.SQLServer
	}
	if owner := m.sqlServer(sqlServerFQDN); owner != nil {
		h.testDatabasesOf(owner, &answer)
		return answer, nil
	}
	// A Standard Edition server is its own SQL server.
	if s := m.hosts[strings.ToLower(sqlServerFQDN)]; s != nil && s.standard() && !local {
		for _, d := range s.databases {
			if !d.byInstaller {
				answer.Rows = append(answer.Rows, DatabaseRow{DatabaseName: d.name, SQLServerFQDN: s.FQDN(), SQLInstanceName: d.instance,
					ExpectedVersion: m.expected(h, d), InstalledVersion: d.installed, Succeed: s.power == powerOn})
			}
		}
		return answer, nil
	}
	return answer, fmt.Errorf("Cannot find any configured databases on SQL server %q.", sqlServerFQDN)
}

func (h *Host) testOwnDatabases(answer *DatabaseAnswer) {
	for _, d := range h.databases {
		row := DatabaseRow{DatabaseName: d.name, SQLServerFQDN: h.FQDN(), SQLInstanceName: d.instance, ExpectedVersion: h.model.expected(h, d)}
		if row.Succeed = h.databaseServiceRuns(d); row.Succeed {
			row.InstalledVersion = d.installed
		}
		answer.Rows = append(answer.Rows, row)
	}
}

func (h *Host) testDatabasesOf(owner *sqlServer, answer *DatabaseAnswer) {
	machine := h.model.hosts[strings.ToLower(owner.FQDN)]
	for _, d := range owner.databases {
		if slices.Contains(collocatedStores, d.name) {
			answer.Collocated = append(answer.Collocated, d.name)
		}
		row := DatabaseRow{DatabaseName: d.name, SQLServerFQDN: owner.FQDN, SQLInstanceName: d.instance, ExpectedVersion: h.model.expected(h, d), MirrorSQLServer: owner.Mirror}
		if row.Succeed = machine == nil || machine.power == powerOn; row.Succeed {
			row.InstalledVersion = d.installed
		} else {
			answer.Warnings = append(answer.Warnings, fmt.Sprintf("Cannot open database %q on %s.", d.name, owner.FQDN))
		}
		answer.Rows = append(answer.Rows, row)
	}
	answer.Mirrored = owner.Mirror != ""
}

func (h *Host) databaseServiceRuns(d *database) bool {
	s := h.service("MSSQL$" + d.instance)
	return s == nil || s.status == Running
}

func (m *Model) sqlServer(fqdn string) *sqlServer {
	for _, s := range m.sql {
		if sameName(s.FQDN, fqdn) {
			return s
		}
	}
	return nil
}

// DatabaseUpdate is what Install-CsDatabase is asked to do.
type DatabaseUpdate struct {
	// Local updates the host's own databases, otherwise those configured on SQLServer.
	Local     bool
	SQLServer string
	// ExcludeCollocated leaves archiving and monitoring stores alone.
	ExcludeCollocated bool
	Update            bool
	// As is the account the work is done as; empty means the caller's user.
	As string
}

// InstallDatabases updates databases to the versions that the host's build expects.
func (h *Host) InstallDatabases(ctx context.Context, caller Caller, request DatabaseUpdate) error {
	if !h.HasLync() {
		return ErrNoLyncTools
	}
	m := h.model
	m.mu.Lock()
	h.touch(caller)
	var targets []*database
	if request.Local {
		h.judgeLocalDatabases(caller)
		targets = slices.Clone(h.databases)
	} else {
		s := m.sqlServer(request.SQLServer)
		if s == nil {
			m.mu.Unlock()
			return fmt.Errorf("Cannot find any configured databases on SQL server %q.", request.SQLServer)
		}
		var users []*pool
		for _, p := range m.pools {
			if sameName(p.description.SQLServer, s.FQDN) {
				users = append(users, p)
			}
		}
		h.judgeDatabases(caller, users)
		if err := h.mayUpdate(s, request); err != nil {
			h.event(caller, "Install-CsDatabase is refused: "+err.Error())
			m.mu.Unlock()
			return err
		}
		for _, d := range s.databases {
			if !slices.Contains(collocatedStores, d.name) {
				targets = append(targets, d)
			}
		}
	}
	h.event(caller, "the update of databases begins")
	m.mu.Unlock()
	// What happens to them half-way is left open by every source; here each is either old or new.
	err := h.Pause(ctx, time.Duration(h.description.Timing.DatabaseUpdate))
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		for i, d := range targets {
			if i < len(targets)/2 {
				d.installed = m.expected(h, d)
			}
		}
		h.event(caller, "the update of databases is interrupted")
		return err
	}
	for _, d := range targets {
		d.installed = m.expected(h, d)
	}
	h.event(caller, "the databases are at the versions of build "+h.coreVersion())
	m.notify()
	return nil
}

func (h *Host) mayUpdate(s *sqlServer, request DatabaseUpdate) error {
	if host := h.model.hosts[strings.ToLower(s.FQDN)]; host != nil && host.power != powerOn {
		return fmt.Errorf("A network-related or instance-specific error occurred while establishing a connection to SQL Server %s.", s.FQDN)
	}
	if len(s.Administrators) > 0 && !containsName(s.Administrators, request.As) {
		as := request.As
		if as == "" || sameName(as, "LocalSystem") {
			as = h.NetBIOS() + "$"
		}
		return fmt.Errorf("Login failed for user '%s'.", as)
	}
	if s.Mirror != "" && s.MirrorPrincipal {
		return fmt.Errorf("The databases on %s cannot be updated: the mirror %s is the principal.", s.FQDN, s.Mirror)
	}
	return nil
}

// MirrorRow is one row of what Get-CsDatabaseMirrorState answers.
type MirrorRow struct {
	DatabaseName, StateOnPrimary, StateOnMirror, StatusOnPrimary, StatusOnMirror string
}

// MirrorState answers Get-CsDatabaseMirrorState for a pool.
func (h *Host) MirrorState(ctx context.Context, poolFQDN string) ([]MirrorRow, error) {
	if err := h.Cmdlet(ctx); err != nil {
		return nil, err
	}
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	p := h.model.pool(poolFQDN)
	if p == nil {
		return nil, NoSuchPoolError{poolFQDN}
	}
	var rows []MirrorRow
	if s := h.model.sqlServer(p.description.SQLServer); s != nil {
		for _, d := range s.databases {
			row := MirrorRow{DatabaseName: d.name, StateOnPrimary: "DatabaseInaccessibleOrMirroringNotEnabled", StateOnMirror: "DatabaseInaccessibleOrMirroringNotEnabled"}
			if s.Mirror != "" {
				row = MirrorRow{d.name, "Principal", "Mirror", "synchronized", "synchronized"}
				if s.MirrorPrincipal {
					row.StateOnPrimary, row.StateOnMirror = "Mirror", "Principal"
				}
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// NoSuchPoolError says that the topology has no such pool.
type NoSuchPoolError struct{ Pool string }

// Error is the cmdlets' sentence.
func (e NoSuchPoolError) Error() string {
	return fmt.Sprintf("Cannot find pool %q in the topology.", e.Pool)
}
