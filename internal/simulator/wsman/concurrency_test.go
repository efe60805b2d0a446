package wsman_test

import (
	"fmt"
	"sync"
	"testing"

	"lyncops.dev/operator/internal/simulator/wsman"
)

func TestManyClientsAtOnce(t *testing.T) {
	const hosts, rounds = 8, 5
	machines := make([]*machine, hosts)
	for i := range machines {
		machines[i] = newMachine(fmt.Sprintf("fe%02d.contoso.com", i+1))
	}
	e := startEndpoint(t, true, wsman.Options{AllowNTLM: true}, machines...)
	var clients sync.WaitGroup
	for _, host := range machines {
		client := e.client(t, ntlmTransport, host.name, adminAccount, adminPassword)
		clients.Go(func() {
			for range rounds {
				if got, err := run(t, client, "hostname", ""); err != nil || got.Stdout != host.name {
					t.Errorf("%s answered %+v, %v", host.name, got, err)
				}
			}
		})
	}
	clients.Wait()
	for _, host := range machines {
		if counters := e.server.Counters().Hosts[host.name]; counters.SOAPMessages != 5*rounds {
			t.Errorf("%s: %+v", host.name, counters)
		}
	}
}

func TestRebootsUnderLoad(t *testing.T) {
	host := newMachine("fe01.contoso.com")
	e := startEndpoint(t, false, everythingAllowed, host)
	finished := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		a := e.asker(t, "fe01.contoso.com")
		clients.Go(func() {
			for {
				select {
				case <-finished:
					return
				default:
				}
				// Each step may meet a machine that is off, and a shell that is lost; none may hang.
				created, err := a.try(createQuestion)
				if err != nil || created.fault() != "" {
					continue
				}
				shell := created.Body.Shell.ShellID
				started, err := a.try(commandQuestion(shell, "wait"))
				if err != nil || started.fault() != "" {
					continue
				}
				_, _ = a.try(receiveQuestion(shell, started.Body.CommandResponse.CommandID))
			}
		})
	}
	for range 20 {
		within(t, "a command's start", host.started)
		host.stop()
		host.start()
	}
	close(finished)
	host.stop()
	clients.Wait()
}
