package lync

// Edition is the edition a pool was defined with.
type Edition string

// The editions of a pool.
const (
	EditionEnterprise Edition = "Enterprise"
	EditionStandard   Edition = "Standard"
)

// Topology is what the published topology says about one pool.
type Topology struct {
	PoolFQDN string
	Edition  Edition
	// Computers are the pool's computers in topology order, exactly as reported, duplicates included.
	Computers []string
	// UserDatabaseSQLServerFQDN is empty when the topology names no user database.
	UserDatabaseSQLServerFQDN string
	// UserDatabaseSQLInstance is empty for the default instance.
	UserDatabaseSQLInstance string
	// BackupPoolFQDN is empty when the pool is not paired.
	BackupPoolFQDN string
	// CentralManagementOnPool says that the pool hosts the Central Management store.
	CentralManagementOnPool bool
}
