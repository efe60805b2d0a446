package deployment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Words of a registrar's configuration for where the users of a pool are.
const (
	RegistrarActive      = "Active"
	RegistrarFailingOver = "FailingOver"
	RegistrarFailedOver  = "FailedOver"
	RegistrarFailingBack = "FailingBack"
)

// backupModules are the parts of the backup service of a pool.
var backupModules = []string{"UserServices.PresenceFocus", "ConfServices.DataConf", cmsModule}

const cmsModule = "CentralMgmt.CMSMaster"

// BackupModule is one part of the backup service of a pool, as Get-CsBackupServiceStatus lists it.
type BackupModule struct{ Name, Export, Import string }

// Errors of the cmdlets that move a pool's users, in their words where a source has them.
var (
	ErrNotPaired        = errors.New("The pool has no backup pool.")
	ErrPoolMoveDenied   = errors.New("Access is denied. The account must be a member of RTCUniversalServerAdmins.")
	ErrHydration        = errors.New("Unable to complete hydration process after repeated attempt.")
	ErrPoolNotFailed    = errors.New("The pool is not failed over.")
	ErrManagementMove   = errors.New("The Central Management Server could not be activated on this computer.")
	ErrBackupPoolUnwell = errors.New("The backup pool does not serve.")
	ErrServicesDown     = errors.New("The services of the pool must run before it can be failed back.")
)

// PartnerDescription is what a computer knows of a pool and the one it is paired with.
type PartnerDescription struct {
	Pool, BackupPool string
	BackupComputers  []string
	State            string
	// Modules by pool, the pool itself first.
	Modules           map[string][]BackupModule
	EdgePools         []string
	CentralManagement string
}

// Partner reads what the topology and the backup service say of a pool and its backup pool.
func (h *Host) Partner(ctx context.Context, poolFQDN string) (PartnerDescription, error) {
	if err := h.lyncCmdlet(ctx); err != nil {
		return PartnerDescription{}, err
	}
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pool(poolFQDN)
	if p == nil {
		return PartnerDescription{}, NoSuchPoolError{poolFQDN}
	}
	d := PartnerDescription{Pool: p.description.FQDN, BackupPool: p.description.BackupPool, State: p.registrarState(), Modules: map[string][]BackupModule{},
		EdgePools: m.edgesBehind(p), CentralManagement: m.centralManagementFor(p)}
	if backup := m.pool(p.description.BackupPool); backup != nil {
		d.BackupComputers = slices.Clone(backup.description.FrontEnds)
		d.Modules[p.description.FQDN], d.Modules[backup.description.FQDN] = m.modulesOf(p), m.modulesOf(backup)
	}
	return d, nil
}

func (p *pool) registrarState() string {
	if p.registrar == "" {
		return RegistrarActive
	}
	return p.registrar
}

// RegistrarState is where the users of a pool are.
func (m *Model) RegistrarState(poolFQDN string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.pool(poolFQDN); p != nil {
		return p.registrarState()
	}
	return ""
}

// BackupModules are the parts of the backup service of a pool; none for a pool without a backup pool.
func (m *Model) BackupModules(poolFQDN string) []BackupModule {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.pool(poolFQDN); p != nil && p.description.BackupPool != "" {
		return m.modulesOf(p)
	}
	return nil
}

// modulesOf takes one fault at a question: it concerns the pool as a whole.
func (m *Model) modulesOf(p *pool) []BackupModule {
	fault := m.takeFault(FaultBackupUnhealthy, nil, p.description.FQDN)
	var list []BackupModule
	for _, name := range backupModules {
		module := BackupModule{name, "SteadyState", "NormalState"}
		switch {
		case name == cmsModule && !p.description.CentralManagement:
			module.Export = "NotInitialized"
		case fault != nil && fault.Detail != "":
			module.Export = fault.Detail
		case fault != nil:
			module.Export, module.Import = "ErrorState", "ErrorState"
		}
		list = append(list, module)
	}
	return list
}

