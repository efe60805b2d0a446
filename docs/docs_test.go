// Package docs_test compares the pages for people with the code: links lead somewhere, names exist, examples can be read, and
// nothing that a person can meet in a status is left without a word of explanation. What the pages say about it is not judged here.
package docs_test

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"lyncops.dev/operator/api/v1alpha1"
)

const root = ".."

// pages are the pages for people, by their path from the root of the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	walk(t, ".md", func(path, text string) { found[path] = text })
	if len(found) < 10 {
		t.Fatalf("only %d pages found", len(found))
	}
	return found
}

// walk reads every file whose name ends so. Folders whose name begins with a dot, and what is built, are left out.
func walk(t *testing.T, ending string, visit func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && strings.HasPrefix(name, ".") || name == "bin" || name == "dist" || name == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ending) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		visit(filepath.ToSlash(relative), string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var (
	fence   = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$") //nolint:gocritic // a line that begins with the fence ends the block
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	code    = regexp.MustCompile("`([^\n`]+)`")
)

func withoutFences(text string) string { return fence.ReplaceAllString(text, "") }

func TestLinksBetweenPagesLeadSomewhere(t *testing.T) {
	all := pages(t)
	for path, text := range all {
		for _, match := range link.FindAllStringSubmatch(withoutFences(text), -1) {
			address, err := url.Parse(match[1])
			if err != nil {
				t.Errorf("%s: %s: %v", path, match[1], err)
				continue
			}
			if address.Scheme != "" {
				continue
			}
			target := path
			if address.Path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(path), address.Path))
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which does not exist", path, match[1])
				continue
			}
			if address.Fragment != "" && !slices.Contains(anchors(all[target]), address.Fragment) {
				t.Errorf("%s links to %s, but %s has no such heading", path, match[1], target)
			}
		}
	}
}

// anchors are the names under which GitHub makes the headings of a page reachable.
func anchors(text string) []string {
	var names []string
	for _, match := range heading.FindAllStringSubmatch(withoutFences(text), -1) {
		var name strings.Builder
		for _, letter := range strings.ToLower(strings.TrimSpace(match[1])) {
			switch {
			case letter >= 'a' && letter <= 'z', letter >= '0' && letter <= '9', letter == '-', letter == '_':
				name.WriteRune(letter)
			case letter == ' ':
				name.WriteByte('-')
			}
		}
		names = append(names, name.String())
	}
	return names
}

func TestEveryReasonHasARowThatSaysWhatToDo(t *testing.T) {
	page := pages(t)["docs/operations.md"]
	row := regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| [^|]+ \\| [^|]+ \\|$")
	var rows []string
	for _, match := range row.FindAllStringSubmatch(page, -1) {
		rows = append(rows, match[1])
	}
	reasons := constants(t, "api/v1alpha1/*.go", "Reason")
	for _, reason := range reasons {
		if count := len(slices.DeleteFunc(slices.Clone(rows), func(other string) bool { return other != reason })); count != 1 {
			t.Errorf("the reason %s has %d rows in docs/operations.md, not one", reason, count)
		}
	}
	for _, row := range rows {
		if !slices.Contains(reasons, row) {
			t.Errorf("docs/operations.md explains the reason %s, which is not in api/v1alpha1", row)
		}
	}
}

func TestEveryConditionIsExplainedOnAPage(t *testing.T) {
	all := pages(t)
	for _, condition := range constants(t, "api/v1alpha1/*.go", "Condition") {
		row := "\n| `" + condition + "` |"
		if !strings.Contains(all["docs/lyncpool.md"]+all["docs/upgradedomain.md"]+all["docs/backendserver.md"], row) {
			t.Errorf("the condition %s is in no table of the pages of the kinds", condition)
		}
	}
}

func TestEveryFieldIsOnThePageOfItsKind(t *testing.T) {
	all := pages(t)
	for page, fields := range map[string][]any{
		"docs/lyncpool.md": {v1alpha1.LyncPoolSpec{}, v1alpha1.LyncPoolStatus{}, v1alpha1.RolloutPolicy{}, v1alpha1.DrainPolicy{},
			v1alpha1.ReadinessPolicy{}, v1alpha1.VerifyPolicy{}, v1alpha1.WinRMConnection{}, v1alpha1.JobAccount{}, v1alpha1.UpdatePackage{}},
		"docs/upgradedomain.md": {v1alpha1.UpgradeDomainSpec{}, v1alpha1.UpgradeDomainStatus{}, v1alpha1.ServerStatus{}},
		"docs/backendserver.md": {v1alpha1.BackEndServerSpec{}, v1alpha1.BackEndServerStatus{}},
	} {
		for _, value := range fields {
			kind := reflect.TypeOf(value)
			for i := range kind.NumField() {
				name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
				if !regexp.MustCompile("`[a-z.]*"+name+"`").MatchString(all[page]) && !strings.Contains(all[page], "  "+name+":") {
					t.Errorf("%s does not mention %s of %s", page, name, kind.Name())
				}
			}
		}
	}
}

