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

// The rules of pools that change, beside the lines of what must never happen.
const (
	ruleCurrent = 31 // a server that has the build is taken out of service
	ruleMember  = 32 // a server that has left the pool is taken out of service
)

const (
	forgetsTopology flaw = "never reads the topology again"
	losesServers    flaw = "lets a server go to another domain in the middle"
	keepsTheTurn    flaw = "goes on with a turn although the pool has other servers since"
	forgetsClaims   flaw = "does not mind the finalizer of a domain whose status was lost"
	touchesCurrent  flaw = "takes servers that have the build for old ones"
)

// poolChanges is a bad time in which the pool itself changes as well: front ends come, go and move, and servers drift.
func poolChanges() faults {
	bad := everythingBad
	bad.members, bad.drift, bad.deletes = 30, 150, 900
	return bad
}

// membershipState is where a machine stands in the topology.
type membershipState struct {
	left    bool      // not in the topology any more
	off     bool      // and switched off
	forced  bool      // let go half way by a person, who answers for it until it is back
	silent  bool      // it did not answer when an operator looked last
	unknown bool      // and silent when its pool was let go, so that nobody remembers it
	joined  time.Time // when it came into the topology; zero for one that was always there
	movedAt time.Time
	before  string // the domain in which the pool was last known to have it
	taken   string // the domain in which it was last taken out of service
}

// takenAs is the domain that works on the machine: while it is out, the one that took it, wherever it has been put since.
func (m *machine) takenAs() string {
	if m.away || m.unverified {
		return m.membership.taken
	}
	return m.domain
}

// domainObject is an UpgradeDomain as the API server has it.
type domainObject struct {
	name       string
	servers    []string
	generation int
	deleting   bool
}

// members are the machines of the topology, in its order.
func (w *world) members() []*machine {
	list := make([]*machine, 0, len(w.machines))
	for _, m := range w.machines {
		if !m.membership.left {
			list = append(list, m)
		}
	}
	return list
}

// membersFor are the machines that must be counted before that one is stopped. In the middle of our work the pool is not read again, and who has
// come since it was read need not be known.
func (w *world) membersFor(m *machine) []*machine {
	return slices.DeleteFunc(w.members(), func(other *machine) bool {
		return m.unverified && other != m && other.membership.joined.After(w.storedAt)
	})
}

func (w *world) topology() []string {
	var names []string
	for _, m := range w.members() {
		names = append(names, m.fqdn)
	}
	return names
}

// domains are the pool's upgrade domains, in the order of the topology.
func (w *world) domains() []string {
	var names []string
	for _, m := range w.members() {
		if !slices.Contains(names, m.domain) {
			names = append(names, m.domain)
		}
	}
	return names
}

func (w *world) object(name string) *domainObject {
	for _, object := range w.objects.domains {
		if object.name == name {
			return object
		}
	}
	return nil
}

func (w *world) drop(name string) {
	w.objects.domains = slices.DeleteFunc(w.objects.domains, func(object *domainObject) bool { return object.name == name })
}

// restless says whether the pool itself changes in this history: it is watched for longer than until it is done.
func (w *world) restless() bool { return w.faults.members > 0 || w.faults.drift > 0 }

func (w *world) places() []procedure.PlacedServer {
	var found []procedure.PlacedServer
	for _, m := range w.members() {
		found = append(found, procedure.PlacedServer{FQDN: m.fqdn, Domain: m.domain})
	}
	return found
}

