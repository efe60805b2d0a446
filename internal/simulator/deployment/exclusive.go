package deployment

// Exclusive runs f while nobody else on the host runs one, as a machine-wide mutex would have it. f must not wait for anything.
func (h *Host) Exclusive(f func()) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	f()
}
