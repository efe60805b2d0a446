package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

// shortestPersistentChatStop is what a Persistent Chat Server gets to stop in any case: five minutes and more are usual.
const shortestPersistentChatStop = 15 * time.Minute

// askPatchVersion asks servers whose services run again what the product itself says is installed, and puts the answers into the domain.
func (r *UpgradeDomainReconciler) askPatchVersion(ctx context.Context, work *domainWork, domain procedure.Domain, decision procedure.DomainDecision) (asked bool) {
	for i, server := range decision.Servers {
		if !server.NeedPatchVersion {
			continue
		}
		asked = true
		said, problem := r.patchVersion(ctx, work.with.At(server.FQDN), server.FQDN)
		if problem != nil {
			domain.Servers[i].Server, domain.Servers[i].Problem = nil, problem
			continue
		}
		domain.Servers[i].Server.PatchVersion = &said
	}
	return asked
}

// patchVersion asks a server what the product itself says is the build of its core components; empty where it cannot say.
func (s Shared) patchVersion(ctx context.Context, access lync.Access, fqdn string) (v1alpha1.Build, *procedure.Problem) {
	components, err := s.Servers.PatchVersion(ctx, access)
	switch {
	case err != nil && !cannotSay(err):
		return "", problemFrom(err)
	case err != nil:
		logr.FromContextOrDiscard(ctx).Info("the product does not say which build is installed", "server", fqdn, "reason", err.Error())
	}
	said := v1alpha1.Build("")
	for _, component := range components {
		if strings.HasSuffix(strings.ToLower(component.Name), coreComponents) {
			said = v1alpha1.Build(component.Version)
		}
	}
	if said.Validate() != nil {
		said = ""
	}
	return said, nil
}

// cannotSay says whether a server answered that it has no answer.
func cannotSay(err error) bool {
	switch lync.KindOf(err) {
	case lync.KindCmdletMissing, lync.KindCmdletFailed, lync.KindUnknownShape:
		return true
	default:
		return false
	}
}

// variantOf is the variant of the procedure that the servers of a pool go through.
func variantOf(pool *v1alpha1.LyncPool) procedure.Variant {
	servers := len(pool.Status.Servers)
	if servers == 0 {
		servers = len(pool.Spec.Servers)
	}
	announced := pool.Spec.Rollout.Drain.Mode == v1alpha1.DrainImmediate
	return procedure.VariantFor(pool.Spec.Product, pool.Spec.Role, string(pool.Spec.PoolFQDN), servers, announced)
}

// fitsPool says why a back end cannot belong to its pool.
func fitsPool(spec v1alpha1.BackEndServerSpec, pool *v1alpha1.LyncPool) *procedure.Problem {
	switch {
	case pool == nil:
		return nil
	case !pool.Spec.Role.IsFrontEnd():
		return &procedure.Problem{Reason: v1alpha1.ReasonInvalidSpec, Lasting: true,
			Message: fmt.Sprintf("the LyncPool %s has the role %s; a back end belongs to a Front End pool", pool.Name, pool.Spec.Role)}
	case !pool.Spec.Product.Is(spec.Product):
		return &procedure.Problem{Reason: v1alpha1.ReasonInvalidSpec, Lasting: true,
			Message: fmt.Sprintf("the LyncPool %s is declared as %s, this back end as %s; both have the same product", pool.Name, pool.Spec.Product.Title(), spec.Product.Title())}
	}
	return nil
}

// declaredAnew says whether the servers of a pool of another role must be noted again, because the declaration has changed.
func (w *poolWork) declaredAnew() bool {
	return !w.object.Spec.Role.IsFrontEnd() && w.object.Status.ObservedGeneration != w.object.Generation
}

// noteServers makes an upgrade domain of every server of a pool that has none, so that such a pool looks, and is taken, like any
// other. The domain is named after the server: in full where the first part of the name is not enough.
func (w *poolWork) noteServers(names []string) {
	short := func(name string) string { return strings.ToLower(strings.Split(name, ".")[0]) }
	seen := map[string]int{}
	for _, name := range names {
		seen[short(name)]++
	}
	w.object.Status.Servers = nil
	for _, name := range names {
		domain := short(name)
		if seen[domain] > 1 {
			domain = strings.ToLower(name)
		}
		w.object.Status.Servers = append(w.object.Status.Servers, v1alpha1.PoolServerStatus{FQDN: name, UpgradeDomain: domain})
	}
	w.noteMoves()
}
