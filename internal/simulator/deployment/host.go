package deployment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

type power int

const (
	powerOn power = iota
	powerBooting
	powerOff
)

func (p power) String() string { return [...]string{"on", "booting", "off"}[p] }

// Host is a Windows server of the model.
type Host struct {
	model       *Model
	description HostDescription
	pool        *pool
	files       *Files
	mutex       sync.Mutex
	taskRuns    sync.Mutex

	// Guarded by the model's lock.
	machine       Machine // nil where Windows itself is modelled
	power         power
	goingDown     bool
	generation    int
	bootTime      time.Time
	session       context.Context
	endSession    context.CancelCauseFunc
	services      []*service
	components    []Component
	databases     []*database
	tasks         map[string]Task
	taskFolders   map[string]struct{}
	pendingReboot []string
	installing    *installation
	processes     map[int]Process
	out           *Caller
	// failedOver says that no failback has undone a failover; failingOver that one takes the host out at this moment.
	failedOver, failingOver bool
	outSince                time.Time
	steps                   standardSteps
}

// Caller says who does something, and with which words.
type Caller struct {
	User    string `json:"user"`
	Command string `json:"command"`
}

// ErrHostDown is why something on a host ended when the host went down.
var ErrHostDown = errors.New("the host went down")

func newHost(m *Model, d HostDescription, now time.Time) *Host {
	h := &Host{model: m, description: d, components: slices.Clone(d.Components), tasks: map[string]Task{}, taskFolders: map[string]struct{}{}, processes: map[int]Process{},
		bootTime: now.Add(-time.Hour).UTC().Truncate(time.Millisecond)}
	h.files = newFiles(m.diskOf(d.FQDN), func(path string, contents []byte) { h.checkFileForSecrets(path, contents) })
	for _, directory := range []string{`C:\Windows\System32`, `C:\Windows\Temp`, `C:\ProgramData`, `C:\Program Files`, `C:\Users\Administrator`} {
		_ = h.files.MkdirAll(directory)
	}
	h.session, h.endSession = context.WithCancelCause(m.context)
	for _, sd := range d.Services {
		h.services = append(h.services, newService(sd))
	}
	return h
}

// FQDN is the host's full name.
func (h *Host) FQDN() string { return h.description.FQDN }

// NetBIOS is the host's short name.
func (h *Host) NetBIOS() string { return h.description.NetBIOS }

// Model is the deployment the host belongs to.
func (h *Host) Model() *Model { return h.model }

// Files is the host's disk. It outlives a restart.
func (h *Host) Files() *Files { return h.files }

// Pool is the FQDN of the pool the host is a front end or spare of, or empty.
func (h *Host) Pool() string {
	if h.pool == nil {
		return ""
	}
	return h.pool.description.FQDN
}

// FreeDiskBytes is the free space of the system drive.
func (h *Host) FreeDiskBytes() int64 { return h.description.FreeDiskBytes }

// Down says whether nothing answers on the host. The channel is closed when the host goes down.
func (h *Host) Down() (bool, <-chan struct{}) {
	down, session := h.Session()
	return down, session.Done()
}

// Session says whether nothing answers on the host, and gives the context that ends when the host goes down.
func (h *Host) Session() (bool, context.Context) {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	return h.power != powerOn || h.description.WinRM == "closed", h.session
}

// BootTime is when the host started last, in UTC.
func (h *Host) BootTime() time.Time {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	return h.bootTime
}

// PendingReboot names what asks for a restart.
func (h *Host) PendingReboot() []string {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	return slices.Clone(h.pendingReboot)
}

// Components are the installed Lync components.
func (h *Host) Components() []Component {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	return slices.Clone(h.components)
}

// Bind gives a context that also ends when the host goes down; it has ended before anybody can see the host down.
func (h *Host) Bind(ctx context.Context) (context.Context, context.CancelFunc) {
	h.model.mu.Lock()
	session := h.session
	h.model.mu.Unlock()
	bound, cancel := context.WithCancelCause(session)
	if ctx.Err() != nil {
		cancel(context.Cause(ctx))
	}
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return bound, func() { stop(); cancel(nil) }
}