// republish is an administrator with Topology Builder, or with kubectl and no patience.
func (w *world) republish(o *operators) {
	if !w.chance(w.faults.members) {
		return
	}
	members := w.members()
	m := w.somebody()
	was := w.topology()
	defer func() {
		if !slices.Equal(was, w.topology()) {
			w.published = append(w.published, publication{was, w.now})
		}
	}()
	switch w.random.IntN(6) {
	case 0, 1:
		// Nobody publishes a topology in the minutes in which users are moved, nor into a pool that is being deleted with its users elsewhere.
		if !w.usersMoved() || w.usersAway() && !w.objects.deleting {
			w.join(members)
		}
	case 2:
		if len(members) > w.smallest {
			w.say("%s of %s leaves the pool", m.fqdn, m.domain)
			m.membership.left, w.republished = true, w.now
			if p := w.pair; p != nil {
				p.members = slices.DeleteFunc(p.members, func(name string) bool { return name == m.fqdn })
			}
		}
	case 3:
		if domains := w.domains(); !w.ungated && len(domains) > 1 {
			if to := domains[w.random.IntN(len(domains))]; to != m.domain {
				w.say("%s moves from %s to %s", m.fqdn, m.domain, to)
				if !w.movedUnseen(m) {
					m.membership.before = m.domain
				}
				m.domain, m.membership.movedAt, w.settled = to, w.now, w.now.Add(w.minutes(1, 12))
			}
		}
	case 4:
		for _, gone := range w.machines { // nobody switches off what is being worked on
			busy := slices.ContainsFunc(gone.jobs, func(j *job) bool { return j.Active() })
			idle := !procedure.WorkedOn(o.status.steps[gone.fqdn]) || o.status.steps[gone.fqdn] == v1alpha1.StepHeld
			if gone.membership.left && !gone.away && !busy && gone.up() && idle {
				w.say("%s is switched off", gone.fqdn)
				gone.membership.off = true
				delete(w.failures, gone.fqdn) // somebody has looked at it
			}
		}
	case 5:
		if objects := w.objects.domains; len(objects) > 0 && !w.objects.deleting && w.random.IntN(3) == 0 {
			object := objects[w.random.IntN(len(objects))]
			w.say("a person deletes the object of %s", object.name)
			w.deleteObject(object)
			w.answerForGone(object)
		}
	}
}

// forgetLost is a person who deletes the domains whose servers have left the pool and were switched off, as their conditions say: by force
// where a server was half way.
func (w *world) forgetLost(o *operators) {
	for _, object := range slices.Clone(w.objects.domains) {
		lost := slices.ContainsFunc(object.servers, func(fqdn string) bool { m := w.machine(fqdn); return m.membership.left && m.membership.off })
		held := slices.ContainsFunc(object.servers, func(fqdn string) bool {
			return w.machine(fqdn).membership.left && o.status.steps[fqdn] == v1alpha1.StepHeld
		})
		if lost && held && !w.objects.claims[object.name] {
			w.say("a person deletes the object of %s", object.name)
			w.deleteObject(object)
		}
		if lost && w.objects.claims[object.name] {
			w.say("a person deletes the object of %s by force", object.name)
			w.answerForMemory(object, o)
			delete(w.objects.claims, object.name)
			w.drop(object.name)
		}
	}
}

// answerForMemory: who lets a domain go by force whose front ends are the only ones that remember the failover, the status having been lost,
// has left the pool with nobody who knows of it. A pool is looked at through its domains while it is being deleted.
func (w *world) answerForMemory(object *domainObject, o *operators) {
	remembers := func(m *machine) bool {
		return slices.ContainsFunc(m.jobs, func(j *job) bool { return procedure.OfFailOver(j.ID) })
	}
	if w.pair == nil || !w.objects.deleting || !w.usersMoved() || o.status.failOver != nil {
		return
	}
	mine, others := false, false
	for _, m := range w.members() {
		if inside := slices.Contains(object.servers, m.fqdn); inside {
			mine = mine || remembers(m)
		} else {
			others = others || remembers(m)
		}
	}
	w.pair.forced = w.pair.forced || mine && !others
}

// answerForGone: who deletes a domain's object has looked at those of its servers that have left the pool.
func (w *world) answerForGone(object *domainObject) {
	for _, gone := range w.machines {
		if gone.membership.left && slices.Contains(object.servers, gone.fqdn) {
			delete(w.failures, gone.fqdn)
		}
	}
}

// deleteObject is what the API server does: what bears a finalizer stays until somebody takes it off.
func (w *world) deleteObject(object *domainObject) {
	if object.deleting = true; !w.objects.claims[object.name] {
		w.drop(object.name)
	}
}

