package procedure_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// restless is the time between two domains of a pool in which replicas move and go missing, front ends drop out and come back, and the
// store falls behind, whenever they like. What it shows at a moment is what an operator reads at that moment.
type restless struct {
	random *rand.Rand
	now    time.Time
	group  []string // the front ends with a replica, the primary first
	down   bool
	late   bool
	names  []string
}

func (r *restless) advance(minutes int) {
	for range minutes {
		r.now = r.now.Add(time.Minute)
		switch r.random.IntN(40) {
		case 0:
			r.group = append(append([]string{}, r.group[1:]...), r.group[0])
		case 1:
			if len(r.group) == 3 {
				r.group = r.group[:1]
			}
		case 2, 3, 4:
			if len(r.group) == 1 {
				for _, name := range r.names {
					if name != r.group[0] {
						r.group = append(r.group, name)
					}
				}
			}
		case 5:
			r.down = true
		case 6, 7:
			r.down = false
		case 8:
			r.late = true
		case 9, 10:
			r.late = false
		}
	}
}

func (r *restless) text() string {
	text := "00000001-0000-4000-8000-000000000000 Primary " + r.group[0]
	for _, name := range r.group[1:] {
		text += " Secondary " + name
	}
	return text
}

// place is the primary and, in whatever order, the secondaries.
func (r *restless) place() string {
	return r.group[0] + " " + strings.Join(slices.Sorted(slices.Values(r.group[1:])), " ")
}

// betweenFlaw is what a broken operator does between two domains.
type betweenFlaw string

const (
	opensWithoutReplicas  betweenFlaw = "opens a domain although replicas are missing"
	opensWithoutStore     betweenFlaw = "opens a domain although the store has not reached a front end"
	opensWithoutFrontEnd  betweenFlaw = "opens a domain although a front end is not active"
	soaksOverMovedReplica betweenFlaw = "goes on soaking although a primary has moved"
)

// waitForTheNext plays the time between two domains until the next one is opened, and says what was wrong with that moment.
func waitForTheNext(seed uint64, flaw betweenFlaw) (violations []string) {
	r := &restless{random: rand.New(rand.NewPCG(seed, 99)), now: time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC), names: []string{"fe01.contoso.com", "fe02.contoso.com", "fe03.contoso.com"}}
	r.group = append([]string{}, r.names...)
	policy := procedure.ReadinessPolicy{Interval: interval, Attempts: 3, AllActive: flaw != opensWithoutFrontEnd}
	pool := procedure.Pool{Policy: policy, SoakTime: soakTime, Domains: []procedure.PoolDomain{
		{Name: "UpgradeDomain1", State: v1alpha1.DomainDone, Staged: true}, {Name: "UpgradeDomain2", State: v1alpha1.DomainWaiting, Staged: true}}}
	var seen []string // the placements that were read since the soak that counts began
	for range 4000 {
		pool.Now, pool.Answer, pool.Placement, pool.Between = r.now, nil, nil, nil
		decision := procedure.NextDomain(pool)
		if decision.Action == procedure.PoolAsks {
			active := len(r.names)
			if r.down {
				active--
			}
			answer := procedure.Readiness{State: procedure.PoolStateReady, TotalFrontEnds: len(r.names), TotalActiveFrontEnds: active,
				Domains: []procedure.ReadinessDomain{{Name: "UpgradeDomain2", IsReadyForUpgrade: true}}}
			gate := procedure.JudgeReadiness(policy, procedure.Counters{}, answer, "UpgradeDomain2")
			placement := procedure.ReadPlacement(r.text(), r.names)
			pool.Answer, pool.Soak = &gate, decision.Soak
			if gate.Ready {
				if pool.Placement = &placement; flaw == soaksOverMovedReplica {
					pool.Placement = nil
				}
				if flaw != opensWithoutReplicas {
					pool.Between = append(pool.Between, procedure.JudgePlacement(v1alpha1.GateWait, procedure.Placement{}, placement, len(r.names)))
				}
				if flaw != opensWithoutStore {
					pool.Between = append(pool.Between, procedure.JudgeReplication(v1alpha1.GateWait, []procedure.Replica{{FQDN: r.names[1], UpToDate: !r.late}}, r.names, nil))
				}
			}
			decision = procedure.NextDomain(pool)
			pool.Last = &procedure.Reading{At: r.now, Domain: "UpgradeDomain2", Gate: gate}
			if decision.Action != procedure.PoolOpens && (decision.Soak == nil || decision.Soak.Since.IsZero() || decision.Soak.Since.Equal(r.now)) {
				seen = nil
			}
			seen = append(seen, r.place())
		}
		pool.Soak = decision.Soak
		if decision.Action == procedure.PoolOpens {
			if len(r.group) < 2 {
				violations = append(violations, "a routing group has no secondary")
			}
			if r.late {
				violations = append(violations, "the store has not reached a front end")
			}
			if r.down {
				violations = append(violations, "a front end is not active")
			}
			for _, place := range seen {
				if place != r.place() {
					violations = append(violations, "replicas have moved since the soak began")
				}
			}
			return violations
		}
		r.advance(1 + r.random.IntN(4))
	}
	return []string{"the next domain was never opened"}
}

func TestNoDomainIsOpenedOnARestlessPool(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(1) {
		if violations := waitForTheNext(seed, ""); len(violations) > 0 {
			t.Fatalf("seed %d: %s\n(replay: go test ./internal/procedure -run '%s' -seed %d)", seed, strings.Join(violations, "; "), t.Name(), seed)
		}
	}
}

func TestOperatorsThatDoNotLookBetweenAreCaught(t *testing.T) {
	for flaw, sign := range map[betweenFlaw]string{opensWithoutReplicas: "no secondary", opensWithoutStore: "the store", opensWithoutFrontEnd: "not active", soaksOverMovedReplica: "have moved"} {
		caught := false
		for seed := uint64(1); seed <= 400 && !caught; seed++ {
			caught = strings.Contains(fmt.Sprint(waitForTheNext(seed, flaw)), sign)
		}
		if !caught {
			t.Errorf("an operator that %s was caught in none of 400 histories", flaw)
		}
	}
}
