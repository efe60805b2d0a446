package deployment

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// disk is drive C of a host in a folder of this computer, for hosts whose commands are run by real processes. Names are found
// without regard to case, as long as no two differ by case alone.
type disk struct {
	root string

	mu   sync.Mutex
	seen map[string]stamp
}

// stamp tells whether a file has changed.
type stamp struct {
	modified time.Time
	size     int64
}

// Folder is the folder of this computer that holds drive C, empty when the files are in memory.
func (f *Files) Folder() string {
	if f.disk == nil {
		return ""
	}
	return f.disk.root
}

// WindowsPath gives a path of this computer inside Folder as the host names it, and any other as it is.
func (f *Files) WindowsPath(path string) string {
	if f.disk == nil {
		return path
	}
	if rest, inside := strings.CutPrefix(strings.ReplaceAll(path, `\`, "/"), f.disk.root+"/"); inside {
		return `C:\` + strings.ReplaceAll(rest, "/", `\`)
	}
	return path
}

// RealPath gives the path on this computer of a path on drive C; false when the files are in memory or the path is elsewhere.
func (f *Files) RealPath(path string) (string, bool) {
	if f.disk == nil {
		return "", false
	}
	return f.disk.real(path)
}

// Audit judges the files that real processes have written since the last time.
func (f *Files) Audit() {
	if f.disk == nil {
		return
	}
	for _, path := range f.disk.changed() {
		if contents, err := f.disk.readFile(path); err == nil {
			f.onWrite(path, contents)
		}
	}
}

func (d *disk) changed() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var changed []string
	// What cannot be looked at has gone meanwhile.
	_ = filepath.WalkDir(d.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil //nolint:nilerr // see above
		}
		if info, err := entry.Info(); err == nil {
			now := stamp{info.ModTime(), info.Size()}
			if d.seen[path] != now {
				d.seen[path] = now
				changed = append(changed, path)
			}
		}
		return nil
	})
	return changed
}

// real is the path on this computer of a path of the host, spelled as it is there as far as it exists.
func (d *disk) real(path string) (string, bool) {
	slashed := strings.ReplaceAll(path, `\`, "/")
	rest, inside := strings.CutPrefix(slashed, d.root)
	if !inside {
		clean := CleanPath(path)
		if len(clean) < 2 || !strings.EqualFold(clean[:2], "c:") {
			return "", false
		}
		rest = strings.ReplaceAll(clean[2:], `\`, "/")
	}
	at := d.root
	for part := range strings.SplitSeq(rest, "/") {
		if part == "" || part == "." {
			continue
		}
		at = filepath.Join(at, d.spelled(at, part))
	}
	return at, true
}

func (d *disk) spelled(folder, name string) string {
	if _, err := os.Lstat(filepath.Join(folder, name)); err == nil {
		return name
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return name
	}
	for _, entry := range entries {
		if strings.EqualFold(entry.Name(), name) {
			return entry.Name()
		}
	}
	return name
}

func (d *disk) readFile(path string) ([]byte, error) {
	place, ok := d.real(path)
	if info, err := os.Stat(place); !ok || err != nil || info.IsDir() {
		return nil, notExist("open", path)
	}
	return os.ReadFile(place) //nolint:gosec // the host's own file
}

func (d *disk) write(path string, contents []byte, createNew bool) error {
	place, ok := d.real(path)
	if !ok {
		return notExist("open", path)
	}
	if info, err := os.Stat(filepath.Dir(place)); err != nil || !info.IsDir() {
		return fmt.Errorf("Could not find a part of the path '%s': %w", CleanPath(path), fs.ErrNotExist)
	}
	if info, err := os.Stat(place); err == nil {
		if info.IsDir() {
			return fmt.Errorf("Access to the path '%s' is denied: it is a folder", CleanPath(path))
		}
		if createNew {
			return &fs.PathError{Op: "create", Path: CleanPath(path), Err: fs.ErrExist}
		}
	}
	return os.WriteFile(place, contents, 0o600)
}

func (d *disk) exists(path string) bool {
	place, ok := d.real(path)
	_, err := os.Stat(place)
	return ok && err == nil
}

func (d *disk) isDirectory(path string) bool {
	place, ok := d.real(path)
	info, err := os.Stat(place)
	return ok && err == nil && info.IsDir()
}

func (d *disk) mkdirAll(path string) error {
	place, ok := d.real(path)
	if !ok {
		return notExist("create", path)
	}
	return os.MkdirAll(place, 0o700)
}

func (d *disk) rename(from, to string, replace bool) error {
	source, found := d.real(from)
	target, ok := d.real(to)
	if !found || !ok || !d.exists(from) {
		return notExist("rename", from)
	}
	if d.exists(to) && (!replace || d.isDirectory(to) || d.isDirectory(from)) {
		return &fs.PathError{Op: "rename", Path: CleanPath(to), Err: fs.ErrExist}
	}
	return os.Rename(source, target)
}

func (d *disk) remove(path string) error {
	place, ok := d.real(path)
	if !ok || !d.exists(path) {
		return notExist("remove", path)
	}
	return os.RemoveAll(place)
}

func (d *disk) list(path string) ([]string, error) {
	place, ok := d.real(path)
	entries, err := os.ReadDir(place)
	if !ok || err != nil {
		return nil, notExist("list", path)
	}
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, nil
}

func (d *disk) paths() []string {
	var paths []string
	_ = filepath.WalkDir(d.root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			paths = append(paths, `C:`+strings.ReplaceAll(strings.TrimPrefix(path, d.root), "/", `\`))
		}
		return nil
	})
	slices.Sort(paths)
	return paths
}
