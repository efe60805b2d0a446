package lync

import "errors"

// ErrorKind is what went wrong, as a word for programs.
type ErrorKind string

// The kinds of error. Remedies are in the texts.
const (
	// KindUnreachable: nothing answers at the server's address.
	KindUnreachable ErrorKind = "Unreachable"
	// KindCertificateRejected: the server's certificate is not trusted or bears another name.
	KindCertificateRejected ErrorKind = "CertificateRejected"
	// KindLoginRefused: the user name or password is wrong, or the server does not offer the configured authentication;
	// asking again with the same credentials is pointless and after the second refusal is not done.
	KindLoginRefused ErrorKind = "LoginRefused"
	// KindAccessDenied: the login is right, but the account may not do this on the server.
	KindAccessDenied ErrorKind = "AccessDenied"
	// KindTimeout: the server did not answer in time.
	KindTimeout ErrorKind = "Timeout"
	// KindSessionLost: the server or the network dropped the session under a command, twice.
	KindSessionLost ErrorKind = "SessionLost"
	// KindQuotaExceeded: a WinRM quota of the server is used up.
	KindQuotaExceeded ErrorKind = "QuotaExceeded"
	// KindUnknownShape: a cmdlet answered something the module does not know; Detail is that answer.
	KindUnknownShape ErrorKind = "UnknownShape"
	// KindNotInService: the question needs a front end whose services run.
	KindNotInService ErrorKind = "NotInService"
	// KindJobConflict: another job runs on the server; Detail is its id.
	KindJobConflict ErrorKind = "JobConflict"
	// KindCmdletFailed: a Lync or Windows cmdlet failed.
	KindCmdletFailed ErrorKind = "CmdletFailed"
	// KindCmdletMissing: the Lync management shell is not installed on the server.
	KindCmdletMissing ErrorKind = "CmdletMissing"
	// KindBadArgument: the question or order itself is wrong; nothing was done.
	KindBadArgument ErrorKind = "BadArgument"
	// KindBadAnswer: what came back does not follow docs/server-protocol.md.
	KindBadAnswer ErrorKind = "BadAnswer"
	// KindCanceled: the caller's context was canceled.
	KindCanceled ErrorKind = "Canceled"
	// KindInternal: a mistake in this program or in the module.
	KindInternal ErrorKind = "Internal"
)

// Error is the only error this package returns. It never holds a password.
type Error struct {
	Kind ErrorKind
	// Server is the FQDN of the server that was asked.
	Server string
	// Step is what was being done, such as "Get-LyncOpsFacts".
	Step string
	// Message is what was seen.
	Message string
	// Detail is what the kind says: the id of the other job, or the raw answer of the cmdlet; mostly empty.
	Detail string
	// Remedy is what an administrator can do; it may be empty.
	Remedy string
	// Ran says that the server had let us in and had run the command line; what it printed was the trouble.
	Ran bool
	Err error
}

// Error is one sentence with server, step, message and remedy.
func (e *Error) Error() string {
	text := e.Server + ": " + e.Step + ": " + e.Message
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

// Unwrap returns the error below, if there is one.
func (e *Error) Unwrap() error {
	return e.Err
}

// KindOf returns the kind of err, KindInternal for an error of another package and "" for nil.
func KindOf(err error) ErrorKind {
	if err == nil {
		return ""
	}
	if found, ok := errors.AsType[*Error](err); ok {
		return found.Kind
	}
	return KindInternal
}
