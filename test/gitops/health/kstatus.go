package health

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// KStatus returns the class that kstatus, and with it Flux and Helm, gives an object: Current, InProgress, Failed or
// Terminating. Numbers in the object must be int64, as a decoder for unstructured objects makes them; others are an error.
func KStatus(object map[string]any) (string, error) {
	result, err := status.Compute(&unstructured.Unstructured{Object: object})
	if err != nil {
		return "", fmt.Errorf("compute kstatus: %w", err)
	}
	return result.Status.String(), nil
}

// Agree returns an error when a health code of Argo CD and a class of kstatus do not say the same of an object:
//
//	Argo CD       kstatus
//	Healthy       Current
//	Progressing   InProgress, or Terminating while the object is being deleted
//	Suspended     InProgress, or Current where everything that is paused is well
//	Degraded      Failed
func Agree(argoCD, kstatus string) error {
	var expected []string
	switch argoCD {
	case Healthy:
		expected = []string{status.CurrentStatus.String()}
	case Progressing:
		expected = []string{status.InProgressStatus.String(), status.TerminatingStatus.String()}
	case Suspended:
		expected = []string{status.InProgressStatus.String(), status.CurrentStatus.String()}
	case Degraded:
		expected = []string{status.FailedStatus.String()}
	}
	if !slices.Contains(expected, kstatus) {
		return fmt.Errorf("%s in Argo CD goes with %q in kstatus, not with %s", argoCD, expected, kstatus)
	}
	return nil
}

func deleting(object map[string]any) bool {
	timestamp, _, _ := unstructured.NestedString(object, "metadata", "deletionTimestamp")
	return timestamp != ""
}
