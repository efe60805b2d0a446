package procedure_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// The rules of products and roles, beside the lines of what must never happen.
const (
	ruleFailedOver = 21 // a front end that serves is stopped without having been failed over
	ruleFailedBack = 22 // another front end is taken while one was failed over and not back
)

// computerState is what Invoke-CsComputerFailOver has done to a machine.
type computerState struct {
	// failedOver: no failback has told the pool that the machine is back.
	failedOver bool
	// disabled: its services do not start, whoever starts them, until they are enabled.
	disabled bool
	// cutOff counts the starts and failbacks that a restart cut off.
	cutOff int
	// role is the machine's where it is no front end, and gives it the services of one.
	role v1alpha1.Role
}

func (c computerState) startType() string {
	if c.disabled {
		return "Disabled"
	}
	return procedure.StartAutomatic
}

// named is the name of a service on such a machine.
func (c computerState) named(service string) string {
	if name := serviceOfRole[c.role][service]; name != "" {
		return name
	}
	return service
}

// serviceOfRole is what stands on a server of another role for a service of a front end.
var serviceOfRole = map[v1alpha1.Role]map[string]string{
	v1alpha1.RoleEdge:           {"RTCMEETINGMCU": "RTCMRAUTH"},
	v1alpha1.RoleDirector:       {"RTCMEETINGMCU": "RTCCLSAGT"},
	v1alpha1.RoleMediation:      {"RTCSRV": "RTCMEDSRV", "RTCMEETINGMCU": "RTCCLSAGT"},
	v1alpha1.RolePersistentChat: {"RTCSRV": "RTCCHAT", "RTCMEETINGMCU": "RTCCOMPLIANCE"},
}

// skypeWorld is a pool of Skype for Business Server, whose front ends are failed over and back. Nil for a pool too small for that.
func skypeWorld(seed uint64, bad faults) *world {
	w := newWorld(seed, bad)
	if len(w.machines) < 3 {
		return nil
	}
	w.smallest = 3
	w.plan.Variant = procedure.Variant{FailOver: true, PoolFQDN: "pool01.contoso.com"}
	return w
}

// roleWorld makes pools of two to four servers of a role.
func roleWorld(role v1alpha1.Role) func(seed uint64, bad faults) *world {
	return func(seed uint64, bad faults) *world {
		w := newWorld(seed, bad)
		w.ungated, w.plan.Role = true, role
		w.machines = w.machines[:min(len(w.machines), 4)]
		for _, m := range w.machines {
			m.domain, m.computer.role = domainOfServer(m.fqdn), role
		}
		return w
	}
}

// domainOfServer is the domain that a server of a pool without upgrade domains gets.
func domainOfServer(fqdn string) string {
	name, _, _ := strings.Cut(fqdn, ".")
	return name
}

// startFailOver begins a failover and says how long it takes. One that exceeds its wait time does nothing.
func (w *world) startFailOver(m *machine, order procedure.Order, j *job) time.Duration {
	if m.baseline == nil {
		m.baseline = m.services()
	}
	if w.chance(w.faults.drainTimeout) {
		j.fate, j.word = procedure.JobFailed, procedure.OutcomeFailOverRefused
		return order.Timeout
	}
	m.away, m.unverified, m.broke = true, true, false
	return w.minutes(1, 20)
}

// endFailOver ends it: everything is stopped and disabled, or, when it failed half way, something.
func (w *world) endFailOver(m *machine, j *job, set func(bool)) {
	switch {
	case j.State == procedure.JobSucceeded:
		set(false)
		m.computer.disabled, m.computer.failedOver = true, true
	case j.word != procedure.OutcomeFailOverRefused:
		m.running["RTCMEETINGMCU"] = false
		m.running["RTCSRV"] = w.random.IntN(2) == 0
		m.computer.disabled, m.computer.failedOver = true, true
	}
}

// cutOff is what a restart in the middle of a failover leaves behind.
func (w *world) cutOff(m *machine, j *job) {
	if j.action == procedure.ActionFailBackComputer || j.action == procedure.ActionStartServices {
		m.computer.cutOff++
		m.hurt = m.hurt || m.computer.cutOff > 1 || m.bothStarted(j) // it is made once more; after that a person must
	}
	if j.action == procedure.ActionFailOverComputer && j.word != procedure.OutcomeFailOverRefused {
		m.computer.failedOver, m.computer.disabled = true, w.random.IntN(2) == 0
	}
}

// judgeProduct checks a new job against the rules of the product.
func (w *world) judgeProduct(m *machine, order procedure.Order) {
	if !w.plan.FailOver || order.Action != procedure.ActionStopServices && order.Action != procedure.ActionFailOverComputer {
		return
	}
	if order.Action == procedure.ActionStopServices && m.serves() && !m.computer.failedOver && !w.recently(m.changedAlone) {
		w.violated(ruleFailedOver, "%s is stopped, and its users were not moved", m.fqdn)
	}
	for _, other := range w.machines {
		if other != m && other.computer.failedOver && !other.membership.left && !m.unverified {
			w.violated(ruleFailedBack, "%s is taken while %s has not been failed back", m.fqdn, other.fqdn)
		}
	}
}

