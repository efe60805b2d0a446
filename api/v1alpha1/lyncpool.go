package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// LyncPoolSpec is what a person declares of a pool.
//
// +kubebuilder:validation:XValidation:rule="self.management == 'Observe' || has(self.package)",message="package is needed to upgrade: its source and sha256; or set management: Observe to report only"
// +kubebuilder:validation:XValidation:rule="self.management == 'Observe' || has(self.desiredBuild)",message="desiredBuild is needed to upgrade; or set management: Observe to report only"
// +kubebuilder:validation:XValidation:rule="!has(self.desiredBuild) || self.desiredBuild.startsWith(self.product == 'LyncServer2013' ? '5.0.' : self.product == 'SkypeForBusinessServer2015' ? '6.0.' : '7.0.')",message="desiredBuild does not fit product: builds of LyncServer2013 begin with 5.0 (5.0.8308.1149), of SkypeForBusinessServer2015 with 6.0 (6.0.9319.869), of SkypeForBusinessServer2019 and SkypeForBusinessServerSubscriptionEdition with 7.0 (7.0.2046.530)"
// +kubebuilder:validation:XValidation:rule="self.role != 'Edge' || has(self.servers)",message="an Edge pool needs servers: Edge Servers are not in the domain and are not looked up in the topology"
// +kubebuilder:validation:XValidation:rule="self.role != 'FrontEnd' || !has(self.servers)",message="servers is for pools of another role; the front ends of a pool are read from its topology, which discoveryServers can help to find"
// +kubebuilder:validation:XValidation:rule="self.role == 'FrontEnd' || self.rollout.whenUnready != 'FailOver'",message="whenUnready: FailOver is for Front End pools; a pool of another role is never failed over"
// +kubebuilder:validation:XValidation:rule="self.role != 'PersistentChat' || self.product in ['LyncServer2013', 'SkypeForBusinessServer2015']",message="there is no Persistent Chat in Skype for Business Server 2019 and Subscription Edition"
type LyncPoolSpec struct {
	// FQDN of the Front End pool as Lync knows it (Get-CsPool). It cannot be changed: another pool is another object.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="poolFQDN cannot be changed; make another LyncPool for another pool"
	// +required
	PoolFQDN FQDN `json:"poolFQDN"`

	// Product of the pool: LyncServer2013, SkypeForBusinessServer2015, SkypeForBusinessServer2019 or
	// SkypeForBusinessServerSubscriptionEdition. It chooses the variant of the procedure and cannot be changed.
	// +kubebuilder:default=LyncServer2013
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="product cannot be changed; make another LyncPool"
	// +optional
	Product Product `json:"product,omitempty"`

	// What the servers of the pool do: FrontEnd, Edge, Director, Mediation or PersistentChat. Only Front End pools have upgrade domains,
	// readiness and quorum; in pools of another role one server after the other is taken. It cannot be changed.
	// +kubebuilder:default=FrontEnd
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="role cannot be changed; make another LyncPool"
	// +optional
	Role Role `json:"role,omitempty"`

	// Servers of a pool of another role than FrontEnd, in the order in which they are taken. Needed for Edge. Left out: the computers that
	// the topology lists.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +listType=set
	// +optional
	Servers []FQDN `json:"servers,omitempty"`

	// Build that every front end of the pool should have, for example 5.0.8308.1149.
	// +optional
	DesiredBuild Build `json:"desiredBuild,omitempty"`

	// Builds that other components must have at least, on servers that have them. desiredBuild is the core components' alone.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=component
	// +optional
	MinimumBuilds []ComponentBuild `json:"minimumBuilds,omitempty"`

	// The update package that brings a server to the desired build.
	// +optional
	Package *UpdatePackage `json:"package,omitempty"`

	// How the servers are reached over WinRM.
	// +required
	Connection WinRMConnection `json:"connection"`

	// Front ends to ask for the pool's topology. Left out: whichever server the pool FQDN leads to.
	// +kubebuilder:validation:MaxItems=32
	// +listType=set
	// +optional
	DiscoveryServers []FQDN `json:"discoveryServers,omitempty"`

	// Account under which jobs run on the servers.
	// +kubebuilder:default={"runAs":"LocalSystem"}
	// +optional
	Jobs JobAccount `json:"jobs,omitzero"`

	// How the pool is taken to the desired build.
	// +kubebuilder:default={}
	// +optional
	Rollout RolloutPolicy `json:"rollout,omitzero"`

	// Objects of this namespace that must be finished, at this pool's build or a later one, before a domain of this pool is opened.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=kind
	// +listMapKey=name
	// +optional
	DependsOn []Dependency `json:"dependsOn,omitempty"`

	// Upgrade (bring the servers to the desired build) or Observe (report only).
	// +kubebuilder:default=Upgrade
	// +optional
	Management Management `json:"management,omitempty"`

	// While true no further server is started; a server in progress is finished. Leave it out of Git if people pause by hand.
	// +optional
	Paused bool `json:"paused,omitempty"`
}

