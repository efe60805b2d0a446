package procedure

import (
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// poolAt is a pool of these domains half an hour after started; the names are UpgradeDomain1 and so on.
func poolAt(domains ...PoolDomain) Pool {
	for i := range domains {
		domains[i].Name = []string{domain1, domain2, "UpgradeDomain3"}[i]
	}
	return Pool{Domains: domains, SoakTime: 20 * time.Minute, Now: started.Add(30 * time.Minute), Policy: ReadinessPolicy{Interval: 10 * time.Minute, Attempts: 3}}
}

func but(pool Pool, apply func(*Pool)) Pool {
	apply(&pool)
	return pool
}

func TestNextDomain(t *testing.T) {
	waiting := PoolDomain{State: v1alpha1.DomainWaiting, Staged: true}
	done := PoolDomain{State: v1alpha1.DomainDone, Staged: true}
	working := PoolDomain{State: v1alpha1.DomainOpen, InProgress: true, Reason: v1alpha1.ReasonUpgrading}
	begunNot := PoolDomain{State: v1alpha1.DomainOpen, Staged: true, Reason: v1alpha1.ReasonUpgrading}
	heldAndBack := PoolDomain{State: v1alpha1.DomainHeld, Reason: v1alpha1.ReasonInstallerFailed}
	newer := PoolDomain{State: v1alpha1.DomainHeld, Reason: v1alpha1.ReasonDowngradeRefused, Staged: true}
	heldAndAway := PoolDomain{State: v1alpha1.DomainHeld, InProgress: true, Reason: v1alpha1.ReasonInstallerFailed}
	open := func(p *Pool) { p.Open = domain1 }
	ready := &Gate{Open: true, Ready: true, Reason: v1alpha1.ReasonPoolReady}
	busy := &Gate{Reason: v1alpha1.ReasonPoolBusy}
	answered := func(gate *Gate) func(*Pool) { return func(p *Pool) { p.Answer = gate } }
	minutesAgo := func(p *Pool, minutes int) time.Time { return p.Now.Add(-time.Duration(minutes) * time.Minute) }
	soakingFor := func(minutes int, gate *Gate) func(*Pool) {
		return func(p *Pool) {
			p.Soak, p.Answer = &Soak{After: domain1, Since: minutesAgo(p, minutes)}, gate
			p.Last = &Reading{At: minutesAgo(p, 10), Domain: domain2}
		}
	}
	cases := []struct {
		name   string
		pool   Pool
		action PoolAction
		domain string
		reason string
	}{
		{"a domain with nothing but a newer server left is passed over", poolAt(newer, waiting), PoolAsks, domain2, v1alpha1.ReasonPoolBusy},
		{"its turn ends as that of one that is done", but(poolAt(newer, waiting), open), PoolCloses, domain1, v1alpha1.ReasonSoaking},
		{"when everything else is done a newer server needs a person", poolAt(newer, done), PoolHolds, domain1, v1alpha1.ReasonDowngradeRefused},
		{"before every domain the pool is asked", poolAt(waiting, waiting), PoolAsks, domain1, v1alpha1.ReasonPoolBusy},
		{"Ready opens the first domain", but(poolAt(waiting, waiting), answered(ready)), PoolOpens, domain1, v1alpha1.ReasonUpgrading},
		{"Busy opens nothing", but(poolAt(waiting, waiting), answered(busy)), PoolWaits, domain1, v1alpha1.ReasonPoolBusy},
		{"a problem of the pool holds", but(poolAt(waiting, waiting), answered(&Gate{Hold: true, Reason: v1alpha1.ReasonPoolUnready})), PoolHolds, domain1, v1alpha1.ReasonPoolUnready},
		{"a hold lasts until a person lifts it, whatever the pool answers", but(poolAt(waiting, waiting), func(p *Pool) { p.HoldReason, p.Answer = v1alpha1.ReasonPoolUnready, ready }), PoolHolds, domain1, v1alpha1.ReasonPoolUnready},
		{"it is asked again only after the interval", but(poolAt(waiting, waiting), func(p *Pool) {
			p.Last = &Reading{At: minutesAgo(p, 9), Domain: domain1, Gate: *busy}
		}), PoolWaits, domain1, v1alpha1.ReasonPoolBusy},
		{"the interval is over", but(poolAt(waiting, waiting), func(p *Pool) {
			p.Last = &Reading{At: minutesAgo(p, 10), Domain: domain1, Gate: *busy}
		}), PoolAsks, domain1, v1alpha1.ReasonPoolBusy},
		{"an answer about another domain is none", but(poolAt(waiting, waiting), func(p *Pool) { p.Last = &Reading{At: p.Now, Domain: domain2} }), PoolAsks, domain1, v1alpha1.ReasonPoolBusy},
		{"one domain at a time: while one is open nothing is asked", but(poolAt(working, waiting), open), PoolWaits, domain1, v1alpha1.ReasonUpgrading},
		{"the open domain is done: closed, and the soak begins", but(poolAt(done, waiting), open), PoolCloses, domain1, v1alpha1.ReasonSoaking},
		{"after a domain the first Ready only begins the soak", but(poolAt(done, waiting), func(p *Pool) { p.Soak, p.Answer = &Soak{After: domain1}, ready }), PoolWaits, domain2, v1alpha1.ReasonSoaking},
		{"nineteen minutes Ready are not twenty", but(poolAt(done, waiting), soakingFor(19, ready)), PoolWaits, domain2, v1alpha1.ReasonSoaking},
		{"twenty minutes Ready open the next domain", but(poolAt(done, waiting), soakingFor(20, ready)), PoolOpens, domain2, v1alpha1.ReasonUpgrading},
		{"Ready for twenty minutes, but this domain is not ready", but(poolAt(done, waiting), soakingFor(20, &Gate{Ready: true, Reason: v1alpha1.ReasonDomainNotReady})), PoolWaits, domain2, v1alpha1.ReasonDomainNotReady},
		{"a soak that nobody remembers begins again", but(poolAt(done, waiting), answered(ready)), PoolWaits, domain2, v1alpha1.ReasonSoaking},
		{"a soak that nobody watched begins again", but(poolAt(done, waiting), func(p *Pool) {
			soakingFor(300, ready)(p)
			p.Last.At = minutesAgo(p, 290)
		}), PoolWaits, domain2, v1alpha1.ReasonSoaking},
		{"no soak asked for", but(poolAt(done, waiting), func(p *Pool) { p.SoakTime, p.Answer = 0, ready }), PoolOpens, domain2, v1alpha1.ReasonUpgrading},
		{"a domain found in progress is taken over, whatever is remembered", poolAt(waiting, working), PoolAdopts, domain2, v1alpha1.ReasonUpgrading},
		{"a domain found in progress comes before the one remembered", but(poolAt(waiting, working), open), PoolAdopts, domain2, v1alpha1.ReasonUpgrading},
		{"two domains half way: nothing new", but(poolAt(working, working), open), PoolHolds, "", v1alpha1.ReasonTwoDomainsOpen},
		{"an adopted turn ends with what was in progress", but(poolAt(begunNot, waiting), func(p *Pool) { p.Open, p.Adopted = domain1, true }), PoolCloses, domain1, v1alpha1.ReasonUpgrading},
		{"a turn that could not be used in time is taken back", but(poolAt(begunNot, waiting), func(p *Pool) { p.Open, p.OpenSince = domain1, minutesAgo(p, 11) }), PoolCloses, domain1, v1alpha1.ReasonUpgrading},
		{"a turn may be used within the interval", but(poolAt(begunNot, waiting), func(p *Pool) { p.Open, p.OpenSince = domain1, minutesAgo(p, 10) }), PoolWaits, domain1, v1alpha1.ReasonUpgrading},
		{"paused before the open domain has begun: its turn is taken back", but(poolAt(begunNot, waiting), func(p *Pool) { p.Open, p.OpenSince, p.Paused = domain1, p.Now, true }), PoolCloses, domain1, v1alpha1.ReasonPaused},
		{"only observed from then on: the same", but(poolAt(begunNot, waiting), func(p *Pool) { p.Open, p.OpenSince, p.Observe = domain1, p.Now, true }), PoolCloses, domain1, v1alpha1.ReasonPaused},
		{"paused in mid-rollout: what is in progress keeps its turn", but(poolAt(working, waiting), func(p *Pool) { p.Open, p.Paused = domain1, true }), PoolWaits, domain1, v1alpha1.ReasonUpgrading},
		{"the object of the open domain is deleted before it has begun: its turn is over", but(poolAt(PoolDomain{State: v1alpha1.DomainUnknown, Leaving: true, Reason: v1alpha1.ReasonDiscovering}, waiting), open), PoolCloses, domain1, v1alpha1.ReasonDiscovering},
		{"it is deleted in the middle: it keeps its turn until that is finished", but(poolAt(PoolDomain{State: v1alpha1.DomainUnknown, Leaving: true, InProgress: true}, waiting), open), PoolWaits, domain1, v1alpha1.ReasonUpgrading},
		{"a domain in progress keeps its turn however long it takes", but(poolAt(working, waiting), func(p *Pool) { p.Open, p.OpenSince = domain1, minutesAgo(p, 600) }), PoolWaits, domain1, v1alpha1.ReasonUpgrading},
		{"held, its servers back in service: the turn is over", but(poolAt(heldAndBack, waiting), open), PoolCloses, domain1, v1alpha1.ReasonInstallerFailed},
		{"held, its turn over: no other domain is asked for", poolAt(heldAndBack, waiting), PoolHolds, domain1, v1alpha1.ReasonInstallerFailed},
		{"held, a server away: it stays this domain's turn", but(poolAt(heldAndAway, waiting), open), PoolHolds, domain1, v1alpha1.ReasonInstallerFailed},
		{"a domain that is no longer of the pool loses its turn", but(poolAt(waiting, waiting), func(p *Pool) { p.Open = "UpgradeDomain9" }), PoolCloses, "UpgradeDomain9", v1alpha1.ReasonDiscovering},
		{"a domain that was not looked at keeps all others waiting", poolAt(waiting, PoolDomain{State: v1alpha1.DomainUnknown}), PoolWaits, domain1, v1alpha1.ReasonDiscovering},
		{"a finished domain that does not answer keeps the next waiting", but(poolAt(PoolDomain{State: v1alpha1.DomainUnknown, Reason: v1alpha1.ReasonServerUnreachable}, waiting), answered(ready)), PoolWaits, domain1, v1alpha1.ReasonServerUnreachable},
		{"the package must be on its servers first", but(poolAt(PoolDomain{State: v1alpha1.DomainWaiting}, waiting), answered(ready)), PoolWaits, domain1, v1alpha1.ReasonStaging},
		{"paused: no domain is asked for", but(poolAt(waiting, waiting), func(p *Pool) { p.Paused, p.Answer = true, ready }), PoolWaits, domain1, v1alpha1.ReasonPaused},
		{"observed only: no domain is asked for", but(poolAt(waiting, waiting), func(p *Pool) { p.Observe, p.Answer = true, ready }), PoolWaits, domain1, v1alpha1.ReasonObserving},
		{"a back end at work: no domain is asked for", but(poolAt(waiting, waiting), func(p *Pool) { p.BackEnd, p.Answer = "sql01", ready }), PoolWaits, domain1, v1alpha1.ReasonWaitingForBackEnd},
		{"repeat until all are upgraded", poolAt(done, done), PoolIsDone, "", v1alpha1.ReasonUpToDate},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := NextDomain(test.pool)
			if got.Action != test.action || got.Domain != test.domain || got.Reason != test.reason {
				t.Errorf("got %s %q %s: %s", got.Action, got.Domain, got.Reason, got.Message)
			}
		})
	}
}

