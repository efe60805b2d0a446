// Command kubectl-lync is "kubectl lync": what a person does with Lync pools beyond get, describe and edit.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // a kubeconfig may name any of them, as with kubectl
)

// The exit statuses, as scripts read them.
const (
	exitPassed = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(status)
}

// usageError is a mistake on the command line.
type usageError struct{ error }

// errNotPassed says that a check failed, which the table has told already.
var errNotPassed = errors.New("a check failed")

// run is the whole program but for its process.
func run(ctx context.Context, streams genericiooptions.IOStreams, arguments []string) int {
	root := rootCommand(streams) //nolint:contextcheck // cobra hands the context to the command
	root.SetArgs(arguments)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitPassed
	case errors.Is(err, errNotPassed):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(streams.ErrOut, "error: %s\nSee \"kubectl lync --help\" and \"kubectl lync preflight --help\".\n", err)
		return exitUsage
	}
	fmt.Fprintf(streams.ErrOut, "error: %s\n", err)
	return exitFailed
}

func rootCommand(streams genericiooptions.IOStreams) *cobra.Command {
	connection := genericclioptions.NewConfigFlags(true)
	root := &cobra.Command{
		Use:           "kubectl-lync",
		Short:         "Look after Lync pools",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl lync"},
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) > 0 {
				return usageError{fmt.Errorf("unknown command %q", arguments[0])}
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			if err := command.Help(); err != nil {
				return err
			}
			return usageError{errors.New("a command is missing")}
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	connection.AddFlags(root.PersistentFlags())
	root.AddCommand(preflightCommand(streams, connection))
	return root
}
