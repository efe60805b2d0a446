package procedure_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

const (
	looksOnlyBefore flaw = "claims its place and does not look again"
	neverClaims     flaw = "looks, and begins without having claimed"
	forgetsTheOrder flaw = "does not know the word dependsOn"
)

// estate is a namespace of pools and back ends whose reconcilers take turns at single reads and writes, in any order: everything
// between two of them may change. What is stored is linearizable; what a cache says may be old.
type estate struct {
	random     *rand.Rand
	flaw       flaw
	peers      []procedure.Peer
	left       []int // upgrade domains that are still to be done
	versions   map[int]int
	hands      []*hand
	old        []procedure.Peer
	violations []string
	journal    []string
}

// hand is one reconcile in flight, of any copy of the operator: where it stands, and what it has read.
type hand struct {
	peer   int
	reads  []procedure.Peer
	claims bool
	// version of the object when the claim was written.
	version int
}

func newEstate(seed uint64, wrong flaw) *estate {
	random := rand.New(rand.NewPCG(seed, 78))
	e := &estate{random: random, flaw: wrong, versions: map[int]int{}}
	sites := []string{"north", "south"}
	for i := range 3 + random.IntN(4) {
		peer := procedure.Peer{Kind: v1alpha1.KindLyncPool, Name: fmt.Sprintf("pool%02d", i), Product: v1alpha1.ProductLyncServer2013, Build: newBuild, Installed: oldBuild,
			Upgrades: true, Labels: map[string]string{"site": sites[random.IntN(2)]}}
		if random.IntN(5) == 0 {
			peer.Kind, peer.Upgrades, peer.Labels = v1alpha1.KindBackEndServer, false, nil
		}
		if i > 0 && random.IntN(3) == 0 { // only on earlier ones, so that there is no circle
			other := e.peers[random.IntN(i)]
			peer.DependsOn = []v1alpha1.Dependency{{Kind: other.Kind, Name: other.Name}}
		}
		if random.IntN(2) == 0 {
			peer.Limit = 1 + random.IntN(2)
			if random.IntN(2) == 0 {
				peer.LabelKey = "site"
			}
		}
		e.peers, e.left = append(e.peers, peer), append(e.left, 1+random.IntN(3))
	}
	if holder := random.IntN(len(e.peers)); random.IntN(3) == 0 && e.peers[holder].Upgrades {
		e.peers[holder].CentralManagement = true
	}
	for i := range e.peers {
		for range 1 + random.IntN(2) {
			e.hands = append(e.hands, &hand{peer: i})
		}
	}
	e.old = e.stored()
	return e
}

func (e *estate) stored() []procedure.Peer { return slices.Clone(e.peers) }

func (e *estate) say(format string, args ...any) {
	e.journal = append(e.journal, fmt.Sprintf(format, args...))
}

// others of what was read.
func others(of []procedure.Peer, self int) []procedure.Peer {
	return slices.Delete(slices.Clone(of), self, self+1)
}

// step lets one reconcile do one read or write.
func (e *estate) step(h *hand) {
	self := &e.peers[h.peer]
	switch {
	case self.Finished:
		h.claims, h.reads = false, nil
	case self.Active:
		self.Active = false
		if e.left[h.peer]--; e.left[h.peer] == 0 {
			e.say("%s is done", self.Name)
			self.Finished, self.Begun, self.Claimed, self.Installed = true, false, false, self.Build
		}
	case !h.claims:
		first := procedure.Precedence(*self, others(e.old, h.peer))
		if self.Begun && first != nil && first.Reason == v1alpha1.ReasonWaitingForDependency && e.flaw != forgetsTheOrder {
			e.versions[h.peer]++
			self.Begun, self.Claimed = false, false // it gives its place back
		}
		if first != nil && !(e.flaw == forgetsTheOrder && first.Reason == v1alpha1.ReasonWaitingForDependency) {
			if self.Claimed && !self.Begun && !procedure.Stays(*self, first, others(e.old, h.peer)) {
				e.versions[h.peer]++
				self.Claimed = false // it was claimed by an operator that died since
			}
			return
		}
		if !self.Claimed && e.flaw != neverClaims {
			self.Claimed = true
			e.versions[h.peer]++
		}
		h.claims, h.reads, h.version = true, nil, e.versions[h.peer]
		if e.flaw == looksOnlyBefore || e.flaw == neverClaims {
			h.reads = e.old
		}
	case h.reads == nil:
		h.reads = e.stored()
	default:
		e.begin(h)
	}
}

