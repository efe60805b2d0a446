package procedure

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// Problem is why a server could not be observed.
type Problem struct {
	Reason  string
	Message string
	// Lasting: it does not go away without a person.
	Lasting bool
}

// DomainServer is one server of a domain as it was observed, or why it was not.
type DomainServer struct {
	FQDN    string
	Server  *Server
	Problem *Problem
	// Permitted is the attempt that a person has allowed; 0 for the first.
	Permitted int
	// LastStep is the step that was last known, for a server that cannot be observed now.
	LastStep v1alpha1.ServerStep
	// LastBuild is the build that was last known.
	LastBuild v1alpha1.Build
	// LocalDatabases is what was found in the server's own instances; nil when it was not asked.
	LocalDatabases *LocalDatabases
	// Left: the pool has the server no more. What was begun on it is finished, and nothing else is.
	Left bool
}

// Domain is one upgrade domain as it was observed.
type Domain struct {
	Plan    Plan
	Servers []DomainServer
	// Turn: the pool has opened this domain.
	Turn bool
	// TurnAge is how long ago the answer was read that opened it. Once a server was taken out since then and is back without
	// the build, the domain needs another turn. Zero when it is not known; who gives it must also give Pool.OpenSince, so that the old turn runs out.
	TurnAge time.Duration
	// TurnLimit is how old a turn may be when the domain's work begins: the time between two questions. Zero is no limit.
	TurnLimit time.Duration
	// Underway: a server of the domain was verified and put away in this same pass, and DomainDecision.PassesTurnOn: its turn goes over to
	// the next one however long ago it was given.
	Underway bool
	// Adopted: no answer has opened this domain, its turn was taken over from servers found in progress. They are finished, and
	// no other is stopped before the pool has been asked.
	Adopted bool
	// Members are all front ends of the pool as just observed; nil when they were not asked, which is fine as long as no
	// server is to be stopped.
	Members []Member
	// TopologyChanged says why the members are not the pool's front ends any more, or that this could not be asked; empty when the
	// topology was read again and is as it was. It is looked at only together with the members.
	TopologyChanged string
	// Topology are the front ends that the topology names now, in its order; empty when that could not be asked.
	Topology       []string
	ServersAtATime int
	Paused         bool
	Observe        bool
	// Deleting: the domain's object or its pool's is being deleted; what is in progress is finished.
	Deleting bool
	// Claimed: the domain's object bears the finalizer, so that a server of it may have been begun whatever the status remembers.
	Claimed bool
	// WasInProgress: at the last look a server of the domain was half way. One that is held and has fallen silent since may be that one.
	WasInProgress bool
	// AskMirror: the pool's databases may be mirrored, so that Mirror must be known before a server is stopped.
	AskMirror bool
	// Mirrored: they are known to be.
	Mirrored bool
	// Mirror is what was found about the mirrors in this pass; nil when it was not asked.
	Mirror *Mirror
	// PoolFailedOver: the users of the pool are on its backup pool, and every front end may be worked on at once.
	PoolFailedOver bool
	// BackEnd names a back end of the pool that is being worked on: no server is stopped meanwhile.
	BackEnd string
}

// DomainDecision is what to do in one upgrade domain.
type DomainDecision struct {
	Servers []ServerDecision
	State   v1alpha1.DomainState
	// InProgress: a server of the domain is out of service, or on its way out or back, because of us.
	InProgress bool
	// NeedMembers: a server could be stopped now if all front ends of the pool were observed.
	NeedMembers bool
	// NeedMirror: a server could be stopped now if it were known how the mirrors of the pool's databases stand.
	NeedMirror bool
	// QuorumMessage is what the second lock found, when it was asked.
	QuorumMessage string
	QuorumBroken  bool
	Reason        string
	Message       string
}

// UpgradeDomain decides the next step of every server of a domain. Servers are taken in order, at most ServersAtATime out of
// service together, and none is stopped before the one before it is verified back in service, while another one is held, while
// any server of the domain does not answer, or when the pool would fall below the number it needs to stay functional.
func UpgradeDomain(domain Domain) DomainDecision {
	result := DomainDecision{}
	domain.Plan.PoolFailedOver = domain.PoolFailedOver
	for _, server := range domain.Servers {
		result.Servers = append(result.Servers, domain.consider(server))
	}
	domain.awaitColdStart(&result)
	domain.awaitTurnsEnd(&result)
	domain.grantTurns(&result)
	domain.sumUp(&result)
	return result
}

