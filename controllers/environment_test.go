package controllers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/credentials"
	"lyncops.dev/operator/test/lab"
)

const (
	testPool      = "pool01.contoso.com"
	testSQLServer = "sql01.contoso.com"
	oldBuild      = v1alpha1.Build("5.0.8308.0")
	newBuild      = v1alpha1.Build("5.0.8308.1149")
	laterBuild    = v1alpha1.Build("5.0.8308.1200")

	// These must be found on the servers and nowhere else.
	loginPassword = "Login-Secret-4711"
	jobPassword   = "Job-Secret-4712"

	// debugLevel is the most that anybody needs to see of the operator; from level 8 on client-go logs what the API server says.
	debugLevel = 5
)

// apiServer is the API server of this package's tests; nil with -short.
var apiServer *rest.Config

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(withAPIServer(m))
}

func withAPIServer(m *testing.M) int {
	ctrl.SetLogger(logr.Discard())
	if testing.Short() {
		return m.Run()
	}
	// These tests wait more than they work.
	if err := flag.Set("test.parallel", "16"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run make test, set it to the output of hack/envtest-assets.sh, or run with -short")
		return 1
	}
	environment := &envtest.Environment{CRDDirectoryPaths: []string{"../config/crd/bases"}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: lab.StartTimeout, ControlPlaneStopTimeout: lab.StopTimeout}
	started, err := environment.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting the control plane from KUBEBUILDER_ASSETS:", err)
		return 1
	}
	started.QPS, started.Burst = -1, 0
	apiServer = started
	code := m.Run()
	if err := environment.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the control plane:", err)
		return 1
	}
	return code
}

// world is a namespace with an operator of its own, and the servers that the operator sees.
type world struct {
	t         *testing.T
	namespace string
	scheme    *runtime.Scheme
	// client is the test's own, uncached.
	client  client.WithWatch
	servers *fakeServers
	// clock and rights are the operator's.
	clock  clock.PassiveClock
	rights *rest.Config
	ledger *ledger
	logged *logged
	seen   *versions
}

// newWorld makes a namespace with the credentials and watches it; no operator runs yet.
func newWorld(t *testing.T, servers *fakeServers) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the control plane from KUBEBUILDER_ASSETS")
	}
	t.Parallel()
	w := &world{t: t, servers: servers, clock: clock.RealClock{}, rights: apiServer, ledger: &ledger{}, logged: &logged{}, scheme: runtime.NewScheme()}
	if err := errors.Join(clientgoscheme.AddToScheme(w.scheme), v1alpha1.AddToScheme(w.scheme)); err != nil {
		t.Fatal(err)
	}
	own, err := client.NewWithWatch(apiServer, client.Options{Scheme: w.scheme, FieldOwner: "test"})
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := lab.Persist(t.Context(), func(bool) error { return own.Create(t.Context(), namespace) }); err != nil {
		t.Fatal(err)
	}
	w.namespace = namespace.Name
	w.client = patient(own, w.namespace)
	w.seen = watchVersions(w)
	w.create(w.secret("winrm", loginPassword))
	return w
}

// startedWorld is a world in which an operator runs.
func startedWorld(t *testing.T, servers *fakeServers, lies ...interceptor.Funcs) *world {
	t.Helper()
	w := newWorld(t, servers)
	w.startOperator(lies...)
	return w
}

// startOperator runs a manager with the three reconcilers until it is stopped, or the test is over.
func (w *world) startOperator(lies ...interceptor.Funcs) (stop func()) {
	w.t.Helper()
	logger := w.logged.logger()
	manager, err := ctrl.NewManager(w.rights, ctrl.Options{
		Scheme: w.scheme, Logger: logger, Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		Cache:      cache.Options{DefaultNamespaces: map[string]cache.Config{w.namespace: {}}, DefaultTransform: cache.TransformStripManagedFields()},
		Controller: config.Controller{SkipNameValidation: new(true), CacheSyncTimeout: patience}, GracefulShutdownTimeout: new(patience),
		NewClient: func(configuration *rest.Config, options client.Options) (client.Client, error) {
			cached, err := client.NewWithWatch(configuration, options)
			if err != nil {
				return nil, err
			}
			for _, lie := range lies {
				cached = interceptor.NewClient(cached, lie)
			}
			return interceptor.NewClient(cached, w.ledger.funcs()), nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	shared := Shared{Client: manager.GetClient(), Live: Within(manager.GetAPIReader(), w.namespace), Servers: w.servers, Memory: credentials.NewMemory(), Untold: NewUntold(), Clock: w.clock,
		Recorder: w.ledger.recorder(manager.GetEventRecorder("lyncops"))}
	if err := errors.Join((&LyncPoolReconciler{shared}).SetupWithManager(manager), (&UpgradeDomainReconciler{shared}).SetupWithManager(manager),
		(&BackEndServerReconciler{shared}).SetupWithManager(manager)); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("the operator ended with %v", err)
		}
	})
	w.t.Cleanup(func() {
		w.seen.mustHaveBeenObserved()
		stop()
		w.logged.mustNotHold(w.t, loginPassword, jobPassword)
	})
	return stop
}

