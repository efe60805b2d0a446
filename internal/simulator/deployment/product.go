package deployment

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Products as their components call them.
const (
	LyncServer2013           = "Microsoft Lync Server 2013"
	SkypeServer2015          = "Skype for Business Server 2015"
	SkypeServer2019          = "Skype for Business Server 2019"
	SkypeSubscriptionEdition = "Skype for Business Server Subscription Edition"
)

// firstBuilds are the builds that the products were released with. Subscription Edition shares its base with 2019.
var firstBuilds = map[string]string{
	LyncServer2013: "5.0.8308.0", SkypeServer2015: "6.0.9319.0", SkypeServer2019: "7.0.2046.0", SkypeSubscriptionEdition: "7.0.2046.0",
}

// FirstBuild is the build that a product was released with.
func FirstBuild(product string) string {
	return cmp.Or(firstBuilds[product], firstBuilds[LyncServer2013])
}

// Roles of a pool.
const (
	RoleFrontEnd       = "FrontEnd"
	RoleEdge           = "Edge"
	RoleDirector       = "Director"
	RoleMediation      = "Mediation"
	RolePersistentChat = "PersistentChat"
)

var roles = []string{RoleFrontEnd, RoleEdge, RoleDirector, RoleMediation, RolePersistentChat}

// roleComponents are what is installed beside the core components on a server of a role other than FrontEnd.
var roleComponents = map[string][]string{
	RoleEdge: {"Core Components", "Edge Server"}, RoleDirector: {"Core Components", "Front End Server", "Web Components Server"},
	RoleMediation: {"Core Components", "Mediation Server"}, RolePersistentChat: {"Core Components", "Persistent Chat Server"},
}

// roleServices are the services of a server of a role other than FrontEnd.
var roleServices = map[string][]string{
	RoleEdge:           {"MSSQL$RTCLOCAL", "REPLICA", "RTCCLSAGT", "RTCSRV", "RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY"},
	RoleDirector:       {"MSSQL$RTCLOCAL", "MSSQL$LYNCLOCAL", "W3SVC", "REPLICA", "RTCCLSAGT", "RTCSRV"},
	RoleMediation:      {"MSSQL$RTCLOCAL", "REPLICA", "RTCCLSAGT", "RTCMEDSRV"},
	RolePersistentChat: {"REPLICA", "RTCCLSAGT", "RTCCHAT"},
}

// persistentChatStop is how long a Persistent Chat Server takes to stop.
const persistentChatStop = Duration(330 * time.Second)

func servicesOfRole(role string) []ServiceDescription {
	var services []ServiceDescription
	for _, name := range roleServices[role] {
		service := ServiceDescription{Name: name}
		if name == "RTCCHAT" {
			service.Stop = persistentChatStop
		}
		services = append(services, service)
	}
	return append(services, ServiceDescription{Name: "LanmanServer", Start: Duration(time.Second), Stop: Duration(time.Second)},
		ServiceDescription{Name: "WinRM", Start: Duration(time.Second), Stop: Duration(time.Second)})
}

// servingService is the service that takes the sessions of a server of this role.
func servingService(role string) string {
	switch role {
	case RoleMediation:
		return "RTCMEDSRV"
	case RolePersistentChat:
		return "RTCCHAT"
	}
	return "RTCSRV"
}

// setProductDefaults fills in what follows from a pool's product and role.
func (p *Pool) setProductDefaults(d *Deployment) {
	if p.Build == "" && (p.Product == "" || p.Product == d.Product) {
		p.Build = d.Build
	}
	if p.Product == "" {
		p.Product = d.Product
	}
	if p.Build == "" {
		p.Build = firstBuilds[p.Product]
	}
	if p.Role == "" {
		p.Role = RoleFrontEnd
	}
}

func (p *Pool) validateProduct(path string, found *problems) {
	if !slices.Contains(roles, p.Role) {
		found.add(path+".role", "%q is not one of %s", p.Role, strings.Join(roles, ", "))
	}
	found.checkVersion(path+".build", p.Build)
	if p.Role != RoleFrontEnd && len(p.UpgradeDomains) > 0 {
		found.add(path+".upgradeDomains", "a pool of role %s has none", p.Role)
	}
	if p.Role == RoleFrontEnd && p.AnnouncedDowntime {
		found.add(path+".announcedDowntime", "is for pools of another role")
	}
}

// Is says whether the host's product is one of these.
func (h *Host) Is(products ...string) bool { return containsName(products, h.Product()) }

// Product is what is installed on the host; that of the deployment where nothing says otherwise.
func (h *Host) Product() string {
	if h.pool != nil {
		return h.pool.description.Product
	}
	return h.model.description.Product
}

// ModuleName is the name of the product's PowerShell module.
func (h *Host) ModuleName() string {
	if h.Is(SkypeServer2015, SkypeServer2019, SkypeSubscriptionEdition) {
		return "SkypeForBusiness"
	}
	return "Lync"
}

// failsOver says whether front ends of the pool are taken out with Invoke-CsComputerFailOver: those of Skype for Business Server in a
// pool of three and more.
func (p *pool) failsOver() bool {
	return p.enterprise() && len(p.members) >= 3 && containsName([]string{SkypeServer2015, SkypeServer2019, SkypeSubscriptionEdition}, p.description.Product)
}

// ofRole says whether the pool is one of another role than FrontEnd.
func (p *pool) ofRole() bool { return p.description.Role != RoleFrontEnd }

// takeOutOfRole judges a command that takes a server of a pool of another role out of service.
func (p *pool) takeOutOfRole(h *Host, caller Caller) {
	others := 0
	for _, other := range p.members {
		if other == h {
			continue
		}
		if other.out != nil {
			h.violation(caller, RuleTwoServersOut, fmt.Sprintf("%s of the pool is out because of: %s", other.FQDN(), other.out.Command))
		}
		if other.serves() {
			others++
		}
	}
	if h.serves() && others == 0 && !p.description.AnnouncedDowntime {
		h.violation(caller, RuleLastServer, "no other server of the pool serves, and no downtime was announced")
	}
}

// takeOutFailsOver judges how a front end of a pool that is failed over is taken out.
func (h *Host) takeOutFailsOver(caller Caller) {
	for _, other := range h.pool.members {
		if other != h && other.failedOver {
			h.violation(caller, RuleNotFailedBack, other.FQDN()+" was failed over and has not been failed back")
		}
	}
	if h.serves() && !h.failedOver && !h.failingOver {
		h.violation(caller, RuleNotFailedOver, "users and data were not moved with Invoke-CsComputerFailOver first")
	}
}

// appliesTo says whether an update is one of the product that a component with this version belongs to.
func (p *updatePackage) appliesTo(version string) bool {
	of, known := parseVersion(version)
	mine, also := parseVersion(p.coreVersion())
	return known && also && of[0] == mine[0] && of[1] == mine[1]
}
