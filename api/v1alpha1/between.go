package v1alpha1

// Gates between two servers and between two upgrade domains.
const (
	// ConditionFabricPlacement: every routing group of the pool has its replicas.
	ConditionFabricPlacement = "FabricPlacement"
	// ConditionReplicated: the central management store has reached every front end.
	ConditionReplicated = "Replicated"
	// ConditionUniformBuilds: every front end of the pool has the same build.
	ConditionUniformBuilds = "UniformBuilds"
)

// Reasons of what is looked at between two servers and between two upgrade domains.
const (
	// ReasonPortsNotListening: the services of a server run, but ports that must listen do not.
	ReasonPortsNotListening = "PortsNotListening"
	// ReasonFrontEndsInactive: the pool is Ready, but counts fewer active front ends than it has.
	ReasonFrontEndsInactive = "FrontEndsInactive"
	// ReasonFabricIncomplete: routing groups lack replicas, or front ends are down in the fabric.
	ReasonFabricIncomplete = "FabricIncomplete"
	// ReasonFabricMoved: routing groups have all their replicas, on other front ends than before.
	ReasonFabricMoved = "FabricMoved"
	// ReasonFabricUnreadable: what Get-CsPoolFabricState printed cannot be read, or could not be asked.
	ReasonFabricUnreadable = "FabricUnreadable"
	// ReasonFabricWhole: every routing group has its replicas, where they were before.
	ReasonFabricWhole = "FabricWhole"
	// ReasonReplicationLate: the central management store has not reached a front end of the pool.
	ReasonReplicationLate = "ReplicationLate"
	// ReasonReplicationUnknown: the replication status could not be asked.
	ReasonReplicationUnknown = "ReplicationUnknown"
	// ReasonReplicationUpToDate: the central management store has reached every front end of the pool.
	ReasonReplicationUpToDate = "ReplicationUpToDate"
	// ReasonTwoFrontEnds: a pool of two has nobody to spare while one of them is out.
	ReasonTwoFrontEnds = "TwoFrontEnds"
	// ReasonTopologyChanged: front ends were added or removed; the pool is read again before anybody is stopped.
	ReasonTopologyChanged = "TopologyChanged"
	// ReasonMixedBuilds: front ends of the pool have different builds.
	ReasonMixedBuilds = "MixedBuilds"
	// ReasonOneBuild: every front end of the pool has the same build.
	ReasonOneBuild = "OneBuild"
)

// Reasons of events that tell of servers that changed without the operator.
const (
	// EventDriftFound: a server that was done has an older build again.
	EventDriftFound = "DriftFound"
	// EventServerAdopted: a server has got the build without the operator.
	EventServerAdopted = "ServerAdopted"
	// EventSoakBegunAgain: the pool changed during the soak.
	EventSoakBegunAgain = "SoakBegunAgain"
)
