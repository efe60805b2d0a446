package wsman

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"mime"
	"strconv"
	"strings"
)

// The frame of a sealed message (MS-WSMV 2.2.9.1). It looks like MIME multipart but is not: the last part has no blank line
// between its header and its data, and Windows indents the headers by a tab.
const (
	sealedBoundary     = "--Encrypted Boundary"
	sealedProtocol     = "application/HTTP-SPNEGO-session-encrypted"
	sealedContentType  = `multipart/encrypted;protocol="` + sealedProtocol + `";boundary="Encrypted Boundary"`
	sealedOctetHeader  = "Content-Type: application/octet-stream\r\n"
	sealedLengthMarker = "Length="
)

var errSealedMalformed = errors.New("the sealed message is malformed")

// isSealed tells from the content type whether a body is a sealed message.
func isSealed(contentType string) bool {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	return err == nil && (mediaType == "multipart/encrypted" || mediaType == "multipart/x-multi-encrypted") &&
		strings.EqualFold(parameters["protocol"], sealedProtocol)
}

func openSealed(body []byte, direction *sealingDirection) ([]byte, error) {
	var plain []byte
	opening := []byte(sealedBoundary + "\r\n")
	closing := []byte(sealedBoundary + "--")
	for rest := body; !bytes.HasPrefix(rest, closing); {
		var found bool
		if rest, found = bytes.CutPrefix(rest, opening); !found {
			return nil, fmt.Errorf("%w: a boundary is missing", errSealedMalformed)
		}
		header, data, found := bytes.Cut(rest, opening)
		if !found {
			return nil, fmt.Errorf("%w: the data is missing", errSealedMalformed)
		}
		length, err := originalLength(header)
		if err != nil {
			return nil, err
		}
		if data, found = bytes.CutPrefix(bytes.TrimLeft(data, "\t "), []byte(sealedOctetHeader)); !found || len(data) < 4 {
			return nil, fmt.Errorf("%w: the data has no content type", errSealedMalformed)
		}
		signatureLength := uint64(binary.LittleEndian.Uint32(data))
		data = data[4:]
		// The key stream cipher keeps the length, so the data ends where the header says and may contain anything. Some clients
		// count the signature and its length as well.
		end := signatureLength + length
		if !endsAt(data, end) {
			end = length - min(length, 4)
		}
		if !endsAt(data, end) || end < signatureLength {
			return nil, fmt.Errorf("%w: its length is not what it says", errSealedMalformed)
		}
		signature, sealed := data[:signatureLength], data[signatureLength:end]
		opened, err := direction.unseal(sealed, signature)
		if err != nil {
			return nil, err
		}
		plain = append(plain, opened...)
		rest = data[end:]
	}
	return plain, nil
}

// endsAt tells whether the next boundary begins at an offset.
func endsAt(data []byte, offset uint64) bool {
	return offset <= uint64(len(data)) && bytes.HasPrefix(data[offset:], []byte(sealedBoundary))
}

func originalLength(header []byte) (uint64, error) {
	_, tail, found := bytes.Cut(header, []byte(sealedLengthMarker))
	if !found {
		return 0, fmt.Errorf("%w: the original length is missing", errSealedMalformed)
	}
	digits, _, _ := bytes.Cut(tail, []byte("\r\n"))
	length, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%w: the original length is no number", errSealedMalformed)
	}
	return length, nil
}

func makeSealed(plain []byte, direction *sealingDirection) []byte {
	sealed, signature := direction.seal(plain)
	var body bytes.Buffer
	fmt.Fprintf(&body, "%s\r\n\tContent-Type: %s\r\n\tOriginalContent: type=%s;%s%d\r\n%s\r\n\t%s",
		sealedBoundary, sealedProtocol, soapContentType, sealedLengthMarker, len(plain), sealedBoundary, sealedOctetHeader)
	body.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(signature)))) //nolint:gosec // Always 16.
	body.Write(signature)
	body.Write(sealed)
	body.WriteString(sealedBoundary + "--\r\n")
	return body.Bytes()
}
