package lync_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/simulator/wsman"
)

const someFacts = `{"computerName":"FE01","fqdn":"fe01.contoso.com","time":"2026-03-01T10:00:00.250Z","bootTime":"2026-02-01T00:00:00.000Z",
	"windowsVersion":"6.2.9200","powerShellVersion":"3.0",
	"components":[{"name":"Microsoft Lync Server 2013, Core Components","version":"5.0.8308.0"}],
	"services":[{"name":"RTCSRV","displayName":"Lync Server Front-End","status":"Running","startType":"Automatic"}],
	"baseline":[{"name":"RTCSRV","status":"Running","startType":"Automatic"}],
	"pendingReboot":["PendingFileRenameOperations"],"freeDiskBytes":53687091200,
	"jobs":[{"id":"install-5.0.8308.1149-1","action":"Install","state":"Running","exitCode":null,"outcome":"","message":"",
		"claimed":"2026-03-01T09:00:00.000Z","started":"2026-03-01T09:00:01.000Z","finished":null,
		"bootTime":"2026-02-01T00:00:00.000Z","logTail":"extracting"}]}`

var (
	ntlm  = wsman.Options{AllowNTLM: true}
	basic = wsman.Options{AllowBasic: true}
)

func wantKind(t *testing.T, err error, kind lync.ErrorKind) *lync.Error {
	t.Helper()
	if lync.KindOf(err) != kind {
		t.Fatalf("kind is %q, want %q: %v", lync.KindOf(err), kind, err)
	}
	failed, _ := errors.AsType[*lync.Error](err)
	if failed != nil && (failed.Server == "" || failed.Step == "" || !strings.Contains(err.Error(), failed.Server)) {
		t.Errorf("%q does not name server and step", err)
	}
	return failed
}

func TestFactsAreReadAsTheyStand(t *testing.T) {
	h := newHost(t, ntlm)
	h.verbs["Get-LyncOpsFacts"] = answered("Get-LyncOpsFacts", someFacts)
	facts, err := h.servers(lync.Options{}).Facts(t.Context(), h.access)
	if err != nil {
		t.Fatal(err)
	}
	want := lync.Facts{
		ComputerName: "FE01", FQDN: "fe01.contoso.com",
		Time:           time.Date(2026, 3, 1, 10, 0, 0, 250e6, time.UTC),
		BootTime:       time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
		WindowsVersion: "6.2.9200", PowerShellVersion: "3.0",
		Components:    []lync.Component{{Name: "Microsoft Lync Server 2013, Core Components", Version: "5.0.8308.0"}},
		Services:      []lync.Service{{Name: "RTCSRV", DisplayName: "Lync Server Front-End", Status: lync.ServiceRunning, StartType: lync.StartAutomatic}},
		Baseline:      []lync.Service{{Name: "RTCSRV", Status: lync.ServiceRunning, StartType: lync.StartAutomatic}},
		PendingReboot: []string{"PendingFileRenameOperations"},
		FreeDiskBytes: 50 << 30,
		Jobs: []lync.Job{{
			ID: "install-5.0.8308.1149-1", Action: lync.ActionInstall, State: lync.JobRunning,
			Claimed:  time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
			Started:  time.Date(2026, 3, 1, 9, 0, 1, 0, time.UTC),
			BootTime: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
			LogTail:  "extracting",
		}},
	}
	if difference := cmp.Diff(want, facts); difference != "" {
		t.Errorf("(-want +got):\n%s", difference)
	}
}

// askManyTimes asks from eight callers at once, so many times in all, and gives what each time ended with.
func askManyTimes(t *testing.T, servers *lync.Servers, access lync.Access, times int) <-chan error {
	results := make(chan error)
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range times / 8 {
				_, err := servers.Facts(t.Context(), access)
				results <- err
			}
		})
	}
	go func() {
		callers.Wait()
		close(results)
	}()
	return results
}

func TestModuleIsPutOnAServerOnce(t *testing.T) {
	for name, options := range map[string]wsman.Options{lync.AuthenticationNTLM: ntlm, lync.AuthenticationBasic: basic} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, options)
			h.access.Authentication = name
			h.verbs["Get-LyncOpsFacts"] = answered("Get-LyncOpsFacts", someFacts)
			servers := h.servers(lync.Options{})
			for err := range askManyTimes(t, servers, h.access, 80) {
				if err != nil {
					t.Error(err)
				}
			}
			if h.stagings != 1 || len(h.seen()) != 80 {
				t.Errorf("staged %d times, asked %d times", h.stagings, len(h.seen()))
			}
		})
	}
}

