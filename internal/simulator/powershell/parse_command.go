package powershell

import (
	"strings"
	"unicode"
)

// wordEnds tells whether a bare word of a command ends before r.
func wordEnds(r rune) bool {
	return isBlank(r) || strings.ContainsRune("\r\n;|&(){},", r) || r == 0
}

func (p *parser) command() node {
	p.enter()
	defer p.leave()
	start := p.pos
	result := &command{}
	r := p.peek(0)
	switch {
	case r == '&' && p.peek(1) != '&', r == '.' && (isBlank(p.peek(1)) || strings.ContainsRune("$({'\"", p.peek(1))):
		result.invoked, result.dotSourced = true, r == '.'
		p.pos++
		p.space()
		if p.statementEnds() {
			p.fail(p.pos, "MissingExpression", "Missing expression after '%c' in pipeline element.", r)
		}
		result.name = p.commandArgument(false)
	case r == '<':
		p.fail(p.pos, "RedirectionNotSupported", "The '<' operator is reserved for future use.")
	case wordEnds(r) || r == '>' || r == '@':
		p.unexpected()
	default:
		result.name = p.bareWord(false)
	}
	for {
		p.space()
		if p.statementEnds() || p.peek(0) == '&' {
			break
		}
		if one, ok := p.redirection(); ok {
			result.redirections = append(result.redirections, one)
			continue
		}
		result.arguments = append(result.arguments, p.argument())
	}
	end := p.pos
	for end > start && isBlank(p.text[end-1]) {
		end--
	}
	result.extent = extent{start, end}
	return result
}

func (p *parser) argument() argument {
	start := p.pos
	if p.at("--") && wordEnds(p.peek(2)) {
		p.pos += 2
		return argument{parameter: "--", extent: extent{start, p.pos}}
	}
	if r := p.peek(0); isDash(r) && (unicode.IsLetter(p.peek(1)) || p.peek(1) == '_' || p.peek(1) == '?') {
		p.pos++
		from := p.pos
		for p.pos < len(p.text) && !wordEnds(p.peek(0)) && !strings.ContainsRune(":.[\"'`", p.peek(0)) {
			p.pos++
		}
		one := argument{parameter: string(p.text[from:p.pos])}
		switch p.peek(0) {
		case ':':
			p.pos++
			one.colon = true
			p.space()
			if p.statementEnds() {
				p.fail(p.pos, "ParameterRequiresArgument", "The parameter '-%s' requires an argument.", one.parameter)
			}
			one.value = p.argumentList()
		case '.', '[', '"', '\'', '`':
			// Not a parameter name: text such as -x.y, which programs take.
			p.pos = start
			return argument{value: p.bareWord(true), extent: extent{start, p.pos}}
		}
		one.extent = extent{start, p.pos}
		return one
	}
	if p.peek(0) == '@' && isWord(p.peek(1)) {
		name := p.variable()
		return argument{value: name, splat: true, extent: extent{start, p.pos}}
	}
	value := p.argumentList()
	return argument{value: value, extent: extent{start, p.pos}}
}

func (p *parser) argumentList() node {
	return p.commaList(func() node { return p.commandArgument(true) }, "MissingArgument", "Missing argument in parameter list.")
}

// commandArgument reads one value in the way of command arguments, where bare words are strings.
func (p *parser) commandArgument(numbers bool) node {
	p.enter()
	defer p.leave()
	start := p.pos
	r, next := p.peek(0), p.peek(1)
	switch {
	case isSingleQuote(r), isDoubleQuote(r), r == '(', r == '{',
		r == '@' && (next == '(' || next == '{' || isSingleQuote(next) || isDoubleQuote(next)), r == '$' && next == '(':
		return p.postfix(p.primary(), start)
	case r == '$' && (isWord(next) || strings.ContainsRune("{$?^", next)):
		value := p.postfix(p.variable(), start)
		if wordEnds(p.peek(0)) {
			return value
		}
		p.pos = start
	case r == ',' || r == ')' || r == '}' || r == '@' || r == '<':
		p.unexpected()
	}
	return p.bareWord(numbers)
}

// bareWord reads an unquoted word, in which variables and quoted parts may stand.
func (p *parser) bareWord(numbers bool) node {
	start := p.pos
	if numbers {
		negative := isDash(p.peek(0))
		if negative {
			p.pos++
		}
		if value, ok := p.number(); ok && wordEnds(p.peek(0)) {
			if negative {
				value = arithmeticNegative(value)
			}
			return &literal{value: value, text: string(p.text[start:p.pos]), extent: extent{start, p.pos}}
		}
		p.pos = start
	}
	e := &expansion{from: p.pos}
	for p.pos < len(p.text) {
		r := p.peek(0)
		if wordEnds(r) {
			break
		}
		switch {
		case r == '`':
			if p.peek(1) == '\n' || p.peek(1) == '\r' {
				return e.node(start, p.pos)
			}
			p.escaped(&e.text)
		case r == '$':
			p.dollar(e)
		case p.pos > start && isSingleQuote(r):
			e.text.WriteString(p.singleQuotedText())
		case p.pos > start && isDoubleQuote(r):
			from := p.pos
			inner := p.doubleQuoted()
			e.flush(from)
			e.parts = append(e.parts, inner)
		case r == '>' && p.pos > start:
			return e.node(start, p.pos)
		default:
			e.text.WriteRune(r)
			p.pos++
		}
	}
	if p.pos == start {
		p.unexpected()
	}
	return e.node(start, p.pos)
}

// redirection reads >, >>, 2>, 2>&1 and the like.
func (p *parser) redirection() (redirection, bool) {
	mark := p.pos
	result := redirection{from: "1"}
	if r := p.peek(0); (r == '*' || r >= '1' && r <= '6') && p.peek(1) == '>' {
		result.from = string(r)
		p.pos++
	}
	if p.peek(0) != '>' {
		p.pos = mark
		return result, false
	}
	p.pos++
	if p.peek(0) == '&' {
		result.to = string(p.peek(1))
		if result.to != "1" {
			p.fail(mark, "RedirectionNotSupported", "The redirection to stream '%s' is not supported.", result.to)
		}
		p.pos += 2
		return result, true
	}
	if p.peek(0) == '>' {
		p.pos++
		result.append = true
	}
	p.space()
	if p.statementEnds() {
		p.fail(p.pos, "MissingFileSpecification", "Missing file specification after redirection operator.")
	}
	result.file = p.commandArgument(false)
	return result, true
}
