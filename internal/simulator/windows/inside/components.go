//go:build windows

package main

import (
	"strconv"
	"strings"

	"golang.org/x/sys/windows/registry"
)

const (
	uninstallKey = `SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall`
	sessionKey   = `SYSTEM\CurrentControlSet\Control\Session Manager`
	renames      = "PendingFileRenameOperations"
)

type component struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	key     string
}

// componentsOf are the uninstall entries of a product.
func componentsOf(product string) []component {
	var list []component
	all, err := registry.OpenKey(registry.LOCAL_MACHINE, uninstallKey, registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return nil
	}
	defer all.Close()
	names, err := all.ReadSubKeyNames(-1)
	if err != nil {
		return nil
	}
	for _, name := range names {
		key, err := registry.OpenKey(registry.LOCAL_MACHINE, uninstallKey+`\`+name, registry.QUERY_VALUE)
		if err != nil {
			continue
		}
		display, _, err := key.GetStringValue("DisplayName")
		version, _, _ := key.GetStringValue("DisplayVersion")
		key.Close()
		if err == nil && strings.HasPrefix(display, product) {
			list = append(list, component{Name: display, Version: version, key: uninstallKey + `\` + name})
		}
	}
	return list
}

// raise writes a version where it is higher than what is there.
func (c component) raise(version string) error {
	if version == "" || !lower(c.Version, version) {
		return nil
	}
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, c.key, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	return key.SetStringValue("DisplayVersion", version)
}

func lower(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x < y
		}
	}
	return len(as) < len(bs)
}

func pendingReboot() []string {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, sessionKey, registry.QUERY_VALUE)
	if err != nil {
		return []string{}
	}
	defer key.Close()
	if list, _, err := key.GetStringsValue(renames); err == nil && len(list) > 0 {
		return []string{renames}
	}
	return []string{}
}

// askForReboot has a file deleted at the next start, as an installer does that could not replace one in use.
func askForReboot(file string) error {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, sessionKey, registry.QUERY_VALUE|registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	list, _, _ := key.GetStringsValue(renames)
	return key.SetStringsValue(renames, append(list, `\??\`+file, ""))
}
