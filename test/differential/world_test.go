package differential_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"lyncops.dev/operator/internal/lync/powershell"
	"lyncops.dev/operator/internal/simulator/cmdlets"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/engine"
	"lyncops.dev/operator/internal/simulator/sample"
	"lyncops.dev/operator/internal/simulator/witness"
	"lyncops.dev/operator/internal/simulator/wsman"
)

// The account that asks, and the one that jobs may run as.
const (
	user     = `CONTOSO\svc-lyncops`
	password = "Correct-Horse-7-Battery"
	contoso  = "contoso.yaml"
	scale    = 200
)

const (
	// patience is how long anything may take on a loaded machine.
	patience = 10 * time.Minute
	// endless is longer than any machine stands still, at that scale too.
	endless = deployment.Duration(2000 * time.Hour)
)

// side is one of the two: a model, and who runs the command lines on its hosts.
type side struct {
	name    string
	model   *deployment.Model
	execute func(ctx context.Context, host *deployment.Host, command wsman.Command) int
}

// builtIn is the simulator as it is without an engine.
func builtIn(t *testing.T, file string) *side {
	t.Helper()
	return &side{"the simulator", sample.Model(t, file, deployment.Options{TimeScale: scale}), func(ctx context.Context, host *deployment.Host, command wsman.Command) int {
		return cmdlets.Execute(ctx, host, command.User, command.Line, command.Stdin, command.Stdout, command.Stderr)
	}}
}

// inEngine is the module in an engine.
func inEngine(t *testing.T, edition, file string) *side {
	t.Helper()
	if os.Getenv("LYNCOPS_ENGINE") == "" {
		t.Skip("it keeps every processor busy for minutes: run make test-engine")
	}
	program := witness.PowerShell(t)
	model := sample.Model(t, file, deployment.Options{TimeScale: scale, Disks: t.TempDir()})
	executor, err := engine.New(t.Context(), model, engine.Options{Program: program, Edition: edition, Directory: t.TempDir(), TimeScale: scale, Reuse: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The processes end with the model.
		model.Close()
		executor.Close()
	})
	return &side{"the module in the " + edition + " edition", model, executor.Execute}
}

func (s *side) host(t *testing.T, name string) *deployment.Host {
	t.Helper()
	host, ok := s.model.Host(name)
	if !ok {
		t.Fatalf("there is no host %s", name)
	}
	return host
}

// script is one of the three of docs/server-protocol.md, as it stands there.
func script(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/server-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(page), "**"+name+"**")
	var lines []string
	for line := range strings.Lines(after) {
		code, indented := strings.CutPrefix(line, "    ")
		if indented {
			lines = append(lines, code)
		} else if len(lines) > 0 && strings.TrimSpace(line) != "" {
			break
		}
	}
	if !found || len(lines) == 0 {
		t.Fatalf("docs/server-protocol.md has no script %s", name)
	}
	return strings.Join(lines, "")
}

// run runs a script as the operator sends it, and gives its standard output.
func (s *side) run(t *testing.T, host, text, input string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var encoded bytes.Buffer
	for _, unit := range utf16.Encode([]rune(strings.ReplaceAll(text, "<sha256>", powershell.SHA256()))) {
		encoded.WriteByte(byte(unit))
		encoded.WriteByte(byte(unit >> 8))
	}
	var stdout, stderr bytes.Buffer
	code := s.execute(ctx, s.host(t, host), wsman.Command{User: user, Stdin: strings.NewReader(input), Stdout: &stdout, Stderr: &stderr,
		Line: "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -EncodedCommand " + base64.StdEncoding.EncodeToString(encoded.Bytes())})
	if code != 0 {
		t.Fatalf("%s: exit code %d\n%s\n%s", s.name, code, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// stage puts the module on a host.
func (s *side) stage(t *testing.T, host string) {
	t.Helper()
	if said := s.run(t, host, script(t, "Stage"), base64.StdEncoding.EncodeToString(powershell.Module())); strings.TrimSpace(said) != "LYNCOPS-STAGED" {
		t.Fatalf("%s: staging said %q", s.name, said)
	}
}

var marked = regexp.MustCompile(`<<<LYNCOPS (.*) LYNCOPS>>>`)

// question is a verb with its argument, as JSON text.
type question struct{ verb, argument string }

// ask asks verbs one after the other in one process, as the operator's script would each of them, and gives the answers.
func (s *side) ask(t *testing.T, host string, questions ...question) []answer {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(script(t, "Ask")), "\n")
	last := lines[len(lines)-1]
	lines = lines[:len(lines)-1]
	for _, q := range questions {
		packed := base64.StdEncoding.EncodeToString([]byte(q.argument))
		lines = append(lines, strings.NewReplacer("<Verb>", q.verb, "<Base64 of the UTF-8 JSON argument>", packed).Replace(last))
	}
	return s.answers(t, len(questions), s.run(t, host, strings.Join(lines, "\n"), ""))
}

// order asks one verb with the argument on standard input, as it travels when it may hold a password.
func (s *side) order(t *testing.T, host string, q question) answer {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(script(t, "Ask")), "\n")
	lines[len(lines)-1] = q.verb + " -ArgumentFromInput"
	return s.answers(t, 1, s.run(t, host, strings.Join(lines, "\n"), base64.StdEncoding.EncodeToString([]byte(q.argument))))[0]
}

func (s *side) answers(t *testing.T, count int, said string) []answer {
	t.Helper()
	var list []answer
	for _, found := range marked.FindAllStringSubmatch(said, -1) {
		var a answer
		if err := json.Unmarshal([]byte(found[1]), &a); err != nil {
			t.Fatal(err)
		}
		list = append(list, a)
	}
	if len(list) != count {
		t.Fatalf("%s gave %d answers to %d questions: %q", s.name, len(list), count, said)
	}
	return list
}
