package procedure_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// databaseFlaw makes an operator of databases do one thing wrong on purpose.
type databaseFlaw string

const (
	believesMirrors      databaseFlaw = "believes that every mirror is in place"
	stopsAllTheSame      databaseFlaw = "stops front ends without asking for the mirror"
	alwaysSaysUpdate     databaseFlaw = "says -Update whatever is mirrored"
	comparesNothing      databaseFlaw = "updates without comparing"
	forgetsOtherStores   databaseFlaw = "forgets the other stores"
	databasesMeanwhile   databaseFlaw = "updates databases while front ends are out"
	acceptsBrokenServers databaseFlaw = "does not look at local databases"
	forgetsMirrors       databaseFlaw = "takes no look at the mirrors any more when nothing is left to update"
	triesForEver         databaseFlaw = "allows itself another attempt after every failure"
)

// Rules of this world.
const (
	ruleMirror       = "mirror"
	ruleUpdate       = "update"
	ruleNeedless     = "needless"
	ruleTogether     = "together"
	ruleEarly        = "early"
	ruleAccepted     = "accepted"
	ruleUnasked      = "unasked"
	ruleOrder        = "order"
	ruleNotFinished  = "not finished"
	ruleForgotten    = "forgotten"
	longestStaleness = 3 * time.Minute
)

// store is one SQL Server with databases of the pool.
type store struct {
	procedure.DatabaseStore
	database         string
	current, readout bool // readout: its version can be read
	mirrored         bool
	turned, behind   bool
	// wrong is since when the mirror is principal or not synchronised, onMirror since when it is principal; zero when it is not.
	wrong, onMirror time.Time
	failed          bool      // and no person has answered
	silent          time.Time // when it last could not be compared
}

// member is a front end with its jobs and what an installer did to its local databases.
type member struct {
	procedure.Server
	singleUser bool
	ends       time.Time
	fate       procedure.JobState
	out        time.Time
}

// databaseWorld is a pool, one server a domain, with everything that holds its databases, in virtual time.
type databaseWorld struct {
	random     *rand.Rand
	flaw       databaseFlaw
	quiet      bool
	now        time.Time
	members    []*member
	stores     []*store
	plan       procedure.Plan
	mirror     v1alpha1.MirrorPolicy
	open       string
	permitted  int
	allowed    map[string]int
	claimed    bool
	blind      time.Time // when the cmdlet last did not say how the mirrors stand
	done, held bool
	said       string // how the mirrors stand, as the back end's status has it
	last       string // what the back end last said of itself
	journal    []string
	violations []string
}

func newDatabaseWorld(seed uint64, wrong databaseFlaw) *databaseWorld {
	random := rand.New(rand.NewPCG(seed, 99))
	w := &databaseWorld{random: random, flaw: wrong, now: time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC), allowed: map[string]int{},
		plan: procedure.Plan{Build: newBuild, PackageSource: `\\files\x.exe`, PackageSHA256: strings.Repeat("ab", 32), DrainTimeout: 30 * time.Minute, InstallTimeout: time.Hour, RestartTimeout: time.Hour}}
	w.mirror.Command = []v1alpha1.MirrorCommand{"", v1alpha1.MirrorCommandWithoutUpdate, v1alpha1.MirrorCommandWithoutUpdate, v1alpha1.MirrorCommandHold}[random.IntN(4)]
	w.mirror.Databases = []v1alpha1.MirroredDatabases{"", v1alpha1.MirroredDatabasesDetect, v1alpha1.MirroredDatabasesPresent}[random.IntN(3)]
	build := []v1alpha1.Build{oldBuild, oldBuild, newBuild}[random.IntN(3)]
	for i := range 3 {
		m := &member{Server: procedure.Server{FQDN: fmt.Sprintf("fe%02d.contoso.com", i+1), Build: build, Time: w.now, BootTime: w.now.Add(-48 * time.Hour)}}
		m.run(true)
		w.members = append(w.members, m)
	}
	w.add(procedure.StorePool, "sql01.contoso.com", "rtcxds", w.mirror.Databases == v1alpha1.MirroredDatabasesPresent || random.IntN(2) == 0)
	for i := range random.IntN(3) {
		w.add(procedure.StoreOther, fmt.Sprintf("mon%02d.contoso.com", i+1), fmt.Sprintf("LcsCDR%d", i), random.IntN(4) == 0)
	}
	if random.IntN(2) == 0 {
		w.add(procedure.StoreCentralManagement, "cms01.contoso.com", "xds", false)
	}
	return w
}

