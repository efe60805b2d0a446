package lyncops

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"lyncops.dev/operator/internal/simulator/deployment"
)

func databases(ctx context.Context, host *deployment.Host, argument []byte) (any, error) {
	var a struct {
		SQLServerFQDN     string `json:"sqlServerFqdn"`
		Local             *bool  `json:"local"`
		CentralManagement bool   `json:"centralManagement"`
	}
	if err := read(argument, &a); err != nil {
		return nil, err
	}
	switch {
	case a.Local == nil:
		return nil, wrongArgument("local", "must be true or false")
	case *a.Local && a.CentralManagement:
		return nil, wrongArgument("centralManagement", "excludes local")
	case a.SQLServerFQDN == "" && !*a.Local:
		return nil, wrongArgument("sqlServerFqdn", "is missing")
	}
	if err := mayLoadLync(host); err != nil {
		return nil, err
	}
	answer, err := compare(ctx, host, a.SQLServerFQDN, *a.Local, a.CentralManagement)
	if err != nil {
		return nil, err
	}
	return struct {
		Databases        []deployment.DatabaseRow `json:"databases"`
		CollocatedStores []string                 `json:"collocatedStores"`
		Mirrored         bool                     `json:"mirrored"`
		Warnings         []string                 `json:"warnings"`
	}{answer.Rows, answer.Collocated, answer.Mirrored, answer.Warnings}, nil
}

func compare(ctx context.Context, host *deployment.Host, sqlServerFQDN string, local, central bool) (deployment.DatabaseAnswer, error) {
	if !central {
		return host.TestDatabases(ctx, sqlServerFQDN, local)
	}
	answer, err := host.TestCentralManagement(ctx)
	answer.Rows = slices.DeleteFunc(answer.Rows, func(row deployment.DatabaseRow) bool { return !strings.EqualFold(row.SQLServerFQDN, sqlServerFQDN) })
	answer.Mirrored = slices.ContainsFunc(answer.Rows, func(row deployment.DatabaseRow) bool { return row.MirrorSQLServer != "" })
	return answer, err
}

func mirrors(ctx context.Context, host *deployment.Host, argument []byte) (any, error) {
	name, err := readPool(argument)
	if err != nil {
		return nil, err
	}
	if err := mayLoadLync(host); err != nil {
		return nil, err
	}
	rows, err := host.MirrorState(ctx, name)
	if err != nil {
		return nil, err
	}
	type mirrored struct {
		DatabaseName    string `json:"databaseName"`
		StateOnPrimary  string `json:"stateOnPrimary"`
		StateOnMirror   string `json:"stateOnMirror"`
		StatusOnPrimary string `json:"statusOnPrimary"`
		StatusOnMirror  string `json:"statusOnMirror"`
	}
	result := struct {
		PoolFQDN  string     `json:"poolFqdn"`
		Databases []mirrored `json:"databases"`
	}{name, []mirrored{}}
	for _, row := range rows {
		result.Databases = append(result.Databases, mirrored(row))
	}
	return result, nil
}

func localDatabases(host *deployment.Host, argument []byte) (any, error) {
	if err := read(argument, &struct{}{}); err != nil {
		return nil, err
	}
	type problem struct {
		InstanceName string `json:"instanceName"`
		Message      string `json:"message"`
	}
	result := struct {
		Databases []deployment.LocalDatabase `json:"databases"`
		Problems  []problem                  `json:"problems"`
	}{Problems: []problem{}}
	var stopped []string
	result.Databases, stopped = host.LocalDatabases()
	// As the module lists them: by instance, and by name within one.
	slices.SortFunc(result.Databases, func(a, b deployment.LocalDatabase) int {
		return cmp.Or(strings.Compare(a.Instance, b.Instance), strings.Compare(a.Name, b.Name))
	})
	for _, instance := range stopped {
		result.Problems = append(result.Problems, problem{instance, "A network-related or instance-specific error occurred while establishing a connection to SQL Server."})
	}
	return result, nil
}
