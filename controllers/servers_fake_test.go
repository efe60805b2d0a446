package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"lyncops.dev/operator/internal/lync"
)

// fakeServers is a Lync deployment in memory: what controllers can see of it through Servers, and nothing more. A job ends
// when its server is looked at the next time, or, after manually, when the test says so.
type fakeServers struct {
	lock     sync.Mutex
	pool     string
	edition  lync.Edition
	domains  []lync.UpgradeDomainReadiness
	hosts    map[string]*fakeHost
	computer []string
	// state is the answer to the readiness question.
	state lync.ReadinessState
	// notReady are the upgrade domains that are not ready for upgrade.
	notReady     []string
	packageBuild string
	// product begins the names of the installed components.
	product string
	// patchVersion is what Get-CsServerPatchVersion says; empty: the truth.
	patchVersion string
	outdated     map[string]string
	databases    fakeDatabases
	// ahead is how far the clocks of the servers are.
	ahead time.Duration
	// claimedFor is how long ago a job that has not begun was ordered, whenever that was; where it is not zero a job does not begin
	// before it is ordered twice.
	claimedFor time.Duration
	// onStart is told of every job before it is registered.
	onStart func(lync.JobRequest)
	byHand  bool
	pair    fakePair
	faults  []*fakeFault
	calls   []fakeCall
	between between
}

// fakeHost is one Windows server.
type fakeHost struct {
	fqdn     string
	build    string
	boot     time.Time
	services []lync.Service
	baseline []lync.Service
	jobs     []*lync.Job
	// away is how many more questions the server leaves unanswered while it restarts.
	away int
}

// fakeCall is one call as it came in.
type fakeCall struct {
	method   string
	server   string
	request  lync.JobRequest
	except   []string
	password string
}

func (c fakeCall) String() string {
	switch c.method {
	case "StartJob":
		return c.server + " " + string(c.request.Action)
	case "ClearJobs":
		return c.server + " put away"
	case "PoolReadiness":
		return "readiness"
	}
	return c.server + " " + c.method
}

// fakeFault makes calls fail, or jobs end badly, until it is mended or used up.
type fakeFault struct {
	// method and server that are concerned; empty is any.
	method, server string
	action         lync.Action
	left           int
	// fails is the error of the call; with afterwards what was asked for happens all the same.
	fails      error
	afterwards bool
	// outcome makes the job end as failed.
	outcome  lync.Outcome
	exitCode *int
	message  string
}

// newFakeServers is a pool with the given upgrade domains, each a list of front ends, all of an old build.
func newFakeServers(domains ...[]string) *fakeServers {
	f := &fakeServers{pool: testPool, edition: lync.EditionEnterprise, state: lync.ReadinessReady, product: "Microsoft Lync Server 2013", hosts: map[string]*fakeHost{}, packageBuild: string(newBuild),
		outdated: map[string]string{"rtcxds": "15.13.1", "rtcab": "62.42.10"}}
	for i, names := range domains {
		f.domains = append(f.domains, lync.UpgradeDomainReadiness{Name: fmt.Sprintf("UpgradeDomain%d", i+1), Frontends: names})
		for _, name := range names {
			f.addHost(name)
			f.computer = append(f.computer, name)
		}
	}
	return f
}

func (f *fakeServers) addHost(name string) *fakeHost {
	host := &fakeHost{fqdn: name, build: string(oldBuild), boot: time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Second)}
	for _, service := range []string{"RTCSRV", "RTCCAA", "REPLICA", "W3SVC", "MSSQL$RTCLOCAL"} {
		host.services = append(host.services, lync.Service{Name: service, Status: lync.ServiceRunning, StartType: lync.StartAutomatic})
	}
	f.hosts[strings.ToLower(name)] = host
	return host
}

var _ Servers = (*fakeServers)(nil)

