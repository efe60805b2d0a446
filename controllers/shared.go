package controllers

import (
	"context"
	"fmt"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
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

// backEndAtWork names a back end of the pool whose services or databases are being worked on.
func (s Shared) backEndAtWork(ctx context.Context, pool client.ObjectKey) (string, error) {
	var backEnds v1alpha1.BackEndServerList
	if err := s.Client.List(ctx, &backEnds, client.InNamespace(pool.Namespace)); err != nil {
		return "", fmt.Errorf("listing back ends: %w", err)
	}
	for _, backEnd := range backEnds.Items {
		if backEnd.Spec.PoolRef != nil && backEnd.Spec.PoolRef.Name == pool.Name && backEnd.Status.InProgress {
			return backEnd.Name, nil
		}
	}
	return "", nil
}
