package procedure

import (
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

const (
	installed = v1alpha1.Build("5.0.8308.420")
	wanted    = v1alpha1.Build("5.0.8308.956")
	later     = v1alpha1.Build("5.0.8308.1149")
)

var (
	started = time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)
	plan    = Plan{Build: wanted, PackageSource: `\\files\updates\LyncServerUpdateInstaller.exe`, PackageSHA256: strings.Repeat("ab", 32),
		Graceful: true, DrainTimeout: 30 * time.Minute, RestartComputer: true, InstallTimeout: time.Hour, RestartTimeout: time.Hour}
)

// change makes one thing of a server different.
type change func(*Server)

// frontEnd is a front end in service with the old build, on which nothing has been done, half an hour after started.
func frontEnd(changes ...change) Server {
	server := Server{FQDN: "fe01.contoso.com", Build: installed, Time: started.Add(30 * time.Minute), BootTime: started.Add(-48 * time.Hour)}
	for _, name := range []string{"RTCSRV", "REPLICA", "W3SVC"} {
		server.Services = append(server.Services, Service{Name: name, Status: ServiceRunning, StartType: StartAutomatic})
	}
	for _, apply := range changes {
		apply(&server)
	}
	return server
}

// has adds a job; jobs begin a minute after one another, the first a minute after started.
func has(step v1alpha1.ServerStep, state JobState, changes ...func(*Job)) change {
	return func(s *Server) {
		id := JobID(step, wanted, 1)
		if step == v1alpha1.StepStagePackage {
			id = plan.stageJobID(1)
		}
		job := Job{ID: id, State: state, Started: started.Add(time.Duration(len(s.Jobs)+1) * time.Minute), BootTime: started.Add(-48 * time.Hour)}
		for _, apply := range changes {
			apply(&job)
		}
		s.Jobs = append(s.Jobs, job)
	}
}

// claimed is a job that was ordered so long ago and has not begun.
func claimed(ago time.Duration) func(*Job) {
	return func(j *Job) { j.Started, j.Claimed = time.Time{}, frontEnd().Time.Add(-ago) }
}

// sinceBoot is a job that began after the server was rebooted.
func sinceBoot(j *Job) {
	var server Server
	server.Time = frontEnd().Time
	rebooted(&server)
	j.BootTime, j.Started = server.BootTime, server.BootTime.Add(time.Minute)
}

func named(id string) func(*Job) { return func(j *Job) { j.ID = id } }
func because(outcome string) func(*Job) {
	return func(j *Job) { j.Outcome, j.Message = outcome, outcome }
}

func atBuild(build v1alpha1.Build) change { return func(s *Server) { s.Build = build } }

// stopped is how Stop-CsWindowsService leaves a server.
func stopped(s *Server) {
	s.Baseline = frontEnd().Services
	for i := range s.Services {
		s.Services[i].Status = ServiceStopped
	}
}

func rebooted(s *Server)      { s.BootTime = s.Time.Add(-5 * time.Minute) }
func pendingReboot(s *Server) { s.PendingReboot = true }

func startTypeChanged(s *Server) {
	s.Baseline = frontEnd().Services
	s.Services[1].StartType = "Manual"
}

var (
	staged        = has(v1alpha1.StepStagePackage, JobSucceeded)
	stoppedByUs   = has(v1alpha1.StepStopServices, JobSucceeded)
	installedByUs = has(v1alpha1.StepInstall, JobSucceeded)
	restartedByUs = has(v1alpha1.StepRestartComputer, JobSucceeded)
)

// serviceStopped leaves the other services running.
func serviceStopped(s *Server) {
	s.Baseline = frontEnd().Services
	s.Services[0].Status = ServiceStopped
}

var stoppedAgain = has(v1alpha1.StepStopServicesAgain, JobSucceeded)

