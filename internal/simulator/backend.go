package simulator

import (
	"context"
	"io"
	"strings"
	"sync"

	"lyncops.dev/operator/internal/simulator/cmdlets"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/wsman"
)

// backend shows the deployment's hosts to the wire.
type backend struct {
	model *deployment.Model
	hosts map[string]*endpointHost

	mu sync.Mutex
	// resolved keeps a pool's name on one front end while that serves: a resolver's cache, without which the requests of one
	// shell would go to different servers.
	resolved map[string]*deployment.Host
}

func newBackend(model *deployment.Model, executor Executor) *backend {
	b := &backend{model: model, hosts: map[string]*endpointHost{}, resolved: map[string]*deployment.Host{}}
	for _, h := range model.Hosts() {
		b.hosts[strings.ToLower(h.FQDN())] = &endpointHost{host: h, executor: executor}
	}
	return b
}

// Host finds a host by its own name, or by the name of a pool.
func (b *backend) Host(name string) (wsman.Host, bool) {
	h, ok := b.model.Host(name)
	if !ok {
		h, ok = b.resolve(strings.ToLower(name))
	}
	if !ok {
		return nil, false
	}
	return b.hosts[strings.ToLower(h.FQDN())], true
}

func (b *backend) resolve(pool string) (*deployment.Host, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.resolved[pool]; h != nil && h.State().Serves {
		return h, true
	}
	h, ok := b.model.ServingFrontEnd(pool)
	b.resolved[pool] = h
	return h, ok
}

// endpointHost is a host as the wire sees it.
type endpointHost struct {
	host     *deployment.Host
	executor Executor

	mu sync.Mutex
	// link lives as long as the host's session, or until a fault cuts it.
	session context.Context
	link    context.Context
	cutLink context.CancelFunc
}

// Name is the host's FQDN.
func (e *endpointHost) Name() string { return e.host.FQDN() }

// Down says whether nothing answers, and gives the channel that is closed when the present connections are lost.
func (e *endpointHost) Down() (bool, <-chan struct{}) {
	down, session := e.host.Session()
	down = down || e.host.TakeFault(deployment.FaultHostUnreachable, "")
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.link == nil || e.session != session || e.link.Err() != nil {
		e.session = session
		e.link, e.cutLink = context.WithCancel(session)
	}
	return down, e.link.Done()
}

// Password is the password of an account of the domain.
func (e *endpointHost) Password(user, domain string) (string, bool) {
	if e.host.TakeFault(deployment.FaultLoginRefused, "") {
		return "", false
	}
	return e.host.Model().Password(user, domain)
}

// Execute judges a command line and has it run.
func (e *endpointHost) Execute(ctx context.Context, command wsman.Command) int {
	texts := cmdlets.Texts(command.Line)
	lost := e.host.TakeFault(deployment.FaultLinkLost, strings.Join(texts, "\n"))
	if lost {
		// What the command does is done, and nobody hears of it.
		command.Stdout, command.Stderr = io.Discard, io.Discard
	}
	e.host.JudgeCommand(command.User, texts...)
	ctx, release := e.host.Bind(ctx)
	defer release()
	exit := e.executor.Execute(ctx, e.host, command)
	if lost {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.cutLink()
	}
	return exit
}
