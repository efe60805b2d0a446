package lab

import "syscall"

// attributes: a program of the lab is no target of Ctrl-C, which is for the lab to handle, and does not outlive it even when the
// lab is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