func TestModuleThatDoesNotStayIsAnErrorAndNoLoop(t *testing.T) {
	h := newHost(t, ntlm)
	servers := h.servers(lync.Options{})
	h.verbs["Get-LyncOpsFacts"] = func(context.Context, string) (string, string, int) { return "LYNCOPS-NOT-STAGED\r\n", "", 3 }
	_, err := servers.Facts(t.Context(), h.access)
	wantKind(t, err, lync.KindInternal)
	if h.stagings != 1 {
		t.Errorf("staged %d times", h.stagings)
	}
}

func TestQuestionsAskAndAnswerWhatTheProtocolSays(t *testing.T) {
	pool := "pool01.contoso.com"
	h := newHost(t, ntlm)
	servers := h.servers(lync.Options{})
	asked := func(verb, wantArgument, result string) {
		h.lock.Lock()
		defer h.lock.Unlock()
		h.verbs[verb] = func(ctx context.Context, argument string) (string, string, int) {
			if argument != wantArgument {
				t.Errorf("%s was asked with %s, want %s", verb, argument, wantArgument)
			}
			return answered(verb, result)(ctx, argument)
		}
	}
	compare := func(t *testing.T, want, got any, err error) {
		t.Helper()
		if difference := cmp.Diff(want, got); err != nil || difference != "" {
			t.Errorf("%v (-want +got):\n%s", err, difference)
		}
	}
	t.Run("topology", func(t *testing.T) {
		asked("Get-LyncOpsTopology", `{"poolFqdn":"pool01.contoso.com"}`, `{"poolFqdn":"POOL01.contoso.com","edition":"Enterprise",
			"computers":["fe02.contoso.com","fe01.contoso.com"],"userDatabaseSqlServerFqdn":"sql01.contoso.com","userDatabaseSqlInstance":"rtc",
			"backupPoolFqdn":null,"centralManagementOnPool":true}`)
		got, err := servers.Topology(t.Context(), h.access, pool)
		compare(t, lync.Topology{
			PoolFQDN: "POOL01.contoso.com", Edition: lync.EditionEnterprise, Computers: []string{"fe02.contoso.com", "fe01.contoso.com"},
			UserDatabaseSQLServerFQDN: "sql01.contoso.com", UserDatabaseSQLInstance: "rtc", CentralManagementOnPool: true,
		}, got, err)
	})
	t.Run("readiness", func(t *testing.T) {
		asked("Get-LyncOpsPoolReadiness", `{"poolFqdn":"pool01.contoso.com"}`, `{"poolFqdn":"pool01.contoso.com","state":"SomethingNew",
			"totalFrontends":6,"totalActiveFrontends":5,"upgradeDomains":[{"name":"UpgradeDomain1","isReadyForUpgrade":true,
			"frontends":["fe01.contoso.com","fe01.contoso.com"]}],"raw":"{}"}`)
		got, err := servers.PoolReadiness(t.Context(), h.access, pool)
		compare(t, lync.PoolReadiness{
			PoolFQDN: pool, State: "SomethingNew", TotalFrontends: 6, TotalActiveFrontends: 5, Raw: "{}",
			UpgradeDomains: []lync.UpgradeDomainReadiness{{
				Name: "UpgradeDomain1", IsReadyForUpgrade: true,
				Frontends: []string{"fe01.contoso.com", "fe01.contoso.com"},
			}},
		}, got, err)
	})
	t.Run("fabric", func(t *testing.T) {
		asked("Get-LyncOpsPoolFabric", `{"poolFqdn":"pool01.contoso.com"}`, `{"poolFqdn":"pool01.contoso.com","text":"Replicas\n"}`)
		got, err := servers.PoolFabric(t.Context(), h.access, pool)
		compare(t, "Replicas\n", got, err)
	})
	t.Run("database", func(t *testing.T) {
		asked("Get-LyncOpsDatabase", `{"sqlServerFqdn":"sql01.contoso.com","local":false,"centralManagement":false}`, `{"databases":[{"databaseName":"rtcxds",
			"sqlServerFqdn":"sql01.contoso.com","sqlInstanceName":"rtc","expectedVersion":"15.13.22","installedVersion":"","succeed":true,
			"mirrorSqlServerFqdn":""}],"collocatedStores":["LcsCDR"],"mirrored":false,"warnings":["careful"]}`)
		got, err := servers.Database(t.Context(), h.access, lync.DatabaseQuestion{SQLServerFQDN: "sql01.contoso.com"})
		compare(t, lync.DatabaseReport{
			Databases: []lync.Database{{
				DatabaseName: "rtcxds", SQLServerFQDN: "sql01.contoso.com", SQLInstanceName: "rtc", ExpectedVersion: "15.13.22", Succeed: true,
			}}, CollocatedStores: []string{"LcsCDR"}, Warnings: []string{"careful"},
		}, got, err)
		if got.Databases[0].UpToDate() {
			t.Error("an unknown version counts as up to date")
		}
	})
	t.Run("mirror", func(t *testing.T) {
		asked("Get-LyncOpsDatabaseMirror", `{"poolFqdn":"pool01.contoso.com"}`, `{"poolFqdn":"pool01.contoso.com","databases":[{"databaseName":"rtcxds",
			"stateOnPrimary":"Principal","stateOnMirror":"Mirror","statusOnPrimary":"synchronized","statusOnMirror":"synchronizing"}]}`)
		got, err := servers.DatabaseMirror(t.Context(), h.access, pool)
		compare(t, lync.DatabaseMirror{PoolFQDN: pool, Databases: []lync.MirroredDatabase{{DatabaseName: "rtcxds", StateOnPrimary: "Principal", StateOnMirror: "Mirror",
			StatusOnPrimary: "synchronized", StatusOnMirror: "synchronizing"}}}, got, err)
	})
	t.Run("partner", func(t *testing.T) {
		asked("Get-LyncOpsPartner", `{"poolFqdn":"pool01.contoso.com"}`, `{"poolFqdn":"pool01.contoso.com","backupPoolFqdn":"pool02.contoso.com",
			"backupComputers":["fe11.contoso.com"],"poolState":"FailedOver","modules":[{"poolFqdn":"pool02.contoso.com","name":"UserServices.PresenceFocus",
			"exportStatus":"SteadyState","importStatus":"NormalState"}],"edgePools":["edge.contoso.com"],"centralManagementPoolFqdn":null}`)
		got, err := servers.Partner(t.Context(), h.access, pool)
		compare(t, lync.Partner{PoolFQDN: pool, BackupPoolFQDN: "pool02.contoso.com", BackupComputers: []string{"fe11.contoso.com"}, PoolState: "FailedOver",
			Modules:   []lync.BackupModule{{PoolFQDN: "pool02.contoso.com", Name: "UserServices.PresenceFocus", ExportStatus: "SteadyState", ImportStatus: "NormalState"}},
			EdgePools: []string{"edge.contoso.com"}}, got, err)
	})
	t.Run("local databases", func(t *testing.T) {
		asked("Get-LyncOpsLocalDatabase", `{}`, `{"databases":[{"instanceName":"RTCLOCAL","databaseName":"rtc","state":"ONLINE","userAccess":"SINGLE_USER"}],
			"problems":[{"instanceName":"LYNCLOCAL","message":"Login failed."}]}`)
		got, err := servers.LocalDatabases(t.Context(), h.access)
		compare(t, lync.LocalDatabases{Databases: []lync.LocalDatabase{{InstanceName: "RTCLOCAL", DatabaseName: "rtc", State: "ONLINE", UserAccess: "SINGLE_USER"}},
			Problems: []lync.InstanceProblem{{InstanceName: "LYNCLOCAL", Message: "Login failed."}}}, got, err)
	})
	t.Run("serving", func(t *testing.T) {
		asked("Get-LyncOpsServing", `{"ports":[5061,5090]}`, `{"listening":[5061],"activity":[{"name":"RTCSRV","activityLevel":"Calls=2"}],"activityProblem":""}`)
		got, err := servers.Serving(t.Context(), h.access, []int{5061, 5090})
		compare(t, lync.Serving{Listening: []int{5061}, Activity: []lync.Activity{{Name: "RTCSRV", Level: "Calls=2"}}}, got, err)
		asked("Get-LyncOpsServing", `{"ports":[5061]}`, `{"listening":[25],"activity":[],"activityProblem":""}`)
		if _, err := servers.Serving(t.Context(), h.access, []int{5061}); lync.KindOf(err) != lync.KindBadAnswer {
			t.Errorf("a port that nobody asked for: %v", err)
		}
	})
	t.Run("replication", func(t *testing.T) {
		asked("Get-LyncOpsReplication", `{}`, `{"replicas":[{"replicaFqdn":"edge01.fabrikam.com","upToDate":false}]}`)
		got, err := servers.Replication(t.Context(), h.access)
		compare(t, []lync.Replica{{FQDN: "edge01.fabrikam.com"}}, got, err)
		asked("Get-LyncOpsReplication", `{}`, `{"replicas":[{"upToDate":true}]}`)
		if _, err := servers.Replication(t.Context(), h.access); lync.KindOf(err) != lync.KindBadAnswer {
			t.Errorf("a replica without a name: %v", err)
		}
	})
	t.Run("preflight", func(t *testing.T) {
		asked("Get-LyncOpsPreflight", `{"poolFqdn":"pool01.contoso.com"}`, `{"checks":[{"name":"FreeDiskSpace","ok":false,"found":"1 GB","remedy":"Free some."}]}`)
		got, err := servers.Preflight(t.Context(), h.access, lync.PreflightQuestion{PoolFQDN: pool})
		compare(t, []lync.Check{{Name: "FreeDiskSpace", Found: "1 GB", Remedy: "Free some."}}, got, err)
	})
	t.Run("start", func(t *testing.T) {
		asked("Start-LyncOpsJob", `{"id":"install-1","action":"Install","parameters":{"sha256":"`+strings.Repeat("a", 64)+`","fileName":"Update.exe",`+
			`"arguments":[],"timeoutSeconds":3600},"principal":{"kind":"StoredAccount","userName":"CONTOSO\\svc","password":"hunter2!"}}`,
			`{"id":"install-1","action":"Install","state":"Succeeded","exitCode":3010,"outcome":"","message":"","claimed":"2026-03-01T09:00:00.000Z",
			"started":null,"finished":null,"bootTime":null,"logTail":""}`)
		got, err := servers.StartJob(t.Context(), h.access, installOrder("hunter2!"))
		code := 3010
		compare(t, lync.Job{
			ID: "install-1", Action: lync.ActionInstall, State: lync.JobSucceeded, ExitCode: &code,
			Claimed: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		}, got, err)
	})
	t.Run("clear", func(t *testing.T) {
		asked("Clear-LyncOpsJobs", `{"except":[]}`, `{"cleared":["install-1"],"baselineRemoved":true}`)
		got, err := servers.ClearJobs(t.Context(), h.access, nil)
		compare(t, lync.Cleared{Jobs: []string{"install-1"}, BaselineRemoved: true}, got, err)
	})
	for _, line := range h.lines {
		if strings.Contains(decodeCommand(commandForm.FindStringSubmatch(line)[1]), "hunter2") || strings.Contains(line, "hunter2") {
			t.Error("the password stood on a command line")
		}
	}
}

