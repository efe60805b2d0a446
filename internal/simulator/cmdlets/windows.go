package cmdlets

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

var windowsCommands = map[string]cmdlet{
	"Get-Service":      getService,
	"Stop-Service":     stopService,
	"Start-Service":    startService,
	"Restart-Service":  restartService,
	"Set-Service":      setService,
	"Get-WmiObject":    getWMI,
	"Get-CimInstance":  getCIM,
	"Get-ItemProperty": getItemProperty,
	"Restart-Computer": restartComputer,
	"Stop-Computer":    stopComputer,
	"Get-Process":      getProcess,
}

func matches(pattern, name string) bool {
	ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(name))
	return err == nil && ok
}

var startTypeNumbers = map[string]int64{deployment.Automatic: 2, deployment.Manual: 3, deployment.Disabled: 4}

// serviceObject is a ServiceController. Its Stop and Start ask the service manager and do not wait, as those of .NET.
func serviceObject(m *machine, c call, h *deployment.Host, s deployment.ServiceState) *powershell.Object {
	o := powershell.NewObject("System.ServiceProcess.ServiceController", "Status", statusEnum(s.Status), "Name", s.Name, "DisplayName", s.DisplayName,
		"StartType", powershell.Enum{TypeName: "System.ServiceProcess.ServiceStartMode", Name: s.StartType, Number: startTypeNumbers[s.StartType]},
		"ServiceName", s.Name, "MachineName", h.NetBIOS(), "CanStop", s.Status == deployment.Running)
	o.Display = []string{"Status", "Name", "DisplayName"}
	o.Text = "System.ServiceProcess.ServiceController"
	by := func(what string) deployment.Caller {
		return deployment.Caller{User: m.user, Command: "(" + c.caller().Command + " " + s.Name + ")." + what + "()"}
	}
	o.SetMethod("Stop", func(ctx context.Context, _ []powershell.Value) (powershell.Value, error) {
		return nil, h.StopService(ctx, by("Stop"), s.Name, true)
	})
	o.SetMethod("Start", func(ctx context.Context, _ []powershell.Value) (powershell.Value, error) {
		return nil, h.StartService(ctx, by("Start"), s.Name, true)
	})
	return o
}

func getService(_ context.Context, m *machine, c call) ([]powershell.Value, error) {
	hosts, err := m.on(c)
	if err != nil {
		return nil, err
	}
	patterns := append(c.list("name", 0), inputNames(c)...)
	byDisplay := c.list("displayname", -1)
	var rows []powershell.Value
	for _, h := range hosts {
		for _, pattern := range patterns {
			found := false
			for _, s := range h.Services() {
				if matches(pattern, s.Name) {
					rows, found = append(rows, serviceObject(m, c, h, s)), true
				}
			}
			if !found && !strings.ContainsAny(pattern, "*?[") {
				c.streams.Error(deployment.NoSuchServiceError{Name: pattern}.Error())
			}
		}
		for _, s := range h.Services() {
			if (len(patterns) == 0 && len(byDisplay) == 0) || slices.ContainsFunc(byDisplay, func(p string) bool { return matches(p, s.DisplayName) }) {
				rows = append(rows, serviceObject(m, c, h, s))
			}
		}
	}
	return rows, nil
}

// named finds the services that a cmdlet names, by pattern or down the pipeline.
func (m *machine) named(c call) ([]string, error) {
	var names []string
	for _, pattern := range append(c.list("name", 0), inputNames(c)...) {
		before := len(names)
		for _, s := range m.host.Services() {
			if matches(pattern, s.Name) || strings.EqualFold(pattern, s.DisplayName) {
				names = append(names, s.Name)
			}
		}
		if len(names) == before && !strings.ContainsAny(pattern, "*?[") {
			return nil, deployment.NoSuchServiceError{Name: pattern}
		}
	}
	return names, nil
}

// onNamed does something to each service that is named, unless the cmdlet is only asked what it would do.
func (m *machine) onNamed(c call, do func(name string) error) error {
	names, err := m.named(c)
	if err != nil || c.has("whatif") {
		return err
	}
	for _, name := range names {
		if err := do(name); err != nil {
			return err
		}
	}
	return nil
}

func stopService(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	return nil, m.onNamed(c, func(name string) error { return m.host.StopService(ctx, c.caller(), name, c.has("nowait")) })
}

func startService(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	return nil, m.onNamed(c, func(name string) error { return m.host.StartService(ctx, c.caller(), name, false) })
}

func restartService(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	if _, err := stopService(ctx, m, c); err != nil {
		return nil, err
	}
	return startService(ctx, m, c)
}

