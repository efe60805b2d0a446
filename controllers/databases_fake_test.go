package controllers

import (
	"context"
	"slices"
	"strings"

	"lyncops.dev/operator/internal/lync"
)

// fakeDatabases is what a fake deployment knows of databases beyond those of its pool.
type fakeDatabases struct {
	// stores are the outdated databases of other SQL Servers, by the name of the server.
	stores map[string]map[string]string
	// collocated are found on the pool's SQL Server, outdated for ever.
	collocated []string
	// mirrors is what Get-CsDatabaseMirrorState answers; with some, the pool's databases have a mirror.
	mirrors []lync.MirroredDatabase
	// local are the databases of servers that are not as they should be.
	local map[string][]lync.LocalDatabase
}

var (
	healthyMirror = lync.MirroredDatabase{DatabaseName: "rtcxds", StateOnPrimary: "Principal", StateOnMirror: "Mirror", StatusOnPrimary: "synchronized", StatusOnMirror: "synchronized"}
	turnedMirror  = lync.MirroredDatabase{DatabaseName: "rtcxds", StateOnPrimary: "Mirror", StateOnMirror: "Principal", StatusOnPrimary: "synchronized", StatusOnMirror: "synchronized"}
)

func (f *fakeServers) Database(_ context.Context, access lync.Access, question lync.DatabaseQuestion) (lync.DatabaseReport, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if _, err := f.enter(fakeCall{method: "Database", server: access.FQDN}); err != nil {
		return lync.DatabaseReport{}, err
	}
	report := lync.DatabaseReport{CollocatedStores: []string{}, Warnings: []string{}}
	add := func(name, server, expected string, outdated map[string]string) {
		row := lync.Database{DatabaseName: name, SQLServerFQDN: server, ExpectedVersion: expected, InstalledVersion: expected, Succeed: true}
		if old, ok := outdated[name]; ok {
			row.InstalledVersion = old
		}
		report.Databases = append(report.Databases, row)
	}
	server := question.SQLServerFQDN
	if question.Local {
		server = access.FQDN
	}
	switch outdated, other := f.databases.stores[server]; {
	case question.CentralManagement:
		add("xds", server, "10.13.3", outdated)
	case other:
		add("LcsCDR", server, "39.85.3", outdated)
	default:
		add("rtcab", server, "62.42.13", f.outdated)
		add("rtcxds", server, "15.13.23", f.outdated)
		for _, name := range f.databases.collocated {
			report.CollocatedStores = append(report.CollocatedStores, name)
			add(name, server, "39.85.3", map[string]string{name: "39.85.2"})
		}
		if len(f.databases.mirrors) > 0 {
			report.Mirrored = true
			for i := range report.Databases {
				report.Databases[i].MirrorSQLServerFQDN = "sql02.contoso.com"
			}
		}
	}
	return report, nil
}

func (f *fakeServers) DatabaseMirror(_ context.Context, access lync.Access, pool string) (lync.DatabaseMirror, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if _, err := f.enter(fakeCall{method: "DatabaseMirror", server: access.FQDN}); err != nil {
		return lync.DatabaseMirror{}, err
	}
	return lync.DatabaseMirror{PoolFQDN: pool, Databases: slices.Clone(f.databases.mirrors)}, nil
}

func (f *fakeServers) LocalDatabases(_ context.Context, access lync.Access) (lync.LocalDatabases, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	host, err := f.enter(fakeCall{method: "LocalDatabases", server: access.FQDN})
	if err != nil {
		return lync.LocalDatabases{}, err
	}
	answer := lync.LocalDatabases{Databases: []lync.LocalDatabase{{InstanceName: "RTCLOCAL", DatabaseName: "rtc", State: "ONLINE", UserAccess: "MULTI_USER"}}, Problems: []lync.InstanceProblem{}}
	if broken, ok := f.databases.local[strings.ToLower(host.fqdn)]; ok {
		answer.Databases = slices.Clone(broken)
	}
	return answer, nil
}

// requested is the order with which a job was asked for.
func (f *fakeServers) requested(id string) lync.JobRequest {
	for _, call := range slices.Backward(f.calls) {
		if call.method == "StartJob" && call.request.ID == id {
			return call.request
		}
	}
	return lync.JobRequest{}
}

// update is what Install-CsDatabase does.
func (d *fakeDatabases) update(deployment *fakeServers, request lync.JobRequest) {
	parameters, _ := request.Parameters.(lync.UpdateDatabases)
	if _, other := d.stores[parameters.SQLServerFQDN]; other {
		d.stores[parameters.SQLServerFQDN] = map[string]string{}
		return
	}
	deployment.outdated = nil
}
