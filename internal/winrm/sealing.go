package winrm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"mime"
	"strconv"
	"strings"

	"github.com/bodgit/ntlmssp"
)

// The frame of a sealed message (MS-WSMV 2.2.9.1). It looks like MIME but is not: nothing separates the header of the second part
// from its data.
const (
	sealedBoundary    = "--Encrypted Boundary"
	sealedProtocol    = "application/HTTP-SPNEGO-session-encrypted"
	sealedContentType = `multipart/encrypted;protocol="` + sealedProtocol + `";boundary="Encrypted Boundary"`
	sealedDataHeader  = "Content-Type: application/octet-stream\r\n"
	sealedSignature   = 16 // bytes
)

var errNotSealed = errors.New("the host's answer does not bear the seal of this login")

// seal frames a message that only the host at the other end of the login can read and nobody can change.
func seal(keys *ntlmssp.SecuritySession, message []byte) ([]byte, error) {
	sealed, signature, err := keys.Wrap(message)
	if err != nil {
		return nil, err
	}
	var framed bytes.Buffer
	fmt.Fprintf(&framed, "%[1]s\r\n\tContent-Type: %[2]s\r\n\tOriginalContent: type=%[3]s;Length=%[4]d\r\n%[1]s\r\n\t%[5]s",
		sealedBoundary, sealedProtocol, contentType, len(message), sealedDataHeader)
	framed.Write(binary.LittleEndian.AppendUint32(nil, sealedSignature))
	framed.Write(signature)
	framed.Write(sealed)
	framed.WriteString(sealedBoundary + "--\r\n")
	return framed.Bytes(), nil
}

// isSealed tells from its content type whether an answer is framed as a sealed one.
func isSealed(contentType string) bool {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == "multipart/encrypted" && strings.EqualFold(parameters["protocol"], sealedProtocol)
}

// unseal opens a framed answer. Hosts cut a long one into several parts, each with a seal of its own.
func unseal(keys *ntlmssp.SecuritySession, framed []byte) (message []byte, err error) {
	for rest := framed; ; {
		rest = bytes.TrimLeft(rest, "\r\n")
		if bytes.HasPrefix(rest, []byte(sealedBoundary+"--")) {
			if message == nil {
				return nil, errNotSealed
			}
			return message, nil
		}
		header, data, found := bytes.Cut(rest, []byte("application/octet-stream\r\n"))
		if !found || !bytes.HasPrefix(header, []byte(sealedBoundary)) {
			return nil, errNotSealed
		}
		length, err := originalLength(header)
		if err != nil {
			return nil, err
		}
		if len(data) < 4+sealedSignature || binary.LittleEndian.Uint32(data) != sealedSignature {
			return nil, errNotSealed
		}
		signature, data := data[4:4+sealedSignature], data[4+sealedSignature:]
		if length > len(data) {
			return nil, errNotSealed
		}
		opened, err := keys.Unwrap(data[:length], signature)
		if err != nil {
			return nil, errNotSealed
		}
		message, rest = append(message, opened...), data[length:]
		if message == nil {
			message = []byte{}
		}
	}
}

func originalLength(header []byte) (int, error) {
	_, tail, found := bytes.Cut(header, []byte("Length="))
	if !found {
		return 0, errNotSealed
	}
	digits, _, _ := bytes.Cut(tail, []byte("\r\n"))
	length, err := strconv.Atoi(string(bytes.TrimSpace(digits)))
	if err != nil || length < 0 {
		return 0, errNotSealed
	}
	return length, nil
}
