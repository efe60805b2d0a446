package deployment

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// touch judges a change of the host by a command when another server of its pool has failed. It expects the lock to be held.
func (h *Host) touch(caller Caller) {
	if p := h.pool; p != nil && p.failed != nil && p.failed != h {
		h.violation(caller, RuleTouchedAfterFailure, fmt.Sprintf("%s has failed (%s), and nobody has acknowledged it", p.failed.FQDN(), p.failedReason))
	}
}

// Acknowledge lifts, for a pool or (empty) for all, the ban on further servers after an installer failed.
func (m *Model) Acknowledge(poolFQDN string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.pools {
		if poolFQDN == "" || sameName(p.description.FQDN, poolFQDN) {
			p.failed, p.failedReason = nil, ""
		}
	}
	m.notify()
}

// takeOut judges a command that takes the host out of service, and notes that it did.
func (h *Host) takeOut(caller Caller) {
	if h.out != nil {
		return
	}
	h.out, h.outSince = &caller, time.Now().UTC()
	p := h.member()
	if p == nil && h.pool != nil {
		h.violation(caller, RuleNotInTopology, "the topology of "+h.pool.description.FQDN+" does not name it")
	}
	if p != nil && p.ofRole() {
		p.takeOutOfRole(h, caller)
	}
	if p == nil || !p.enterprise() {
		return
	}
	if p.movedAway() {
		// Nobody is on these front ends: they may all be out at once.
		h.judgeUpdating(caller)
		return
	}
	h.judgeMirror(caller)
	h.judgeUpdating(caller)
	if p.failsOver() {
		h.takeOutFailsOver(caller)
	}
	domain := p.domainOf(h)
	h.judgeOthersOut(caller, domain)
	if h.inFabric() && !functional(p.vector(func(x *Host) bool { return x.inFabric() && x.out == nil })) {
		h.violation(caller, RuleQuorum, fmt.Sprintf("only %d of %d front ends would be left", p.count(func(x *Host) bool {
			return x.inFabric() && x.out == nil
		}), len(p.members)))
	}
	if p.openDomain != domain {
		if at, handed := p.readyHanded[domain]; !handed || at != p.serial {
			text := "no Ready was handed out for the pool and " + domain
			if handed {
				text = "the pool has changed since Ready was handed out for " + domain
			}
			h.violation(caller, RuleDomainGate, text)
		}
		p.openDomain = domain
		clear(p.visited)
	}
	p.visited[h] = true
}

// judgeOthersOut judges that a front end is taken out while others are.
func (h *Host) judgeOthersOut(caller Caller, domain string) {
	p := h.pool
	for _, other := range p.members {
		if other == h || other.out == nil {
			continue
		}
		if d := p.domainOf(other); d != domain {
			h.violation(caller, RuleTwoDomainsOut, fmt.Sprintf("%s of %s is out because of: %s", other.FQDN(), d, other.out.Command))
		} else if p.openDomain == domain {
			h.violation(caller, RuleDomainGate, fmt.Sprintf("%s of the same domain is not back in service", other.FQDN()))
		}
	}
}

// closeDomainWhenDone ends the pass through a domain when each of its servers has been out and is back.
func (p *pool) closeDomainWhenDone() {
	for _, h := range p.members {
		if p.domainOf(h) == p.openDomain && (!p.visited[h] || h.out != nil) {
			return
		}
	}
	p.openDomain = ""
	clear(p.visited)
}

// standardSteps follows a Standard Edition server through the published steps.
type standardSteps struct{ stopped, installed, stoppedAgain, databases bool }

func (s *standardSteps) backInService() {
	if s.databases || !s.installed {
		*s = standardSteps{}
	}
}

func (h *Host) standard() bool { return h.pool != nil && h.pool.description.Edition == Standard }

// stopped notes a stop of all Lync services; of a single one (named) the steps say nothing.
func (s *standardSteps) noteStop(name string) {
	if name != "" {
		return
	}
	s.stopped = true
	if s.installed {
		s.stoppedAgain = true
	}
}

func (h *Host) judgeStart(caller Caller, name string) {
	h.touch(caller)
	if h.standard() && h.steps.installed && !h.steps.stoppedAgain {
		what := "the Lync services"
		if name != "" {
			what = name
		}
		h.violation(caller, RuleStepsOutOfOrder, what+" started after the installer, before the services were stopped again")
	}
}