func (f *fakeServers) Facts(_ context.Context, access lync.Access) (lync.Facts, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	host, err := f.enter(fakeCall{method: "Facts", server: access.FQDN, password: access.Password})
	if err != nil {
		return lync.Facts{}, err
	}
	if !f.byHand {
		f.advanceHost(host)
	}
	facts := lync.Facts{
		ComputerName: strings.ToUpper(strings.Split(host.fqdn, ".")[0]), FQDN: host.fqdn, Time: time.Now().Add(f.ahead).UTC(), BootTime: host.boot,
		Components: []lync.Component{{Name: f.product + ", Core Components", Version: host.build}, {Name: f.product + ", Front End Server", Version: host.build}},
		Services:   slices.Clone(host.services), Baseline: slices.Clone(host.baseline), PendingReboot: []string{},
	}
	for _, job := range host.jobs {
		shown := *job
		if shown.State == lync.JobClaimed {
			shown.Claimed = facts.Time.Add(-f.claimedFor)
		}
		facts.Jobs = append(facts.Jobs, shown)
	}
	return facts, nil
}

func (f *fakeServers) Topology(_ context.Context, access lync.Access, pool string) (lync.Topology, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if _, err := f.enter(fakeCall{method: "Topology", server: access.FQDN}); err != nil {
		return lync.Topology{}, err
	}
	if !strings.EqualFold(pool, f.pool) {
		return lync.Topology{}, troubleWith(lync.KindCmdletFailed, access.FQDN, "Get-LyncOpsTopology", "there is no pool "+pool)
	}
	return lync.Topology{PoolFQDN: f.pool, Edition: f.edition, Computers: slices.Clone(f.computer), UserDatabaseSQLServerFQDN: testSQLServer, CentralManagementOnPool: f.pair.central}, nil
}

func (f *fakeServers) PoolReadiness(_ context.Context, access lync.Access, pool string) (lync.PoolReadiness, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	host, err := f.enter(fakeCall{method: "PoolReadiness", server: access.FQDN})
	if err != nil {
		return lync.PoolReadiness{}, err
	}
	if !host.serves() {
		return lync.PoolReadiness{}, troubleWith(lync.KindNotInService, access.FQDN, "Get-LyncOpsPoolReadiness", "the services do not run here")
	}
	answer := lync.PoolReadiness{PoolFQDN: f.pool, State: f.state, TotalFrontends: len(f.computer), Raw: "{}"}
	for _, name := range f.computer {
		if member := f.hosts[strings.ToLower(name)]; member != nil && member.serves() {
			answer.TotalActiveFrontends++
		}
	}
	for _, domain := range f.domains {
		domain.Frontends = slices.Clone(domain.Frontends)
		domain.IsReadyForUpgrade = answer.State == lync.ReadinessReady && !slices.Contains(f.notReady, domain.Name)
		answer.UpgradeDomains = append(answer.UpgradeDomains, domain)
	}
	return answer, nil
}

func (f *fakeServers) PatchVersion(_ context.Context, access lync.Access) ([]lync.Component, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	host, err := f.enter(fakeCall{method: "PatchVersion", server: access.FQDN})
	if err != nil {
		return nil, err
	}
	version := host.build
	if f.patchVersion != "" {
		version = f.patchVersion
	}
	return []lync.Component{{Name: f.product + ", Core Components", Version: version}}, nil
}

func (f *fakeServers) StartJob(_ context.Context, access lync.Access, request lync.JobRequest) (lync.Job, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	host, err := f.enter(fakeCall{method: "StartJob", server: access.FQDN, request: request, password: access.Password})
	if host == nil {
		return lync.Job{}, err
	}
	for _, job := range host.jobs {
		if job.ID == request.ID {
			return *job, err
		}
	}
	for _, job := range host.jobs {
		if !job.State.Finished() {
			conflict := troubleWith(lync.KindJobConflict, access.FQDN, "Start-LyncOpsJob", "job "+job.ID+" is still running")
			conflict.Detail = job.ID
			return lync.Job{}, conflict
		}
	}
	if f.onStart != nil {
		f.onStart(request)
	}
	job := &lync.Job{ID: request.ID, Action: request.Action, State: lync.JobClaimed, Claimed: time.Now().UTC()}
	host.jobs = append(host.jobs, job)
	return *job, err
}

