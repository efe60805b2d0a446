// Package sample gives tests the deployments of internal/simulator/testdata. What a test makes of them belongs to the test.
package sample

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"lyncops.dev/operator/internal/simulator/deployment"
)

// Description reads one of the files, such as contoso.yaml, with more YAML at its end.
func Description(t testing.TB, name, more string) deployment.Deployment {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for folder != filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			break
		}
		folder = filepath.Dir(folder)
	}
	text, err := os.ReadFile(filepath.Join(folder, "internal", "simulator", "testdata", name)) //nolint:gosec // a test names it
	if err != nil {
		t.Fatal(err)
	}
	description, err := deployment.ParseYAML(append(text, more...))
	if err != nil {
		t.Fatal(err)
	}
	return description
}

// Model is a model of one of the files, which ends with the test.
func Model(t testing.TB, name string, options deployment.Options) *deployment.Model {
	t.Helper()
	model, err := deployment.New(Description(t, name, ""), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(model.Close)
	return model
}

// InVirtualTime runs a test against a model of one of the files, with more YAML at its end, where time passes at once.
func InVirtualTime(t *testing.T, name, more string, run func(t *testing.T, model *deployment.Model)) {
	t.Helper()
	description := Description(t, name, more)
	synctest.Test(t, func(t *testing.T) {
		model, err := deployment.New(description, deployment.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer model.Close()
		run(t, model)
	})
}
