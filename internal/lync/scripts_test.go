package lync

import (
	"os"
	"strings"
	"testing"
)

func TestScriptsAreThoseOfTheProtocol(t *testing.T) {
	text, err := os.ReadFile("../../docs/server-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	document := strings.NewReplacer("<Verb>", "<verb>", "<Base64 of the UTF-8 JSON argument>", "<argument>").Replace(string(text))
	for name, script := range map[string]string{
		"ask":   askScript,
		"order": strings.Replace(orderScript, firstLines, "... the same first lines ...\n", 1),
		"stage": stageScript,
	} {
		indented := "    " + strings.ReplaceAll(script, "\n", "\n    ")
		if !strings.Contains(document, "\n\n"+indented+"\n\n") {
			t.Errorf("docs/server-protocol.md does not hold the script %q, line for line", name)
		}
	}
}
