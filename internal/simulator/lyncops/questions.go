package lyncops

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"lyncops.dev/operator/internal/simulator/deployment"
)

type serviceFact struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName,omitempty"`
	Status      string `json:"status"`
	StartType   string `json:"startType"`
}

type factsResult struct {
	ComputerName      string                 `json:"computerName"`
	FQDN              string                 `json:"fqdn"`
	Time              string                 `json:"time"`
	BootTime          string                 `json:"bootTime"`
	WindowsVersion    string                 `json:"windowsVersion"`
	PowerShellVersion string                 `json:"powerShellVersion"`
	Components        []deployment.Component `json:"components"`
	Services          []serviceFact          `json:"services"`
	Baseline          []serviceFact          `json:"baseline"`
	PendingReboot     []string               `json:"pendingReboot"`
	FreeDiskBytes     int64                  `json:"freeDiskBytes"`
	Jobs              []job                  `json:"jobs"`
}

func facts(host *deployment.Host, argument []byte) (any, error) {
	if err := read(argument, &struct{}{}); err != nil {
		return nil, err
	}
	// First, so that what is said of services and builds is never older than what is said of the job that changed them.
	jobs, err := readJobs(host)
	if err != nil {
		return nil, err
	}
	result := factsResult{ComputerName: host.NetBIOS(), FQDN: host.FQDN(), Time: now(), BootTime: writeTime(host.BootTime()),
		WindowsVersion: "6.2.9200", PowerShellVersion: "3.0", Components: []deployment.Component{}, Services: lyncServices(host), Jobs: jobs,
		PendingReboot: append([]string{}, host.PendingReboot()...), FreeDiskBytes: host.FreeDiskBytes()}
	for _, c := range host.Components() {
		if strings.HasPrefix(c.Name, "Microsoft Lync Server") || strings.HasPrefix(c.Name, "Skype for Business Server") {
			result.Components = append(result.Components, c)
		}
	}
	// As the module lists them.
	slices.SortFunc(result.Components, func(a, b deployment.Component) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
	if result.Baseline, err = readBaseline(host); err != nil {
		return nil, err
	}
	return result, nil
}

// lyncServices are the services that a Lync component installed.
func lyncServices(host *deployment.Host) []serviceFact {
	list := []serviceFact{}
	for _, s := range host.Services() {
		name := strings.ToUpper(s.Name)
		switch {
		case strings.HasPrefix(name, "RTC"):
		case name == "REPLICA", name == "FABRICHOSTSVC", name == "MASTER", name == "FTA", name == "W3SVC":
		case name == "MSSQL$RTC", name == "MSSQL$RTCLOCAL", name == "MSSQL$LYNCLOCAL":
		default:
			continue
		}
		list = append(list, serviceFact{s.Name, s.DisplayName, s.StatusName, s.StartType})
	}
	slices.SortFunc(list, func(a, b serviceFact) int { return strings.Compare(strings.ToUpper(a.Name), strings.ToUpper(b.Name)) })
	return list
}

// readBaseline gives nil when there is none.
func readBaseline(host *deployment.Host) ([]serviceFact, error) {
	text, err := host.Files().ReadFile(baselineFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var baseline []serviceFact
	if err == nil {
		err = json.Unmarshal(text, &baseline)
	}
	if err != nil {
		return nil, &failure{Code: internalError, Message: "baseline.json: " + err.Error()}
	}
	return baseline, nil
}

type poolArgument struct {
	PoolFQDN string `json:"poolFqdn"`
}

func readPool(argument []byte) (string, error) {
	var a poolArgument
	if err := read(argument, &a); err != nil {
		return "", err
	}
	if a.PoolFQDN == "" {
		return "", wrongArgument("poolFqdn", "is missing")
	}
	return a.PoolFQDN, nil
}

type topologyResult struct {
	PoolFQDN                  string   `json:"poolFqdn"`
	Edition                   string   `json:"edition"`
	Computers                 []string `json:"computers"`
	UserDatabaseSQLServerFQDN *string  `json:"userDatabaseSqlServerFqdn"`
	UserDatabaseSQLInstance   *string  `json:"userDatabaseSqlInstance"`
	BackupPoolFQDN            *string  `json:"backupPoolFqdn"`
	CentralManagementOnPool   bool     `json:"centralManagementOnPool"`
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func topology(ctx context.Context, host *deployment.Host, argument []byte) (any, error) {
	name, err := readPool(argument)
	if err != nil {
		return nil, err
	}
	if err := mayLoadLync(host); err != nil {
		return nil, err
	}
	if err := host.Cmdlet(ctx); err != nil {
		return nil, err
	}
	pool, ok := host.Model().PoolDescription(name)
	if !ok {
		return nil, deployment.NoSuchPoolError{Pool: name}
	}
	result := topologyResult{PoolFQDN: pool.FQDN, Edition: pool.Edition, Computers: pool.FrontEnds, UserDatabaseSQLServerFQDN: orNull(pool.SQLServer),
		UserDatabaseSQLInstance: orNull(pool.SQLInstance), BackupPoolFQDN: orNull(pool.BackupPool), CentralManagementOnPool: pool.CentralManagement}
	if pool.Edition == deployment.Standard {
		result.UserDatabaseSQLServerFQDN, result.UserDatabaseSQLInstance = orNull(pool.FQDN), orNull("rtc")
	}
	return result, nil
}

type domainFact struct {
	Name              string   `json:"name"`
	IsReadyForUpgrade bool     `json:"isReadyForUpgrade"`
	Frontends         []string `json:"frontends"`
}

type readinessResult struct {
	PoolFQDN             string       `json:"poolFqdn"`
	State                string       `json:"state"`
	TotalFrontends       int          `json:"totalFrontends"`
	TotalActiveFrontends int          `json:"totalActiveFrontends"`
	UpgradeDomains       []domainFact `json:"upgradeDomains"`
	Raw                  string       `json:"raw"`
}

func readiness(ctx context.Context, host *deployment.Host, argument []byte) (any, error) {
	name, err := readPool(argument)
	if err != nil {
		return nil, err
	}
	if s, ok := host.Service("RTCSRV"); !ok || s.Status != deployment.Running {
		return nil, deployment.ErrNotInService
	}
	if err := mayLoadLync(host); err != nil {
		return nil, err
	}
	if !strings.EqualFold(name, host.Pool()) {
		return nil, wrongArgument("poolFqdn", "this computer is not in %s but in %q", name, host.Pool())
	}
	answer, err := host.Readiness(ctx)
	if err != nil {
		return nil, err
	}
	// The cmdlet's own names are not those of the protocol.
	type rawDomain struct {
		Name              string
		IsReadyForUpgrade bool
		Frontends         []string
	}
	raw := struct {
		PoolFqdn             string
		State                string
		TotalFrontends       int
		TotalActiveFrontends int
		UpgradeDomains       []rawDomain
	}{answer.PoolFQDN, answer.State, answer.TotalFrontends, answer.TotalActiveFrontends, []rawDomain{}}
	result := readinessResult{answer.PoolFQDN, answer.State, answer.TotalFrontends, answer.TotalActiveFrontends, []domainFact{}, ""}
	for _, d := range answer.UpgradeDomains {
		raw.UpgradeDomains = append(raw.UpgradeDomains, rawDomain{d.Name, d.IsReadyForUpgrade, d.FrontEnds})
		result.UpgradeDomains = append(result.UpgradeDomains, domainFact{d.Name, d.IsReadyForUpgrade, d.FrontEnds})
	}
	if answer.Unknown {
		return nil, &failure{Code: unknownShape, Message: "Get-CsPoolUpgradeReadinessState answered in a shape this module does not know",
			Detail: fmt.Sprintf(`{"Pool":%q,"Health":"Good"}`, answer.PoolFQDN)}
	}
	text, err := json.Marshal(raw)
	if err != nil {
		return nil, err
	}
	result.Raw = string(text)
	return result, nil
}

func fabric(ctx context.Context, host *deployment.Host, argument []byte) (any, error) {
	name, err := readPool(argument)
	if err != nil {
		return nil, err
	}
	if err := mayLoadLync(host); err != nil {
		return nil, err
	}
	text, err := host.FabricState(ctx, name)
	if err != nil {
		return nil, err
	}
	return struct {
		PoolFQDN string `json:"poolFqdn"`
		Text     string `json:"text"`
	}{name, strings.TrimRight(text, " \r\n")}, nil
}

// mayLoadLync refuses what needs the Lync module where there is none, and while a job installs: the module would lock files.
func mayLoadLync(host *deployment.Host) error {
	jobs, err := readJobs(host)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.Action == "Install" && (j.State == claimed || j.State == running) {
			return &failure{Code: jobConflict, Message: "the job " + j.ID + " runs an installer on this server", Detail: j.ID}
		}
	}
	if !host.HasLync() {
		return &failure{Code: cmdletMissing, Message: "The Lync module (Lync or SkypeForBusiness) is not on this server."}
	}
	return nil
}
