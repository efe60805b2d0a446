package wsman

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// verdict is what the credentials of a request have led to.
type verdict struct {
	// account is the proven account; empty means an answer of HTTP 401.
	account string
	// challenge is a WWW-Authenticate line that goes with the answer. Without it a 401 lists the schemes that are offered.
	challenge string
	// proven says that this request brought a proof, and did not rely on that of its connection.
	proven bool
	// refusal says for the log why credentials were refused.
	refusal error
}

// authenticate finds out who sent a request. An empty request without credentials is how clients ask for a new handshake, even
// on a connection whose other end is known.
func (s *Server) authenticate(host Host, c *connection, r *http.Request, empty bool) verdict {
	header := r.Header.Get("Authorization")
	if header == "" {
		if c.identity == nil || empty {
			c.forget()
			return verdict{}
		}
		return verdict{account: accountName(c.identity.user, c.identity.domain)}
	}
	if strings.EqualFold(strings.TrimSpace(header), certificateScheme) {
		c.forget()
		return s.acceptCertificate(host, r)
	}
	scheme, credentials, _ := strings.Cut(header, " ")
	token, err := base64.StdEncoding.DecodeString(strings.TrimSpace(credentials))
	if err != nil {
		c.forget()
		return verdict{refusal: fmt.Errorf("the credentials are not Base64: %w", err)}
	}
	switch {
	case strings.EqualFold(scheme, "Basic") && s.basicAllowed(r):
		c.forget()
		return checkBasic(host, string(token))
	case s.options.Keytab != nil && (strings.EqualFold(scheme, "Kerberos") || strings.EqualFold(scheme, "Negotiate") && offersKerberos(token)):
		c.forget()
		return s.acceptKerberos(host, c, r, scheme, token)
	case s.options.AllowNTLM && (strings.EqualFold(scheme, "Negotiate") || strings.EqualFold(scheme, "NTLM")):
		result := s.negotiate(host, c, r, scheme, token)
		if result.refusal != nil {
			c.forget()
		}
		return result
	default:
		c.forget()
		return verdict{refusal: fmt.Errorf("the scheme %q is not offered here", scheme)}
	}
}

// offeredSchemes are the WWW-Authenticate lines of a 401.
func (s *Server) offeredSchemes(r *http.Request) []string {
	var schemes []string
	if s.options.AllowNTLM || s.options.Keytab != nil {
		schemes = append(schemes, "Negotiate")
	}
	if s.options.Keytab != nil {
		schemes = append(schemes, "Kerberos")
	}
	if s.basicAllowed(r) {
		schemes = append(schemes, `Basic realm="WSMAN"`)
	}
	if s.options.ClientAuthorities != nil && r.TLS != nil {
		schemes = append(schemes, certificateScheme)
	}
	return schemes
}

func (s *Server) basicAllowed(r *http.Request) bool {
	return s.options.AllowBasic && r.TLS != nil || s.options.BasicOverPlainHTTP
}

func checkBasic(host Host, credentials string) verdict {
	name, given, _ := strings.Cut(credentials, ":")
	user, domain := name, ""
	if before, after, qualified := strings.Cut(name, `\`); qualified {
		domain, user = before, after
	}
	password, known := host.Password(user, domain)
	if !known || subtle.ConstantTimeCompare([]byte(given), []byte(password)) != 1 {
		return verdict{refusal: fmt.Errorf("the account %s or its password is wrong", accountName(user, domain))}
	}
	return verdict{account: accountName(user, domain), proven: true}
}

// negotiate takes one step of an NTLM handshake, whose messages may come bare or inside SPNEGO.
func (s *Server) negotiate(host Host, c *connection, r *http.Request, scheme string, token []byte) verdict {
	message, wrapped := token, false
	var parsed spnegoToken
	if ntlmMessageType(token) == 0 {
		var err error
		if parsed, err = parseSPNEGO(token); err != nil {
			return verdict{refusal: err}
		}
		message, wrapped = parsed.ntlm, true
		if parsed.mechList != nil {
			c.forget()
			c.mechList = parsed.mechList
		}
		if message == nil {
			return challengeSPNEGO(scheme, nil)
		}
	}

	switch ntlmMessageType(message) {
	case ntlmTypeNegotiate:
		mechList := c.mechList
		c.forget()
		serverChallenge := make([]byte, 8)
		if _, err := rand.Read(serverChallenge); err != nil {
			return verdict{refusal: err}
		}
		handshake, err := beginNTLM(message, ntlmNamesOf(host.Name()), serverChallenge, time.Now())
		if err != nil {
			return verdict{refusal: err}
		}
		c.handshake = handshake
		if wrapped {
			c.mechList = mechList
			return challengeSPNEGO(scheme, handshake.challenge)
		}
		return verdict{challenge: scheme + " " + base64.StdEncoding.EncodeToString(handshake.challenge)}

	case ntlmTypeAuthenticate:
		if c.handshake == nil {
			return verdict{refusal: fmt.Errorf("%w: no challenge was given on this connection", errNTLMMalformed)}
		}
		identity, err := c.handshake.finish(message, host.Password)
		if err != nil {
			return verdict{refusal: err}
		}
		if err := s.checkBinding(r, identity.channelBinding); err != nil {
			return verdict{refusal: err}
		}
		result := verdict{account: accountName(identity.user, identity.domain), proven: true}
		if wrapped {
			accepted, err := spnegoAcceptedToken(identity, c.mechList, parsed.mechListMIC)
			if err != nil {
				return verdict{refusal: err}
			}
			result.challenge = scheme + " " + base64.StdEncoding.EncodeToString(accepted)
		}
		c.forget()
		c.identity = identity
		return result

	default:
		return verdict{refusal: errNTLMMalformed}
	}
}

func challengeSPNEGO(scheme string, challenge []byte) verdict {
	token, err := spnegoIncompleteToken(challenge)
	if err != nil {
		return verdict{refusal: err}
	}
	return verdict{challenge: scheme + " " + base64.StdEncoding.EncodeToString(token)}
}
