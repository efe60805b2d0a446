package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// stopTimeout is how long a program may take to end when it is asked to, on a machine that may stand still for a minute.
	stopTimeout = 3 * time.Minute
	// tailLines is how much of a log an error shows.
	tailLines = 15
)

// process is a running program of ours; what it prints is appended to a file.
type process struct {
	name    string
	log     string
	command *exec.Cmd
	ended   chan struct{}
	// err is how it ended; to be read after ended is closed.
	err error
}

// startProcess starts a program. Its lifetime is not bound to a context: stop or kill must be called.
func startProcess(name, log, program string, environment []string, arguments ...string) (*process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	//nolint:noctx // the process ends by stop or kill, in order, not whenever a context does
	p := &process{name: name, log: log, command: exec.Command(program, arguments...), ended: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = file, file
	p.command.Env = append(os.Environ(), environment...)
	p.command.SysProcAttr = attributes()
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("starting the %s: %w", name, err)
	}
	go func() {
		p.err = p.command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// hasEnded returns an error with the end of the log when the program has ended by itself.
func (p *process) hasEnded() error {
	select {
	case <-p.ended:
		return fmt.Errorf("the %s has ended by itself (%w); the end of %s:\n%s", p.name, orClean(p.err), p.log, tail(p.log, tailLines))
	default:
		return nil
	}
}

var errClean = errors.New("without an error")

func orClean(err error) error {
	if err == nil {
		return errClean
	}
	return err
}

// stop asks the program to end and waits until it has. A program that had ended before, or does not end cleanly, is an error.
func (p *process) stop() error {
	if err := p.hasEnded(); err != nil {
		return err
	}
	// On Windows there is no such signal, and the program is killed.
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return p.kill()
	}
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("the %s did not end within %s; the end of %s:\n%s", p.name, stopTimeout, p.log, tail(p.log, tailLines)), p.kill())
	}
	if p.err != nil {
		return fmt.Errorf("ending the %s: %w; the end of %s:\n%s", p.name, p.err, p.log, tail(p.log, tailLines))
	}
	return nil
}

// kill ends the program at once, as a crash would.
func (p *process) kill() error {
	if err := p.hasEnded(); err != nil {
		return err
	}
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing the %s: %w", p.name, err)
	}
	<-p.ended
	return nil
}

// tail is the last lines of a file, or why they cannot be read.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Tail is the last lines of every log of the lab, for a report of what went wrong.
func (l *Lab) Tail(lines int) string {
	logs, err := filepath.Glob(filepath.Join(l.options.Directory, "*.log"))
	if err != nil {
		return err.Error()
	}
	var all strings.Builder
	for _, log := range logs {
		fmt.Fprintf(&all, "--- the end of %s\n%s\n", log, tail(log, lines))
	}
	return all.String()
}
