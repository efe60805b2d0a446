package lync

// The authentication schemes a server can be asked with, both over TLS only.
const (
	AuthenticationNTLM  = "NTLM"
	AuthenticationBasic = "Basic"
)

// DefaultPort is the port of the WinRM HTTPS listener.
const DefaultPort = 5986

// Access is everything needed to log in to one server. It holds a password: never print it.
type Access struct {
	// FQDN names the server; its certificate must bear this name.
	FQDN string
	// Port of the HTTPS listener; 0 means DefaultPort.
	Port int
	// Authentication is AuthenticationNTLM (also when empty) or AuthenticationBasic.
	Authentication string
	// UserName is `DOMAIN\name`, `name@domain` or a local name.
	UserName string
	Password string `json:"-"`
	// CertificateAuthority holds the PEM certificates that may sign the server's; nil means the system's roots.
	CertificateAuthority []byte
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
	if a.Port == 0 {
		a.Port = DefaultPort
	}
	if a.Authentication == "" {
		a.Authentication = AuthenticationNTLM
	}
	return a
}
