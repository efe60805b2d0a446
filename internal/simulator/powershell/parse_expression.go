package powershell

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Binary operators by how tightly they bind, loosest first.
var precedence = map[string]int{
	"and": 1, "or": 1, "xor": 1,
	"band": 2, "bor": 2, "bxor": 2, "shl": 2, "shr": 2,
	"eq": 3, "ne": 3, "gt": 3, "ge": 3, "lt": 3, "le": 3, "like": 3, "notlike": 3, "match": 3, "notmatch": 3, "replace": 3,
	"contains": 3, "notcontains": 3, "in": 3, "notin": 3, "split": 3, "join": 3, "is": 3, "isnot": 3, "as": 3,
	"+": 4, "-": 4,
	"*": 5, "/": 5, "%": 5,
	"f":  6,
	"..": 7,
}

// precedenceNoComma reads an expression in which a comma separates, as in the arguments of a method.
const precedenceNoComma = 100

// operatorWord reads -name without moving; the names beginning with i are made plain, those with c keep it where it counts.
func (p *parser) operatorWord() (name string, length int) {
	if !isDash(p.peek(0)) {
		return "", 0
	}
	end := p.pos + 1
	for end < len(p.text) && unicode.IsLetter(p.text[end]) {
		end++
	}
	if end < len(p.text) && (unicode.IsDigit(p.text[end]) || p.text[end] == '_') {
		return "", 0
	}
	return strings.ToLower(string(p.text[p.pos+1 : end])), end - p.pos
}

func plainOperator(name string) string {
	if level := precedence[name]; level > 0 {
		return name
	}
	if len(name) > 2 && (name[0] == 'i' || name[0] == 'c') && precedence[name[1:]] == 3 && name[1:] != "is" && name[1:] != "as" {
		if name[0] == 'i' {
			return name[1:]
		}
		return name
	}
	return ""
}

func operatorLevel(name string) int {
	if level := precedence[name]; level > 0 {
		return level
	}
	return precedence[strings.TrimPrefix(name, "c")]
}

func (p *parser) binaryOperator() (name string, length int) {
	r := p.peek(0)
	switch {
	case p.at(".."):
		return "..", 2
	case r == '*' || r == '/' || r == '%' || r == '+':
		if p.peek(1) == '=' {
			return "", 0
		}
		return string(r), 1
	case isDash(r):
		word, length := p.operatorWord()
		if word != "" {
			if plain := plainOperator(word); plain != "" {
				return plain, length
			}
			return "", 0
		}
		if p.peek(1) == '=' {
			return "", 0
		}
		return "-", 1
	}
	return "", 0
}

func (p *parser) expression(level int) node {
	p.enter()
	defer p.leave()
	comma := level < precedenceNoComma
	if !comma {
		level -= precedenceNoComma
	}
	start := p.pos
	left := p.arrayLiteral(comma)
	for {
		mark := p.pos
		p.space()
		operator, length := p.binaryOperator()
		if operator == "" || operatorLevel(operator) <= level {
			p.pos = mark
			return left
		}
		p.pos += length
		p.lines()
		if p.statementEnds() {
			p.fail(p.pos, "ExpectedValueExpression", "You must provide a value expression following the '%s' operator.", string(p.text[p.pos-length:p.pos]))
		}
		next := operatorLevel(operator)
		if !comma {
			next += precedenceNoComma
		}
		right := p.expression(next)
		left = &binary{operator: operator, left: left, right: right, extent: extent{start, p.pos}}
	}
}

func (p *parser) arrayLiteral(comma bool) node {
	if !comma {
		return p.unary()
	}
	return p.commaList(p.unary, "MissingExpression", "Missing expression after ','.")
}

// commaList reads one item, or several with commas between. The last two arguments are the failure where an item is missing.
func (p *parser) commaList(item func() node, failure, message string) node {
	start := p.pos
	items := []node{item()}
	for {
		mark := p.pos
		p.space()
		if p.peek(0) != ',' {
			p.pos = mark
			break
		}
		p.pos++
		p.lines()
		if p.statementEnds() {
			p.fail(p.pos, failure, "%s", message)
		}
		items = append(items, item())
	}
	if len(items) == 1 {
		return items[0]
	}
	return &arrayLiteral{items: items, extent: extent{start, p.pos}}
}

