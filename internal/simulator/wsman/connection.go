package wsman

import (
	"context"
	"crypto/tls"
	"net"
)

// connection is the state of one TCP connection: NTLM proves who is at its other end, not who sent one request. Requests on a
// connection come one after the other, so only their handlers touch the state.
type connection struct {
	network net.Conn

	run       *machineRun // the machine that the last request was for
	handshake *ntlmHandshake
	mechList  []byte // of the SPNEGO negotiation under way
	identity  *ntlmIdentity
}

type connectionKey struct{}

// connectionOf finds the connection of a request. A handler that does not run under Server.HTTPServer gets a new one each time:
// then Basic works and NTLM does not.
func connectionOf(ctx context.Context) *connection {
	if c, ok := ctx.Value(connectionKey{}).(*connection); ok {
		return c
	}
	return &connection{}
}

// forget drops the proven identity and any handshake under way.
func (c *connection) forget() {
	c.handshake, c.mechList, c.identity = nil, nil, nil
}

// bind makes the connection one to this machine. False means that the machine is down.
func (c *connection) bind(run *machineRun) bool {
	if c.run == run {
		return true
	}
	if c.run != nil {
		c.run.detach(c)
		c.forget()
	}
	c.run = run
	return run.attach(c)
}

// cut closes the connection without the farewell of TLS, as a machine does that stops.
func (c *connection) cut() {
	network := c.network
	if secure, ok := network.(*tls.Conn); ok {
		network = secure.NetConn()
	}
	if network != nil {
		_ = network.Close() // It may be closed already; nobody is left to be told.
	}
}
