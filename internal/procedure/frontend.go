package procedure

import (
	"fmt"
	"strings"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// maximumOwnAttempts is how many new attempts are made without asking a person where nothing can be lost by it: a package
// copy that a restart cut off, or services that came back by themselves before the installer ran.
const maximumOwnAttempts = 3

// overtime is added to the time a job may take by itself before it counts as overdue.
const overtime = 10 * time.Minute

// stageTimeout is how long copying the package may take.
const stageTimeout = 2 * time.Hour

// databaseTimeout is how long updating the databases may take.
const databaseTimeout = 2 * time.Hour

// FrontEnd decides the one next step of one front end. It follows FE, step 2: stop new connections, upgrade the server, restart
// it and make sure that it accepts new connections; before that the package is staged and verified, so that nothing is
// stopped for a package that cannot be used.
func FrontEnd(plan Plan, server Server, permitted int) ServerDecision {
	decision := begin(plan, server, permitted)
	if active := server.activeJob(); active != nil {
		return decision.awaitJob(plan, server, *active).orderAgain(server, *active, func(without Server) ServerDecision { return FrontEnd(plan, without, permitted) })
	}
	if server.Build == "" && decision.Begun {
		return decision.recoverThenHold(plan, server, v1alpha1.ReasonInvalidTopology, fmt.Sprintf("the Lync Server core components on %s are gone", server.FQDN))
	}
	if server.Build == "" {
		return decision.hold(v1alpha1.ReasonInvalidTopology, "no Lync Server core components are installed on %s; is it a %s of this pool?", server.FQDN, plan.serverWord())
	}
	if decision.Begun {
		return decision.frontEndInProgress(plan, server)
	}
	if reason, message := plan.mismatch(server); reason != "" {
		return decision.hold(reason, "%s", message)
	}
	if plan.Build.OlderThan(server.Build) {
		return decision.downgrade(plan, server)
	}
	if !plan.behind(server) {
		return decision.alreadyCurrent(plan, server)
	}
	if plan.Refusal != nil {
		return decision.hold(plan.Refusal.Reason, "%s", plan.Refusal.Message)
	}
	return decision.prepare(plan, server)
}

func begin(plan Plan, server Server, permitted int) ServerDecision {
	return ServerDecision{
		FQDN: server.FQDN, Build: server.Build, Attempt: server.attempt(plan, permitted),
		Begun: server.Begun(), OutOfService: !server.Serving(),
	}
}

func (d ServerDecision) downgrade(plan Plan, server Server) ServerDecision {
	if notRunning, changed := server.missing(); plan.PoolFailedOver && len(notRunning)+len(changed) > 0 {
		return d.startAfterFailOver(plan, server)
	}
	d.Aside = true
	return d.hold(v1alpha1.ReasonDowngradeRefused, "%s has build %s, which is newer than the desired %s. Builds are never taken back: declare %s or later",
		server.FQDN, server.Build, plan.Build, server.Build)
}

func (d ServerDecision) alreadyCurrent(plan Plan, server Server) ServerDecision {
	notRunning, changed := server.missing()
	if plan.PoolFailedOver && len(notRunning)+len(changed) > 0 {
		return d.startAfterFailOver(plan, server)
	}
	if len(notRunning) > 0 {
		// Not one of our steps: a server that is silent after it is not taken for one that we have begun with.
		return d.wait(v1alpha1.StepWaiting, v1alpha1.ReasonServicesNotRunning, "%s has the build, but %s not run; the operator did not stop them and leaves them alone. Start them (Start-CsWindowsService); the rollout then goes on by itself",
			server.FQDN, doNot(notRunning))
	}
	d.Verdict, d.Step, d.Reason, d.Message = VerdictDone, v1alpha1.StepDone, v1alpha1.ReasonUpToDate, "has the build and is in service"
	return d
}

// prepare stages the package and then waits for the server's turn.
func (d ServerDecision) prepare(plan Plan, server Server) ServerDecision {
	staged := server.staged(plan, d.Attempt)
	switch {
	case staged == nil:
		return d.start(v1alpha1.StepStagePackage, Order{ID: plan.stageJobID(d.Attempt), Action: ActionStagePackage, Timeout: stageTimeout},
			"%s", inWords(v1alpha1.StepStagePackage, server.FQDN))
	case staged.State == JobSucceeded:
		d.Verdict, d.Step, d.Reason = VerdictTurn, v1alpha1.StepReady, v1alpha1.ReasonWaitingForTurn
		d.Message = "the update package is on the server and verified"
		order := plan.stopOrder(v1alpha1.StepStopServices, server, d.Attempt)
		d.Order = &order
		return d
	case staged.State == JobInterrupted && d.Attempt < maximumOwnAttempts:
		d.Attempt++
		return d.prepare(plan, server)
	case d.Begun:
		return d.recoverThenHold(plan, server, v1alpha1.ReasonPackageRefused, fmt.Sprintf("the update package could not be staged on %s: %s. Correct package.source or package.sha256",
			server.FQDN, sentence(staged.Message)))
	default:
		return d.hold(v1alpha1.ReasonPackageRefused, "the update package could not be staged on %s: %s. Nothing was stopped. Correct package.source or package.sha256%s",
			server.FQDN, sentence(staged.Message), orRetry)
	}
}

const orRetry = ", or ask for another try with the annotation " + v1alpha1.AnnotationRetry

func (d ServerDecision) frontEndInProgress(plan Plan, server Server) ServerDecision {
	stop := server.job(JobID(v1alpha1.StepStopServices, plan.Build, d.Attempt))
	install := server.job(JobID(v1alpha1.StepInstall, plan.Build, d.Attempt))
	// After an installer that did not run to its end another try runs it again: that the core components, which come first, have the build
	// says nothing about the others.
	unfinished := install == nil && server.unfinishedInstall(plan.Build) && !plan.Build.OlderThan(server.Build)
	if !plan.behind(server) && !unfinished || !server.begunFor(plan.Build) {
		// The build is there, or another one was declared while this server was being worked on: what was begun is ended,
		// and the jobs are put away, before anything else is followed.
		return d.backToService(plan, server)
	}
	if reason, message := failed(server, stop, install); reason != "" {
		return d.recoverThenHold(plan, server, reason, message)
	}
	switch {
	case stop == nil && server.failedOver():
		// A person asked for another try. What was failed over is failed back before it is failed over again.
		if recovery := server.job(JobID(v1alpha1.StepRecover, plan.Build, d.Attempt)); recovery != nil {
			return d.hold(v1alpha1.ReasonFailBackFailed, "%s", failBackMessage(server, recovery.Message))
		}
		return d.start(v1alpha1.StepRecover, plan.startOrder(v1alpha1.StepRecover, server, d.Attempt), "%s", inWords(v1alpha1.StepRecover, server.FQDN))
	case stop == nil:
		// A person asked for another try. A restart that is still due may be all that is missing.
		if last := server.lastInstall(); last != nil && last.State == JobSucceeded {
			if restart, done := d.restart(plan, server); !done {
				return restart
			}
			if start, done := d.startAfterRestart(plan, server); !done {
				return start
			}
		}
		return d.prepare(plan, server)
	case install == nil:
		return d.installAfterStop(plan, server)
	}
	return d.backToService(plan, server)
}

func (d ServerDecision) installAfterStop(plan Plan, server Server) ServerDecision {
	stop := server.job(JobID(v1alpha1.StepStopServices, plan.Build, d.Attempt))
	up := server.lyncServicesUp()
	// After a restart of Windows what does not run now was not stopped by us, or is about to start.
	if len(up) > 0 || server.restartedSince(*stop) && !server.failedOver() {
		if d.Attempt >= maximumOwnAttempts {
			why := "Windows restarted"
			if len(up) > 0 {
				why = strings.Join(up, ", ") + " came back"
			}
			return d.recoverThenHold(plan, server, v1alpha1.ReasonStopFailed, fmt.Sprintf("%s on %s although the services were stopped %d times; something starts them again",
				why, server.FQDN, d.Attempt))
		}
		d.Attempt++
		return d.prepare(plan, server)
	}
	if staged := server.staged(plan, d.Attempt); staged == nil || staged.State != JobSucceeded {
		// The package was changed after the services were stopped.
		return d.prepare(plan, server)
	}
	return d.start(v1alpha1.StepInstall, Order{ID: JobID(v1alpha1.StepInstall, plan.Build, d.Attempt), Action: ActionInstall, Timeout: plan.InstallTimeout},
		"%s", inWords(v1alpha1.StepInstall, server.FQDN))
}

// failed names the reason and the story of a stop or an installer that went wrong at this attempt.
func failed(server Server, stop, install *Job) (reason, message string) {
	switch {
	case install != nil && install.State == JobFailed:
		code := ""
		if install.ExitCode != nil {
			code = fmt.Sprintf(" with exit code %d", *install.ExitCode)
		}
		return v1alpha1.ReasonInstallerFailed, fmt.Sprintf("the installer failed on %s%s: %s", server.FQDN, code, sentence(install.Message))
	case install != nil && install.State == JobInterrupted:
		return v1alpha1.ReasonJobInterrupted, fmt.Sprintf("the installer on %s was cut off: %s", server.FQDN, sentence(install.Message))
	case install == nil && stop != nil && stop.State == JobFailed && stop.Outcome == OutcomeFailOverRefused:
		return v1alpha1.ReasonFailOverRefused, fmt.Sprintf("Invoke-CsComputerFailOver did nothing to %s, which still serves: %s", server.FQDN, sentence(stop.Message))
	case install == nil && stop != nil && stop.State == JobFailed && stop.Outcome == "DrainTimeout":
		return v1alpha1.ReasonDrainTimeout, fmt.Sprintf("the services of %s did not drain in time: %s", server.FQDN, sentence(stop.Message))
	case install == nil && stop != nil && stop.State == JobFailed:
		return v1alpha1.ReasonStopFailed, fmt.Sprintf("the services of %s could not be stopped: %s", server.FQDN, sentence(stop.Message))
	case install == nil && stop != nil && stop.State == JobInterrupted:
		return v1alpha1.ReasonJobInterrupted, fmt.Sprintf("stopping the services of %s was cut off: %s", server.FQDN, sentence(stop.Message))
	}
	return "", ""
}

// recoverThenHold puts the services back before it waits for a person: a failed upgrade must not also cost the pool a server.
func (d ServerDecision) recoverThenHold(plan Plan, server Server, reason, message string) ServerDecision {
	notRunning, changed := server.missing()
	recovery := server.job(JobID(v1alpha1.StepRecover, plan.Build, d.Attempt))
	failedOver := server.failedOver()
	if (len(notRunning)+len(changed) > 0 || failedOver) && recovery == nil {
		return d.start(v1alpha1.StepRecover, plan.startOrder(v1alpha1.StepRecover, server, d.Attempt),
			"%s. The services are being put back", strings.TrimSuffix(message, "."))
	}
	if (len(notRunning)+len(changed) > 0 || failedOver) && server.undone(recovery) && server.job(JobID(v1alpha1.StepStartServices, plan.Build, d.Attempt)) == nil {
		return d.start(v1alpha1.StepStartServices, plan.startOrder(v1alpha1.StepStartServices, server, d.Attempt), "%s. The services are being put back once more", strings.TrimSuffix(message, "."))
	}
	state := "The services run again"
	if failedOver {
		state = "Its services run, but Invoke-CsComputerFailBack did not succeed"
	}
	if len(notRunning) > 0 {
		state = "The services could not all be put back: " + doNot(notRunning) + " not run"
	}
	return d.hold(reason, "%s. %s. Look at %%ProgramData%%\\LyncOps\\jobs on the server, then ask for another try with the annotation %s",
		strings.TrimSuffix(message, "."), state, v1alpha1.AnnotationRetry)
}

// backToService restarts the server where that is due, starts its services, and compares build, services and start types
// with what they should be. FE, step 2: "Restart the servers, and make sure they are accepting new connections."
func (d ServerDecision) backToService(plan Plan, server Server) ServerDecision {
	if restart, done := d.restart(plan, server); !done {
		return restart
	}
	notRunning, changed := server.missing()
	failedOver := server.failedOver()
	if len(notRunning)+len(changed) > 0 || failedOver {
		start := server.job(JobID(v1alpha1.StepStartServices, plan.Build, d.Attempt))
		switch {
		case start == nil:
			return d.start(v1alpha1.StepStartServices, plan.startOrder(v1alpha1.StepStartServices, server, d.Attempt),
				"%s", inWords(v1alpha1.StepStartServices, server.FQDN))
		case server.undone(start) && server.job(JobID(v1alpha1.StepRecover, plan.Build, d.Attempt)) == nil:
			return d.start(v1alpha1.StepRecover, plan.startOrder(v1alpha1.StepRecover, server, d.Attempt), "%s", inWords(v1alpha1.StepRecover, server.FQDN))
		case failedOver:
			return d.hold(v1alpha1.ReasonFailBackFailed, "%s", failBackMessage(server, start.Message))
		case len(notRunning) > 0:
			why := sentence(start.Message)
			if start.State == JobSucceeded {
				why = "they were started, and have stopped since"
			}
			return d.hold(v1alpha1.ReasonServicesNotRunning, "%s not run on %s after the upgrade: %s. Start them (Start-CsWindowsService); the rollout then goes on by itself",
				doNot(notRunning), server.FQDN, why)
		default:
			return d.hold(v1alpha1.ReasonServicesNotRunning, "the start type of %s on %s is not what it was before the upgrade. Set it back; the rollout then goes on by itself",
				strings.Join(changed, ", "), server.FQDN)
		}
	}
	if waiting, accepted := d.accepts(plan, server); !accepted {
		return waiting
	}
	if waiting, agrees := d.patched(plan, server); !agrees {
		return waiting
	}
	install := server.job(JobID(v1alpha1.StepInstall, plan.Build, d.Attempt))
	switch {
	case plan.behind(server) && !server.begunFor(plan.Build):
		d.Verdict, d.Step, d.Reason = VerdictPutAway, v1alpha1.StepVerify, v1alpha1.ReasonUpgrading
		d.Message = fmt.Sprintf("what was begun on %s for another build is finished; its services run as before", server.FQDN)
		return d
	case server.Build.OlderThan(plan.Build):
		return d.hold(v1alpha1.ReasonBuildNotReached, "the installer ended on %s, but the server has build %s, not %s. The services run. Is the package the right one for this build? Then ask for another try with the annotation %s",
			server.FQDN, server.Build, plan.Build, v1alpha1.AnnotationRetry)
	case plan.behind(server):
		return d.hold(v1alpha1.ReasonBuildNotReached, "the installer ended on %s and the core components have build %s, but %s. The services run. Does the package hold these components? Correct minimumBuilds, or mend the server; then ask for another try with the annotation %s",
			server.FQDN, server.Build, strings.Join(server.below(plan.Minimums), "; "), v1alpha1.AnnotationRetry)
	case install != nil && install.State != JobSucceeded:
		// The core components come first: that they have the build says nothing about the components after them.
		reason, message := failed(server, nil, install)
		return d.hold(reason, "%s. Its core components have build %s all the same and its services run. See in the installer's log what went wrong, and mend it; then ask for another try with the annotation %s: the installer is run once more, so that the other components are complete",
			message, server.Build, v1alpha1.AnnotationRetry)
	}
	d.Verdict, d.Step, d.Reason, d.Message = VerdictPutAway, v1alpha1.StepVerify, v1alpha1.ReasonUpgrading,
		fmt.Sprintf("%s has build %s and its services run as before%s", server.FQDN, server.Build, server.accepting(plan))
	return d
}

// restartDue says whether Windows must still be restarted for the latest installer. One for another build that did not succeed needs none.
func (s Server) restartDue(plan Plan) bool {
	install := s.lastInstall()
	if install == nil || s.restartedSince(*install) {
		return false
	}
	_, subject, _, _ := parseJobID(install.ID)
	ours := subject == string(plan.Build) || install.State == JobSucceeded
	return ours && (plan.RestartComputer || s.PendingReboot)
}

// restart says whether the restart after the latest installer is behind us, and what to do while it is not.
func (d ServerDecision) restart(plan Plan, server Server) (ServerDecision, bool) {
	if !server.restartDue(plan) {
		return d, true
	}
	if server.lastInstall().State != JobSucceeded {
		return d, true // its services are put back and a person is asked: another try restarts it as well
	}
	restart := server.job(JobID(v1alpha1.StepRestartComputer, plan.Build, d.Attempt))
	if restart == nil {
		if start, done := d.startBroken(plan, server); !done {
			return start, false
		}
		if again, done := d.stopAgain(plan, server); !done {
			return again, false
		}
	}
	order := Order{ID: JobID(v1alpha1.StepRestartComputer, plan.Build, d.Attempt), Action: ActionRestartComputer}
	switch {
	case restart == nil && (server.Serving() || server.putBack()):
		d.Verdict, d.Step, d.Reason, d.Order = VerdictTurn, v1alpha1.StepReady, v1alpha1.ReasonWaitingForTurn, &order
		d.Message = server.FQDN + " must still be restarted for the update to be complete"
		return d, false
	case restart == nil:
		return d.start(v1alpha1.StepRestartComputer, order, "%s", inWords(v1alpha1.StepRestartComputer, server.FQDN)), false
	case restart.State == JobFailed, restart.neverBegan():
		return d.recoverThenHold(plan, server, v1alpha1.ReasonRestartFailed, fmt.Sprintf("Windows on %s could not be restarted: %s", server.FQDN, sentence(restart.Message))), false
	case server.Time.Sub(restart.Started) > plan.RestartTimeout:
		return d.recoverThenHold(plan, server, v1alpha1.ReasonRestartFailed, fmt.Sprintf("Windows on %s has not restarted within %s", server.FQDN, plan.RestartTimeout)), false
	default:
		d.ActiveSeconds = server.Time.Sub(restart.Started).Seconds()
		return d.wait(v1alpha1.StepRestartComputer, v1alpha1.ReasonUpgrading, "%s", inWords(v1alpha1.StepRestartComputer, server.FQDN)), false
	}
}

// startAfterRestart starts what Windows has not started by itself after a restart of ours that did not bring the server to the build: until
// its turn to be stopped again comes, the server serves as it did before.
func (d ServerDecision) startAfterRestart(plan Plan, server Server) (ServerDecision, bool) {
	last := server.lastWork()
	if last == nil || StepOf(last.ID) != v1alpha1.StepRestartComputer || !server.restartedSince(*last) {
		return d, true
	}
	if notRunning, changed := server.missing(); len(notRunning)+len(changed) == 0 {
		return d, true
	}
	return d.start(v1alpha1.StepStartServices, plan.startOrder(v1alpha1.StepStartServices, server, d.Attempt), "%s", inWords(v1alpha1.StepStartServices, server.FQDN)), false
}

// startBroken starts the front end service of a server that was back long before its restart and has broken since: as long as others of its
// services run users have come back to it, and it is restarted in turn, not because it is down.
func (d ServerDecision) startBroken(plan Plan, server Server) (ServerDecision, bool) {
	last := server.lastEnded()
	if server.Serving() || len(server.lyncServicesUp()) == 0 || last == nil || last.age(server.Time) <= installerStarts ||
		server.job(JobID(v1alpha1.StepStartServices, plan.Build, d.Attempt)) != nil {
		return d, true
	}
	return d.start(v1alpha1.StepStartServices, plan.startOrder(v1alpha1.StepStartServices, server, d.Attempt), "%s", inWords(v1alpha1.StepStartServices, server.FQDN)), false
}

// stopAgain drains services that run although a restart is due: some updates start all services at their end, and after a failure
// they were put back. Windows would cut whoever has connected since. It says whether that is behind us; services that come back
// a second time do not keep the restart away.
func (d ServerDecision) stopAgain(plan Plan, server Server) (ServerDecision, bool) {
	order := plan.stopOrder(v1alpha1.StepStopServicesAgain, server, d.Attempt)
	again := server.job(order.ID)
	switch {
	case again == nil && len(server.lyncServicesUp()) == 0:
		return d, true
	case again == nil && (server.Serving() || server.putBack()):
		d.Verdict, d.Step, d.Reason, d.Order = VerdictTurn, v1alpha1.StepReady, v1alpha1.ReasonWaitingForTurn, &order
		d.Message = fmt.Sprintf("%s run on %s, which must still be restarted for the update to be complete; they are stopped first", strings.Join(server.lyncServicesUp(), ", "), server.FQDN)
		return d, false
	case again == nil:
		return d.start(v1alpha1.StepStopServicesAgain, order, "%s", inWords(v1alpha1.StepStopServicesAgain, server.FQDN)), false
	}
	if reason, message := failed(server, again, nil); reason != "" {
		return d.recoverThenHold(plan, server, reason, message), false
	}
	return d, true
}

// unfinishedInstall says whether the latest installer for this build failed or was cut off. A server that was patched by hand has none.
func (s Server) unfinishedInstall(build v1alpha1.Build) bool {
	last := s.lastInstall()
	if last == nil || last.State == JobSucceeded {
		return false
	}
	_, subject, _, _ := parseJobID(last.ID)
	return subject == string(build)
}

// lastInstall is the installer job that began last, whatever build and attempt it was for.
func (s Server) lastInstall() *Job {
	var last *Job
	for i := range s.Jobs {
		if StepOf(s.Jobs[i].ID) == v1alpha1.StepInstall && (last == nil || s.Jobs[i].Started.After(last.Started)) {
			last = &s.Jobs[i]
		}
	}
	return last
}

// awaitJob waits for a job that has not ended, and says so when it takes longer than it ever should.
func (d ServerDecision) awaitJob(plan Plan, server Server, job Job) ServerDecision {
	step := StepOf(job.ID)
	d.ActiveSeconds = job.activeSeconds(server.Time)
	limit := overtime + map[v1alpha1.ServerStep]time.Duration{
		v1alpha1.StepStagePackage: stageTimeout, v1alpha1.StepStopServices: plan.DrainTimeout, v1alpha1.StepStopServicesAgain: plan.DrainTimeout,
		v1alpha1.StepInstall: plan.InstallTimeout, v1alpha1.StepUpdateDatabases: databaseTimeout,
		v1alpha1.StepUpdateOtherStores: databaseTimeout, v1alpha1.StepUpdateCentralManagement: databaseTimeout,
	}[step]
	if limit == overtime {
		limit += plan.RestartTimeout
	}
	if job.Action == ActionFailOverComputer || job.Action == ActionFailBackComputer {
		// What the cmdlet waits for comes before the services are stopped, and after a failback in vain they are started without it.
		limit += plan.DrainTimeout + overtime
	}
	if elapsed := server.Time.Sub(job.Started); !job.Started.IsZero() && elapsed > limit {
		return d.hold(v1alpha1.ReasonJobOverdue, "the job %s on %s has been running for longer than %s. Nothing else is started. Look at the server: the job's log is in %%ProgramData%%\\LyncOps\\jobs\\%s",
			job.ID, server.FQDN, limit, job.ID)
	}
	return d.wait(step, v1alpha1.ReasonUpgrading, "%s", inWords(step, server.FQDN))
}

// doing says in words what goes on in a step.
var doing = map[v1alpha1.ServerStep]string{
	v1alpha1.StepUnknown:           "a job of another kind runs",
	v1alpha1.StepStagePackage:      "the update package is being copied and verified",
	v1alpha1.StepStopServices:      "the services are being stopped",
	v1alpha1.StepStopWebServer:     "the web server is being stopped",
	v1alpha1.StepInstall:           "the installer runs",
	v1alpha1.StepStopServicesAgain: "the services are being stopped again",
	v1alpha1.StepStartWebServer:    "the web server is being started",
	v1alpha1.StepUpdateDatabases:   "the databases are being updated",
	v1alpha1.StepUpdateOtherStores: "archiving or monitoring databases are being updated",

	v1alpha1.StepUpdateCentralManagement: "the central management store is being updated",
	v1alpha1.StepRestartComputer:         "Windows is restarting",
	v1alpha1.StepStartServices:           "the services are being started",
	v1alpha1.StepRecover:                 "the services are being put back",
	v1alpha1.StepRecordServices:          "the services are being written down",
	v1alpha1.StepMoveCentralManagement:   "the central management store is being moved by a job",
	v1alpha1.StepFailOverPool:            "the pool is being failed over by a job",
	v1alpha1.StepFailBackPool:            "the pool is being failed back by a job",
}

// inWords says what goes on in a step, in the same words when a job is started and while it is awaited.
func inWords(step v1alpha1.ServerStep, fqdn string) string {
	return doing[step] + " on " + fqdn
}

func doNot(services []string) string {
	if len(services) == 1 {
		return services[0] + " does"
	}
	return strings.Join(services, ", ") + " do"
}

func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return "the job gave no reason"
	}
	return strings.TrimSuffix(text, ".")
}
