// Package lyncops answers the verbs of the LyncOps PowerShell module on a modelled host, as docs/server-protocol.md has them; how
// a deployment behaves belongs to package deployment, how a verb reaches the host to the packages above.
package lyncops