func TestFrontEndStepByStep(t *testing.T) {
	services := plan
	services.RestartComputer = false
	cases := []struct {
		name      string
		plan      Plan
		permitted int
		server    Server
		verdict   Verdict
		step      v1alpha1.ServerStep
		order     string // the job to start, or that waits for its turn
		reason    string
	}{
		{"nothing done: the package is staged first", plan, 0, frontEnd(), VerdictStart, v1alpha1.StepStagePackage, plan.stageJobID(1), v1alpha1.ReasonUpgrading},
		{"the package is on its way", plan, 0, frontEnd(has(v1alpha1.StepStagePackage, JobRunning)), VerdictWait, v1alpha1.StepStagePackage, "", v1alpha1.ReasonUpgrading},
		{"the package is there: it waits for its turn", plan, 0, frontEnd(staged), VerdictTurn, v1alpha1.StepReady, "stop-services-5.0.8308.956-1", v1alpha1.ReasonWaitingForTurn},
		{"the package is refused: held before anything is stopped", plan, 0, frontEnd(has(v1alpha1.StepStagePackage, JobFailed, because("HashMismatch"))), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonPackageRefused},
		{"copying was cut off by a restart: copied again without a person", plan, 0, frontEnd(has(v1alpha1.StepStagePackage, JobInterrupted)), VerdictStart, v1alpha1.StepStagePackage, plan.stageJobID(2), v1alpha1.ReasonUpgrading},
		{"a mended package is fetched without a retry", Plan{Build: wanted, PackageSource: plan.PackageSource, PackageSHA256: strings.Repeat("cd", 32)}, 0, frontEnd(has(v1alpha1.StepStagePackage, JobFailed)), VerdictStart, v1alpha1.StepStagePackage, Plan{PackageSource: plan.PackageSource, PackageSHA256: strings.Repeat("CD", 32)}.stageJobID(1), v1alpha1.ReasonUpgrading},
		{"services are being stopped", plan, 0, frontEnd(staged, has(v1alpha1.StepStopServices, JobRunning)), VerdictWait, v1alpha1.StepStopServices, "", v1alpha1.ReasonUpgrading},
		{"a job that is only claimed is awaited", plan, 0, frontEnd(staged, has(v1alpha1.StepStopServices, JobClaimed, func(j *Job) { j.Started = time.Time{} })), VerdictWait, v1alpha1.StepStopServices, "", v1alpha1.ReasonUpgrading},
		{"ordered a moment ago", plan, 0, frontEnd(staged, stoppedByUs, stopped, has(v1alpha1.StepInstall, JobClaimed, claimed(claimPatience))), VerdictWait, v1alpha1.StepInstall, "", v1alpha1.ReasonUpgrading},
		{"ordered, and it does not begin: ordered once more", plan, 0, frontEnd(staged, stoppedByUs, stopped, has(v1alpha1.StepInstall, JobClaimed, claimed(claimPatience+time.Second))), VerdictStart, v1alpha1.StepInstall, "install-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"a stop that does not begin is ordered once more in turn", plan, 0, frontEnd(staged, has(v1alpha1.StepStopServices, JobClaimed, claimed(time.Minute))), VerdictTurn, v1alpha1.StepStopServices, "stop-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"a package that does not begin to be copied", plan, 0, frontEnd(has(v1alpha1.StepStagePackage, JobClaimed, claimed(time.Minute))), VerdictStart, v1alpha1.StepStagePackage, plan.stageJobID(1), v1alpha1.ReasonUpgrading},
		{"what would not be ordered now is not ordered once more", plan, 0, frontEnd(staged, has(v1alpha1.StepInstall, JobClaimed, claimed(time.Minute))), VerdictWait, v1alpha1.StepInstall, "", v1alpha1.ReasonUpgrading},
		{"what runs is never ordered once more", plan, 0, frontEnd(staged, stoppedByUs, stopped, has(v1alpha1.StepInstall, JobRunning, func(j *Job) { j.Claimed = started })), VerdictWait, v1alpha1.StepInstall, "", v1alpha1.ReasonUpgrading},
		{"stopped: the installer runs", plan, 0, frontEnd(staged, stoppedByUs, stopped), VerdictStart, v1alpha1.StepInstall, "install-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"services that came back by themselves are stopped again, in turn", plan, 0, frontEnd(staged, stoppedByUs), VerdictTurn, v1alpha1.StepReady, "stop-services-5.0.8308.956-2", v1alpha1.ReasonWaitingForTurn},
		{"Windows restarted after the stop, and nothing runs yet: stopped again, in turn", plan, 0, frontEnd(staged, stoppedByUs, stopped, rebooted), VerdictTurn, v1alpha1.StepReady, "stop-services-5.0.8308.956-2", v1alpha1.ReasonWaitingForTurn},
		{"services that keep coming back need a person", plan, 3, frontEnd(staged, has(v1alpha1.StepStopServices, JobSucceeded, named("stop-services-5.0.8308.956-3"))), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonStopFailed},
		{"some services that keep coming back: the others are put back first", plan, 3, frontEnd(staged, has(v1alpha1.StepStopServices, JobSucceeded, named("stop-services-5.0.8308.956-3")), stopped, func(s *Server) { s.Services[1].Status = ServiceRunning }), VerdictStart, v1alpha1.StepRecover, "recover-5.0.8308.956-3", v1alpha1.ReasonUpgrading},
		{"not drained in time: put back first", plan, 0, frontEnd(staged, has(v1alpha1.StepStopServices, JobFailed, because("DrainTimeout")), stopped), VerdictStart, v1alpha1.StepRecover, "recover-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"not drained in time and back: held", plan, 0, frontEnd(staged, has(v1alpha1.StepStopServices, JobFailed, because("DrainTimeout")), has(v1alpha1.StepRecover, JobSucceeded)), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonDrainTimeout},
		{"stopping failed for another reason", plan, 0, frontEnd(staged, has(v1alpha1.StepStopServices, JobFailed, because("ServiceStuck"))), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonStopFailed},
		{"stopping was cut off by a restart", plan, 0, frontEnd(staged, has(v1alpha1.StepStopServices, JobInterrupted), rebooted), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonJobInterrupted},
		{"the installer runs", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobRunning), stopped), VerdictWait, v1alpha1.StepInstall, "", v1alpha1.ReasonUpgrading},
		{"the installer has been running too long: nothing else is started", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobRunning), stopped, func(s *Server) { s.Time = started.Add(3 * time.Hour) }), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonJobOverdue},
		{"the installer failed: put back first", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), stopped), VerdictStart, v1alpha1.StepRecover, "recover-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"the installer failed and the server is back: held", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobSucceeded)), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonInstallerFailed},
		{"the server could not be put back: held all the same", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobFailed), stopped), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonInstallerFailed},
		{"the installer was cut off", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobInterrupted), rebooted), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonJobInterrupted},
		{"and its services run again, by hand: held, not restarted", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), atBuild(wanted)), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonInstallerFailed},
		{"the installer failed but the core components have the build: finished, then held", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), atBuild(wanted), rebooted), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonInstallerFailed},
		{"the same before a restart: its services are put back, and Windows is not restarted", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), atBuild(wanted), stopped), VerdictStart, v1alpha1.StepStartServices, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"held, and one of its services has broken by itself since: Windows is not restarted for it", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), atBuild(wanted), serviceStopped), VerdictStart, v1alpha1.StepStartServices, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"restarted for another try, and the build has been taken back: what Windows has not started is started before its turn", plan, 2, frontEnd(staged, stoppedByUs, installedByUs, has(v1alpha1.StepRestartComputer, JobSucceeded, named("restart-computer-5.0.8308.956-2")), serviceStopped, rebooted), VerdictStart, v1alpha1.StepStartServices, "start-services-5.0.8308.956-2", v1alpha1.ReasonUpgrading},
		{"everything has been started: the update is installed again, in turn", plan, 2, frontEnd(staged, stoppedByUs, installedByUs, has(v1alpha1.StepRestartComputer, JobSucceeded, named("restart-computer-5.0.8308.956-2")), rebooted), VerdictTurn, v1alpha1.StepReady, "stop-services-5.0.8308.956-2", v1alpha1.ReasonWaitingForTurn},
		{"another try runs the installer again, in turn: the core components alone do not make it done", plan, 2, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), atBuild(wanted), rebooted), VerdictTurn, v1alpha1.StepReady, "stop-services-5.0.8308.956-2", v1alpha1.ReasonWaitingForTurn},
		{"the same after one that was cut off", plan, 2, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobInterrupted), atBuild(wanted), rebooted), VerdictTurn, v1alpha1.StepReady, "stop-services-5.0.8308.956-2", v1alpha1.ReasonWaitingForTurn},
		{"stopped for it: the installer runs", plan, 2, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobInterrupted), atBuild(wanted), rebooted, has(v1alpha1.StepStopServices, JobSucceeded, named("stop-services-5.0.8308.956-2"), sinceBoot), stopped), VerdictStart, v1alpha1.StepInstall, "install-5.0.8308.956-2", v1alpha1.ReasonUpgrading},
		{"not over a newer build, which somebody has installed meanwhile", plan, 2, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobInterrupted), atBuild(later), rebooted, has(v1alpha1.StepStopServices, JobSucceeded, named("stop-services-5.0.8308.956-2")), stopped), VerdictStart, v1alpha1.StepStartServices, "start-services-5.0.8308.956-2", v1alpha1.ReasonUpgrading},
		{"an installer that ran to its end is never run again", plan, 2, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobInterrupted), has(v1alpha1.StepInstall, JobSucceeded, named("install-5.0.8308.956-2")), atBuild(wanted), rebooted), VerdictPutAway, v1alpha1.StepVerify, "", v1alpha1.ReasonUpgrading},
		{"an installer that failed for an earlier build keeps nobody", plan, 0, frontEnd(has(v1alpha1.StepInstall, JobFailed, named("install-5.0.8308.420-1")), atBuild(wanted), rebooted), VerdictPutAway, v1alpha1.StepVerify, "", v1alpha1.ReasonUpgrading},
		{"installed: restart the servers", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, atBuild(wanted), stopped), VerdictStart, v1alpha1.StepRestartComputer, "restart-computer-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"the restart was ordered and has not happened", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), stopped), VerdictWait, v1alpha1.StepRestartComputer, "", v1alpha1.ReasonUpgrading},
		{"a clock that was set is no restart", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), stopped, func(s *Server) { s.BootTime = s.BootTime.Add(7 * time.Second) }), VerdictWait, v1alpha1.StepRestartComputer, "", v1alpha1.ReasonUpgrading},
		{"the restart failed: put back first", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, has(v1alpha1.StepRestartComputer, JobFailed), atBuild(wanted), stopped), VerdictStart, v1alpha1.StepRecover, "recover-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"the restart never came: put back first", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), stopped, func(s *Server) { s.Time = started.Add(4 * time.Hour) }), VerdictStart, v1alpha1.StepRecover, "recover-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"back in service after a failed restart, the next one needs its turn, and drains first", plan, 2, frontEnd(staged, stoppedByUs, installedByUs, has(v1alpha1.StepRestartComputer, JobFailed), has(v1alpha1.StepRecover, JobSucceeded), atBuild(wanted)), VerdictTurn, v1alpha1.StepReady, "stop-services-again-5.0.8308.956-2", v1alpha1.ReasonWaitingForTurn},
		{"the installer started all services at its end: drained again before the restart", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, atBuild(wanted)), VerdictTurn, v1alpha1.StepReady, "stop-services-again-5.0.8308.956-1", v1alpha1.ReasonWaitingForTurn},
		{"it started some of them, not the front end service: stopped again at once", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, atBuild(wanted), serviceStopped), VerdictStart, v1alpha1.StepStopServicesAgain, "stop-services-again-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"the front end service broke long after the services were back: it is started, and the server restarted in its turn", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, atBuild(wanted), serviceStopped, func(s *Server) { s.Time = s.Time.Add(time.Hour) }), VerdictStart, v1alpha1.StepStartServices, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"started: its restart waits for its turn", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, has(v1alpha1.StepStartServices, JobSucceeded), atBuild(wanted), func(s *Server) { s.Time = s.Time.Add(time.Hour) }), VerdictTurn, v1alpha1.StepReady, "stop-services-again-5.0.8308.956-1", v1alpha1.ReasonWaitingForTurn},
		{"stopped again: restarted", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, stoppedAgain, atBuild(wanted), stopped), VerdictStart, v1alpha1.StepRestartComputer, "restart-computer-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"services that come back a second time do not keep the restart away", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, stoppedAgain, atBuild(wanted), serviceStopped), VerdictStart, v1alpha1.StepRestartComputer, "restart-computer-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"the second drain never ends: put back first, whatever has drained since", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, has(v1alpha1.StepStopServicesAgain, JobFailed, because("DrainTimeout")), atBuild(wanted), stopped), VerdictStart, v1alpha1.StepRecover, "recover-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"put back after the second drain: held", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, has(v1alpha1.StepStopServicesAgain, JobFailed, because("DrainTimeout")), has(v1alpha1.StepRecover, JobSucceeded), atBuild(wanted)), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonDrainTimeout},
		{"restarted, services do not run: they are started", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), stopped, rebooted), VerdictStart, v1alpha1.StepStartServices, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"services mode: started without a restart", services, 0, frontEnd(staged, stoppedByUs, installedByUs, atBuild(wanted), stopped), VerdictStart, v1alpha1.StepStartServices, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"services mode: restarted all the same when the installer left a restart pending", services, 0, frontEnd(staged, stoppedByUs, installedByUs, atBuild(wanted), stopped, pendingReboot), VerdictStart, v1alpha1.StepRestartComputer, "restart-computer-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"services mode: a pending restart that outlives the restart does not restart again", services, 0, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), rebooted, pendingReboot), VerdictPutAway, v1alpha1.StepVerify, "", v1alpha1.ReasonUpgrading},
		{"services were started and do not run", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, has(v1alpha1.StepStartServices, JobFailed), atBuild(wanted), stopped, rebooted), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonServicesNotRunning},
		{"starting was cut off by a restart: made once more without a person", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, has(v1alpha1.StepStartServices, JobInterrupted), atBuild(wanted), serviceStopped, rebooted), VerdictStart, v1alpha1.StepRecover, "recover-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"the server restarted after the start, and a service is down again: started once more without a person", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, has(v1alpha1.StepStartServices, JobSucceeded), atBuild(wanted), serviceStopped, rebooted), VerdictStart, v1alpha1.StepRecover, "recover-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"starting was cut off twice: held", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, has(v1alpha1.StepStartServices, JobInterrupted), has(v1alpha1.StepRecover, JobInterrupted), atBuild(wanted), serviceStopped, rebooted), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonServicesNotRunning},
		{"putting back was cut off by a restart: made once more without a person", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobInterrupted), serviceStopped, rebooted), VerdictStart, v1alpha1.StepStartServices, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"the server restarted after it was put back, and a service is down again: made once more without a person", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobSucceeded), serviceStopped, rebooted), VerdictStart, v1alpha1.StepStartServices, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"put back for another try, stopped again, and the installer failed: put back once more", plan, 2, frontEnd(staged, has(v1alpha1.StepRecover, JobSucceeded, named("recover-5.0.8308.956-2")), has(v1alpha1.StepStopServices, JobSucceeded, named("stop-services-5.0.8308.956-2")), has(v1alpha1.StepInstall, JobFailed, named("install-5.0.8308.956-2")), stopped), VerdictStart, v1alpha1.StepStartServices, "start-services-5.0.8308.956-2", v1alpha1.ReasonUpgrading},
		{"started for another try, stopped again, and installed: started once more", services, 2, frontEnd(staged, has(v1alpha1.StepStartServices, JobSucceeded, named("start-services-5.0.8308.956-2")), has(v1alpha1.StepStopServices, JobSucceeded, named("stop-services-5.0.8308.956-2")), has(v1alpha1.StepInstall, JobSucceeded, named("install-5.0.8308.956-2")), atBuild(wanted), stopped), VerdictStart, v1alpha1.StepRecover, "recover-5.0.8308.956-2", v1alpha1.ReasonUpgrading},
		{"a start type that was changed is restored", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, atBuild(wanted), startTypeChanged, rebooted), VerdictStart, v1alpha1.StepStartServices, "start-services-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"everything runs: make sure they are accepting new connections", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), rebooted), VerdictPutAway, v1alpha1.StepVerify, "", v1alpha1.ReasonUpgrading},
		{"half put away is put away further", plan, 0, frontEnd(has(v1alpha1.StepStartServices, JobSucceeded), atBuild(wanted)), VerdictPutAway, v1alpha1.StepVerify, "", v1alpha1.ReasonUpgrading},
		{"the installer succeeded and the build is another one", plan, 0, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, rebooted), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonBuildNotReached},
		{"a retry after the wrong build stages and stops again, in turn", plan, 2, frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, rebooted), VerdictTurn, v1alpha1.StepReady, "stop-services-5.0.8308.956-2", v1alpha1.ReasonWaitingForTurn},
		{"already at the build: never touched", plan, 0, frontEnd(atBuild(wanted)), VerdictDone, v1alpha1.StepDone, "", v1alpha1.ReasonUpToDate},
		{"already at the build, and stopped by somebody else: left alone", plan, 0, frontEnd(atBuild(wanted), func(s *Server) { s.Services[0].Status = ServiceStopped }), VerdictWait, v1alpha1.StepWaiting, "", v1alpha1.ReasonServicesNotRunning},
		{"a retry does not touch a server that is current", plan, 5, frontEnd(atBuild(wanted)), VerdictDone, v1alpha1.StepDone, "", v1alpha1.ReasonUpToDate},
		{"a newer build is never taken back", plan, 0, frontEnd(atBuild(later)), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonDowngradeRefused},
		{"no core components: is it a front end?", plan, 0, frontEnd(atBuild("")), VerdictHold, v1alpha1.StepHeld, "", v1alpha1.ReasonInvalidTopology},
		{"core components gone in the middle: what can be is put back", plan, 0, frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), atBuild(""), stopped), VerdictStart, v1alpha1.StepRecover, "recover-5.0.8308.956-1", v1alpha1.ReasonUpgrading},
		{"a job of another kind is awaited", plan, 0, frontEnd(has(v1alpha1.StepInstall, JobRunning, named("somebody-elses"))), VerdictWait, v1alpha1.StepUnknown, "", v1alpha1.ReasonUpgrading},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := FrontEnd(test.plan, test.server, test.permitted)
			order := ""
			if got.Order != nil {
				order = got.Order.ID
			}
			if got.Verdict != test.verdict || got.Step != test.step || order != test.order || got.Reason != test.reason {
				t.Errorf("got %s %s %q %s: %s", got.Verdict, got.Step, order, got.Reason, got.Message)
			}
			if got.Message == "" {
				t.Error("nothing is said")
			}
		})
	}
}

