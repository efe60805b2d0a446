package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func knownCommands(t *testing.T) table {
	t.Helper()
	text, err := os.ReadFile("commands-3.0.txt")
	if err != nil {
		t.Fatal(err)
	}
	known, err := parseTable(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return known
}

func TestNothingIsFoundInAGoodScript(t *testing.T) {
	text, err := os.ReadFile("testdata/good.psm1")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range check(string(text), knownCommands(t)) {
		t.Errorf("%d:%d: %s", f.line, f.column, f.problem)
	}
}

// Every case is one mistake on a line of its own, in a script that is good without it.
func TestEachMistakeIsFoundInItsPlace(t *testing.T) {
	known := knownCommands(t)
	for name, test := range map[string]struct {
		mistake string
		column  int
		problem string
	}{
		"brace that is not closed":           {`if ($x) { $y`, 0, "syntax"},
		"brace too many":                     {`if ($x) { $y } }`, 16, "syntax"},
		"parenthesis that is not closed":     {`$x = (1 + 2`, 0, "syntax"},
		"quote that is not closed":           {`$x = 'abc`, 0, "syntax"},
		"operator without a right side":      {`$x = (1 +)`, 0, "syntax"},
		"if without condition":               {`if { $y }`, 0, "syntax"},
		"else without if":                    {`else { $y }`, 1, "else without"},
		"try alone":                          {`try { $y }`, 1, "try without catch or finally"},
		"catch alone":                        {`catch { $y }`, 1, "catch without"},
		"finally alone":                      {`finally { $y }`, 1, "finally without"},
		"chain on success":                   {`Out-Null && Out-Null`, 10, "&& and ||"},
		"chain on failure":                   {`Out-Null || Out-Null`, 10, "&& and ||"},
		"ternary":                            {`$x = $y ? 1 : 2`, 0, "syntax"},
		"null coalescing":                    {`$x = $y ?? 2`, 0, "syntax"},
		"null conditional member":            {`$x = ${y}?.Length`, 0, "syntax"},
		"class":                              {`class A { [int]$b }`, 1, "classes"},
		"enumeration":                        {`enum A { b }`, 1, "classes"},
		"using":                              {`using module LyncOps`, 1, "using"},
		"new":                                {`$x = [System.Text.StringBuilder]::new(1)`, 35, "::new("},
		"code of data by command":            {`Invoke-Expression $x`, 1, "code of data"},
		"code of data by alias":              {`$x | iex`, 6, "code of data"},
		"code of data by type":               {`$x = [scriptblock]::Create($y)`, 6, "code of data"},
		"code of data by the type in full":   {`$x = [System.Management.Automation.ScriptBlock]::Create($y)`, 6, "code of data"},
		"code of data in a runspace":         {`[void]$shell.AddScript($y)`, 14, "code of data"},
		"code of data by the engine":         {`$ExecutionContext.InvokeCommand.InvokeScript($y)`, 33, "code of data"},
		"compiled code":                      {`Add-Type -TypeDefinition $y`, 1, "Add-Type with code"},
		"compiled code without a name":       {`Add-Type $y`, 1, "Add-Type with code"},
		"command of a later version":         {`Get-FileHash -Path $x`, 1, "Get-FileHash is neither"},
		"command that does not exist":        {`Get-Nothing`, 1, "Get-Nothing is neither"},
		"command by alias":                   {`gwmi Win32_Process`, 1, "gwmi is neither"},
		"command in quotes":                  {`& 'Get-Nothing' $x`, 3, "Get-Nothing is neither"},
		"command with a dot before":          {`. .\other.ps1`, 3, `other.ps1 is neither`},
		"command within an expression":       {`$x = @(Get-Nothing)`, 8, "Get-Nothing is neither"},
		"command within a string":            {`$x = "a $(Get-Nothing) b"`, 11, "Get-Nothing is neither"},
		"command in a runspace":              {`[void]$shell.AddCommand('Get-Nothing')`, 25, "Get-Nothing is neither"},
		"program that is not listed":         {`schtasks.exe /create`, 1, "schtasks.exe is neither"},
		"parameter of a later version":       {`Get-Process -IncludeUserName`, 13, "Get-Process has no parameter -IncludeUserName"},
		"parameter for every cmdlet later":   {`Get-Process -PipelineVariable p`, 13, "no parameter -PipelineVariable"},
		"parameter that does not exist":      {`Stop-CsWindowsService -Gently`, 23, "no parameter -Gently"},
		"parameter in short":                 {`Get-Process -Comp $x`, 13, "no parameter -Comp"},
		"parameter of a function":            {`Get-Own -Nmae $x`, 9, "Get-Own has no parameter -Nmae"},
		"common parameter of a function":     {`Get-Own -Verbose`, 9, "Get-Own has no parameter -Verbose"},
		"loop of a list":                     {`$x.Where('a')`, 4, "not in 3.0"},
		"letter that is not ASCII":           {`$x = 'Gr` + "\u00f6" + `sse'`, 9, "not printable ASCII"},
		"quotation mark of a word processor": {"$x = \u2018a\u2019", 6, "not printable ASCII"},
	} {
		t.Run(name, func(t *testing.T) {
			script := "function Get-Own { param([string]$Name); return $Name }\n$y = Get-Own -Name 'a'\n" + test.mistake + "\n$z = 1\n"
			if first := check(strings.Replace(script, test.mistake, "", 1), known); len(first) > 0 {
				t.Fatalf("found without the mistake: %v", first)
			}
			for _, f := range check(script, known) {
				// An unfinished statement can be noticed later, or where its block begins.
				if strings.Contains(f.problem, test.problem) && (test.column == 0 || f.line == 3 && f.column == test.column) {
					return
				}
			}
			t.Errorf("%s: not found at column %d: %v", test.mistake, test.column, check(script, known))
		})
	}
}

func TestRequirementOfALaterVersionIsFound(t *testing.T) {
	findings := check("# a module\n#requires -Version 5.1\n$x = 1\n", knownCommands(t))
	if len(findings) != 1 || findings[0].line != 2 {
		t.Errorf("found %v, want one problem in line 2", findings)
	}
}

func TestTableIsRefusedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "no command",
		"Get-A -B\nGet-A -C":                  "line 2: get-a stands twice",
		"# a\nGet-A -B -B":                    "line 2",
		"Get-A B":                             "line 1",
		"common -Verbose\n# nothing but this": "no command",
	} {
		if _, err := parseTable(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestRunSaysWhereAndWhat(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	module := write("a.psm1", "function Get-LyncOpsFacts { param([string]$Argument) }\n")
	page := "# Page\n\nText.\n\n    $ProgressPreference='SilentlyContinue'\n    <Verb> -Argument '<Base64 of something>'\n\nMore.\n"
	for name, test := range map[string]struct {
		arguments []string
		exit      int
		want      string
	}{
		"good":               {[]string{module, write("good.md", page)}, 0, "nothing found in 2 scripts"},
		"mistake in a page":  {[]string{module, write("bad.md", strings.Replace(page, "-Argument", "-Nothing", 1))}, 1, "bad.md:6:18: Get-LyncOpsFacts has no parameter -Nothing"},
		"function elsewhere": {[]string{write("alone.md", page)}, 1, "Get-LyncOpsFacts is neither"},
		"too long":           {[]string{module, write("long.md", strings.Replace(page, "Base64 of something>", "Base64>"+strings.Repeat("A", 3000), 1))}, 1, "long.md:5:1: encoded, the command line has"},
		"page without":       {[]string{write("none.md", "# Page\n")}, 2, "no script found"},
		"no such file":       {[]string{filepath.Join(folder, "nosuch.psm1")}, 2, "nosuch.psm1"},
		"no script":          {nil, 2, "at least one script"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			exit := run(append([]string{"-commands", "commands-3.0.txt"}, test.arguments...), &out, &out)
			if exit != test.exit || !strings.Contains(out.String(), test.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s", exit, test.exit, test.want, out.String())
			}
		})
	}
}
