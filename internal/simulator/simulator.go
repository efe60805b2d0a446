package simulator

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/wsman"
)

// Config says what to simulate, and where it can be reached.
type Config struct {
	// Deployment comes from deployment.ParseYAML.
	Deployment deployment.Deployment
	// Listen is the address of the WinRM endpoint. Default: 127.0.0.1:0, any free port.
	Listen string
	// Plain serves HTTP instead of HTTPS. Messages must then be sealed, as on Windows.
	Plain bool
	// ControlListen is the loopback address of the control interface. Empty means that there is none.
	ControlListen string
	// TimeScale divides every duration of the deployment; 0 means 1.
	TimeScale float64
	// StateDir gets ca.crt, the certificate that clients have to trust. Empty means that no file is written.
	StateDir string
	// WSMan changes the endpoint's quotas and its demand for channel binding. Basic (over HTTPS) and NTLM are always offered.
	WSMan wsman.Options
	// Disks is a folder that gets the hosts' files, for an executor of real processes. Empty means that they are in memory.
	Disks string
	// Log is for what happens on the wire.
	Log logr.Logger
	// NewExecutor makes what runs the command lines that reach the hosts. Default: the built-in interpreter.
	NewExecutor func(model *deployment.Model) (Executor, error)
}

// Simulator is a running endpoint.
type Simulator struct {
	model    *deployment.Model
	executor Executor
	wire     *wsman.Server
	servers  []*http.Server
	endpoint net.Listener
	control  net.Listener
	caPEM    []byte
	serving  sync.WaitGroup
	detach   func() bool
	closing  sync.Once
}

// Start builds the deployment and serves it until Close is called or the context ends. Errors name the field that is wrong or
// the address that cannot be had.
func Start(ctx context.Context, config Config) (*Simulator, error) {
	if config.ControlListen != "" && !isLoopback(config.ControlListen) {
		return nil, fmt.Errorf("simulator: control address %s: only a loopback address is allowed, the interface asks for no password", config.ControlListen)
	}
	model, err := deployment.New(config.Deployment, deployment.Options{TimeScale: config.TimeScale, Disks: config.Disks})
	if err != nil {
		return nil, err
	}
	s := &Simulator{model: model}
	if err := s.start(ctx, config); err != nil {
		s.Close()
		return nil, fmt.Errorf("simulator: %w", err)
	}
	s.detach = context.AfterFunc(ctx, s.Close)
	return s, nil
}

func (s *Simulator) start(ctx context.Context, config Config) error {
	var listening net.ListenConfig
	var err error
	s.executor = builtIn{}
	if config.NewExecutor != nil {
		if s.executor, err = config.NewExecutor(s.model); err != nil {
			return err
		}
	}
	if s.endpoint, err = listening.Listen(ctx, "tcp", cmp.Or(config.Listen, "127.0.0.1:0")); err != nil {
		return err
	}
	options := config.WSMan
	options.AllowBasic, options.AllowNTLM, options.Log = true, true, config.Log
	endpoint := s.endpoint
	if !config.Plain {
		certificate, err := s.certify(config.StateDir)
		if err != nil {
			return err
		}
		options.ServerCertificate = certificate.Leaf
		endpoint = tls.NewListener(endpoint, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	}
	s.wire = wsman.NewHandler(newBackend(s.model, s.executor), options)
	s.serve(s.wire.HTTPServer(), endpoint)
	if config.ControlListen == "" {
		return nil
	}
	if s.control, err = listening.Listen(ctx, "tcp", config.ControlListen); err != nil {
		return err
	}
	s.serve(&http.Server{Handler: s.controlHandler(), ReadHeaderTimeout: 10 * time.Second}, s.control)
	return nil
}

// certify makes an authority and the endpoint's certificate, and leaves the authority where clients find it.
func (s *Simulator) certify(stateDir string) (tls.Certificate, error) {
	authority, err := newAuthority(time.Now())
	if err != nil {
		return tls.Certificate{}, err
	}
	certificate, err := authority.issue(certificateNames(s.model), time.Now())
	if err != nil {
		return tls.Certificate{}, err
	}
	s.caPEM = authority.pem()
	if certificate.Leaf, err = x509.ParseCertificate(certificate.Certificate[0]); err != nil || stateDir == "" {
		return certificate, err
	}
	return certificate, writeFile(stateDir, "ca.crt", s.caPEM)
}

func (s *Simulator) serve(server *http.Server, listener net.Listener) {
	s.servers = append(s.servers, server)
	s.serving.Go(func() {
		// After Close there is nobody to tell; before it, a listener of this process does not fail.
		_ = server.Serve(listener)
	})
}

// Close takes everything off the wire, ends what runs on the hosts and waits for it. It may be called more than once.
func (s *Simulator) Close() {
	s.closing.Do(func() {
		if s.detach != nil {
			s.detach()
		}
		for _, server := range s.servers {
			_ = server.Close()
		}
		for _, listener := range []net.Listener{s.endpoint, s.control} {
			if listener != nil {
				_ = listener.Close()
			}
		}
		// Ending the model first ends the commands that the wire waits for.
		s.model.Close()
		if s.wire != nil {
			s.wire.Close()
		}
		if s.executor != nil {
			s.executor.Close()
		}
		s.serving.Wait()
	})
}

// Model is the deployment behind the endpoint.
func (s *Simulator) Model() *deployment.Model { return s.model }

// Address is where the WinRM endpoint listens, as host:port.
func (s *Simulator) Address() string { return s.endpoint.Addr().String() }

// ControlAddress is where the control interface listens, or empty.
func (s *Simulator) ControlAddress() string {
	if s.control == nil {
		return ""
	}
	return s.control.Addr().String()
}

// CertificateAuthority is the PEM certificate that clients have to trust; nil for a plain endpoint.
func (s *Simulator) CertificateAuthority() []byte { return s.caPEM }

// Counters tell what the endpoint was asked so far.
func (s *Simulator) Counters() wsman.Counters { return s.wire.Counters() }

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func writeFile(directory, name string, contents []byte) error {
	if err := os.MkdirAll(directory, 0o755); err != nil { //nolint:gosec // what clients need is for everybody to read
		return err
	}
	temporary, err := os.CreateTemp(directory, name+".*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(contents)
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), filepath.Join(directory, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}
