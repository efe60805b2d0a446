package wsman

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // NTLM is made of it.
	"crypto/rc4" //nolint:gosec // NTLM is made of it.
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"unicode/utf16"

	"golang.org/x/crypto/md4" //nolint:staticcheck,gosec // NTLM is made of it.
)

func utf16LittleEndian(text string) []byte {
	units := utf16.Encode([]rune(text))
	encoded := make([]byte, 0, 2*len(units))
	for _, unit := range units {
		encoded = binary.LittleEndian.AppendUint16(encoded, unit)
	}
	return encoded
}

func fromUTF16LittleEndian(encoded []byte) string {
	units := make([]uint16, len(encoded)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(encoded[2*i:])
	}
	return string(utf16.Decode(units))
}

func hmacMD5(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(md5.New, key)
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}

func sumMD5(parts ...[]byte) []byte {
	digest := md5.New() //nolint:gosec // NTLM is made of it.
	for _, part := range parts {
		digest.Write(part)
	}
	return digest.Sum(nil)
}

func newRC4(key []byte) *rc4.Cipher {
	cipher, err := rc4.NewCipher(key) //nolint:gosec // NTLM is made of it.
	if err != nil {
		panic(err) // Keys here have 5 to 16 bytes; RC4 takes 1 to 256.
	}
	return cipher
}

// ntowfV2 is the key that user name, domain and password give (MS-NLMP 3.3.2).
func ntowfV2(user, domain, password string) []byte {
	digest := md4.New() //nolint:gosec // NTLM is made of it.
	digest.Write(utf16LittleEndian(password))
	return hmacMD5(digest.Sum(nil), utf16LittleEndian(strings.ToUpper(user)+domain))
}

var errMessageAltered = errors.New("the NTLM signature does not fit the message: it was altered, repeated or taken out of order")

// sealingDirection is one half of a security session: what one side sends and the other receives (MS-NLMP 3.4).
type sealingDirection struct {
	flags      ntlmFlags
	signingKey []byte
	sealingKey []byte
	cipher     *rc4.Cipher
	sequence   uint32
}

type ntlmSide string

const (
	ntlmClientSide ntlmSide = "client-to-server"
	ntlmServerSide ntlmSide = "server-to-client"
)

func newSealingDirection(flags ntlmFlags, exportedSessionKey []byte, side ntlmSide) *sealingDirection {
	d := &sealingDirection{flags: flags}
	if flags.has(ntlmExtendedSessionSecurity) {
		strength := exportedSessionKey
		switch {
		case flags.has(ntlm128):
		case flags.has(ntlm56):
			strength = exportedSessionKey[:7]
		default:
			strength = exportedSessionKey[:5]
		}
		d.signingKey = sumMD5(exportedSessionKey, []byte("session key to "+side+" signing key magic constant\x00"))
		d.sealingKey = sumMD5(strength, []byte("session key to "+side+" sealing key magic constant\x00"))
	} else {
		d.sealingKey = exportedSessionKey
	}
	d.cipher = newRC4(d.sealingKey)
	return d
}

// resetCipher starts the key stream again, as SPNEGO wants after its own signature.
func (d *sealingDirection) resetCipher() { d.cipher = newRC4(d.sealingKey) }

func (d *sealingDirection) crypt(message []byte) []byte {
	crypted := make([]byte, len(message))
	d.cipher.XORKeyStream(crypted, message)
	return crypted
}

// sign makes the signature of the plain message and steps the sequence number. It must follow the crypt of the same message.
func (d *sealingDirection) sign(plain []byte) []byte {
	signature := make([]byte, 16)
	binary.LittleEndian.PutUint32(signature, 1)
	sequence := binary.LittleEndian.AppendUint32(nil, d.sequence)
	d.sequence++
	if d.flags.has(ntlmExtendedSessionSecurity) {
		checksum := hmacMD5(d.signingKey, sequence, plain)[:8]
		if d.flags.has(ntlmKeyExchange) {
			checksum = d.crypt(checksum)
		}
		copy(signature[4:], checksum)
		copy(signature[12:], sequence)
		return signature
	}
	d.crypt(make([]byte, 4)) // The random pad: encrypted, then written as zero.
	copy(signature[8:], d.crypt(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(plain))))
	subtle.XORBytes(signature[12:], d.crypt(make([]byte, 4)), sequence)
	return signature
}

func (d *sealingDirection) seal(plain []byte) (sealed, signature []byte) {
	sealed = d.crypt(plain)
	return sealed, d.sign(plain)
}

func (d *sealingDirection) unseal(sealed, signature []byte) ([]byte, error) {
	plain := d.crypt(sealed)
	if !hmac.Equal(d.sign(plain), signature) {
		return nil, errMessageAltered
	}
	return plain, nil
}
