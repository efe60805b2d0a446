package procedure

import (
	"slices"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
)

// stores are the pool's databases and all others that follow them, in the order in which they are updated.
func (b BackEnd) stores() []DatabaseStore {
	own := DatabaseStore{Kind: StorePool, SQLServer: b.SQLServer, Report: b.Report, ReportProblem: b.ReportProblem}
	return append([]DatabaseStore{own}, b.OtherStores...)
}

// StoreAsked is the store that a report was asked for; the pool's own is the first.
func (b BackEnd) StoreAsked(decision BackEndDecision) DatabaseStore {
	return b.stores()[decision.Store]
}

// Told is the back end with what was found about the store that a decision asked for.
func (b BackEnd) Told(decision BackEndDecision, report *DatabaseReport, problem string) BackEnd {
	if decision.Store == 0 {
		b.Report, b.ReportProblem = report, problem
		return b
	}
	b.OtherStores = slices.Clone(b.OtherStores)
	store := &b.OtherStores[decision.Store-1]
	store.Report, store.ReportProblem = report, problem
	return b
}

// databaseJob finds the job that updates a store for this build, on whichever front end it was started; where there are
// several attempts, the latest.
func (b BackEnd) databaseJob(store DatabaseStore) (host *Server, latest *Job) {
	for _, frontEnd := range b.FrontEnds {
		if frontEnd.Server == nil {
			continue
		}
		for i := range frontEnd.Server.Jobs {
			job := &frontEnd.Server.Jobs[i]
			step, subject, attempt, _ := parseJobID(job.ID)
			if step == store.step() && subject == store.subject(b.Plan.Build) && (latest == nil || attempt > attemptOf(latest.ID)) {
				host, latest = frontEnd.Server, job
			}
		}
	}
	return host, latest
}