// join adds a front end, or takes one back that had left.
func (w *world) join(members []*machine) {
	if len(members) >= 9 || w.ungated && len(members) >= 5 {
		return
	}
	w.republished, w.settled = w.now, w.now.Add(w.minutes(5, 20))
	for _, m := range w.machines {
		if m.membership.left && !m.membership.off && w.random.IntN(2) == 0 {
			w.say("%s is in the pool again", m.fqdn)
			m.membership.left, m.membership.unknown, m.membership.joined = false, false, w.now
			return
		}
	}
	m := &machine{fqdn: fmt.Sprintf("fe%02d.contoso.com", len(w.machines)+1), build: oldBuild, boot: w.now.Add(-time.Hour), running: map[string]bool{}, gone: map[string]bool{}}
	m.membership.joined = w.now
	m.domain, m.computer.role = fmt.Sprintf("UpgradeDomain%d", len(w.machines)+1), w.plan.Role
	switch {
	case w.ungated:
		m.domain = domainOfServer(m.fqdn)
	case w.random.IntN(3) > 0:
		m.domain = members[w.random.IntN(len(members))].domain
	}
	if w.random.IntN(3) == 0 {
		m.build = w.desired
	}
	for _, service := range serviceNames {
		m.running[service] = true
	}
	w.machines = slices.Insert(w.machines, w.random.IntN(len(w.machines)+1), m)
	w.say("%s with build %s joins %s", m.fqdn, m.build, m.domain)
}

// movedUnseen says whether a machine has moved to another domain since the pool was read. Its topology has the same front ends as before,
// so that nobody can know it before the pool is asked again.
func (w *world) movedUnseen(m *machine) bool {
	moved := m.membership.movedAt
	return !moved.IsZero() && (w.recently(moved) || moved.After(w.storedAt))
}

// domainFor is the domain in which an operator may take the machine: its own or, where its move cannot be known yet, the one before,
// whichever of them is being worked on.
func (w *world) domainFor(m *machine) string {
	if w.movedUnseen(m) && w.session != m.domain {
		return m.membership.before
	}
	return m.domain
}

// publication is a topology and until when it was the pool's.
type publication struct {
	names []string
	until time.Time
}

// republishedSince says whether the topology is another one than it was then, and has been for so long that everybody could know it. What
// has come and gone again in between need not have been seen.
func (w *world) republishedSince(t time.Time) bool {
	then := slices.IndexFunc(w.published, func(earlier publication) bool { return earlier.until.After(t) })
	return then >= 0 && !slices.Equal(w.published[then].names, w.topology()) && !w.recently(w.republished)
}

// judgeMember checks that who is taken out of service belongs to the pool.
func (w *world) judgeMember(m *machine) {
	if m.membership.left && !w.recently(w.republished) {
		w.violated(ruleMember, "%s is stopped, and has left the pool", m.fqdn)
	}
}

// predeclare is a pool that has been read, and its domains declared.
func (o *operators) predeclare() {
	o.status.servers = o.w.places()
	o.declare(o.status.servers)
}

// known are the pool's servers as they are known, read again where there is a reason; nil when they could not be read.
func (o *operators) known() []procedure.PlacedServer {
	again := len(o.status.servers) == 0 || len(o.w.objects.domains) == 0
	if !again && o.status.failOver.moved() {
		return slices.Clone(o.status.servers)
	}
	for _, object := range o.w.objects.domains {
		again = again || o.status.domains[object.name].reason == v1alpha1.ReasonTopologyChanged
	}
	again = again || o.status.failOver != nil && o.status.failOver.reason == v1alpha1.ReasonTopologyChanged
	if again = again || o.status.backEnd.reason == v1alpha1.ReasonTopologyChanged; again {
		return o.discover()
	}
	return slices.Clone(o.status.servers)
}

// discover reads the topology and the pool's domains.
func (o *operators) discover() []procedure.PlacedServer {
	if o.w.ungated {
		return o.w.places()
	}
	if answer, answered := o.w.ask(); answered {
		return o.placed(answer)
	}
	return o.findFailOver()
}

func (o *operators) placed(answer procedure.Readiness) []procedure.PlacedServer {
	placed, err := procedure.PlaceServers(o.w.topology(), answer)
	if err != nil {
		return nil
	}
	return placed
}

