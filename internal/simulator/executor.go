package simulator

import (
	"context"

	"lyncops.dev/operator/internal/simulator/cmdlets"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/wsman"
)

// Executor runs the command lines that reach the hosts over WinRM. It decides what stands behind a host: the interpreter that is
// built in, or something that the machine at hand offers. What a command does to the deployment it does through the host; what
// only the model can answer, package bridge answers to programs outside of this process.
type Executor interface {
	// Execute runs one command line and returns its exit code. The line has been judged already. The context ends when nobody
	// waits for the command any more, or the host goes down; everything the command started and that Windows would end with
	// its WinRM shell must have ended when Execute returns. It is called from many goroutines at once.
	Execute(ctx context.Context, host *deployment.Host, command wsman.Command) int
	// Close ends what still runs on any host and waits for it. No Execute is called afterwards.
	Close()
}

// builtIn is the interpreter of package powershell, with the simulator's own answers to the operator's module.
type builtIn struct{}

func (builtIn) Execute(ctx context.Context, host *deployment.Host, command wsman.Command) int {
	return cmdlets.Run(ctx, host, command.User, command.Line, command.Stdin, command.Stdout, command.Stderr)
}

// Close has nothing to end: processes of the built-in interpreter end with the model.
func (builtIn) Close() {}
