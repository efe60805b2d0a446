package deployment

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"regexp"
	"strings"
	"unicode/utf16"
)

var base64Token = regexp.MustCompile(`[A-Za-z0-9+/_-]{12,}={0,2}`)

// findSecret looks for a password: plain, as UTF-16, and in Base64 within Base64 of either.
func (m *Model) findSecret(text []byte) (account string, found bool) {
	for _, a := range m.description.Accounts {
		if containsSecret(text, a.Password, 3) {
			return a.Domain + `\` + a.User, true
		}
	}
	return "", false
}

func containsSecret(text []byte, secret string, depth int) bool {
	if bytes.Contains(text, []byte(secret)) || bytes.Contains(text, utf16Bytes(secret)) {
		return true
	}
	if depth == 0 {
		return false
	}
	for _, token := range base64Token.FindAll(text, -1) {
		trimmed := bytes.TrimRight(token, "=")
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			usable := trimmed[:len(trimmed)-boolToInt(len(trimmed)%4 == 1)]
			if decoded, err := encoding.DecodeString(string(usable)); err == nil && containsSecret(decoded, secret, depth-1) {
				return true
			}
		}
	}
	// UTF-16 hides Base64 from the pattern above.
	if narrow := bytes.ReplaceAll(text, []byte{0}, nil); len(narrow) < len(text) {
		return containsSecret(narrow, secret, depth-1)
	}
	return false
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func utf16Bytes(text string) []byte {
	var encoded []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		encoded = binary.LittleEndian.AppendUint16(encoded, unit)
	}
	return encoded
}

// hideSecrets keeps passwords out of the record itself.
func (m *Model) hideSecrets(text string) string {
	for _, a := range m.description.Accounts {
		text = strings.ReplaceAll(text, a.Password, "********")
	}
	return text
}

func (h *Host) checkFileForSecrets(path string, contents []byte) {
	if account, found := h.model.findSecret(contents); found {
		h.violation(Caller{User: "(file system)", Command: path}, RuleSecretExposed, "the password of "+account+" is in a file")
	}
}
