package health

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Document is one object at one moment, and what Argo CD and kstatus are expected to say of it.
type Document struct {
	// Stage of a rollout in which the object looks like this, for example working.
	Stage string
	// ArgoCD is the expected health code.
	ArgoCD string
	// KStatus is the expected class.
	KStatus string
	// Differ says why the two may contradict each other here; empty where they must agree.
	Differ string
	// Object is the whole object; its numbers are int64.
	Object *unstructured.Unstructured
}

// ReadDocument reads a file that holds one object in YAML, with a first line such as
//
//	# stage: working; argocd: Progressing; kstatus: InProgress
//
// which may end in "; differ: " and the reason why the two classes contradict each other.
func ReadDocument(path string) (Document, error) {
	contents, err := os.ReadFile(path)
	if err != nil {
		return Document{}, fmt.Errorf("read a status document: %w", err)
	}
	header, body, _ := bytes.Cut(contents, []byte("\n"))
	document, err := parseHeader(string(header))
	if err != nil {
		return Document{}, fmt.Errorf("first line of %s: %w", path, err)
	}
	text, err := yaml.YAMLToJSONStrict(body)
	if err != nil {
		return Document{}, fmt.Errorf("%s: %w", path, err)
	}
	document.Object = &unstructured.Unstructured{}
	if err := document.Object.UnmarshalJSON(text); err != nil {
		return Document{}, fmt.Errorf("%s: %w", path, err)
	}
	return document, nil
}

// WriteFile writes the document as ReadDocument reads it, without what an API server adds for itself (metadata.managedFields).
func (d Document) WriteFile(path string) error {
	object := d.Object.DeepCopy()
	object.SetManagedFields(nil)
	body, err := yaml.Marshal(object.Object)
	if err != nil {
		return fmt.Errorf("write a status document: %w", err)
	}
	header := fmt.Sprintf("# stage: %s; argocd: %s; kstatus: %s", d.Stage, d.ArgoCD, d.KStatus)
	if d.Differ != "" {
		header += "; differ: " + d.Differ
	}
	if err := os.WriteFile(path, append([]byte(header+"\n"), body...), 0o644); err != nil {
		return fmt.Errorf("write a status document: %w", err)
	}
	return nil
}

func parseHeader(line string) (Document, error) {
	fields, isComment := strings.CutPrefix(line, "# ")
	if !isComment {
		return Document{}, errors.New("is not a comment with stage, argocd and kstatus")
	}
	var document Document
	targets := map[string]*string{
		"stage": &document.Stage, "argocd": &document.ArgoCD, "kstatus": &document.KStatus, "differ": &document.Differ,
	}
	for field := range strings.SplitSeq(fields, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), ":")
		target, known := targets[name]
		if !known {
			return Document{}, fmt.Errorf("the word %q is not known: stage, argocd, kstatus and differ are", name)
		}
		*target = strings.TrimSpace(value)
	}
	if document.Stage == "" || document.ArgoCD == "" || document.KStatus == "" {
		return Document{}, errors.New("needs stage, argocd and kstatus")
	}
	return document, nil
}
