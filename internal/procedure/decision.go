package procedure

import (
	"fmt"

	"lyncops.dev/operator/api/v1alpha1"
)

// Verdict is the kind of a decision: exactly one of start, wait, hold, done.
type Verdict string

const (
	// VerdictStart: start the job in Order.
	VerdictStart Verdict = "Start"
	// VerdictTurn: the job in Order may start as soon as it is this server's turn.
	VerdictTurn Verdict = "Turn"
	// VerdictWait: something that comes by itself is awaited.
	VerdictWait Verdict = "Wait"
	// VerdictHold: a person must look at it.
	VerdictHold Verdict = "Hold"
	// VerdictPutAway: everything is done; the finished jobs may be put away.
	VerdictPutAway Verdict = "PutAway"
	// VerdictDone: nothing is left to do.
	VerdictDone Verdict = "Done"
)

// ServerDecision is the one next step of one server.
type ServerDecision struct {
	FQDN    string
	Build   v1alpha1.Build
	Verdict Verdict
	Step    v1alpha1.ServerStep
	Attempt int
	Order   *Order
	Reason  string
	Message string
	// Begun: our work on the server's services has begun and is not finished.
	Begun bool
	// OutOfService: the server does not serve, whoever is to blame.
	OutOfService bool
	// InProgress: the server is out of service, or on its way out or back, because of us. A server that was put back after a
	// failure is not in progress any more: whatever is done to it next needs every gate again.
	InProgress bool
	// Aside: held, and standing in nobody's way: the server has a newer build than the declared one and is left as it is.
	Aside bool
	// Anew: the order is the first of our work on the server, and was given before for a job that has not begun (VerdictTurn). Every gate counts
	// as it did then, but for how old the turn may be: the job has taken it in time.
	Anew bool
	// NeedServing: what is to be decided depends on whether the server's ports listen, which it has not been asked.
	NeedServing bool
	// NeedPatchVersion: what is to be decided depends on Get-CsServerPatchVersion, which the server has not been asked.
	NeedPatchVersion bool
	// NeedLocalDatabases: whether an installer has left the server's own databases usable must be found out before the decision is
	// acted upon; with DomainServer.LocalDatabases or BackEnd.LocalDatabases it is taken again.
	NeedLocalDatabases bool
	// ActiveSeconds is how long the awaited job has been running, on the server's clock; zero when no job is awaited.
	ActiveSeconds float64
}

func (d ServerDecision) start(step v1alpha1.ServerStep, order Order, message string, args ...any) ServerDecision {
	d.Verdict, d.Step, d.Order, d.Reason, d.Message = VerdictStart, step, &order, v1alpha1.ReasonUpgrading, fmt.Sprintf(message, args...)
	return d
}

func (d ServerDecision) wait(step v1alpha1.ServerStep, reason, message string, args ...any) ServerDecision {
	d.Verdict, d.Step, d.Reason, d.Message = VerdictWait, step, reason, fmt.Sprintf(message, args...)
	return d
}

// worksOn says whether this decision belongs to the part of a procedure in which the server is out of service because of us.
func (d ServerDecision) worksOn(server Server) bool {
	switch d.Verdict {
	case VerdictPutAway:
		return true
	case VerdictStart, VerdictWait:
		return d.Begun && inProgress(d.Step) || server.halfWay()
	case VerdictTurn:
		if d.Anew {
			return true // it may still begin
		}
		// Some updates start all services at their end; the restart that is still due belongs to the same work.
		return server.halfWay() && !server.heldInService(d.Attempt) || d.onlyNeedsRestart() && !server.putBack() && !server.backByHand()
	default:
		return server.halfWay()
	}
}

// onlyNeedsRestart says whether the server waits for its turn to be restarted: everything else has been done.
func (d ServerDecision) onlyNeedsRestart() bool {
	if d.Verdict != VerdictTurn {
		return false
	}
	step := StepOf(d.Order.ID)
	return step == v1alpha1.StepRestartComputer || step == v1alpha1.StepStopServicesAgain
}

func (d ServerDecision) hold(reason, message string, args ...any) ServerDecision {
	d.Verdict, d.Step, d.Reason, d.Message = VerdictHold, v1alpha1.StepHeld, reason, fmt.Sprintf(message, args...)
	return d
}