func (w *databaseWorld) add(kind procedure.StoreKind, server, database string, mirrored bool) {
	w.stores = append(w.stores, &store{DatabaseStore: procedure.DatabaseStore{Kind: kind, SQLServer: server, Instance: "rtc"}, database: database,
		current: w.random.IntN(3) == 0, readout: w.random.IntN(5) != 0, mirrored: mirrored})
}

func (w *databaseWorld) say(format string, arguments ...any) {
	w.journal = append(w.journal, w.now.Format("02 15:04 ")+fmt.Sprintf(format, arguments...))
}

func (w *databaseWorld) violated(rule, format string, arguments ...any) {
	w.say("VIOLATION "+format, arguments...)
	w.violations = append(w.violations, rule+": "+fmt.Sprintf(format, arguments...))
}

func (w *databaseWorld) chance(one int) bool { return !w.quiet && w.random.IntN(one) == 0 }

func (m *member) run(running bool) {
	status := procedure.ServiceStopped
	if running {
		status, m.out = procedure.ServiceRunning, time.Time{}
	}
	m.Services = []procedure.Service{{Name: "RTCSRV", Status: status, StartType: procedure.StartAutomatic}, {Name: "W3SVC", Status: status, StartType: procedure.StartAutomatic}}
}

func (m *member) active() *procedure.Job {
	for i := range m.Jobs {
		if m.Jobs[i].Active() {
			return &m.Jobs[i]
		}
	}
	return nil
}

func (s *store) note(now time.Time) {
	since := func(holds bool, since time.Time) time.Time {
		switch {
		case !holds:
			return time.Time{}
		case since.IsZero():
			return now
		}
		return since
	}
	s.wrong, s.onMirror = since(s.mirrored && (s.turned || s.behind), s.wrong), since(s.mirrored && s.turned, s.onMirror)
}

// advance lets a minute pass.
func (w *databaseWorld) advance() {
	w.now = w.now.Add(time.Minute)
	for _, s := range w.stores {
		if w.chance(80) {
			s.turned = !s.turned && s.mirrored
			w.say("the mirror of %s is principal: %t", s.SQLServer, s.turned)
		}
		if w.chance(80) {
			s.behind = !s.behind
		}
		if w.quiet {
			s.behind = false
		}
		s.note(w.now)
	}
	for _, m := range w.members {
		m.Time = w.now
		if job := m.active(); job != nil && !w.now.Before(m.ends) {
			w.end(m, job)
		}
	}
}

func (w *databaseWorld) end(m *member, job *procedure.Job) {
	job.State, job.Finished = m.fate, w.now
	w.say("%s: %s %s", m.FQDN, job.ID, job.State)
	good := job.State == procedure.JobSucceeded
	switch step := procedure.StepOf(job.ID); {
	case procedure.UpdatesDatabases(step):
		s := w.storeOf(job.ID)
		if good && !w.chance(12) { // now and then it says success and leaves them old
			s.current = true
		}
		s.failed = s.failed || !good
	case step == v1alpha1.StepStopServices && good:
		m.run(false)
	case step == v1alpha1.StepInstall:
		if good {
			m.Build = w.plan.Build
		}
		m.singleUser = w.chance(4) || !good && m.singleUser
	case step == v1alpha1.StepRestartComputer:
		m.BootTime = w.now
		m.run(!m.singleUser)
	case step == v1alpha1.StepStartServices, step == v1alpha1.StepRecover:
		if m.singleUser && w.random.IntN(2) == 0 { // some services start all the same
			job.State = procedure.JobFailed
		} else {
			m.run(true)
		}
	}
}

func (w *databaseWorld) storeOf(id string) *store {
	for _, s := range w.stores {
		if strings.HasPrefix(id, jobPrefix(s.DatabaseStore)) {
			return s
		}
	}
	return nil
}

// jobPrefix is what identities of a store's jobs begin with; learned from the operator's own orders by their SQL Server.
var jobPrefixes = map[string]string{}

