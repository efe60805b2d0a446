package wsman

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

const (
	path             = "/wsman"
	pathUnauthorized = "/wsman-anon/identify"
	serverName       = "Microsoft-HTTPAPI/2.0"
	// sealingOverhead is more than the frame adds to a sealed message.
	sealingOverhead = 1024
)

// Server answers for all machines of a Backend. It must be served by the server that HTTPServer makes, because NTLM proves who is
// at the other end of a connection. Close it before that server is shut down, so that no held request keeps it waiting.
type Server struct {
	backend Backend
	options Options
	ledger  *ledger

	ctx     context.Context
	stop    context.CancelFunc
	workers sync.WaitGroup

	mutex       sync.Mutex
	closed      bool
	runs        map[string]*machineRun // by name in lower case
	connections map[net.Conn]*connection
}

// NewHandler makes the server of one endpoint.
func NewHandler(backend Backend, options Options) *Server {
	ctx, stop := context.WithCancel(context.Background())
	return &Server{
		backend: backend, options: options.withDefaults(), ledger: newLedger(),
		ctx: ctx, stop: stop, runs: map[string]*machineRun{}, connections: map[net.Conn]*connection{},
	}
}

// HTTPServer makes an http.Server with this handler and what it needs to know of connections. The caller adds TLS where it is
// wanted, and serves and closes it. There is no HTTP/2: it knows no authenticated connections.
func (s *Server) HTTPServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           s,
		Protocols:         protocols,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(logr.ToSlogHandler(s.options.Log), slog.LevelDebug),
		ConnContext: func(ctx context.Context, network net.Conn) context.Context {
			c := &connection{network: network}
			s.mutex.Lock()
			defer s.mutex.Unlock()
			s.connections[network] = c
			return context.WithValue(ctx, connectionKey{}, c)
		},
		ConnState: func(network net.Conn, state http.ConnState) {
			if state == http.StateClosed || state == http.StateHijacked {
				s.disconnected(network)
			}
		},
	}
}

// disconnected runs when the connection's last handler has returned.
func (s *Server) disconnected(network net.Conn) {
	s.mutex.Lock()
	c := s.connections[network]
	delete(s.connections, network)
	s.mutex.Unlock()
	if c != nil && c.run != nil {
		c.run.detach(c)
	}
}

// Counters tell what the endpoint has done so far.
func (s *Server) Counters() Counters { return s.ledger.read() }

// Close takes all machines off the wire, kills what runs in their shells and waits for it to end. Requests that come later are
// dropped.
func (s *Server) Close() {
	s.mutex.Lock()
	s.closed = true
	s.mutex.Unlock()
	s.stop()
	s.workers.Wait()
}

// work starts a goroutine that Close waits for. False means that the server is closed.
func (s *Server) work(do func()) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return false
	}
	s.workers.Go(do)
	return true
}

// runOf finds the present run of a machine. Nil means that the machine is off, or the server closed.
func (s *Server) runOf(host Host) *machineRun {
	off, down := host.Down()
	if off {
		return nil
	}
	select {
	case <-down: // It went down between the question and now; it must not end a later run.
		return nil
	default:
	}
	key := strings.ToLower(host.Name())
	s.mutex.Lock()
	if s.closed {
		s.mutex.Unlock()
		return nil
	}
	former := s.runs[key]
	if former != nil && former.down == down && former.ctx.Err() == nil {
		s.mutex.Unlock()
		return former
	}
	run := newMachineRun(s.ctx, host, down)
	s.runs[key] = run
	s.workers.Go(run.watch)
	s.mutex.Unlock()
	if former != nil {
		former.end() // Its watcher may not have come to it yet.
	}
	return run
}

// drop ends a request without an answer.
func drop(c *connection) {
	c.cut()
	panic(http.ErrAbortHandler)
}

// ServeHTTP answers for the machine that the Host header names.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := connectionOf(r.Context())
	host, known := s.backend.Host(hostName(r.Host))
	if !known {
		s.options.Log.Info("Dropped a request: no machine has this name", "host", r.Host)
		drop(c)
	}
	s.ledger.record(host.Name(), func(counters *HostCounters) { counters.HTTPRequests++ })
	run := s.runOf(host)
	if run == nil || !c.bind(run) {
		s.dropped(host, c)
	}

	x := &exchange{server: s, host: host, run: run, connection: c, writer: w, request: r}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.options.MaxEnvelopeKilobytes)*1024+sealingOverhead))
	s.ledger.record(host.Name(), func(counters *HostCounters) { counters.BytesIn += int64(len(body)) })
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		x.reply(http.StatusRequestEntityTooLarge, "", nil)
	case err != nil:
		s.dropped(host, c)
	default:
		x.serve(body)
	}
}

// dropped ends a request without an answer and notes it.
func (s *Server) dropped(host Host, c *connection) {
	s.ledger.record(host.Name(), func(counters *HostCounters) { counters.Dropped++ })
	s.options.Log.V(1).Info("Dropped a request", "host", host.Name())
	drop(c)
}

// hostName is the name in a Host header, without port, in lower case.
func hostName(header string) string {
	name, _, err := net.SplitHostPort(header)
	if err != nil {
		name = strings.Trim(header, "[]")
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}
