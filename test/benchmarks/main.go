// Command benchmarks plays one rollout with the built programs and prints what it cost in requests, writes and waiting, as counters
// and ratios; nothing here is asserted, because machines differ.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/lync/powershell"
	"lyncops.dev/operator/test/lab"
)

func main() {
	scale := flag.Float64("time-scale", 20, "how many times faster than described the simulated servers are; the slower, the closer to real life")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, *scale)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

// row is one line of the table.
type row struct{ measure, value, goal string }

func run(ctx context.Context, out io.Writer, scale float64) (err error) {
	directory, err := os.MkdirTemp("", "lyncops-benchmarks-")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(directory)
		}
	}()
	binaries, err := lab.Build(ctx, directory)
	if err != nil {
		return err
	}
	laboratory, err := lab.Start(ctx, lab.Options{Directory: directory, Binaries: binaries, TimeScale: scale,
		Deployment: filepath.Join("internal", "simulator", "testdata", "contoso.yaml"),
		Progress:   func(line string) { fmt.Fprintln(os.Stderr, line) }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, laboratory.Close()) }()

	var rows []row
	for _, measure := range []func(context.Context, *lab.Lab) ([]row, error){observation, rolloutAt(scale), idle} {
		measured, err := measure(ctx, laboratory)
		if err != nil {
			return err
		}
		rows = append(rows, measured...)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MEASURE\tVALUE\tGOAL")
	for _, row := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\n", row.measure, row.value, row.goal)
	}
	return table.Flush()
}

// observation counts what asking one server for its facts costs on a connection that is already open.
func observation(ctx context.Context, laboratory *lab.Lab) (rows []row, err error) {
	const server, times = "fe01.contoso.com", 100
	servers := lync.NewServers(lync.Options{Module: powershell.Module(), ConnectTo: func(string, int) string { return laboratory.WinRM() }})
	defer func() { err = errors.Join(err, servers.Close(context.WithoutCancel(ctx))) }()
	access := lync.Access{FQDN: server, UserName: `CONTOSO\svc-lyncops`, Password: "Correct-Horse-7-Battery", CertificateAuthority: laboratory.CertificateAuthority()}
	if _, err := servers.Facts(ctx, access); err != nil {
		return nil, err
	}
	before, err := laboratory.Simulator().Counters(ctx)
	if err != nil {
		return nil, err
	}
	for range times {
		if _, err := servers.Facts(ctx, access); err != nil {
			return nil, err
		}
	}
	after, err := laboratory.Simulator().Counters(ctx)
	if err != nil {
		return nil, err
	}
	requests := after[server].HTTPRequests - before[server].HTTPRequests
	bytes := after[server].BytesIn - before[server].BytesIn + after[server].BytesOut - before[server].BytesOut
	return []row{
		{"HTTP requests per observation, warm connection", fmt.Sprintf("%.2f", float64(requests)/times), "at most 3"},
		{"bytes per observation, warm connection", fmt.Sprintf("%.0f", float64(bytes)/times), ""},
	}, nil
}

func rolloutAt(scale float64) func(context.Context, *lab.Lab) ([]row, error) {
	return func(ctx context.Context, laboratory *lab.Lab) ([]row, error) {
		return rollout(ctx, laboratory, waitsAt(scale))
	}
}

// rollout takes the sample estate to its build and holds the time and the API writes against what the servers did.
func rollout(ctx context.Context, laboratory *lab.Lab, waits time.Duration) ([]row, error) {
	if err := laboratory.ApplySamples(ctx, filepath.Join("config", "samples", "simulated")); err != nil {
		return nil, err
	}
	before, err := writes(ctx, laboratory)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := laboratory.StartOperator(ctx); err != nil {
		return nil, err
	}
	if err := untilReady(ctx, laboratory.Client()); err != nil {
		return nil, err
	}
	took := time.Since(began)
	after, err := writes(ctx, laboratory)
	if err != nil {
		return nil, err
	}
	record, err := laboratory.Simulator().Record(ctx, 0)
	if err != nil {
		return nil, err
	}
	violations, err := laboratory.Simulator().Violations(ctx)
	if err != nil {
		return nil, err
	}
	spent := after.since(before)
	steps, path := stepsOf(record), criticalPath(record, waits)
	return []row{
		{"violations seen by the simulated servers", fmt.Sprint(len(violations)), "0"},
		{"steps on servers", fmt.Sprint(steps), ""},
		{"API writes per step, events included", fmt.Sprintf("%.2f", float64(spent.total())/float64(steps)), "at most 2"},
		{"of these", spent.String(), ""},
		{"time from the operator's start to done", took.Round(100 * time.Millisecond).String(), ""},
		{"sum of steps and prescribed waits on the critical path", path.Round(100 * time.Millisecond).String(), ""},
		{"ratio of the two", fmt.Sprintf("%.2f", took.Seconds()/path.Seconds()), "at most 1.10"},
	}, nil
}

func untilReady(ctx context.Context, reader client.Client) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 15*time.Minute, true, func(ctx context.Context) (bool, error) {
		var pools v1alpha1.LyncPoolList
		var backEnds v1alpha1.BackEndServerList
		if err := errors.Join(reader.List(ctx, &pools), reader.List(ctx, &backEnds)); err != nil {
			return false, err
		}
		ready := len(pools.Items) > 0 && len(backEnds.Items) > 0
		for _, pool := range pools.Items {
			ready = ready && isReady(pool.Status.DomainProgress != "" && pool.Status.InstalledBuild == string(pool.Spec.DesiredBuild), pool.Status.Now == "up to date")
		}
		for _, backEnd := range backEnds.Items {
			ready = ready && isReady(backEnd.Status.CurrentStep == v1alpha1.StepDone)
		}
		return ready, nil
	})
}

func isReady(conditions ...bool) bool {
	for _, condition := range conditions {
		if !condition {
			return false
		}
	}
	return true
}

// idle makes the operator look at everything again and again while nothing is to be done, and counts what it writes.
func idle(ctx context.Context, laboratory *lab.Lab) ([]row, error) {
	const looks = 10
	before, err := writes(ctx, laboratory)
	if err != nil {
		return nil, err
	}
	own := 0
	for look := range looks {
		for _, kind := range []string{"lyncpools", "upgradedomains", "backendservers"} {
			names, err := laboratory.Kubectl(ctx, "get", kind, "-o", "name")
			if err != nil {
				return nil, err
			}
			for name := range strings.FieldsSeq(names) {
				if _, err := laboratory.Kubectl(ctx, "annotate", "--overwrite", name, fmt.Sprintf("benchmarks/look=%d", look)); err != nil {
					return nil, err
				}
				own++
			}
		}
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(5 * time.Second):
	}
	after, err := writes(ctx, laboratory)
	if err != nil {
		return nil, err
	}
	return []row{{fmt.Sprintf("API writes of the operator over %d idle looks at every object", looks), fmt.Sprint(after.since(before).total() - own), "0"}}, nil
}
