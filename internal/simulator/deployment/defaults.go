package deployment

import "time"

// Start types of a service, in the words of the service manager.
const (
	Automatic = "Automatic"
	Manual    = "Manual"
	Disabled  = "Disabled"
)

var defaultComponents = []string{
	"Core Components", "Front End Server", "Web Components Server", "Mediation Server", "Conferencing Server", "Application Host",
}

type knownService struct {
	DisplayName string
	StartType   string
	Lync        bool
	drains      bool
	DependsOn   []string
}

// The names are those of the product; which of them drain is simplified: those that hold sessions of users.
var knownServices = map[string]knownService{
	"W3SVC":            {DisplayName: "World Wide Web Publishing Service", Lync: true},
	"REPLICA":          {DisplayName: "Lync Server Replica Replicator Agent", Lync: true},
	"RTCCLSAGT":        {DisplayName: "Lync Server Centralized Logging Service Agent", Lync: true},
	"FABRICHOSTSVC":    {DisplayName: "Windows Fabric Host Service", StartType: Manual},
	"RTCSRV":           {DisplayName: "Lync Server Front-End", Lync: true, drains: true},
	"RTCIMMCU":         {DisplayName: "Lync Server IM Conferencing", Lync: true, drains: true},
	"RTCDATAMCU":       {DisplayName: "Lync Server Web Conferencing", Lync: true, drains: true},
	"RTCAVMCU":         {DisplayName: "Lync Server Audio/Video Conferencing", Lync: true, drains: true},
	"RTCASMCU":         {DisplayName: "Lync Server Application Sharing", Lync: true, drains: true},
	"RTCMEDSRV":        {DisplayName: "Lync Server Mediation", Lync: true, drains: true},
	"RTCCAA":           {DisplayName: "Lync Server Conferencing Attendant", Lync: true, drains: true},
	"RTCCAS":           {DisplayName: "Lync Server Conferencing Announcement", Lync: true, drains: true},
	"RTCRGS":           {DisplayName: "Lync Server Response Group", Lync: true, drains: true},
	"RTCCPS":           {DisplayName: "Lync Server Call Park", Lync: true, drains: true},
	"RTCDATAPROXY":     {DisplayName: "Lync Server Web Conferencing Edge", Lync: true, drains: true},
	"RTCMRAUTH":        {DisplayName: "Lync Server Audio/Video Authentication", Lync: true},
	"RTCMEDIARELAY":    {DisplayName: "Lync Server Audio/Video Edge", Lync: true, drains: true},
	"RTCCHAT":          {DisplayName: "Lync Server Persistent Chat", Lync: true},
	"RTCATS":           {DisplayName: "Lync Server Audio Test Service", Lync: true},
	"MASTER":           {DisplayName: "Lync Server Master Replicator Agent", Lync: true},
	"FTA":              {DisplayName: "Lync Server File Transfer Agent", Lync: true},
	"MSSQL$RTC":        {DisplayName: "SQL Server (RTC)"},
	"MSSQL$RTCLOCAL":   {DisplayName: "SQL Server (RTCLOCAL)"},
	"MSSQL$LYNCLOCAL":  {DisplayName: "SQL Server (LYNCLOCAL)"},
	"LANMANSERVER":     {DisplayName: "Server"},
	"WINRM":            {DisplayName: "Windows Remote Management (WS-Management)"},
	"WUAUSERV":         {DisplayName: "Windows Update", StartType: Manual},
	"TRUSTEDINSTALLER": {DisplayName: "Windows Modules Installer", StartType: Manual},
}

func defaultFrontEndServices(edition string) []ServiceDescription {
	names := []string{"MSSQL$RTCLOCAL", "MSSQL$LYNCLOCAL", "W3SVC", "REPLICA", "RTCCLSAGT", "FabricHostSvc", "RTCSRV", "RTCIMMCU",
		"RTCDATAMCU", "RTCAVMCU", "RTCASMCU", "RTCMEDSRV", "RTCCAA", "RTCCAS", "RTCRGS", "RTCCPS", "RTCATS"}
	if edition == Standard {
		names = append([]string{"MSSQL$RTC"}, names...)
	}
	services := make([]ServiceDescription, 0, len(names)+2)
	for _, name := range names {
		services = append(services, ServiceDescription{Name: name})
	}
	// Two strangers, so that whoever stops or lists "all services" is found out.
	return append(services, ServiceDescription{Name: "LanmanServer", Start: Duration(time.Second), Stop: Duration(time.Second)},
		ServiceDescription{Name: "WinRM", Start: Duration(time.Second), Stop: Duration(time.Second)})
}

func defaultPoolDatabases() []Database {
	return []Database{{"rtcxds", "15.13.22"}, {"rtcshared", "5.0.1"}, {"rtcab", "62.42.12"}, {"rgsconfig", "5.5.1"}, {"rgsdyn", "2.5.1"},
		{"cpsdyn", "1.1.2"}, {"xds", "10.13.2"}, {"lis", "3.1.1"}}
}

// A front end's own databases. Its installer keeps them at the version its build expects.
func defaultLocalDatabases() []Database {
	return []Database{{"rtc", "125.1.4"}, {"rtcdyn", "60.1.2"}, {"lyss", "12.44.1"}, {"xds", "10.13.2"}}
}
