package cmdlets

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

// Command finds a cmdlet by its name, as a session of the user on the host has it. Those of Lync are only where Lync is.
func Command(host *deployment.Host, user, name string) (powershell.Command, bool) {
	return (&machine{host: host, user: user}).Command(name)
}

// LyncCommands are the names of the cmdlets of Lync that a host has, sorted.
func LyncCommands(host *deployment.Host) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(lyncCommands)), maps.Keys(skypeCommands))
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool {
		_, found := Command(host, "", name)
		return !found
	})
}

// WindowsCommands are the names of the cmdlets that Windows alone has, sorted.
func WindowsCommands() []string { return slices.Sorted(maps.Keys(windowsCommands)) }

// Switches are the names of the parameters that take no value, in lower case.
func Switches() []string { return slices.Clone(switches) }

// Native runs a Windows program, or an update package by its path, as a user of a host. found is false where there is none.
func Native(ctx context.Context, host *deployment.Host, user string, engine Engine, name string, arguments []string, stdout, stderr io.Writer) (exitCode int, found bool) {
	return (&machine{host: host, user: user, engine: engine}).Native(ctx, name, arguments, strings.NewReader(""), stdout, stderr)
}

// Environment gives the environment variables that scripts use on a host, empty where there is none of that name.
func Environment(host *deployment.Host, user, name string) string {
	return (&machine{host: host, user: user}).Environment(name)
}
