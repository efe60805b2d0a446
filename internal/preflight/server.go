package preflight

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lyncops.dev/operator/internal/lync"
)

// The checks of one server that are made from here, in their order after those of lync.Reach. Those that are made on the server
// itself come after them and bear the names that docs/server-protocol.md lists.
const (
	checkLogin        = "Login"
	checkModule       = "Module"
	checkIdentity     = "Identity"
	checkPowerShell   = "PowerShellVersion"
	checkProduct      = "Product"
	checkServerChecks = "ServerChecks"
)

// outside are the checks up to the point from which the server checks itself.
var outside = []string{lync.CheckNameResolution, lync.CheckConnection, lync.CheckCertificate, checkLogin, checkModule, checkIdentity, checkPowerShell, checkProduct, checkServerChecks}

// sheet collects the rows of one server.
type sheet struct {
	server string
	rows   []Row
	// usable: the module runs on the server, so that it can be asked.
	usable bool
}

func (s *sheet) pass(check, found string) {
	s.rows = append(s.rows, Row{Check: check, Server: s.server, Result: Pass, Found: found})
}

func (s *sheet) fail(check, found, remedy string) {
	s.rows = append(s.rows, Row{Check: check, Server: s.server, Result: Fail, Found: found, Remedy: remedy})
}

func (s *sheet) failWith(check string, err error) {
	s.fail(check, message(err), remedy(err))
}

func (s *sheet) add(check lync.Check) {
	if check.OK {
		s.pass(check.Name, check.Found)
	} else {
		s.fail(check.Name, check.Found, check.Remedy)
	}
}

// skipRest notes that the checks after the last one were not made.
func (s *sheet) skipRest(why string) {
	for _, check := range outside[len(s.rows):] {
		s.rows = append(s.rows, Row{Check: check, Server: s.server, Result: Skip, Found: why})
	}
}

// reach looks at the way to a server; login says afterwards whether a login is worth trying.
func (e *estate) reach(ctx context.Context, access lync.Access) (found *sheet, login bool) {
	found = &sheet{server: access.FQDN}
	login = true
	for _, check := range e.servers.Reach(ctx, access, e.now) {
		found.add(check)
		login = login && check.OK
	}
	// A certificate that ends soon still lets us in, so what comes after it can be checked.
	if last := found.rows[len(found.rows)-1]; last.Check == lync.CheckCertificate && last.Result == Fail {
		login = strings.HasPrefix(last.Remedy, "renew ")
	}
	return found, login
}

// lookedAt is a server that is to be checked.
type lookedAt struct {
	access lync.Access
	// jobAccount is the account that jobs run as there; empty where it is the server's own.
	jobAccount string
	// isPoolName: the name is that of the pool and leads to one of its servers.
	isPoolName bool
	// isBackEnd: no server of the pool.
	isBackEnd bool
}

// server checks one server from its name to its disks.
func (e *estate) server(ctx context.Context, at lookedAt) *sheet {
	access := at.access
	found, login := e.reach(ctx, access)
	if !login {
		found.skipRest("the server cannot be logged in to")
		return found
	}
	if refusedBy := e.refusedBy(access); refusedBy != "" {
		found.skipRest("not tried: " + refusedBy + " refused " + access.UserName + ", and more refusals could lock the account")
		return found
	}
	facts, err := e.servers.Facts(ctx, access)
	if err != nil && !letIn(err) {
		found.failWith(checkLogin, err)
		if lync.KindOf(err) == lync.KindLoginRefused {
			e.noteRefusal(access)
		}
		found.skipRest("the server cannot be logged in to")
		return found
	}
	found.pass(checkLogin, access.UserName+" is let in")
	if err != nil {
		found.failWith(checkModule, err)
		found.skipRest("the module does not run")
		return found
	}
	found.usable = true
	if e.servers.Staged(access.FQDN) {
		found.pass(checkModule, "put there by this check, and runs")
	} else {
		found.pass(checkModule, "was there, and runs")
	}
	switch {
	case at.isPoolName:
		found.pass(checkIdentity, "the pool's name leads to "+facts.FQDN)
	case strings.EqualFold(facts.FQDN, access.FQDN):
		found.pass(checkIdentity, "calls itself "+facts.FQDN)
	default:
		found.fail(checkIdentity, "calls itself "+facts.FQDN, "correct the DNS record or the address that is connected to: it leads to another server")
	}
	if major, _, _ := strings.Cut(facts.PowerShellVersion, "."); atLeast(major, oldestPowerShell) {
		found.pass(checkPowerShell, facts.PowerShellVersion+" on Windows "+facts.WindowsVersion)
	} else {
		found.fail(checkPowerShell, facts.PowerShellVersion+" on Windows "+facts.WindowsVersion, "install Windows Management Framework 3.0 or newer, in a version that the Lync release supports")
	}
	e.product(found, at, facts.Components)
	checks, err := e.servers.Preflight(ctx, access, lync.PreflightQuestion{PoolFQDN: e.target.PoolFQDN, OutsideDomain: e.target.OutsideDomain, JobAccount: at.jobAccount})
	if err != nil {
		found.failWith(checkServerChecks, err)
		return found
	}
	found.pass(checkServerChecks, strconv.Itoa(len(checks))+" made on the server, as follows")
	for _, check := range checks {
		found.add(check)
	}
	return found
}

// product holds what is installed against what was declared.
func (e *estate) product(found *sheet, at lookedAt, components []lync.Component) {
	var products []string
	for _, component := range components {
		name := e.target.ProductOf(component.Name)
		if name == "" {
			name = "unknown: " + component.Name
		}
		if !slices.Contains(products, name) {
			products = append(products, name)
		}
	}
	switch {
	case at.isBackEnd:
		found.rows = append(found.rows, Row{Check: checkProduct, Server: found.server, Result: Skip, Found: "no server of the pool"})
	case len(products) == 0:
		found.fail(checkProduct, "no component of Lync Server or Skype for Business Server is installed", "see whether the pool and its servers are declared right")
	case len(products) > 1 || products[0] != e.target.Product:
		found.fail(checkProduct, strings.Join(products, "; ")+", and not "+e.target.Product, "declare in spec.product what is installed: it chooses the variant of the procedure, and cannot be changed later")
	default:
		found.pass(checkProduct, fmt.Sprintf("%s, %d components", products[0], len(components)))
	}
}

// oldestPowerShell is the oldest major version that the module is written for.
const oldestPowerShell = 3

func atLeast(text string, least int) bool {
	number, err := strconv.Atoi(text)
	return err == nil && number >= least
}

// letIn reports whether a question failed only after the login.
func letIn(err error) bool {
	failed, ok := asFailed(err)
	return ok && failed.Ran
}

// message is what was seen, and at which step unless the step is a question of ours.
func message(err error) string {
	failed, ok := asFailed(err)
	if !ok {
		return err.Error()
	}
	if strings.HasPrefix(failed.Step, "Get-LyncOps") {
		return failed.Message
	}
	return fmt.Sprintf("%s: %s", failed.Step, failed.Message)
}

func remedy(err error) string {
	if failed, ok := asFailed(err); ok {
		return failed.Remedy
	}
	return ""
}
