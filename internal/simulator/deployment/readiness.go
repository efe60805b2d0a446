package deployment

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Words of the readiness answer.
const (
	Ready                       = "Ready"
	Busy                        = "Busy"
	InsufficientActiveFrontEnds = "InsufficientActiveFrontEnds"
)

// DomainReadiness is what the readiness answer says about one upgrade domain.
type DomainReadiness struct {
	Name              string
	IsReadyForUpgrade bool
	FrontEnds         []string
}

// Readiness is the answer of Get-CsPoolUpgradeReadinessState.
type Readiness struct {
	PoolFQDN             string
	State                string
	TotalFrontends       int
	TotalActiveFrontends int
	UpgradeDomains       []DomainReadiness
	// Unknown says that the answer is to have a shape nobody knows.
	Unknown bool
}

// ErrNotInService is why a front end whose services do not run cannot be asked.
var ErrNotInService = errors.New("The operation failed because the Front End service on this computer is not running.")

// ErrNoUpgradeDomains is what the readiness cmdlet says on a host that is not in an Enterprise pool.
var ErrNoUpgradeDomains = errors.New("This computer is not a Front End Server of an Enterprise Edition pool.")

// Readiness answers Get-CsPoolUpgradeReadinessState, which knows only the pool of the host it runs on.
func (h *Host) Readiness(ctx context.Context) (Readiness, error) {
	if err := h.lyncCmdlet(ctx); err != nil {
		return Readiness{}, err
	}
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	p := h.member()
	if p == nil || !p.enterprise() {
		return Readiness{}, ErrNoUpgradeDomains
	}
	if !h.serves() {
		return Readiness{}, ErrNotInService
	}
	answer := p.readiness()
	targets := []string{h.FQDN(), p.description.FQDN}
	if m.takeFault(FaultPoolBusy, nil, targets...) != nil {
		answer.become(Busy)
	}
	if m.takeFault(FaultPoolInsufficient, nil, targets...) != nil {
		answer.become(InsufficientActiveFrontEnds)
	}
	for i := range answer.UpgradeDomains {
		d := &answer.UpgradeDomains[i]
		if m.takeFault(FaultDomainNotReady, func(f *Fault) bool { return f.Detail == "" || sameName(f.Detail, d.Name) }, targets...) != nil {
			d.IsReadyForUpgrade = false
		}
	}
	if m.takeFault(FaultDuplicateDomain, nil, targets...) != nil && len(answer.UpgradeDomains) > 0 {
		answer.UpgradeDomains = append(answer.UpgradeDomains, answer.UpgradeDomains[0])
	}
	if last := len(answer.UpgradeDomains) - 1; last > 0 && m.takeFault(FaultDuplicateFrontEnd, nil, targets...) != nil {
		answer.UpgradeDomains[last].FrontEnds = append(slices.Clone(answer.UpgradeDomains[last].FrontEnds), answer.UpgradeDomains[0].FrontEnds[0])
	}
	answer.Unknown = m.takeFault(FaultReadinessShape, nil, targets...) != nil
	if answer.State == Ready && !answer.Unknown {
		for _, d := range answer.UpgradeDomains {
			if d.IsReadyForUpgrade {
				p.readyHanded[d.Name] = p.serial
			}
		}
	}
	return answer, nil
}

func (r *Readiness) become(state string) {
	r.State = state
	for i := range r.UpgradeDomains {
		r.UpgradeDomains[i].IsReadyForUpgrade = false
	}
}

func (p *pool) readiness() Readiness {
	active := p.vector((*Host).serves)
	answer := Readiness{PoolFQDN: p.description.FQDN, TotalFrontends: len(p.members), TotalActiveFrontends: p.count((*Host).serves)}
	for _, d := range p.description.UpgradeDomains {
		without := p.vector(func(h *Host) bool { return h.serves() && !containsName(d.FrontEnds, h.FQDN()) })
		answer.UpgradeDomains = append(answer.UpgradeDomains, DomainReadiness{d.Name, functional(without), slices.Clone(d.FrontEnds)})
	}
	switch {
	case !functional(active) || (answer.TotalActiveFrontends < answer.TotalFrontends && !p.canLoseOne(active)):
		answer.become(InsufficientActiveFrontEnds)
	case answer.TotalActiveFrontends < answer.TotalFrontends || time.Now().Before(p.settledAt):
		answer.become(Busy)
	default:
		answer.State = Ready
	}
	return answer
}

// canLoseOne says whether the pool would keep running whichever of its active front ends stopped.
func (p *pool) canLoseOne(active []bool) bool {
	for i := range active {
		if !active[i] {
			continue
		}
		without := slices.Clone(active)
		without[i] = false
		if !functional(without) {
			return false
		}
	}
	return true
}

// ReplicaRow is one row of what Get-CsManagementStoreReplicationStatus answers.
type ReplicaRow struct {
	ReplicaFQDN    string
	UpToDate       bool
	LastStatus     time.Time
	ProductVersion string
}

// Replication answers Get-CsManagementStoreReplicationStatus.
func (h *Host) Replication(ctx context.Context) ([]ReplicaRow, error) {
	if err := h.lyncCmdlet(ctx); err != nil {
		return nil, err
	}
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []ReplicaRow
	for _, x := range m.order {
		if s := x.service("REPLICA"); s != nil && (x.pool == nil || x.member() != nil) {
			rows = append(rows, ReplicaRow{x.FQDN(), x.power == powerOn && s.status == Running && m.takeFault(FaultReplicationLate, nil, x.FQDN(), x.Pool()) == nil, time.Now().UTC().Truncate(time.Second), "5.0.8308.0"})
		}
	}
	return rows, nil
}
