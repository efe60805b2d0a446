// Package v1alpha1 holds what people declare and read: the kinds LyncPool, UpgradeDomain and BackEndServer of the API
// group lyncops.dev, their defaults, their validation, and the words of their conditions; it does nothing by itself.
//
// +kubebuilder:object:generate=true
// +groupName=lyncops.dev
package v1alpha1
