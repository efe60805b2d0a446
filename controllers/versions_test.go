package controllers

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
)

// versions holds every version of every object of a namespace to the rules that kstatus, kubectl, Argo CD, Flux and Helm rely
// on. All tests with an operator do this, whatever else they are about.
type versions struct {
	world *world
	words map[string]bool
	lock  sync.Mutex
	// last is the latest version of every object that has not been deleted.
	last map[string]*unstructured.Unstructured
	// taken are the steps that people saw: a server that came to another step, or a pool that did something else.
	taken int
}

func watchVersions(w *world) *versions {
	w.t.Helper()
	seen := &versions{world: w, words: wordsOfConditions(w.t), last: map[string]*unstructured.Unstructured{}}
	for _, list := range []client.ObjectList{&v1alpha1.LyncPoolList{}, &v1alpha1.UpgradeDomainList{}, &v1alpha1.BackEndServerList{}} {
		ctx, cancel := context.WithCancel(context.Background())
		watching, err := w.client.Watch(ctx, list, client.InNamespace(w.namespace))
		if err != nil {
			cancel()
			w.t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			seen.follow(ctx, list, watching)
		}()
		w.t.Cleanup(func() {
			cancel()
			<-ended
		})
	}
	return seen
}

// follow notes what a watch tells until the context ends. One that breaks off is begun anew, and tells first what is there.
func (v *versions) follow(ctx context.Context, list client.ObjectList, watching watch.Interface) {
	kind := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", list), "*v1alpha1."), "List")
	for {
		for event := range watching.ResultChan() {
			v.note(event)
		}
		var err error
		for watching = nil; watching == nil; {
			if ctx.Err() != nil {
				return
			}
			if watching, err = v.world.client.Watch(ctx, list, client.InNamespace(v.world.namespace)); err != nil {
				time.Sleep(100 * time.Millisecond)
			}
		}
		v.lock.Lock()
		maps.DeleteFunc(v.last, func(name string, _ *unstructured.Unstructured) bool { return strings.HasPrefix(name, kind+" ") })
		v.lock.Unlock()
	}
}

func (v *versions) note(event watch.Event) {
	object, ok := event.Object.(client.Object)
	if !ok {
		return
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		v.world.t.Error(err)
		return
	}
	v.lock.Lock()
	defer v.lock.Unlock()
	name := nameOf(object)
	if event.Type == watch.Deleted {
		delete(v.last, name)
		return
	}
	version := &unstructured.Unstructured{Object: content}
	v.taken += stepsBetween(v.last[name], version)
	v.last[name] = version
	for _, mistake := range mistakesIn(version, object, v.words) {
		v.world.t.Errorf("%s, version %s: %s\n%+v", name, object.GetResourceVersion(), mistake, content["status"])
	}
}

// mustHaveBeenObserved holds what is left at the end of a test, while the operator still runs, to having a status that speaks of the latest
// spec. The watch may be a moment behind what was written.
func (v *versions) mustHaveBeenObserved() {
	v.world.t.Helper()
	// The context of a test has ended when what it cleans up is called, so this has a deadline of its own, and the watch a context.
	err := v.unobserved()
	for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); err = v.unobserved() {
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		v.world.t.Errorf("every status speaks of the latest spec: %v", err)
	}
}

func (v *versions) unobserved() error {
	v.lock.Lock()
	defer v.lock.Unlock()
	for name, version := range v.last {
		observed, _, _ := unstructured.NestedInt64(version.Object, "status", "observedGeneration")
		if observed >= 0 && observed != version.GetGeneration() {
			return fmt.Errorf("%s rests at generation %d with a status about generation %d", name, version.GetGeneration(), observed)
		}
	}
	return nil
}

func stepsBetween(before, after *unstructured.Unstructured) int {
	standing := func(version *unstructured.Unstructured) map[string]string {
		found := map[string]string{}
		if version == nil {
			return found
		}
		found["now"], _, _ = unstructured.NestedString(version.Object, "status", "now")
		rows, _, _ := unstructured.NestedSlice(version.Object, "status", "servers")
		for _, row := range rows {
			if row, ok := row.(map[string]any); ok {
				found[fmt.Sprint(row["fqdn"])] = fmt.Sprint(row["step"])
			}
		}
		return found
	}
	count, earlier := 0, standing(before)
	for what, now := range standing(after) {
		if earlier[what] != now {
			count++
		}
	}
	return count
}

