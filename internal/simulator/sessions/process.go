package sessions

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Worker is the PowerShell script that the process has to run (-File). It takes up to two parameters: a script that is run once in the process,
// before all others, and one that is run first in each session.
//
//go:embed worker.ps1
var Worker string

// endDelay is how long the ends of an ended process's pipes are waited for, which what it started may still hold.
const endDelay = 2 * time.Second

// Process is one process of PowerShell. It runs one script at a time.
type Process struct {
	command *exec.Cmd
	kill    func()
	folder  string
	inside  func(name string) string
	input   io.WriteCloser
	output  *bufio.Reader
	pipe    *io.PipeReader
	// ended is closed when the process has.
	ended chan struct{}
	// complaints is what the process itself wrote to standard error; to be read after ended is closed.
	complaints bytes.Buffer
}

// Start starts a process that runs Worker. folder is an existing folder for it alone, which goes with it; inside says what the process calls a
// file in there. kill ends the process and whatever it started.
func Start(command *exec.Cmd, kill func(), folder string, inside func(name string) string) (*Process, error) {
	p := &Process{command: command, kill: kill, folder: folder, inside: inside, ended: make(chan struct{})}
	command.Stderr = &p.complaints
	if command.WaitDelay == 0 {
		command.WaitDelay = endDelay
	}
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	// Not StdoutPipe, which must not be waited for while it is being read.
	output, write := io.Pipe()
	command.Stdout = write
	p.input, p.pipe, p.output = input, output, bufio.NewReader(output)
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process, which end ends
		// How it ended is no news: whoever needs it sees the end of its output.
		_ = command.Wait()
		_ = write.Close()
		close(p.ended)
	}()
	return p, nil
}

// ID is the process's number on this computer.
func (p *Process) ID() int { return p.command.Process.Pid }

// Kill ends the process at once, with what it started. The script that runs in it fails.
func (p *Process) Kill() { p.kill() }

// Ended says whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *Process) end() {
	p.kill()
	// What it still had to say is for nobody.
	_ = p.pipe.Close()
	<-p.ended
	_ = os.RemoveAll(p.folder)
}

type request struct {
	File        string            `json:"file"`
	Environment map[string]string `json:"environment"`
	Input       string            `json:"input"`
}

// Answer is what a script left.
type Answer struct {
	Output string `json:"output"`
	Error  string `json:"error"`
	Code   int    `json:"code"`
}

// Run runs a script with environment variables (name=value) and standard input. An error means that the process is of no more use,
// and has to be ended; when the context ends it is killed.
func (p *Process) Run(ctx context.Context, script string, environment []string, input string) (Answer, error) {
	const name = "script.ps1"
	var answer Answer
	asked := request{File: p.inside(name), Environment: map[string]string{}, Input: input}
	if err := os.WriteFile(filepath.Join(p.folder, name), []byte(script), 0o600); err != nil {
		return answer, err
	}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		asked.Environment[name] = value
	}
	text, err := json.Marshal(asked)
	if err != nil {
		return answer, err
	}
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	_, failed := io.WriteString(p.input, base64.StdEncoding.EncodeToString(text)+"\n")
	line, err := p.output.ReadString('\n')
	if err != nil {
		<-p.ended
		return answer, fmt.Errorf("the engine's process has ended: %w: %s", cause(ctx, failed, err), strings.TrimSpace(p.complaints.String()))
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
	if err == nil {
		err = json.Unmarshal(decoded, &answer)
	}
	if err != nil {
		return answer, fmt.Errorf("the engine's process answered %q: %w", line, err)
	}
	return answer, nil
}

// cause is the first of these that there is.
func cause(ctx context.Context, failures ...error) error {
	for _, err := range append([]error{context.Cause(ctx)}, failures...) {
		if err != nil {
			return err
		}
	}
	return io.ErrUnexpectedEOF
}

var readsInput = regexp.MustCompile(`(?i)FromInput\b|Console\]::In\b|\$input\b`)

// ReadsInput says whether a script reads its standard input, which then has to be complete before it is run.
func ReadsInput(script string) bool { return readsInput.MatchString(script) }
