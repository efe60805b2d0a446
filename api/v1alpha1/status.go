package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ServerStep is where one server stands in its procedure.
type ServerStep string

// Steps of one server, in the order of the published procedures.
const (
	// StepUnknown: the server could not be asked yet.
	StepUnknown ServerStep = "Unknown"
	// StepWaiting: nothing has been done to the server yet.
	StepWaiting ServerStep = "Waiting"
	// StepStagePackage: the update package is copied to the server and its hash is verified.
	StepStagePackage ServerStep = "StagePackage"
	// StepReady: the package is on the server; the server waits for its turn.
	StepReady ServerStep = "Ready"
	// StepStopServices: the Lync services are being stopped.
	StepStopServices ServerStep = "StopServices"
	// StepStopWebServer: the World Wide Web Publishing Service is being stopped.
	StepStopWebServer ServerStep = "StopWebServer"
	// StepInstall: the installer runs.
	StepInstall ServerStep = "Install"
	// StepStopServicesAgain: the Lync services are stopped a second time, so that they let go of cached assemblies.
	StepStopServicesAgain ServerStep = "StopServicesAgain"
	// StepStartWebServer: the World Wide Web Publishing Service is being started.
	StepStartWebServer ServerStep = "StartWebServer"
	// StepUpdateDatabases: the databases are being updated.
	StepUpdateDatabases ServerStep = "UpdateDatabases"
	// StepUpdateOtherStores: archiving or monitoring databases on another SQL Server are being updated.
	StepUpdateOtherStores ServerStep = "UpdateOtherStores"
	// StepUpdateCentralManagement: the central management store is being updated.
	StepUpdateCentralManagement ServerStep = "UpdateCentralManagement"
	// StepRestartComputer: Windows restarts.
	StepRestartComputer ServerStep = "RestartComputer"
	// StepStartServices: the services are being started.
	StepStartServices ServerStep = "StartServices"
	// StepVerify: build, services and start types are compared with what they should be.
	StepVerify ServerStep = "Verify"
	// StepRecover: after a failure the services are put back into service.
	StepRecover ServerStep = "Recover"
	// StepRecordServices: before a pool failover the services of the server are written down.
	StepRecordServices ServerStep = "RecordServices"
	// StepMoveCentralManagement: a job on the server moves the central management store to its pool.
	StepMoveCentralManagement ServerStep = "MoveCentralManagement"
	// StepFailOverPool: a job on the server fails the pool over to its backup pool.
	StepFailOverPool ServerStep = "FailOverPool"
	// StepFailBackPool: a job on the server fails the pool back.
	StepFailBackPool ServerStep = "FailBackPool"
	// StepHeld: a person must look at the server.
	StepHeld ServerStep = "Held"
	// StepDone: the server has the desired build and is in service.
	StepDone ServerStep = "Done"
)

// ServerStatus is one row: one server and where it stands.
type ServerStatus struct {
	// FQDN of the server.
	FQDN string `json:"fqdn"`

	// Build found on the server.
	// +optional
	InstalledBuild string `json:"installedBuild,omitempty"`

	// Step the server is in.
	Step ServerStep `json:"step"`

	// Attempt the step belongs to; 1 unless somebody asked for another.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`

	// When the server came to this step.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`

	// What is going on, in one sentence.
	// +optional
	Message string `json:"message,omitempty"`

	// Components found on the server and their builds.
	// +listType=map
	// +listMapKey=name
	// +optional
	Components []ComponentStatus `json:"components,omitempty"`
}

// Hold is a stop that only a person can lift.
type Hold struct {
	// Why, as a word: one of the condition reasons.
	Reason string `json:"reason"`

	// Server concerned, where there is one.
	// +optional
	Server string `json:"server,omitempty"`

	// Since when.
	Since metav1.Time `json:"since"`

	// What was found, in one sentence.
	// +optional
	Message string `json:"message,omitempty"`
}

// AnnotationRetry on an object asks the operator to try once more after a hold. Any new value counts as one request, for
// example the time; the value last acted on stands in status.lastHandledRetry.
const AnnotationRetry = "lyncops.dev/retry"

// LabelPool on an UpgradeDomain names the LyncPool object it belongs to.
const LabelPool = "lyncops.dev/pool"