func (w *world) create(object client.Object) {
	w.t.Helper()
	object.SetNamespace(w.namespace)
	if err := w.client.Create(w.t.Context(), object); err != nil {
		w.t.Fatalf("creating %s: %v", object.GetName(), err)
	}
}

func (w *world) secret(name, password string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.namespace},
		StringData: map[string]string{v1alpha1.SecretKeyUserName: `CONTOSO\svc-lyncops`, v1alpha1.SecretKeyPassword: password}}
}

// pool declares the pool under the name pool01, with a soak as short as it can be.
func (w *world) pool(changes ...func(*v1alpha1.LyncPool)) *v1alpha1.LyncPool {
	w.t.Helper()
	pool := &v1alpha1.LyncPool{
		ObjectMeta: metav1.ObjectMeta{Name: "pool01", Namespace: w.namespace},
		Spec: v1alpha1.LyncPoolSpec{
			PoolFQDN: testPool, DesiredBuild: newBuild,
			Package:          &v1alpha1.UpdatePackage{Source: `\\files.contoso.com\lync\LyncServerUpdateInstaller.exe`, SHA256: strings.Repeat("0a", 32)},
			Connection:       v1alpha1.WinRMConnection{CredentialsSecretRef: v1alpha1.LocalObjectReference{Name: "winrm"}},
			DiscoveryServers: []v1alpha1.FQDN{"fe01.contoso.com"},
			Rollout:          v1alpha1.RolloutPolicy{Soak: duration(time.Second), Readiness: v1alpha1.ReadinessPolicy{Interval: duration(unasked)}},
		},
	}
	for _, change := range changes {
		change(pool)
	}
	w.create(pool)
	return pool
}

func (w *world) backEnd(changes ...func(*v1alpha1.BackEndServer)) *v1alpha1.BackEndServer {
	w.t.Helper()
	backEnd := &v1alpha1.BackEndServer{
		ObjectMeta: metav1.ObjectMeta{Name: "sql01", Namespace: w.namespace},
		Spec: v1alpha1.BackEndServerSpec{Edition: v1alpha1.EditionEnterprise, PoolRef: &v1alpha1.LocalObjectReference{Name: "pool01"},
			SQL: &v1alpha1.SQLServer{FQDN: testSQLServer}, DesiredBuild: newBuild},
	}
	for _, change := range changes {
		change(backEnd)
	}
	w.create(backEnd)
	return backEnd
}

func duration(length time.Duration) v1alpha1.Duration {
	return v1alpha1.Duration{Duration: metav1.Duration{Duration: length}}
}

// look reads the object again.
func (w *world) look(object client.Object) error {
	return w.client.Get(w.t.Context(), client.ObjectKeyFromObject(object), object)
}

// edit changes an object as a person does.
func edit[T client.Object](w *world, object T, change func(T)) {
	w.t.Helper()
	if err := w.look(object); err != nil {
		w.t.Fatal(err)
	}
	before, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		w.t.Fatalf("%T is no object", object)
	}
	change(object)
	if err := w.client.Patch(w.t.Context(), object, client.MergeFrom(before)); err != nil {
		w.t.Fatal(err)
	}
}

// nudge makes the operator look at an object now instead of when it is due.
func (w *world) nudge(object client.Object) {
	w.t.Helper()
	edit(w, object, func(object client.Object) { annotate(object, "test/nudge", time.Now().String()) })
}

// nudging asks for a look at once, and again every other second while something is awaited. More often, and whoever looks writes into a
// status that has changed meanwhile and has to begin again.
func (w *world) nudging(objects func() []client.Object) func() {
	var last time.Time
	return func() {
		if time.Since(last) < 2*time.Second {
			return
		}
		last = time.Now()
		for _, object := range objects() {
			w.nudge(object)
		}
	}
}

func annotate(object client.Object, key, value string) {
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	object.SetAnnotations(annotations)
}

// eventually waits until a condition is no error any more. It must not wait for what may pass unseen.
func (w *world) eventually(what string, holds func() error) {
	w.t.Helper()
	begun := time.Now()
	for {
		err := holds()
		if err == nil {
			return
		}
		waited := time.Since(begun)
		if waited > patience {
			w.t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-w.t.Context().Done():
			w.t.Fatalf("%s: %v", what, err)
		case <-time.After(min(max(waited/10, lookEvery), seldomEvery)):
		}
	}
}

// ready waits until an object has come to this reason of Ready, and returns its message.
func (w *world) ready(object client.Object, status metav1.ConditionStatus, reason string) (message string) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%s becomes Ready=%s, %s", object.GetName(), status, reason), func() error {
		if err := w.look(object); err != nil {
			return err
		}
		conditions := conditionsOf(object)
		for _, condition := range conditions {
			if condition.Type == v1alpha1.ConditionReady && condition.Reason == reason && condition.Status == status && condition.ObservedGeneration == object.GetGeneration() {
				message = condition.Message
				return nil
			}
		}
		return fmt.Errorf("it has %+v", conditions)
	})
	return message
}