func jobPrefix(s procedure.DatabaseStore) string {
	if prefix, known := jobPrefixes[string(s.Kind)+s.SQLServer]; known {
		return prefix
	}
	return "no job yet"
}

// start registers a job, as a server does, and judges it.
func (w *databaseWorld) start(fqdn string, order procedure.Order) {
	var m *member
	for _, one := range w.members {
		if one.FQDN == fqdn {
			m = one
		}
	}
	if m.active() != nil || slices.ContainsFunc(m.Jobs, func(job procedure.Job) bool { return job.ID == order.ID }) {
		return
	}
	switch order.Action {
	case procedure.ActionUpdateDatabases:
		w.judgeDatabases(order)
	case procedure.ActionStopServices:
		w.judgeStop(m)
		m.out = w.now
		if m.Baseline == nil {
			m.Baseline = slices.Clone(m.Services)
		}
	}
	w.say("%s: start %s, -Update left out %t", fqdn, order.ID, order.WithoutUpdate)
	m.Jobs = append(m.Jobs, procedure.Job{ID: order.ID, State: procedure.JobRunning, Started: w.now, BootTime: m.BootTime})
	m.fate, m.ends = procedure.JobSucceeded, w.now.Add(time.Duration(1+w.random.IntN(12))*time.Minute)
	if w.chance(10) && order.Action != procedure.ActionRestartComputer {
		m.fate = procedure.JobFailed
	}
}

func (w *databaseWorld) stale(since time.Time) bool {
	return !since.IsZero() && w.now.Sub(since) > longestStaleness
}

func (w *databaseWorld) judgeDatabases(order procedure.Order) {
	var s *store
	for i, one := range w.stores {
		if one.SQLServer == order.SQLServer {
			s = w.stores[i]
		}
	}
	jobPrefixes[string(s.Kind)+s.SQLServer] = order.ID[:strings.LastIndexByte(order.ID, '-')+1]
	if s.mirrored && w.stale(s.wrong) {
		w.violated(ruleMirror, "%s is updated on the wrong side or unsynchronised since %s", s.SQLServer, s.wrong.Format("15:04"))
	}
	if s.mirrored && !order.WithoutUpdate {
		w.violated(ruleUpdate, "-Update on mirrored databases of %s", s.SQLServer)
	}
	if s.mirrored && w.mirror.Command == v1alpha1.MirrorCommandHold {
		w.violated(ruleUpdate, "%s is updated although that is left to a person", s.SQLServer)
	}
	if s.current && s.readout && (s.silent.IsZero() || w.stale(s.silent)) {
		w.violated(ruleNeedless, "%s is current and updated all the same", s.SQLServer)
	}
	if s.failed {
		w.violated(ruleUnasked, "%s is updated after a failure nobody has answered", s.SQLServer)
	}
	for _, earlier := range w.stores {
		if earlier == s {
			break
		}
		if !earlier.current && earlier.readout && (earlier.silent.IsZero() || w.stale(earlier.silent)) {
			w.violated(ruleOrder, "%s is updated before %s", s.SQLServer, earlier.SQLServer)
		}
	}
	for _, m := range w.members {
		if m.Build.OlderThan(w.plan.Build) {
			w.violated(ruleEarly, "databases change while %s has build %s", m.FQDN, m.Build)
		}
		if !m.out.IsZero() {
			w.violated(ruleTogether, "databases change while %s is out", m.FQDN)
		}
	}
}

func (w *databaseWorld) judgeStop(m *member) {
	if !m.Serving() {
		return // it is out already, and is finished
	}
	// Where nobody has said that there are mirrors, and the cmdlet does not, nobody can know.
	if pool := w.stores[0]; w.stale(pool.onMirror) && (w.mirror.Databases == v1alpha1.MirroredDatabasesPresent || w.blind.IsZero() || w.stale(w.blind)) {
		w.violated(ruleMirror, "%s is stopped while the mirror is the principal", m.FQDN)
	}
	for _, other := range w.members {
		if job := other.active(); job != nil && procedure.UpdatesDatabases(procedure.StepOf(job.ID)) {
			w.violated(ruleTogether, "%s is stopped while %s updates databases", m.FQDN, other.FQDN)
		}
	}
}

