package deployment

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ParseYAML reads a description, fills in what it leaves out and checks it. Errors name the line of a field that does not
// exist, and the path of a field with a value that cannot be.
func ParseYAML(text []byte) (Deployment, error) {
	var d Deployment
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&d); err != nil {
		if errors.Is(err, io.EOF) {
			return Deployment{}, errors.New("deployment: the file is empty")
		}
		return Deployment{}, fmt.Errorf("deployment: %w", err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return Deployment{}, errors.New("deployment: the file holds more than one document")
	}
	d.setDefaults()
	if err := d.validate(); err != nil {
		return Deployment{}, err
	}
	return d, nil
}

func (t Timing) orElse(other Timing) Timing {
	return Timing{
		Drain:          cmp.Or(t.Drain, other.Drain),
		Stop:           cmp.Or(t.Stop, other.Stop),
		Start:          cmp.Or(t.Start, other.Start),
		Shutdown:       cmp.Or(t.Shutdown, other.Shutdown),
		Boot:           cmp.Or(t.Boot, other.Boot),
		Settling:       cmp.Or(t.Settling, other.Settling),
		DatabaseUpdate: cmp.Or(t.DatabaseUpdate, other.DatabaseUpdate),
		Copy:           cmp.Or(t.Copy, other.Copy),
		Cmdlet:         cmp.Or(t.Cmdlet, other.Cmdlet),
		QuorumLoss:     cmp.Or(t.QuorumLoss, other.QuorumLoss),
		PoolFailOver:   cmp.Or(t.PoolFailOver, other.PoolFailOver),
	}
}

var defaultTiming = Timing{
	Drain:          Duration(50 * time.Second),
	Stop:           Duration(10 * time.Second),
	Start:          Duration(45 * time.Second),
	Shutdown:       Duration(5 * time.Second),
	Boot:           Duration(90 * time.Second),
	Settling:       Duration(60 * time.Second),
	DatabaseUpdate: Duration(40 * time.Second),
	Copy:           Duration(15 * time.Second),
	Cmdlet:         Duration(3 * time.Second),
	QuorumLoss:     Duration(10 * time.Second),
	PoolFailOver:   Duration(5 * time.Minute),
}

func (p *Pool) setDefaults(d *Deployment) {
	p.Edition = cmp.Or(p.Edition, Enterprise)
	p.setProductDefaults(d)
	if p.Edition == Standard {
		if len(p.FrontEnds) == 0 {
			p.FrontEnds = []string{p.FQDN}
		}
		return
	}
	if p.SQLServer != "" {
		p.SQLInstance = cmp.Or(p.SQLInstance, "rtc")
	}
	if p.UpgradeDomains == nil && p.Role == RoleFrontEnd {
		for n, fe := range p.FrontEnds {
			p.UpgradeDomains = append(p.UpgradeDomains, Domain{Name: fmt.Sprintf("UpgradeDomain%d", n+1), FrontEnds: []string{fe}})
		}
	}
}

func (d *Deployment) setDefaults() {
	d.Product = cmp.Or(d.Product, LyncServer2013)
	d.Build = cmp.Or(d.Build, firstBuilds[d.Product], "5.0.8308.0")
	d.Timing = d.Timing.orElse(defaultTiming)
	for i := range d.Packages {
		p := &d.Packages[i]
		p.Duration = cmp.Or(p.Duration, Duration(180*time.Second))
		p.Size = cmp.Or(p.Size, 4096)
	}
	for i := range d.SQLServers {
		for j := range d.SQLServers[i].Instances {
			if in := &d.SQLServers[i].Instances[j]; in.Databases == nil {
				in.Databases = defaultPoolDatabases()
			}
		}
	}
	for i := range d.Pools {
		d.Pools[i].setDefaults(d)
	}
	// A pool may name a SQL server in passing; it then has the usual databases.
	for _, p := range d.Pools {
		if p.SQLServer != "" && !slices.ContainsFunc(d.SQLServers, func(s SQLServer) bool { return s.is(p.SQLServer) }) {
			d.SQLServers = append(d.SQLServers, SQLServer{FQDN: p.SQLServer,
				Instances: []SQLInstance{{Name: p.SQLInstance, Databases: defaultPoolDatabases()}}})
		}
	}
	imply := func(fqdn string) {
		if fqdn != "" && !slices.ContainsFunc(d.Hosts, func(h HostDescription) bool { return sameName(h.FQDN, fqdn) }) {
			d.Hosts = append(d.Hosts, HostDescription{FQDN: fqdn})
		}
	}
	for _, p := range d.Pools {
		for _, fe := range slices.Concat(p.FrontEnds, p.Spares) {
			imply(fe)
		}
	}
	for _, s := range d.SQLServers {
		imply(s.FQDN)
		imply(s.Mirror)
	}
	for i := range d.Hosts {
		d.setHostDefaults(&d.Hosts[i])
	}
}

func (d *Deployment) setHostDefaults(h *HostDescription) {
	if h.NetBIOS == "" {
		short, _, _ := strings.Cut(h.FQDN, ".")
		h.NetBIOS = strings.ToUpper(short[:min(len(short), 15)])
	}
	h.WinRM = cmp.Or(h.WinRM, "open")
	h.FreeDiskBytes = cmp.Or(h.FreeDiskBytes, int64(50)<<30)
	h.Timing = h.Timing.orElse(d.Timing)
	edition, role, product, build := "", RoleFrontEnd, d.Product, d.Build
	for _, p := range d.Pools {
		if containsName(p.FrontEnds, h.FQDN) || containsName(p.Spares, h.FQDN) {
			edition, role, product, build = p.Edition, p.Role, p.Product, p.Build
		}
	}
	isSQL := slices.ContainsFunc(d.SQLServers, func(s SQLServer) bool { return sameName(s.FQDN, h.FQDN) || sameName(s.Mirror, h.FQDN) })
	if h.Components == nil && edition != "" {
		names := defaultComponents
		if role != RoleFrontEnd {
			names = roleComponents[role]
		}
		for _, name := range names {
			h.Components = append(h.Components, Component{Name: product + ", " + name})
		}
	}
	for i := range h.Components {
		h.Components[i].Version = cmp.Or(h.Components[i].Version, build)
	}
	if h.Services == nil {
		switch {
		case edition != "" && role != RoleFrontEnd:
			h.Services = servicesOfRole(role)
		case edition != "":
			h.Services = defaultFrontEndServices(edition)
		case isSQL:
			h.Services = []ServiceDescription{{Name: "MSSQL$RTC"}}
		}
	}
	for i := range h.Services {
		s := &h.Services[i]
		known := knownServices[strings.ToUpper(s.Name)]
		s.DisplayName = cmp.Or(s.DisplayName, known.DisplayName, s.Name)
		s.StartType = cmp.Or(s.StartType, known.StartType, Automatic)
		s.Lync = s.Lync || known.Lync
		if s.DependsOn == nil {
			s.DependsOn = known.DependsOn
		}
		if known.drains {
			s.Drain = cmp.Or(s.Drain, h.Timing.Drain)
		}
		s.Stop = cmp.Or(s.Stop, h.Timing.Stop)
		s.Start = cmp.Or(s.Start, h.Timing.Start)
	}
}

func sameName(a, b string) bool { return strings.EqualFold(a, b) }

func containsName(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return sameName(n, name) })
}
