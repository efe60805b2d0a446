package powershell

import (
	"fmt"
	"strings"
	"unicode"
)

// ParseError says where a script is not PowerShell, or not the part of it this package knows.
type ParseError struct {
	Line, Column int
	Message      string
	id           string
	offset       int
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("At line:%d char:%d: %s", e.Line, e.Column, e.Message)
}

const maximumNesting = 1000

type parser struct {
	source *source
	text   []rune
	pos    int
	depth  int
}

// Parse reads a script. The error is a *ParseError.
func Parse(script string) (*ScriptBlock, error) { return parseNamed(script, "") }

func parseNamed(script, name string) (parsed *ScriptBlock, err error) {
	script = strings.TrimPrefix(script, "\ufeff")
	p := &parser{source: &source{text: []rune(script), name: name}}
	p.text = p.source.text
	defer func() {
		// The parser leaves its recursion by panicking with a *ParseError and with nothing else.
		if recovered := recover(); recovered != nil {
			failure, ok := recovered.(*ParseError)
			if !ok {
				panic(recovered)
			}
			parsed, err = nil, failure
		}
	}()
	parsed = p.scriptBody(0)
	if p.pos < len(p.text) {
		p.unexpected()
	}
	return parsed, nil
}

func (p *parser) fail(at int, id, format string, values ...any) {
	line, column := p.source.position(at)
	panic(&ParseError{Line: line, Column: column, Message: fmt.Sprintf(format, values...), id: id, offset: at})
}

func (p *parser) unexpected() {
	if p.pos >= len(p.text) {
		p.fail(p.pos, "UnexpectedEndOfInput", "Unexpected end of input.")
	}
	end := p.pos + 1
	for end < len(p.text) && !unicode.IsSpace(p.text[end]) && isWord(p.text[p.pos]) && isWord(p.text[end]) {
		end++
	}
	p.fail(p.pos, "UnexpectedToken", "Unexpected token '%s' in expression or statement.", string(p.text[p.pos:end]))
}

func (p *parser) enter() {
	p.depth++
	if p.depth > maximumNesting {
		p.fail(p.pos, "NestingTooDeep", "The script is nested too deeply.")
	}
}

func (p *parser) leave() { p.depth-- }

func (p *parser) peek(ahead int) rune {
	if p.pos+ahead < len(p.text) {
		return p.text[p.pos+ahead]
	}
	return 0
}