// mirrorState is what Get-CsDatabaseMirrorState answers; now and then nothing useful.
func (w *databaseWorld) mirrorState() *procedure.Mirror {
	if w.flaw == believesMirrors {
		var state procedure.Mirror
		for _, s := range w.stores {
			state.Databases = append(state.Databases, procedure.MirroredDatabase{Name: s.database, StateOnPrimary: "Principal", StateOnMirror: "Mirror", StatusOnPrimary: "synchronized", StatusOnMirror: "synchronized"})
		}
		return &state
	}
	if w.chance(15) {
		w.blind = w.now
		return &procedure.Mirror{Problem: "no answer"}
	}
	var state procedure.Mirror
	for _, s := range w.stores {
		row := procedure.MirroredDatabase{Name: s.database, StateOnPrimary: "DatabaseInaccessibleOrMirroringNotEnabled", StateOnMirror: "DatabaseInaccessibleOrMirroringNotEnabled"}
		if s.mirrored && w.chance(15) {
			w.blind = w.now
		} else if s.mirrored {
			row.StateOnPrimary, row.StateOnMirror, row.StatusOnPrimary, row.StatusOnMirror = "Principal", "Mirror", "synchronized", "synchronized"
			if s.turned {
				row.StateOnPrimary, row.StateOnMirror = "Mirror", "Principal"
			}
			if s.behind {
				row.StatusOnPrimary, row.StatusOnMirror = "synchronizing", "synchronizing"
			}
		}
		if s.mirrored || s.Kind == procedure.StorePool {
			state.Databases = append(state.Databases, row)
		}
	}
	return &state
}

func (s *store) report() *procedure.DatabaseReport {
	row := procedure.Database{Name: s.database, SQLServerFQDN: s.SQLServer, ExpectedVersion: "2"}
	switch {
	case s.readout && s.current:
		row.InstalledVersion = "2"
	case s.readout:
		row.InstalledVersion = "1"
	}
	return &procedure.DatabaseReport{Databases: []procedure.Database{row}, Mirrored: s.mirrored}
}

// between lets time pass between what was seen and what is done.
func (w *databaseWorld) between() {
	if w.chance(4) {
		w.advance()
	}
}

func (w *databaseWorld) backEnd() {
	describe := func() procedure.BackEnd {
		backEnd := procedure.BackEnd{Plan: w.plan, Edition: v1alpha1.EditionEnterprise, Stores: v1alpha1.CollocatedStoresAbsent, SQLServer: w.stores[0].SQLServer, TopologyChanged: new(string),
			Mirror: w.mirror, MirrorSaid: w.said, Permitted: w.permitted, OpenDomain: w.open}
		if w.flaw == alwaysSaysUpdate {
			backEnd.Mirror.Command = v1alpha1.MirrorCommandUpdate
		}
		for _, m := range w.members {
			server := m.Server
			server.Jobs = slices.Clone(m.Jobs)
			if w.flaw == databasesMeanwhile {
				backEnd.OpenDomain = ""
				server.Build, server.Services = w.plan.Build, []procedure.Service{{Name: "RTCSRV", Status: procedure.ServiceRunning}}
				server.Jobs = slices.DeleteFunc(server.Jobs, func(job procedure.Job) bool { return procedure.BegunBy(job.ID) })
			}
			backEnd.FrontEnds = append(backEnd.FrontEnds, procedure.PoolFrontEnd{FQDN: m.FQDN, Server: &server})
		}
		if w.flaw != forgetsOtherStores {
			for _, s := range w.stores[1:] {
				backEnd.OtherStores = append(backEnd.OtherStores, s.DatabaseStore)
			}
		}
		return backEnd
	}
	decide := func(backEnd procedure.BackEnd) procedure.BackEndDecision {
		for {
			decision := procedure.NextBackEndStep(backEnd)
			switch {
			case decision.NeedReport != "" && w.flaw == comparesNothing:
				backEnd = backEnd.Told(decision, nil, "not asked")
			case decision.NeedReport != "" && w.chance(15):
				w.stores[decision.Store].silent = w.now
				backEnd = backEnd.Told(decision, nil, "no answer")
			case decision.NeedReport != "":
				backEnd = backEnd.Told(decision, w.stores[decision.Store].report(), "")
			case decision.Server.Verdict == procedure.VerdictDone && w.flaw == forgetsMirrors:
				return decision
			case decision.NeedMirror != "":
				backEnd.MirrorState = w.mirrorState()
			default:
				return decision
			}
		}
	}
	decision := decide(describe())
	w.between()
	if decision.Server.Verdict == procedure.VerdictStart && !w.claimed {
		// The claim is written, then everything is looked at once more.
		w.claimed = true
		decision = decide(describe())
	}
	if !w.chance(6) { // otherwise somebody else has written since, and this write is refused
		w.done, w.held = decision.Server.Verdict == procedure.VerdictDone, decision.Server.Verdict == procedure.VerdictHold
		if decision.Mirror != "" {
			w.said = decision.Mirror
		}
	}
	w.claimed, w.last = decision.InProgress, string(decision.Server.Verdict)+" "+decision.Server.Reason+": "+decision.Server.Message
	if decision.Server.Verdict == procedure.VerdictHold && w.flaw == triesForEver {
		w.permitted++
	}
	if decision.Server.Verdict == procedure.VerdictStart && !w.chance(20) {
		w.start(decision.Server.FQDN, *decision.Server.Order)
	}
}