func conditionsOf(object client.Object) []metav1.Condition {
	switch object := object.(type) {
	case *v1alpha1.LyncPool:
		return object.Status.Conditions
	case *v1alpha1.UpgradeDomain:
		return object.Status.Conditions
	case *v1alpha1.BackEndServer:
		return object.Status.Conditions
	}
	return nil
}

// domain waits for the UpgradeDomain object of that name.
func (w *world) domain(name string) *v1alpha1.UpgradeDomain {
	w.t.Helper()
	domain := &v1alpha1.UpgradeDomain{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.namespace}}
	w.eventually("there is an UpgradeDomain "+name, func() error { return w.look(domain) })
	return domain
}

// ledger notes what the operator writes, in the order in which it does.
type ledger struct {
	lock    sync.Mutex
	entries []entry
}

// entry is one write to the API server, or one event.
type entry struct {
	verb    string
	object  string
	warning bool
	reason  string
	note    string
	failed  bool
	// lost: it failed without an answer, and may have been written all the same.
	lost bool
}

func (l *ledger) add(one entry) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.entries = append(l.entries, one)
}

func (l *ledger) all() []entry {
	l.lock.Lock()
	defer l.lock.Unlock()
	return append([]entry{}, l.entries...)
}

// told are the reasons of the events about an object, in order.
func (l *ledger) told(object client.Object) []string {
	var reasons []string
	for _, one := range l.all() {
		if one.verb == "event" && one.object == nameOf(object) {
			reasons = append(reasons, one.reason)
		}
	}
	return reasons
}

// toldUntil waits until this is the latest event about an object, which follows its status a moment later, and returns all.
func (w *world) toldUntil(object client.Object, last string) []string {
	w.t.Helper()
	var told []string
	w.eventually(last+" is told of "+object.GetName(), func() error {
		w.needsAnswers()
		if told = w.ledger.told(object); len(told) == 0 || told[len(told)-1] != last {
			return fmt.Errorf("told were %v", told)
		}
		return nil
	})
	return told
}

// needsAnswers ends a test that is about to count what is told: an event that belongs to a status whose writing was not answered is not
// told, although the status may be written.
func (w *world) needsAnswers() {
	w.t.Helper()
	for _, one := range w.ledger.all() {
		if one.lost {
			w.t.Skipf("the API server did not answer %+v, so that events are missing", one)
		}
	}
}

func nameOf(object client.Object) string {
	return strings.TrimPrefix(fmt.Sprintf("%T ", object), "*v1alpha1.") + object.GetName()
}

func (l *ledger) funcs() interceptor.Funcs {
	return interceptor.Funcs{
		Create: func(ctx context.Context, to client.WithWatch, object client.Object, options ...client.CreateOption) error {
			err := to.Create(ctx, object, options...)
			l.add(entry{verb: "create", object: nameOf(object), failed: err != nil, lost: lab.Unanswered(err)})
			return err
		},
		Delete: func(ctx context.Context, to client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			err := to.Delete(ctx, object, options...)
			l.add(entry{verb: "delete", object: nameOf(object), failed: err != nil, lost: lab.Unanswered(err)})
			return err
		},
		Patch: func(ctx context.Context, to client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			err := to.Patch(ctx, object, patch, options...)
			l.add(entry{verb: "patch", object: nameOf(object), failed: err != nil, lost: lab.Unanswered(err)})
			return err
		},
		SubResourcePatch: func(ctx context.Context, to client.Client, subResource string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			err := to.SubResource(subResource).Patch(ctx, object, patch, options...)
			l.add(entry{verb: subResource, object: nameOf(object), failed: err != nil, lost: lab.Unanswered(err)})
			return err
		},
	}
}

// recorder notes an event and passes it on.
func (l *ledger) recorder(to events.EventRecorder) events.EventRecorder { return recorder{l, to} }

type recorder struct {
	*ledger
	to events.EventRecorder
}

func (r recorder) Eventf(regarding, related runtime.Object, kind, reason, action, note string, arguments ...any) {
	object, ok := regarding.(client.Object)
	if !ok {
		panic(fmt.Sprintf("an event about %T", regarding))
	}
	r.add(entry{verb: "event", object: nameOf(object), warning: kind == corev1.EventTypeWarning, reason: reason, note: fmt.Sprintf(note, arguments...)})
	if r.to != nil {
		r.to.Eventf(regarding, related, kind, reason, action, note, arguments...)
	}
}

// logged is everything that the operator logs, down to what is for debugging.
type logged struct {
	lock sync.Mutex
	text strings.Builder
}

func (l *logged) logger() logr.Logger {
	return funcr.New(func(prefix, arguments string) {
		l.lock.Lock()
		defer l.lock.Unlock()
		fmt.Fprintln(&l.text, prefix, arguments)
	}, funcr.Options{Verbosity: debugLevel})
}

func (l *logged) String() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.text.String()
}

func (l *logged) mustNotHold(t *testing.T, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(l.String(), secret) {
			t.Errorf("the log holds the secret %q", secret)
		}
	}
}

// in is the same world for a part of the test.
func (w *world) in(t *testing.T) *world {
	t.Helper()
	part := *w
	part.t = t
	return &part
}
