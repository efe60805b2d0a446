package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestCacheFolder(t *testing.T) {
	base := t.TempDir()
	at := func(elements ...string) string { return filepath.Join(append([]string{base}, elements...)...) }
	for _, test := range []struct {
		name        string
		environment map[string]string
		want        string
	}{
		{"the named folder comes first", map[string]string{"LYNCOPS_CACHE": at("own"), "XDG_CACHE_HOME": at("xdg"), "HOME": at("home")}, at("own")},
		{"then the user's cache folder", map[string]string{"XDG_CACHE_HOME": at("xdg"), "HOME": at("home")}, at("xdg", "lyncops")},
		{"then its usual place", map[string]string{"HOME": at("home")}, at("home", ".cache", "lyncops")},
		{"without a home, the checkout", nil, at("checkout", ".cache")},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := cacheFolder(func(name string) string { return test.environment[name] }, at("checkout"))
			if err != nil || got != test.want {
				t.Errorf("got %q and error %v, want %q", got, err, test.want)
			}
			if !exists(test.want) {
				t.Errorf("%s was not made", test.want)
			}
		})
	}
}

func TestSourceKeyFollowsWhatIsBuilt(t *testing.T) {
	module := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(module, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := func(dependsOn ...string) string {
		t.Helper()
		key, err := sourceKey(module, dependsOn...)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	write("go.mod", "module example.com/m")
	write("go.sum", "")
	write("main.go", "package main")
	first := key("linux")
	write("main_test.go", "package main")
	if key("linux") != first {
		t.Error("a test file changed the key: it is not part of the program")
	}
	if key("darwin") == first {
		t.Error("another platform has the same key")
	}
	for _, name := range []string{"main.go", "go.mod", "go.sum"} {
		before := key("linux")
		write(name, "changed")
		if key("linux") == before {
			t.Errorf("a change of %s left the key as it was", name)
		}
	}
}

func TestConcurrentRequestsFillFolderOnce(t *testing.T) {
	cache := t.TempDir()
	var fills atomic.Int32
	var requests sync.WaitGroup
	for range 8 {
		requests.Go(func() {
			folder, err := ensureFolder(t.Context(), cache, "thing", io.Discard, func(_ context.Context, folder string) error {
				fills.Add(1)
				return os.WriteFile(filepath.Join(folder, "content"), []byte("whole"), 0o600)
			})
			if err != nil {
				t.Error(err)
				return
			}
			if content, err := os.ReadFile(filepath.Join(folder, "content")); err != nil || string(content) != "whole" {
				t.Errorf("read %q and error %v", content, err)
			}
		})
	}
	requests.Wait()
	if fills.Load() != 1 {
		t.Errorf("filled %d times, want once", fills.Load())
	}
}

func TestFailedFillLeavesNothingBehind(t *testing.T) {
	cache := t.TempDir()
	broken := errors.New("no space left")
	_, err := ensureFolder(t.Context(), cache, "thing", io.Discard, func(_ context.Context, folder string) error {
		if err := os.WriteFile(filepath.Join(folder, "half"), nil, 0o600); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
	left, err := filepath.Glob(filepath.Join(cache, "thing*"))
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(cache, "thing.lock"); len(left) != 1 || left[0] != want {
		t.Errorf("the cache holds %v, want only %s", left, want)
	}
}

func TestProgressCountsAndPassesOnErrors(t *testing.T) {
	var out bytes.Buffer
	p := startProgress(&out, "building")
	for _, part := range []string{"go: downloading k8s.io/api v0.36.3\nk8s.io/", "api/core/v1\n# example.com/m\n", "./main.go:3:1: syntax error"} {
		if _, err := p.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	p.stop()
	if p.downloaded != 1 || p.compiled != 1 {
		t.Errorf("counted %d downloads and %d packages, want 1 and 1", p.downloaded, p.compiled)
	}
	if want := "# example.com/m\n./main.go:3:1: syntax error\n"; out.String() != want {
		t.Errorf("passed on %q, want %q", out.String(), want)
	}
}

func TestAssetsRefusesFolderWithoutPrograms(t *testing.T) {
	empty := t.TempDir()
	_, err := assets{getenv: func(name string) string {
		if name == "KUBEBUILDER_ASSETS" {
			return empty
		}
		return ""
	}, out: io.Discard}.folder(t.Context())
	if err == nil || !strings.Contains(err.Error(), "kube-apiserver") {
		t.Errorf("got error %v, want one that names the missing kube-apiserver", err)
	}
}

func TestUnpackTakesOneFolderOfAnArchive(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "a.whl")
	file, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	writer := zip.NewWriter(file)
	for _, name := range []string{"collections/windows/a.py", "collections/windows/sub/b.py", "collections/linux/c.py", "collections/evil/../../d.py"} {
		entry, err := writer.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(writer.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := unpack(archive, "collections/windows/", folder); err != nil {
		t.Fatal(err)
	}
	for name, wanted := range map[string]bool{"collections/windows/a.py": true, "collections/windows/sub/b.py": true, "collections/linux": false, "d.py": false} {
		if exists(filepath.Join(folder, name)) != wanted {
			t.Errorf("%s: unpacked is not %v", name, wanted)
		}
	}
	if err := unpack(archive, "collections/evil/", folder); err == nil {
		t.Error("a name that leads out of the folder was taken")
	}
}

func TestClientsAreInstalledByTheirList(t *testing.T) {
	if _, err := clientsSet(t.TempDir(), "clients-nosuch", io.Discard).ensure(t.Context(), t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v for a set without a list", err)
	}
}
