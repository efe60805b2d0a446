package windows

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"lyncops.dev/operator/internal/simulator/deployment"
)

// ProgramName is the program that runs inside the machines, built from the folder inside for Windows.
const ProgramName = "lyncmachine.exe"

// packageMark is what the program looks for at its own end.
const packageMark = "\nLYNCMACHINE PACKAGE "

// ReadProgram reads the program that runs inside the machines; an empty path means ProgramName beside the program that runs.
func ReadProgram(path string) ([]byte, error) {
	if path == "" {
		own, err := os.Executable()
		if err != nil {
			return nil, err
		}
		path = filepath.Join(filepath.Dir(own), ProgramName)
	}
	contents, err := os.ReadFile(path) //nolint:gosec // whoever starts the simulator names the file
	if err != nil {
		return nil, fmt.Errorf("the program for the Windows machines (make build builds it): %w", err)
	}
	return contents, nil
}

// MakePackages makes every package of a description a program for Windows. The same program and the same description give the same
// SHA-256.
func MakePackages(description *deployment.Deployment, program []byte) error {
	for i := range description.Packages {
		p := &description.Packages[i]
		text, err := json.Marshal(map[string]any{"source": p.Sources[0], "build": p.Build, "components": p.Components})
		if err != nil {
			return err
		}
		p.Contents = string(program) + packageMark + string(text)
	}
	return nil
}

// placeOf is where a machine in a folder finds a source: a share or its own disk. Empty for an address that leads elsewhere.
func placeOf(machine, source string) string {
	slashes := strings.ReplaceAll(source, `\`, "/")
	if share, found := strings.CutPrefix(slashes, "//"); found {
		return filepath.Join(machine, "dosdevices", "unc", share)
	}
	if len(source) > 3 && strings.EqualFold(source[:3], `C:\`) {
		return filepath.Join(machine, "drive_c", slashes[3:])
	}
	return ""
}