// Pause lets the modelled duration pass on the host.
func (h *Host) Pause(ctx context.Context, d time.Duration) error {
	ctx, cancel := h.Bind(ctx)
	defer cancel()
	timer := time.NewTimer(h.model.Scaled(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Cmdlet lets the time of a Lync cmdlet that only asks pass.
func (h *Host) Cmdlet(ctx context.Context) error {
	return h.Pause(ctx, time.Duration(h.description.Timing.Cmdlet))
}

// Restart orders a restart after the delay (a modelled duration) and returns at once.
func (h *Host) Restart(caller Caller, delay time.Duration) error {
	return h.shutdown(caller, delay, true)
}

// Shutdown orders the host to turn itself off after the delay.
func (h *Host) Shutdown(caller Caller, delay time.Duration) error {
	return h.shutdown(caller, delay, false)
}

// ErrShutdownInProgress is what a second order to restart gets.
var ErrShutdownInProgress = errors.New("A system shutdown is in progress.(1115)")

func (h *Host) shutdown(caller Caller, delay time.Duration, again bool) error {
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if h.power != powerOn {
		return ErrHostDown
	}
	if h.goingDown {
		return ErrShutdownInProgress
	}
	h.beginGoingDown(caller, again)
	h.after(delay+time.Duration(h.description.Timing.Shutdown), func() { h.goDown(caller, again) })
	m.notify()
	return nil
}

// beginGoingDown judges and records an order to restart or to turn off.
func (h *Host) beginGoingDown(caller Caller, again bool) {
	h.touch(caller)
	if h.isWorking() {
		h.takeOut(caller)
	}
	h.goingDown = true
	word := "restart"
	if !again {
		word = "shutdown"
	}
	h.event(caller, word+" ordered")
}

// Power is what somebody does to the machine from outside: "on", "off" (the plug is pulled) or "reboot" (a reset). It is not
// an administrator's command, so it is recorded and not judged.
func (h *Host) Power(action string) error {
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	caller := Caller{User: "(power)", Command: "power " + action}
	switch {
	case action == "on" && h.power == powerOff:
		h.boot(caller)
	case action == "off" && h.power != powerOff:
		h.goDown(caller, false)
	case action == "reboot" && h.power == powerOn:
		h.goDown(caller, true)
	case action == "on" || action == "off" || action == "reboot":
		return fmt.Errorf("power %s: %s is %s", action, h.FQDN(), h.power)
	default:
		return fmt.Errorf("power %q: the actions are on, off and reboot", action)
	}
	m.notify()
	return nil
}

func (h *Host) goDown(caller Caller, again bool) {
	if h.installing != nil {
		h.abortInstallation("the host went down")
	}
	h.generation++
	h.power, h.goingDown = powerOff, false
	clear(h.processes)
	h.endSession(ErrHostDown)
	for _, s := range h.services {
		s.reset()
	}
	h.event(caller, "is down")
	h.refresh()
	if h.machine != nil {
		h.machine.PowerOff()
	}
	if again {
		h.boot(caller)
	}
}

func (h *Host) boot(caller Caller) {
	h.power = powerBooting
	takes := time.Duration(h.description.Timing.Boot)
	if f := h.model.takeFault(FaultRebootTakes, nil, h.FQDN()); f != nil {
		takes = time.Duration(f.Duration)
	}
	if h.machine != nil {
		h.machine.PowerOn(h.model.scaled(takes))
		return
	}
	h.after(takes, func() {
		h.power = powerOn
		h.bootTime = time.Now().UTC().Truncate(time.Millisecond)
		h.pendingReboot = nil
		h.session, h.endSession = context.WithCancelCause(h.model.context)
		h.event(caller, "is up")
		for _, s := range h.services {
			if s.startType == Automatic {
				_ = h.beginStart(s)
			}
		}
		h.refresh()
	})
}

// isWorking says whether any Lync service does something that an order could end.
func (h *Host) isWorking() bool {
	return h.power == powerOn && slices.ContainsFunc(h.services, func(s *service) bool {
		return s.lync && s.status != Stopped && s.status != StopPending
	})
}

// inFabric says whether the host counts for the quorum of its pool.
func (h *Host) inFabric() bool {
	s := h.service("RTCSRV")
	return h.power == powerOn && s != nil && (s.status == Running || s.status == Paused)
}

// serves says whether the host takes new connections.
func (h *Host) serves() bool {
	name := "RTCSRV"
	if h.pool != nil {
		name = servingService(h.pool.description.Role)
	}
	s := h.service(name)
	return h.power == powerOn && s != nil && s.status == Running
}

// inService says whether everything runs that ran at the start, and nothing is being done to the host.
func (h *Host) inService() bool {
	return h.power == powerOn && !h.goingDown && h.installing == nil && !slices.ContainsFunc(h.services, func(s *service) bool {
		return s.lync && s.ranAtStart && s.status != Running
	})
}

func (h *Host) service(name string) *service {
	for _, s := range h.services {
		if sameName(s.name, name) {
			return s
		}
	}
	return nil
}

// coreVersion is the version that stands for the host's build.
func (h *Host) coreVersion() string {
	for _, c := range h.components {
		if strings.Contains(c.Name, "Core Components") {
			return c.Version
		}
	}
	if len(h.components) > 0 {
		return h.components[0].Version
	}
	return ""
}

// refresh draws the conclusions of a change of the host's services or power for its pool.
func (h *Host) refresh() {
	p := h.member()
	if p != nil {
		p.notice(h)
	}
	if h.out != nil && h.inService() {
		by := *h.out
		h.out = nil
		h.steps.backInService()
		h.event(by, "is in service again")
		if p != nil {
			p.closeDomainWhenDone()
		}
	}
}
