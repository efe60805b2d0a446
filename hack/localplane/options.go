package main

import (
	"flag"
	"fmt"
	"path/filepath"
)

// options says where "localplane up" listens and keeps its state.
type options struct {
	directory   string // absolute; etcd data, certificates, credentials, log
	port        int    // of the API server on 127.0.0.1; 0 chooses a free one
	kubeconfig  string // file to write
	controllers bool   // run the controllers of controllers.go
	verbosity   int    // log level of the API server
}

func parseOptions(arguments []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("localplane up", flag.ContinueOnError)
	flags.StringVar(&o.directory, "dir", ".localplane", "folder for etcd's data, certificates, credentials and the log; a later start with the same folder finds its objects again")
	flags.IntVar(&o.port, "port", 6443, "port of the API server on 127.0.0.1; 0 chooses a free one")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file to write (default DIR/kubeconfig)")
	flags.BoolVar(&o.controllers, "controllers", true, "collect garbage, finish namespace deletion, create default service accounts and aggregate cluster roles")
	flags.IntVar(&o.verbosity, "v", 0, "log level of the API server")
	if err := flags.Parse(arguments); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		err := fmt.Errorf("unexpected argument %q", flags.Arg(0))
		fmt.Fprintln(flags.Output(), err)
		return options{}, err
	}
	directory, err := filepath.Abs(o.directory)
	if err != nil {
		return options{}, err
	}
	o.directory = directory
	if o.kubeconfig == "" {
		o.kubeconfig = filepath.Join(o.directory, "kubeconfig")
	}
	return o, nil
}