// judgeWithoutQuorum checks that a server that is taken out is not the last one of its pool, nor the second.
func (w *world) judgeWithoutQuorum(m *machine) {
	if !m.serves() {
		return
	}
	others := 0
	members := w.membersFor(m)
	for _, other := range members {
		alone := w.recently(other.changedAlone)
		if other != m && !other.away && (other.serves() || alone) {
			others++
		}
	}
	if others < len(members)-1 && !w.recently(w.republished) {
		w.violated(2, "%s is stopped, and %d of %d other servers serve", m.fqdn, others, len(members)-1)
	}
}

// misorder does the wrong thing instead of the right one.
func (o *operators) misorder(order *procedure.Order) {
	switch {
	case o.flaw == startsAfterOver && order.Action == procedure.ActionFailBackComputer:
		order.Action = procedure.ActionStartServices
	case o.flaw == stopsWithoutOver && order.Action == procedure.ActionFailOverComputer:
		order.Action = procedure.ActionStopServices
	}
}

// productRegressions are seeds of histories of these worlds that once broke a promise.
var productRegressions = []uint64{1197700609945241966, 3842175946210158301, 135, 420, 1453, 12, 230, 348, 3377889124930310510, 469606790668912280, 2734974830131917460, 4075869195148294188, 4039140580236513195, 2163770340490345790,
	457824621653474490, 795420379921836249, 412770890325185690, 3976431902314852170, 2286455484047828751, 2878833000901363434}

// worlds are pools of the other product, and of every other role.
var worlds = map[string]func(uint64, faults) *world{
	"Skype for Business": skypeWorld,
	"Edge":               roleWorld(v1alpha1.RoleEdge),
	"Director":           roleWorld(v1alpha1.RoleDirector),
	"Mediation":          roleWorld(v1alpha1.RoleMediation),
	"Persistent Chat":    roleWorld(v1alpha1.RolePersistentChat),
}

func TestNothingForbiddenHappensToProductsAndRoles(t *testing.T) {
	t.Parallel()
	for name, worldOf := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, seed := range seeds(4, productRegressions...) {
				for _, bad := range []faults{noFaults, operatorDies, everythingBad, poolChanges()} {
					if seldom := bad != everythingBad && seed%10 != 0 && (bad != poolChanges() || seed%3 != 0); seldom && *seedFlag == 0 {
						continue
					}
					if w := worldOf(seed, bad); w != nil {
						checkIn(t, seed, w, bad)
					}
					if t.Failed() {
						return
					}
				}
			}
		})
	}
}

func TestBrokenOperatorsOfProductsAndRolesAreCaught(t *testing.T) {
	cases := []struct {
		flaw    flaw
		worldOf func(uint64, faults) *world
		line    int
		bad     faults
	}{
		{stopsWithoutOver, skypeWorld, ruleFailedOver, noFaults},
		{startsAfterOver, skypeWorld, 8, everythingBad},
		{forgetsFailover, skypeWorld, ruleFailedBack, noFaults},
		{leavesThemBroken, skypeWorld, 8, faults{jobFails: 4}},
		{takesEveryTurn, skypeWorld, 1, everythingBad},
		{ignoresQuorum, roleWorld(v1alpha1.RoleEdge), 2, faults{breaks: 300}},
		{takesEveryTurn, roleWorld(v1alpha1.RoleDirector), 1, everythingBad},
		{leavesThemBroken, roleWorld(v1alpha1.RoleMediation), 8, faults{drainTimeout: 3}},
		{ignoresQuorum, roleWorld(v1alpha1.RolePersistentChat), 2, faults{breaks: 300}},
		{forgetsTopology, roleWorld(v1alpha1.RoleDirector), ruleMember, faults{members: 30}},
		{touchesCurrent, roleWorld(v1alpha1.RoleMediation), ruleCurrent, faults{drift: 100}},
	}
	for _, broken := range cases {
		t.Run(string(broken.flaw), func(t *testing.T) {
			for seed := uint64(1); seed <= 400; seed++ {
				world := broken.worldOf(seed, broken.bad)
				if world == nil {
					continue
				}
				w, _ := playIn(world, broken.bad, broken.flaw)
				if slices.ContainsFunc(w.violations, func(said string) bool { return strings.HasPrefix(said, fmt.Sprintf("line %d:", broken.line)) }) {
					return
				}
			}
			t.Errorf("an operator that %s broke line %d in none of 400 histories", broken.flaw, broken.line)
		})
	}
}

// bothStarted says whether the services were started under both names that there are for it in the attempt of a job, as where a server was failed
// back for another try: there is no third.
func (m *machine) bothStarted(j *job) bool {
	step, rest, _ := strings.Cut(j.ID, "-5.")
	other := map[string]string{"recover": "start-services", "start-services": "recover"}[step]
	return slices.ContainsFunc(m.jobs, func(one *job) bool { return one.ID == other+"-5."+rest })
}
