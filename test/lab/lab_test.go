package lab_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"lyncops.dev/operator/test/lab"
)

func start(ctx context.Context, t *testing.T) *lab.Lab {
	t.Helper()
	if testing.Short() || os.Getenv(lab.AssetsVariable) == "" {
		t.Skipf("needs a control plane: set %s, as \"make test\" does", lab.AssetsVariable)
	}
	binaries, err := lab.Build(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(ctx, lab.Options{Directory: t.TempDir(), Deployment: "../../internal/simulator/testdata/contoso.yaml", TimeScale: 60,
		Binaries: binaries, Progress: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestEndOfTheContextEndsEverything(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := start(ctx, t)
	if err := l.StartOperator(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	// This waits for the closing that the context has caused.
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.Simulator().State(t.Context()); err == nil {
		t.Error("the simulated servers still answer")
	}
	if out, err := l.Kubectl(t.Context(), "get", "namespaces", "--request-timeout=5s"); err == nil {
		t.Errorf("the control plane still answers: %s", out)
	}
	if err := l.StartOperator(t.Context()); err == nil {
		t.Error("an operator was started in a closed lab")
	}
}

func TestControlPlaneIsReplacedAndServersStay(t *testing.T) {
	ctx := t.Context()
	l := start(ctx, t)
	if err := l.StartOperator(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.ApplySamples(ctx, "config/samples/simulated"); err != nil {
		t.Fatal(err)
	}
	if out, err := l.Kubectl(ctx, "get", "lync"); err != nil || !strings.Contains(out, "pool01") {
		t.Errorf("%s %v", out, err)
	}
	if err := l.ReplaceControlPlane(ctx); err != nil {
		t.Fatal(err)
	}
	if out, err := l.Kubectl(ctx, "get", "lync"); err != nil || strings.Contains(out, "pool01") {
		t.Errorf("%s %v", out, err)
	}
	state, err := l.Simulator().State(ctx)
	if err != nil || len(state.Hosts) < 7 {
		t.Errorf("%d hosts, %v", len(state.Hosts), err)
	}
	if err := l.StartOperator(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.StopOperator(); err != nil {
		t.Error(err)
	}
}
