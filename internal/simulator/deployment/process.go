package deployment

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// firstProcess is above every process number that Linux gives, so that modelled processes and real ones that run for a host (see
// AdoptProcess) never have the same number.
const firstProcess = 1 << 23

// Process is a process of a host.
type Process struct {
	ID      int
	Parent  int
	Name    string
	Started time.Time

	end func()
}

// Spawn runs f as a process of the host that nobody waits for; its context ends with the host's session or the model.
func (h *Host) Spawn(f func(ctx context.Context)) (process int, started time.Time, err error) {
	p, err := h.SpawnProcess("taskeng.exe", 0, f)
	return p.ID, p.Started, err
}

// SpawnProcess is Spawn for a process with a name and a parent; its context also ends when somebody ends the process.
func (h *Host) SpawnProcess(name string, parent int, f func(ctx context.Context)) (Process, error) {
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Process{}, ErrClosed
	}
	if h.power != powerOn {
		return Process{}, ErrHostDown
	}
	m.nextProcess += 4
	ctx, cancel := context.WithCancel(h.session)
	p := Process{ID: firstProcess + m.nextProcess, Parent: parent, Name: name, Started: time.Now().UTC().Truncate(time.Millisecond), end: cancel}
	remove := h.addProcess(p)
	m.processes.Go(func() {
		defer cancel()
		f(ctx)
		m.mu.Lock()
		defer m.mu.Unlock()
		remove()
		m.notify()
	})
	return p, nil
}

// AdoptProcess makes a process of this computer, by its real number, one of the host's until forget is called. end kills it. It fails
// when the host is down or has gone down since the session began, whose context is given: the process must then be killed.
func (h *Host) AdoptProcess(session context.Context, p Process, end func()) (forget func(), err error) {
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if session.Err() != nil {
		return nil, context.Cause(session)
	}
	if h.power != powerOn {
		return nil, ErrHostDown
	}
	p.end = end
	remove := h.addProcess(p)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		remove()
		m.notify()
	}, nil
}

// addProcess expects the lock to be held, as does what it gives.
func (h *Host) addProcess(p Process) (remove func()) {
	generation := h.generation
	h.processes[p.ID] = p
	return func() {
		if h.generation == generation {
			delete(h.processes, p.ID)
		}
	}
}

// Alive says whether a process of the host that started then still runs.
func (h *Host) Alive(process int, started time.Time) bool {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	p, ok := h.processes[process]
	return ok && p.Started.Equal(started)
}

// Processes lists the processes that run for somebody on the host, by number.
func (h *Host) Processes() []Process {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	list := make([]Process, 0, len(h.processes))
	for _, p := range h.processes {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Process) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// EndProcess ends a process and says whether there was one.
func (h *Host) EndProcess(id int) bool {
	h.model.mu.Lock()
	p, ok := h.processes[id]
	h.model.mu.Unlock()
	if ok {
		p.end()
	}
	return ok
}