func (p *parser) unaryOperator() string {
	word, _ := p.operatorWord()
	switch word {
	case "not", "bnot", "join", "split", "csplit", "isplit":
		return word
	}
	return ""
}

func (p *parser) unary() node {
	p.enter()
	defer p.leave()
	start := p.pos
	r := p.peek(0)
	switch {
	case r == ',':
		p.pos++
		p.lines()
		return &arrayLiteral{items: []node{p.unary()}, extent: extent{start, p.pos}}
	case r == '!':
		p.pos++
		p.space()
		return &unary{operator: "not", operand: p.unary(), extent: extent{start, p.pos}}
	case p.at("++") || p.at("--"):
		p.pos += 2
		p.space()
		target := p.unary()
		if !assignable(target) {
			p.fail(start, "OperatorRequiresVariableOrProperty", "The operand of '%c%c' must be a variable or a property.", r, r)
		}
		return &increment{target: target, by: map[rune]int64{'+': 1, '-': -1}[r], prefix: true, extent: extent{start, p.pos}}
	case isDash(r) || r == '+':
		if operator := p.unaryOperator(); operator != "" {
			p.pos += 1 + len(operator)
			p.lines()
			if operator == "isplit" {
				operator = "split"
			}
			return &unary{operator: operator, operand: p.unary(), extent: extent{start, p.pos}}
		}
		if word, _ := p.operatorWord(); word != "" && isDash(r) {
			p.unexpected()
		}
		p.pos++
		p.space()
		if isDash(r) && unicode.IsDigit(p.peek(0)) {
			// -5 is a number, so that -5.ToString() is "-5".
			if value, ok := p.number(); ok {
				negative := arithmeticNegative(value)
				return p.postfix(&literal{value: negative, text: string(p.text[start:p.pos]), extent: extent{start, p.pos}}, start)
			}
		}
		return &unary{operator: string(map[bool]rune{true: '-', false: '+'}[isDash(r)]), operand: p.unary(), extent: extent{start, p.pos}}
	case r == '[':
		name := p.typeName()
		mark := p.pos
		p.space()
		if p.startsOperand() && !p.at("::") {
			return &cast{typeName: name, operand: p.unary(), extent: extent{start, p.pos}}
		}
		p.pos = mark
		return p.postfix(&typeLiteral{name: name, extent: extent{start, p.pos}}, start)
	}
	return p.postfix(p.primary(), start)
}

func arithmeticNegative(value Value) Value {
	switch value := value.(type) {
	case int64:
		return -value
	case float64:
		return -value
	}
	return value
}

func (p *parser) startsOperand() bool {
	r := p.peek(0)
	if isDash(r) || r == '+' {
		return unicode.IsDigit(p.peek(1)) || p.peek(1) == '$' || p.unaryOperator() != ""
	}
	if r == ',' || r == '.' && !unicode.IsDigit(p.peek(1)) {
		return false
	}
	return p.startsExpression()
}

// typeName reads [Name], [Name[]] or [Name[Argument]] and gives what is between the outer brackets.
func (p *parser) typeName() string {
	opened := p.pos
	depth := 0
	for p.pos < len(p.text) {
		r := p.text[p.pos]
		p.pos++
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
			if depth == 0 {
				name := strings.ReplaceAll(string(p.text[opened+1:p.pos-1]), " ", "")
				if name == "" {
					p.fail(opened+1, "MissingTypename", "Missing type name after '['.")
				}
				return name
			}
		case isWord(r) || strings.ContainsRune(".,`+ ", r):
		default:
			p.fail(p.pos-1, "MissingTypename", "Missing type name after '['.")
		}
	}
	p.fail(opened, "EndSquareBracketExpectedAtEndOfAttribute", "Missing ] at end of attribute or type literal.")
	return ""
}

