// Package cmdlets gives a modelled host the cmdlets and programs that people type on it; what they do to the deployment belongs to
// package deployment, the language they are typed in to package powershell.
package cmdlets
