package deployment

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// validate checks a description whose defaults are set. The error names everything that is wrong.
func (d *Deployment) validate() error {
	var found problems
	if d.Jitter < 0 || d.Jitter > 0.5 {
		found.add("jitter", "%v is not between 0 and 0.5", d.Jitter)
	}
	found.checkVersion("build", d.Build)
	for i, a := range d.Accounts {
		a.validate(fmt.Sprintf("accounts[%d]", i), &found)
	}
	for i, p := range d.Packages {
		p.validate(fmt.Sprintf("packages[%d]", i), &found)
	}
	d.validateHosts(&found)
	d.validatePools(&found)
	for i, f := range d.Faults {
		if err := f.validate(); err != nil {
			found.add(fmt.Sprintf("faults[%d]", i), "%v", err)
		}
	}
	return errors.Join(found...)
}

// problems are what is wrong with a description.
type problems []error

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, fmt.Errorf("deployment: %s: %s", path, fmt.Sprintf(format, args...)))
}

func (p *problems) checkVersion(path, version string) {
	if _, ok := parseVersion(version); !ok {
		p.add(path, "%q is not a version such as 5.0.8308.1149", version)
	}
}

func (p *problems) checkName(path, fqdn string) {
	if !strings.Contains(fqdn, ".") {
		p.add(path, "%q is not a fully qualified name", fqdn)
	}
}

func (a Account) validate(path string, found *problems) {
	if a.User == "" {
		found.add(path+".user", "is missing")
	}
	// A shorter one would be found by accident in other text, and be reported as a leak.
	if len(a.Password) < 8 {
		found.add(path+".password", "is shorter than 8 characters")
	}
}

func (p Package) validate(path string, found *problems) {
	if len(p.Sources) == 0 {
		found.add(path+".sources", "at least one address is needed")
	}
	if p.Build == "" && len(p.Components) == 0 {
		found.add(path+".build", "is missing, and there are no components")
	}
	if p.Build != "" {
		found.checkVersion(path+".build", p.Build)
	}
	for name, version := range p.Components {
		found.checkVersion(path+".components["+name+"]", version)
	}
	if p.Size < 0 || p.Size > 64<<20 {
		found.add(path+".size", "%d is not between 1 and 64 MiB", p.Size)
	}
}

func (d *Deployment) validateHosts(found *problems) {
	seen := map[string]int{}
	for i, h := range d.Hosts {
		path := fmt.Sprintf("hosts[%d]", i)
		h.validate(path, found)
		if other, twice := seen[strings.ToLower(h.FQDN)]; twice {
			found.add(path+".fqdn", "%q is also hosts[%d]", h.FQDN, other)
		}
		seen[strings.ToLower(h.FQDN)] = i
	}
}

func (h HostDescription) validate(path string, found *problems) {
	found.checkName(path+".fqdn", h.FQDN)
	if h.WinRM != "open" && h.WinRM != "closed" {
		found.add(path+".winRM", "%q is neither open nor closed", h.WinRM)
	}
	for i, c := range h.Components {
		found.checkVersion(fmt.Sprintf("%s.components[%d].version", path, i), c.Version)
	}
	for i, s := range h.Services {
		at := fmt.Sprintf("%s.services[%d]", path, i)
		if s.Name == "" {
			found.add(at+".name", "is missing")
		}
		if s.StartType != Automatic && s.StartType != Manual && s.StartType != Disabled {
			found.add(at+".startType", "%q is not Automatic, Manual or Disabled", s.StartType)
		}
		for _, other := range s.DependsOn {
			if !slices.ContainsFunc(h.Services, func(x ServiceDescription) bool { return sameName(x.Name, other) }) {
				found.add(at+".dependsOn", "there is no service %q on this host", other)
			}
		}
	}
}

