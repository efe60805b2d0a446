package winrm

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/masterzen/winrm"
)

// Command is one command line for the host's cmd.exe.
type Command struct {
	// Line is at most 8191 characters long.
	Line string
	// Stdin is written to the command, and its standard input then closed; nil leaves it open and empty.
	Stdin []byte
	// Timeout bounds the command from the moment it gets its turn; 0 means the session's CommandTimeout.
	Timeout time.Duration
}

// Result is what a command that has ended left behind.
type Result struct {
	Stdout, Stderr []byte
	ExitCode       int
}

const (
	longestLine = 8191 // cmd.exe's own limit
	// stdinBytes is what one Send carries: Base64 makes 4 bytes of 3, and the message around it needs room.
	stdinBytes = (envelopeBytes - 6000) / 4 * 3
	// An answer that brings nothing and comes sooner than this was not held by the host as it should have been.
	soonestEmptyAnswer = 100 * time.Millisecond
	longestPause       = 2 * time.Second
)

// Run runs a command and returns what it left behind. An exit code other than 0 is not an error.
//
// When ctx ends, Run returns at once; the command is ended on the host afterwards, and the next command waits for that.
// A command the host has accepted is never sent again. A lost shell is replaced only when the host says that it did not
// take the command because of it.
func (s *Session) Run(ctx context.Context, command Command) (Result, error) {
	if err := s.check(command); err != nil {
		return Result{}, err
	}
	select {
	case s.slot <- struct{}{}:
	case <-ctx.Done():
		return Result{}, s.contextFailure(ctx, "wait for the session")
	case <-s.running.Done():
		return Result{}, s.contextFailure(ctx, "wait for the session")
	}
	if !s.beginCommand() {
		<-s.slot
		return Result{}, s.contextFailure(ctx, "wait for the session")
	}
	timeout := command.Timeout
	if timeout == 0 {
		timeout = s.config.CommandTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	stop := context.AfterFunc(s.running, cancel) //nolint:contextcheck // the end of the session ends the command too
	run := &execution{session: s, command: command, finished: make(chan outcome, 1)}
	run.step.Store(new("Create"))
	go func() {
		defer s.commands.Done()
		defer func() { <-s.slot }()
		defer cancel()
		defer stop()
		run.execute(ctx)
	}()
	select {
	case end := <-run.finished:
		return end.unpack()
	case <-ctx.Done():
	}
	select {
	case end := <-run.finished: // it ended in the same moment
		return end.unpack()
	default:
		failed := s.contextFailure(ctx, *run.step.Load())
		failed.Accepted = run.accepted.Load()
		return Result{}, failed
	}
}

func (s *Session) check(command Command) error {
	switch {
	case command.Line == "":
		return s.failure(Protocol, "check", "the command line is empty", nil)
	case len(command.Line) > longestLine:
		return s.failure(Protocol, "check", "the command line is longer than the "+strconv.Itoa(longestLine)+" characters cmd.exe takes", nil)
	case strings.Contains(command.Line, "]]>"), strings.ContainsAny(command.Line, "\r\n\x00"):
		return s.failure(Protocol, "check", "the command line holds characters that cannot be sent", nil)
	}
	return nil
}

type outcome struct {
	result Result
	failed *Error
}

func (o outcome) unpack() (Result, error) {
	if o.failed != nil {
		return Result{}, o.failed
	}
	return o.result, nil
}

// execution is one run of one command. It holds the session's slot.
type execution struct {
	session  *Session
	command  Command
	finished chan outcome           // has room for the one outcome
	step     atomic.Pointer[string] // for the caller who leaves early
	accepted atomic.Bool
}

// execute runs the command, tells the caller, and cleans up.
func (e *execution) execute(ctx context.Context) {
	s := e.session
	id, failed := e.begin(ctx)
	if failed != nil {
		e.finished <- outcome{failed: failed}
		if s.shell != "" && *e.step.Load() == "Command" && failed.mayHaveBeenAccepted() {
			// Without the command's id only the shell's end can end it.
			cleanUp, cancel := s.cleanUpContext(ctx)
			defer cancel()
			_ = s.deleteShell(cleanUp)
		}
		return
	}
	result, failed := e.follow(ctx, id)
	if failed == nil {
		// The host keeps a command's account open until it is told that the output has arrived.
		e.terminate(ctx, id)
		e.finished <- outcome{result: result}
		return
	}
	failed.Accepted = true
	e.finished <- outcome{failed: failed}
	// A host that no longer knows the command may have lost it or the whole shell; it answers Delete in both cases.
	if failed.Kind == SessionLost || !e.terminate(ctx, id) {
		cleanUp, cancel := s.cleanUpContext(ctx)
		defer cancel()
		_ = s.deleteShell(cleanUp)
	}
}

// begin has the host accept the command and returns its id.
func (e *execution) begin(ctx context.Context) (string, *Error) {
	s := e.session
	for fresh := false; ; fresh = true {
		if s.shell == "" {
			fresh = true
			e.step.Store(new("Create"))
			if failed := s.openShell(ctx); failed != nil {
				return "", failed
			}
			if ctx.Err() != nil {
				return "", s.contextFailure(ctx, "Create")
			}
		}
		e.step.Store(new("Command"))
		answer, failed := s.post(ctx, "Command", winrm.NewExecuteCommandRequest(s.url, s.shell, e.command.Line, nil, s.parameters))
		if failed != nil {
			return "", failed
		}
		if refused := answer.Body.Fault; refused != nil {
			failed := s.faultFailure("Command", refused)
			if failed.Kind != SessionLost {
				return "", failed
			}
			s.shell = ""
			if fresh {
				return "", failed
			}
			continue
		}
		if id := strings.TrimSpace(answer.Body.CommandID); id != "" {
			e.accepted.Store(true)
			return id, nil
		}
		return "", s.failure(Protocol, "Command", "the answer holds no command id", nil)
	}
}

// follow writes standard input and collects the output until the command has ended.
func (e *execution) follow(ctx context.Context, id string) (Result, *Error) {
	notTaken, failed := e.write(ctx, id)
	if failed != nil {
		return Result{}, failed
	}
	result, failed := e.read(ctx, id)
	if failed != nil && notTaken != nil && failed.Kind != Canceled && failed.Kind != Timeout {
		return Result{}, notTaken
	}
	return result, failed
}

// write sends standard input. A host that does not take it may say so because the command has already ended; what the
// command printed tells more than the refusal, so this is not yet the end.
func (e *execution) write(ctx context.Context, id string) (notTaken, failed *Error) {
	s := e.session
	rest := e.command.Stdin
	if rest == nil {
		return nil, nil
	}
	e.step.Store(new("Send"))
	for {
		part := rest[:min(len(rest), stdinBytes)]
		rest = rest[len(part):]
		answer, failed := s.post(ctx, "Send", winrm.NewSendInputRequest(s.url, s.shell, id, part, len(rest) == 0, s.parameters))
		if failed != nil {
			return nil, failed
		}
		if refused := answer.Body.Fault; refused != nil {
			failed := s.faultFailure("Send", refused)
			if failed.Kind == SessionLost {
				return nil, failed
			}
			return failed, nil
		}
		if len(rest) == 0 {
			return nil, nil
		}
	}
}

// read polls for output until the command has ended.
func (e *execution) read(ctx context.Context, id string) (Result, *Error) {
	s := e.session
	e.step.Store(new("Receive"))
	var result Result
	wait := soonestEmptyAnswer
	for {
		asked := time.Now()
		answer, failed := s.post(ctx, "Receive", winrm.NewGetOutputRequest(s.url, s.shell, id, "stdout stderr", s.parameters))
		if failed != nil {
			return Result{}, failed
		}
		brought := false
		switch refused := answer.Body.Fault; {
		case refused == nil:
			part, wrong := answer.output()
			if wrong != "" {
				return Result{}, s.failure(Protocol, "Receive", wrong, nil)
			}
			result.Stdout = append(result.Stdout, part.stdout...)
			result.Stderr = append(result.Stderr, part.stderr...)
			if int64(len(result.Stdout)+len(result.Stderr)) > s.config.MaximumOutputBytes {
				return Result{}, s.failure(Protocol, "Receive",
					"the command printed more than "+strconv.FormatInt(s.config.MaximumOutputBytes, 10)+" bytes and was ended", nil)
			}
			if part.done {
				result.ExitCode = part.exitCode
				return result, nil
			}
			brought = len(part.stdout)+len(part.stderr) > 0
		case !refused.timedOut():
			return Result{}, s.faultFailure("Receive", refused)
		}
		// A host that does not hold an empty answer back must not be asked in a tight loop.
		if !brought && time.Since(asked) < soonestEmptyAnswer {
			pause(ctx, wait)
			wait = min(2*wait, longestPause)
		}
		if ctx.Err() != nil {
			return Result{}, s.contextFailure(ctx, "Receive")
		}
	}
}

// terminate ends a command, or closes the account of an ended one, and reports whether the host did so.
func (e *execution) terminate(ctx context.Context, id string) bool {
	s := e.session
	ctx, cancel := s.cleanUpContext(ctx)
	defer cancel()
	answer, failed := s.post(ctx, "Signal", winrm.NewSignalRequest(s.url, s.shell, id, s.parameters))
	return failed == nil && answer.Body.Fault == nil
}
