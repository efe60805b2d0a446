// Package health answers how Argo CD and kstatus would judge an object, for tests that hold the two against each other;
// it judges nothing by rules of its own.
package health
