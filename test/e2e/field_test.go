package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

const (
	packageSource   = "https://packages.contoso.com/lync/LyncServerUpdateInstaller.exe"
	packageContents = "MZ an update of Lync Server 2013"
	// The next update, for who changes his mind.
	nextBuild     = "5.0.8308.1209"
	nextSource    = "https://packages.contoso.com/lync/next/LyncServerUpdateInstaller.exe"
	nextContents  = "MZ the next update of Lync Server 2013"
	secretName    = "lync-credentials"
	authorityName = "winrm-certificate-authority"
	authorityKey  = "ca.crt"
	userName      = `CONTOSO\svc-lyncops`
)

// field is one lab for many scenarios: each has a namespace, a pool of three front ends (one in each upgrade domain) and a
// Standard Edition server of its own, and one operator looks after all of them.
type field struct {
	lab       *lab.Lab
	atStart   lab.State
	authority string
}

func startField(t *testing.T, names []string) *field {
	t.Helper()
	if testing.Short() {
		t.Skip("takes minutes")
	}
	directory := t.TempDir()
	deployment := filepath.Join(directory, "field.yaml")
	if err := os.WriteFile(deployment, []byte(fieldDeployment(names)), 0o600); err != nil {
		t.Fatal(err)
	}
	l := startLab(t, lab.Options{Directory: directory, Deployment: deployment, TimeScale: 120})
	var authority corev1.ConfigMap
	if err := l.Client().Get(t.Context(), client.ObjectKey{Namespace: lab.Namespace, Name: authorityName}, &authority); err != nil {
		t.Fatal(err)
	}
	startOperator(t, l)
	return &field{lab: l, atStart: readState(t, l), authority: authority.Data[authorityKey]}
}

// fieldDeployment describes the servers of every scenario; their pace is that of the samples.
func fieldDeployment(names []string) string {
	packages, pools := productDeployment(names)
	var text strings.Builder
	fmt.Fprintf(&text, `seed: 2013
jitter: 0.05
build: %s
timing: {drain: 50s, stop: 10s, start: 45s, shutdown: 5s, boot: 90s, settling: 60s, databaseUpdate: 40s}
accounts:
- {user: svc-lyncops, domain: CONTOSO, password: %s}
- {user: %s, password: %s}
packages:
- sources: [%s]
  contents: %q
  build: %s
  databases: {rtcxds: 15.13.23, LcsCDR: 39.85.3, xds: 10.13.3}
  duration: 180s
- sources: [%s]
  contents: %q
  build: %s
  duration: 180s
- sources: [%s]
  contents: %q
  build: %s
  duration: 180s
%ssqlServers:
`, oldBuild, password, edgeUser, edgePassword, packageSource, packageContents, build, nextSource, nextContents, nextBuild,
		plainSource, plainContents, plainBuild, packages)
	text.WriteString(alwaysOnSQLServer(names))
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, other := productPools[name]; return other })
	for _, name := range names {
		text.WriteString(fieldSQLServers(name))
	}
	text.WriteString("pools:\n" + pools + pairedDeployment(names))
	for _, name := range names {
		fmt.Fprintf(&text, "- {fqdn: %[1]s.contoso.com, sqlServer: %[1]s-sql.contoso.com, sqlInstance: rtc, %[2]s%[3]s%[4]sfrontEnds: [%[1]s-fe1.contoso.com, %[1]s-fe2.contoso.com, %[1]s-fe3.contoso.com]}\n", name, fieldStores(name), backupOf(name), sparesOf(name))
		fmt.Fprintf(&text, "- {fqdn: %s-se.contoso.com, edition: Standard}\n", name)
	}
	return text.String()
}

// scenario is one story on one pool.
type scenario struct {
	*testing.T
	*field
	name string
	// pool is declared by declare.
	pool *v1alpha1.LyncPool
	// frontEnds are in the order in which their upgrade domains come.
	frontEnds []string
}

