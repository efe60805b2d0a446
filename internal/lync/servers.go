package lync

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"lyncops.dev/operator/internal/winrm"
)

// Options configures Servers.
type Options struct {
	// Module is the text of LyncOps.psm1, which is put on every server that lacks it.
	Module []byte
	// ConnectTo returns the address to dial for a server, for split DNS and gateways; the server's certificate must still
	// bear the server's own name. nil dials the server's name.
	ConnectTo func(host string, port int) (address string)
	// QuestionTimeout is how long one question or order may take on the server; 0 means 60 seconds.
	QuestionTimeout time.Duration
	// AnswerTimeout bounds each of connecting, the TLS handshake and the login, and how long a server that has nothing to say yet may be
	// silent beyond the 20 seconds that it is asked to wait with a message; 0 means 10 seconds.
	AnswerTimeout time.Duration
	// IdleTimeout is how long an unused session is kept; 0 means 5 minutes.
	IdleTimeout time.Duration
	// Log receives what is worth knowing about sessions; never a secret. The zero Logger logs nothing.
	Log logr.Logger
}

// Servers asks and orders Lync servers. It keeps one WinRM session per server and account and is safe for concurrent use.
type Servers struct {
	options Options
	// hash names the module and its folder on the servers.
	hash string
	// salt keeps the hashes of credentials in memory from telling anything about them.
	salt [32]byte

	// life ends when Close has waited long enough; background are the sessions being closed.
	life       context.Context
	stopLife   context.CancelFunc
	background sync.WaitGroup

	lock     sync.Mutex
	closed   bool
	sessions map[account]*session  // those that are given out
	open     map[*session]struct{} // those and the retired ones that are not closed yet
	refusals map[password]int
	tickets  map[credential]*tickets
	stagings map[string]*staging
}

// NewServers returns Servers without any session; sessions are opened when they are needed. The caller must Close it.
func NewServers(options Options) *Servers {
	if options.QuestionTimeout == 0 {
		options.QuestionTimeout = 60 * time.Second
	}
	if options.IdleTimeout == 0 {
		options.IdleTimeout = 5 * time.Minute
	}
	sum := sha256.Sum256(options.Module)
	servers := &Servers{
		options:  options,
		hash:     hex.EncodeToString(sum[:]),
		sessions: map[account]*session{},
		open:     map[*session]struct{}{},
		refusals: map[password]int{},
		tickets:  map[credential]*tickets{},
		stagings: map[string]*staging{},
	}
	_, _ = rand.Read(servers.salt[:]) // never fails
	servers.life, servers.stopLife = context.WithCancel(context.Background())
	return servers
}

// Close ends all sessions; Servers answers nothing afterwards. ctx bounds the goodbye to the servers, and everything is
// freed when it returns. The error is that of ctx: a server may then still hold a shell of ours, which it ends by itself
// after its idle time.
func (s *Servers) Close(ctx context.Context) error {
	defer s.stopLife()
	defer context.AfterFunc(ctx, s.stopLife)()
	s.lock.Lock()
	s.closed = true
	for open := range s.open {
		s.retire(open)
		s.closeInBackground(open)
	}
	s.lock.Unlock()
	s.background.Wait()
	return ctx.Err()
}

// staging makes sure that only one caller at a time puts the module on a server.
type staging struct {
	slot chan struct{}
	done atomic.Int64 // how often it has been done
}

func (s *Servers) stagingOf(server string) *staging {
	s.lock.Lock()
	defer s.lock.Unlock()
	server = strings.ToLower(server)
	found := s.stagings[server]
	if found == nil {
		found = &staging{slot: make(chan struct{}, 1)}
		s.stagings[server] = found
	}
	return found
}

// call is one verb to be run on one server.
type call struct {
	access Access
	verb   string
	// argument becomes JSON.
	argument any
	// order says that the argument may be secret and goes to standard input.
	order bool
	// secrets must not appear in an error.
	secrets []string
}

// perform runs a verb and decodes its answer into result. It puts the module on the server first when it is not there.
func (s *Servers) perform(ctx context.Context, c call, result any) error {
	if failed := c.checkAccess(); failed != nil {
		return failed
	}
	argument, err := json.Marshal(c.argument)
	if err != nil {
		return c.failure(KindBadArgument, "the argument cannot be written as JSON", err)
	}
	var (
		line  string
		input []byte
	)
	if c.order {
		line, err = orderLine(s.hash, c.verb)
		input = inputLines(argument)
	} else {
		line, err = askLine(s.hash, c.verb, argument)
	}
	if err != nil {
		return c.failure(KindInternal, err.Error(), err)
	}
	command := winrm.Command{Line: line, Stdin: input, Timeout: s.options.QuestionTimeout}
	before := s.stagingOf(c.access.FQDN).done.Load()
	ended, failed := s.run(ctx, c, command)
	if failed != nil {
		return failed
	}
	if notStaged(ended) {
		if failed := s.stage(ctx, c, before); failed != nil {
			return failed
		}
		if ended, failed = s.run(ctx, c, command); failed != nil {
			return failed
		}
		if notStaged(ended) {
			return c.failure(KindInternal, "the module was put on the server and is not there", nil)
		}
	}
	return ran(c.read(ended, result))
}

// ran marks an error that was found in what a command line printed.
func ran(err error) error {
	if failed, ok := errors.AsType[*Error](err); ok {
		failed.Ran = true
	}
	return err
}

// run sends a command line, and once more when the first was lost on the way. Every verb may be repeated: questions change
// nothing, Start-LyncOpsJob gives the same job for the same id, Clear-LyncOpsJobs finds nothing left to clear, and the
// module is put in place by a rename. What the server has accepted and is merely slow with is not repeated, because that
// would only make it slower.
func (s *Servers) run(ctx context.Context, c call, command winrm.Command) (winrm.Result, error) {
	for first := true; ; first = false {
		open, failed := s.acquire(c)
		if failed != nil {
			return winrm.Result{}, failed
		}
		ended, err := open.winrm.Run(ctx, command)
		s.release(open, err)
		if err == nil {
			return ended, nil
		}
		if !first || ctx.Err() != nil || !worthRepeating(err) {
			return winrm.Result{}, c.translate(err)
		}
		s.options.Log.V(1).Info("asking again", "server", c.access.FQDN, "step", c.verb, "reason", winrm.KindOf(err))
	}
}

// stage puts the module on the server unless another caller has done so since before, which is how often it had been done
// when the caller asked.
func (s *Servers) stage(ctx context.Context, c call, before int64) error {
	c.verb, c.order = "put the module on the server", false
	place := s.stagingOf(c.access.FQDN)
	select {
	case place.slot <- struct{}{}:
		defer func() { <-place.slot }()
	case <-ctx.Done():
		return c.failure(kindOfContext(ctx), "gave up waiting for another question to put the module there", ctx.Err())
	}
	if place.done.Load() != before {
		return nil
	}
	line, err := stageLine(s.hash)
	if err != nil {
		return c.failure(KindInternal, err.Error(), err)
	}
	ended, failed := s.run(ctx, c, winrm.Command{Line: line, Stdin: inputLines(s.options.Module), Timeout: s.options.QuestionTimeout})
	if failed != nil {
		return failed
	}
	if failed := c.readStaged(ended); failed != nil {
		return ran(failed)
	}
	place.done.Add(1)
	s.options.Log.Info("put the module on the server", "server", c.access.FQDN, "sha256", s.hash)
	return nil
}
