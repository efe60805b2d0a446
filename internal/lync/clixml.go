package lync

import (
	"encoding/xml"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const cliXMLHeader = "#< CLIXML"

var escapedUnit = regexp.MustCompile(`_x([0-9A-Fa-f]{4})_`)

// errorText returns what PowerShell meant to say on standard error, where -EncodedCommand makes it write CLIXML.
func errorText(stderr []byte) string {
	text := strings.TrimSpace(string(stderr))
	_, document, found := strings.Cut(text, cliXMLHeader)
	if !found {
		return text
	}
	var objects struct {
		Strings []struct {
			Stream string `xml:"S,attr"`
			Text   string `xml:",chardata"`
		} `xml:"S"`
	}
	if err := xml.Unmarshal([]byte(document), &objects); err != nil {
		return text
	}
	var said strings.Builder
	for _, object := range objects.Strings {
		if strings.EqualFold(object.Stream, "Error") {
			said.WriteString(escapedUnit.ReplaceAllStringFunc(object.Text, unescape))
		}
	}
	return strings.TrimSpace(said.String())
}

func unescape(escape string) string {
	unit, err := strconv.ParseUint(escape[2:6], 16, 16)
	if err != nil || !utf8.ValidRune(rune(unit)) {
		return escape
	}
	return string(rune(unit))
}
