package ansible

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// longestInput bounds what is read from standard input: a manifest with its scripts has about 200 kB.
const longestInput = 16 << 20

// endOfPart is the line that stands between the parts of the input.
const endOfPart = "\x00\x00\x00\x00"

// IsBootstrap says whether a script is Ansible's bootstrap wrapper, which takes everything else from standard input.
func IsBootstrap(script string) bool {
	return strings.Contains(script, "foreach ($in in $input)") && strings.Contains(script, "\"`0`0`0`0\"") &&
		strings.Contains(script, "ConvertFrom-Json -InputObject $codeJson")
}

// bootstrap is the first part of the input: a script that would run the second.
type bootstrap struct {
	Name string `json:"name"`
}

// manifest is the second part: what is to be done, one action within the other.
type manifest struct {
	Actions []action `json:"actions"`
}

// action is a script of Ansible's and its parameters.
type action struct {
	Name   string          `json:"name"`
	Params json.RawMessage `json:"params"`
}

// moduleParams are the parameters of module_wrapper.ps1.
type moduleParams struct {
	Script    string `json:"Script"` // such as ansible.windows.win_shell.ps1
	Variables []struct {
		Name  string          `json:"Name"`
		Value json.RawMessage `json:"Value"`
	} `json:"Variables"`
}

// readManifest takes the input apart.
func readManifest(input io.Reader) (manifest, error) {
	content, err := io.ReadAll(io.LimitReader(input, longestInput))
	if err != nil {
		return manifest{}, err
	}
	parts := bytes.SplitN(content, []byte(endOfPart), 3)
	if len(parts) < 2 {
		return manifest{}, errors.New("standard input has no line of four zero bytes")
	}
	var first bootstrap
	if err := json.Unmarshal(parts[0], &first); err != nil {
		return manifest{}, fmt.Errorf("the first part of standard input: %w", err)
	}
	if first.Name != "exec_wrapper" {
		return manifest{}, fmt.Errorf("the first part of standard input names the script %q, and only exec_wrapper is known", first.Name)
	}
	var m manifest
	if err := json.Unmarshal(parts[1], &m); err != nil {
		return manifest{}, fmt.Errorf("the second part of standard input: %w", err)
	}
	if len(m.Actions) == 0 {
		return manifest{}, errors.New("the manifest has no action")
	}
	return m, nil
}

// module gives a module's name without its collection, and its arguments as JSON.
func (p moduleParams) module() (name string, arguments json.RawMessage) {
	name = strings.TrimSuffix(p.Script, ".ps1")
	name = name[strings.LastIndexByte(name, '.')+1:]
	for _, variable := range p.Variables {
		if variable.Name == "complex_args" {
			return name, variable.Value
		}
	}
	return name, json.RawMessage("{}")
}
