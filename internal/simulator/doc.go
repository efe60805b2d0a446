// Package simulator is a WinRM endpoint with a modelled Lync deployment behind it, and an HTTP interface to look into the model and
// to make things go wrong; how the wire, the language and the deployment work belongs to the packages below it.
package simulator
