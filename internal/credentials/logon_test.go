package credentials_test

import (
	"bytes"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/credentials"
	"lyncops.dev/operator/internal/simulator/clientcertificate"
)

const configuration = "[libdefaults]\n default_realm = CONTOSO.COM\n"

func resolve(t *testing.T, secret map[string][]byte, connection v1alpha1.WinRMConnection) (credentials.Credentials, string, bool) {
	t.Helper()
	reader := fake.NewClientBuilder().WithObjects(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "lync", Name: "logon"}, Data: secret},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "lync", Name: "kerberos"}, Data: map[string]string{
			"krb5.conf": configuration, "broken": "[libdefaults]\n clockskew = soon\n"}},
	).Build()
	connection.CredentialsSecretRef.Name = "logon"
	with, problem, err := credentials.Resolve(t.Context(), reader, "lync", connection, v1alpha1.JobAccount{})
	if err != nil {
		t.Fatal(err)
	}
	if problem == nil {
		return with, "", false
	}
	return with, problem.Reason + ": " + problem.Message, problem.Lasting
}

func configured(key string) *v1alpha1.KerberosSettings {
	return &v1alpha1.KerberosSettings{ConfigRef: &v1alpha1.KerberosConfigurationSource{Kind: "ConfigMap", Name: "kerberos", Key: key}}
}

func TestKerberosSecret(t *testing.T) {
	user, password := []byte("svc-lyncops"), []byte("secret-word")
	for name, test := range map[string]struct {
		secret   map[string][]byte
		settings *v1alpha1.KerberosSettings
		problem  string // part of it; empty means none
	}{
		"realm of the configuration": {map[string][]byte{"username": user, "password": password}, configured("krb5.conf"), ""},
		"realm declared":             {map[string][]byte{"username": user, "password": password}, &v1alpha1.KerberosSettings{Realm: "CONTOSO.COM"}, ""},
		"realm of the name":          {map[string][]byte{"username": []byte("svc-lyncops@contoso.com"), "password": password}, nil, ""},
		"no realm":                   {map[string][]byte{"username": user, "password": password}, nil, "InvalidSpec: Kerberos cannot be used"},
		"no name":                    {map[string][]byte{"password": password}, configured("krb5.conf"), "CredentialsMissing: the Secret logon that connection.credentialsSecretRef names has no key username"},
		"no password":                {map[string][]byte{"username": user}, configured("krb5.conf"), "CredentialsMissing: the Secret logon that connection.credentialsSecretRef names has neither a password nor a keytab"},
		"damaged keytab":             {map[string][]byte{"username": user, "keytab": []byte("text")}, configured("krb5.conf"), "the keytab"},
		"key that is not there":      {map[string][]byte{"username": user, "password": password}, configured("other"), "the ConfigMap kerberos that connection.kerberos.configRef names has no such key"},
		"damaged configuration":      {map[string][]byte{"username": user, "password": password}, configured("broken"), "krb5.conf cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			with, problem, lasting := resolve(t, test.secret, v1alpha1.WinRMConnection{Authentication: v1alpha1.AuthenticationKerberos, Kerberos: test.settings})
			if test.problem == "" {
				access := with.At("fe01.contoso.com")
				if problem != "" || access.UserName != string(test.secret["username"]) || access.Password != "secret-word" || access.Authentication != "Kerberos" {
					t.Errorf("access is %v, problem %q", access, problem)
				}
				return
			}
			if !strings.Contains(problem, test.problem) || !lasting || strings.Contains(problem, "secret-word") {
				t.Errorf("problem is %q, lasting %v", problem, lasting)
			}
		})
	}
}

func TestClientCertificateSecret(t *testing.T) {
	authority := clientcertificate.NewAuthority(t)
	certificate, key := authority.Issue("lyncops", "lyncops@localhost")
	_, other := authority.Issue("lyncops", "lyncops@localhost")
	connection := v1alpha1.WinRMConnection{Authentication: v1alpha1.AuthenticationCertificate}

	with, problem, _ := resolve(t, map[string][]byte{"tls.crt": certificate, "tls.key": key}, connection)
	if access := with.At("fe01.contoso.com"); problem != "" || access.UserName != "CN=lyncops" || !bytes.Equal(access.ClientCertificate, certificate) || !bytes.Equal(access.ClientKey, key) {
		t.Errorf("access is %v, problem %q", access, problem)
	}
	if _, problem, lasting := resolve(t, map[string][]byte{"tls.crt": certificate}, connection); !strings.Contains(problem, "has no key tls.key") || !lasting {
		t.Errorf("problem is %q", problem)
	}
	if _, problem, lasting := resolve(t, map[string][]byte{"tls.crt": certificate, "tls.key": other}, connection); !strings.Contains(problem, "do not belong together") || !lasting {
		t.Errorf("problem is %q", problem)
	}
}

func TestCertificateNamesAreThoseOfTheirServers(t *testing.T) {
	with, problem, _ := resolve(t, map[string][]byte{"username": []byte("a"), "password": []byte("b")}, v1alpha1.WinRMConnection{
		CertificateNames: []v1alpha1.CertificateName{{Server: "fe01.contoso.com", Name: "winrm1.fabrikam.com"}},
	})
	if problem != "" {
		t.Fatal(problem)
	}
	for server, want := range map[string]string{"FE01.contoso.com": "winrm1.fabrikam.com", "fe02.contoso.com": ""} {
		if got := with.At(server).CertificateName; got != want {
			t.Errorf("%s: %q, want %q", server, got, want)
		}
	}
}

func TestTransportAndPortReachTheServer(t *testing.T) {
	with, problem, _ := resolve(t, map[string][]byte{"username": []byte("a"), "password": []byte("b")}, v1alpha1.WinRMConnection{Transport: v1alpha1.TransportHTTP, Port: 15985})
	if access := with.At("fe01.contoso.com"); problem != "" || access.Transport != "HTTP" || access.Port != 15985 {
		t.Errorf("access is %+v, problem %q", access, problem)
	}
}