func TestABuildChangedInMidRolloutEndsWhatWasBegunFirst(t *testing.T) {
	next := plan
	next.Build = later
	cases := []struct {
		name    string
		server  Server
		verdict Verdict
		order   string
	}{
		{"stopped for the earlier build: services are started again", frontEnd(staged, stoppedByUs, stopped), VerdictStart, "start-services-5.0.8308.1149-1"},
		{"the earlier build's installer still runs: awaited", frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobRunning), stopped), VerdictWait, ""},
		{"the earlier build is installed: restarted", frontEnd(staged, stoppedByUs, installedByUs, atBuild(wanted), stopped), VerdictStart, "restart-computer-5.0.8308.1149-1"},
		{"the earlier build's installer failed: services are started without a restart", frontEnd(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), stopped), VerdictStart, "start-services-5.0.8308.1149-1"},
		{"back in service: put away", frontEnd(staged, stoppedByUs, installedByUs, restartedByUs, atBuild(wanted), rebooted), VerdictPutAway, ""},
		{"put away: the new package is staged", frontEnd(atBuild(wanted)), VerdictStart, next.stageJobID(1)},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := FrontEnd(next, test.server, 0)
			order := ""
			if got.Order != nil {
				order = got.Order.ID
			}
			if got.Verdict != test.verdict || order != test.order {
				t.Errorf("got %s %q: %s", got.Verdict, order, got.Message)
			}
		})
	}
}

