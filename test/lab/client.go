package lab

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// requestPatience is how often, and requestPause after how long, a request is made again that a control plane on a machine out of
	// breath did not answer.
	requestPatience = 120
	requestPause    = 500 * time.Millisecond
)

// persistentClient is what Persistent gives: on a machine that stands still for a while
// connections are lost and etcd is late, which is no answer to anything.
type persistentClient struct {
	client.WithWatch
}

// Persistent is a client that makes a request again while the control plane does not answer it.
func Persistent(c client.WithWatch) client.WithWatch { return persistentClient{c} }

func (c persistentClient) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	return Persist(ctx, func(bool) error { return c.WithWatch.Get(ctx, key, object, options...) })
}

func (c persistentClient) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return Persist(ctx, func(bool) error { return c.WithWatch.List(ctx, list, options...) })
}

// Create takes an object that is there at the second try for the one that the first try made.
func (c persistentClient) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	return Persist(ctx, func(again bool) error {
		err := c.WithWatch.Create(ctx, object, options...)
		if again && apierrors.IsAlreadyExists(err) {
			return c.WithWatch.Get(ctx, client.ObjectKeyFromObject(object), object)
		}
		return err
	})
}

// Delete takes an object that is gone at the second try for deleted.
func (c persistentClient) Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error {
	return Persist(ctx, func(again bool) error {
		err := c.WithWatch.Delete(ctx, object, options...)
		if again && apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

func (c persistentClient) Apply(ctx context.Context, object runtime.ApplyConfiguration, options ...client.ApplyOption) error {
	return Persist(ctx, func(bool) error { return c.WithWatch.Apply(ctx, object, options...) })
}

func (c persistentClient) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	return Persist(ctx, func(bool) error { return c.WithWatch.Update(ctx, object, options...) })
}

func (c persistentClient) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	return Persist(ctx, func(bool) error { return c.WithWatch.Patch(ctx, object, patch, options...) })
}

// Persist makes a request, and again while the control plane does not answer; the request is told which of both it is.
func Persist(ctx context.Context, request func(again bool) error) error {
	err := request(false)
	for tries := 0; err != nil && Unanswered(err) && tries < requestPatience; tries++ {
		select {
		case <-ctx.Done():
			return err
		case <-time.After(requestPause):
		}
		err = request(true)
	}
	return err
}

// Unanswered says whether an error tells nothing but that the control plane did not manage to answer: it says so, or the connection broke.
func Unanswered(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	_, broken := errors.AsType[*url.Error](err)
	return broken || strings.Contains(err.Error(), "when reading response body") || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) ||
		apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err)
}

// Watch tells everything that happens from now on to the objects of a kind in a namespace, and goes on where it was when the control
// plane ends a watch. It ends with the context, or when it is stopped.
func (l *Lab) Watch(ctx context.Context, list client.ObjectList, namespace string) (watch.Interface, error) {
	if err := l.Client().List(ctx, list, client.InNamespace(namespace), client.Limit(1)); err != nil {
		return nil, err
	}
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		return nil, err
	}
	watcher, err := watchtools.NewRetryWatcherWithContext(ctx, accessor.GetResourceVersion(), watchFunc(func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		fresh, ok := list.DeepCopyObject().(client.ObjectList)
		if !ok {
			return nil, fmt.Errorf("%T is no list", list)
		}
		return l.Client().Watch(ctx, fresh, &client.ListOptions{Namespace: namespace, Raw: &options})
	}))
	if err != nil {
		return nil, fmt.Errorf("watching %T: %w", list, err)
	}
	return watcher, nil
}

type watchFunc func(context.Context, metav1.ListOptions) (watch.Interface, error)

func (f watchFunc) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	return f(ctx, options)
}
