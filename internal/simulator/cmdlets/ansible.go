package cmdlets

import (
	"context"
	"io"

	"lyncops.dev/operator/internal/simulator/ansible"
)

// ansibleMachine is a host as Ansible's modules see it.
type ansibleMachine struct{ session *machine }

var _ ansible.Machine = ansibleMachine{}

// Execute runs a command line that a module was given; it is judged like one that somebody typed.
func (a ansibleMachine) Execute(ctx context.Context, line string, stdin io.Reader, stdout, stderr io.Writer) int {
	return Execute(ctx, a.session.host, a.session.user, line, stdin, stdout, stderr)
}

// Spawn runs f until it ends or the host goes down.
func (a ansibleMachine) Spawn(f func(ctx context.Context)) (int, error) {
	process, _, err := a.session.host.Spawn(f)
	return process, err
}

// Environment gives an environment variable.
func (a ansibleMachine) Environment(name string) string { return a.session.Environment(name) }

// Exists says whether there is a file or a folder.
func (a ansibleMachine) Exists(path string) bool {
	files := a.session.Files()
	return files.Exists(path) || files.IsDirectory(path)
}

// ReadFile reads a file of the host.
func (a ansibleMachine) ReadFile(path string) ([]byte, error) {
	return a.session.Files().ReadFile(path)
}

// WriteFile writes a file of the host.
func (a ansibleMachine) WriteFile(path string, contents []byte) error {
	return a.session.Files().WriteFile(path, contents)
}

// MkdirAll makes a folder of the host.
func (a ansibleMachine) MkdirAll(path string) error { return a.session.Files().MkdirAll(path) }

// Remove removes a file of the host.
func (a ansibleMachine) Remove(path string) error { return a.session.Files().Remove(path) }