func newScenario(t *testing.T, f *field, name string) *scenario {
	t.Helper()
	s := &scenario{T: t, field: f, name: name}
	for i := range 3 {
		s.frontEnds = append(s.frontEnds, fmt.Sprintf("%s-fe%d.contoso.com", name, i+1))
	}
	s.pool = &v1alpha1.LyncPool{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: name},
		Spec: v1alpha1.LyncPoolSpec{
			PoolFQDN: v1alpha1.FQDN(name + ".contoso.com"), DesiredBuild: build,
			Package: &v1alpha1.UpdatePackage{Source: packageSource, SHA256: hashOf(packageContents)},
			Connection: v1alpha1.WinRMConnection{CredentialsSecretRef: v1alpha1.LocalObjectReference{Name: secretName},
				CertificateAuthority: &v1alpha1.CertificateAuthoritySource{Name: authorityName}},
			DiscoveryServers: []v1alpha1.FQDN{v1alpha1.FQDN(s.frontEnds[0])},
		},
	}
	s.pool.Spec.Rollout.Readiness.Interval = duration(time.Second)
	s.pool.Spec.Rollout.Readiness.Attempts = 20
	s.pool.Spec.Rollout.Soak = duration(time.Second)
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	return s
}

func hashOf(contents string) string {
	sum := sha256.Sum256([]byte(contents))
	return hex.EncodeToString(sum[:])
}

func duration(d time.Duration) v1alpha1.Duration {
	return v1alpha1.Duration{Duration: metav1.Duration{Duration: d}}
}

func (s *scenario) create(objects ...client.Object) {
	s.Helper()
	for _, object := range objects {
		if err := s.lab.Client().Create(s.Context(), object); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *scenario) secret(keys map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: secretName}, StringData: keys}
}

func (s *scenario) goodSecret() *corev1.Secret {
	return s.secret(map[string]string{"username": userName, "password": password})
}

func (s *scenario) authorityMap(text string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: authorityName}, Data: map[string]string{authorityKey: text}}
}

// declare creates the pool with all it needs.
func (s *scenario) declare() {
	s.Helper()
	s.create(s.goodSecret(), s.authorityMap(s.authority), s.pool)
}

// change changes an object as a person would.
func (s *scenario) change(object client.Object, how func()) {
	s.Helper()
	eventually(s.T, "a change of "+object.GetName(), func() (bool, string) {
		if err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			return false, err.Error()
		}
		before, _ := object.DeepCopyObject().(client.Object)
		how()
		if err := s.lab.Client().Patch(s.Context(), object, client.MergeFrom(before)); err != nil {
			return false, err.Error()
		}
		return true, ""
	})
}

// noticed waits until the operator has looked at what an object declares now: a pass that was under way when it was changed may still end on
// what was declared before.
func (s *scenario) noticed(object client.Object) {
	s.Helper()
	eventually(s.T, "a look at "+object.GetName(), func() (bool, string) {
		if err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			return false, err.Error()
		}
		_, _, text := says(object)
		return observed(object), text
	})
}

func (s *scenario) retry(object client.Object) {
	s.Helper()
	s.annotate(object, v1alpha1.AnnotationRetry)
}

// look makes the operator look at an object at once instead of when it would by itself.
func (s *scenario) look(object client.Object) {
	s.Helper()
	s.annotate(object, "example.com/touched")
}

func (s *scenario) annotate(object client.Object, key string) {
	s.Helper()
	s.change(object, func() {
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[key] = time.Now().Format(time.RFC3339Nano)
		object.SetAnnotations(annotations)
	})
}

func (s *scenario) fault(fault lab.Fault) (id string) {
	s.Helper()
	id, err := s.lab.Simulator().AddFault(s.Context(), fault)
	if err != nil {
		s.Fatal(err)
	}
	return id
}

// keepInstaller keeps an installer on a host from ending before that is mended, so that somebody can act in the middle of it however
// busy the machine is.
func (s *scenario) keepInstaller(host string) (id string) {
	s.Helper()
	return s.fault(lab.Fault{Kind: "installerWaits", Target: host})
}

