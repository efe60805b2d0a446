// Command fetch gets what the Makefile needs and a fresh machine does not have:
// a Kubernetes control plane for tests and the tools of hack/tools. Everything
// is pinned by a go.mod and go.sum, built once, and kept in a cache outside the
// checkout. It uses the standard library only, so that "go run" needs nothing.
//
//	go run ./hack/fetch assets       prints the folder for KUBEBUILDER_ASSETS
//	go run ./hack/fetch localplane   prints the path of the built localplane
//	go run ./hack/fetch TOOL         prints the path of the built hack/tools/TOOL
//	go run ./hack/fetch clients-SET  prints the folder with the clients of test/conformance/clients/SET.txt
//
// Standard output holds that one line; progress and errors go to standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	path, err := run(ctx, os.Args[1:], os.Getenv)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, path)
}

// run returns the path that was asked for in arguments.
func run(ctx context.Context, arguments []string, getenv func(string) string) (string, error) {
	if len(arguments) != 1 {
		return "", errors.New("say what to fetch: assets, localplane, or the name of a folder in hack/tools")
	}
	hack, err := hackFolder()
	if err != nil {
		return "", err
	}
	cache, err := cacheFolder(getenv, filepath.Dir(hack))
	if err != nil {
		return "", err
	}
	switch name := arguments[0]; name {
	case "assets":
		return assets{hack: hack, cache: cache, getenv: getenv, out: os.Stderr}.folder(ctx)
	case "localplane":
		localplane := localplaneProgram(hack)
		return localplane.ensure(ctx, cache, os.Stderr)
	default:
		if strings.HasPrefix(name, clientsPrefix) {
			return clientsSet(hack, name, os.Stderr).ensure(ctx, cache)
		}
		tool := toolProgram(hack, name)
		if _, err := os.Stat(filepath.Join(tool.module, "go.mod")); err != nil {
			return "", fmt.Errorf("there is no tool %q: %w", name, err)
		}
		return tool.ensure(ctx, cache, os.Stderr)
	}
}

// hackFolder finds this repository's hack folder from any folder inside it.
func hackFolder() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for folder := here; ; folder = filepath.Dir(folder) {
		hack := filepath.Join(folder, "hack")
		_, err := os.Stat(filepath.Join(hack, "localplane", "go.mod"))
		if err == nil {
			return hack, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || folder == filepath.Dir(folder) {
			return "", fmt.Errorf("%s is not inside the repository: run this from there", here)
		}
	}
}
