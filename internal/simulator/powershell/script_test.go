package powershell_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/powershell"
)

var moduleText = strings.Repeat("function Get-LyncOpsFacts { }\r\n", 100)

func moduleHash() string {
	sum := sha256.Sum256([]byte(moduleText))
	return hex.EncodeToString(sum[:])
}

// scriptOf gives a script of docs/server-protocol.md; first-lines begins every question and order.
func scriptOf(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("../testdata/" + name + ".ps1")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// protocolScript runs one of the three scripts of docs/server-protocol.md as the operator sends it.
func protocolScript(t *testing.T, m *frontEnd, script, hash, stdin string) result {
	t.Helper()
	script = strings.ReplaceAll(script, "<sha256>", hash)
	return run(t, m, stdin, "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "RemoteSigned", "-EncodedCommand", encode(script))
}

func inLines(text string) string {
	var lines strings.Builder
	for len(text) > 1024 {
		lines.WriteString(text[:1024] + "\r\n")
		text = text[1024:]
	}
	return lines.String() + text + "\r\n"
}

func TestProtocolScripts(t *testing.T) {
	m := newFrontEnd()
	expect := func(got result, stdout string, code int) {
		t.Helper()
		if got.stdout != stdout || got.code != code || got.stderr != "" {
			t.Fatalf("got %q, exit code %d, standard error %q; want %q, %d and nothing", got.stdout, got.code, got.stderr, stdout, code)
		}
	}
	firstLines, stage := scriptOf(t, "first-lines"), scriptOf(t, "stage")
	ask := firstLines + "Get-LyncOpsFacts -Argument 'e30='"
	expect(protocolScript(t, m, ask, moduleHash(), ""), "LYNCOPS-NOT-STAGED\r\n", 3)
	input := inLines(base64.StdEncoding.EncodeToString([]byte(moduleText)))
	expect(protocolScript(t, m, stage, strings.Repeat("0", 64), input), "LYNCOPS-HASH-MISMATCH "+moduleHash()+"\r\n", 4)
	expect(protocolScript(t, m, stage, moduleHash(), input), "LYNCOPS-STAGED\r\n", 0)
	expect(protocolScript(t, m, stage, moduleHash(), input), "LYNCOPS-STAGED\r\n", 0)
	expect(protocolScript(t, m, ask, moduleHash(), ""), "<<<LYNCOPS e30= <nil> LYNCOPS>>>\r\n", 0)
	expect(protocolScript(t, m, firstLines+"Get-LyncOpsFacts -ArgumentFromInput", moduleHash(), "e30=\r\n"), "<<<LYNCOPS <nil> true LYNCOPS>>>\r\n", 0)

	folder := `C:\ProgramData\LyncOps\module\` + moduleHash()
	if data, err := m.disk.ReadFile(folder + `\LyncOps.psm1`); err != nil || string(data) != moduleText {
		t.Errorf("the module on the disk is not the one that was sent: %v", err)
	}
	if names, _ := m.disk.List(folder); len(names) != 1 {
		t.Errorf("the folder holds %q; want the module alone", names)
	}
	want := `icacls.exe|C:\ProgramData\LyncOps|/inheritance:r|/grant:r|*S-1-5-32-544:(OI)(CI)F|/grant:r|*S-1-5-18:(OI)(CI)F|/Q`
	if !slices.Contains(m.done, want) {
		t.Errorf("programs that ran: %q; want %q among them", m.done, want)
	}
	broken := protocolScript(t, m, stage, moduleHash(), "not Base64!")
	if broken.code != 1 || !strings.HasPrefix(broken.stderr, "#< CLIXML\r\n<Objs ") || !strings.Contains(broken.stderr, `S="Error"`) {
		t.Errorf("input that is not Base64: exit code %d, standard error %q", broken.code, broken.stderr)
	}
}

func TestWhatAdministratorsType(t *testing.T) {
	for _, c := range []struct {
		script, stdout, done string
		code                 int
	}{
		{script: `Get-CsPoolUpgradeReadinessState | ConvertTo-Json -Depth 6 -Compress`,
			stdout: `{"PoolFqdn":"pool01.contoso.com","State":1,"TotalFrontends":1,"UpgradeDomains":[{"Name":"UpgradeDomain1","IsReadyForUpgrade":true,"Frontends":["fe01.contoso.com"]}]}` + "\n"},
		{script: `(Get-CsPoolUpgradeReadinessState).State`, stdout: "Ready\n"},
		{script: `(get-cspoolupgradereadinessstate).UpgradeDomains[0].Name`, stdout: "UpgradeDomain1\n"},
		{script: `Get-CsWindowsService | Where-Object { $_.Status -ne 'Running' } | Select-Object Name, Status`, stdout: "\nName    Status\n----    ------\nREPLICA Stopped\n\n"},
		{script: `Get-Service RTCSRV`, stdout: "\nStatus  Name   DisplayName\n------  ----   -----------\nRunning RTCSRV Display of RTCSRV\n\n"},
		{script: `if ((Get-Service W3SVC).Status -eq 'Running') { Stop-Service W3SVC }`, stdout: "WARNING: Clients will be moved\n", done: "Stop-Service [W3SVC]"},
		{script: `Stop-CsWindowsService -Graceful -Verbose`, stdout: "VERBOSE: Stopping\nWARNING: Clients will be moved\n", done: "Stop-CsWindowsService graceful=true []"},
		{script: `Stop-CsWindowsService -Graceful RTCSRV -WarningAction SilentlyContinue`, done: "Stop-CsWindowsService graceful=true [RTCSRV]"},
		{script: `Stop-CsWindowsService -ComputerName fe01 3>$null`, done: "Stop-CsWindowsService computername=fe01 []"},
		{script: `foreach ($s in Get-CsWindowsService) { "$($s.Name)=$($s.Status)" }`, stdout: "RTCSRV=Running\nREPLICA=Stopped\nW3SVC=Running\n"},
		{script: `$env:COMPUTERNAME; hostname`, stdout: "FE01\nFE01\n"},
		{script: `shutdown.exe /r /t 5`, done: "shutdown.exe|/r|/t|5"},
		{script: `& 'C:\stage\LyncServerUpdateInstaller.exe' /silentmode; exit $LASTEXITCODE`, done: `C:\stage\LyncServerUpdateInstaller.exe|/silentmode`, code: 3010},
		{script: `C:\stage\LyncServerUpdateInstaller.exe /silentmode`, done: `C:\stage\LyncServerUpdateInstaller.exe|/silentmode`, code: 1},
		{script: `[System.IO.File]::Exists('C:\x')`, stdout: "False\n"},
		{script: `(Get-WmiObject Win32_OperatingSystem).LastBootUpTime`, stdout: "20260304050607.000000+000\n"},
		{script: `(Get-ItemProperty HKLM:\Software\Microsoft\Windows\CurrentVersion\Uninstall\* | Where DisplayName -like '*Lync*').Count`, stdout: "2\n"},
		{script: `Get-ItemProperty HKLM:\x\* | ? { $_.DisplayName -match '^Microsoft Lync Server' } | select -Expand DisplayName -First 1`, stdout: "Microsoft Lync Server 2013, Core Components\n"},
		{script: `Set-Content C:\stage\a.txt 'one','two'; (Get-Content C:\STAGE\A.TXT).Count; Test-Path C:\stage\a.txt; Remove-Item C:\stage\a.txt; Test-Path C:\stage\a.txt`, stdout: "2\nTrue\nFalse\n"},
		{script: `New-Item -ItemType Directory -Path C:\stage\new | Out-Null; Test-Path C:\stage\new -PathType Container; (Join-Path C:\stage new)`, stdout: "True\nC:\\stage\\new\n"},
		{script: `Get-Date -Format 'yyyy-MM-ddTHH:mm:ss'; (Get-Date).AddHours(1).Hour; [datetime]::UtcNow.Year`, stdout: "2026-03-04T05:06:07\n6\n2026\n"},
		{script: `try { Fail-Always } catch { "caught: $($_.Exception.Message)"; exit 9 }`, stdout: "caught: the cmdlet broke\n", code: 9},
		{script: `'b','a' | sort.exe; $LASTEXITCODE`, stdout: "b\na\n0\n", done: "sort.exe"},
		{script: `$x = complain.exe 2>&1; "got $x $LASTEXITCODE"`, stdout: "got it hurts 5\n", done: "complain.exe"},
		{script: `complain.exe 2>$null; if (-not $?) { "failed with $LASTEXITCODE" }`, stdout: "failed with 5\n", done: "complain.exe"},
		{script: `cmd /c "echo hello && exit 4"; $LASTEXITCODE`, stdout: "hello \n4\n"},
		{script: `powershell -NoProfile -Command "'nested'; exit 6"; $LASTEXITCODE`, stdout: "nested\n6\n"},
		{script: `function f { $input | ForEach-Object { $_ + 1 } }; 1,2 | f`, stdout: "2\n3\n"},
		{script: `$s = Get-Service NOPE -ErrorAction SilentlyContinue; if (-not $s) { 'absent' }`, stdout: "absent\n"},
		{script: `try { Get-Service NOPE -ErrorAction Stop } catch { 'stopped: ' + $_ }`, stdout: "stopped: Cannot find any service with service name 'NOPE'.\n"},
		{script: "C:\\stage\\complain.exe 2>$null\nif (-not $?) { if (Get-Variable LASTEXITCODE -ErrorAction SilentlyContinue) { exit $LASTEXITCODE } else { exit 1 } }", done: `C:\stage\complain.exe`, code: 5},
		{script: `Get-Service -Name RTCSRV | Format-List Name,Status`, stdout: "\nName   : RTCSRV\nStatus : Running\n\n"},
		{script: `"$(Get-Service W3SVC | select -Expand Name)"; [Console]::Out.Write('raw'); [Console]::Error.Write('')`, stdout: "W3SVC\nraw"},
	} {
		t.Run(c.script, func(t *testing.T) {
			m := newFrontEnd()
			got := run(t, m, "", "-Command", c.script)
			if want := strings.ReplaceAll(c.stdout, "\n", "\r\n"); got.stdout != want || got.code != c.code || got.stderr != "" {
				t.Errorf("got %q, exit code %d, standard error %q; want %q, %d and nothing", got.stdout, got.code, got.stderr, want, c.code)
			}
			if done := strings.Join(m.done, "; "); done != c.done {
				t.Errorf("the machine was asked to do %q; want %q", done, c.done)
			}
		})
	}
}

func TestUnknownThingsFail(t *testing.T) {
	for script, want := range map[string]string{
		`Get-CsNothing -Identity x`:                     "The term 'Get-CsNothing' is not recognized as the name of a cmdlet, function, script file, or operable program.",
		`nosuch.exe /x`:                                 "The term 'nosuch.exe' is not recognized",
		`[No.Such.Type]::Do()`:                          "Unable to find type [No.Such.Type].",
		`'x'.NoSuch()`:                                  "[System.String] does not contain a method named 'NoSuch'.",
		`Get-Content -Nope x`:                           "A parameter cannot be found that matches parameter name 'Nope'.",
		`Get-Content C:\nowhere`:                        `Cannot find path 'C:\nowhere' because it does not exist.`,
		`Import-Module C:\none.psm1`:                    `The specified module 'C:\none.psm1' was not loaded`,
		"'a'\nif (1 -eq 1 {'b'}":                        "At line:2 char:",
		`$x = `:                                         "You must provide a value expression",
		`'unfinished`:                                   "The string is missing the terminator",
		`1 | Nope-Nope | Out-Null`:                      "The term 'Nope-Nope' is not recognized",
		`function f { f }; f`:                           "call depth overflow",
		`$a = 'x' * 1000000000`:                         "OutOfMemoryException",
		`New-Object -ComObject Scripting.Nothing`:       "Retrieving the COM class factory",
		`class X {}`:                                    "The keyword 'class' is not supported here.",
		`iex ('(' * 5000)`:                              "nested too deeply",
		`throw 'by hand'`:                               "by hand",
		`'abc' -match '(?<=x)y'`:                        "parsing",
		`Write-Error 'first'; exit 1`:                   "Write-Error : first",
		`1 && 2`:                                        "not a valid statement separator",
		`Get-Service NOPE`:                              "Get-Service : Cannot find any service with service name 'NOPE'.",
		`$ErrorActionPreference='Stop'; Get-Service NO`: "Cannot find any service",
	} {
		t.Run(script, func(t *testing.T) {
			got := run(t, newFrontEnd(), "", "-Command", script)
			if text := strings.Join(strings.Fields(got.stderr), " "); got.code != 1 || !strings.Contains(text, want) {
				t.Errorf("exit code %d, standard error %q; want 1 and %q", got.code, got.stderr, want)
			}
		})
	}
}

func TestCommandLineOfPowerShell(t *testing.T) {
	m := newFrontEnd()
	if err := m.disk.WriteFile(`C:\stage\f.ps1`, []byte("param($Name,[switch]$Loud)\r\n\"$Name $Loud\"\r\nexit 2")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		stdin  string
		stdout string
		code   int
	}{
		{args: []string{"-nop", "-NonI", "-ep", "Bypass", "-c", "'a';", "exit", "3"}, stdout: "a\r\n", code: 3},
		{args: []string{"'default is a command'"}, stdout: "default is a command\r\n"},
		{args: []string{"-Command", "-"}, stdin: "'from input'\r\n$x = 1\r\n\"$x\"", stdout: "from input\r\n1\r\n"},
		{args: nil, stdin: "'no arguments'", stdout: "no arguments\r\n"},
		{args: []string{"-File", `C:\stage\f.ps1`, "-Loud", "n"}, stdout: "n True\r\n", code: 2},
		{args: []string{"-ENC", encode("'encoded'")}, stdout: "encoded\r\n"},
		{args: []string{"-InputFormat", "None", "-OutputFormat", "Text", "-Version", "3.0", "-e", encode("1")}, stdout: "1\r\n"},
		{args: []string{"-c", "$input | % { \"<$_>\" }"}, stdin: "a\r\nb", stdout: "<a>\r\n<b>\r\n"},
	} {
		got := run(t, m, c.stdin, c.args...)
		if got.stdout != c.stdout || got.code != c.code || got.stderr != "" {
			t.Errorf("%q: got %q, %d, %q; want %q, %d", c.args, got.stdout, got.code, got.stderr, c.stdout, c.code)
		}
	}
}

func TestStreamsOverWinRM(t *testing.T) {
	got := run(t, newFrontEnd(), "", "-EncodedCommand", encode("Write-Warning 'w<1>'; Write-Verbose 'not shown'; Write-Verbose 'v' -Verbose; Write-Error 'e_x1'; Write-Host 'host'"))
	want := "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\"><S S=\"warning\">w&lt;1&gt;</S><S S=\"verbose\">v</S><S S=\"Error\">Write-Error : e_x005F_x1_x000D__x000A_</S>"
	if !strings.HasPrefix(got.stderr, want) || !strings.HasSuffix(got.stderr, "</Objs>") || got.stdout != "host\r\n" || got.code != 0 {
		t.Errorf("got %q, %d, %q", got.stdout, got.code, got.stderr)
	}
	if text := run(t, newFrontEnd(), "", "-OutputFormat", "Text", "-EncodedCommand", encode("Write-Error 'e'")); strings.Contains(text.stderr, "CLIXML") || text.code != 1 {
		t.Errorf("with -OutputFormat Text: %q, %d", text.stderr, text.code)
	}
}

func TestStopsWhenTheContextEnds(t *testing.T) {
	for _, script := range []string{`while ($true) { }`, `for (;;) { try { } finally { } }`, `Start-Sleep 3600`, `try { while ($true) { 1 | Out-Null } } catch { 'caught' }`} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		var stdout strings.Builder
		if code := powershell.Main(ctx, newFrontEnd(), []string{"-c", script}, nil, &stdout, &stdout); code != 1 || stdout.Len() > 0 {
			t.Errorf("%s: exit code %d, output %q", script, code, stdout.String())
		}
		cancel()
	}
}