func (p *parser) at(text string) bool {
	for i, r := range []rune(text) {
		if p.peek(i) != r {
			return false
		}
	}
	return true
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

func isBlank(r rune) bool { return r == ' ' || r == '\t' || r == '\f' || r == '\v' || r == 0xA0 }

// isDash accepts the typographic dashes that word processors make of a hyphen, as PowerShell does.
func isDash(r rune) bool { return r == '-' || r == 0x2013 || r == 0x2014 || r == 0x2015 }

func isSingleQuote(r rune) bool { return r == '\'' || r >= 0x2018 && r <= 0x201B }

func isDoubleQuote(r rune) bool { return r == '"' || r >= 0x201C && r <= 0x201E }

// space skips blanks, comments and continued lines.
func (p *parser) space() {
	for p.pos < len(p.text) {
		switch r := p.peek(0); {
		case isBlank(r):
			p.pos++
		case r == '`' && p.peek(1) == '\n':
			p.pos += 2
		case r == '`' && p.peek(1) == '\r' && p.peek(2) == '\n':
			p.pos += 3
		case r == '#':
			for p.pos < len(p.text) && p.text[p.pos] != '\n' && p.text[p.pos] != '\r' {
				p.pos++
			}
		case r == '<' && p.peek(1) == '#':
			start := p.pos
			p.pos += 2
			for !p.at("#>") {
				if p.pos >= len(p.text) {
					p.fail(start, "MissingTerminatorMultiLineComment", "The terminator '#>' is missing from the multiline comment.")
				}
				p.pos++
			}
			p.pos += 2
		default:
			return
		}
	}
}

// lines skips blanks and line ends.
func (p *parser) lines() {
	for {
		p.space()
		if r := p.peek(0); p.pos < len(p.text) && (r == '\n' || r == '\r') {
			p.pos++
			continue
		}
		return
	}
}

// separators skips blanks, line ends and semicolons.
func (p *parser) separators() {
	for {
		p.lines()
		if p.peek(0) != ';' {
			return
		}
		p.pos++
	}
}

func (p *parser) expect(r rune, opened int, id, message string) {
	if p.peek(0) == r {
		p.pos++
		return
	}
	if p.pos < len(p.text) {
		p.unexpected()
	}
	p.fail(opened, id, "%s", message)
}

// word reads a keyword without moving when there is none.
func (p *parser) word() string {
	end := p.pos
	for end < len(p.text) && isWord(p.text[end]) {
		end++
	}
	if end < len(p.text) && (p.text[end] == '-' || p.text[end] == '.' || p.text[end] == '\\' || p.text[end] == ':') {
		return ""
	}
	return strings.ToLower(string(p.text[p.pos:end]))
}

// scriptBody reads up to a closing brace or the end of the text.
func (p *parser) scriptBody(start int) *ScriptBlock {
	p.enter()
	defer p.leave()
	body := &ScriptBlock{source: p.source}
	p.separators()
	// [CmdletBinding()] and the like stand before param.
	reset := p.pos
	for p.peek(0) == '[' {
		if !p.skipAttribute() {
			p.pos = reset
			break
		}
		p.lines()
	}
	if p.word() == "param" {
		body.advanced = reset != p.pos
		p.pos += len("param")
		p.lines()
		body.parameters = p.parameterList()
		p.separators()
	} else {
		p.pos = reset
	}
	for {
		name := p.word()
		if name != "begin" && name != "process" && name != "end" {
			break
		}
		mark := p.pos
		p.pos += len(name)
		p.lines()
		if p.peek(0) != '{' {
			p.pos = mark
			break
		}
		named := p.braces()
		switch name {
		case "begin":
			body.begin = named
		case "process":
			body.process = named
		default:
			body.end = named
		}
		p.separators()
	}
	if body.begin == nil && body.process == nil && body.end == nil {
		body.end = p.statements()
	}
	p.separators()
	body.Text = string(p.text[start:p.pos])
	return body
}

// skipAttribute passes over [Name(...)] and says whether it was an attribute and not a type.
func (p *parser) skipAttribute() bool {
	mark := p.pos
	p.pos++
	name := p.attributeName()
	p.space()
	if name == "" || p.peek(0) != '(' {
		p.pos = mark
		return false
	}
	p.attributeArguments()
	p.space()
	if p.peek(0) != ']' {
		p.pos = mark
		return false
	}
	p.pos++
	return true
}

func (p *parser) attributeName() string {
	start := p.pos
	for isWord(p.peek(0)) || p.peek(0) == '.' {
		p.pos++
	}
	return strings.ToLower(string(p.text[start:p.pos]))
}

func (p *parser) attributeArguments() (named map[string]node, positional []node) {
	named = map[string]node{}
	opened := p.pos
	p.pos++
	for {
		p.lines()
		if p.peek(0) == ')' {
			p.pos++
			return named, positional
		}
		mark := p.pos
		name := p.word()
		if name != "" && !unicode.IsDigit(p.peek(0)) {
			p.pos += len([]rune(name))
			p.space()
			if p.peek(0) == '=' {
				p.pos++
				p.lines()
				named[name] = p.unary()
			} else {
				named[name] = &literal{value: true}
			}
		} else {
			p.pos = mark
			positional = append(positional, p.unary())
		}
		p.lines()
		if p.peek(0) == ',' {
			p.pos++
		} else if p.peek(0) != ')' {
			p.expect(')', opened, "MissingEndParenthesisInExpression", "Missing ')' in attribute.")
		}
	}
}

func (p *parser) parameterList() []parameter {
	opened := p.pos
	p.expect('(', p.pos, "MissingOpenParenthesis", "Missing '(' after 'param'.")
	var list []parameter
	for {
		p.lines()
		if p.peek(0) == ')' {
			p.pos++
			return list
		}
		one := parameter{position: -1}
		for p.peek(0) == '[' {
			mark := p.pos
			p.pos++
			name := p.attributeName()
			p.space()
			if p.peek(0) == '(' && name != "" {
				named, positional := p.attributeArguments()
				p.expect(']', mark, "MissingEndSquareBracket", "Missing ] at end of attribute or type literal.")
				switch strings.TrimSuffix(name, "attribute") {
				case "parameter":
					one.mandatory = one.mandatory || attributeSwitch(named["mandatory"])
					one.fromPipeline = one.fromPipeline || attributeSwitch(named["valuefrompipeline"])
				case "alias":
					for _, item := range positional {
						if text, ok := item.(*literal); ok {
							one.aliases = append(one.aliases, strings.ToLower(toText(text.value)))
						}
					}
				case "validateset":
					one.allowedValues = positional
				}
			} else {
				p.pos = mark
				one.typeName = p.typeName()
			}
			p.lines()
		}
		if p.peek(0) != '$' {
			p.unexpected()
		}
		name := p.variable()
		one.name = name.name
		p.lines()
		if p.peek(0) == '=' {
			p.pos++
			p.lines()
			one.initial = p.expression(precedenceNoComma)
			p.lines()
		}
		list = append(list, one)
		if p.peek(0) == ',' {
			p.pos++
			continue
		}
		if p.peek(0) != ')' {
			p.expect(')', opened, "MissingEndParenthesisInFunctionParameterList", "Missing ')' in function parameter list.")
		}
	}
}

func attributeSwitch(value node) bool {
	switch value := value.(type) {
	case *literal:
		return truth(value.value)
	case *variable:
		return value.name == "true"
	}
	return false
}

func (p *parser) statements() *block {
	start := p.pos
	list := &block{}
	for {
		p.separators()
		if p.pos >= len(p.text) || p.peek(0) == '}' || p.peek(0) == ')' {
			list.extent = extent{start, p.pos}
			return list
		}
		list.statements = append(list.statements, p.statement())
		p.space()
		switch p.peek(0) {
		case ';', '\n', '\r', '}', ')':
		case 0:
			if p.pos < len(p.text) {
				p.unexpected()
			}
		default:
			if !endsWithBrace(list.statements[len(list.statements)-1]) {
				p.unexpected()
			}
		}
	}
}

func endsWithBrace(statement node) bool {
	switch statement.(type) {
	case *ifStatement, *loop, *foreachLoop, *switchStatement, *tryStatement, *functionDefinition:
		return true
	}
	return false
}

// braces reads { statements }.
func (p *parser) braces() *block {
	opened := p.pos
	if p.peek(0) != '{' {
		p.fail(p.pos, "MissingStatementBlock", "Missing statement block.")
	}
	p.pos++
	p.enter()
	defer p.leave()
	body := p.statements()
	p.expect('}', opened, "MissingEndCurlyBrace", "Missing closing '}' in statement block or type definition.")
	return body
}

func (p *parser) scriptBlock() *ScriptBlock {
	opened := p.pos
	p.pos++
	body := p.scriptBody(p.pos)
	p.expect('}', opened, "MissingEndCurlyBrace", "Missing closing '}' in statement block or type definition.")
	return body
}

// condition reads ( pipeline ) after a keyword.
func (p *parser) condition(keyword string) node {
	p.lines()
	opened := p.pos
	if p.peek(0) != '(' {
		p.fail(p.pos, "MissingOpenParenthesisInIfStatement", "Missing '(' after '%s' in %s statement.", keyword, keyword)
	}
	p.pos++
	p.lines()
	if p.pos >= len(p.text) || p.peek(0) == ')' {
		p.fail(p.pos, "MissingCondition", "Missing condition in %s statement after '%s ('.", keyword, keyword)
	}
	value := p.simpleStatement()
	p.lines()
	p.expect(')', opened, "MissingEndParenthesisAfterStatement", fmt.Sprintf("Missing closing ')' after expression in '%s' statement.", keyword))
	p.lines()
	return value
}

func (p *parser) statement() node {
	p.enter()
	defer p.leave()
	start := p.pos
	label := ""
	if p.peek(0) == ':' && isWord(p.peek(1)) {
		p.pos++
		label = p.word()
		p.pos += len([]rune(label))
		p.lines()
	}
	keyword := p.word()
	mark := p.pos
	p.pos += len([]rune(keyword))
	switch keyword {
	case "if":
		return p.ifStatement(start)
	case "while":
		condition := p.condition("while")
		return &loop{label: label, condition: condition, body: p.braces(), extent: extent{start, p.pos}}
	case "do":
		p.lines()
		body := p.braces()
		p.lines()
		kind := p.word()
		if kind != "while" && kind != "until" {
			p.fail(p.pos, "MissingWhileOrUntilInDoWhile", "The while or until keyword is missing from the do loop.")
		}
		p.pos += len(kind)
		condition := p.condition(kind)
		return &loop{label: label, condition: condition, body: body, bodyFirst: true, until: kind == "until", extent: extent{start, p.pos}}
	case "for":
		return p.forLoop(start, label)
	case "foreach":
		return p.foreachLoop(start, label)
	case "switch":
		return p.switchStatement(start, label)
	case "try":
		return p.tryStatement(start)
	case "function", "filter":
		return p.function(start, keyword == "filter")
	case "return", "throw", "exit", "break", "continue":
		p.space()
		result := &flow{kind: keyword}
		if !p.statementEnds() {
			if keyword == "break" || keyword == "continue" {
				result.label = p.word()
				p.pos += len([]rune(result.label))
				if result.label == "" {
					p.unexpected()
				}
			} else {
				result.value = p.simpleStatement()
			}
		}
		result.extent = extent{start, p.pos}
		return result
	case "class", "enum", "trap", "data", "workflow", "using", "configuration", "dynamicparam", "parallel", "sequence":
		p.fail(start, "NotSupported", "The keyword '%s' is not supported here.", keyword)
	case "else", "elseif", "catch", "finally", "until", "param":
		p.fail(start, "UnexpectedToken", "Unexpected token '%s' in expression or statement.", keyword)
	}
	p.pos = mark
	return p.simpleStatement()
}

// statementEnds tells whether nothing of the present statement is left.
func (p *parser) statementEnds() bool {
	if p.pos >= len(p.text) {
		return true
	}
	switch p.peek(0) {
	case ';', '\n', '\r', '}', ')', '|':
		return true
	}
	return false
}

func (p *parser) ifStatement(start int) node {
	result := &ifStatement{}
	for {
		condition := p.condition("if")
		result.clauses = append(result.clauses, ifClause{condition, p.braces()})
		mark := p.pos
		p.lines()
		switch keyword := p.word(); keyword {
		case "elseif":
			p.pos += len(keyword)
			continue
		case "else":
			p.pos += len(keyword)
			p.lines()
			if p.word() == "if" {
				p.fail(p.pos, "MissingStatementBlockAfterElse", "Missing statement block after 'else' keyword.")
			}
			result.otherwise = p.braces()
		default:
			p.pos = mark
		}
		result.extent = extent{start, p.pos}
		return result
	}
}

func (p *parser) forLoop(start int, label string) node {
	p.lines()
	opened := p.pos
	p.expect('(', p.pos, "MissingOpenParenthesisAfterKeyword", "Missing opening '(' after keyword 'for'.")
	result := &loop{label: label}
	for part := range 3 {
		p.lines()
		if p.peek(0) != ';' && p.peek(0) != ')' {
			statement := p.simpleStatement()
			switch part {
			case 0:
				result.initial = statement
			case 1:
				result.condition = statement
			default:
				result.advance = statement
			}
			p.lines()
		}
		if part < 2 && p.peek(0) == ';' {
			p.pos++
		}
	}
	p.expect(')', opened, "MissingEndParenthesisAfterStatement", "Missing closing ')' after expression in 'for' statement.")
	p.lines()
	result.body = p.braces()
	result.extent = extent{start, p.pos}
	return result
}

func (p *parser) foreachLoop(start int, label string) node {
	p.lines()
	opened := p.pos
	p.expect('(', p.pos, "MissingOpenParenthesisAfterKeyword", "Missing opening '(' after keyword 'foreach'.")
	p.lines()
	if p.peek(0) != '$' {
		p.fail(p.pos, "MissingVariableNameAfterForeach", "Missing variable name after foreach.")
	}
	name := p.variable()
	p.lines()
	if p.word() != "in" {
		p.fail(p.pos, "MissingInInForeach", "Missing 'in' after variable in foreach loop.")
	}
	p.pos += 2
	p.lines()
	values := p.simpleStatement()
	p.lines()
	p.expect(')', opened, "MissingEndParenthesisAfterForeach", "The foreach loop is missing the closing parenthesis.")
	p.lines()
	return &foreachLoop{label: label, variable: name, values: values, body: p.braces(), extent: extent{start, p.pos}}
}

func (p *parser) switchStatement(start int, label string) node {
	result := &switchStatement{label: label}
	for p.space(); isDash(p.peek(0)); p.space() {
		p.pos++
		option := p.word()
		p.pos += len([]rune(option))
		switch option {
		case "wildcard", "regex":
			result.mode = option
		case "exact":
		case "casesensitive":
			result.exact = true
		default:
			p.fail(p.pos, "NotSupported", "The switch option '-%s' is not supported here.", option)
		}
	}
	result.value = p.condition("switch")
	opened := p.pos
	p.expect('{', p.pos, "MissingCurlyBraceInSwitchStatement", "Missing opening '{' in switch statement.")
	for {
		p.separators()
		if p.peek(0) == '}' {
			p.pos++
			break
		}
		if p.pos >= len(p.text) {
			p.fail(opened, "MissingEndCurlyBrace", "Missing closing '}' in switch statement.")
		}
		clause := switchClause{}
		switch {
		case p.peek(0) == '{':
			clause.condition = p.scriptBlock()
		case p.word() == "default":
			p.pos += len("default")
		default:
			clause.pattern = p.commandArgument(true)
		}
		p.lines()
		clause.body = p.braces()
		result.clauses = append(result.clauses, clause)
	}
	result.extent = extent{start, p.pos}
	return result
}

func (p *parser) tryStatement(start int) node {
	p.lines()
	result := &tryStatement{body: p.braces()}
	for {
		mark := p.pos
		p.lines()
		keyword := p.word()
		if keyword == "catch" && result.finally == nil {
			p.pos += len(keyword)
			p.lines()
			var clause catchClause
			for p.peek(0) == '[' {
				clause.types = append(clause.types, p.typeName())
				p.lines()
				if p.peek(0) == ',' {
					p.pos++
					p.lines()
				}
			}
			clause.body = p.braces()
			result.catches = append(result.catches, clause)
			continue
		}
		if keyword == "finally" && result.finally == nil {
			p.pos += len(keyword)
			p.lines()
			result.finally = p.braces()
			continue
		}
		p.pos = mark
		break
	}
	if len(result.catches) == 0 && result.finally == nil {
		p.fail(p.pos, "MissingCatchOrFinally", "The Try statement is missing its Catch or Finally block.")
	}
	result.extent = extent{start, p.pos}
	return result
}

func (p *parser) function(start int, filter bool) node {
	p.space()
	from := p.pos
	for p.pos < len(p.text) && (isWord(p.peek(0)) || strings.ContainsRune("-:.?", p.peek(0))) {
		p.pos++
	}
	name := string(p.text[from:p.pos])
	if name == "" {
		p.fail(p.pos, "MissingNameAfterKeyword", "Missing name after function keyword.")
	}
	if scope, bare, found := strings.Cut(name, ":"); found && bare != "" && strings.EqualFold(scope, "global") || strings.EqualFold(scope, "script") {
		name = bare
	}
	p.lines()
	var parameters []parameter
	if p.peek(0) == '(' {
		parameters = p.parameterList()
		p.lines()
	}
	if p.peek(0) != '{' {
		p.fail(p.pos, "MissingFunctionBody", "Missing function body in function declaration.")
	}
	body := p.scriptBlock()
	if parameters != nil {
		body.parameters = parameters
	}
	if filter && body.process == nil {
		body.process, body.end = body.end, nil
	}
	return &functionDefinition{name: name, block: body, extent: extent{start, p.pos}}
}

var assignmentOperators = []string{"+=", "-=", "*=", "/=", "%=", "="}

// assignmentOperator gives the operator that stands here, without reading it, or "".
func (p *parser) assignmentOperator() string {
	for _, operator := range assignmentOperators {
		if p.at(operator) && !(operator == "=" && p.peek(1) == '=') {
			return operator
		}
	}
	return ""
}

// simpleStatement reads an assignment or a pipeline.
func (p *parser) simpleStatement() node {
	p.enter()
	defer p.leave()
	start := p.pos
	result := &pipeline{}
	for {
		if len(result.elements) == 0 && p.startsExpression() {
			from := p.pos
			value := p.expression(0)
			p.space()
			if operator := p.assignmentOperator(); operator != "" {
				if !assignable(value) {
					p.fail(start, "InvalidLeftHandSide", "The assignment expression is not valid. The input to an assignment operator must be an object that is able to accept assignments, such as a variable or a property.")
				}
				p.pos += len(operator)
				p.lines()
				if p.statementEnds() {
					p.fail(p.pos, "ExpectedValueExpression", "You must provide a value expression following the '%s' operator.", operator)
				}
				right := p.statement()
				return &assignment{target: value, operator: operator, value: right, extent: extent{start, p.pos}}
			}
			element := &commandExpression{expression: value}
			for {
				p.space()
				one, ok := p.redirection()
				if !ok {
					break
				}
				element.redirections = append(element.redirections, one)
			}
			element.extent = extent{from, p.pos}
			result.elements = append(result.elements, element)
		} else {
			result.elements = append(result.elements, p.command())
		}
		end := p.pos
		p.space()
		if p.peek(0) != '|' {
			p.pos = end
			break
		}
		if p.peek(1) == '|' {
			p.fail(p.pos, "InvalidEndOfLine", "The token '||' is not a valid statement separator in this version.")
		}
		p.pos++
		p.lines()
		if p.statementEnds() {
			p.fail(p.pos, "EmptyPipeElement", "An empty pipe element is not allowed.")
		}
	}
	p.space()
	if p.at("&&") {
		p.fail(p.pos, "InvalidEndOfLine", "The token '&&' is not a valid statement separator in this version.")
	}
	if p.peek(0) == '&' {
		p.fail(p.pos, "AmpersandNotAllowed", "The ampersand (&) character is not allowed. The & operator is reserved for future use; wrap an ampersand in double quotation marks (\"&\") to pass it as part of a string.")
	}
	result.extent = extent{start, p.pos}
	return result
}

func assignable(target node) bool {
	switch target := target.(type) {
	case *variable, *member, *index:
		return true
	case *cast:
		return assignable(target.operand)
	case *arrayLiteral:
		for _, item := range target.items {
			if !assignable(item) {
				return false
			}
		}
		return true
	}
	return false
}

// startsExpression decides between expression and command, as PowerShell does, by the first character.
func (p *parser) startsExpression() bool {
	r, next := p.peek(0), p.peek(1)
	switch {
	case r == '$' || r == '(' || r == '[' || r == '{' || r == ',' || r == '!' || isSingleQuote(r) || isDoubleQuote(r):
		return true
	case r == '@':
		return next == '(' || next == '{' || isSingleQuote(next) || isDoubleQuote(next)
	case unicode.IsDigit(r) || r == '.' && unicode.IsDigit(next):
		mark := p.pos
		_, ok := p.number()
		whole := !strings.ContainsRune(string(p.text[mark:p.pos]), '.')
		ends := !(isWord(p.peek(0)) || whole && p.peek(0) == '.' && isWord(p.peek(1)) || p.peek(0) == '\\' || p.peek(0) == ':')
		p.pos = mark
		return ok && ends
	case r == '+' || isDash(r):
		if unicode.IsDigit(next) || next == '$' || next == '(' || next == '.' || next == r && r != 0 && (r == '+' || isDash(r)) || isBlank(next) {
			return true
		}
		return p.unaryOperator() != ""
	}
	return false
}