// begin decides on what was read after the claim; the write is refused where somebody else has changed the object since.
func (e *estate) begin(h *hand) {
	self := &e.peers[h.peer]
	reads := h.reads
	h.claims, h.reads = false, nil
	if e.versions[h.peer] != h.version || !self.Claimed && e.flaw != neverClaims {
		return
	}
	first := procedure.Precedence(*self, others(reads, h.peer))
	switch {
	case first == nil, e.flaw == forgetsTheOrder && first.Reason == v1alpha1.ReasonWaitingForDependency:
		e.versions[h.peer]++
		self.Begun, self.Active, self.Claimed = true, true, true
		e.say("%s opens a domain", self.Name)
		e.judge(h.peer)
	case procedure.Stays(*self, first, others(reads, h.peer)):
		h.claims = true // it stays, and reads again
	case !self.Begun:
		e.versions[h.peer]++
		self.Claimed = false
	}
}

// judge knows the rules in its own words.
func (e *estate) judge(opened int) {
	self := e.peers[opened]
	for _, dependency := range self.DependsOn {
		for _, peer := range e.peers {
			if peer.Kind == dependency.Kind && peer.Name == dependency.Name && !peer.Finished {
				e.violations = append(e.violations, fmt.Sprintf("%s has begun before %s, on which it depends, is finished", self.Name, peer.Name))
			}
		}
	}
	for _, owner := range e.peers {
		if owner.Limit == 0 || !owner.Begun || owner.Kind != v1alpha1.KindLyncPool {
			continue
		}
		var together []string
		for _, peer := range e.peers {
			if peer.Begun && peer.Kind == v1alpha1.KindLyncPool && (owner.LabelKey == "" || peer.Labels["site"] == owner.Labels["site"]) {
				together = append(together, peer.Name)
			}
		}
		if len(together) > owner.Limit {
			e.violations = append(e.violations, fmt.Sprintf("%s are under way together, and %s allows %d", strings.Join(together, ", "), owner.Name, owner.Limit))
		}
	}
}

// playEstate lets everything happen in a random order until all is done, with operators that die and caches that are behind.
func playEstate(seed uint64, wrong flaw) *estate {
	e := newEstate(seed, wrong)
	for range 4000 {
		if e.random.IntN(3) == 0 {
			e.old = e.stored()
		}
		h := e.hands[e.random.IntN(len(e.hands))]
		if e.random.IntN(20) == 0 {
			h.claims, h.reads = false, nil // the operator dies here, or another one takes over
		}
		e.step(h)
		if len(e.violations) > 0 || !slices.ContainsFunc(e.peers, func(peer procedure.Peer) bool { return !peer.Finished }) {
			return e
		}
	}
	e.violations = append(e.violations, "not everything was finished in 4000 steps")
	return e
}

func TestOrderBetweenObjectsHoldsWhoeverActsWhen(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(1) {
		e := playEstate(seed, "")
		if *seedFlag != 0 {
			t.Logf("%+v\n%s", e.peers, strings.Join(e.journal, "\n"))
		}
		if len(e.violations) > 0 {
			t.Fatalf("seed %d: %s\n(replay: go test ./internal/procedure -run '%s' -seed %d)", seed, strings.Join(e.violations, "; "), t.Name(), seed)
		}
	}
}

func TestOperatorsThatBreakTheOrderAreCaught(t *testing.T) {
	for _, wrong := range []flaw{looksOnlyBefore, neverClaims, forgetsTheOrder} {
		t.Run(string(wrong), func(t *testing.T) {
			for seed := uint64(1); seed <= 400; seed++ {
				if said := playEstate(seed, wrong).violations; len(said) > 0 && !strings.Contains(said[0], "4000 steps") {
					return
				}
			}
			t.Error("in none of 400 histories a rule was broken")
		})
	}
}
