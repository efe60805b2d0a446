// Command localplane holds a small but real Kubernetes control plane in one
// executable: kube-apiserver, etcd, kubectl and the few controllers that
// objects of an operator rely on. It serves tests and demonstrations on one
// machine; nothing of it is meant for production, and nothing of the operator
// belongs here.
//
// Started under the name of one of its programs (through a link, or with the
// name as the first argument) it is that program, so a folder of links can be
// used as KUBEBUILDER_ASSETS. "localplane up" runs all of them together.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	programs := map[string]func(){
		"etcd":           runEtcd,
		"kube-apiserver": runAPIServer,
		"kubectl":        runKubectl,
	}
	usage := func() {
		fmt.Fprintf(os.Stderr, "usage: localplane up [flags]\n       localplane %s [arguments]\n",
			strings.Join(slices.Sorted(maps.Keys(programs)), "|"))
		os.Exit(2)
	}
	if program, found := programs[programName(os.Args[0])]; found {
		program()
		return
	}
	if len(os.Args) < 2 {
		usage()
	}
	if program, found := programs[os.Args[1]]; found {
		os.Args = os.Args[1:]
		program()
		return
	}
	if os.Args[1] != "up" {
		usage()
	}
	options, err := parseOptions(os.Args[2:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2)
	}
	// up sends os.Stderr to a log file, so the real one is kept for its error.
	stderr := os.Stderr
	if err := up(context.Background(), options, os.Stdout); err != nil {
		fmt.Fprintln(stderr, "localplane:", err)
		os.Exit(1)
	}
}

func programName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), ".exe")
}
