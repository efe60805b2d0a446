package controllers

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

func threeFrontEnds() *fakeServers {
	return newFakeServers([]string{"fe01.contoso.com"}, []string{"fe02.contoso.com"}, []string{"fe03.contoso.com"})
}

// TestPoolSaysWhatIsWrongAndGoesOnWhenItIsMended: nothing of it is an error of the operator; all of it is in the status with the
// object or server concerned and what to do, and no server is touched.
func TestPoolSaysWhatIsWrongAndGoesOnWhenItIsMended(t *testing.T) {
	everyCall := func(kind lync.ErrorKind, message string) fakeFault {
		return fakeFault{fails: troubleWith(kind, "fe01.contoso.com", "Get-LyncOpsTopology", message)}
	}
	for _, test := range []struct {
		name    string
		arrange func(w *world, pool *v1alpha1.LyncPool)
		mend    func(w *world)
		reason  string
		stalled bool
		// message must hold all of these.
		message []string
	}{
		{
			name:    "Secret missing",
			arrange: func(_ *world, pool *v1alpha1.LyncPool) { pool.Spec.Connection.CredentialsSecretRef.Name = "other" },
			mend:    func(w *world) { w.create(w.secret("other", loginPassword)) },
			reason:  v1alpha1.ReasonCredentialsMissing,
			message: []string{"Secret other", "connection.credentialsSecretRef", "create it", "username and password"},
		},
		{
			name: "key missing in the Secret",
			arrange: func(w *world, pool *v1alpha1.LyncPool) {
				w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "half"}, StringData: map[string]string{"username": "x"}})
				pool.Spec.Connection.CredentialsSecretRef.Name = "half"
			},
			mend: func(w *world) {
				edit(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "half", Namespace: w.namespace}}, func(secret *corev1.Secret) {
					secret.Data["password"] = []byte(loginPassword)
				})
			},
			reason: v1alpha1.ReasonCredentialsMissing, stalled: true,
			message: []string{"Secret half", "no key password"},
		},
		{
			name: "certificate authority unreadable",
			arrange: func(w *world, pool *v1alpha1.LyncPool) {
				w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "roots"}, Data: map[string]string{"ca.crt": "not PEM"}})
				pool.Spec.Connection.CertificateAuthority = &v1alpha1.CertificateAuthoritySource{Name: "roots"}
			},
			mend: func(w *world) {
				edit(w, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "roots", Namespace: w.namespace}}, func(roots *corev1.ConfigMap) {
					roots.Data["ca.crt"] = someCertificate(w.t)
				})
			},
			reason: v1alpha1.ReasonCertificateAuthorityMissing, stalled: true,
			message: []string{"ConfigMap roots", "connection.certificateAuthority", "PEM", "ca.crt"},
		},
		{
			name: "certificate authority missing",
			arrange: func(_ *world, pool *v1alpha1.LyncPool) {
				pool.Spec.Connection.CertificateAuthority = &v1alpha1.CertificateAuthoritySource{Name: "roots", Kind: "Secret", Key: "root.pem"}
			},
			mend: func(w *world) {
				w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "roots"}, StringData: map[string]string{"root.pem": someCertificate(w.t)}})
			},
			reason:  v1alpha1.ReasonCertificateAuthorityMissing,
			message: []string{"Secret roots", "connection.certificateAuthority", "does not exist", "root.pem"},
		},
		{
			name: "account of the jobs missing",
			arrange: func(_ *world, pool *v1alpha1.LyncPool) {
				pool.Spec.Jobs = v1alpha1.JobAccount{RunAs: v1alpha1.RunAsStoredAccount, CredentialsSecretRef: &v1alpha1.LocalObjectReference{Name: "jobs"}}
			},
			mend:    func(w *world) { w.create(w.secret("jobs", jobPassword)) },
			reason:  v1alpha1.ReasonCredentialsMissing,
			message: []string{"Secret jobs", "jobs.credentialsSecretRef"},
		},
		{
			name: "login refused",
			arrange: func(w *world, _ *v1alpha1.LyncPool) {
				w.servers.breaks(everyCall(lync.KindLoginRefused, "the password was refused"))
			},
			reason: v1alpha1.ReasonLoginRefused, stalled: true,
			message: []string{"fe01.contoso.com", "the password was refused", "LoginRefused says"},
		},
		{
			name: "certificate rejected",
			arrange: func(w *world, _ *v1alpha1.LyncPool) {
				w.servers.breaks(everyCall(lync.KindCertificateRejected, "it bears another name"))
			},
			reason: v1alpha1.ReasonCertificateRejected, stalled: true,
			message: []string{"fe01.contoso.com", "it bears another name", "CertificateRejected says"},
		},
		{
			name: "unreachable",
			arrange: func(w *world, _ *v1alpha1.LyncPool) {
				w.servers.breaks(everyCall(lync.KindUnreachable, "no answer within 60s"))
			},
			reason:  v1alpha1.ReasonServerUnreachable,
			message: []string{"fe01.contoso.com", "no answer within 60s", "Unreachable says"},
		},
		{
			name: "unknown shape of the readiness answer",
			arrange: func(w *world, _ *v1alpha1.LyncPool) {
				fault := everyCall(lync.KindUnknownShape, "no property State")
				fault.method = "PoolReadiness"
				w.servers.breaks(fault)
			},
			reason: v1alpha1.ReasonUnknownReadinessShape, stalled: true,
			message: []string{"fe01.contoso.com", "no property State", "UnknownShape says"},
		},
		{
			name: "an upgrade domain reported twice",
			arrange: func(w *world, _ *v1alpha1.LyncPool) {
				w.servers.change(func(f *fakeServers) { f.domains[1].Name = f.domains[0].Name })
			},
			mend: func(w *world) {
				w.servers.change(func(f *fakeServers) { f.domains[1].Name = "UpgradeDomain2" })
			},
			reason: v1alpha1.ReasonInvalidTopology, stalled: true,
			message: []string{"UpgradeDomain1 twice", "Get-CsPoolUpgradeReadinessState"},
		},
		{
			name: "a front end reported in two domains",
			arrange: func(w *world, _ *v1alpha1.LyncPool) {
				w.servers.change(func(f *fakeServers) { f.domains[1].Frontends = []string{"FE01.contoso.com"} })
			},
			mend: func(w *world) {
				w.servers.change(func(f *fakeServers) { f.domains[1].Frontends = []string{"fe02.contoso.com"} })
			},
			reason: v1alpha1.ReasonInvalidTopology, stalled: true,
			message: []string{"FE01.contoso.com twice", "UpgradeDomain1 and UpgradeDomain2"},
		},
		{
			name: "a front end that is in no domain",
			arrange: func(w *world, _ *v1alpha1.LyncPool) {
				w.servers.change(func(f *fakeServers) { f.domains = f.domains[:2] })
			},
			mend: func(w *world) {
				w.servers.change(func(f *fakeServers) {
					f.domains = append(f.domains, lync.UpgradeDomainReadiness{Name: "UpgradeDomain3", Frontends: []string{"fe03.contoso.com"}})
				})
			},
			reason: v1alpha1.ReasonInvalidTopology, stalled: true,
			message: []string{"fe03.contoso.com", "in no upgrade domain"},
		},
		{
			name: "a Standard Edition server declared as a pool",
			arrange: func(w *world, _ *v1alpha1.LyncPool) {
				w.servers.change(func(f *fakeServers) { f.edition = lync.EditionStandard })
			},
			mend:   func(w *world) { w.servers.change(func(f *fakeServers) { f.edition = lync.EditionEnterprise }) },
			reason: v1alpha1.ReasonInvalidSpec, stalled: true,
			message: []string{testPool, "Standard Edition", "BackEndServer with edition Standard"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := startedWorld(t, threeFrontEnds())
			pool := w.pool(func(pool *v1alpha1.LyncPool) { test.arrange(w, pool) })
			message := w.ready(pool, "False", test.reason)
			for _, fragment := range test.message {
				if !strings.Contains(message, fragment) {
					t.Errorf("the message %q does not hold %q", message, fragment)
				}
			}
			if stalled := hasCondition(pool, v1alpha1.ConditionStalled); stalled != test.stalled {
				t.Errorf("Stalled is %t, want %t", stalled, test.stalled)
			}
			if !strings.Contains(pool.Status.Now, test.reason) {
				t.Errorf("status.now is %q, want it to name %s", pool.Status.Now, test.reason)
			}
			if orders := w.servers.called("StartJob"); len(orders) > 0 {
				t.Errorf("servers were touched: %v", orders)
			}
			w.servers.mend()
			if test.mend != nil {
				test.mend(w)
			}
			look := w.nudging(func() []client.Object { return []client.Object{pool} })
			w.eventually("the first server is taken", func() error {
				look()
				if w.servers.orders(lync.ActionStopServices, "fe01.contoso.com") == 0 {
					return errors.New("it is not")
				}
				return nil
			})
			w.needsAnswers()
			told := 0
			for _, reason := range w.ledger.told(pool) {
				if reason == test.reason {
					told++
				}
			}
			if told != 1 {
				t.Errorf("the event %s was told %d times", test.reason, told)
			}
		})
	}
}

