package engine_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/engine"
	"lyncops.dev/operator/internal/simulator/sample"
	"lyncops.dev/operator/internal/simulator/witness"
	"lyncops.dev/operator/internal/simulator/wsman"
)

// start gives a model whose hosts' commands an engine runs.
func start(t *testing.T, reuse bool) (*deployment.Model, *engine.Executor) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts PowerShell engines")
	}
	program := witness.PowerShell(t)
	model := sample.Model(t, "contoso.yaml", deployment.Options{TimeScale: 200, Disks: t.TempDir()})
	executor, err := engine.New(t.Context(), model, engine.Options{Program: program, Directory: t.TempDir(), TimeScale: 200, Reuse: reuse})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		model.Close()
		executor.Close()
	})
	return model, executor
}

func run(ctx context.Context, t *testing.T, model *deployment.Model, executor *engine.Executor, host, script, input string) (output, complaints string, exit int) {
	t.Helper()
	h, ok := model.Host(host)
	if !ok {
		t.Fatalf("there is no host %s", host)
	}
	var encoded []byte
	for _, unit := range utf16.Encode([]rune(script)) {
		encoded = binary.LittleEndian.AppendUint16(encoded, unit)
	}
	ctx, release := h.Bind(ctx)
	defer release()
	var stdout, stderr bytes.Buffer
	exit = executor.Execute(ctx, h, wsman.Command{Line: "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -EncodedCommand " + base64.StdEncoding.EncodeToString(encoded),
		User: `CONTOSO\svc-lyncops`, Stdin: strings.NewReader(input), Stdout: &stdout, Stderr: &stderr})
	return stdout.String(), stderr.String(), exit
}

// TestScriptsEndAlikeInBothModes: a script does not notice whether it has a process of its own.
func TestScriptsEndAlikeInBothModes(t *testing.T) {
	scripts := map[string]struct {
		host, script, input string
		output, complaint   string
		exit                int
	}{
		"exit code":        {"fe01", `'before'; exit 3`, "", "before\n", "", 3},
		"an error":         {"fe01", `$ErrorActionPreference = 'Stop'; throw 'it broke'`, "", "", "it broke", 1},
		"standard input":   {"fe01", `[System.Console]::In.ReadToEnd().Trim()`, "from outside\r\n", "from outside\n", "", 0},
		"the host":         {"fe02", `"$env:COMPUTERNAME, $([System.Environment]::MachineName) for $env:USERNAME"`, "", "FE02, FE02 for svc-lyncops\n", "", 0},
		"another host":     {"se01", `(Get-WmiObject -Class Win32_OperatingSystem).CSName`, "", "SE01\n", "", 0},
		"nothing is kept":  {"fe01", `"'$lost' $(Get-Variable lost -ErrorAction SilentlyContinue)"; $global:lost = 1; function global:Get-Lost { 1 }`, "", "'' \n", "", 0},
		"nothing was kept": {"fe01", `"'$lost' $(@(Get-Command Get-Lost -ErrorAction SilentlyContinue).Count)"`, "", "'' 0\n", "", 0},
		"a program":        {"fe01", `whoami; "exit code $LASTEXITCODE"`, "", "contoso\\svc-lyncops\nexit code 0\n", "", 0},
		"no Lync":          {"sql01", `@(Get-Module -ListAvailable -Name Lync).Count`, "", "0\n", "", 0},
	}
	for name, reuse := range map[string]bool{"a process each": false, "shared processes": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			model, executor := start(t, reuse)
			for what, s := range scripts {
				output, complaints, exit := run(t.Context(), t, model, executor, s.host, s.script, s.input)
				if got := strings.ReplaceAll(output, "\r\n", "\n"); got != s.output || exit != s.exit || !strings.Contains(complaints, s.complaint) {
					t.Errorf("%s: %q, %q, exit code %d; want %q, %q, %d", what, got, complaints, exit, s.output, s.complaint, s.exit)
				}
			}
		})
	}
}

// TestARestartEndsCommands: what runs on a host ends when the host goes down, and nothing of it is left.
func TestARestartEndsCommands(t *testing.T) {
	for name, reuse := range map[string]bool{"a process each": false, "shared processes": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			model, executor := start(t, reuse)
			host, _ := model.Host("fe01")
			go func() {
				for len(host.Processes()) == 0 && t.Context().Err() == nil {
					time.Sleep(time.Millisecond)
				}
				if err := host.Power("reboot"); err != nil {
					t.Error(err)
				}
			}()
			// Without the restart this takes longer than any test may.
			_, _, exit := run(t.Context(), t, model, executor, "fe01", `Start-Sleep -Seconds 6000000`, "")
			if exit == 0 || len(host.Processes()) > 0 {
				t.Errorf("exit code %d, processes %v", exit, host.Processes())
			}
			// The next command finds another process.
			for down, _ := host.Down(); down; down, _ = host.Down() {
				time.Sleep(10 * time.Millisecond)
			}
			if output, complaints, exit := run(t.Context(), t, model, executor, "fe01", `'again'`, ""); !strings.HasPrefix(output, "again") {
				t.Errorf("%q, %q, exit code %d", output, complaints, exit)
			}
		})
	}
}
