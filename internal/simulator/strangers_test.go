package simulator_test

import (
	"regexp"
	"strings"
	"testing"
)

// What people type on a front end, and what they expect to read.
func TestCommandsOfStrangers(t *testing.T) {
	s := start(t, 600)
	const fe = "fe01.contoso.com"
	programs := []struct {
		line, output string
		exit         int
	}{
		{"hostname", `^FE01\r\n$`, 0},
		{"whoami", `^contoso\\svc-lyncops\r\n$`, 0},
		{"cmd /c hostname", `FE01`, 0},
		{"net stop w3svc", `was stopped successfully`, 0},
		{"net stop w3svc", `is not started`, 2},
		{"sc query w3svc", `STATE +: 1  STOPPED`, 0},
		{`net start "World Wide Web Publishing Service"`, `was started successfully`, 0},
		{"net start w3svc", `already been started`, 2},
		{"sc.exe qc RTCSRV", `AUTO_START`, 0},
		{"sc query nosuch", `does not exist`, 1060},
		{"net start nosuch", `service name is invalid`, 2},
		{`schtasks /create /tn later /tr "hostname" /sc once /st 00:00 /ru SYSTEM`, `"\\later" has successfully been created`, 0},
		{"schtasks /query /tn later", `\\later`, 0},
		{"schtasks /run /tn later", `Attempted to run`, 0},
		{"schtasks /delete /tn later /f", `successfully deleted`, 0},
		{"schtasks /query /tn later", `cannot find the file`, 1},
		{`icacls C:\ProgramData /q`, `Successfully processed`, 0},
		{"shutdown /r /t soon", `incorrect`, 87},
		{"nosuchprogram", `not recognized`, 1},
	}
	for _, p := range programs {
		got := s.shell(t, fe, p.line)
		if !regexp.MustCompile(p.output).MatchString(got.stdout+got.stderr) || got.exit != p.exit {
			t.Errorf("%s: want %d and %s, got %+v", p.line, p.exit, p.output, got)
		}
	}
	scripts := []struct{ script, output string }{
		{"Get-CsPoolUpgradeReadinessState", `State +: Ready`},
		{`"$((Get-CsPoolUpgradeReadinessState).State)"`, `^Ready`},
		{"(Get-CsPoolUpgradeReadinessState).UpgradeDomains | Where-Object { $_.IsReadyForUpgrade } | ForEach-Object { $_.Name }", `^UpgradeDomain1\r\nUpgradeDomain2\r\nUpgradeDomain3\r\n$`},
		{"Get-CsPoolUpgradeReadinessState | ConvertTo-Json -Depth 6", `"TotalActiveFrontends": +6`},
		{"Get-CsPoolFabricState -PoolFqdn pool01.contoso.com", `fe06.contoso.com OK UP`},
		{"(Get-CsPool -Identity pool01.contoso.com).Computers -join ' '", `^fe01.contoso.com fe02.contoso.com fe03`},
		{"(Get-CsComputer -Local).Pool", `^pool01.contoso.com\r\n$`},
		{"(Get-CsService -UserServer -PoolFqdn pool01.contoso.com).UserDatabase", `^UserDatabase:sql01.contoso.com`},
		{"(Get-CsService -UserDatabase -PoolFqdn sql01.contoso.com).SqlInstanceName", `^rtc\r\n$`},
		{"(Get-CsService -CentralManagement | Where-Object { $_.Active }).PoolFqdn", `^pool01.contoso.com`},
		{"@(Get-CsManagementStoreReplicationStatus | Where-Object { $_.UpToDate }).Count", `^7\r\n$`},
		{"Test-CsDatabase -ConfiguredDatabases -SqlServerFqdn sql01.contoso.com | Where-Object { $_.DatabaseName -eq 'rtcxds' } | ForEach-Object { $_.InstalledVersion }", `^15\.13\.22\r\n$`},
		{"(Get-CsDatabaseMirrorState -PoolFqdn pool01.contoso.com)[0].StateOnPrimary", `MirroringNotEnabled`},
		{"@(Get-CsPoolBackupRelationship -PoolFqdn pool01.contoso.com).Count", `^0\r\n$`},
		{`Get-ItemProperty HKLM:\Software\Microsoft\Windows\CurrentVersion\Uninstall\* | Where-Object { $_.DisplayName -like '*Core Components' } | ForEach-Object { $_.DisplayVersion }`, `^5\.0\.8308\.0\r\n$`},
		{"(Get-WmiObject Win32_OperatingSystem).LastBootUpTime", `^\d{14}\.\d{6}\+000`},
		{"$os = Get-WmiObject -Class Win32_OperatingSystem; $os.ConvertToDateTime($os.LastBootUpTime).Year", `^\d{4}\r\n$`},
		{"(Get-CimInstance -ClassName Win32_OperatingSystem).LastBootUpTime.Year", `^\d{4}\r\n$`},
		{"Stop-CsWindowsService -Name RTCATS; (Get-CsWindowsService -Name RTCATS).Status", `^Stopped`},
		{"Start-CsWindowsService -Name RTCATS; (Get-Service RTCATS).Status", `^Running`},
		{"Stop-Service RTCATS; Get-Service RTCATS | Start-Service; (Get-Service RTCATS).Status -eq 'Running'", `^True`},
		{"Set-Service RTCATS -StartupType Manual; (Get-Service RTCATS).StartType; Set-Service RTCATS -StartupType Automatic", `^Manual`},
		{"try { Get-CsPool nosuch.contoso.com -ErrorAction Stop } catch { $_.Exception.Message }", `Cannot find pool`},
		{"@(Get-Service RTC* | Where-Object { $_.Status -ne 'Running' }).Count", `^0`},
		{"Get-Process W3SVC | ForEach-Object { $_.Name }", `w3svc`},
	}
	for _, p := range scripts {
		got := s.powershell(t, fe, p.script)
		if !regexp.MustCompile(p.output).MatchString(got.stdout) || got.exit != 0 {
			t.Errorf("%s: want %s, got %+v", p.script, p.output, got)
		}
	}
	if got := s.powershell(t, "sql01.contoso.com", "Get-CsPool"); got.exit == 0 || !strings.Contains(got.stderr, "not recognized") {
		t.Errorf("a Lync cmdlet on a host without Lync: %+v", got)
	}
}

