package powershell_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/lyncops"
	"lyncops.dev/operator/internal/simulator/sample"
)

var update = flag.Bool("update", false, "write what the module makes of the recorded answers anew")

// recordedAnswer is what a verb answered.
type recordedAnswer struct {
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// TestRecordedAnswers compares what the module makes of the answers of real servers, in testdata/recorded, with what a person has
// read and found right. Then it asks a server that is fit, and one without Lync, for preflight: the simulator must say the same.
func TestRecordedAnswers(t *testing.T) {
	answers := map[string]map[string]recordedAnswer{}
	for line := range strings.Lines(run(t, "Desktop", t.TempDir(), "recorded.ps1")) {
		folder, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		question, text, _ := strings.Cut(rest, " ")
		if answers[folder] == nil {
			answers[folder] = map[string]recordedAnswer{}
		}
		answers[folder][question] = readLine(t, text)
	}
	preflight := answers["-"]
	delete(answers, "-")
	folders, err := os.ReadDir(filepath.Join("testdata", "recorded"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if folder.IsDir() {
			t.Run(folder.Name(), func(t *testing.T) { compareRecorded(t, folder.Name(), answers[folder.Name()]) })
		}
	}
	for name, host := range map[string]string{"fit": "fe01.contoso.com", "withoutLync": "sql01.contoso.com"} {
		t.Run("preflight of a server/"+name, func(t *testing.T) {
			module, simulated := checksOf(t, preflight[name]), checksOf(t, simulatedPreflight(t, host))
			if name == "withoutLync" {
				// Each says in its own words what is missing.
				module[len(module)-1].Found, simulated[len(simulated)-1].Found = "", ""
			}
			if difference := cmp.Diff(module, simulated); difference != "" || len(module) == 0 {
				t.Errorf("module and simulator differ (-module +simulator):\n%s", difference)
			}
		})
	}
}

func readLine(t *testing.T, line string) recordedAnswer {
	t.Helper()
	var answer recordedAnswer
	text := strings.TrimSuffix(strings.TrimPrefix(line, "<<<LYNCOPS "), " LYNCOPS>>>")
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return answer
}

func compareRecorded(t *testing.T, folder string, answers map[string]recordedAnswer) {
	t.Helper()
	got := map[string]any{}
	if readiness, asked := answers["readiness"]; asked {
		if readiness.OK {
			var result map[string]any
			decode(t, readiness.Result, &result)
			delete(result, "raw") // the file says that better
			got["readiness"] = result
		} else {
			got["readiness"] = readiness.Error
		}
	}
	if facts, asked := answers["facts"]; asked {
		var result struct{ Services, Components any }
		decode(t, facts.Result, &result)
		got["services"], got["components"] = result.Services, result.Components
	}
	if len(got) == 0 {
		t.Fatal("the folder holds none of readiness.json, services.json and uninstall.json")
	}
	var pretty bytes.Buffer
	encoder := json.NewEncoder(&pretty)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "recorded", folder, "expected.json")
	if *update {
		if err := os.WriteFile(path, pretty.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run this test with -update, and read what it wrote", err)
	}
	if difference := cmp.Diff(string(want), pretty.String()); difference != "" {
		t.Errorf("%s (-want +got):\n%s", path, difference)
	}
}

func decode(t *testing.T, text json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

type preflightCheck struct {
	Name, Found, Remedy string
	OK                  bool
}

func checksOf(t *testing.T, answer recordedAnswer) []preflightCheck {
	t.Helper()
	var result struct{ Checks []preflightCheck }
	decode(t, answer.Result, &result)
	return result.Checks
}

func simulatedPreflight(t *testing.T, host string) recordedAnswer {
	t.Helper()
	model := sample.Model(t, "contoso.yaml", deployment.Options{TimeScale: 1000})
	server, known := model.Host(host)
	if !known {
		t.Fatalf("there is no server %s", host)
	}
	argument := base64.StdEncoding.EncodeToString([]byte(`{"poolFqdn":"pool01.contoso.com"}`))
	return readLine(t, lyncops.Answer(t.Context(), server, "CONTOSO\\somebody", "Get-LyncOpsPreflight", argument))
}