func (domain Domain) consider(server DomainServer) ServerDecision {
	if server.Server == nil {
		return domain.unseen(server)
	}
	if domain.Plan.Build == "" {
		return ServerDecision{FQDN: server.FQDN, Build: server.Server.Build, Attempt: 1, Verdict: VerdictDone, Step: v1alpha1.StepDone,
			Reason: v1alpha1.ReasonObserving, Message: "no build is desired; the server is only looked at", OutOfService: !server.Server.Serving()}
	}
	decision := FrontEnd(domain.Plan, *server.Server, server.Permitted)
	decision = decision.afterInstaller(domain.Plan, *server.Server, server.LocalDatabases)
	decision.InProgress = decision.worksOn(*server.Server)
	if server.Left && !decision.InProgress && !decision.Begun {
		decision.Verdict, decision.Step, decision.Order = VerdictDone, v1alpha1.StepDone, nil
		decision.Reason, decision.Message = v1alpha1.ReasonTopologyChanged, "has left the pool, and nothing is half way on it"
		return decision
	}
	if decision.Verdict == VerdictStart && decision.Step == v1alpha1.StepStagePackage && !decision.InProgress {
		if blocked, reason, message := domain.blocked(); blocked {
			return decision.wait(v1alpha1.StepWaiting, reason, "%s", message)
		}
	}
	return decision
}

// unseen decides about a server that could not be observed in this pass, by what was last known of it.
func (domain Domain) unseen(server DomainServer) ServerDecision {
	if server.Problem == nil {
		server.Problem = &Problem{Reason: v1alpha1.ReasonDiscovering, Message: server.FQDN + " has not been looked at yet"}
	}
	decision := ServerDecision{FQDN: server.FQDN, Build: server.LastBuild, Attempt: max(server.Permitted, 1), OutOfService: true,
		Verdict: VerdictWait, Step: v1alpha1.StepUnknown, Reason: server.Problem.Reason, Message: server.Problem.Message}
	if inProgress(server.LastStep) || server.LastStep == v1alpha1.StepHeld && domain.WasInProgress {
		decision.Begun, decision.InProgress, decision.Step = true, true, server.LastStep
	}
	if server.LastStep == v1alpha1.StepRestartComputer && !server.Problem.Lasting {
		decision.Reason, decision.Message = v1alpha1.ReasonUpgrading, inWords(v1alpha1.StepRestartComputer, server.FQDN)
	}
	if known := server.LastStep != "" && server.LastStep != v1alpha1.StepUnknown; server.Left && known && !decision.InProgress && !WorkedOn(server.LastStep) {
		decision.Verdict, decision.Step, decision.Reason = VerdictDone, v1alpha1.StepDone, v1alpha1.ReasonTopologyChanged
		decision.Message = "has left the pool and does not answer, and nothing was half way on it"
	}
	if server.Left && server.LastStep == v1alpha1.StepHeld && !decision.InProgress {
		decision.Message = fmt.Sprintf("%s was held and has left the pool, and does not answer: %s. Bring it back; or, if it is gone for good, delete this UpgradeDomain object: the rollout then goes on without it",
			server.FQDN, sentence(server.Problem.Message))
		return decision
	}
	left := "has left the pool in the middle of its work and does not answer, so that it cannot be finished"
	if domain.mayHaveBegun(server) {
		left = "has left the pool and does not answer, and what was known of it is lost. This object bears the finalizer, so that its work may have been begun"
	}
	if server.Left && (decision.InProgress || domain.mayHaveBegun(server)) {
		decision.Message = fmt.Sprintf("%s %s: %s. Bring it back; or, if it is gone for good, delete this UpgradeDomain object with the annotation %s=%s: the rollout then goes on without it",
			server.FQDN, left, sentence(server.Problem.Message), v1alpha1.AnnotationForceDelete, v1alpha1.ForceDeleteValue)
	}
	return decision
}

