package wsman

import (
	"testing"
	"time"
)

func TestShellInUseDoesNotExpire(t *testing.T) {
	run := newMachineRun(t.Context(), exampleHost{}, make(chan struct{}))
	defer run.end()
	used := &shell{id: newID(), owner: "admin", idleTimeout: time.Hour, commands: map[string]*runningCommand{}}
	if failure, err := run.addShell(used, 1, 1); failure != nil || err != nil {
		t.Fatal(failure, err)
	}
	if !used.enter() {
		t.Fatal("the shell is closed")
	}
	run.expire(used) // The timer fired just as a request came.
	if _, failure := run.shell(used.id, "ADMIN"); failure != nil {
		t.Errorf("the shell expired in use: %+v", failure)
	}
	used.leave()
	run.expire(used)
	if _, failure := run.shell(used.id, "ADMIN"); failure == nil || used.enter() {
		t.Error("the shell did not expire")
	}
}

func TestEndedRunTakesNothingIn(t *testing.T) {
	run := newMachineRun(t.Context(), exampleHost{}, make(chan struct{}))
	run.end()
	late := &shell{id: newID(), owner: "admin", idleTimeout: time.Hour, commands: map[string]*runningCommand{}}
	if _, err := run.addShell(late, 1, 1); err == nil {
		t.Error("a shell was opened")
	}
	if run.attach(&connection{}) {
		t.Error("a connection was accepted")
	}
}
