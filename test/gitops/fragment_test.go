package gitops_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"lyncops.dev/operator/test/rendered"
)

// TestFragmentGivesEveryKindTheHealthCheck renders config/argocd the way "kubectl apply -k" sends it.
func TestFragmentGivesEveryKindTheHealthCheck(t *testing.T) {
	objects := rendered.Objects(t, "../../config/argocd")
	// Settings of Argo CD that the fragment touches beside ours would be an accident.
	if len(objects) != 1 {
		t.Fatalf("config/argocd renders %d objects, want one ConfigMap", len(objects))
	}
	var fragment corev1.ConfigMap
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(objects[0].Object, &fragment, true); err != nil {
		t.Fatal(err)
	}
	if fragment.Kind != "ConfigMap" || fragment.Name != "argocd-cm" || fragment.Namespace != "argocd" {
		t.Errorf("config/argocd renders %s %s/%s, want the ConfigMap argocd/argocd-cm", fragment.Kind, fragment.Namespace, fragment.Name)
	}
	if want := map[string]string{"app.kubernetes.io/part-of": "argocd"}; !cmp.Equal(fragment.Labels, want) {
		t.Errorf("labels %v, want %v", fragment.Labels, want)
	}
	want := map[string]string{}
	for _, kind := range kinds() {
		want["resource.customizations.health."+kind.Group+"_"+kind.Kind] = readScript(t)
	}
	if difference := cmp.Diff(want, fragment.Data); difference != "" {
		t.Errorf("argocd-cm (-want +got):\n%s", difference)
	}
}

// A kind without a health check holds nothing up in Argo CD, however broken its objects are.
func TestEveryCustomResourceDefinitionHasAHealthCheck(t *testing.T) {
	paths, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(paths) != len(kinds()) {
		t.Fatalf("%d CRDs and %d kinds with a health check: %v", len(paths), len(kinds()), err)
	}
	kustomization, err := os.ReadFile("../../config/argocd/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &definition); err != nil {
			t.Fatal(err)
		}
		key := "resource.customizations.health." + definition.Spec.Group + "_" + definition.Spec.Names.Kind + "="
		if !strings.Contains(string(kustomization), key) {
			t.Errorf("config/argocd/kustomization.yaml has no %s", key)
		}
	}
}
