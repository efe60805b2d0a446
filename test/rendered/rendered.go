// Package rendered gives tests the folders of config/ as "kubectl apply -k" sends them. What the objects mean is for the tests.
package rendered

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Assets is the folder with kubectl and the control plane. A short run is skipped, as it needs neither.
func Assets(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the programs in KUBEBUILDER_ASSETS")
	}
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set: run make test, or set it to the output of hack/envtest-assets.sh")
	}
	return assets
}

// Objects are the objects of a kustomization, in the order in which they are sent.
func Objects(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(Assets(t), "kubectl"), "kustomize", folder)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("kubectl kustomize %s: %v\n%s", folder, err, stderr.String())
	}
	var objects []*unstructured.Unstructured
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(output)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, Decode(t, document))
	}
}

// Decode reads an object with whole numbers as int64, as the API server hands them out.
func Decode(t *testing.T, document []byte) *unstructured.Unstructured {
	t.Helper()
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, document)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(text); err != nil {
		t.Fatalf("%v in:\n%s", err, document)
	}
	return object
}
