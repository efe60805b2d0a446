package lync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"lyncops.dev/operator/internal/winrm"
)

const (
	longestMessage = 800  // bytes of an error's message
	longestDetail  = 8000 // bytes of an error's detail
)

// newCall prepares a verb for one server. The secrets are those that an error must not hold, the access's own aside.
func newCall(access Access, verb string, argument any, secrets ...string) call {
	return call{access: access.withDefaults(), verb: verb, argument: argument, secrets: append(secrets, access.Password)}
}

// failure is an error of this call, cleaned of its secrets. cause must not hold a text that came from a server.
func (c call) failure(kind ErrorKind, message string, cause error) *Error {
	return &Error{Kind: kind, Server: c.access.FQDN, Step: c.verb, Message: c.presentable(message, longestMessage), Err: cause}
}

func (c call) failureWithRemedy(kind ErrorKind, message, remedy string, cause error) *Error {
	failed := c.failure(kind, message, cause)
	failed.Remedy = remedy
	return failed
}

func (c call) loginRefused() *Error {
	return c.failureWithRemedy(KindLoginRefused,
		"the user name or password in the credentials Secret was refused by "+c.access.FQDN+" for "+c.access.UserName,
		fmt.Sprintf("correct the Secret; the same password is tried at most %d times, so that the account is not locked", mostRefusals), nil)
}

// presentable makes one bounded line of a text that came from a server and removes the secrets of this call.
func (c call) presentable(text string, longest int) string {
	for _, secret := range c.secrets {
		if secret == "" {
			continue
		}
		text = strings.ReplaceAll(text, secret, "(removed)")
		if quoted, err := json.Marshal(secret); err == nil {
			text = strings.ReplaceAll(text, string(quoted[1:len(quoted)-1]), "(removed)")
		}
	}
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if len(text) > longest {
		cut := longest
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "..."
	}
	return text
}

// worthRepeating reports whether a command was lost on the way rather than refused or slow.
func worthRepeating(err error) bool {
	failed, ok := errors.AsType[*winrm.Error](err)
	if !ok {
		return false
	}
	return failed.Kind == winrm.SessionLost || (failed.Kind == winrm.Timeout && !failed.Accepted)
}

// translate says what a failed command means to somebody who looks after Lync servers.
func (c call) translate(err error) *Error {
	failed, ok := errors.AsType[*winrm.Error](err)
	if !ok {
		return c.failure(KindInternal, err.Error(), nil)
	}
	// A session knows its own password only, not those that its commands carried, so of its errors only the end of a
	// context is passed on.
	var cause error
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			cause = end
		}
	}
	message := failed.Step + ": " + failed.Message
	listener := c.access.listener()
	switch failed.Kind {
	case winrm.Unreachable:
		if failed.Step == winrm.StepTicket {
			return c.failureWithRemedy(KindUnreachable, message,
				"check that the domain controllers (KDCs) of the realm are found and reached from where the operator runs (TCP 88)", cause)
		}
		return c.failureWithRemedy(KindUnreachable, message,
			"check that the server is up and its name resolves, that "+listener+" is on, and that no firewall is between", cause)
	case winrm.CertificateRejected:
		return c.failureWithRemedy(KindCertificateRejected, message, "give "+listener+
			" a valid certificate that bears this name, or correct the certificate authority it is checked against", cause)
	case winrm.LoginRefused:
		refused := c.loginRefused()
		if c.access.Authentication == AuthenticationKerberos {
			refused.Message = c.presentable(failed.Message, longestMessage) // the KDC says more than a server does
		}
		refused.Err = cause
		return refused
	case winrm.TicketRefused:
		return c.failureWithRemedy(KindLoginRefused, message, "see that HTTP/"+c.access.FQDN+
			" (or HOST/"+c.access.FQDN+") is registered for the server's computer account (setspn -Q), that clocks agree, and that its WinRM service has Kerberos on", cause)
	case winrm.CertificateNotMapped:
		return c.failureWithRemedy(KindLoginRefused, message, "map the certificate to a local account of "+c.access.FQDN+
			" (New-Item WSMan:\\localhost\\ClientCertificate), trust its issuer there, and turn on WSMan:\\localhost\\Service\\Auth\\Certificate", cause)
	case winrm.SchemeNotOffered:
		return c.failureWithRemedy(KindLoginRefused, message,
			"turn the configured authentication on for the WinRM service of "+c.access.FQDN+", or configure one that it offers", cause)
	case winrm.AccessDenied:
		return c.failureWithRemedy(KindAccessDenied, message,
			"make "+c.access.UserName+" a member of the local Administrators of "+c.access.FQDN, cause)
	case winrm.Timeout:
		return c.failureWithRemedy(KindTimeout, message, "check the load of the server; it will be asked again", cause)
	case winrm.SessionLost:
		return c.failureWithRemedy(KindSessionLost, message,
			"nothing needs to be done if the server or its WinRM service is restarting; it will be asked again", cause)
	case winrm.QuotaExceeded:
		return c.failureWithRemedy(KindQuotaExceeded, message, "end forgotten shells of "+c.access.UserName+" on "+c.access.FQDN+
			" (winrm enumerate shell lists them) or raise the quota that is named", cause)
	case winrm.Canceled:
		return c.failure(KindCanceled, message, cause)
	default: // winrm.Protocol
		return c.failureWithRemedy(KindBadAnswer, message, "check that "+listener+" is a Windows WinRM service and nothing in between answers for it", cause)
	}
}

func notStaged(ended winrm.Result) bool {
	return ended.ExitCode == exitNotStaged && strings.Contains(string(ended.Stdout), wordNotStaged)
}

