package procedure

import (
	"fmt"
	"strings"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// DatabaseReport is what Test-CsDatabase found.
type DatabaseReport struct {
	Databases        []Database
	CollocatedStores []string
	Mirrored         bool
}

// Database is one database and its versions; an empty version is unknown, which never counts as equal.
type Database struct {
	Name             string
	SQLServerFQDN    string
	ExpectedVersion  string
	InstalledVersion string
}

// Outdated lists the databases whose installed version is known and is not the expected one. xds is left out: it differs by
// design, as Microsoft's own diagnostics say.
func (r DatabaseReport) Outdated() []string {
	var outdated []string
	for _, database := range r.Databases {
		known := database.ExpectedVersion != "" && database.InstalledVersion != ""
		if known && !strings.EqualFold(database.Name, "xds") && database.ExpectedVersion != database.InstalledVersion {
			outdated = append(outdated, fmt.Sprintf("%s (%s, expected %s)", database.Name, database.InstalledVersion, database.ExpectedVersion))
		}
	}
	return outdated
}

// Confirmed says whether every database is known to be at the expected version.
func (r DatabaseReport) Confirmed() bool {
	for _, database := range r.Databases {
		if !strings.EqualFold(database.Name, "xds") && (database.InstalledVersion == "" || database.InstalledVersion != database.ExpectedVersion) {
			return false
		}
	}
	return len(r.Databases) > 0
}

// PoolFrontEnd is a front end of the back end's pool as observed, or why it was not.
type PoolFrontEnd struct {
	FQDN    string
	Server  *Server
	Problem *Problem
}

// BackEnd is a back end or Standard Edition server as it was observed.
type BackEnd struct {
	Plan    Plan
	Edition v1alpha1.Edition
	Stores  v1alpha1.CollocatedStores
	// SQLServer whose databases an Enterprise pool uses.
	SQLServer string
	// Declared: a Windows server is named in the spec.
	Declared string
	// Server is that server as observed; nil with a Problem when it does not answer.
	Server  *Server
	Problem *Problem
	// LastStep is the step last known of it.
	LastStep  v1alpha1.ServerStep
	LastBuild v1alpha1.Build
	// FrontEnds of the pool in topology order; for Enterprise.
	FrontEnds []PoolFrontEnd
	// Report is what Test-CsDatabase found in this pass; nil when it was not asked.
	Report *DatabaseReport
	// ReportProblem is why it could not be asked.
	ReportProblem string
	// Confirmed: databases were found at the wanted build earlier and nothing has changed since.
	Confirmed bool
	Permitted int
	Paused    bool
	Observe   bool
	// Deleting: the object or its pool's is being deleted; what is in progress is finished.
	Deleting bool
	// OpenDomain is the upgrade domain of the pool whose turn it is: databases wait until there is none.
	OpenDomain string
}

// BackEndDecision is what to do for a back end or Standard Edition server.
type BackEndDecision struct {
	// Server is the one next step; its FQDN is the server on which the order runs.
	Server ServerDecision
	// NeedReport names the server from which Test-CsDatabase must be asked before anything can be decided; Local says how.
	NeedReport string
	Local      bool
	Variant    v1alpha1.DatabaseVariant
	// Outage is how long the services have been away by the server's own clock; zero when they are there.
	Outage     time.Duration
	InProgress bool
	// FrontEnds says how the gate in front of an Enterprise back end stands.
	FrontEndsReady   bool
	FrontEndsMessage string
}

// NextBackEndStep decides the next step of a back end or Standard Edition server by the eleven published steps (BE), plus the
// one the page leaves out: services are started again and verified. An Enterprise back end that holds nothing but SQL Server
// has only step 11, which runs on a patched front end because the wanted database versions come with its core components.
func NextBackEndStep(backEnd BackEnd) BackEndDecision {
	if backEnd.Edition == v1alpha1.EditionStandard {
		return backEnd.standard()
	}
	return backEnd.enterprise()
}

func (b BackEnd) standard() BackEndDecision {
	result := BackEndDecision{Variant: v1alpha1.DatabaseVariantStandard, FrontEndsReady: true, FrontEndsMessage: "a Standard Edition server has no separate front ends"}
	if b.Server == nil {
		return b.unanswered(result)
	}
	if b.Server.Begun() && b.Server.Build == "" {
		result.Server = begin(b.Plan, *b.Server, b.Permitted).recoverThenHold(b.Plan, *b.Server, v1alpha1.ReasonInvalidTopology,
			fmt.Sprintf("the Lync Server core components on %s are gone", b.Server.FQDN))
		return b.finish(result)
	}
	result = b.windowsServer(result, true)
	return b.finish(result)
}

func (b BackEnd) unanswered(result BackEndDecision) BackEndDecision {
	if b.Problem == nil {
		b.Problem = &Problem{Reason: v1alpha1.ReasonDiscovering, Message: b.Declared + " has not been looked at yet"}
	}
	d := ServerDecision{FQDN: b.Declared, Build: b.LastBuild, Attempt: max(b.Permitted, 1), OutOfService: true,
		Verdict: VerdictWait, Step: v1alpha1.StepUnknown, Reason: b.Problem.Reason, Message: b.Problem.Message}
	if inProgress(b.LastStep) {
		d.Begun, d.Step, result.InProgress = true, b.LastStep, true
	}
	if b.LastStep == v1alpha1.StepRestartComputer && !b.Problem.Lasting {
		d.Reason, d.Message = v1alpha1.ReasonUpgrading, inWords(v1alpha1.StepRestartComputer, b.Declared)
	}
	result.Server = d
	return result
}

// finish sums up what is the same for every path: gates that keep a server from being started, and how long it has been away.
func (b BackEnd) finish(result BackEndDecision) BackEndDecision {
	d := &result.Server
	if reason, message := b.resting(*d); reason != "" {
		*d = d.wait(v1alpha1.StepWaiting, reason, "%s", message)
	}
	if d.Verdict == VerdictTurn {
		*d = d.grant()
	}
	if b.Server != nil {
		if notRunning, _ := b.Server.missing(); len(notRunning) > 0 && b.Server.Begun() {
			result.Outage = b.Server.awayFor()
		}
		d.InProgress = d.worksOn(*b.Server)
		result.InProgress = result.InProgress || d.InProgress
	}
	if d.Verdict == VerdictStart && d.Step != v1alpha1.StepStagePackage {
		result.InProgress = true
	}
	if d.Step == v1alpha1.StepUpdateDatabases && d.Verdict == VerdictWait {
		result.InProgress = true
	}
	return result
}

// resting says why nothing is started on a server that is not being worked on yet.
func (b BackEnd) resting(d ServerDecision) (reason, message string) {
	underway := b.Server != nil && (b.Server.halfWay() || d.Verdict == VerdictTurn && d.worksOn(*b.Server))
	first := d.Verdict == VerdictTurn || d.Verdict == VerdictStart &&
		(!d.Begun || d.Step == v1alpha1.StepStagePackage || d.Step == v1alpha1.StepStopServices)
	switch {
	case !first || underway:
		return "", ""
	case b.Deleting:
		return v1alpha1.ReasonDeleting, "being deleted: nothing is started"
	case b.Observe:
		return v1alpha1.ReasonObserving, "management is Observe: nothing is changed on the server"
	case b.Paused:
		return v1alpha1.ReasonPaused, "paused: nothing is started"
	}
	return "", ""
}

// awayFor is the time since the first stop after which the services have not been put back, on the server's clock.
func (s Server) awayFor() time.Duration {
	var back, first time.Time
	for _, job := range s.Jobs {
		step := StepOf(job.ID)
		if (step == v1alpha1.StepRecover || step == v1alpha1.StepStartServices) && job.State == JobSucceeded && job.Started.After(back) {
			back = job.Started
		}
	}
	for _, job := range s.Jobs {
		if StepOf(job.ID) == v1alpha1.StepStopServices && job.Started.After(back) && (first.IsZero() || job.Started.Before(first)) {
			first = job.Started
		}
	}
	if first.IsZero() {
		return 0
	}
	return s.Time.Sub(first)
}

// windowsServer walks the steps that concern the Windows server itself; withDatabases includes step 11 on it.
func (b BackEnd) windowsServer(result BackEndDecision, withDatabases bool) BackEndDecision {
	server := *b.Server
	d := begin(b.Plan, server, b.Permitted)
	switch {
	case server.activeJob() != nil:
		d = d.awaitJob(b.Plan, server, *server.activeJob())
	case server.Build == "":
		d = d.hold(v1alpha1.ReasonInvalidTopology, "no Lync Server core components are installed on %s; is it a Standard Edition server?", server.FQDN)
	case d.Begun:
		d = d.backEndInProgress(b.Plan, server, withDatabases)
	case b.mismatch(server) != nil:
		found := b.mismatch(server)
		d = d.hold(found.Reason, "%s", found.Message)
	case b.Plan.Build.OlderThan(server.Build):
		d = d.downgrade(b.Plan, server)
	case server.Build.OlderThan(b.Plan.Build):
		d = d.prepare(b.Plan, server)
		if d.Verdict == VerdictTurn {
			// BE, step 4 has no -Graceful: on this server users are cut off, and the shorter the better.
			d.Order.Graceful, d.Order.StopAtOnce = false, true
		}
	default:
		result.Server = d
		return b.databasesOfCurrentServer(result, withDatabases)
	}
	result.Server = d
	return result
}

// mismatch says what on the server is not as declared. A server beside SQL Server may hold components of any role.
func (b BackEnd) mismatch(server Server) *Problem {
	reason, message := b.Plan.productMismatch(server)
	if reason == "" && b.Edition == v1alpha1.EditionStandard {
		reason, message = b.Plan.roleMismatch(server)
	}
	if reason == "" {
		return nil
	}
	return &Problem{Reason: reason, Message: message, Lasting: true}
}

// databasesOfCurrentServer looks whether a server that has the build has the databases that go with it: somebody may have run
// the installer by hand and left out step 11.
func (b BackEnd) databasesOfCurrentServer(result BackEndDecision, withDatabases bool) BackEndDecision {
	d, server := result.Server, *b.Server
	d = d.alreadyCurrent(server)
	if withDatabases && d.Verdict == VerdictDone && !b.Confirmed {
		if b.Report == nil && b.ReportProblem == "" {
			result.NeedReport, result.Local = server.FQDN, true
			d = d.wait(v1alpha1.StepVerify, v1alpha1.ReasonUpgrading, "comparing the databases of %s", server.FQDN)
		} else if b.Report != nil && len(b.Report.Outdated()) > 0 {
			d = d.hold(v1alpha1.ReasonDatabaseUpdateFailed, "%s has build %s, but its databases are older: %s. Run Install-CsDatabase -Update -LocalDatabases on it; the status then follows by itself",
				server.FQDN, server.Build, strings.Join(b.Report.Outdated(), ", "))
		}
	}
	result.Server = d
	return result
}

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

func (d ServerDecision) backEndInProgress(plan Plan, server Server, withDatabases bool) ServerDecision {
	inWindows := plan
	// Windows is restarted only when the installer asks for it: the page has no restart, and time counts.
	inWindows.RestartComputer = false
	if d.beingPutAway(plan, server) || server.Build.OlderThan(plan.Build) && !server.begunFor(plan.Build) {
		return d.backToService(inWindows, server)
	}
	for _, published := range backEndSteps {
		if published.step == v1alpha1.StepUpdateDatabases && !withDatabases {
			continue
		}
		id := JobID(published.step, plan.Build, d.Attempt)
		job := server.job(id)
		current := !server.Build.OlderThan(plan.Build)
		if published.step == v1alpha1.StepInstall && current && job == nil {
			continue
		}
		if job == nil {
			if published.step == v1alpha1.StepStopServices {
				return d.stopForBackEnd(plan, server)
			}
			if published.step == v1alpha1.StepStopServicesAgain && !current {
				if restart, done := d.restart(inWindows, server); !done {
					return restart
				}
				return d.recoverThenHold(plan, server, v1alpha1.ReasonBuildNotReached,
					fmt.Sprintf("the installer ended on %s, but the server has build %s, not %s", server.FQDN, server.Build, plan.Build))
			}
			return d.start(published.step, backEndOrder(id, published, plan), "%s", inWords(published.step, server.FQDN))
		}
		if job.State == JobFailed || job.State == JobInterrupted {
			return d.recoverThenHold(plan, server, reasonOfFailure(published.step, *job), fmt.Sprintf("%s on %s: %s",
				failedStep[published.step], server.FQDN, sentence(job.Message)))
		}
	}
	return d.backToService(inWindows, server)
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

func (b BackEnd) enterprise() BackEndDecision {
	result := BackEndDecision{Variant: b.variant()}
	if b.Declared != "" && b.Server == nil {
		return b.unanswered(result)
	}
	result.FrontEndsReady, result.FrontEndsMessage = b.frontEndsReady()
	host, job := b.databaseJob()
	if job != nil && job.Active() {
		d := ServerDecision{FQDN: host.FQDN, Build: host.Build, Attempt: attemptOf(job.ID)}
		result.Server = d.awaitJob(b.Plan, *host, *job)
		result = b.finish(result)
		result.InProgress = true
		return result
	}
	lync := b.Server != nil && b.Server.Build != ""
	if lync && b.Server.Begun() {
		return b.finish(b.windowsServer(result, false))
	}
	d := ServerDecision{FQDN: b.Declared, Attempt: max(b.Permitted, 1)}
	if d.FQDN == "" {
		d.FQDN = b.SQLServer
	}
	if b.Confirmed && (!lync || !b.Server.Build.OlderThan(b.Plan.Build)) {
		result.Server = d.databasesDone(b.Plan)
		return result
	}
	if !result.FrontEndsReady {
		result.Server = d.wait(v1alpha1.StepWaiting, v1alpha1.ReasonWaitingForFrontEnds, "%s", result.FrontEndsMessage)
		return b.finish(result)
	}
	if b.OpenDomain != "" {
		result.Server = d.wait(v1alpha1.StepWaiting, v1alpha1.ReasonWaitingForFrontEnds, "the upgrade domain %s of the pool is open; front ends and SQL Server are never out together", b.OpenDomain)
		return b.finish(result)
	}
	if lync && b.Server.Build.Compare(b.Plan.Build) != 0 {
		return b.finish(b.windowsServer(result, false))
	}
	result.Server = d
	return b.finish(b.databases(result, host, job))
}

// frontEndsReady is the gate in front of an Enterprise back end: databases follow when every front end has the build and serves.
func (b BackEnd) frontEndsReady() (bool, string) {
	if len(b.FrontEnds) == 0 {
		return false, "the pool's front ends are not known yet"
	}
	// The message names only front ends that do not answer: how far the others are stands in the pool's own status.
	var silent []string
	waiting := false
	for _, frontEnd := range b.FrontEnds {
		switch {
		case frontEnd.Server == nil:
			silent = append(silent, frontEnd.FQDN)
		case frontEnd.Server.Build.OlderThan(b.Plan.Build), frontEnd.Server.Begun(), !frontEnd.Server.Serving():
			waiting = true
		}
	}
	switch {
	case len(silent) > 0:
		return false, fmt.Sprintf("databases follow when every front end has build %s and serves; no answer from %s", b.Plan.Build, strings.Join(silent, ", "))
	case waiting:
		return false, fmt.Sprintf("databases follow when every front end has build %s and serves", b.Plan.Build)
	}
	return true, fmt.Sprintf("all %d front ends have the build and serve", len(b.FrontEnds))
}

// databaseJob finds the job that updates the databases for this build, on whichever front end it was started; where there
// are several attempts, the latest.
func (b BackEnd) databaseJob() (*Server, *Job) {
	var host *Server
	var latest *Job
	for _, frontEnd := range b.FrontEnds {
		if frontEnd.Server == nil {
			continue
		}
		for i := range frontEnd.Server.Jobs {
			job := &frontEnd.Server.Jobs[i]
			step, subject, attempt, _ := parseJobID(job.ID)
			if step == v1alpha1.StepUpdateDatabases && subject == string(b.Plan.Build) && (latest == nil || attempt > attemptOf(latest.ID)) {
				host, latest = frontEnd.Server, job
			}
		}
	}
	return host, latest
}

func attemptOf(id string) int {
	_, _, attempt, _ := parseJobID(id)
	return attempt
}

func (b BackEnd) variant() v1alpha1.DatabaseVariant {
	collocated := b.Stores == v1alpha1.CollocatedStoresPresent ||
		b.Stores != v1alpha1.CollocatedStoresAbsent && b.Report != nil && len(b.Report.CollocatedStores) > 0
	if collocated {
		return v1alpha1.DatabaseVariantEnterpriseCollocated
	}
	return v1alpha1.DatabaseVariantEnterprise
}

// databases is step 11 for an Enterprise pool.
func (b BackEnd) databases(result BackEndDecision, host *Server, job *Job) BackEndDecision {
	d := result.Server
	if host == nil {
		host = b.FrontEnds[0].Server
	}
	attempt := max(b.Permitted, 1)
	if job != nil {
		attempt = max(attempt, attemptOf(job.ID))
	}
	d.Attempt = attempt
	current := func() BackEndDecision {
		result.Server = d.databasesDone(b.Plan)
		return result
	}
	if b.Report == nil && b.ReportProblem == "" {
		result.NeedReport = host.FQDN
		result.Server = d.wait(v1alpha1.StepVerify, v1alpha1.ReasonUpgrading, "comparing the databases on %s, asked from %s", b.SQLServer, host.FQDN)
		return result
	}
	if b.Report != nil && b.Report.Confirmed() {
		return current()
	}
	if b.Report != nil && b.Report.Mirrored {
		result.Server = d.hold(v1alpha1.ReasonMirrorNotSupported, "the databases on %s are mirrored, which this version does not update. Update them by hand as the update's KB article says; the status then follows by itself", b.SQLServer)
		return result
	}
	if job != nil && attemptOf(job.ID) == attempt {
		return b.afterDatabaseJob(result, d, *job, current)
	}
	if b.Report == nil && b.Stores == v1alpha1.CollocatedStoresDetect {
		result.Server = d.wait(v1alpha1.StepVerify, v1alpha1.ReasonServerAnswerUnknown,
			"whether archiving or monitoring databases are on %s could not be found out: %s. Set collocatedStores to Present or Absent, or repair the cause", b.SQLServer, sentence(b.ReportProblem))
		return result
	}
	d.FQDN, d.Build = host.FQDN, host.Build
	result.Server = d.start(v1alpha1.StepUpdateDatabases, Order{ID: JobID(v1alpha1.StepUpdateDatabases, b.Plan.Build, attempt), Action: ActionUpdateDatabases,
		Variant: result.Variant, SQLServer: b.SQLServer, Timeout: databaseTimeout}, "%s", inWords(v1alpha1.StepUpdateDatabases, host.FQDN))
	return result
}

func (d ServerDecision) databasesDone(plan Plan) ServerDecision {
	d.Build = plan.Build
	d.Verdict, d.Step, d.Reason, d.Message = VerdictDone, v1alpha1.StepDone, v1alpha1.ReasonUpToDate, "the databases are at the build"
	return d
}

func (b BackEnd) afterDatabaseJob(result BackEndDecision, d ServerDecision, job Job, current func() BackEndDecision) BackEndDecision {
	switch {
	case job.State != JobSucceeded:
		result.Server = d.hold(v1alpha1.ReasonDatabaseUpdateFailed, "the databases on %s could not be updated: %s. Look at the job's log, then ask for another try with the annotation %s",
			b.SQLServer, sentence(job.Message), v1alpha1.AnnotationRetry)
		return result
	case b.Report != nil && len(b.Report.Outdated()) > 0:
		result.Server = d.hold(v1alpha1.ReasonDatabaseUpdateFailed, "Install-CsDatabase ended without an error, but these databases on %s are still old: %s", b.SQLServer, strings.Join(b.Report.Outdated(), ", "))
		return result
	}
	return current()
}