// LyncPoolStatus is what the operator found and does.
type LyncPoolStatus struct {
	// Conditions: Ready, Reconciling and Stalled as kstatus defines them, and the gates.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Generation of the spec this status speaks of; -1 before the operator has seen the object.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Oldest build found on a front end.
	// +optional
	InstalledBuild string `json:"installedBuild,omitempty"`

	// Upgrade domains that are done, of all, for example 1/3.
	// +optional
	DomainProgress string `json:"domainProgress,omitempty"`

	// Front ends that are done, of all, for example 2/6.
	// +optional
	ServerProgress string `json:"serverProgress,omitempty"`

	// What is being worked on or waited for, in a few words.
	// +optional
	Now string `json:"now,omitempty"`

	// Edition of the pool as its topology reports it: Enterprise or Standard.
	// +optional
	Edition Edition `json:"edition,omitempty"`

	// Upgrade domains of the pool, in the order in which they are taken.
	// +listType=map
	// +listMapKey=name
	// +optional
	Domains []PoolDomainStatus `json:"domains,omitempty"`

	// Front ends of the pool in topology order.
	// +listType=map
	// +listMapKey=fqdn
	// +optional
	Servers []PoolServerStatus `json:"servers,omitempty"`

	// True when the pool holds the central management store.
	// +optional
	CentralManagement bool `json:"centralManagement,omitempty"`

	// Since when the rollout is under way: from the opening of the first upgrade domain, or the first step of a failover, until all are
	// done. So long the pool counts for poolsAtATime.
	// +optional
	UnderWaySince *metav1.MicroTime `json:"underWaySince,omitempty"`

	// The upgrade domain whose turn it is.
	// +optional
	OpenDomain *OpenDomain `json:"openDomain,omitempty"`

	// The latest answer to Get-CsPoolUpgradeReadinessState and how often it was a bad one.
	// +optional
	Readiness *ReadinessStatus `json:"readiness,omitempty"`

	// The failover to the backup pool, while there is one.
	// +optional
	FailOver *FailOverStatus `json:"failOver,omitempty"`

	// The soak between two upgrade domains, while there is one.
	// +optional
	Soak *SoakStatus `json:"soak,omitempty"`

	// Where the replicas of the routing groups were before the latest upgrade domain was opened.
	// +optional
	Placement *PlacementStatus `json:"placement,omitempty"`

	// The stop that waits for a person, while there is one.
	// +optional
	Hold *Hold `json:"hold,omitempty"`

	// Value of the annotation lyncops.dev/retry that was acted on last.
	// +optional
	LastHandledRetry string `json:"lastHandledRetry,omitempty"`
}

// PoolDomainStatus sums up one upgrade domain of the pool.
type PoolDomainStatus struct {
	// Name of the domain as Lync reports it.
	Name string `json:"name"`

	// Name of the UpgradeDomain object.
	Object string `json:"object"`

	// Build the domain is to have.
	// +optional
	DesiredBuild string `json:"desiredBuild,omitempty"`

	// Done, Open, Waiting, Held or Unknown.
	State DomainState `json:"state"`

	// Servers that are done, of all.
	// +optional
	ServerProgress string `json:"serverProgress,omitempty"`
}

// DomainState is where one upgrade domain stands.
type DomainState string

