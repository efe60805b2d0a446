package main

import (
	"bufio"
	"fmt"
	"maps"
	"strings"
)

// table holds the commands that may be called, by their names in lower case.
type table struct {
	commands map[string]command
	common   map[string]bool // parameters that every cmdlet has
}

// command is what may be given to a command: parameters in lower case, with their hyphen.
type command struct {
	parameters map[string]bool
	// anything means that arguments are not looked at: programs, and functions that use $args.
	anything bool
	// own marks functions of the script itself, which have the common parameters only if they ask for them.
	own, advanced bool
}

// parseTable reads lines of a command and its parameters; "#" begins a comment.
func parseTable(text string) (table, error) {
	result := table{commands: map[string]command{}, common: map[string]bool{}}
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(strings.ToLower(line))
		if len(words) == 0 {
			continue
		}
		parameters := map[string]bool{}
		for _, word := range words[1:] {
			if !strings.HasPrefix(word, "-") || parameters[word] {
				return table{}, fmt.Errorf("line %d: %q is no parameter, or stands twice", number, word)
			}
			parameters[word] = true
		}
		if words[0] == "common" {
			result.common = parameters
			continue
		}
		if _, twice := result.commands[words[0]]; twice {
			return table{}, fmt.Errorf("line %d: %s stands twice", number, words[0])
		}
		result.commands[words[0]] = command{parameters: parameters, anything: strings.HasSuffix(words[0], ".exe")}
	}
	if len(result.commands) == 0 {
		return table{}, fmt.Errorf("no command in it")
	}
	return result, lines.Err()
}

// with gives the table together with a script's own functions, which come before cmdlets.
func (t table) with(functions map[string]command) table {
	all := maps.Clone(t.commands)
	maps.Copy(all, functions)
	return table{commands: all, common: t.common}
}

// takes says whether a command has a parameter, which is written with its hyphen.
func (t table) takes(c command, parameter string) bool {
	parameter = strings.ToLower(strings.TrimSuffix(parameter, ":"))
	return c.anything || c.parameters[parameter] || t.common[parameter] && (!c.own || c.advanced)
}