// topologyChanged reads the topology from a server that is known and answers.
func (o *operators) topologyChanged() string {
	if o.flaw == forgetsTopology {
		return ""
	}
	if !o.topologyReadable() {
		return "the topology could not be read"
	}
	var names []string
	for _, known := range o.status.servers {
		names = append(names, known.FQDN)
	}
	return procedure.TopologyDiffers(names, o.w.topology())
}

// topologyReadable says whether the topology is declared, or a server that is known answers.
func (o *operators) topologyReadable() bool {
	return o.w.ungated || slices.ContainsFunc(o.status.servers, func(known procedure.PlacedServer) bool { return o.w.answers(o.w.machine(known.FQDN)) })
}

// declare keeps the domains' objects in step with what was found; false when somebody else wrote meanwhile, or the operator died.
func (o *operators) declare(found []procedure.PlacedServer) bool {
	w := o.w
	var declared []procedure.DomainMembers
	for _, object := range w.objects.domains {
		known := o.status.domains[object.name]
		members := o.declared(object, known).Members()
		members.Keeps = members.Keeps && o.flaw != losesServers
		declared = append(declared, members)
	}
	membership := procedure.Members(found, declared)
	changes := len(membership.Vanished) > 0
	for _, members := range membership.Domains {
		object := w.object(members.Name)
		changes = changes || object == nil || !slices.Equal(object.servers, members.Servers)
	}
	if version := o.status.version; changes && (o.between() || version != o.status.version || w.objects.gone || w.objects.deleting) {
		return !changes
	}
	for _, members := range membership.Domains {
		switch object := w.object(members.Name); {
		case object == nil:
			delete(o.status.domains, members.Name) // what an earlier object of that name reported went with it
			w.objects.domains = append(w.objects.domains, &domainObject{name: members.Name, servers: members.Servers, generation: o.generation()})
		case (!object.deleting || o.status.failOver.begun()) && !slices.Equal(object.servers, members.Servers):
			object.servers, object.generation = members.Servers, o.generation()
		}
	}
	for _, name := range membership.Vanished {
		if object := w.object(name); object != nil && !object.deleting { // it may have gone meanwhile
			w.deleteObject(object)
		}
	}
	return true
}

// declared is a domain's object and what is known of its servers.
func (o *operators) declared(object *domainObject, known domainStatus) procedure.DeclaredDomain {
	declared := procedure.DeclaredDomain{Name: object.name, Servers: object.servers, State: known.state, InProgress: known.inProgress,
		Claimed: o.w.objects.claims[object.name] && o.flaw != forgetsClaims, PoolFailedOver: o.status.failOver != nil && o.status.failOver.open}
	for _, server := range object.servers {
		row := procedure.KnownServer{FQDN: server, Step: o.status.steps[server]}
		if !slices.Contains(known.unremembered, server) {
			row.Build = oldBuild // it has been seen
		}
		declared.Known = append(declared.Known, row)
	}
	return declared
}

// forgotten lets go of a failure that nobody can know of: the server has left the pool, and was not seen since what was known of it was lost.
func (o *operators) forgotten(m *machine) {
	unseen := o.status.steps[m.fqdn] == "" && (m.membership.silent || !slices.ContainsFunc(o.w.objects.domains, func(object *domainObject) bool { return slices.Contains(object.servers, m.fqdn) }))
	if m.membership.left && unseen {
		delete(o.w.failures, m.fqdn)
	}
}

// generation is one that no status has spoken of.
func (o *operators) generation() int {
	o.w.objects.generations++
	return o.w.objects.generations
}

// noteMoves ends the turn of the open domain, but for what is in progress, where the pool has other servers than it had.
func (o *operators) noteMoves(found []procedure.PlacedServer, pool *procedure.Pool) bool {
	if procedure.SamePlaces(o.status.servers, found) {
		return false
	}
	if pool.Open != "" && o.flaw != keepsTheTurn {
		pool.Adopted = true
	}
	if pool.Soak != nil {
		pool.Soak = &procedure.Soak{After: pool.Soak.After}
	}
	return true
}

