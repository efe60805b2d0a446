package wsman

import (
	"context"
	"io"
	"sync"
	"time"
)

const (
	// bufferBytes is how much output waits for a Receive, or input for the command, before the writer has to wait.
	bufferBytes = 1 << 20
	// gatherTime is how long a Receive that has output waits for more of it, so that a short command needs only one.
	gatherTime = 20 * time.Millisecond
	// interruptedExitCode is STATUS_CONTROL_C_EXIT, with which a program ends that Ctrl+C has stopped.
	interruptedExitCode = 0xC000013A
)

const (
	streamStdout = "stdout"
	streamStderr = "stderr"
)

// outputPiece is what was written to one stream between two writes to the other.
type outputPiece struct {
	stream  string
	content []byte
}

// runningCommand is one command line in a shell, from the Command request to the terminate signal.
type runningCommand struct {
	id     string
	ctx    context.Context
	cancel context.CancelFunc

	mutex       sync.Mutex
	changed     chan struct{} // closed and replaced at each change of what follows
	output      []outputPiece
	outputBytes int
	input       []byte
	inputEnded  bool
	interrupted bool
	aborted     bool // terminated, its shell deleted, or its machine down
	finished    bool
	exitCode    uint32
}

func newRunningCommand(parent context.Context, id string) *runningCommand {
	ctx, cancel := context.WithCancel(parent)
	return &runningCommand{id: id, ctx: ctx, cancel: cancel, changed: make(chan struct{})}
}

// change alters the state and wakes whoever waits for it.
func (c *runningCommand) change(alter func()) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	alter()
	close(c.changed)
	c.changed = make(chan struct{})
}

// finish notes that the command has ended by itself.
func (c *runningCommand) finish(exitCode int) {
	c.change(func() {
		c.finished = true
		c.exitCode = uint32(exitCode) //nolint:gosec // Windows shows exit codes as unsigned 32-bit numbers: -1 is 4294967295.
		if c.interrupted {
			c.exitCode = interruptedExitCode
		}
		c.input = nil
	})
	c.cancel()
}

// interrupt is Ctrl+C: the command ends, and its last output and its exit code can still be received.
func (c *runningCommand) interrupt() {
	c.change(func() { c.interrupted = !c.finished })
	c.cancel()
}

// abort ends the command for good: nothing of it can be received any more.
func (c *runningCommand) abort() {
	c.change(func() { c.aborted = true })
	c.cancel()
}

func (c *runningCommand) ended() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.finished
}

// received is what one Receive takes with it.
type received struct {
	pieces   []outputPiece
	done     bool
	exitCode uint32
}

// receive waits for output or the command's end, at most for the time given. Exactly one of the answer, the fault and the
// error is set; the error says that the client has gone or the machine is down, and that nothing was taken from the output.
func (c *runningCommand) receive(ctx context.Context, timeout time.Duration, longest int) (*received, *fault, error) {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	var gathered <-chan time.Time
	hurry := false
	for {
		c.mutex.Lock()
		switch {
		case c.aborted:
			c.mutex.Unlock()
			return nil, faultAborted, nil
		case c.finished, c.outputBytes >= longest, hurry && c.outputBytes > 0:
			taken := c.take(longest)
			c.mutex.Unlock()
			return taken, nil, nil
		}
		changed := c.changed
		if c.outputBytes > 0 && gathered == nil {
			gathered = time.After(gatherTime)
		}
		c.mutex.Unlock()

		select {
		case <-changed:
		case <-gathered:
			hurry = true
		case <-deadline.C:
			c.mutex.Lock()
			silent := c.outputBytes == 0 && !c.finished && !c.aborted
			c.mutex.Unlock()
			if silent {
				return nil, faultTimedOut, nil
			}
			hurry = true
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
}

// take removes at most so many bytes of output. The mutex is held.
func (c *runningCommand) take(longest int) *received {
	taken := &received{}
	for len(c.output) > 0 && longest > 0 {
		first := &c.output[0]
		length := min(len(first.content), longest)
		taken.pieces = append(taken.pieces, outputPiece{first.stream, first.content[:length]})
		longest -= length + perPieceOverhead
		c.outputBytes -= length
		if first.content = first.content[length:]; len(first.content) == 0 {
			c.output = c.output[1:]
		}
	}
	if c.finished && c.outputBytes == 0 {
		taken.done, taken.exitCode = true, c.exitCode
	}
	close(c.changed) // There is room again.
	c.changed = make(chan struct{})
	return taken
}

// write adds to the output and waits while there is too much of it.
func (c *runningCommand) write(stream string, content []byte) (written int, err error) {
	for written < len(content) {
		if err := c.ctx.Err(); err != nil {
			return written, err
		}
		c.mutex.Lock()
		changed := c.changed
		room := min(bufferBytes-c.outputBytes, len(content)-written)
		c.mutex.Unlock()
		if room <= 0 {
			select {
			case <-changed:
			case <-c.ctx.Done():
			}
			continue
		}
		c.change(func() {
			next := content[written : written+room]
			c.outputBytes += len(next)
			if last := len(c.output) - 1; last >= 0 && c.output[last].stream == stream {
				c.output[last].content = append(c.output[last].content, next...)
				return
			}
			c.output = append(c.output, outputPiece{stream, append([]byte(nil), next...)})
		})
		written += room
	}
	return written, nil
}

// send adds to the standard input and waits while there is too much of it, at most for the time given. As with receive, at
// most one of fault and error is set.
func (c *runningCommand) send(ctx context.Context, timeout time.Duration, content []byte, end bool) (*fault, error) {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		c.mutex.Lock()
		changed, full := c.changed, len(c.input) >= bufferBytes
		over := c.finished || c.aborted || c.interrupted || c.inputEnded && len(content) > 0
		c.mutex.Unlock()
		switch {
		case over && end && len(content) == 0:
			return nil, nil // Closing the input of a command that no longer reads does no harm.
		case over:
			return faultPipeClosing, nil
		case !full:
			c.change(func() {
				c.input = append(c.input, content...)
				c.inputEnded = c.inputEnded || end
			})
			return nil, nil
		}
		select {
		case <-changed:
		case <-deadline.C:
			return faultTimedOut, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// commandInput reads what was sent to a command.
type commandInput struct{ *runningCommand }

// Read waits for input. It ends with io.EOF once the client has ended the stream, and with the context's error before that.
func (i commandInput) Read(into []byte) (int, error) {
	if len(into) == 0 {
		return 0, nil
	}
	for {
		i.mutex.Lock()
		changed, waiting, ended := i.changed, len(i.input), i.inputEnded
		i.mutex.Unlock()
		switch {
		case i.ctx.Err() != nil:
			return 0, i.ctx.Err()
		case waiting > 0:
			var length int
			i.change(func() {
				length = copy(into, i.input)
				i.input = i.input[length:]
			})
			return length, nil
		case ended:
			return 0, io.EOF
		}
		select {
		case <-changed:
		case <-i.ctx.Done():
		}
	}
}

// commandOutput writes to one stream of a command.
type commandOutput struct {
	command *runningCommand
	stream  string
}

// Write waits while the client is far behind, and fails once the command's context has ended.
func (o commandOutput) Write(content []byte) (int, error) {
	return o.command.write(o.stream, content)
}