// domains takes the front ends one after the other, each its own upgrade domain.
func (w *databaseWorld) domains() {
	if w.open == "" && !w.claimed {
		for _, m := range w.members {
			if m.Build.OlderThan(w.plan.Build) || m.Begun() {
				w.open = m.FQDN
				break
			}
		}
	}
	for _, m := range w.members {
		if m.FQDN != w.open {
			continue
		}
		server := m.Server
		server.Jobs = slices.Clone(m.Jobs)
		domain := procedure.Domain{Plan: w.plan, Turn: true, Servers: []procedure.DomainServer{{FQDN: m.FQDN, Server: &server, Permitted: w.allowed[m.FQDN]}},
			AskMirror: w.flaw != stopsAllTheSame, Mirrored: w.mirror.Databases == v1alpha1.MirroredDatabasesPresent}
		if w.claimed {
			domain.BackEnd = "sql01"
		}
		decision := procedure.UpgradeDomain(domain)
		for decision.NeedMembers || decision.NeedMirror || decision.Servers[0].NeedLocalDatabases && domain.Servers[0].LocalDatabases == nil {
			switch {
			case decision.Servers[0].NeedLocalDatabases:
				domain.Servers[0].LocalDatabases = w.localDatabases(m)
			case decision.NeedMembers:
				for _, other := range w.members {
					domain.Members = append(domain.Members, procedure.Member{FQDN: other.FQDN, Serving: other.Serving(), UpdatingDatabases: other.UpdatingDatabases()})
				}
			default:
				domain.Mirror = w.mirrorState()
			}
			decision = procedure.UpgradeDomain(domain)
		}
		w.between()
		switch one := decision.Servers[0]; one.Verdict {
		case procedure.VerdictStart:
			w.start(m.FQDN, *one.Order)
		case procedure.VerdictPutAway:
			if m.singleUser {
				w.violated(ruleAccepted, "%s is accepted with local databases that nobody can use", m.FQDN)
			}
			m.Jobs = slices.DeleteFunc(m.Jobs, func(job procedure.Job) bool { return !procedure.UpdatesDatabases(procedure.StepOf(job.ID)) })
			m.Baseline, w.open = nil, ""
		case procedure.VerdictHold:
			if w.random.IntN(10) == 0 {
				w.mend(m, one.Reason)
			}
		}
		return
	}
}

func (w *databaseWorld) localDatabases(m *member) *procedure.LocalDatabases {
	access := "MULTI_USER"
	if m.singleUser && w.flaw != acceptsBrokenServers {
		access = "SINGLE_USER"
	}
	return &procedure.LocalDatabases{Databases: []procedure.LocalDatabase{{Instance: "RTCLOCAL", Name: "rtc", State: "ONLINE", UserAccess: access}}}
}

