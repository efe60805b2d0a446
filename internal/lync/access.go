package lync

import "lyncops.dev/operator/internal/winrm"

// The transports and authentication schemes a server can be asked with. Over HTTP there is NTLM only, which seals every message.
const (
	TransportHTTPS = "HTTPS"
	TransportHTTP  = "HTTP"

	AuthenticationNTLM        = "NTLM"
	AuthenticationBasic       = "Basic"
	AuthenticationKerberos    = "Kerberos"
	AuthenticationCertificate = "Certificate"
)

// Access is everything needed to log in to one server. It holds secrets: never print it.
type Access struct {
	// FQDN names the server; its certificate must bear this name, or CertificateName.
	FQDN string
	// Port of the listener; 0 means 5986 for HTTPS and 5985 for HTTP.
	Port int
	// Transport is TransportHTTPS when empty.
	Transport string
	// Authentication is AuthenticationNTLM when empty.
	Authentication string
	// UserName is `DOMAIN\name`, `name@domain` or a local name. With AuthenticationCertificate it is the certificate's subject, for
	// people to read.
	UserName string
	Password string `json:"-"`
	// Kerberos is what AuthenticationKerberos needs beyond UserName, and Password or Keytab.
	Kerberos KerberosAccess `json:"-"`
	// ClientCertificate and ClientKey are the PEM texts for AuthenticationCertificate.
	ClientCertificate []byte `json:"-"`
	ClientKey         []byte `json:"-"`
	// CertificateAuthority holds the PEM certificates that may sign the server's; nil means the system's roots.
	CertificateAuthority []byte
	// CertificateName is the only name that the server's certificate may bear; empty means FQDN.
	CertificateName string
}

// KerberosAccess says where tickets come from.
type KerberosAccess struct {
	// Realm of the account; empty means that of UserName or of Configuration.
	Realm string
	// Keytab goes before the password.
	Keytab []byte
	// Configuration is the text of a krb5.conf; empty means that KDCs are found in the DNS.
	Configuration string
}

// String names the server and the account, never the password.
func (a Access) String() string {
	return a.UserName + " on " + a.FQDN
}

// GoString keeps the password out of %#v.
func (a Access) GoString() string {
	return a.String()
}

func (a Access) withDefaults() Access {
	if a.Transport == "" {
		a.Transport = TransportHTTPS
	}
	if a.Port == 0 {
		a.Port = winrm.DefaultPort
		if a.Transport == TransportHTTP {
			a.Port = winrm.DefaultSealedPort
		}
	}
	if a.Authentication == "" {
		a.Authentication = AuthenticationNTLM
	}
	return a
}
