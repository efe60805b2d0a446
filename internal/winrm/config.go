package winrm

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"lyncops.dev/operator/internal/kerberos"
)

// Scheme is how a session logs in.
type Scheme string

// The schemes a session can be configured with. All are used inside TLS; NTLM also without, and then it seals every message.
const (
	NTLM        Scheme = "NTLM"
	Basic       Scheme = "Basic"
	Kerberos    Scheme = "Kerberos"
	Certificate Scheme = "Certificate"
)

// The ports of WinRM listeners.
const (
	DefaultPort       = 5986 // HTTPS
	DefaultSealedPort = 5985 // HTTP
)

// Config describes a session. Host, UserName and what the Scheme needs are required, everything else has a default.
type Config struct {
	// Host is the name the host's certificate must bear, unless CertificateName is another.
	Host string
	// Port of the listener; 0 means DefaultPort, or DefaultSealedPort without TLS.
	Port int
	// Sealed says that the listener is one without TLS, where NTLM seals every message. Certificates play no part then: the host
	// is proven by knowing, or having its domain controller know, the account's password.
	Sealed bool
	// Scheme is NTLM when empty. It is the only one ever used.
	Scheme Scheme
	// UserName is `DOMAIN\name`, `name@domain` or a local name.
	UserName string
	// Password is needed for NTLM and Basic.
	Password string
	// Tickets are those of the account, for Kerberos. Sessions may share them, and they must outlive the sessions.
	Tickets *kerberos.Tickets
	// ClientCertificate and ClientKey are the PEM texts of what Certificate logs in with; UserName is not used then.
	ClientCertificate, ClientKey []byte
	// CertificateAuthority holds the PEM certificates that may sign the host's; nil means the system's roots.
	CertificateAuthority []byte
	// CertificateName is the name that is looked for in the host's certificate instead of Host; empty means Host.
	CertificateName string
	// ConnectTo returns the address to dial instead of Host and Port, like curl's --connect-to: the Host header and the name
	// in the certificate stay.
	ConnectTo func(host string, port int) (address string)

	// ConnectTimeout bounds each of TCP connect, TLS handshake and login; 0 means 10 seconds.
	ConnectTimeout time.Duration
	// OperationTimeout is how long the host may hold a request before it answers that there is nothing yet; 0 means 20
	// seconds.
	OperationTimeout time.Duration
	// AnswerMargin is what a request may take beyond OperationTimeout before it counts as lost; 0 means 10 seconds.
	AnswerMargin time.Duration
	// CommandTimeout bounds a command that sets no Timeout; 0 means 60 seconds.
	CommandTimeout time.Duration
	// CleanUpTimeout bounds the ending of a command or shell after its caller has left; 0 means 5 seconds.
	CleanUpTimeout time.Duration
	// IdleTimeout closes an unused connection; 0 means 60 seconds, which is less than Windows' own 120, so that a request
	// never meets a connection that is just being closed.
	IdleTimeout time.Duration
	// MaximumAnswerBytes bounds one answer; 0 means 1 MiB, which is far more than the 150 KiB envelope we ask for.
	MaximumAnswerBytes int64
	// MaximumOutputBytes bounds standard output and standard error of one command together; 0 means 4 MiB.
	MaximumOutputBytes int64
}

// String names host and account, never the password.
func (c Config) String() string {
	return c.UserName + " on " + c.address()
}

// GoString keeps the password out of %#v.
func (c Config) GoString() string {
	return c.String()
}

func (c Config) address() string {
	return net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
}

func (c Config) url() string {
	scheme := "https"
	if c.Sealed {
		scheme = "http"
	}
	return scheme + "://" + c.address() + "/wsman"
}

func (c Config) withDefaults() Config {
	if c.Sealed {
		setDefault(&c.Port, DefaultSealedPort)
	}
	setDefault(&c.Port, DefaultPort)
	setDefault(&c.Scheme, NTLM)
	setDefault(&c.ConnectTimeout, 10*time.Second)
	setDefault(&c.OperationTimeout, 20*time.Second)
	setDefault(&c.AnswerMargin, 10*time.Second)
	setDefault(&c.CommandTimeout, 60*time.Second)
	setDefault(&c.CleanUpTimeout, 5*time.Second)
	setDefault(&c.IdleTimeout, 60*time.Second)
	setDefault(&c.MaximumAnswerBytes, 1<<20)
	setDefault(&c.MaximumOutputBytes, 4<<20)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate names the first field that cannot be used.
func (c Config) validate() error {
	switch {
	case c.Host == "":
		return errors.New("the host is empty")
	case c.Port < 1 || c.Port > 65535:
		return fmt.Errorf("port %d is not between 1 and 65535", c.Port)
	case c.Sealed && c.Scheme != NTLM:
		return fmt.Errorf("without TLS only NTLM seals messages, and the scheme is %s", c.Scheme)
	}
	switch c.Scheme {
	case NTLM, Basic:
		if c.UserName == "" {
			return errors.New("the user name is empty")
		}
		if c.Password == "" {
			return errors.New("the password is empty")
		}
	case Kerberos:
		if c.Tickets == nil {
			return errors.New("there is nothing to get Kerberos tickets with")
		}
	case Certificate:
		if len(c.ClientCertificate) == 0 || len(c.ClientKey) == 0 {
			return errors.New("the client certificate or its key is missing")
		}
	default:
		return fmt.Errorf("authentication %q is not NTLM, Basic, Kerberos or Certificate", c.Scheme)
	}
	return nil
}

func (c Config) tls() (*tls.Config, error) {
	configuration := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cmp.Or(c.CertificateName, c.Host)}
	if c.CertificateAuthority != nil {
		configuration.RootCAs = x509.NewCertPool()
		if !configuration.RootCAs.AppendCertsFromPEM(c.CertificateAuthority) {
			return nil, errors.New("the certificate authority holds no PEM certificate")
		}
	}
	if c.Scheme == Certificate {
		own, err := tls.X509KeyPair(c.ClientCertificate, c.ClientKey)
		if err != nil {
			return nil, errors.New("the client certificate and its key cannot be used together, or are not PEM")
		}
		configuration.Certificates = []tls.Certificate{own}
		// Windows asks for the certificate only when it has read the request, unless the listener's binding says otherwise. It
		// then begins TLS 1.2 anew; what TLS 1.3 has for that is not in Go.
		configuration.Renegotiation = tls.RenegotiateOnceAsClient
		configuration.MaxVersion = tls.VersionTLS12
	}
	return configuration, nil
}
