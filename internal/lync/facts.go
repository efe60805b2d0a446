package lync

import "time"

// ServiceStatus is what the service manager says a service does.
type ServiceStatus string

// The states of a Windows service.
const (
	ServiceStopped         ServiceStatus = "Stopped"
	ServiceStartPending    ServiceStatus = "StartPending"
	ServiceStopPending     ServiceStatus = "StopPending"
	ServiceRunning         ServiceStatus = "Running"
	ServiceContinuePending ServiceStatus = "ContinuePending"
	ServicePausePending    ServiceStatus = "PausePending"
	ServicePaused          ServiceStatus = "Paused"
)

// StartType is how a service is started at boot.
type StartType string

// The start types of a Windows service.
const (
	StartAutomatic StartType = "Automatic"
	StartManual    StartType = "Manual"
	StartDisabled  StartType = "Disabled"
)

// Facts is what one server says about itself without loading the Lync module.
type Facts struct {
	ComputerName string    `json:"computerName"`
	FQDN         string    `json:"fqdn"`
	Time         time.Time `json:"time"`
	BootTime     time.Time `json:"bootTime"`
	// WindowsVersion is the version of the kernel, such as 6.2.9200.
	WindowsVersion    string `json:"windowsVersion"`
	PowerShellVersion string `json:"powerShellVersion"`
	// Components are the installed Lync components as the uninstall registry lists them.
	Components []Component `json:"components"`
	// Services are the Lync services, W3SVC and the local SQL Server instances.
	Services []Service `json:"services"`
	// Baseline is how the services were before we stopped anything; nil when nothing of ours is stopped. The display
	// names in it are empty.
	Baseline []Service `json:"baseline,omitempty"`
	// PendingReboot names what waits for a restart; empty when nothing does.
	PendingReboot []string `json:"pendingReboot"`
	// FreeDiskBytes is the free space of the system drive.
	FreeDiskBytes int64 `json:"freeDiskBytes"`
	// Jobs are the jobs of ours that the server still knows, finished ones included.
	Jobs []Job `json:"jobs"`
}

// Component is one installed component and its build.
type Component struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Service is one Windows service.
type Service struct {
	Name        string        `json:"name"`
	DisplayName string        `json:"displayName,omitempty"`
	Status      ServiceStatus `json:"status"`
	StartType   StartType     `json:"startType"`
}
