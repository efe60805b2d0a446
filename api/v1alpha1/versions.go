package v1alpha1

// ComponentBuild is the least build that a component must have.
type ComponentBuild struct {
	// Name of the component as it stands behind the comma in the list of installed programs, for example Web Components Server.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:XValidation:rule="!self.contains(',')",message="is the part of the name behind the comma, for example Web Components Server"
	Component string `json:"component"`

	// Build it must have at least.
	Build Build `json:"build"`
}

// ComponentStatus is one installed component of a server.
type ComponentStatus struct {
	// Name as it stands behind the comma in the list of installed programs.
	Name string `json:"name"`

	// Build found.
	// +optional
	Build string `json:"build,omitempty"`
}
