package procedure

import (
	"fmt"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
)

// Departure is an object that is being deleted, or whose pool is, and what it would leave behind.
type Departure struct {
	// HalfWay are the servers that are out of service, or on their way out or back, because of the object.
	HalfWay []string
	// Unseen are servers that the object may have begun with and that do not answer.
	Unseen []string
	// Others are objects that need this one to finish their own server, each by kind and name.
	Others []string
	// FailOver names a pool whose failover is not over, for which the object is needed; empty when there is none.
	FailOver string
	// Doing is what goes on at the moment.
	Doing string
	// Obstacle is why it cannot be finished by itself; nil while it can. Lasting when only a person can help.
	Obstacle *Problem
	// Force is the value of the annotation lyncops.dev/force-delete.
	Force string
}

// DepartureDecision says whether an object that is being deleted may go.
type DepartureDecision struct {
	// LetGo: the object may go.
	LetGo bool
	// Forced: it goes although a server is half way; the message says which.
	Forced bool
	// Stalled: only a person can help.
	Stalled bool
	Reason  string
	Message string
}

// letGoByForce is how a person lets go of what cannot be finished.
const letGoByForce = "To let go at once and leave it so: the annotation " + v1alpha1.AnnotationForceDelete + "=" + v1alpha1.ForceDeleteValue

// Depart decides whether an object that is being deleted may go. Deleting never leaves a server half way: what is in progress is
// finished or put back first, and a server that does not answer is not taken for finished. A person may say otherwise.
func Depart(departure Departure) DepartureDecision {
	open := departure.open()
	if open == "" {
		return DepartureDecision{LetGo: true, Reason: v1alpha1.ReasonDeleting, Message: "being deleted: no server is half way"}
	}
	if departure.Force == v1alpha1.ForceDeleteValue {
		return DepartureDecision{LetGo: true, Forced: true, Reason: v1alpha1.ReasonDeleting,
			Message: fmt.Sprintf("let go by the annotation %s although %s. Its services may be stopped, or its installation incomplete: declare the pool or server again, and the operator goes on where the server stands",
				v1alpha1.AnnotationForceDelete, open)}
	}
	how := letGoByForce
	if departure.Force != "" {
		how = fmt.Sprintf("The annotation %s has the value %q and is not obeyed; the only value that is: %s", v1alpha1.AnnotationForceDelete, departure.Force, v1alpha1.ForceDeleteValue)
	}
	if obstacle := departure.Obstacle; obstacle != nil {
		return DepartureDecision{Reason: v1alpha1.ReasonDeletionBlocked, Stalled: obstacle.Lasting,
			Message: fmt.Sprintf("being deleted, but %s, which cannot be finished: %s. %s", open, strings.TrimSuffix(obstacle.Message, "."), how)}
	}
	doing := ""
	if departure.Doing != "" {
		doing = " (" + departure.Doing + ")"
	}
	return DepartureDecision{Reason: v1alpha1.ReasonDeleting,
		Message: fmt.Sprintf("being deleted: %s%s. It is finished first, and no other is started. %s", open, doing, how)}
}

// open names what would be left behind; empty when nothing would.
func (d *Departure) open() string {
	switch {
	case len(d.HalfWay) > 0:
		return strings.Join(d.HalfWay, " and ") + isOrAre(d.HalfWay) + " half way"
	case d.FailOver != "":
		return "the failover of " + d.FailOver + " is not over"
	case len(d.Others) > 0:
		return strings.Join(d.Others, " and ") + isOrAre(d.Others) + " not finished with a server"
	case len(d.Unseen) > 0:
		return strings.Join(d.Unseen, " and ") + " may be half way"
	}
	return ""
}

func isOrAre(names []string) string {
	if len(names) == 1 {
		return " is"
	}
	return " are"
}

// Departure is what an upgrade domain would leave behind.
func (d DomainDecision) Departure(domain Domain) Departure {
	departure := Departure{}
	for i, server := range d.Servers {
		observed := domain.Servers[i]
		switch {
		case server.InProgress:
			departure.HalfWay = append(departure.HalfWay, server.FQDN)
			departure.note(server, observed.Problem, observed.LastStep)
		case observed.Server == nil && (!observed.Left || domain.mayHaveBegun(observed)):
			departure.Unseen = append(departure.Unseen, server.FQDN)
			departure.note(server, observed.Problem, observed.LastStep)
		}
	}
	return departure
}

// Departure is what a back end or Standard Edition server would leave behind.
func (d BackEndDecision) Departure(backEnd BackEnd) Departure {
	departure := Departure{}
	silent := func(fqdn string, problem *Problem) {
		departure.Unseen = append(departure.Unseen, fqdn)
		departure.note(ServerDecision{FQDN: fqdn, Message: fqdn + " has not been looked at yet"}, problem, backEnd.LastStep)
	}
	if d.InProgress {
		departure.HalfWay = []string{d.Server.FQDN}
		departure.note(d.Server, backEnd.Problem, backEnd.LastStep)
		return departure
	}
	if backEnd.Declared != "" && backEnd.Server == nil {
		silent(backEnd.Declared, backEnd.Problem)
	}
	for _, frontEnd := range backEnd.FrontEnds {
		if frontEnd.Server == nil {
			silent(frontEnd.FQDN, frontEnd.Problem)
		}
	}
	return departure
}

// note keeps what goes on with a server, and the first thing that stands in its way.
func (d *Departure) note(server ServerDecision, problem *Problem, last v1alpha1.ServerStep) {
	restarting := problem != nil && last == v1alpha1.StepRestartComputer && !problem.Lasting
	switch {
	case d.Obstacle != nil:
	case server.Verdict == VerdictHold:
		d.Obstacle = &Problem{Reason: server.Reason, Message: server.Message, Lasting: true}
	case problem != nil && !restarting:
		d.Obstacle = problem
	case server.Message != "":
		d.Doing = server.Message
	}
}
