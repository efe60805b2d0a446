package v1alpha1

// Reasons of events that tell of progress; events that tell of trouble bear the reason of the Ready condition.
const (
	// EventDomainOpened: the pool gave an upgrade domain its turn.
	EventDomainOpened = "DomainOpened"
	// EventServerTaken: a server is taken out of service.
	EventServerTaken = "ServerTaken"
	// EventServerUpgraded: a server has the build and is back in service.
	EventServerUpgraded = "ServerUpgraded"
	// EventForceDeleted: an object was let go by the annotation lyncops.dev/force-delete although a server is half way.
	EventForceDeleted = "ForceDeleted"
	// EventFailedOver: the users are on the backup pool.
	EventFailedOver = "FailedOver"
	// EventFailedBack: the users are back on their pool.
	EventFailedBack = "FailedBack"
)
