package kerberos

import (
	"errors"
	"strings"
)

// Kind is what went wrong, as a word for programs.
type Kind string

// The kinds of error.
const (
	// AccountRefused: the KDC refused the account, its password or its keys. They are not tried again.
	AccountRefused Kind = "AccountRefused"
	// Unreachable: no KDC answered.
	Unreachable Kind = "Unreachable"
	// NotIssued: the KDC gave no ticket for another reason than the account.
	NotIssued Kind = "NotIssued"
)

// Error is what Tickets returns unless a context has ended. It never holds a password or a key.
type Error struct {
	Kind Kind
	// Message is what was seen and what may be done about it.
	Message string
}

// Error is the message.
func (e *Error) Error() string {
	return e.Message
}

// KindOf returns the kind of err, or "" when err is not one of this package.
func KindOf(err error) Kind {
	if found, ok := errors.AsType[*Error](err); ok {
		return found.Kind
	}
	return ""
}

// refusals are the answers of a KDC after which asking again with the same password is of no use or does harm.
var refusals = map[string]string{
	"KDC_ERR_PREAUTH_FAILED":           "the password or keytab is wrong",
	"KDC_ERR_C_PRINCIPAL_UNKNOWN":      "there is no such account in the realm",
	"KDC_ERR_CLIENT_REVOKED":           "the account is disabled, locked or may not log on now",
	"KDC_ERR_KEY_EXPIRED":              "the password has expired",
	"KDC_ERR_NAME_EXP":                 "the account has expired",
	"client password/keytab incorrect": "the password or keytab is wrong",
}

// causes are further answers that can be said more plainly.
var causes = map[string]string{
	"KRB_AP_ERR_SKEW":             "the clocks of this program and the KDC differ by too much",
	"KDC_ERR_S_PRINCIPAL_UNKNOWN": "the realm knows no such service; register it with setspn, or correct the name of the server",
	"KDC_ERR_ETYPE_NOSUPP":        "KDC and client have no encryption in common; the account or the server may lack AES keys",
	"KDC_ERR_POLICY":              "a policy of the KDC forbids it",
}

// explain turns an error of the library, which tells its kinds apart in its text only, into ours.
func explain(who, what string, err error) *Error {
	text := err.Error()
	for sign, meaning := range refusals {
		if strings.Contains(text, sign) {
			return &Error{Kind: AccountRefused, Message: "the KDC refused " + who + ": " + meaning}
		}
	}
	for sign, meaning := range causes {
		if strings.Contains(text, sign) {
			return &Error{Kind: NotIssued, Message: "the KDC gave " + who + " no ticket for " + what + ": " + meaning}
		}
	}
	// An answer of the KDC's is told as such by the library; of the rest, networking and the search for KDCs.
	if strings.Contains(text, "Networking_Error") {
		return &Error{Kind: Unreachable, Message: "no KDC answered for " + who + ": " + text}
	}
	return &Error{Kind: NotIssued, Message: "no ticket for " + what + " was given to " + who + ": " + text}
}
