package controllers

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Within makes a reader that is asked for the objects of all namespaces list those of some. An operator that watches a few namespaces may
// have rights in them only, and knows nothing of the others anyway. Without a namespace it is the reader itself.
func Within(reader client.Reader, namespaces ...string) client.Reader {
	if len(namespaces) == 0 {
		return reader
	}
	return within{reader, namespaces}
}

type within struct {
	client.Reader
	namespaces []string
}

// List implements client.Reader.
func (w within) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	var asked client.ListOptions
	if asked.ApplyOptions(options); asked.Namespace != "" {
		return w.Reader.List(ctx, list, options...)
	}
	var all []runtime.Object
	for _, namespace := range w.namespaces {
		part, isList := list.DeepCopyObject().(client.ObjectList)
		if !isList {
			return fmt.Errorf("%T cannot be copied", list)
		}
		if err := w.Reader.List(ctx, part, append(slices.Clip(options), client.InNamespace(namespace))...); err != nil {
			return fmt.Errorf("in namespace %s: %w", namespace, err)
		}
		found, err := meta.ExtractList(part)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	return meta.SetList(list, all)
}