func TestExecuteLine(t *testing.T) {
	for _, c := range []struct {
		line, stdout, stderr, done string
		code                       int
	}{
		{line: `echo hello`, stdout: "hello\r\n"},
		{line: `echo %COMPUTERNAME% %NOPE%`, stdout: "FE01 %NOPE%\r\n"},
		{line: `exit 5`, code: 5},
		{line: `exit /b 6`, code: 6},
		{line: `cmd /c exit 7`, code: 7},
		{line: `cmd.exe /s /c "echo a & echo b"`, stdout: "a \r\nb\r\n"},
		{line: `nosuch && echo never`, stderr: "'nosuch' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n", code: 1},
		{line: `nosuch 2>nul || echo rescue`, stdout: "rescue\r\n"},
		{line: `echo "a & b" & exit 2 & echo never`, stdout: "\"a & b\" \r\n", code: 2},
		{line: `shutdown /r /t 0 && echo asked`, stdout: "asked\r\n", done: "shutdown|/r|/t|0"},
		{line: `"C:\stage\LyncServerUpdateInstaller.exe" /silentmode /x:"a b"`, done: `C:\stage\LyncServerUpdateInstaller.exe|/silentmode|/x:a b`, code: 3010},
		{line: `complain 2>&1`, stdout: "it hurts\r\n", done: "complain", code: 5},
		{line: `echo piped | sort`, stdout: "piped \r\n", done: "sort"},
		{line: `hostname`, stdout: "FE01\r\n"},
		{line: `powershell.exe -NoProfile -Command "& {'x y'; exit 8}"`, stdout: "x y\r\n", code: 8},
		{line: `POWERSHELL -enc ` + encode(`"q"`), stdout: "q\r\n"},
		{line: `type C:\none`, stderr: "The system cannot find the file specified.\r\n", code: 1},
	} {
		m := newFrontEnd()
		var stdout, stderr strings.Builder
		code := powershell.ExecuteLine(t.Context(), m, c.line, nil, &stdout, &stderr)
		if stdout.String() != c.stdout || stderr.String() != c.stderr || code != c.code || strings.Join(m.done, ";") != c.done {
			t.Errorf("%s: got %q, %q, %d, done %q; want %q, %q, %d, %q", c.line, stdout.String(), stderr.String(), code, m.done, c.stdout, c.stderr, c.code, c.done)
		}
	}
}

