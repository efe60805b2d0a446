//go:build windows

package main

import (
	"context"
	"encoding/json"
	"time"

	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

const (
	lookEvery = 250 * time.Millisecond
	sayWithin = 5 * time.Second
)

// observation is package deployment's Observation.
type observation struct {
	Services      []observedService `json:"services"`
	Components    []component       `json:"components"`
	PendingReboot []string          `json:"pendingReboot"`
}

type observedService struct {
	Name      string `json:"name"`
	Status    string `json:"status"`
	StartType string `json:"startType"`
}

// agent is the service that looks and says what has changed.
type agent struct{}

// Execute runs until the service manager stops the service.
func (agent) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	looking := time.NewTicker(lookEvery)
	defer looking.Stop()
	var here machine
	var manager *mgr.Mgr
	said := ""
	for {
		select {
		case request := <-requests:
			if request.Cmd == svc.Interrogate {
				status <- request.CurrentStatus
				continue
			}
			return false, 0
		case <-looking.C:
		}
		var err error
		if manager == nil {
			if manager, err = mgr.Connect(); err != nil {
				manager = nil
				continue
			}
		}
		if here.Address == "" {
			if here, err = readMachine(); err != nil {
				continue
			}
			here.join()
		}
		text, err := json.Marshal(here.look(manager))
		if err != nil || string(text) == said {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), sayWithin)
		if _, err := here.call(ctx, "LyncSim-Observe", map[string]any{"state": string(text)}); err == nil {
			said = string(text)
		}
		cancel()
	}
}

// join gives the computer its domain's name, which Wine forgets at every start.
func (m machine) join() {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`, registry.SET_VALUE)
	if err != nil {
		return
	}
	defer key.Close()
	_ = key.SetStringValue("Domain", m.Domain) // a machine without a domain works too
}

func (m machine) look(manager *mgr.Mgr) observation {
	seen := observation{Components: componentsOf(m.Product), PendingReboot: pendingReboot()}
	for _, name := range m.Services {
		if s, ok := lookAtService(manager, name); ok {
			seen.Services = append(seen.Services, s)
		}
	}
	return seen
}

var (
	statusNames = map[svc.State]string{svc.Stopped: "Stopped", svc.StartPending: "StartPending", svc.StopPending: "StopPending", svc.Running: "Running",
		svc.ContinuePending: "ContinuePending", svc.PausePending: "PausePending", svc.Paused: "Paused"}
	startTypes = map[uint64]string{2: "Automatic", 3: "Manual", 4: "Disabled"}
)

func lookAtService(manager *mgr.Mgr, name string) (observedService, bool) {
	opened, err := manager.OpenService(name)
	if err != nil {
		return observedService{}, false
	}
	defer opened.Close()
	now, err := opened.Query()
	if err != nil {
		return observedService{}, false
	}
	seen := observedService{Name: name, Status: statusNames[now.State]}
	if key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\`+name, registry.QUERY_VALUE); err == nil {
		defer key.Close()
		if start, _, err := key.GetIntegerValue("Start"); err == nil {
			seen.StartType = startTypes[start]
		}
	}
	return seen, true
}
