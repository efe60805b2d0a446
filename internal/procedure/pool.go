package procedure

import (
	"fmt"
	"strings"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// PoolDomain is one upgrade domain as its own controller reports it.
type PoolDomain struct {
	Name       string
	State      v1alpha1.DomainState
	InProgress bool
	// Staged: the package is on every server of the domain that needs it.
	Staged bool
	// Leaving: its object is being deleted. It keeps its turn for the server in progress and gets no other.
	Leaving bool
	// Message is the domain's own reason, for the pool's status.
	Message string
	Reason  string
}

// aside says whether the domain is held for nothing but servers with a newer build than the declared one: everything else in it is done.
// Those servers stay as they are, and the others are upgraded; a person is needed when that is all that is left.
func (d PoolDomain) aside() bool {
	return d.State == v1alpha1.DomainHeld && d.Reason == v1alpha1.ReasonDowngradeRefused && !d.InProgress
}

// Soak is the time after an upgrade domain in which the pool must stay Ready. Since is zero until the pool has answered Ready.
type Soak struct {
	After string
	Since time.Time
	// Active is how many front ends the pool counted when the time began, Placement where the replicas were then; the time begins
	// again when either changes. Zero and none when they are not known.
	Active    int
	Placement Placement
}

// Reading is the latest judged answer to the readiness question.
type Reading struct {
	At     time.Time
	Domain string
	Gate   Gate
}

// Pool is one pool as it was observed.
type Pool struct {
	Domains []PoolDomain
	// Open is the domain whose turn it is.
	Open string
	// OpenSince is when the answer was read that opened it; zero when that is not known, and then the turn does not run out.
	OpenSince time.Time
	// Adopted: no answer opened it, it was found in progress, or the pool has other servers since the answer, or one of the domain has failed
	// since; its turn ends with what is in progress.
	Adopted  bool
	Soak     *Soak
	SoakTime time.Duration
	// Last is the latest earlier answer; nil when there is none for the coming domain.
	Last *Reading
	// Answer is the answer just read; nil when the pool was not asked in this pass.
	Answer *Gate
	// Placement is where the replicas are, read after a Ready answer; nil when it was not asked or could not be read.
	Placement *Placement
	// Between is what else was looked at after a Ready answer, in the order in which it is told.
	Between []Judgement
	Policy  ReadinessPolicy
	Now     time.Time
	// Ungated: a pool without readiness, whose servers are a domain each.
	Ungated bool
	// BackEnd names a back end of the pool that is being worked on.
	BackEnd string
	Paused  bool
	Observe bool
	// First is what comes before this pool among the objects of its namespace; nil when nothing does.
	First *Precedes
	// HoldReason and HoldMessage are an earlier stop that no person has lifted.
	HoldReason  string
	HoldMessage string
}

// PoolAction is what the pool's controller does next.
type PoolAction string

const (
	// PoolWaits: come back at Until, or when a domain reports.
	PoolWaits PoolAction = "Wait"
	// PoolAsks: read Get-CsPoolUpgradeReadinessState for Domain, and decide again.
	PoolAsks PoolAction = "Ask"
	// PoolOpens: it is Domain's turn.
	PoolOpens PoolAction = "Open"
	// PoolAdopts: Domain was found in progress on the servers; it is its turn.
	PoolAdopts PoolAction = "Adopt"
	// PoolCloses: Domain is done, or held with its servers back in service; its turn is over.
	PoolCloses PoolAction = "Close"
	// PoolHolds: only a person can go on.
	PoolHolds PoolAction = "Hold"
	// PoolIsDone: every domain is done.
	PoolIsDone PoolAction = "Done"
)

// PoolDecision is what to do for a pool.
type PoolDecision struct {
	Action  PoolAction
	Domain  string
	Reason  string
	Message string
	// Until is when to look again; zero when a report of a domain will come.
	Until time.Time
	// Soak is the soak as it should be remembered.
	Soak *Soak
	// ReadAgain: the topology of the pool should be read again, because nothing goes on by itself: a server that is waited for may have left it.
	ReadAgain bool
	// EndsTurn: the turn of the open domain ends with what is in progress in it, because a server of it has failed.
	EndsTurn bool
	// SoakBegunAgain says why a soak that was running has begun again although the pool is Ready; empty when it has not.
	SoakBegunAgain string
}

// NextDomain decides whose turn it is. FE: "You must upgrade one upgrade domain at a time ... and then move on to another upgrade
// domain", with readiness asked before every one of them ("Repeat steps 1 and 2 for each upgrade domain"). Topologies: after the
// pool reports Ready, wait 20 minutes before the next domain; if it turns not ready in between, begin again.
func NextDomain(pool Pool) PoolDecision {
	decision := pool.next()
	switch decision.Action {
	case PoolIsDone, PoolHolds:
		decision.ReadAgain = true
	case PoolWaits:
		decision.ReadAgain = pool.waitsForServers()
	default:
	}
	return decision
}

// waitsForServers says whether the pool waits for a server that does not answer, or does not come to serve.
func (pool Pool) waitsForServers() bool {
	for _, domain := range pool.Domains {
		if domain.State != v1alpha1.DomainDone && serverTrouble[domain.Reason] {
			return true
		}
	}
	return false
}

// serverTrouble are the reasons of a domain that waits for a server which may have left the pool.
var serverTrouble = map[string]bool{v1alpha1.ReasonServerUnreachable: true, v1alpha1.ReasonServerAnswerUnknown: true, v1alpha1.ReasonServicesNotRunning: true,
	v1alpha1.ReasonLoginRefused: true, v1alpha1.ReasonCertificateRejected: true}

func (pool Pool) next() PoolDecision {
	if open := pool.inProgress(); open != nil {
		return *open
	}
	if pool.Open != "" {
		if closed := pool.whileOpen(); closed != nil {
			return *closed
		}
	}
	next, done := "", 0
	var newer *PoolDomain
	for i, domain := range pool.Domains {
		switch {
		case domain.State == v1alpha1.DomainDone:
			done++
		case domain.aside():
			if done++; newer == nil {
				newer = &pool.Domains[i]
			}
		case next == "":
			next = domain.Name
		}
	}
	if done == len(pool.Domains) && newer != nil {
		return PoolDecision{Action: PoolHolds, Domain: newer.Name, Reason: newer.Reason, Message: newer.Message}
	}
	if done == len(pool.Domains) && done > 0 {
		message := "every front end has the build and is in service"
		if pool.Ungated {
			message = "every server has the build and is in service"
		}
		return PoolDecision{Action: PoolIsDone, Reason: v1alpha1.ReasonUpToDate, Message: message}
	}
	if stopped := pool.notNow(next); stopped != nil {
		return *stopped
	}
	if pool.Ungated {
		return PoolDecision{Action: PoolOpens, Domain: next, Reason: v1alpha1.ReasonUpgrading, Message: "it is the next server of a pool that has no upgrade domains to ask for",
			Until: pool.Now.Add(pool.Policy.TurnLimit() + time.Second)}
	}
	if pool.Soak == nil && done > 0 && pool.SoakTime > 0 {
		pool.Soak = &Soak{After: pool.lastDone()}
	}
	if pool.Answer == nil {
		return pool.whenToAsk(next)
	}
	return pool.afterAnswer(next)
}

// inProgress answers for the domains in which servers are half way, whatever the pool remembers.
func (pool Pool) inProgress() *PoolDecision {
	var names []string
	for _, domain := range pool.Domains {
		if domain.InProgress {
			names = append(names, domain.Name)
		}
	}
	switch {
	case len(names) > 1:
		return &PoolDecision{Action: PoolHolds, Reason: v1alpha1.ReasonTwoDomainsOpen,
			Message: fmt.Sprintf("servers of %s are half way at the same time. Nothing new is started; each is finished. Find out who else works on this pool", strings.Join(names, " and "))}
	case len(names) == 1 && names[0] != pool.Open:
		return &PoolDecision{Action: PoolAdopts, Domain: names[0], Reason: v1alpha1.ReasonUpgrading,
			Message: fmt.Sprintf("%s was found in progress on its servers and is finished first", names[0])}
	}
	return nil
}

func (pool Pool) whileOpen() *PoolDecision {
	for _, domain := range pool.Domains {
		if domain.Name != pool.Open {
			continue
		}
		switch {
		case domain.Leaving && !domain.InProgress:
			return &PoolDecision{Action: PoolCloses, Domain: domain.Name, Reason: v1alpha1.ReasonDiscovering, Message: domain.Message}
		case domain.State == v1alpha1.DomainDone, domain.aside():
			decision := PoolDecision{Action: PoolCloses, Domain: domain.Name, Reason: v1alpha1.ReasonSoaking,
				Message: fmt.Sprintf("%s is done", domain.Name)}
			if pool.SoakTime > 0 {
				decision.Soak = &Soak{After: domain.Name}
			}
			return &decision
		case domain.State == v1alpha1.DomainHeld && !domain.InProgress:
			return &PoolDecision{Action: PoolCloses, Domain: domain.Name, Reason: domain.Reason, Message: domain.Message}
		case domain.State == v1alpha1.DomainHeld:
			return &PoolDecision{Action: PoolHolds, Domain: domain.Name, Reason: domain.Reason, Message: domain.Message, EndsTurn: true}
		case (pool.Paused || pool.Observe) && !domain.InProgress:
			return &PoolDecision{Action: PoolCloses, Domain: domain.Name, Reason: v1alpha1.ReasonPaused, Message: domain.Name + " is closed: no further server is started"}
		case pool.runOut(domain):
			return &PoolDecision{Action: PoolCloses, Domain: domain.Name, Reason: domain.Reason,
				Message: fmt.Sprintf("the turn of %s has run out before its next server could be stopped; the pool is asked again first. %s", domain.Name, domain.Message)}
		default:
			// The step of the moment stands in the domain's own status; repeated here it would be old before it is read.
			decision := PoolDecision{Action: PoolWaits, Domain: domain.Name, Reason: v1alpha1.ReasonUpgrading, Message: BeingUpgraded(domain.Name)}
			if !domain.InProgress && !pool.OpenSince.IsZero() {
				// A turn that nobody takes runs out without anybody reporting it.
				decision.Until = pool.OpenSince.Add(pool.Policy.TurnLimit() + time.Second)
			}
			return &decision
		}
	}
	// The open domain is not one of the pool's any more: its turn is over.
	return &PoolDecision{Action: PoolCloses, Domain: pool.Open, Reason: v1alpha1.ReasonDiscovering, Message: pool.Open + " is no longer a domain of the pool"}
}

// BeingUpgraded is what a pool says while a domain is open. It points to the domain's own status for the step of the moment.
func BeingUpgraded(domain string) string {
	return domain + " is being upgraded; which server and which step stands in its UpgradeDomain object"
}

// runOut says whether a turn may not be used any more. A domain in progress keeps its turn from server to server; one that could not
// begin within the time between two questions needs a fresh answer.
func (pool Pool) runOut(domain PoolDomain) bool {
	if pool.Adopted {
		return !domain.InProgress
	}
	return !pool.OpenSince.IsZero() && !domain.InProgress && pool.Now.Sub(pool.OpenSince) > pool.Policy.TurnLimit()
}

// notNow names the first thing that keeps the next domain from being asked for.
func (pool Pool) notNow(next string) *PoolDecision {
	for _, domain := range pool.Domains {
		if domain.State == v1alpha1.DomainHeld && !domain.aside() {
			return &PoolDecision{Action: PoolHolds, Domain: domain.Name, Reason: domain.Reason, Message: domain.Message}
		}
	}
	if pool.HoldReason != "" {
		return &PoolDecision{Action: PoolHolds, Domain: next, Reason: pool.HoldReason, Message: pool.HoldMessage}
	}
	if unknown := pool.unknown(next); unknown != nil {
		return unknown
	}
	switch {
	case pool.Observe:
		return &PoolDecision{Action: PoolWaits, Domain: next, Reason: v1alpha1.ReasonObserving, Message: "management is Observe: nothing is changed"}
	case pool.Paused:
		return &PoolDecision{Action: PoolWaits, Domain: next, Reason: v1alpha1.ReasonPaused, Message: "the pool is paused: no further server is started"}
	case pool.BackEnd != "":
		return &PoolDecision{Action: PoolWaits, Domain: next, Reason: v1alpha1.ReasonWaitingForBackEnd,
			Message: fmt.Sprintf("the back end %s is being worked on; front ends and SQL Server are never out together", pool.BackEnd)}
	case pool.First != nil && pool.First.Lasting:
		return &PoolDecision{Action: PoolHolds, Domain: next, Reason: pool.First.Reason, Message: pool.First.Message}
	case pool.First != nil:
		return &PoolDecision{Action: PoolWaits, Domain: next, Reason: pool.First.Reason, Message: pool.First.Message}
	}
	for _, domain := range pool.Domains {
		if domain.Name == next && !domain.Staged {
			message := domain.Message
			if message == "" || domain.Reason == v1alpha1.ReasonUpgrading || domain.Reason == v1alpha1.ReasonWaitingForTurn {
				// One message for all of it: how far each server is stands in the domain's own status.
				message = fmt.Sprintf("the update package is being copied to the servers of %s", next)
			}
			return &PoolDecision{Action: PoolWaits, Domain: next, Reason: v1alpha1.ReasonStaging, Message: message}
		}
	}
	return nil
}

// unknown waits for domains whose servers have not all been looked at.
func (pool Pool) unknown(next string) *PoolDecision {
	for _, domain := range pool.Domains {
		if domain.State != v1alpha1.DomainUnknown && domain.State != "" {
			continue
		}
		decision := &PoolDecision{Action: PoolWaits, Domain: next, Reason: domain.Reason, Message: domain.Message}
		if decision.Message == "" {
			decision.Message = "the servers of the pool have not all been looked at yet"
		}
		if decision.Reason == "" || decision.Reason == v1alpha1.ReasonUpgrading {
			decision.Reason = v1alpha1.ReasonDiscovering
		}
		return decision
	}
	return nil
}

func (pool Pool) lastDone() string {
	last := ""
	for _, domain := range pool.Domains {
		if domain.State == v1alpha1.DomainDone || domain.aside() {
			last = domain.Name
		}
	}
	return last
}

// whenToAsk asks at once when there is no answer yet, and otherwise when the interval, or the soak, is over.
func (pool Pool) whenToAsk(next string) PoolDecision {
	last := pool.Last
	if last == nil || last.Domain != next {
		return PoolDecision{Action: PoolAsks, Domain: next, Reason: v1alpha1.ReasonPoolBusy, Message: "the pool is being asked whether it is ready", Soak: pool.Soak}
	}
	due := last.At.Add(pool.Policy.Interval)
	if pool.soaking() {
		if end := pool.Soak.Since.Add(pool.SoakTime); end.Before(due) {
			due = end
		}
	}
	if !pool.Now.Before(due) {
		return PoolDecision{Action: PoolAsks, Domain: next, Reason: last.Gate.Reason, Message: last.Gate.Message, Soak: pool.Soak}
	}
	if pool.soaking() {
		return pool.soakOn(next, due)
	}
	return PoolDecision{Action: PoolWaits, Domain: next, Reason: last.Gate.Reason, Message: last.Gate.Message, Until: due, Soak: pool.Soak}
}

// soakBroken says why the time in which the pool must not change begins again although the pool is Ready. Topologies: "run the
// Get-CsPoolFabricState cmdlet before and after starting the 20-minute interval and make sure there are no changes to the primaries
// and secondaries of routing groups".
func (pool Pool) soakBroken() string {
	soak := pool.Soak
	if soak == nil || soak.Since.IsZero() {
		return ""
	}
	if pool.Answer.Active > 0 && pool.Answer.Active < soak.Active {
		return fmt.Sprintf("%d front ends are active, %d were when the soak began", pool.Answer.Active, soak.Active)
	}
	if pool.Placement == nil || !soak.Placement.Readable() {
		return ""
	}
	if said := pool.Placement.moved(soak.Placement); len(said) > 0 {
		return "replicas have moved since the soak began: " + listed(said)
	}
	return ""
}

func (pool Pool) soaking() bool { return pool.Soak != nil && !pool.Soak.Since.IsZero() }

func (pool Pool) soakOn(next string, until time.Time) PoolDecision {
	return PoolDecision{Action: PoolWaits, Domain: next, Reason: v1alpha1.ReasonSoaking, Until: until, Soak: pool.Soak,
		Message: fmt.Sprintf("the pool must stay Ready for %s after %s before %s is opened", pool.SoakTime, pool.Soak.After, next)}
}

// closedBetween is the first thing besides the pool's own answer that keeps the next domain closed; nil when nothing does.
func (pool Pool) closedBetween() *Judgement {
	for i := range pool.Between {
		if pool.Between[i].Blocks {
			return &pool.Between[i]
		}
	}
	return nil
}

// whileSoaking judges an answer that was read during a soak. It gives the soak as it now is, and why the next domain waits, if it does.
func (pool Pool) whileSoaking(next string, again time.Time) (*Soak, *PoolDecision) {
	gate, soak := pool.Answer, pool.Soak
	if !gate.Ready {
		return soak, &PoolDecision{Action: PoolWaits, Domain: next, Reason: gate.Reason, Message: gate.Message, Until: again, Soak: &Soak{After: soak.After}}
	}
	if closed := pool.closedBetween(); closed != nil {
		return soak, &PoolDecision{Action: PoolWaits, Domain: next, Reason: closed.Reason, Message: closed.Message, Until: again, Soak: &Soak{After: soak.After}}
	}
	// Nobody looked for too long: what the pool was in the meantime is not known.
	unseen := pool.Last != nil && pool.Now.Sub(pool.Last.At) > 2*pool.Policy.TurnLimit()
	begunAgain := pool.soakBroken()
	if soak.Since.IsZero() || unseen || begunAgain != "" {
		soak = &Soak{After: soak.After, Since: pool.Now, Active: gate.Active}
		if pool.Placement != nil {
			soak.Placement = *pool.Placement
		}
		pool.Soak = soak
	}
	end := soak.Since.Add(pool.SoakTime)
	if !pool.Now.Before(end) {
		return soak, nil
	}
	if end.Before(again) {
		again = end
	}
	decision := pool.soakOn(next, again)
	decision.SoakBegunAgain = begunAgain
	return soak, &decision
}

func (pool Pool) afterAnswer(next string) PoolDecision {
	gate := pool.Answer
	soak := pool.Soak
	if gate.Hold {
		return PoolDecision{Action: PoolHolds, Domain: next, Reason: gate.Reason, Message: gate.Message, Soak: soak}
	}
	again := pool.Now.Add(pool.Policy.Interval)
	if soak != nil {
		var waits *PoolDecision
		if soak, waits = pool.whileSoaking(next, again); waits != nil {
			return *waits
		}
	}
	if !gate.Open {
		return PoolDecision{Action: PoolWaits, Domain: next, Reason: gate.Reason, Message: gate.Message, Until: again, Soak: soak}
	}
	if closed := pool.closedBetween(); closed != nil {
		return PoolDecision{Action: PoolWaits, Domain: next, Reason: closed.Reason, Message: closed.Message, Until: again, Soak: soak}
	}
	return PoolDecision{Action: PoolOpens, Domain: next, Reason: v1alpha1.ReasonUpgrading, Message: gate.Message,
		Until: pool.Now.Add(pool.Policy.TurnLimit() + time.Second)}
}