// mayHaveBegun says whether a server that does not answer may be half way although the status does not say so: the status was lost, and
// has not seen it since, but the finalizer that was put on before the first order is still there. A front end that has died must not
// keep the users of the others on the backup pool: while they are there only what is remembered counts.
func (domain Domain) mayHaveBegun(server DomainServer) bool {
	return domain.Claimed && !domain.PoolFailedOver && server.Server == nil && Unremembered(server.LastStep, server.LastBuild)
}

func (domain Domain) blocked() (bool, string, string) {
	switch {
	case domain.Deleting:
		return true, v1alpha1.ReasonDeleting, "being deleted: no further server is started"
	case domain.Observe:
		return true, v1alpha1.ReasonObserving, "management is Observe: nothing is changed on the server"
	case domain.Paused:
		return true, v1alpha1.ReasonPaused, "the pool is paused: no further server is started"
	}
	return false, "", ""
}

// inProgress says whether a step belongs to the part of the procedure in which the server is out of service.
func inProgress(step v1alpha1.ServerStep) bool {
	switch step {
	case v1alpha1.StepStopServices, v1alpha1.StepInstall, v1alpha1.StepRestartComputer, v1alpha1.StepStartServices, v1alpha1.StepVerify,
		v1alpha1.StepRecover, v1alpha1.StepStopWebServer, v1alpha1.StepStopServicesAgain, v1alpha1.StepStartWebServer, v1alpha1.StepUpdateDatabases,
		v1alpha1.StepUpdateOtherStores, v1alpha1.StepUpdateCentralManagement:
		return true
	default:
		return false
	}
}

func (domain Domain) grantTurns(result *DomainDecision) {
	limit := max(domain.ServersAtATime, 1)
	if len(domain.Members) == 2 || domain.Plan.oneAtATime() {
		limit = 1
	}
	for i := range result.Servers {
		decision := &result.Servers[i]
		if decision.Verdict != VerdictTurn {
			continue
		}
		// A server that is already out of service because of us is finished, whatever has been declared since.
		if asked := decision.forGates(); asked.InProgress && asked.OutOfService {
			*decision = decision.grant()
			continue
		}
		if reason, message := domain.turnClosed(result, i, limit); reason != "" && decision.Anew {
			*decision = decision.onlyAwaited()
			continue
		} else if reason != "" {
			*decision = decision.wait(v1alpha1.StepReady, reason, "%s", message)
			continue
		}
		*decision = decision.grant()
	}
}

// awaitTurnsEnd keeps the jobs of a server that failed in this turn, and was brought to the build otherwise, until the turn is over. They are
// what the others of the domain are to know of the failure: the pool is asked before the next one is stopped.
func (domain Domain) awaitTurnsEnd(result *DomainDecision) {
	waiting := slices.ContainsFunc(result.Servers, func(other ServerDecision) bool {
		return other.Verdict != VerdictDone && other.Verdict != VerdictPutAway && !other.Aside
	})
	if !domain.Turn || domain.TurnAge == 0 || domain.Deleting || !waiting {
		return
	}
	for i, decision := range result.Servers {
		server := domain.Servers[i].Server
		if decision.Verdict == VerdictPutAway && domain.hasFailed(i) && server.lastWork().age(server.Time) <= domain.TurnAge {
			result.Servers[i] = decision.wait(v1alpha1.StepWaiting, v1alpha1.ReasonWaitingForTurn,
				"%s failed, and has the build all the same and is in service; its jobs are put away when the turn of this upgrade domain is over", decision.FQDN)
			result.Servers[i].InProgress = false
		}
	}
}

// grant turns a server that waits for its turn into one whose order is started.
func (d ServerDecision) grant() ServerDecision {
	d.Verdict, d.Step, d.Reason = VerdictStart, StepOf(d.Order.ID), v1alpha1.ReasonUpgrading
	d.Message = inWords(d.Step, d.FQDN)
	d.Begun, d.InProgress = true, true
	return d
}

