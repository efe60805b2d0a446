package deployment

import (
	"context"
	"fmt"
	"slices"
)

// targets are the names under which a fault finds a SQL server: its own, and those of the pools whose databases are there.
func (m *Model) targetsOf(s *sqlServer) []string {
	names := []string{s.FQDN}
	for _, p := range m.pools {
		if s.is(p.description.SQLServer) || slices.ContainsFunc(p.description.OtherStores, s.is) {
			names = append(names, p.description.FQDN)
		}
	}
	return names
}

// principalOnMirror says whether the mirror of a SQL server is the principal now.
func (m *Model) principalOnMirror(s *sqlServer) bool {
	return s.Mirror != "" && (s.MirrorPrincipal || m.peekFault(FaultPrincipalOnMirror, nil, m.targetsOf(s)...) != nil)
}

// synchronised says whether principal and mirror of a SQL server hold the same.
func (m *Model) synchronised(s *sqlServer) bool {
	return m.peekFault(FaultMirrorUnsynchronised, nil, m.targetsOf(s)...) == nil
}

// mayUpdateMirrored refuses what the reference says to fail on mirrored databases. Whoever tries has broken a rule all the same.
func (h *Host) mayUpdateMirrored(caller Caller, s *sqlServer, request DatabaseUpdate) error {
	m := h.model
	switch {
	case s.Mirror == "":
		return nil
	case m.principalOnMirror(s):
		h.violation(caller, RuleMirror, fmt.Sprintf("databases on %s are updated while %s is the principal", s.FQDN, s.Mirror))
		return fmt.Errorf("The databases on %s cannot be updated: the mirror %s is the principal.", s.FQDN, s.Mirror)
	case !m.synchronised(s):
		h.violation(caller, RuleMirror, fmt.Sprintf("databases on %s are updated while %s does not hold the same", s.FQDN, s.Mirror))
	case request.Update:
		h.violation(caller, RuleMirror, "-Update on databases that are mirrored on "+s.Mirror)
		return fmt.Errorf("The Update parameter cannot be used with mirrored databases on %s. Remove the mirror with Uninstall-CsMirrorDatabase first.", s.FQDN)
	}
	return nil
}

// judgeMirror judges that a front end of the pool is taken out: with the principal on the mirror the table of the functional minimum
// does not hold.
func (h *Host) judgeMirror(caller Caller) {
	if s := h.model.sqlServer(h.pool.description.SQLServer); s != nil && h.model.principalOnMirror(s) {
		h.violation(caller, RuleMirror, fmt.Sprintf("%s is the principal of the pool's databases", s.Mirror))
	}
}

// judgeUpdating judges that a front end is taken out while databases of its pool change.
func (h *Host) judgeUpdating(caller Caller) {
	for _, s := range h.model.sql {
		if s.updating > 0 && containsName(h.model.targetsOf(s), h.pool.description.FQDN) {
			h.violation(caller, RuleDatabasesAndFrontEnds, "the databases on "+s.FQDN+" are being updated")
		}
	}
}

// MirrorRow is one row of what Get-CsDatabaseMirrorState answers.
type MirrorRow struct {
	DatabaseName, StateOnPrimary, StateOnMirror, StatusOnPrimary, StatusOnMirror string
}

const notMirrored = "DatabaseInaccessibleOrMirroringNotEnabled"

// MirrorState answers Get-CsDatabaseMirrorState for a pool.
func (h *Host) MirrorState(ctx context.Context, poolFQDN string) ([]MirrorRow, error) {
	if err := h.lyncCmdlet(ctx); err != nil {
		return nil, err
	}
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pool(poolFQDN)
	if p == nil {
		return nil, NoSuchPoolError{poolFQDN}
	}
	var rows []MirrorRow
	for _, s := range m.sql {
		if !s.is(p.description.SQLServer) && !slices.ContainsFunc(p.description.OtherStores, s.is) {
			continue
		}
		for _, d := range s.databases {
			row := MirrorRow{DatabaseName: d.name, StateOnPrimary: notMirrored, StateOnMirror: notMirrored}
			if s.Mirror != "" {
				status := "synchronized"
				if !m.synchronised(s) {
					status = "synchronizing"
				}
				row = MirrorRow{d.name, "Principal", "Mirror", status, status}
				if m.principalOnMirror(s) {
					row.StateOnPrimary, row.StateOnMirror = "Mirror", "Principal"
				}
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// FailOverDatabases makes the primary or the mirror the principal of a pool's databases, as Invoke-CsDatabaseFailover does.
func (h *Host) FailOverDatabases(ctx context.Context, caller Caller, poolFQDN string, toMirror bool) error {
	if err := h.lyncCmdlet(ctx); err != nil {
		return err
	}
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pool(poolFQDN)
	if p == nil {
		return NoSuchPoolError{poolFQDN}
	}
	s := m.sqlServer(p.description.SQLServer)
	if s == nil || s.Mirror == "" {
		return fmt.Errorf("The databases of pool %q are not mirrored.", poolFQDN)
	}
	s.MirrorPrincipal = toMirror
	if !toMirror {
		m.faults = slices.DeleteFunc(m.faults, func(f *Fault) bool {
			return f.Kind == FaultPrincipalOnMirror && containsName(m.targetsOf(s), f.Target)
		})
	}
	h.event(caller, fmt.Sprintf("the principal of the databases of %s is the mirror: %t", poolFQDN, toMirror))
	m.notify()
	return nil
}

// RemoveMirror takes the mirror of a SQL server away, as Uninstall-CsMirrorDatabase does. Nobody may.
func (h *Host) RemoveMirror(ctx context.Context, caller Caller, sqlServerFQDN string) error {
	if err := h.lyncCmdlet(ctx); err != nil {
		return err
	}
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sqlServer(sqlServerFQDN)
	if s == nil || s.Mirror == "" {
		return fmt.Errorf("The databases on %q are not mirrored.", sqlServerFQDN)
	}
	h.violation(caller, RuleMirror, "the mirror of "+s.FQDN+" on "+s.Mirror+" is removed")
	s.Mirror, s.MirrorPrincipal = "", false
	h.event(caller, "the mirror of "+s.FQDN+" is removed")
	m.notify()
	return nil
}