// view is the pool's domains as their objects report them, in the order of the topology. A report about an older spec counts as none.
func (o *operators) view(found []procedure.PlacedServer) []procedure.PoolDomain {
	place := func(name string) int {
		at := slices.IndexFunc(found, func(server procedure.PlacedServer) bool { return server.Domain == name })
		if at < 0 {
			return len(found)
		}
		return at
	}
	objects := slices.Clone(o.w.objects.domains)
	slices.SortStableFunc(objects, func(a, b *domainObject) int { return place(a.name) - place(b.name) })
	var domains []procedure.PoolDomain
	for _, object := range objects {
		known := o.status.domains[object.name]
		switch {
		case o.w.objects.deleting && !o.w.there(object.name):
			continue // it went with its pool
		case object.deleting && !o.status.failOver.begun():
			domains = append(domains, procedure.PoolDomain{Name: object.name, State: v1alpha1.DomainUnknown, InProgress: known.inProgress, Leaving: true, Reason: v1alpha1.ReasonDiscovering, Message: "it is being deleted"})
			continue
		case known.build != o.w.desired || known.generation != object.generation:
			known.state, known.reason, known.message = v1alpha1.DomainUnknown, "", ""
		}
		domains = append(domains, procedure.PoolDomain{Name: object.name, State: known.state, InProgress: known.inProgress, Staged: known.staged, Reason: known.reason, Message: known.message})
	}
	return domains
}

// changeRegressions are seeds of such histories that once broke a promise.
var changeRegressions = []uint64{316, 451, 479, 1025, 1392, 1488, 1951117118674791115, 4142034543783956368, 2426001067744718845, 1738653059979351367,
	666241382162482595, 3172390216262088709, 4253144235460413019, 2955834387871552802, 3244076284905667139, 3563808425092885937, 1375069821816638956,
	3974813350331077227, 1540988242627876611, 1892488771489789608, 1544892970445609822}

func TestNothingForbiddenHappensWhilePoolsChange(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(3, changeRegressions...) {
		check(t, seed, poolChanges())
		if t.Failed() {
			return
		}
	}
}

// The histories are worth nothing if nothing changes in the middle.
func TestPoolsChangeInTheMiddle(t *testing.T) {
	seen := map[string]int{}
	signs := []string{"joins", "leaves the pool", "moves from", "deletes the object", "is switched off", "is rebuilt", "is taken back", "by hand", "stops", "start type", "starts the services"}
	for seed := uint64(1); seed <= 40; seed++ {
		w, _ := play(seed, poolChanges(), "")
		for _, line := range w.journal {
			for _, sign := range signs {
				if strings.Contains(line, sign) {
					seen[sign]++
				}
			}
		}
	}
	for _, sign := range signs {
		if seen[sign] < 3 {
			t.Errorf("%q happened %d times in 40 histories", sign, seen[sign])
		}
	}
}

func TestOperatorsThatDoNotSeeThePoolChangeAreCaught(t *testing.T) {
	for _, broken := range []struct {
		flaw flaw
		line int
		bad  faults
	}{
		{forgetsTopology, ruleMember, faults{members: 30}},
		{forgetsTopology, 3, faults{members: 30}},
		{losesServers, 8, faults{members: 10, forget: 30}},
		{keepsTheTurn, 3, faults{members: 20}},
		{touchesCurrent, ruleCurrent, faults{drift: 100}},
		{acceptsHalf, ruleUnfinished, faults{jobFails: 8, people: 20}},
		{forgetsClaims, 1, faults{members: 10, forget: 30, unreachable: 60}},
	} {
		t.Run(fmt.Sprintf("%s, %d", broken.flaw, broken.line), func(t *testing.T) {
			for seed := uint64(1); seed <= 400; seed++ {
				w, _ := play(seed, broken.bad, broken.flaw)
				if slices.ContainsFunc(w.violations, func(said string) bool { return strings.HasPrefix(said, fmt.Sprintf("line %d:", broken.line)) }) {
					return
				}
			}
			t.Errorf("an operator that %s broke line %d in none of 400 histories", broken.flaw, broken.line)
		})
	}
}
