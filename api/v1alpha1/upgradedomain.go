package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// UpgradeDomainSpec is one upgrade domain of a pool and the build it should have.
type UpgradeDomainSpec struct {
	// The LyncPool this domain belongs to; connection, package and policy come from it.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="poolRef cannot be changed; make another UpgradeDomain"
	// +required
	PoolRef LocalObjectReference `json:"poolRef"`

	// Name of the domain as Lync reports it (Get-CsPoolUpgradeReadinessState).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="domainName cannot be changed; make another UpgradeDomain"
	// +required
	DomainName string `json:"domainName"`

	// Front ends of the domain.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +listType=set
	// +required
	FrontEnds []FQDN `json:"frontEnds"`

	// Build that every front end of the domain should have; left out: the domain is only looked at.
	// +optional
	DesiredBuild Build `json:"desiredBuild,omitempty"`
}

// UpgradeDomainStatus is what the operator found and does.
type UpgradeDomainStatus struct {
	// Conditions: Ready, Reconciling and Stalled as kstatus defines them, and the gates.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Generation of the spec this status speaks of; -1 before the operator has seen the object.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Oldest build found on a front end of the domain.
	// +optional
	InstalledBuild string `json:"installedBuild,omitempty"`

	// Front ends that are done, of all, for example 1/2.
	// +optional
	ServerProgress string `json:"serverProgress,omitempty"`

	// Server that is being worked on.
	// +optional
	CurrentServer string `json:"currentServer,omitempty"`

	// Step of that server.
	// +optional
	CurrentStep ServerStep `json:"currentStep,omitempty"`

	// Where the domain stands.
	// +optional
	State DomainState `json:"state,omitempty"`

	// One row a front end.
	// +listType=map
	// +listMapKey=fqdn
	// +optional
	Servers []ServerStatus `json:"servers,omitempty"`

	// True from the first stopped server until the last one is back in service: the domain's work on servers has begun.
	// +optional
	InProgress bool `json:"inProgress,omitempty"`

	// True while a job of a pool failover is found on a front end of the domain.
	// +optional
	FailOverSeen bool `json:"failOverSeen,omitempty"`

	// The stop that waits for a person, while there is one.
	// +optional
	Hold *Hold `json:"hold,omitempty"`

	// Value of the annotation lyncops.dev/retry that was acted on last.
	// +optional
	LastHandledRetry string `json:"lastHandledRetry,omitempty"`
}

// UpgradeDomain is a group of front ends that may be out of service together.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ud,categories=lync
// +kubebuilder:printcolumn:name="Pool",type=string,JSONPath=`.spec.poolRef.name`,priority=1
// +kubebuilder:printcolumn:name="Domain",type=string,JSONPath=`.spec.domainName`,priority=1
// +kubebuilder:printcolumn:name="Desired",type=string,JSONPath=`.spec.desiredBuild`
// +kubebuilder:printcolumn:name="Installed",type=string,JSONPath=`.status.installedBuild`
// +kubebuilder:printcolumn:name="Servers",type=string,JSONPath=`.status.serverProgress`
// +kubebuilder:printcolumn:name="Server",type=string,JSONPath=`.status.currentServer`
// +kubebuilder:printcolumn:name="Step",type=string,JSONPath=`.status.currentStep`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type UpgradeDomain struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// What the domain should be.
	// +required
	Spec UpgradeDomainSpec `json:"spec"`

	// What the operator found and does.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status UpgradeDomainStatus `json:"status,omitzero"`
}

// UpgradeDomainList is a list of UpgradeDomain objects.
//
// +kubebuilder:object:root=true
type UpgradeDomainList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []UpgradeDomain `json:"items"`
}
