package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// downloadTimeout bounds one attempt to download a control plane of about 60 MB.
const downloadTimeout = 5 * time.Minute

// assets finds a folder with kube-apiserver, etcd and kubectl.
type assets struct {
	hack   string // this repository's hack folder
	cache  string
	getenv func(string) string
	out    io.Writer // for progress
}

// folder returns, in this order: KUBEBUILDER_ASSETS, an earlier build of
// localplane, the binaries setup-envtest downloads, a new build of localplane.
// LYNCOPS_ASSETS=download or LYNCOPS_ASSETS=build leaves only that choice.
func (a assets) folder(ctx context.Context) (string, error) {
	if folder := a.getenv("KUBEBUILDER_ASSETS"); folder != "" {
		for _, name := range []string{"kube-apiserver", "etcd", "kubectl"} {
			if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
				return "", fmt.Errorf("KUBEBUILDER_ASSETS has no %s (unset it to have one fetched): %w", name, err)
			}
		}
		return folder, nil
	}
	localplane := localplaneProgram(a.hack)
	source := a.getenv("LYNCOPS_ASSETS")
	switch source {
	case "", "build", "download":
	default:
		return "", fmt.Errorf("LYNCOPS_ASSETS is %q, not download or build", source)
	}
	if source != "download" {
		path, found, err := localplane.cached(a.cache)
		if found || err != nil {
			return filepath.Dir(path), err
		}
	}
	if source != "build" {
		folder, err := a.download(ctx, localplane.module)
		if err == nil || source == "download" || ctx.Err() != nil {
			return folder, err
		}
		fmt.Fprintf(a.out, "fetch: no control plane could be downloaded, so one is built: %v\n", err)
	}
	path, err := localplane.ensure(ctx, a.cache, a.out)
	return filepath.Dir(path), err
}

func (a assets) download(ctx context.Context, localplane string) (string, error) {
	tool := toolProgram(a.hack, "setup-envtest")
	setup, err := tool.ensure(ctx, a.cache, a.out)
	if err != nil {
		return "", err
	}
	version, err := kubernetesVersion(ctx, localplane)
	if err != nil {
		return "", err
	}
	release := version[1:strings.LastIndex(version, ".")] + ".x"
	fmt.Fprintf(a.out, "fetch: looking for a prebuilt Kubernetes %s, about 60 MB\n", release)
	reports := startProgress(a.out, "downloading Kubernetes "+release)
	defer reports.stop()
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, setup, "use", release, "--bin-dir", filepath.Join(a.cache, "envtest"), "-p", "path")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		reason, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return "", fmt.Errorf("setup-envtest: %w: %s", err, reason)
	}
	folder := strings.TrimSpace(string(output))
	if folder == "" {
		return "", errors.New("setup-envtest printed no folder")
	}
	return folder, nil
}
