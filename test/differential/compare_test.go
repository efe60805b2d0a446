package differential_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lyncops.dev/operator/internal/simulator/deployment"
)

// answer is what stands between the marks.
type answer map[string]any

// differ says how a field may differ between the two, and why.
var differ = map[string]string{
	"time":              "two servers' clocks are read at two moments",
	"bootTime":          "each of the two servers has been started by itself",
	"claimed":           "a moment",
	"started":           "a moment",
	"finished":          "a moment",
	"powerShellVersion": "the engine says which one it is, and the simulator which one a server has",
	"logTail":           "for people; the module says more in it",
	"detail":            "for people, except where the code is JobConflict",
	"raw":               "compared as JSON",
}

// normalized is an answer in which everything that may differ is the same, and everything else as it was.
func normalized(a answer) answer {
	text, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	var copied answer
	if err := json.Unmarshal(text, &copied); err != nil {
		panic(err)
	}
	if failed, ok := copied["error"].(map[string]any); ok {
		normalizeError(failed)
	}
	normalizeFields(copied)
	return copied
}

// normalizeError keeps of a message what a program relies on: the field of a BadArgument, the id in a JobConflict. What a
// cmdlet said is compared in full.
func normalizeError(failed map[string]any) {
	message, _ := failed["message"].(string)
	switch failed["code"] {
	case "BadArgument":
		failed["message"], _, _ = strings.Cut(message, ":")
	case "JobConflict":
		failed["message"] = "names the job " + failed["detail"].(string)
	case "NotInService", "CmdletMissing", "UnknownShape", "Internal":
		failed["message"] = "in the words of each"
	}
}

func normalizeFields(value any) {
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			normalizeFields(one)
		}
	case answer:
		normalizeFields(map[string]any(value))
	case map[string]any:
		for name, field := range value {
			text, isText := field.(string)
			switch {
			case name == "raw" && isText:
				var raw any
				if json.Unmarshal([]byte(text), &raw) == nil {
					value[name] = raw
				}
			case differ[name] != "" && field != nil:
				value[name] = "may differ"
			case name == "message" && value["outcome"] != nil && text != "":
				// Of a job: for people.
				value[name] = "in the words of each"
			default:
				normalizeFields(field)
			}
		}
	}
}

// compare fails where the two answered differently, and says which of them said what.
func compare(t *testing.T, what string, simulated, module answer) {
	t.Helper()
	if difference := cmp.Diff(normalized(simulated), normalized(module)); difference != "" {
		t.Errorf("%s: the two answer differently (-simulator +module):\n%s\nsimulator: %v\nmodule: %v", what, difference, simulated, module)
	}
}

// world is what of a deployment must be the same on both sides.
type world struct {
	Hosts     []deployment.HostState
	Databases []deployment.DatabaseState
}

func worldOf(s *side) world {
	state := s.model.State()
	w := world{state.Hosts, state.Databases}
	for i := range w.Hosts {
		h := &w.Hosts[i]
		// Moments, and the words of who did it.
		h.BootTime, h.OutBy, h.OutSince = time.Time{}, nil, nil
	}
	return w
}

// compareWorlds fails where the two deployments differ in what runs, what is installed, or what the databases are.
func compareWorlds(t *testing.T, what string, simulated, module *side) {
	t.Helper()
	if difference := cmp.Diff(worldOf(simulated), worldOf(module)); difference != "" {
		t.Errorf("%s: the two deployments differ afterwards (-simulator +module):\n%s", what, difference)
	}
}
