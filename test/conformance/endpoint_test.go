package conformance_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/sample"
	"lyncops.dev/operator/internal/simulator/wsman"
)

const (
	user     = `CONTOSO\svc-lyncops`
	password = "Correct-Horse-7-Battery"
	host     = "fe01.contoso.com"
	patience = 10 * time.Minute
)

// endpoint is a simulator and what a client has to know of it.
type endpoint struct {
	*simulator.Simulator
	url string // with the name of a host
	ca  string // path of the certificate to trust, empty for HTTP
}

// start serves the deployment that most tests of the simulator use, 30 times faster than described.
func start(t *testing.T, secure bool) *endpoint {
	t.Helper()
	return startWith(t, secure, wsman.Options{})
}

// startWith is start with settings of the WinRM listener.
func startWith(t *testing.T, secure bool, options wsman.Options) *endpoint {
	t.Helper()
	description, folder := sample.Description(t, "contoso.yaml", ""), t.TempDir()
	running, err := simulator.Start(context.Background(), simulator.Config{Deployment: description, Plain: !secure, TimeScale: 30, StateDir: folder, WSMan: options})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Close)
	_, port, err := net.SplitHostPort(running.Address())
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{Simulator: running, url: "http://" + host + ":" + port + "/wsman"}
	if secure {
		e.url, e.ca = "https://"+host+":"+port+"/wsman", filepath.Join(folder, "ca.crt")
	}
	return e
}

// machine is the host that the clients talk to.
func (e *endpoint) machine(t *testing.T) *deployment.Host {
	t.Helper()
	machine, found := e.Model().Host(host)
	if !found {
		t.Fatalf("there is no host %s", host)
	}
	return machine
}

// waitUntil waits for something that must come true.
func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
