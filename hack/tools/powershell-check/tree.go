package main

import (
	"iter"
	"regexp"
	"strings"

	powershell "github.com/airbus-cert/tree-sitter-powershell/bindings/go"
	sitter "github.com/tree-sitter/go-tree-sitter"
)

// misread is text that Windows PowerShell takes and the grammar does not. It is replaced by text of the same length and
// meaning before parsing, so that places stay what they are.
type misread struct {
	pattern *regexp.Regexp
	replace func(string) string
}

// A `param(...)` and a statement on one line, and several clauses of a `switch` on one line, are misread too: write them on
// lines of their own.
var misreads = []misread{
	// The grammar knows the suffix of a number in lower case only.
	{regexp.MustCompile(`\b[0-9]+[KMGTP]B\b`), strings.ToLower},
	// It does not know a list of bare words as an argument, which Export-ModuleMember takes.
	{regexp.MustCompile(`(?m)^Export-ModuleMember -Function [A-Za-z, -]+$`), func(text string) string {
		return strings.NewReplacer(", ", "__", ",", "_").Replace(text)
	}},
}

// syntax is a parsed script.
type syntax struct {
	text []byte
	tree *sitter.Tree
}

func parse(text string) syntax {
	for _, m := range misreads {
		text = m.pattern.ReplaceAllStringFunc(text, m.replace)
	}
	parser := sitter.NewParser()
	defer parser.Close()
	if err := parser.SetLanguage(sitter.NewLanguage(powershell.Language())); err != nil {
		panic("the grammar and the parser library do not fit together: " + err.Error())
	}
	return syntax{[]byte(text), parser.Parse([]byte(text), nil)}
}

func (s syntax) close() { s.tree.Close() }

func (s syntax) of(node *sitter.Node) string { return node.Utf8Text(s.text) }

// all gives a node and everything below it, from the beginning of the text to its end.
func all(node *sitter.Node) iter.Seq[*sitter.Node] {
	return func(yield func(*sitter.Node) bool) { visit(node, yield) }
}

func visit(node *sitter.Node, yield func(*sitter.Node) bool) bool {
	if !yield(node) {
		return false
	}
	for i := range node.ChildCount() {
		if !visit(node.Child(i), yield) {
			return false
		}
	}
	return true
}

// child gives the first child of a kind, or nil.
func child(node *sitter.Node, kind string) *sitter.Node {
	for i := range node.ChildCount() {
		if c := node.Child(i); c.Kind() == kind {
			return c
		}
	}
	return nil
}

// functions gives a script's own functions and their parameters.
func functions(text string) map[string]command {
	s := parse(text)
	defer s.close()
	found := map[string]command{}
	for node := range all(s.tree.RootNode()) {
		if node.Kind() != "function_statement" {
			continue
		}
		name := child(node, "function_name")
		if name == nil {
			continue
		}
		own := command{own: true, parameters: map[string]bool{}}
		var parameters *sitter.Node
		if body := child(node, "script_block"); body != nil {
			parameters = child(body, "param_block")
		}
		if parameters == nil {
			own.anything = true
		} else {
			if list := child(parameters, "attribute_list"); list != nil {
				own.advanced = strings.Contains(strings.ToLower(s.of(list)), "cmdletbinding")
			}
			for parameter := range all(parameters) {
				if parameter.Kind() != "script_parameter" {
					continue
				}
				if variable := child(parameter, "variable"); variable != nil {
					own.parameters["-"+strings.ToLower(strings.TrimPrefix(s.of(variable), "$"))] = true
				}
			}
		}
		found[strings.ToLower(s.of(name))] = own
	}
	return found
}
