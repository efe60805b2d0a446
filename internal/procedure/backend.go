package procedure

import (
	"fmt"
	"strings"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

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
	// AlwaysOn: the databases are in an availability group, and SQLServer is its listener.
	AlwaysOn bool
	// OtherStores are updated after the pool's databases, in this order; for Enterprise.
	OtherStores []DatabaseStore
	// Mirror says what is known and wanted about mirrored databases; empty: detect, and update without -Update.
	Mirror v1alpha1.MirrorPolicy
	// MirrorState is what was found about them in this pass; nil when it was not asked.
	MirrorState *Mirror
	// MirrorSaid is how the mirrors stood when it was last known, as a reason; empty when that was never asked.
	MirrorSaid string
	// LocalDatabases is what was found in the server's own instances; nil when it was not asked.
	LocalDatabases *LocalDatabases
	// Away is how long the services have been away as far as was known at the last look, for when the server does not answer.
	Away time.Duration
	// Report is what Test-CsDatabase found in this pass about the pool's, or the server's, databases; nil when it was not asked.
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
	// First is what comes before this server among the objects of its namespace; nil when nothing does.
	First *Precedes
	// TopologyChanged says why FrontEnds are not the pool's front ends any more, or that this could not be asked; empty when the topology was
	// read again and is as it was, and nil when it was not read in this pass.
	TopologyChanged *string
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
	// Store is the one that is to be asked about; see BackEnd.StoreAsked.
	Store int
	// NeedMirror names the server from which Get-CsDatabaseMirrorState must be asked before anything can be decided.
	NeedMirror string
	// NeedTopology: databases could be updated now if the topology still names the front ends that were looked at.
	NeedTopology bool
	Variant      v1alpha1.DatabaseVariant
	// Mirror and MirrorMessage say how the mirrors stand, as a reason; empty when that was not asked.
	Mirror        string
	MirrorMessage string
	// StoresCompared: LeftBehind is what stores beside the pool's databases are old, which no published command updates from here.
	StoresCompared bool
	LeftBehind     []string
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
	// A clock that cannot be read goes on all the same.
	result.Outage = b.Away
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
	if b.Server != nil {
		*d = d.afterInstaller(b.Plan, *b.Server, b.LocalDatabases)
	}
	if reason, message := b.resting(*d); reason != "" && d.Anew {
		*d = d.onlyAwaited()
	} else if reason != "" {
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
	if UpdatesDatabases(d.Step) && d.Verdict == VerdictWait {
		result.InProgress = true
	}
	return result
}

// resting says why nothing is started on a server that is not being worked on yet.
func (b BackEnd) resting(d ServerDecision) (reason, message string) {
	underway := b.Server != nil && !d.Anew && (b.Server.halfWay() || d.Verdict == VerdictTurn && d.worksOn(*b.Server))
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
	case b.First != nil && d.Step != v1alpha1.StepStagePackage:
		return b.First.Reason, b.First.Message
	}
	return "", ""
}

// windowsServer walks the steps that concern the Windows server itself; withDatabases includes step 11 on it.
func (b BackEnd) windowsServer(result BackEndDecision, withDatabases bool) BackEndDecision {
	server := *b.Server
	d := begin(b.Plan, server, b.Permitted)
	switch {
	case server.activeJob() != nil:
		d = d.awaitJob(b.Plan, server, *server.activeJob()).orderAgain(server, *server.activeJob(), func(without Server) ServerDecision {
			other := b
			other.Server = &without
			return other.windowsServer(result, withDatabases).Server
		})
	case server.Build == "":
		d = d.hold(v1alpha1.ReasonInvalidTopology, "no Lync Server core components are installed on %s; is it a Standard Edition server?", server.FQDN)
	case d.Begun:
		var needReport bool
		if d, needReport = b.inProgress(d, server, withDatabases); needReport {
			result.NeedReport, result.Local = server.FQDN, true
		}
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
	d = d.alreadyCurrent(b.Plan, server)
	if withDatabases && d.Verdict == VerdictDone && !b.Confirmed {
		if b.Report == nil && b.ReportProblem == "" {
			result.NeedReport, result.Local = server.FQDN, true
			d = d.wait(v1alpha1.StepVerify, v1alpha1.ReasonUpgrading, "comparing the databases of %s", server.FQDN)
		} else if old := b.Report.OnServer(server.FQDN); old != nil && len(old.Outdated()) > 0 {
			d = d.hold(v1alpha1.ReasonDatabaseUpdateFailed, "%s has build %s, but its databases are older: %s. Run Install-CsDatabase -Update -LocalDatabases on it; the status then follows by itself",
				server.FQDN, server.Build, strings.Join(old.Outdated(), ", "))
		}
	}
	result.Server = d
	return result
}

func (b BackEnd) enterprise() BackEndDecision {
	result := BackEndDecision{Variant: b.variant()}
	if b.Declared != "" && b.Server == nil {
		return b.unanswered(result)
	}
	result.FrontEndsReady, result.FrontEndsMessage = b.frontEndsReady()
	if host, job := b.activeDatabaseJob(); job != nil {
		if again := b.databasesOrderedAgain(*host, *job); again != nil {
			return *again
		}
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
		return b.lookAtMirror(result)
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
	return b.finish(b.databases(result))
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
		case frontEnd.Server.Build.OlderThan(b.Plan.Build), frontEnd.Server.Begun(), !frontEnd.Server.Serving(), frontEnd.Server.FailOverSeen():
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
