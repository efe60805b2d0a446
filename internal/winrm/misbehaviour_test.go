package winrm_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lyncops.dev/operator/internal/winrm"
)

// Whatever a host does, every call ends with a result or an error of this package, no command is accepted twice, no password
// is printed, and the session works again as soon as the host does.
func TestHostThatMisbehavesAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var lock sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	draw := func(n int) int {
		lock.Lock()
		defer lock.Unlock()
		return random.IntN(n)
	}

	host := newResponder(t)
	var healed atomic.Bool
	var accepted sync.Map // how often, by command line
	for _, action := range []string{"Create", "Command", "Send", "Receive", "Signal", "Delete"} {
		host.answers[action] = func(w http.ResponseWriter, r *http.Request, times int) {
			if !healed.Load() {
				switch draw(12) {
				case 0:
					panic(http.ErrAbortHandler)
				case 1:
					faulted(w, "w:InvalidSelectors", codeShellNotFound, "gone "+password)
					return
				case 2:
					faulted(w, "w:TimedOut", codeTimedOut, "not yet "+password)
					return
				case 3:
					faulted(w, "w:InternalError", 995, "aborted "+password)
					return
				case 4:
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				case 5:
					w.Header().Set("Content-Type", "application/soap+xml")
					_, _ = w.Write([]byte("<s:Envelope>" + password))
					return
				}
			}
			switch action {
			case "Create":
				soap(w, 200, "http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse",
					fmt.Sprintf(`<rsp:Shell><rsp:ShellId>SHELL-%d</rsp:ShellId></rsp:Shell>`, times))
			case "Command":
				line := host.body(r)
				count, _ := accepted.LoadOrStore(line[strings.Index(line, "number"):strings.Index(line, "]]>")], new(atomic.Int64))
				count.(*atomic.Int64).Add(1)
				soap(w, 200, shell+"CommandResponse", `<rsp:CommandResponse><rsp:CommandId>COMMAND</rsp:CommandId></rsp:CommandResponse>`)
			case "Receive":
				received(w, "hello", draw(3) > 0)
			default:
				soap(w, 200, shell+action+"Response", "")
			}
		}
	}

	config := host.config()
	config.CleanUpTimeout = time.Second
	session := open(t, config)
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for times := range 40 {
				ctx, cancel := context.WithCancel(t.Context())
				if draw(5) == 0 {
					time.AfterFunc(time.Duration(draw(5))*time.Millisecond, cancel)
				}
				var input []byte
				if draw(2) == 0 {
					input = []byte("input")
				}
				_, err := session.Run(ctx, winrm.Command{Line: fmt.Sprintf("number %d-%d", caller, times), Stdin: input})
				cancel()
				if err == nil {
					continue
				}
				if _, ok := errors.AsType[*winrm.Error](err); !ok {
					t.Errorf("%T: %v", err, err)
				}
				if strings.Contains(err.Error(), password) {
					t.Errorf("the error holds the password: %v", err)
				}
			}
		})
	}
	callers.Wait()
	accepted.Range(func(line, count any) bool {
		if times := count.(*atomic.Int64).Load(); times != 1 {
			t.Errorf("%v was accepted %d times", line, times)
		}
		return true
	})
	healed.Store(true)
	if _, err := session.Run(t.Context(), winrm.Command{Line: "number last"}); err != nil {
		t.Errorf("the session is of no use afterwards: %v", err)
	}
	if err := session.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
