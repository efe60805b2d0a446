package wsman

// The XML namespaces of WS-Management.
const (
	namespaceSOAP        = "http://www.w3.org/2003/05/soap-envelope"
	namespaceAddressing  = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	namespaceTransfer    = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
	namespaceEventing    = "http://schemas.xmlsoap.org/ws/2004/08/eventing"
	namespaceEnumeration = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
	namespaceWSMan       = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
	namespaceMicrosoft   = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
	namespaceShell       = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
	namespaceFault       = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
	namespaceIdentity    = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
)

// What a request can ask for.
const (
	actionCreate  = namespaceTransfer + "/Create"
	actionDelete  = namespaceTransfer + "/Delete"
	actionCommand = namespaceShell + "/Command"
	actionSend    = namespaceShell + "/Send"
	actionReceive = namespaceShell + "/Receive"
	actionSignal  = namespaceShell + "/Signal"
	actionFault   = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
)

const (
	// resourceCommandShell is the only resource that is served.
	resourceCommandShell = namespaceShell + "/cmd"
	anonymousAddress     = namespaceAddressing + "/role/anonymous"

	commandStateDone    = namespaceShell + "/CommandState/Done"
	commandStateRunning = namespaceShell + "/CommandState/Running"

	signalTerminate = namespaceShell + "/signal/terminate"
	signalControlC  = namespaceShell + "/signal/ctrl_c"
	signalBreak     = namespaceShell + "/signal/ctrl_break"

	optionSkipCommandShell = "WINRS_SKIP_CMD_SHELL"

	soapContentType = "application/soap+xml;charset=UTF-8"
)
