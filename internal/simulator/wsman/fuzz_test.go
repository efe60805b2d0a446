package wsman

import (
	"bytes"
	"testing"
	"time"
)

// What comes before authentication must survive anything that a stranger sends.

func FuzzNTLMMessages(f *testing.F) {
	f.Add(make([]byte, 64))
	f.Add(append([]byte(ntlmSignature), bytes.Repeat([]byte{3, 0, 0, 0}, 40)...))
	f.Fuzz(func(t *testing.T, message []byte) {
		handshake, err := beginNTLM(message, ntlmNamesOf("fe01.contoso.com"), make([]byte, 8), time.Unix(0, 0))
		if err == nil && ntlmMessageType(handshake.challenge) != ntlmTypeChallenge {
			t.Errorf("the challenge is %x", handshake.challenge)
		}
		if identity, err := exampleHandshake(t).finish(message, examplePassword); err == nil {
			t.Errorf("%s was let in", identity.user)
		}
	})
}

func FuzzSPNEGO(f *testing.F) {
	f.Add([]byte{0x60, 0x1c, 0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02})
	f.Add([]byte{0xa1, 0x07, 0x30, 0x05, 0xa2, 0x03, 0x04, 0x01, 0x4e})
	f.Fuzz(func(t *testing.T, token []byte) {
		if parsed, err := parseSPNEGO(token); err != nil && parsed.ntlm != nil {
			t.Error("a refused token has led to a message")
		}
	})
}

func FuzzSealed(f *testing.F) {
	key := bytes.Repeat([]byte{0x55}, 16)
	flags := ntlmSign | ntlmSeal | ntlmExtendedSessionSecurity | ntlm128 | ntlmKeyExchange
	f.Add(makeSealed([]byte("<message/>"), newSealingDirection(flags, key, ntlmServerSide)))
	f.Fuzz(func(t *testing.T, body []byte) {
		if plain, err := openSealed(body, newSealingDirection(flags, key, ntlmClientSide)); err == nil && len(plain) > 0 {
			t.Errorf("%q was opened without its key", plain)
		}
	})
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body/></s:Envelope>`))
	f.Fuzz(func(t *testing.T, message []byte) {
		parsed, err := parseEnvelope(message)
		if err != nil {
			return
		}
		if timeout := parsed.Header.timeout(time.Minute); timeout < 0 || timeout > time.Minute {
			t.Errorf("the timeout is %v", timeout)
		}
		if size, ok := parsed.Header.envelopeBytes(1 << 19); ok && (size < minimumEnvelopeBytes || size > 1<<19) {
			t.Errorf("the envelope may have %d bytes", size)
		}
	})
}
