package v1alpha1

// SQLAvailability says how SQL Server keeps the databases available.
//
// +kubebuilder:validation:Enum=Standalone;AlwaysOn
type SQLAvailability string

const (
	// SQLAvailabilityStandalone: one server or a failover cluster, mirrored or not.
	SQLAvailabilityStandalone SQLAvailability = "Standalone"
	// SQLAvailabilityAlwaysOn: an availability group, reached through its listener. Lync Server 2013 has none.
	SQLAvailabilityAlwaysOn SQLAvailability = "AlwaysOn"
)

// MirroredDatabases says whether SQL Server mirrors the databases.
//
// +kubebuilder:validation:Enum=Detect;Present;Absent
type MirroredDatabases string

const (
	// MirroredDatabasesDetect looks whether they are.
	MirroredDatabasesDetect MirroredDatabases = "Detect"
	// MirroredDatabasesPresent: they are.
	MirroredDatabasesPresent MirroredDatabases = "Present"
	// MirroredDatabasesAbsent: they are not.
	MirroredDatabasesAbsent MirroredDatabases = "Absent"
)

// MirrorCommand is what is done for databases that are mirrored. Microsoft's pages and the field disagree about it.
//
// +kubebuilder:validation:Enum=WithoutUpdate;Update;Hold
type MirrorCommand string

const (
	// MirrorCommandWithoutUpdate runs Install-CsDatabase without -Update, as administrators do.
	MirrorCommandWithoutUpdate MirrorCommand = "WithoutUpdate"
	// MirrorCommandUpdate runs it with -Update, which the reference says to fail and the field says to work since the update of July 2013.
	MirrorCommandUpdate MirrorCommand = "Update"
	// MirrorCommandHold leaves the databases to a person.
	MirrorCommandHold MirrorCommand = "Hold"
)

// MirrorPolicy says whether the databases are mirrored, and what is then done. No mirror is ever removed.
type MirrorPolicy struct {
	// Whether the databases are mirrored: Detect, Present or Absent.
	// +kubebuilder:default=Detect
	// +optional
	Databases MirroredDatabases `json:"databases,omitempty"`

	// How mirrored databases are updated: WithoutUpdate (Install-CsDatabase without -Update), Update (with it) or Hold (a person does it).
	// +kubebuilder:default=WithoutUpdate
	// +optional
	Command MirrorCommand `json:"command,omitempty"`
}

// OtherStore is a SQL Server with archiving or monitoring databases of the pool.
type OtherStore struct {
	// FQDN of the SQL Server.
	// +required
	FQDN FQDN `json:"fqdn"`
}

// CentralManagementStore is where the central management store is.
type CentralManagementStore struct {
	// FQDN of the SQL Server, or of the listener of its availability group.
	// +required
	FQDN FQDN `json:"fqdn"`

	// Name of the instance; left out: the default instance.
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_#$-]*$`
	// +optional
	InstanceName string `json:"instanceName,omitempty"`
}

// HasMirrors says whether SQL Server may mirror the databases of the product: Skype for Business Server 2019 has done away with it.
func (p Product) HasMirrors() bool {
	return p != ProductSkypeForBusinessServer2019 && p != ProductSkypeForBusinessServerSubscriptionEdition
}
