package preflight

import "lyncops.dev/operator/internal/lync"

// Target is what is to be looked at.
type Target struct {
	// PoolFQDN is the pool, or the Standard Edition server.
	PoolFQDN string
	// IsServer: the pool is a Standard Edition server and bears its name; any other pool's name leads to one of its servers.
	IsServer bool
	// Candidates are servers that may know the pool, best first: the first that lets us in is asked for the pool's topology.
	Candidates []string
	// FrontEnds is the way to a server of the pool.
	FrontEnds func(fqdn string) lync.Access
	// Role is what the servers of the pool do, in the words of spec.role; empty for a Front End pool or a Standard Edition server.
	Role string
	// OutsideDomain: the servers are in the perimeter network and reach neither the central management store nor a database.
	OutsideDomain bool
	// Servers are declared, for a pool of another role; where there are none, the topology lists them.
	Servers []string
	// Product is the product that was declared, by its own name; empty for any.
	Product string
	// ProductOf names the product that an installed component belongs to; "" for a name that is not known.
	ProductOf func(component string) string
	// ReadinessCmdlet is the cmdlet by which the product says whether a pool is ready; empty: that of Lync Server 2013.
	ReadinessCmdlet string
	// JobAccount is the account that jobs run as on the servers of the pool; empty where it is the server's own.
	JobAccount string
	// FailsOver: the product takes a front end of a pool of three and more out by Invoke-CsComputerFailOver.
	FailsOver bool
	// MovesUsers: the pool may be failed over to its backup pool.
	MovesUsers bool
	// AllFrontEnds also checks every other server of the pool, and not only the candidate that answers.
	AllFrontEnds bool
	// BackEnd is a server beside the pool's own that is worked on; empty for none.
	BackEnd string
	// BackEndAccess is the way to it.
	BackEndAccess lync.Access
	// BackEndJobAccount is the account that jobs run as there; empty where it is the server's own.
	BackEndJobAccount string
	// SQLServerFQDN holds the databases; empty: the server that the topology names.
	SQLServerFQDN string
}