// postfix reads members, calls, indexes and ++ after a value.
func (p *parser) postfix(value node, start int) node {
	for {
		switch {
		case p.peek(0) == '.' && p.peek(1) != '.' && p.startsMember(1):
			p.pos++
			value = p.member(value, start, false)
		case p.at("::"):
			p.pos += 2
			value = p.member(value, start, true)
		case p.peek(0) == '[':
			if _, isType := value.(*typeLiteral); isType {
				p.unexpected()
			}
			opened := p.pos
			p.pos++
			p.lines()
			at := p.expression(0)
			p.lines()
			p.expect(']', opened, "MissingArrayIndexExpression", "Array index expression is missing or not valid.")
			value = &index{target: value, at: at, extent: extent{start, p.pos}}
		case (p.at("++") || p.at("--")) && assignable(value):
			by := int64(1)
			if p.peek(0) == '-' {
				by = -1
			}
			p.pos += 2
			return &increment{target: value, by: by, extent: extent{start, p.pos}}
		default:
			return value
		}
	}
}

func (p *parser) startsMember(ahead int) bool {
	r := p.peek(ahead)
	return isWord(r) && !unicode.IsDigit(r) || r == '$' || r == '(' || isSingleQuote(r) || isDoubleQuote(r)
}

func (p *parser) member(target node, start int, static bool) node {
	p.enter()
	defer p.leave()
	from := p.pos
	var name node
	switch r := p.peek(0); {
	case isWord(r):
		for isWord(p.peek(0)) {
			p.pos++
		}
		name = &literal{value: string(p.text[from:p.pos]), extent: extent{from, p.pos}}
	case p.startsMember(0):
		name = p.primary()
	default:
		p.fail(p.pos, "MissingPropertyName", "Missing property name after reference operator.")
	}
	if p.peek(0) != '(' {
		return &member{target: target, name: name, static: static, extent: extent{start, p.pos}}
	}
	opened := p.pos
	p.pos++
	var arguments []node
	for {
		p.lines()
		if p.peek(0) == ')' && len(arguments) == 0 {
			break
		}
		arguments = append(arguments, p.expression(precedenceNoComma))
		p.lines()
		if p.peek(0) != ',' {
			break
		}
		p.pos++
	}
	p.expect(')', opened, "MissingEndParenthesisInMethodCall", "Missing ')' in method call.")
	return &call{target: target, name: name, arguments: arguments, static: static, extent: extent{start, p.pos}}
}

// number reads a numeric literal; without one it may have moved, and the caller goes back.
func (p *parser) number() (Value, bool) {
	start := p.pos
	if p.peek(0) == '0' && (p.peek(1) == 'x' || p.peek(1) == 'X') {
		p.pos += 2
		for unicode.Is(unicode.ASCII_Hex_Digit, p.peek(0)) {
			p.pos++
		}
		value, err := strconv.ParseUint(string(p.text[start+2:p.pos]), 16, 64)
		result := int64(value)
		if p.pos-start <= 10 && value > math.MaxInt32 {
			result = int64(int32(uint32(value)))
		}
		return result, err == nil
	}
	digits := func() {
		for p.peek(0) >= '0' && p.peek(0) <= '9' {
			p.pos++
		}
	}
	digits()
	fraction := false
	if p.peek(0) == '.' && p.peek(1) != '.' && !(isWord(p.peek(1)) && !unicode.IsDigit(p.peek(1))) {
		fraction = true
		p.pos++
		digits()
	}
	if p.pos == start {
		return nil, false
	}
	if r := p.peek(0); r == 'e' || r == 'E' {
		mark := p.pos
		p.pos++
		if p.peek(0) == '+' || p.peek(0) == '-' {
			p.pos++
		}
		from := p.pos
		digits()
		if p.pos == from {
			p.pos = mark
		} else {
			fraction = true
		}
	}
	text := string(p.text[start:p.pos])
	var value Value
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil && !fraction {
		value = whole
	} else {
		float, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, false
		}
		value = float
	}
	switch p.peek(0) {
	case 'l', 'L':
		p.pos++
	case 'd', 'D':
		p.pos++
	}
	suffix := strings.ToLower(string(p.text[p.pos:min(p.pos+2, len(p.text))]))
	if factor, ok := map[string]int64{"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40, "pb": 1 << 50}[suffix]; ok {
		p.pos += 2
		if product, err := arithmetic("*", value, factor); err == nil {
			value = product
		}
	}
	return value, true
}