func (f *fakeServers) ClearJobs(_ context.Context, access lync.Access, except []string) (lync.Cleared, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	host, err := f.enter(fakeCall{method: "ClearJobs", server: access.FQDN, except: slices.Clone(except)})
	if err != nil {
		return lync.Cleared{}, err
	}
	cleared := lync.Cleared{Jobs: []string{}}
	var kept []*lync.Job
	live := false
	for _, job := range host.jobs {
		live = live || !job.State.Finished()
		if !job.State.Finished() || slices.Contains(except, job.ID) {
			kept = append(kept, job)
			continue
		}
		cleared.Jobs = append(cleared.Jobs, job.ID)
	}
	host.jobs = kept
	if !live && host.baseline != nil && slices.Equal(host.baseline, host.services) {
		host.baseline, cleared.BaselineRemoved = nil, true
	}
	return cleared, nil
}

// enter notes a call and says what keeps it from being answered. A host that comes with an error did what was asked.
func (f *fakeServers) enter(call fakeCall) (*fakeHost, error) {
	f.calls = append(f.calls, call)
	host := f.hosts[strings.ToLower(call.server)]
	if strings.EqualFold(call.server, f.pool) {
		host = f.hosts[strings.ToLower(f.computer[0])]
	}
	if host == nil {
		return nil, troubleWith(lync.KindUnreachable, call.server, call.method, "no such host")
	}
	if host.away > 0 {
		if host.away--; host.away == 0 {
			host.restarted()
		}
		return nil, troubleWith(lync.KindUnreachable, call.server, call.method, "connection refused")
	}
	for _, fault := range f.faults {
		if fault.fails != nil && fault.concerns(call.method, host.fqdn, call.request.Action) {
			if fault.afterwards {
				return host, fault.fails
			}
			return nil, fault.fails
		}
	}
	return host, nil
}

func (fault *fakeFault) concerns(method, server string, action lync.Action) bool {
	if fault.left == 0 || fault.method != "" && fault.method != method || fault.server != "" && !strings.EqualFold(fault.server, server) ||
		fault.action != "" && fault.action != action {
		return false
	}
	fault.left--
	return true
}

// advanceHost takes the job of a server one state further.
func (f *fakeServers) advanceHost(host *fakeHost) {
	for _, job := range host.jobs {
		if job.State.Finished() {
			continue
		}
		if f.claimedFor > 0 && f.timesOrdered(host.fqdn, job.ID) < 2 {
			return
		}
		now := time.Now().UTC()
		job.State, job.Started, job.BootTime = lync.JobRunning, now, host.boot
		for _, fault := range f.faults {
			if fault.fails == nil && fault.concerns("", host.fqdn, job.Action) {
				job.State, job.Outcome, job.ExitCode, job.Message, job.Finished = lync.JobFailed, fault.outcome, fault.exitCode, fault.message, now
				host.prepareFor(job.Action)
				return
			}
		}
		job.State, job.Finished = lync.JobSucceeded, now
		host.perform(job.Action, f, f.requested(job.ID))
		return
	}
}

// timesOrdered says how often a job was ordered on a server.
func (f *fakeServers) timesOrdered(fqdn, id string) (times int) {
	for _, call := range f.calls {
		if call.method == "StartJob" && call.server == fqdn && call.request.ID == id {
			times++
		}
	}
	return times
}

// prepareFor is what a stop does before it can fail.
func (h *fakeHost) prepareFor(action lync.Action) {
	if h.baseline == nil && (action == lync.ActionRecordServices || action == lync.ActionStopServices || action == lync.ActionFailOverComputer || action == lync.ActionStopWebServer) {
		h.baseline = slices.Clone(h.services)
	}
}

