// Command lyncsim serves a simulated Lync deployment over WinRM.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"text/tabwriter"

	"lyncops.dev/operator/internal/simulator"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/engine"
	"lyncops.dev/operator/internal/simulator/windows"
	"lyncops.dev/operator/internal/simulator/witness"
	"lyncops.dev/operator/internal/simulator/wsman"
)

const usage = `lyncsim serves a simulated Lync deployment over WinRM.

  lyncsim serve --deployment FILE [--listen ADDRESS] [--plain] [--control ADDRESS] [--state-dir DIR] [--time-scale N] [--channel-binding LEVEL] [--engine PATH | --windows] [--engine-reuse]
  lyncsim describe --deployment FILE

Run "lyncsim serve --help" for what the flags mean.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintln(os.Stderr, "lyncsim:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	if len(arguments) == 0 {
		fmt.Fprint(stderr, usage)
		return errors.New("a command is missing: serve or describe")
	}
	switch arguments[0] {
	case "serve":
		return serve(ctx, arguments[1:], stdout, stderr)
	case "describe":
		return describe(arguments[1:], stdout, stderr)
	case "help", "-h", "--help":
		_, err := fmt.Fprint(stdout, usage)
		return err
	}
	fmt.Fprint(stderr, usage)
	return fmt.Errorf("there is no command %q", arguments[0])
}

func serve(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("deployment", "", "YAML `file` that describes the deployment (required)")
	listen := flags.String("listen", "127.0.0.1:5986", "`address` of the WinRM endpoint")
	plain := flags.Bool("plain", false, "serve HTTP instead of HTTPS")
	control := flags.String("control", "", "loopback `address` of the control interface, empty for none")
	stateDir := flags.String("state-dir", "", "`directory` that gets ca.crt, the certificate to trust")
	pwsh := flags.String("engine", "", "`path` of a PowerShell engine that runs the hosts' commands, or auto to look for one; empty for the built-in interpreter")
	reuse := flags.Bool("engine-reuse", false, "with --engine or --windows: let commands share a few processes of the engine, instead of one process for each")
	machines := flags.Bool("windows", false, "put a Windows machine (Wine, made by winebox) behind each host that has Lync")
	inside := flags.String("windows-program", "", "`path` of the program that runs inside those machines (default: "+windows.ProgramName+" beside this program)")
	timeScale := flags.Float64("time-scale", 1, "how many times faster than described everything happens")
	binding := flags.String("channel-binding", string(wsman.ChannelBindingRelaxed), "`level` of CbtHardeningLevel for NTLM inside TLS: None, Relaxed or Strict")
	d, err := parse(flags, arguments, file)
	if err != nil {
		return err
	}
	level := wsman.ChannelBinding(*binding)
	if !slices.Contains([]wsman.ChannelBinding{wsman.ChannelBindingNone, wsman.ChannelBindingRelaxed, wsman.ChannelBindingStrict}, level) {
		return fmt.Errorf("--channel-binding: %q is not None, Relaxed or Strict", level)
	}
	if *timeScale <= 0 {
		return fmt.Errorf("--time-scale: %v is not above 0", *timeScale)
	}
	config := simulator.Config{Deployment: d, Listen: *listen, Plain: *plain, ControlListen: *control, TimeScale: *timeScale, StateDir: *stateDir,
		WSMan: wsman.Options{ChannelBinding: level}}
	if *pwsh != "" {
		folder, err := useEngine(ctx, &config, *pwsh, *reuse)
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
	}
	if *machines {
		if *pwsh != "" {
			return errors.New("--windows and --engine exclude each other")
		}
		if err := useWindows(ctx, &config, *inside, *reuse); err != nil {
			return err
		}
	}
	running, err := simulator.Start(ctx, config)
	if err != nil {
		return err
	}
	defer running.Close()
	if _, err := fmt.Fprintf(stdout, "lyncsim ready: WinRM on %s, control on %s, %d hosts, time scale %v\n", running.Address(), cmp.Or(running.ControlAddress(), "no address"), len(d.Hosts), *timeScale); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// useEngine has a PowerShell engine run the hosts' commands. The folder that it gives holds their disks.
func useEngine(ctx context.Context, config *simulator.Config, program string, reuse bool) (string, error) {
	if program == "auto" {
		found, err := witness.FindPowerShell()
		if err != nil {
			return "", fmt.Errorf("--engine: %w", err)
		}
		program = found
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("--engine: %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "lyncsim-")
	if err != nil {
		return "", err
	}
	config.Disks = filepath.Join(folder, "hosts")
	config.NewExecutor = func(model *deployment.Model) (simulator.Executor, error) {
		return engine.New(ctx, model, engine.Options{Program: path, Directory: filepath.Join(folder, "engine"), TimeScale: config.TimeScale, Reuse: reuse})
	}
	return folder, nil
}

// useWindows has Windows machines run the hosts' commands, and makes the packages programs that they can run.
func useWindows(ctx context.Context, config *simulator.Config, inside string, reuse bool) error {
	tool, err := windows.Find(ctx)
	if err != nil {
		return fmt.Errorf("--windows: %w", err)
	}
	program, err := windows.ReadProgram(inside)
	if err != nil {
		return fmt.Errorf("--windows: %w", err)
	}
	if err := windows.MakePackages(&config.Deployment, program); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(config.StateDir, "machines-")
	if err != nil {
		return err
	}
	config.NewExecutor = func(model *deployment.Model) (simulator.Executor, error) {
		return windows.New(ctx, model, windows.Options{Winebox: tool, Program: program, Directory: folder, TimeScale: config.TimeScale, Reuse: reuse})
	}
	return nil
}

func parse(flags *flag.FlagSet, arguments []string, file *string) (deployment.Deployment, error) {
	if err := flags.Parse(arguments); err != nil {
		return deployment.Deployment{}, err
	}
	if flags.NArg() > 0 {
		return deployment.Deployment{}, fmt.Errorf("%q is one argument too many", flags.Arg(0))
	}
	if *file == "" {
		return deployment.Deployment{}, errors.New("--deployment is missing")
	}
	text, err := os.ReadFile(*file)
	if err != nil {
		return deployment.Deployment{}, err
	}
	d, err := deployment.ParseYAML(text)
	if err != nil {
		return deployment.Deployment{}, fmt.Errorf("%s: %w", *file, err)
	}
	return d, nil
}

// describe prints what a file means with all defaults filled in, and the digests of the packages; no passwords.
func describe(arguments []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("describe", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("deployment", "", "YAML `file` that describes the deployment (required)")
	d, err := parse(flags, arguments, file)
	if err != nil {
		return err
	}
	model, err := deployment.New(d, deployment.Options{})
	if err != nil {
		return err
	}
	defer model.Close()
	table := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	for _, p := range d.Pools {
		fmt.Fprintf(table, "pool\t%s\t%s\tSQL %s\\%s\n", p.FQDN, p.Edition, p.SQLServer, p.SQLInstance)
		for _, ud := range p.UpgradeDomains {
			fmt.Fprintf(table, "domain\t%s\t%s\t%v\n", ud.Name, p.FQDN, ud.FrontEnds)
		}
	}
	for _, h := range d.Hosts {
		build := "no Lync"
		if len(h.Components) > 0 {
			build = h.Components[0].Version
		}
		fmt.Fprintf(table, "host\t%s\t%s\t%d services\n", h.FQDN, build, len(h.Services))
	}
	for _, p := range d.Packages {
		digest, size, _ := model.PackageDigest(p.Sources[0])
		for _, source := range p.Sources {
			fmt.Fprintf(table, "package\t%s\tsha256 %s\t%d bytes\n", source, digest, size)
		}
	}
	for _, a := range d.Accounts {
		fmt.Fprintf(table, "account\t%s\\%s\t\t\n", a.Domain, a.User)
	}
	return table.Flush()
}
