package lyncops

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"lyncops.dev/operator/internal/simulator/deployment"
)

// Verbs are the commands of the module.
func Verbs() []string {
	return []string{"Get-LyncOpsFacts", "Get-LyncOpsTopology", "Get-LyncOpsPoolReadiness", "Get-LyncOpsPoolFabric", "Get-LyncOpsDatabase", "Get-LyncOpsDatabaseMirror", "Get-LyncOpsLocalDatabase",
		"Get-LyncOpsPatchVersion", "Get-LyncOpsServing", "Get-LyncOpsReplication", "Get-LyncOpsPartner", "Get-LyncOpsPreflight", "Start-LyncOpsJob", "Clear-LyncOpsJobs"}
}

// The error codes of an answer.
const (
	badArgument   = "BadArgument"
	cmdletFailed  = "CmdletFailed"
	cmdletMissing = "CmdletMissing"
	unknownShape  = "UnknownShape"
	notInService  = "NotInService"
	jobConflict   = "JobConflict"
	internalError = "Internal"
)

// failure is an answer that is not ok.
type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  string `json:"detail"`
}

func (f *failure) Error() string { return f.Code + ": " + f.Message }

func wrongArgument(field, format string, args ...any) error {
	return &failure{Code: badArgument, Message: field + ": " + fmt.Sprintf(format, args...)}
}

type envelope struct {
	Protocol int      `json:"protocol"`
	Verb     string   `json:"verb"`
	OK       bool     `json:"ok"`
	Result   any      `json:"result,omitempty"`
	Error    *failure `json:"error,omitempty"`
}

// Answer runs a verb with the Base64 text of its JSON argument and returns the one line it writes.
func Answer(ctx context.Context, host *deployment.Host, user, verb, argument string) string {
	for _, known := range Verbs() {
		if strings.EqualFold(known, verb) {
			verb = known
		}
	}
	result, err := dispatch(ctx, host, user, verb, argument)
	e := envelope{Protocol: 1, Verb: verb, OK: err == nil, Result: result}
	if err != nil {
		e.Result, e.Error = nil, asFailure(err)
	}
	text, err := asciiJSON(e)
	if err != nil {
		text, _ = asciiJSON(envelope{Protocol: 1, Verb: verb, Error: &failure{Code: internalError, Message: err.Error()}})
	}
	return "<<<LYNCOPS " + text + " LYNCOPS>>>"
}

func asFailure(err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, deployment.ErrNoLyncTools):
		return &failure{Code: cmdletMissing, Message: err.Error()}
	case errors.Is(err, deployment.ErrNotInService):
		return &failure{Code: notInService, Message: err.Error()}
	}
	return &failure{Code: cmdletFailed, Message: err.Error()}
}

func dispatch(ctx context.Context, host *deployment.Host, user, verb, argument string) (any, error) {
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(argument), ""))
	if err != nil {
		return nil, wrongArgument("argument", "it is not Base64: %v", err)
	}
	switch verb {
	case "Get-LyncOpsFacts":
		return facts(host, text)
	case "Get-LyncOpsTopology":
		return topology(ctx, host, text)
	case "Get-LyncOpsPoolReadiness":
		return readiness(ctx, host, text)
	case "Get-LyncOpsPoolFabric":
		return fabric(ctx, host, text)
	case "Get-LyncOpsDatabase":
		return databases(ctx, host, text)
	case "Get-LyncOpsDatabaseMirror":
		return mirrors(ctx, host, text)
	case "Get-LyncOpsLocalDatabase":
		return localDatabases(host, text)
	case "Get-LyncOpsPatchVersion":
		return patchVersion(ctx, host, text)
	case "Get-LyncOpsServing":
		return serving(ctx, host, text)
	case "Get-LyncOpsReplication":
		return replication(ctx, host, text)
	case "Get-LyncOpsPartner":
		return partner(ctx, host, text)
	case "Get-LyncOpsPreflight":
		return preflight(ctx, host, text)
	case "Start-LyncOpsJob":
		return startJob(host, user, text)
	case "Clear-LyncOpsJobs":
		return clearJobs(host, user, text)
	}
	return nil, &failure{Code: internalError, Message: "there is no verb " + verb}
}

// read decodes a JSON object and refuses fields that the target does not have.
func read(text []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		var wrongType *json.UnmarshalTypeError
		if errors.As(err, &wrongType) {
			return wrongArgument(wrongType.Field, "a %s is not a %s", wrongType.Value, wrongType.Type)
		}
		if field, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
			return wrongArgument(strings.Trim(field, `"`), "is not known here")
		}
		return wrongArgument("argument", "%v", err)
	}
	return nil
}

// asciiJSON writes JSON in one line, with everything that is not ASCII as \u escapes.
func asciiJSON(value any) (string, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	var ascii strings.Builder
	for _, r := range strings.TrimSpace(buffer.String()) {
		switch {
		case r < 0x80:
			ascii.WriteRune(r)
		case r > 0xFFFF:
			r -= 0x10000
			fmt.Fprintf(&ascii, `\u%04x\u%04x`, 0xD800+(r>>10), 0xDC00+(r&0x3FF))
		default:
			fmt.Fprintf(&ascii, `\u%04x`, r)
		}
	}
	return ascii.String(), nil
}
