package wsman

import (
	"strings"
	"sync"
	"time"
)

// idKey makes identifiers of shells and commands comparable: clients may choose and repeat them in any case.
func idKey(id string) string { return strings.ToUpper(strings.TrimSpace(id)) }

// shell is one open cmd shell of a machine.
type shell struct {
	id            string
	owner         string // the account's name
	clientAddress string
	inputStreams  string
	outputStreams string
	idleTimeout   time.Duration
	created       time.Time

	mutex      sync.Mutex
	commands   map[string]*runningCommand // by idKey
	operations int
	idle       *time.Timer
	closed     bool
}

// open starts the idle time. Expired is called once when the shell has not been used for its idle time.
func (s *shell) open(expired func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.idle = time.AfterFunc(s.idleTimeout, expired)
}

// enter notes that a request uses the shell, which keeps it from expiring until the request has left. False means that the
// shell has been closed meanwhile.
func (s *shell) enter() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return false
	}
	s.operations++
	s.idle.Stop()
	return true
}

func (s *shell) leave() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.operations--
	if s.operations == 0 && !s.closed {
		s.idle.Reset(s.idleTimeout)
	}
}

// unused tells whether no request uses the shell: an idle timer may fire just as a request enters.
func (s *shell) unused() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.operations == 0
}

// close aborts all commands.
func (s *shell) close() {
	s.mutex.Lock()
	s.closed = true
	s.idle.Stop()
	commands := s.commands
	s.commands = nil
	s.mutex.Unlock()
	for _, command := range commands {
		command.abort()
	}
}

// add takes in a new command, unless as many as allowed have not ended yet.
func (s *shell) add(command *runningCommand, allowed int) *fault {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return faultUnknownShell(s.id)
	}
	alive := 0
	for _, other := range s.commands {
		if !other.ended() {
			alive++
		}
	}
	if alive >= allowed {
		return faultNotEnoughQuota
	}
	if _, taken := s.commands[idKey(command.id)]; taken {
		return faultCommandIDTaken
	}
	s.commands[idKey(command.id)] = command
	return nil
}

func (s *shell) command(id string) (*runningCommand, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	command, ok := s.commands[idKey(id)]
	return command, ok
}

func (s *shell) remove(id string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.commands, idKey(id))
}

func (s *shell) commandCount() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.commands)
}
