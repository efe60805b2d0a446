// Package windows puts a Windows machine behind each host of a deployment that has Lync on it: a Wine prefix that the tool winebox
// makes, boots and restarts. Commands that arrive over WinRM are processes in it; services, registry, files and scheduled tasks are
// real; an update package is a program that changes the registry. The model follows what the machines say they did, and what only
// the whole deployment can answer the machines ask over loopback (package bridge).
package windows
