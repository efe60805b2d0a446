package lab_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"lyncops.dev/operator/test/lab"
)

func TestOnlyWhatWasNotAnsweredIsAskedAgain(t *testing.T) {
	kind := schema.GroupResource{Group: "lyncops.dev", Resource: "lyncpools"}
	broken := func(cause error) error {
		return fmt.Errorf("listing pools: %w", &url.Error{Op: "Get", URL: "https://127.0.0.1/apis", Err: cause})
	}
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"no error":                   {nil, false},
		"the connection broke":       {broken(io.ErrUnexpectedEOF), true},
		"the stream broke":           {broken(errors.New("stream error: stream ID 11689; INTERNAL_ERROR; received from peer")), true},
		"the caller left":            {broken(context.Canceled), false},
		"the server gave up":         {apierrors.NewTimeoutError("the server was unable to return a response in the time allotted", 0), true},
		"etcd was late":              {apierrors.NewInternalError(errors.New("etcdserver: request timed out")), true},
		"somebody else changed it":   {apierrors.NewConflict(kind, "pool01", errors.New("it was changed")), false},
		"it is not there":            {apierrors.NewNotFound(kind, "pool01"), false},
		"nobody may do that":         {apierrors.NewForbidden(kind, "pool01", errors.New("no")), false},
		"the object cannot be right": {apierrors.NewBadRequest("no"), false},
	} {
		if got := lab.Unanswered(test.err); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
