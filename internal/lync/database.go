package lync

// DatabaseReport is what Test-CsDatabase found on one SQL Server.
type DatabaseReport struct {
	Databases []Database `json:"databases"`
	// CollocatedStores are the archiving and monitoring databases found on the same SQL Server.
	CollocatedStores []string `json:"collocatedStores"`
	Mirrored         bool     `json:"mirrored"`
	Warnings         []string `json:"warnings"`
}

// Database is one database and its schema versions.
type Database struct {
	DatabaseName    string `json:"databaseName"`
	SQLServerFQDN   string `json:"sqlServerFqdn"`
	SQLInstanceName string `json:"sqlInstanceName"`
	// ExpectedVersion and InstalledVersion are empty when unknown, which never means equal.
	ExpectedVersion  string `json:"expectedVersion"`
	InstalledVersion string `json:"installedVersion"`
	Succeed          bool   `json:"succeed"`
	// MirrorSQLServerFQDN is empty when the database is not mirrored.
	MirrorSQLServerFQDN string `json:"mirrorSqlServerFqdn"`
}

// UpToDate reports whether both versions are known and equal.
func (d Database) UpToDate() bool {
	return d.ExpectedVersion != "" && d.ExpectedVersion == d.InstalledVersion
}

// DatabaseQuestion says which databases are asked for.
type DatabaseQuestion struct {
	// SQLServerFQDN is the SQL Server, or the listener of its availability group; empty when Local.
	SQLServerFQDN string `json:"sqlServerFqdn"`
	// Local asks for the databases that the services of the asked server use.
	Local bool `json:"local"`
	// CentralManagement asks for the central management store on SQLServerFQDN.
	CentralManagement bool `json:"centralManagement"`
}

// DatabaseMirror is how the mirrors of one pool's databases stand, in the words of Get-CsDatabaseMirrorState.
type DatabaseMirror struct {
	PoolFQDN  string             `json:"poolFqdn"`
	Databases []MirroredDatabase `json:"databases"`
}

// MirroredDatabase is one database as seen from both partners.
type MirroredDatabase struct {
	DatabaseName    string `json:"databaseName"`
	StateOnPrimary  string `json:"stateOnPrimary"`
	StateOnMirror   string `json:"stateOnMirror"`
	StatusOnPrimary string `json:"statusOnPrimary"`
	StatusOnMirror  string `json:"statusOnMirror"`
}

// LocalDatabases are the databases of a server's own SQL Server instances.
type LocalDatabases struct {
	Databases []LocalDatabase `json:"databases"`
	// Problems name the instances that could not be asked.
	Problems []InstanceProblem `json:"problems"`
}

// LocalDatabase is one row of sys.databases.
type LocalDatabase struct {
	InstanceName string `json:"instanceName"`
	DatabaseName string `json:"databaseName"`
	// State is ONLINE when the database can be used, UserAccess MULTI_USER when more than one may.
	State      string `json:"state"`
	UserAccess string `json:"userAccess"`
}

// InstanceProblem is why an instance could not be asked.
type InstanceProblem struct {
	InstanceName string `json:"instanceName"`
	Message      string `json:"message"`
}
