package v1alpha1

import "strings"

// FQDN is a fully qualified domain name such as fe01.contoso.com. Lync and DNS compare it without regard to case.
//
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$')",message="must be a fully qualified name such as fe01.contoso.com, not a short name and not empty"
type FQDN string

// Is says whether the name is the same server or pool as other.
func (f FQDN) Is(other string) bool { return strings.EqualFold(string(f), other) }
