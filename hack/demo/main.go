// Command demo upgrades a simulated Lync pool on this machine and shows what happens: it is what "make demo" runs. It starts
// programs, watches and tells; what it tells is decided in changes.go, summary.go and table.go, which do no I/O.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// Exit codes other than 0 and 1.
const (
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	// With SIGPIPE among them, "make demo | head" is cleaned up after like Ctrl-C.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are what the flags say.
type options struct {
	timeScale float64
	limit     time.Duration
	keep      bool
	plain     bool
}

// A slower world would not fit the waiting times of config/samples/simulated: the pool would answer Busy for so long that the
// operator calls a person. In a faster one nothing can be seen.
const (
	slowestScale = 5
	fastestScale = 120
)

func parse(arguments []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Float64Var(&o.timeScale, "time-scale", 30, fmt.Sprintf("how many `times` faster than real ones the simulated servers are, %d to %d", slowestScale, fastestScale))
	flags.DurationVar(&o.limit, "limit", 0, "give up after this `time`; 0 chooses one that fits the time scale")
	flags.BoolVar(&o.keep, "keep", false, "leave everything running at the end, until Ctrl-C, and set no limit")
	flags.BoolVar(&o.plain, "plain", false, "one line for each change, as without a terminal")
	if err := flags.Parse(arguments); err != nil {
		return options{}, err
	}
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("%q is one argument too many", flags.Arg(0))
	case !(o.timeScale >= slowestScale && o.timeScale <= fastestScale): // false for NaN too
		err = fmt.Errorf("--time-scale: %v is not between %d and %d", o.timeScale, slowestScale, fastestScale)
	case o.limit < 0:
		err = fmt.Errorf("--limit: %v is less than nothing", o.limit)
	}
	if err != nil {
		fmt.Fprintln(stderr, "demo:", err)
	}
	if o.limit == 0 {
		o.limit = 10*time.Minute + o.realTime(2*time.Hour)
	}
	return o, err
}

// realTime is how long something takes here that takes simulated servers so long.
func (o options) realTime(simulated time.Duration) time.Duration {
	return time.Duration(float64(simulated) / o.timeScale)
}

// simulatedTime is how long something takes simulated servers that takes so long here.
func (o options) simulatedTime(here time.Duration) time.Duration {
	return time.Duration(float64(here) * o.timeScale)
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	o, err := parse(arguments, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	}
	// What libraries have to say is in the way here; the operator is another process and has a log.
	log.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	d := &demo{options: o, out: stdout, clock: clock.RealClock{}}
	err = d.run(ctx)
	switch {
	case d.failure != "":
		return 1
	case ctx.Err() != nil && !d.finished:
		fmt.Fprintln(stdout, "Stopped before the upgrade was done.")
		return exitInterrupted
	case err != nil:
		// What went wrong has been told where it happened.
		return 1
	}
	return 0
}
