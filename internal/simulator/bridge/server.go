package bridge

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"lyncops.dev/operator/internal/simulator/cmdlets"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

// Server answers calls. Its methods may be called from many goroutines at once.
type Server struct {
	listener net.Listener
	server   *http.Server
	serving  sync.WaitGroup
	find     Finder

	mu       sync.Mutex
	sessions map[string]*session
}

// Finder finds a command that is not a cmdlet of package cmdlets. The host and the user are those of the session that asks.
type Finder func(host *deployment.Host, user, name string) (powershell.Command, bool)

// session is who may call with one token.
type session struct {
	host *deployment.Host
	user string

	mu      sync.Mutex
	objects map[string]*powershell.Object
}

// Listen starts a server on a loopback port. find may be nil.
func Listen(ctx context.Context, find Finder) (*Server, error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	s := &Server{listener: listener, find: find, sessions: map[string]*session{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /call", s.call)
	mux.HandleFunc("POST /method", s.method)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	s.serving.Go(func() {
		// After Close there is nobody to tell; before it, a listener of this process does not fail.
		_ = s.server.Serve(listener)
	})
	return s, nil
}

// Address is where the server listens, as host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close ends the server; calls under way see the end of their context.
func (s *Server) Close() {
	_ = s.server.Close()
	s.serving.Wait()
}

// Open lets whoever shows the token call the cmdlets of a host as a user (DOMAIN\user or LocalSystem), until forget is called.
func (s *Server) Open(host *deployment.Host, user string) (token string, forget func()) {
	token = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[token] = &session{host: host, user: user, objects: map[string]*powershell.Object{}}
	return token, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.sessions, token)
	}
}

func (s *Server) session(token string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[token]
}

type callRequest struct {
	Command    string                     `json:"command"`
	Parameters map[string]json.RawMessage `json:"parameters"`
	Positional []json.RawMessage          `json:"positional"`
	Input      []json.RawMessage          `json:"input"`
}

type methodRequest struct {
	Object    string            `json:"object"`
	Method    string            `json:"method"`
	Arguments []json.RawMessage `json:"arguments"`
}

// Record is what a cmdlet said beside its output.
type Record struct {
	// Stream is Warning, Verbose or Error.
	Stream string `json:"stream"`
	Text   string `json:"text"`
}

// Failure is the error that ended a call.
type Failure struct {
	Message string `json:"message"`
	ID      string `json:"id"`
	Type    string `json:"type"`
}

// Answer is what a call gives. See encode for how values look.
type Answer struct {
	Output  []any    `json:"output"`
	Records []Record `json:"records"`
	Error   *Failure `json:"error"`
}

// recorder keeps what a cmdlet says, in its order.
type recorder struct {
	mu      sync.Mutex
	records []Record
}

func (r *recorder) say(stream, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, Record{stream, text})
}

func (r *recorder) Warning(text string) { r.say("Warning", text) }
func (r *recorder) Verbose(text string) { r.say("Verbose", text) }
func (r *recorder) Error(text string)   { r.say("Error", text) }

// begin authenticates a request and reads its body.
func (s *Server) begin(answer http.ResponseWriter, request *http.Request, into any) (*session, bool) {
	caller := s.session(strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer "))
	if caller == nil {
		http.Error(answer, "the token is not one", http.StatusUnauthorized)
		return nil, false
	}
	text, err := io.ReadAll(http.MaxBytesReader(answer, request.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return nil, false
	}
	return caller, true
}

func (s *Server) call(answer http.ResponseWriter, request *http.Request) {
	var asked callRequest
	caller, ok := s.begin(answer, request, &asked)
	if !ok {
		return
	}
	invocation, err := caller.invocation(asked)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	command, known := cmdlets.Command(caller.host, caller.user, asked.Command)
	if !known && s.find != nil {
		command, known = s.find(caller.host, caller.user, asked.Command)
	}
	if !known {
		caller.reply(answer, nil, nil, &powershell.Failure{ID: "CommandNotFoundException", Type: "System.Management.Automation.CommandNotFoundException",
			Message: "The term '" + asked.Command + "' is not recognized as the name of a cmdlet, function, script file, or operable program."})
		return
	}
	ctx, release := caller.host.Bind(request.Context())
	defer release()
	said := &recorder{}
	output, err := command(ctx, invocation, said)
	caller.reply(answer, output, said.records, err)
}

func (s *Server) method(answer http.ResponseWriter, request *http.Request) {
	var asked methodRequest
	caller, ok := s.begin(answer, request, &asked)
	if !ok {
		return
	}
	caller.mu.Lock()
	object := caller.objects[asked.Object]
	caller.mu.Unlock()
	var method powershell.Method
	if object != nil {
		method, ok = object.Method(asked.Method)
	}
	if object == nil || !ok {
		http.Error(answer, "there is no such object or method", http.StatusNotFound)
		return
	}
	arguments, err := caller.decodeAll(asked.Arguments)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, release := caller.host.Bind(request.Context())
	defer release()
	result, err := method(ctx, arguments)
	caller.reply(answer, []powershell.Value{result}, nil, err)
}

func (s *session) reply(answer http.ResponseWriter, output []powershell.Value, records []Record, err error) {
	result := Answer{Output: []any{}, Records: append([]Record{}, records...)}
	for _, value := range output {
		result.Output = append(result.Output, s.encode(value))
	}
	if err != nil {
		result.Error = &Failure{Message: err.Error()}
		var failure *powershell.Failure
		if errors.As(err, &failure) {
			result.Error = &Failure{Message: failure.Message, ID: failure.ID, Type: failure.Type}
		}
	}
	text, err := json.Marshal(result)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusInternalServerError)
		return
	}
	answer.Header().Set("Content-Type", "application/json")
	answer.Header().Set("Content-Length", strconv.Itoa(len(text)))
	// Whoever has gone meanwhile hears nothing.
	_, _ = answer.Write(text)
}

func (s *session) invocation(asked callRequest) (powershell.Invocation, error) {
	invocation := powershell.Invocation{Name: asked.Command, Parameters: map[string]powershell.Value{}}
	for name, text := range asked.Parameters {
		value, err := s.decode(text)
		if err != nil {
			return invocation, err
		}
		invocation.Parameters[strings.ToLower(name)] = value
	}
	var err error
	if invocation.Positional, err = s.decodeAll(asked.Positional); err != nil {
		return invocation, err
	}
	invocation.Input, err = s.decodeAll(asked.Input)
	return invocation, err
}
