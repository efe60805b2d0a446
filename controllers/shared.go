package controllers

import (
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Shared is what every reconciler needs.
type Shared struct {
	Client client.Client
	// Live reads the API server itself, for Secrets, which are not cached, and for what must not be stale.
	Live     client.Reader
	Servers  Servers
	Recorder events.EventRecorder
	Clock    clock.PassiveClock
}