func (p *parser) primary() node {
	p.enter()
	defer p.leave()
	start := p.pos
	r := p.peek(0)
	switch {
	case r == '$' && p.peek(1) == '(':
		return &subexpression{body: p.parentheses(2), extent: extent{start, p.pos}}
	case r == '$':
		return p.variable()
	case r == '@' && p.peek(1) == '(':
		return &arrayExpression{body: p.parentheses(2), extent: extent{start, p.pos}}
	case r == '@' && p.peek(1) == '{':
		return p.hashtable()
	case r == '@' && (isSingleQuote(p.peek(1)) || isDoubleQuote(p.peek(1))):
		return p.hereString()
	case r == '(':
		p.pos++
		p.lines()
		if p.peek(0) == ')' {
			p.fail(p.pos, "ExpectedExpression", "An expression was expected after '('.")
		}
		statement := p.simpleStatement()
		p.lines()
		p.expect(')', start, "MissingEndParenthesisInExpression", "Missing closing ')' in expression.")
		return &parenthesised{statement: statement, extent: extent{start, p.pos}}
	case r == '{':
		body := p.scriptBlock()
		return &scriptBlockLiteral{block: body, extent: extent{start, p.pos}}
	case r == '[':
		name := p.typeName()
		return &typeLiteral{name: name, extent: extent{start, p.pos}}
	case isSingleQuote(r):
		return p.singleQuoted()
	case isDoubleQuote(r):
		return p.doubleQuoted()
	case unicode.IsDigit(r) || r == '.' && unicode.IsDigit(p.peek(1)):
		if value, ok := p.number(); ok && !isWord(p.peek(0)) {
			return &literal{value: value, text: string(p.text[start:p.pos]), extent: extent{start, p.pos}}
		}
		p.pos = start
	}
	p.unexpected()
	return nil
}

func (p *parser) parentheses(opening int) *block {
	opened := p.pos
	p.pos += opening
	body := p.statements()
	p.expect(')', opened, "MissingEndParenthesisInSubexpression", "Missing closing ')' in subexpression.")
	return body
}

func (p *parser) hashtable() node {
	start := p.pos
	p.pos += 2
	result := &hashLiteral{}
	for {
		p.separators()
		if p.peek(0) == '}' {
			p.pos++
			result.extent = extent{start, p.pos}
			return result
		}
		if p.pos >= len(p.text) {
			p.fail(start, "IncompleteHashLiteral", "The hash literal was incomplete.")
		}
		from := p.pos
		var key node
		if isWord(p.peek(0)) && !unicode.IsDigit(p.peek(0)) {
			for isWord(p.peek(0)) || p.peek(0) == '-' || p.peek(0) == '.' {
				p.pos++
			}
			key = &literal{value: string(p.text[from:p.pos]), extent: extent{from, p.pos}}
		} else {
			key = p.unary()
		}
		p.lines()
		if p.peek(0) != '=' {
			p.fail(p.pos, "MissingEqualsInHashLiteral", "Missing '=' operator after key in hash literal.")
		}
		p.pos++
		p.lines()
		if p.statementEnds() {
			p.fail(p.pos, "MissingStatementInHashLiteral", "Missing statement after '=' in hash literal.")
		}
		value := p.statement()
		result.keys = append(result.keys, key)
		result.values = append(result.values, value)
		p.space()
		switch p.peek(0) {
		case ';', '\n', '\r', '}':
		default:
			p.expect('}', start, "MissingEndCurlyBrace", "The hash literal was incomplete.")
			p.pos--
		}
	}
}
