package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"lyncops.dev/operator/internal/simulator/deployment"
)

// controlHandler answers the control interface. All bodies are JSON; an error is {"error":"..."} with status 400 or 404.
//
//	GET    /state                 deployment.State: {"time","pools":[..],"hosts":[..],"databases":[..]}
//	GET    /hosts/{fqdn}          deployment.HostState, with "tasks":[deployment.Task] and "files":["path"]
//	GET    /record?after=N        {"events":[deployment.Event]}, those after sequence number N
//	GET    /violations            {"violations":[deployment.Violation]}
//	GET    /counters              wsman.Counters: {"Hosts":{"fqdn":{..}}}
//	GET    /packages              {"packages":[deployment.PackageState]}: where each update package is, and its SHA-256
//	GET    /faults                {"faults":[deployment.Fault]}, those still to happen
//	POST   /faults                a deployment.Fault without id, such as {"kind":"poolBusy","target":"pool01.contoso.com","count":3};
//	                              answers 201 with the fault and its id
//	DELETE /faults/{id}           clears a fault; 204
//	POST   /hosts/{fqdn}/power    {"action":"reboot"}, "off" or "on", from outside and at once; 204
//	POST   /hosts/{fqdn}/build    {"build":"5.0.8308.420","rebuilt":true}: somebody has rebuilt the host, or patched it by hand; 204
//	PUT    /pools/{fqdn}/topology {"upgradeDomains":[{"name":"UpgradeDomain1","frontEnds":["fe01.contoso.com"]}]}: somebody has published
//	                              another topology, with these front ends in this order; 204
//	POST   /acknowledge           {"pool":"pool01.contoso.com"}, or {} for all: a failed installer no longer bars other servers; 204
//	POST   /at-rest               compares every host with its start: {"violations":[..]}, which are also recorded
func (s *Simulator) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.model.State()) })
	mux.HandleFunc("GET /hosts/{fqdn}", s.withHost(func(w http.ResponseWriter, _ *http.Request, h *deployment.Host) {
		writeJSON(w, http.StatusOK, struct {
			deployment.HostState
			Tasks []deployment.Task `json:"tasks"`
			Files []string          `json:"files"`
		}{h.State(), h.Tasks(), append([]string{}, h.Files().Paths()...)})
	}))
	mux.HandleFunc("GET /record", func(w http.ResponseWriter, r *http.Request) {
		after := 0
		if text := r.URL.Query().Get("after"); text != "" {
			number, err := strconv.Atoi(text)
			if err != nil {
				writeError(w, http.StatusBadRequest, fmt.Errorf("after: %q is not a sequence number", text))
				return
			}
			after = number
		}
		writeJSON(w, http.StatusOK, map[string]any{"events": append([]deployment.Event{}, s.model.Events(after)...)})
	})
	mux.HandleFunc("GET /violations", func(w http.ResponseWriter, _ *http.Request) { writeViolations(w, s.model.Violations()) })
	mux.HandleFunc("POST /at-rest", func(w http.ResponseWriter, _ *http.Request) { writeViolations(w, s.model.CheckAtRest()) })
	mux.HandleFunc("GET /counters", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Counters()) })
	mux.HandleFunc("GET /packages", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"packages": s.model.PackageStates()})
	})
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"faults": s.model.Faults()})
	})
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		var fault deployment.Fault
		if !readJSON(w, r, &fault) {
			return
		}
		added, err := s.model.AddFault(fault)
		if err != nil {
			writeError(w, http.StatusBadRequest, err)
			return
		}
		writeJSON(w, http.StatusCreated, added)
	})
	mux.HandleFunc("DELETE /faults/{id}", func(w http.ResponseWriter, r *http.Request) {
		if !s.model.RemoveFault(r.PathValue("id")) {
			writeError(w, http.StatusNotFound, fmt.Errorf("there is no fault %q", r.PathValue("id")))
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /hosts/{fqdn}/power", s.withHost(func(w http.ResponseWriter, r *http.Request, h *deployment.Host) {
		var body struct {
			Action string `json:"action"`
		}
		if !readJSON(w, r, &body) {
			return
		}
		if err := h.Power(body.Action); err != nil {
			writeError(w, http.StatusBadRequest, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("POST /hosts/{fqdn}/build", s.withHost(func(w http.ResponseWriter, r *http.Request, h *deployment.Host) {
		var body struct {
			Build   string `json:"build"`
			Rebuilt bool   `json:"rebuilt"`
		}
		if !readJSON(w, r, &body) {
			return
		}
		if err := h.SetBuild(body.Build, body.Rebuilt); err != nil {
			writeError(w, http.StatusBadRequest, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("PUT /pools/{fqdn}/topology", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			UpgradeDomains []deployment.Domain `json:"upgradeDomains"`
		}
		if !readJSON(w, r, &body) {
			return
		}
		if err := s.model.SetTopology(r.PathValue("fqdn"), body.UpgradeDomains); err != nil {
			writeError(w, http.StatusBadRequest, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /acknowledge", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Pool string `json:"pool"`
		}
		if !readJSON(w, r, &body) {
			return
		}
		s.model.Acknowledge(body.Pool)
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (s *Simulator) withHost(f func(http.ResponseWriter, *http.Request, *deployment.Host)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h, ok := s.model.Host(r.PathValue("fqdn"))
		if !ok {
			writeError(w, http.StatusNotFound, fmt.Errorf("there is no host %q", r.PathValue("fqdn")))
			return
		}
		f(w, r, h)
	}
}

func readJSON(w http.ResponseWriter, r *http.Request, target any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		writeError(w, http.StatusBadRequest, fmt.Errorf("the body: %w", err))
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that has gone away needs no answer.
	_ = json.NewEncoder(w).Encode(value) //nolint:errchkjson // our own types, which JSON can hold
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

func writeViolations(w http.ResponseWriter, violations []deployment.Violation) {
	writeJSON(w, http.StatusOK, map[string]any{"violations": append([]deployment.Violation{}, violations...)})
}
