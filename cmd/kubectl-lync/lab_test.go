package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/preflight"
	"lyncops.dev/operator/internal/simulator"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/sample"
)

const (
	userName = `CONTOSO\svc-lyncops`
	password = "Correct-Horse-7-Battery"
)

// lab is a simulated estate, an API server that declares it, and the plugin's arguments to find both.
type lab struct {
	t         *testing.T
	estate    *simulator.Simulator
	api       *apiServer
	arguments []string
}

// newLab starts both; more is added to the description of the estate.
func newLab(t *testing.T, more string) *lab {
	t.Helper()
	return newLabOf(t, "contoso.yaml", more)
}

// newLabOf is newLab with another of the simulator's samples.
func newLabOf(t *testing.T, name, more string) *lab {
	t.Helper()
	description := sample.Description(t, name, more)
	estate, err := simulator.Start(t.Context(), simulator.Config{Deployment: description, TimeScale: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(estate.Close)
	l := &lab{t: t, estate: estate, api: &apiServer{t: t}}
	l.arguments = []string{"preflight", "--kubeconfig", l.api.kubeconfig(), "--context", "lab", "-n", "lync", "--cache-dir", t.TempDir(), "--winrm-connect-to", "*:5986=" + estate.Address()}
	l.secret(password)
	l.authority(estate.CertificateAuthority())
	l.pool(v1alpha1.LyncPoolSpec{PoolFQDN: "pool01.contoso.com", DiscoveryServers: []v1alpha1.FQDN{"fe01.contoso.com"}})
	return l
}

// pool declares the pool pool01.
func (l *lab) pool(spec v1alpha1.LyncPoolSpec) {
	spec.Connection = connection()
	l.api.put("lyncops.dev/v1alpha1/lyncpools", &v1alpha1.LyncPool{
		TypeMeta:   metav1.TypeMeta{APIVersion: "lyncops.dev/v1alpha1", Kind: "LyncPool"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "lync", Name: "pool01"}, Spec: spec,
	})
}

func connection() v1alpha1.WinRMConnection {
	return v1alpha1.WinRMConnection{Port: 5986, Authentication: v1alpha1.AuthenticationNTLM, CredentialsSecretRef: v1alpha1.LocalObjectReference{Name: "login"},
		CertificateAuthority: &v1alpha1.CertificateAuthoritySource{Kind: "ConfigMap", Name: "authority", Key: "ca.crt"}}
}

func (l *lab) secret(password string) {
	l.api.put("secrets", &corev1.Secret{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metav1.ObjectMeta{Namespace: "lync", Name: "login"},
		Data: map[string][]byte{"username": []byte(userName), "password": []byte(password)}})
}

func (l *lab) authority(pem []byte) {
	l.api.put("configmaps", &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Namespace: "lync", Name: "authority"},
		Data: map[string]string{"ca.crt": string(pem)}})
}

func (l *lab) fault(fault deployment.Fault) {
	l.t.Helper()
	if _, err := l.estate.Model().AddFault(fault); err != nil {
		l.t.Fatal(err)
	}
}

// connectTo leads one host somewhere else.
func (l *lab) connectTo(host, address string) {
	l.arguments = append(l.arguments, "--winrm-connect-to", host+":5986="+address)
}

// run runs the plugin; nothing that it says may hold the password.
func (l *lab) run(arguments ...string) (status int, out, errors string) {
	l.t.Helper()
	var stdout, stderr bytes.Buffer
	status = run(l.t.Context(), genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}, append(slices.Clone(l.arguments), arguments...))
	if said := stdout.String() + stderr.String(); strings.Contains(said, password) {
		l.t.Errorf("the password was printed:\n%s", said)
	}
	return status, stdout.String(), stderr.String()
}

// report is run with -o json.
func (l *lab) report(arguments ...string) (int, preflight.Report) {
	l.t.Helper()
	status, out, errors := l.run(append(arguments, "-o", "json")...)
	var report struct {
		Passed bool `json:"passed"`
		preflight.Report
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		l.t.Fatalf("%v\n%s%s", err, out, errors)
	}
	if report.Passed != (status == exitPassed) || report.Passed != report.Report.Passed() {
		l.t.Errorf("passed is %v, the exit status %d", report.Passed, status)
	}
	return status, report.Report
}

// failed are the failed checks, "CHECK SERVER".
func failed(report preflight.Report) []string {
	names := []string{}
	for _, row := range report.Rows {
		if row.Result == preflight.Fail {
			names = append(names, row.Check+" "+row.Server)
		}
	}
	return names
}

func rowOf(t *testing.T, report preflight.Report, check, server string) preflight.Row {
	t.Helper()
	for _, row := range report.Rows {
		if row.Check == check && row.Server == server {
			return row
		}
	}
	t.Fatalf("there is no check %s of %s in %+v", check, server, report.Rows)
	return preflight.Row{}
}

var changing = regexp.MustCompile(`(good until )\d{4}-\d\d-\d\d|(127\.0\.0\.1:)\d{4,5}`)

// steady takes out what differs from run to run. It stands in the column whose widest text is another one.
func steady(text string) string {
	text = changing.ReplaceAllString(text, "${1}${2}...")
	var steady strings.Builder
	for line := range strings.Lines(text) {
		steady.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return steady.String()
}
