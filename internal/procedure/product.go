package procedure

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// Variant is what product and role change in the procedure of one server: how it is taken out of service and brought back, and what must
// be true before. Everything else (staging, installing, restarting, verifying) is common to all of them.
type Variant struct {
	Product v1alpha1.Product
	Role    v1alpha1.Role
	// FailOver: the server is taken out with Invoke-CsComputerFailOver and brought back with Invoke-CsComputerFailBack instead of
	// Stop- and Start-CsWindowsService.
	FailOver bool
	// PoolFQDN is the pool whose fabric state is written down before a failover.
	PoolFQDN string
	// Refusal is why no server of this pool may be taken out at all; nil when there is none.
	Refusal *Problem
}

// smallestFailOverPool is the number of front ends from which on Invoke-CsComputerFailOver is meant to be used.
const smallestFailOverPool = 3

// VariantFor chooses the variant of a pool with so many servers; 0 is not known yet. announced says that downtime was announced.
//
// Front ends of Skype for Business Server are failed over and back, one server at a time (SfB-FE). The cmdlets are for pools of three and
// more; a pool of two of the 2015 product follows the Lync Server 2013 way, and 2019 and later forbid such pools (SfB-HA).
func VariantFor(product v1alpha1.Product, role v1alpha1.Role, poolFQDN string, servers int, announced bool) Variant {
	variant := Variant{Product: product, Role: role, PoolFQDN: poolFQDN}
	switch {
	case !role.IsFrontEnd():
		if servers == 1 && !announced {
			variant.Refusal = &Problem{Reason: v1alpha1.ReasonLastServer, Lasting: true,
				Message: fmt.Sprintf("%s has one server, so that upgrading it takes the whole pool out of service. Announce the downtime, then set rollout.drain.mode to Immediate", poolFQDN)}
		}
	case product.Is(v1alpha1.ProductLyncServer2013):
	case servers == 0 || servers >= smallestFailOverPool:
		variant.FailOver = true
	case servers == 2 && !product.Is(v1alpha1.ProductSkypeForBusinessServer2015):
		variant.Refusal = &Problem{Reason: v1alpha1.ReasonPoolTooSmall, Lasting: true,
			Message: fmt.Sprintf("%s has two front ends, which %s does not support: nothing says how such a pool is upgraded. Add a third front end, or upgrade by hand", poolFQDN, product.Title())}
	}
	return variant
}

// oneAtATime says whether a second server is never taken out, whatever serversAtATime says.
func (v Variant) oneAtATime() bool { return v.FailOver || !v.Role.IsFrontEnd() }

// serverWord is what one server of the pool is called.
func (v Variant) serverWord() string {
	if v.Role.IsFrontEnd() {
		return "front end"
	}
	return "server"
}

// mismatch says what on the server contradicts the declaration: another product, a build of another product, or another role. Empty
// when there is nothing.
func (p Plan) mismatch(server Server) (reason, message string) {
	if reason, message := p.productMismatch(server); reason != "" {
		return reason, message
	}
	return p.roleMismatch(server)
}

func (p Plan) productMismatch(server Server) (reason, message string) {
	product := p.Product.Title()
	if server.ProductName != "" && (server.Product == "" || !server.Product.Is(p.Product)) {
		return v1alpha1.ReasonProductMismatch, fmt.Sprintf("%s is installed on %s, and %s is declared. Nothing is touched: the procedures differ. Declare the product that is there, in another object", server.ProductName, server.FQDN, product)
	}
	if p.Product != "" {
		if err := p.Product.CheckBuild(p.Build); err != nil {
			return v1alpha1.ReasonInvalidSpec, err.Error()
		}
	}
	return "", ""
}

func (p Plan) roleMismatch(server Server) (reason, message string) {
	if found := server.contradicts(p.Role); found != "" {
		return v1alpha1.ReasonRoleMismatch, fmt.Sprintf("%s %s, and the role %s is declared. Nothing is touched: servers of another role have other gates. Correct servers, or declare a pool of the right role", server.FQDN, found, roleOrFrontEnd(p.Role))
	}
	return "", ""
}

func roleOrFrontEnd(role v1alpha1.Role) v1alpha1.Role {
	if role == "" {
		return v1alpha1.RoleFrontEnd
	}
	return role
}

