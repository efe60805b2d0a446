package cmdlets

import (
	"context"
	"fmt"
	"strings"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

var lyncCommands = map[string]cmdlet{
	"Get-CsWindowsService":                   getCsWindowsService,
	"Stop-CsWindowsService":                  stopCsWindowsService,
	"Start-CsWindowsService":                 startCsWindowsService,
	"Get-CsPoolUpgradeReadinessState":        getReadiness,
	"Get-CsPoolFabricState":                  getFabric,
	"Get-CsPool":                             getCsPool,
	"Get-CsComputer":                         getCsComputer,
	"Get-CsService":                          getCsService,
	"Get-CsManagementStoreReplicationStatus": getReplication,
	"Test-CsDatabase":                        testDatabase,
	"Install-CsDatabase":                     installDatabase,
	"Get-CsDatabaseMirrorState":              getMirrors,
	"Invoke-CsDatabaseFailover":              failOverDatabases,
	"Uninstall-CsMirrorDatabase":             uninstallMirror,
	"Get-CsPoolBackupRelationship":           getBackupRelationship,
	"Get-CsRegistrarConfiguration":           getRegistrarConfiguration,
	"Get-CsBackupServiceStatus":              getBackupServiceStatus,
	"Invoke-CsPoolFailOver":                  failOverPool,
	"Invoke-CsPoolFailBack":                  failBackPool,
	"Invoke-CsManagementServerFailover":      moveCentralManagement,
	"Get-CsServerVersion":                    getServerVersion,
}

func statusEnum(s deployment.Status) powershell.Enum {
	return powershell.Enum{TypeName: "System.ServiceProcess.ServiceControllerStatus", Name: s.String(), Number: int64(s)}
}

func getCsWindowsService(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	hosts, err := m.on(c)
	if err != nil {
		return nil, err
	}
	if err := m.host.Cmdlet(ctx); err != nil {
		return nil, err
	}
	name := c.text("name", 0)
	var rows []powershell.Value
	for _, h := range hosts {
		for _, s := range h.Services() {
			if !s.Lync || (name != "" && !strings.EqualFold(name, s.Name)) {
				continue
			}
			activity := ""
			if !c.has("excludeactivitylevel") {
				activity = s.Activity()
			}
			row := powershell.NewObject("Microsoft.Rtc.Management.Deployment.Core.NTService", "Status", statusEnum(s.Status), "Name", s.Name,
				"DisplayName", s.DisplayName, "ActivityLevel", activity)
			row.Display = []string{"Status", "Name", "ActivityLevel"}
			rows = append(rows, row)
		}
	}
	if name != "" && len(rows) == 0 {
		return nil, deployment.NoSuchServiceError{Name: name}
	}
	return rows, nil
}

func stopCsWindowsService(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	return nil, m.onServices(c, func(h *deployment.Host, name string) error {
		request := deployment.StopRequest{Name: name, Graceful: c.has("graceful"), NoWait: c.has("nowait"), LeaveWebServer: c.has("leavewebserverrunning")}
		c.streams.Verbose("Stopping services on computer " + h.FQDN())
		return h.StopLyncServices(ctx, c.caller(), request)
	})
}

func startCsWindowsService(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	return nil, m.onServices(c, func(h *deployment.Host, name string) error {
		return h.StartLyncServices(ctx, c.caller(), name, c.has("nowait"))
	})
}

// onServices does something to each service that is named, on each computer that is named. An empty name stands for all.
func (m *machine) onServices(c call, do func(h *deployment.Host, name string) error) error {
	names := append(c.list("name", 0), inputNames(c)...)
	if len(names) == 0 {
		names = []string{""}
	}
	return m.onComputers(c, func(h *deployment.Host) error {
		for _, name := range names {
			if err := do(h, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// onComputers does something to each computer that is named, unless the cmdlet is only asked what it would do.
func (m *machine) onComputers(c call, do func(h *deployment.Host) error) error {
	hosts, err := m.on(c)
	if err != nil || c.has("whatif") {
		return err
	}
	for _, h := range hosts {
		if err := do(h); err != nil {
			return err
		}
	}
	return nil
}

// inputNames are the names of the services that came down the pipeline.
func inputNames(c call) []string {
	var names []string
	for _, v := range c.Input {
		names = append(names, texts(v)...)
	}
	return append(names, c.list("inputobject", -1)...)
}

var readinessNumbers = map[string]int64{deployment.Ready: 0, deployment.Busy: 1, deployment.InsufficientActiveFrontEnds: 2}

func getReadiness(ctx context.Context, m *machine, _ call) ([]powershell.Value, error) {
	answer, err := m.host.Readiness(ctx)
	if err != nil {
		return nil, err
	}
	if answer.Unknown {
		return []powershell.Value{powershell.NewObject("Microsoft.Rtc.Management.Hadr.PoolUpgradeState", "Pool", answer.PoolFQDN, "Health", "Good")}, nil
	}
	domains := []powershell.Value{}
	for _, d := range answer.UpgradeDomains {
		domain := powershell.NewObject("Microsoft.Rtc.Management.Hadr.UpgradeDomain", "Name", d.Name, "IsReadyForUpgrade", d.IsReadyForUpgrade, "Frontends", values(d.FrontEnds))
		domain.Text = d.Name
		domains = append(domains, domain)
	}
	state := powershell.Enum{TypeName: "Microsoft.Rtc.Management.Hadr.PoolUpgradeReadiness", Name: answer.State, Number: readinessNumbers[answer.State]}
	o := powershell.NewObject("Microsoft.Rtc.Management.Hadr.PoolUpgradeState", "PoolFqdn", answer.PoolFQDN, "State", state,
		"TotalFrontends", int64(answer.TotalFrontends), "TotalActiveFrontends", int64(answer.TotalActiveFrontends), "UpgradeDomains", domains)
	o.List = true
	return []powershell.Value{o}, nil
}

func values(names []string) []powershell.Value {
	list := make([]powershell.Value, 0, len(names))
	for _, n := range names {
		list = append(list, n)
	}
	return list
}

func getFabric(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	text, err := m.host.FabricState(ctx, c.text("poolfqdn", 0))
	if err != nil {
		return nil, err
	}
	return []powershell.Value{text}, nil
}

// pools takes the time of a cmdlet that asks for the named pool, or for all.
func (m *machine) pools(ctx context.Context, name string) ([]deployment.Pool, error) {
	var pools []deployment.Pool
	for _, fqdn := range m.host.Model().Pools() {
		if name == "" || strings.EqualFold(name, fqdn) {
			p, _ := m.host.Model().PoolDescription(fqdn)
			pools = append(pools, p)
		}
	}
	if name != "" && len(pools) == 0 {
		return nil, deployment.NoSuchPoolError{Pool: name}
	}
	return pools, m.host.Cmdlet(ctx)
}

func getCsPool(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	pools, err := m.pools(ctx, c.text("identity", 0))
	if err != nil {
		return nil, err
	}
	var rows []powershell.Value
	for _, p := range pools {
		services := []string{"Registrar:" + p.FQDN, "UserServer:" + p.FQDN, "WebServer:" + p.FQDN}
		if p.CentralManagement {
			services = append(services, "CentralManagement:"+p.FQDN)
		}
		row := powershell.NewObject("Microsoft.Rtc.Management.Xds.Cluster", "Identity", p.FQDN, "Services", values(services), "Computers", values(p.FrontEnds),
			"Fqdn", p.FQDN, "Site", "Site:Contoso")
		row.List = true
		rows = append(rows, row)
	}
	return rows, nil
}

func getCsComputer(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	pools, err := m.pools(ctx, c.text("pool", -1))
	if err != nil {
		return nil, err
	}
	wanted := c.text("identity", 0)
	if c.has("local") {
		wanted = m.host.FQDN()
	}
	var rows []powershell.Value
	for _, p := range pools {
		for _, fe := range p.FrontEnds {
			if wanted == "" || strings.EqualFold(wanted, fe) {
				rows = append(rows, powershell.NewObject("Microsoft.Rtc.Management.Xds.Machine", "Identity", fe, "Pool", p.FQDN, "Fqdn", fe))
			}
		}
	}
	return rows, nil
}

// reference names a service of a pool, nil without a pool.
func reference(kind, pool string) powershell.Value {
	if pool == "" {
		return nil
	}
	return kind + pool
}

// getUserDatabase answers Get-CsService -UserDatabase, whose pool is a SQL server; a Standard Edition server is its own.
func (m *machine) getUserDatabase(sql string) []powershell.Value {
	d := m.host.Model().Description()
	var rows []powershell.Value
	add := func(fqdn, instance string) {
		if sql == "" || strings.EqualFold(sql, fqdn) {
			rows = append(rows, powershell.NewObject("Microsoft.Rtc.Management.Xds.UserDatabase", "Identity", "UserDatabase:"+fqdn, "PoolFqdn", fqdn, "SqlInstanceName", instance, "Role", "UserDatabase"))
		}
	}
	for _, s := range d.SQLServers {
		for _, in := range s.Instances {
			add(s.FQDN, in.Name)
		}
	}
	for _, p := range d.Pools {
		if p.Edition == deployment.Standard {
			add(p.FQDN, "rtc")
		}
	}
	return rows
}

func getCsService(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	if c.has("userdatabase") {
		return m.getUserDatabase(c.text("poolfqdn", -1)), m.host.Cmdlet(ctx)
	}
	pools, err := m.pools(ctx, c.text("poolfqdn", -1))
	if err != nil {
		return nil, err
	}
	all := !c.has("userserver") && !c.has("registrar") && !c.has("centralmanagement") && !c.has("edgeserver")
	var rows []powershell.Value
	for _, p := range pools {
		if all || c.has("registrar") {
			rows = append(rows, powershell.NewObject("Microsoft.Rtc.Management.Xds.Registrar", "Identity", "Registrar:"+p.FQDN, "PoolFqdn", p.FQDN, "SiteId", "Site:Contoso", "Version", registrarVersion(p.Product), "Role", "Registrar", "BackupRegistrar", reference("Registrar:", p.BackupPool)))
		}
		if all || c.has("userserver") {
			sql, instance := p.SQLServer, p.SQLInstance
			if p.Edition == deployment.Standard {
				sql, instance = p.FQDN, "rtc"
			}
			rows = append(rows, powershell.NewObject("Microsoft.Rtc.Management.Xds.UserServer", "Identity", "UserServer:"+p.FQDN, "PoolFqdn", p.FQDN, "SiteId", "Site:Contoso", "Version", registrarVersion(p.Product), "Role", "UserServer",
				"UserDatabase", reference("UserDatabase:", sql), "UserStore", sql+`\`+instance))
		}
		if p.Role == deployment.RoleEdge && (all || c.has("edgeserver")) {
			rows = append(rows, powershell.NewObject("Microsoft.Rtc.Management.Xds.EdgeServer", "Identity", "EdgeServer:"+p.FQDN, "PoolFqdn", p.FQDN, "SiteId", "Site:Contoso", "Version", registrarVersion(p.Product), "Registrar", reference("Registrar:", p.NextHop)))
		}
		if p.CentralManagement && (all || c.has("centralmanagement")) {
			rows = append(rows, powershell.NewObject("Microsoft.Rtc.Management.Xds.CentralManagement", "Identity", "CentralManagement:"+p.FQDN, "PoolFqdn", p.FQDN, "SiteId", "Site:Contoso", "Version", registrarVersion(p.Product), "Active", true))
		}
	}
	return rows, nil
}

func getReplication(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	if c.has("centralmanagementstorestatus") {
		master := m.host.ActiveMaster()
		return []powershell.Value{powershell.NewObject("Microsoft.Rtc.Management.Xds.CentralManagementStoreState", "ActiveMasterFqdn", master, "ActiveFileTransferAgents", values([]string{master}))}, m.host.Cmdlet(ctx)
	}
	replicas, err := m.host.Replication(ctx)
	if err != nil {
		return nil, err
	}
	var rows []powershell.Value
	wanted := c.text("replicafqdn", -1)
	for _, r := range replicas {
		if wanted == "" || strings.EqualFold(wanted, r.ReplicaFQDN) {
			rows = append(rows, powershell.NewObject("Microsoft.Rtc.Management.Xds.ReplicaState", "UpToDate", r.UpToDate, "ReplicaFqdn", r.ReplicaFQDN,
				"LastStatusReport", r.LastStatus, "LastUpdateCreation", r.LastStatus, "ProductVersion", r.ProductVersion))
		}
	}
	return rows, nil
}

func getBackupRelationship(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	pools, err := m.pools(ctx, c.text("poolfqdn", 0))
	if err != nil {
		return nil, err
	}
	var rows []powershell.Value
	for _, p := range pools {
		if p.BackupPool != "" {
			rows = append(rows, powershell.NewObject("Microsoft.Rtc.Management.Hadr.BackupService.BackupRelation", "PoolFqdn", p.FQDN, "BackupPoolFqdn", p.BackupPool))
		}
	}
	return rows, nil
}

func getServerVersion(ctx context.Context, m *machine, _ call) ([]powershell.Value, error) {
	if err := m.host.Cmdlet(ctx); err != nil {
		return nil, err
	}
	// It names the base version, whatever update is installed.
	return []powershell.Value{fmt.Sprintf("%s (%s): Volume license key installed.", m.host.Product(), deployment.FirstBuild(m.host.Product()))}, nil
}

// registrarVersion is the number by which services tell the products apart.
func registrarVersion(product string) int64 {
	switch product {
	case deployment.SkypeServer2015:
		return 7
	case deployment.SkypeServer2019, deployment.SkypeSubscriptionEdition:
		return 8
	}
	return 6
}