func TestSplitCommandLine(t *testing.T) {
	for line, want := range map[string][]string{
		``:                         nil,
		`a b  c`:                   {"a", "b", "c"},
		`"C:\a b\c.exe" "d e" f`:   {`C:\a b\c.exe`, "d e", "f"},
		`x "a\"b" c\\d "e\\" f\"g`: {"x", `a"b`, `c\\d`, `e\`, `f"g`},
		`x ""`:                     {"x", ""},
		`x a"b c"d`:                {"x", "ab cd"},
		`"C:\dir\" x`:              {`C:\dir\`, "x"},
		`x "he said ""hi"""`:       {"x", `he said "hi"`},
	} {
		if got := powershell.SplitCommandLine(line); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

func FuzzMain(f *testing.F) {
	for _, script := range languageScripts {
		f.Add(script)
	}
	f.Add(scriptOf(f, "stage"))
	f.Add(`$x[`)
	f.Add(`$a=@(1); $a[0]=$a; [pscustomobject]@{x=$a}; $a.Foo; $a.Foo(); "$a"; $a | ConvertTo-Json -Depth 9; $a -join ','; $a`)
	f.Fuzz(func(t *testing.T, script string) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		var out strings.Builder
		powershell.Main(ctx, newFrontEnd(), []string{"-EncodedCommand", encode(script)}, strings.NewReader("input"), &out, &out)
		powershell.ExecuteLine(ctx, newFrontEnd(), script, strings.NewReader("input"), &out, &out)
	})
}
