//go:build windows

// Command lyncmachine is what of the simulator runs inside a Windows machine of package windows: as a service it says what the
// machine's services, components and pending restart are; with the description of an update package at its end it is that package.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows/svc"
)

func main() {
	update, err := ownPackage()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFatalError)
	case update != nil:
		os.Exit(update.install(os.Args[1:]))
	}
	if err := svc.Run(serviceName, agent{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
