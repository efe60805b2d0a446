package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/lync/powershell"
	"lyncops.dev/operator/internal/procedure"
	"lyncops.dev/operator/internal/simulator"
	"lyncops.dev/operator/internal/simulator/deployment"
)

// TestFakeKeepsTheContract puts the same orders and questions to the fake and, over the wire, to the simulator: in what
// controllers use, their answers are the same. A fake that is kinder than a server would prove nothing.
func TestFakeKeepsTheContract(t *testing.T) {
	if testing.Short() {
		t.Skip("plays an upgrade over the wire")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	onTheWire, access := simulated(t)
	fake := newFakeServers([]string{"fe01.contoso.com", "fe02.contoso.com"}, []string{"fe03.contoso.com", "fe04.contoso.com"}, []string{"fe05.contoso.com", "fe06.contoso.com"})

	fake.addHost(neverDrains)

	sum := sha256.Sum256([]byte(simulatedDescription(t).Packages[0].Contents))
	packageHash := hex.EncodeToString(sum[:])
	order := func(id string, action lync.Action, parameters any) lync.JobRequest {
		return lync.JobRequest{ID: id, Action: action, Parameters: parameters, Principal: lync.Principal{Kind: lync.PrincipalLocalSystem}}
	}
	stage := order("stage-package-1", lync.ActionStagePackage, lync.StagePackage{Source: packageSource, SHA256: packageHash, FileName: "LyncServerUpdateInstaller.exe"})
	stop := order("stop-services-1", lync.ActionStopServices, lync.StopServices{Graceful: true, TimeoutSeconds: 3600, OnTimeout: lync.OnTimeoutFail})
	install := order("install-1", lync.ActionInstall, lync.Install{SHA256: packageHash, FileName: "LyncServerUpdateInstaller.exe", Arguments: []string{"/silentmode"}, TimeoutSeconds: 3600})
	restart := order("restart-computer-1", lync.ActionRestartComputer, lync.RestartComputer{DelaySeconds: 1})
	start := order("start-services-1", lync.ActionStartServices, lync.StartServices{TimeoutSeconds: 3600})

	for _, step := range []struct {
		name string
		call func(ctx context.Context, servers Servers, access lync.Access) string
	}{
		{"facts of an untouched server", facts},
		{"topology", topology},
		{"readiness", readiness},
		{"topology of an unknown pool", func(ctx context.Context, servers Servers, access lync.Access) string {
			_, err := servers.Topology(ctx, access, "pool99.contoso.com")
			return string(lync.KindOf(err))
		}},
		{"databases", databases},
		{"staging", ends(stage)},
		{"facts after staging", facts},
		{"stopping", ends(stop)},
		{"facts of a stopped server", facts},
		{"readiness asked of a stopped server", readiness},
		{"the same order again", repeats(stop)},
		{"another order while one runs", conflicts(stop)},
		{"installing", ends(install)},
		{"facts after the installer", facts},
		{"restarting", ends(restart)},
		{"facts after the restart", facts},
		{"stopping again", ends(order("stop-services-2", lync.ActionStopServices, lync.StopServices{Graceful: true, TimeoutSeconds: 3600, OnTimeout: lync.OnTimeoutFail}))},
		{"starting", ends(start)},
		{"facts after starting", facts},
		{"readiness after all", readiness},
		{"putting away all but one", clears("install-1")},
		{"facts after putting away", facts},
		{"putting away again", clears()},
		{"stopping and putting away", func(ctx context.Context, servers Servers, access lync.Access) string {
			again := order("stop-services-3", lync.ActionStopServices, lync.StopServices{TimeoutSeconds: 3600, OnTimeout: lync.OnTimeoutFail})
			return ends(again)(ctx, servers, access) + "; " + clears()(ctx, servers, access)
		}},
		{"facts after that", facts},
	} {
		wired, faked := step.call(ctx, onTheWire, access), step.call(ctx, fake, access)
		if wired != faked {
			t.Errorf("%s:\nthe wire says %s\nthe fake says %s", step.name, wired, faked)
		}
	}
}

// neverDrains is a server of no pool with several front ends, which would otherwise stay Busy.
const neverDrains = "se01.contoso.com"

const packageSource = "https://packages.contoso.com/lync/LyncServerUpdateInstaller.exe"

// facts are those on which the procedure decides.
func facts(ctx context.Context, servers Servers, access lync.Access) string {
	found, err := servers.Facts(ctx, access)
	for cutOff(err) && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
		found, err = servers.Facts(ctx, access)
	}
	if err != nil {
		return string(lync.KindOf(err))
	}
	server := serverFrom(access.FQDN, found)
	var jobs []string
	for _, job := range server.Jobs {
		jobs = append(jobs, fmt.Sprintf("%s %s %q started:%t finished:%t boot:%t", job.ID, job.State, job.Outcome, !job.Started.IsZero(), !job.Finished.IsZero(), !job.BootTime.IsZero()))
	}
	slices.Sort(jobs)
	lyncUp, webUp := 0, false
	for _, service := range server.Services {
		up := service.Status == procedure.ServiceRunning
		if up && strings.HasPrefix(service.Name, "RTC") {
			lyncUp++
		}
		webUp = webUp || up && service.Name == "W3SVC"
	}
	return fmt.Sprintf("build %s, serves %t, lync services up %t, web server up %t, baseline %t, restart pending %t, restarted %t, jobs %q",
		server.Build, server.Serving(), lyncUp > 0, webUp, server.Baseline != nil, server.PendingReboot, time.Since(server.BootTime) < time.Hour, jobs)
}

