package credentials_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/credentials"
	"lyncops.dev/operator/internal/lync"
)

func secret(name string, data map[string]string) *corev1.Secret {
	object := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "lync", Name: name}, Data: map[string][]byte{}}
	for key, value := range data {
		object.Data[key] = []byte(value)
	}
	return object
}

func connection() v1alpha1.WinRMConnection {
	return v1alpha1.WinRMConnection{Port: 15986, Authentication: v1alpha1.AuthenticationBasic, CredentialsSecretRef: v1alpha1.LocalObjectReference{Name: "login"}}
}

func TestWhatIsDeclaredIsWhatServersAreLoggedInToWith(t *testing.T) {
	reader := fake.NewClientBuilder().WithObjects(secret("login", map[string]string{"username": "svc", "password": "one"}), secret("job", map[string]string{"username": "job", "password": "two"})).Build()
	account := v1alpha1.JobAccount{RunAs: v1alpha1.RunAsStoredAccount, CredentialsSecretRef: &v1alpha1.LocalObjectReference{Name: "job"}}
	with, problem, err := credentials.Resolve(t.Context(), reader, "lync", connection(), account)
	if problem != nil || err != nil {
		t.Fatal(problem, err)
	}
	access := with.At("fe01.contoso.com")
	if access.FQDN != "fe01.contoso.com" || access.Port != 15986 || access.Authentication != lync.AuthenticationBasic || access.UserName != "svc" || access.Password != "one" || access.CertificateAuthority != nil {
		t.Errorf("%s, port %d, %s", access, access.Port, access.Authentication)
	}
	if with.Principal.Kind != lync.PrincipalStoredAccount || with.Principal.UserName != "job" || with.Principal.Password != "two" {
		t.Errorf("jobs run as %s", with.Principal)
	}
}

// What may still arrive is waited for; what is there and wrong needs a person.
func TestWhatIsMissingIsTold(t *testing.T) {
	authority := &v1alpha1.CertificateAuthoritySource{Kind: "ConfigMap", Name: "authority", Key: "ca.crt"}
	login := secret("login", map[string]string{"username": "svc", "password": "one"})
	for name, test := range map[string]struct {
		objects   []client.Object
		authority *v1alpha1.CertificateAuthoritySource
		reason    string
		lasting   bool
		says      string
	}{
		"no Secret":            {nil, nil, v1alpha1.ReasonCredentialsMissing, false, "login"},
		"an empty password":    {[]client.Object{secret("login", map[string]string{"username": "svc", "password": ""})}, nil, v1alpha1.ReasonCredentialsMissing, true, "password"},
		"no authority":         {[]client.Object{login}, authority, v1alpha1.ReasonCertificateAuthorityMissing, false, "does not exist"},
		"an authority's key":   {[]client.Object{login, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "lync", Name: "authority"}}}, authority, v1alpha1.ReasonCertificateAuthorityMissing, true, "no such key"},
		"no certificate in it": {[]client.Object{login, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "lync", Name: "authority"}, Data: map[string]string{"ca.crt": "hello"}}}, authority, v1alpha1.ReasonCertificateAuthorityMissing, true, "no certificate that can be read"},
	} {
		t.Run(name, func(t *testing.T) {
			declared := connection()
			declared.CertificateAuthority = test.authority
			reader := fake.NewClientBuilder().WithObjects(test.objects...).Build()
			_, problem, err := credentials.Resolve(t.Context(), reader, "lync", declared, v1alpha1.JobAccount{})
			if err != nil || problem == nil {
				t.Fatalf("problem %v, error %v", problem, err)
			}
			if problem.Reason != test.reason || problem.Lasting != test.lasting || !strings.Contains(problem.Message, test.says) {
				t.Errorf("%+v", problem)
			}
		})
	}
}

func TestAnAPIServerThatFailsIsNoMissingSecret(t *testing.T) {
	broken := errors.New("etcd has no leader")
	reader := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return broken
	}}).Build()
	if _, problem, err := credentials.Resolve(t.Context(), reader, "lync", connection(), v1alpha1.JobAccount{}); !errors.Is(err, broken) || problem != nil {
		t.Errorf("problem %v, error %v", problem, err)
	}
}
