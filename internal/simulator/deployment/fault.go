package deployment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kinds of faults.
const (
	FaultPoolBusy          = "poolBusy"          // the readiness answer is Busy
	FaultPoolInsufficient  = "poolInsufficient"  // the readiness answer is InsufficientActiveFrontEnds
	FaultDomainNotReady    = "domainNotReady"    // the pool is Ready, the domain (or every domain) is not
	FaultReadinessShape    = "readinessShape"    // the readiness answer has a shape nobody knows
	FaultDuplicateDomain   = "duplicateDomain"   // the first domain is reported twice
	FaultDuplicateFrontEnd = "duplicateFrontEnd" // a front end is reported in two domains
	FaultInstallerFails    = "installerFails"    // the installer ends with exitCode (default 1603)
	FaultInstallerSlow     = "installerSlow"     // the installer takes duration more
	FaultInstallerWaits    = "installerWaits"    // the installer does not end before the fault is cleared
	FaultDatabaseWaits     = "databaseWaits"     // an update of databases does not end before the fault is cleared
	FaultSlowDrain         = "slowDrain"         // one service (default RTCRGS) never drains
	FaultLinkLost          = "linkLost"          // the connection drops after the command was started
	FaultHostUnreachable   = "hostUnreachable"   // nothing answers
	FaultLoginRefused      = "loginRefused"      // no password is right
	FaultServiceWontStart  = "serviceWontStart"  // the service (default RTCSRV) stops again after starting
	FaultSourceUnreachable = "sourceUnreachable" // the package cannot be fetched
	FaultRebootTakes       = "rebootTakes"       // the next boot takes duration
	FaultPortSilent        = "portSilent"        // the port in detail (default 5061) does not listen
	FaultReplicaMissing    = "replicaMissing"    // a routing group lacks one of its replicas
	FaultPrimariesMove     = "primariesMove"     // the primaries are elsewhere at every look
	FaultReplicationLate   = "replicationLate"   // the replica of the central management store is not up to date
	// the mirror is the principal of the pool's databases
	FaultPrincipalOnMirror = "principalOnMirror"
	// principal and mirror do not hold the same
	FaultMirrorUnsynchronised = "mirrorUnsynchronised"
	// the installer ends with exitCode (default 0) and leaves local databases in single-user mode
	FaultInstallerLeavesSingleUser = "installerLeavesSingleUser"
	FaultFailOverRefused           = "failOverRefused" // the failover of a computer exceeds its wait time, and does nothing
	FaultFailBackFails             = "failBackFails"   // the failback of a computer exceeds its wait time, and does nothing
)

// Faults of a pool that is failed over.
const (
	FaultBackupUnhealthy     = "backupUnhealthy"            // the backup service is in ErrorState, or exports in the state of detail
	FaultPoolFailOverFails   = "poolFailOverFails"          // Invoke-CsPoolFailOver fails; detail is the state it leaves behind
	FaultPoolFailBackFails   = "poolFailBackFails"          // Invoke-CsPoolFailBack fails, and users stay on the backup pool
	FaultManagementMoveFails = "centralManagementMoveFails" // Invoke-CsManagementServerFailover fails
)

var faultKinds = []string{FaultBackupUnhealthy, FaultPoolFailOverFails, FaultPoolFailBackFails, FaultManagementMoveFails, FaultPoolBusy, FaultPoolInsufficient, FaultDomainNotReady, FaultReadinessShape, FaultDuplicateDomain,
	FaultDuplicateFrontEnd, FaultInstallerFails, FaultInstallerSlow, FaultInstallerWaits, FaultDatabaseWaits, FaultSlowDrain, FaultLinkLost, FaultHostUnreachable,
	FaultLoginRefused, FaultServiceWontStart, FaultSourceUnreachable, FaultRebootTakes,
	FaultPrincipalOnMirror, FaultMirrorUnsynchronised, FaultInstallerLeavesSingleUser, FaultFailOverRefused, FaultFailBackFails,
	FaultPortSilent, FaultReplicaMissing, FaultPrimariesMove, FaultReplicationLate}

