package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Edition is the edition of Lync Server.
//
// +kubebuilder:validation:Enum=Enterprise;Standard
type Edition string

const (
	// EditionEnterprise: front ends and SQL Server are on separate servers.
	EditionEnterprise Edition = "Enterprise"
	// EditionStandard: one server holds everything.
	EditionStandard Edition = "Standard"
)

// CollocatedStores says whether archiving or monitoring databases are on the same SQL Server as the pool's.
//
// +kubebuilder:validation:Enum=Detect;Present;Absent
type CollocatedStores string

const (
	// CollocatedStoresDetect looks for them on the SQL Server.
	CollocatedStoresDetect CollocatedStores = "Detect"
	// CollocatedStoresPresent: they are there.
	CollocatedStoresPresent CollocatedStores = "Present"
	// CollocatedStoresAbsent: they are not there.
	CollocatedStoresAbsent CollocatedStores = "Absent"
)

// SQLServer names the SQL Server that holds the databases.
//
// +kubebuilder:validation:XValidation:rule="(self.availability == 'AlwaysOn') == has(self.listener)",message="sql.listener goes with availability AlwaysOn: an availability group is reached through its listener, and nothing else has one"
type SQLServer struct {
	// FQDN of the SQL Server.
	// +required
	FQDN FQDN `json:"fqdn"`

	// Name of the instance; left out: the default instance.
	// +kubebuilder:validation:MaxLength=16
	// +optional
	InstanceName string `json:"instanceName,omitempty"`

	// Standalone (one server or a failover cluster) or AlwaysOn (an availability group).
	// +kubebuilder:default=Standalone
	// +optional
	Availability SQLAvailability `json:"availability,omitempty"`

	// FQDN of the availability group's listener; Install-CsDatabase and Test-CsDatabase are given this name.
	// +optional
	Listener FQDN `json:"listener,omitempty"`
}

// Name is what Lync's commands are given to reach the databases: the listener of an availability group, otherwise the server.
func (s *SQLServer) Name() string {
	if s.Availability == SQLAvailabilityAlwaysOn {
		return string(s.Listener)
	}
	return string(s.FQDN)
}

