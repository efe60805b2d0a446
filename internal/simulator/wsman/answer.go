package wsman

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"strings"

	"github.com/google/uuid"
)

// answer is what goes back inside an envelope.
type answer struct {
	action string
	body   []any // each marshals to one element
}

// marshalEnvelope writes an answer with the prefixes that Windows uses; some clients look for them. The message id is the
// request's, and may be empty.
func marshalEnvelope(a answer, relatesTo string) []byte {
	written := struct {
		XMLName     xml.Name `xml:"s:Envelope"`
		Language    string   `xml:"xml:lang,attr"`
		SOAP        string   `xml:"xmlns:s,attr"`
		Addressing  string   `xml:"xmlns:a,attr"`
		Transfer    string   `xml:"xmlns:x,attr"`
		Eventing    string   `xml:"xmlns:e,attr,omitempty"`
		Enumeration string   `xml:"xmlns:n,attr,omitempty"`
		WSMan       string   `xml:"xmlns:w,attr"`
		Shell       string   `xml:"xmlns:rsp,attr,omitempty"`
		Microsoft   string   `xml:"xmlns:p,attr"`
		Action      string   `xml:"s:Header>a:Action"`
		MessageID   string   `xml:"s:Header>a:MessageID"`
		To          string   `xml:"s:Header>a:To"`
		RelatesTo   string   `xml:"s:Header>a:RelatesTo,omitempty"`
		Body        bodyXML  `xml:"s:Body"`
	}{
		Language: "en-US", SOAP: namespaceSOAP, Addressing: namespaceAddressing, Transfer: namespaceTransfer,
		WSMan: namespaceWSMan, Microsoft: namespaceMicrosoft,
		Action: a.action, MessageID: "uuid:" + newID(), To: anonymousAddress, RelatesTo: relatesTo, Body: bodyXML{a.body},
	}
	if a.action == actionFault {
		written.Eventing, written.Enumeration = namespaceEventing, namespaceEnumeration
	} else {
		written.Shell = namespaceShell
	}
	return marshal(written)
}

type bodyXML struct {
	Content []any
}

func marshal(value any) []byte {
	var written bytes.Buffer
	if err := xml.NewEncoder(&written).Encode(value); err != nil {
		panic("wsman: an answer of our own cannot be written as XML: " + err.Error())
	}
	return written.Bytes()
}

// newID makes an identifier in the upper case that Windows writes.
func newID() string {
	return strings.ToUpper(uuid.NewString())
}

// chosenOrNewID is the identifier that a client has chosen for its shell or command, or a new one.
func chosenOrNewID(chosen string) string {
	if _, err := uuid.Parse(chosen); err == nil {
		return chosen
	}
	return newID()
}

type selectorXML struct {
	Name  string `xml:"Name,attr"`
	Value string `xml:",chardata"`
}

type resourceCreatedXML struct {
	XMLName     xml.Name      `xml:"x:ResourceCreated"`
	Address     string        `xml:"a:Address"`
	ResourceURI string        `xml:"a:ReferenceParameters>w:ResourceURI"`
	Selectors   []selectorXML `xml:"a:ReferenceParameters>w:SelectorSet>w:Selector"`
}

type shellXML struct {
	XMLName       xml.Name `xml:"rsp:Shell"`
	ShellID       string   `xml:"rsp:ShellId"`
	ResourceURI   string   `xml:"rsp:ResourceUri"`
	Owner         string   `xml:"rsp:Owner"`
	ClientIP      string   `xml:"rsp:ClientIP"`
	IdleTimeout   string   `xml:"rsp:IdleTimeOut"`
	InputStreams  string   `xml:"rsp:InputStreams"`
	OutputStreams string   `xml:"rsp:OutputStreams"`
	RunTime       string   `xml:"rsp:ShellRunTime"`
	Inactivity    string   `xml:"rsp:ShellInactivity"`
}

type commandResponseXML struct {
	XMLName   xml.Name `xml:"rsp:CommandResponse"`
	CommandID string   `xml:"rsp:CommandId"`
}

type sendResponseXML struct {
	XMLName xml.Name `xml:"rsp:SendResponse"`
}

type signalResponseXML struct {
	XMLName xml.Name `xml:"rsp:SignalResponse"`
}

type receiveResponseXML struct {
	XMLName xml.Name        `xml:"rsp:ReceiveResponse"`
	Streams []streamXML     `xml:"rsp:Stream"`
	State   commandStateXML `xml:"rsp:CommandState"`
}

type streamXML struct {
	Name      string `xml:"Name,attr"`
	CommandID string `xml:"CommandId,attr"`
	End       string `xml:"End,attr,omitempty"`
	Content   string `xml:",chardata"`
}

type commandStateXML struct {
	CommandID string  `xml:"CommandId,attr"`
	State     string  `xml:"State,attr"`
	ExitCode  *uint32 `xml:"rsp:ExitCode"`
}

func outputStream(name, commandID string, content []byte) streamXML {
	return streamXML{Name: name, CommandID: commandID, Content: base64.StdEncoding.EncodeToString(content)}
}

func endOfStream(name, commandID string) streamXML {
	return streamXML{Name: name, CommandID: commandID, End: "true"}
}

// identifyAnswer is the envelope that answers Identify; it has no addressing. Without authentication Windows hides its version.
func identifyAnswer(authenticated bool) []byte {
	version := "OS: 0.0.0 SP: 0.0 Stack: 3.0"
	if authenticated {
		version = "OS: 6.3.9600 SP: 0.0 Stack: 3.0"
	}
	return marshal(identifyXML{
		Language: "en-US", SOAP: namespaceSOAP,
		Response: identifyResponseXML{
			Namespace: namespaceIdentity, ProtocolVersion: namespaceWSMan,
			ProductVendor: "Microsoft Corporation", ProductVersion: version,
		},
	})
}

type identifyXML struct {
	XMLName  xml.Name            `xml:"s:Envelope"`
	Language string              `xml:"xml:lang,attr"`
	SOAP     string              `xml:"xmlns:s,attr"`
	Header   string              `xml:"s:Header"`
	Response identifyResponseXML `xml:"s:Body>wsmid:IdentifyResponse"`
}

type identifyResponseXML struct {
	Namespace       string `xml:"xmlns:wsmid,attr"`
	ProtocolVersion string `xml:"wsmid:ProtocolVersion"`
	ProductVendor   string `xml:"wsmid:ProductVendor"`
	ProductVersion  string `xml:"wsmid:ProductVersion"`
}
