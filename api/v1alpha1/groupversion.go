package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "lyncops.dev", Version: "v1alpha1"}

// SchemeBuilder collects the kinds of this package.
var SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme adds the kinds of this package to a scheme.
var AddToScheme = SchemeBuilder.AddToScheme

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&LyncPool{}, &LyncPoolList{},
		&UpgradeDomain{}, &UpgradeDomainList{},
		&BackEndServer{}, &BackEndServerList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
