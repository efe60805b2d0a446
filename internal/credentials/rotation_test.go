package credentials_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/credentials"
	"lyncops.dev/operator/internal/lync"
)

func authorityPEM(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// Nothing is kept from one look to the next: what a person puts into a Secret or ConfigMap counts from then on.
func TestWhatIsRotatedIsReadAnew(t *testing.T) {
	for _, kind := range []string{"ConfigMap", "Secret"} {
		t.Run("the authority in a "+kind, func(t *testing.T) {
			first, second := authorityPEM(t, "first"), authorityPEM(t, "second")
			var holder client.Object = secret("authority", map[string]string{"root.pem": first})
			if kind == "ConfigMap" {
				holder = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "lync", Name: "authority"}, Data: map[string]string{"root.pem": first}}
			}
			login := secret("login", map[string]string{"username": "svc", "password": "one"})
			cluster := fake.NewClientBuilder().WithObjects(login, holder).Build()
			declared := connection()
			declared.CertificateAuthority = &v1alpha1.CertificateAuthoritySource{Kind: kind, Name: "authority", Key: "root.pem"}
			look := func() lync.Access {
				t.Helper()
				with, problem, err := credentials.Resolve(t.Context(), cluster, "lync", declared, v1alpha1.JobAccount{})
				if problem != nil || err != nil {
					t.Fatal(problem, err)
				}
				return with.At("fe01.contoso.com")
			}
			if access := look(); access.Password != "one" || string(access.CertificateAuthority) != first {
				t.Errorf("the first look gives %s and the authority %s", access, access.CertificateAuthority)
			}
			login.Data["password"] = []byte("two")
			switch holder := holder.(type) {
			case *corev1.Secret:
				holder.Data["root.pem"] = []byte(second)
			case *corev1.ConfigMap:
				holder.Data["root.pem"] = second
			}
			for _, changed := range []client.Object{login, holder} {
				if err := cluster.Update(t.Context(), changed); err != nil {
					t.Fatal(err)
				}
			}
			if access := look(); access.Password != "two" || string(access.CertificateAuthority) != second {
				t.Errorf("after the change it is %s and the authority %s", access, access.CertificateAuthority)
			}
		})
	}
}