// A stranger who follows the procedure by hand, from a share, is judged like anybody else, and found without fault.
func TestAStrangerUpgradesAServerByHand(t *testing.T) {
	s := start(t, 600)
	const fe = "fe01.contoso.com"
	if got := s.powershell(t, fe, "(Get-CsPoolUpgradeReadinessState).State -eq 'Ready'"); !strings.HasPrefix(got.stdout, "True") {
		t.Fatalf("the pool is not ready: %+v", got)
	}
	s.powershell(t, fe, "Stop-CsWindowsService -Graceful -Verbose")
	if got := s.shell(t, fe, `\\files.contoso.com\lync\LyncServerUpdateInstaller.exe /silentmode`); got.exit != 0 || !strings.Contains(got.stdout, "SUCCESS") {
		t.Fatalf("the installer: %+v", got)
	}
	host, _ := s.Model().Host(fe)
	before := host.BootTime()
	// The answer may not get through any more.
	_, _ = s.run(t, fe, "shutdown.exe /r /t 30", "")
	waitFor(t, fe+" serves again", func() bool { return host.BootTime().After(before) && host.State().InService })
	for _, v := range append(s.Model().CheckAtRest(), s.Model().Violations()...) {
		t.Errorf("%s: %s (%s)", v.Rule, v.Text, v.Command)
	}
	for _, c := range host.Components() {
		if c.Version != target {
			t.Errorf("%s is at %s", c.Name, c.Version)
		}
	}
}

// A stranger who does not is reported with the words he typed.
func TestAStrangerWhoBreaksARuleIsReported(t *testing.T) {
	s := start(t, 600)
	s.shell(t, "fe01.contoso.com", "net stop RTCSRV")
	s.powershell(t, "fe03.contoso.com", "Stop-CsWindowsService")
	s.powershell(t, "fe02.contoso.com", "$p='"+password+"'")
	want := map[string]string{"domainGate": "net stop RTCSRV", "twoDomainsOut": "Stop-CsWindowsService", "secretExposed": "$p='********'"}
	for _, v := range s.Model().Violations() {
		if want[string(v.Rule)] == v.Command {
			delete(want, string(v.Rule))
		}
		if v.User != user {
			t.Errorf("%s is laid to %q", v.Rule, v.User)
		}
	}
	if len(want) > 0 {
		t.Errorf("not reported: %v, but %+v", want, s.Model().Violations())
	}
}