func TestEveryStepIsExplained(t *testing.T) {
	page := pages(t)["docs/upgradedomain.md"]
	for _, step := range constants(t, "api/v1alpha1/status.go", "Step") {
		if !strings.Contains(page, "\n| `"+step+"` |") {
			t.Errorf("docs/upgradedomain.md has no row for the step %s", step)
		}
	}
}

func TestWhatTheSimulatorKnowsIsOnItsPage(t *testing.T) {
	page := pages(t)["docs/simulator.md"]
	for _, word := range append(constants(t, "internal/simulator/deployment/fault.go", "Fault"), constants(t, "internal/simulator/deployment/record.go", "Rule")...) {
		if !strings.Contains(page, "\n| `"+word+"` |") {
			t.Errorf("docs/simulator.md has no row for %s", word)
		}
	}
}

// constants are the values of the string constants of a file, or of all that a pattern matches, whose names begin so.
func constants(t *testing.T, path, prefix string) []string {
	t.Helper()
	matches, err := filepath.Glob(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, match := range matches {
		file, err := parser.ParseFile(token.NewFileSet(), match, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, constantsOf(file, prefix)...)
	}
	if len(values) == 0 {
		t.Fatalf("%s has no constants that begin with %s", path, prefix)
	}
	return values
}

var ownPlace = regexp.MustCompile(`^(api|cmd|config|controllers|docs|hack|internal|test)/[A-Za-z0-9_./-]+$`)

func TestPlacesInTheRepositoryExist(t *testing.T) {
	for path, text := range pages(t) {
		for _, match := range code.FindAllStringSubmatch(withoutFences(text), -1) {
			if !ownPlace.MatchString(match[1]) {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, match[1])); err != nil {
				t.Errorf("%s names %s, which does not exist", path, match[1])
			}
		}
	}
}

func TestTestsThatPagesNameExist(t *testing.T) {
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
	known := map[string]bool{}
	var sources strings.Builder
	walk(t, "_test.go", func(_, text string) {
		sources.WriteString(text)
		for _, match := range function.FindAllStringSubmatch(text, -1) {
			known[match[1]] = true
		}
	})
	// What the scripts of the module's tests expect has a name too.
	expectation := regexp.MustCompile(`Test-(?:That|Like) '([^'\n]+)'`)
	walk(t, ".ps1", func(_, text string) {
		for _, match := range expectation.FindAllStringSubmatch(text, -1) {
			sources.WriteString(strconv.Quote(match[1]) + "\n")
		}
	})
	// A case of a table stands behind its test in quotation marks.
	ofTest := regexp.MustCompile("`(Test[A-Za-z0-9_]+)` \"([^\"\n]+)\"")
	named := regexp.MustCompile(`^(?:Test|Fuzz)[A-Z][A-Za-z0-9_]+$`)
	for path, text := range pages(t) {
		for _, match := range code.FindAllStringSubmatch(text, -1) {
			if named.MatchString(match[1]) && !known[match[1]] {
				t.Errorf("%s names the test %s, which does not exist", path, match[1])
			}
		}
		for _, match := range ofTest.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(sources.String(), strconv.Quote(match[2])) {
				t.Errorf("%s names the case %q of %s, which does not exist", path, match[2], match[1])
			}
		}
	}
}

func TestExamplesAreObjectsOfTheAPI(t *testing.T) {
	separator, examples := regexp.MustCompile(`(?m)^---\n`), 0
	for path, text := range pages(t) {
		for _, block := range fence.FindAllStringSubmatch(text, -1) {
			if block[1] != "yaml" {
				continue
			}
			for _, document := range separator.Split(block[2], -1) {
				var kind struct{ APIVersion, Kind string }
				if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
					t.Errorf("%s: %v in\n%s", path, err, document)
					continue
				}
				if kind.APIVersion != v1alpha1.GroupVersion.String() {
					continue
				}
				objects := map[string]any{"LyncPool": &v1alpha1.LyncPool{}, "UpgradeDomain": &v1alpha1.UpgradeDomain{}, "BackEndServer": &v1alpha1.BackEndServer{}}
				if objects[kind.Kind] == nil {
					t.Errorf("%s: there is no kind %q", path, kind.Kind)
					continue
				}
				if err := yaml.UnmarshalStrict([]byte(document), objects[kind.Kind]); err != nil {
					t.Errorf("%s: %v in\n%s", path, err, document)
				}
				examples++
			}
		}
	}
	if examples < 6 {
		t.Errorf("only %d examples found", examples)
	}
}

func constantsOf(file *ast.File, prefix string) (values []string) {
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			if i >= len(spec.Values) || !strings.HasPrefix(name.Name, prefix) {
				continue
			}
			if literal, ok := spec.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				values = append(values, constant.StringVal(constant.MakeFromLiteral(literal.Value, literal.Kind, 0)))
			}
		}
		return true
	})
	return values
}