// mend is what a person does at a front end: as the reason says, or another try.
func (w *databaseWorld) mend(m *member, reason string) {
	w.say("a person mends %s (%s)", m.FQDN, reason)
	if m.singleUser && !m.Build.OlderThan(w.plan.Build) {
		m.singleUser = false // the same update once more
	}
	if !m.singleUser {
		m.run(true)
	}
	attempt := max(w.allowed[m.FQDN], 1)
	for _, job := range m.Jobs {
		var number int
		_, _ = fmt.Sscan(job.ID[strings.LastIndexByte(job.ID, '-')+1:], &number)
		attempt = max(attempt, number)
	}
	w.allowed[m.FQDN] = attempt + 1
}

// person does now and then what the back end asks for.
func (w *databaseWorld) person() {
	if w.random.IntN(40) != 0 {
		return
	}
	for _, s := range w.stores {
		if s.turned {
			w.say("a person makes the primary of %s the principal", s.SQLServer)
			s.turned = false
			s.note(w.now)
		}
		if s.mirrored && w.mirror.Command == v1alpha1.MirrorCommandHold && w.allCurrent() {
			s.current, s.readout = true, true
		}
	}
	if !w.held { // a wish that nobody waits for is noted, not obeyed
		return
	}
	w.say("a person asks for another try of the databases")
	for _, s := range w.stores {
		s.failed = false
	}
	w.permitted, w.held = max(w.permitted, 1)+1, false
}

func (w *databaseWorld) mirrorsInOrder() bool {
	return !slices.ContainsFunc(w.stores, func(s *store) bool { return s.mirrored && (s.turned || s.behind) })
}

func (w *databaseWorld) allCurrent() bool {
	return !slices.ContainsFunc(w.members, func(m *member) bool { return m.Build.OlderThan(w.plan.Build) || m.Begun() })
}

func playDatabases(seed uint64, wrong databaseFlaw) *databaseWorld {
	w := newDatabaseWorld(seed, wrong)
	for i := range 6000 {
		w.quiet = i > 900
		w.advance()
		w.person()
		w.domains()
		w.backEnd()
		if len(w.violations) > 0 {
			return w
		}
		if w.done && w.allCurrent() && w.quiet {
			break
		}
	}
	for _, s := range w.stores {
		if !w.done || !s.current && s.readout {
			w.violated(ruleNotFinished, "at the end the back end says %q, and %s is current: %t", w.last, s.SQLServer, s.current)
			break
		}
		if s.mirrored && s.Kind == procedure.StorePool && w.mirrorsInOrder() && w.said != v1alpha1.ReasonMirrorHealthy {
			w.violated(ruleForgotten, "the databases are mirrored and in order, and the status says %q", w.said)
		}
	}
	return w
}

// Mirrors that turn, stores on several servers, updates that fail or lie, installers that leave local databases behind, and people
// who mend it all: whatever the order, no rule is broken, and in the end every store is current.
func TestDatabasesWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(4) {
		w := playDatabases(seed, "")
		if *seedFlag != 0 {
			t.Log(strings.Join(w.journal, "\n"))
		}
		if len(w.violations) > 0 {
			t.Fatalf("seed %d: %s\n(replay: go test ./internal/procedure -run '%s' -seed %d)", seed, strings.Join(w.violations, "; "), t.Name(), seed)
		}
	}
}

// The checker is worth nothing if it does not catch operators that do what must never happen.
func TestBrokenOperatorsOfDatabasesAreCaught(t *testing.T) {
	cases := []struct {
		flaw databaseFlaw
		rule string
	}{
		{believesMirrors, ruleMirror},
		{stopsAllTheSame, ruleMirror},
		{alwaysSaysUpdate, ruleUpdate},
		{comparesNothing, ruleNeedless},
		{forgetsOtherStores, ruleNotFinished},
		{databasesMeanwhile, ruleTogether},
		{databasesMeanwhile, ruleEarly},
		{acceptsBrokenServers, ruleAccepted},
		{triesForEver, ruleUnasked},
		{forgetsMirrors, ruleForgotten},
	}
	for _, broken := range cases {
		t.Run(string(broken.flaw)+", "+broken.rule, func(t *testing.T) {
			for seed := uint64(1); seed <= 200; seed++ {
				if slices.ContainsFunc(playDatabases(seed, broken.flaw).violations, func(said string) bool { return strings.HasPrefix(said, broken.rule+":") }) {
					return
				}
			}
			t.Errorf("an operator that %s broke the rule %q in none of 200 histories", broken.flaw, broken.rule)
		})
	}
}
