package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// clientsPrefix begins the names of the sets of WinRM clients, such as clients-ansible: the lists test/conformance/clients/*.txt.
const clientsPrefix = "clients-"

// clients is a set of WinRM clients of others, with a pinned list of what to install. Nothing is installed outside the cache.
type clients struct {
	name string // of the list
	list string // path of the list
	out  io.Writer
}

func clientsSet(hack, name string, out io.Writer) clients {
	name = strings.TrimPrefix(name, clientsPrefix)
	return clients{name: name, list: filepath.Join(filepath.Dir(hack), "test", "conformance", "clients", name+".txt"), out: out}
}

// ensure returns the folder that holds the set: a Python environment, or the unpacked packages of Debian.
func (c clients) ensure(ctx context.Context, cache string) (string, error) {
	content, err := os.ReadFile(c.list)
	if err != nil {
		return "", err
	}
	fill, interpreter := c.python, "python3"
	if c.name == "debian" {
		fill, interpreter = c.debian, "/usr/bin/python3"
	}
	version, err := c.output(ctx, interpreter, "-c", "import sys; print(sys.version, sys.base_prefix)")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(content, version+runtime.GOARCH...))
	folder, err := ensureFolder(ctx, cache, clientsPrefix+c.name+"-"+hex.EncodeToString(sum[:8]), c.out, func(ctx context.Context, folder string) error {
		fmt.Fprintf(c.out, "fetch: installing the WinRM clients of %s, once\n", filepath.Base(c.list))
		reports := startProgress(c.out, "installing the clients of "+filepath.Base(c.list))
		defer reports.stop()
		return fill(ctx, folder, string(content))
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w", c.name, err)
	}
	return folder, nil
}

// python makes a virtual environment. It is called as bin/python -m MODULE, which works wherever its folder is moved to.
func (c clients) python(ctx context.Context, folder, list string) error {
	if err := c.run(ctx, folder, "python3", "-m", "venv", folder); err != nil {
		return err
	}
	pip := []string{"-m", "pip", "--disable-pip-version-check", "--no-input"}
	python := filepath.Join(folder, "bin", "python")
	if err := c.run(ctx, folder, python, append(pip, "install", "--quiet", "--only-binary=:all:", "--no-deps", "--requirement", c.list)...); err != nil {
		return err
	}
	for line := range strings.Lines(list) {
		collection, found := strings.CutPrefix(line, "# collection ")
		if !found {
			continue
		}
		download := filepath.Join(folder, "download")
		if err := c.run(ctx, folder, python, append(pip, "download", "--quiet", "--only-binary=:all:", "--no-deps", "--dest", download, strings.TrimSpace(collection))...); err != nil {
			return err
		}
		wheels, err := filepath.Glob(filepath.Join(download, "*.whl"))
		if err != nil {
			return err
		}
		if len(wheels) != 1 {
			return fmt.Errorf("pip downloaded %d wheels of %s", len(wheels), strings.TrimSpace(collection))
		}
		if err := errors.Join(unpack(wheels[0], "ansible_collections/ansible/windows/", filepath.Join(folder, "collections")), os.RemoveAll(download)); err != nil {
			return err
		}
	}
	return nil
}

// largestFile bounds what one file of an archive may become.
const largestFile = 64 << 20 // bytes

// unpack writes the files of a zip archive whose names begin so. A name that leads out of the folder is an error.
func unpack(archive, prefix, folder string) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer reader.Close()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, file := range reader.File {
		if !strings.HasPrefix(file.Name, prefix) || file.FileInfo().IsDir() {
			continue
		}
		if err := unpackOne(root, file); err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
	}
	return nil
}

func unpackOne(root *os.Root, file *zip.File) error {
	content, err := file.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	if err := root.MkdirAll(path.Dir(file.Name), 0o755); err != nil {
		return err
	}
	target, err := root.Create(file.Name)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, io.LimitReader(content, largestFile))
	return errors.Join(err, target.Close())
}

// debian unpacks packages of Debian without installing them.
func (c clients) debian(ctx context.Context, folder, list string) error {
	var packages []string
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			packages = append(packages, line)
		}
	}
	download := filepath.Join(folder, "download")
	if err := os.MkdirAll(download, 0o755); err != nil {
		return err
	}
	if err := c.run(ctx, download, "apt-get", append([]string{"download", "--quiet=2"}, packages...)...); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(download, "*.deb"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := c.run(ctx, download, "dpkg-deb", "--extract", file, folder); err != nil {
			return err
		}
	}
	return os.RemoveAll(download)
}

func (c clients) output(ctx context.Context, name string, arguments ...string) (string, error) {
	output, err := exec.CommandContext(ctx, name, arguments...).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(output), nil
}

// run runs a program and puts what it said into the error.
func (c clients) run(ctx context.Context, folder, name string, arguments ...string) error {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = folder
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	said, err := command.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(name), arguments[0], err, lines[len(lines)-1])
	}
	return nil
}