func (h *Host) judgeInstall(caller Caller, p *updatePackage) {
	h.touch(caller)
	if h.installing != nil {
		h.violation(caller, RuleInstallerTwice, "an installer runs already")
	} else if unfinished := h.pool != nil && h.pool.failed == h; len(h.components) > 0 && h.atBuild(p) && h.brokenDatabase() == "" && !unfinished {
		h.violation(caller, RuleInstallerTwice, "these builds are installed already")
	}
	for _, c := range h.components {
		if v := p.versionOf(c.Name); v != "" && p.appliesTo(c.Version) && compareVersions(v, c.Version) < 0 {
			h.violation(caller, RuleForbiddenCommand, fmt.Sprintf("%s would go from %s down to %s", c.Name, c.Version, v))
		}
	}
	if h.standard() && h.isWorking() {
		h.violation(caller, RuleStepsOutOfOrder, "the installer started while Lync services run")
	}
}

func (h *Host) judgeDatabases(caller Caller, pools []*pool) {
	build := h.coreVersion()
	for _, p := range pools {
		for _, fe := range p.members {
			if compareVersions(fe.coreVersion(), build) < 0 {
				h.violation(caller, RuleDatabaseTooEarly, fmt.Sprintf("%s has %s, the databases would get those of %s", fe.FQDN(), fe.coreVersion(), build))
			}
			if !fe.inService() {
				h.violation(caller, RuleDatabaseTooEarly, fe.FQDN()+" is not in service")
			}
		}
	}
}

func (h *Host) judgeLocalDatabases(caller Caller) {
	if !h.standard() {
		return
	}
	switch web := h.service("W3SVC"); {
	case h.steps.stopped && !h.steps.installed:
		h.violation(caller, RuleStepsOutOfOrder, "databases updated before the installer ran")
	case h.steps.installed && !h.steps.stoppedAgain:
		h.violation(caller, RuleStepsOutOfOrder, "databases updated before the services were stopped again")
	case h.steps.installed && web != nil && web.status != Running:
		h.violation(caller, RuleStepsOutOfOrder, "databases updated before the web server was started")
	}
	h.steps.databases = true
}

// CheckAtRest compares every host with its start and reports, as violations (also added to the record), services that do not
// run and start types that are not what they were.
func (m *Model) CheckAtRest() []Violation {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.Violations())
	for _, h := range m.order {
		caller := Caller{User: "(at rest)"}
		if h.power != powerOn {
			h.violation(caller, RuleNotAtRest, "the host is "+h.power.String())
			continue
		}
		if h.failedOver {
			h.violation(caller, RuleNotAtRest, "was failed over and never failed back")
		}
		for _, s := range h.services {
			if s.ranAtStart && s.status != Running {
				h.violation(caller, RuleNotAtRest, fmt.Sprintf("%s is %s", s.name, s.status))
			}
			if s.startType != s.startTypeAtStart {
				h.violation(caller, RuleNotAtRest, fmt.Sprintf("%s has start type %s, not %s", s.name, s.startType, s.startTypeAtStart))
			}
		}
	}
	return slices.Clone(m.Violations()[before:])
}

var forbidden = regexp.MustCompile(`(?i)(^|[\s;|(])-Clean\b|\bFullReset\b|\bUninstall-CsMirrorDatabase\b`)

// With -Force the failover cmdlet ignores -WhatIf.
var (
	forced    = regexp.MustCompile(`(?i)\bInvoke-CsComputerFailOver\b[^;|]*\s-Force\b`)
	rehearsed = regexp.MustCompile(`(?i)\bInvoke-CsComputerFailOver\b[^;|]*\s-WhatIf\b`)
)

// JudgeCommand looks at everything a command says: the line as it came, and what was encoded in it. Secrets and commands
// nobody may send are reported.
func (h *Host) JudgeCommand(user string, texts ...string) {
	joined := strings.Join(texts, "\n")
	caller := Caller{User: user, Command: shorten(h.model.hideSecrets(texts[len(texts)-1]))}
	if found := forbidden.FindString(joined); found != "" {
		h.violation(caller, RuleForbiddenCommand, "says "+strings.TrimSpace(found))
	}
	if forced.MatchString(joined) && rehearsed.MatchString(joined) {
		h.violation(caller, RuleForbiddenCommand, "says -Force with -WhatIf, which really fails over")
	}
	if account, found := h.model.findSecret([]byte(joined)); found {
		h.violation(caller, RuleSecretExposed, "the password of "+account+" is in a command line")
	}
}

// JudgeLowerBuild reports an order whose text names a build lower than the installed one.
func (h *Host) JudgeLowerBuild(caller Caller, text string) {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	installed := h.coreVersion()
	base, ok := parseVersion(installed)
	if !ok {
		return
	}
	for _, word := range buildPattern.FindAllString(text, -1) {
		if v, ok := parseVersion(word); ok && v[0] == base[0] && v[1] == base[1] && compareVersions(word, installed) < 0 {
			h.violation(caller, RuleForbiddenCommand, fmt.Sprintf("names build %s, lower than the installed %s", word, installed))
			return
		}
	}
}

var buildPattern = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`)

func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 300 {
		return text[:300] + "..."
	}
	return text
}
