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