// readStaged reads the end of the stage script.
func (c call) readStaged(ended winrm.Result) error {
	switch {
	case ended.ExitCode == 0 && strings.Contains(string(ended.Stdout), wordStaged):
		return nil
	case ended.ExitCode == exitHashMismatch:
		return c.failureWithRemedy(KindInternal, "the module arrived damaged", "it will be sent again; if this stays, something between changes what is sent", nil)
	}
	return c.failureWithRemedy(KindCmdletFailed, c.powerShellSaid(ended),
		"make sure that "+c.access.UserName+" is a local administrator and may write to %ProgramData%\\LyncOps", nil)
}

// read decodes the answer of a verb that has ended. A complete answer counts whatever the exit code is, because PowerShell
// also sets that when a cmdlet has complained and been overruled.
func (c call) read(ended winrm.Result, result any) error {
	given, err := readAnswer(ended.Stdout, c.verb)
	if err != nil {
		return c.badAnswer(err.Error() + "; " + c.powerShellSaid(ended))
	}
	if !given.OK {
		return c.refusedBy(given.Error)
	}
	if err := strict(given.Result, result); err != nil {
		return c.badAnswer(err.Error())
	}
	return nil
}

func (c call) badAnswer(message string) *Error {
	return c.failureWithRemedy(KindBadAnswer, message,
		"check that PowerShell 3.0 or newer runs on the server and that its execution policy lets "+
			"%ProgramData%\\LyncOps\\module\\...\\LyncOps.psm1 run", nil)
}

func (c call) powerShellSaid(ended winrm.Result) string {
	said := errorText(ended.Stderr)
	if said == "" {
		said = string(ended.Stdout)
	}
	if strings.TrimSpace(said) == "" {
		return fmt.Sprintf("PowerShell ended with exit code %d and said nothing", ended.ExitCode)
	}
	return fmt.Sprintf("PowerShell ended with exit code %d and said: %s", ended.ExitCode, said)
}

// refusedBy turns the error of a verb into ours.
func (c call) refusedBy(refused *answerError) *Error {
	kinds := map[string]struct {
		kind   ErrorKind
		remedy string
	}{
		"BadArgument":   {KindBadArgument, "correct the field that is named"},
		"CmdletFailed":  {KindCmdletFailed, "run the cmdlet on the server and follow what it says"},
		"CmdletMissing": {KindCmdletMissing, "install the Lync Server Management Shell on the server (Core Components)"},
		"UnknownShape":  {KindUnknownShape, "decide about this pool by hand, and report the cmdlet's answer"},
		"NotInService":  {KindNotInService, "ask a front end whose services run"},
		"JobConflict":   {KindJobConflict, "wait until the other job has ended"},
		"Internal":      {KindInternal, "read the log of the job on the server under %ProgramData%\\LyncOps"},
	}
	known, ok := kinds[refused.Code]
	if !ok {
		return c.badAnswer(fmt.Sprintf("the error code %q is unknown: %s", refused.Code, refused.Message))
	}
	failed := c.failureWithRemedy(known.kind, refused.Message, known.remedy, nil)
	failed.Detail = c.presentable(refused.Detail, longestDetail)
	if known.kind == KindJobConflict && failed.Detail != "" {
		failed.Message = c.presentable("job "+refused.Detail+" is still running: "+refused.Message, longestMessage)
	}
	return failed
}

func kindOfContext(ctx context.Context) ErrorKind {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return KindTimeout
	}
	return KindCanceled
}

// checkAccess refuses what could never work before anybody is asked.
func (c call) checkAccess() *Error {
	switch {
	case c.access.FQDN == "":
		return c.failureWithRemedy(KindBadArgument, "the server has no name", "give its FQDN", nil)
	case c.access.Port < 1 || c.access.Port > 65535:
		return c.failureWithRemedy(KindBadArgument, fmt.Sprintf("port %d is no port", c.access.Port), "configure one between 1 and 65535", nil)
	case c.access.Transport != TransportHTTPS && c.access.Transport != TransportHTTP:
		return c.failureWithRemedy(KindBadArgument, fmt.Sprintf("transport %q is unknown", c.access.Transport), "configure HTTPS or HTTP", nil)
	case c.access.Transport == TransportHTTP && c.access.Authentication != AuthenticationNTLM:
		return c.failureWithRemedy(KindBadArgument, "without TLS only NTLM seals messages", "configure transport HTTPS, or authentication NTLM", nil)
	}
	missing := ""
	switch c.access.Authentication {
	case AuthenticationNTLM, AuthenticationBasic:
		if c.access.UserName == "" || c.access.Password == "" {
			missing = "the user name or password is empty"
		}
	case AuthenticationKerberos:
		if c.access.UserName == "" || c.access.Password == "" && len(c.access.Kerberos.Keytab) == 0 {
			missing = "the user name is empty, or both password and keytab are"
		}
	case AuthenticationCertificate:
		if len(c.access.ClientCertificate) == 0 || len(c.access.ClientKey) == 0 {
			missing = "the client certificate or its key is empty"
		}
	default:
		return c.failureWithRemedy(KindBadArgument, fmt.Sprintf("authentication %q is unknown", c.access.Authentication),
			"configure NTLM, Kerberos, Certificate or Basic", nil)
	}
	if missing != "" {
		return c.failureWithRemedy(KindLoginRefused, missing, "put both into the credentials Secret", nil)
	}
	return nil
}

// listener names what is asked, for people to find it.
func (a Access) listener() string {
	return fmt.Sprintf("the WinRM %s listener on port %d of %s", a.Transport, a.Port, a.FQDN)
}
