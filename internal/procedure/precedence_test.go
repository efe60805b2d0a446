package procedure

import (
	"strings"
	"testing"

	"lyncops.dev/operator/api/v1alpha1"
)

func TestPrecedence(t *testing.T) {
	const builtFor = v1alpha1.ProductLyncServer2013
	pool := func(name string, changes ...func(*Peer)) Peer {
		peer := Peer{Kind: v1alpha1.KindLyncPool, Name: name, Product: builtFor, Build: wanted, Installed: installed, Upgrades: true}
		for _, change := range changes {
			change(&peer)
		}
		return peer
	}
	server := func(name string, changes ...func(*Peer)) Peer {
		peer := pool(name, changes...)
		peer.Kind, peer.Upgrades = v1alpha1.KindBackEndServer, false
		return peer
	}
	finished := func(p *Peer) { p.Finished, p.Installed = true, wanted }
	finishedAt := func(build v1alpha1.Build) func(*Peer) { return func(p *Peer) { p.Finished, p.Installed = true, build } }
	after := func(kind, name string) func(*Peer) {
		return func(p *Peer) { p.DependsOn = append(p.DependsOn, v1alpha1.Dependency{Kind: kind, Name: name}) }
	}
	afterPool, afterServer := func(name string) func(*Peer) { return after(v1alpha1.KindLyncPool, name) }, func(name string) func(*Peer) { return after(v1alpha1.KindBackEndServer, name) }
	stalled := func(p *Peer) { p.Stalled, p.Reason = true, v1alpha1.ReasonInstallerFailed }
	leaving := func(p *Peer) { p.Deleting = true }
	central := func(p *Peer) { p.CentralManagement = true }
	begun := func(p *Peer) { p.Begun, p.Claimed = true, true }
	active := func(p *Peer) { p.Begun, p.Claimed, p.Active = true, true, true }
	onlyClaimed := func(p *Peer) { p.Claimed = true }
	limit := func(number int, key string) func(*Peer) { return func(p *Peer) { p.Limit, p.LabelKey = number, key } }
	site := func(name string) func(*Peer) { return func(p *Peer) { p.Labels = map[string]string{"site": name} } }
	of := func(name string) func(*Peer) { return func(p *Peer) { p.Pool = name } }
	edge := func(p *Peer) { p.Upgrades = false }

	cases := []struct {
		name   string
		self   Peer
		others []Peer
		reason string
		says   string
	}{
		{"nothing is declared: nothing comes first", pool("a"), []Peer{pool("b", active)}, "", ""},
		{"inside out: what it depends on is finished first", pool("a", afterPool("b")), []Peer{pool("b")}, v1alpha1.ReasonWaitingForDependency, "LyncPool b, which is not finished"},
		{"the dependency is finished", pool("a", afterPool("b")), []Peer{pool("b", finished)}, "", ""},
		{"a Standard Edition server comes first", pool("a", afterServer("se")), []Peer{server("se")}, v1alpha1.ReasonWaitingForDependency, "BackEndServer se, which is not finished"},
		{"a back end may depend on a pool", server("se", afterPool("b")), []Peer{pool("b")}, v1alpha1.ReasonWaitingForDependency, "LyncPool b"},
		{"names of the two kinds are kept apart", pool("a", afterServer("b")), []Peer{pool("b", finished), server("b")}, v1alpha1.ReasonWaitingForDependency, "BackEndServer b"},
		{"all of them must be finished", pool("a", afterPool("b"), afterPool("c")), []Peer{pool("b", finished), pool("c")}, v1alpha1.ReasonWaitingForDependency, "LyncPool c"},
		{"a dependency that does not exist is named", pool("a", afterPool("b")), nil, v1alpha1.ReasonWaitingForDependency, "does not exist"},
		{"a dependency that is held is named with its reason", pool("a", afterPool("b")), []Peer{pool("b", stalled)}, v1alpha1.ReasonWaitingForDependency, "waits for a person: InstallerFailed"},
		{"a dependency that is being deleted", pool("a", afterPool("b")), []Peer{pool("b", finished, leaving)}, v1alpha1.ReasonWaitingForDependency, "is being deleted"},
		{"finished for an older build is not enough", pool("a", afterPool("b")), []Peer{pool("b", finishedAt(installed))}, v1alpha1.ReasonWaitingForDependency, "declare 5.0.8308.956 there first"},
		{"builds of another product are not compared", pool("a", afterPool("b")), []Peer{pool("b", finishedAt("4.0.7577.0"), func(p *Peer) { p.Product = "another" })}, "", ""},
		{"in mid-rollout a dependency that is declared anew is waited for again", pool("a", begun, afterPool("b")), []Peer{pool("b")}, v1alpha1.ReasonWaitingForDependency, ""},
		{"two that depend on each other", pool("a", afterPool("b")), []Peer{pool("b", afterPool("a"))}, v1alpha1.ReasonDependencyCycle, "LyncPool a -> LyncPool b -> LyncPool a"},
		{"a circle of three", pool("a", afterPool("b")), []Peer{pool("b", afterServer("c")), server("c", afterPool("a"))}, v1alpha1.ReasonDependencyCycle, "LyncPool a -> LyncPool b -> BackEndServer c -> LyncPool a"},
		{"a pool that depends on its own back end, which waits for its front ends", pool("a", afterServer("sql")), []Peer{server("sql", of("a"))}, v1alpha1.ReasonDependencyCycle, "LyncPool a -> BackEndServer sql -> LyncPool a"},
		{"a circle of others is theirs", pool("a", afterPool("b")), []Peer{pool("b", afterPool("c")), pool("c", afterPool("b"))}, v1alpha1.ReasonWaitingForDependency, "LyncPool b"},
		{"one below two is no circle", pool("a", afterPool("b"), afterPool("c")), []Peer{pool("b", finished, afterPool("d")), pool("c", finished, afterPool("d")), pool("d", finished)}, "", ""},

		{"the pool with the central management store is taken last", pool("a", central), []Peer{pool("b"), pool("c", finished)}, v1alpha1.ReasonWaitingForOtherPool, "taken last, after b"},
		{"the others are finished: it is its turn", pool("a", central), []Peer{pool("b", finished)}, "", ""},
		{"a pool that depends on it cannot come before it", pool("a", central), []Peer{pool("b", afterServer("s")), server("s", afterPool("a"))}, "", ""},
		{"pools that are only observed, and those of other roles, are not waited for", pool("a", central), []Peer{pool("b", edge)}, "", ""},
		{"of two that say they hold it neither waits for the other", pool("a", central), []Peer{pool("b", central)}, "", ""},
		{"a pool that is on its way out is not waited for", pool("a", central), []Peer{pool("b", leaving)}, "", ""},
		{"a back end is no pool", pool("a", central), []Peer{server("b", func(p *Peer) { p.Upgrades = true })}, "", ""},
		{"once begun it goes on", pool("a", central, begun), []Peer{pool("b")}, "", ""},

		{"a limit of one: another is under way", pool("a", limit(1, "")), []Peer{pool("b", active)}, v1alpha1.ReasonWaitingForOtherPool, "1 of the pools of this namespace may be under way together, and now it is b"},
		{"between two domains a pool is under way as well", pool("a", limit(1, "")), []Peer{pool("b", begun)}, v1alpha1.ReasonWaitingForOtherPool, ""},
		{"one that has claimed its place counts", pool("a", limit(1, "")), []Peer{pool("b", onlyClaimed)}, v1alpha1.ReasonWaitingForOtherPool, ""},
		{"a pool under way is not stopped by the limit", pool("a", limit(1, ""), begun), []Peer{pool("b", active)}, "", ""},
		{"a limit of two leaves room for one more", pool("a", limit(2, "")), []Peer{pool("b", active), pool("c")}, "", ""},
		{"a limit of two is full", pool("a", limit(2, "")), []Peer{pool("b", active), pool("c", begun)}, v1alpha1.ReasonWaitingForOtherPool, "b, c"},
		{"the limit of one that is under way holds for those that declare none", pool("a"), []Peer{pool("b", active, limit(1, ""))}, v1alpha1.ReasonWaitingForOtherPool, ""},
		{"the limit of one that is not under way holds for itself only", pool("a"), []Peer{pool("b", limit(1, "")), pool("c", active)}, "", ""},
		{"another value of the label is another group", pool("a", limit(1, "site"), site("north")), []Peer{pool("b", active, site("south"))}, "", ""},
		{"the same value of the label", pool("a", limit(1, "site"), site("north")), []Peer{pool("b", active, site("north"))}, v1alpha1.ReasonWaitingForOtherPool, "site=north"},
		{"those without the label are a group", pool("a", limit(1, "site")), []Peer{pool("b", active)}, v1alpha1.ReasonWaitingForOtherPool, ""},
		{"one with another value of the label fills no group but its own", pool("a", limit(2, "site"), site("north")), []Peer{pool("b", active, site("north")), pool("c", active, limit(1, "site"), site("south"))}, "", ""},
		{"back ends are not counted", pool("a", limit(1, "")), []Peer{server("b", onlyClaimed)}, "", ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := Precedence(test.self, test.others)
			switch {
			case got == nil && test.reason != "", got != nil && got.Reason != test.reason:
				t.Errorf("got %+v", got)
			case got != nil && (!strings.Contains(got.Message, test.says) || got.Lasting != (test.reason == v1alpha1.ReasonDependencyCycle)):
				t.Errorf("got %+v, does not say %q", got, test.says)
			}
		})
	}

	t.Run("of two that claim at once", func(t *testing.T) {
		a, b := pool("a", limit(1, ""), onlyClaimed), pool("b", limit(1, ""), onlyClaimed)
		stays := func(self, other Peer) bool { return Stays(self, Precedence(self, []Peer{other}), []Peer{other}) }
		if !stays(a, b) || stays(b, a) {
			t.Error("exactly the second by name has to give way")
		}
		if stays(a, pool("b", limit(1, ""), begun)) {
			t.Error("one that has begun never gives way")
		}
	})
}

