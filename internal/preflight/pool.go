package preflight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"lyncops.dev/operator/internal/lync"
)

// The checks of a pool, in their order after those of its servers.
const (
	checkTopology       = "Topology"
	checkJobAccount     = "JobAccount"
	checkReadinessShape = "ReadinessShape"
	checkUpgradeDomains = "UpgradeDomains"
	checkPoolReady      = "PoolReady"
	checkDatabases      = "Databases"
)

func (e *estate) readinessCmdlet() string {
	return cmp.Or(e.target.ReadinessCmdlet, "Get-CsPoolUpgradeReadinessState")
}

func (e *estate) add(row Row) { e.report.Rows = append(e.report.Rows, row) }

// topology asks one server; nil when it cannot say.
func (e *estate) topology(ctx context.Context, server string) *lync.Topology {
	row := Row{Check: checkTopology, Server: server, Result: Fail}
	topology, err := e.servers.Topology(ctx, e.target.FrontEnds(server), e.target.PoolFQDN)
	if err != nil {
		row.Found, row.Remedy = message(err), remedy(err)
		e.noteUnknown("Get-CsPool", server, err)
		e.add(row)
		return nil
	}
	row.Found = fmt.Sprintf("%s, %d computers: %s", e.kind(topology), len(topology.Computers), strings.Join(topology.Computers, ", "))
	switch twice, stranger := firstDouble(topology.Computers), e.stranger(topology); {
	case twice != "":
		row.Found, row.Remedy = row.Found+"; "+twice+" is listed twice", "compare Get-CsComputer -Pool with the Topology Builder; nothing is upgraded while names are double"
	case stranger != "":
		row.Found, row.Remedy = row.Found+"; "+stranger+" of spec.servers is not among them", "compare spec.servers and Get-CsComputer -Pool "+topology.PoolFQDN
	case e.target.Role != "" && topology.UserDatabaseSQLServerFQDN != "":
		row.Found, row.Remedy = row.Found+"; and user databases on "+topology.UserDatabaseSQLServerFQDN, "a pool that holds users is a Front End pool: declare role FrontEnd, so that readiness and quorum are kept"
	default:
		row.Result = Pass
	}
	e.add(row)
	return &topology
}

// kind is the edition of a pool that has one, else its role.
func (e *estate) kind(topology lync.Topology) string {
	if e.target.Role != "" {
		return e.target.Role + " pool"
	}
	return string(topology.Edition) + " Edition"
}

// jobAccount looks at who the jobs run as, where some of them reach other servers.
func (e *estate) jobAccount(topology lync.Topology) {
	var why string
	switch {
	case e.target.FailsOver && len(topology.Computers) >= 3:
		why = "front ends are taken out by Invoke-CsComputerFailOver"
	case e.target.MovesUsers:
		why = "users may be moved to the backup pool by Invoke-CsPoolFailOver"
	default:
		return
	}
	row := Row{Check: checkJobAccount, Server: topology.PoolFQDN, Result: Pass, Found: why + ", as " + e.target.JobAccount}
	if e.target.JobAccount == "" {
		row.Result, row.Found = Fail, why+", and LocalSystem is an administrator of no other server"
		row.Remedy = "set jobs.runAs to StoredAccount or GroupManagedServiceAccount, with an account that docs/security.md describes"
	}
	e.add(row)
}

// stranger is a declared server that the topology does not list; "" for none.
func (e *estate) stranger(topology lync.Topology) string {
	for _, name := range e.target.Servers {
		if !containsFold(topology.Computers, name) {
			return name
		}
	}
	return ""
}

// readiness asks the front ends until one answers: only those whose services run can.
func (e *estate) readiness(ctx context.Context, topology lync.Topology) {
	if topology.Edition == lync.EditionStandard {
		e.add(Row{Check: checkReadinessShape, Server: topology.PoolFQDN, Result: Skip, Found: "a Standard Edition server has no upgrade domains"})
		return
	}
	last := Row{Check: checkReadinessShape, Server: topology.PoolFQDN, Result: Fail, Found: "no front end of the pool could be asked", Remedy: "mend the front ends first"}
	for _, name := range e.askable(topology) {
		answer, err := e.servers.PoolReadiness(ctx, e.target.FrontEnds(name), e.target.PoolFQDN)
		if err == nil {
			e.judgeReadiness(name, topology, answer)
			return
		}
		last.Server, last.Found, last.Remedy = name, message(err), remedy(err)
		if lync.KindOf(err) == lync.KindUnknownShape {
			last.Remedy = "do not upgrade this pool with the operator yet: send the answer below as docs/preflight.md says"
			e.noteUnknown(e.readinessCmdlet(), name, err)
			break
		}
	}
	e.add(last)
}

// askable are the front ends that run the module, in topology order. Where only one server was looked at, it is that one.
func (e *estate) askable(topology lync.Topology) []string {
	var names []string
	for _, name := range topology.Computers {
		if found := e.sheetOf(name); found != nil && found.usable {
			names = append(names, name)
		}
	}
	return names
}

