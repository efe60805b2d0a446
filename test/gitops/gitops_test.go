// Package gitops_test holds the health checks of config/argocd against kstatus, so that Argo CD, Flux and Helm say the
// same of an object; it asks no cluster.
package gitops_test

import (
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"lyncops.dev/operator/test/gitops/health"
)

const scriptPath = "../../config/argocd/resource_customizations/lyncops.dev/_/health.lua"

func TestDocumentsAreJudgedAsTheirFirstLineSays(t *testing.T) {
	script := readScript(t)
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no status documents in testdata: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			document, err := health.ReadDocument(path)
			if err != nil {
				t.Fatal(err)
			}
			if kind := document.Object.GroupVersionKind().GroupKind(); !slices.Contains(kinds(), kind) {
				t.Errorf("%s is none of %v", kind, kinds())
			}
			argoCD, message, err := health.Compute(script, document.Object.Object)
			if err != nil {
				t.Fatal(err)
			}
			if argoCD != document.ArgoCD {
				t.Errorf("stage %q is %s (%s) in Argo CD, want %s", document.Stage, argoCD, message, document.ArgoCD)
			}
			if message == "" {
				t.Error("the health check gives no message")
			}
			kstatus, err := health.KStatus(document.Object.Object)
			if err != nil {
				t.Fatal(err)
			}
			if kstatus != document.KStatus {
				t.Errorf("stage %q is %s for kstatus, want %s", document.Stage, kstatus, document.KStatus)
			}
			switch err := health.Agree(argoCD, kstatus); {
			case err != nil && document.Differ == "":
				t.Errorf("stage %q: %v", document.Stage, err)
			case err == nil && document.Differ != "":
				t.Errorf("stage %q: the first line says that the two differ, and they agree", document.Stage)
			}
		})
	}
}

// The order of these tests is the order of precedence: a failure shows through a pause, a pause through work.
func TestHealthFollowsConditions(t *testing.T) {
	script := readScript(t)
	ready := func(status string) map[string]any {
		return condition("Ready", status, "SomeReason", "What is going on.")
	}
	for _, test := range []struct {
		name       string
		conditions []any
		argoCD     string
		kstatus    string
		message    string
	}{
		{"all well", []any{ready("True")}, health.Healthy, "Current", "SomeReason: What is going on."},
		{"upgrading", []any{ready("False"), condition("Reconciling", "True", "Upgrading", "")},
			health.Progressing, "InProgress", "SomeReason: What is going on."},
		{"server down, retrying", []any{ready("Unknown"), condition("Reconciling", "True", "ServerUnreachable", "")},
			health.Progressing, "InProgress", "SomeReason: What is going on."},
		{"needs a person", []any{ready("False"), condition("Stalled", "True", "InstallerFailed", "")},
			health.Degraded, "Failed", "SomeReason: What is going on."},
		{"refused before Ready was ever written", []any{condition("Stalled", "True", "InvalidSpec", "No such Secret.")},
			health.Degraded, "Failed", "InvalidSpec: No such Secret."},
		{"paused and well", []any{ready("True"), condition("Paused", "True", "Paused", "")},
			health.Suspended, "Current", "Paused; SomeReason: What is going on."},
		{"paused with servers to do", []any{condition("Ready", "False", "Paused", "2 of 6 servers are done."), condition("Paused", "True", "Paused", "")},
			health.Suspended, "InProgress", "Paused: 2 of 6 servers are done."},
		{"paused while a server is finished", []any{ready("False"), condition("Reconciling", "True", "Upgrading", ""), condition("Paused", "True", "Paused", "")},
			health.Suspended, "InProgress", "Paused; SomeReason: What is going on."},
		{"paused and needs a person", []any{ready("False"), condition("Paused", "True", "Paused", ""), condition("Stalled", "True", "InstallerFailed", "")},
			health.Degraded, "Failed", "SomeReason: What is going on."},
		{"no longer paused", []any{ready("True"), condition("Paused", "False", "Paused", "")},
			health.Healthy, "Current", "SomeReason: What is going on."},
		{"no longer stalled", []any{ready("True"), condition("Stalled", "False", "UpToDate", "")},
			health.Healthy, "Current", "SomeReason: What is going on."},
		{"only observed and not as declared", []any{condition("Ready", "False", "Observing", "fe01.contoso.com has an older build.")},
			health.Suspended, "InProgress", "Observing: fe01.contoso.com has an older build."},
		{"not known yet", []any{condition("Ready", "Unknown", "Discovering", "")},
			health.Progressing, "InProgress", "Discovering"},
		{"a gate is closed and Ready does not mind", []any{ready("True"), condition("WithinOutageBudget", "False", "BudgetSpent", "")},
			health.Healthy, "Current", "SomeReason: What is going on."},
	} {
		for _, kind := range kinds() {
			t.Run(test.name+"/"+kind.Kind, func(t *testing.T) {
				status := map[string]any{"observedGeneration": int64(3), "conditions": test.conditions}
				object := object(kind, status)
				argoCD, message, err := health.Compute(script, object)
				if err != nil {
					t.Fatal(err)
				}
				kstatus, err := health.KStatus(object)
				if err != nil {
					t.Fatal(err)
				}
				if argoCD != test.argoCD || kstatus != test.kstatus || message != test.message {
					t.Errorf("%s (%q) in Argo CD and %s for kstatus, want %s (%q) and %s", argoCD, message, kstatus, test.argoCD, test.message, test.kstatus)
				}
			})
		}
	}
}

