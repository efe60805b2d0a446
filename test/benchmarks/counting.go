package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"lyncops.dev/operator/test/lab"
)

// Waits of the sample estate that no step on a server shows: between three domains the pool settles twice (a minute of simulated
// time) and soaks twice (four seconds, by the sample's rollout policy).
const (
	soak     = 4 * time.Second
	settling = time.Minute
	pauses   = 2
)

func waitsAt(scale float64) time.Duration {
	return pauses * (soak + time.Duration(float64(settling)/scale))
}

var writeRequest = regexp.MustCompile(`^apiserver_request_total\{(.*)\} ([0-9.e+]+)$`)

// written counts the writing requests that the API server has served so far, by resource.
type written map[string]int

// total leaves nothing out.
func (w written) total() int {
	total := 0
	for _, count := range w {
		total += count
	}
	return total
}

// since is what has come on top of an earlier count.
func (w written) since(before written) written {
	more := written{}
	for resource, count := range w {
		if count != before[resource] {
			more[resource] = count - before[resource]
		}
	}
	return more
}

// String lists the resources in the order of their names.
func (w written) String() string {
	var parts []string
	for _, resource := range slices.Sorted(maps.Keys(w)) {
		parts = append(parts, fmt.Sprintf("%s %d", resource, w[resource]))
	}
	return strings.Join(parts, ", ")
}

// writes counts the writing requests for our kinds and for events.
func writes(ctx context.Context, laboratory *lab.Lab) (written, error) {
	metrics, err := laboratory.Kubectl(ctx, "get", "--raw", "/metrics")
	if err != nil {
		return nil, fmt.Errorf("reading the API server's counters: %w", err)
	}
	total := written{}
	lines := bufio.NewScanner(strings.NewReader(metrics))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		match := writeRequest.FindStringSubmatch(lines.Text())
		if len(match) == 0 || !isWriteOfOurs(match[1]) {
			continue
		}
		count, err := strconv.ParseFloat(match[2], 64)
		if err != nil {
			return nil, fmt.Errorf("the API server's counter %q: %w", lines.Text(), err)
		}
		total[resourceLabel.FindStringSubmatch(match[1])[1]] += int(count)
	}
	return total, lines.Err()
}

var resourceLabel = regexp.MustCompile(`resource="([^"]*)"`)

func isWriteOfOurs(labels string) bool {
	ours := strings.Contains(labels, `group="lyncops.dev"`) || strings.Contains(labels, `group="events.k8s.io"`)
	for _, verb := range []string{"POST", "PUT", "PATCH", "APPLY", "DELETE"} {
		if ours && strings.Contains(labels, `verb="`+verb+`"`) {
			return true
		}
	}
	return false
}

// stepsOf counts the steps of the procedures that were gone through on servers: the jobs that were started, and the verification
// at the end of each server, after which its jobs are put away.
func stepsOf(record []lab.Event) int {
	steps := 0
	for _, event := range record {
		started := strings.HasPrefix(event.Effect, "job ") && strings.HasSuffix(event.Effect, " is claimed")
		if started || strings.HasPrefix(event.Command, "Clear-LyncOpsJobs") && strings.HasPrefix(event.Effect, "clears ") {
			steps++
		}
	}
	return steps
}

// criticalPath adds up how long the steps took, by the servers' own record, that could not have been done at the same time: those of
// the pool's front ends one after the other, the first staging, the settling of the pool after each domain, the update of the
// databases, and the waits that the policy prescribes. The Standard Edition server runs beside the pool.
func criticalPath(record []lab.Event, prescribed time.Duration) time.Duration {
	total := prescribed
	claimed := map[string]time.Time{}
	ordered := map[string]time.Time{}
	var staging time.Duration
	for _, event := range record {
		if !strings.HasPrefix(event.Host, "fe") {
			continue
		}
		job := jobIn(event.Effect)
		switch {
		case strings.HasSuffix(event.Effect, " is claimed"):
			claimed[event.Host+job] = event.Time
		case strings.HasSuffix(strings.TrimSpace(event.Effect), ": Succeeded"):
			took := event.Time.Sub(claimed[event.Host+job])
			if strings.HasPrefix(job, "stage-package") {
				staging = max(staging, took)
			} else {
				total += took
			}
		case event.Effect == "restart ordered":
			ordered[event.Host] = event.Time
		case event.Effect == "is up":
			total += event.Time.Sub(ordered[event.Host])
		}
	}
	return total + staging
}

var jobName = regexp.MustCompile(`^job ([a-z0-9.-]+?):? `)

func jobIn(effect string) string {
	if match := jobName.FindStringSubmatch(effect); match != nil {
		return match[1]
	}
	return ""
}