func (e *estate) judgeReadiness(server string, topology lync.Topology, answer lync.PoolReadiness) {
	state := string(answer.State)
	known := []lync.ReadinessState{lync.ReadinessReady, lync.ReadinessBusy, lync.ReadinessInsufficientActiveFrontEnds}
	if !slices.Contains(known, answer.State) {
		e.add(Row{Check: checkReadinessShape, Server: server, Result: Fail, Found: fmt.Sprintf("the state %q is none of Ready, Busy and InsufficientActiveFrontEnds", state),
			Remedy: "the operator waits while it does not know the state: send the answer below as docs/preflight.md says"})
		e.report.UnknownAnswers = append(e.report.UnknownAnswers, Answer{e.readinessCmdlet(), server, answer.Raw})
	} else {
		e.add(Row{Check: checkReadinessShape, Server: server, Result: Pass, Found: "as it is known"})
	}
	domains := Row{Check: checkUpgradeDomains, Server: server, Result: Pass, Found: describeDomains(answer.UpgradeDomains)}
	if wrong := compareDomains(topology.Computers, answer.UpgradeDomains); wrong != "" {
		domains.Result, domains.Found = Fail, wrong
		domains.Remedy = "compare " + e.readinessCmdlet() + " and Get-CsComputer -Pool; a topology that was just published may need time"
	}
	e.add(domains)
	ready := Row{Check: checkPoolReady, Server: server, Result: Pass, Found: fmt.Sprintf("%s, %d of %d front ends active", state, answer.TotalActiveFrontends, answer.TotalFrontends)}
	if answer.State != lync.ReadinessReady {
		ready.Result, ready.Remedy = Fail, "run "+e.readinessCmdlet()+" and Get-CsPoolFabricState, and start the front ends that are down; the operator begins when the pool is Ready"
	}
	e.add(ready)
}

func describeDomains(domains []lync.UpgradeDomainReadiness) string {
	parts := make([]string, 0, len(domains))
	for _, domain := range domains {
		parts = append(parts, fmt.Sprintf("%s (%s)", domain.Name, strings.Join(domain.Frontends, ", ")))
	}
	return strings.Join(parts, "; ")
}

// compareDomains says in which way the upgrade domains are not a division of the computers; "" when they are.
func compareDomains(computers []string, domains []lync.UpgradeDomainReadiness) string {
	var names, members []string
	for _, domain := range domains {
		names = append(names, domain.Name)
		members = append(members, domain.Frontends...)
	}
	if twice := firstDouble(names); twice != "" {
		return "the upgrade domain " + twice + " is listed twice"
	}
	if twice := firstDouble(members); twice != "" {
		return "the front end " + twice + " is listed twice"
	}
	for _, name := range computers {
		if !containsFold(members, name) {
			return "the front end " + name + " of the topology is in no upgrade domain"
		}
	}
	for _, name := range members {
		if !containsFold(computers, name) {
			return "the front end " + name + " of an upgrade domain is not in the topology"
		}
	}
	return ""
}

// databases asks a front end whether it reaches SQL Server, which takes a second hop from there; entry is asked where no front end
// can be.
func (e *estate) databases(ctx context.Context, entry string, topology lync.Topology) {
	server := entry
	if able := e.askable(topology); len(able) > 0 {
		server = able[0]
	}
	local := topology.Edition == lync.EditionStandard
	sql := e.target.SQLServerFQDN
	if sql == "" {
		sql = topology.UserDatabaseSQLServerFQDN
	}
	row := Row{Check: checkDatabases, Server: server, Result: Fail}
	if sql == "" && !local {
		row.Found, row.Remedy = "the topology names no user database", "compare Get-CsService -UserServer -PoolFqdn "+topology.PoolFQDN+"; a pool that holds no users is declared with its role"
		e.add(row)
		return
	}
	where := sql
	if local {
		where, sql = "the local databases", ""
	}
	report, err := e.servers.Database(ctx, e.target.FrontEnds(server), lync.DatabaseQuestion{SQLServerFQDN: sql, Local: local})
	if err != nil {
		row.Found, row.Remedy = where+": "+message(err), remedy(err)
		e.noteUnknown("Test-CsDatabase", server, err)
		e.add(row)
		return
	}
	var bad []string
	for _, database := range report.Databases {
		if !database.Succeed || database.ExpectedVersion == "" || database.InstalledVersion == "" {
			bad = append(bad, database.DatabaseName)
		}
	}
	switch {
	case len(report.Databases) == 0:
		row.Found = where + ": Test-CsDatabase listed no database"
	case len(bad) > 0:
		row.Found = where + ": could not be tested, or without a version: " + strings.Join(bad, ", ")
	default:
		row.Result, row.Found = Pass, fmt.Sprintf("%s: %d databases answer", where, len(report.Databases))
	}
	if row.Result == Fail {
		row.Remedy = "run Test-CsDatabase on " + server + " as this account: it needs to reach SQL Server from there (a second hop) and to read the databases"
		if len(report.Warnings) > 0 {
			row.Found += "; " + strings.Join(report.Warnings, "; ")
		}
	}
	e.add(row)
}

// noteUnknown keeps an answer in a shape that nobody knows.
func (e *estate) noteUnknown(cmdlet, server string, err error) {
	if failed, ok := asFailed(err); ok && failed.Kind == lync.KindUnknownShape {
		e.report.UnknownAnswers = append(e.report.UnknownAnswers, Answer{cmdlet, server, failed.Detail})
	}
}

func containsFold(names []string, wanted string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, wanted) })
}

// firstDouble is the first name that comes twice, whatever its case; "" when none does.
func firstDouble(names []string) string {
	seen := map[string]bool{}
	for _, name := range names {
		if seen[strings.ToLower(name)] {
			return name
		}
		seen[strings.ToLower(name)] = true
	}
	return ""
}
