package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

// candidates are the servers to put a question about the pool to, best first: front ends that are known, else those that were
// declared, else whichever server the pool's own name leads to.
func (w *poolWork) candidates() []string {
	var names []string
	for _, server := range w.object.Status.Servers {
		names = append(names, server.FQDN)
	}
	names = append(names, namesOf(w.object.Spec.DiscoveryServers)...)
	return append(names, string(w.object.Spec.PoolFQDN))
}

// ask puts the readiness question to the first front end that can answer it. Get-CsPoolUpgradeReadinessState knows only the
// pool of the computer it runs on, and what it says on a front end whose services do not run is unknown.
func (r *LyncPoolReconciler) ask(ctx context.Context, work *poolWork) (procedure.Readiness, *procedure.Problem) {
	var problem *procedure.Problem
	for _, name := range work.candidates() {
		answer, err := r.Servers.PoolReadiness(ctx, work.with.At(name), string(work.object.Spec.PoolFQDN))
		if err != nil {
			problem = problemFrom(err)
			if lync.KindOf(err) == lync.KindTimeout && len(work.domains) > 0 {
				// The cmdlet blocks while replicas are built, on every front end alike: a pool that does not answer in time is busy.
				return procedure.Readiness{State: stateNoAnswer, TotalFrontEnds: len(work.object.Status.Servers)}, nil
			}
			if tryAnother(err) {
				continue
			}
			return procedure.Readiness{}, problem
		}
		readiness := readinessFrom(answer)
		if err := procedure.CheckReadiness(readiness); err != nil {
			return readiness, invalidTopology(name, err)
		}
		if !work.object.Spec.PoolFQDN.Is(answer.PoolFQDN) {
			return readiness, invalidTopology(name, fmt.Errorf("it belongs to the pool %s", answer.PoolFQDN))
		}
		known := work.object.Status.Servers
		problem = work.noteDomains(name, readiness)
		if problem == nil || len(work.domains) == 0 {
			return readiness, problem
		}
		// A front end was added or removed since the topology was read: read it again before saying that they contradict each other.
		work.object.Status.Servers = known
		if again := r.readTopology(ctx, work); again != nil {
			return readiness, again
		}
		return readiness, work.noteDomains(name, readiness)
	}
	return procedure.Readiness{}, problem
}

// stateNoAnswer stands for a pool whose readiness cmdlet did not come back in time.
const stateNoAnswer = "no answer in time"

func invalidTopology(server string, err error) *procedure.Problem {
	return &procedure.Problem{Reason: v1alpha1.ReasonInvalidTopology, Lasting: true,
		Message: fmt.Sprintf("what %s says of the pool cannot be acted on: %s. Nothing is touched. Compare Get-CsPoolUpgradeReadinessState and Get-CsPool on a front end; the operator looks again by itself", server, err)}
}

// tryAnother says whether another front end may answer what this one did not.
func tryAnother(err error) bool {
	switch lync.KindOf(err) {
	case lync.KindUnreachable, lync.KindTimeout, lync.KindSessionLost, lync.KindNotInService, lync.KindCmdletFailed, lync.KindQuotaExceeded:
		return true
	default:
		return false
	}
}

// discover reads the pool's topology and its upgrade domains into the status.
func (r *LyncPoolReconciler) discover(ctx context.Context, work *poolWork) *procedure.Problem {
	if problem := r.readTopology(ctx, work); problem != nil || !work.object.Spec.Role.IsFrontEnd() {
		return problem
	}
	_, problem := r.ask(ctx, work)
	return problem
}

// readTopology reads the pool's topology into the status.
func (r *LyncPoolReconciler) readTopology(ctx context.Context, work *poolWork) *procedure.Problem {
	if len(work.object.Spec.Servers) > 0 {
		work.noteServers(namesOf(work.object.Spec.Servers))
		return nil
	}
	var topology lync.Topology
	var problem *procedure.Problem
	for _, name := range work.candidates() {
		found, err := r.Servers.Topology(ctx, work.with.At(name), string(work.object.Spec.PoolFQDN))
		if err == nil {
			topology, problem = found, nil
			break
		}
		if problem = problemFrom(err); !tryAnother(err) {
			return problem
		}
	}
	if problem != nil {
		return problem
	}
	if err := work.noteTopology(topology); err != nil {
		return err
	}
	if !work.object.Spec.Role.IsFrontEnd() {
		work.noteServers(topology.Computers)
	}
	return nil
}

