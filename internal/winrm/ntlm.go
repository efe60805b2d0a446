package winrm

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"

	"github.com/bodgit/ntlmssp"
)

// The negotiate flags (MS-NLMP 2.2.2.5) without which a seal is weak or missing. Nothing protects a challenge on its way over plain
// HTTP, so a flag that is gone from it is not taken for the host's wish.
const sealingFlags = 0x00000010 | // sign
	0x00000020 | // seal
	0x00080000 | // extended session security
	0x20000000 | // 128 bits
	0x40000000 // key exchange

// challengeFlagsOffset is where a CHALLENGE message has its flags.
const challengeFlagsOffset = 20

var errWeakSeal = errors.New("the host does not agree to seal messages with 128 bits")

// handshake is one NTLM exchange: inside TLS, or one that ends with keys for sealing.
type handshake struct {
	client  *ntlmssp.Client
	sealed  bool
	binding []byte // what channelBinding names, inside TLS
}

func (c Config) newHandshake(binding []byte) (*handshake, error) {
	user, domain := c.UserName, ""
	if before, after, qualified := strings.Cut(c.UserName, `\`); qualified {
		domain, user = before, after
	}
	client, err := ntlmssp.NewClient(ntlmssp.SetUserInfo(user, c.Password), ntlmssp.SetDomain(domain), ntlmssp.SetVersion(ntlmssp.DefaultVersion()))
	if err != nil {
		return nil, err
	}
	return &handshake{client: client, sealed: c.Sealed, binding: binding}, nil
}

func (h *handshake) negotiate() ([]byte, error) {
	return h.client.Authenticate(nil, nil)
}

// answer takes the challenge and returns the last message and, for a sealed login, the keys. The library trusts lengths that anybody
// on the way may have written, so its panics are errors here.
func (h *handshake) answer(challenge []byte) (authenticate []byte, keys *ntlmssp.SecuritySession, err error) {
	defer func() {
		if recover() != nil {
			authenticate, keys, err = nil, nil, errors.New("it is malformed")
		}
	}()
	if len(challenge) < challengeFlagsOffset+4 {
		return nil, nil, errors.New("it is too short")
	}
	if h.sealed && binary.LittleEndian.Uint32(challenge[challengeFlagsOffset:])&sealingFlags != sealingFlags {
		return nil, nil, errWeakSeal
	}
	var bindings *ntlmssp.ChannelBindings
	if h.binding != nil {
		bindings = &ntlmssp.ChannelBindings{ApplicationData: h.binding}
	}
	if authenticate, err = h.client.Authenticate(challenge, bindings); err != nil {
		return nil, nil, err
	}
	if !h.sealed {
		return authenticate, nil, nil
	}
	if keys = h.client.SecuritySession(); keys == nil {
		return nil, nil, errWeakSeal
	}
	return authenticate, keys, nil
}

// beginNTLM returns an exchange and its first message.
func (l *loginExchange) beginNTLM() (exchange *handshake, negotiate []byte, failed *Error) {
	exchange, err := l.session.config.newHandshake(l.conn.binding)
	if err != nil {
		return nil, nil, l.session.failure(Protocol, "login", plain(err), err)
	}
	if negotiate, err = exchange.negotiate(); err != nil {
		return nil, nil, l.session.failure(Protocol, "login", plain(err), err)
	}
	return exchange, negotiate, nil
}

// sealed logs in a connection without TLS and returns the keys that seal what follows on it.
func (l *loginExchange) sealed(ctx context.Context) (*ntlmssp.SecuritySession, error) {
	s := l.session
	exchange, negotiate, failed := l.beginNTLM()
	if failed != nil {
		return nil, failed
	}
	// Sealing is a matter of the Negotiate scheme; servers that know the word NTLM only do not seal.
	status, offered, err := l.ask(ctx, "Negotiate "+base64.StdEncoding.EncodeToString(negotiate))
	if err != nil {
		return nil, err
	}
	if status != http.StatusUnauthorized {
		return nil, l.unexpected(status)
	}
	challenge := offered.token("Negotiate")
	if challenge == nil {
		return nil, s.notOffered(offered)
	}
	authenticate, keys, err := exchange.answer(challenge)
	if errors.Is(err, errWeakSeal) {
		return nil, s.failure(SchemeNotOffered, "login", err.Error()+"; nothing was sent to it, and nothing will be without a seal", err)
	}
	if err != nil {
		return nil, s.failure(Protocol, "login", "the host's NTLM challenge cannot be answered: "+plain(err), err)
	}
	status, _, err = l.ask(ctx, "Negotiate "+base64.StdEncoding.EncodeToString(authenticate))
	if err != nil {
		return nil, err
	}
	switch status {
	case http.StatusUnauthorized:
		return nil, s.refuse()
	case http.StatusForbidden:
		return nil, s.failure(AccessDenied, "login", "the host answered HTTP 403 to the login", nil)
	}
	// Until the first answer that is sealed with the same keys, nothing proves the host; messages are sealed all the same.
	return keys, nil
}
