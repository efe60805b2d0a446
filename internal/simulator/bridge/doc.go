// Package bridge lets programs outside of this process, such as a PowerShell engine, call the cmdlets that package cmdlets gives a
// modelled host. It speaks JSON over HTTP on loopback; whoever asks shows a token that stands for one host and one user. It also
// makes the PowerShell modules whose functions call it.
package bridge