// Services that give a role away. Mediation is on front ends as well, and RTCSRV is on front ends, Directors and Edge Servers.
var (
	conferencingServices = []string{"RTCIMMCU", "RTCMEETINGMCU", "RTCDATAMCU", "RTCAVMCU", "RTCASMCU", "RTCCAA", "RTCCAS", "RTCRGS", "RTCCPS"}
	edgeServices         = []string{"RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY"}
)

const (
	mediationService      = "RTCMEDSRV"
	persistentChatService = "RTCCHAT"
)

func (s Server) hasAny(names ...string) string {
	for _, service := range s.Services {
		if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, service.Name) }) {
			return service.Name
		}
	}
	return ""
}

// contradicts says what about the services of a server is not that of its role; empty when nothing is. A server without any service of
// ours says nothing.
func (s Server) contradicts(role v1alpha1.Role) string {
	lacks := func(what, name string) string {
		if len(s.Services) == 0 || s.hasAny(name) != "" {
			return ""
		}
		return fmt.Sprintf("has no service %s, which every %s has", name, what)
	}
	has := func(names ...string) string {
		if name := s.hasAny(names...); name != "" {
			return "has the service " + name
		}
		return ""
	}
	var found []string
	switch role {
	case v1alpha1.RoleEdge:
		found = []string{has(conferencingServices...), has(persistentChatService)}
		if len(s.Services) > 0 && s.hasAny(edgeServices...) == "" {
			found = append(found, "has none of the services "+strings.Join(edgeServices, ", ")+" of an Edge Server")
		}
	case v1alpha1.RoleDirector:
		found = []string{has(conferencingServices...), has(edgeServices...), has(persistentChatService), lacks("Director", frontEndService)}
	case v1alpha1.RoleMediation:
		found = []string{has(frontEndService), has(conferencingServices...), has(persistentChatService), lacks("Mediation Server", mediationService)}
	case v1alpha1.RolePersistentChat:
		found = []string{has(frontEndService), has(conferencingServices...), has(edgeServices...), lacks("Persistent Chat Server", persistentChatService)}
	default:
		found = []string{has(edgeServices...), has(persistentChatService), lacks("front end", frontEndService)}
	}
	for _, text := range found {
		if text != "" {
			return text
		}
	}
	return ""
}

// servingService is the service that takes the sessions of what this server is.
func (s Server) servingService() string {
	switch {
	case s.hasAny(frontEndService) != "" || s.hasAny(conferencingServices...) != "":
		return frontEndService
	case s.hasAny(persistentChatService) != "":
		return persistentChatService
	case s.hasAny(mediationService) != "":
		return mediationService
	}
	return frontEndService
}

// stopOrder takes the server out of service. One that does not serve anyway, or that was failed over and not back, is only stopped:
// it has no users to move.
//
// Invoke-CsComputerFailOver that exceeds its WaitTime does nothing. Sessions that do not end by themselves are cut after its
// DrainingTimeout, which is given only where the policy allows that.
func (p Plan) stopOrder(step v1alpha1.ServerStep, server Server, attempt int) Order {
	order := Order{ID: JobID(step, p.Build, attempt), Action: ActionStopServices,
		Graceful: p.Graceful, StopAtOnce: p.StopAtOnce, Timeout: p.DrainTimeout}
	if !p.FailOver || p.PoolFailedOver || !server.Serving() || server.failedOver() {
		return order
	}
	order = Order{ID: order.ID, Action: ActionFailOverComputer, Computer: server.FQDN, Pool: p.PoolFQDN, Timeout: p.DrainTimeout}
	switch {
	case !p.Graceful:
		order.DrainingTimeout = shortestDraining
	case p.StopAtOnce:
		order.DrainingTimeout = p.DrainTimeout
	}
	return order
}

// shortestDraining cuts sessions at once: for announced downtime.
const shortestDraining = time.Second

// startOrder brings the server back into service. What was failed over is failed back, whatever is declared now: its services are
// disabled, and an ordinary start cannot undo that.
func (p Plan) startOrder(step v1alpha1.ServerStep, server Server, attempt int) Order {
	order := Order{ID: JobID(step, p.Build, attempt), Action: ActionStartServices, Timeout: p.RestartTimeout}
	if server.failedOver() {
		order.Action, order.Computer = ActionFailBackComputer, server.FQDN
	}
	return order
}

