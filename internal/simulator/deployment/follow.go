package deployment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Machine is a computer that stands behind a host of the model. Its services, its installed components and its power are real: the
// model orders nothing there but power, judges what is ordered, and follows what the machine says it did. The methods are
// called with the model's lock held, so they begin and do not wait.
type Machine interface {
	// PowerOff ends everything that runs on the machine, at once.
	PowerOff()
	// PowerOn lets the time pass and starts the machine, which says Host.CameUp when Windows runs.
	PowerOn(after time.Duration)
}

// Observation is what a machine says about itself.
type Observation struct {
	Services      []ObservedService `json:"services"`
	Components    []Component       `json:"components"`
	PendingReboot []string          `json:"pendingReboot"`
}

// ObservedService is a service in the words of ServiceControllerStatus and ServiceStartMode.
type ObservedService struct {
	Name      string `json:"name"`
	Status    string `json:"status"`
	StartType string `json:"startType"`
}

// Follow puts a machine behind the host, which is off until the machine came up. From then on orders to services are judged and
// recorded, and carried out by whoever gave them.
func (h *Host) Follow(machine Machine) {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	h.machine = machine
	h.generation++
	h.endSession(ErrHostDown)
	h.power = powerOff
	for _, s := range h.services {
		s.reset()
	}
	h.refresh()
	h.model.notify()
}

// CameUp says that Windows runs on the machine behind the host since the given time. Its services are unknown until they are observed.
func (h *Host) CameUp(at time.Time) {
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if h.power == powerOn || m.closed {
		return
	}
	h.power = powerOn
	h.bootTime = at.UTC().Truncate(time.Millisecond)
	h.session, h.endSession = context.WithCancelCause(m.context)
	h.event(Caller{User: "(machine)"}, "is up")
	h.refresh()
	m.notify()
}

// WentDown says that the machine behind the host ends, as somebody on it had ordered; with again it starts once more.
func (h *Host) WentDown(again bool) {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	if h.power != powerOn {
		return
	}
	h.goDown(Caller{User: "(machine)"}, again)
	h.model.notify()
}

// OrderedDown judges and records that somebody on the machine has ordered it to restart or (not again) to turn itself off.
func (h *Host) OrderedDown(caller Caller, again bool) {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	if h.power != powerOn || h.goingDown {
		return
	}
	h.beginGoingDown(caller, again)
	h.model.notify()
}

// Observe takes over what the machine behind the host says. It is refused, with ErrHostDown, while the host is not up. A Lync service
// that ends without an order that was judged is judged as an order of the service manager.
func (h *Host) Observe(seen Observation) error {
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if h.power != powerOn {
		return ErrHostDown
	}
	for i, c := range h.components {
		if at := slices.IndexFunc(seen.Components, func(o Component) bool { return sameName(o.Name, c.Name) }); at >= 0 {
			h.components[i].Version = seen.Components[at].Version
		}
	}
	h.pendingReboot = slices.Clone(seen.PendingReboot)
	for _, o := range seen.Services {
		if s := h.service(o.Name); s != nil {
			h.observeService(s, o)
		}
	}
	m.notify()
	return nil
}

func (h *Host) observeService(s *service, seen ObservedService) {
	caller := Caller{User: "(service manager)"}
	if seen.StartType != "" && s.startType != seen.StartType {
		h.event(caller, fmt.Sprintf("start type of %s: %s -> %s", s.name, s.startType, seen.StartType))
		s.startType = seen.StartType
	}
	status := Status(slices.Index(statusNames[:], seen.Status))
	if status < Stopped || s.status == status {
		return
	}
	ends := s.status == Running && status != StartPending && status != ContinuePending
	if ends && s.lync && h.out == nil && !h.goingDown {
		h.touch(caller)
		h.takeOut(caller)
		h.event(caller, "stops "+s.name+" at once")
	}
	was := h.isWorking()
	h.to(s, status, 0, nil)
	if was && !h.isWorking() && !slices.ContainsFunc(h.services, func(x *service) bool { return x.lync && x.status != Stopped }) {
		h.event(caller, "every Lync service is stopped")
	}
}

// InstallPackage is RunInstaller for the package with this SHA-256, which is said to run from a path of the machine.
func (h *Host) InstallPackage(ctx context.Context, caller Caller, digest string, arguments []string) (int, error) {
	for _, p := range h.model.packages {
		if strings.EqualFold(p.sha256, digest) {
			return h.install(ctx, caller, p, arguments)
		}
	}
	return ExitNotAnApplication, fmt.Errorf("the file with the SHA-256 %s: %w", digest, ErrNotAProgram)
}
