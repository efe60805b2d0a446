package preflight

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"lyncops.dev/operator/internal/lync"
)

// atOnce is how many servers are looked at together.
const atOnce = 4

// estate is one look at the servers of a target.
type estate struct {
	servers *lync.Servers
	target  Target
	now     time.Time
	report  Report
	// sheets are the servers that were looked at, in the order of the report.
	sheets []*sheet

	lock sync.Mutex
	// refused are the logins that a server has refused; lock guards them.
	refused []lync.Access
}

// Run makes every check of the target. now decides which certificates end soon. Everything that goes wrong is a row of the report,
// the end of ctx included.
//
// One server after the other is logged in to until one has let us in; only then the others are, together: a password that is
// wrong everywhere must not be sent to every server of a domain that locks accounts.
func Run(ctx context.Context, servers *lync.Servers, target Target, now time.Time) Report {
	e := &estate{servers: servers, target: target, now: now}
	entry := e.enter(ctx)
	var topology *lync.Topology
	switch {
	case target.OutsideDomain:
		e.add(Row{Check: checkTopology, Server: target.PoolFQDN, Result: Skip, Found: "the servers of a pool of the role " + target.Role + " are those that are declared: " + strings.Join(target.Servers, ", ")})
	case entry != "":
		topology = e.topology(ctx, entry)
	}
	e.others(ctx, topology)
	if target.BackEnd != "" && e.sheetOf(target.BackEnd) == nil {
		e.sheets = append(e.sheets, e.server(ctx, lookedAt{access: target.BackEndAccess, jobAccount: target.BackEndJobAccount, isBackEnd: true}))
	}
	var rows []Row
	for _, found := range e.sheets {
		rows = append(rows, found.rows...)
	}
	e.report.Rows = append(rows, e.report.Rows...)
	if target.Role != "" {
		if entry == "" && !target.OutsideDomain {
			e.skipPool(checkTopology)
		}
		e.skipOfRole()
		return e.report
	}
	if topology != nil {
		e.jobAccount(*topology)
		e.readiness(ctx, *topology)
		e.databases(ctx, entry, *topology)
		return e.report
	}
	if entry == "" {
		e.skipPool(checkTopology)
	}
	e.skipPool(checkReadinessShape)
	e.skipPool(checkDatabases)
	return e.report
}

// enter checks candidates until one can be asked, and names it; "" when none can.
func (e *estate) enter(ctx context.Context) string {
	for _, name := range e.target.Candidates {
		if e.sheetOf(name) != nil {
			continue
		}
		isPoolName := strings.EqualFold(name, e.target.PoolFQDN) && !e.target.IsServer
		found := e.server(ctx, lookedAt{access: e.target.FrontEnds(name), jobAccount: e.target.JobAccount, isPoolName: isPoolName})
		e.sheets = append(e.sheets, found)
		if found.usable {
			return name
		}
	}
	return ""
}

// others checks the servers of the pool that were not looked at yet: those that are declared, else those of the topology. Where no
// server has let us in, every one that is declared was looked at already.
func (e *estate) others(ctx context.Context, topology *lync.Topology) {
	names := e.target.Servers
	if len(names) == 0 && topology != nil {
		names = topology.Computers
	}
	if !e.target.AllFrontEnds {
		return
	}
	var places []*sheet
	for _, name := range names {
		// A name that comes twice is looked at once.
		if e.sheetOf(name) == nil {
			place := &sheet{server: name}
			places, e.sheets = append(places, place), append(e.sheets, place)
		}
	}
	var working sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for _, place := range places {
		working.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			*place = *e.server(ctx, lookedAt{access: e.target.FrontEnds(place.server), jobAccount: e.target.JobAccount})
		})
	}
	working.Wait()
}

// skipPool notes that a check of the pool was not made.
func (e *estate) skipPool(check string) {
	e.add(Row{Check: check, Server: e.target.PoolFQDN, Result: Skip, Found: "no server could say what the pool consists of"})
}

// skipOfRole says what is not asked of a pool that holds no users.
func (e *estate) skipOfRole() {
	e.add(Row{Check: checkReadinessShape, Server: e.target.PoolFQDN, Result: Skip, Found: "the role " + e.target.Role + " has neither upgrade domains nor readiness: one server after the other is taken"})
	e.add(Row{Check: checkDatabases, Server: e.target.PoolFQDN, Result: Skip, Found: "a pool of the role " + e.target.Role + " has no user databases"})
}

func (e *estate) sheetOf(name string) *sheet {
	for _, found := range e.sheets {
		if strings.EqualFold(found.server, name) {
			return found
		}
	}
	return nil
}

// refusedBy names a server that has refused the user name and password of access.
func (e *estate) refusedBy(access lync.Access) string {
	e.lock.Lock()
	defer e.lock.Unlock()
	for _, refused := range e.refused {
		if refused.UserName == access.UserName && refused.Password == access.Password {
			return refused.FQDN
		}
	}
	return ""
}

// noteRefusal leaves out the ways to log in that lock no account: a KDC is asked once for all servers, and a certificate is no
// password.
func (e *estate) noteRefusal(access lync.Access) {
	if access.Authentication == lync.AuthenticationKerberos || access.Authentication == lync.AuthenticationCertificate {
		return
	}
	e.lock.Lock()
	defer e.lock.Unlock()
	e.refused = append(e.refused, access)
}

func asFailed(err error) (*lync.Error, bool) {
	return errors.AsType[*lync.Error](err)
}