func setService(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	names, err := m.named(c)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if startType := c.text("startuptype", -1); startType != "" {
			if err := m.host.SetStartType(c.caller(), name, startType); err != nil {
				return nil, err
			}
		}
		switch status := c.text("status", -1); strings.ToLower(status) {
		case "":
		case "running":
			err = m.host.StartService(ctx, c.caller(), name, false)
		case "stopped":
			err = m.host.StopService(ctx, c.caller(), name, false)
		default:
			err = fmt.Errorf("Set-Service: the status %q cannot be set.", status)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// dmtf writes a time as WMI does.
func dmtf(t time.Time) string { return t.UTC().Format("20060102150405.000000") + "+000" }

func getWMI(_ context.Context, m *machine, c call) ([]powershell.Value, error) {
	return m.instances(c, c.text("class", 0), func(t time.Time) powershell.Value { return dmtf(t) })
}

func getCIM(_ context.Context, m *machine, c call) ([]powershell.Value, error) {
	return m.instances(c, c.text("classname", 0), func(t time.Time) powershell.Value { return t })
}

func (m *machine) instances(c call, class string, moment func(time.Time) powershell.Value) ([]powershell.Value, error) {
	hosts, err := m.on(c)
	if err != nil {
		return nil, err
	}
	var rows []powershell.Value
	for _, h := range hosts {
		switch strings.ToLower(class) {
		case "win32_operatingsystem":
			o := powershell.NewObject("System.Management.ManagementObject#root\\cimv2\\Win32_OperatingSystem", "CSName", h.NetBIOS(), "Caption", "Microsoft Windows Server 2012 Standard",
				"Version", "6.2.9200", "LastBootUpTime", moment(h.BootTime()), "LocalDateTime", moment(time.Now()), "SystemDrive", "C:", "OSArchitecture", "64-bit")
			o.SetMethod("ConvertToDateTime", func(_ context.Context, arguments []powershell.Value) (powershell.Value, error) {
				if len(arguments) != 1 {
					return nil, fmt.Errorf("ConvertToDateTime takes one argument")
				}
				t, err := time.Parse("20060102150405.000000", strings.TrimSuffix(fmt.Sprint(arguments[0]), "+000"))
				return t, err
			})
			rows = append(rows, o)
		case "win32_computersystem":
			name, domain, _ := strings.Cut(h.FQDN(), ".")
			rows = append(rows, powershell.NewObject("System.Management.ManagementObject#root\\cimv2\\Win32_ComputerSystem", "Name", h.NetBIOS(), "DNSHostName", name,
				"Domain", domain, "PartOfDomain", true, "Manufacturer", "Simulator", "Model", "Simulated Server"))
		case "win32_logicaldisk":
			rows = append(rows, powershell.NewObject("System.Management.ManagementObject#root\\cimv2\\Win32_LogicalDisk", "DeviceID", "C:", "DriveType", int64(3),
				"FreeSpace", h.FreeDiskBytes(), "Size", int64(100)<<30))
		case "win32_service":
			filter := strings.ToLower(strings.ReplaceAll(c.text("filter", -1), " ", ""))
			for _, s := range h.Services() {
				if filter != "" && filter != "name='"+strings.ToLower(s.Name)+"'" {
					continue
				}
				mode := s.StartType
				if mode == deployment.Automatic {
					mode = "Auto"
				}
				rows = append(rows, powershell.NewObject("System.Management.ManagementObject#root\\cimv2\\Win32_Service", "Name", s.Name, "DisplayName", s.DisplayName, "State", s.StatusName, "StartMode", mode))
			}
		case "win32_process":
			rows = append(rows, processInstances(h, c.text("filter", -1), moment)...)
		default:
			return nil, fmt.Errorf("Invalid class %q", class)
		}
	}
	return rows, nil
}

const uninstallKey = `hklm:\software\microsoft\windows\currentversion\uninstall\`

func getItemProperty(_ context.Context, m *machine, c call) ([]powershell.Value, error) {
	var rows []powershell.Value
	for _, wanted := range append(c.list("path", 0), c.list("literalpath", -1)...) {
		key := strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(wanted, "Microsoft.PowerShell.Core\\Registry::"), "Registry::"))
		key = strings.Replace(key, `hkey_local_machine\`, `hklm:\`, 1)
		switch {
		case strings.HasPrefix(key, uninstallKey):
			for i, component := range m.host.Components() {
				id := fmt.Sprintf("{%08X-8A5B-4B1A-9C4E-000000000000}", i+1)
				if matches(strings.TrimPrefix(key, uninstallKey), id) {
					rows = append(rows, powershell.NewObject(powershell.CustomObjectType, "DisplayName", component.Name, "DisplayVersion", component.Version,
						"Publisher", "Microsoft Corporation", "PSChildName", id))
				}
			}
		case strings.HasPrefix(key, `hklm:\software\wow6432node\`):
		case strings.HasSuffix(strings.TrimRight(key, `\`), `\control\session manager`):
			o := powershell.NewObject(powershell.CustomObjectType, "PSChildName", "Session Manager")
			if len(m.host.PendingReboot()) > 0 {
				o.Set("PendingFileRenameOperations", []powershell.Value{`\??\C:\Windows\Installer\1.rbf`, ""})
			}
			rows = append(rows, o)
		default:
			c.streams.Error(fmt.Sprintf("Cannot find path '%s' because it does not exist.", wanted))
		}
	}
	return rows, nil
}

func restartComputer(_ context.Context, m *machine, c call) ([]powershell.Value, error) {
	return nil, m.onComputers(c, func(h *deployment.Host) error { return h.Restart(c.caller(), 0) })
}

func stopComputer(_ context.Context, m *machine, c call) ([]powershell.Value, error) {
	return nil, m.onComputers(c, func(h *deployment.Host) error { return h.Shutdown(c.caller(), 0) })
}

func getProcess(_ context.Context, m *machine, c call) ([]powershell.Value, error) {
	names := []string{"System", "svchost", "wsmprovhost", "powershell"}
	for _, s := range m.host.Services() {
		if s.Status == deployment.Running {
			names = append(names, strings.ToLower(s.Name))
		}
	}
	if m.host.Installing() {
		names = append(names, "LyncServerUpdateInstaller", "msiexec")
	}
	patterns := c.list("name", 0)
	var rows []powershell.Value
	for i, name := range names {
		if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) }) {
			o := powershell.NewObject("System.Diagnostics.Process", "Id", int64(4+4*i), "ProcessName", name, "Name", name)
			o.Display = []string{"Id", "ProcessName"}
			rows = append(rows, o)
		}
	}
	if len(rows) == 0 && len(patterns) == 1 && !strings.Contains(patterns[0], "*") {
		c.streams.Error(fmt.Sprintf("Cannot find a process with the name %q. Verify the process name and call the cmdlet again.", patterns[0]))
	}
	return rows, nil
}
