package cmdlets

import (
	"encoding/base64"
	"slices"
	"testing"
	"unicode/utf16"
)

func encode(script string) string {
	var text []byte
	for _, unit := range utf16.Encode([]rune(script)) {
		text = append(text, byte(unit), byte(unit>>8))
	}
	return base64.StdEncoding.EncodeToString(text)
}

// Whoever judges a command has to see what is encoded in it, however the switch is spelled and however deep it lies.
func TestEncodedScriptsAreSeen(t *testing.T) {
	inner := "powershell -enc " + encode("hostname")
	tests := map[string]struct {
		line string
		want []string
	}{
		"nothing encoded": {"net stop w3svc", nil},
		"in full":         {"powershell.exe -NoProfile -EncodedCommand " + encode("whoami"), []string{"whoami"}},
		"shortened":       {"powershell -e " + encode("whoami"), []string{"whoami"}},
		"half shortened":  {"powershell -EncodedC " + encode("whoami"), []string{"whoami"}},
		"with a slash":    {"powershell /ec " + encode("whoami"), []string{"whoami"}},
		"in quotes":       {`powershell -enc "` + encode("whoami") + `"`, []string{"whoami"}},
		"within another":  {"powershell -enc " + encode(inner), []string{inner, "hostname"}},
		"not Base64":      {"powershell -enc !!!", nil},
		"another switch":  {"powershell -ExecutionPolicy RemoteSigned -Command whoami", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, want := Texts(test.line), append([]string{test.line}, test.want...); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}
