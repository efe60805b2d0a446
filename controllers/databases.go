package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/credentials"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

// describeDatabases tells a decision where the databases of a back end are and what is wanted with them.
func describeDatabases(backEnd *procedure.BackEnd, spec v1alpha1.BackEndServerSpec) {
	if spec.SQL != nil {
		backEnd.SQLServer, backEnd.AlwaysOn = spec.SQL.Name(), spec.SQL.Availability == v1alpha1.SQLAvailabilityAlwaysOn
	}
	for _, store := range spec.OtherStores {
		backEnd.OtherStores = append(backEnd.OtherStores, procedure.DatabaseStore{Kind: procedure.StoreOther, SQLServer: string(store.FQDN)})
	}
	if store := spec.CentralManagement; store != nil {
		backEnd.OtherStores = append(backEnd.OtherStores, procedure.DatabaseStore{Kind: procedure.StoreCentralManagement, SQLServer: string(store.FQDN), Instance: store.InstanceName})
	}
	if spec.Mirror != nil {
		backEnd.Mirror = *spec.Mirror
	}
}

// mirrorSaid is how the mirrors of a back end stood when it was last known.
func mirrorSaid(object *v1alpha1.BackEndServer) string {
	if found := meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionMirrorHealthy); found != nil {
		return found.Reason
	}
	return ""
}

// decide looks at a back end's databases as far as the decision needs it, and decides. Each question is asked once a pass.
func (r *BackEndServerReconciler) decide(ctx context.Context, work *backEndWork, backEnd *procedure.BackEnd) procedure.BackEndDecision {
	for {
		decision := procedure.NextBackEndStep(*backEnd)
		switch {
		case decision.NeedReport != "":
			r.compareDatabases(ctx, work, backEnd, decision)
		case decision.NeedMirror != "":
			backEnd.MirrorState = askMirror(ctx, r.Servers, work.frontEnds.At(decision.NeedMirror), string(work.pool.Spec.PoolFQDN))
		case decision.NeedTopology:
			_, changed := topologyChanged(ctx, r.Servers, work.frontEnds, work.pool, nil)
			backEnd.TopologyChanged = &changed
		case decision.Server.NeedLocalDatabases:
			backEnd.LocalDatabases = askLocalDatabases(ctx, r.Servers, work.with.At(decision.Server.FQDN))
		case decision.Server.NeedPatchVersion:
			said, problem := r.patchVersion(ctx, work.with.At(decision.Server.FQDN), decision.Server.FQDN)
			if backEnd.Server.PatchVersion = &said; problem != nil {
				backEnd.Server, backEnd.Problem = nil, problem
			}
		default:
			return decision
		}
	}
}

func (r *BackEndServerReconciler) compareDatabases(ctx context.Context, work *backEndWork, backEnd *procedure.BackEnd, decision procedure.BackEndDecision) {
	with, store := work.frontEnds, backEnd.StoreAsked(decision)
	if decision.Local {
		with = work.with
	}
	question := lync.DatabaseQuestion{SQLServerFQDN: store.SQLServer, Local: decision.Local, CentralManagement: store.Kind == procedure.StoreCentralManagement}
	report, err := r.Servers.Database(ctx, with.At(decision.NeedReport), question)
	if err != nil {
		*backEnd = backEnd.Told(decision, nil, err.Error())
		return
	}
	*backEnd = backEnd.Told(decision, reportFrom(report), "")
}

// askMirror asks how the mirrors of a pool's databases stand. That nobody answered is an answer too: a reason to wait where there
// are mirrors.
func askMirror(ctx context.Context, servers Servers, access lync.Access, poolFQDN string) *procedure.Mirror {
	answer, err := servers.DatabaseMirror(ctx, access, poolFQDN)
	if err != nil {
		return &procedure.Mirror{Problem: err.Error()}
	}
	mirror := &procedure.Mirror{}
	for _, database := range answer.Databases {
		mirror.Databases = append(mirror.Databases, procedure.MirroredDatabase{Name: database.DatabaseName, StateOnPrimary: database.StateOnPrimary,
			StateOnMirror: database.StateOnMirror, StatusOnPrimary: database.StatusOnPrimary, StatusOnMirror: database.StatusOnMirror})
	}
	return mirror
}

// askLocalDatabases looks into a server's own SQL Server instances. One that cannot be asked is no proof of anything: the services
// that need it are looked at as well.
func askLocalDatabases(ctx context.Context, servers Servers, access lync.Access) *procedure.LocalDatabases {
	answer, err := servers.LocalDatabases(ctx, access)
	if err != nil {
		return &procedure.LocalDatabases{}
	}
	found := &procedure.LocalDatabases{}
	for _, database := range answer.Databases {
		found.Databases = append(found.Databases, procedure.LocalDatabase{Instance: database.InstanceName, Name: database.DatabaseName, State: database.State, UserAccess: database.UserAccess})
	}
	return found
}

