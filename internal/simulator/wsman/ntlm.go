package wsman

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

type ntlmFlags uint32

// The negotiate flags of MS-NLMP 2.2.2.5 that this server knows.
const (
	ntlmUnicode                 ntlmFlags = 0x00000001
	ntlmOEM                     ntlmFlags = 0x00000002
	ntlmRequestTarget           ntlmFlags = 0x00000004
	ntlmSign                    ntlmFlags = 0x00000010
	ntlmSeal                    ntlmFlags = 0x00000020
	ntlmNTLM                    ntlmFlags = 0x00000200
	ntlmAlwaysSign              ntlmFlags = 0x00008000
	ntlmTargetTypeDomain        ntlmFlags = 0x00010000
	ntlmExtendedSessionSecurity ntlmFlags = 0x00080000
	ntlmTargetInfo              ntlmFlags = 0x00800000
	ntlmVersion                 ntlmFlags = 0x02000000
	ntlm128                     ntlmFlags = 0x20000000
	ntlmKeyExchange             ntlmFlags = 0x40000000
	ntlm56                      ntlmFlags = 0x80000000
)

// ntlmOnRequest are the flags that are granted when the client asks for them, and not otherwise: some clients refuse a
// challenge with a flag that they do not know.
const ntlmOnRequest = ntlmUnicode | ntlmOEM | ntlmRequestTarget | ntlmSign | ntlmSeal | ntlmAlwaysSign |
	ntlmExtendedSessionSecurity | ntlmVersion | ntlm128 | ntlmKeyExchange | ntlm56

func (f ntlmFlags) has(flag ntlmFlags) bool { return f&flag != 0 }

// The attribute ids of MS-NLMP 2.2.2.1 that matter here.
const (
	attributeEnd                 = 0
	attributeNetBIOSComputerName = 1
	attributeNetBIOSDomainName   = 2
	attributeDNSComputerName     = 3
	attributeDNSDomainName       = 4
	attributeDNSTreeName         = 5
	attributeFlags               = 6
	attributeTimestamp           = 7
	attributeChannelBinding      = 10

	attributeFlagMICPresent = 2
)

const (
	ntlmSignature        = "NTLMSSP\x00"
	ntlmTypeNegotiate    = 1
	ntlmTypeChallenge    = 2
	ntlmTypeAuthenticate = 3

	ntlmMICOffset = 72
	ntlmMICLength = 16
	// ntlmAttributesOffset is where the attributes begin in what follows the proof of an NTLMv2 response.
	ntlmAttributesOffset = 28
)

// windows2012R2Version is the version structure of 6.3.9600, NTLM revision 15.
var windows2012R2Version = []byte{6, 3, 0x80, 0x25, 0, 0, 0, 15}

var errNTLMMalformed = errors.New("the NTLM message is malformed")

// ntlmMessageType is 0 where the token is no NTLM message.
func ntlmMessageType(token []byte) uint32 {
	if len(token) < 12 || string(token[:8]) != ntlmSignature {
		return 0
	}
	return binary.LittleEndian.Uint32(token[8:])
}

// ntlmNames are the names by which a server introduces itself.
type ntlmNames struct {
	dnsComputer, dnsDomain, netBIOSComputer, netBIOSDomain string
}

// ntlmNamesOf derives the names from a fully qualified one: fe01.contoso.com is FE01 of the domain CONTOSO. A name without
// domain is a machine that stands alone.
func ntlmNamesOf(fqdn string) ntlmNames {
	computer, domain, joined := strings.Cut(fqdn, ".")
	names := ntlmNames{dnsComputer: fqdn, dnsDomain: domain, netBIOSComputer: netBIOSName(computer)}
	if !joined {
		names.dnsDomain = fqdn
		names.netBIOSDomain = names.netBIOSComputer
		return names
	}
	first, _, _ := strings.Cut(domain, ".")
	names.netBIOSDomain = netBIOSName(first)
	return names
}

func netBIOSName(label string) string {
	const longest = 15
	return strings.ToUpper(label[:min(len(label), longest)])
}

// ntlmHandshake is the server's side of one NTLM exchange. It is good for one attempt.
type ntlmHandshake struct {
	negotiate       []byte
	challenge       []byte
	serverChallenge []byte
}

