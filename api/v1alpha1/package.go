package v1alpha1

// UpdatePackage is the installer that brings a server to the desired build.
type UpdatePackage struct {
	// Where the servers get the installer: an https:// URL, a UNC path (\\server\share\file.exe) or a path on the server's
	// own disk (C:\folder\file.exe).
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^https://[^ ]+/[^/ ]+[.][A-Za-z]+$') || self.matches(r'^[\\\\]{2}[^\\\\/ ]+[\\\\][^/]+[\\\\][^\\\\/]+$') || self.matches(r'^[A-Za-z]:[\\\\]([^\\\\/]+[\\\\])*[^\\\\/]+$')",message="must be an https:// URL, a UNC path such as \\\\fileserver\\updates\\LyncServerUpdateInstaller.exe, or a full path on the server such as C:\\Updates\\LyncServerUpdateInstaller.exe, ending in a file name"
	// +required
	Source string `json:"source"`

	// SHA-256 of the installer, 64 hexadecimal digits. The servers refuse a file with another hash before anything is
	// stopped: Microsoft has published different installers under the same name. PowerShell's Get-FileHash shows it.
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-fA-F]{64}$')",message="must be a SHA-256: 64 hexadecimal digits, as Get-FileHash shows it"
	// +required
	SHA256 string `json:"sha256"`

	// Arguments of the installer.
	// +kubebuilder:default={"/silentmode"}
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=1024
	// +listType=atomic
	// +optional
	Arguments []string `json:"arguments,omitempty"`
}