// BackEndServerSpec is a back end or Standard Edition server and the build it should have.
//
// +kubebuilder:validation:XValidation:rule="self.edition != 'Enterprise' || has(self.poolRef)",message="an Enterprise back end needs poolRef: its databases are updated after, and from, the front ends of that pool"
// +kubebuilder:validation:XValidation:rule="self.edition != 'Enterprise' || has(self.sql)",message="an Enterprise back end needs sql.fqdn: the SQL Server whose databases are updated"
// +kubebuilder:validation:XValidation:rule="self.edition != 'Standard' || has(self.serverFQDN)",message="a Standard Edition server needs serverFQDN"
// +kubebuilder:validation:XValidation:rule="has(self.poolRef) || (has(self.connection) && (self.management == 'Observe' || has(self.package)))",message="without poolRef both connection and package must be given"
// +kubebuilder:validation:XValidation:rule="self.desiredBuild.startsWith(self.product == 'LyncServer2013' ? '5.0.' : self.product == 'SkypeForBusinessServer2015' ? '6.0.' : '7.0.')",message="desiredBuild does not fit product: builds of LyncServer2013 begin with 5.0 (5.0.8308.1149), of SkypeForBusinessServer2015 with 6.0 (6.0.9319.869), of SkypeForBusinessServer2019 and SkypeForBusinessServerSubscriptionEdition with 7.0 (7.0.2046.530)"
// +kubebuilder:validation:XValidation:rule="self.edition == 'Enterprise' || !has(self.mirror) && !has(self.otherStores) && !has(self.centralManagement)",message="mirror, otherStores and centralManagement are for edition Enterprise: a Standard Edition server updates its databases itself"
// +kubebuilder:validation:XValidation:rule="!has(self.sql) || self.sql.availability != 'AlwaysOn' || self.product != 'LyncServer2013' && !has(self.mirror)",message="Lync Server 2013 knows no availability groups, and databases in one are not mirrored: leave out availability or mirror"
// +kubebuilder:validation:XValidation:rule="!has(self.mirror) || self.mirror.databases != 'Present' || self.product in ['LyncServer2013', 'SkypeForBusinessServer2015']",message="Skype for Business Server 2019 and Subscription Edition know no mirrored databases"
// +kubebuilder:validation:XValidation:rule="!has(self.otherStores) || !has(self.sql) || self.otherStores.all(store, store.fqdn.lowerAscii() != self.sql.fqdn.lowerAscii() && (!has(self.sql.listener) || store.fqdn.lowerAscii() != self.sql.listener.lowerAscii()))",message="otherStores are SQL Servers other than sql: stores on the same server are collocated, see collocatedStores"
type BackEndServerSpec struct {
	// Enterprise (SQL Server of a pool) or Standard (one server that holds everything).
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="edition cannot be changed; make another BackEndServer"
	// +required
	Edition Edition `json:"edition"`

	// Product of the server: LyncServer2013, SkypeForBusinessServer2015, SkypeForBusinessServer2019 or
	// SkypeForBusinessServerSubscriptionEdition; that of the pool for an Enterprise back end. It cannot be changed.
	// +kubebuilder:default=LyncServer2013
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="product cannot be changed; make another BackEndServer"
	// +optional
	Product Product `json:"product,omitempty"`

	// The LyncPool whose databases these are. Package, connection and account are taken from it where they are left out here.
	// +optional
	PoolRef *LocalObjectReference `json:"poolRef,omitempty"`

	// FQDN of the Windows server. For Enterprise it may be left out when no Lync component is installed beside SQL Server:
	// then only the databases are updated, from a front end.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="serverFQDN cannot be changed; make another BackEndServer for another server"
	// +optional
	ServerFQDN FQDN `json:"serverFQDN,omitempty"`

	// The SQL Server that holds the databases of an Enterprise pool.
	// +optional
	SQL *SQLServer `json:"sql,omitempty"`

	// Whether archiving or monitoring databases are on the same SQL Server: Detect, Present or Absent.
	// +kubebuilder:default=Detect
	// +optional
	CollocatedStores CollocatedStores `json:"collocatedStores,omitempty"`

	// Whether the databases are mirrored, and how they are then updated; left out: detected, and updated without -Update.
	// +optional
	Mirror *MirrorPolicy `json:"mirror,omitempty"`

	// SQL Servers with archiving or monitoring databases of the pool, where they are not on sql. Each gets its own
	// Install-CsDatabase, after the pool's.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=fqdn
	// +optional
	OtherStores []OtherStore `json:"otherStores,omitempty"`

	// The central management store, where it is updated with this back end: last, by a call of its own.
	// +optional
	CentralManagement *CentralManagementStore `json:"centralManagement,omitempty"`

	// Build the server and its databases should have.
	// +required
	DesiredBuild Build `json:"desiredBuild"`

	// The update package; left out: the pool's.
	// +optional
	Package *UpdatePackage `json:"package,omitempty"`

	// How the server is reached; left out: as the pool's servers.
	// +optional
	Connection *WinRMConnection `json:"connection,omitempty"`

	// Account under which jobs run; left out: as on the pool's servers.
	// +optional
	Jobs *JobAccount `json:"jobs,omitempty"`

	// How long the services may be away. After 30 minutes users fall into resiliency mode; the status warns before. A Go duration.
	// +kubebuilder:default="30m"
	// +optional
	OutageBudget Duration `json:"outageBudget,omitzero"`

	// Objects of this namespace that must be finished, at this server's build or a later one, before anything is stopped for this one.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=kind
	// +listMapKey=name
	// +optional
	DependsOn []Dependency `json:"dependsOn,omitempty"`

	// Upgrade (bring server and databases to the desired build) or Observe (report only).
	// +kubebuilder:default=Upgrade
	// +optional
	Management Management `json:"management,omitempty"`

	// While true nothing is started; what is in progress is finished.
	// +optional
	Paused bool `json:"paused,omitempty"`
}

