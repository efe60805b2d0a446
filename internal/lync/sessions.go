package lync

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"net"
	"strconv"
	"strings"
	"time"

	"lyncops.dev/operator/internal/winrm"
)

// account says who logs in where, credential with what and how, and password with what alone; the latter two are salted
// hashes.
type (
	account    struct{ address, transport, authentication, userName string }
	credential [sha256.Size]byte
	password   [sha256.Size]byte
)

// mostRefusals is how often one password may be refused. Accounts are commonly locked after five wrong passwords, and a
// person who is just correcting one needs the other three.
const mostRefusals = 2

// closeTimeout bounds the goodbye of one session that nobody waits for.
const closeTimeout = 10 * time.Second

// session is one WinRM session and who uses it. Servers.lock guards all of it but winrm.
type session struct {
	winrm      *winrm.Session
	tickets    *tickets // nil unless the scheme is Kerberos
	account    account
	credential credential
	password   password
	users      int
	idle       *time.Timer
	retired    bool // not given to anybody any more
	refused    bool // its refusal has been counted
	closing    bool
}

func (a Access) account() account {
	return account{
		address:        net.JoinHostPort(strings.ToLower(a.FQDN), strconv.Itoa(a.Port)),
		transport:      a.Transport,
		authentication: a.Authentication,
		userName:       a.UserName,
	}
}

func (s *Servers) credentialOf(access Access) credential {
	who := access.account()
	return s.hashOf(who.address, who.transport, who.authentication, who.userName, access.Password, string(access.CertificateAuthority), access.CertificateName,
		access.Kerberos.Realm, string(access.Kerberos.Keytab), access.Kerberos.Configuration, string(access.ClientCertificate), string(access.ClientKey))
}

// passwordOf leaves out what does not make a wrong password right. With Kerberos it is the realm that judges, whichever server is
// asked.
func (s *Servers) passwordOf(access Access) password {
	if access.Authentication == AuthenticationKerberos {
		return s.hashOf("Kerberos", access.Kerberos.Realm, access.UserName, access.Password, string(access.Kerberos.Keytab))
	}
	return s.hashOf(strings.ToLower(access.FQDN), access.UserName, access.Password)
}

func (s *Servers) hashOf(parts ...string) [sha256.Size]byte {
	digest := sha256.New()
	digest.Write(s.salt[:])
	for _, part := range parts {
		// With its length in front, no part can pass for the beginning of the next.
		_ = binary.Write(digest, binary.BigEndian, uint64(len(part)))
		digest.Write([]byte(part))
	}
	return [sha256.Size]byte(digest.Sum(nil))
}

// acquire returns the session for an access, a new one when the credentials have changed.
func (s *Servers) acquire(c call) (*session, error) {
	who, with := c.access.account(), s.credentialOf(c.access)
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.closed {
		return nil, c.failure(KindCanceled, "this program is shutting down", context.Canceled)
	}
	if s.refusals[s.passwordOf(c.access)] >= mostRefusals {
		return nil, c.loginRefused()
	}
	open := s.sessions[who]
	if open != nil && open.credential != with {
		s.options.Log.Info("the credentials have changed, a new session is opened", "server", c.access.FQDN, "userName", c.access.UserName)
		s.retire(open)
		open = nil
	}
	if open == nil {
		tickets, failed := s.shareTickets(c)
		if failed != nil {
			return nil, failed
		}
		opened, err := winrm.New(winrm.Config{
			Host:                 c.access.FQDN,
			Port:                 c.access.Port,
			Sealed:               c.access.Transport == TransportHTTP,
			Scheme:               winrm.Scheme(c.access.Authentication),
			UserName:             c.access.UserName,
			Password:             c.access.Password,
			Tickets:              tickets.kerberos(),
			ClientCertificate:    c.access.ClientCertificate,
			ClientKey:            c.access.ClientKey,
			CertificateAuthority: c.access.CertificateAuthority,
			CertificateName:      c.access.CertificateName,
			ConnectTo:            s.options.ConnectTo,
			ConnectTimeout:       s.options.AnswerTimeout,
			AnswerMargin:         s.options.AnswerTimeout,
		})
		if err != nil {
			s.returnTickets(tickets)
			return nil, c.translate(err)
		}
		open = &session{winrm: opened, tickets: tickets, account: who, credential: with, password: s.passwordOf(c.access)}
		s.sessions[who] = open
		s.open[open] = struct{}{}
	}
	open.users++
	if open.idle != nil {
		open.idle.Stop()
	}
	return open, nil
}

// release gives a session back and draws the conclusions from how the command went.
func (s *Servers) release(open *session, err error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	open.users--
	s.countRefusal(open)
	if err == nil {
		delete(s.refusals, open.password)
	}
	if open.users > 0 {
		return
	}
	if open.retired {
		s.closeInBackground(open)
		return
	}
	if open.idle == nil {
		open.idle = time.AfterFunc(s.options.IdleTimeout, func() { s.closeIdle(open) })
	} else {
		open.idle.Reset(s.options.IdleTimeout)
	}
}

// countRefusal counts a refused login once, however many waited for it, and takes its session out of use. It asks the
// session and not the command, whose caller may have left before the login was refused. The caller holds the lock.
func (s *Servers) countRefusal(open *session) {
	if open.refused || !open.winrm.LoginRefused() {
		return
	}
	open.refused = true
	s.refusals[open.password]++
	s.retire(open)
}

func (s *Servers) closeIdle(open *session) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if open.users == 0 && !open.retired {
		s.countRefusal(open)
		s.retire(open)
	}
}

// retire takes a session out of use; it is closed when its last user has left. The caller holds the lock.
func (s *Servers) retire(open *session) {
	if open.retired {
		return
	}
	open.retired = true
	if open.idle != nil {
		open.idle.Stop()
	}
	if s.sessions[open.account] == open {
		delete(s.sessions, open.account)
	}
	if open.users == 0 {
		s.closeInBackground(open)
	}
}

// closeInBackground closes a session without making anybody wait. Servers.Close waits for it. The caller holds the lock.
func (s *Servers) closeInBackground(open *session) {
	if open.closing {
		return
	}
	open.closing = true
	s.background.Go(func() {
		ctx, cancel := context.WithTimeout(s.life, closeTimeout)
		defer cancel()
		if err := open.winrm.Close(ctx); err != nil {
			s.options.Log.V(1).Info("a session was closed without goodbye", "reason", err.Error())
		}
		s.lock.Lock()
		defer s.lock.Unlock()
		delete(s.open, open)
		s.returnTickets(open.tickets)
	})
}
