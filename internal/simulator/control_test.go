package simulator_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"lyncops.dev/operator/internal/simulator"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/wsman"
)

func TestTheControlInterface(t *testing.T) {
	s := start(t, 600)
	s.shell(t, "fe01.contoso.com", "net stop RTCATS")

	var state deployment.State
	s.control(t, http.MethodGet, "/state", "", http.StatusOK, &state)
	if len(state.Hosts) != 8 || len(state.Pools) != 2 || state.Pools[0].OpenDomain != "UpgradeDomain1" {
		t.Errorf("%d hosts, pools %+v", len(state.Hosts), state.Pools)
	}
	var host struct {
		FQDN     string
		Services []struct{ Name, Status string }
		Tasks    []deployment.Task
		Files    []string
	}
	s.control(t, http.MethodGet, "/hosts/FE01.contoso.com", "", http.StatusOK, &host)
	stopped := 0
	for _, service := range host.Services {
		if service.Status == "Stopped" {
			stopped++
		}
	}
	if host.FQDN != "fe01.contoso.com" || stopped != 1 || host.Tasks == nil || host.Files == nil {
		t.Errorf("host %+v", host)
	}
	var record struct{ Events []deployment.Event }
	s.control(t, http.MethodGet, "/record", "", http.StatusOK, &record)
	if len(record.Events) != 1 || record.Events[0].Command != "net stop RTCATS" {
		t.Errorf("record %+v", record)
	}
	s.control(t, http.MethodGet, "/record?after=1", "", http.StatusOK, &record)
	if len(record.Events) != 0 {
		t.Errorf("after the last event: %+v", record)
	}
	var broken struct{ Violations []deployment.Violation }
	s.control(t, http.MethodGet, "/violations", "", http.StatusOK, &broken)
	if len(broken.Violations) != 1 || broken.Violations[0].Rule != deployment.RuleDomainGate {
		t.Errorf("violations %+v", broken)
	}
	s.control(t, http.MethodPost, "/at-rest", "", http.StatusOK, &broken)
	if len(broken.Violations) != 1 || broken.Violations[0].Rule != deployment.RuleNotAtRest {
		t.Errorf("at rest %+v", broken)
	}
	var counters wsman.Counters
	s.control(t, http.MethodGet, "/counters", "", http.StatusOK, &counters)
	if counters.Hosts["fe01.contoso.com"].SOAPMessages == 0 {
		t.Errorf("counters %+v", counters)
	}
	var added deployment.Fault
	s.control(t, http.MethodPost, "/faults", `{"kind":"rebootTakes","target":"fe02.contoso.com","duration":"20m","count":1}`, http.StatusCreated, &added)
	var faults struct{ Faults []deployment.Fault }
	s.control(t, http.MethodGet, "/faults", "", http.StatusOK, &faults)
	if len(faults.Faults) != 1 || faults.Faults[0] != added {
		t.Errorf("faults %+v, added %+v", faults, added)
	}
	s.control(t, http.MethodDelete, "/faults/"+added.ID, "", http.StatusNoContent, nil)
	s.control(t, http.MethodPost, "/acknowledge", `{}`, http.StatusNoContent, nil)

	s.control(t, http.MethodPut, "/pools/pool01.contoso.com/topology", `{"upgradeDomains":[{"name":"UpgradeDomain1","frontEnds":["fe02.contoso.com","fe01.contoso.com"]},{"name":"UpgradeDomain2","frontEnds":["fe03.contoso.com"]}]}`,
		http.StatusNoContent, nil)
	if pool, _ := s.Model().PoolDescription("pool01.contoso.com"); strings.Join(pool.FrontEnds, " ") != "fe02.contoso.com fe01.contoso.com fe03.contoso.com" {
		t.Errorf("the topology has %v", pool.FrontEnds)
	}

	for _, bad := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodGet, "/hosts/nosuch", "", http.StatusNotFound},
		{http.MethodDelete, "/faults/nosuch", "", http.StatusNotFound},
		{http.MethodPost, "/faults", `{"kind":"earthquake"}`, http.StatusBadRequest},
		{http.MethodPost, "/faults", `{"kind":"poolBusy","colour":"blue"}`, http.StatusBadRequest},
		{http.MethodPost, "/faults", `{"kind":"rebootTakes"}`, http.StatusBadRequest},
		{http.MethodPost, "/faults", `{"kind":"rebootTakes","duration":20}`, http.StatusBadRequest},
		{http.MethodPost, "/hosts/fe01.contoso.com/power", `{"action":"explode"}`, http.StatusBadRequest},
		{http.MethodPost, "/hosts/fe01.contoso.com/power", `{"action":"on"}`, http.StatusBadRequest},
		{http.MethodPut, "/pools/nosuch/topology", `{"upgradeDomains":[]}`, http.StatusBadRequest},
		{http.MethodPut, "/pools/pool01.contoso.com/topology", `{"upgradeDomains":[{"name":"A","frontEnds":["se01.contoso.com"]}]}`, http.StatusBadRequest},
		{http.MethodGet, "/record?after=x", "", http.StatusBadRequest},
	} {
		var problem struct{ Error string }
		s.control(t, bad.method, bad.path, bad.body, bad.status, &problem)
		if problem.Error == "" {
			t.Errorf("%s %s: no reason given", bad.method, bad.path)
		}
	}
}

func TestTheControlInterfaceStaysOnThisMachine(t *testing.T) {
	for _, address := range []string{":5990", "0.0.0.0:5990", "192.0.2.1:5990"} {
		if _, err := simulator.Start(context.Background(), simulator.Config{ControlListen: address}); err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
