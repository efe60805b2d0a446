package deployment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status is the state of a service in the words of .NET's ServiceControllerStatus.
type Status int

// The numbers are those of ServiceControllerStatus.
const (
	Stopped Status = iota + 1
	StartPending
	StopPending
	Running
	ContinuePending
	PausePending
	Paused
)

var statusNames = [...]string{"", "Stopped", "StartPending", "StopPending", "Running", "ContinuePending", "PausePending", "Paused"}

// String is the name of the status.
func (s Status) String() string { return statusNames[s] }

type service struct {
	name, displayName string
	startType         string
	startTypeAtStart  string
	// startTypeBeforeFailOver is set while a failover has disabled the service.
	startTypeBeforeFailOver string
	ranAtStart              bool
	lync                    bool
	dependsOn               []string
	drain, stop, start      time.Duration

	status Status
	// transition makes the timers of an older change of state void.
	transition int
	// waiting says that the service has started, and waits for enough front ends of its pool.
	waiting bool
	stuck   bool
	// startsAgain says that the service starts as soon as it has stopped.
	startsAgain bool
}

// ServiceState is what the service manager says about a service.
type ServiceState struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	Status      Status `json:"-"`
	StatusName  string `json:"status"`
	StartType   string `json:"startType"`
	// Lync says that Get-CsWindowsService lists it.
	Lync bool `json:"lync"`
}

func newService(d ServiceDescription) *service {
	s := &service{name: d.Name, displayName: d.DisplayName, startType: d.StartType, startTypeAtStart: d.StartType, lync: d.Lync,
		dependsOn: d.DependsOn, drain: time.Duration(d.Drain), stop: time.Duration(d.Stop), start: time.Duration(d.Start), status: Running}
	if d.Stopped {
		s.status = Stopped
	}
	s.ranAtStart = s.status == Running
	return s
}

func (s *service) reset() {
	s.status, s.waiting, s.stuck, s.startsAgain = Stopped, false, false, false
	s.transition++
}

func (s *service) state() ServiceState {
	return ServiceState{s.name, s.displayName, s.status, s.status.String(), s.startType, s.lync}
}

// Services lists all services of the host.
func (h *Host) Services() []ServiceState {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	list := make([]ServiceState, 0, len(h.services))
	for _, s := range h.services {
		list = append(list, s.state())
	}
	return list
}

// Service finds a service by its name or display name.
func (h *Host) Service(name string) (ServiceState, bool) {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	for _, s := range h.services {
		if sameName(s.name, name) || sameName(s.displayName, name) {
			return s.state(), true
		}
	}
	return ServiceState{}, false
}

// to changes the state of a service, and after a while does what follows unless something else happened to the service.
func (h *Host) to(s *service, status Status, d time.Duration, then func()) {
	s.status = status
	s.transition++
	s.waiting, s.stuck = false, false
	transition := s.transition
	if then != nil {
		h.after(d, func() {
			if s.transition == transition {
				then()
			}
		})
	}
	h.refresh()
}

func (h *Host) beginStop(s *service, graceful bool) {
	switch {
	case h.machine != nil:
		return
	case s.status == Stopped || s.status == StopPending || (graceful && s.status == Paused):
		return
	case graceful && s.drain > 0 && s.status == Running:
		h.to(s, Paused, 0, nil)
		if h.model.takeFault(FaultSlowDrain, func(f *Fault) bool {
			return sameName(s.name, f.Detail) || (f.Detail == "" && s.name == "RTCRGS")
		}, h.FQDN(), h.Pool()) != nil {
			s.stuck = true
			return
		}
		transition := s.transition
		h.after(s.drain, func() {
			if s.transition == transition {
				h.endDrain(s)
			}
		})
	default:
		h.endDrain(s)
	}
}