func installOrder(password string) lync.JobRequest {
	return lync.JobRequest{
		ID: "install-1", Action: lync.ActionInstall,
		Parameters: lync.Install{SHA256: strings.Repeat("a", 64), FileName: "Update.exe", TimeoutSeconds: 3600},
		Principal:  lync.Principal{Kind: lync.PrincipalStoredAccount, UserName: `CONTOSO\svc`, Password: password},
	}
}

func TestAnswersThatDoNotFollowTheProtocolAreRefused(t *testing.T) {
	document := func(text string) string { return "<<<LYNCOPS " + text + " LYNCOPS>>>" }
	facts := func(old, changed string) string {
		if !strings.Contains(someFacts, old) {
			t.Fatalf("%s is not there to be replaced", old)
		}
		return document(`{"protocol":1,"verb":"Get-LyncOpsFacts","ok":true,"result":` + strings.Replace(someFacts, old, changed, 1) + "}")
	}
	for name, test := range map[string]struct{ stdout, says string }{
		"nothing":                {"", "no answer"},
		"no marks":               {`{"protocol":1}`, "no answer"},
		"no end mark":            {`<<<LYNCOPS {"protocol":1,"verb":"Get-LyncOpsFacts","ok":true,"result":{}}`, "end mark"},
		"cut off":                {"<<<LYNCOPS {\"protocol\":1,", "cut off"},
		"a newer protocol":       {document(`{"protocol":2,"verb":"Get-LyncOpsFacts","ok":true,"result":{}}`), "protocol 1"},
		"no protocol":            {document(`{"verb":"Get-LyncOpsFacts","ok":true,"result":{}}`), "protocol 1"},
		"another verb":           {document(`{"protocol":1,"verb":"Get-LyncOpsTopology","ok":true,"result":{}}`), "another verb"},
		"no result":              {document(`{"protocol":1,"verb":"Get-LyncOpsFacts","ok":true}`), "no result"},
		"no error":               {document(`{"protocol":1,"verb":"Get-LyncOpsFacts","ok":false}`), "no error"},
		"an unknown error":       {document(`{"protocol":1,"verb":"Get-LyncOpsFacts","ok":false,"error":{"code":"New","message":"m","detail":""}}`), "New"},
		"not ASCII":              {facts("FE01", "FÉ01"), "ASCII"},
		"a missing list":         {facts(`"pendingReboot":["PendingFileRenameOperations"],`, ""), "pendingReboot is missing"},
		"a null list":            {facts(`"pendingReboot":["PendingFileRenameOperations"]`, `"pendingReboot":null`), "pendingReboot is missing"},
		"a misspelled field":     {facts(`"freeDiskBytes"`, `"freeDiskByte"`), "freeDiskByte"},
		"a missing nested field": {facts(`,"startType":"Automatic"}],`, `}],`), "services[0].startType is missing"},
		"a text for a number":    {facts(`53687091200`, `"53687091200"`), "freeDiskBytes"},
		"a fraction of a byte":   {facts(`53687091200`, `0.5`), "freeDiskBytes"},
		"no time":                {facts(`2026-03-01T10:00:00.250Z`, `yesterday`), "yesterday"},
		"an unknown status":      {facts(`"status":"Running"`, `"status":"Dancing"`), "Dancing"},
		"an unknown job state":   {facts(`"state":"Running"`, `"state":"Dancing"`), "Dancing"},
		"a job without id":       {facts(`"id":"install-5.0.8308.1149-1",`, ``), "id is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, basic)
			h.access.Authentication = lync.AuthenticationBasic
			h.verbs["Get-LyncOpsFacts"] = printed(test.stdout)
			_, err := h.servers(lync.Options{}).Facts(t.Context(), h.access)
			wantKind(t, err, lync.KindBadAnswer)
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q does not say %q", err, test.says)
			}
		})
	}
}

