//go:build unix

package windows

import (
	"os"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func killGroup(process *os.Process) error { return syscall.Kill(-process.Pid, syscall.SIGKILL) }
