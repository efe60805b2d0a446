// Package differential holds two interpretations of the same thing against each other: the simulator's own answers to the operator's
// module, and the module itself in a PowerShell engine, on servers in the same state.
package differential
