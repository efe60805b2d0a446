package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

// Keys of HKEY_LOCAL_MACHINE that servers have and scripts look at, in lower case.
const (
	uninstallKey      = `software\microsoft\windows\currentversion\uninstall`
	servicingKey      = `software\microsoft\windows\currentversion\component based servicing\rebootpending`
	windowsUpdateKey  = `software\microsoft\windows\currentversion\windowsupdate\auto update\rebootrequired`
	installerKey      = `software\microsoft\windows\currentversion\installer\inprogress`
	sessionManagerKey = `system\currentcontrolset\control\session manager`
	computerNameKey   = `system\currentcontrolset\control\computername\computername`
	activeNameKey     = `system\currentcontrolset\control\computername\activecomputername`
	netlogonKey       = `system\currentcontrolset\services\netlogon`
)

// registryKey gives the names of a key's subkeys and its values, or nil where there is no such key.
func registryKey(_ context.Context, _ *Executor, host *deployment.Host, _ string, call powershell.Invocation) (powershell.Value, error) {
	path := strings.ToLower(text(call, "path"))
	values := powershell.NewHashtable()
	var subkeys []powershell.Value
	pending := host.PendingReboot()
	switch {
	case path == uninstallKey:
		for i := range host.Components() {
			subkeys = append(subkeys, productCode(i))
		}
		subkeys = append(subkeys, "{00000000-1111-2222-3333-444444444444}")
	case strings.HasPrefix(path, uninstallKey+`\`):
		code := strings.TrimPrefix(path, uninstallKey+`\`)
		values.Set("DisplayName", "Something else")
		values.Set("DisplayVersion", "1.0")
		for i, component := range host.Components() {
			if strings.EqualFold(productCode(i), code) {
				values.Set("DisplayName", component.Name)
				values.Set("DisplayVersion", component.Version)
			}
		}
	case path == servicingKey && slices.Contains(pending, "ComponentBasedServicing"):
	case path == windowsUpdateKey && slices.Contains(pending, "WindowsUpdate"):
	case path == installerKey && host.Installing():
	case path == sessionManagerKey:
		if slices.Contains(pending, "PendingFileRenameOperations") {
			values.Set("PendingFileRenameOperations", []powershell.Value{`\??\C:\Windows\Installer\1.rbf`, ""})
		}
	case path == computerNameKey, path == activeNameKey:
		values.Set("ComputerName", host.NetBIOS())
	case path == netlogonKey:
	default:
		return nil, nil
	}
	return powershell.NewObject(powershell.CustomObjectType, "Subkeys", append([]powershell.Value{}, subkeys...), "Values", values), nil
}

// productCode is the uninstall key of a host's component.
func productCode(number int) string {
	return fmt.Sprintf("{%08X-8A5B-4B1A-9C4E-000000000000}", number+1)
}
