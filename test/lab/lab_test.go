package lab_test

import (
	"os"
	"strings"
	"testing"

	"lyncops.dev/operator/test/lab"
)

func TestLabLivesAndIsReplaced(t *testing.T) {
	if testing.Short() || os.Getenv(lab.AssetsVariable) == "" {
		t.Skip("needs " + lab.AssetsVariable)
	}
	ctx := t.Context()
	binaries, err := lab.Build(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(ctx, lab.Options{Directory: t.TempDir(), Deployment: "../../internal/simulator/testdata/contoso.yaml", TimeScale: 60, Binaries: binaries, Progress: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
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
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