// OutcomeFailOverRefused is how a failover job ends that has done nothing to the server.
const OutcomeFailOverRefused = "FailOverRefused"

// refused says whether a failover did nothing.
func (j Job) refused() bool { return j.State == JobFailed && j.Outcome == OutcomeFailOverRefused }

// failedOver says whether a failover of ours has begun on the server that no failback of ours has undone. Whether the services run says
// nothing about it: they can be started by hand.
func (s Server) failedOver() bool {
	var over *Job
	for i := range s.Jobs {
		job := &s.Jobs[i]
		if job.Action == ActionFailOverComputer && !job.refused() && !job.neverBegan() && (over == nil || job.Started.After(over.Started)) {
			over = job
		}
	}
	if over == nil {
		return false
	}
	for _, job := range s.Jobs {
		if job.Action == ActionFailBackComputer && job.State == JobSucceeded && !job.Started.Before(over.Started) {
			return false
		}
	}
	return true
}

// asksPatchVersion says whether the product can be asked what is installed: Skype for Business Server can.
func (v Variant) asksPatchVersion() bool {
	return v.Product != "" && !v.Product.Is(v1alpha1.ProductLyncServer2013)
}

// patched says whether the product itself agrees with the registry about the build of a server that is back in service, and what to do while
// that is not known. The product is asked then and not before: its cmdlet loads the module, which an installer would trip over. One that
// cannot say (from before November 2015, or without the right) does not stand in the way.
func (d ServerDecision) patched(plan Plan, server Server) (ServerDecision, bool) {
	if !plan.asksPatchVersion() || server.Build.OlderThan(plan.Build) {
		return d, true
	}
	if server.PatchVersion == nil {
		d.NeedPatchVersion = true
		return d.wait(v1alpha1.StepVerify, v1alpha1.ReasonUpgrading, "the services of %s run as before; Get-CsServerPatchVersion is being asked", server.FQDN), false
	}
	if said := *server.PatchVersion; said != "" && said.OlderThan(plan.Build) {
		return d.hold(v1alpha1.ReasonBuildNotReached, "the uninstall entries on %s say build %s, Get-CsServerPatchVersion says %s for the core components. The services run. See in the installer's log whether all of it was installed, and mend it by hand; the rollout then goes on by itself",
			server.FQDN, server.Build, said), false
	}
	return d, true
}

// failBackMessage is what a person reads about a failback that did not succeed.
func failBackMessage(server Server, why string) string {
	return fmt.Sprintf("%s was failed over, and Invoke-CsComputerFailBack did not succeed: %s. Look at Get-CsPoolFabricState; mend what keeps the server from taking its users back, then ask for another try with the annotation %s: the server is failed back again, and nothing is installed",
		server.FQDN, sentence(why), v1alpha1.AnnotationRetry)
}

// RemainingWithout is the second lock of a pool that has no quorum: with these servers stopped every other one must serve, and there must be
// another one, unless downtime was announced. A server that does not serve in any case costs nobody anything.
func RemainingWithout(members []Member, announced bool, stopping ...string) (holds bool, message string) {
	serving, leaving := 0, 0
	var down []string
	for _, member := range members {
		stops := slices.ContainsFunc(stopping, func(name string) bool { return strings.EqualFold(name, member.FQDN) })
		switch {
		case stops && (member.Serving || member.Silent): // one that does not answer may serve all the same
			leaving++
		case stops:
		case member.Serving:
			serving++
		default:
			down = append(down, member.FQDN)
		}
	}
	message = fmt.Sprintf("%d of %d servers would serve without %s", serving, len(members), strings.Join(stopping, " and "))
	switch {
	case len(members) == 0:
		return false, message
	case leaving == 0:
		return true, message + ", which does not serve now"
	case announced:
		return true, message + "; downtime was announced"
	case len(down) > 0:
		return false, fmt.Sprintf("%s; %s not serve, and one server is out at a time", message, doNot(down))
	}
	return serving > 0, message
}
