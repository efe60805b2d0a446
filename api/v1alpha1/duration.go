package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Duration is a length of time written as Go writes it, such as 20m or 1h30m. A number has at most five digits: no text that
// fits into the field may be longer than Go can hold, or one object would keep every program from reading all of them.
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="must be a duration such as 20m or 1h30m"
type Duration struct {
	metav1.Duration `json:"-"`
}
