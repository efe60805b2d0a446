// Package credentials reads what a pool's objects say about reaching its servers, Secrets and certificate authorities included, into
// what internal/lync logs in with; what is then asked of a server belongs elsewhere.
package credentials

import (
	"context"
	"crypto/x509"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

// Credentials is what a pool's objects say about reaching its servers: everything but the server's name.
type Credentials struct {
	access lync.Access
	// Principal is the account that jobs run under.
	Principal lync.Principal
}

// At is the way to one server.
func (c Credentials) At(fqdn string) lync.Access {
	access := c.access
	access.FQDN = fqdn
	return access
}

// Resolve reads the Secrets and ConfigMaps that a connection and a job account name. What is wrong with them comes back as a
// problem, lasting when only a person can mend it; an object that does not exist may still arrive. An error is the API server's.
func Resolve(ctx context.Context, reader client.Reader, namespace string, connection v1alpha1.WinRMConnection, account v1alpha1.JobAccount) (Credentials, *procedure.Problem, error) {
	result := Credentials{
		access:    lync.Access{Port: int(connection.Port), Authentication: string(connection.Authentication)},
		Principal: lync.Principal{Kind: lync.PrincipalLocalSystem},
	}
	userName, password, problem, err := readCredentials(ctx, reader, namespace, connection.CredentialsSecretRef.Name, "connection.credentialsSecretRef")
	if problem != nil || err != nil {
		return result, problem, err
	}
	result.access.UserName, result.access.Password = userName, password

	if source := connection.CertificateAuthority; source != nil {
		authority, problem, err := readCertificateAuthority(ctx, reader, namespace, *source)
		if problem != nil || err != nil {
			return result, problem, err
		}
		result.access.CertificateAuthority = authority
	}
	switch account.RunAs {
	case v1alpha1.RunAsStoredAccount:
		if account.CredentialsSecretRef == nil {
			return result, &procedure.Problem{Reason: v1alpha1.ReasonInvalidSpec, Lasting: true, Message: "jobs.runAs is StoredAccount but jobs.credentialsSecretRef is missing"}, nil
		}
		userName, password, problem, err := readCredentials(ctx, reader, namespace, account.CredentialsSecretRef.Name, "jobs.credentialsSecretRef")
		if problem != nil || err != nil {
			return result, problem, err
		}
		result.Principal = lync.Principal{Kind: lync.PrincipalStoredAccount, UserName: userName, Password: password}
	case v1alpha1.RunAsGroupManagedServiceAccount:
		result.Principal = lync.Principal{Kind: lync.PrincipalGroupManagedServiceAccount, UserName: account.AccountName}
	case v1alpha1.RunAsLocalSystem:
	}
	return result, nil, nil
}

func readCredentials(ctx context.Context, reader client.Reader, namespace, name, field string) (userName, password string, problem *procedure.Problem, err error) {
	var secret corev1.Secret
	if err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &secret); err != nil {
		if apierrors.IsNotFound(err) {
			return "", "", &procedure.Problem{Reason: v1alpha1.ReasonCredentialsMissing,
				Message: fmt.Sprintf("the Secret %s that %s names does not exist in namespace %s; create it with the keys username and password", name, field, namespace)}, nil
		}
		return "", "", nil, fmt.Errorf("reading Secret %s/%s: %w", namespace, name, err)
	}
	for _, key := range []string{v1alpha1.SecretKeyUserName, v1alpha1.SecretKeyPassword} {
		if len(secret.Data[key]) == 0 {
			return "", "", &procedure.Problem{Reason: v1alpha1.ReasonCredentialsMissing, Lasting: true,
				Message: fmt.Sprintf("the Secret %s that %s names has no key %s, or it is empty; it needs username and password", name, field, key)}, nil
		}
	}
	return string(secret.Data[v1alpha1.SecretKeyUserName]), string(secret.Data[v1alpha1.SecretKeyPassword]), nil, nil
}

func readCertificateAuthority(ctx context.Context, reader client.Reader, namespace string, source v1alpha1.CertificateAuthoritySource) ([]byte, *procedure.Problem, error) {
	key := client.ObjectKey{Namespace: namespace, Name: source.Name}
	var authority []byte
	var err error
	if source.Kind == "Secret" {
		var secret corev1.Secret
		err = reader.Get(ctx, key, &secret)
		authority = secret.Data[source.Key]
	} else {
		var configMap corev1.ConfigMap
		err = reader.Get(ctx, key, &configMap)
		authority = []byte(configMap.Data[source.Key])
	}
	missing := func(lasting bool, why string) *procedure.Problem {
		return &procedure.Problem{Reason: v1alpha1.ReasonCertificateAuthorityMissing, Lasting: lasting,
			Message: fmt.Sprintf("the %s %s that connection.certificateAuthority names %s; it must hold the issuing authority in PEM form under the key %s",
				source.Kind, source.Name, why, source.Key)}
	}
	switch {
	case apierrors.IsNotFound(err):
		return nil, missing(false, "does not exist"), nil
	case err != nil:
		return nil, nil, fmt.Errorf("reading %s %s: %w", source.Kind, key, err)
	case len(authority) == 0:
		return nil, missing(true, "has no such key, or it is empty"), nil
	case !x509.NewCertPool().AppendCertsFromPEM(authority):
		return nil, missing(true, "holds no certificate that can be read"), nil
	}
	return authority, nil, nil
}
