package cmdlets

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"lyncops.dev/operator/internal/simulator/ansible"
	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/lyncops"
	"lyncops.dev/operator/internal/simulator/powershell"
)

// Execute judges one command line, runs it on a host as a user, and returns its exit code.
func Execute(ctx context.Context, host *deployment.Host, user, line string, stdin io.Reader, stdout, stderr io.Writer) int {
	host.JudgeCommand(user, Texts(line)...)
	return Run(ctx, host, user, line, stdin, stdout, stderr)
}

// Run is Execute for a line that has been judged already.
func Run(ctx context.Context, host *deployment.Host, user, line string, stdin io.Reader, stdout, stderr io.Writer) int {
	return run(ctx, &machine{host: host, user: user, stdin: stdin}, line, stdout, stderr)
}

func run(ctx context.Context, session *machine, line string, stdout, stderr io.Writer) int {
	ctx, release := session.host.Bind(ctx)
	defer release()
	texts := Texts(line)
	if ansible.IsBootstrap(texts[len(texts)-1]) {
		return ansible.Run(ctx, ansibleMachine{session}, session.stdin, stdout, stderr)
	}
	return powershell.ExecuteLine(ctx, session, line, session.stdin, stdout, stderr)
}

var encodedCommand = regexp.MustCompile(`(?i)\s[-/](?:ec?|en[a-z]*)\s+"?([A-Za-z0-9+/]+={0,2})`)

// Texts gives a command line and every script that is encoded in it, the innermost last.
func Texts(line string) []string {
	texts := []string{line}
	for range 4 {
		found := encodedCommand.FindStringSubmatch(texts[len(texts)-1])
		if found == nil {
			break
		}
		decoded, err := base64.StdEncoding.DecodeString(found[1])
		if err != nil || len(decoded)%2 != 0 {
			break
		}
		units := make([]uint16, len(decoded)/2)
		for i := range units {
			units[i] = uint16(decoded[2*i]) | uint16(decoded[2*i+1])<<8
		}
		texts = append(texts, string(utf16.Decode(units)))
	}
	return texts
}

// machine is a host as one user's session sees it.
type machine struct {
	host  *deployment.Host
	user  string
	stdin io.Reader
	// engine runs powershell.exe; nil stands for the interpreter.
	engine Engine
}

// Engine runs powershell.exe with these arguments (without the program's name) on a host as a user, and returns its exit code. It
// must have ended when the context does.
type Engine func(ctx context.Context, host *deployment.Host, user string, arguments []string, stdin io.Reader, stdout, stderr io.Writer) int

// RunWith is Run, with another engine for powershell.exe than the interpreter. What Ansible sends stays with the interpreter.
func RunWith(ctx context.Context, engine Engine, host *deployment.Host, user, line string, stdin io.Reader, stdout, stderr io.Writer) int {
	return run(ctx, &machine{host: host, user: user, stdin: stdin, engine: engine}, line, stdout, stderr)
}

// PowerShell runs powershell.exe by the session's engine. done is false where that is the interpreter.
func (m *machine) PowerShell(ctx context.Context, arguments []string, stdin io.Reader, stdout, stderr io.Writer) (exitCode int, done bool) {
	if m.engine == nil {
		return 0, false
	}
	return m.engine(ctx, m.host, m.user, arguments, stdin, stdout, stderr), true
}

var _ powershell.Machine = (*machine)(nil)

// Command finds a cmdlet. Those of Lync are only where Lync is.
func (m *machine) Command(name string) (powershell.Command, bool) {
	for known, run := range windowsCommands {
		if strings.EqualFold(known, name) {
			return m.bind(run), true
		}
	}
	for _, commands := range []map[string]cmdlet{lyncCommands, skypeCommands} {
		for known, run := range commands {
			if strings.EqualFold(known, name) && m.host.HasLync() && hasCommand(m.host, known) {
				return m.bind(run), true
			}
		}
	}
	return nil, false
}

