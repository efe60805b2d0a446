package e2e_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"lyncops.dev/operator/test/lab"
)

// The password of the samples, which the simulated servers know.
const password = "Correct-Horse-7-Battery"

// checkNoPassword looks for a password, plain or encoded as it travels, in everything the operator writes: objects, events, logs and
// what it sends to the servers.
func checkNoPassword(t *testing.T, l *lab.Lab, directory, password string) {
	t.Helper()
	forms := []string{password, base64.StdEncoding.EncodeToString([]byte(password)), base64.StdEncoding.EncodeToString(utf16le(password))}
	check := func(where, text string) {
		for _, form := range forms {
			// The end of a Base64 text depends on what follows.
			if strings.Contains(text, strings.TrimRight(form, "=")) {
				t.Errorf("a password is in %s", where)
			}
		}
	}
	objects, err := l.Kubectl(t.Context(), "get", "lyncpools,upgradedomains,backendservers,configmaps,events,events.events.k8s.io", "--all-namespaces", "--show-managed-fields", "--output=json")
	if err != nil {
		t.Fatal(err)
	}
	check("an object or event", objects)
	text, err := json.Marshal(readRecord(t, l))
	if err != nil {
		t.Fatal(err)
	}
	check("the record of the servers", string(text))
	logs := 0
	err = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".log" {
			return err
		}
		text, err := os.ReadFile(path)
		logs++
		check(path, string(text))
		return err
	})
	if err != nil || logs < 3 {
		t.Errorf("%d logs were looked at: %v", logs, err)
	}
}

func utf16le(text string) []byte {
	var result []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		result = binary.LittleEndian.AppendUint16(result, unit)
	}
	return result
}
