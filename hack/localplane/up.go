package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const (
	etcdStartTimeout      = 30 * time.Second
	apiServerStartTimeout = 2 * time.Minute
	readinessPoll         = 50 * time.Millisecond
)

// up runs the control plane until SIGINT, SIGTERM, or until one of its parts
// fails. It tells on out when each part is ready; the parts' own logs go to
// localplane.log in the state folder.
func up(ctx context.Context, o options, out io.Writer) error {
	began := time.Now()
	if err := os.MkdirAll(o.directory, 0o700); err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(o.directory, "localplane.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	os.Stderr = logFile // the embedded programs offer no other way to direct their logs

	if o.port == 0 {
		if o.port, err = freePort(ctx); err != nil {
			return err
		}
	}
	credentials, err := loadCredentials(o.directory)
	if err != nil {
		return err
	}

	etcd, err := startEtcd(ctx, filepath.Join(o.directory, "etcd"))
	if err != nil {
		return fmt.Errorf("etcd: %w (see %s)", err, logFile.Name())
	}
	defer etcd.Close()
	fmt.Fprintf(out, "etcd is ready after %s\n", time.Since(began).Round(time.Millisecond))

	command := apiserver.NewAPIServerCommand()
	// Building the command installed the signal handler of the process; a
	// second handler would panic, so this context is shared by everything.
	ctx = command.Context() //nolint:contextcheck // up is given no context that could end
	endpoint := fmt.Sprintf("https://127.0.0.1:%d", o.port)
	command.SetArgs(apiServerArguments(o, credentials, endpoint, etcdEndpoint(etcd)))
	stopped := make(chan error, 1)
	go func() { stopped <- command.ExecuteContext(ctx) }()

	config := &rest.Config{
		Host:        endpoint,
		BearerToken: credentials.token,
		QPS:         200,
		Burst:       400,
		TLSClientConfig: rest.TLSClientConfig{
			CAFile: filepath.Join(o.directory, "certs", "apiserver.crt"),
		},
	}
	if err := awaitReady(ctx, config, stopped); err != nil {
		return fmt.Errorf("kube-apiserver: %w (see %s)", err, logFile.Name())
	}
	if err := writeKubeconfig(o.kubeconfig, config); err != nil {
		return err
	}
	fmt.Fprintf(out, "kube-apiserver is ready at %s after %s\n", endpoint, time.Since(began).Round(time.Millisecond))

	if o.controllers {
		if err := startControllers(ctx, config); err != nil {
			return fmt.Errorf("controllers: %w", err)
		}
		fmt.Fprintf(out, "controllers started after %s\n", time.Since(began).Round(time.Millisecond))
	}
	fmt.Fprintf(out, "export KUBECONFIG=%s\n", o.kubeconfig)

	select {
	case err := <-stopped:
		return err
	case err := <-etcd.Err():
		return fmt.Errorf("etcd stopped: %w (see %s)", err, logFile.Name())
	}
}

func apiServerArguments(o options, c credentials, endpoint, etcdEndpoint string) []string {
	return []string{
		"--etcd-servers=" + etcdEndpoint,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", o.port),
		"--cert-dir=" + filepath.Join(o.directory, "certs"),
		"--token-auth-file=" + c.tokenFile,
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--service-account-issuer=" + endpoint,
		"--service-account-key-file=" + c.signingKeyFile,
		"--service-account-signing-key-file=" + c.signingKeyFile,
		// The "kubernetes" service would need an address other than loopback.
		"--endpoint-reconciler-type=none",
		fmt.Sprintf("--v=%d", o.verbosity),
	}
}

// awaitReady returns once the API server answers /readyz. The client cannot be
// built before the server has written its certificate, so both are retried.
func awaitReady(ctx context.Context, config *rest.Config, stopped <-chan error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, apiServerStartTimeout,
		fmt.Errorf("not ready after %s", apiServerStartTimeout))
	defer cancel()
	poll := time.NewTicker(readinessPoll)
	defer poll.Stop()
	for {
		if client, err := kubernetes.NewForConfig(config); err == nil {
			if _, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err == nil {
				return nil
			}
		}
		select {
		case err := <-stopped:
			if err == nil {
				err = errors.New("stopped before it was ready")
			}
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
		}
	}
}

// freePort returns a port of 127.0.0.1 nobody listened on a moment ago.
func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	address, isTCP := listener.Addr().(*net.TCPAddr)
	if !isTCP {
		return 0, fmt.Errorf("listening on %s, which has no port", listener.Addr())
	}
	return address.Port, nil
}
