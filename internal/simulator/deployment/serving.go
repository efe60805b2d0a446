package deployment

import (
	"slices"
	"strconv"
)

// portsOf are the TCP ports that a service listens on while it runs; one that drains still has its sockets open.
var portsOf = map[string][]int{"RTCSRV": {444, 5061, 5090}, "W3SVC": {80, 443, 4443}}

// defaultSilentPort is the port that does not listen when a fault names none.
const defaultSilentPort = "5061"

// Listening lists the TCP ports on which something on the host listens, in ascending order.
func (h *Host) Listening() []int {
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	ports := []int{}
	if h.power != powerOn {
		return ports
	}
	for _, s := range h.services {
		if s.status != Running && s.status != Paused {
			continue
		}
		for _, port := range portsOf[s.name] {
			if port != 5061 && h.pool != nil && h.pool.ofRole() {
				continue // what else they listen on is nobody's concern here
			}
			silent := m.peekFault(FaultPortSilent, func(f *Fault) bool {
				return f.Detail == strconv.Itoa(port) || f.Detail == "" && strconv.Itoa(port) == defaultSilentPort
			}, h.FQDN(), h.Pool())
			if silent == nil {
				ports = append(ports, port)
			}
		}
	}
	slices.Sort(ports)
	return ports
}

// Activity is what a service says it does: nothing unless it runs.
func (s ServiceState) Activity() string {
	if s.Status != Running {
		return ""
	}
	return "Incoming Requests per Second=3,Messages in Server=1"
}
