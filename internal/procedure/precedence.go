package procedure

import (
	"fmt"
	"slices"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
)

// Peer is a LyncPool or BackEndServer of a namespace, as far as the order between objects goes.
type Peer struct {
	Kind, Name string
	Product    v1alpha1.Product
	// Build that is desired, and Installed the oldest that was found.
	Build, Installed v1alpha1.Build
	DependsOn        []v1alpha1.Dependency
	// Pool is the LyncPool whose front ends come before an Enterprise back end.
	Pool string
	// Finished: everything has the desired build and is in service, for the latest declaration.
	Finished bool
	// Stalled: it waits for a person; Reason says for what.
	Stalled bool
	Reason  string
	// Deleting: it is on its way out.
	Deleting bool
	// Upgrades: a Front End pool that is to be upgraded.
	Upgrades bool
	// Claimed: a pool that has said it wants to begin, or has.
	Claimed bool
	// Begun: a pool whose first upgrade domain was opened and whose last is not done.
	Begun bool
	// Active: a pool of which a domain is open.
	Active bool
	// CentralManagement: a pool that holds the central management store and is to be taken last.
	CentralManagement bool
	// Limit is how many pools may be under way together, in the group of pools with the same value of the label LabelKey; zero is no
	// limit, an empty key all pools.
	Limit    int
	LabelKey string
	Labels   map[string]string
}

// Precedes is what must be awaited before an object may begin, or go on to its next upgrade domain.
type Precedes struct {
	Reason  string
	Message string
	// Lasting: only a person can help.
	Lasting bool
}

// Precedence decides whether other objects come first. Nil: nothing does. Inside out: what an object depends on is finished first,
// and has at least the build that the object is to have. The pool with the central management store comes after the other Front End
// pools. No more pools are begun together than their limits allow; one that has begun goes on.
// A pool that must wait for a dependency between two of its domains gives its place back meanwhile, see KeepsPlace.
func Precedence(self Peer, others []Peer) *Precedes {
	order := between{self: self, others: others}
	if circle := order.circle(); circle != nil {
		return &Precedes{Reason: v1alpha1.ReasonDependencyCycle, Lasting: true,
			Message: fmt.Sprintf("these wait for each other, so that none can ever begin: %s. Take one dependsOn out", strings.Join(circle, " -> "))}
	}
	for _, dependency := range self.DependsOn {
		if why := order.awaits(dependency); why != "" {
			return &Precedes{Reason: v1alpha1.ReasonWaitingForDependency, Message: why}
		}
	}
	if self.Kind != v1alpha1.KindLyncPool || self.Begun {
		return nil
	}
	if last := order.centralManagementLast(); last != nil {
		return last
	}
	if full := order.full(); full != nil {
		return &Precedes{Reason: v1alpha1.ReasonWaitingForOtherPool, Message: full.message()}
	}
	return nil
}

// KeepsPlace says whether a pool that has begun still counts as under way after a decision: not when it waits for what it depends
// on, which may itself need the place, nor when it is only observed any more.
func KeepsPlace(decision PoolDecision) bool {
	switch decision.Reason {
	case v1alpha1.ReasonWaitingForDependency, v1alpha1.ReasonDependencyCycle, v1alpha1.ReasonObserving:
		return decision.Action != PoolWaits && decision.Action != PoolHolds
	default:
		return decision.Action != PoolIsDone
	}
}

// Stays decides for a pool that has claimed its place, and then found others in the way, whether it keeps the claim: two that claim at
// the same moment see each other, and neither may begin before the other has given way. The first by name stays. Who gives way
// claims again when there is room.
func Stays(self Peer, first *Precedes, others []Peer) bool {
	if first == nil || first.Reason != v1alpha1.ReasonWaitingForOtherPool {
		return first == nil
	}
	full := between{self: self, others: others}.full()
	return full != nil && !slices.ContainsFunc(full.who, func(other Peer) bool { return other.Begun || other.Active || other.Name < self.Name })
}

type between struct {
	self   Peer
	others []Peer
}

func (b between) find(kind, name string) *Peer {
	if kind == b.self.Kind && name == b.self.Name {
		return &b.self
	}
	for i := range b.others {
		if b.others[i].Kind == kind && b.others[i].Name == name {
			return &b.others[i]
		}
	}
	return nil
}

// before lists what must be finished before a peer: what it declares and, for an Enterprise back end, its pool.
func before(peer Peer) []v1alpha1.Dependency {
	list := peer.DependsOn
	if peer.Pool != "" {
		list = append(slices.Clone(list), v1alpha1.Dependency{Kind: v1alpha1.KindLyncPool, Name: peer.Pool})
	}
	return list
}