func (v *versions) steps() int {
	v.lock.Lock()
	defer v.lock.Unlock()
	return v.taken
}

var camelCase = regexp.MustCompile(`^([A-Z][a-z0-9]+)+$`)

// mistakesIn are the rules that a version of an object breaks.
func mistakesIn(version *unstructured.Unstructured, object client.Object, words map[string]bool) []string {
	var mistakes []string
	wrong := func(format string, arguments ...any) { mistakes = append(mistakes, fmt.Sprintf(format, arguments...)) }
	observed, found, err := unstructured.NestedInt64(version.Object, "status", "observedGeneration")
	if err != nil || !found {
		wrong("status.observedGeneration is missing: %v", err)
	}
	if observed > object.GetGeneration() {
		wrong("observedGeneration %d is ahead of generation %d", observed, object.GetGeneration())
	}
	for _, secret := range []string{loginPassword, jobPassword} {
		if strings.Contains(fmt.Sprint(version.Object), secret) {
			wrong("it holds the secret %s", secret)
		}
	}
	is := map[string]metav1.ConditionStatus{}
	for _, condition := range conditionsOf(object) {
		if _, twice := is[condition.Type]; twice {
			wrong("the condition %s is there twice", condition.Type)
		}
		is[condition.Type] = condition.Status
		switch {
		case !words["Condition"+condition.Type]:
			wrong("the condition type %s is no constant of api/v1alpha1", condition.Type)
		case !words["Reason"+condition.Reason] || !camelCase.MatchString(condition.Reason):
			wrong("the reason %q of %s is no constant of api/v1alpha1 in CamelCase", condition.Reason, condition.Type)
		case condition.ObservedGeneration <= 0 || condition.ObservedGeneration > observed:
			wrong("%s speaks of generation %d, the status of %d", condition.Type, condition.ObservedGeneration, observed)
		case condition.Message == "":
			wrong("%s has no message", condition.Type)
		}
		summary := condition.Type == v1alpha1.ConditionReady || condition.Type == v1alpha1.ConditionReconciling || condition.Type == v1alpha1.ConditionStalled
		if summary && condition.ObservedGeneration != observed {
			wrong("%s speaks of generation %d, the status of %d", condition.Type, condition.ObservedGeneration, observed)
		}
	}
	reconciling, stalled := is[v1alpha1.ConditionReconciling] == metav1.ConditionTrue, is[v1alpha1.ConditionStalled] == metav1.ConditionTrue
	switch {
	case observed >= 0 && is[v1alpha1.ConditionReady] == "":
		wrong("it was observed and has no Ready")
	case observed < 0 && len(is) > 0:
		wrong("it was not observed and has conditions")
	case reconciling && stalled:
		wrong("Reconciling and Stalled are both True")
	case (reconciling || stalled) && is[v1alpha1.ConditionReady] != metav1.ConditionFalse:
		wrong("Ready is not False while Reconciling or Stalled is True")
	}
	expected := status.InProgressStatus
	switch {
	case !object.GetDeletionTimestamp().IsZero():
		expected = status.TerminatingStatus
	case observed != object.GetGeneration() || reconciling:
	case stalled:
		expected = status.FailedStatus
	case is[v1alpha1.ConditionReady] == metav1.ConditionTrue:
		expected = status.CurrentStatus
	}
	if result, err := status.Compute(version); err != nil || result.Status != expected {
		wrong("kstatus makes %+v of it (%v), want %s", result, err, expected)
	}
	return mistakes
}

// wordsOfConditions are the constants of the API that name conditions and reasons, as Condition<value> and Reason<value>.
func wordsOfConditions(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../api/v1alpha1/*.go")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		collectWords(t, file, words)
	}
	if len(words) < 20 {
		t.Fatalf("only %d constants were found in api/v1alpha1", len(words))
	}
	return words
}

func collectWords(t *testing.T, file *ast.File, words map[string]bool) {
	t.Helper()
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || len(spec.Values) != 1 {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"Condition", "Reason"} {
			if strings.HasPrefix(spec.Names[0].Name, kind) {
				words[kind+value] = true
			}
		}
		return true
	})
}
