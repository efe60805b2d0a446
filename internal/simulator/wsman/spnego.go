package wsman

import (
	"crypto/hmac"
	"encoding/asn1"
	"errors"
	"fmt"
)

var (
	oidSPNEGO = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 2}
	oidNTLM   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 2, 10}

	oidKerberos = asn1.ObjectIdentifier{1, 2, 840, 113554, 1, 2, 2}
	// oidKerberosMistyped is what Windows 2000 wrote for Kerberos, and later Windows offers too.
	oidKerberosMistyped = asn1.ObjectIdentifier{1, 2, 840, 48018, 1, 2, 2}
)

// The states of a negotiation (RFC 4178, 4.2.2).
const (
	spnegoAccepted   asn1.Enumerated = 0
	spnegoIncomplete asn1.Enumerated = 1
)

const (
	spnegoInitialTag  = 0 // [APPLICATION 0], the frame of the first token
	spnegoResponseTag = 1 // [1], each later token
)

// spnegoInitial is NegTokenInit. The mechanism list is kept raw because a signature covers its bytes.
type spnegoInitial struct {
	MechTypes   asn1.RawValue  `asn1:"explicit,tag:0"`
	ReqFlags    asn1.BitString `asn1:"explicit,optional,tag:1"`
	MechToken   []byte         `asn1:"explicit,optional,tag:2"`
	MechListMIC []byte         `asn1:"explicit,optional,tag:3"`
}

// spnegoReceived is NegTokenResp as a client sends it.
type spnegoReceived struct {
	NegState      asn1.Enumerated       `asn1:"explicit,optional,tag:0"`
	SupportedMech asn1.ObjectIdentifier `asn1:"explicit,optional,tag:1"`
	ResponseToken []byte                `asn1:"explicit,optional,tag:2"`
	MechListMIC   []byte                `asn1:"explicit,optional,tag:3"`
}

var errSPNEGOMalformed = errors.New("the SPNEGO token is malformed, or does not offer NTLM")

// spnegoToken is what a client's token held, whichever of the two forms it had.
type spnegoToken struct {
	// mechList is the client's list of mechanisms as it was encoded; nil in all but the first token.
	mechList []byte
	// ntlm is the NTLM message inside; nil when the client has guessed at another mechanism.
	ntlm []byte
	// mechListMIC is the client's signature of its own list, in its last token.
	mechListMIC []byte
}

func parseSPNEGO(token []byte) (spnegoToken, error) {
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(token, &outer); err != nil {
		return spnegoToken{}, fmt.Errorf("%w: %w", errSPNEGOMalformed, err)
	}
	switch {
	case outer.Class == asn1.ClassApplication && outer.Tag == spnegoInitialTag:
		return parseSPNEGOInitial(outer.Bytes)
	case outer.Class == asn1.ClassContextSpecific && outer.Tag == spnegoResponseTag:
		var received spnegoReceived
		if _, err := asn1.Unmarshal(outer.Bytes, &received); err != nil {
			return spnegoToken{}, fmt.Errorf("%w: %w", errSPNEGOMalformed, err)
		}
		return spnegoToken{ntlm: received.ResponseToken, mechListMIC: received.MechListMIC}, nil
	default:
		return spnegoToken{}, errSPNEGOMalformed
	}
}

func parseSPNEGOInitial(content []byte) (spnegoToken, error) {
	var mechanism asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(content, &mechanism)
	if err != nil || !mechanism.Equal(oidSPNEGO) {
		return spnegoToken{}, errSPNEGOMalformed
	}
	var initial spnegoInitial
	if _, err := asn1.UnmarshalWithParams(rest, &initial, "explicit,tag:0"); err != nil {
		return spnegoToken{}, fmt.Errorf("%w: %w", errSPNEGOMalformed, err)
	}
	var mechanisms []asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(initial.MechTypes.Bytes, &mechanisms); err != nil {
		return spnegoToken{}, fmt.Errorf("%w: %w", errSPNEGOMalformed, err)
	}
	for i, mechanism := range mechanisms {
		if !mechanism.Equal(oidNTLM) {
			continue
		}
		parsed := spnegoToken{mechList: initial.MechTypes.Bytes}
		if i == 0 {
			parsed.ntlm = initial.MechToken
		}
		return parsed, nil
	}
	return spnegoToken{}, errSPNEGOMalformed
}

// spnegoIncompleteToken chooses NTLM and carries the challenge, if there is one yet.
func spnegoIncompleteToken(challenge []byte) ([]byte, error) {
	return marshalSPNEGO(struct {
		NegState      asn1.Enumerated       `asn1:"explicit,tag:0"`
		SupportedMech asn1.ObjectIdentifier `asn1:"explicit,tag:1"`
		ResponseToken []byte                `asn1:"explicit,optional,omitempty,tag:2"`
	}{spnegoIncomplete, oidNTLM, challenge})
}

// spnegoAcceptedKerberosToken ends the negotiation of a client that has proven itself with Kerberos. It holds no proof of the
// server's in return.
func spnegoAcceptedKerberosToken() ([]byte, error) {
	return marshalSPNEGO(struct {
		NegState      asn1.Enumerated       `asn1:"explicit,tag:0"`
		SupportedMech asn1.ObjectIdentifier `asn1:"explicit,tag:1"`
	}{spnegoAccepted, oidKerberos})
}

// spnegoAcceptedToken ends the negotiation. With a signature of the client's it proves that nobody has shortened the list of
// mechanisms, signs the list in turn, and starts the key streams again.
func spnegoAcceptedToken(identity *ntlmIdentity, mechList, clientMIC []byte) ([]byte, error) {
	var serverMIC []byte
	if clientMIC != nil {
		if identity.receive == nil || !hmac.Equal(identity.receive.sign(mechList), clientMIC) {
			return nil, errMessageAltered
		}
		serverMIC = identity.send.sign(mechList)
		identity.receive.resetCipher()
		identity.send.resetCipher()
	}
	return marshalSPNEGO(struct {
		NegState    asn1.Enumerated `asn1:"explicit,tag:0"`
		MechListMIC []byte          `asn1:"explicit,optional,omitempty,tag:3"`
	}{spnegoAccepted, serverMIC})
}

func marshalSPNEGO(response any) ([]byte, error) {
	return asn1.MarshalWithParams(response, "explicit,tag:1")
}
