package samples_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// rule is one of the rules in CEL of a kind.
type rule struct {
	kind string
	// path of the field that has the rule, with [] behind a list; empty for the object itself.
	path, message string
	ofChanges     bool
	ofText        bool
}

func (r rule) String() string {
	return fmt.Sprintf("%s %s: %s", r.kind, strings.TrimPrefix(r.path, "."), r.message)
}

// rulesOf reads the rules of every kind in config/crd/bases.
func rulesOf(t *testing.T) []rule {
	t.Helper()
	files, err := filepath.Glob("../crd/bases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no kinds found: %v", err)
	}
	var rules []rule
	for _, file := range files {
		var definition apiextensionsv1.CustomResourceDefinition
		read(t, file, &definition)
		for _, version := range definition.Spec.Versions {
			collectRules(definition.Spec.Names.Kind, "", version.Schema.OpenAPIV3Schema, &rules)
		}
	}
	return rules
}

func collectRules(kind, path string, schema *apiextensionsv1.JSONSchemaProps, into *[]rule) {
	for _, found := range schema.XValidations {
		*into = append(*into, rule{kind: kind, path: path, message: found.Message, ofChanges: strings.Contains(found.Rule, "oldSelf"), ofText: schema.Type == "string"})
	}
	for name, property := range schema.Properties {
		collectRules(kind, path+"."+name, &property, into)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		collectRules(kind, path+"[]", schema.Items.Schema, into)
	}
}

// verdicts is a client that remembers which objects the API server took, and for what it refused others.
type verdicts struct {
	client.Client
	taken   []*unstructured.Unstructured
	refused map[string][]metav1.StatusCause
}

func (v *verdicts) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	err := v.Client.Create(ctx, object, options...)
	v.note(object, err)
	return err
}

func (v *verdicts) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	err := v.Client.Update(ctx, object, options...)
	v.note(object, err)
	return err
}

func (v *verdicts) note(object client.Object, err error) {
	sent, ok := object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	if err == nil {
		v.taken = append(v.taken, sent.DeepCopy())
		return
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		v.refused[sent.GetKind()] = append(v.refused[sent.GetKind()], status.Status().Details.Causes...)
	}
}

var index = regexp.MustCompile(`\[\d+\]`)

// hasRefused says whether an object was refused because of a rule.
func (v *verdicts) hasRefused(rule rule) bool {
	return slices.ContainsFunc(v.refused[rule.kind], func(cause metav1.StatusCause) bool {
		field := index.ReplaceAllString(cause.Field, "[]")
		return strings.Contains(cause.Message, rule.message) && (rule.path == "" || field == strings.TrimPrefix(rule.path, "."))
	})
}

// hasTaken finds an object that was taken although it has what the rule is about.
func (v *verdicts) hasTaken(rule rule) *unstructured.Unstructured {
	for _, object := range v.taken {
		if object.GetKind() == rule.kind && replaceText(object.DeepCopy().Object, rule.path, nil) {
			return object
		}
	}
	return nil
}

// replaceText finds a field by its path, in the first item of lists that have it, and puts a text there where one is given.
func replaceText(value any, path string, text any) bool {
	if path == "" {
		return true
	}
	if rest, isList := strings.CutPrefix(path, "[]"); isList {
		items, _ := value.([]any)
		for i := range items {
			if rest == "" && text != nil {
				items[i] = text
				return true
			}
			if replaceText(items[i], rest, text) {
				return true
			}
		}
		return false
	}
	name, rest := strings.TrimPrefix(path, "."), ""
	if at := strings.IndexAny(name, ".["); at >= 0 {
		name, rest = name[:at], name[at:]
	}
	fields, _ := value.(map[string]any)
	inner, found := fields[name]
	if !found {
		return false
	}
	if rest == "" && text != nil {
		fields[name] = text
		return true
	}
	return replaceText(inner, rest, text)
}

// spoilt are texts of which at least one breaks any rule about a text.
var spoilt = []string{"?", "a,b", "1ms"}

// hasObjectForEveryRule fails for a rule of the kinds that nothing was refused for, or that was never seen to let anything through. A
// rule about one text is tried here, in every place that has it; the others need an object in the tables.
func hasObjectForEveryRule(t *testing.T, cluster *verdicts) {
	rules := rulesOf(t)
	if len(rules) < 60 {
		t.Errorf("only %d rules were found", len(rules))
	}
	for _, rule := range rules {
		taken := cluster.hasTaken(rule)
		if taken == nil {
			t.Errorf("no object was taken that has the field of the rule: %s", rule)
			continue
		}
		for _, text := range spoilt {
			if !rule.ofText || rule.ofChanges || cluster.hasRefused(rule) {
				break
			}
			object := taken.DeepCopy()
			object.SetName("")
			object.SetGenerateName("spoilt-")
			object.SetResourceVersion("")
			object.SetUID("")
			replaceText(object.Object, rule.path, text)
			// What it says of a text that breaks another rule, or none, is of no interest here.
			_ = cluster.Create(t.Context(), object, client.DryRunAll)
		}
		if !cluster.hasRefused(rule) {
			t.Errorf("nothing was refused because of the rule: %s", rule)
		}
	}
}
