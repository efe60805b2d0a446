package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FailOverPolicy says what a failover of the pool to its backup pool may do, and how long its steps may take.
type FailOverPolicy struct {
	// True allows the central management store to be moved to the backup pool first, where it is on this pool. It stays there afterwards.
	// +optional
	MoveCentralManagement bool `json:"moveCentralManagement,omitempty"`

	// How long Invoke-CsPoolFailOver may run before a person is asked. It is not ended. A Go duration.
	// +kubebuilder:default="1h"
	// +optional
	Timeout Duration `json:"timeout,omitzero"`

	// How long Invoke-CsPoolFailBack may run before a person is asked. It is not ended. A Go duration; Microsoft names an hour for
	// 20,000 users.
	// +kubebuilder:default="2h"
	// +optional
	FailBackTimeout Duration `json:"failBackTimeout,omitzero"`

	// How much longer the services of a front end may take to start while the whole pool starts. A Go duration; an hour is normal.
	// +kubebuilder:default="1h"
	// +optional
	ColdStartTimeout Duration `json:"coldStartTimeout,omitzero"`
}

// FailOverPhase is where a failover stands.
type FailOverPhase string

// Phases of a failover, in their order.
const (
	// FailOverChecking: what must hold before users are moved is being checked.
	FailOverChecking FailOverPhase = "Checking"
	// FailOverRecording: the services of every front end are being written down, because Invoke-CsPoolFailOver stops them.
	FailOverRecording FailOverPhase = "Recording"
	// FailOverMovingCentralManagement: the central management store is being moved to the backup pool.
	FailOverMovingCentralManagement FailOverPhase = "MovingCentralManagement"
	// FailOverFailingOver: users are being moved to the backup pool.
	FailOverFailingOver FailOverPhase = "FailingOver"
	// FailOverUpgrading: users are on the backup pool; the front ends are upgraded.
	FailOverUpgrading FailOverPhase = "Upgrading"
	// FailOverFailingBack: users are being moved back.
	FailOverFailingBack FailOverPhase = "FailingBack"
	// FailOverAbandoning: nobody wants the failover that front ends remember any more; it is put away when it is certain that the users
	// are on their pool.
	FailOverAbandoning FailOverPhase = "Abandoning"
)

// FailOverStatus tells where a failover stands. It is a report: the servers' jobs and answers decide.
type FailOverStatus struct {
	// Checking, Recording, MovingCentralManagement, FailingOver, Upgrading, FailingBack or Abandoning.
	Phase FailOverPhase `json:"phase"`

	// Why the pool is failed over, in one sentence.
	// +optional
	Cause string `json:"cause,omitempty"`

	// The pool that users are failed over to.
	// +optional
	BackupPool string `json:"backupPool,omitempty"`

	// True from the failover until the fail back is verified.
	// +optional
	UsersOnBackupPool bool `json:"usersOnBackupPool,omitempty"`

	// True while every front end may be worked on, without upgrade domains and without asking the pool, because its users are elsewhere.
	// +optional
	GateAbandoned bool `json:"gateAbandoned,omitempty"`

	// Server on which the job of this phase runs or is to run.
	// +optional
	Server string `json:"server,omitempty"`

	// Servers of the backup pool with jobs that moved the central management store there. They are put away when the failover is over.
	// +optional
	MovedBy []string `json:"movedBy,omitempty"`

	// Attempt of the jobs of this failover that is permitted; 1 unless somebody asked for another.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`

	// When this phase began; of a failover that is abandoned, also when the registrar last said something else.
	Since metav1.Time `json:"since"`

	// What is going on, in one sentence.
	// +optional
	Message string `json:"message,omitempty"`
}

// AnnotationApproveFailOver on a LyncPool names a build for which the pool may be failed over to its backup pool when it stays
// unready, although whenUnready is Hold.
const AnnotationApproveFailOver = "lyncops.dev/approve-failover"
