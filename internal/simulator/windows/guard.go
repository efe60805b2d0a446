package windows

import (
	"io"
	"os/exec"
)

// guard deletes machines, with every process in them, when it is told to or when this process has gone in whatever way.
type guard struct {
	command *exec.Cmd
	alive   io.WriteCloser
}

const guardScript = `cat >/dev/null
winebox=$0 root=$1
shift
for machine in "$@"; do "$winebox" delete "$machine" >/dev/null 2>&1 & done
wait
rmdir "$root" 2>/dev/null
exit 0`

// startGuard starts the guard of machines in the folder root, which goes too when nothing else is in it.
func startGuard(tool winebox, root string, directories []string) (*guard, error) {
	arguments := append([]string{"-c", guardScript, string(tool), root}, directories...)
	//nolint:noctx,gosec // it outlives every context, and ends when its input does
	command := exec.Command("/bin/sh", arguments...)
	command.SysProcAttr = ownGroup()
	alive, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	return &guard{command, alive}, nil
}

// finish has the machines deleted and waits for it.
func (g *guard) finish() {
	_ = g.alive.Close()
	_ = g.command.Wait()
}