func TestAnswerAboutAnotherPoolIsRefused(t *testing.T) {
	h := newHost(t, ntlm)
	h.verbs["Get-LyncOpsPoolFabric"] = answered("Get-LyncOpsPoolFabric", `{"poolFqdn":"pool02.contoso.com","text":""}`)
	_, err := h.servers(lync.Options{}).PoolFabric(t.Context(), h.access, "pool01.contoso.com")
	wantKind(t, err, lync.KindBadAnswer)
}

func TestErrorsOfTheModuleKeepTheirKindAndDetail(t *testing.T) {
	for code, kind := range map[string]lync.ErrorKind{
		"BadArgument": lync.KindBadArgument, "CmdletFailed": lync.KindCmdletFailed, "CmdletMissing": lync.KindCmdletMissing,
		"UnknownShape": lync.KindUnknownShape, "NotInService": lync.KindNotInService, "JobConflict": lync.KindJobConflict,
		"Internal": lync.KindInternal,
	} {
		t.Run(code, func(t *testing.T) {
			h := newHost(t, ntlm)
			h.verbs["Get-LyncOpsPoolFabric"] = refused("Get-LyncOpsPoolFabric", code, "what was seen", "start-1")
			_, err := h.servers(lync.Options{}).PoolFabric(t.Context(), h.access, "pool01.contoso.com")
			failed := wantKind(t, err, kind)
			if failed.Detail != "start-1" || failed.Remedy == "" || !strings.Contains(err.Error(), "what was seen") {
				t.Errorf("got %+v", failed)
			}
		})
	}
}