func topology(ctx context.Context, servers Servers, access lync.Access) string {
	found, err := servers.Topology(ctx, access, testPool)
	return fmt.Sprintf("%s %s %v %q %s", found.PoolFQDN, found.Edition, found.Computers, found.UserDatabaseSQLServerFQDN, lync.KindOf(err))
}

// readiness is asked until the pool has settled.
func readiness(ctx context.Context, servers Servers, access lync.Access) string {
	for {
		found, err := servers.PoolReadiness(ctx, access, testPool)
		if err == nil && found.State == lync.ReadinessBusy && ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		return fmt.Sprintf("%+v %s", readinessFrom(found), lync.KindOf(err))
	}
}

func databases(ctx context.Context, servers Servers, access lync.Access) string {
	found, err := servers.Database(ctx, access, lync.DatabaseQuestion{SQLServerFQDN: testSQLServer})
	return fmt.Sprintf("collocated %v, mirrored %t, any %t, names without a version %t, %s", found.CollocatedStores, found.Mirrored, len(found.Databases) > 0,
		slices.ContainsFunc(found.Databases, func(database lync.Database) bool { return database.ExpectedVersion == "" }), lync.KindOf(err))
}

// ends orders a job and waits for its end. The answer to an order may be cut off, by a restart above all; giving the order again is
// what the controllers do then.
func ends(request lync.JobRequest) func(context.Context, Servers, lync.Access) string {
	return func(ctx context.Context, servers Servers, access lync.Access) string {
		job, err := servers.StartJob(ctx, access, request)
		for cutOff(err) && ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond)
			job, err = servers.StartJob(ctx, access, request)
		}
		if err != nil {
			return string(lync.KindOf(err))
		}
		said := fmt.Sprintf("%s %s", job.ID, job.Action)
		for ctx.Err() == nil {
			found, err := servers.Facts(ctx, access)
			if err != nil {
				time.Sleep(20 * time.Millisecond)
				continue
			}
			for _, job := range found.Jobs {
				// After a restart the services come by themselves, a little later.
				back := request.Action != lync.ActionRestartComputer || serverFrom(access.FQDN, found).Serving()
				if job.ID == request.ID && job.State.Finished() && back {
					return fmt.Sprintf("%s, ended %s %q", said, job.State, job.Outcome)
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
		return "never ended"
	}
}

func cutOff(err error) bool {
	kind := lync.KindOf(err)
	return err != nil && (kind == lync.KindSessionLost || kind == lync.KindUnreachable || kind == lync.KindTimeout)
}

// conflicts orders a job, and another one, on a server whose services never drain.
func conflicts(request lync.JobRequest) func(context.Context, Servers, lync.Access) string {
	return func(ctx context.Context, servers Servers, access lync.Access) string {
		access.FQDN = neverDrains
		_, err := servers.StartJob(ctx, access, request)
		if err != nil {
			return string(lync.KindOf(err))
		}
		other := request
		other.ID = "other-1"
		_, err = servers.StartJob(ctx, access, other)
		refused, _ := errors.AsType[*lync.Error](err)
		return fmt.Sprintf("%s %s", lync.KindOf(err), refused.Detail)
	}
}

func repeats(request lync.JobRequest) func(context.Context, Servers, lync.Access) string {
	return func(ctx context.Context, servers Servers, access lync.Access) string {
		job, err := servers.StartJob(ctx, access, request)
		return fmt.Sprintf("%s %s %s", job.ID, job.State, lync.KindOf(err))
	}
}

func clears(except ...string) func(context.Context, Servers, lync.Access) string {
	return func(ctx context.Context, servers Servers, access lync.Access) string {
		cleared, err := servers.ClearJobs(ctx, access, except)
		slices.Sort(cleared.Jobs)
		return fmt.Sprintf("%v, baseline removed %t, %s", cleared.Jobs, cleared.BaselineRemoved, lync.KindOf(err))
	}
}

func simulatedDescription(t *testing.T) deployment.Deployment {
	t.Helper()
	text, err := os.ReadFile("../internal/simulator/testdata/contoso.yaml")
	if err != nil {
		t.Fatal(err)
	}
	description, err := deployment.ParseYAML(text)
	if err != nil {
		t.Fatal(err)
	}
	return description
}

// simulated is the deployment of contoso.com behind a real WinRM endpoint.
func simulated(t *testing.T) (Servers, lync.Access) {
	t.Helper()
	description := simulatedDescription(t)
	description.Faults = append(description.Faults, deployment.Fault{Kind: deployment.FaultSlowDrain, Target: neverDrains})
	running, err := simulator.Start(t.Context(), simulator.Config{Deployment: description, TimeScale: 300})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Close)
	servers := lync.NewServers(lync.Options{Module: powershell.Module(), ConnectTo: func(string, int) string { return running.Address() },
		QuestionTimeout: patience, AnswerTimeout: patience})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := servers.Close(ctx); err != nil {
			t.Log(err)
		}
	})
	account := description.Accounts[0]
	return servers, lync.Access{FQDN: "fe01.contoso.com", UserName: account.Domain + `\` + account.User, Password: account.Password, CertificateAuthority: running.CertificateAuthority()}
}
