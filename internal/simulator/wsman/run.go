package wsman

import (
	"context"
	"errors"
	"strings"
	"sync"
)

// errMachineDown is why a request gets no answer.
var errMachineDown = errors.New("the machine went down")

// machineRun is everything that lives as long as a machine is up: its shells and the connections to it.
type machineRun struct {
	host Host
	down <-chan struct{}
	ctx  context.Context // ends with the run, with errMachineDown as the cause
	stop context.CancelCauseFunc

	mutex       sync.Mutex
	ended       bool
	shells      map[string]*shell // by idKey
	requests    map[string]int    // being answered, by account key
	connections map[*connection]struct{}
}

func newMachineRun(parent context.Context, host Host, down <-chan struct{}) *machineRun {
	ctx, stop := context.WithCancelCause(parent)
	return &machineRun{
		host: host, down: down, ctx: ctx, stop: stop,
		shells: map[string]*shell{}, requests: map[string]int{}, connections: map[*connection]struct{}{},
	}
}

// watch ends the run when the machine goes down or the server closes.
func (m *machineRun) watch() {
	select {
	case <-m.down:
	case <-m.ctx.Done():
	}
	m.end()
}

// end closes all connections without a word and kills all that runs in the shells. It may be called more than once.
func (m *machineRun) end() {
	m.mutex.Lock()
	m.ended = true
	shells, connections := m.shells, m.connections
	m.shells, m.connections = map[string]*shell{}, map[*connection]struct{}{}
	m.mutex.Unlock()

	m.stop(errMachineDown)
	for connection := range connections {
		connection.cut()
	}
	for _, shell := range shells {
		shell.close()
	}
}

// attach notes that a connection belongs to this machine. False means that the run has ended.
func (m *machineRun) attach(c *connection) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.ended {
		return false
	}
	m.connections[c] = struct{}{}
	return true
}

func (m *machineRun) detach(c *connection) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.connections, c)
}

func accountKey(account string) string { return strings.ToLower(account) }

// begin notes a request of an account and checks the quota of operations. The release function must be called in any case.
func (m *machineRun) begin(account string, allowed int) (release func(), quota *fault) {
	key := accountKey(account)
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.requests[key]++
	operations := m.requests[key]
	for _, shell := range m.shells {
		if accountKey(shell.owner) == key {
			operations += shell.commandCount()
		}
	}
	if operations > allowed {
		quota = faultTooManyOperations
	}
	return func() {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		if m.requests[key]--; m.requests[key] == 0 {
			delete(m.requests, key)
		}
	}, quota
}

// addShell opens a shell within the quotas.
func (m *machineRun) addShell(opened *shell, shellsAllowed, usersAllowed int) (*fault, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.ended {
		return nil, errMachineDown
	}
	key := accountKey(opened.owner)
	own, users := 0, map[string]bool{key: true}
	for _, other := range m.shells {
		otherKey := accountKey(other.owner)
		users[otherKey] = true
		if otherKey == key {
			own++
		}
	}
	switch {
	case own >= shellsAllowed:
		return faultTooManyShells(shellsAllowed), nil
	case len(users) > usersAllowed:
		return faultTooManyUsers, nil
	}
	if _, taken := m.shells[idKey(opened.id)]; taken {
		return faultShellIDTaken, nil
	}
	m.shells[idKey(opened.id)] = opened
	opened.open(func() { m.expire(opened) })
	return nil, nil
}

// expire closes a shell that has not been used for its idle time.
func (m *machineRun) expire(idle *shell) {
	if idle.unused() {
		m.removeShell(idle)
	}
}

func (m *machineRun) removeShell(removed *shell) {
	m.mutex.Lock()
	delete(m.shells, idKey(removed.id))
	m.mutex.Unlock()
	removed.close()
}

// shell finds a shell of an account.
func (m *machineRun) shell(id, account string) (*shell, *fault) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	found, ok := m.shells[idKey(id)]
	if !ok {
		return nil, faultUnknownShell(id)
	}
	if accountKey(found.owner) != accountKey(account) {
		return nil, faultAccessDenied
	}
	return found, nil
}