// turnClosed names the first closed gate in front of a server, or nothing when it may be stopped. For a server whose upgrade has
// begun and that serves again before its end only the last gate counts: it is finished, but not at the price of the quorum.
func (domain Domain) turnClosed(result *DomainDecision, index, limit int) (reason, message string) {
	decision := result.Servers[index].forGates()
	if domain.PoolFailedOver {
		return domain.failedOverClosed(result, index)
	}
	if !decision.InProgress {
		if reason, message := domain.notOurTurn(result); reason != "" {
			return reason, message
		}
		if reason, message := domain.othersFirst(result, index, limit); reason != "" {
			return reason, message
		}
	}
	if domain.Members == nil {
		result.NeedMembers = true
		return v1alpha1.ReasonWaitingForTurn, "the other front ends of the pool are being asked whether they serve"
	}
	if domain.Servers[index].Left && !decision.InProgress {
		return v1alpha1.ReasonTopologyChanged, decision.FQDN + " has left the pool; nothing is begun on it any more"
	}
	if domain.TopologyChanged != "" && !decision.InProgress {
		return v1alpha1.ReasonTopologyChanged, domain.TopologyChanged
	}
	if reason, message := domain.askedSinceTheOther(index); reason != "" && !decision.InProgress {
		return reason, message
	}
	if reason, message := domain.askedSinceRestart(index); reason != "" && !decision.InProgress {
		return reason, message
	}
	if reason, message := domain.membersBusy(decision); reason != "" {
		return reason, message
	}
	if reason, message := domain.tooFewLeft(result, index); reason != "" {
		return reason, message
	}
	return domain.mirrorGate(result)
}

// membersBusy names what is being done elsewhere in the pool that a server must not be stopped beside.
func (domain Domain) membersBusy(decision ServerDecision) (reason, message string) {
	for _, member := range domain.Members {
		if member.UpdatingDatabases {
			return v1alpha1.ReasonWaitingForBackEnd, fmt.Sprintf("the databases are being updated from %s; front ends and SQL Server are never worked on together", member.FQDN)
		}
		if member.FailOver != "" && !decision.InProgress {
			return v1alpha1.ReasonFailingOver, fmt.Sprintf("%s remembers a failover of the pool that is not over; nothing is stopped before it is", member.FQDN)
		}
		// Of two that serve in the middle of their work one must go first; one that is out goes on by itself.
		if goesFirst := !decision.InProgress || !member.Serving; member.Begun && !member.Unfinished && !domain.has(member.FQDN) && goesFirst {
			return v1alpha1.ReasonWaitingForTurn, fmt.Sprintf("%s of another upgrade domain is being worked on; two domains are never out together", member.FQDN)
		}
	}
	return "", ""
}

// tooFewLeft is the second lock: what would be left of the pool without this server and those that are on their way out.
func (domain Domain) tooFewLeft(result *DomainDecision, index int) (reason, message string) {
	stopping := []string{result.Servers[index].FQDN}
	for i, other := range result.Servers {
		// One whose services are being drained is still seen to serve, but will not be there.
		if i != index && other.InProgress && other.Step != v1alpha1.StepReady {
			stopping = append(stopping, other.FQDN)
		}
	}
	cost := "it would cost the pool its quorum: "
	members := domain.membersOfTopology()
	holds, left := QuorumWithout(members, stopping...)
	if !domain.Plan.Role.IsFrontEnd() {
		cost = "the pool would be left without a server: "
		holds, left = RemainingWithout(members, !domain.Plan.Graceful, stopping...)
	}
	result.QuorumMessage = left
	if holds {
		return "", ""
	}
	result.QuorumBroken = true
	return v1alpha1.ReasonQuorumAtRisk, cost + left
}

// membersOfTopology are the members that the topology still names, in its order: one that has left the pool holds up no quorum. Who has come
// since is not known to serve, and is counted when the pool is read again, which is not in the middle of a server's work.
func (domain Domain) membersOfTopology() []Member {
	var members []Member
	for _, name := range domain.Topology {
		for _, member := range domain.Members {
			if strings.EqualFold(member.FQDN, name) {
				members = append(members, member)
			}
		}
	}
	if len(members) == 0 {
		return domain.Members
	}
	return members
}

// askedSinceTheOther keeps the second server of a pool of two in one upgrade domain waiting until the pool has been asked since the
// first came back: there is nobody else who could make up for a first one that only seems to be well.
func (domain Domain) askedSinceTheOther(index int) (reason, message string) {
	if len(domain.Members) != 2 || len(domain.Servers) != 2 {
		return "", ""
	}
	other := domain.Servers[1-index].Server
	if other == nil || other.Build.OlderThan(domain.Plan.Build) || domain.TurnAge == 0 || domain.TurnAge < other.Time.Sub(other.BootTime) {
		return "", ""
	}
	return v1alpha1.ReasonWaitingForTurn, fmt.Sprintf("%s has come back since the pool of two opened this upgrade domain; the pool is asked again first", other.FQDN)
}

