package cmdlets

import (
	"context"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

// getRegistrarConfiguration lists the global configuration, and one of its own for each pool whose users were moved.
func getRegistrarConfiguration(ctx context.Context, m *machine, _ call) ([]powershell.Value, error) {
	pools, err := m.pools(ctx, "")
	if err != nil {
		return nil, err
	}
	configuration := func(identity, state string) powershell.Value {
		return powershell.NewObject("Microsoft.Rtc.Management.WritableConfig.Settings.Registrar.RegistrarSettings", "Identity", identity, "PoolState", state)
	}
	rows := []powershell.Value{configuration("Global", deployment.RegistrarActive)}
	for _, p := range pools {
		if state := m.host.Model().RegistrarState(p.FQDN); state != deployment.RegistrarActive {
			rows = append(rows, configuration("Service:Registrar:"+p.FQDN, state))
		}
	}
	return rows, nil
}

func getBackupServiceStatus(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	pools, err := m.pools(ctx, c.text("poolfqdn", 0))
	if err != nil {
		return nil, err
	}
	var rows []powershell.Value
	for _, p := range pools {
		modules := []powershell.Value{}
		for _, module := range m.host.Model().BackupModules(p.FQDN) {
			modules = append(modules, powershell.NewObject("Microsoft.Rtc.Management.Hadr.BackupService.BackupModuleStatus", "Identity", module.Name,
				"ExportStatus", module.Export, "ImportStatus", module.Import))
		}
		rows = append(rows, powershell.NewObject("Microsoft.Rtc.Management.Hadr.BackupService.BackupServiceStatus", "BackupModules", modules))
	}
	return rows, nil
}

func failOverPool(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	if c.has("whatif") {
		return nil, nil
	}
	c.streams.Verbose("Failing over " + c.text("poolfqdn", 0))
	return nil, m.host.FailOverPool(ctx, c.caller(), c.text("poolfqdn", 0), m.user)
}

func failBackPool(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	if c.has("whatif") {
		return nil, nil
	}
	c.streams.Verbose("Failing back " + c.text("poolfqdn", 0))
	return nil, m.host.FailBackPool(ctx, c.caller(), c.text("poolfqdn", 0), m.user)
}

func moveCentralManagement(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	if c.has("whatif") {
		return nil, nil
	}
	return nil, m.host.MoveCentralManagement(ctx, c.caller(), m.user)
}