// reportDatabases writes what was found about mirrors and about stores that are not updated with the pool's databases.
func reportDatabases(work *backEndWork, decision procedure.BackEndDecision) {
	status := &work.object.Status
	switch decision.Mirror {
	case "": // nothing depended on it in this pass, and what is known stays known
	case v1alpha1.ReasonMirrorHealthy, v1alpha1.ReasonNotApplicable:
		work.conditions.set(v1alpha1.ConditionMirrorHealthy, true, decision.Mirror, decision.MirrorMessage)
	default:
		work.conditions.set(v1alpha1.ConditionMirrorHealthy, false, decision.Mirror, decision.MirrorMessage)
	}
	if !decision.StoresCompared {
		return
	}
	if len(decision.LeftBehind) == 0 {
		if meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionStoresCurrent) == nil {
			return
		}
		work.conditions.set(v1alpha1.ConditionStoresCurrent, true, v1alpha1.ReasonStoresCurrent, "no other database on the SQL Server is known to be old")
		return
	}
	message := fmt.Sprintf("not updated with the pool's databases, and old: %s. No published command updates them from a front end: follow the update's KB article on %s itself, or declare centralManagement where it is xds",
		strings.Join(decision.LeftBehind, ", "), work.object.Spec.SQL.FQDN)
	if !meta.IsStatusConditionFalse(status.Conditions, v1alpha1.ConditionStoresCurrent) {
		work.told = append(work.told, announcement{warning: true, reason: v1alpha1.ReasonStoresOutdated, action: "Compare", note: message})
	}
	work.conditions.set(v1alpha1.ConditionStoresCurrent, false, v1alpha1.ReasonStoresOutdated, message)
}

// reportOutage shows since when the services have been away, and warns before the budget is spent and when it is.
func reportOutage(work *backEndWork, decision procedure.BackEndDecision) {
	status, budget := &work.object.Status, work.budget()
	if decision.Outage <= 0 {
		if decision.Server.Verdict != procedure.VerdictWait || decision.Server.Step != v1alpha1.StepUnknown {
			status.OutageSince = nil
			work.conditions.set(v1alpha1.ConditionWithinOutageBudget, true, v1alpha1.ReasonWithinBudget, "the services are there")
		}
		return
	}
	if status.OutageSince == nil {
		since := metav1.NewTime(work.now.Add(-decision.Outage).Truncate(time.Second))
		status.OutageSince = &since
	}
	reason, _ := procedure.Outage(decision.Outage, budget)
	message := map[string]string{
		v1alpha1.ReasonWithinBudget:      fmt.Sprintf("the services are away; the budget is %s", budget),
		v1alpha1.ReasonBudgetNearlySpent: fmt.Sprintf("the services of %s have been away for two thirds of %s; look at it before users fall into resiliency mode", work.object.Spec.ServerFQDN, budget),
		v1alpha1.ReasonBudgetSpent:       fmt.Sprintf("the services of %s have been away for longer than %s; users are in resiliency mode until they are back", work.object.Spec.ServerFQDN, budget),
	}[reason]
	before := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionWithinOutageBudget)
	if reason != v1alpha1.ReasonWithinBudget && (before == nil || before.Reason != reason) {
		work.told = append(work.told, announcement{warning: true, reason: reason, action: "Wait", note: message})
	}
	work.conditions.set(v1alpha1.ConditionWithinOutageBudget, reason != v1alpha1.ReasonBudgetSpent, reason, message)
}

// budget is how long the services may be away.
func (w *backEndWork) budget() time.Duration {
	return orDefault(w.object.Spec.OutageBudget, defaultOutageBudget)
}

// away is how long the services have been away, as far as it was known at the last look.
func (w *backEndWork) away() time.Duration {
	if w.object.Status.OutageSince == nil {
		return 0
	}
	return w.now.Sub(w.object.Status.OutageSince.Time)
}

// mirrored says whether the pool's databases are known to be mirrored: declared so, or found so by a back end.
func (s Shared) mirrored(ctx context.Context, pool client.ObjectKey) (bool, error) {
	backEnds, err := s.backEnds(ctx, s.Client, pool)
	if err != nil {
		return false, err
	}
	for _, backEnd := range backEnds {
		if mirror := backEnd.Spec.Mirror; mirror != nil && mirror.Databases == v1alpha1.MirroredDatabasesPresent {
			return true, nil
		}
		found := meta.FindStatusCondition(backEnd.Status.Conditions, v1alpha1.ConditionMirrorHealthy)
		if found != nil && found.Reason != v1alpha1.ReasonNotApplicable {
			return true, nil
		}
	}
	return false, nil
}

// mirrorsOf asks one of the pool's front ends that serve, and on which no work goes on, how the mirrors stand.
func (r *UpgradeDomainReconciler) mirrorsOf(ctx context.Context, work *domainWork, members []procedure.Member) *procedure.Mirror {
	for _, member := range members {
		if member.Serving && !member.Begun {
			return askMirror(ctx, r.Servers, work.with.At(member.FQDN), string(work.pool.Spec.PoolFQDN))
		}
	}
	return &procedure.Mirror{Problem: "no front end serves that could be asked"}
}

// mayBeMirrored says whether databases of the pool can be mirrored at all: Skype for Business Server 2019 has done away with it, and
// only front ends have databases whose primary matters to them.
func mayBeMirrored(pool *v1alpha1.LyncPool) bool {
	return pool.Spec.Product.HasMirrors() && pool.Spec.Role.IsFrontEnd()
}

// localDatabasesOf looks into the instances of servers whose decisions need it, and says whether anything was asked.
func localDatabasesOf(ctx context.Context, servers Servers, with credentials.Credentials, domain *procedure.Domain, decision procedure.DomainDecision) (asked bool) {
	for i, server := range decision.Servers {
		if server.NeedLocalDatabases {
			domain.Servers[i].LocalDatabases = askLocalDatabases(ctx, servers, with.At(server.FQDN))
			asked = true
		}
	}
	return asked
}
