package wsman

import (
	"context"
	"io"
)

// Backend knows the machines that answer on this endpoint. Its methods are called from many goroutines at once.
type Backend interface {
	// Host finds a machine by the name in the HTTP Host header, which comes without port and in lower case. False means
	// that nothing answers under that name: the connection is closed without an answer.
	Host(name string) (Host, bool)
}

// Host is one machine. Its methods are called from many goroutines at once.
type Host interface {
	// Name is the fully qualified domain name. It identifies the machine: shells and counters belong to a name.
	Name() string

	// Down tells whether the machine is off now: then its connections are dropped without an answer. The channel belongs
	// to the machine's present run and is closed when that run ends, which kills shells, commands and connections. Each
	// run has its own channel.
	Down() (bool, <-chan struct{})

	// Password is the password of an account, for Basic and NTLM. The user and the domain come as the client wrote them:
	// `CONTOSO\admin` arrives as user "admin", domain "CONTOSO"; `admin@contoso.com` as user "admin@contoso.com" with an
	// empty domain, unless the client splits it. False means that there is no such account.
	Password(user, domain string) (password string, ok bool)

	// Execute runs one command line and returns its exit code. The context ends when the command is signalled, its shell
	// is deleted or times out, the machine goes down, or the server is closed; Execute should then return soon.
	Execute(ctx context.Context, cmd Command) int
}

// Command is one command line on its way through a shell.
type Command struct {
	// Line is the whole line, arguments included.
	Line string
	// User is the account that runs it, `DOMAIN\user` where a domain was given.
	User string
	// Stdin ends when the client says so, or with the command's context.
	Stdin io.Reader
	// Stdout and Stderr block while a reader far behind leaves their buffer full, and fail once the context has ended.
	Stdout, Stderr io.Writer
}
