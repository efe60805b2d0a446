package cmdlets

import (
	"maps"
	"slices"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

// Command finds a cmdlet by its name, as a session of the user on the host has it. Those of Lync are only where Lync is.
func Command(host *deployment.Host, user, name string) (powershell.Command, bool) {
	return (&machine{host: host, user: user}).Command(name)
}

// LyncCommands are the names of the cmdlets of Lync, sorted.
func LyncCommands() []string { return slices.Sorted(maps.Keys(lyncCommands)) }

// WindowsCommands are the names of the cmdlets that Windows alone has, sorted.
func WindowsCommands() []string { return slices.Sorted(maps.Keys(windowsCommands)) }

// Switches are the names of the parameters that take no value, in lower case.
func Switches() []string { return slices.Clone(switches) }
