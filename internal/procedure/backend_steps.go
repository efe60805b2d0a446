package procedure

import (
	"fmt"

	"lyncops.dev/operator/api/v1alpha1"
)

// publishedStep is one of the published steps that are jobs.
type publishedStep struct {
	step   v1alpha1.ServerStep
	action Action
}

// backEndSteps are the published steps of BE that change a server, in their order. Steps 1 to 3 and 8 open a shell, step 6
// closes it: no shell of ours stays open between two jobs.
var backEndSteps = []publishedStep{
	{v1alpha1.StepStopServices, ActionStopServices},       // 4. Stop-CsWindowsService
	{v1alpha1.StepStopWebServer, ActionStopWebServer},     // 5. net stop w3svc
	{v1alpha1.StepInstall, ActionInstall},                 // 7. install the update
	{v1alpha1.StepStopServicesAgain, ActionStopServices},  // 9. Stop-CsWindowsService again, for the cached assemblies
	{v1alpha1.StepStartWebServer, ActionStartWebServer},   // 10. net start w3svc
	{v1alpha1.StepUpdateDatabases, ActionUpdateDatabases}, // 11. Install-CsDatabase
}

// inProgress goes on with a server whose work has begun. NeedReport: its databases must be compared before it can go on.
func (b BackEnd) inProgress(d ServerDecision, server Server, withDatabases bool) (next ServerDecision, needReport bool) {
	plan, inWindows := b.Plan, b.Plan
	// Windows is restarted only when the installer asks for it: the page has no restart, and time counts.
	inWindows.RestartComputer = false
	if d.beingPutAway(plan, server) || server.Build.OlderThan(plan.Build) && !server.begunFor(plan.Build) {
		return d.backToService(inWindows, server), false
	}
	for _, published := range backEndSteps {
		job := server.job(JobID(published.step, plan.Build, d.Attempt))
		switch {
		case published.step == v1alpha1.StepUpdateDatabases && !withDatabases:
		case job == nil && b.skipped(published.step, d, server):
		case job == nil && published.step == v1alpha1.StepUpdateDatabases && b.Report == nil && b.ReportProblem == "":
			return d.wait(v1alpha1.StepVerify, v1alpha1.ReasonUpgrading, "comparing the databases of %s", server.FQDN), true
		case job == nil:
			return d.beginStep(published, plan, inWindows, server), false
		case job.State == JobFailed || job.State == JobInterrupted:
			return d.recoverThenHold(plan, server, reasonOfFailure(published.step, *job), fmt.Sprintf("%s on %s: %s",
				failedStep[published.step], server.FQDN, sentence(job.Message))), false
		}
	}
	return d.backToService(inWindows, server), false
}

// skipped says whether a step that was not begun has nothing to do: the build is there, or not every update changes databases.
func (b BackEnd) skipped(step v1alpha1.ServerStep, d ServerDecision, server Server) bool {
	switch step {
	case v1alpha1.StepInstall:
		return !server.Build.OlderThan(b.Plan.Build) && (!server.unfinishedInstall(b.Plan.Build) || b.Plan.Build.OlderThan(server.Build))
	case v1alpha1.StepUpdateDatabases:
		// With the services on their way back, the databases were found to be current before.
		return server.job(JobID(v1alpha1.StepStartServices, b.Plan.Build, d.Attempt)) != nil || b.Report != nil && b.Report.OnServer(server.FQDN).Confirmed()
	default:
		return false
	}
}

// beginStep starts a published step.
func (d ServerDecision) beginStep(published publishedStep, plan, inWindows Plan, server Server) ServerDecision {
	if published.step == v1alpha1.StepStopServices {
		return d.stopForBackEnd(plan, server)
	}
	if published.step == v1alpha1.StepStopServicesAgain && server.Build.OlderThan(plan.Build) {
		if restart, done := d.restart(inWindows, server); !done {
			return restart
		}
		return d.recoverThenHold(plan, server, v1alpha1.ReasonBuildNotReached,
			fmt.Sprintf("the installer ended on %s, but the server has build %s, not %s", server.FQDN, server.Build, plan.Build))
	}
	return d.start(published.step, backEndOrder(JobID(published.step, plan.Build, d.Attempt), published, plan), "%s", inWords(published.step, server.FQDN))
}

// beingPutAway says whether an earlier job of this attempt is gone while a later one is still there: the steps of an attempt
// run in order, so its jobs, the oldest first, are being put away.
func (d ServerDecision) beingPutAway(plan Plan, server Server) bool {
	if server.job(JobID(v1alpha1.StepStopServices, plan.Build, d.Attempt)) != nil || server.Build.OlderThan(plan.Build) {
		return false
	}
	for _, published := range backEndSteps[1:] {
		if server.job(JobID(published.step, plan.Build, d.Attempt)) != nil {
			return true
		}
	}
	return server.job(JobID(v1alpha1.StepStartServices, plan.Build, d.Attempt)) != nil
}

func (d ServerDecision) stopForBackEnd(plan Plan, server Server) ServerDecision {
	if server.Build.OlderThan(plan.Build) {
		if d = d.prepare(plan, server); d.Verdict == VerdictTurn {
			d.Order.Graceful, d.Order.StopAtOnce = false, true
		}
		return d
	}
	return d.start(v1alpha1.StepStopServices, Order{ID: JobID(v1alpha1.StepStopServices, plan.Build, d.Attempt), Action: ActionStopServices,
		StopAtOnce: true, Timeout: plan.DrainTimeout}, "%s", inWords(v1alpha1.StepStopServices, server.FQDN))
}

func backEndOrder(id string, published publishedStep, plan Plan) Order {
	order := Order{ID: id, Action: published.action, Timeout: plan.RestartTimeout}
	switch published.action {
	case ActionStopServices:
		order.StopAtOnce, order.Timeout = true, plan.DrainTimeout
	case ActionInstall:
		order.Timeout = plan.InstallTimeout
	case ActionUpdateDatabases:
		order.Variant, order.Timeout = v1alpha1.DatabaseVariantStandard, databaseTimeout
	default:
	}
	return order
}

var failedStep = map[v1alpha1.ServerStep]string{
	v1alpha1.StepStopServices:      "the services could not be stopped",
	v1alpha1.StepStopWebServer:     "the web server could not be stopped",
	v1alpha1.StepInstall:           "the installer failed",
	v1alpha1.StepStopServicesAgain: "the services could not be stopped again",
	v1alpha1.StepStartWebServer:    "the web server could not be started",
	v1alpha1.StepUpdateDatabases:   "the databases could not be updated",
}

func reasonOfFailure(step v1alpha1.ServerStep, job Job) string {
	switch {
	case job.State == JobInterrupted:
		return v1alpha1.ReasonJobInterrupted
	case step == v1alpha1.StepInstall:
		return v1alpha1.ReasonInstallerFailed
	case step == v1alpha1.StepUpdateDatabases:
		return v1alpha1.ReasonDatabaseUpdateFailed
	case step == v1alpha1.StepStartWebServer:
		return v1alpha1.ReasonServicesNotRunning
	}
	return v1alpha1.ReasonStopFailed
}
