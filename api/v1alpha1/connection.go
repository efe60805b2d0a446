package v1alpha1

// WinRMTransport is the way bytes reach the WinRM listener of a server.
//
// +kubebuilder:validation:Enum=HTTPS;HTTP
type WinRMTransport string

const (
	// TransportHTTPS is WinRM inside TLS; the server's certificate is always verified.
	TransportHTTPS WinRMTransport = "HTTPS"
	// TransportHTTP is WinRM without TLS, every message sealed by NTLM; the second choice.
	TransportHTTP WinRMTransport = "HTTP"
)

// WinRMAuthentication is the way the operator proves who it is to a server.
//
// +kubebuilder:validation:Enum=NTLM;Basic;Kerberos;Certificate
type WinRMAuthentication string

const (
	// AuthenticationNTLM proves knowledge of the password without sending it; domain and local accounts.
	AuthenticationNTLM WinRMAuthentication = "NTLM"
	// AuthenticationBasic sends the password inside TLS; local accounts only.
	AuthenticationBasic WinRMAuthentication = "Basic"
	// AuthenticationKerberos shows tickets of a domain account; a server never sees anything of the password.
	AuthenticationKerberos WinRMAuthentication = "Kerberos"
	// AuthenticationCertificate shows a client certificate that the server maps to a local account.
	AuthenticationCertificate WinRMAuthentication = "Certificate"
)

// WinRMConnection says how the servers are reached.
//
// +kubebuilder:validation:XValidation:rule="!has(self.transport) || self.transport != 'HTTP' || !has(self.authentication) || self.authentication == 'NTLM'",message="transport HTTP is for authentication NTLM only, which seals every message; use transport HTTPS for Basic, Kerberos and Certificate"
// +kubebuilder:validation:XValidation:rule="!has(self.transport) || self.transport != 'HTTP' || !has(self.certificateNames)",message="with transport HTTP no certificate is shown; remove certificateNames"
// +kubebuilder:validation:XValidation:rule="!has(self.kerberos) || (has(self.authentication) && self.authentication == 'Kerberos')",message="kerberos is for authentication Kerberos; remove it or set authentication: Kerberos"
type WinRMConnection struct {
	// TCP port of the WinRM listener. Left out: 5986 for HTTPS, 5985 for HTTP.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`

	// Transport of the WinRM listener: HTTPS, or HTTP with every message sealed by NTLM. HTTP has no certificate that proves
	// the server, and NTLM's seal is weaker than TLS: use it only where there can be no HTTPS listener.
	// +kubebuilder:default=HTTPS
	// +optional
	Transport WinRMTransport `json:"transport,omitempty"`

	// How the operator logs on: Kerberos (domain account, no password reaches a server), NTLM (domain or local account),
	// Certificate (a client certificate mapped to a local account) or Basic (local account, password sent inside TLS). The
	// operator never falls back from one to another.
	// +kubebuilder:default=NTLM
	// +optional
	Authentication WinRMAuthentication `json:"authentication,omitempty"`

	// Secret in the same namespace. For NTLM and Basic with the keys username (CONTOSO\name, name@contoso.com or a local name)
	// and password; for Kerberos with username and either password or keytab; for Certificate with tls.crt and tls.key.
	// +required
	CredentialsSecretRef LocalObjectReference `json:"credentialsSecretRef"`

	// Certificate authority that issued the certificates of the WinRM listeners. Left out: the authorities that the
	// operator's own container trusts.
	// +optional
	CertificateAuthority *CertificateAuthoritySource `json:"certificateAuthority,omitempty"`

	// Servers whose WinRM certificate bears another name than their FQDN, with that name. The certificate is then checked for
	// this name, and for no other; a server that is not listed must bear its FQDN.
	// +listType=map
	// +listMapKey=server
	// +kubebuilder:validation:MaxItems=64
	// +optional
	CertificateNames []CertificateName `json:"certificateNames,omitempty"`

	// What authentication Kerberos needs to know beyond the Secret. Left out: the realm is what stands behind the @ of
	// username, and its key distribution centres are found in the DNS.
	// +optional
	Kerberos *KerberosSettings `json:"kerberos,omitempty"`
}