func (w *poolWork) noteTopology(topology lync.Topology) *procedure.Problem {
	status := &w.object.Status
	if !w.object.Spec.PoolFQDN.Is(topology.PoolFQDN) {
		return invalidTopology(string(w.object.Spec.PoolFQDN), fmt.Errorf("it answered for the pool %q", topology.PoolFQDN))
	}
	if w.object.Spec.Role.IsFrontEnd() {
		status.Edition = v1alpha1.Edition(topology.Edition)
		status.CentralManagement = topology.CentralManagementOnPool
	}
	if status.Edition == v1alpha1.EditionStandard {
		return &procedure.Problem{Reason: v1alpha1.ReasonInvalidSpec, Lasting: true,
			Message: fmt.Sprintf("%s is a Standard Edition server, which has no upgrade domains: declare a BackEndServer with edition Standard instead of a LyncPool", topology.PoolFQDN)}
	}
	seen := map[string]bool{}
	var servers []v1alpha1.PoolServerStatus
	for _, computer := range topology.Computers {
		if seen[strings.ToLower(computer)] {
			return invalidTopology(topology.PoolFQDN, fmt.Errorf("the pool's topology lists the front end %s twice", computer))
		}
		seen[strings.ToLower(computer)] = true
		servers = append(servers, v1alpha1.PoolServerStatus{FQDN: computer})
	}
	if len(servers) == 0 {
		return invalidTopology(topology.PoolFQDN, fmt.Errorf("the pool's topology lists no front ends"))
	}
	status.Servers = servers
	return nil
}

// noteDomains puts every front end into the domain that the pool reports for it. Where the topology and the pool's own report
// name different front ends, nothing can be relied on, and the topology is read again before anything else.
func (w *poolWork) noteDomains(server string, readiness procedure.Readiness) *procedure.Problem {
	status := &w.object.Status
	placed, err := procedure.PlaceServers(w.names(), readiness)
	if err != nil {
		status.Servers = nil
		return invalidTopology(server, err)
	}
	for i, one := range placed {
		status.Servers[i].UpgradeDomain = one.Domain
	}
	w.noteMoves()
	return nil
}

// noteMoves ends the turn of an open domain, but for what is in progress in it, and begins a soak again, where the pool has other servers
// than it had, or has them in other domains: what it answered before, another pool has answered.
func (w *poolWork) noteMoves() {
	if procedure.SamePlaces(placesOf(w.before), placesOf(w.object)) {
		return
	}
	w.moved = true
	if open := w.object.Status.OpenDomain; open != nil {
		open.Adopted = true
	}
	if soak := w.object.Status.Soak; soak != nil {
		soak.Since = nil
	}
}

// placesOf are the servers that are known of a pool, each with its upgrade domain.
func placesOf(pool *v1alpha1.LyncPool) []procedure.PlacedServer {
	places := make([]procedure.PlacedServer, 0, len(pool.Status.Servers))
	for _, server := range pool.Status.Servers {
		places = append(places, procedure.PlacedServer{FQDN: server.FQDN, Domain: server.UpgradeDomain})
	}
	return places
}

// loadDomains lists the UpgradeDomain objects of the pool in the order in which the pool's front ends come in its topology.
func (r *LyncPoolReconciler) loadDomains(ctx context.Context, work *poolWork) error {
	var list v1alpha1.UpgradeDomainList
	if err := r.Client.List(ctx, &list, client.InNamespace(work.object.Namespace)); err != nil {
		return fmt.Errorf("listing upgrade domains: %w", err)
	}
	work.domains = nil
	for i := range list.Items {
		if list.Items[i].Spec.PoolRef.Name == work.object.Name {
			work.domains = append(work.domains, &list.Items[i])
		}
	}
	work.sortDomains()
	return nil
}

