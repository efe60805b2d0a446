package kerberos

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// Tickets keeps the tickets of one account and gets new ones when they are needed. It is safe for concurrent use; exchanges with
// the KDC are made one after the other.
type Tickets struct {
	account principal

	// slot is held during an exchange; it guards what follows.
	slot     chan struct{}
	granting map[string]ticket // by realm
	services map[string]ticket // by host
	refused  *Error

	lock      sync.Mutex
	closed    bool
	stale     map[string]struct{} // hosts whose ticket is to be replaced
	exchanges sync.WaitGroup
}

// ticket is a ticket with the key that belongs to it and the time when it should be replaced.
type ticket struct {
	ticket  messages.Ticket
	key     types.EncryptionKey
	replace time.Time
}

func (t ticket) good() bool {
	return time.Now().Before(t.replace)
}

// New reads the account and asks nobody yet. The error says which part of it cannot be used. The caller must Close it.
func New(account Account) (*Tickets, error) {
	who, err := account.principal()
	if err != nil {
		return nil, err
	}
	return &Tickets{account: who, slot: make(chan struct{}, 1), granting: map[string]ticket{}, services: map[string]ticket{}, stale: map[string]struct{}{}}, nil
}

// String names the account and its realm.
func (t *Tickets) String() string {
	return t.account.name + "@" + t.account.realm
}

// Close waits for the exchange under way, if any, and forgets everything.
func (t *Tickets) Close() {
	t.lock.Lock()
	t.closed = true
	t.lock.Unlock()
	t.exchanges.Wait()
}

// Token makes the SPNEGO token that logs in at the HTTP service of a host. It asks the KDC only when it has no ticket for that
// service that is good for a while. A token is for one use, and where binding is not nil, on the connection that it names
// (RFC 5929) only.
//
// An exchange whose caller has left goes on until the KDC has answered or the library's time for that, some seconds, is over.
func (t *Tickets) Token(ctx context.Context, host string, binding []byte) ([]byte, error) {
	if !t.begin() {
		return nil, context.Canceled
	}
	type outcome struct {
		token []byte
		err   error
	}
	finished := make(chan outcome, 1)
	select {
	case t.slot <- struct{}{}:
	case <-ctx.Done():
		t.exchanges.Done()
		return nil, ctx.Err()
	}
	go func() {
		defer t.exchanges.Done()
		defer func() { <-t.slot }()
		token, err := t.token(host, binding)
		finished <- outcome{token, err}
	}()
	select {
	case end := <-finished:
		return end.token, end.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Forget has the next Token get a new ticket for a host, which has refused the present one: the host's own key may have changed.
func (t *Tickets) Forget(host string) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.stale[host] = struct{}{}
}

// isStale tells once that the ticket for a host is to be replaced.
func (t *Tickets) isStale(host string) bool {
	t.lock.Lock()
	defer t.lock.Unlock()
	_, stale := t.stale[host]
	delete(t.stale, host)
	return stale
}

func (t *Tickets) begin() bool {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.closed {
		return false
	}
	t.exchanges.Add(1)
	return true
}

// token runs with the slot held.
func (t *Tickets) token(host string, binding []byte) (token []byte, err error) {
	// What the library reads here comes from the network, and a panic of its must not end the program.
	defer func() {
		if trouble := recover(); trouble != nil {
			token, err = nil, &Error{Kind: NotIssued, Message: fmt.Sprintf("the answer of the KDC of %s cannot be read", t.account.realm)}
		}
	}()
	if t.refused != nil {
		return nil, t.refused
	}
	asking := t.client()
	defer asking.Destroy() // ends the renewals that it has begun on its own
	service, failed := t.service(asking, host)
	if failed != nil {
		if failed.Kind == AccountRefused {
			t.refused = failed
		}
		return nil, failed
	}
	if token, err = boundToken(asking, service, binding); err != nil {
		return nil, explain(t.String(), "HTTP/"+host, err)
	}
	return token, nil
}

func (t *Tickets) client() *client.Client {
	if t.account.keys != nil {
		return client.NewWithKeytab(t.account.name, t.account.realm, t.account.keys, t.account.config)
	}
	return client.NewWithPassword(t.account.name, t.account.realm, t.account.password, t.account.config)
}

// service finds or gets the ticket for the HTTP service of a host.
func (t *Tickets) service(asking *client.Client, host string) (ticket, *Error) {
	if known := t.services[host]; !t.isStale(host) && known.good() {
		return known, nil
	}
	what := "HTTP/" + host
	realm := t.account.config.ResolveRealm(strings.ToLower(host))
	if realm == "" {
		realm = t.account.realm // whose KDC refers to others
	}
	granting, failed := t.grantingOf(asking, realm)
	if failed != nil {
		return ticket{}, failed
	}
	name := types.NewPrincipalName(nametype.KRB_NT_SRV_INST, what)
	_, answer, err := asking.TGSREQGenerateAndExchange(name, realm, granting.ticket, granting.key, false)
	if err != nil {
		clear(t.granting) // The KDC may not take them any more.
		return ticket{}, explain(t.String(), what, err)
	}
	t.services[host] = ticketOf(answer.Ticket, answer.DecryptedEncPart)
	return t.services[host], nil
}

// grantingOf finds or gets the ticket with which the KDC of a realm is asked for others.
func (t *Tickets) grantingOf(asking *client.Client, realm string) (ticket, *Error) {
	if known := t.granting[realm]; known.good() {
		return known, nil
	}
	if realm == t.account.realm {
		request, err := messages.NewASReqForTGT(realm, t.account.config, asking.Credentials.CName())
		if err != nil {
			return ticket{}, explain(t.String(), realm, err)
		}
		answer, err := asking.ASExchange(realm, request, 0)
		if err != nil {
			return ticket{}, explain(t.String(), realm, err)
		}
		t.granting[realm] = ticketOf(answer.Ticket, answer.DecryptedEncPart)
		return t.granting[realm], nil
	}
	own, failed := t.grantingOf(asking, t.account.realm)
	if failed != nil {
		return ticket{}, failed
	}
	name := types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}}
	_, answer, err := asking.TGSREQGenerateAndExchange(name, t.account.realm, own.ticket, own.key, false)
	if err != nil {
		return ticket{}, explain(t.String(), "realm "+realm, err)
	}
	t.granting[realm] = ticketOf(answer.Ticket, answer.DecryptedEncPart)
	return t.granting[realm], nil
}

// ticketOf has a ticket replaced when nine tenths of its life are over, so that none ends on its way.
func ticketOf(issued messages.Ticket, about messages.EncKDCRepPart) ticket {
	begin := about.StartTime
	if begin.IsZero() {
		begin = about.AuthTime
	}
	left := time.Until(about.EndTime)
	return ticket{ticket: issued, key: about.Key, replace: time.Now().Add(left - min(left, about.EndTime.Sub(begin))/10)}
}
