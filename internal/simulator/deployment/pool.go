package deployment

import (
	"strings"
	"time"
)

// notice compares which front ends serve with what the pool knew, and acts on a change.
func (p *pool) notice(h *Host) {
	was := p.visible[h]
	is := membership{serves: h.serves(), inFabric: h.inFabric()}
	if was == is {
		return
	}
	p.visible[h] = is
	p.serial++
	p.settledAt = time.Now().Add(h.model.scaled(time.Duration(h.model.description.Timing.Settling)))
	if !p.enterprise() {
		return
	}
	p.place()
	p.admit()
	p.checkQuorum()
}

// membership is what the pool notices of a front end.
type membership struct{ serves, inFabric bool }

// admit lets front ends that wait join: a functional pool takes each, a pool that is fully stopped needs enough at once.
func (p *pool) admit() {
	waits := func(h *Host) bool {
		s := h.service("RTCSRV")
		return h.power == powerOn && s != nil && s.waiting
	}
	if p.count(waits) == 0 {
		return
	}
	if !functional(p.vector((*Host).inFabric)) && !mayStart(p.vector(func(h *Host) bool { return h.inFabric() || waits(h) })) {
		return
	}
	for _, h := range p.members {
		if waits(h) {
			h.to(h.service("RTCSRV"), Running, 0, nil)
		}
	}
}

// checkQuorum makes the remaining front ends stop when the pool is no longer functional.
func (p *pool) checkQuorum() {
	lost := func() bool { return p.count((*Host).inFabric) > 0 && !functional(p.vector((*Host).inFabric)) }
	if p.losing || !lost() {
		return
	}
	p.losing = true
	first := p.members[0].model
	delay := first.scaled(time.Duration(first.description.Timing.QuorumLoss))
	time.AfterFunc(delay, func() {
		first.mu.Lock()
		defer first.mu.Unlock()
		p.losing = false
		if first.closed || !lost() {
			return
		}
		for _, h := range p.members {
			if !h.inFabric() {
				continue
			}
			h.event(Caller{User: "(Windows Fabric)"}, "stops its services: the pool has lost its quorum")
			for _, s := range h.services {
				if s.lync && (strings.HasPrefix(s.name, "RTC")) {
					h.beginStop(s, false)
				}
			}
		}
		first.notify()
	})
}
