package engine

import (
	"os/exec"
	"syscall"
)

// attributes put a process into a group of its own, so that it can be ended with what it started, and let it not outlive us.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// kill ends a process and what it started, at once. What has ended already is no error.
func kill(process *exec.Cmd) {
	_ = syscall.Kill(-process.Process.Pid, syscall.SIGKILL)
}