// States of an upgrade domain.
const (
	DomainUnknown DomainState = "Unknown"
	DomainWaiting DomainState = "Waiting"
	DomainOpen    DomainState = "Open"
	DomainHeld    DomainState = "Held"
	DomainDone    DomainState = "Done"
)

// PoolServerStatus is one front end as the pool sees it.
type PoolServerStatus struct {
	// FQDN of the front end.
	FQDN string `json:"fqdn"`

	// Upgrade domain it belongs to.
	// +optional
	UpgradeDomain string `json:"upgradeDomain,omitempty"`

	// Build found on it.
	// +optional
	InstalledBuild string `json:"installedBuild,omitempty"`
}

// OpenDomain is the upgrade domain whose turn it is.
type OpenDomain struct {
	// Name of the domain as Lync reports it.
	Name string `json:"name"`

	// Build it was opened for.
	Build string `json:"build"`

	// When the readiness answer that allowed it was read, or when it was found in progress.
	// +optional
	Since metav1.MicroTime `json:"since,omitzero"`

	// True when its turn ends with what is in progress: no answer opened it, or the pool has changed or a server has failed since.
	// +optional
	Adopted bool `json:"adopted,omitempty"`
}

// ReadinessStatus is the latest answer to Get-CsPoolUpgradeReadinessState.
type ReadinessStatus struct {
	// State the pool answered: Ready, Busy, InsufficientActiveFrontEnds or another word.
	State string `json:"state"`

	// When it was read.
	ReadAt metav1.MicroTime `json:"readAt"`

	// Upgrade domain the question was asked for.
	// +optional
	Domain string `json:"domain,omitempty"`

	// How many times in a row the pool was Busy.
	// +optional
	BusyCount int32 `json:"busyCount,omitempty"`

	// How many times in a row the pool was Ready but the domain was not.
	// +optional
	DomainNotReadyCount int32 `json:"domainNotReadyCount,omitempty"`

	// How many times the pool answered InsufficientActiveFrontEnds.
	// +optional
	InsufficientCount int32 `json:"insufficientCount,omitempty"`
}

// SoakStatus is the time between two upgrade domains.
type SoakStatus struct {
	// Upgrade domain that was finished last.
	// +optional
	AfterDomain string `json:"afterDomain,omitempty"`

	// Since when the pool has been Ready without a break; absent until it has answered Ready.
	// +optional
	Since *metav1.MicroTime `json:"since,omitempty"`

	// How many front ends the pool counted as active when that time began.
	// +optional
	ActiveFrontEnds int32 `json:"activeFrontEnds,omitempty"`

	// Where the replicas were when that time began; one line a routing group.
	// +kubebuilder:validation:MaxItems=1024
	// +listType=atomic
	// +optional
	Placement []string `json:"placement,omitempty"`
}

// LyncPool is a Front End pool and the build it should have.
//
// +kubebuilder:validation:XValidation:rule="!has(self.spec.dependsOn) || self.spec.dependsOn.all(d, d.kind != 'LyncPool' || d.name != self.metadata.name)",message="spec.dependsOn: a pool cannot depend on itself"
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=lp,categories=lync
// +kubebuilder:printcolumn:name="Pool",type=string,JSONPath=`.spec.poolFQDN`,priority=1
// +kubebuilder:printcolumn:name="Desired",type=string,JSONPath=`.spec.desiredBuild`
// +kubebuilder:printcolumn:name="Installed",type=string,JSONPath=`.status.installedBuild`
// +kubebuilder:printcolumn:name="Domains",type=string,JSONPath=`.status.domainProgress`
// +kubebuilder:printcolumn:name="Servers",type=string,JSONPath=`.status.serverProgress`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Now",type=string,JSONPath=`.status.now`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type LyncPool struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// What the pool should be.
	// +required
	Spec LyncPoolSpec `json:"spec"`

	// What the operator found and does.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status LyncPoolStatus `json:"status,omitzero"`
}

// LyncPoolList is a list of LyncPool objects.
//
// +kubebuilder:object:root=true
type LyncPoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LyncPool `json:"items"`
}