// KerberosSettings say where the tickets of an account come from.
type KerberosSettings struct {
	// Realm of the account, for example CONTOSO.COM. Left out: what stands behind the @ of username in upper case, or else
	// default_realm of the configuration.
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.-]+$`
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Realm string `json:"realm,omitempty"`

	// Object that holds a krb5.conf. Left out: key distribution centres are found in the DNS, and only AES is used.
	// +optional
	ConfigRef *KerberosConfigurationSource `json:"configRef,omitempty"`
}

// KerberosConfigurationSource names an object that holds a krb5.conf.
type KerberosConfigurationSource struct {
	// Kind of the object: ConfigMap or Secret.
	// +kubebuilder:validation:Enum=ConfigMap;Secret
	// +kubebuilder:default=ConfigMap
	// +optional
	Kind string `json:"kind,omitempty"`

	// Name of the object, in the same namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Key in the object that holds the text.
	// +kubebuilder:default="krb5.conf"
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Key string `json:"key,omitempty"`
}

// CertificateAuthoritySource names an object that holds a certificate authority in PEM form.
type CertificateAuthoritySource struct {
	// Kind of the object: ConfigMap or Secret.
	// +kubebuilder:validation:Enum=ConfigMap;Secret
	// +kubebuilder:default=ConfigMap
	// +optional
	Kind string `json:"kind,omitempty"`

	// Name of the object, in the same namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Key in the object that holds the PEM text.
	// +kubebuilder:default="ca.crt"
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Key string `json:"key,omitempty"`
}

// CertificateName is the name that the WinRM certificate of a server bears.
type CertificateName struct {
	// FQDN of the server as the topology lists it.
	// +required
	Server FQDN `json:"server"`

	// Name in the certificate, one of its subject alternative names.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`
}

// LocalObjectReference names an object in the same namespace.
type LocalObjectReference struct {
	// Name of the object, in the same namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`
}

// Keys of a credentials Secret.
const (
	SecretKeyUserName    = "username"
	SecretKeyPassword    = "password"
	SecretKeyKeytab      = "keytab"
	SecretKeyCertificate = "tls.crt"
	SecretKeyPrivateKey  = "tls.key"
)

// RunAs is the kind of account under which jobs run on the servers.
//
// +kubebuilder:validation:Enum=LocalSystem;StoredAccount;GroupManagedServiceAccount
type RunAs string

const (
	// RunAsLocalSystem is the server's own account; on the network it is the computer account.
	RunAsLocalSystem RunAs = "LocalSystem"
	// RunAsStoredAccount is a domain account whose password the task scheduler keeps while the job exists.
	RunAsStoredAccount RunAs = "StoredAccount"
	// RunAsGroupManagedServiceAccount is a gMSA; nobody knows its password.
	RunAsGroupManagedServiceAccount RunAs = "GroupManagedServiceAccount"
)

// JobAccount says under which account the scheduled tasks on the servers run. A WinRM logon cannot reach a second
// server (SQL Server, file share) with its credentials; a task of an account can.
//
// +kubebuilder:validation:XValidation:rule="self.runAs != 'StoredAccount' || has(self.credentialsSecretRef)",message="runAs StoredAccount needs credentialsSecretRef: a Secret with the keys username and password"
// +kubebuilder:validation:XValidation:rule="self.runAs != 'GroupManagedServiceAccount' || (has(self.accountName) && size(self.accountName) > 0)",message="runAs GroupManagedServiceAccount needs accountName, for example CONTOSO\\gmsa-lyncops$"
type JobAccount struct {
	// Kind of account: LocalSystem, StoredAccount or GroupManagedServiceAccount.
	// +kubebuilder:default=LocalSystem
	// +optional
	RunAs RunAs `json:"runAs,omitempty"`

	// For StoredAccount: Secret in the same namespace with the keys username and password.
	// +optional
	CredentialsSecretRef *LocalObjectReference `json:"credentialsSecretRef,omitempty"`

	// For GroupManagedServiceAccount: the account, for example CONTOSO\gmsa-lyncops$.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	AccountName string `json:"accountName,omitempty"`
}
