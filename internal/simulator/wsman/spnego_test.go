package wsman

import (
	"encoding/asn1"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/bodgit/ntlmssp"
)

// exampleHost has the account of the published example.
type exampleHost struct{ Host }

func (exampleHost) Name() string                                { return "fe01.contoso.com" }
func (exampleHost) Password(user, domain string) (string, bool) { return examplePassword(user, domain) }

func marshalOrFail(t *testing.T, value any, parameters string) []byte {
	t.Helper()
	encoded, err := asn1.MarshalWithParams(value, parameters)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// initialToken is what a client begins with.
func initialToken(t *testing.T, message []byte, mechanisms ...asn1.ObjectIdentifier) []byte {
	t.Helper()
	content := marshalOrFail(t, oidSPNEGO, "")
	content = append(content, marshalOrFail(t, struct {
		MechTypes []asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
		MechToken []byte                  `asn1:"explicit,optional,omitempty,tag:2"`
	}{mechanisms, message}, "explicit,tag:0")...)
	return marshalOrFail(t, asn1.RawValue{Class: asn1.ClassApplication, Tag: spnegoInitialTag, IsCompound: true, Bytes: content}, "")
}

// laterToken is what a client goes on with.
func laterToken(t *testing.T, message, mic []byte) []byte {
	t.Helper()
	return marshalOrFail(t, struct {
		ResponseToken []byte `asn1:"explicit,optional,omitempty,tag:2"`
		MechListMIC   []byte `asn1:"explicit,optional,omitempty,tag:3"`
	}{message, mic}, "explicit,tag:1")
}

// answerToken takes apart what the server answered.
func answerToken(t *testing.T, result verdict) (state asn1.Enumerated, message, mic []byte) {
	t.Helper()
	encoded, found := strings.CutPrefix(result.challenge, "Negotiate ")
	if !found || result.refusal != nil {
		t.Fatalf("challenge %q, refusal %v", result.challenge, result.refusal)
	}
	token, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(token, &outer); err != nil {
		t.Fatal(err)
	}
	var received spnegoReceived
	if _, err := asn1.Unmarshal(outer.Bytes, &received); err != nil {
		t.Fatal(err)
	}
	return received.NegState, received.ResponseToken, received.MechListMIC
}

func TestNTLMInsideSPNEGO(t *testing.T) {
	for name, test := range map[string]struct {
		mechanisms []asn1.ObjectIdentifier
		signed     bool // the client signs its list of mechanisms
		forged     bool
	}{
		"NTLM first":                     {mechanisms: []asn1.ObjectIdentifier{oidNTLM}},
		"NTLM first, list signed":        {mechanisms: []asn1.ObjectIdentifier{oidNTLM, oidKerberos}, signed: true},
		"NTLM after a guess at Kerberos": {mechanisms: []asn1.ObjectIdentifier{oidKerberos, oidNTLM}, signed: true},
		"list shortened on the way":      {mechanisms: []asn1.ObjectIdentifier{oidNTLM}, signed: true, forged: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := NewHandler(nil, Options{AllowNTLM: true})
			defer server.Close()
			c := &connection{}
			client, err := ntlmssp.NewClient(ntlmssp.SetUserInfo("User", "Password"), ntlmssp.SetDomain("Domain"), ntlmssp.SetVersion(ntlmssp.DefaultVersion()))
			if err != nil {
				t.Fatal(err)
			}
			negotiate, err := client.Authenticate(nil, nil)
			if err != nil {
				t.Fatal(err)
			}

			result := server.negotiate(exampleHost{}, c, &http.Request{}, "Negotiate", initialToken(t, negotiate, test.mechanisms...))
			state, challenge, _ := answerToken(t, result)
			if !test.mechanisms[0].Equal(oidNTLM) {
				if state != spnegoIncomplete || len(challenge) != 0 {
					t.Fatalf("state %d and a challenge of %d bytes for another mechanism's token", state, len(challenge))
				}
				state, challenge, _ = answerToken(t, server.negotiate(exampleHost{}, c, &http.Request{}, "Negotiate", laterToken(t, negotiate, nil)))
			}
			if state != spnegoIncomplete || result.account != "" {
				t.Fatalf("state %d, account %q before any proof", state, result.account)
			}
			authenticate, err := client.Authenticate(challenge, nil)
			if err != nil {
				t.Fatal(err)
			}
			var mic []byte
			if test.signed {
				identity, err := c.handshake.finish(authenticate, examplePassword)
				if err != nil {
					t.Fatal(err)
				}
				list := c.mechList
				if test.forged {
					list = append([]byte{0}, list...)
				}
				mic = identity.receive.sign(list)
			}

			result = server.negotiate(exampleHost{}, c, &http.Request{}, "Negotiate", laterToken(t, authenticate, mic))
			if test.forged {
				if result.account != "" || result.refusal == nil {
					t.Fatalf("account %q, refusal %v", result.account, result.refusal)
				}
				return
			}
			state, _, serverMIC := answerToken(t, result)
			if state != spnegoAccepted || result.account != `Domain\User` || !result.proven {
				t.Errorf("state %d, %+v", state, result)
			}
			if (serverMIC != nil) != test.signed {
				t.Errorf("the server's signature has %d bytes", len(serverMIC))
			}
			if !test.signed {
				sealed, signature, err := client.SecuritySession().Wrap([]byte("question"))
				if err != nil {
					t.Fatal(err)
				}
				if plain, err := c.identity.receive.unseal(sealed, signature); err != nil || string(plain) != "question" {
					t.Errorf("received %q, %v", plain, err)
				}
			}
		})
	}
}

func TestSPNEGORefuses(t *testing.T) {
	negotiate := append([]byte(ntlmSignature), make([]byte, 32)...)
	for name, token := range map[string][]byte{
		"Kerberos only":  initialToken(t, negotiate, oidKerberos),
		"no ASN.1":       []byte("Hello?"),
		"nothing":        nil,
		"cut short":      initialToken(t, negotiate, oidNTLM)[:20],
		"other sequence": marshalOrFail(t, []int{1, 2}, ""),
	} {
		if parsed, err := parseSPNEGO(token); err == nil {
			t.Errorf("%s was taken for %+v", name, parsed)
		}
	}
}
