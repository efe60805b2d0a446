package docs_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ruleColumns are the columns of every table of rules in docs/procedures.md.
var ruleColumns = []string{"rule", "source", "the operator", "where", "test"}

// noRules are the first columns of the tables on that page that hold numbers and no rules.
var noRules = map[string]bool{"front ends in the pool": true}

// pieceOfTest is a test's name, or the name of a case of the test before it.
var pieceOfTest = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9_]+)`|\"([^\"]+)\"")

func TestEveryRuleNamesTestsThatHoldIt(t *testing.T) {
	known := knownTests(t)
	rules := 0
	for _, table := range tables(pages(t)["docs/procedures.md"]) {
		if columns := table[0]; noRules[columns[0]] {
			continue
		} else if strings.Join(columns, "|") != strings.Join(ruleColumns, "|") {
			t.Errorf("docs/procedures.md has a table with the columns %q; a table of rules has %q", columns, ruleColumns)
			continue
		}
		for _, row := range table[1:] {
			rules++
			for _, fault := range faultsOf(row, known) {
				t.Error(fault)
			}
		}
	}
	if rules < 40 {
		t.Errorf("only %d rules found", rules)
	}
}

// faultsOf says what is wrong with one row of a table of rules.
func faultsOf(row []string, known map[string][]string) (faults []string) {
	fault := func(format string, arguments ...any) {
		faults = append(faults, fmt.Sprintf("the rule %q ", row[0])+fmt.Sprintf(format, arguments...))
	}
	if len(row) != len(ruleColumns) {
		fault("has %d columns, not %d: %q", len(row), len(ruleColumns), row)
		return faults
	}
	for i, cell := range row {
		if cell == "" {
			fault("says nothing under %q", ruleColumns[i])
		}
	}
	places := 0
	for _, match := range code.FindAllStringSubmatch(row[3], -1) {
		if !ownPlace.MatchString(match[1]) {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, match[1])); err != nil {
			fault("is said to be in %s, which does not exist", match[1])
		}
		places++
	}
	if places == 0 {
		fault("names no file under %q: %q", ruleColumns[3], row[3])
	}
	test := ""
	for _, match := range pieceOfTest.FindAllStringSubmatch(row[4], -1) {
		switch {
		case match[1] != "":
			if test = match[1]; known[test] == nil {
				fault("names the test %s, which does not exist", test)
			}
		case test == "":
			fault("names the case %q without its test", match[2])
		case known[test] != nil && !slices.Contains(known[test], match[2]):
			fault("names the case %q of %s, which does not exist", match[2], test)
		}
	}
	if test == "" {
		fault("names no test: %q", row[4])
	}
	return faults
}

func TestRulesWithoutTestsAreRefused(t *testing.T) {
	known := map[string][]string{"TestNextDomain": {"Ready opens the first domain"}}
	for _, test := range []struct{ where, named, want string }{
		{"`docs/rules_test.go`", "`TestNextDomain` \"Ready opens the first domain\"", ""},
		{"`docs/rules_test.go`", "", "says nothing under"},
		{"`docs/rules_test.go`", "by hand", "names no test"},
		{"`docs/rules_test.go`", "`TestNoDomain`", "names the test TestNoDomain, which does not exist"},
		{"`docs/rules_test.go`", "`TestNextDomain` \"Busy opens it\"", "names the case \"Busy opens it\" of TestNextDomain"},
		{"`docs/rules_test.go`", "\"Ready opens the first domain\"", "without its test"},
		{"`docs/nowhere.go`", "`TestNextDomain`", "is said to be in docs/nowhere.go"},
		{"in the operator", "`TestNextDomain`", "names no file"},
	} {
		got := strings.Join(faultsOf([]string{"a rule", "ours", "does it", test.where, test.named}, known), "; ")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s, %s: got %q, not %q", test.where, test.named, got, test.want)
		}
	}
}

// tables are the tables of a page, with the row of the columns first and the ruler left out.
func tables(page string) [][][]string {
	var found [][][]string
	inside := false
	for line := range strings.Lines(withoutFences(page)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		if !inside {
			found, inside = append(found, nil), true
		}
		if strings.Trim(line, "|-: ") == "" {
			continue
		}
		var row []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			row = append(row, strings.TrimSpace(cell))
		}
		found[len(found)-1] = append(found[len(found)-1], row)
	}
	return found
}

// knownTests are the tests of the repository by name, each with every string in the tests of its package: a case of a table is
// one of them. A name that two packages use has the strings of both.
func knownTests(t *testing.T) map[string][]string {
	t.Helper()
	tests, literals := map[string][]string{}, map[string][]string{}
	walk(t, "_test.go", func(place, text string) {
		file, err := parser.ParseFile(token.NewFileSet(), place, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		folder := path.Dir(place)
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.FuncDecl:
				if name := node.Name.Name; node.Recv == nil && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")) {
					tests[name] = append(tests[name], folder)
				}
			case *ast.BasicLit:
				if node.Kind == token.STRING {
					literals[folder] = append(literals[folder], constant.StringVal(constant.MakeFromLiteral(node.Value, node.Kind, 0)))
				}
			}
			return true
		})
	})
	known := map[string][]string{}
	for name, folders := range tests {
		known[name] = []string{}
		for _, folder := range folders {
			known[name] = append(known[name], literals[folder]...)
		}
	}
	return known
}
