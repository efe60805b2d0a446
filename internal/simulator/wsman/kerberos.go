package wsman

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/service"
	"github.com/jcmturner/gokrb5/v8/spnego"
)

// offersKerberos tells whether a token is one of Kerberos, bare or as the first choice inside SPNEGO.
func offersKerberos(token []byte) bool {
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(token, &outer); err != nil || outer.Class != asn1.ClassApplication || outer.Tag != spnegoInitialTag {
		return false
	}
	var mechanism asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(outer.Bytes, &mechanism)
	if err != nil {
		return false
	}
	if mechanism.Equal(oidSPNEGO) {
		var initial spnegoInitial
		var mechanisms []asn1.ObjectIdentifier
		if _, err := asn1.UnmarshalWithParams(rest, &initial, "explicit,tag:0"); err != nil {
			return false
		}
		if _, err := asn1.Unmarshal(initial.MechTypes.Bytes, &mechanisms); err != nil || len(mechanisms) == 0 || initial.MechToken == nil {
			return false
		}
		mechanism = mechanisms[0]
	}
	return mechanism.Equal(oidKerberos) || mechanism.Equal(oidKerberosMistyped)
}

// acceptKerberos checks a Kerberos token with the key of HTTP/<host>. The proof is complete in one step.
func (s *Server) acceptKerberos(host Host, c *connection, r *http.Request, scheme string, token []byte) verdict {
	ticket, wrapped, err := kerberosToken(token)
	if err != nil {
		return verdict{refusal: err}
	}
	if !ticket.IsAPReq() {
		return verdict{refusal: errors.New("the Kerberos token holds no AP-REQ")}
	}
	settings := service.NewSettings(s.options.Keytab, service.DecodePAC(false), service.KeytabPrincipal("HTTP/"+host.Name()))
	ok, proven, err := service.VerifyAPREQ(&ticket.APReq, settings)
	if err != nil || !ok {
		return verdict{refusal: fmt.Errorf("the Kerberos ticket is not good: %w", err)}
	}
	// The checksum of GSS-API (RFC 4121, 4.1.1): a length, the hash of the binding, flags.
	var held []byte
	if checksum := ticket.APReq.Authenticator.Cksum; checksum.CksumType == chksumtype.GSSAPI && len(checksum.Checksum) >= 24 {
		held = checksum.Checksum[4:20]
	}
	if err := s.checkBinding(r, held); err != nil {
		return verdict{refusal: err}
	}
	realm, _, _ := strings.Cut(proven.Domain(), ".")
	identity := &ntlmIdentity{user: proven.UserName(), domain: netBIOSName(realm)}
	account := accountName(identity.user, identity.domain)
	if _, known := host.Password(identity.user, identity.domain); !known {
		return verdict{refusal: fmt.Errorf("there is no account %s", account)}
	}
	if !s.options.KerberosPerRequest {
		c.identity = identity
	}
	result := verdict{account: account, proven: true}
	if wrapped {
		accepted, err := spnegoAcceptedKerberosToken()
		if err != nil {
			return verdict{refusal: err}
		}
		result.challenge = scheme + " " + base64.StdEncoding.EncodeToString(accepted)
	}
	return result
}

// kerberosToken reads a token of Kerberos, bare or inside SPNEGO. What the library makes of a damaged one is not to be trusted.
func kerberosToken(token []byte) (found spnego.KRB5Token, wrapped bool, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the Kerberos token is malformed")
		}
	}()
	var outer spnego.SPNEGOToken
	if wrapped = outer.Unmarshal(token) == nil && outer.Init; wrapped {
		token = outer.NegTokenInit.MechTokenBytes
	}
	err = found.Unmarshal(bytes.Clone(token))
	return found, wrapped, err
}
