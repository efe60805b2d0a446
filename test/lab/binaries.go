package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Environment variables that spare Build the building.
const (
	// ManagerVariable names a built manager.
	ManagerVariable = "LYNCOPS_MANAGER"
	// SimulatorVariable names a built lyncsim.
	SimulatorVariable = "LYNCOPS_LYNCSIM"
	// AssetsVariable names a folder with kube-apiserver, etcd and kubectl, as "go run ./hack/fetch assets" prints it.
	AssetsVariable = "KUBEBUILDER_ASSETS"
)

// Binaries are the programs a lab runs.
type Binaries struct {
	// Manager and Lyncsim are the programs of this repository.
	Manager string
	Lyncsim string
	// Machine runs inside Windows machines; empty for the one beside Lyncsim. See BuildMachine.
	Machine string
	// Assets is the folder with kube-apiserver and etcd.
	Assets string
	// Kubectl defaults to the one in Assets.
	Kubectl string
}

// Build makes the programs of this repository in a folder, unless LYNCOPS_MANAGER and LYNCOPS_LYNCSIM name built ones. The
// control plane is the one that KUBEBUILDER_ASSETS names; without it one is fetched, which takes minutes the first time. Call it
// from anywhere inside the repository.
func Build(ctx context.Context, directory string) (Binaries, error) {
	root, err := repositoryRoot()
	if err != nil {
		return Binaries{}, err
	}
	if directory, err = filepath.Abs(directory); err != nil {
		return Binaries{}, err
	}
	result := Binaries{Manager: os.Getenv(ManagerVariable), Lyncsim: os.Getenv(SimulatorVariable)}
	if result.Manager == "" {
		result.Manager = filepath.Join(directory, "manager")
		if _, err := output(ctx, root, "go", "build", "-ldflags", "-s -w", "-o", result.Manager, "."); err != nil {
			return Binaries{}, err
		}
	}
	if result.Lyncsim == "" {
		result.Lyncsim = filepath.Join(directory, "lyncsim")
		if _, err := output(ctx, root, "go", "build", "-ldflags", "-s -w", "-o", result.Lyncsim, "./cmd/lyncsim"); err != nil {
			return Binaries{}, err
		}
	}
	if result.Assets = os.Getenv(AssetsVariable); result.Assets == "" {
		if result.Assets, err = output(ctx, root, "go", "run", "./hack/fetch", "assets"); err != nil {
			return Binaries{}, err
		}
	}
	result.Kubectl = filepath.Join(result.Assets, "kubectl")
	return result, nil
}

// BuildMachine makes the program that runs inside Windows machines, in a folder, and gives its path.
func BuildMachine(ctx context.Context, directory string) (string, error) {
	root, err := repositoryRoot()
	if err != nil {
		return "", err
	}
	path := filepath.Join(directory, "lyncmachine.exe")
	_, err = output(ctx, root, "env", "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0", "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./internal/simulator/windows/inside")
	return path, err
}

// output runs a program and returns what it printed; an error ends with what it complained about.
func output(ctx context.Context, directory, program string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir = directory
	var complaints strings.Builder
	command.Stderr = &complaints
	printed, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", program, strings.Join(arguments, " "), err, complaints.String())
	}
	return strings.TrimSpace(string(printed)), nil
}

// repositoryRoot finds the folder with the operator's go.mod from any folder inside the repository.
func repositoryRoot() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for folder := here; ; folder = filepath.Dir(folder) {
		_, err := os.Stat(filepath.Join(folder, "config", "crd", "bases"))
		if err == nil {
			return folder, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || folder == filepath.Dir(folder) {
			return "", fmt.Errorf("%s is not inside the repository: run this from there", here)
		}
	}
}