// askedSinceRestart keeps a server waiting that has restarted by itself, or was rebuilt, since the pool opened its domain: the answer was about
// a pool in which it had not.
func (domain Domain) askedSinceRestart(index int) (reason, message string) {
	server := domain.Servers[index].Server
	if domain.TurnAge == 0 || server.Time.Sub(server.BootTime) > domain.TurnAge {
		return "", ""
	}
	return v1alpha1.ReasonWaitingForTurn, fmt.Sprintf("%s has restarted since the pool opened this upgrade domain; the pool is asked again first", server.FQDN)
}

// notOurTurn says why no server of this domain may be stopped at all.
func (domain Domain) notOurTurn(result *DomainDecision) (reason, message string) {
	if blocked, reason, message := domain.blocked(); blocked {
		return reason, message
	}
	underway := domain.Underway
	for i, server := range result.Servers {
		// One that is put away after a failure has been in service since.
		putBack := server.Verdict == VerdictPutAway && domain.Servers[i].Server.ranIntoAFailure()
		underway = underway || server.InProgress && !putBack
	}
	switch {
	case !domain.Turn:
		return v1alpha1.ReasonWaitingForTurn, "the update package is on the server; the pool has not opened this upgrade domain yet"
	case domain.TurnLimit > 0 && domain.TurnAge > domain.TurnLimit && !underway:
		return v1alpha1.ReasonWaitingForTurn, "the answer that opened this upgrade domain is too old to begin with; the pool is asked again first"
	case domain.Adopted:
		return v1alpha1.ReasonWaitingForTurn, "what was found in progress in this upgrade domain is finished; the pool is asked before a further server is stopped"
	case domain.BackEnd != "":
		return v1alpha1.ReasonWaitingForBackEnd, fmt.Sprintf("the back end %s is being worked on; front ends and SQL Server are never out together", domain.BackEnd)
	}
	for i, other := range result.Servers {
		if since := domain.sinceTheTurn(i, other); since != "" {
			return v1alpha1.ReasonWaitingForTurn, since + " since the pool opened this upgrade domain; the pool is asked again first"
		}
	}
	return "", ""
}

// sinceTheTurn says what has become of a server that was begun and is in service without the build, or was put back after a failure and goes on
// after all, as with a restart that has happened by itself; empty where that was before the turn was given.
func (domain Domain) sinceTheTurn(index int, decision ServerDecision) string {
	server := domain.Servers[index].Server
	if server == nil || !decision.Begun || domain.TurnAge == 0 || decision.InProgress && !server.ranIntoAFailure() {
		return ""
	}
	last := server.lastEnded()
	switch {
	case last == nil:
		return ""
	case last.neverBegan() && domain.TurnAge >= server.Time.Sub(last.Claimed):
		return "a job that was ordered on " + decision.FQDN + " has ended without having begun"
	case !last.neverBegan() && domain.TurnAge >= last.age(server.Time):
		return decision.FQDN + " has come back into service"
	}
	return ""
}

// PassesTurnOn says whether a server that is put away now was brought from its stop to its end without a failure. One that failed, was put
// back and has come to the build otherwise since, has had its time in service: the pool is asked before the next one is stopped.
func (d DomainDecision) PassesTurnOn(domain Domain) bool {
	for i, decision := range d.Servers {
		if server := domain.Servers[i].Server; decision.Verdict == VerdictPutAway && server != nil && !server.ranIntoAFailure() {
			return true
		}
	}
	return false
}

// hasFailed says whether our latest work on a server of the domain failed.
func (domain Domain) hasFailed(index int) bool {
	if domain.Servers[index].Server == nil {
		return false
	}
	_, failed := domain.Servers[index].Server.failed()
	return failed
}