type cmdlet func(ctx context.Context, m *machine, call call) ([]powershell.Value, error)

func (m *machine) bind(run cmdlet) powershell.Command {
	return func(ctx context.Context, invocation powershell.Invocation, streams powershell.Streams) ([]powershell.Value, error) {
		return run(ctx, m, call{Invocation: invocation, streams: streams, user: m.user})
	}
}

// Files are the host's disk.
func (m *machine) Files() powershell.FileSystem { return disk{m.host.Files(), m.host.Model()} }

// Environment gives the variables that scripts use.
func (m *machine) Environment(name string) string {
	switch strings.ToLower(name) {
	case "computername":
		return m.host.NetBIOS()
	case "userdomain":
		domain, _, _ := strings.Cut(m.user, `\`)
		return domain
	case "username":
		_, user, found := strings.Cut(m.user, `\`)
		if !found {
			user = m.user
		}
		return user
	case "userdnsdomain":
		_, domain, _ := strings.Cut(m.host.FQDN(), ".")
		return strings.ToUpper(domain)
	case "programdata", "allusersprofile":
		return `C:\ProgramData`
	case "programfiles", "programw6432":
		return `C:\Program Files`
	case "commonprogramfiles":
		return `C:\Program Files\Common Files`
	case "systemroot", "windir":
		return `C:\Windows`
	case "systemdrive":
		return `C:`
	case "temp", "tmp":
		return `C:\Windows\Temp`
	case "comspec":
		return `C:\Windows\System32\cmd.exe`
	case "userprofile":
		return `C:\Users\Administrator`
	case "path":
		return `C:\Windows\system32;C:\Windows;C:\Windows\System32\WindowsPowerShell\v1.0\`
	case "processor_architecture":
		return "AMD64"
	case "os":
		return "Windows_NT"
	}
	return ""
}

// Now is the clock.
func (m *machine) Now() time.Time { return time.Now() }

// ImportModule knows Lync, what Windows brings, and the LyncOps module where its file is.
func (m *machine) ImportModule(_ context.Context, nameOrPath string) (map[string]powershell.Command, error) {
	switch strings.ToLower(nameOrPath) {
	case "lync", "skypeforbusiness":
		if !m.host.HasLync() || !strings.EqualFold(nameOrPath, m.host.ModuleName()) {
			return nil, deployment.ErrNoLyncTools
		}
		return nil, nil
	case "scheduledtasks", "cimcmdlets", "microsoft.powershell.management", "microsoft.powershell.utility", "servermanager":
		return nil, nil
	}
	if !strings.HasSuffix(strings.ToLower(nameOrPath), ".psm1") || !m.host.Files().Exists(nameOrPath) || m.host.Files().IsDirectory(nameOrPath) {
		return nil, fmt.Errorf("The specified module '%s' was not loaded because no valid module file was found in any module directory.", nameOrPath)
	}
	if !strings.HasSuffix(strings.ToLower(nameOrPath), `\lyncops.psm1`) {
		return nil, nil
	}
	commands := map[string]powershell.Command{}
	for _, verb := range lyncops.Verbs() {
		commands[verb] = m.bind(func(ctx context.Context, m *machine, call call) ([]powershell.Value, error) {
			argument := call.text("argument", 0)
			if _, given := call.Parameters["argumentfrominput"]; given {
				text, err := io.ReadAll(m.stdin)
				if err != nil {
					return nil, err
				}
				argument = string(text)
			}
			return []powershell.Value{lyncops.Answer(ctx, m.host, m.user, verb, argument)}, nil
		})
	}
	return commands, nil
}

var switches = []string{"graceful", "nowait", "force", "leavewebserverrunning", "leaveclsagentrunning", "passthru", "update", "clean",
	"configureddatabases", "excludecollocatedstores", "localdatabases", "localservice", "centralmanagementdatabase", "local", "localstore", "userserver", "userdatabase", "registrar",
	"centralmanagement", "edgeserver", "disastermode", "centralmanagementstorestatus", "excludeactivitylevel", "usedefaultsqlpaths", "confirm", "whatif", "wait", "noreindex",
	"nostop", "nostart", "skipfabrichealthcheck", "skippreparecheck", "skipidlesecondaryverification", "verbose", "debug"}

// IsSwitch says which parameters of these cmdlets take no value.
func (m *machine) IsSwitch(_, parameter string) bool {
	// The only one with a parameter that is a beginning of it.
	if strings.EqualFold(parameter, "argumentfrominput") {
		return true
	}
	return slices.ContainsFunc(switches, func(s string) bool {
		return strings.EqualFold(s, parameter) || (len(parameter) >= 4 && strings.HasPrefix(s, strings.ToLower(parameter)))
	})
}

// call is one call of a cmdlet.
type call struct {
	powershell.Invocation
	streams powershell.Streams
	user    string
}

// value finds a parameter by its full name or an unambiguous beginning, or by its position (negative for none).
func (c call) value(name string, position int) powershell.Value {
	if v, ok := c.Parameters[name]; ok {
		return v
	}
	for given, v := range c.Parameters {
		if len(given) >= 3 && strings.HasPrefix(name, given) {
			return v
		}
	}
	if position >= 0 && position < len(c.Positional) {
		return c.Positional[position]
	}
	return nil
}

func (c call) has(name string) bool {
	switch v := c.value(name, -1).(type) {
	case nil:
		return false
	case bool:
		return v
	}
	return true
}

func (c call) text(name string, position int) string {
	list := c.list(name, position)
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// list gives a parameter's value as texts; one that is an object gives its name.
func (c call) list(name string, position int) []string {
	return texts(c.value(name, position))
}

func texts(v powershell.Value) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []powershell.Value:
		var all []string
		for _, one := range v {
			all = append(all, texts(one)...)
		}
		return all
	case *powershell.Object:
		for _, property := range []string{"Name", "Fqdn", "Identity"} {
			if text, ok := v.Get(property).(string); ok {
				return []string{text}
			}
		}
		return []string{v.Text}
	case string:
		return []string{v}
	}
	return []string{fmt.Sprint(v)}
}

// caller gives the user and the call as it would be typed.
func (c call) caller() deployment.Caller {
	text := c.Name
	for _, v := range c.Positional {
		text += " " + strings.Join(texts(v), ",")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		switch v := c.Parameters[name].(type) {
		case bool:
			if v {
				text += " -" + name
			}
		default:
			text += " -" + name + " " + strings.Join(texts(v), ",")
		}
	}
	return deployment.Caller{User: c.user, Command: text}
}

// on finds the host a cmdlet is to work on.
func (m *machine) on(c call) ([]*deployment.Host, error) {
	names := c.list("computername", -1)
	if len(names) == 0 {
		return []*deployment.Host{m.host}, nil
	}
	var hosts []*deployment.Host
	for _, name := range names {
		if name == "." || strings.EqualFold(name, "localhost") {
			hosts = append(hosts, m.host)
			continue
		}
		h, ok := m.host.Model().Host(name)
		if !ok {
			return nil, fmt.Errorf("Cannot find computer %q.", name)
		}
		if down, _ := h.Down(); down {
			return nil, fmt.Errorf("Cannot open Service Control Manager on computer '%s'. This operation might require other privileges.", name)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// disk adds the file shares that packages lie on to a host's own disk.
type disk struct {
	*deployment.Files
	model *deployment.Model
}

func (d disk) ReadFile(path string) ([]byte, error) {
	if contents, ok := d.model.PackageContents(path); ok && strings.HasPrefix(path, `\\`) {
		return contents, nil
	}
	return d.Files.ReadFile(path)
}

func (d disk) Exists(path string) bool {
	_, _, share := d.model.PackageDigest(path)
	return (share && strings.HasPrefix(path, `\\`)) || (d.Files.Exists(path) && !d.IsDirectory(path))
}
