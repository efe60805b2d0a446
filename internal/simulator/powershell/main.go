package powershell

import (
	"bufio"
	"context"
	"io"
	"strings"
)

type processDepth struct{}

// deeper counts processes within processes, so that a script that calls itself comes to an end.
func deeper(ctx context.Context) (context.Context, bool) {
	depth, _ := ctx.Value(processDepth{}).(int)
	return context.WithValue(ctx, processDepth{}, depth+1), depth < maximumProcesses
}

// CommandLine is what a command line of powershell.exe asks for.
type CommandLine struct {
	// Command is a script; Encoded says that it came with -EncodedCommand, and FromInput that it comes from standard input.
	Command            string
	Encoded, FromInput bool
	// File is a script file, and Arguments what follows it.
	File      string
	Arguments []string
	// Output is text or xml, in lower case; empty where it was not given.
	Output string
	// Policy is the execution policy of the process; empty where it was not given.
	Policy string
	Help   bool
	// Problem says why the line cannot be understood.
	Problem string
}

// flags of powershell.exe with the least letters that name them, and whether a value follows.
var flags = []struct {
	name, least string
	value       bool
}{
	{"encodedcommand", "e", true}, {"ec", "ec", true}, {"command", "c", true}, {"file", "f", true}, {"noprofile", "nop", false}, {"nologo", "nol", false},
	{"noninteractive", "noni", false}, {"noexit", "noe", false}, {"executionpolicy", "ex", true}, {"ep", "ep", true}, {"inputformat", "i", true}, {"if", "if", true},
	{"outputformat", "o", true}, {"of", "of", true}, {"version", "v", true}, {"sta", "s", false}, {"mta", "mta", false},
	{"windowstyle", "w", true}, {"psconsolefile", "psc", true}, {"configurationname", "config", true}, {"help", "h", false}, {"?", "?", false},
}

func flagOf(word string) (name string, value, ok bool) {
	if len(word) < 2 || word[0] != '-' && word[0] != '/' {
		return "", false, false
	}
	given := strings.ToLower(word[1:])
	for _, known := range flags {
		if given == known.name {
			return known.name, known.value, true
		}
	}
	for _, known := range flags {
		if strings.HasPrefix(known.name, given) && strings.HasPrefix(given, known.least) {
			return known.name, known.value, true
		}
	}
	return "", false, false
}

// ParseArguments reads the arguments of powershell.exe.
func ParseArguments(args []string) CommandLine {
	var line CommandLine
	for i := 0; i < len(args); i++ {
		name, value, ok := flagOf(args[i])
		if !ok {
			line.Command = strings.Join(args[i:], " ")
			return line
		}
		given := ""
		if value {
			if i+1 >= len(args) {
				line.Problem = "Cannot process the command because of a missing parameter. A command must follow " + args[i] + "."
				return line
			}
			i++
			given = args[i]
		}
		switch name {
		case "encodedcommand", "ec":
			script, err := decodeCommand(given)
			if err != nil {
				line.Problem = "Cannot process the command because the value specified with -EncodedCommand is not properly encoded. The value must be Base64 encoded."
				return line
			}
			line.Command, line.Encoded = script, true
		case "command":
			if given == "-" {
				line.FromInput = true
				return line
			}
			line.Command = strings.Join(args[i:], " ")
			return line
		case "file":
			line.File, line.Arguments = given, args[i+1:]
			line.FromInput = given == "-"
			return line
		case "outputformat", "of":
			line.Output = strings.ToLower(given)
		case "executionpolicy", "ep":
			line.Policy = given
		case "help", "?":
			line.Help = true
		}
	}
	if line.Command == "" && !line.Encoded {
		line.FromInput = true
	}
	return line
}

