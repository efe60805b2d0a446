package powershell_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"lyncops.dev/operator/internal/simulator/powershell"
)

// disk is a file system in memory.
type disk struct {
	files       map[string][]byte
	directories map[string]bool
	names       map[string]string
}

func newDisk() *disk {
	return &disk{files: map[string][]byte{}, directories: map[string]bool{`c:`: true}, names: map[string]string{}}
}

func key(path string) string { return strings.ToLower(strings.TrimRight(path, `\`)) }

func parent(path string) string { return path[:max(0, strings.LastIndexByte(path, '\\'))] }

func (d *disk) ReadFile(path string) ([]byte, error) {
	data, ok := d.files[key(path)]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return bytes.Clone(data), nil
}

func (d *disk) WriteFile(path string, data []byte) error {
	if !d.directories[parent(key(path))] {
		return fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	d.files[key(path)], d.names[key(path)] = bytes.Clone(data), path
	return nil
}

func (d *disk) Exists(path string) bool { _, ok := d.files[key(path)]; return ok }

func (d *disk) IsDirectory(path string) bool { return d.directories[key(path)] }

func (d *disk) MkdirAll(path string) error {
	for at := strings.TrimRight(path, `\`); at != ""; at = parent(at) {
		d.directories[key(at)], d.names[key(at)] = true, at
	}
	return nil
}

func (d *disk) Rename(from, to string) error {
	data, err := d.ReadFile(from)
	if err != nil {
		return err
	}
	delete(d.files, key(from))
	return d.WriteFile(to, data)
}

func (d *disk) Remove(path string) error {
	delete(d.files, key(path))
	delete(d.directories, key(path))
	return nil
}

func (d *disk) List(directory string) ([]string, error) {
	if !d.IsDirectory(directory) {
		return nil, fmt.Errorf("%s: %w", directory, fs.ErrNotExist)
	}
	var names []string
	for path, name := range d.names {
		if parent(path) == key(directory) && (d.directories[path] || d.Exists(path)) {
			names = append(names, name[strings.LastIndexByte(name, '\\')+1:])
		}
	}
	sort.Strings(names)
	return names, nil
}

// frontEnd is a machine with a few cmdlets and programs of a Lync front end. It notes what was done to it.
type frontEnd struct {
	disk     *disk
	done     []string
	services []*powershell.Object
}

func newFrontEnd() *frontEnd {
	m := &frontEnd{disk: newDisk()}
	_ = m.disk.MkdirAll(`C:\stage`)
	for _, service := range [][2]string{{"RTCSRV", "Running"}, {"REPLICA", "Stopped"}, {"W3SVC", "Running"}} {
		number := map[string]int64{"Running": 4, "Stopped": 1}[service[1]]
		object := powershell.NewObject("System.ServiceProcess.ServiceController", "Status", powershell.Enum{Name: service[1], Number: number}, "Name", service[0], "DisplayName", "Display of "+service[0])
		object.Display = []string{"Status", "Name", "DisplayName"}
		m.services = append(m.services, object)
	}
	return m
}

func (m *frontEnd) Files() powershell.FileSystem { return m.disk }

func (m *frontEnd) Environment(name string) string {
	return map[string]string{"COMPUTERNAME": "FE01", "PROGRAMDATA": `C:\ProgramData`, "TEMP": `C:\Temp`}[strings.ToUpper(name)]
}

func (m *frontEnd) Now() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

func (m *frontEnd) Command(name string) (powershell.Command, bool) {
	switch strings.ToLower(name) {
	case "get-cspoolupgradereadinessstate":
		return func(context.Context, powershell.Invocation, powershell.Streams) ([]powershell.Value, error) {
			domain := powershell.NewObject("Domain", "Name", "UpgradeDomain1", "IsReadyForUpgrade", true, "Frontends", []powershell.Value{"fe01.contoso.com"})
			return []powershell.Value{powershell.NewObject("Microsoft.Rtc.PoolUpgradeReadiness", "PoolFqdn", "pool01.contoso.com",
				"State", powershell.Enum{Name: "Ready", Number: 1}, "TotalFrontends", int64(1), "UpgradeDomains", []powershell.Value{domain})}, nil
		}, true
	case "get-cswindowsservice", "get-service":
		return func(_ context.Context, call powershell.Invocation, streams powershell.Streams) ([]powershell.Value, error) {
			wanted := call.Parameters["name"]
			if len(call.Positional) > 0 {
				wanted = call.Positional[0]
			}
			var found []powershell.Value
			for _, service := range m.services {
				if wanted == nil || strings.EqualFold(service.Get("Name").(string), fmt.Sprint(wanted)) {
					found = append(found, service)
				}
			}
			if len(found) == 0 {
				streams.Error(fmt.Sprintf("Cannot find any service with service name '%v'.", wanted))
			}
			return found, nil
		}, true
	case "stop-cswindowsservice", "stop-service", "start-cswindowsservice":
		return func(_ context.Context, call powershell.Invocation, streams powershell.Streams) ([]powershell.Value, error) {
			var parameters []string
			for name, value := range call.Parameters {
				parameters = append(parameters, fmt.Sprintf("%s=%v", name, value))
			}
			sort.Strings(parameters)
			m.done = append(m.done, strings.Join(append([]string{call.Name}, append(parameters, fmt.Sprint(call.Positional))...), " "))
			streams.Verbose("Stopping")
			streams.Warning("Clients will be moved")
			return nil, nil
		}, true
	case "get-wmiobject":
		return func(context.Context, powershell.Invocation, powershell.Streams) ([]powershell.Value, error) {
			return []powershell.Value{powershell.NewObject("Win32_OperatingSystem", "LastBootUpTime", "20260304050607.000000+000", "Caption", "Windows")}, nil
		}, true
	case "get-itemproperty":
		return func(context.Context, powershell.Invocation, powershell.Streams) ([]powershell.Value, error) {
			var found []powershell.Value
			for _, name := range []string{"Microsoft Lync Server 2013, Core Components", "Other", "Microsoft Lync Server 2013, Web"} {
				found = append(found, powershell.NewObject("", "DisplayName", name, "DisplayVersion", "5.0.8308.0"))
			}
			return found, nil
		}, true
	case "fail-always":
		return func(context.Context, powershell.Invocation, powershell.Streams) ([]powershell.Value, error) {
			return nil, errors.New("the cmdlet broke")
		}, true
	}
	return nil, false
}

func (m *frontEnd) Native(_ context.Context, name string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, bool) {
	m.done = append(m.done, strings.Join(append([]string{name}, args...), "|"))
	switch strings.TrimSuffix(strings.ToLower(name[strings.LastIndexByte(name, '\\')+1:]), ".exe") {
	case "icacls":
		_, _ = io.WriteString(stdout, "Successfully processed 1 files\r\n")
		return 0, true
	case "shutdown":
		return 0, true
	case "lyncserverupdateinstaller":
		return 3010, true
	case "complain":
		_, _ = io.WriteString(stderr, "it hurts\r\n")
		return 5, true
	case "sort":
		_, _ = io.Copy(stdout, stdin)
		return 0, true
	}
	m.done = m.done[:len(m.done)-1]
	return 0, false
}

func (m *frontEnd) ImportModule(_ context.Context, name string) (map[string]powershell.Command, error) {
	if !m.disk.Exists(name) {
		return nil, fmt.Errorf("The specified module '%s' was not loaded because no valid module file was found in any module directory.", name)
	}
	return map[string]powershell.Command{"Get-LyncOpsFacts": func(_ context.Context, call powershell.Invocation, _ powershell.Streams) ([]powershell.Value, error) {
		return []powershell.Value{fmt.Sprintf("<<<LYNCOPS %v %v LYNCOPS>>>", call.Parameters["argument"], call.Parameters["argumentfrominput"])}, nil
	}}, nil
}

type result struct {
	stdout, stderr string
	code           int
}

func run(t *testing.T, m *frontEnd, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	code := powershell.Main(ctx, m, args, strings.NewReader(stdin), &stdout, &stderr)
	return result{stdout.String(), stderr.String(), code}
}

func encode(script string) string {
	var data []byte
	for _, unit := range utf16.Encode([]rune(script)) {
		data = append(data, byte(unit), byte(unit>>8))
	}
	return base64.StdEncoding.EncodeToString(data)
}
