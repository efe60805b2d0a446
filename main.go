// Command manager is the operator: it reads flags, wires the controllers to the servers and to the API server, and runs them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/controllers"
	"lyncops.dev/operator/internal/credentials"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/lync/powershell"
	"lyncops.dev/operator/internal/winrm/connectto"
)

type flags struct {
	metricsAddress string
	secureMetrics  bool
	probeAddress   string
	leaderElect    bool
	leaderElectIn  string
	namespaces     string
	connectTo      connectto.Addresses
	logging        zap.Options
}

func main() {
	var options flags
	flag.StringVar(&options.metricsAddress, "metrics-bind-address", ":8443", "address of the metrics endpoint; 0 turns it off")
	flag.BoolVar(&options.secureMetrics, "metrics-secure", true, "serve metrics over HTTPS to callers that the API server authenticates and authorizes")
	flag.StringVar(&options.probeAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz; 0 turns them off")
	flag.BoolVar(&options.leaderElect, "leader-elect", false, "run only while holding the lease, so that several replicas may stand by")
	flag.StringVar(&options.leaderElectIn, "leader-election-namespace", "", "namespace of the lease; empty: the operator's own")
	flag.StringVar(&options.namespaces, "namespaces", "", "comma-separated namespaces to watch; empty: all")
	flag.Var(&options.connectTo, "winrm-connect-to", connectto.Usage)
	options.logging.BindFlags(flag.CommandLine)
	flag.Parse()
	if level := options.logging.Level; level != nil && level.Enabled(mostVerbose-1) {
		options.logging.Level = mostVerbose
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&options.logging)))
	if err := run(ctrl.SetupSignalHandler(), options); err != nil {
		ctrl.Log.Error(err, "the operator has to stop")
		os.Exit(1)
	}
}

// mostVerbose is the highest level of detail that can be asked for. Above it client-go writes the bodies of its requests to the log,
// and with them the Secrets it reads.
const mostVerbose = zapcore.Level(-5)

func run(ctx context.Context, options flags) error {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))

	metrics := metricsserver.Options{BindAddress: options.metricsAddress, SecureServing: options.secureMetrics}
	if options.secureMetrics {
		metrics.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	kubeconfig, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the API server: %w", err)
	}
	manager, err := ctrl.NewManager(kubeconfig, ctrl.Options{
		Scheme: scheme, Metrics: metrics, HealthProbeBindAddress: options.probeAddress,
		LeaderElection: options.leaderElect, LeaderElectionID: "lyncops.dev", LeaderElectionNamespace: options.leaderElectIn, LeaderElectionReleaseOnCancel: true,
		Cache:      cache.Options{DefaultNamespaces: watched(options.namespaces), DefaultTransform: cache.TransformStripManagedFields()},
		Controller: config.Controller{ReconciliationTimeout: reconciliationTimeout},
		// A pass in the middle of a question is cut short at once; whoever is slower than that is ended by those who wait for it.
		GracefulShutdownTimeout: new(reconciliationTimeout),
	})
	if err != nil {
		return fmt.Errorf("starting the manager: %w", err)
	}
	servers := lync.NewServers(lync.Options{Module: powershell.Module(), ConnectTo: options.connectTo.Address, Log: ctrl.Log.WithName("servers")})
	if err := addControllers(manager, servers, slices.Sorted(maps.Keys(watched(options.namespaces)))); err != nil {
		return err
	}
	if err := errors.Join(manager.AddHealthzCheck("ping", healthz.Ping), manager.AddReadyzCheck("ping", healthz.Ping)); err != nil {
		return fmt.Errorf("adding probes: %w", err)
	}
	err = manager.Start(ctx)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if unsaid := servers.Close(closing); unsaid != nil {
		// No failure of this program: a server ends what is left of a session by itself.
		ctrl.Log.Info("some sessions were left without a goodbye", "reason", unsaid.Error(), "within", closeTimeout.String())
	}
	if err != nil {
		return fmt.Errorf("running the controllers: %w", err)
	}
	return nil
}

const (
	// reconciliationTimeout bounds one pass over one object: a few questions of at most a minute each.
	reconciliationTimeout = 3 * time.Minute
	// closeTimeout is how long open sessions may take to be closed at the end.
	closeTimeout = 10 * time.Second
)

func addControllers(manager ctrl.Manager, servers controllers.Servers, namespaces []string) error {
	recorder, memory, untold := manager.GetEventRecorder("lyncops"), credentials.NewMemory(), controllers.NewUntold()
	live := controllers.Within(manager.GetAPIReader(), namespaces...)
	shared := func() (c controllers.Shared) {
		return controllers.Shared{Client: manager.GetClient(), Live: live, Servers: servers, Recorder: recorder, Memory: memory, Untold: untold, Clock: clock.RealClock{}}
	}
	return errors.Join(
		(&controllers.LyncPoolReconciler{Shared: shared()}).SetupWithManager(manager),
		(&controllers.UpgradeDomainReconciler{Shared: shared()}).SetupWithManager(manager),
		(&controllers.BackEndServerReconciler{Shared: shared()}).SetupWithManager(manager),
	)
}

func watched(namespaces string) map[string]cache.Config {
	if namespaces == "" {
		return nil
	}
	watched := map[string]cache.Config{}
	for name := range strings.SplitSeq(namespaces, ",") {
		// The empty name would be every namespace.
		if name = strings.TrimSpace(name); name != "" {
			watched[name] = cache.Config{}
		}
	}
	return watched
}