func (h *Host) endDrain(s *service) {
	h.to(s, StopPending, s.stop, func() {
		h.to(s, Stopped, 0, nil)
		// Windows Fabric is started and stopped by the front end service.
		if f := h.service("FabricHostSvc"); f != nil && s.name == "RTCSRV" {
			h.to(f, Stopped, 0, nil)
		}
		if s.lync && !h.isWorking() && h.power == powerOn && !slices.ContainsFunc(h.services, func(x *service) bool {
			return x.lync && x.status != Stopped
		}) {
			h.event(Caller{User: "(service manager)"}, "every Lync service is stopped")
		}
		if s.startsAgain {
			s.startsAgain = false
			// What cannot be started says so by not running.
			_ = h.beginStart(s)
		}
	})
}

func (h *Host) beginStart(s *service) error {
	if h.machine != nil {
		return nil
	}
	if s.startType == Disabled {
		return fmt.Errorf("Cannot start service %s on computer '%s': the service is disabled.", s.name, h.NetBIOS())
	}
	switch s.status {
	case Running, StartPending:
		return nil
	case StopPending:
		return fmt.Errorf("Cannot start service %s on computer '%s': it is stopping.", s.name, h.NetBIOS())
	}
	for _, name := range s.dependsOn {
		if other := h.service(name); other != nil {
			if err := h.beginStart(other); err != nil {
				return err
			}
		}
	}
	if f := h.service("FabricHostSvc"); f != nil && s.name == "RTCSRV" {
		h.to(f, Running, 0, nil)
	}
	h.to(s, StartPending, s.start, func() {
		if h.model.takeFault(FaultServiceWontStart, func(f *Fault) bool {
			return sameName(s.name, f.Detail) || (f.Detail == "" && s.name == "RTCSRV")
		}, h.FQDN(), h.Pool()) != nil {
			h.to(s, Stopped, 0, nil)
			h.event(Caller{User: "(service manager)"}, fmt.Sprintf("%s did not start", s.name))
			return
		}
		if broken := h.brokenDatabase(); broken != "" && s.name == "RTCSRV" {
			h.to(s, Stopped, 0, nil)
			h.event(Caller{User: "(service manager)"}, fmt.Sprintf("%s did not start: %s", s.name, broken))
			return
		}
		if s.name == "RTCSRV" && h.member() != nil && h.pool.enterprise() {
			s.waiting = true
			h.pool.admit()
			return
		}
		h.to(s, Running, 0, nil)
	})
	return nil
}

// StopRequest is what Stop-CsWindowsService takes.
type StopRequest struct {
	// Name is one service; empty means all Lync services.
	Name             string
	Graceful, NoWait bool
	LeaveWebServer   bool
}

// StopLyncServices stops Lync services and, unless told not to, waits for their end, however long they drain.
func (h *Host) StopLyncServices(ctx context.Context, caller Caller, request StopRequest) error {
	selected := func(s *service) bool { return s.lync && (!request.LeaveWebServer || s.name != "W3SVC") }
	if request.Name != "" {
		selected = func(s *service) bool { return s.lync && sameName(s.name, request.Name) }
	}
	how := "at once"
	if request.Graceful {
		how = "gracefully"
	}
	return h.stopServices(ctx, caller, selected, request.Name, request.Graceful, request.NoWait, how)
}

// StopService stops any one service, as the service manager does, and waits for its end.
func (h *Host) StopService(ctx context.Context, caller Caller, name string, noWait bool) error {
	return h.stopServices(ctx, caller, func(s *service) bool { return sameName(s.name, name) || sameName(s.displayName, name) }, name,
		false, noWait, "at once")
}

