package cmdlets

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

var processFilter = regexp.MustCompile(`(?i)^\s*(ProcessId|ParentProcessId)\s*=\s*(\d+)\s*$`)

// processInstances are the rows of Win32_Process. Of the processes of Windows itself there is none: what counts is who runs for
// somebody, and who started it.
func processInstances(h *deployment.Host, filter string, moment func(time.Time) powershell.Value) []powershell.Value {
	var rows []powershell.Value
	asked := processFilter.FindStringSubmatch(filter)
	for _, p := range h.Processes() {
		if asked != nil {
			number := p.ID
			if strings.EqualFold(asked[1], "ParentProcessId") {
				number = p.Parent
			}
			if strconv.Itoa(number) != asked[2] {
				continue
			}
		}
		rows = append(rows, powershell.NewObject("System.Management.ManagementObject#root\\cimv2\\Win32_Process", "ProcessId", int64(p.ID),
			"ParentProcessId", int64(p.Parent), "Name", p.Name, "CreationDate", moment(p.Started)))
	}
	return rows
}
