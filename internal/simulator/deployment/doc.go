// Package deployment is a model of a Lync deployment as its administrators meet it: hosts, services, pools, databases, update
// packages, and a record of what everybody did to them; how commands travel and what they are called does not belong here.
package deployment
