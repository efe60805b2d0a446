package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

const (
	// redraw is the time between two pictures.
	redraw = time.Second
	// patience is how long an object may say that it needs a person before that is believed.
	patience = 10 * time.Second
	// quietTime is how long nothing need change on a loaded machine, besides what servers take.
	quietTime = 3 * time.Minute
	// questionTimeout bounds a question to the API server or the simulator, on a machine that may stand still for a minute.
	questionTimeout = 3 * time.Minute
)

// demo is one run.
type demo struct {
	options
	out    io.Writer
	clock  clock.WithTicker
	screen *screen
	lab    *lab.Lab
	tables rest.Interface
	// since is when the samples were applied.
	since time.Time
	// awake is for how long this program has watched; whenever the machine stood still is left out, because nothing could happen then.
	// quietSince and wellSince are when something changed last, and when last no object needed a person.
	awake, quietSince, wellSince time.Duration
	// finished says that everything has the desired build and the reader knows.
	finished bool
	// failure is what the reader has been told of why it failed.
	failure string
}

// run does everything, and tells why it failed unless it was interrupted.
func (d *demo) run(ctx context.Context) error {
	d.screen, d.since = newScreen(d.out, d.plain), d.clock.Now()
	if _, err := os.Stat(deploymentFile); err != nil {
		d.screen.leave("demo: run this from the top folder of the repository: " + err.Error())
		return err
	}
	d.screen.leave(append(d.opening(), "")...)
	directory, err := os.MkdirTemp("", "lyncops-demo-")
	if err != nil {
		d.screen.leave("demo: " + err.Error())
		return err
	}
	// Ending takes seconds, in which silence looks like being stuck.
	silent := context.AfterFunc(ctx, func() { fmt.Fprintln(d.out, "\nEnding everything that was started ...") })
	err = d.inDirectory(ctx, directory)
	silent()
	if err != nil && ctx.Err() == nil && d.failure == "" {
		d.failure = err.Error()
		d.screen.leave(failed(d.clock.Since(d.since), d.failure, nil, verdict{})...)
	}
	saveErr := saveLogs(directory, logsFolder)
	removeErr := os.RemoveAll(directory)
	ending := "The logs are in " + logsFolder + ": operator, lyncsim (the servers), controlplane"
	if failure := errors.Join(saveErr, removeErr); failure != nil {
		ending = "Cleaning up failed: " + failure.Error()
	}
	d.screen.leave("", "Everything that was started has ended.", ending)
	switch {
	case d.failure != "":
		why, _, _ := strings.Cut(d.failure, "\n")
		d.screen.leave(cut("FAILED (more above): "+why, 120))
	case d.finished && err == nil:
		d.screen.leave("Result: every server has build " + desiredBuild + ", and no rule was broken.")
	}
	return errors.Join(err, saveErr, removeErr)
}

func (d *demo) inDirectory(ctx context.Context, directory string) (err error) {
	d.step("building bin/manager and bin/lyncsim, where they are not up to date")
	binaries, err := lab.Build(ctx, "bin")
	if err != nil {
		return err
	}
	d.lab, err = lab.Start(ctx, lab.Options{Directory: directory, Deployment: deploymentFile, TimeScale: d.timeScale, Binaries: binaries, Progress: d.step})
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := d.lab.Close(); closeErr != nil {
			d.failure = "" // this is news, and often the cause of the rest
			err = errors.Join(err, closeErr)
		}
	}()
	if err := d.lab.StartOperator(ctx); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", d.lab.Kubeconfig())
	if err != nil {
		return err
	}
	config.NegotiatedSerializer = scheme.Codecs
	if d.tables, err = rest.UnversionedRESTClientFor(config); err != nil {
		return err
	}
	if d.keep {
		d.screen.leave(append(access(d.lab.Kubeconfig(), binaries.Kubectl), pausing()...)...)
	}
	err = d.upgrade(ctx)
	if d.keep && ctx.Err() == nil {
		d.screen.leave("", "Everything keeps running until Ctrl-C.")
		d.screen.leave(access(d.lab.Kubeconfig(), binaries.Kubectl)...)
		<-ctx.Done()
	}
	return err
}

func (d *demo) step(what string) { d.screen.leave("- " + what) }

// upgrade declares the build and watches until every server has it.
func (d *demo) upgrade(ctx context.Context) error {
	events, stop, err := d.watch(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := d.lab.ApplySamples(ctx, samplesFolder); err != nil {
		return err
	}
	d.screen.leave("")
	d.since = d.clock.Now()
	if why := d.follow(ctx, events); why != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return d.fail(ctx, why)
	}
	took := d.clock.Since(d.since)
	summary, verdict, err := d.judge(ctx)
	if err != nil {
		return err
	}
	if !verdict.good() {
		return d.fail(ctx, errors.New("every object says it is done, but the servers object"))
	}
	if !d.screen.live() {
		tables, err := d.readTables(ctx)
		if err != nil {
			return err
		}
		d.screen.leave("")
		d.screen.leave(kubectlGetLync(tables, 0)...)
	}
	d.screen.leave(d.succeeded(took, summary, d.since, verdict)...)
	d.screen.leave(d.byHand()...)
	d.screen.leave(tryNext()...)
	d.finished = true
	return nil
}

// fail shows all there is to see, whatever of it can still be had.
func (d *demo) fail(ctx context.Context, why error) error {
	tables, tablesErr := d.readTables(ctx)
	_, verdict, judgeErr := d.judge(ctx)
	d.failure = why.Error()
	d.screen.leave(failed(d.clock.Since(d.since), d.failure, tables, verdict)...)
	return errors.Join(why, tablesErr, judgeErr)
}

