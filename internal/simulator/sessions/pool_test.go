//go:build unix

package sessions_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/sessions"
)

// shell gives a start of processes that give every script the same answer, and counts them.
func shell(t *testing.T, script string) (start func() (*sessions.Process, error), started func() int) {
	t.Helper()
	count := 0
	return func() (*sessions.Process, error) {
		count++
		folder := t.TempDir()
		command := exec.Command("/bin/sh", "-c", script)
		return sessions.Start(command, func() { _ = command.Process.Kill() }, folder, func(name string) string { return filepath.Join(folder, name) })
	}, func() int { return count }
}

var answer = base64.StdEncoding.EncodeToString([]byte(`{"output":"said","error":"","code":3}`))

func take(t *testing.T, pool *sessions.Pool) *sessions.Process {
	t.Helper()
	one, err := pool.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return one
}

func TestAProcessIsUsedAgain(t *testing.T) {
	start, started := shell(t, "while read line; do echo "+answer+"; done")
	pool := sessions.NewPool(1, start)
	defer pool.Close()
	for range 3 {
		one := take(t, pool)
		got, err := one.Run(t.Context(), "'said'; exit 3", []string{"A=b"}, "")
		if err != nil || got.Output != "said" || got.Code != 3 {
			t.Fatalf("got %+v, %v", got, err)
		}
		pool.Return(one)
	}
	if started() != 1 {
		t.Errorf("%d processes were started for one script after another", started())
	}
}

func TestAScriptWaitsForABusyProcess(t *testing.T) {
	start, started := shell(t, "exec cat >/dev/null")
	pool := sessions.NewPool(1, start)
	defer pool.Close()
	pool.SetPatience(time.Hour)
	one := take(t, pool)
	time.AfterFunc(50*time.Millisecond, func() { pool.Return(one) })
	if second := take(t, pool); second != one {
		t.Error("another process was given than the one that became free")
	}
	if started() != 1 {
		t.Errorf("%d processes were started", started())
	}
	// Nobody gives it back now.
	pool.SetPatience(100 * time.Millisecond)
	third := take(t, pool)
	if started() != 2 {
		t.Errorf("%d processes were started, where one was busy for long", started())
	}
	pool.Return(third)
	pool.End(one)
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	start, _ := shell(t, "exec cat >/dev/null")
	pool := sessions.NewPool(1, start)
	defer pool.Close()
	one := take(t, pool)
	defer pool.End(one)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pool.Take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestAProcessThatEndedIsNotGiven: a host that restarts ends what runs on it.
func TestAProcessThatEndedIsNotGiven(t *testing.T) {
	start, started := shell(t, "exec cat >/dev/null")
	pool := sessions.NewPool(1, start)
	defer pool.Close()
	one := take(t, pool)
	pool.Return(one)
	one.Kill()
	for !one.Ended() {
		time.Sleep(time.Millisecond)
	}
	if second := take(t, pool); second == one || started() != 2 {
		t.Errorf("the same process was given again, or %d were started", started())
	}
}

func TestAScriptFailsWithItsProcess(t *testing.T) {
	start, _ := shell(t, "read line; echo it broke >&2; exit 1")
	pool := sessions.NewPool(1, start)
	defer pool.Close()
	one := take(t, pool)
	defer pool.End(one)
	if _, err := one.Run(t.Context(), "1", nil, ""); err == nil || !strings.Contains(err.Error(), "it broke") {
		t.Errorf("got %v", err)
	}
}

func TestAProcessIsKilledWithTheContext(t *testing.T) {
	start, _ := shell(t, "exec sleep 600")
	pool := sessions.NewPool(1, start)
	defer pool.Close()
	one := take(t, pool)
	defer pool.End(one)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := one.Run(ctx, "1", nil, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if !one.Ended() {
		t.Error("it runs on")
	}
}

func TestNothingIsGivenAfterTheEnd(t *testing.T) {
	start, _ := shell(t, "exec cat >/dev/null")
	pool := sessions.NewPool(2, start)
	busy, idle := take(t, pool), take(t, pool)
	pool.Return(idle)
	pool.Close()
	if !idle.Ended() {
		t.Error("an idle process runs on")
	}
	pool.Return(busy)
	if !busy.Ended() {
		t.Error("a process that came back runs on")
	}
	if _, err := pool.Take(t.Context()); !errors.Is(err, sessions.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
