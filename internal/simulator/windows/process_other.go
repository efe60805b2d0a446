//go:build !unix

package windows

import (
	"os"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return nil }

func killGroup(process *os.Process) error { return process.Kill() }