// A person may answer for the server that failed while another one is still being worked on: nobody is taken on the strength of an answer that
// the pool gave before the failure.
func TestATurnEndsWithWhatIsInProgressAfterAFailure(t *testing.T) {
	failed := poolAt(PoolDomain{State: v1alpha1.DomainHeld, InProgress: true, Reason: v1alpha1.ReasonInstallerFailed}, PoolDomain{State: v1alpha1.DomainWaiting, Staged: true})
	failed.Open = domain1
	if got := NextDomain(failed); got.Action != PoolHolds || !got.EndsTurn {
		t.Errorf("one has failed beside one that is being worked on: %s, the turn ends %t", got.Action, got.EndsTurn)
	}
	failed.Domains[0].State, failed.Adopted = v1alpha1.DomainOpen, true
	if got := NextDomain(failed); got.Action != PoolWaits || got.EndsTurn {
		t.Errorf("a person has answered, and the other is being finished: %s, the turn ends %t", got.Action, got.EndsTurn)
	}
	failed.Domains[0].InProgress = false
	if got := NextDomain(failed); got.Action != PoolCloses {
		t.Errorf("it is finished: %s, want the turn closed", got.Action)
	}
}

func TestASoakBeginsAgainWhenThePoolTurnsNotReady(t *testing.T) {
	pool := poolAt(PoolDomain{State: v1alpha1.DomainDone}, PoolDomain{State: v1alpha1.DomainWaiting, Staged: true})
	pool.Soak = &Soak{After: domain1, Since: pool.Now.Add(-15 * time.Minute)}
	pool.Answer = &Gate{Reason: v1alpha1.ReasonPoolBusy}
	got := NextDomain(pool)
	if got.Action != PoolWaits || got.Soak == nil || !got.Soak.Since.IsZero() || !got.Until.Equal(pool.Now.Add(10*time.Minute)) {
		t.Errorf("got %s, soak %+v, until %s", got.Action, got.Soak, got.Until)
	}
}