// Fault is something that goes wrong on request.
type Fault struct {
	// ID is given by the model.
	ID   string `yaml:"-" json:"id"`
	Kind string `yaml:"kind" json:"kind"`
	// Target is the host or pool it concerns; empty means every one.
	Target string `yaml:"target" json:"target,omitempty"`
	// Detail is the domain or service of the kinds that have one.
	Detail string `yaml:"detail" json:"detail,omitempty"`
	// Match limits linkLost to command lines (decoded) that contain this text.
	Match string `yaml:"match" json:"match,omitempty"`
	// Count is how often it happens; 0 means until it is cleared.
	Count    int      `yaml:"count" json:"count,omitempty"`
	ExitCode int      `yaml:"exitCode" json:"exitCode,omitempty"`
	Duration Duration `yaml:"duration" json:"duration,omitempty"`
}

func (f Fault) validate() error {
	if !slices.Contains(faultKinds, f.Kind) {
		return fmt.Errorf("kind %q is not one of %s", f.Kind, strings.Join(faultKinds, ", "))
	}
	if f.Count < 0 {
		return fmt.Errorf("count %d is negative", f.Count)
	}
	if (f.Kind == FaultRebootTakes || f.Kind == FaultInstallerSlow) && f.Duration == 0 {
		return fmt.Errorf("%s needs a duration", f.Kind)
	}
	if (f.Kind == FaultInstallerWaits || f.Kind == FaultDatabaseWaits) && f.Count > 0 {
		return fmt.Errorf("%s lasts until it is cleared and has no count", f.Kind)
	}
	return nil
}

// UnmarshalJSON reads a duration as it is written in YAML.
func (d *Duration) UnmarshalJSON(text []byte) error {
	word, err := strconv.Unquote(string(text))
	if err != nil {
		return fmt.Errorf("%s is not a duration in quotes", text)
	}
	parsed, err := time.ParseDuration(word)
	if err != nil || parsed < 0 {
		return fmt.Errorf("%q is not a duration such as 90s or 20m", word)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalJSON writes a duration as it is read.
func (d Duration) MarshalJSON() ([]byte, error) {
	return []byte(strconv.Quote(time.Duration(d).String())), nil
}

// AddFault arranges a fault and gives it an id. An unknown kind is an error.
func (m *Model) AddFault(f Fault) (Fault, error) {
	if err := f.validate(); err != nil {
		return Fault{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faultSerial++
	f.ID = fmt.Sprintf("fault-%d", m.faultSerial)
	m.faults = append(m.faults, &f)
	m.notify()
	return f, nil
}

// RemoveFault clears a fault and says whether there was one.
func (m *Model) RemoveFault(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := slices.IndexFunc(m.faults, func(f *Fault) bool { return f.ID == id })
	if at < 0 {
		return false
	}
	removed := m.faults[at]
	m.faults = slices.Delete(m.faults, at, at+1)
	m.notify()
	if removed.Kind != FaultSlowDrain {
		return true
	}
	// A drain that this fault held up goes on.
	for _, h := range m.order {
		for _, s := range h.services {
			if s.stuck && (removed.Target == "" || containsName([]string{h.FQDN(), h.Pool()}, removed.Target)) {
				s.stuck = false
				h.endDrain(s)
			}
		}
	}
	m.notify()
	return true
}

// Faults lists the faults that are still to happen.
func (m *Model) Faults() []Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Fault, 0, len(m.faults))
	for _, f := range m.faults {
		list = append(list, *f)
	}
	return list
}

// peekFault finds a fault of the kind that concerns any of the targets. It expects the lock to be held.
func (m *Model) peekFault(kind string, accept func(*Fault) bool, targets ...string) *Fault {
	for _, f := range m.faults {
		if f.Kind == kind && (f.Target == "" || containsName(targets, f.Target)) && (accept == nil || accept(f)) {
			return f
		}
	}
	return nil
}

// takeFault is peekFault, and counts the fault as having happened once.
func (m *Model) takeFault(kind string, accept func(*Fault) bool, targets ...string) *Fault {
	f := m.peekFault(kind, accept, targets...)
	if f == nil || f.Count == 0 {
		return f
	}
	taken := *f
	if f.Count--; f.Count == 0 {
		m.faults = slices.DeleteFunc(m.faults, func(x *Fault) bool { return x == f })
	}
	return &taken
}

// TakeFault says whether a fault of the kind concerns the host now, and counts it as having happened. The text is what the match of
// the fault is looked for in.
func (h *Host) TakeFault(kind, text string) bool {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	return h.model.takeFault(kind, func(f *Fault) bool { return strings.Contains(text, f.Match) }, h.FQDN(), h.Pool()) != nil
}
