package winrm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/bodgit/ntlmssp"
)

// sealedTransport sends sealed messages over one connection without TLS. The seals of a connection are numbered, so that a message
// must go out on the connection it was sealed for, and answers be opened in their order; http.Transport promises neither.
type sealedTransport struct {
	session *Session

	lock    sync.Mutex // held for a whole exchange
	current *sealedConnection
	idle    *time.Timer
}

type sealedConnection struct {
	net.Conn
	allowed *io.LimitedReader // what the host may still say in this exchange
	reader  *bufio.Reader
	keys    *ntlmssp.SecuritySession
}

func newSealedConnection(conn net.Conn, keys *ntlmssp.SecuritySession) *sealedConnection {
	allowed := &io.LimitedReader{R: conn, N: 1}
	return &sealedConnection{Conn: conn, allowed: allowed, reader: bufio.NewReader(allowed), keys: keys}
}

// longestHeader bounds the header of an answer and the frames around what is sealed in it.
const longestHeader = 64 << 10

// RoundTrip sends a request once and returns its answer unsealed. An answer without a seal is an error, whatever it says; only that
// the host has forgotten the login is passed on.
func (t *sealedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.idle != nil {
		t.idle.Stop()
	}
	ctx := request.Context()
	if t.current != nil && !t.current.alive() {
		t.drop()
	}
	if t.current == nil {
		opened, err := t.session.dialSealed(ctx)
		if err != nil {
			return nil, err
		}
		t.current = opened
	}
	response, err := t.exchange(ctx, request)
	if err != nil || response.Close || response.StatusCode == http.StatusUnauthorized {
		t.drop()
	} else {
		t.idle = time.AfterFunc(t.session.config.IdleTimeout, t.CloseIdleConnections)
	}
	return response, err
}

func (t *sealedTransport) exchange(ctx context.Context, request *http.Request) (*http.Response, error) {
	conn, longest := t.current, t.session.config.MaximumAnswerBytes
	conn.allowed.N = longest + longestHeader
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	message, err := io.ReadAll(request.Body)
	_ = request.Body.Close()
	if err != nil {
		return nil, err
	}
	framed, err := seal(conn.keys, message)
	if err != nil {
		return nil, err
	}
	sealed := request.Clone(ctx)
	sealed.Header.Set("Content-Type", sealedContentType)
	sealed.Body, sealed.ContentLength = io.NopCloser(bytes.NewReader(framed)), int64(len(framed))
	if err := sealed.Write(conn); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(conn.reader, request)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, longest+1))
	_ = response.Body.Close()
	switch {
	case err != nil:
		return nil, err
	case int64(len(text)) > longest:
		response.Close = true // The rest of it is still on its way.
		response.Body = io.NopCloser(bytes.NewReader(text))
		return response, nil
	case response.StatusCode == http.StatusUnauthorized, response.StatusCode == http.StatusForbidden:
		response.Body = http.NoBody
		return response, nil
	case !isSealed(response.Header.Get("Content-Type")):
		return nil, fmt.Errorf("%w (HTTP %s)", errNotSealed, statusText(response.StatusCode))
	}
	opened, err := unseal(conn.keys, text)
	if err != nil {
		return nil, err
	}
	response.Header.Set("Content-Type", contentType)
	response.Body = io.NopCloser(bytes.NewReader(opened))
	return response, nil
}

// alive tells whether the host has hung up on, or talked into, a connection that nobody used for a while.
func (c *sealedConnection) alive() bool {
	c.allowed.N = 1
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return false
	}
	_, err := c.reader.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded) && c.SetReadDeadline(time.Time{}) == nil
}

// drop closes the connection. The caller holds the lock.
func (t *sealedTransport) drop() {
	if t.current != nil {
		_ = t.current.Close()
		t.current = nil
	}
}

// CloseIdleConnections closes the connection when its exchange, if there is one, is over.
func (t *sealedTransport) CloseIdleConnections() {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.idle != nil {
		t.idle.Stop()
	}
	t.drop()
}