// judge asks the simulated servers what happened.
func (d *demo) judge(ctx context.Context) (summary, verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	record, err := d.lab.Simulator().Record(ctx, 0)
	if err != nil {
		return summary{}, verdict{}, err
	}
	if _, err := d.lab.Simulator().CheckAtRest(ctx); err != nil {
		return summary{}, verdict{}, err
	}
	violations, err := d.lab.Simulator().Violations(ctx)
	if err != nil {
		return summary{}, verdict{}, err
	}
	state, err := d.lab.Simulator().State(ctx)
	if err != nil {
		return summary{}, verdict{}, err
	}
	s := summarize(record, state)
	return s, judge(s, state, violations), nil
}

// watch follows every kind of object the demonstration tells about, from before there is any.
func (d *demo) watch(ctx context.Context) ([]<-chan watch.Event, func(), error) {
	var channels []<-chan watch.Event
	var watches []watch.Interface
	stop := func() {
		for _, w := range watches {
			w.Stop()
		}
	}
	for _, list := range []client.ObjectList{&v1alpha1.LyncPoolList{}, &v1alpha1.UpgradeDomainList{}, &v1alpha1.BackEndServerList{}, &eventsv1.EventList{}} {
		w, err := d.lab.Watch(ctx, list, lab.Namespace)
		if err != nil {
			stop()
			return nil, nil, fmt.Errorf("watching the objects: %w", err)
		}
		watches = append(watches, w)
		channels = append(channels, w.ResultChan())
	}
	return channels, stop, nil
}

var errWatchEnded = errors.New("the API server has ended the watch: see controlplane.log")

// follow tells every change until all is done, or returns why it never will be.
func (d *demo) follow(ctx context.Context, watches []<-chan watch.Event) error {
	seen := newRollout()
	ticker := d.clock.NewTicker(redraw)
	defer ticker.Stop()
	lastTick := d.clock.Now()
	for !seen.done() {
		var event watch.Event
		var open bool
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event, open = <-watches[0]:
		case event, open = <-watches[1]:
		case event, open = <-watches[2]:
		case event, open = <-watches[3]:
		case <-ticker.C():
			now := d.clock.Now()
			d.awake += min(now.Sub(lastTick), 2*redraw)
			lastTick = now
			// A picture that could not be had comes a second later.
			unseen := d.draw(ctx, seen)
			if err := d.tooLong(seen); err != nil {
				return errors.Join(err, unseen)
			}
			continue
		}
		if !open {
			return errWatchEnded
		}
		object, ok := event.Object.(client.Object)
		if !ok || event.Type == watch.Deleted {
			continue
		}
		for _, change := range seen.see(object) {
			d.quietSince = d.awake
			d.screen.tell(d.clock.Since(d.since), change)
		}
	}
	return d.draw(ctx, seen)
}

// tooLong says why it makes no sense to wait any longer.
func (d *demo) tooLong(seen *rollout) error {
	if d.keep {
		return nil
	}
	why := seen.needsPerson(d.clock.Now(), patience)
	if why == "" {
		d.wellSince = d.awake
	}
	if d.awake-d.wellSince > patience {
		return errors.New(why)
	}
	if d.awake > d.limit {
		return fmt.Errorf("not done within %v (--limit)", d.limit)
	}
	// Twice as long as the longest step, and what a loaded machine adds.
	if quiet := quietTime + d.realTime(10*time.Minute); d.awake-d.quietSince > quiet {
		return fmt.Errorf("nothing has changed for %v", quiet.Round(time.Second))
	}
	return nil
}

// draw renews the picture.
func (d *demo) draw(ctx context.Context, seen *rollout) error {
	if !d.screen.live() {
		return nil
	}
	tables, err := d.readTables(ctx)
	if err != nil {
		return err
	}
	took := d.clock.Since(d.since)
	done, all := seen.frontEnds()
	d.screen.draw(fmt.Sprintf("%s (simulated: %s)   %d of %d front ends done   Ctrl-C ends it", clockTime(took), minutes(d.simulatedTime(took)), done, all), tables)
	return nil
}

// lyncKinds are the kinds that "kubectl get lync" shows, in its order.
var lyncKinds = []string{"backendserver", "lyncpool", "upgradedomain"}

// readTables asks the API server for the tables that kubectl asks for.
func (d *demo) readTables(ctx context.Context) ([]table, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	var tables []table
	for _, kind := range lyncKinds {
		text, err := d.tables.Get().AbsPath("apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "namespaces", lab.Namespace, kind+"s").
			SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Do(ctx).Raw()
		if err != nil {
			return nil, fmt.Errorf("reading the %ss as kubectl does: %w", kind, err)
		}
		var answer metav1.Table
		if err := json.Unmarshal(text, &answer); err != nil {
			return nil, fmt.Errorf("reading the %ss as kubectl does: %w", kind, err)
		}
		if len(answer.Rows) > 0 {
			tables = append(tables, tableFrom(kind, &answer))
		}
	}
	return tables, nil
}

// saveLogs replaces the logs of an earlier run with those of a lab that has ended.
func saveLogs(from, to string) error {
	old, err := filepath.Glob(filepath.Join(to, "*.log"))
	if err != nil {
		return err
	}
	for _, log := range old {
		if err := os.Remove(log); err != nil {
			return err
		}
	}
	logs, err := filepath.Glob(filepath.Join(from, "*.log"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(log)), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
