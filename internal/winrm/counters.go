package winrm

import "sync/atomic"

// Counters is what a session has cost so far. Bytes are those inside TLS.
type Counters struct {
	// Requests are all HTTP requests, those of logins included.
	Requests int64
	// LoginRequests are the requests that only served to log in a connection.
	LoginRequests int64
	BytesSent     int64
	BytesReceived int64
}

type counters struct {
	requests, loginRequests, bytesSent, bytesReceived atomic.Int64
}

// Counters returns what the session has cost so far.
func (s *Session) Counters() Counters {
	return Counters{
		Requests:      s.counters.requests.Load(),
		LoginRequests: s.counters.loginRequests.Load(),
		BytesSent:     s.counters.bytesSent.Load(),
		BytesReceived: s.counters.bytesReceived.Load(),
	}
}