// BackEndServerStatus is what the operator found and does.
type BackEndServerStatus struct {
	// Conditions: Ready, Reconciling and Stalled as kstatus defines them, and the gates.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Generation of the spec this status speaks of; -1 before the operator has seen the object.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Build found on the server; for an Enterprise back end without Lync components the build its databases were last updated to.
	// +optional
	InstalledBuild string `json:"installedBuild,omitempty"`

	// Step of the procedure.
	// +optional
	CurrentStep ServerStep `json:"currentStep,omitempty"`

	// The server on which that step runs.
	// +optional
	CurrentServer string `json:"currentServer,omitempty"`

	// Command variant the databases of the pool are updated with: Enterprise, EnterpriseCollocated or Standard.
	// +optional
	DatabaseVariant DatabaseVariant `json:"databaseVariant,omitempty"`

	// One row a server that the procedure works on.
	// +listType=map
	// +listMapKey=fqdn
	// +optional
	Servers []ServerStatus `json:"servers,omitempty"`

	// Since when the services have been away, while they are.
	// +optional
	OutageSince *metav1.Time `json:"outageSince,omitempty"`

	// True from the first stopped service until everything is back in service.
	// +optional
	InProgress bool `json:"inProgress,omitempty"`

	// The stop that waits for a person, while there is one.
	// +optional
	Hold *Hold `json:"hold,omitempty"`

	// Value of the annotation lyncops.dev/retry that was acted on last.
	// +optional
	LastHandledRetry string `json:"lastHandledRetry,omitempty"`
}

// DatabaseVariant is one of the published commands of step 11, or that for the central management store.
type DatabaseVariant string

const (
	// DatabaseVariantEnterprise is Install-CsDatabase -Update -ConfiguredDatabases -SqlServerFqdn.
	DatabaseVariantEnterprise DatabaseVariant = "Enterprise"
	// DatabaseVariantEnterpriseCollocated is the same with -ExcludeCollocatedStores.
	DatabaseVariantEnterpriseCollocated DatabaseVariant = "EnterpriseCollocated"
	// DatabaseVariantStandard is Install-CsDatabase -Update -LocalDatabases.
	DatabaseVariantStandard DatabaseVariant = "Standard"
	// DatabaseVariantCentralManagement is Install-CsDatabase -Update -CentralManagementDatabase -SqlServerFqdn.
	DatabaseVariantCentralManagement DatabaseVariant = "CentralManagement"
)

// BackEndServer is a back end or Standard Edition server and the build it should have.
//
// +kubebuilder:validation:XValidation:rule="!has(self.spec.dependsOn) || self.spec.dependsOn.all(d, d.kind != 'BackEndServer' || d.name != self.metadata.name)",message="spec.dependsOn: a server cannot depend on itself"
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=be,categories=lync
// +kubebuilder:printcolumn:name="Edition",type=string,JSONPath=`.spec.edition`
// +kubebuilder:printcolumn:name="Desired",type=string,JSONPath=`.spec.desiredBuild`
// +kubebuilder:printcolumn:name="Installed",type=string,JSONPath=`.status.installedBuild`
// +kubebuilder:printcolumn:name="Server",type=string,JSONPath=`.status.currentServer`
// +kubebuilder:printcolumn:name="Step",type=string,JSONPath=`.status.currentStep`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Outage-Since",type=date,JSONPath=`.status.outageSince`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type BackEndServer struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// What the server should be.
	// +required
	Spec BackEndServerSpec `json:"spec"`

	// What the operator found and does.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status BackEndServerStatus `json:"status,omitzero"`
}

// BackEndServerList is a list of BackEndServer objects.
//
// +kubebuilder:object:root=true
type BackEndServerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BackEndServer `json:"items"`
}