// Main runs powershell.exe with these arguments (without the program's name) and returns its exit code. Its errors are
// CLIXML after -EncodedCommand, as powershell.exe writes them where standard error is no console, and text else. When
// the context ends Main returns 1 without finishing.
func Main(ctx context.Context, machine Machine, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, allowed := deeper(ctx)
	if !allowed {
		_, _ = io.WriteString(stderr, "Not enough quota is available to process this command.\r\n")
		return 1
	}
	line := ParseArguments(args)
	if line.Problem != "" {
		_, _ = io.WriteString(stderr, line.Problem+"\r\n")
		return 1
	}
	if line.Help {
		_, _ = io.WriteString(stdout, "\r\nPowerShell[.exe] [-NoLogo] [-NoExit] [-NoProfile] [-NonInteractive] [-InputFormat {Text | XML}] [-OutputFormat {Text | XML}]\r\n    [-EncodedCommand <Base64EncodedCommand>] [-ExecutionPolicy <ExecutionPolicy>] [-File - | <filePath> <args>] [-Command - | <string>]\r\n")
		return 0
	}
	in := newInterpreter(ctx, machine, stdin, stdout)
	say := &speaker{to: stderr, clixml: line.Encoded && line.Output != "text" || line.Output == "xml", host: in}
	in.streams = outputs{failure: say.failure, warning: say.warning, verbose: say.verbose, native: stderr, host: func(text string) {
		in.display.flush()
		_, _ = io.WriteString(stdout, text)
	}}
	code := in.main(line)
	in.display.flush()
	say.close()
	return code
}

func newInterpreter(ctx context.Context, machine Machine, stdin io.Reader, stdout io.Writer) *interpreter {
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	global := newScope(nil)
	in := &interpreter{ctx: ctx, machine: machine, global: global, scope: global, session: map[string]Command{},
		stdin: bufio.NewReader(stdin), stdout: stdout, lastOK: true, display: &display{to: stdout}}
	table := NewHashtable()
	table.Set("PSVersion", version{5, 1, 14409, 1005})
	table.Set("PSEdition", "Desktop")
	table.Set("CLRVersion", version{4, 0, 30319, 42000})
	for name, value := range map[string]Value{
		"erroractionpreference": "Continue", "warningpreference": "Continue", "verbosepreference": "SilentlyContinue", "debugpreference": "SilentlyContinue",
		"progresspreference": "Continue", "psversiontable": table, "args": []Value{}, "home": `C:\Windows\system32\config\systemprofile`, "pshome": `C:\Windows\System32\WindowsPowerShell\v1.0`,
		"psscriptroot": "", "outputencoding": encoding("ASCII"), "confirmpreference": "High", "whatifpreference": false,
	} {
		global.variables[name] = value
	}
	return in
}

func (in *interpreter) main(line CommandLine) int {
	script, name := line.Command, ""
	switch {
	case line.FromInput:
		read, err := io.ReadAll(io.LimitReader(in.stdin, maximumText))
		if err != nil || in.cancelled() != nil {
			return 1
		}
		script = decodeText(read)
	case line.File != "":
		data, err := in.machine.Files().ReadFile(line.File)
		if err != nil {
			_ = in.report(&Failure{Message: "The argument '" + line.File + "' to the -File parameter does not exist. Provide the path to an existing '.ps1' file as an argument to the -File parameter.", native: true})
			return -196608
		}
		script, name = decodeText(data), line.File
	}
	parsed, err := parseNamed(script, name)
	if err != nil {
		_ = in.report(parseFailure(err))
		return 1
	}
	out := func(item Value) error { in.display.show(item); return in.cancelled() }
	if name != "" {
		err = in.callBlock(parsed, name, fileArguments(line.Arguments), out, nil)
	} else {
		if strings.Contains(strings.ToLower(script), "$input") && !line.FromInput {
			read, _ := io.ReadAll(io.LimitReader(in.stdin, maximumText)) // what was read before an error is the input
			in.global.variables["input"] = textLines(decodeText(read))
		}
		err = in.run(parsed, out)
	}
	switch err := err.(type) {
	case nil, returnSignal, loopSignal, stopSignal:
	case exitSignal:
		return err.code
	case cancelled:
		return 1
	default:
		failed := in.locate(err, nil)
		_ = in.report(failed)
		return 1
	}
	if !in.lastOK && name == "" {
		return 1
	}
	return 0
}

func fileArguments(words []string) []passed {
	var arguments []passed
	for _, word := range words {
		if len(word) > 1 && word[0] == '-' && isWord(rune(word[1])) && (word[1] < '0' || word[1] > '9') {
			parameter, value, has := strings.Cut(word[1:], ":")
			arguments = append(arguments, passed{parameter: parameter, colon: has, hasValue: has, value: value})
			continue
		}
		arguments = append(arguments, passed{hasValue: true, value: word})
	}
	return arguments
}

func parseFailure(err error) *Failure {
	problem, ok := err.(*ParseError)
	if !ok {
		return asFailure(err)
	}
	return &Failure{ID: problem.id, Category: "ParserError: (:)", Type: "System.Management.Automation.ParentContainsErrorRecordException", fatal: true,
		Message: problem.Message, parsed: problem}
}
