package deployment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FailOverRequest is what Invoke-CsComputerFailOver takes. Times are those of the server's clock, which no time scale changes.
type FailOverRequest struct {
	WaitTime time.Duration
	// DrainingTimeout after which sessions are cut; 0 is never.
	DrainingTimeout time.Duration
	NoStop          bool
	// As is the account the work is done under.
	As string
}

// Words of the two cmdlets when they refuse.
var (
	ErrNoComputerFailOver = errors.New("The computer is not a Front End Server in a pool of three or more.")
	ErrFailOverDenied     = errors.New("Access is denied. The account must be an administrator on every computer of the pool.")
	ErrWaitTimeExceeded   = errors.New("The operation did not complete within the wait time, and nothing was changed.")
)

// enter begins a Lync cmdlet that changes something: it takes its time, is bound to the host's session, and holds the lock until leave is
// called.
func (h *Host) enter(ctx context.Context) (bound context.Context, leave func(), err error) {
	if err := h.lyncCmdlet(ctx); err != nil {
		return nil, nil, err
	}
	bound, cancel := h.Bind(ctx)
	h.model.mu.Lock()
	leave = func() {
		h.model.mu.Unlock()
		cancel()
	}
	if err := h.mayBegin(bound); err != nil {
		leave()
		return nil, nil, err
	}
	return bound, leave, nil
}

// enterMove is enter for the two cmdlets that move the users of a front end, which only some have, and which need an account.
func (h *Host) enterMove(ctx context.Context, as string) (bound context.Context, leave func(), err error) {
	bound, leave, err = h.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case h.pool == nil || !h.pool.failsOver():
		err = ErrNoComputerFailOver
	case sameName(as, "LocalSystem"):
		err = ErrFailOverDenied
	default:
		return bound, leave, nil
	}
	leave()
	return nil, nil, err
}

// FailOver moves users away from a front end, lets sessions end, stops its services and disables them. A pool that cannot spare it
// within the wait time makes it do nothing.
func (h *Host) FailOver(ctx context.Context, caller Caller, request FailOverRequest) error {
	ctx, leave, err := h.enterMove(ctx, request.As)
	if err != nil {
		return err
	}
	defer leave()
	m := h.model
	refused := m.takeFault(FaultFailOverRefused, nil, h.FQDN(), h.Pool()) != nil
	if err := h.spared(ctx, request.WaitTime, refused); err != nil {
		return err
	}
	h.touch(caller)
	h.failingOver = true
	h.takeOut(caller)
	h.failingOver = false
	h.failedOver = true
	h.event(caller, "is failed over: users and data are moved away")
	if request.NoStop {
		return nil
	}
	var chosen []*service
	for _, s := range h.services {
		if s.lync {
			chosen = append(chosen, s)
			h.beginStop(s, true)
		}
	}
	if request.DrainingTimeout > 0 {
		h.afterWall(request.DrainingTimeout, func() {
			for _, s := range chosen {
				h.beginStop(s, false)
			}
		})
	}
	m.notify()
	if err := h.wait(ctx, func() bool {
		return !slices.ContainsFunc(chosen, func(s *service) bool { return s.status != Stopped })
	}); err != nil {
		return err
	}
	var names []string
	for _, s := range chosen {
		s.startTypeBeforeFailOver, s.startType = s.startType, Disabled
		names = append(names, s.name)
	}
	h.event(caller, "disables "+strings.Join(names, ", "))
	m.notify()
	return nil
}

// spared waits until the pool can spare the front end.
func (h *Host) spared(ctx context.Context, limit time.Duration, refused bool) error {
	m, p := h.model, h.pool
	late := false
	h.afterWall(limit, func() { late = true })
	err := h.wait(ctx, func() bool {
		left := time.Until(p.settledAt)
		if left > 0 && !late {
			// Settling ends without a change that anybody would notice.
			h.afterWall(left, func() {})
		}
		without := p.vector(func(x *Host) bool { return x != h && x.serves() })
		return late || !refused && functional(without) && left <= 0
	})
	if err != nil {
		return err
	}
	if late {
		m.notify()
		return ErrWaitTimeExceeded
	}
	return nil
}

// FailBackRequest is what Invoke-CsComputerFailBack takes.
type FailBackRequest struct {
	WaitTime time.Duration
	NoStart  bool
	As       string
}

// FailBack enables and starts the services that a failover has stopped, and takes users back. What it cannot do within the wait time it
// does not do at all.
func (h *Host) FailBack(ctx context.Context, caller Caller, request FailBackRequest) error {
	ctx, leave, err := h.enterMove(ctx, request.As)
	if err != nil {
		return err
	}
	defer leave()
	m := h.model
	if m.takeFault(FaultFailBackFails, nil, h.FQDN(), h.Pool()) != nil {
		return ErrWaitTimeExceeded
	}
	h.judgeStart(caller, "")
	var chosen []*service
	for _, s := range h.services {
		if s.startTypeBeforeFailOver != "" {
			s.startType, s.startTypeBeforeFailOver = s.startTypeBeforeFailOver, ""
		}
		if s.lync && s.startType == Automatic {
			chosen = append(chosen, s)
		}
	}
	h.event(caller, "is failed back: services are enabled and started")
	if request.NoStart {
		h.failedOver = false
		return nil
	}
	for _, s := range chosen {
		if err := h.beginStart(s); err != nil {
			return err
		}
	}
	m.notify()
	late := false
	h.afterWall(request.WaitTime, func() { late = true })
	err = h.wait(ctx, func() bool {
		return late || !slices.ContainsFunc(chosen, func(s *service) bool { return s.status == StartPending })
	})
	if err != nil {
		return err
	}
	for _, s := range chosen {
		if s.status != Running {
			return fmt.Errorf("Failed to start service %s.", s.name)
		}
	}
	h.failedOver = false
	h.event(caller, "has its users back")
	h.refresh()
	return nil
}

// PatchVersions are what Get-CsServerPatchVersion answers, which only Skype for Business Server has.
func (h *Host) PatchVersions(ctx context.Context) ([]Component, error) {
	if err := h.lyncCmdlet(ctx); err != nil {
		return nil, err
	}
	return h.Components(), nil
}
