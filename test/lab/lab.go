package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// readyTimeout is how long a program may take to be ready on a loaded machine, which may stand still for a minute.
	readyTimeout = 5 * time.Minute
	// readyPoll is the time between two looks at whether it is.
	readyPoll = 20 * time.Millisecond
)

// Options say what a lab is made of.
type Options struct {
	// Directory gets state, kubeconfigs and logs; required.
	Directory string
	// Deployment is the YAML file that describes the simulated servers; required.
	Deployment string
	// TimeScale is how many times faster than described the simulated servers are; 0 means 1.
	TimeScale float64
	// Engine is the PowerShell engine that runs the commands on the simulated servers; empty for the simulator's own interpreter.
	Engine string
	// Windows puts a Windows machine behind each simulated server that has Lync.
	Windows bool
	// Binaries are what Build returned.
	Binaries Binaries
	// ManagerArguments come after those that connect the operator to the lab.
	ManagerArguments []string
	// Progress is told what is being done, one line at a time; may be nil.
	Progress func(string)
}

// Lab is a control plane, simulated servers and the operator, each a process of its own on loopback. Close may come at any time; it
// waits for what is being started, and nothing can be started after it. Client, Kubeconfig and Kubectl must not be used while the
// control plane is being replaced.
type Lab struct {
	options   Options
	root      string
	plane     *controlPlane
	lyncsim   *process
	simulator *SimulatorClient
	winRM     string
	authority []byte
	detach    func() bool

	// mu is held while anything is started or ended.
	mu       sync.Mutex
	operator *process
	others   []*process
	closed   bool
}

// Start returns a lab with a control plane that has the CRDs and, in ConfigMap winrm-certificate-authority, the certificate
// authority of the simulated servers, which are ready too. The operator is not started yet. When the context ends, for instance
// because of Ctrl-C, the lab is closed.
func Start(ctx context.Context, options Options) (*Lab, error) {
	root, err := repositoryRoot()
	if err != nil {
		return nil, err
	}
	if options.Directory == "" || options.Deployment == "" {
		return nil, errors.New("lab: Directory and Deployment must be given")
	}
	if options.Directory, err = filepath.Abs(options.Directory); err != nil {
		return nil, err
	}
	if options.TimeScale == 0 {
		options.TimeScale = 1
	}
	if options.Progress == nil {
		options.Progress = func(string) {}
	}
	if err := os.MkdirAll(options.Directory, 0o700); err != nil {
		return nil, err
	}
	l := &Lab{options: options, root: root}
	if err := l.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: %w", err), l.Close())
	}
	l.detach = context.AfterFunc(ctx, func() { _ = l.Close() })
	return l, nil
}

func (l *Lab) start(ctx context.Context) error {
	l.options.Progress("starting the simulated servers")
	if err := l.startSimulator(ctx); err != nil {
		return err
	}
	return l.startControlPlane(ctx)
}

func (l *Lab) startControlPlane(ctx context.Context) error {
	l.options.Progress("starting the control plane")
	plane, err := startControlPlane(ctx, l.options, l.root)
	l.plane = plane
	if err != nil {
		return err
	}
	return l.publishAuthority(ctx)
}

// ReplaceControlPlane throws the control plane away with all its objects and starts an empty one, with CRDs and certificate
// authority. Every operator, which lives in the cluster, goes with it as in a crash. Client and Kubeconfig are those of the new
// control plane afterwards.
func (l *Lab) ReplaceControlPlane(ctx context.Context) error {
	return l.whileOpen(func() error {
		operators := l.others
		if l.operator != nil {
			operators = append(operators, l.operator)
		}
		l.operator, l.others = nil, nil
		for _, operator := range operators {
			if err := operator.kill(); err != nil {
				return err
			}
		}
		l.options.Progress("throwing the control plane away")
		if err := l.plane.stop(); err != nil {
			return err
		}
		l.plane = nil
		return l.startControlPlane(ctx)
	})
}

// whileOpen does something that Close has to wait for, unless the lab is closed already.
func (l *Lab) whileOpen(do func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	return do()
}

var (
	errClosed  = errors.New("the lab is closed")
	errRuns    = errors.New("the operator runs already")
	errRunsNot = errors.New("the operator does not run")
)

var readyLine = regexp.MustCompile(`lyncsim ready: WinRM on (\S+), control on (\S+),`)

