// Package preflight looks at the servers of a live estate one check at a time and changes nothing there but to stage the module;
// where the servers and their credentials are declared, and how a report is shown, belongs elsewhere.
package preflight
