package wsman

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"strings"
	"time"
)

// envelope is a request. Element names carry their namespaces, so that any prefixes will do.
type envelope struct {
	XMLName xml.Name       `xml:"http://www.w3.org/2003/05/soap-envelope Envelope"`
	Header  envelopeHeader `xml:"http://www.w3.org/2003/05/soap-envelope Header"`
	Body    envelopeBody   `xml:"http://www.w3.org/2003/05/soap-envelope Body"`
}

type envelopeHeader struct {
	To               string        `xml:"http://schemas.xmlsoap.org/ws/2004/08/addressing To"`
	Action           string        `xml:"http://schemas.xmlsoap.org/ws/2004/08/addressing Action"`
	MessageID        string        `xml:"http://schemas.xmlsoap.org/ws/2004/08/addressing MessageID"`
	ResourceURI      string        `xml:"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd ResourceURI"`
	MaxEnvelopeSize  string        `xml:"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd MaxEnvelopeSize"`
	OperationTimeout string        `xml:"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd OperationTimeout"`
	Selectors        []namedString `xml:"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd SelectorSet>Selector"`
	Options          []namedString `xml:"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd OptionSet>Option"`
}

type namedString struct {
	Name  string `xml:"Name,attr"`
	Value string `xml:",chardata"`
}

type envelopeBody struct {
	Shell       *shellRequest   `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell Shell"`
	CommandLine *commandLine    `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell CommandLine"`
	Send        *sendRequest    `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell Send"`
	Receive     *receiveRequest `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell Receive"`
	Signal      *signalRequest  `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell Signal"`
	Identify    *struct{}       `xml:"http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd Identify"`
}

type shellRequest struct {
	ShellID       string `xml:"ShellId,attr"`
	InputStreams  string `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell InputStreams"`
	OutputStreams string `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell OutputStreams"`
	IdleTimeout   string `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell IdleTimeOut"`
}

type commandLine struct {
	CommandID string   `xml:"CommandId,attr"`
	Command   string   `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell Command"`
	Arguments []string `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell Arguments"`
}

type sendRequest struct {
	Streams []struct {
		Name      string `xml:"Name,attr"`
		CommandID string `xml:"CommandId,attr"`
		End       string `xml:"End,attr"`
		Content   string `xml:",chardata"`
	} `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell Stream"`
}

type receiveRequest struct {
	DesiredStream struct {
		CommandID string `xml:"CommandId,attr"`
		Names     string `xml:",chardata"`
	} `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell DesiredStream"`
}

type signalRequest struct {
	CommandID string `xml:"CommandId,attr"`
	Code      string `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell Code"`
}

func parseEnvelope(message []byte) (*envelope, error) {
	parsed := &envelope{}
	err := xml.Unmarshal(bytes.TrimPrefix(message, []byte("\ufeff")), parsed)
	if err != nil {
		return nil, err
	}
	header := &parsed.Header
	for _, text := range []*string{&header.Action, &header.MessageID, &header.ResourceURI, &header.MaxEnvelopeSize, &header.OperationTimeout} {
		*text = strings.TrimSpace(*text)
	}
	return parsed, nil
}

// shellID is the selector that chooses a shell.
func (h *envelopeHeader) shellID() string {
	return valueOf(h.Selectors, "ShellId")
}

func (h *envelopeHeader) option(name string) string {
	return valueOf(h.Options, name)
}

func valueOf(list []namedString, name string) string {
	for _, entry := range list {
		if strings.EqualFold(entry.Name, name) {
			return strings.TrimSpace(entry.Value)
		}
	}
	return ""
}

// timeout is how long the client wants the answer held at most.
func (h *envelopeHeader) timeout(longest time.Duration) time.Duration {
	if asked, ok := parseDuration(h.OperationTimeout); ok && asked < longest {
		return asked
	}
	return longest
}

// envelopeBytes is how long an answer may be. False means that the client asks for less than the protocol allows.
func (h *envelopeHeader) envelopeBytes(longest int) (int, bool) {
	asked, err := strconv.Atoi(h.MaxEnvelopeSize)
	if err != nil {
		return min(defaultEnvelopeBytes, longest), true
	}
	return min(asked, longest), asked >= minimumEnvelopeBytes
}

func (c *commandLine) line() string {
	line := c.Command
	for _, argument := range c.Arguments {
		line += " " + argument
	}
	return line
}
