package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// maximumIdle is how many workers are kept when nobody needs them.
const maximumIdle = 3

// workers are processes of the engine that run one script after another, each in a session of its own.
type workers struct {
	start func() (*worker, error)

	mu     sync.Mutex
	closed bool
	idle   []*worker
}

// worker is one such process. One script at a time.
type worker struct {
	process *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
	folder  string
	// complaints is what the process itself wrote to standard error.
	complaints *bytes.Buffer
}

type workRequest struct {
	File        string            `json:"file"`
	Environment map[string]string `json:"environment"`
	Input       string            `json:"input"`
}

type workAnswer struct {
	Output string `json:"output"`
	Error  string `json:"error"`
	Code   int    `json:"code"`
}

// take gives a worker that nobody else has.
func (w *workers) take() (*worker, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, errors.New("the engine is closed")
	}
	if last := len(w.idle) - 1; last >= 0 {
		taken := w.idle[last]
		w.idle = w.idle[:last]
		return taken, nil
	}
	return w.start()
}

// giveBack keeps a worker for the next, or ends it.
func (w *workers) giveBack(one *worker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.idle) >= maximumIdle {
		one.end()
		return
	}
	w.idle = append(w.idle, one)
}

func (w *workers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for _, one := range w.idle {
		one.end()
	}
	w.idle = nil
}

// startWorker starts a process for any host; what belongs to one comes with each request.
func (e *Executor) startWorker() (*worker, error) {
	folder, err := os.MkdirTemp(e.options.Directory, "worker-")
	if err != nil {
		return nil, err
	}
	//nolint:gosec,noctx // running commands is what this is for, and a worker outlives the first of them
	process := exec.Command(e.options.Program, "-NoProfile", "-NonInteractive", "-File", filepath.Join(e.options.Directory, "worker.ps1"), e.types, e.prelude)
	process.Env = e.common()
	process.Dir = folder
	process.SysProcAttr = attributes()
	one := &worker{process: process, folder: folder, complaints: &bytes.Buffer{}}
	process.Stderr = one.complaints
	if one.input, err = process.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	one.output = bufio.NewReader(output)
	return one, process.Start()
}

// end kills the process and waits for it.
func (w *worker) end() {
	kill(w.process)
	// How a killed process ended is no news.
	_ = w.process.Wait()
	_ = os.RemoveAll(w.folder)
}

// work runs a script. An error means that the worker is of no more use, and has to be ended; when the context ends it is killed.
func (w *worker) work(ctx context.Context, script string, environment []string, input string) (workAnswer, error) {
	var answer workAnswer
	request := workRequest{File: filepath.Join(w.folder, "script.ps1"), Environment: map[string]string{}, Input: input}
	if err := os.WriteFile(request.File, []byte(script), 0o600); err != nil {
		return answer, err
	}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		request.Environment[name] = value
	}
	text, err := json.Marshal(request)
	if err != nil {
		return answer, err
	}
	stop := context.AfterFunc(ctx, func() { kill(w.process) })
	defer stop()
	if _, err := io.WriteString(w.input, base64.StdEncoding.EncodeToString(text)+"\n"); err != nil {
		return answer, fmt.Errorf("the engine's process takes no work: %w: %s", err, w.complaints)
	}
	line, err := w.output.ReadBytes('\n')
	if err != nil {
		return answer, fmt.Errorf("the engine's process has ended: %w: %s", err, w.complaints)
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line)))
	if err == nil {
		err = json.Unmarshal(decoded, &answer)
	}
	if err != nil {
		return answer, fmt.Errorf("the engine's process answered %q: %w", line, err)
	}
	return answer, nil
}
