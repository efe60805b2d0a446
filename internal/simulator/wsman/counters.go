package wsman

import (
	"maps"
	"strings"
	"sync"
)

// Counters tell what an endpoint has done since it was made.
type Counters struct {
	// Hosts has the counters of each host that was ever addressed, by name in lower case.
	Hosts map[string]HostCounters
}

// HostCounters tell what one host was asked. Bytes are those of HTTP bodies as they travelled (sealed where they were
// sealed), without headers and TLS.
type HostCounters struct {
	HTTPRequests int64
	SOAPMessages int64
	SOAPFaults   int64
	BytesIn      int64
	BytesOut     int64
	// Authentications counts proven identities: each request for Basic, each handshake for NTLM.
	Authentications int64
	// Refusals counts HTTP 401 answers, those that are part of every handshake included.
	Refusals int64
	// Dropped counts requests whose connection was closed instead of an answer.
	Dropped int64
}

// Total is the sum over all hosts.
func (c Counters) Total() HostCounters {
	var total HostCounters
	for _, host := range c.Hosts {
		total.HTTPRequests += host.HTTPRequests
		total.SOAPMessages += host.SOAPMessages
		total.SOAPFaults += host.SOAPFaults
		total.BytesIn += host.BytesIn
		total.BytesOut += host.BytesOut
		total.Authentications += host.Authentications
		total.Refusals += host.Refusals
		total.Dropped += host.Dropped
	}
	return total
}

type ledger struct {
	mutex sync.Mutex
	hosts map[string]HostCounters
}

func newLedger() *ledger {
	return &ledger{hosts: map[string]HostCounters{}}
}

func (l *ledger) record(host string, change func(*HostCounters)) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	key := strings.ToLower(host)
	counters := l.hosts[key]
	change(&counters)
	l.hosts[key] = counters
}

func (l *ledger) read() Counters {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return Counters{Hosts: maps.Clone(l.hosts)}
}