func hasCondition(object client.Object, conditionType string) bool {
	for _, condition := range conditionsOf(object) {
		if condition.Type == conditionType {
			return condition.Status == metav1.ConditionTrue
		}
	}
	return false
}

func someCertificate(t *testing.T) string {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

func TestDomainWithoutPool(t *testing.T) {
	w := startedWorld(t, threeFrontEnds())
	domain := &v1alpha1.UpgradeDomain{ObjectMeta: metav1.ObjectMeta{Name: "lonely"}, Spec: v1alpha1.UpgradeDomainSpec{
		PoolRef: v1alpha1.LocalObjectReference{Name: "pool01"}, DomainName: "UpgradeDomain1", FrontEnds: []v1alpha1.FQDN{"fe01.contoso.com"}, DesiredBuild: newBuild}}
	w.create(domain)
	if message := w.ready(domain, "False", v1alpha1.ReasonPoolNotFound); !strings.Contains(message, "LyncPool pool01") || !strings.Contains(message, "create it") {
		t.Error(message)
	}
	backEnd := w.backEnd()
	if message := w.ready(backEnd, "False", v1alpha1.ReasonPoolNotFound); !strings.Contains(message, "LyncPool pool01") || !strings.Contains(message, "poolRef") {
		t.Error(message)
	}
	pool := w.pool()
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	w.ready(domain, "True", v1alpha1.ReasonUpToDate)
	w.ready(backEnd, "True", v1alpha1.ReasonUpToDate)
}

// A server that stops answering between two steps is waited for; one that never begins keeps the domain from being opened.
func TestServerThatDoesNotAnswer(t *testing.T) {
	servers := threeFrontEnds()
	servers.breaks(fakeFault{server: "fe02.contoso.com", fails: troubleWith(lync.KindTimeout, "fe02.contoso.com", "Get-LyncOpsFacts", "no answer in 60s")})
	w := startedWorld(t, servers)
	pool := w.pool()
	domain := w.domain("pool01-upgradedomain2")
	message := w.ready(domain, "False", v1alpha1.ReasonServerUnreachable)
	if !strings.Contains(message, "fe02.contoso.com") || hasCondition(domain, v1alpha1.ConditionStalled) || hasCondition(domain, v1alpha1.ConditionServersReachable) {
		t.Errorf("%s: %+v", message, domain.Status.Conditions)
	}
	w.ready(pool, "False", v1alpha1.ReasonServerUnreachable)
	if orders := w.servers.orders(lync.ActionStopServices, "fe01.contoso.com"); orders != 0 {
		t.Error("a server was stopped although not every domain of the pool is known")
	}
	servers.mend()
	w.nudge(domain)
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
}

// The answer to an order may be lost although the order arrived, or the order itself: neither is told twice, and nothing is done
// twice.
func TestLostOrders(t *testing.T) {
	servers := threeFrontEnds()
	lost := troubleWith(lync.KindSessionLost, "fe01.contoso.com", "Start-LyncOpsJob", "the connection was closed")
	servers.breaks(fakeFault{method: "StartJob", server: "fe01.contoso.com", action: lync.ActionStopServices, fails: lost, left: 2})
	servers.breaks(fakeFault{method: "StartJob", server: "fe01.contoso.com", action: lync.ActionInstall, fails: lost, afterwards: true, left: 1})
	w := startedWorld(t, servers)
	pool := w.pool()
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	domain := w.domain("pool01-upgradedomain1")
	if told := strings.Join(w.toldUntil(domain, v1alpha1.EventServerUpgraded), " "); strings.Count(told, "ServerTaken") != 1 || strings.Count(told, "ServerUpgraded") != 1 {
		t.Errorf("told: %s", told)
	}
	if orders := servers.orders(lync.ActionInstall, "fe01.contoso.com"); orders != 1 {
		t.Errorf("the installer was ordered %d times although its job was there", orders)
	}
}

// Whoever orders a job may be cut off before its task is there. The order is given once more, and the server is taken once.
func TestAJobThatDoesNotBeginIsOrderedOnceMore(t *testing.T) {
	servers := threeFrontEnds()
	servers.claimedFor = time.Minute
	w := startedWorld(t, servers)
	w.ready(w.pool(), "True", v1alpha1.ReasonUpToDate)
	for _, action := range []lync.Action{lync.ActionStagePackage, lync.ActionStopServices, lync.ActionInstall, lync.ActionRestartComputer} {
		if orders := servers.orders(action, "fe01.contoso.com"); orders < 2 {
			t.Errorf("%s was ordered %d times", action, orders)
		}
	}
	if told := strings.Join(w.toldUntil(w.domain("pool01-upgradedomain1"), v1alpha1.EventServerUpgraded), " "); strings.Count(told, "ServerTaken") != 1 {
		t.Errorf("told: %s", told)
	}
}

func TestSecretsAreFoundOnTheServersOnly(t *testing.T) {
	servers := threeFrontEnds()
	servers.breaks(fakeFault{server: "fe01.contoso.com", action: lync.ActionStagePackage, outcome: lync.OutcomeSourceUnreachable, message: "access denied", left: 1})
	w := startedWorld(t, servers)
	w.create(w.secret("jobs", jobPassword))
	pool := w.pool(func(pool *v1alpha1.LyncPool) {
		pool.Spec.Jobs = v1alpha1.JobAccount{RunAs: v1alpha1.RunAsStoredAccount, CredentialsSecretRef: &v1alpha1.LocalObjectReference{Name: "jobs"}}
	})
	w.ready(pool, "False", v1alpha1.ReasonPackageRefused)
	orders := servers.called("StartJob")
	if len(orders) == 0 || orders[0].password != loginPassword || orders[0].request.Principal != (lync.Principal{Kind: lync.PrincipalStoredAccount, UserName: `CONTOSO\svc-lyncops`, Password: jobPassword}) {
		t.Fatalf("the servers did not get the credentials: %v", orders)
	}
	for _, one := range w.ledger.all() {
		if strings.Contains(one.note, loginPassword) || strings.Contains(one.note, jobPassword) {
			t.Errorf("an event holds a secret: %+v", one)
		}
	}
	if !strings.Contains(w.logged.String(), "job started") {
		t.Error("the log was not caught")
	}
}

// An event must be told after the status it belongs to was stored, and not at all when it was not.
func TestEventsFollowTheirStatus(t *testing.T) {
	refused := errors.New("the API server is away")
	var before, after v1alpha1.LyncPool
	book := &ledger{}
	shared := Shared{Client: failingClient{err: refused}, Recorder: book.recorder(nil)}
	pass := outcome{before: &before, after: &after, changed: true}
	pass.told = []announcement{{reason: "ServerTaken", action: "Drain", note: "taking fe01.contoso.com"}}
	if _, err := shared.finish(t.Context(), pass); !errors.Is(err, refused) {
		t.Errorf("the error is %v", err)
	}
	if len(book.all()) != 0 {
		t.Errorf("told %v of a status that was not stored", book.all())
	}
	shared.Client = failingClient{}
	pass.changed = false
	if _, err := shared.finish(t.Context(), pass); err != nil || len(book.all()) != 0 {
		t.Errorf("told %v of a status that has not changed (%v)", book.all(), err)
	}
	pass.changed, pass.told[0].note = true, strings.Repeat("é", 1500)
	if _, err := shared.finish(t.Context(), pass); err != nil || len(book.all()) != 1 {
		t.Fatalf("told %v (%v)", book.all(), err)
	}
	if note := book.all()[0].note; len(note) > 1024 || !strings.HasPrefix(note, "éé") || strings.ContainsRune(note, '\uFFFD') {
		t.Errorf("a note of %d bytes: the API server takes 1024 at most, in UTF-8", len(note))
	}
}

// failingClient is a client of which only the writing of statuses is used.
type failingClient struct {
	client.Client
	err error
}

func (c failingClient) Status() client.SubResourceWriter { return failingWriter{err: c.err} }

type failingWriter struct {
	client.SubResourceWriter
	err error
}

func (w failingWriter) Patch(context.Context, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
	return w.err
}
