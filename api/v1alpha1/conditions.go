package v1alpha1

// Condition types of all three kinds. Ready, Reconciling and Stalled follow kstatus; the others are gates: True means the
// gate is open or the statement holds, and the reason says why it is closed.
const (
	// ConditionReady: every server has the desired build and is in service.
	ConditionReady = "Ready"
	// ConditionReconciling is present and True while the operator is working or waiting for something that comes by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is present and True while only a person can help.
	ConditionStalled = "Stalled"

	// ConditionServersReachable: every server that had to be asked answered.
	ConditionServersReachable = "ServersReachable"
	// ConditionPoolReadiness: the pool's latest answer to Get-CsPoolUpgradeReadinessState allows an upgrade.
	ConditionPoolReadiness = "PoolReadiness"
	// ConditionSoaked: the pool has been Ready long enough since the last upgrade domain.
	ConditionSoaked = "Soaked"
	// ConditionTurn: it is this upgrade domain's turn.
	ConditionTurn = "Turn"
	// ConditionQuorum: one more server may be taken out of service.
	ConditionQuorum = "Quorum"
	// ConditionFrontEndsUpgraded: every front end of the pool has the build, so databases may follow.
	ConditionFrontEndsUpgraded = "FrontEndsUpgraded"
	// ConditionMirrorHealthy: the databases are not mirrored, or their primary is the principal and synchronised.
	ConditionMirrorHealthy = "MirrorHealthy"
	// ConditionStoresCurrent: collocated stores, which are not updated with the pool's databases, are not old.
	ConditionStoresCurrent = "StoresCurrent"
	// ConditionWithinOutageBudget: the services have been away for less than the outage budget.
	ConditionWithinOutageBudget = "WithinOutageBudget"
	// ConditionPrecedence: no other object comes first. Present where an order was declared or follows from the topology.
	ConditionPrecedence = "Precedence"
	// ConditionPaused is present and True while spec.paused keeps servers from being started.
	ConditionPaused = "Paused"
)

