package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// cacheFolder returns the folder that keeps what was built or downloaded. It is
// outside the checkout, so that every clone on a machine shares it; only where
// no home folder is known it is the ignored folder .cache of the checkout.
func cacheFolder(getenv func(string) string, checkout string) (string, error) {
	folder := filepath.Join(checkout, ".cache")
	switch {
	case getenv("LYNCOPS_CACHE") != "":
		folder = getenv("LYNCOPS_CACHE")
	case getenv("XDG_CACHE_HOME") != "":
		folder = filepath.Join(getenv("XDG_CACHE_HOME"), "lyncops")
	case getenv("HOME") != "":
		folder = filepath.Join(getenv("HOME"), ".cache", "lyncops")
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("the cache folder cannot be made (set LYNCOPS_CACHE to another): %w", err)
	}
	return folder, nil
}

// sourceKey identifies the content of a module's own sources, and whatever else
// its result depends on: equal keys mean that an earlier result can be used.
func sourceKey(module string, dependsOn ...string) (string, error) {
	files, err := filepath.Glob(filepath.Join(module, "*.go"))
	if err != nil {
		return "", err
	}
	files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	files = append(files, filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum"))
	sum := sha256.New()
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n", filepath.Base(name), len(content))
		sum.Write(content)
	}
	for _, value := range dependsOn {
		fmt.Fprintf(sum, "%s\n", value)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// ensureFolder returns the folder called name in the cache, after filling it if
// it is not there. Whoever asks for a folder another process is filling waits
// for it; a folder appears whole or not at all.
func ensureFolder(ctx context.Context, cache, name string, out io.Writer, fill func(ctx context.Context, folder string) error) (string, error) {
	folder := filepath.Join(cache, name)
	if exists(folder) {
		return folder, nil
	}
	unlock, err := lock(ctx, folder+".lock", out)
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(folder) {
		return folder, nil
	}
	unfinished, err := os.MkdirTemp(cache, name+".unfinished-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	if err := os.Chmod(unfinished, 0o755); err != nil {
		return "", err
	}
	if err := fill(ctx, unfinished); err != nil {
		return "", err
	}
	if err := os.Rename(unfinished, folder); err != nil && !exists(folder) {
		return "", err
	}
	return folder, nil
}

// lock waits until this process alone holds the lock file. The operating system
// releases it when the process ends, in whatever way.
func lock(ctx context.Context, path string, out io.Writer) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	retry := time.NewTicker(time.Second)
	defer retry.Stop()
	var reports *progress
	defer func() {
		if reports != nil {
			reports.stop()
		}
	}()
	for {
		err := tryLock(file)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, errLocked) {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if reports == nil {
			doing := "waiting for another process that is building " + strings.TrimSuffix(filepath.Base(path), ".lock")
			fmt.Fprintln(out, "fetch:", doing)
			reports = startProgress(out, doing)
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, context.Cause(ctx)
		case <-retry.C:
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