// edgesBehind are the Edge pools whose next hop the pool is.
func (m *Model) edgesBehind(p *pool) []string {
	var names []string
	for _, other := range m.pools {
		if sameName(other.description.NextHop, p.description.FQDN) {
			names = append(names, other.description.FQDN)
		}
	}
	return names
}

// centralManagementFor is the pool that holds the central management store, as a pool sees it: a description may hold several
// deployments, each with a store of its own, and then it is the one on the pool or its backup pool.
func (m *Model) centralManagementFor(viewer *pool) string {
	first := ""
	for _, p := range m.pools {
		switch {
		case !p.description.CentralManagement:
		case viewer != nil && (p == viewer || sameName(p.description.FQDN, viewer.description.BackupPool)):
			return p.description.FQDN
		case first == "":
			first = p.description.FQDN
		}
	}
	return first
}

// movedAway says whether the users of the pool are on its backup pool: its own front ends are then nobody's.
func (p *pool) movedAway() bool { return p.registrar == RegistrarFailedOver }

// mayMove is the beginning of both cmdlets.
func (h *Host) mayMove(poolFQDN, as string) (*pool, *pool, error) {
	p := h.model.pool(poolFQDN)
	if p == nil {
		return nil, nil, NoSuchPoolError{poolFQDN}
	}
	backup := h.model.pool(p.description.BackupPool)
	switch {
	case backup == nil:
		return nil, nil, ErrNotPaired
	case sameName(as, "LocalSystem"):
		return nil, nil, ErrPoolMoveDenied
	}
	return p, backup, nil
}

// FailOverPool moves the users of a pool to its backup pool and then stops the services of the pool, as Invoke-CsPoolFailOver does when
// it is not told of a disaster.
func (h *Host) FailOverPool(ctx context.Context, caller Caller, poolFQDN, as string) error {
	ctx, leave, err := h.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	m := h.model
	p, backup, err := h.mayMove(poolFQDN, as)
	if err != nil {
		return err
	}
	if edges := m.edgesBehind(p); len(edges) > 0 {
		return fmt.Errorf("This Front-end pool %q is specified in topology as the next hop for the Edge server. Change the next hop of %s first.", p.description.FQDN, strings.Join(edges, ", "))
	}
	if p.description.CentralManagement {
		return fmt.Errorf("The Central Management Server is on the pool %s. Move it first with Invoke-CsManagementServerFailover.", p.description.FQDN)
	}
	if p.movedAway() {
		return nil
	}
	h.judgeFailOver(caller, p, backup)
	fault := m.takeFault(FaultPoolFailOverFails, nil, p.description.FQDN)
	p.registrar = RegistrarFailingOver
	h.event(caller, "the users of "+p.description.FQDN+" are being moved to "+backup.description.FQDN)
	if err := h.pauseLocked(ctx, time.Duration(m.description.Timing.PoolFailOver)); err != nil {
		return err
	}
	switch {
	case fault != nil && fault.Detail == "":
		p.registrar = RegistrarActive
		return errors.New("The failover of " + p.description.FQDN + " did not succeed.")
	case fault != nil:
		p.registrar = fault.Detail
		return errors.New("The failover of " + p.description.FQDN + " did not succeed.")
	case !functional(backup.vector((*Host).serves)):
		p.registrar = RegistrarActive
		return ErrBackupPoolUnwell
	}
	p.registrar = RegistrarFailedOver
	h.event(caller, "the users of "+p.description.FQDN+" are on "+backup.description.FQDN)
	for _, fe := range p.members {
		if fe.power != powerOn {
			continue
		}
		for _, s := range fe.services {
			if s.lync && s.name != "RTCCLSAGT" {
				fe.beginStop(s, false)
			}
		}
		fe.event(caller, "its services are stopped: the pool is failed over")
	}
	m.notify()
	return nil
}

