// Package conformance drives the simulator with WinRM clients that others wrote (pywinrm, pypsrp, Ansible, curl), because a server and a
// client by the same hand can share a mistake; what the operator's own client does belongs to the tests of its package.
//
// The tests skip without those clients: "make conformance" installs them in the cache folder and runs the tests.
package conformance
