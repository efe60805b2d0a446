package windows

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lyncops.dev/operator/internal/simulator/bridge"
	"lyncops.dev/operator/internal/simulator/cmdlets"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/sessions"
)

//go:embed services.ps1
var servicesModule string

const (
	uninstall     = `HKEY_LOCAL_MACHINE\Software\Microsoft\Windows\CurrentVersion\Uninstall`
	services      = `HKEY_LOCAL_MACHINE\System\CurrentControlSet\Services`
	environment   = `HKEY_LOCAL_MACHINE\System\CurrentControlSet\Control\Session Manager\Environment`
	programFolder = "windows/lyncmachine"
)

var startNumbers = map[string]int{deployment.Automatic: 2, deployment.Manual: 3, deployment.Disabled: 4}

// registryText is what a machine's registry gets before its first start: services and components.
func registryText(description deployment.HostDescription, scale float64) string {
	var text strings.Builder
	key := func(path string, values ...string) {
		fmt.Fprintf(&text, "[%s]\n%s\n\n", path, strings.Join(values, "\n"))
	}
	text.WriteString("REGEDIT4\n\n")
	// No process lives long enough to earn back what translating its methods a second time costs, or to need its garbage collected: .NET
	// ends itself over Wine when it collects the methods of scripts (an internal error 0x80131506 in DynamicResolver.DestroyScout).
	key(environment, value("DOTNET_TC_CallCounting", "0"), value("DOTNET_GCgen0size", "10000000"))
	key(services+`\LyncMachine`, service("Simulator", `C:\windows\lyncmachine\lyncmachine.exe`, 2)...)
	for i, c := range description.Components {
		key(fmt.Sprintf(`%s\{2013%04d-0000-0000-0000-000000000000}`, uninstall, i), value("DisplayName", c.Name), value("DisplayVersion", c.Version), value("Publisher", "Microsoft Corporation"))
	}
	for _, s := range description.Services {
		values := service(s.DisplayName, `C:\windows\system32\pshost\dummyservice.exe run `+s.Name, startNumbers[s.StartType])
		depends := s.DependsOn
		if strings.EqualFold(s.Name, "RTCSRV") {
			for _, other := range description.Services {
				if strings.EqualFold(other.Name, "FabricHostSvc") {
					depends = append(depends[:len(depends):len(depends)], other.Name)
				}
			}
		}
		if len(depends) > 0 {
			values = append(values, `"DependOnService"=hex(7):`+multi(depends))
		}
		key(services+`\`+s.Name, values...)
		key(services+`\`+s.Name+`\Parameters`, number("StartSeconds", seconds(s.Start, scale)), number("StopSeconds", seconds(s.Stop, scale)), number("PauseSeconds", 0))
	}
	return text.String()
}

func service(display, image string, start int) []string {
	return []string{number("Type", 16), number("Start", start), number("ErrorControl", 1), value("ImagePath", image), value("DisplayName", display), value("ObjectName", "LocalSystem")}
}

func value(name, text string) string {
	return fmt.Sprintf(`"%s"="%s"`, name, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text))
}

func number(name string, n int) string { return fmt.Sprintf(`"%s"=dword:%08x`, name, n) }

// multi is a list of texts in the form of a REGEDIT4 file, which has one byte for a character.
func multi(list []string) string {
	var bytes []string
	for _, b := range []byte(strings.Join(list, "\x00") + "\x00\x00") {
		bytes = append(bytes, fmt.Sprintf("%02x", b))
	}
	return strings.Join(bytes, ",")
}

// seconds is a modelled duration in whole real seconds, which is all that a service of the machine knows.
func seconds(d deployment.Duration, scale float64) int {
	return int(math.Round(time.Duration(d).Seconds() / scale))
}

// lyncModule is the module Lync of a machine: services are those of the machine, everything else is asked.
func lyncModule(host *deployment.Host, description deployment.HostDescription, address, token string, scale float64) string {
	own := []string{"Stop-CsWindowsService", "Start-CsWindowsService"}
	var asked []string
	for _, name := range cmdlets.LyncCommands(host) {
		if name != own[0] && name != own[1] {
			asked = append(asked, name)
		}
	}
	var text strings.Builder
	text.WriteString(bridge.Client(address, token))
	text.WriteString(bridge.Functions("", asked))
	text.WriteString("$script:LyncServices = @(\n")
	for _, s := range description.Services {
		if s.Lync {
			fmt.Fprintf(&text, "    [pscustomobject]@{ Name = '%s'; Stop = %d; Drain = %d }\n", s.Name, seconds(s.Stop, scale), seconds(s.Drain, scale))
		}
	}
	text.WriteString(")\n")
	text.WriteString(servicesModule)
	fmt.Fprintf(&text, "Export-ModuleMember -Function @('%s')\n", strings.Join(append(asked, own...), "', '"))
	return text.String()
}

// furnish writes everything into a machine's folders that it needs before its first start.
func furnish(directory string, host *deployment.Host, description deployment.HostDescription, options Options, address, token string) error {
	model := host.Model()
	names := make([]string, 0, len(description.Services))
	for _, s := range description.Services {
		names = append(names, s.Name)
	}
	_, domain, _ := strings.Cut(description.FQDN, ".")
	settings, err := json.Marshal(map[string]any{"address": address, "token": token, "product": model.Description().Product, "domain": domain, "services": names})
	if err != nil {
		return err
	}
	disk := filepath.Join(directory, "drive_c")
	module := "Program Files/WindowsPowerShell/Modules/" + host.ModuleName()
	files := map[string][]byte{
		filepath.Join(disk, programFolder, ProgramName):                            options.Program,
		filepath.Join(disk, programFolder, "machine.json"):                         settings,
		filepath.Join(disk, workerFile):                                            []byte(sessions.Worker),
		filepath.Join(disk, programFolder, "setup.reg"):                            []byte(registryText(description, options.TimeScale)),
		filepath.Join(disk, "windows", "system32", "bcryptprimitives.dll"):         forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"),
		filepath.Join(disk, filepath.FromSlash(module), host.ModuleName()+".psm1"): []byte(lyncModule(host, description, address, token, options.TimeScale)),
	}
	for _, p := range model.Description().Packages {
		for _, source := range p.Sources {
			if place := placeOf(directory, source); place != "" {
				files[place] = []byte(p.Contents)
			}
		}
	}
	for path, contents := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // the machine's own folders
			return err
		}
		if err := os.WriteFile(path, contents, 0o755); err != nil { //nolint:gosec // programs among them
			return err
		}
	}
	return nil
}
