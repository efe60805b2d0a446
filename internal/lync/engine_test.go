package lync_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/lync/powershell"
	"lyncops.dev/operator/internal/simulator/witness"
	"lyncops.dev/operator/internal/simulator/wsman"
)

// realPowerShell has the host run command lines instead of reading them. Its ProgramData is an empty folder.
func realPowerShell(t *testing.T, h *host) (programData string) {
	t.Helper()
	program, programData, tools := witness.PowerShell(t), t.TempDir(), t.TempDir()
	// Who may read a folder is Windows' own business; here it is enough that the program can be called.
	if err := os.WriteFile(filepath.Join(tools, "icacls.exe"), []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	environment := append(slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "PATH=") }),
		"PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"), "ProgramData="+programData, "PSHOST_STDERR=clixml")
	h.execute = func(command wsman.Command, arguments []string) int {
		process := exec.CommandContext(t.Context(), program, arguments[1:]...)
		process.Env, process.Stdout, process.Stderr = environment, command.Stdout, command.Stderr
		// Standard input that nobody ends must not keep a process from ending.
		input, err := process.StdinPipe()
		if err != nil {
			t.Error(err)
			return 1
		}
		go func() {
			_, _ = io.Copy(input, command.Stdin)
			_ = input.Close()
		}()
		err = process.Run()
		if ended, ok := errors.AsType[*exec.ExitError](err); ok {
			return ended.ExitCode()
		}
		if err != nil {
			t.Errorf("PowerShell did not run: %v", err)
			return 1
		}
		return 0
	}
	return programData
}

func TestScriptsAndModuleRunInPowerShell(t *testing.T) {
	h := newHost(t, ntlm)
	programData := realPowerShell(t, h)
	servers := h.servers(lync.Options{Module: powershell.Module()})

	t.Run("the module is put in place and asked", func(t *testing.T) {
		_, err := servers.Topology(t.Context(), h.access, "pool01.contoso.com")
		if kind := lync.KindOf(err); kind != lync.KindCmdletMissing && kind != lync.KindCmdletFailed {
			t.Errorf("a computer without Lync answered with %q: %v", kind, err)
		}
		staged := filepath.Join(programData, "LyncOps", "module", powershell.SHA256(), "LyncOps.psm1")
		content, err := os.ReadFile(staged)
		if err != nil || !bytes.Equal(content, powershell.Module()) {
			t.Errorf("the module is not there byte for byte: %d bytes, %v", len(content), err)
		}
	})
	t.Run("an order arrives by standard input", func(t *testing.T) {
		order := installOrder("hunter2!")
		order.Parameters = lync.Install{SHA256: strings.Repeat("a", 64), FileName: "Update.exe", TimeoutSeconds: 1_000_000}
		_, err := servers.StartJob(t.Context(), h.access, order)
		wantKind(t, err, lync.KindBadArgument)
		if !strings.Contains(err.Error(), "parameters.timeoutSeconds") {
			t.Errorf("%q does not name the field", err)
		}
	})
	t.Run("a module that does not parse is told", func(t *testing.T) {
		broken := h.servers(lync.Options{Module: []byte("function {")})
		_, err := broken.Facts(t.Context(), h.access)
		failed := wantKind(t, err, lync.KindBadAnswer)
		if strings.Contains(failed.Message, "CLIXML") || !strings.Contains(failed.Message, "exit code 1 and said: ") {
			t.Errorf("%q does not say what PowerShell said", failed.Message)
		}
	})
}
