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
	PoolFQDN string  `json:"poolFqdn"`
	Edition  Edition `json:"edition"`
	// Computers are the pool's computers in topology order, exactly as reported, duplicates included.
	Computers []string `json:"computers"`
	// UserDatabaseSQLServerFQDN is empty when the topology names no user database.
	UserDatabaseSQLServerFQDN string `json:"userDatabaseSqlServerFqdn,omitempty"`
	// UserDatabaseSQLInstance is empty for the default instance.
	UserDatabaseSQLInstance string `json:"userDatabaseSqlInstance,omitempty"`
	// BackupPoolFQDN is empty when the pool is not paired.
	BackupPoolFQDN string `json:"backupPoolFqdn,omitempty"`
	// CentralManagementOnPool says that the pool hosts the Central Management store.
	CentralManagementOnPool bool `json:"centralManagementOnPool"`
}
