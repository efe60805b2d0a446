package controllers

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/credentials"
)

// Shared is what every reconciler needs.
type Shared struct {
	Client client.Client
	// Live reads the API server itself, for Secrets, which are not cached, and for what must not be stale.
	Live     client.Reader
	Servers  Servers
	Recorder events.EventRecorder
	// Memory of the credentials of work that was begun; nil keeps none.
	Memory *credentials.Memory
	// Untold of all reconcilers; nil tells only what a pass did whose own status was written.
	Untold *Untold
	Clock  clock.PassiveClock
}

// backEnds are the back ends of a pool.
func (s Shared) backEnds(ctx context.Context, reader client.Reader, pool client.ObjectKey) ([]v1alpha1.BackEndServer, error) {
	var list v1alpha1.BackEndServerList
	if err := reader.List(ctx, &list, client.InNamespace(pool.Namespace)); err != nil {
		return nil, fmt.Errorf("listing back ends: %w", err)
	}
	return slices.DeleteFunc(list.Items, func(backEnd v1alpha1.BackEndServer) bool {
		return backEnd.Spec.PoolRef == nil || backEnd.Spec.PoolRef.Name != pool.Name
	}), nil
}

// backEndAtWork names a back end of the pool whose services or databases are being worked on, or may be at any moment: it bears
// the finalizer from before its first order on.
func (s Shared) backEndAtWork(ctx context.Context, reader client.Reader, pool client.ObjectKey) (string, error) {
	backEnds, err := s.backEnds(ctx, reader, pool)
	for i := range backEnds {
		backEnd := &backEnds[i]
		if backEnd.Status.InProgress || claimed(backEnd) {
			return backEnd.Name, nil
		}
	}
	return "", err
}
