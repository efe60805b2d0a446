package wsman

import (
	"crypto/x509"
	"time"

	"github.com/go-logr/logr"
	"github.com/jcmturner/gokrb5/v8/keytab"
)

// The settings of an unchanged Windows Server 2012 R2.
const (
	defaultMaxShellsPerUser               = 30
	defaultMaxConcurrentUsers             = 10
	defaultMaxProcessesPerShell           = 25
	defaultMaxConcurrentOperationsPerUser = 1500
	defaultMaxEnvelopeKilobytes           = 500
	defaultMaxTimeout                     = 60 * time.Second
	defaultShellIdleTimeout               = 2 * time.Hour
)

// What a Windows client is given when it names no envelope size, and the smallest one that may be named.
const (
	defaultEnvelopeBytes = 153600
	minimumEnvelopeBytes = 8192
)

// ChannelBinding is what Windows calls CbtHardeningLevel (winrm get winrm/config/service/auth).
type ChannelBinding string

// The levels of Windows. Relaxed is that of an unchanged server.
const (
	// ChannelBindingNone looks at no binding.
	ChannelBindingNone ChannelBinding = "None"
	// ChannelBindingRelaxed refuses a binding that is wrong.
	ChannelBindingRelaxed ChannelBinding = "Relaxed"
	// ChannelBindingStrict refuses a login without one, too.
	ChannelBindingStrict ChannelBinding = "Strict"
)

// Options are the settings of one endpoint. They hold for each host on their own: a quota is counted per host. The zero value
// of a quota or a time means the default of Windows Server 2012 R2.
type Options struct {
	// AllowBasic offers Basic authentication on TLS connections.
	AllowBasic bool
	// AllowNTLM offers NTLM inside Negotiate authentication.
	AllowNTLM bool
	// Keytab offers Kerberos, bare and inside Negotiate authentication. It holds the keys of HTTP/<name> of each host.
	Keytab *keytab.Keytab
	// KerberosPerRequest forgets a proof by Kerberos with the request that brought it. Otherwise it holds for the connection.
	KerberosPerRequest bool
	// ClientAuthorities may sign the certificates that clients log in with, where the TLS server asks for them; nil refuses all.
	ClientAuthorities *x509.CertPool
	// CertificateAccount is the local account to which a host maps a certificate. The name is the user principal name in the
	// certificate's alternative names, or else the common name of its subject.
	CertificateAccount func(host, name string) (account string, ok bool)
	// ChannelBinding says whether a login by NTLM or Kerberos must hold the TLS connection it goes through. Empty means
	// ChannelBindingRelaxed.
	ChannelBinding ChannelBinding
	// ServerCertificate is what TLS shows to clients; nil looks at no channel binding.
	ServerCertificate *x509.Certificate
	// BasicOverPlainHTTP offers Basic without TLS too. Windows refuses it unless AllowUnencrypted is set.
	BasicOverPlainHTTP bool
	// UnsealedNTLMOverPlainHTTP accepts messages that are neither sealed nor inside TLS. Windows refuses them, with an empty
	// HTTP 500, unless AllowUnencrypted is set.
	UnsealedNTLMOverPlainHTTP bool

	// MaxShellsPerUser limits the open shells of one account.
	MaxShellsPerUser int
	// MaxConcurrentUsers limits the accounts that have a shell open at once.
	MaxConcurrentUsers int
	// MaxProcessesPerShell limits the commands of one shell that have not ended.
	MaxProcessesPerShell int
	// MaxConcurrentOperationsPerUser limits the requests being answered and the commands of one account together.
	MaxConcurrentOperationsPerUser int
	// MaxEnvelopeKilobytes is the longest request that is read and the longest answer that is written.
	MaxEnvelopeKilobytes int
	// MaxTimeout limits how long a client may have a request held, whatever OperationTimeout it asks for.
	MaxTimeout time.Duration
	// ShellIdleTimeout is how long a shell lives without a request. A client may ask for a shorter time.
	ShellIdleTimeout time.Duration

	// Log hears of refusals and dropped connections, and at verbosity 1 of each operation. Neither command lines nor
	// credentials are logged.
	Log logr.Logger
}

func (o Options) withDefaults() Options {
	if o.ChannelBinding == "" {
		o.ChannelBinding = ChannelBindingRelaxed
	}
	setDefault(&o.MaxShellsPerUser, defaultMaxShellsPerUser)
	setDefault(&o.MaxConcurrentUsers, defaultMaxConcurrentUsers)
	setDefault(&o.MaxProcessesPerShell, defaultMaxProcessesPerShell)
	setDefault(&o.MaxConcurrentOperationsPerUser, defaultMaxConcurrentOperationsPerUser)
	setDefault(&o.MaxEnvelopeKilobytes, defaultMaxEnvelopeKilobytes)
	setDefault(&o.MaxTimeout, defaultMaxTimeout)
	setDefault(&o.ShellIdleTimeout, defaultShellIdleTimeout)
	return o
}

func setDefault[T int | time.Duration](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}
