package wsman

import (
	"encoding/xml"
	"fmt"
)

// fault is a SOAP fault as Windows shapes it. Texts end in a space there, and so they do here.
type fault struct {
	sender  bool   // whose mistake: the client's, else the server's
	subcode string // with the prefix of an answer's envelope
	code    uint32 // the WSManFault code
	reason  string
	message string // the WSManFault text, where it differs from the reason
	detail  string // the w:FaultDetail URI, where there is one
}

// The codes by which clients tell faults apart.
const (
	codeOperationAborted   = 995
	codePipeClosing        = 232
	codeNotEnoughQuota     = 1816
	codeAccessDenied       = 5
	codeResourceNotFound   = 2150858752 // ERROR_WSMAN_RESOURCE_NOT_FOUND
	codeActionNotSupported = 2150858771 // ERROR_WSMAN_ACTION_NOT_SUPPORTED
	codeInvalidSOAPBody    = 2150858791 // ERROR_WSMAN_INVALID_SOAP_BODY
	codeOperationTimedOut  = 2150858793 // ERROR_WSMAN_OPERATION_TIMEDOUT
	codeEncodingLimit      = 2150858805 // ERROR_WSMAN_ENCODING_LIMIT
	codeShellNotFound      = 2150858843 // ERROR_WSMAN_UNEXPECTED_SELECTORS
	codeCommandIDTaken     = 2150859222 // ERROR_WINRS_SHELLCOMMAND_CLIENTID_RESOURCE_CONFLICT
	codeShellIDTaken       = 2150859223 // ERROR_WINRS_SHELL_CLIENTID_RESOURCE_CONFLICT
	codeTooManyShells      = 2150859173 // ERROR_WSMAN_QUOTA_MAX_SHELLS
	codeTooManyOperations  = 2150859174 // ERROR_WSMAN_QUOTA_MAX_OPERATIONS
	codeTooManyUsers       = 2150859179 // ERROR_WSMAN_QUOTA_MAX_SHELLUSERS
)

const (
	faultDetailRoot        = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/"
	invalidSelectorsReason = "The WS-Management service cannot process the request because the request contained invalid selectors for the resource. "
)

var (
	faultTimedOut = &fault{subcode: "w:TimedOut", code: codeOperationTimedOut, detail: faultDetailRoot + "OperationTimeout",
		reason: "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.  "}
	faultAborted = &fault{subcode: "w:InternalError", code: codeOperationAborted,
		reason: "The I/O operation has been aborted because of either a thread exit or an application request. "}
	faultPipeClosing = &fault{subcode: "w:InternalError", code: codePipeClosing,
		reason: "The pipe is being closed. "}
	faultNotEnoughQuota = &fault{subcode: "w:InternalError", code: codeNotEnoughQuota,
		reason: "Not enough quota is available to process this command. "}
	faultAccessDenied = &fault{sender: true, subcode: "w:AccessDenied", code: codeAccessDenied,
		reason: "Access is denied. "}
	faultActionNotSupported = &fault{sender: true, subcode: "a:ActionNotSupported", code: codeActionNotSupported,
		reason: "The WS-Management service does not support the action specified in the request. "}
	faultResourceNotFound = &fault{sender: true, subcode: "a:DestinationUnreachable", code: codeResourceNotFound,
		detail: faultDetailRoot + "InvalidResourceURI",
		reason: "The WS-Management service cannot process the request. The service cannot find the resource identified by the resource URI and selectors. "}
	faultInvalidBody = &fault{sender: true, subcode: "w:SchemaValidationError", code: codeInvalidSOAPBody,
		reason: "The WS-Management service cannot process the request because the request packet does not have a valid SOAP body. "}
	faultEnvelopeTooSmall = &fault{sender: true, subcode: "w:EncodingLimit", code: codeEncodingLimit, detail: faultDetailRoot + "MinimumEnvelopeLimit",
		reason: "The WS-Management service cannot process the request because the encoding of the request exceeds an internal encoding limit. " +
			"Reconfigure the client to send messages which fit the encoding limits of the service. "}
	faultUnknownCommand = &fault{sender: true, subcode: "w:InvalidSelectors", code: codeShellNotFound, detail: faultDetailRoot + "UnexpectedSelectors",
		reason: invalidSelectorsReason,
		message: "The Windows Remote Shell received a request to perform an operation on a command identifier that does not exist. " +
			"Either the command has completed execution or the client specified an invalid command identifier. "}
	faultCommandIDTaken = &fault{sender: true, subcode: "w:AlreadyExists", code: codeCommandIDTaken,
		reason: "The WinRM service cannot process the request. A command already exists with the command ID specified by the client. "}
	faultShellIDTaken = &fault{sender: true, subcode: "w:AlreadyExists", code: codeShellIDTaken,
		reason: "The WinRM service cannot process the request. A resource already exists with the shell ID specified by the client. "}
	faultTooManyOperations = &fault{subcode: "w:QuotaLimit", code: codeTooManyOperations,
		reason: "The WS-Management service cannot process the request. The maximum number of concurrent operations for this user has been exceeded. " +
			"Close existing operations for this user, or raise the quota for this user. "}
	faultTooManyUsers = &fault{subcode: "w:QuotaLimit", code: codeTooManyUsers,
		reason: "The WS-Management service cannot process the request. The maximum number of users executing shell operations has been exceeded. " +
			"Retry after sometime or raise the quota for concurrent shell users. "}
)