// FailBackPool brings the users of a pool back. The front end services stop and start once more on the way.
func (h *Host) FailBackPool(ctx context.Context, caller Caller, poolFQDN, as string) error {
	ctx, leave, err := h.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	m := h.model
	p, _, err := h.mayMove(poolFQDN, as)
	if err != nil {
		return err
	}
	if p.registrarState() == RegistrarActive {
		return ErrPoolNotFailed
	}
	h.judgeFailBack(caller, p)
	if !functional(p.vector((*Host).serves)) {
		return ErrServicesDown
	}
	fault := m.takeFault(FaultPoolFailBackFails, nil, p.description.FQDN)
	p.registrar = RegistrarFailingBack
	h.event(caller, "the users of "+p.description.FQDN+" are being moved back")
	for _, fe := range p.members {
		if s := fe.service("RTCSRV"); s != nil && fe.power == powerOn && s.status == Running {
			s.startsAgain = true
			fe.beginStop(s, false)
		}
	}
	m.notify()
	if err := h.pauseLocked(ctx, time.Duration(m.description.Timing.PoolFailOver)); err != nil {
		return err
	}
	if fault != nil {
		p.registrar = RegistrarFailedOver
		return ErrHydration
	}
	p.registrar = RegistrarActive
	p.serial++
	p.openDomain = ""
	clear(p.visited)
	h.event(caller, "the users of "+p.description.FQDN+" are back")
	m.notify()
	return nil
}

// MoveCentralManagement makes the pool of this host hold the central management store, as Invoke-CsManagementServerFailover does.
func (h *Host) MoveCentralManagement(ctx context.Context, caller Caller, as string) error {
	ctx, leave, err := h.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	m := h.model
	switch {
	case sameName(as, "LocalSystem"):
		return ErrPoolMoveDenied
	case h.pool == nil || h.pool.ofRole(), m.takeFault(FaultManagementMoveFails, nil, h.FQDN(), h.Pool()) != nil:
		return ErrManagementMove
	}
	if err := h.pauseLocked(ctx, time.Duration(m.description.Timing.DatabaseUpdate)); err != nil {
		return err
	}
	if holder := m.pool(m.centralManagementFor(h.pool)); holder != nil {
		holder.description.CentralManagement = false
	}
	h.pool.description.CentralManagement = true
	h.event(caller, "the central management store is on "+h.pool.description.FQDN)
	m.notify()
	return nil
}

// ActiveMaster is the computer that holds the central management store, as the host sees it; empty when it does not run.
func (h *Host) ActiveMaster() string {
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pool(m.centralManagementFor(h.pool))
	if p == nil {
		return ""
	}
	for _, h := range p.members {
		if h.power == powerOn {
			return h.FQDN()
		}
	}
	return ""
}

// pauseLocked lets modelled time pass with the lock given up.
func (h *Host) pauseLocked(ctx context.Context, d time.Duration) error {
	over := false
	h.after(d, func() { over = true })
	return h.wait(ctx, func() bool { return over })
}

// judgeFailOver judges that a pool is failed over: its users need another place, with their data, and nobody's hands in either pool.
func (h *Host) judgeFailOver(caller Caller, p, backup *pool) {
	for _, module := range h.model.modulesOf(p) {
		if module.Import != "NormalState" {
			h.violation(caller, RuleFailOver, fmt.Sprintf("the backup service of %s is %s, %s", p.description.FQDN, module.Export, module.Import))
		}
	}
	if backup.registrarState() != RegistrarActive {
		h.violation(caller, RuleFailOver, "the backup pool "+backup.description.FQDN+" is "+backup.registrar+" itself")
	}
	for _, side := range []*pool{p, backup} {
		for _, fe := range side.members {
			if fe.out != nil {
				h.violation(caller, RuleFailOver, fmt.Sprintf("%s is out because of: %s", fe.FQDN(), fe.out.Command))
			}
		}
	}
}

// judgeFailBack judges that users are brought back: every front end must serve, all with the same build.
func (h *Host) judgeFailBack(caller Caller, p *pool) {
	builds := map[string]bool{}
	for _, fe := range p.members {
		builds[fe.coreVersion()] = true
		if !fe.inService() {
			h.violation(caller, RuleFailOver, "users are brought back while "+fe.FQDN()+" is not in service")
		}
	}
	if len(builds) > 1 {
		h.violation(caller, RuleFailOver, "users are brought back while the front ends have different builds")
	}
}
