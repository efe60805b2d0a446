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
	// updating counts the runs of Install-CsDatabase that change something here.
	updating int
}

// is says whether a name leads here: that of the server, or of the listener of its availability group.
func (s SQLServer) is(name string) bool {
	return sameName(s.FQDN, name) || s.Listener != "" && sameName(s.Listener, name)
}

// name is what databases here are known under.
func (s SQLServer) name() string {
	if s.Listener != "" {
		return s.Listener
	}
	return s.FQDN
}

// database is one database, of a SQL server or of a host's own instances.
type database struct {
	name, instance     string
	initial, installed string
	// byInstaller says that the update package itself keeps the database current.
	byInstaller bool
	// singleUser says that only one session may use it, which the front end service is not.
	singleUser bool
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
			if sameName(name, d.name) && p.appliesTo(build) && compareVersions(p.coreVersion(), build) <= 0 && (from == "" || compareVersions(p.coreVersion(), from) > 0) {
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
		h.testDatabasesOf(owner, false, &answer)
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

func (h *Host) testDatabasesOf(owner *sqlServer, central bool, answer *DatabaseAnswer) {
	machine := h.model.hosts[strings.ToLower(owner.FQDN)]
	for _, d := range owner.databases {
		if owner.holdsCentralManagement(d) != central {
			continue
		}
		if slices.Contains(collocatedStores, d.name) {
			answer.Collocated = append(answer.Collocated, d.name)
		}
		row := DatabaseRow{DatabaseName: d.name, SQLServerFQDN: owner.name(), SQLInstanceName: d.instance, ExpectedVersion: h.model.expected(h, d), MirrorSQLServer: owner.Mirror}
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
		if s.is(fqdn) {
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
	// CentralManagement updates the central management store on SQLServer, in the instance of that name, instead.
	CentralManagement bool
	Instance          string
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
	targets, owner, err := h.databasesToUpdate(caller, request)
	if err != nil {
		h.event(caller, "Install-CsDatabase is refused: "+err.Error())
		m.mu.Unlock()
		return err
	}
	if owner != nil {
		owner.updating++
	}
	h.event(caller, "the update of databases begins")
	m.mu.Unlock()
	// What happens to them half-way is left open by every source; here each is either old or new.
	err = h.Pause(ctx, time.Duration(h.description.Timing.DatabaseUpdate))
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		err = h.wait(ctx, func() bool { return m.peekFault(FaultDatabaseWaits, nil, h.FQDN(), h.Pool()) == nil })
	}
	if owner != nil {
		owner.updating--
	}
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

// databasesToUpdate judges the request and says what it changes, and on which SQL server.
func (h *Host) databasesToUpdate(caller Caller, request DatabaseUpdate) ([]*database, *sqlServer, error) {
	if request.Local {
		h.judgeLocalDatabases(caller)
		return slices.Clone(h.databases), nil, nil
	}
	m := h.model
	s := m.sqlServer(request.SQLServer)
	if s == nil {
		return nil, nil, fmt.Errorf("Cannot find any configured databases on SQL server %q.", request.SQLServer)
	}
	var users, owners []*pool
	for _, p := range m.pools {
		if s.is(p.description.SQLServer) {
			owners = append(owners, p)
		}
		if s.is(p.description.SQLServer) || slices.ContainsFunc(p.description.OtherStores, s.is) || request.CentralManagement && p.description.FQDN == h.model.centralManagementFor(h.pool) {
			users = append(users, p)
		}
	}
	h.judgeDatabases(caller, users)
	if err := h.mayUpdate(caller, s, request); err != nil {
		return nil, nil, err
	}
	var targets []*database
	for _, d := range s.databases {
		collocated := len(owners) > 0 && slices.Contains(collocatedStores, d.name)
		if !collocated && s.holdsCentralManagement(d) == request.CentralManagement && (!request.CentralManagement || sameName(d.instance, request.Instance)) {
			targets = append(targets, d)
		}
	}
	if len(targets) == 0 {
		return nil, nil, fmt.Errorf("Cannot find any configured databases on SQL server %q.", request.SQLServer)
	}
	return targets, s, nil
}

func (h *Host) mayUpdate(caller Caller, s *sqlServer, request DatabaseUpdate) error {
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
	if s.Listener != "" && !sameName(request.SQLServer, s.Listener) {
		return fmt.Errorf("The databases on %s belong to an availability group; name its listener %s.", s.FQDN, s.Listener)
	}
	return h.mayUpdateMirrored(caller, s, request)
}

var centralManagementDatabases = []string{"xds", "lis"}

// holdsCentralManagement says whether the database belongs to the central management store, where the description says that it is here.
func (s *sqlServer) holdsCentralManagement(d *database) bool {
	return s.CentralManagement && slices.Contains(centralManagementDatabases, d.name)
}

// TestCentralManagement compares the databases of the central management store.
func (h *Host) TestCentralManagement(ctx context.Context) (DatabaseAnswer, error) {
	if err := h.lyncCmdlet(ctx); err != nil {
		return DatabaseAnswer{}, err
	}
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	answer := DatabaseAnswer{Rows: []DatabaseRow{}, Warnings: []string{}, Collocated: []string{}}
	for _, s := range h.model.sql {
		if s.CentralManagement {
			h.testDatabasesOf(s, true, &answer)
		}
	}
	return answer, nil
}

// NoSuchPoolError says that the topology has no such pool.
type NoSuchPoolError struct{ Pool string }

// Error is the cmdlets' sentence.
func (e NoSuchPoolError) Error() string {
	return fmt.Sprintf("Cannot find pool %q in the topology.", e.Pool)
}
