package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// SimulatorClient speaks to the control interface of the simulated servers.
type SimulatorClient struct {
	base string
}

// Event is one effect on a simulated server.
type Event struct {
	Sequence int       `json:"sequence"`
	Time     time.Time `json:"time"`
	Host     string    `json:"host"`
	User     string    `json:"user"`
	Command  string    `json:"command"`
	Effect   string    `json:"effect"`
	// Pool, Serving and Out show the pool when the effect had happened; Out names the command that took each front end out.
	Pool    string            `json:"pool"`
	Serving []string          `json:"serving"`
	Out     map[string]string `json:"out"`
}

// Violation is something that must never happen and did.
type Violation struct {
	Sequence int       `json:"sequence"`
	Time     time.Time `json:"time"`
	Rule     string    `json:"rule"`
	Host     string    `json:"host"`
	Command  string    `json:"command"`
	Text     string    `json:"text"`
}

// State is the simulated deployment at one moment.
type State struct {
	Time      time.Time  `json:"time"`
	Pools     []Pool     `json:"pools"`
	Hosts     []Host     `json:"hosts"`
	Databases []Database `json:"databases"`
}

// Pool is a simulated pool.
type Pool struct {
	FQDN       string            `json:"fqdn"`
	Edition    string            `json:"edition"`
	State      string            `json:"state"`
	Serving    []string          `json:"serving"`
	Out        map[string]string `json:"out"`
	OpenDomain string            `json:"openDomain"`
	Failed     string            `json:"failed"`
	// Registrar is where the users of the pool are, in the words of its registrar.
	Registrar string `json:"registrar"`
}

// Host is a simulated server.
type Host struct {
	FQDN          string      `json:"fqdn"`
	Pool          string      `json:"pool"`
	Domain        string      `json:"domain"`
	Power         string      `json:"power"`
	BootTime      time.Time   `json:"bootTime"`
	Components    []Component `json:"components"`
	Services      []Service   `json:"services"`
	PendingReboot []string    `json:"pendingReboot"`
	Installing    bool        `json:"installing"`
	Serves        bool        `json:"serves"`
	InService     bool        `json:"inService"`
}

// Component is an installed component.
type Component struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Service is a Windows service.
type Service struct {
	Name      string `json:"name"`
	Status    string `json:"status"`
	StartType string `json:"startType"`
}

// Database is a simulated database and its version.
type Database struct {
	Server    string `json:"server"`
	Instance  string `json:"instance"`
	Name      string `json:"name"`
	Installed string `json:"installed"`
}

// Counters tell what one simulated server was asked.
type Counters struct {
	HTTPRequests    int64
	SOAPMessages    int64
	SOAPFaults      int64
	BytesIn         int64
	BytesOut        int64
	Authentications int64
	Refusals        int64
	Dropped         int64
}

// Fault is something that goes wrong on request; kinds and fields are those of the simulator's control interface.
type Fault struct {
	// ID is given by the simulator.
	ID   string `json:"id,omitempty"`
	Kind string `json:"kind"`
	// Target is a host or pool; empty means every one.
	Target string `json:"target,omitempty"`
	Detail string `json:"detail,omitempty"`
	Match  string `json:"match,omitempty"`
	// Count is how often it happens; 0 means until it is removed.
	Count    int `json:"count,omitempty"`
	ExitCode int `json:"exitCode,omitempty"`
	// Duration in simulated time, such as 90s.
	Duration string `json:"duration,omitempty"`
}

// State reads everything at once.
func (c *SimulatorClient) State(ctx context.Context) (State, error) {
	var state State
	err := c.call(ctx, http.MethodGet, "/state", nil, &state)
	return state, err
}

// Files lists the paths of the files on a server.
func (c *SimulatorClient) Files(ctx context.Context, fqdn string) ([]string, error) {
	var answer struct {
		Files []string `json:"files"`
	}
	return answer.Files, c.call(ctx, http.MethodGet, "/hosts/"+url.PathEscape(fqdn), nil, &answer)
}

// Record returns the effects after a sequence number; 0 for all.
func (c *SimulatorClient) Record(ctx context.Context, after int) ([]Event, error) {
	var answer struct {
		Events []Event `json:"events"`
	}
	return answer.Events, c.call(ctx, http.MethodGet, "/record?after="+strconv.Itoa(after), nil, &answer)
}