func (s *scenario) mend(id string) {
	s.Helper()
	if err := s.lab.Simulator().RemoveFault(s.Context(), id); err != nil {
		s.Fatal(err)
	}
}

// domain is the object of the upgrade domain that holds a front end; the first is number 1.
func (s *scenario) domain(number int) *v1alpha1.UpgradeDomain {
	return &v1alpha1.UpgradeDomain{ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: fmt.Sprintf("%s-upgradedomain%d", s.name, number)}}
}

func (s *scenario) record(hosts ...string) record {
	s.Helper()
	return readRecord(s.T, s.lab).of(hosts...)
}

// untouched fails when anything more than staging was done to some hosts.
func (s *scenario) untouched(hosts ...string) {
	s.Helper()
	if err := s.record(hosts...).untouched(); err != nil {
		s.Error(err)
	}
}

// inService fails unless some hosts serve with the services they had at the start.
func (s *scenario) inService(hosts ...string) {
	s.Helper()
	for _, host := range readState(s.T, s.lab).Hosts {
		if contains(hosts, host.FQDN) && !host.InService {
			s.Errorf("%s is not in service", host.FQDN)
		}
	}
	checkAtRest(s.T, s.lab, s.atStart, hosts...)
}

// refused waits until an object waits for a person for a reason, with an event, while no front end was touched.
func (s *scenario) refused(object client.Object, reason string) {
	s.Helper()
	s.held(object, reason)
	s.untouched(s.frontEnds...)
}

// held waits until an object waits for a person for a reason, and an event says so.
func (s *scenario) held(object client.Object, reason string) {
	s.Helper()
	eventually(s.T, "a stop of "+object.GetName()+" with "+reason, func() (bool, string) {
		if err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			return false, err.Error()
		}
		_, found, text := says(object)
		return found == reason && stalled(object), fmt.Sprintf("stalled %t, %s", stalled(object), text)
	})
	checkEvent(s.T, s.lab, object, reason)
}

// awaits waits until an object waits for another one that may still come, with an event, while no front end was touched.
func (s *scenario) awaits(object client.Object, reason string) {
	s.Helper()
	awaitReason(s.T, s.lab, object, reason)
	if stalled(object) {
		_, _, text := says(object)
		s.Errorf("what may still come counts as a failure: %s", text)
	}
	checkEvent(s.T, s.lab, object, reason)
	s.untouched(s.frontEnds...)
}

// standard is a Standard Edition server of the scenario's own.
func (s *scenario) standard() *v1alpha1.BackEndServer {
	return &v1alpha1.BackEndServer{ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: "se"}, Spec: v1alpha1.BackEndServerSpec{
		Edition: v1alpha1.EditionStandard, ServerFQDN: v1alpha1.FQDN(s.standardHost()), DesiredBuild: build,
		Package: s.pool.Spec.Package.DeepCopy(), Connection: s.pool.Spec.Connection.DeepCopy()}}
}

func (s *scenario) standardHost() string { return s.name + "-se.contoso.com" }

// finishes waits for the end of the rollout of the pool, and checks that it went as it always should.
func (s *scenario) finishes() {
	s.Helper()
	awaitAllReady(s.T, s.lab, s.name, 4)
	checkNoViolations(s.T, s.lab, s.frontEnds...)
	checkOneDomainAtATime(s.T, s.record(s.frontEnds...), s.atStart)
	checkBuild(s.T, s.lab, string(s.pool.Spec.DesiredBuild), s.frontEnds...)
	s.inService(s.frontEnds...)
}

// onceEach fails unless some front ends went through the published steps once.
func (s *scenario) onceEach(frontEnds ...string) {
	s.Helper()
	for _, frontEnd := range frontEnds {
		checkSteps(s.T, s.record(frontEnd), frontEnd, frontEndSteps, true)
	}
}