func (d *Deployment) validatePools(found *problems) {
	if len(d.Pools) == 0 {
		found.add("pools", "at least one pool is needed")
	}
	owner := map[string]string{}
	for i, p := range d.Pools {
		path := fmt.Sprintf("pools[%d]", i)
		found.checkName(path+".fqdn", p.FQDN)
		p.validateProduct(path, found)
		switch p.Edition {
		case Standard:
			p.validateStandard(path, found)
		case Enterprise:
			p.validateEnterprise(path, found)
			if p.SQLServer != "" && d.sqlInstance(p.SQLServer, p.SQLInstance) == nil {
				found.add(path+".sqlInstance", "%s has no instance %q", p.SQLServer, p.SQLInstance)
			}
		default:
			found.add(path+".edition", "%q is neither Enterprise nor Standard", p.Edition)
		}
		p.validatePair(path, d, found)
		for _, store := range p.OtherStores {
			if !slices.ContainsFunc(d.SQLServers, func(s SQLServer) bool { return s.is(store) }) {
				found.add(path+".otherStores", "%q is not one of the sqlServers", store)
			}
		}
		if len(p.Spares) > 0 && (p.Edition != Enterprise || p.Role != RoleFrontEnd) {
			found.add(path+".spares", "only an Enterprise pool of front ends has spares")
		}
		for _, fe := range slices.Concat(p.FrontEnds, p.Spares) {
			if other, taken := owner[strings.ToLower(fe)]; taken {
				found.add(path+".frontEnds", "%q is already in %s", fe, other)
			}
			owner[strings.ToLower(fe)] = p.FQDN
		}
	}
}

func (p *Pool) validateStandard(path string, found *problems) {
	if len(p.FrontEnds) != 1 || !sameName(p.FrontEnds[0], p.FQDN) {
		found.add(path+".frontEnds", "a Standard Edition pool has one server, which bears its name")
	}
	if len(p.UpgradeDomains) > 0 {
		found.add(path+".upgradeDomains", "a Standard Edition server has none")
	}
}

func (p *Pool) validateEnterprise(path string, found *problems) {
	if len(p.FrontEnds) == 0 || len(p.FrontEnds) > 16 {
		found.add(path+".frontEnds", "a pool has 1 to 16 front ends, not %d", len(p.FrontEnds))
	}
	var placed []string
	for i, domain := range p.UpgradeDomains {
		at := fmt.Sprintf("%s.upgradeDomains[%d]", path, i)
		if domain.Name == "" {
			found.add(at+".name", "is missing")
		}
		for _, fe := range domain.FrontEnds {
			if !containsName(p.FrontEnds, fe) {
				found.add(at+".frontEnds", "%q is not a front end of the pool", fe)
			}
			if containsName(placed, fe) {
				found.add(at+".frontEnds", "%q is in two upgrade domains", fe)
			}
			placed = append(placed, fe)
		}
	}
	if len(placed) < len(p.FrontEnds) && p.Role == RoleFrontEnd {
		found.add(path+".upgradeDomains", "they hold %d of the %d front ends", len(placed), len(p.FrontEnds))
	}
}

func (d *Deployment) sqlInstance(server, instance string) *SQLInstance {
	for i := range d.SQLServers {
		if !d.SQLServers[i].is(server) {
			continue
		}
		for j := range d.SQLServers[i].Instances {
			if sameName(d.SQLServers[i].Instances[j].Name, instance) {
				return &d.SQLServers[i].Instances[j]
			}
		}
	}
	return nil
}

// validatePair checks that a pairing is mutual, and that a next hop is a pool.
func (p *Pool) validatePair(path string, d *Deployment, found *problems) {
	named := func(fqdn string) *Pool {
		for i := range d.Pools {
			if sameName(d.Pools[i].FQDN, fqdn) {
				return &d.Pools[i]
			}
		}
		return nil
	}
	if p.BackupPool != "" {
		if other := named(p.BackupPool); other == nil || !sameName(other.BackupPool, p.FQDN) || sameName(p.BackupPool, p.FQDN) {
			found.add(path+".backupPool", "%q is no other pool whose backupPool is %s", p.BackupPool, p.FQDN)
		}
	}
	if p.NextHop != "" && (p.Role != RoleEdge || named(p.NextHop) == nil) {
		found.add(path+".nextHop", "%q: only a pool of role Edge has one, and it must be a pool", p.NextHop)
	}
}
