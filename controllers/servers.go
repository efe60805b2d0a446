package controllers

import (
	"context"

	"lyncops.dev/operator/internal/lync"
)

// Servers is all that controllers can do with the Windows servers. Every call has a deadline of its own. Orders are
// idempotent: the same job id is the same job, whoever asks and however often.
type Servers interface {
	Facts(ctx context.Context, access lync.Access) (lync.Facts, error)
	Topology(ctx context.Context, access lync.Access, poolFQDN string) (lync.Topology, error)
	PoolReadiness(ctx context.Context, access lync.Access, poolFQDN string) (lync.PoolReadiness, error)
	Database(ctx context.Context, access lync.Access, question lync.DatabaseQuestion) (lync.DatabaseReport, error)
	DatabaseMirror(ctx context.Context, access lync.Access, poolFQDN string) (lync.DatabaseMirror, error)
	LocalDatabases(ctx context.Context, access lync.Access) (lync.LocalDatabases, error)
	PoolFabric(ctx context.Context, access lync.Access, poolFQDN string) (string, error)
	Serving(ctx context.Context, access lync.Access, ports []int) (lync.Serving, error)
	Replication(ctx context.Context, access lync.Access) ([]lync.Replica, error)
	PatchVersion(ctx context.Context, access lync.Access) ([]lync.Component, error)
	Partner(ctx context.Context, access lync.Access, poolFQDN string) (lync.Partner, error)
	StartJob(ctx context.Context, access lync.Access, request lync.JobRequest) (lync.Job, error)
	ClearJobs(ctx context.Context, access lync.Access, except []string) (lync.Cleared, error)
}