func TestPowerShellsOwnFailureIsTold(t *testing.T) {
	h := newHost(t, ntlm)
	h.verbs["Get-LyncOpsFacts"] = func(context.Context, string) (string, string, int) {
		return "", "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">" +
			"<S S=\"Progress\">loading</S><S S=\"Error\">File LyncOps.psm1 cannot be loaded_x000D__x000A_</S>" +
			"<S S=\"Error\">because it is not digitally signed._x000D__x000A_</S></Objs>", 1
	}
	_, err := h.servers(lync.Options{}).Facts(t.Context(), h.access)
	wantKind(t, err, lync.KindBadAnswer)
	if want := "exit code 1 and said: File LyncOps.psm1 cannot be loaded because it is not digitally signed."; !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
}

func TestCompleteAnswerCountsWhateverTheExitCodeIs(t *testing.T) {
	h := newHost(t, ntlm)
	h.verbs["Get-LyncOpsFacts"] = func(ctx context.Context, argument string) (string, string, int) {
		stdout, _, _ := answered("Get-LyncOpsFacts", someFacts)(ctx, argument)
		return stdout, "a cmdlet complained", 1
	}
	if _, err := h.servers(lync.Options{}).Facts(t.Context(), h.access); err != nil {
		t.Error(err)
	}
}

