package sessions

import (
	"context"
	"errors"
	"sync"
	"time"
)

// patience is how long a script waits for a process that is busy before it gets one more: a new one costs what ten questions cost
// a used one.
const patience = 10 * time.Second

// ErrClosed is what is said after Close.
var ErrClosed = errors.New("sessions: the engine is closed")

// Pool keeps processes between scripts. Its methods may be called from many goroutines at once.
type Pool struct {
	start    func() (*Process, error)
	enough   int
	patience time.Duration

	mu     sync.Mutex
	closed bool
	count  int
	idle   []*Process
	// freed is closed when a process has become idle, or there is room for one.
	freed chan struct{}
}

// NewPool gives an empty pool. start starts one more process. enough is how many are kept, and how many there may be before a script
// waits a moment for a busy one.
func NewPool(enough int, start func() (*Process, error)) *Pool {
	return &Pool{start: start, enough: enough, patience: patience, freed: make(chan struct{})}
}

// Take gives a process that nobody else has; Return or End it.
func (p *Pool) Take(ctx context.Context) (*Process, error) {
	waited := time.NewTimer(p.patience)
	defer waited.Stop()
	for late := false; ; {
		one, freed, err := p.tryTake(late)
		if one != nil || err != nil {
			return one, err
		}
		select {
		case <-freed:
		case <-waited.C:
			late = true
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// tryTake gives neither process nor error where somebody has to wait until freed is closed.
func (p *Pool) tryTake(late bool) (one *Process, freed <-chan struct{}, err error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, nil, ErrClosed
	}
	for len(p.idle) > 0 {
		one = p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if !one.Ended() {
			p.mu.Unlock()
			return one, nil, nil
		}
		one.end()
		p.count--
	}
	if p.count >= p.enough && !late {
		defer p.mu.Unlock()
		return nil, p.freed, nil
	}
	p.count++
	p.mu.Unlock()
	if one, err = p.start(); err != nil {
		p.lose()
		return nil, nil, err
	}
	return one, nil, nil
}

// Return keeps a process for the next script, or ends it where there are enough.
func (p *Pool) Return(one *Process) {
	p.mu.Lock()
	if p.closed || p.count > p.enough {
		p.mu.Unlock()
		p.End(one)
		return
	}
	defer p.mu.Unlock()
	p.idle = append(p.idle, one)
	p.tell()
}

// End ends a process that was taken.
func (p *Pool) End(one *Process) {
	one.end()
	p.lose()
}

func (p *Pool) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count--
	p.tell()
}

// tell expects the lock to be held.
func (p *Pool) tell() {
	close(p.freed)
	p.freed = make(chan struct{})
}

// Close ends all processes that nobody has; the others end when they are returned.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, one := range p.idle {
		one.end()
	}
	p.idle = nil
	p.tell()
}
