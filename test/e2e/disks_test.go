package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lyncops.dev/operator/test/lab"
)

// checkMachineDisks turns the Windows machines of a lab off and looks for passwords in every file on their disks and in their registries. What
// must be there is found in the registry of each, so that the absence of the rest means something.
func checkMachineDisks(t *testing.T, l *lab.Lab, directory string, names []string, mustBeThere string, passwords ...string) {
	t.Helper()
	for _, name := range names {
		if err := l.Simulator().Power(t.Context(), name, "off"); err != nil {
			t.Fatal(err)
		}
	}
	machines, err := filepath.Glob(filepath.Join(directory, "machines-*", "*", "winebox.conf"))
	if err != nil || len(machines) != len(names) {
		t.Fatalf("there are %d machines and not %d: %v", len(machines), len(names), err)
	}
	for _, conf := range machines {
		machine := filepath.Dir(conf)
		eventually(t, "the machine to end, which writes its registry", func() (bool, string) {
			_, err := os.Stat(filepath.Join(machine, "winebox.pid"))
			return os.IsNotExist(err), machine + " runs"
		})
		files, where := 0, map[string]bool{}
		err := filepath.WalkDir(machine, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) { // a machine that goes down takes the folder of its server process along
				return nil
			}
			if err != nil || !entry.Type().IsRegular() { // Wine's own files are links
				return err
			}
			text, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			files++
			for _, password := range passwords {
				if holds(text, password) {
					t.Errorf("a password is in %s", path)
				}
			}
			where[filepath.Base(path)] = where[filepath.Base(path)] || holds(text, mustBeThere)
			return err
		})
		if err != nil || files < 100 || !where["system.reg"] {
			t.Errorf("%s: looked at %d files; in the registry %q was found: %t; %v", machine, files, mustBeThere, where["system.reg"], err)
		}
	}
}

// holds says whether bytes hold a text in UTF-8 or UTF-16, as it is, in Base64 at any offset, or as a registry file shows binary values.
func holds(contents []byte, text string) bool {
	contents = bytes.ReplaceAll(contents, []byte(",\\\n  "), []byte(",")) // a registry file breaks long lines
	for _, form := range [][]byte{[]byte(text), utf16le(text)} {
		looks := [][]byte{form, []byte(registryBytes(form))}
		for before := range 3 {
			encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), form...))
			// The first and the last letters depend on what stands beside.
			looks = append(looks, []byte(encoded[(before*8+5)/6:len(encoded)-1]))
		}
		for _, look := range looks {
			if bytes.Contains(contents, look) {
				return true
			}
		}
	}
	return false
}

// registryBytes is how a registry file shows bytes.
func registryBytes(text []byte) string {
	parts := make([]string, len(text))
	for i, b := range text {
		parts[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(parts, ",")
}

func TestPasswordsAreFoundInEveryForm(t *testing.T) {
	for name, contents := range map[string][]byte{
		"plain": []byte("x" + password + "y"), "UTF-16": append([]byte{1}, utf16le(password)...),
		"a registry file": []byte(`"Secret"=hex:` + registryBytes(utf16le("x"+password[:7])) + ",\\\n  " + registryBytes(utf16le(password[7:]))),
		"Base64":          []byte(base64.StdEncoding.EncodeToString([]byte(`{"password":"` + password + `"}`))),
		"Base64 by one":   []byte(base64.StdEncoding.EncodeToString([]byte(`{"Password":"x` + password + `"}`))),
		"Base64 by two":   []byte(base64.StdEncoding.EncodeToString([]byte(`{"password":"xy` + password + `"}`))),
		"encoded command": []byte(base64.StdEncoding.EncodeToString(utf16le("set " + password + " now"))),
	} {
		if !holds(contents, password) {
			t.Errorf("not found: %s", name)
		}
	}
	if holds([]byte("Correct-Horse-8-Battery"), password) {
		t.Error("found where it is not")
	}
}
