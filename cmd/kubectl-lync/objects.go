package main

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/credentials"
	"lyncops.dev/operator/internal/preflight"
)

// checkCredentials is the first check: the object, its Secrets and its certificate authority.
const checkCredentials = "Credentials"

// objects reads what is declared in one namespace, with the rights of whoever runs the program.
type objects struct {
	reader    client.Reader
	namespace string
}

// target says what to look at for a pool or, where it is named, a back end, and what the credentials are like. The row has failed
// when the target cannot be used; an error is that of the API server.
func (o objects) target(ctx context.Context, pool, backEnd string) (preflight.Target, preflight.Row, error) {
	if backEnd != "" {
		return o.backEnd(ctx, backEnd)
	}
	object, err := o.pool(ctx, pool)
	if err != nil {
		return preflight.Target{}, preflight.Row{}, err
	}
	with, row, err := o.credentials(ctx, pool, object.Spec.Connection, object.Spec.Jobs)
	target := targetOf(object, with)
	target.AllFrontEnds = true
	return target, row, err
}

// targetOf is the pool of an object, seen from one of its front ends.
func targetOf(object v1alpha1.LyncPool, with credentials.Credentials) preflight.Target {
	target := preflight.Target{PoolFQDN: string(object.Spec.PoolFQDN), FrontEnds: with.At, JobAccount: with.Principal.UserName}
	expect(&target, object.Spec.Product)
	if role := object.Spec.Role; !role.IsFrontEnd() {
		target.Role, target.OutsideDomain = string(role), role == v1alpha1.RoleEdge
	}
	target.FailsOver = !object.Spec.Product.Is(v1alpha1.ProductLyncServer2013)
	target.MovesUsers = object.Spec.Rollout.WhenUnready == v1alpha1.UnreadyFailOver
	for _, name := range object.Spec.Servers {
		target.Servers = append(target.Servers, string(name))
	}
	if len(target.Servers) > 0 {
		target.Candidates = target.Servers
		return target
	}
	for _, server := range object.Status.Servers {
		target.Candidates = append(target.Candidates, server.FQDN)
	}
	for _, name := range object.Spec.DiscoveryServers {
		target.Candidates = append(target.Candidates, string(name))
	}
	target.Candidates = append(target.Candidates, target.PoolFQDN)
	return target
}

// expect says which product is to be found.
func expect(target *preflight.Target, product v1alpha1.Product) {
	target.Product = product.Title()
	target.ProductOf = func(component string) string {
		if of := v1alpha1.ProductOfComponent(component); of != "" {
			return of.Title()
		}
		return ""
	}
	if product.Is(v1alpha1.ProductSkypeForBusinessServer2019) || product.Is(v1alpha1.ProductSkypeForBusinessServerSubscriptionEdition) {
		target.ReadinessCmdlet = "Get-CsUpgradeDomainInfo"
	}
}

func (o objects) backEnd(ctx context.Context, name string) (preflight.Target, preflight.Row, error) {
	var object v1alpha1.BackEndServer
	if err := o.read(ctx, name, &object, "BackEndServer"); err != nil {
		return preflight.Target{}, preflight.Row{}, err
	}
	var pool v1alpha1.LyncPool
	connection, jobs := object.Spec.Connection, object.Spec.Jobs
	if object.Spec.PoolRef != nil {
		var err error
		if pool, err = o.pool(ctx, object.Spec.PoolRef.Name); err != nil {
			return preflight.Target{}, preflight.Row{}, fmt.Errorf("the pool that spec.poolRef of BackEndServer %s names: %w", name, err)
		}
		if connection == nil {
			connection = &pool.Spec.Connection
		}
		if jobs == nil {
			jobs = &pool.Spec.Jobs
		}
	}
	if connection == nil {
		row := preflight.Row{Check: checkCredentials, Server: o.namespace + "/" + name, Result: preflight.Fail, Found: "neither spec.connection nor spec.poolRef is set", Remedy: "set one of them"}
		return preflight.Target{}, row, nil
	}
	if jobs == nil {
		jobs = &v1alpha1.JobAccount{RunAs: v1alpha1.RunAsLocalSystem}
	}
	with, row, err := o.credentials(ctx, name, *connection, *jobs)
	if err != nil || row.Result != preflight.Pass {
		return preflight.Target{}, row, err
	}
	server := string(object.Spec.ServerFQDN)
	if object.Spec.Edition == v1alpha1.EditionStandard {
		target := preflight.Target{PoolFQDN: server, IsServer: true, Candidates: []string{server}, FrontEnds: with.At, AllFrontEnds: true, JobAccount: with.Principal.UserName}
		expect(&target, object.Spec.Product)
		return target, row, nil
	}
	if object.Spec.PoolRef == nil || object.Spec.SQL == nil {
		row.Result, row.Found, row.Remedy = preflight.Fail, "an Enterprise back end needs spec.poolRef and spec.sql", "set both"
		return preflight.Target{}, row, nil
	}
	// The databases are updated from a front end, with the pool's own connection.
	frontEnds, poolRow, err := o.credentials(ctx, pool.Name, pool.Spec.Connection, pool.Spec.Jobs)
	if err != nil || poolRow.Result != preflight.Pass {
		return preflight.Target{}, poolRow, err
	}
	target := targetOf(pool, frontEnds)
	target.BackEnd, target.BackEndAccess, target.SQLServerFQDN = server, with.At(server), string(object.Spec.SQL.FQDN)
	// The jobs that update the databases run on a front end, as this account and not the pool's. They move nobody.
	target.FailsOver, target.MovesUsers = false, false
	target.BackEndJobAccount, target.JobAccount = with.Principal.UserName, with.Principal.UserName
	return target, row, nil
}

func (o objects) pool(ctx context.Context, name string) (v1alpha1.LyncPool, error) {
	var object v1alpha1.LyncPool
	err := o.read(ctx, name, &object, "LyncPool")
	return object, err
}

func (o objects) read(ctx context.Context, name string, into client.Object, kind string) error {
	if err := o.reader.Get(ctx, client.ObjectKey{Namespace: o.namespace, Name: name}, into); err != nil {
		return fmt.Errorf("reading %s %s/%s: %w", kind, o.namespace, name, err)
	}
	return nil
}

func (o objects) credentials(ctx context.Context, name string, connection v1alpha1.WinRMConnection, jobs v1alpha1.JobAccount) (credentials.Credentials, preflight.Row, error) {
	row := preflight.Row{Check: checkCredentials, Server: o.namespace + "/" + name, Result: preflight.Pass}
	with, problem, err := credentials.Resolve(ctx, o.reader, o.namespace, connection, jobs)
	switch {
	case err != nil:
		return with, row, err
	case problem != nil:
		row.Result, row.Found, row.Remedy = preflight.Fail, problem.Message, "mend the object that is named"
		return with, row, nil
	}
	authority := "the authorities that this computer trusts"
	if source := connection.CertificateAuthority; source != nil {
		authority = fmt.Sprintf("%s %s", source.Kind, source.Name)
	}
	row.Found = fmt.Sprintf("%s with %s from Secret %s, certificates by %s, jobs run as %s", with.At("").UserName, connection.Authentication,
		connection.CredentialsSecretRef.Name, authority, with.Principal.Kind)
	return with, row, nil
}