func TestASoakIsLookedAtWhenItEnds(t *testing.T) {
	pool := poolAt(PoolDomain{State: v1alpha1.DomainDone}, PoolDomain{State: v1alpha1.DomainWaiting, Staged: true})
	pool.Soak, pool.Answer = &Soak{After: domain1, Since: pool.Now.Add(-17 * time.Minute)}, &Gate{Ready: true, Open: true}
	if got := NextDomain(pool); !got.Until.Equal(pool.Now.Add(3 * time.Minute)) {
		t.Errorf("until %s", got.Until)
	}
}

// A domain that cannot begin reports nothing. Whoever gave it its turn must look again when the turn has run out, or both wait for
// each other.
func TestTurnThatNobodyTakesIsLookedAtAgain(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 10 * time.Minute} {
		pool := Pool{Domains: []PoolDomain{{Name: "UpgradeDomain1", State: v1alpha1.DomainOpen, Staged: true}}, Open: "UpgradeDomain1",
			OpenSince: started, Now: started.Add(time.Second), Policy: ReadinessPolicy{Interval: interval, Attempts: 3}}
		waits := NextDomain(pool)
		if waits.Action != PoolWaits || waits.Until.IsZero() {
			t.Fatalf("an interval of %s: %+v, want a time to look again", interval, waits)
		}
		pool.Now = waits.Until
		if closes := NextDomain(pool); closes.Action != PoolCloses {
			t.Errorf("an interval of %s: at that time %+v, want the turn closed", interval, closes)
		}
		pool.Domains[0].InProgress = true
		if goesOn := NextDomain(pool); goesOn.Action != PoolWaits || !goesOn.Until.IsZero() {
			t.Errorf("an interval of %s: a domain in progress reports by itself: %+v", interval, goesOn)
		}
	}
}