func TestPoolWaitsForWhatComesFirst(t *testing.T) {
	waiting := PoolDomain{Name: "UpgradeDomain1", State: v1alpha1.DomainWaiting, Staged: true}
	ready := &Gate{Open: true, Ready: true, Reason: v1alpha1.ReasonPoolReady}
	first := &Precedes{Reason: v1alpha1.ReasonWaitingForDependency, Message: "it depends on another"}
	pool := Pool{Domains: []PoolDomain{waiting}, Answer: ready, First: first}
	if got := NextDomain(pool); got.Action != PoolWaits || got.Reason != first.Reason {
		t.Errorf("got %+v", got)
	}
	pool.First = &Precedes{Reason: v1alpha1.ReasonDependencyCycle, Lasting: true}
	if got := NextDomain(pool); got.Action != PoolHolds || got.Reason != v1alpha1.ReasonDependencyCycle {
		t.Errorf("got %+v", got)
	}
	pool.Domains[0].InProgress, pool.Open = true, "UpgradeDomain1"
	if got := NextDomain(pool); got.Action != PoolWaits || got.Reason != v1alpha1.ReasonUpgrading {
		t.Errorf("a domain in progress is not finished: %+v", got)
	}
}

func TestBackEndWaitsForWhatComesFirst(t *testing.T) {
	first := &Precedes{Reason: v1alpha1.ReasonWaitingForDependency, Message: "it depends on another"}
	for _, test := range []struct {
		name    string
		backEnd BackEnd
		reason  string
		order   string
	}{
		{"Standard: the package is copied meanwhile", standard(), v1alpha1.ReasonUpgrading, plan.stageJobID(1)},
		{"Standard: nothing is stopped", standard(staged), first.Reason, ""},
		{"Standard: what is in progress is finished", standard(staged, stoppedByUs, stopped), v1alpha1.ReasonUpgrading, "stop-web-server-5.0.8308.956-1"},
		{"Enterprise: no databases are updated", enterprise("Absent", reports("15.13.1")), first.Reason, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.backEnd.First = first
			got := NextBackEndStep(test.backEnd).Server
			if got.Reason != test.reason || (got.Verdict == VerdictStart) != (test.order != "") || test.order != "" && got.Order.ID != test.order {
				t.Errorf("got %+v", got)
			}
		})
	}
}