func (l *Lab) startSimulator(ctx context.Context) error {
	log := filepath.Join(l.options.Directory, "lyncsim.log")
	arguments := []string{"serve", "--deployment", l.options.Deployment, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0",
		"--state-dir", l.options.Directory, "--time-scale", strconv.FormatFloat(l.options.TimeScale, 'g', -1, 64)}
	if l.options.Engine != "" {
		arguments = append(arguments, "--engine", l.options.Engine, "--engine-reuse")
	}
	if l.options.Windows {
		arguments = append(arguments, "--windows", "--engine-reuse")
		if l.options.Binaries.Machine != "" {
			arguments = append(arguments, "--windows-program", l.options.Binaries.Machine)
		}
	}
	lyncsim, err := startProcess("simulator", log, l.options.Binaries.Lyncsim, nil, arguments...)
	if err != nil {
		return err
	}
	l.lyncsim = lyncsim
	var found []string
	err = until(ctx, lyncsim, func() bool {
		text, err := os.ReadFile(log)
		if err == nil {
			found = readyLine.FindStringSubmatch(string(text))
		}
		return found != nil
	})
	if err != nil {
		return err
	}
	l.winRM, l.simulator = found[1], &SimulatorClient{base: "http://" + found[2]}
	l.authority, err = os.ReadFile(filepath.Join(l.options.Directory, "ca.crt"))
	return err
}

// until looks again and again until ready, the end of the context or the end of the process.
func until(ctx context.Context, p *process, ready func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("the %s was not ready within %s", p.name, readyTimeout))
	defer cancel()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for !ready() {
		select {
		case <-p.ended:
			return p.hasEnded()
		case <-ctx.Done():
			return fmt.Errorf("%w; the end of %s:\n%s", context.Cause(ctx), p.log, tail(p.log, tailLines))
		case <-poll.C:
		}
	}
	return nil
}

// StartOperator starts the manager with the rights that config/rbac gives it, and returns when it is ready.
func (l *Lab) StartOperator(ctx context.Context) error {
	return l.whileOpen(func() (err error) {
		if l.operator != nil {
			return errRuns
		}
		l.options.Progress("starting the operator")
		l.operator, err = l.startManager(ctx, "operator")
		return err
	})
}

// StartAnotherOperator starts one more manager beside those that run, which lives until the lab is closed or its control plane is
// replaced.
func (l *Lab) StartAnotherOperator(ctx context.Context) error {
	return l.whileOpen(func() error {
		l.options.Progress("starting another operator")
		operator, err := l.startManager(ctx, fmt.Sprintf("operator-%d", len(l.others)+2))
		if operator != nil {
			l.others = append(l.others, operator)
		}
		return err
	})
}

// startManager returns a manager that is ready. One that does not become ready is returned with the error, to be ended.
func (l *Lab) startManager(ctx context.Context, name string) (*process, error) {
	probe, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	arguments := []string{"--metrics-bind-address=0", "--health-probe-bind-address=" + probe,
		"--winrm-connect-to=*:5986=" + l.winRM, "--winrm-connect-to=*:5985=" + l.winRM}
	operator, err := startProcess(name, filepath.Join(l.options.Directory, name+".log"), l.options.Binaries.Manager,
		[]string{"KUBECONFIG=" + l.plane.operatorKubeconfig}, append(arguments, l.options.ManagerArguments...)...)
	if err != nil {
		return nil, err
	}
	return operator, until(ctx, operator, func() bool { return answers(ctx, "http://"+probe+"/readyz") })
}

func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// KillOperator ends the operator at once (SIGKILL). It is an error when it does not run, or had ended by itself before.
func (l *Lab) KillOperator() error { return l.endOperator((*process).kill) }

// StopOperator asks the operator to end and waits until it has. It is an error when it does not run, or had ended by itself before.
func (l *Lab) StopOperator() error { return l.endOperator((*process).stop) }

func (l *Lab) endOperator(end func(*process) error) error {
	return l.whileOpen(func() error {
		operator := l.operator
		l.operator = nil
		if operator == nil {
			return errRunsNot
		}
		return end(operator)
	})
}

// Client reads and writes objects as an administrator, past every cache. It asks again while the control plane does not answer.
func (l *Lab) Client() client.WithWatch { return l.plane.client }

// Kubeconfig is a file with the administrator's access to the control plane.
func (l *Lab) Kubeconfig() string { return l.plane.kubeconfig }

// WinRM is the address at which the simulated servers are reached.
func (l *Lab) WinRM() string { return l.winRM }

// CertificateAuthority is the PEM of the authority that issued the simulated servers' certificates.
func (l *Lab) CertificateAuthority() []byte { return l.authority }

// Simulator is the control interface of the simulated servers.
func (l *Lab) Simulator() *SimulatorClient { return l.simulator }

// Close ends everything. A program that had ended by itself before is an error. Closing again does nothing.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if l.detach != nil {
		l.detach()
	}
	var failures []error
	if l.operator != nil {
		failures = append(failures, l.operator.stop())
		l.operator = nil
	}
	for _, other := range l.others {
		failures = append(failures, other.stop())
	}
	if l.plane != nil {
		failures = append(failures, l.plane.stop())
	}
	if l.lyncsim != nil {
		failures = append(failures, l.lyncsim.stop())
	}
	return errors.Join(failures...)
}

// freeAddress returns a loopback address nobody listened on a moment ago.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
