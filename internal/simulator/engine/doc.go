// Package engine runs the command lines that reach a modelled host by a real PowerShell engine, one process for each.
package engine
