// Package lab runs everything a rollout needs on this machine, as processes of their own on loopback: a Kubernetes control plane,
// simulated servers and the operator. It knows how to start, cut off and end them, and judges nothing that happens in between.
package lab
