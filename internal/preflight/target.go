package preflight

import "lyncops.dev/operator/internal/lync"

// Target is what is to be looked at.
type Target struct {
	// PoolFQDN is the pool, or the Standard Edition server.
	PoolFQDN string
	// Candidates are servers that may know the pool, best first: the first that lets us in is asked for the pool's topology.
	Candidates []string
	// FrontEnds is the way to a server of the pool.
	FrontEnds func(fqdn string) lync.Access
	// AllFrontEnds also checks every front end of the topology, and not only the candidate that answers.
	AllFrontEnds bool
	// BackEnd is a server beside the pool's own that is worked on; empty for none.
	BackEnd string
	// BackEndAccess is the way to it.
	BackEndAccess lync.Access
	// SQLServerFQDN holds the databases; empty: the server that the topology names.
	SQLServerFQDN string
}