// Reasons of Ready, Reconciling and Stalled.
const (
	// ReasonUpToDate: everything has the desired build and is in service.
	ReasonUpToDate = "UpToDate"
	// ReasonObserving: management is Observe; the object reports and changes nothing.
	ReasonObserving = "Observing"
	// ReasonUpgrading: a server is being worked on.
	ReasonUpgrading = "Upgrading"
	// ReasonDiscovering: the pool is asked for its upgrade domains and front ends.
	ReasonDiscovering = "Discovering"
	// ReasonStaging: the update package is being copied to the servers.
	ReasonStaging = "Staging"
	// ReasonWaitingForTurn: another upgrade domain of the pool is open, or the pool has not opened this one yet.
	ReasonWaitingForTurn = "WaitingForTurn"
	// ReasonWaitingForFrontEnds: front ends of the pool do not have the build yet.
	ReasonWaitingForFrontEnds = "WaitingForFrontEnds"
	// ReasonWaitingForBackEnd: a back end of the pool is being worked on; front ends and SQL Server are never worked on together.
	ReasonWaitingForBackEnd = "WaitingForBackEnd"
	// ReasonSoaking: the pool must stay Ready for the soak time before the next upgrade domain.
	ReasonSoaking = "Soaking"
	// ReasonPaused: spec.paused is true; no further server is started.
	ReasonPaused = "Paused"

	// ReasonWaitingForDependency: an object that dependsOn names is not finished.
	ReasonWaitingForDependency = "WaitingForDependency"
	// ReasonWaitingForOtherPool: other pools come first, or as many are under way together as may be.
	ReasonWaitingForOtherPool = "WaitingForOtherPool"
	// ReasonDependencyCycle: objects depend on each other in a circle.
	ReasonDependencyCycle = "DependencyCycle"
	// ReasonNothingBefore: no other object comes first.
	ReasonNothingBefore = "NothingBefore"

	// ReasonDeleting: the object, or the LyncPool it belongs to, is being deleted; the server in progress is finished, no other is started.
	ReasonDeleting = "Deleting"
	// ReasonDeletionBlocked: the object is being deleted, and a server that is half way because of it cannot be finished.
	ReasonDeletionBlocked = "DeletionBlocked"

	// ReasonPoolReady: the pool answered Ready, and so did the domain.
	ReasonPoolReady = "PoolReady"
	// ReasonPoolBusy: the pool answered Busy; it is asked again.
	ReasonPoolBusy = "PoolBusy"
	// ReasonPoolUnready: the pool answered Busy too often in a row.
	ReasonPoolUnready = "PoolUnready"
	// ReasonInsufficientActiveFrontEnds: the pool answered InsufficientActiveFrontEnds.
	ReasonInsufficientActiveFrontEnds = "InsufficientActiveFrontEnds"
	// ReasonDomainNotReady: the pool is Ready but the domain is not; it is asked again.
	ReasonDomainNotReady = "DomainNotReady"
	// ReasonDomainUnready: the domain stayed not ready too often in a row.
	ReasonDomainUnready = "DomainUnready"
	// ReasonUnknownPoolState: the pool answered a state this operator does not know; it counts as Busy.
	ReasonUnknownPoolState = "UnknownPoolState"
	// ReasonUnknownReadinessShape: the answer of Get-CsPoolUpgradeReadinessState has a shape this operator does not know.
	ReasonUnknownReadinessShape = "UnknownReadinessShape"
	// ReasonQuorumAtRisk: one front end less would leave fewer than the pool needs to stay functional.
	ReasonQuorumAtRisk = "QuorumAtRisk"
	// ReasonQuorumHolds: one more server may be taken out of service.
	ReasonQuorumHolds = "QuorumHolds"

	// ReasonFailingOver: the pool is being failed over, or what must hold before it is being checked.
	ReasonFailingOver = "FailingOver"
	// ReasonUsersOnBackupPool: the users are on the backup pool while the front ends are upgraded.
	ReasonUsersOnBackupPool = "UsersOnBackupPool"
	// ReasonFailingBack: the users are being moved back.
	ReasonFailingBack = "FailingBack"
	// ReasonNoBackupPool: the pool is unready and has no backup pool.
	ReasonNoBackupPool = "NoBackupPool"
	// ReasonBackupServiceUnhealthy: the backup service does not report that users' data are on both pools.
	ReasonBackupServiceUnhealthy = "BackupServiceUnhealthy"
	// ReasonEdgeNextHop: an Edge pool uses the pool as its next hop.
	ReasonEdgeNextHop = "EdgeNextHop"
	// ReasonCentralManagementOnPool: the central management store is on the pool, and moving it is not allowed.
	ReasonCentralManagementOnPool = "CentralManagementOnPool"
	// ReasonCentralManagementMoveFailed: the central management store could not be moved to the backup pool.
	ReasonCentralManagementMoveFailed = "CentralManagementMoveFailed"
	// ReasonWaitingForBackupPool: the backup pool is itself being worked on, or this pool carries the users of another one.
	ReasonWaitingForBackupPool = "WaitingForBackupPool"
	// ReasonPoolFailedOver: somebody else has failed the pool over.
	ReasonPoolFailedOver = "PoolFailedOver"
	// ReasonFailOverFailed: Invoke-CsPoolFailOver failed, or was cut off.
	ReasonFailOverFailed = "FailOverFailed"
	// ReasonPoolFailBackFailed: Invoke-CsPoolFailBack failed several times.
	ReasonPoolFailBackFailed = "PoolFailBackFailed"
	// ReasonColdStart: the pool starts as a whole; front ends wait for enough others before they serve.
	ReasonColdStart = "ColdStart"

	// ReasonInvalidTopology: the pool reports a domain or a front end twice, or servers that do not fit together.
	ReasonInvalidTopology = "InvalidTopology"
	// ReasonInvalidSpec: a field of the object, or an object it names, cannot be used.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonPoolNotFound: the LyncPool that poolRef names does not exist.
	ReasonPoolNotFound = "PoolNotFound"
	// ReasonCredentialsMissing: the credentials Secret is missing or has no username or password.
	ReasonCredentialsMissing = "CredentialsMissing"
	// ReasonCertificateAuthorityMissing: the object with the certificate authority is missing or cannot be read.
	ReasonCertificateAuthorityMissing = "CertificateAuthorityMissing"
	// ReasonServerUnreachable: a server does not answer; it is asked again.
	ReasonServerUnreachable = "ServerUnreachable"
	// ReasonLoginRefused: a server refused user name or password.
	ReasonLoginRefused = "LoginRefused"
	// ReasonCertificateRejected: the certificate of a server's WinRM listener cannot be verified.
	ReasonCertificateRejected = "CertificateRejected"
	// ReasonServerAnswerUnknown: a server answered something this operator cannot read.
	ReasonServerAnswerUnknown = "ServerAnswerUnknown"
	// ReasonAllServersAnswer: every server that had to be asked answered.
	ReasonAllServersAnswer = "AllServersAnswer"

	// ReasonProductMismatch: another product than the declared one is installed on a server.
	ReasonProductMismatch = "ProductMismatch"
	// ReasonRoleMismatch: a server does something else than the declared role.
	ReasonRoleMismatch = "RoleMismatch"
	// ReasonPoolTooSmall: the product does not allow a pool of so few front ends.
	ReasonPoolTooSmall = "PoolTooSmall"
	// ReasonLastServer: the pool has one server, and downtime was not announced.
	ReasonLastServer = "LastServer"
	// ReasonFailOverRefused: Invoke-CsComputerFailOver did nothing; the server serves.
	ReasonFailOverRefused = "FailOverRefused"
	// ReasonFailBackFailed: Invoke-CsComputerFailBack did not succeed.
	ReasonFailBackFailed = "FailBackFailed"

	// ReasonDowngradeRefused: a server has a newer build than the desired one.
	ReasonDowngradeRefused = "DowngradeRefused"
	// ReasonPackageRefused: the package could not be fetched, or its SHA-256 is not the declared one. Nothing was stopped.
	ReasonPackageRefused = "PackageRefused"
	// ReasonDrainTimeout: the services did not drain in time; they were put back into service.
	ReasonDrainTimeout = "DrainTimeout"
	// ReasonStopFailed: the services could not be stopped.
	ReasonStopFailed = "StopFailed"
	// ReasonInstallerFailed: the installer failed or ran too long.
	ReasonInstallerFailed = "InstallerFailed"
	// ReasonBuildNotReached: the installer ended, but the server does not have the desired build.
	ReasonBuildNotReached = "BuildNotReached"
	// ReasonRestartFailed: Windows did not come back in time.
	ReasonRestartFailed = "RestartFailed"
	// ReasonServicesNotRunning: services that ran before do not run.
	ReasonServicesNotRunning = "ServicesNotRunning"
	// ReasonDatabaseUpdateFailed: the databases could not be updated.
	ReasonDatabaseUpdateFailed = "DatabaseUpdateFailed"
	// ReasonMirrorLeftToPerson: the databases are mirrored, and the policy leaves them to a person.
	ReasonMirrorLeftToPerson = "MirrorLeftToPerson"
	// ReasonPrincipalOnMirror: the mirror is the principal of databases; neither databases nor front ends are touched.
	ReasonPrincipalOnMirror = "PrincipalOnMirror"
	// ReasonMirrorNotSynchronised: principal and mirror of a database do not hold the same yet.
	ReasonMirrorNotSynchronised = "MirrorNotSynchronised"
	// ReasonMirrorStateUnknown: the databases are mirrored, and how the mirrors stand could not be found out.
	ReasonMirrorStateUnknown = "MirrorStateUnknown"
	// ReasonMirrorHealthy: the primary is the principal of every database, and synchronised with the mirror.
	ReasonMirrorHealthy = "MirrorHealthy"
	// ReasonLocalDatabasesBroken: an installer has left databases of the server's own instances in single-user mode or offline.
	ReasonLocalDatabasesBroken = "LocalDatabasesBroken"
	// ReasonStoresCurrent: every store of databases that was looked at has the version that goes with the build.
	ReasonStoresCurrent = "StoresCurrent"
	// ReasonStoresOutdated: stores that no published command updates from a front end are old after the update.
	ReasonStoresOutdated = "StoresOutdated"
	// ReasonJobInterrupted: a job was cut off by a restart of the server.
	ReasonJobInterrupted = "JobInterrupted"
	// ReasonJobOverdue: a job has been running for longer than its limit.
	ReasonJobOverdue = "JobOverdue"
	// ReasonTwoDomainsOpen: servers of two upgrade domains are half way; nothing is touched.
	ReasonTwoDomainsOpen = "TwoDomainsOpen"

	// ReasonSoaked: the soak time is over, or none is due.
	ReasonSoaked = "Soaked"
	// ReasonTurnGranted: the pool has opened this upgrade domain.
	ReasonTurnGranted = "TurnGranted"
	// ReasonFrontEndsUpgraded: every front end has the build and is in service.
	ReasonFrontEndsUpgraded = "FrontEndsUpgraded"
	// ReasonNotApplicable: the gate does not apply to this object.
	ReasonNotApplicable = "NotApplicable"
	// ReasonWithinBudget: the services are there, or have been away for less than the outage budget.
	ReasonWithinBudget = "WithinBudget"
	// ReasonBudgetNearlySpent: the services have been away for two thirds of the outage budget.
	ReasonBudgetNearlySpent = "BudgetNearlySpent"
	// ReasonBudgetSpent: the services have been away for longer than the outage budget.
	ReasonBudgetSpent = "BudgetSpent"
)
