package lync

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"
)

// Options configures Servers.
type Options struct {
	// Module is the text of LyncOps.psm1, which is put on every server that lacks it.
	Module []byte
	// ConnectTo returns the address to dial for a server, for split DNS and gateways; the server's certificate must still
	// bear the server's own name. nil dials the server's name.
	ConnectTo func(host string, port int) (address string)
	// QuestionTimeout is how long one question or order may take on the server; 0 means 60 seconds.
	QuestionTimeout time.Duration
	// IdleTimeout is how long an unused session is kept; 0 means 5 minutes.
	IdleTimeout time.Duration
	// Log receives what is worth knowing about sessions; never a secret. The zero Logger logs nothing.
	Log logr.Logger
}

// Servers asks and orders Lync servers. It keeps one WinRM session per server and account and is safe for concurrent use.
type Servers struct {
	options Options
}

// NewServers returns Servers without any session; sessions are opened when they are needed.
func NewServers(options Options) *Servers {
	return &Servers{options: options}
}

var errNotYet = errors.New("not implemented")

// Facts asks a server about itself. It needs no Lync module and disturbs no installer.
func (s *Servers) Facts(ctx context.Context, access Access) (Facts, error) {
	return Facts{}, errNotYet
}

// Topology asks a server what the published topology says about a pool.
func (s *Servers) Topology(ctx context.Context, access Access, poolFQDN string) (Topology, error) {
	return Topology{}, errNotYet
}

// PoolReadiness asks a front end that is in service whether its pool can spare an upgrade domain.
func (s *Servers) PoolReadiness(ctx context.Context, access Access, poolFQDN string) (PoolReadiness, error) {
	return PoolReadiness{}, errNotYet
}

// PoolFabric returns what Get-CsPoolFabricState prints about a pool.
func (s *Servers) PoolFabric(ctx context.Context, access Access, poolFQDN string) (string, error) {
	return "", errNotYet
}

// Database asks a server for the versions of the databases on sqlServerFQDN, or, if local, of its own local ones.
func (s *Servers) Database(ctx context.Context, access Access, sqlServerFQDN string, local bool) (DatabaseReport, error) {
	return DatabaseReport{}, errNotYet
}

// Preflight asks a server whether it is fit to be worked on.
func (s *Servers) Preflight(ctx context.Context, access Access, poolFQDN string) ([]Check, error) {
	return nil, errNotYet
}

// StartJob orders a job and returns it as it stands. Repeating an order is harmless: the same id gives the same job.
func (s *Servers) StartJob(ctx context.Context, access Access, request JobRequest) (Job, error) {
	return Job{}, errNotYet
}

// ClearJobs moves every finished job that except does not name to the server's history.
func (s *Servers) ClearJobs(ctx context.Context, access Access, except []string) (Cleared, error) {
	return Cleared{}, errNotYet
}

// Close ends all sessions; Servers answers nothing afterwards.
func (s *Servers) Close(ctx context.Context) error {
	return nil
}
