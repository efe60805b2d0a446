package ansible

import (
	"context"
	"io"
)

// Machine is the server that modules work on, as the user who logged on sees it.
type Machine interface {
	// Execute runs a command line to its end and returns its exit code.
	Execute(ctx context.Context, line string, stdin io.Reader, stdout, stderr io.Writer) int
	// Spawn runs f as a process of its own, which outlives the command that started it and ends with the machine.
	Spawn(f func(ctx context.Context)) (process int, err error)
	// Environment gives an environment variable, empty when it is not set.
	Environment(name string) string
	// Exists says whether there is a file or a folder.
	Exists(path string) bool
	ReadFile(path string) ([]byte, error)
	WriteFile(path string, contents []byte) error
	MkdirAll(path string) error
	Remove(path string) error
}