// ntlmIdentity is a proven identity together with the session that the proof has opened.
type ntlmIdentity struct {
	user, domain string
	// channelBinding is what the client holds its TLS connection to be; nil when it says nothing.
	channelBinding []byte
	// receive and send are nil when the client wanted neither signatures nor sealing.
	receive, send *sealingDirection
}

// beginNTLM answers a NEGOTIATE message with a CHALLENGE message. The server challenge has 8 bytes.
func beginNTLM(negotiate []byte, names ntlmNames, serverChallenge []byte, now time.Time) (*ntlmHandshake, error) {
	if ntlmMessageType(negotiate) != ntlmTypeNegotiate || len(negotiate) < 16 {
		return nil, fmt.Errorf("%w: a NEGOTIATE message was expected", errNTLMMalformed)
	}
	asked := ntlmFlags(binary.LittleEndian.Uint32(negotiate[12:]))
	flags := asked&ntlmOnRequest | ntlmNTLM | ntlmTargetInfo | ntlmTargetTypeDomain | ntlmRequestTarget
	if flags.has(ntlmUnicode) {
		flags &^= ntlmOEM
	}
	target := utf16LittleEndian(names.netBIOSDomain)
	if !flags.has(ntlmUnicode) {
		flags |= ntlmOEM
		target = []byte(names.netBIOSDomain)
	}

	var attributes []byte
	for _, attribute := range []struct {
		id   uint16
		name string
	}{
		{attributeNetBIOSDomainName, names.netBIOSDomain},
		{attributeNetBIOSComputerName, names.netBIOSComputer},
		{attributeDNSDomainName, names.dnsDomain},
		{attributeDNSComputerName, names.dnsComputer},
		{attributeDNSTreeName, names.dnsDomain},
	} {
		attributes = appendAttribute(attributes, attribute.id, utf16LittleEndian(attribute.name))
	}
	attributes = appendAttribute(attributes, attributeTimestamp, binary.LittleEndian.AppendUint64(nil, windowsFileTime(now)))
	attributes = appendAttribute(attributes, attributeEnd, nil)

	const headerLength = 56
	challenge := make([]byte, 0, headerLength+len(target)+len(attributes))
	challenge = append(challenge, ntlmSignature...)
	challenge = binary.LittleEndian.AppendUint32(challenge, ntlmTypeChallenge)
	challenge = appendField(challenge, len(target), headerLength)
	challenge = binary.LittleEndian.AppendUint32(challenge, uint32(flags))
	challenge = append(challenge, serverChallenge...)
	challenge = append(challenge, make([]byte, 8)...)
	challenge = appendField(challenge, len(attributes), headerLength+len(target))
	challenge = append(challenge, windows2012R2Version...)
	challenge = append(challenge, target...)
	challenge = append(challenge, attributes...)
	return &ntlmHandshake{negotiate: bytes.Clone(negotiate), challenge: challenge, serverChallenge: bytes.Clone(serverChallenge)}, nil
}

func appendAttribute(attributes []byte, id uint16, value []byte) []byte {
	attributes = binary.LittleEndian.AppendUint16(attributes, id)
	attributes = binary.LittleEndian.AppendUint16(attributes, uint16(len(value))) //nolint:gosec // Names of a few dozen bytes.
	return append(attributes, value...)
}

func appendField(message []byte, length, offset int) []byte {
	message = binary.LittleEndian.AppendUint16(message, uint16(length)) //nolint:gosec // As above.
	message = binary.LittleEndian.AppendUint16(message, uint16(length)) //nolint:gosec // As above.
	return binary.LittleEndian.AppendUint32(message, uint32(offset))    //nolint:gosec // As above.
}

// windowsFileTime counts the 100 ns steps since 1601.
func windowsFileTime(t time.Time) uint64 {
	const from1601To1970 = 116444736000000000
	return uint64(t.UnixNano()/100 + from1601To1970)
}

