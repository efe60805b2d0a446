package v1alpha1

// Kinds that an object can depend on.
const (
	KindLyncPool      = "LyncPool"
	KindBackEndServer = "BackEndServer"
)

// Dependency names an object of the same namespace that must be finished first.
type Dependency struct {
	// LyncPool or BackEndServer.
	// +kubebuilder:validation:Enum=LyncPool;BackEndServer
	// +required
	Kind string `json:"kind"`

	// Name of the object.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`
}

// PoolsAtATime limits how many pools of a group are under way together.
type PoolsAtATime struct {
	// How many pools of the group may be under way together, this one included. Where pools of a group declare different limits, every one of
	// them holds.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +required
	Limit int32 `json:"limit"`

	// Key of a label: the pools of the namespace with the same value of it are the group; those without it are one group too.
	// Left out: all pools of the namespace are.
	// +kubebuilder:validation:MaxLength=316
	// +optional
	LabelKey string `json:"labelKey,omitempty"`
}

// CentralManagementOrder says when the pool that holds the central management store is taken.
//
// +kubebuilder:validation:Enum=Last;AnyOrder
type CentralManagementOrder string

const (
	// CentralManagementLast: after the other Front End pools of the namespace.
	CentralManagementLast CentralManagementOrder = "Last"
	// CentralManagementAnyOrder: like any other pool.
	CentralManagementAnyOrder CentralManagementOrder = "AnyOrder"
)
