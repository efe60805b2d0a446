package controllers

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"lyncops.dev/operator/test/lab"
)

const (
	// patience is how long something may take that has to come; it is never reached where all is well, on a machine of any speed.
	patience = 10 * time.Minute

	// lookEvery is the time between two looks at first, seldomEvery when it takes long: each look takes from those who are at it.
	lookEvery   = 20 * time.Millisecond
	seldomEvery = 10 * lookEvery

	// unasked is the time between two questions in tests that are not about it: longer than any machine takes for a whole rollout, so that
	// no turn runs out and no question comes again because a machine stood still.
	unasked = 24 * time.Hour
)

// patient asks an API server again that has failed to answer, and sees nothing of other worlds: whoever lists the objects of all
// namespaces gets those of one.
func patient(own client.WithWatch, namespace string) client.WithWatch {
	return interceptor.NewClient(lab.Persistent(own), interceptor.Funcs{
		List: func(ctx context.Context, to client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			return Within(to, namespace).List(ctx, list, options...)
		},
		SubResourcePatch: func(ctx context.Context, to client.Client, subResource string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			return lab.Persist(ctx, func(bool) error { return to.SubResource(subResource).Patch(ctx, object, patch, options...) })
		},
	})
}
