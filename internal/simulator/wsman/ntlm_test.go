package wsman

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/bodgit/ntlmssp"
	"github.com/google/go-cmp/cmp"
)

// The published NTLMv2 example, MS-NLMP 4.2.4: user "User", domain "Domain", password "Password".
const (
	exampleServerChallenge = "0123456789abcdef"
	exampleChallenge       = "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef000000000000000024002400440000000600" +
		"70170000000f53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000"
	exampleAuthenticate = "4e544c4d5353500003000000180018006c00000054005400840000000c000c00480000000800080054000000100010005c000000" +
		"10001000d8000000358288e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d0050005500540045005200" +
		"86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa" +
		"68cd0ab851e51c96aabc927bebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d006100" +
		"69006e0001000c005300650072007600650072000000000000000000" + "c5dad2544fc9799094ce1ce90bc9d03e"
	exampleClientSealKey = "59f600973cc4960a25480a7c196e4c58"
	exampleClientSignKey = "4788dc861b4782f35d43fd98fe1a2d39"
	exampleSealed        = "54e50165bf1936dc996020c1811b0f06fb5f"
	exampleSignature     = "010000007fb38ec5c55d497600000000"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	decoded, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func exampleHandshake(t *testing.T) *ntlmHandshake {
	return &ntlmHandshake{challenge: unhex(t, exampleChallenge), serverChallenge: unhex(t, exampleServerChallenge)}
}

func examplePassword(user, domain string) (string, bool) {
	return "Password", user == "User" && domain == "Domain"
}

func TestNTLMKeyOfPublishedExample(t *testing.T) {
	if got := hex.EncodeToString(ntowfV2("User", "Domain", "Password")); got != "0c868a403bfd7a93a3001ef22ef02e3f" {
		t.Errorf("NTOWFv2 = %s", got)
	}
}

func TestNTLMPublishedExampleIsAccepted(t *testing.T) {
	identity, err := exampleHandshake(t).finish(unhex(t, exampleAuthenticate), examplePassword)
	if err != nil {
		t.Fatal(err)
	}
	if identity.user != "User" || identity.domain != "Domain" {
		t.Errorf("identity is %s of %s", identity.user, identity.domain)
	}
	keys := map[string]string{
		"seal": hex.EncodeToString(identity.receive.sealingKey), "sign": hex.EncodeToString(identity.receive.signingKey),
	}
	if diff := cmp.Diff(map[string]string{"seal": exampleClientSealKey, "sign": exampleClientSignKey}, keys); diff != "" {
		t.Errorf("keys (-published +ours):\n%s", diff)
	}
	plain, err := identity.receive.unseal(unhex(t, exampleSealed), unhex(t, exampleSignature))
	if err != nil {
		t.Fatal(err)
	}
	if got := fromUTF16LittleEndian(plain); got != "Plaintext" {
		t.Errorf("unsealed %q", got)
	}
}

func TestNTLMSealsAsPublished(t *testing.T) {
	identity, err := exampleHandshake(t).finish(unhex(t, exampleAuthenticate), examplePassword)
	if err != nil {
		t.Fatal(err)
	}
	sealed, signature := identity.receive.seal(utf16LittleEndian("Plaintext"))
	if hex.EncodeToString(sealed) != exampleSealed || hex.EncodeToString(signature) != exampleSignature {
		t.Errorf("sealed %x, signature %x", sealed, signature)
	}
}

func TestNTLMNamesMayBeOEM(t *testing.T) {
	const flagsOffset, domainOffset, userOffset = 60, 28, 36
	message := unhex(t, exampleAuthenticate)
	end := len(message)
	message[flagsOffset] = message[flagsOffset]&^byte(ntlmUnicode) | byte(ntlmOEM)
	copy(message[domainOffset:], appendField(nil, len("Domain"), end))
	copy(message[userOffset:], appendField(nil, len("User"), end+len("Domain")))
	identity, err := exampleHandshake(t).finish(append(message, "DomainUser"...), examplePassword)
	if err != nil || identity.user != "User" || identity.domain != "Domain" {
		t.Errorf("identity is %+v, %v", identity, err)
	}
}

func TestNTLMRefuses(t *testing.T) {
	const proofOffset, userLengthOffset = 132, 36
	altered := func(offset int, with ...byte) func([]byte) []byte {
		return func(message []byte) []byte {
			copy(message[offset:], with)
			return message
		}
	}
	for name, test := range map[string]struct {
		alter    func([]byte) []byte
		password func(string, string) (string, bool)
		want     string
	}{
		"wrong password":       {password: func(string, string) (string, bool) { return "password", true }, want: "password"},
		"unknown account":      {password: func(string, string) (string, bool) { return "", false }, want: `no account Domain\User`},
		"altered proof":        {alter: altered(proofOffset, 0x69), want: "wrong"},
		"altered blob":         {alter: altered(proofOffset+16+8, 1), want: "wrong"},
		"anonymous":            {alter: altered(userLengthOffset, 0, 0), want: "anonymous"},
		"version 1 answer":     {alter: altered(20, 24, 0), want: "version 1"},
		"field beyond the end": {alter: altered(24, 0xff, 0xff), want: "malformed"},
		"cut short":            {alter: func(message []byte) []byte { return message[:40] }, want: "malformed"},
		"negotiate once more":  {alter: altered(8, 1), want: "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			message := unhex(t, exampleAuthenticate)
			if test.alter != nil {
				message = test.alter(message)
			}
			password := examplePassword
			if test.password != nil {
				password = test.password
			}
			_, err := exampleHandshake(t).finish(message, password)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one about %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "Password") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// bodgitHandshake runs the client of another implementation through a whole handshake.
func bodgitHandshake(t *testing.T, alter func(*ntlmHandshake)) (*ntlmssp.Client, *ntlmIdentity, error) {
	t.Helper()
	client, err := ntlmssp.NewClient(ntlmssp.SetUserInfo("User", "Password"), ntlmssp.SetDomain("Domain"), ntlmssp.SetVersion(ntlmssp.DefaultVersion()))
	if err != nil {
		t.Fatal(err)
	}
	negotiate, err := client.Authenticate(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	handshake, err := beginNTLM(negotiate, ntlmNamesOf("fe01.contoso.com"), unhex(t, exampleServerChallenge), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	authenticate, err := client.Authenticate(handshake.challenge, nil)
	if err != nil {
		t.Fatal(err)
	}
	alter(handshake)
	identity, err := handshake.finish(authenticate, examplePassword)
	return client, identity, err
}

func TestNTLMSessionWithAnotherImplementation(t *testing.T) {
	client, identity, err := bodgitHandshake(t, func(*ntlmHandshake) {})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // The key streams and the sequence numbers go on from message to message.
		sealed, signature, err := client.SecuritySession().Wrap([]byte("question"))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := identity.receive.unseal(sealed, signature); err != nil || string(plain) != "question" {
			t.Fatalf("received %q, %v", plain, err)
		}
		sealed, signature = identity.send.seal([]byte("answer"))
		if plain, err := client.SecuritySession().Unwrap(sealed, signature); err != nil || string(plain) != "answer" {
			t.Fatalf("the client received %q, %v", plain, err)
		}
	}
}

func TestNTLMHandshakeAlteredOnTheWayIsRefused(t *testing.T) {
	const flagsOffset = 12
	_, _, err := bodgitHandshake(t, func(h *ntlmHandshake) { h.negotiate[flagsOffset] ^= 0x20 })
	if err == nil || !strings.Contains(err.Error(), "altered") {
		t.Errorf("error is %v", err)
	}
}

func TestNTLMChallengeGrantsOnlyWhatWasAskedFor(t *testing.T) {
	now := time.Date(2014, 5, 1, 0, 0, 0, 0, time.UTC)
	negotiate := func(flags ntlmFlags) []byte {
		message := append([]byte(ntlmSignature), ntlmTypeNegotiate, 0, 0, 0)
		return append(message, byte(flags), byte(flags>>8), byte(flags>>16), byte(flags>>24))
	}
	for name, test := range map[string]struct{ asked, granted, withheld ntlmFlags }{
		"Unicode wins over OEM": {asked: ntlmUnicode | ntlmOEM, granted: ntlmUnicode, withheld: ntlmOEM},
		"OEM alone":             {asked: ntlmOEM, granted: ntlmOEM, withheld: ntlmUnicode},
		"no key exchange":       {asked: ntlmUnicode, granted: ntlmTargetInfo, withheld: ntlmKeyExchange | ntlmSeal | ntlmSign},
		"sealing":               {asked: ntlmUnicode | ntlmSeal | ntlmKeyExchange | ntlm128, granted: ntlmSeal | ntlmKeyExchange | ntlm128},
		"no LM key":             {asked: ntlmUnicode | 0x80, granted: ntlmNTLM, withheld: 0x80},
	} {
		t.Run(name, func(t *testing.T) {
			handshake, err := beginNTLM(negotiate(test.asked), ntlmNamesOf("fe01.contoso.com"), make([]byte, 8), now)
			if err != nil {
				t.Fatal(err)
			}
			var flags ntlmFlags
			for i, b := range handshake.challenge[20:24] {
				flags |= ntlmFlags(b) << (8 * i)
			}
			if flags&test.granted != test.granted || flags&test.withheld != 0 {
				t.Errorf("flags are %08x, want %08x and none of %08x", flags, test.granted, test.withheld)
			}
			if !bytes.Contains(handshake.challenge, utf16LittleEndian("fe01.contoso.com")) {
				t.Error("the challenge does not name the computer")
			}
		})
	}
}

func TestNTLMNames(t *testing.T) {
	for fqdn, want := range map[string]ntlmNames{
		"fe01.contoso.com":                 {"fe01.contoso.com", "contoso.com", "FE01", "CONTOSO"},
		"averylongcomputername.ad.fab.com": {"averylongcomputername.ad.fab.com", "ad.fab.com", "AVERYLONGCOMPUT", "AD"},
		"standalone":                       {"standalone", "standalone", "STANDALONE", "STANDALONE"},
	} {
		if diff := cmp.Diff(want, ntlmNamesOf(fqdn), cmp.AllowUnexported(ntlmNames{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", fqdn, diff)
		}
	}
}

func TestSealedMessagesAreRefusedWhenAlteredOrRepeated(t *testing.T) {
	key := bytes.Repeat([]byte{0x55}, 16)
	flags := ntlmSign | ntlmSeal | ntlmExtendedSessionSecurity | ntlm128 | ntlmKeyExchange
	for name, test := range map[string]struct {
		alter func([]byte) []byte
		again bool
		fails bool
	}{
		"untouched":       {},
		"one bit":         {alter: func(b []byte) []byte { b[len(b)-len(sealedBoundary)-8] ^= 1; return b }, fails: true},
		"repeated":        {again: true, fails: true},
		"without the end": {alter: func(b []byte) []byte { return b[:len(b)-len(sealedBoundary)-4] }, fails: true},
		"cut short":       {alter: func(b []byte) []byte { return b[:len(b)-len(sealedBoundary)-9] }, fails: true},
		"no length":       {alter: func(b []byte) []byte { return bytes.Replace(b, []byte(sealedLengthMarker), []byte("Size="), 1) }, fails: true},
		"headers without tabs": {alter: func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte("\tContent-Type: application/octet"), []byte("Content-Type: application/octet"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			sender, receiver := newSealingDirection(flags, key, ntlmClientSide), newSealingDirection(flags, key, ntlmClientSide)
			body := makeSealed([]byte("<message/>"), sender)
			if test.again {
				if _, err := openSealed(body, receiver); err != nil {
					t.Fatal(err)
				}
			}
			if test.alter != nil {
				body = test.alter(body)
			}
			plain, err := openSealed(body, receiver)
			if failed := err != nil; failed != test.fails {
				t.Errorf("error is %v", err)
			}
			if err == nil && string(plain) != "<message/>" {
				t.Errorf("opened %q", plain)
			}
		})
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT60S": time.Minute, "PT0.5S": 500 * time.Millisecond, "P0DT0H1M2S": 62 * time.Second, "PT7200.000S": 2 * time.Hour,
		"P1D": 24 * time.Hour, "PT20M": 20 * time.Minute,
	} {
		if got, ok := parseDuration(text); !ok || got != want {
			t.Errorf("%s is %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "60", "PT-1S", "P1Y", "1H", "P99999999999D"} {
		if got, ok := parseDuration(text); ok {
			t.Errorf("%q was taken for %v", text, got)
		}
	}
}
