package deployment

import (
	"slices"
	"sync"
	"time"
)

// Event is one effect on the deployment.
type Event struct {
	Sequence int       `json:"sequence"`
	Time     time.Time `json:"time"`
	Host     string    `json:"host"`
	User     string    `json:"user"`
	Command  string    `json:"command"`
	Effect   string    `json:"effect"`
	// Pool, Serving and Out show the pool when the effect had happened: the front ends that serve, and those that are out, each
	// with the command that took it out.
	Pool    string            `json:"pool,omitempty"`
	Serving []string          `json:"serving,omitempty"`
	Out     map[string]string `json:"out,omitempty"`
}

// Rule is one of the things that must never happen.
type Rule string

// The rules, each named after what broke it.
const (
	RuleTwoDomainsOut       Rule = "twoDomainsOut"
	RuleQuorum              Rule = "quorum"
	RuleDomainGate          Rule = "domainGate"
	RuleInstallerTwice      Rule = "installerTwice"
	RuleDatabaseTooEarly    Rule = "databaseTooEarly"
	RuleTouchedAfterFailure Rule = "touchedAfterFailure"
	RuleNotAtRest           Rule = "notAtRest"
	RuleForbiddenCommand    Rule = "forbiddenCommand"
	RuleSecretExposed       Rule = "secretExposed"
	RuleStepsOutOfOrder     Rule = "stepsOutOfOrder"
	// A mirror is removed, its databases are updated in a way or at a time that they must not be, or a front end is taken out
	// while the mirror is the principal.
	RuleMirror Rule = "mirror"
	// A front end is taken out while databases of its pool are being updated.
	RuleDatabasesAndFrontEnds Rule = "databasesAndFrontEnds"
	RuleNotFailedOver         Rule = "notFailedOver"
	RuleNotFailedBack         Rule = "notFailedBack"
	RuleTwoServersOut         Rule = "twoServersOut"
	RuleLastServer            Rule = "lastServer"
	// A server is taken out that has not come into the topology of its pool, or has left it.
	RuleNotInTopology Rule = "notInTopology"
	// A pool is failed over while its users have no safe place on the other one, or failed back too early.
	RuleFailOver Rule = "failOver"
)

// Violation is a rule broken by a command.
type Violation struct {
	// Sequence is the number of the first event that came after it.
	Sequence int       `json:"sequence"`
	Time     time.Time `json:"time"`
	Rule     Rule      `json:"rule"`
	Host     string    `json:"host"`
	User     string    `json:"user"`
	Command  string    `json:"command"`
	Text     string    `json:"text"`
}

// record has its own lock, so that a file can be judged while the model is locked or not.
type record struct {
	mu         sync.Mutex
	events     []Event
	violations []Violation
}

func (r *record) addEvent(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Sequence = len(r.events) + 1
	e.Time = time.Now().UTC()
	r.events = append(r.events, e)
}

func (r *record) addViolation(v Violation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v.Sequence = len(r.events) + 1
	v.Time = time.Now().UTC()
	r.violations = append(r.violations, v)
}

// Events is the record so far, from the sequence number after the given one.
func (m *Model) Events(after int) []Event {
	m.record.mu.Lock()
	defer m.record.mu.Unlock()
	return slices.Clone(m.record.events[min(max(after, 0), len(m.record.events)):])
}

// Violations lists every rule broken so far.
func (m *Model) Violations() []Violation {
	m.record.mu.Lock()
	defer m.record.mu.Unlock()
	return slices.Clone(m.record.violations)
}

// event expects the model's lock to be held.
func (h *Host) event(caller Caller, effect string) {
	e := Event{Host: h.FQDN(), User: caller.User, Command: h.model.hideSecrets(caller.Command), Effect: effect}
	if h.pool != nil {
		e.Pool = h.pool.description.FQDN
		e.Serving, e.Out = h.pool.snapshot()
	}
	h.model.record.addEvent(e)
}

func (h *Host) violation(caller Caller, rule Rule, text string) {
	h.model.record.addViolation(Violation{Rule: rule, Host: h.FQDN(), User: caller.User, Command: h.model.hideSecrets(caller.Command), Text: text})
}

// Record adds an event for an effect outside the model's own operations, such as a scheduled task.
func (h *Host) Record(caller Caller, effect string) {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	h.event(caller, effect)
}
