package v1alpha1

// Management says what the operator may do to the servers.
//
// +kubebuilder:validation:Enum=Upgrade;Observe
type Management string

const (
	// ManagementUpgrade brings the servers to the desired build.
	ManagementUpgrade Management = "Upgrade"
	// ManagementObserve reports and changes nothing.
	ManagementObserve Management = "Observe"
)

// DrainMode says how the services of a front end are stopped.
//
// +kubebuilder:validation:Enum=Graceful;Immediate
type DrainMode string

const (
	// DrainGraceful is Stop-CsWindowsService -Graceful: calls and conferences in progress end by themselves.
	DrainGraceful DrainMode = "Graceful"
	// DrainImmediate is Stop-CsWindowsService: for announced downtime; calls in progress are cut.
	DrainImmediate DrainMode = "Immediate"
)

// DrainTimeoutPolicy says what happens when a front end is not drained in time.
//
// +kubebuilder:validation:Enum=Hold;StopAtOnce
type DrainTimeoutPolicy string

const (
	// DrainTimeoutHold puts the front end back into service and waits for a person.
	DrainTimeoutHold DrainTimeoutPolicy = "Hold"
	// DrainTimeoutStopAtOnce stops the services without waiting any longer; what still runs is cut.
	DrainTimeoutStopAtOnce DrainTimeoutPolicy = "StopAtOnce"
)

// RestartMode says what is restarted after the installer.
//
// +kubebuilder:validation:Enum=Computer;Services
type RestartMode string

const (
	// RestartComputer restarts Windows, as the published procedure asks.
	RestartComputer RestartMode = "Computer"
	// RestartServices starts the services only; Windows is restarted all the same when the installer left a restart pending.
	RestartServices RestartMode = "Services"
)

// UnreadyPolicy says what happens when the pool stays unready.
//
// +kubebuilder:validation:Enum=Hold;FailOver
type UnreadyPolicy string

const (
	// UnreadyHold stops the rollout and waits for a person.
	UnreadyHold UnreadyPolicy = "Hold"
	// UnreadyFailOver fails the pool over to its backup pool, upgrades all servers and fails back.
	UnreadyFailOver UnreadyPolicy = "FailOver"
)

// RolloutPolicy says how a pool is taken to its desired build. Every field has the documented default.
type RolloutPolicy struct {
	// How the services of a front end are stopped.
	// +kubebuilder:default={}
	// +optional
	Drain DrainPolicy `json:"drain,omitzero"`

	// What is restarted after the installer: Computer (as published) or Services.
	// +kubebuilder:default=Computer
	// +optional
	Restart RestartMode `json:"restart,omitempty"`

	// How often the pool is asked whether it is ready for an upgrade.
	// +kubebuilder:default={}
	// +optional
	Readiness ReadinessPolicy `json:"readiness,omitzero"`

	// How long the pool must stay Ready between two upgrade domains. A Go duration such as 20m (Microsoft's guidance).
	// +kubebuilder:default="20m"
	// +optional
	Soak Duration `json:"soak,omitzero"`

	// How many servers of the open upgrade domain may be out of service at the same time.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	// +optional
	ServersAtATime int32 `json:"serversAtATime,omitempty"`

	// How many pools may be under way together, in this namespace or among those with the same value of a label. Left out: any number.
	// +optional
	PoolsAtATime *PoolsAtATime `json:"poolsAtATime,omitempty"`

	// When the pool is taken if it holds the central management store: Last (after the other Front End pools of the namespace) or
	// AnyOrder.
	// +kubebuilder:default=Last
	// +optional
	CentralManagement CentralManagementOrder `json:"centralManagement,omitempty"`

	// What happens when the pool stays unready: Hold (wait for a person) or FailOver (to the backup pool).
	// +kubebuilder:default=Hold
	// +optional
	WhenUnready UnreadyPolicy `json:"whenUnready,omitempty"`

	// What a failover may do, and how long its steps may take.
	// +kubebuilder:default={}
	// +optional
	FailOver FailOverPolicy `json:"failOver,omitzero"`

	// How long the installer may run on one server before it counts as stuck. A Go duration.
	// +kubebuilder:default="1h"
	// +optional
	InstallTimeout Duration `json:"installTimeout,omitzero"`

	// How long a server may take from the order to restart until all its services run again. A Go duration.
	// +kubebuilder:default="1h"
	// +optional
	RestartTimeout Duration `json:"restartTimeout,omitzero"`

	// What must be seen before a restarted front end counts as taking new connections, and before the next upgrade domain.
	// +kubebuilder:default={}
	// +optional
	Verify VerifyPolicy `json:"verify,omitzero"`
}

// DrainPolicy says how the services of a front end are stopped.
type DrainPolicy struct {
	// Graceful (calls in progress end by themselves) or Immediate (announced downtime).
	// +kubebuilder:default=Graceful
	// +optional
	Mode DrainMode `json:"mode,omitempty"`

	// How long a graceful stop may take. A Go duration.
	// +kubebuilder:default="30m"
	// +optional
	Timeout Duration `json:"timeout,omitzero"`

	// What happens when that time is over: Hold (back into service, wait for a person) or StopAtOnce.
	// +kubebuilder:default=Hold
	// +optional
	OnTimeout DrainTimeoutPolicy `json:"onTimeout,omitempty"`
}

// ReadinessPolicy says how often the pool is asked whether it is ready for an upgrade.
type ReadinessPolicy struct {
	// Time between two questions. A Go duration; 10m is the published value.
	// +kubebuilder:default="10m"
	// +optional
	Interval Duration `json:"interval,omitzero"`

	// How many times in a row the pool may answer Busy before it counts as having a problem; 3 is the published value.
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +optional
	Attempts int32 `json:"attempts,omitempty"`
}
