package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// progressPeriod is the time between signs of life: short enough that neither a
// person nor a CI service takes a long build for a stuck one.
const progressPeriod = 20 * time.Second

// progress reports on a long task: it repeats what is being done until stopped,
// and condenses the output of "go build -v", written to it, to two counters.
type progress struct {
	out  io.Writer
	done chan struct{}
	idle chan struct{}

	mu         sync.Mutex
	rest       []byte
	downloaded int
	compiled   int
}

func startProgress(out io.Writer, doing string) *progress {
	p := &progress{out: out, done: make(chan struct{}), idle: make(chan struct{})}
	go p.repeat(doing)
	return p
}

func (p *progress) repeat(doing string) {
	defer close(p.idle)
	began := time.Now()
	period := time.NewTicker(progressPeriod)
	defer period.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-period.C:
			p.mu.Lock()
			fmt.Fprintf(p.out, "fetch: still %s, %s so far%s\n", doing, time.Since(began).Round(time.Second), p.counters())
			p.mu.Unlock()
		}
	}
}

func (p *progress) counters() string {
	if p.downloaded+p.compiled == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d modules downloaded, %d packages compiled)", p.downloaded, p.compiled)
}

// stop ends the reports; none is written after it returned.
func (p *progress) stop() {
	close(p.done)
	<-p.idle
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.rest) > 0 {
		p.line(string(p.rest))
	}
}

// Write takes the output of the go command. Lines that are not progress are
// passed on: they say what went wrong.
func (p *progress) Write(output []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = append(p.rest, output...)
	for {
		line, rest, found := bytes.Cut(p.rest, []byte("\n"))
		if !found {
			return len(output), nil
		}
		p.rest = rest
		p.line(string(line))
	}
}

func (p *progress) line(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		p.downloaded++
	case line != "" && !strings.ContainsAny(line, " \t:"): // a package path
		p.compiled++
	default:
		fmt.Fprintln(p.out, line)
	}
}