func (w *poolWork) sortDomains() {
	place := func(domain *v1alpha1.UpgradeDomain) int {
		for i, server := range w.object.Status.Servers {
			if strings.EqualFold(server.UpgradeDomain, domain.Spec.DomainName) {
				return i
			}
		}
		return len(w.object.Status.Servers)
	}
	slices.SortStableFunc(w.domains, func(a, b *v1alpha1.UpgradeDomain) int {
		if order := place(a) - place(b); order != 0 {
			return order
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// declareDomains makes an UpgradeDomain object for every domain that the pool reports and has none, and keeps those that the
// pool owns in step with it. An object that a person made is left as it is.
func (r *LyncPoolReconciler) declareDomains(ctx context.Context, work *poolWork) error {
	places := placesOf(work.object)
	if !slices.ContainsFunc(places, func(place procedure.PlacedServer) bool { return place.Domain != "" }) {
		return nil // which domains there are is not known
	}
	membership := procedure.Members(places, work.declared())
	for _, members := range membership.Domains {
		frontEnds := fqdns(members.Servers)
		existing := work.domainObject(members.Name)
		if existing == nil {
			created, err := r.createDomain(ctx, work, members.Name, frontEnds)
			if err != nil {
				return err
			}
			work.domains = append(work.domains, created)
			continue
		}
		if err := r.keepInStep(ctx, work, existing, frontEnds); err != nil {
			return err
		}
	}
	if err := r.dropVanished(ctx, work, membership.Vanished); err != nil {
		return err
	}
	work.sortDomains()
	return nil
}

// declared are the UpgradeDomain objects as the decision about members sees them.
func (w *poolWork) declared() []procedure.DomainMembers {
	var declared []procedure.DomainMembers
	for _, domain := range w.domains {
		known := procedure.DeclaredDomain{Name: domain.Spec.DomainName, Servers: namesOf(domain.Spec.FrontEnds), State: domain.Status.State,
			InProgress: domain.Status.InProgress, Claimed: claimed(domain), PoolFailedOver: gateAbandoned(w.object)}
		for _, row := range domain.Status.Servers {
			known.Known = append(known.Known, procedure.KnownServer{FQDN: row.FQDN, Step: row.Step, Build: v1alpha1.Build(row.InstalledBuild)})
		}
		declared = append(declared, known.Members())
	}
	return declared
}

func fqdns(names []string) []v1alpha1.FQDN {
	result := make([]v1alpha1.FQDN, 0, len(names))
	for _, name := range names {
		result = append(result, v1alpha1.FQDN(name))
	}
	return result
}

func (w *poolWork) domainObject(name string) *v1alpha1.UpgradeDomain {
	for _, domain := range w.domains {
		if strings.EqualFold(domain.Spec.DomainName, name) {
			return domain
		}
	}
	return nil
}

func (r *LyncPoolReconciler) createDomain(ctx context.Context, work *poolWork, name string, frontEnds []v1alpha1.FQDN) (*v1alpha1.UpgradeDomain, error) {
	domain := &v1alpha1.UpgradeDomain{
		ObjectMeta: metav1.ObjectMeta{Namespace: work.object.Namespace, Name: domainObjectName(work.object.Name, name),
			Labels: map[string]string{v1alpha1.LabelPool: work.object.Name}},
		Spec: v1alpha1.UpgradeDomainSpec{PoolRef: v1alpha1.LocalObjectReference{Name: work.object.Name}, DomainName: name,
			FrontEnds: frontEnds, DesiredBuild: work.object.Spec.DesiredBuild},
		Status: v1alpha1.UpgradeDomainStatus{ObservedGeneration: -1},
	}
	if err := controllerutil.SetControllerReference(work.object, domain, r.Client.Scheme()); err != nil {
		return nil, fmt.Errorf("owning upgrade domain %s: %w", domain.Name, err)
	}
	if err := r.Client.Create(ctx, domain); err != nil {
		return nil, fmt.Errorf("creating upgrade domain %s: %w", domain.Name, err)
	}
	return domain, nil
}

// domainObjectName makes an object's name of a pool object's name and a domain's name, which may hold anything. Where letters of it
// cannot be kept, a fingerprint keeps the names of two domains apart.
func domainObjectName(pool, domain string) string {
	kept := strings.Map(func(letter rune) rune {
		if letter >= 'a' && letter <= 'z' || letter >= '0' && letter <= '9' {
			return letter
		}
		return '-'
	}, strings.ToLower(domain))
	name := pool + "-" + strings.Trim(kept, "-")
	if pool+"-"+strings.ToLower(domain) == name && len(name) <= validation.DNS1123SubdomainMaxLength {
		return name
	}
	sum := sha256.Sum256([]byte(strings.ToLower(domain)))
	fingerprint := "-" + hex.EncodeToString(sum[:4])
	name = name[:min(len(name), validation.DNS1123SubdomainMaxLength-len(fingerprint))]
	return strings.TrimRight(name, "-.") + fingerprint
}

func (r *LyncPoolReconciler) keepInStep(ctx context.Context, work *poolWork, domain *v1alpha1.UpgradeDomain, frontEnds []v1alpha1.FQDN) error {
	// What a failover needs is kept in step although it is being deleted: it stays until the users are back, and works on its servers until then.
	if !metav1.IsControlledBy(domain, work.object) || beingDeleted(domain) && !beingFailedOver(work.object) {
		return nil
	}
	before := domain.DeepCopy()
	domain.Spec.FrontEnds, domain.Spec.DesiredBuild = frontEnds, work.object.Spec.DesiredBuild
	if equality.Semantic.DeepEqual(before.Spec, domain.Spec) {
		return nil
	}
	if err := r.Client.Patch(ctx, domain, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("keeping upgrade domain %s in step with its pool: %w", domain.Name, err)
	}
	return nil
}

// dropVanished deletes the objects of domains that the pool has no more and that it owns.
func (r *LyncPoolReconciler) dropVanished(ctx context.Context, work *poolWork, names []string) error {
	kept := work.domains[:0]
	for _, domain := range work.domains {
		vanished := slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, domain.Spec.DomainName) })
		if !vanished || beingDeleted(domain) || !metav1.IsControlledBy(domain, work.object) {
			kept = append(kept, domain)
			continue
		}
		if err := r.Client.Delete(ctx, domain, client.Preconditions{UID: &domain.UID, ResourceVersion: &domain.ResourceVersion}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting upgrade domain %s, which the pool no longer reports: %w", domain.Name, err)
		}
	}
	work.domains = kept
	return nil
}