func TestTheIdentityOfAJobIsReadBack(t *testing.T) {
	for step := range stepNames {
		id := JobID(step, wanted, 12)
		if got, subject, attempt, ok := parseJobID(id); !ok || got != step || subject != string(wanted) || attempt != 12 {
			t.Errorf("%s is read as %s %s %d %t", id, got, subject, attempt, ok)
		}
	}
	for _, id := range []string{"", "-", "install", "install-1", "install--1", "install-5.0.8308.956-", "install-5.0.8308.956-x", "install-5.0.8308.956--1", "somebody-elses-5.0.8308.956-1"} {
		if step := StepOf(id); step != v1alpha1.StepUnknown {
			t.Errorf("%q is taken for %s", id, step)
		}
	}
}

func TestStopOrderCarriesThePolicy(t *testing.T) {
	policy := plan
	policy.StopAtOnce = true
	order := FrontEnd(policy, frontEnd(staged), 0).Order
	if !order.Graceful || !order.StopAtOnce || order.Timeout != 30*time.Minute {
		t.Errorf("got %+v", order)
	}
}

// TestAnAwaitedJobIsLookedAtByHowLongItTakes: the pace of looking follows from it, and one that has only been ordered is awaited as well.
func TestAnAwaitedJobIsLookedAtByHowLongItTakes(t *testing.T) {
	ordered := started.Add(10 * time.Minute)
	for _, test := range []struct {
		name string
		job  Job
		want float64
	}{
		{"it runs", Job{State: JobRunning, Claimed: ordered, Started: ordered.Add(time.Minute)}, 19 * 60},
		{"it has not begun", Job{State: JobClaimed, Claimed: ordered}, 20 * 60},
		{"it was ordered in this moment", Job{State: JobClaimed, Claimed: started.Add(30 * time.Minute)}, 0.001},
		{"the clock was put back", Job{State: JobRunning, Claimed: started.Add(time.Hour), Started: started.Add(time.Hour)}, 0.001},
		{"nobody says since when", Job{State: JobClaimed}, 0.001},
	} {
		if got := test.job.activeSeconds(started.Add(30 * time.Minute)); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
	for _, state := range []JobState{JobClaimed, JobRunning} {
		server := frontEnd(has(v1alpha1.StepStagePackage, JobSucceeded), has(v1alpha1.StepStopServices, state, func(j *Job) {
			if state == JobClaimed {
				j.Claimed, j.Started = j.Started, time.Time{}
			}
		}))
		if decision := FrontEnd(plan, server, 0); decision.ActiveSeconds != 28*60 {
			t.Errorf("%s: got %s after %v s", state, decision.Verdict, decision.ActiveSeconds)
		}
	}
}
