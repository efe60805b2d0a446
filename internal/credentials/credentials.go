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
	// certificateNames are those of servers whose certificate does not bear their FQDN.
	certificateNames []v1alpha1.CertificateName
	// Principal is the account that jobs run under.
	Principal lync.Principal
}

// At is the way to one server.
func (c Credentials) At(fqdn string) lync.Access {
	access := c.access
	access.FQDN = fqdn
	for _, known := range c.certificateNames {
		if known.Server.Is(fqdn) {
			access.CertificateName = known.Name
		}
	}
	return access
}

// Resolve reads the Secrets and ConfigMaps that a connection and a job account name. What is wrong with them comes back as a
// problem, lasting when only a person can mend it; an object that does not exist may still arrive. An error is the API server's.
func Resolve(ctx context.Context, reader client.Reader, namespace string, connection v1alpha1.WinRMConnection, account v1alpha1.JobAccount) (Credentials, *procedure.Problem, error) {
	result := Credentials{
		access:           lync.Access{Port: int(connection.Port), Transport: string(connection.Transport), Authentication: string(connection.Authentication)},
		certificateNames: connection.CertificateNames,
		Principal:        lync.Principal{Kind: lync.PrincipalLocalSystem},
	}
	if problem, err := readLogon(ctx, &result.access, reader, namespace, connection); problem != nil || err != nil {
		return result, problem, err
	}
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
	data, problem, err := readSecret(ctx, reader, namespace, name, field, "username and password", v1alpha1.SecretKeyUserName, v1alpha1.SecretKeyPassword)
	return string(data[v1alpha1.SecretKeyUserName]), string(data[v1alpha1.SecretKeyPassword]), problem, err
}

// readSecret reads a Secret that must have all the keys; needs says in words what it is for people to put into it.
func readSecret(ctx context.Context, reader client.Reader, namespace, name, field, needs string, keys ...string) (map[string][]byte, *procedure.Problem, error) {
	var secret corev1.Secret
	if err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &secret); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, &procedure.Problem{Reason: v1alpha1.ReasonCredentialsMissing,
				Message: fmt.Sprintf("the Secret %s that %s names does not exist in namespace %s; create it with the keys %s", name, field, namespace, needs)}, nil
		}
		return nil, nil, fmt.Errorf("reading Secret %s/%s: %w", namespace, name, err)
	}
	for _, key := range keys {
		if len(secret.Data[key]) == 0 {
			return nil, &procedure.Problem{Reason: v1alpha1.ReasonCredentialsMissing, Lasting: true,
				Message: fmt.Sprintf("the Secret %s that %s names has no key %s, or it is empty; it needs %s", name, field, key, needs)}, nil
		}
	}
	return secret.Data, nil, nil
}

// readKey reads one key of a ConfigMap or a Secret.
func readKey(ctx context.Context, reader client.Reader, kind string, name client.ObjectKey, key string) ([]byte, error) {
	if kind == "Secret" {
		var secret corev1.Secret
		err := reader.Get(ctx, name, &secret)
		return secret.Data[key], err
	}
	var configMap corev1.ConfigMap
	err := reader.Get(ctx, name, &configMap)
	return []byte(configMap.Data[key]), err
}

func readCertificateAuthority(ctx context.Context, reader client.Reader, namespace string, source v1alpha1.CertificateAuthoritySource) ([]byte, *procedure.Problem, error) {
	key := client.ObjectKey{Namespace: namespace, Name: source.Name}
	authority, err := readKey(ctx, reader, source.Kind, key, source.Key)
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
