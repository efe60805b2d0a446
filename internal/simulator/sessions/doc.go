// Package sessions keeps processes of PowerShell that run one script after another, each in a session of its own, so that a script does not
// cost the start of an engine. Where the processes run and what they are is for whoever starts them.
package sessions
