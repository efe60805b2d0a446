package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// program is an executable built from a module of this repository.
type program struct {
	name      string   // of the executable
	module    string   // folder with its go.mod
	pkg       string   // package to build; empty for the module's only tool
	links     []string // further names for the executable
	expect    string   // what a first build costs, for a person who waits
	dependsOn []string // what the result depends on beside the module's files
	compiler  bool     // whether the build needs a C compiler
	ldflags   func(ctx context.Context) (string, error)
}

// localplaneProgram is the control plane of hack/localplane.
//
// Its key leaves out the version of Go: rebuilding Kubernetes for each patch
// release of Go costs much and changes nothing for the tests.
func localplaneProgram(hack string) program {
	module := filepath.Join(hack, "localplane")
	return program{
		name:      "localplane",
		module:    module,
		pkg:       ".",
		links:     []string{"kube-apiserver", "etcd", "kubectl"},
		expect:    "7 minutes on two idle cores, up to 20 on busy ones, with 2 GB of memory and 3 GB for Go's caches",
		dependsOn: []string{runtime.GOOS, runtime.GOARCH},
		ldflags: func(ctx context.Context) (string, error) {
			version, err := kubernetesVersion(ctx, module)
			if err != nil {
				return "", err
			}
			// Without these the server calls itself v0.0.0, which no client expects.
			minor := strings.Split(version, ".")[1]
			const variables = "k8s.io/component-base/version"
			return fmt.Sprintf("-s -w -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=1 -X %[1]s.gitMinor=%[3]s -X %[1]s.gitTreeState=clean",
				variables, version, minor), nil
		},
	}
}

// toolProgram is the one tool that hack/tools/NAME/go.mod declares. Tools that
// read Go code must be as new as the code, so the version of Go is in their key.
func toolProgram(hack, name string) program {
	return program{
		name:      name,
		module:    filepath.Join(hack, "tools", name),
		expect:    "under 3 minutes on two cores",
		dependsOn: []string{runtime.GOOS, runtime.GOARCH, runtime.Version()},
		compiler:  name == "powershell-check", // its grammar is C
		ldflags:   func(context.Context) (string, error) { return "-s -w", nil },
	}
}

// cached returns the path of an earlier build, and whether there is one.
func (p program) cached(cache string) (string, bool, error) {
	folder, err := p.folder()
	if err != nil {
		return "", false, err
	}
	path := filepath.Join(cache, folder, p.name)
	return path, exists(path), nil
}

// ensure returns the path of the executable, building it unless that was done before.
func (p program) ensure(ctx context.Context, cache string, out io.Writer) (string, error) {
	name, err := p.folder()
	if err != nil {
		return "", err
	}
	folder, err := ensureFolder(ctx, cache, name, out, func(ctx context.Context, folder string) error {
		return p.build(ctx, folder, out)
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.name, err)
	}
	return filepath.Join(folder, p.name), nil
}

func (p program) folder() (string, error) {
	key, err := sourceKey(p.module, p.dependsOn...)
	return p.name + "-" + key, err
}

func (p program) build(ctx context.Context, folder string, out io.Writer) error {
	ldflags, err := p.ldflags(ctx)
	if err != nil {
		return err
	}
	pkg := p.pkg
	if pkg == "" {
		if pkg, err = goOutput(ctx, p.module, "list", "tool"); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "fetch: building %s from Go modules, once: %s, less where Go's build cache is filled\n", p.name, p.expect)
	began := time.Now()
	reports := startProgress(out, "building "+p.name)
	// No -trimpath: compiled packages are shared with the operator's own build
	// only where the flags are equal.
	build := goCommand(ctx, p.module, "build", "-v", "-buildvcs=false", "-ldflags", ldflags, "-o", filepath.Join(folder, p.name), pkg)
	if p.compiler {
		build.Env = append(build.Env, "CGO_ENABLED=1")
	}
	build.Stdout, build.Stderr = reports, reports
	err = build.Run()
	reports.stop()
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("build in %s failed (run again to go on where it stopped): %w", p.module, err)
	}
	for _, link := range p.links {
		if err := os.Symlink(p.name, filepath.Join(folder, link)); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "fetch: built %s in %s\n", p.name, time.Since(began).Round(time.Second))
	return nil
}

// kubernetesVersion returns the release localplane's go.mod names, such as v1.36.3.
func kubernetesVersion(ctx context.Context, localplane string) (string, error) {
	version, err := goOutput(ctx, localplane, "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return "", err
	}
	if len(strings.Split(version, ".")) != 3 {
		return "", fmt.Errorf("%s/go.mod names Kubernetes %q, which is no release", localplane, version)
	}
	return version, nil
}

func goOutput(ctx context.Context, module string, arguments ...string) (string, error) {
	command := goCommand(ctx, module, arguments...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go %s in %s: %w", strings.Join(arguments, " "), module, err)
	}
	return strings.TrimSpace(string(output)), nil
}

func goCommand(ctx context.Context, module string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = module
	// A workspace file around the checkout must not change what the pins say.
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOTOOLCHAIN=local")
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	return command
}
