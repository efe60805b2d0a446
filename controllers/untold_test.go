package controllers

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"lyncops.dev/operator/api/v1alpha1"
)

// changedMeanwhile is an API server on which somebody changes every object before its status is written, so that this succeeds only every
// other time.
func changedMeanwhile() interceptor.Funcs {
	var lock sync.Mutex
	refused := map[string]bool{}
	return interceptor.Funcs{SubResourcePatch: func(ctx context.Context, to client.Client, subResource string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
		lock.Lock()
		refused[nameOf(object)] = !refused[nameOf(object)]
		refuse := refused[nameOf(object)]
		lock.Unlock()
		if refuse {
			return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("objects").GroupResource(), object.GetName(), errors.New("it was changed"))
		}
		return to.SubResource(subResource).Patch(ctx, object, patch, options...)
	}}
}

// What is done to a server is told once, also where the pass that did it could not write its status.
func TestWhatWasDoneIsToldWithTheNextStatus(t *testing.T) {
	servers := threeFrontEnds()
	servers.addHost(standardServer)
	w := startedWorld(t, servers, changedMeanwhile())
	pool, standard := w.pool(), w.backEnd(standardEdition)
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	w.ready(standard, "True", v1alpha1.ReasonUpToDate)
	want := []string{v1alpha1.EventServerTaken, v1alpha1.EventServerUpgraded}
	for _, object := range []client.Object{standard, w.domain("pool01-upgradedomain1"), w.domain("pool01-upgradedomain2"), w.domain("pool01-upgradedomain3")} {
		if told := w.toldUntil(object, v1alpha1.EventServerUpgraded); !slices.Equal(told, want) {
			t.Errorf("of %s %v were told, want %v", object.GetName(), told, want)
		}
	}
	mustTellAfterWriting(t, w.ledger.all())
}