// TestArgoCDAndKStatusAgreeOnEveryCombination goes through every combination of what the two read, in both orders of the
// list, the contradictory ones included.
func TestArgoCDAndKStatusAgreeOnEveryCombination(t *testing.T) {
	script := readScript(t)
	for status := range everyStatus() {
		object := object(kinds()[0], status)
		argoCD, _, err := health.Compute(script, object)
		if err != nil {
			t.Fatalf("%v: %v", status, err)
		}
		kstatus, err := health.KStatus(object)
		if err != nil {
			t.Fatalf("%v: %v", status, err)
		}
		if status["observedGeneration"] == nil || !slices.ContainsFunc(status["conditions"].([]any), isReady) {
			// The operator never writes these. kstatus may take such an object for finished; Argo CD must not.
			if argoCD == health.Healthy {
				t.Errorf("Healthy without observedGeneration or without Ready: %v", status)
			}
			continue
		}
		if err := health.Agree(argoCD, kstatus); err != nil {
			t.Errorf("%v: %v", status, err)
		}
	}
}

func everyStatus() iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		lists := [][]any{{}}
		for _, each := range []struct {
			kind     string
			statuses []string
		}{
			{"Ready", []string{"True", "False", "Unknown"}},
			{"Reconciling", []string{"True", "False"}},
			{"Stalled", []string{"True", "False"}},
			{"Paused", []string{"True", "False"}},
		} {
			for _, shorter := range lists {
				for _, status := range each.statuses {
					lists = append(lists, append(slices.Clone(shorter), condition(each.kind, status, "SomeReason", "")))
				}
			}
		}
		for _, list := range lists {
			reversed := slices.Clone(list)
			slices.Reverse(reversed)
			for _, conditions := range [][]any{list, reversed} {
				// The object has generation 3.
				for _, observed := range []any{nil, int64(-1), int64(2), int64(3)} {
					status := map[string]any{"conditions": conditions}
					if observed != nil {
						status["observedGeneration"] = observed
					}
					if !yield(status) {
						return
					}
				}
			}
		}
	}
}

func isReady(condition any) bool { return condition.(map[string]any)["type"] == "Ready" }

func TestComputeRunsScriptsAsArgoCDDoes(t *testing.T) {
	object := object(kinds()[0], map[string]any{"observedGeneration": int64(3)})
	for _, test := range []struct{ name, script, fragment string }{
		{"a syntax error", `return {`, "run the health script"},
		{"the string library", `return {status = string.upper("healthy")}`, "run the health script"},
		{"the math library", `return {status = math.floor(1)}`, "run the health script"},
		{"files", `return {status = io.read()}`, "run the health script"},
		{"no end", `while true do end`, "context deadline exceeded"},
		{"no table", `return "Healthy"`, "not a table"},
		{"an unknown status", `return {status = "Fine"}`, `"Fine"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := health.Compute(test.script, object)
			if err == nil || !strings.Contains(err.Error(), test.fragment) {
				t.Errorf("error %v, want one with %q", err, test.fragment)
			}
		})
	}
}

func TestDocumentSurvivesWritingAndReading(t *testing.T) {
	document, err := health.ReadDocument("testdata/lyncpool-stale.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.yaml")
	if err := document.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	again, err := health.ReadDocument(path)
	if err != nil {
		t.Fatal(err)
	}
	if again.Stage != document.Stage || again.ArgoCD != document.ArgoCD || again.KStatus != document.KStatus || again.Differ != document.Differ {
		t.Errorf("read %+v, want %+v", again, document)
	}
	if kstatus, err := health.KStatus(again.Object.Object); err != nil || kstatus != document.KStatus {
		t.Errorf("kstatus %s, %v; want %s", kstatus, err, document.KStatus)
	}
}

func TestDocumentWithoutExpectationsIsRefused(t *testing.T) {
	for _, header := range []string{"", "apiVersion: v1", "# stage: working", "# stage: working; argocd: Healthy; kstatus: Current; colour: green"} {
		path := filepath.Join(t.TempDir(), "document.yaml")
		if err := os.WriteFile(path, []byte(header+"\napiVersion: lyncops.dev/v1alpha1\nkind: LyncPool\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := health.ReadDocument(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("first line %q: error %v, want one that names the file", header, err)
		}
	}
}

// kinds returns every kind that people and Argo CD meet, as the CRDs declare them.
func kinds() []schema.GroupKind {
	return []schema.GroupKind{
		{Group: "lyncops.dev", Kind: "BackEndServer"},
		{Group: "lyncops.dev", Kind: "LyncPool"},
		{Group: "lyncops.dev", Kind: "UpgradeDomain"},
	}
}

func object(kind schema.GroupKind, status map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": kind.Group + "/v1alpha1", "kind": kind.Kind,
		"metadata": map[string]any{"name": "one", "namespace": "lync", "generation": int64(3)},
		"status":   status,
	}
}

func condition(kind, status, reason, message string) map[string]any {
	return map[string]any{
		"type": kind, "status": status, "reason": reason, "message": message,
		"observedGeneration": int64(3), "lastTransitionTime": "2026-11-22T10:00:00Z",
	}
}

func readScript(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile(scriptPath)
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}
