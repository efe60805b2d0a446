package lync

import (
	"lyncops.dev/operator/internal/kerberos"
)

// tickets are the Kerberos tickets of one account, which all its sessions share: the KDC is asked once for the account and once for
// each server. Servers.lock guards the number of sessions.
type tickets struct {
	shared     *kerberos.Tickets
	credential credential
	sessions   int
}

// kerberos is nil where there are none.
func (t *tickets) kerberos() *kerberos.Tickets {
	if t == nil {
		return nil
	}
	return t.shared
}

// shareTickets finds or makes the tickets for a new session; nil when the scheme is not Kerberos. The caller holds the lock.
func (s *Servers) shareTickets(c call) (*tickets, *Error) {
	if c.access.Authentication != AuthenticationKerberos {
		return nil, nil
	}
	with := credential(s.hashOf("tickets", c.access.UserName, c.access.Password, c.access.Kerberos.Realm,
		string(c.access.Kerberos.Keytab), c.access.Kerberos.Configuration))
	found := s.tickets[with]
	if found == nil {
		shared, err := kerberos.New(kerberos.Account{
			UserName: c.access.UserName, Realm: c.access.Kerberos.Realm, Password: c.access.Password,
			Keytab: c.access.Kerberos.Keytab, Configuration: c.access.Kerberos.Configuration,
		})
		if err != nil {
			return nil, c.failureWithRemedy(KindLoginRefused, "Kerberos cannot be used: "+err.Error(),
				"correct the credentials Secret, connection.kerberos or the krb5.conf that it names", nil)
		}
		found = &tickets{shared: shared, credential: with}
		s.tickets[with] = found
	}
	found.sessions++
	return found, nil
}

// returnTickets forgets tickets that no session needs any more. The caller holds the lock.
func (s *Servers) returnTickets(used *tickets) {
	if used == nil {
		return
	}
	if used.sessions--; used.sessions > 0 {
		return
	}
	delete(s.tickets, used.credential)
	s.background.Go(used.shared.Close) // may wait for a KDC
}
