package cmdlets

import (
	"context"
	"fmt"
	"strings"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

func testDatabase(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	local, central, sql := c.has("localservice"), c.has("centralmanagementdatabase"), c.text("sqlserverfqdn", -1)
	if !local && !central && sql == "" {
		return nil, fmt.Errorf("Cannot process command because of one or more missing mandatory parameters: SqlServerFqdn.")
	}
	ask := func() (deployment.DatabaseAnswer, error) { return m.host.TestDatabases(ctx, sql, local) }
	if central {
		ask = func() (deployment.DatabaseAnswer, error) { return m.host.TestCentralManagement(ctx) }
	}
	answer, err := ask()
	if err != nil {
		return nil, err
	}
	for _, w := range answer.Warnings {
		c.streams.Warning(w)
	}
	var rows []powershell.Value
	for _, r := range answer.Rows {
		rows = append(rows, powershell.NewObject("Microsoft.Rtc.Management.Deployment.DatabaseStatus", "SqlServerFqdn", r.SQLServerFQDN, "SqlInstanceName", r.SQLInstanceName,
			"MirrorSqlServerFqdn", r.MirrorSQLServer, "MirrorSqlInstanceName", "", "DataSource", r.SQLServerFQDN+`\`+r.SQLInstanceName, "DatabaseName", r.DatabaseName,
			"SQLServerVersion", "11.0.5058 SP2", "ExpectedVersion", r.ExpectedVersion, "InstalledVersion", r.InstalledVersion, "Succeed", r.Succeed))
	}
	return rows, nil
}

func installDatabase(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	if c.has("whatif") {
		return nil, nil
	}
	if c.has("clean") {
		return nil, fmt.Errorf("The simulator does not destroy databases: -Clean was refused.")
	}
	request := deployment.DatabaseUpdate{Local: c.has("localdatabases"), SQLServer: c.text("sqlserverfqdn", -1), Update: c.has("update"),
		ExcludeCollocated: c.has("excludecollocatedstores"), As: m.user,
		CentralManagement: c.has("centralmanagementdatabase"), Instance: c.text("sqlinstancename", -1)}
	if !request.Local && !request.CentralManagement && (!c.has("configureddatabases") || request.SQLServer == "") {
		return nil, fmt.Errorf("Parameter set cannot be resolved using the specified named parameters.")
	}
	return nil, m.host.InstallDatabases(ctx, c.caller(), request)
}

func getMirrors(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	mirrors, err := m.host.MirrorState(ctx, c.text("poolfqdn", 0))
	if err != nil {
		return nil, err
	}
	var rows []powershell.Value
	for _, r := range mirrors {
		rows = append(rows, powershell.NewObject("Microsoft.Rtc.Management.Deployment.MirrorState", "DatabaseName", r.DatabaseName, "StateOnPrimary", r.StateOnPrimary,
			"StateOnMirror", r.StateOnMirror, "MirroringStatusOnPrimary", r.StatusOnPrimary, "MirroringStatusOnSecondary", r.StatusOnMirror))
	}
	return rows, nil
}

func failOverDatabases(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	if c.text("databasetype", -1) == "" {
		return nil, fmt.Errorf("Cannot process command because of one or more missing mandatory parameters: DatabaseType.")
	}
	principal := c.text("newprincipal", -1)
	if !strings.EqualFold(principal, "Primary") && !strings.EqualFold(principal, "Mirror") {
		return nil, fmt.Errorf("Cannot validate argument on parameter 'NewPrincipal'. %q is not Primary or Mirror.", principal)
	}
	if c.has("whatif") {
		return nil, nil
	}
	return nil, m.host.FailOverDatabases(ctx, c.caller(), c.text("poolfqdn", 0), strings.EqualFold(principal, "Mirror"))
}

func uninstallMirror(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	if c.has("whatif") {
		return nil, nil
	}
	return nil, m.host.RemoveMirror(ctx, c.caller(), c.text("sqlserverfqdn", 0))
}
