package powershell

// extent is a range of characters in the source, for error messages.
type extent struct{ start, end int }

func (e extent) span() extent { return e }

// node is an expression or a statement.
type node interface{ span() extent }

type block struct {
	extent
	statements []node
}

type (
	literal struct {
		extent
		value Value
		text  string // as typed, where the value is a number: programs get the text
	}
	expandable struct {
		extent
		parts []node
	}
	variable struct {
		extent
		scope, name string
	}
	arrayLiteral struct {
		extent
		items []node
	}
	arrayExpression struct {
		extent
		body *block
	}
	subexpression struct {
		extent
		body *block
	}
	parenthesised struct {
		extent
		statement node
	}
	hashLiteral struct {
		extent
		keys, values []node
	}
	scriptBlockLiteral struct {
		extent
		block *ScriptBlock
	}
	typeLiteral struct {
		extent
		name string
	}
	cast struct {
		extent
		typeName string
		operand  node
	}
	unary struct {
		extent
		operator string
		operand  node
	}
	increment struct {
		extent
		target node
		by     int64
		prefix bool
	}
	binary struct {
		extent
		operator    string
		left, right node
	}
	member struct {
		extent
		target node
		name   node
		static bool
	}
	call struct {
		extent
		target    node
		name      node
		arguments []node
		static    bool
	}
	index struct {
		extent
		target, at node
	}
	assignment struct {
		extent
		target   node
		operator string
		value    node
	}
)

type redirection struct {
	from   string // "1", "2", ..., "*"
	to     string // a stream number, or "" for a file
	append bool
	file   node
}

type argument struct {
	extent
	parameter string // the name after the dash, "" for a positional value
	colon     bool   // -Name:value
	value     node   // nil for a parameter without a value of its own
	splat     bool
}

type (
	pipeline struct {
		extent
		elements []node // commandExpression first or command
	}
	commandExpression struct {
		extent
		expression   node
		redirections []redirection
	}
	command struct {
		extent
		name         node
		dotSourced   bool
		invoked      bool // & or .
		arguments    []argument
		redirections []redirection
	}
)

type (
	ifClause struct {
		condition node
		body      *block
	}
	ifStatement struct {
		extent
		clauses   []ifClause
		otherwise *block
	}
	loop struct {
		extent
		label            string
		initial, advance node
		condition        node
		body             *block
		bodyFirst, until bool
	}
	foreachLoop struct {
		extent
		label    string
		variable *variable
		values   node
		body     *block
	}
	switchClause struct {
		pattern   node // nil for default
		condition *ScriptBlock
		body      *block
	}
	switchStatement struct {
		extent
		label   string
		mode    string // "", "wildcard", "regex", "exact"
		exact   bool
		value   node
		clauses []switchClause
	}
	catchClause struct {
		types []string
		body  *block
	}
	tryStatement struct {
		extent
		body    *block
		catches []catchClause
		finally *block
	}
	flow struct {
		extent
		kind  string // return, break, continue, throw, exit
		value node
		label string
	}
	functionDefinition struct {
		extent
		name  string
		block *ScriptBlock
	}
)

type parameter struct {
	name          string
	typeName      string
	initial       node
	mandatory     bool
	fromPipeline  bool
	position      int
	aliases       []string
	allowedValues []node
}

// ScriptBlock is a parsed piece of script: what braces hold, a function's body, or a whole script.
type ScriptBlock struct {
	Text       string // the source between the braces
	source     *source
	parameters []parameter
	advanced   bool
	begin      *block
	process    *block
	end        *block
}

type source struct {
	text []rune
	name string
}

// position gives line and column, both from 1.
func (s *source) position(offset int) (line, column int) {
	line, column = 1, 1
	for i := 0; i < offset && i < len(s.text); i++ {
		if s.text[i] == '\n' {
			line, column = line+1, 1
		} else {
			column++
		}
	}
	return line, column
}

func (s *source) line(offset int) (text string, column int) {
	offset = min(offset, len(s.text))
	start := offset
	for start > 0 && s.text[start-1] != '\n' {
		start--
	}
	end := offset
	for end < len(s.text) && s.text[end] != '\n' && s.text[end] != '\r' {
		end++
	}
	return string(s.text[start:max(start, end)]), offset - start
}
