package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const contoso = "../../internal/simulator/testdata/contoso.yaml"

func TestServeSaysWhenItIsReadyAndEndsWhenTold(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	read, write := io.Pipe()
	directory := t.TempDir()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--deployment", contoso, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--state-dir", directory, "--time-scale", "30"}, write, io.Discard)
	}()
	line := make([]byte, 200)
	n, err := read.Read(line)
	if err != nil || !strings.HasPrefix(string(line[:n]), "lyncsim ready: WinRM on 127.0.0.1:") {
		t.Fatalf("%q, %v", line[:n], err)
	}
	if _, err := os.Stat(filepath.Join(directory, "ca.crt")); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestDescribeShowsPackagesAndNoPasswords(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"describe", "--deployment", contoso}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"fe06.contoso.com", "UpgradeDomain3", "sha256 ", `CONTOSO\svc-lyncops`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "Horse") {
		t.Error("a password is shown")
	}
}

func TestMistakesAreNamed(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("pools: []\ncolour: blue\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, arguments := range map[string][]string{
		"a command is missing":       {},
		`there is no command "sing"`: {"sing"},
		"--deployment is missing":    {"serve"},
		"no such file":               {"serve", "--deployment", "nosuch.yaml"},
		"line 2: field colour":       {"describe", "--deployment", broken},
		"one argument too many":      {"describe", "--deployment", contoso, "more"},
		"--time-scale":               {"serve", "--deployment", contoso, "--time-scale", "0"},
		"--channel-binding":          {"serve", "--deployment", contoso, "--channel-binding", "Hard"},
		"loopback":                   {"serve", "--deployment", contoso, "--control", "0.0.0.0:0"},
	} {
		if err := run(t.Context(), arguments, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want one with %q", arguments, err, want)
		}
	}
}
