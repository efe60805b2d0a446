package deployment

import "time"

// HostState is a host as the control interface shows it.
type HostState struct {
	FQDN          string         `json:"fqdn"`
	NetBIOS       string         `json:"netbios"`
	Pool          string         `json:"pool,omitempty"`
	Domain        string         `json:"domain,omitempty"`
	Power         string         `json:"power"`
	BootTime      time.Time      `json:"bootTime"`
	Components    []Component    `json:"components"`
	Services      []ServiceState `json:"services"`
	PendingReboot []string       `json:"pendingReboot"`
	Installing    bool           `json:"installing"`
	Serves        bool           `json:"serves"`
	InService     bool           `json:"inService"`
	// OutBy is the command that took the host out of service, if one did.
	OutBy    *Caller    `json:"outBy,omitempty"`
	OutSince *time.Time `json:"outSince,omitempty"`
}

// PoolState is a pool as the control interface shows it.
type PoolState struct {
	FQDN    string            `json:"fqdn"`
	Edition string            `json:"edition"`
	State   string            `json:"state"`
	Serving []string          `json:"serving"`
	Out     map[string]string `json:"out"`
	// OpenDomain is the upgrade domain a command has opened and not yet gone through.
	OpenDomain string `json:"openDomain,omitempty"`
	// Failed is the server whose installer failed, until that is acknowledged.
	Failed string `json:"failed,omitempty"`
	// Registrar is where the users are: Active, FailingOver, FailedOver or FailingBack.
	Registrar string `json:"registrar"`
}

// DatabaseState is a database of a SQL server or Standard Edition server.
type DatabaseState struct {
	Server    string `json:"server"`
	Instance  string `json:"instance"`
	Name      string `json:"name"`
	Installed string `json:"installed"`
}

// State is everything at one moment.
type State struct {
	Time      time.Time       `json:"time"`
	Pools     []PoolState     `json:"pools"`
	Hosts     []HostState     `json:"hosts"`
	Databases []DatabaseState `json:"databases"`
}

// State reads everything at once.
func (m *Model) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := State{Time: time.Now().UTC()}
	for _, p := range m.pools {
		ps := PoolState{FQDN: p.description.FQDN, Edition: p.description.Edition, OpenDomain: p.openDomain, Registrar: p.registrarState()}
		ps.Serving, ps.Out = p.snapshot()
		if p.enterprise() {
			ps.State = p.readiness().State
		}
		if p.failed != nil {
			ps.Failed = p.failed.FQDN()
		}
		state.Pools = append(state.Pools, ps)
	}
	for _, h := range m.order {
		state.Hosts = append(state.Hosts, h.stateLocked())
		for _, d := range h.databases {
			state.Databases = append(state.Databases, DatabaseState{h.FQDN(), d.instance, d.name, d.installed})
		}
	}
	for _, s := range m.sql {
		for _, d := range s.databases {
			state.Databases = append(state.Databases, DatabaseState{s.FQDN, d.instance, d.name, d.installed})
		}
	}
	return state
}

// State reads everything about the host.
func (h *Host) State() HostState {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	return h.stateLocked()
}

func (h *Host) stateLocked() HostState {
	s := HostState{FQDN: h.FQDN(), NetBIOS: h.NetBIOS(), Pool: h.Pool(), Power: h.power.String(), BootTime: h.bootTime,
		Components: append([]Component{}, h.components...), Services: []ServiceState{}, PendingReboot: append([]string{}, h.pendingReboot...),
		Installing: h.installing != nil, Serves: h.serves(), InService: h.inService()}
	if h.pool != nil {
		s.Domain = h.pool.domainOf(h)
	}
	for _, x := range h.services {
		s.Services = append(s.Services, x.state())
	}
	if h.out != nil {
		out, since := *h.out, h.outSince
		s.OutBy, s.OutSince = &out, &since
	}
	return s
}

// PackageState is an update package as the control interface shows it.
type PackageState struct {
	Sources []string `json:"sources"`
	Build   string   `json:"build"`
	SHA256  string   `json:"sha256"`
}

// PackageStates lists the update packages in the order of the description.
func (m *Model) PackageStates() []PackageState {
	list := make([]PackageState, 0, len(m.packages))
	for _, p := range m.packages {
		list = append(list, PackageState{append([]string{}, p.Sources...), p.coreVersion(), p.sha256})
	}
	return list
}