// activeDatabaseJob finds an update of databases that runs, for whatever store and build.
func (b BackEnd) activeDatabaseJob() (host *Server, job *Job) {
	for _, frontEnd := range b.FrontEnds {
		if frontEnd.Server == nil {
			continue
		}
		if active := frontEnd.Server.activeJob(); active != nil && UpdatesDatabases(StepOf(active.ID)) {
			return frontEnd.Server, active
		}
	}
	return nil, nil
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

// databases is step 11 for an Enterprise pool: the pool's databases, then stores on other SQL Servers, then the central management
// store. Each is compared before and after; where everything is current nothing is run.
func (b BackEnd) databases(result BackEndDecision) BackEndDecision {
	for i, store := range b.stores() {
		next, done := b.updateStore(result, i, store)
		result = next
		if !done {
			return result
		}
	}
	result.Server = result.Server.databasesDone(b.Plan)
	if b.AlwaysOn {
		result.Server.Message += ". Microsoft's page on availability groups asks for the topology to be published afterwards"
	}
	return b.lookAtMirror(result)
}

// lookAtMirror finds out how the mirrors stand although nothing is left to be updated: where they were last known not to be in order,
// or were never asked for and are there. What follows depends on it: no front end is stopped while the mirror is the principal.
func (b BackEnd) lookAtMirror(result BackEndDecision) BackEndDecision {
	var host string
	for _, frontEnd := range b.FrontEnds {
		if frontEnd.Server != nil && frontEnd.Server.Serving() && host == "" {
			host = frontEnd.FQDN
		}
	}
	known := b.Mirror.Databases == v1alpha1.MirroredDatabasesPresent
	for _, store := range b.stores() {
		known = known || store.Report != nil && store.Report.Mirrored
	}
	doubted := b.MirrorSaid != "" && b.MirrorSaid != v1alpha1.ReasonMirrorHealthy && b.MirrorSaid != v1alpha1.ReasonNotApplicable
	switch {
	case b.withoutMirrors():
		if doubted {
			result.Mirror, result.MirrorMessage = v1alpha1.ReasonNotApplicable, "no mirrors are declared"
		}
		return result
	case !doubted && (!known || b.MirrorSaid == v1alpha1.ReasonMirrorHealthy), host == "":
		return result
	case doubted && b.Report == nil && b.ReportProblem == "":
		result.NeedReport, result.Store = host, 0
		return result
	case b.MirrorState == nil:
		result.NeedMirror = host
		return result
	}
	// What could not be compared was found to be mirrored before.
	result.Mirror, result.MirrorMessage = b.MirrorState.Standing(known || b.Report == nil)
	return result
}

// withoutMirrors says whether the pool's databases cannot be mirrored, or are declared not to be.
func (b BackEnd) withoutMirrors() bool {
	return b.AlwaysOn || b.Mirror.Databases == v1alpha1.MirroredDatabasesAbsent || !b.Plan.Product.HasMirrors()
}

// updateStore decides the next step of one store, or says that nothing is left to do for it.
func (b BackEnd) updateStore(result BackEndDecision, index int, store DatabaseStore) (next BackEndDecision, done bool) {
	d := result.Server
	host, job := b.databaseJob(store)
	if host == nil {
		host = b.FrontEnds[0].Server
	}
	d.Attempt = max(b.Permitted, 1)
	if job != nil {
		d.Attempt = max(d.Attempt, attemptOf(job.ID))
	}
	if store.Report == nil && store.ReportProblem == "" {
		result.NeedReport, result.Store = host.FQDN, index
		result.Server = d.wait(v1alpha1.StepVerify, v1alpha1.ReasonUpgrading, "comparing the databases on %s, asked from %s", store.SQLServer, host.FQDN)
		return result, false
	}
	report := store.report()
	switch {
	case updated(report, job):
		if store.Kind == StorePool && report != nil {
			result.StoresCompared, result.LeftBehind = true, store.leftBehind(b.centralManagementDeclared())
		}
		return result, true
	case job != nil && attemptOf(job.ID) == d.Attempt:
		result.Server = d.afterDatabaseJob(store, report, *job)
		return result, false
	case store.Kind == StorePool && report == nil && b.Stores == v1alpha1.CollocatedStoresDetect:
		result.Server = d.wait(v1alpha1.StepVerify, v1alpha1.ReasonServerAnswerUnknown,
			"whether archiving or monitoring databases are on %s could not be found out: %s. Set collocatedStores to Present or Absent, or repair the cause", b.SQLServer, sentence(store.ReportProblem))
		return result, false
	}
	order := b.databaseOrder(result.Variant, store, d.Attempt)
	result, closed := b.mirrorGate(result, d, host.FQDN, store, &order)
	if closed {
		return result, false
	}
	switch changed := b.TopologyChanged; {
	case changed == nil:
		result.NeedTopology = true
		result.Server = d.wait(v1alpha1.StepVerify, v1alpha1.ReasonUpgrading, "%s is asked whether the pool still has the same front ends", host.FQDN)
		return result, false
	case *changed != "":
		result.Server = d.wait(v1alpha1.StepWaiting, v1alpha1.ReasonTopologyChanged, "%s", *changed)
		return result, false
	}
	d.FQDN, d.Build = host.FQDN, host.Build
	result.Server = d.start(store.step(), order, "%s", inWords(store.step(), host.FQDN))
	return result, false
}

// updated says whether nothing is left to do: every version is the expected one, or the latest update went well and none is known to
// be old. What is not known after an update counts as updated; before it, it does not.
func updated(report *DatabaseReport, job *Job) bool {
	if report != nil && report.Confirmed() {
		return true
	}
	return job != nil && job.State == JobSucceeded && (report == nil || len(report.Outdated()) == 0)
}

// databaseOrder is the call of Install-CsDatabase for one store.
func (b BackEnd) databaseOrder(own v1alpha1.DatabaseVariant, store DatabaseStore, attempt int) Order {
	order := Order{ID: store.jobID(b.Plan.Build, attempt), Action: ActionUpdateDatabases, Variant: own, SQLServer: store.SQLServer, Timeout: databaseTimeout}
	switch store.Kind {
	case StoreOther:
		order.Variant = v1alpha1.DatabaseVariantEnterprise
	case StoreCentralManagement:
		order.Variant, order.SQLInstance = v1alpha1.DatabaseVariantCentralManagement, store.Instance
	default:
	}
	return order
}

func (b BackEnd) centralManagementDeclared() bool {
	for _, store := range b.OtherStores {
		if store.Kind == StoreCentralManagement {
			return true
		}
	}
	return false
}

// mirrorGate is closed while databases are mirrored and the primary is not the principal of every one, or not synchronised. No
// mirror is removed for it. Where it is open it chooses the command: the reference says that -Update fails on mirrored
// databases, and administrators leave it out.
func (b BackEnd) mirrorGate(result BackEndDecision, d ServerDecision, host string, store DatabaseStore, order *Order) (BackEndDecision, bool) {
	if b.AlwaysOn && store.Kind == StorePool || b.Mirror.Databases == v1alpha1.MirroredDatabasesAbsent || !b.Plan.Product.HasMirrors() {
		return result, false
	}
	known := b.Mirror.Databases == v1alpha1.MirroredDatabasesPresent && store.Kind == StorePool || store.Report != nil && store.Report.Mirrored
	if !known && store.Report != nil {
		return result, false
	}
	if b.MirrorState == nil {
		result.NeedMirror = host
		result.Server = d.wait(v1alpha1.StepVerify, v1alpha1.ReasonUpgrading, "asking %s how the mirrors of the databases stand", host)
		return result, true
	}
	reason, message := b.MirrorState.of(store).Standing(known)
	if reason == v1alpha1.ReasonNotApplicable {
		// They could not be compared, so that what looks like no mirror is more likely what could not be reached.
		result.Server = d.wait(v1alpha1.StepVerify, v1alpha1.ReasonServerAnswerUnknown,
			"whether the databases on %s are mirrored could not be found out: %s. Set mirror.databases to Present or Absent, or repair the cause", store.SQLServer, sentence(store.ReportProblem))
		return result, true
	}
	result.Mirror, result.MirrorMessage = reason, message
	switch reason {
	case v1alpha1.ReasonPrincipalOnMirror:
		result.Server = d.hold(reason, "%s. Nothing is changed. %s; the update then goes on by itself", message, movePrincipal)
		return result, true
	case v1alpha1.ReasonMirrorHealthy:
	default:
		result.Server = d.wait(v1alpha1.StepVerify, reason, "%s. Nothing is changed until the primary is the principal and synchronised", message)
		return result, true
	}
	switch b.Mirror.Command {
	case v1alpha1.MirrorCommandHold:
		result.Server = d.hold(v1alpha1.ReasonMirrorLeftToPerson, "the databases on %s are mirrored, and mirror.command is Hold. Update them by hand as the update's KB article says; the status then follows by itself", store.SQLServer)
		return result, true
	case v1alpha1.MirrorCommandUpdate:
	default:
		order.WithoutUpdate = true
	}
	return result, false
}

// of keeps the mirrors of one store's databases; of the pool's own, all that are not known to belong to another store.
func (m Mirror) of(store DatabaseStore) Mirror {
	if store.Kind == StorePool || store.Report == nil {
		return m
	}
	kept := Mirror{Problem: m.Problem}
	for _, database := range m.Databases {
		for _, reported := range store.Report.Databases {
			if reported.is(database.Name) {
				kept.Databases = append(kept.Databases, database)
				break
			}
		}
	}
	return kept
}

func (d ServerDecision) databasesDone(plan Plan) ServerDecision {
	d.Build = plan.Build
	d.Verdict, d.Step, d.Reason, d.Message = VerdictDone, v1alpha1.StepDone, v1alpha1.ReasonUpToDate, "the databases are at the build"
	return d
}

// afterDatabaseJob holds: the latest attempt did not do what it should.
func (d ServerDecision) afterDatabaseJob(store DatabaseStore, report *DatabaseReport, job Job) ServerDecision {
	if job.State != JobSucceeded {
		return d.hold(v1alpha1.ReasonDatabaseUpdateFailed, "the databases on %s could not be updated: %s. Look at the job's log, then ask for another try with the annotation %s",
			store.SQLServer, sentence(job.Message), v1alpha1.AnnotationRetry)
	}
	return d.hold(v1alpha1.ReasonDatabaseUpdateFailed, "Install-CsDatabase ended without an error, but these databases on %s are still old: %s. Look at the job's log, then ask for another try with the annotation %s",
		store.SQLServer, strings.Join(report.Outdated(), ", "), v1alpha1.AnnotationRetry)
}