func TestWrongPasswordIsTriedTwiceAndThenNotUntilItChanges(t *testing.T) {
	for name, options := range map[string]wsman.Options{lync.AuthenticationNTLM: ntlm, lync.AuthenticationBasic: basic} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, options)
			h.setPassword("changed on the server")
			h.access.Authentication = name
			h.verbs["Get-LyncOpsFacts"] = answered("Get-LyncOpsFacts", someFacts)
			servers := h.servers(lync.Options{})

			for err := range askManyTimes(t, servers, h.access, 40) {
				wantKind(t, err, lync.KindLoginRefused)
			}
			if h.lookups != 2 {
				t.Errorf("the password was tried %d times", h.lookups)
			}
			_, err := servers.Facts(t.Context(), h.access)
			for _, want := range []string{fqdn, userName, "Secret"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}

			h.access.Password = "changed on the server"
			if _, err := servers.Facts(t.Context(), h.access); err != nil {
				t.Errorf("the corrected password is not tried: %v", err)
			}
		})
	}
}

func TestRotatedCredentialsGetANewSession(t *testing.T) {
	h := newHost(t, ntlm)
	h.verbs["Get-LyncOpsFacts"] = answered("Get-LyncOpsFacts", someFacts)
	servers := h.servers(lync.Options{})
	if _, err := servers.Facts(t.Context(), h.access); err != nil {
		t.Fatal(err)
	}
	h.setPassword("a new one")
	h.access.Password = "a new one"
	if _, err := servers.Facts(t.Context(), h.access); err != nil {
		t.Fatal(err)
	}
	if h.lookups != 2 {
		t.Errorf("%d logins", h.lookups)
	}
}

// A session that is open is not used for somebody who trusts another authority.
func TestAnotherAuthorityGetsANewSession(t *testing.T) {
	h := newHost(t, ntlm)
	h.verbs["Get-LyncOpsFacts"] = answered("Get-LyncOpsFacts", someFacts)
	servers := h.servers(lync.Options{})
	if _, err := servers.Facts(t.Context(), h.access); err != nil {
		t.Fatal(err)
	}
	other := h.access
	other.CertificateAuthority = nil
	_, err := servers.Facts(t.Context(), other)
	wantKind(t, err, lync.KindCertificateRejected)
	if _, err := servers.Facts(t.Context(), h.access); err != nil {
		t.Error(err)
	}
}

func TestServerThatRestartedIsAskedAgain(t *testing.T) {
	h := newHost(t, ntlm)
	h.verbs["Get-LyncOpsFacts"] = answered("Get-LyncOpsFacts", someFacts)
	servers := h.servers(lync.Options{})
	for range 3 {
		if _, err := servers.Facts(t.Context(), h.access); err != nil {
			t.Fatal(err)
		}
		h.restart()
	}
}

func TestAnswerLostOnTheWireIsAskedForOnceMore(t *testing.T) {
	h := newHost(t, ntlm)
	h.verbs["Start-LyncOpsJob"] = func(ctx context.Context, argument string) (string, string, int) {
		if len(h.seen()) == 1 {
			h.restart()
			<-ctx.Done()
		}
		return answered("Start-LyncOpsJob", `{"id":"install-1","action":"Install","state":"Claimed","exitCode":null,"outcome":"","message":"",
			"claimed":"2026-03-01T09:00:00.000Z","started":null,"finished":null,"bootTime":null,"logTail":""}`)(ctx, argument)
	}
	job, err := h.servers(lync.Options{}).StartJob(t.Context(), h.access, installOrder("hunter2!"))
	if err != nil || job.State != lync.JobClaimed {
		t.Fatalf("got %+v, %v", job, err)
	}
	if asked := h.seen(); !slices.Equal(asked, []string{"Start-LyncOpsJob", "Start-LyncOpsJob"}) {
		t.Errorf("asked %v", asked)
	}
}

func TestAnswerLostTwiceIsAnError(t *testing.T) {
	h := newHost(t, ntlm)
	h.verbs["Get-LyncOpsFacts"] = func(ctx context.Context, _ string) (string, string, int) {
		h.restart()
		<-ctx.Done()
		return "", "", 1
	}
	_, err := h.servers(lync.Options{}).Facts(t.Context(), h.access)
	wantKind(t, err, lync.KindSessionLost)
	if asked := h.seen(); len(asked) != 2 {
		t.Errorf("asked %d times", len(asked))
	}
}

