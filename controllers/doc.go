// Package controllers reconciles the three kinds: fetch the object, observe the real servers, let package procedure decide, act by
// starting at most one job a server, report in status; it knows no cmdlet and no SOAP, and decides nothing by itself.
package controllers
