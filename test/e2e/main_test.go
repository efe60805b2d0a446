// Package e2e_test runs the built operator against a real API server and simulated servers, through whole rollouts, crashes and
// trouble, and judges it by what it did to the servers and by what it says; it reaches into no package of the operator.
package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"lyncops.dev/operator/test/lab"
)

var update = flag.Bool("update", false, "write the status documents of test/gitops/testdata afresh")

const (
	contoso = "../../internal/simulator/testdata/contoso.yaml"
	samples = "config/samples/simulated"
	// build is what every rollout here installs, oldBuild what the servers have before.
	build    = "5.0.8308.1149"
	oldBuild = "5.0.8308.0"
	// patience is how long anything may take on a loaded machine; nothing here waits for so long when all is well.
	patience = 6 * time.Minute
	// lookEvery is the time between two looks at first, seldomEvery when they have been many, and longestLook how much of patience one of
	// them may cost: while the machine stands still, or crawls, nothing that is waited for can happen.
	lookEvery   = 50 * time.Millisecond
	seldomEvery = 10 * lookEvery
	longestLook = 4 * lookEvery
)

// inParallel is how many scenarios may run at the same time: they mostly wait.
const inParallel = "12"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", inParallel); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	log.SetLogger(logr.Discard())
	os.Exit(run(m))
}

func run(m *testing.M) int {
	directory, err := os.MkdirTemp("", "lyncops-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(directory)
	var stop context.CancelFunc
	interrupted, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:fatcontext // one for the whole run
	defer stop()
	binaries = sync.OnceValues(func() (lab.Binaries, error) { return lab.Build(interrupted, directory) })
	forget := context.AfterFunc(interrupted, func() {
		labs.Wait()
		os.RemoveAll(directory)
		os.Exit(1)
	})
	defer forget()
	return m.Run()
}

var (
	// interrupted ends with Ctrl-C.
	interrupted context.Context
	// labs are those that are open.
	labs sync.WaitGroup
	// binaries are built by the first test that needs them.
	binaries func() (lab.Binaries, error)
)

// startLab starts a lab that ends with the test, or with Ctrl-C, or before go test runs out of time. A program that ended by
// itself fails the test.
func startLab(t *testing.T, options lab.Options) *lab.Lab {
	t.Helper()
	if testing.Short() {
		t.Skip("takes minutes")
	}
	if os.Getenv(lab.AssetsVariable) == "" {
		t.Skipf("needs a control plane: set %s, as \"make test\" does", lab.AssetsVariable)
	}
	ctx := interrupted
	if deadline, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-30*time.Second))
		t.Cleanup(cancel)
	}
	if options.Directory == "" {
		options.Directory = t.TempDir()
	}
	built, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	built.Machine = options.Binaries.Machine
	options.Binaries = built
	options.ManagerArguments = append(options.ManagerArguments, "--zap-log-level=debug")
	started, err := lab.Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	labs.Add(1)
	closing := sync.OnceValue(func() error {
		defer labs.Done()
		return started.Close()
	})
	context.AfterFunc(interrupted, func() { _ = closing() })
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(started.Tail(40))
		}
		if err := closing(); err != nil {
			t.Error(err)
		}
	})
	return started
}

func startOperator(t *testing.T, l *lab.Lab) {
	t.Helper()
	if err := l.StartOperator(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until found says true; what it says otherwise is shown when patience ends. It must not wait for what may pass unseen.
func eventually(t *testing.T, what string, found func() (bool, string)) {
	t.Helper()
	eventuallyWithin(t, patience, what, found)
}

// eventuallyWithin is eventually with another patience.
func eventuallyWithin(t *testing.T, patience time.Duration, what string, found func() (bool, string)) {
	t.Helper()
	for waited := time.Duration(0); ; {
		begun := time.Now()
		done, said := found()
		if done {
			return
		}
		if t.Context().Err() != nil || waited > patience {
			t.Fatalf("waited in vain for %s; last seen: %s", what, said)
		}
		// What takes long is looked at seldom: each look takes from those who are at it.
		time.Sleep(min(max(waited/10, lookEvery), seldomEvery))
		waited += min(time.Since(begun), longestLook)
	}
}
