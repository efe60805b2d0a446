package credentials

import (
	"context"
	"crypto/tls"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/kerberos"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

const logonField = "connection.credentialsSecretRef"

// readLogon reads what the connection's authentication needs.
func readLogon(ctx context.Context, access *lync.Access, reader client.Reader, namespace string, connection v1alpha1.WinRMConnection) (*procedure.Problem, error) {
	switch connection.Authentication {
	case v1alpha1.AuthenticationKerberos:
		return readKerberos(ctx, access, reader, namespace, connection)
	case v1alpha1.AuthenticationCertificate:
		return readClientCertificate(ctx, access, reader, namespace, connection)
	default: // NTLM, also where nothing is written, and Basic
		userName, password, problem, err := readCredentials(ctx, reader, namespace, connection.CredentialsSecretRef.Name, logonField)
		access.UserName, access.Password = userName, password
		return problem, err
	}
}

func readClientCertificate(ctx context.Context, access *lync.Access, reader client.Reader, namespace string, connection v1alpha1.WinRMConnection) (*procedure.Problem, error) {
	name := connection.CredentialsSecretRef.Name
	data, problem, err := readSecret(ctx, reader, namespace, name, logonField, "tls.crt and tls.key", v1alpha1.SecretKeyCertificate, v1alpha1.SecretKeyPrivateKey)
	if problem != nil || err != nil {
		return problem, err
	}
	pair, err := tls.X509KeyPair(data[v1alpha1.SecretKeyCertificate], data[v1alpha1.SecretKeyPrivateKey])
	if err != nil {
		return &procedure.Problem{Reason: v1alpha1.ReasonCredentialsMissing, Lasting: true, //nolint:nilerr // It is a problem for a person.
			Message: fmt.Sprintf("tls.crt and tls.key of the Secret %s that %s names are not PEM, or do not belong together", name, logonField)}, nil
	}
	access.ClientCertificate, access.ClientKey = data[v1alpha1.SecretKeyCertificate], data[v1alpha1.SecretKeyPrivateKey]
	access.UserName = pair.Leaf.Subject.String()
	return nil, nil
}

func readKerberos(ctx context.Context, access *lync.Access, reader client.Reader, namespace string, connection v1alpha1.WinRMConnection) (*procedure.Problem, error) {
	const needs = "username, and password or keytab"
	name := connection.CredentialsSecretRef.Name
	data, problem, err := readSecret(ctx, reader, namespace, name, logonField, needs, v1alpha1.SecretKeyUserName)
	if problem != nil || err != nil {
		return problem, err
	}
	access.UserName = string(data[v1alpha1.SecretKeyUserName])
	access.Password = string(data[v1alpha1.SecretKeyPassword])
	access.Kerberos = lync.KerberosAccess{Keytab: data[v1alpha1.SecretKeyKeytab]}
	if access.Password == "" && len(access.Kerberos.Keytab) == 0 {
		return &procedure.Problem{Reason: v1alpha1.ReasonCredentialsMissing, Lasting: true,
			Message: fmt.Sprintf("the Secret %s that %s names has neither a password nor a keytab; it needs %s", name, logonField, needs)}, nil
	}
	if settings := connection.Kerberos; settings != nil {
		access.Kerberos.Realm = settings.Realm
		if settings.ConfigRef != nil {
			if problem, err := readConfiguration(ctx, access, reader, namespace, *settings.ConfigRef); problem != nil || err != nil {
				return problem, err
			}
		}
	}
	opened, err := kerberos.New(kerberos.Account{
		UserName: access.UserName, Password: access.Password,
		Realm: access.Kerberos.Realm, Keytab: access.Kerberos.Keytab, Configuration: access.Kerberos.Configuration,
	})
	if err != nil {
		return &procedure.Problem{Reason: v1alpha1.ReasonInvalidSpec, Lasting: true,
			Message: fmt.Sprintf("Kerberos cannot be used as connection.kerberos and the Secret %s have it: %v", name, err)}, nil
	}
	opened.Close()
	return nil, nil
}

func readConfiguration(ctx context.Context, access *lync.Access, reader client.Reader, namespace string, source v1alpha1.KerberosConfigurationSource) (*procedure.Problem, error) {
	text, err := readKey(ctx, reader, source.Kind, client.ObjectKey{Namespace: namespace, Name: source.Name}, source.Key)
	missing := func(lasting bool, why string) *procedure.Problem {
		return &procedure.Problem{Reason: v1alpha1.ReasonCredentialsMissing, Lasting: lasting,
			Message: fmt.Sprintf("the %s %s that connection.kerberos.configRef names %s; it must hold the text of a krb5.conf under the key %s",
				source.Kind, source.Name, why, source.Key)}
	}
	switch {
	case apierrors.IsNotFound(err):
		return missing(false, "does not exist"), nil
	case err != nil:
		return nil, fmt.Errorf("reading %s %s/%s: %w", source.Kind, namespace, source.Name, err)
	case len(text) == 0:
		return missing(true, "has no such key, or it is empty"), nil
	}
	access.Kerberos.Configuration = string(text)
	return nil, nil
}
