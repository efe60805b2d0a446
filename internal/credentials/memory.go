package credentials

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Memory keeps the credentials with which an object's work on a server was begun, so that this server can be finished when the
// namespace is deleted and the Secret is gone before the object. It is lost with the process.
type Memory struct {
	mutex sync.Mutex
	known map[types.UID]Credentials
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{known: map[types.UID]Credentials{}} }

// Keep remembers what reaches the servers of an object.
func (m *Memory) Keep(object types.UID, with Credentials) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.known[object] = with
}

// Of gives what was kept for an object, if anything was.
func (m *Memory) Of(object types.UID) (Credentials, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	with, known := m.known[object]
	return with, known
}

// Forget drops what was kept for an object.
func (m *Memory) Forget(object types.UID) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.known, object)
}
