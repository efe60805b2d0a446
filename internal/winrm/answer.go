package winrm

import (
	"encoding/base64"
	"encoding/xml"
	"strconv"
	"strings"
)

// The addresses of the WS-Man answers we know.
const (
	shellActions  = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/"
	createdAction = "http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse"
	doneState     = shellActions + "CommandState/Done"
)

// The fault codes that need more than telling.
const (
	faultAccessDenied      = 5
	faultNotEnoughQuota    = 1816
	faultShellNotFound     = 2150858843 // also: the command was not found in it
	faultOperationTimedOut = 2150858793 // nothing to tell yet, ask again
	faultTooManyShells     = 2150859173
	faultTooManyOperations = 2150859174
)

// envelope is every answer we know, in one shape. Names are compared without their XML namespace.
type envelope struct {
	Action string `xml:"Header>Action"`
	Body   struct {
		ShellID   string `xml:"Shell>ShellId"`
		Selectors []struct {
			Name  string `xml:"Name,attr"`
			Value string `xml:",chardata"`
		} `xml:"ResourceCreated>ReferenceParameters>SelectorSet>Selector"`
		CommandID string `xml:"CommandResponse>CommandId"`
		Receive   *struct {
			Streams []struct {
				Name    string `xml:"Name,attr"`
				Content string `xml:",chardata"`
			} `xml:"Stream"`
			State struct {
				State    string  `xml:"State,attr"`
				ExitCode *string `xml:"ExitCode"`
			} `xml:"CommandState"`
		} `xml:"ReceiveResponse"`
		Fault *fault `xml:"Fault"`
	} `xml:"Body"`
}

// fault is a refusal in the host's own words.
type fault struct {
	Subcode string `xml:"Code>Subcode>Value"`
	Reason  string `xml:"Reason>Text"`
	Detail  struct {
		Code    string `xml:"Code,attr"`
		Message string `xml:"Message"`
	} `xml:"Detail>WSManFault"`
}

func (f *fault) code() int64 {
	code, err := strconv.ParseInt(strings.TrimSpace(f.Detail.Code), 10, 64)
	if err != nil {
		return 0
	}
	return code
}

func (f *fault) subcode() string {
	_, local, found := strings.Cut(f.Subcode, ":")
	if !found {
		local = f.Subcode
	}
	return strings.TrimSpace(local)
}

func (f *fault) timedOut() bool {
	return f.code() == faultOperationTimedOut || (f.code() == 0 && f.subcode() == "TimedOut")
}

func (f *fault) kind() Kind {
	code := f.code()
	switch {
	case code == faultShellNotFound, f.subcode() == "InvalidSelectors":
		return SessionLost
	case code == faultTooManyShells, code == faultTooManyOperations, code == faultNotEnoughQuota, f.subcode() == "QuotaLimit":
		return QuotaExceeded
	case code == faultAccessDenied, f.subcode() == "AccessDenied":
		return AccessDenied
	case f.timedOut():
		return Timeout
	default:
		return Protocol
	}
}

func (f *fault) text() string {
	for _, text := range []string{f.Detail.Message, f.Reason, f.subcode()} {
		if strings.TrimSpace(text) != "" {
			if code := f.code(); code != 0 {
				return strings.TrimSpace(text) + " (fault " + strconv.FormatInt(code, 10) + ")"
			}
			return strings.TrimSpace(text)
		}
	}
	return "the host gave no reason"
}

func parse(text []byte) (*envelope, error) {
	answer := &envelope{}
	if err := xml.Unmarshal(text, answer); err != nil {
		return nil, err
	}
	answer.Action = strings.TrimSpace(answer.Action)
	return answer, nil
}

// shellID is the id of a created shell: some hosts repeat it in the body, all have it among the selectors.
func (e *envelope) shellID() string {
	if id := strings.TrimSpace(e.Body.ShellID); id != "" {
		return id
	}
	for _, selector := range e.Body.Selectors {
		if selector.Name == "ShellId" {
			return strings.TrimSpace(selector.Value)
		}
	}
	return ""
}

// output is what one Receive brought.
type output struct {
	stdout, stderr []byte
	done           bool
	exitCode       int
}

func (e *envelope) output() (output, string) {
	if e.Body.Receive == nil {
		return output{}, "the answer holds no ReceiveResponse"
	}
	var result output
	for _, stream := range e.Body.Receive.Streams {
		content, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(stream.Content), ""))
		if err != nil {
			return output{}, "the " + stream.Name + " stream is not Base64"
		}
		switch stream.Name {
		case "stdout":
			result.stdout = append(result.stdout, content...)
		case "stderr":
			result.stderr = append(result.stderr, content...)
		}
	}
	if e.Body.Receive.State.State != doneState {
		return result, ""
	}
	if e.Body.Receive.State.ExitCode == nil {
		return output{}, "the command has ended without an exit code"
	}
	// Windows exit codes are unsigned 32-bit numbers, and some hosts print them signed.
	code, err := strconv.ParseInt(strings.TrimSpace(*e.Body.Receive.State.ExitCode), 10, 64)
	if err != nil || code < -1<<31 || code >= 1<<32 {
		return output{}, "the exit code is not a number"
	}
	result.done, result.exitCode = true, int(code)
	return result, ""
}
