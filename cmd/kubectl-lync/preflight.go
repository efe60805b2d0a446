package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/lync/powershell"
	"lyncops.dev/operator/internal/preflight"
	"lyncops.dev/operator/internal/winrm/connectto"
)

// closeTimeout is how long open sessions may take to be closed at the end.
const closeTimeout = 10 * time.Second

type preflightOptions struct {
	streams    genericiooptions.IOStreams
	connection *genericclioptions.ConfigFlags
	pool       string
	backEnd    string
	output     string
	connectTo  connectto.Addresses
}

func preflightCommand(streams genericiooptions.IOStreams, connection *genericclioptions.ConfigFlags) *cobra.Command {
	options := preflightOptions{streams: streams, connection: connection}
	command := &cobra.Command{
		Use:   "preflight (POOL | --backend NAME)",
		Short: "Check whether the servers of a pool can be reached, asked and upgraded",
		Long: `Check whether the servers of a LyncPool or a BackEndServer can be reached, asked and upgraded, from here and with the
credentials that the object names. Nothing is changed, but that the PowerShell module is put on a server that lacks it. Where jobs
run as an account of yours, the user rights of each server are written to a file beside it for a moment.

The exit status is 0 when every check passes, 1 when one fails, and 2 when the command line is wrong.`,
		Example: `  # Every front end of the pool pool01
  kubectl lync preflight pool01 -n lync

  # A back end or Standard Edition server
  kubectl lync preflight --backend sql01 -n lync

  # For a program
  kubectl lync preflight pool01 -n lync -o json`,
		Args: func(_ *cobra.Command, arguments []string) error {
			switch {
			case len(arguments) > 1:
				return usageError{fmt.Errorf("one pool at a time, not %d", len(arguments))}
			case len(arguments) == 1 && options.backEnd != "":
				return usageError{errors.New("either a pool or --backend, not both")}
			case len(arguments) == 0 && options.backEnd == "":
				return usageError{errors.New("the name of a LyncPool, or --backend with the name of a BackEndServer, is missing")}
			case options.output != "" && options.output != "json":
				return usageError{fmt.Errorf("the output %q is unknown: leave it out, or give json", options.output)}
			}
			return nil
		},
		RunE: func(command *cobra.Command, arguments []string) error {
			if len(arguments) == 1 {
				options.pool = arguments[0]
			}
			return options.run(command.Context())
		},
	}
	command.Flags().StringVar(&options.backEnd, "backend", "", "name of a BackEndServer to check instead of a LyncPool")
	command.Flags().StringVarP(&options.output, "output", "o", "", "json, or nothing for a table")
	command.Flags().Var(&options.connectTo, "winrm-connect-to", connectto.Usage)
	return command
}

func (o *preflightOptions) run(ctx context.Context) error {
	namespace, _, err := o.connection.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	kubeconfig, err := o.connection.ToRESTConfig()
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	reader, err := client.New(kubeconfig, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("connecting to the API server: %w", err)
	}
	return o.check(ctx, objects{reader: reader, namespace: namespace})
}

// check reads the objects, looks at the servers and shows what was found.
func (o *preflightOptions) check(ctx context.Context, declared objects) error {
	target, first, err := declared.target(ctx, o.pool, o.backEnd)
	if err != nil {
		return err
	}
	report := preflight.Report{Rows: []preflight.Row{first}}
	if first.Result == preflight.Pass {
		fmt.Fprintf(o.streams.ErrOut, "Servers that lack the module LyncOps.psm1 get it, under %%ProgramData%%\\LyncOps\\module\\%s. Nothing else is changed.\n", powershell.SHA256())
		if target.JobAccount != "" {
			fmt.Fprintln(o.streams.ErrOut, `To know the rights of `+target.JobAccount+`, secedit.exe writes the user rights to a file in %ProgramData%\LyncOps, which is deleted at once.`)
		}
		servers := lync.NewServers(lync.Options{Module: powershell.Module(), ConnectTo: o.connectTo.Address})
		found := preflight.Run(ctx, servers, target, time.Now())
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err := servers.Close(closing); err != nil {
			fmt.Fprintf(o.streams.ErrOut, "A session was left for its server to end: %s\n", err)
		}
		report.Rows, report.UnknownAnswers = append(report.Rows, found.Rows...), found.UnknownAnswers
	}
	show := writeTable
	if o.output == "json" {
		show = writeJSON
	}
	if err := show(o.streams.Out, report); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: what was not checked by then is shown as failed")
	case !report.Passed():
		return errNotPassed
	}
	return nil
}