func faultUnknownShell(id string) *fault {
	return &fault{sender: true, subcode: "w:InvalidSelectors", code: codeShellNotFound, detail: faultDetailRoot + "UnexpectedSelectors",
		reason: invalidSelectorsReason,
		message: fmt.Sprintf("The request for the Windows Remote Shell with ShellId %s failed because the shell was not found on the server. "+
			"Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the server. "+
			"Provide the correct ShellId or create a new shell and retry the operation. ", id)}
}

func faultTooManyShells(allowed int) *fault {
	return &fault{subcode: "w:QuotaLimit", code: codeTooManyShells,
		reason: fmt.Sprintf("The WS-Management service cannot process the request. This user is allowed a maximum number of %d concurrent shells, "+
			"which has been exceeded. Close existing shells or raise the quota for this user. ", allowed)}
}

// body writes the fault as it stands in an envelope's body.
func (f *fault) body(machine string) any {
	written := faultXML{
		Code:   faultCodeXML{Value: "s:Receiver", Subcode: f.subcode},
		Reason: faultTextXML{Language: "en-US", Text: f.reason},
		Detail: faultDetailXML{
			FaultDetail: f.detail,
			Fault:       wsmanFaultXML{Namespace: namespaceFault, Code: f.code, Machine: machine, Message: f.message},
		},
	}
	if f.sender {
		written.Code.Value = "s:Sender"
	}
	if f.message == "" {
		written.Detail.Fault.Message = f.reason
	}
	return written
}

type faultXML struct {
	XMLName xml.Name       `xml:"s:Fault"`
	Code    faultCodeXML   `xml:"s:Code"`
	Reason  faultTextXML   `xml:"s:Reason>s:Text"`
	Detail  faultDetailXML `xml:"s:Detail"`
}

type faultCodeXML struct {
	Value   string `xml:"s:Value"`
	Subcode string `xml:"s:Subcode>s:Value"`
}

type faultTextXML struct {
	Language string `xml:"xml:lang,attr"`
	Text     string `xml:",chardata"`
}

type faultDetailXML struct {
	FaultDetail string        `xml:"w:FaultDetail,omitempty"`
	Fault       wsmanFaultXML `xml:"f:WSManFault"`
}

type wsmanFaultXML struct {
	Namespace string `xml:"xmlns:f,attr"`
	Code      uint32 `xml:"Code,attr"`
	Machine   string `xml:"Machine,attr"`
	Message   string `xml:"f:Message"`
}
