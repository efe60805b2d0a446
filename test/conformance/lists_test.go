package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The same clients every time: whatever is installed has its exact version in a list.
func TestEveryClientIsPinned(t *testing.T) {
	lists, err := filepath.Glob("clients/*.txt")
	if err != nil || len(lists) != 3 {
		t.Fatalf("lists %v, %v", lists, err)
	}
	for _, list := range lists {
		pinned := regexp.MustCompile(`^[A-Za-z0-9._-]+==[0-9][0-9a-z.]*$`)
		if strings.HasSuffix(list, "debian.txt") {
			pinned = regexp.MustCompile(`^[a-z0-9.+-]+=[0-9][A-Za-z0-9.+:~-]*$`)
		}
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		for number, line := range strings.Split(string(text), "\n") {
			line = strings.TrimPrefix(line, "# collection ")
			if line != "" && !strings.HasPrefix(line, "#") && !pinned.MatchString(line) {
				t.Errorf("%s:%d: %q names no exact version", list, number+1, line)
			}
		}
	}
}
