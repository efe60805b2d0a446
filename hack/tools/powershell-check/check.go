package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	sitter "github.com/tree-sitter/go-tree-sitter"
)

// finding is a problem and its place; lines and columns count from 1.
type finding struct {
	line, column int
	problem      string
}

// check gives everything in a script that Windows PowerShell 3.0 would not take, or that must not be in one of ours.
func check(text string, known table) []finding {
	c := &checker{syntax: parse(text), known: known.with(functions(text))}
	defer c.close()
	c.bytes(text)
	c.requirements(text)
	c.errors(c.tree.RootNode())
	for node := range all(c.tree.RootNode()) {
		c.node(node)
	}
	slices.SortStableFunc(c.findings, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	return slices.Compact(c.findings)
}

type checker struct {
	syntax
	known    table
	findings []finding
}

func (c *checker) at(node *sitter.Node, problem string, arguments ...any) {
	place := node.StartPosition()
	c.findings = append(c.findings, finding{int(place.Row) + 1, int(place.Column) + 1, fmt.Sprintf(problem, arguments...)})
}

// bytes finds what is not ASCII: Windows PowerShell reads a file without a byte order mark in the server's own code page.
func (c *checker) bytes(text string) {
	for number, line := range strings.Split(text, "\n") {
		for column, b := range []byte(strings.TrimSuffix(line, "\r")) {
			if b != '\t' && (b < ' ' || b > '~') {
				c.findings = append(c.findings, finding{number + 1, column + 1, fmt.Sprintf("the byte %#x is not printable ASCII", b)})
				break
			}
		}
	}
}

var requirement = regexp.MustCompile(`(?im)^#requires\s+-version\s+(\S+)`)

func (c *checker) requirements(text string) {
	for _, at := range requirement.FindAllStringSubmatchIndex(text, -1) {
		if version := text[at[2]:at[3]]; version > "3.0" {
			c.findings = append(c.findings, finding{strings.Count(text[:at[0]], "\n") + 1, 1, "requires version " + version + ", servers have 3.0"})
		}
	}
}

// errors finds what the grammar does not know; of errors within errors the outermost.
func (c *checker) errors(node *sitter.Node) {
	switch {
	case node.IsMissing():
		c.at(node, "syntax: %s is missing", node.Kind())
		return
	case node.IsError():
		first, _, _ := strings.Cut(strings.TrimSpace(c.of(node)), "\n")
		c.at(node, "syntax: not understood: %.60s", first)
		return
	}
	for i := range node.ChildCount() {
		c.errors(node.Child(i))
	}
}

func (c *checker) node(node *sitter.Node) {
	switch node.Kind() {
	case "try_statement":
		if child(node, "catch_clauses") == nil && child(node, "finally_clause") == nil {
			c.at(node, "syntax: try without catch or finally")
		}
	case "pipeline_chain_tail":
		c.at(node, "&& and || between commands are not in 3.0")
	case "class_statement", "enum_statement":
		c.at(node, "classes and enumerations are not in 3.0")
	case "sequence_statement", "parallel_statement", "inlinescript_statement":
		c.at(node, "workflows have no business here")
	case "invokation_expression":
		c.method(node)
	case "command":
		c.command(node)
	}
}

// codeFromData are methods that make code of a text.
var codeFromData = []string{"addscript", "newscriptblock", "invokescript", "expandstring"}

// method looks at a call of a method.
func (c *checker) method(node *sitter.Node) {
	member := child(node, "member_name")
	if member == nil {
		return
	}
	name := strings.ToLower(c.of(member))
	owner := strings.ToLower(c.of(node.Child(0)))
	static := child(node, "::") != nil
	switch {
	case static && name == "new":
		c.at(member, "::new( is not in 3.0: use New-Object")
	case static && name == "create" && (owner == "[scriptblock]" || strings.HasSuffix(owner, ".scriptblock]")):
		c.at(node, "[scriptblock]::Create makes code of data")
	case slices.Contains(codeFromData, name):
		c.at(member, ".%s( makes code of data", c.of(member))
	case !static && (name == "foreach" || name == "where"):
		c.at(member, ".%s( on a list is not in 3.0: use the pipeline", c.of(member))
	case name == "addcommand":
		// A command by its name, for a runspace of its own.
		for argument := range all(node) {
			if argument.Kind() == "string_literal" {
				c.lookUp(argument, strings.Trim(c.of(argument), `'"`))
				break
			}
		}
	}
}

// brokenWords are words that only stand where a command does when the statement they belong to is broken.
var brokenWords = []string{"else", "elseif", "catch", "finally", "try"}

var laterWords = map[string]string{"using": "using is not in 3.0", "clean": "clean blocks are not in 3.0",
	"invoke-expression": "Invoke-Expression makes code of data", "iex": "Invoke-Expression makes code of data"}

// command looks at a call of a command.
func (c *checker) command(node *sitter.Node) {
	name := c.commandName(node)
	if name == nil {
		return // A script block or a variable: what it holds is looked at where it is written.
	}
	word := strings.Trim(c.of(name), `'"`)
	lower := strings.ToLower(word)
	if slices.Contains(brokenWords, lower) {
		c.at(name, "syntax: %s without what must come before it", word)
		return
	}
	if problem, ok := laterWords[lower]; ok {
		c.at(name, "%s", problem)
		return
	}
	entry, ok := c.lookUp(name, word)
	if !ok {
		return
	}
	assembly := false
	for _, parameter := range parametersOf(node) {
		given := c.of(parameter)
		if !c.known.takes(entry, given) {
			c.at(parameter, "%s has no parameter %s in 3.0 (full names only)", word, given)
		}
		assembly = assembly || strings.EqualFold(given, "-AssemblyName")
	}
	if lower == "add-type" && !assembly {
		c.at(name, "Add-Type with code compiles on the server: only -AssemblyName is allowed")
	}
}

// lookUp finds a command in the table, or says that it is not there.
func (c *checker) lookUp(node *sitter.Node, name string) (command, bool) {
	entry, ok := c.known.commands[strings.ToLower(name)]
	if !ok {
		c.at(node, "the command %s is neither in the table nor a function of the script", name)
	}
	return entry, ok
}

// commandName gives the node that names a command, or nil where that is only known when it runs.
func (c *checker) commandName(node *sitter.Node) *sitter.Node {
	if name := child(node, "command_name"); name != nil {
		return name
	}
	expression := child(node, "command_name_expr")
	if expression == nil {
		return nil
	}
	name := expression.Child(0)
	if name == nil || name.Kind() == "command_name" || name.Kind() == "string_literal" {
		return name
	}
	if name.Kind() == "path_command_name" && !strings.HasPrefix(c.of(name), "$") {
		return name
	}
	return nil
}

// parametersOf gives the parameters that are written for a command itself, not for commands within its arguments.
func parametersOf(node *sitter.Node) []*sitter.Node {
	var found []*sitter.Node
	elements := child(node, "command_elements")
	if elements == nil {
		return nil
	}
	for i := range elements.ChildCount() {
		if c := elements.Child(i); c.Kind() == "command_parameter" {
			found = append(found, c)
		}
	}
	return found
}