// circle is the way from the object back to itself; nil when there is none.
func (b between) circle() []string {
	var way []string
	seen := map[v1alpha1.Dependency]bool{}
	var walk func(peer Peer) bool
	walk = func(peer Peer) bool {
		way = append(way, peer.Kind+" "+peer.Name)
		for _, next := range before(peer) {
			if next.Kind == b.self.Kind && next.Name == b.self.Name {
				way = append(way, next.Kind+" "+next.Name)
				return true
			}
			if found := b.find(next.Kind, next.Name); found != nil && !seen[next] {
				seen[next] = true
				if walk(*found) {
					return true
				}
			}
		}
		way = way[:len(way)-1]
		return false
	}
	if walk(b.self) {
		return way
	}
	return nil
}

// needs says whether one object waits, directly or through others, for another one.
func (b between) needs(one, other Peer) bool {
	seen := map[v1alpha1.Dependency]bool{}
	var reaches func(peer Peer) bool
	reaches = func(peer Peer) bool {
		return slices.ContainsFunc(before(peer), func(next v1alpha1.Dependency) bool {
			if next.Kind == other.Kind && next.Name == other.Name {
				return true
			}
			found := b.find(next.Kind, next.Name)
			if found == nil || seen[next] {
				return false
			}
			seen[next] = true
			return reaches(*found)
		})
	}
	return reaches(one)
}

// awaits says what is missing of a dependency; empty when it is finished.
func (b between) awaits(dependency v1alpha1.Dependency) string {
	name := dependency.Kind + " " + dependency.Name
	peer := b.find(dependency.Kind, dependency.Name)
	switch {
	case peer == nil:
		return fmt.Sprintf("it depends on the %s, which does not exist in this namespace: create it, or take it out of dependsOn", name)
	case peer.Deleting:
		return fmt.Sprintf("it depends on the %s, which is being deleted: take it out of dependsOn", name)
	case !peer.Finished && peer.Stalled:
		return fmt.Sprintf("it depends on the %s, which waits for a person: %s", name, peer.Reason)
	case !peer.Finished:
		return fmt.Sprintf("it depends on the %s, which is not finished", name)
	case peer.Product == b.self.Product && b.self.Build != "" && peer.Installed != "" && peer.Installed.OlderThan(b.self.Build):
		return fmt.Sprintf("it depends on the %s, which has build %s and is to have no later one: declare %s there first, or take it out of dependsOn", name, peer.Installed, b.self.Build)
	}
	return ""
}

func (b between) centralManagementLast() *Precedes {
	if !b.self.CentralManagement {
		return nil
	}
	var first []string
	for _, other := range b.others {
		if other.Kind == v1alpha1.KindLyncPool && other.Upgrades && !other.Finished && !other.Deleting && !other.CentralManagement && !b.needs(other, b.self) {
			first = append(first, other.Name)
		}
	}
	if len(first) == 0 {
		return nil
	}
	return &Precedes{Reason: v1alpha1.ReasonWaitingForOtherPool,
		Message: fmt.Sprintf("the pool holds the central management store and is taken last, after %s. Or set rollout.centralManagement: AnyOrder", strings.Join(first, ", "))}
}

// fullGroup is a group of pools of which as many are under way as may be.
type fullGroup struct {
	limit int
	key   string
	value string
	who   []Peer
}

func (f fullGroup) message() string {
	var names []string
	for _, peer := range f.who {
		names = append(names, peer.Name)
	}
	group := "of this namespace"
	if f.key != "" {
		group = fmt.Sprintf("with the label %s=%s", f.key, f.value)
	}
	return fmt.Sprintf("%d of the pools %s may be under way together, and now it is %s", f.limit, group, strings.Join(names, ", "))
}

// full is the first group that has no room for this pool. Its own limit counts, and that of every pool that is under way.
func (b between) full() *fullGroup {
	var counting []Peer
	for _, other := range b.others {
		if other.Kind == v1alpha1.KindLyncPool && (other.Active || other.Begun || other.Claimed) {
			counting = append(counting, other)
		}
	}
	for _, owner := range append([]Peer{b.self}, counting...) {
		if owner.Limit == 0 || owner.Labels[owner.LabelKey] != b.self.Labels[owner.LabelKey] && owner.LabelKey != "" {
			continue
		}
		group := fullGroup{limit: owner.Limit, key: owner.LabelKey, value: b.self.Labels[owner.LabelKey]}
		for _, other := range counting {
			if owner.LabelKey == "" || other.Labels[owner.LabelKey] == b.self.Labels[owner.LabelKey] {
				group.who = append(group.who, other)
			}
		}
		if len(group.who) >= owner.Limit {
			return &group
		}
	}
	return nil
}