// finish checks an AUTHENTICATE message against the password. The error says what was wrong without quoting the message.
func (h *ntlmHandshake) finish(message []byte, passwordOf func(user, domain string) (string, bool)) (*ntlmIdentity, error) {
	if ntlmMessageType(message) != ntlmTypeAuthenticate || len(message) < 64 {
		return nil, fmt.Errorf("%w: an AUTHENTICATE message was expected", errNTLMMalformed)
	}
	ntResponse, err1 := field(message, 20)
	domainField, err2 := field(message, 28)
	userField, err3 := field(message, 36)
	encryptedSessionKey, err4 := field(message, 52)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	flags := ntlmFlags(binary.LittleEndian.Uint32(message[60:]))
	identity := &ntlmIdentity{user: ntlmText(flags, userField), domain: ntlmText(flags, domainField)}
	if identity.user == "" {
		return nil, errors.New("the client is anonymous")
	}
	const proofLength = 16
	if len(ntResponse) < proofLength+ntlmAttributesOffset {
		return nil, errors.New("the client answered with NTLM version 1 or LM, which are refused")
	}
	password, known := passwordOf(identity.user, identity.domain)
	if !known {
		return nil, fmt.Errorf("there is no account %s", accountName(identity.user, identity.domain))
	}
	key := ntowfV2(identity.user, identity.domain, password)
	proof, temp := ntResponse[:proofLength], ntResponse[proofLength:]
	if !hmac.Equal(hmacMD5(key, h.serverChallenge, temp), proof) {
		return nil, fmt.Errorf("the password of account %s is wrong", accountName(identity.user, identity.domain))
	}

	exportedSessionKey := hmacMD5(key, proof)
	if flags.has(ntlmKeyExchange) {
		if len(encryptedSessionKey) != len(exportedSessionKey) {
			return nil, fmt.Errorf("%w: the session key has a wrong length", errNTLMMalformed)
		}
		exchanged := make([]byte, len(encryptedSessionKey))
		newRC4(exportedSessionKey).XORKeyStream(exchanged, encryptedSessionKey)
		exportedSessionKey = exchanged
	}
	identity.channelBinding = findAttribute(temp[ntlmAttributesOffset:], attributeChannelBinding)
	if micPromised(temp[ntlmAttributesOffset:]) {
		if err := h.checkMIC(message, exportedSessionKey); err != nil {
			return nil, err
		}
	}
	if flags.has(ntlmSign | ntlmSeal) {
		identity.receive = newSealingDirection(flags, exportedSessionKey, ntlmClientSide)
		identity.send = newSealingDirection(flags, exportedSessionKey, ntlmServerSide)
	}
	return identity, nil
}

func (h *ntlmHandshake) checkMIC(message, exportedSessionKey []byte) error {
	if len(message) < ntlmMICOffset+ntlmMICLength {
		return fmt.Errorf("%w: the promised integrity code is missing", errNTLMMalformed)
	}
	unsigned := bytes.Clone(message)
	clear(unsigned[ntlmMICOffset : ntlmMICOffset+ntlmMICLength])
	code := hmacMD5(exportedSessionKey, h.negotiate, h.challenge, unsigned)
	if !hmac.Equal(code, message[ntlmMICOffset:ntlmMICOffset+ntlmMICLength]) {
		return errors.New("the NTLM handshake was altered on its way")
	}
	return nil
}

// field reads the part of a message to which the eight bytes at an offset point.
func field(message []byte, offset int) ([]byte, error) {
	length := uint64(binary.LittleEndian.Uint16(message[offset:]))
	start := uint64(binary.LittleEndian.Uint32(message[offset+4:]))
	if length == 0 {
		return nil, nil
	}
	if start+length > uint64(len(message)) {
		return nil, fmt.Errorf("%w: a field points past its end", errNTLMMalformed)
	}
	return message[start : start+length], nil
}

func ntlmText(flags ntlmFlags, encoded []byte) string {
	if flags.has(ntlmUnicode) {
		return fromUTF16LittleEndian(encoded)
	}
	return string(encoded)
}

// micPromised looks for the client's own mark, inside what the proof covers, that its message carries an integrity code.
func micPromised(attributes []byte) bool {
	flags := findAttribute(attributes, attributeFlags)
	return len(flags) == 4 && binary.LittleEndian.Uint32(flags)&attributeFlagMICPresent != 0
}

// findAttribute gives the value of an attribute, or nil.
func findAttribute(attributes []byte, wanted uint16) []byte {
	for len(attributes) >= 4 {
		id := binary.LittleEndian.Uint16(attributes)
		length := int(binary.LittleEndian.Uint16(attributes[2:]))
		if id == attributeEnd || len(attributes) < 4+length {
			return nil
		}
		if id == wanted {
			return attributes[4 : 4+length]
		}
		attributes = attributes[4+length:]
	}
	return nil
}

func accountName(user, domain string) string {
	if domain == "" {
		return user
	}
	return domain + `\` + user
}