// Violations lists what must never happen and did.
func (c *SimulatorClient) Violations(ctx context.Context) ([]Violation, error) {
	return c.violations(ctx, http.MethodGet, "/violations")
}

// Package is an update package of the simulated deployment.
type Package struct {
	Sources []string `json:"sources"`
	Build   string   `json:"build"`
	SHA256  string   `json:"sha256"`
}

// Packages lists the update packages.
func (c *SimulatorClient) Packages(ctx context.Context) ([]Package, error) {
	var answer struct {
		Packages []Package `json:"packages"`
	}
	return answer.Packages, c.call(ctx, http.MethodGet, "/packages", nil, &answer)
}

// CheckAtRest compares every server with its start and lists what was left stopped, disabled or switched off.
func (c *SimulatorClient) CheckAtRest(ctx context.Context) ([]Violation, error) {
	return c.violations(ctx, http.MethodPost, "/at-rest")
}

func (c *SimulatorClient) violations(ctx context.Context, method, path string) ([]Violation, error) {
	var answer struct {
		Violations []Violation `json:"violations"`
	}
	return answer.Violations, c.call(ctx, method, path, nil, &answer)
}

// Counters are what each server was asked, by name in lower case.
func (c *SimulatorClient) Counters(ctx context.Context) (map[string]Counters, error) {
	var answer struct{ Hosts map[string]Counters }
	return answer.Hosts, c.call(ctx, http.MethodGet, "/counters", nil, &answer)
}

// AddFault arranges a fault and returns its id.
func (c *SimulatorClient) AddFault(ctx context.Context, fault Fault) (string, error) {
	var added Fault
	return added.ID, c.call(ctx, http.MethodPost, "/faults", fault, &added)
}

// RemoveFault clears a fault. One that has already happened as often as it should is an error.
func (c *SimulatorClient) RemoveFault(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/faults/"+url.PathEscape(id), nil, nil)
}

// Faults lists those that are still to happen.
func (c *SimulatorClient) Faults(ctx context.Context) ([]Fault, error) {
	var answer struct {
		Faults []Fault `json:"faults"`
	}
	return answer.Faults, c.call(ctx, http.MethodGet, "/faults", nil, &answer)
}

// SetBuild patches a server by hand to a build, or rebuilds it at that build.
func (c *SimulatorClient) SetBuild(ctx context.Context, fqdn, build string, rebuilt bool) error {
	return c.call(ctx, http.MethodPost, "/hosts/"+fqdn+"/build", map[string]any{"build": build, "rebuilt": rebuilt}, nil)
}

// UpgradeDomain is an upgrade domain of a pool's topology.
type UpgradeDomain struct {
	Name      string   `json:"name"`
	FrontEnds []string `json:"frontEnds"`
}

// SetTopology publishes another topology of a pool: its front ends, in this order, by upgrade domain.
func (c *SimulatorClient) SetTopology(ctx context.Context, pool string, domains []UpgradeDomain) error {
	return c.call(ctx, http.MethodPut, "/pools/"+url.PathEscape(pool)+"/topology", map[string]any{"upgradeDomains": domains}, nil)
}

// Power switches a server "off" or "on", or does a "reboot", at once.
func (c *SimulatorClient) Power(ctx context.Context, fqdn, action string) error {
	return c.call(ctx, http.MethodPost, "/hosts/"+url.PathEscape(fqdn)+"/power", map[string]string{"action": action}, nil)
}

// Acknowledge says, for a pool or (empty) for all, that a person has seen a failed installer: other servers may be touched again.
func (c *SimulatorClient) Acknowledge(ctx context.Context, pool string) error {
	return c.call(ctx, http.MethodPost, "/acknowledge", map[string]string{"pool": pool}, nil)
}

func (c *SimulatorClient) call(ctx context.Context, method, path string, body, answer any) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, sent)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking the simulator: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("reading what the simulator answered: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("the simulator refused %s %s: %s", method, path, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("reading what the simulator answered to %s %s: %w", method, path, err)
	}
	return nil
}
