package windows

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/sessions"
)

// lookEvery is the time between two looks at what a machine has written down for whoever runs it.
const lookEvery = 100 * time.Millisecond

// Machine is the Windows machine behind a host. One goroutine, run, does everything that takes time to it.
type Machine struct {
	tool        winebox
	directory   string
	host        *deployment.Host
	description deployment.HostDescription
	options     Options
	orders      chan order
	jobs        map[string]bool
	shared      *sessions.Pool
	// ctx ends with the executor.
	ctx context.Context //nolint:containedctx // processes that outlive their first command end with it
}

// order is what the model asks of the machine's power.
type order struct {
	on    bool
	after time.Duration
}

// PowerOff ends everything on the machine.
func (m *Machine) PowerOff() { m.orders <- order{} }

// PowerOn starts the machine after a while.
func (m *Machine) PowerOn(after time.Duration) { m.orders <- order{on: true, after: after} }

// Directory holds the machine; its disk is drive_c in it.
func (m *Machine) Directory() string { return m.directory }

// prepare makes the machine, and has it restart with services and components in place.
func (m *Machine) prepare(ctx context.Context, address, token string) error {
	if err := m.tool.run(ctx, "create", m.directory, "--hostname", m.host.NetBIOS()); err != nil {
		return err
	}
	if err := furnish(m.directory, m.host, m.description, m.options, address, token); err != nil {
		return err
	}
	if err := m.tool.run(ctx, "exec", m.directory, "--", "regedit", "/S", `C:\windows\lyncmachine\setup.reg`); err != nil {
		return err
	}
	return m.tool.run(ctx, "stop", m.directory)
}

// run carries out orders and watches the machine until the context ends.
func (m *Machine) run(ctx context.Context) error {
	looking := time.NewTicker(lookEvery)
	defer looking.Stop()
	up := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case o := <-m.orders:
			if err := m.carryOut(ctx, o); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", m.host.FQDN(), err)
			}
			up = o.on
		case <-looking.C:
			if up {
				m.lookForRestart()
				m.lookForJobs()
			}
		}
	}
}

func (m *Machine) carryOut(ctx context.Context, o order) error {
	if !o.on {
		if err := m.tool.run(ctx, "stop", m.directory); err != nil {
			return err
		}
		if err := os.Remove(m.request()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	select {
	case <-time.After(o.after):
	case <-ctx.Done():
		return nil
	}
	if err := m.tool.run(ctx, "start", m.directory); err != nil {
		return err
	}
	m.host.CameUp(time.Now())
	return nil
}

// request is where the machine writes down that it wants to be restarted or turned off.
func (m *Machine) request() string {
	return filepath.Join(m.directory, "drive_c", "windows", "pshost-reboot.request")
}

func (m *Machine) lookForRestart() {
	text, err := os.ReadFile(m.request())
	if err != nil {
		return
	}
	said := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
			said[name] = value
		}
	}
	requested, err := strconv.ParseInt(said["requested"], 10, 64)
	if err != nil {
		return // half written; the next look finds the rest
	}
	delay, _ := strconv.Atoi(said["delay"])
	again := said["action"] == "restart"
	m.host.OrderedDown(deployment.Caller{User: said["by"], Command: "shutdown (" + said["action"] + ")"}, again)
	if !time.Now().Before(time.UnixMilli(requested).Add(time.Duration(delay) * time.Second)) {
		m.host.WentDown(again)
	}
}

// lookForJobs records the operator's jobs as they are claimed, which nothing else would tell.
func (m *Machine) lookForJobs() {
	states, err := filepath.Glob(filepath.Join(m.directory, "drive_c", "ProgramData", "LyncOps", "jobs", "*", "state.json"))
	if err != nil {
		return
	}
	for _, state := range states {
		if id := filepath.Base(filepath.Dir(state)); !m.jobs[id] {
			m.jobs[id] = true
			m.host.Record(deployment.Caller{User: "(machine)", Command: "Start-LyncOpsJob"}, "job "+id+" is claimed")
		}
	}
}