// othersFirst says which other server of the domain stands in the way of this one.
func (domain Domain) othersFirst(result *DomainDecision, index, limit int) (reason, message string) {
	var out []string
	for i, other := range result.Servers {
		if i == index {
			continue
		}
		switch {
		case other.Verdict == VerdictHold && !other.Aside:
			return v1alpha1.ReasonWaitingForTurn, fmt.Sprintf("%s is held; no further server is touched", other.FQDN)
		case other.Step == v1alpha1.StepRecover, other.InProgress && domain.hasFailed(i):
			// It is brought back first, and held after that.
			return v1alpha1.ReasonWaitingForTurn, fmt.Sprintf("%s failed and is being put back into service; no further server is touched", other.FQDN)
		case domain.Servers[i].Server == nil:
			return v1alpha1.ReasonWaitingForTurn, fmt.Sprintf("%s does not answer; no further server is touched", other.FQDN)
		case other.InProgress || other.OutOfService || other.goesBefore(result.Servers[index].forGates()):
			out = append(out, other.FQDN)
		}
	}
	if len(out) >= limit {
		return v1alpha1.ReasonWaitingForTurn, fmt.Sprintf("waits until %s is verified back in service", strings.Join(out, " and "))
	}
	return "", ""
}

// goesBefore says whether a server that we have begun and that is in service is finished before another one is stopped. Where both are begun
// that is the one that only needs its restart.
func (d ServerDecision) goesBefore(other ServerDecision) bool {
	return d.Begun && (!other.Begun || d.onlyNeedsRestart() && !other.onlyNeedsRestart())
}

func (domain Domain) has(fqdn string) bool {
	for _, server := range domain.Servers {
		if strings.EqualFold(server.FQDN, fqdn) {
			return true
		}
	}
	return false
}

func (domain Domain) sumUp(result *DomainDecision) {
	done, unknown := 0, false
	for i, decision := range result.Servers {
		if decision.Verdict == VerdictDone {
			done++
		}
		if domain.Servers[i].Server == nil && !decision.Begun {
			unknown = true
		}
		result.InProgress = result.InProgress || decision.InProgress
	}
	lead := result.lead()
	result.Reason, result.Message = lead.Reason, lead.Message
	switch {
	case lead.Verdict == VerdictHold:
		result.State = v1alpha1.DomainHeld
	case done == len(result.Servers):
		result.State, result.Reason = v1alpha1.DomainDone, v1alpha1.ReasonUpToDate
		result.Message = "every " + domain.Plan.serverWord() + " has the build and is in service"
	case result.InProgress:
		result.State = v1alpha1.DomainOpen
	case unknown: // also in its turn: when that has run out, no other domain is opened before the server is known to be well
		result.State = v1alpha1.DomainUnknown
	case domain.Turn:
		result.State = v1alpha1.DomainOpen
	default:
		result.State = v1alpha1.DomainWaiting
	}
}

// lead is the server that the domain's own reason speaks of: one that is held, else one that is being worked on, else one that
// does not answer, else one that was begun and waits, else one whose services a person must start, for which the pool waits, else the first
// that is not done. One with a newer build holds the domain when nothing else is left to be done in it.
func (d DomainDecision) lead() ServerDecision {
	order := []func(ServerDecision) bool{
		func(s ServerDecision) bool { return s.Verdict == VerdictHold && !s.Aside },
		func(s ServerDecision) bool { return s.InProgress },
		func(s ServerDecision) bool { return s.Step == v1alpha1.StepUnknown },
		func(s ServerDecision) bool { return s.Begun },
		func(s ServerDecision) bool { return s.Verdict == VerdictStart },
		func(s ServerDecision) bool {
			return s.Verdict == VerdictWait && s.Reason == v1alpha1.ReasonServicesNotRunning
		},
		func(s ServerDecision) bool { return s.Verdict != VerdictDone && !s.Aside },
		func(s ServerDecision) bool { return s.Aside },
	}
	for _, leads := range order {
		for _, server := range d.Servers {
			if leads(server) {
				return server
			}
		}
	}
	return ServerDecision{}
}

// Current is the server that is being worked on and its step; empty when there is none.
func (d DomainDecision) Current() (fqdn string, step v1alpha1.ServerStep) {
	if lead := d.lead(); lead.Verdict != "" && lead.Verdict != VerdictDone {
		return lead.FQDN, lead.Step
	}
	return "", ""
}

// Done counts the servers that have the build and are in service.
func (d DomainDecision) Done() int {
	done := 0
	for _, server := range d.Servers {
		if server.Verdict == VerdictDone {
			done++
		}
	}
	return done
}
