//go:build windows

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	exitFatalError = 1603
	// packageMark stands before the description at the end of an update package.
	packageMark = "\nLYNCMACHINE PACKAGE "
	// beginsWithin is how long the simulator may take to refuse an installation before the first files are replaced.
	beginsWithin = 500 * time.Millisecond
	// endsWithin is how long the machine may take to be gone when the simulator has said that it is.
	endsWithin = 20 * time.Second
)

// updatePackage is what an update package says about itself.
type updatePackage struct {
	Build      string            `json:"build"`
	Components map[string]string `json:"components"`
	digest     string
	path       string
}

// ownPackage reads the description at the end of this program; nil when there is none.
func ownPackage() (*updatePackage, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	contents, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	// The mark is also among this program's own texts, but no description follows there.
	at := bytes.LastIndex(contents, []byte(packageMark))
	if at < 0 || !json.Valid(contents[at+len(packageMark):]) {
		return nil, nil
	}
	sum := sha256.Sum256(contents)
	update := &updatePackage{digest: hex.EncodeToString(sum[:]), path: path}
	return update, json.Unmarshal(contents[at+len(packageMark):], update)
}

func (u *updatePackage) versionOf(name string) string {
	_, short, _ := strings.Cut(name, ",")
	for known, version := range u.Components {
		if strings.EqualFold(known, name) || strings.EqualFold(known, strings.TrimSpace(short)) {
			return version
		}
	}
	return u.Build
}

// install gives the exit code. The simulator says how long it takes and how it ends; half of the components are at the new
// version when it has begun, the other half when it has ended.
func (u *updatePackage) install(arguments []string) int {
	log := func(text string) {
		if file, err := os.OpenFile(u.path+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			defer file.Close()
			fmt.Fprintf(file, "%s %s\r\n", time.Now().UTC().Format(time.RFC3339Nano), text)
		}
	}
	here, err := readMachine()
	if err != nil {
		log(err.Error())
		return exitFatalError
	}
	type end struct {
		code int
		err  error
	}
	ended := make(chan end, 1)
	log("begins with " + strings.Join(arguments, " "))
	go func() {
		answer, err := here.call(context.Background(), "LyncSim-Install", map[string]any{"digest": u.digest, "file": filepath.Base(u.path), "arguments": strings.Join(arguments, " ")})
		code, ok := answer.(float64)
		if err == nil && !ok {
			err = fmt.Errorf("the simulator gave no exit code: %v", answer)
		}
		ended <- end{int(code), err}
	}()
	components := componentsOf(here.Product)
	var result end
	select {
	case result = <-ended:
	case <-time.After(beginsWithin):
		if err := u.raise(components[:len(components)/2]); err != nil {
			log(err.Error())
			return exitFatalError
		}
		log("half of the components are new")
		result = <-ended
	}
	if result.err != nil {
		log(result.err.Error())
		// Mostly the machine is about to be turned off: then this must not end before everything does.
		time.Sleep(endsWithin)
		return exitFatalError
	}
	if slices.Contains([]int{0, 2, 1641, 3010}, result.code) {
		err := u.raise(components)
		if err == nil && result.code != 0 {
			replaced := u.path + ".old"
			if err = os.WriteFile(replaced, nil, 0o600); err == nil {
				err = askForReboot(replaced)
			}
		}
		if err != nil {
			log(err.Error())
			return exitFatalError
		}
	}
	log(fmt.Sprintf("ends with %d", result.code))
	return result.code
}

func (u *updatePackage) raise(components []component) error {
	for _, c := range components {
		if err := c.raise(u.versionOf(c.Name)); err != nil {
			return err
		}
	}
	return nil
}
