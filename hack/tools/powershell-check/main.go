// Command powershell-check says what in a script Windows PowerShell 3.0 would not take: mistakes of syntax, words of later
// versions, commands and parameters it does not have, code that is made of data, bytes that are not ASCII. It knows a grammar
// and a table of commands, and runs nothing.
//
//	powershell-check -commands TABLE SCRIPT...
//
// Of a Markdown page it checks the scripts that travel as encoded command lines, and how long those become. It prints a
// line "path:line:column: problem" for each finding and ends with 1 when there is one, with 2 when it cannot check.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(arguments []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("powershell-check", flag.ContinueOnError)
	flags.SetOutput(stderr)
	tableFile := flags.String("commands", "", "`file` with the commands and parameters that may be used (required)")
	if err := flags.Parse(arguments); err != nil {
		return 2
	}
	if *tableFile == "" || flags.NArg() == 0 {
		fmt.Fprintln(stderr, "powershell-check: say -commands TABLE and at least one script")
		return 2
	}
	text, err := os.ReadFile(*tableFile)
	if err != nil {
		fmt.Fprintln(stderr, "powershell-check:", err)
		return 2
	}
	known, err := parseTable(string(text))
	if err != nil {
		fmt.Fprintf(stderr, "powershell-check: %s: %v\n", *tableFile, err)
		return 2
	}
	inTable := len(known.commands)
	// A page of the documentation may call the functions of a module that is checked beside it.
	var modules, pages []source
	for _, path := range flags.Args() {
		content, err := os.ReadFile(path)
		if err != nil {
			fmt.Fprintln(stderr, "powershell-check:", err)
			return 2
		}
		if strings.HasSuffix(path, ".md") {
			scripts := encodedScripts(string(content))
			if len(scripts) == 0 {
				fmt.Fprintf(stderr, "powershell-check: %s: no script found in this page\n", path)
				return 2
			}
			for _, script := range scripts {
				pages = append(pages, source{path, script.text, script.line, true})
			}
			continue
		}
		modules = append(modules, source{path, string(content), 1, false})
	}
	count := 0
	for _, script := range append(modules, pages...) {
		findings := script.check(known)
		if !script.encoded {
			known = known.with(functions(script.text))
		}
		for _, f := range findings {
			fmt.Fprintf(stdout, "%s:%d:%d: %s\n", script.path, f.line+script.line-1, f.column, f.problem)
		}
		count += len(findings)
	}
	if count > 0 {
		return 1
	}
	fmt.Fprintf(stdout, "powershell-check: nothing found in %d scripts, with %d commands in the table\n", len(modules)+len(pages), inTable)
	return 0
}

// source is a script and where it was found.
type source struct {
	path    string
	text    string
	line    int // on which its first line stands
	encoded bool
}

func (s source) check(known table) []finding {
	findings := check(s.text, known)
	if s.encoded {
		findings = append(findings, tooLong(s.text)...)
	}
	return findings
}
