package v1alpha1

// GatePolicy says what follows when something between two upgrade domains is not as it should be.
//
// +kubebuilder:validation:Enum=Wait;Warn;Ignore
type GatePolicy string

const (
	// GateWait opens no further upgrade domain until it is as it should be.
	GateWait GatePolicy = "Wait"
	// GateWarn says so in a condition and an event, and goes on.
	GateWarn GatePolicy = "Warn"
	// GateIgnore does not ask.
	GateIgnore GatePolicy = "Ignore"
)

// ActivePolicy says which front ends of a pool must be active before an upgrade domain is opened.
//
// +kubebuilder:validation:Enum=All;Any
type ActivePolicy string

const (
	// ActiveAll opens no upgrade domain while the pool counts fewer active front ends than it has.
	ActiveAll ActivePolicy = "All"
	// ActiveAny leaves it to the pool's answer and to the quorum how many may be missing.
	ActiveAny ActivePolicy = "Any"
)

// VerifyPolicy says what must be seen before a restarted front end counts as taking new connections, and before the next upgrade
// domain is opened.
type VerifyPolicy struct {
	// TCP ports that must listen on a front end after its upgrade. An empty list asks for none.
	// +kubebuilder:default={5061,5090}
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	// +listType=set
	// +optional
	Ports []int32 `json:"ports,omitzero"`

	// How long after its start a front end may take until they listen. A Go duration.
	// +kubebuilder:default="15m"
	// +optional
	Timeout Duration `json:"timeout,omitzero"`

	// All (no domain is opened while the pool counts fewer active front ends than it has) or Any.
	// +kubebuilder:default=All
	// +optional
	ActiveFrontEnds ActivePolicy `json:"activeFrontEnds,omitempty"`

	// What follows when Get-CsPoolFabricState shows missing replicas: Wait, Warn or Ignore.
	// +kubebuilder:default=Wait
	// +optional
	Fabric GatePolicy `json:"fabric,omitempty"`

	// What follows when the central management store has not reached every front end: Wait, Warn or Ignore.
	// +kubebuilder:default=Wait
	// +optional
	Replication GatePolicy `json:"replication,omitempty"`

	// How often servers are looked at that have nothing to do, so that one that was rebuilt or patched by hand is noticed. A
	// Go duration; up to a fifth is added by chance.
	// +kubebuilder:default="30m"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s')",message="driftInterval must be at least 1s"
	// +optional
	DriftInterval Duration `json:"driftInterval,omitzero"`
}

// PlacementStatus is where the replicas of the pool's routing groups were.
type PlacementStatus struct {
	// Upgrade domain before which this was read.
	// +optional
	BeforeDomain string `json:"beforeDomain,omitempty"`

	// One line a routing group: its name, and the front ends with its replicas, the primary first.
	// +kubebuilder:validation:MaxItems=1024
	// +listType=atomic
	// +optional
	Groups []string `json:"groups,omitempty"`
}
