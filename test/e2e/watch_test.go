package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/gitops/health"
	"lyncops.dev/operator/test/lab"
)

const (
	healthScript = "../../config/argocd/resource_customizations/lyncops.dev/_/health.lua"
	documents    = "../gitops/testdata"
)

var ourKinds = []string{"LyncPool", "UpgradeDomain", "BackEndServer"}

// history is every version of every object of our kinds that the API server served since it began to watch.
type history struct {
	stop     context.CancelFunc
	watching sync.WaitGroup
	mu       sync.Mutex
	versions []*unstructured.Unstructured
}

func watchAll(t *testing.T, l *lab.Lab) *history {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	h := &history{stop: cancel}
	t.Cleanup(h.end)
	for _, kind := range ourKinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		watcher, err := l.Watch(ctx, list, lab.Namespace)
		if err != nil {
			t.Fatal(err)
		}
		h.watching.Go(func() {
			defer watcher.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case event, open := <-watcher.ResultChan():
					if !open {
						return
					}
					h.add(event)
				}
			}
		})
	}
	return h
}

func (h *history) add(event watch.Event) {
	if object, ok := event.Object.(*unstructured.Unstructured); ok && event.Type != watch.Error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.versions = append(h.versions, object)
	}
}

// end stops watching and waits until nothing more comes.
func (h *history) end() {
	h.stop()
	h.watching.Wait()
}

// checkHealth holds Argo CD's health of every version against its kstatus, and makes sure that the deletion of nothing and the
// versions of every kind were among them.
func (h *history) checkHealth(t *testing.T) {
	t.Helper()
	script := readHealthScript(t)
	seen := map[string]int{}
	for _, object := range h.versions {
		seen[object.GetKind()]++
		argoCD, _, err := health.Compute(script, object.Object)
		if err != nil {
			t.Fatal(err)
		}
		kstatus, err := health.KStatus(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		if err := health.Agree(argoCD, kstatus); err != nil {
			t.Errorf("%s %s at version %s: %v; status: %v", object.GetKind(), object.GetName(), object.GetResourceVersion(), err, object.Object["status"])
		}
	}
	for _, kind := range ourKinds {
		if seen[kind] < 3 {
			t.Errorf("only %d versions of %s were seen", seen[kind], kind)
		}
	}
	t.Logf("versions seen: %v", seen)
}

// await waits until a version has been seen that find finds.
func (h *history) await(t *testing.T, kind, name, reason, step string) {
	t.Helper()
	eventually(t, fmt.Sprintf("a version of %s %s with %s %s", kind, name, reason, step), func() (bool, string) {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.first(kind, name, reason, step) != nil, fmt.Sprintf("%d versions", len(h.versions))
	})
}

// find is the first version of a kind whose Ready condition has a reason, at a step where one is named. The watching must have ended.
func (h *history) find(t *testing.T, kind, name, reason, step string) *unstructured.Unstructured {
	t.Helper()
	object := h.first(kind, name, reason, step)
	if object == nil {
		t.Errorf("no version of %s %s had the reason %s and the step %s", kind, name, reason, step)
	}
	return object
}

func (h *history) first(kind, name, reason, step string) *unstructured.Unstructured {
	for _, object := range h.versions {
		current, _, _ := unstructured.NestedString(object.Object, "status", "currentStep")
		if object.GetKind() == kind && (name == "" || object.GetName() == name) && readyReason(object) == reason && (step == "" || step == current) {
			return object
		}
	}
	return nil
}

func readyReason(object *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		if fields, ok := condition.(map[string]any); ok && fields["type"] == v1alpha1.ConditionReady {
			reason, _ := fields["reason"].(string)
			return reason
		}
	}
	return ""
}

// stageHealth is what a stage of a rollout must be to Argo CD and to kstatus.
var stageHealth = map[string]struct{ argoCD, kstatus string }{
	"waiting": {health.Progressing, "InProgress"},
	"working": {health.Progressing, "InProgress"},
	"done":    {health.Healthy, "Current"},
	"held":    {health.Degraded, "Failed"},
	"refused": {health.Degraded, "Failed"},
}

// checkStage judges an object in a stage, and with -update keeps it as a status document.
func checkStage(t *testing.T, stage string, object *unstructured.Unstructured) {
	t.Helper()
	if object == nil {
		return
	}
	want := stageHealth[stage]
	argoCD, _, err := health.Compute(readHealthScript(t), object.Object)
	if err != nil {
		t.Fatal(err)
	}
	kstatus, err := health.KStatus(object.Object)
	if err != nil {
		t.Fatal(err)
	}
	if argoCD != want.argoCD || kstatus != want.kstatus {
		t.Errorf("%s %s in stage %s is %s and %s, want %s and %s", object.GetKind(), object.GetName(), stage, argoCD, kstatus, want.argoCD, want.kstatus)
	}
	if !*update {
		return
	}
	document := health.Document{Stage: stage, ArgoCD: want.argoCD, KStatus: want.kstatus, Object: normalised(object)}
	path := filepath.Join(documents, strings.ToLower(object.GetKind())+"-"+stage+".yaml")
	if err := document.WriteFile(path); err != nil {
		t.Fatal(err)
	}
}

// checkTypedStage is checkStage for an object as it was read last, which is not read again: it may have been changed since.
func checkTypedStage(t *testing.T, stage, kind string, read client.Object) {
	t.Helper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(read)
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{Object: fields}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	checkStage(t, stage, object)
}

// normalised is an object without what differs from run to run.
func normalised(object *unstructured.Unstructured) *unstructured.Unstructured {
	object = object.DeepCopy()
	metadata := map[string]any{"name": object.GetName(), "namespace": object.GetNamespace(), "generation": object.GetGeneration()}
	object.Object["metadata"] = metadata
	object.Object["status"] = withoutTimes(object.Object["status"])
	return object
}

// aTime stands for every time.
const aTime = "2026-11-22T10:00:00Z"

func withoutTimes(value any) any {
	switch typed := value.(type) {
	case map[string]any:
		for key := range typed {
			switch key {
			case "since", "readAt", "lastTransitionTime", "outageSince":
				if _, isText := typed[key].(string); isText {
					typed[key] = aTime
					continue
				}
			}
			typed[key] = withoutTimes(typed[key])
		}
	case []any:
		for i := range typed {
			typed[i] = withoutTimes(typed[i])
		}
	}
	return value
}

func readHealthScript(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile(healthScript)
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}
