package powershell

import "strings"

// variable reads $name, ${any text}, $scope:name and the special variables.
func (p *parser) variable() *variable {
	start := p.pos
	p.pos++
	text := ""
	switch r := p.peek(0); {
	case r == '{':
		p.pos++
		from := p.pos
		for p.peek(0) != '}' {
			if p.pos >= len(p.text) {
				p.fail(start, "IncompleteDollarSubexpressionReference", "The variable reference '${' is missing the closing '}'.")
			}
			p.pos++
		}
		text = string(p.text[from:p.pos])
		p.pos++
	case r == '$' || r == '?' || r == '^':
		p.pos++
		text = string(r)
	case isWord(r):
		from := p.pos
		for isWord(p.peek(0)) {
			p.pos++
		}
		if p.peek(0) == ':' && isWord(p.peek(1)) && p.peek(1) != ':' {
			p.pos++
			for isWord(p.peek(0)) {
				p.pos++
			}
		}
		text = string(p.text[from:p.pos])
	default:
		p.fail(start, "InvalidVariableReference", "Variable reference is not valid. '$' was not followed by a valid variable name character.")
	}
	result := &variable{name: text, extent: extent{start, p.pos}}
	if scope, name, found := strings.Cut(text, ":"); found {
		result.scope, result.name = strings.ToLower(scope), name
	}
	if result.scope != "env" {
		result.name = strings.ToLower(result.name)
	}
	return result
}

func (p *parser) singleQuoted() node {
	start := p.pos
	return &literal{value: p.singleQuotedText(), extent: extent{start, p.pos}}
}

func (p *parser) singleQuotedText() string {
	start := p.pos
	p.pos++
	var text strings.Builder
	for {
		if p.pos >= len(p.text) {
			p.fail(start, "TerminatorExpectedAtEndOfString", "The string is missing the terminator: '.")
		}
		r := p.text[p.pos]
		p.pos++
		if isSingleQuote(r) {
			if !isSingleQuote(p.peek(0)) {
				return text.String()
			}
			p.pos++
		}
		text.WriteRune(r)
	}
}

// escaped reads what follows a backtick.
func (p *parser) escaped(text *strings.Builder) {
	p.pos++
	r := p.peek(0)
	if p.pos >= len(p.text) {
		return
	}
	p.pos++
	switch r {
	case 'n':
		r = '\n'
	case 'r':
		r = '\r'
	case 't':
		r = '\t'
	case '0':
		r = 0
	case 'a':
		r = '\a'
	case 'b':
		r = '\b'
	case 'f':
		r = '\f'
	case 'v':
		r = '\v'
	}
	text.WriteRune(r)
}

// expansion collects text and expressions of an expandable string.
type expansion struct {
	parts []node
	text  strings.Builder
	from  int
}

func (e *expansion) flush(at int) {
	if e.text.Len() > 0 {
		e.parts = append(e.parts, &literal{value: e.text.String(), extent: extent{e.from, at}})
		e.text.Reset()
	}
	e.from = at
}

// dollar reads a variable or subexpression in a string, or takes the dollar as text.
func (p *parser) dollar(e *expansion) {
	next := p.peek(1)
	switch {
	case next == '(':
		e.flush(p.pos)
		start := p.pos
		e.parts = append(e.parts, &subexpression{body: p.parentheses(2), extent: extent{start, p.pos}})
	case next == '{' || isWord(next) || next == '$' || next == '?' || next == '^':
		e.flush(p.pos)
		e.parts = append(e.parts, p.variable())
	default:
		e.text.WriteRune('$')
		p.pos++
	}
}

func (e *expansion) node(start, end int) node {
	e.flush(end)
	switch len(e.parts) {
	case 0:
		return &literal{value: "", extent: extent{start, end}}
	case 1:
		if plain, ok := e.parts[0].(*literal); ok {
			return &literal{value: plain.value, extent: extent{start, end}}
		}
	}
	return &expandable{parts: e.parts, extent: extent{start, end}}
}

func (p *parser) doubleQuoted() node {
	p.enter()
	defer p.leave()
	start := p.pos
	p.pos++
	e := &expansion{from: p.pos}
	for {
		if p.pos >= len(p.text) {
			p.fail(start, "TerminatorExpectedAtEndOfString", "The string is missing the terminator: \".")
		}
		switch r := p.text[p.pos]; {
		case isDoubleQuote(r):
			p.pos++
			if !isDoubleQuote(p.peek(0)) {
				return e.node(start, p.pos)
			}
			p.pos++
			e.text.WriteRune(r)
		case r == '`':
			p.escaped(&e.text)
		case r == '$':
			p.dollar(e)
		default:
			e.text.WriteRune(r)
			p.pos++
		}
	}
}

func (p *parser) hereString() node {
	p.enter()
	defer p.leave()
	start := p.pos
	single := isSingleQuote(p.peek(1))
	p.pos += 2
	for isBlank(p.peek(0)) {
		p.pos++
	}
	if p.peek(0) == '\r' {
		p.pos++
	}
	if p.peek(0) != '\n' {
		p.fail(p.pos, "UnexpectedCharactersAfterHereStringHeader", "No characters are allowed after a here-string header but before the end of the line.")
	}
	p.pos++
	e := &expansion{from: p.pos}
	// The terminator stands at the beginning of a line; the line end before it does not belong to the text.
	closes := func(at int) bool {
		if at+1 >= len(p.text) || p.text[at+1] != '@' {
			return false
		}
		if single {
			return isSingleQuote(p.text[at])
		}
		return isDoubleQuote(p.text[at])
	}
	if closes(p.pos) {
		p.pos += 2
		return e.node(start, p.pos)
	}
	for {
		if p.pos >= len(p.text) {
			p.fail(start, "TerminatorExpectedAtEndOfString", "The string is missing the terminator: %s.", map[bool]string{true: "'@", false: "\"@"}[single])
		}
		r := p.text[p.pos]
		end := p.pos
		if r == '\r' && p.peek(1) == '\n' {
			end++
		}
		switch {
		case p.text[end] == '\n' && closes(end+1):
			p.pos = end + 3
			return e.node(start, p.pos)
		case r == '`' && !single:
			p.escaped(&e.text)
		case r == '$' && !single:
			p.dollar(e)
		default:
			e.text.WriteRune(r)
			p.pos++
		}
	}
}
