package lync_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/lyncops"
	"lyncops.dev/operator/internal/simulator/sample"
)

const simulatedPool = "pool01.contoso.com"

// simulate has the host answer as the simulator's model of a server does, which shares no code with this package.
func (h *host) simulate(model *deployment.Model, name string) {
	h.t.Helper()
	server, ok := model.Host(name)
	if !ok {
		h.t.Fatalf("there is no server %s", name)
	}
	for _, verb := range lyncops.Verbs() {
		h.verbs[verb] = func(ctx context.Context, argument string) (string, string, int) {
			return lyncops.Answer(ctx, server, userName, verb, base64.StdEncoding.EncodeToString([]byte(argument))) + "\r\n", "", 0
		}
	}
}

func newModel(t testing.TB) *deployment.Model {
	t.Helper()
	return sample.Model(t, "contoso.yaml", deployment.Options{TimeScale: 1000})
}

func TestSimulatorAndThisPackageReadTheProtocolAlike(t *testing.T) {
	h := newHost(t, ntlm)
	h.simulate(newModel(t), "fe01.contoso.com")
	servers := h.servers(lync.Options{})
	ctx := t.Context()

	facts, err := servers.Facts(ctx, h.access)
	if err != nil || facts.FQDN != "fe01.contoso.com" || len(facts.Services) == 0 || len(facts.Components) == 0 || facts.Baseline != nil || len(facts.Jobs) != 0 {
		t.Errorf("facts: %+v, %v", facts, err)
	}
	topology, err := servers.Topology(ctx, h.access, simulatedPool)
	if err != nil || topology.Edition != lync.EditionEnterprise || len(topology.Computers) != 6 || topology.UserDatabaseSQLServerFQDN != "sql01.contoso.com" {
		t.Errorf("topology: %+v, %v", topology, err)
	}
	readiness, err := servers.PoolReadiness(ctx, h.access, simulatedPool)
	if err != nil || readiness.State != lync.ReadinessReady || len(readiness.UpgradeDomains) != 3 || readiness.TotalFrontends != 6 {
		t.Errorf("readiness: %+v, %v", readiness, err)
	}
	if fabric, err := servers.PoolFabric(ctx, h.access, simulatedPool); err != nil || fabric == "" {
		t.Errorf("fabric: %q, %v", fabric, err)
	}
	database, err := servers.Database(ctx, h.access, lync.DatabaseQuestion{SQLServerFQDN: "sql01.contoso.com"})
	if err != nil || len(database.Databases) == 0 {
		t.Errorf("database: %+v, %v", database, err)
	}
	central, err := servers.Database(ctx, h.access, lync.DatabaseQuestion{SQLServerFQDN: "sql01.contoso.com", CentralManagement: true})
	if err != nil || central.Databases == nil {
		t.Errorf("central management store: %+v, %v", central, err)
	}
	if mirror, err := servers.DatabaseMirror(ctx, h.access, simulatedPool); err != nil || len(mirror.Databases) == 0 {
		t.Errorf("mirror: %+v, %v", mirror, err)
	}
	if partner, err := servers.Partner(ctx, h.access, simulatedPool); err != nil || partner.PoolState != "Active" || partner.BackupPoolFQDN != "" {
		t.Errorf("partner: %+v, %v", partner, err)
	}
	if local, err := servers.LocalDatabases(ctx, h.access); err != nil || len(local.Databases) != 4 || len(local.Problems) > 0 {
		t.Errorf("local databases: %+v, %v", local, err)
	}
	if checks, err := servers.Preflight(ctx, h.access, lync.PreflightQuestion{PoolFQDN: simulatedPool, JobAccount: `CONTOSO\svc-lyncops`}); err != nil || len(checks) == 0 {
		t.Errorf("preflight: %+v, %v", checks, err)
	}

	order := lync.JobRequest{
		ID: "stopservices-1", Action: lync.ActionStopServices, Principal: lync.Principal{Kind: lync.PrincipalLocalSystem},
		Parameters: lync.StopServices{Graceful: true, TimeoutSeconds: 3600, OnTimeout: lync.OnTimeoutFail},
	}
	job, err := servers.StartJob(ctx, h.access, order)
	if err != nil || job.ID != order.ID || job.State.Finished() && job.State != lync.JobSucceeded {
		t.Fatalf("job: %+v, %v", job, err)
	}
	for !job.State.Finished() {
		if facts, err = servers.Facts(ctx, h.access); err != nil || len(facts.Jobs) != 1 {
			t.Fatalf("facts: %+v, %v", facts, err)
		}
		job = facts.Jobs[0]
	}
	if job.State != lync.JobSucceeded || job.Claimed.IsZero() || job.Finished.IsZero() || facts.Baseline == nil {
		t.Errorf("job: %+v, baseline: %+v", job, facts.Baseline)
	}
	if _, err := servers.PoolReadiness(ctx, h.access, simulatedPool); lync.KindOf(err) != lync.KindNotInService {
		t.Errorf("a stopped front end was asked for readiness: %v", err)
	}
	cleared, err := servers.ClearJobs(ctx, h.access, nil)
	if err != nil || len(cleared.Jobs) != 1 || cleared.Jobs[0] != order.ID || cleared.BaselineRemoved {
		t.Errorf("cleared: %+v, %v", cleared, err)
	}
}

func BenchmarkWarmQuestion(b *testing.B) {
	h := newHost(b, ntlm)
	h.simulate(newModel(b), "fe01.contoso.com")
	servers := h.servers(lync.Options{Module: []byte(strings.Repeat("# a module of a hundred thousand characters\r\n", 2200))})
	ask := func() {
		if _, err := servers.Facts(b.Context(), h.access); err != nil {
			b.Fatal(err)
		}
	}
	ask()
	before := h.handler.Counters().Total()
	for b.Loop() {
		ask()
	}
	after := h.handler.Counters().Total()
	b.ReportMetric(float64(after.HTTPRequests-before.HTTPRequests)/float64(b.N), "requests/op")
	b.ReportMetric(float64(after.BytesIn-before.BytesIn)/float64(b.N), "sent-B/op")
	b.ReportMetric(float64(after.BytesOut-before.BytesOut)/float64(b.N), "received-B/op")
}