func TestSlowServerIsNotAskedTwice(t *testing.T) {
	h := newHost(t, ntlm)
	asked, ended := make(chan struct{}, 1), make(chan struct{})
	h.verbs["Get-LyncOpsPoolFabric"] = func(ctx context.Context, _ string) (string, string, int) {
		asked <- struct{}{}
		<-ctx.Done()
		close(ended)
		return "", "", 1
	}
	h.verbs["Get-LyncOpsFacts"] = answered("Get-LyncOpsFacts", someFacts)
	if _, err := h.servers(lync.Options{}).Facts(t.Context(), h.access); err != nil {
		t.Fatal(err)
	}
	// A question that was not even asked in its time, on a machine that is slow, is asked with more time.
	for timeout := 2 * time.Second; ; timeout *= 4 {
		_, err := h.servers(lync.Options{QuestionTimeout: timeout}).PoolFabric(t.Context(), h.access, "pool01.contoso.com")
		wantKind(t, err, lync.KindTimeout)
		if len(asked) > 0 || t.Failed() {
			break
		}
	}
	<-ended
	if asked := h.seen(); !slices.Equal(asked, []string{"Get-LyncOpsFacts", "Get-LyncOpsPoolFabric"}) {
		t.Errorf("asked %v", asked)
	}
}

