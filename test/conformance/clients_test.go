package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// folderOf gives the folder of a set of clients, or skips the test.
func folderOf(t *testing.T, variable string) string {
	t.Helper()
	folder := os.Getenv(variable)
	if folder == "" {
		t.Skipf("%s names no clients; \"make conformance\" installs them", variable)
	}
	return folder
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var reports sync.Mutex

// report notes for the summary of .ci/run that a client took part.
func report(t *testing.T, client, version string) {
	t.Helper()
	t.Logf("%s %s", client, version)
	path := os.Getenv("LYNCOPS_CONFORMANCE_REPORT")
	if path == "" {
		return
	}
	reports.Lock()
	defer reports.Unlock()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fmt.Fprintf(file, "%s\t%s\n", client, version)
}

// said is what a program left behind.
type said struct {
	stdout, stderr string
	exit           int
}

// run runs a program to its end; its exit code is for the caller to judge.
func run(t *testing.T, environment []string, stdin, name string, arguments ...string) said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, name, arguments...)
	command.WaitDelay = 5 * time.Second
	command.Env = append(os.Environ(), environment...)
	command.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if ctx.Err() != nil || command.ProcessState == nil {
		t.Fatalf("%s: %v\n%s%s", name, err, stdout.String(), stderr.String())
	}
	return said{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}

// python is a Python interpreter with clients, and how those find the simulated servers.
type python struct {
	program     string
	environment []string
}

// resolving leads the servers' names to this machine.
func resolving(t *testing.T, program string, paths ...string) python {
	t.Helper()
	paths = append([]string{absolute(t, "testdata/resolver")}, paths...)
	return python{program, []string{"PYTHONPATH=" + strings.Join(paths, ":"), "REQUESTS_CA_BUNDLE=", "CURL_CA_BUNDLE=", "NO_PROXY=*", "PYTHONDONTWRITEBYTECODE=1"}}
}

// version gives the version of an installed Python package.
func (p python) version(t *testing.T, name string) string {
	t.Helper()
	got := run(t, p.environment, "", p.program, "-c", "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))", name)
	if got.exit != 0 {
		t.Fatalf("%s: %s", name, got.stderr)
	}
	return strings.TrimSpace(got.stdout)
}

// request is one command for a driver of testdata, as it is described there.
type request struct {
	Name     string `json:"name"`
	Command  string `json:"command,omitempty"`
	Script   string `json:"script,omitempty"`
	Stdin    string `json:"stdin,omitempty"`
	Poll     int    `json:"poll,omitempty"` // seconds
	Password string `json:"password,omitempty"`
	Unbound  bool   `json:"unbound,omitempty"` // log in without a channel binding
}

// answer is what a driver says about one request.
type answer struct {
	Name   string `json:"name"`
	Exit   int64  `json:"exit"`
	Stdout []byte `json:"stdout"`
	Stderr []byte `json:"stderr"`
	Error  string `json:"error"`
}

// drive has a driver run requests one after another.
func (p python) drive(t *testing.T, e *endpoint, driver, transport string, requests ...request) []answer {
	t.Helper()
	order, err := json.Marshal(map[string]any{"url": e.url, "user": user, "password": password, "ca": e.ca, "transport": transport, "requests": requests})
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, p.environment, string(order), p.program, filepath.Join("testdata", driver))
	var answers []answer
	if err := json.Unmarshal([]byte(got.stdout), &answers); err != nil || len(answers) != len(requests) {
		t.Fatalf("%d of %d answers, exit code %d, %v:\n%s", len(answers), len(requests), got.exit, err, got.stderr)
	}
	return answers
}
