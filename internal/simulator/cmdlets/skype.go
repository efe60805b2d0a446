package cmdlets

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

// skypeCommands are the cmdlets that only Skype for Business Server has.
var skypeCommands = map[string]cmdlet{
	"Get-CsUpgradeDomainInfo":   getReadiness,
	"Get-CsServerPatchVersion":  getPatchVersion,
	"Invoke-CsComputerFailOver": failOverComputer,
	"Invoke-CsComputerFailBack": failBackComputer,
}

// has says whether a cmdlet of these products is on the host. What asks for readiness has another name from 2019 on.
func hasCommand(host *deployment.Host, name string) bool {
	later := host.Is(deployment.SkypeServer2019, deployment.SkypeSubscriptionEdition)
	switch strings.ToLower(name) {
	case "get-cspoolupgradereadinessstate":
		return !later
	case "get-csupgradedomaininfo":
		return later
	case "get-csserverpatchversion", "invoke-cscomputerfailover", "invoke-cscomputerfailback":
		return !host.Is(deployment.LyncServer2013)
	}
	return true
}

// DeclaredSwitches are those switches of a host's cmdlet that scripts look for before they use them: -SkipIdleSecondaryVerification is
// one of Skype for Business Server 2015 only.
func DeclaredSwitches(host *deployment.Host, name string) []string {
	if strings.EqualFold(name, "Get-CsPoolUpgradeReadinessState") && host.Is(deployment.SkypeServer2015) {
		return []string{"SkipIdleSecondaryVerification"}
	}
	return nil
}

func getPatchVersion(ctx context.Context, m *machine, _ call) ([]powershell.Value, error) {
	components, err := m.host.PatchVersions(ctx)
	if err != nil {
		return nil, err
	}
	var rows []powershell.Value
	for _, c := range components {
		rows = append(rows, powershell.NewObject("Microsoft.Rtc.Management.Deployment.ServerPatchVersion", "ComponentName", c.Name, "Version", c.Version))
	}
	return rows, nil
}

// span is a parameter that is a TimeSpan. A number is so many ticks of 100 ns, and a text of one number so many days: that is a trap of
// the cmdlets, and not of the simulator.
func (c call) span(name string, otherwise time.Duration) (time.Duration, error) {
	switch v := c.value(name, -1).(type) {
	case nil:
		return otherwise, nil
	case time.Duration:
		return v, nil
	case int64:
		return time.Duration(v) * 100, nil
	case int:
		return time.Duration(v) * 100, nil
	case string:
		if span, ok := parseSpan(v); ok {
			return span, nil
		}
	}
	return 0, fmt.Errorf("Cannot bind parameter '%s'. Cannot convert value to type \"System.TimeSpan\".", name)
}

func parseSpan(text string) (time.Duration, bool) {
	days, clock, dotted := strings.Cut(text, ".")
	if !dotted {
		days, clock = "0", text
	}
	day, err := strconv.Atoi(days)
	if err != nil {
		return 0, false
	}
	if whole, err := strconv.Atoi(clock); err == nil && !dotted {
		return time.Duration(whole) * 24 * time.Hour, true
	}
	parts := strings.Split(clock, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, false
	}
	span := time.Duration(day) * 24 * time.Hour
	for i, part := range parts {
		number, err := strconv.Atoi(part)
		if err != nil {
			return 0, false
		}
		span += time.Duration(number) * []time.Duration{time.Hour, time.Minute, time.Second}[i]
	}
	return span, true
}

// computer is the host that the cmdlet works on: the local one when none is named, as with the cmdlets themselves.
func (m *machine) computer(c call) (*deployment.Host, error) {
	name := c.text("computername", 0)
	if name == "" {
		return m.host, nil
	}
	if h, ok := m.host.Model().Host(name); ok {
		return h, nil
	}
	return nil, fmt.Errorf("Cannot find computer %q.", name)
}

func failOverComputer(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	host, err := m.computer(c)
	if err != nil {
		return nil, err
	}
	wait, err := c.span("waittime", time.Hour)
	if err != nil {
		return nil, err
	}
	draining, err := c.span("drainingtimeout", 0)
	// With -Force a rehearsal is none.
	if err != nil || c.has("whatif") && !c.has("force") {
		return nil, err
	}
	return nil, host.FailOver(ctx, c.caller(), deployment.FailOverRequest{WaitTime: wait, DrainingTimeout: draining, NoStop: c.has("nostop"), As: m.user})
}

func failBackComputer(ctx context.Context, m *machine, c call) ([]powershell.Value, error) {
	host, err := m.computer(c)
	if err != nil {
		return nil, err
	}
	wait, err := c.span("waittime", time.Hour)
	if err != nil || c.has("whatif") {
		return nil, err
	}
	return nil, host.FailBack(ctx, c.caller(), deployment.FailBackRequest{WaitTime: wait, NoStart: c.has("nostart"), As: m.user})
}

// SkypeCommands are the names of all Lync cmdlets that a host of Skype for Business Server has, sorted.
func SkypeCommands(host *deployment.Host) []string {
	var names []string
	for _, commands := range []map[string]cmdlet{lyncCommands, skypeCommands} {
		for name := range commands {
			if hasCommand(host, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}
