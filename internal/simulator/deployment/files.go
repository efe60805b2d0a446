package deployment

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// Files is the disk of a host. Paths are compared without regard to case and may use either slash.
type Files struct {
	onWrite func(path string, contents []byte)
	// disk is set when the files are in a folder of this computer.
	disk *disk

	mu      sync.Mutex
	entries map[string]*entry
}

type entry struct {
	path      string
	directory bool
	contents  []byte
}

// newFiles makes a disk in a folder of this computer, or in memory when that is empty.
func newFiles(folder string, onWrite func(string, []byte)) *Files {
	if folder != "" {
		return &Files{onWrite: onWrite, disk: &disk{root: folder, seen: map[string]stamp{}}}
	}
	return &Files{onWrite: onWrite, entries: map[string]*entry{`c:`: {path: `C:`, directory: true}}}
}

// CleanPath gives a path backslashes, and takes away doubled and trailing ones, "." and "..".
func CleanPath(path string) string {
	path = strings.Trim(strings.ReplaceAll(path, "/", `\`), `"`)
	unc := strings.HasPrefix(path, `\\`)
	var parts []string
	for part := range strings.SplitSeq(path, `\`) {
		switch part {
		case "", ".":
		case "..":
			if len(parts) > 1 {
				parts = parts[:len(parts)-1]
			}
		default:
			parts = append(parts, part)
		}
	}
	clean := strings.Join(parts, `\`)
	if unc {
		return `\\` + clean
	}
	if len(clean) < 2 || clean[1] != ':' {
		return `C:\` + clean
	}
	return clean
}

func key(path string) string { return strings.ToLower(CleanPath(path)) }

func parent(path string) string {
	if i := strings.LastIndexByte(path, '\\'); i > 0 {
		return path[:i]
	}
	return ""
}

func notExist(operation, path string) error {
	return &fs.PathError{Op: operation, Path: path, Err: fs.ErrNotExist}
}

// ReadFile returns a file's contents; the error of one that is not there is fs.ErrNotExist.
func (f *Files) ReadFile(path string) ([]byte, error) {
	if f.disk != nil {
		return f.disk.readFile(path)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.entries[key(path)]
	if e == nil || e.directory {
		return nil, notExist("open", path)
	}
	return slices.Clone(e.contents), nil
}

// WriteFile creates or replaces a file. Its folder must be there.
func (f *Files) WriteFile(path string, contents []byte) error {
	if err := f.write(path, contents, false); err != nil {
		return err
	}
	f.onWrite(path, contents)
	return nil
}

// CreateFile creates a file; it fails with fs.ErrExist when there is one.
func (f *Files) CreateFile(path string, contents []byte) error {
	if err := f.write(path, contents, true); err != nil {
		return err
	}
	f.onWrite(path, contents)
	return nil
}

func (f *Files) write(path string, contents []byte, createNew bool) error {
	if f.disk != nil {
		return f.disk.write(path, contents, createNew)
	}
	clean := CleanPath(path)
	f.mu.Lock()
	defer f.mu.Unlock()
	if up := f.entries[strings.ToLower(parent(clean))]; up == nil || !up.directory {
		return fmt.Errorf("Could not find a part of the path '%s': %w", clean, fs.ErrNotExist)
	}
	if e := f.entries[strings.ToLower(clean)]; e != nil {
		if e.directory {
			return fmt.Errorf("Access to the path '%s' is denied: it is a folder", clean)
		}
		if createNew {
			return &fs.PathError{Op: "create", Path: clean, Err: fs.ErrExist}
		}
		e.contents = slices.Clone(contents)
		return nil
	}
	f.entries[strings.ToLower(clean)] = &entry{path: clean, contents: slices.Clone(contents)}
	return nil
}

// Exists says whether there is a file or folder.
func (f *Files) Exists(path string) bool {
	if f.disk != nil {
		return f.disk.exists(path)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.entries[key(path)] != nil
}

// IsDirectory says whether the path is a folder.
func (f *Files) IsDirectory(path string) bool {
	if f.disk != nil {
		return f.disk.isDirectory(path)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.entries[key(path)]
	return e != nil && e.directory
}

// MkdirAll creates a folder and those above it.
func (f *Files) MkdirAll(path string) error {
	if f.disk != nil {
		return f.disk.mkdirAll(path)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for at := CleanPath(path); at != ""; at = parent(at) {
		e := f.entries[strings.ToLower(at)]
		if e != nil && !e.directory {
			return fmt.Errorf("Cannot create '%s' because a file with the same name already exists", at)
		}
		if e == nil {
			f.entries[strings.ToLower(at)] = &entry{path: at, directory: true}
		}
	}
	return nil
}

// Rename moves a file or folder with everything in it. The target must not exist.
func (f *Files) Rename(from, to string) error { return f.rename(from, to, false) }

// Replace moves a file over another in one step.
func (f *Files) Replace(from, to string) error { return f.rename(from, to, true) }

func (f *Files) rename(from, to string, replace bool) error {
	if f.disk != nil {
		return f.disk.rename(from, to, replace)
	}
	source, target := CleanPath(from), CleanPath(to)
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.entries[strings.ToLower(source)]
	if e == nil {
		return notExist("rename", source)
	}
	if up := f.entries[strings.ToLower(parent(target))]; up == nil || !up.directory {
		return notExist("rename", target)
	}
	if old := f.entries[strings.ToLower(target)]; old != nil && (!replace || old.directory || e.directory) {
		return &fs.PathError{Op: "rename", Path: target, Err: fs.ErrExist}
	}
	moved := map[string]*entry{}
	for k, x := range f.entries {
		if x == e || (e.directory && strings.HasPrefix(k, strings.ToLower(source)+`\`)) {
			moved[k] = x
		}
	}
	for k, x := range moved {
		delete(f.entries, k)
		x.path = target + x.path[len(source):]
		f.entries[strings.ToLower(x.path)] = x
	}
	return nil
}

// Remove deletes a file, or a folder with everything in it.
func (f *Files) Remove(path string) error {
	if f.disk != nil {
		return f.disk.remove(path)
	}
	at := key(path)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.entries[at] == nil {
		return notExist("remove", path)
	}
	for k := range f.entries {
		if k == at || strings.HasPrefix(k, at+`\`) {
			delete(f.entries, k)
		}
	}
	return nil
}

// List names what a folder holds, sorted.
func (f *Files) List(path string) ([]string, error) {
	if f.disk != nil {
		return f.disk.list(path)
	}
	at := key(path)
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := f.entries[at]; e == nil || !e.directory {
		return nil, notExist("list", path)
	}
	names := []string{}
	for k, e := range f.entries {
		if parent(k) == at {
			names = append(names, e.path[len(at)+1:])
		}
	}
	slices.Sort(names)
	return names, nil
}

// Paths lists every file (not the folders), sorted.
func (f *Files) Paths() []string {
	if f.disk != nil {
		return f.disk.paths()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var paths []string
	for _, e := range f.entries {
		if !e.directory {
			paths = append(paths, e.path)
		}
	}
	slices.Sort(paths)
	return paths
}