func TestCallerWhoLeavesIsNotHeldUp(t *testing.T) {
	h := newHost(t, ntlm)
	asked, ended := make(chan struct{}), make(chan struct{})
	h.verbs["Get-LyncOpsPoolFabric"] = func(ctx context.Context, _ string) (string, string, int) {
		close(asked)
		<-ctx.Done() // it would never end by itself
		close(ended)
		return "", "", 1
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err := h.servers(lync.Options{}).PoolFabric(ctx, h.access, "pool01.contoso.com")
	wantKind(t, err, lync.KindCanceled)
	<-ended
}

func TestIdleSessionIsClosedAndOpenedAgain(t *testing.T) {
	h := newHost(t, ntlm)
	h.verbs["Get-LyncOpsFacts"] = answered("Get-LyncOpsFacts", someFacts)
	servers := h.servers(lync.Options{IdleTimeout: 10 * time.Millisecond})
	for logins := range 2 {
		if _, err := servers.Facts(t.Context(), h.access); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(patience)
		for h.openConnections() > 0 {
			if time.Now().After(deadline) {
				t.Fatalf("the connection stays open after use %d", logins)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func TestClosedServersAnswerNothingAndLeaveNothing(t *testing.T) {
	h := newHost(t, ntlm)
	h.verbs["Get-LyncOpsFacts"] = answered("Get-LyncOpsFacts", someFacts)
	servers := h.servers(lync.Options{})
	if _, err := servers.Facts(t.Context(), h.access); err != nil {
		t.Fatal(err)
	}
	if err := servers.Close(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := servers.Facts(t.Context(), h.access)
	wantKind(t, err, lync.KindCanceled)
	deadline := time.Now().Add(patience)
	for h.openConnections() > 0 {
		if time.Now().After(deadline) {
			t.Fatal("a connection stays open")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestOrdersThatCannotBeRightAreNotSent(t *testing.T) {
	h := newHost(t, ntlm)
	servers := h.servers(lync.Options{})
	for name, change := range map[string]func(*lync.JobRequest){
		"an id with a path":     func(r *lync.JobRequest) { r.ID = `..\install` },
		"an upper-case id":      func(r *lync.JobRequest) { r.ID = "Install-1" },
		"parameters of another": func(r *lync.JobRequest) { r.Action = lync.ActionStartServices },
		"no parameters":         func(r *lync.JobRequest) { r.Parameters = nil },
		"a pointer":             func(r *lync.JobRequest) { r.Parameters = &lync.StopWebServer{TimeoutSeconds: 1} },
		"a short hash": func(r *lync.JobRequest) {
			r.Parameters = lync.Install{SHA256: "abc", FileName: "a.exe", TimeoutSeconds: 1}
		},
		"a file in a folder": func(r *lync.JobRequest) {
			r.Parameters = lync.Install{SHA256: strings.Repeat("a", 64), FileName: `..\a.exe`, TimeoutSeconds: 1}
		},
		"no time": func(r *lync.JobRequest) {
			r.Parameters = lync.Install{SHA256: strings.Repeat("a", 64), FileName: "a.exe"}
		},
		"a principal of no kind":     func(r *lync.JobRequest) { r.Principal = lync.Principal{} },
		"a password for LocalSystem": func(r *lync.JobRequest) { r.Principal.Kind = lync.PrincipalLocalSystem },
		"no password":                func(r *lync.JobRequest) { r.Principal.Password = "" },
	} {
		t.Run(name, func(t *testing.T) {
			request := installOrder("hunter2!")
			change(&request)
			_, err := servers.StartJob(t.Context(), h.access, request)
			wantKind(t, err, lync.KindBadArgument)
			if strings.Contains(fmt.Sprintf("%+v", err), "hunter2!") {
				t.Error("the error holds the password")
			}
		})
	}
	if len(h.lines) != 0 {
		t.Errorf("%d commands were sent", len(h.lines))
	}
}

// A server that repeats whatever it was told must not bring a password into an error, whichever way the error comes about.
func TestNoErrorHoldsAPassword(t *testing.T) {
	secret := `hunter2"<&>é`
	leak := "the passwords are " + password + " and " + secret
	order := func(h *host, servers *lync.Servers) error {
		_, err := servers.StartJob(h.t.Context(), h.access, installOrder(secret))
		return err
	}
	for name, test := range map[string]struct {
		options wsman.Options
		prepare func(h *host)
		kind    lync.ErrorKind
	}{
		"refused login": {ntlm, func(h *host) { h.setPassword("another") }, lync.KindLoginRefused},
		"other scheme":  {basic, func(*host) {}, lync.KindLoginRefused},
		"certificate":   {ntlm, func(h *host) { h.access.CertificateAuthority = nil }, lync.KindCertificateRejected},
		"unreachable":   {ntlm, func(h *host) { h.address = closedPort(h.t) }, lync.KindUnreachable},
		"bad answer": {ntlm, func(h *host) {
			h.verbs["Start-LyncOpsJob"] = printed("<<<LYNCOPS " + leak)
		}, lync.KindBadAnswer},
		"stderr": {ntlm, func(h *host) {
			h.verbs["Start-LyncOpsJob"] = func(context.Context, string) (string, string, int) { return "", leak, 1 }
		}, lync.KindBadAnswer},
		"JSON": {ntlm, func(h *host) {
			h.verbs["Start-LyncOpsJob"] = printed(`{"password":"hunter2\"\u003c\u0026\u003e` + "é" + `","other":"` + password + `"}`)
		}, lync.KindBadAnswer},
		"error of the module": {ntlm, func(h *host) {
			h.verbs["Start-LyncOpsJob"] = refused("Start-LyncOpsJob", "CmdletFailed", leak, leak)
		}, lync.KindCmdletFailed},
		"unknown error": {ntlm, func(h *host) {
			h.verbs["Start-LyncOpsJob"] = refused("Start-LyncOpsJob", "Whatever", leak, leak)
		}, lync.KindBadAnswer},
		"conflict": {ntlm, func(h *host) {
			h.verbs["Start-LyncOpsJob"] = refused("Start-LyncOpsJob", "JobConflict", leak, leak)
		}, lync.KindJobConflict},
		"lost": {ntlm, func(h *host) {
			h.verbs["Start-LyncOpsJob"] = func(ctx context.Context, _ string) (string, string, int) {
				h.restart()
				<-ctx.Done()
				return "", "", 1
			}
		}, lync.KindSessionLost},
		"another job": {ntlm, func(h *host) {
			h.verbs["Start-LyncOpsJob"] = answered("Start-LyncOpsJob", `{"id":"`+password+`","action":"Install","state":"Claimed",
				"exitCode":null,"claimed":null,"started":null,"finished":null,"bootTime":null}`)
		}, lync.KindBadAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, test.options)
			test.prepare(h)
			err := order(h, h.servers(lync.Options{}))
			wantKind(t, err, test.kind)
			for current := err; current != nil; current = errors.Unwrap(current) {
				text := fmt.Sprintf("%+v %#v", current, current)
				if strings.Contains(text, password) || strings.Contains(text, "hunter2") {
					t.Errorf("%T holds a password: %s", current, text)
				}
			}
		})
	}
}

func TestAccessPrintsNoPassword(t *testing.T) {
	access := lync.Access{FQDN: fqdn, UserName: userName, Password: password}
	principal := lync.Principal{Kind: lync.PrincipalStoredAccount, UserName: "svc", Password: password}
	request := lync.JobRequest{Principal: principal}
	if text := fmt.Sprintf("%v %+v %#v %v %#v %+v %#v", access, access, access, principal, principal, request, request); strings.Contains(text, password) {
		t.Error(text)
	}
}

func closedPort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
