package deployment

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const withASpare = `
accounts: [{user: svc-lyncops, domain: CONTOSO, password: Correct-Horse-7-Battery}]
packages: [{sources: ["` + source + `"], build: ` + target + `}]
pools:
- fqdn: pool01.contoso.com
  sqlServer: sql01.contoso.com
  frontEnds: [fe01.contoso.com, fe02.contoso.com, fe03.contoso.com]
  spares: [fe04.contoso.com]
`

func TestATopologyIsPublished(t *testing.T) {
	inDeployment(t, []byte(withASpare), func(w world) {
		if state := w.host("fe04").State(); state.Domain != "" || !state.InService || len(w.host("fe04").Components()) != len(w.host("fe01").Components()) {
			w.Errorf("a spare is %+v", state)
		}
		if _, err := w.host("fe04").Readiness(w.Context()); !errors.Is(err, ErrNoUpgradeDomains) {
			w.Errorf("a spare says of the pool: %v", err)
		}
		w.must(w.model.SetTopology(poolName, []Domain{{"UpgradeDomain1", []string{"fe01.contoso.com"}}, {"UpgradeDomain2", []string{"FE04.contoso.com"}},
			{"UpgradeDomain4", []string{"fe02.contoso.com"}}}))
		if answer := w.readiness("fe04"); answer.State != Busy || answer.TotalFrontends != 3 || len(answer.UpgradeDomains) != 3 {
			w.Errorf("right after it the pool says %+v", answer)
		}
		w.eventually(func() bool { return w.readiness("fe01").State == Ready })
		if got := strings.Join(w.pool().FrontEnds, " "); got != "fe01.contoso.com fe04.contoso.com fe02.contoso.com" {
			w.Errorf("the front ends are %s", got)
		}
		if domain := w.host("fe02").State().Domain; domain != "UpgradeDomain4" {
			w.Errorf("fe02 is in %s", domain)
		}
		if _, err := w.host("fe03").Readiness(w.Context()); !errors.Is(err, ErrNoUpgradeDomains) || !w.host("fe03").State().InService {
			w.Errorf("the one that left says of the pool: %v, %+v", err, w.host("fe03").State())
		}
		rows, err := w.host("fe01").Replication(w.Context())
		w.must(err)
		if slices.ContainsFunc(rows, func(row ReplicaRow) bool { return row.ReplicaFQDN == "fe03.contoso.com" }) || len(rows) != 3 {
			w.Errorf("replicas of %+v", rows)
		}
		if fabric, err := w.host("fe01").FabricState(w.Context(), poolName); err != nil || strings.Contains(fabric, "fe03") || !strings.Contains(fabric, "fe04.contoso.com OK UP") {
			w.Errorf("the fabric is %s (%v)", fabric, err)
		}
		w.upgrade("fe04")
		if broken := w.model.Violations(); len(broken) > 0 {
			w.Errorf("broken: %+v", broken)
		}
	})
}

func TestATopologyThatCannotBeIsRefused(t *testing.T) {
	inContoso(t, func(w world) {
		for _, test := range []struct {
			name, pool string
			domains    []Domain
		}{
			{"no such pool", "pool09.contoso.com", w.pool().UpgradeDomains},
			{"a Standard Edition server", "se01.contoso.com", []Domain{{"UpgradeDomain1", []string{"se01.contoso.com"}}}},
			{"another pool's server", poolName, []Domain{{"UpgradeDomain1", []string{"se01.contoso.com"}}}},
			{"no front end", poolName, nil},
			{"a domain without a name", poolName, []Domain{{"", []string{"fe01.contoso.com"}}}},
			{"one in two domains", poolName, []Domain{{"UpgradeDomain1", []string{"fe01.contoso.com"}}, {"UpgradeDomain2", []string{"fe01.contoso.com"}}}},
		} {
			if err := w.model.SetTopology(test.pool, test.domains); err == nil {
				w.Errorf("%s: is taken", test.name)
			}
		}
		if len(w.pool().FrontEnds) != 6 {
			w.Errorf("the pool has %v", w.pool().FrontEnds)
		}
	})
}

func (w world) pool() Pool {
	w.Helper()
	pool, found := w.model.PoolDescription(poolName)
	if !found {
		w.Fatal("there is no pool")
	}
	return pool
}

// withoutLast are the upgrade domains of the pool without the last front end.
func withoutLast(w world) []Domain {
	domains := slices.Clone(w.pool().UpgradeDomains)
	last := &domains[len(domains)-1]
	last.FrontEnds = last.FrontEnds[:len(last.FrontEnds)-1]
	return domains
}