// mayBegin is an error when the host is down or the caller has gone. The lock is held.
func (h *Host) mayBegin(ctx context.Context) error {
	if h.power != powerOn {
		return ErrHostDown
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (h *Host) stopServices(ctx context.Context, caller Caller, selected func(*service) bool, name string, graceful, noWait bool, how string) error {
	ctx, cancel := h.Bind(ctx)
	defer cancel()
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := h.mayBegin(ctx); err != nil {
		return err
	}
	var chosen []*service
	for _, s := range h.services {
		if selected(s) {
			chosen = append(chosen, s)
			// A service takes along those that depend on it.
			for _, other := range h.services {
				if containsName(other.dependsOn, s.name) && !slices.Contains(chosen, other) {
					chosen = append(chosen, other)
				}
			}
		}
	}
	if name != "" && len(chosen) == 0 {
		return NoSuchServiceError{name}
	}
	var ending []string
	lync := false
	for _, s := range chosen {
		if s.status != Stopped && s.status != StopPending && !(graceful && s.status == Paused) {
			ending = append(ending, s.name)
			lync = lync || s.lync
		}
	}
	if lync {
		h.touch(caller)
		h.takeOut(caller)
	}
	h.steps.noteStop(name)
	if len(ending) > 0 {
		h.event(caller, fmt.Sprintf("stops %s %s", strings.Join(ending, ", "), how))
	}
	for _, s := range chosen {
		h.beginStop(s, graceful)
	}
	m.notify()
	if noWait || h.machine != nil {
		return nil
	}
	return h.wait(ctx, func() bool {
		return !slices.ContainsFunc(chosen, func(s *service) bool { return s.status != Stopped })
	})
}

// NoSuchServiceError says that a host has no service of that name.
type NoSuchServiceError struct{ Name string }

// Error is the service manager's sentence.
func (e NoSuchServiceError) Error() string {
	return fmt.Sprintf("Cannot find any service with service name '%s'.", e.Name)
}

// StartFailedError says which services did not start.
type StartFailedError struct{ Names []string }

// Error names the services.
func (e StartFailedError) Error() string {
	return "Failed to start service " + strings.Join(e.Names, ", ") + "."
}

// StartLyncServices starts all Lync services, or the named one, and waits until they run or have failed. Front ends wait for
// one another, so this may take until somebody starts the others.
func (h *Host) StartLyncServices(ctx context.Context, caller Caller, name string, noWait bool) error {
	return h.startServices(ctx, caller, func(s *service) bool { return s.lync && (name == "" || sameName(s.name, name)) }, name, noWait)
}

// StartService starts any one service and waits until it runs.
func (h *Host) StartService(ctx context.Context, caller Caller, name string, noWait bool) error {
	return h.startServices(ctx, caller, func(s *service) bool { return sameName(s.name, name) || sameName(s.displayName, name) }, name, noWait)
}

func (h *Host) startServices(ctx context.Context, caller Caller, selected func(*service) bool, name string, noWait bool) error {
	ctx, cancel := h.Bind(ctx)
	defer cancel()
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := h.mayBegin(ctx); err != nil {
		return err
	}
	var chosen []*service
	var starting []string
	var failed error
	for _, s := range h.services {
		if !selected(s) || (name == "" && s.startType == Disabled) {
			continue
		}
		chosen = append(chosen, s)
		if s.status != Running && s.status != StartPending {
			starting = append(starting, s.name)
		}
	}
	if name != "" && len(chosen) == 0 {
		return NoSuchServiceError{name}
	}
	if len(starting) > 0 {
		h.judgeStart(caller, name)
		h.event(caller, "starts "+strings.Join(starting, ", "))
	}
	for _, s := range chosen {
		if err := h.beginStart(s); err != nil {
			failed = err
		}
	}
	m.notify()
	if failed != nil || noWait || h.machine != nil {
		return failed
	}
	err := h.wait(ctx, func() bool {
		return !slices.ContainsFunc(chosen, func(s *service) bool { return s.status == StartPending })
	})
	if err != nil {
		return err
	}
	var dead []string
	for _, s := range chosen {
		if s.status != Running {
			dead = append(dead, s.name)
		}
	}
	if len(dead) > 0 {
		return StartFailedError{dead}
	}
	return nil
}

// SetStartType changes the start type of a service.
func (h *Host) SetStartType(caller Caller, name, startType string) error {
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	s := h.service(name)
	if s == nil {
		return NoSuchServiceError{name}
	}
	for _, known := range []string{Automatic, Manual, Disabled} {
		if sameName(known, startType) {
			if s.startType != known {
				h.event(caller, fmt.Sprintf("start type of %s: %s -> %s", s.name, s.startType, known))
				s.startType = known
				m.notify()
			}
			return nil
		}
	}
	return fmt.Errorf("start type %q is not Automatic, Manual or Disabled", startType)
}
