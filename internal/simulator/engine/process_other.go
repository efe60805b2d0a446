//go:build !linux

package engine

import (
	"os/exec"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return nil }

// kill ends a process at once. What has ended already is no error.
func kill(process *exec.Cmd) { _ = process.Process.Kill() }