func (h *fakeHost) perform(action lync.Action, deployment *fakeServers, request lync.JobRequest) {
	h.prepareFor(action)
	switch action {
	case lync.ActionStopServices:
		h.setServices(lync.ServiceStopped, func(name string) bool { return !strings.HasPrefix(name, "MSSQL") })
	case lync.ActionStopWebServer:
		h.setServices(lync.ServiceStopped, func(name string) bool { return name == "W3SVC" })
	case lync.ActionStartWebServer:
		h.setServices(lync.ServiceRunning, func(name string) bool { return name == "W3SVC" })
	case lync.ActionFailOverComputer:
		h.setServices(lync.ServiceStopped, func(name string) bool { return !strings.HasPrefix(name, "MSSQL") })
		for i := range h.services {
			if h.services[i].Status == lync.ServiceStopped {
				h.services[i].StartType = lync.StartDisabled
			}
		}
	case lync.ActionStartServices, lync.ActionFailBackComputer:
		h.services = slices.Clone(h.baseline)
	case lync.ActionInstall:
		h.build = deployment.packageBuild
	case lync.ActionRestartComputer:
		h.away = 2
	case lync.ActionUpdateDatabases:
		deployment.databases.update(deployment, request)
	case lync.ActionMoveCentralManagement, lync.ActionFailOverPool, lync.ActionFailBackPool:
		deployment.move(action)
	case lync.ActionStagePackage:
	}
}

func (h *fakeHost) setServices(status lync.ServiceStatus, which func(name string) bool) {
	for i := range h.services {
		if which(h.services[i].Name) {
			h.services[i].Status = status
		}
	}
}

func (h *fakeHost) restarted() {
	h.boot = time.Now().UTC()
	for i := range h.services {
		if h.services[i].StartType == lync.StartAutomatic {
			h.services[i].Status = lync.ServiceRunning
		}
	}
	for _, job := range h.jobs {
		if !job.State.Finished() {
			job.State = lync.JobInterrupted
		}
	}
}

func (h *fakeHost) serves() bool {
	return slices.ContainsFunc(h.services, func(service lync.Service) bool {
		return service.Name == "RTCSRV" && service.Status == lync.ServiceRunning
	})
}

func troubleWith(kind lync.ErrorKind, server, step, message string) *lync.Error {
	return &lync.Error{Kind: kind, Server: server, Step: step, Message: message, Remedy: "do what the page for " + string(kind) + " says"}
}

// manually leaves jobs as they are until advance.
func (f *fakeServers) manually() *fakeServers {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.byHand = true
	return f
}

// advance ends the job of a server.
func (f *fakeServers) advance(server string) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.advanceHost(f.hosts[server])
}

// breaks adds a fault; mend takes all faults away.
func (f *fakeServers) breaks(fault fakeFault) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if fault.left == 0 {
		fault.left = -1
	}
	f.faults = append(f.faults, &fault)
}

func (f *fakeServers) mend() {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.faults, f.notReady, f.state = nil, nil, lync.ReadinessReady
}

// change does something to the deployment behind the operator's back.
func (f *fakeServers) change(how func(f *fakeServers)) {
	f.lock.Lock()
	defer f.lock.Unlock()
	how(f)
}

// called are the calls of some methods so far.
func (f *fakeServers) called(methods ...string) []fakeCall {
	f.lock.Lock()
	defer f.lock.Unlock()
	var found []fakeCall
	for _, call := range f.calls {
		if slices.Contains(methods, call.method) {
			found = append(found, call)
		}
	}
	return found
}

// orders are the jobs of one action that were asked for on a server, repetitions included.
func (f *fakeServers) orders(action lync.Action, server string) int {
	count := 0
	for _, call := range f.called("StartJob") {
		if call.request.Action == action && (server == "" || strings.EqualFold(call.server, server)) {
			count++
		}
	}
	return count
}
