package powershell

import (
	"context"
	"io"
	"time"
)

// Invocation is one call of a cmdlet.
type Invocation struct {
	Name       string           // as typed
	Parameters map[string]Value // lower-case names as typed, without the common parameters; switches are true
	Positional []Value
	Input      []Value // what came down the pipeline
}

// Streams takes what a cmdlet says beside its output.
type Streams interface {
	Warning(text string)
	Verbose(text string)
	Error(message string) // an error after which the cmdlet goes on
}

// Command is a cmdlet. An error ends the statement that called it.
type Command func(ctx context.Context, call Invocation, streams Streams) ([]Value, error)

// Machine is what a script can touch outside the language. A Machine may implement SwitchNamer too.
type Machine interface {
	// Command finds a cmdlet of this machine; names are compared without regard to case.
	Command(name string) (Command, bool)
	// Native runs a program. found is false where there is no such program, and nothing has run then.
	Native(ctx context.Context, name string, args []string, stdin io.Reader, stdout, stderr io.Writer) (exitCode int, found bool)
	// Files are the machine's disks.
	Files() FileSystem
	// Environment gives $env:NAME, empty when it is not set.
	Environment(name string) string
	// Now is the machine's clock.
	Now() time.Time
	// ImportModule gives what Import-Module adds to the session.
	ImportModule(ctx context.Context, nameOrPath string) (map[string]Command, error)
}

// SwitchNamer says which parameters of a Machine's commands are switches, which take no value. Without it the names
// that are switches in most cmdlets (-Force, -PassThru, -Graceful, ...) are taken for switches.
type SwitchNamer interface {
	IsSwitch(command, parameter string) bool
}

// EngineRunner is a Machine on which powershell.exe may be another program than this package's interpreter. done is false
// where it is the interpreter after all.
type EngineRunner interface {
	PowerShell(ctx context.Context, arguments []string, stdin io.Reader, stdout, stderr io.Writer) (exitCode int, done bool)
}

// FileSystem holds files under paths such as C:\a\b, compared without regard to case. A missing file is reported with
// an error that wraps fs.ErrNotExist.
type FileSystem interface {
	ReadFile(path string) ([]byte, error)
	WriteFile(path string, data []byte) error
	Exists(path string) bool // a file
	IsDirectory(path string) bool
	MkdirAll(path string) error
	Rename(from, to string) error
	Remove(path string) error
	List(directory string) ([]string, error) // names without the directory
}
