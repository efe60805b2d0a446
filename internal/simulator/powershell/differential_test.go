package powershell_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/witness"
)

// inEngine runs a script in the real engine.
func inEngine(t *testing.T, pwsh, script string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	process := exec.CommandContext(ctx, pwsh, "-NoProfile", "-NonInteractive", "-EncodedCommand", encode(script))
	process.Env = append(os.Environ(), "PSHOST_EDITION=Desktop", "PSHOST_NEWLINE=crlf", "DOTNET_TieredCompilation=0")
	var stdout, stderr strings.Builder
	process.Stdout, process.Stderr = &stdout, &stderr
	if err := process.Run(); err != nil && process.ProcessState == nil {
		t.Fatalf("the engine %s did not run: %v", pwsh, err)
	}
	return result{stdout.String(), stderr.String(), process.ProcessState.ExitCode()}
}

// layout leaves out what only the versions of PowerShell differ in: line ends, blanks at line ends, empty lines around.
func layout(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// The scripts of this table do the same in every PowerShell. All run in one process of the engine, one after the other,
// each in a scope of its own; what one throws is written down.
var languageScripts = []string{
	// numbers and text
	`1+2*3; 7/2; 6/3; 7%3; -7%3; 2-5; 1kb; 0x1F; 1e3; 1.50; 10/4*2; [math]::Max(3,7)`,
	`'a'+'b'; 'ab'*3; 'x'+1; 1+'2'; '3'*'2'; "a$(1+1)b"; "$(1,2,3)"; 'it''s'; "say ""hi"""`,
	"\"tab`tx`$y`\"z\"; 'no `t $escape'; \"a`nb\"",
	`$x=5; "x=$x ${x}y $($x*2) $x.Length"; $h=@{a=1}; "h=$($h.a) $h"`,
	"@'\nraw $x\n\"quoted\"\n'@; $v='V'; @\"\nline $v\nlast\n\"@",
	`[int]'42'; [int]2.5; [int]3.5; [int]'  7 '; [string]12; [bool]'x'; [bool]0; [double]'1.5'; [char]65; [int][char]'a'; [int]$true`,
	`1 -eq 1.0; 'a' -eq 'A'; 'a' -ceq 'A'; 'abc' -like 'A*'; 'abc' -match 'B(.)'; $matches[0]; $matches[1]; 'abc' -notmatch 'z'`,
	`1,2,3 -contains 2; 2 -in 1,2; 1,2,3 -eq 2; 1,2,3 -ne 2; (1,2,3 -gt 1) -join '+'; @(1,2) -notcontains 5`,
	`'a,b;c' -split '[,;]'; 'a b  c' -split ' '; -split ' a  b '; 'a','b' -join '-'; -join ('x','y'); 'abc' -replace 'b','[$0]'; 'abc' -replace '(a)(b)','$2$1'; 'a1b2' -replace '\d'`,
	`'{0:N2} {1,5}|{2,-5}|{3:D3} {4:X}' -f 1234.567,'r','l',7,255; '{0:yyyy}' -f [datetime]'2026-01-02'; '{{}} {0}' -f 1; '{0:P1}' -f 0.25; '{0:00.0}' -f 3.14159`,
	`-not $true; !0; $true -and $false; $true -or $false; $true -xor $true; 5 -band 3; 5 -bor 3; 5 -bxor 3; -bnot 5; 1 -shl 4`,
	`'b' -gt 'a'; '10' -gt 9; 10 -gt '9'; $null -eq $null; $null -eq 0; $null -eq ''; 'true' -eq $true; $true -eq 'x'`,
	`5 -is [int]; 'x' -is [string]; 5 -isnot [string]; @() -is [array]; '5' -as [int]; 'x' -as [int]; (5).GetType().Name; 'x'.GetType().FullName; @(1).GetType().Name; 5.5.GetType().Name; (2147483648).GetType().Name`,
	// arrays and tables
	`$a=1..5; $a[0]; $a[-1]; $a[1..3]; $a.Count; $a[0,4]; $a+=6; $a.Length; (,1).Count; @().Count; @($null).Count; $a[99]; 5..3`,
	`$a=@(1,(2,3),4); $a.Count; $a[1].Count; $b=,@(1,2); $b.Count; @(1,2)+@(3); ,1+2`,
	`$h=[ordered]@{a=1; 'b c'=2; c=@(1,2)}; $h.a; $h['b c']; $h.c[1]; $h.Keys; $h.Count; $h.d=4; $h['d']; $h.Contains('a'); $h.Remove('a'); $h.Count; $h[0]`,
	`$h=@{one=1}; $h.ContainsKey('ONE'); foreach($e in $h.GetEnumerator()){ "$($e.Key)=$($e.Value)" }; $h+=@{two=2}; $h.Count`,
	`$a,$b,$c=1,2,3,4; "$a $b $c"; $x=$y=5; "$x$y"; [int]$n='5'; $n+1; $i=3; $i++; $i; $i--; ++$i; ($i++); $i*=2; $i; $i-=1; $i; $i/=3; $i`,
	`$o=[pscustomobject]@{Name='n';Value=3}; $o.Name; $o.value; $o.none; $o.Value=4; "$o"; ($o | Select-Object Name).Name; $o.PSObject.Properties | ForEach-Object { $_.Name }`,
	`$a='one','three'; $a.Length; $a | ForEach-Object Length; @([pscustomobject]@{n=1},[pscustomobject]@{n=2}).n; (1,2,3).ForEach`,
	// statements
	`if(1 -gt 2){'a'}elseif(2 -gt 1){'b'}else{'c'}; if(@()){'x'}else{'empty'}; if('0'){'text'}; if(@(0)){'x'}else{'zero'}`,
	`for($i=0;$i -lt 5;$i++){ if($i -eq 1){continue}; if($i -eq 4){break}; $i }; $i=0; while($i -lt 3){$i++; $i}; do{$i--;$i}while($i -gt 0); do{$i++}until($i -ge 2); $i`,
	`foreach($x in 1..3){$x*2}; foreach($x in $null){'never'}; foreach($x in 'single'){$x}; :outer foreach($a in 1..3){ foreach($b in 1..3){ if($b -eq 2){continue outer}; "$a$b" } }`,
	`switch(3){1{'one'}3{'three'}default{'d'}}; switch('abc'){'a*'{'no'}default{'def'}}; switch -wildcard ('abc'){'a*'{'wild'}'*c'{'also'}}; switch(1,2){1{'x'}{$_ -gt 1}{"big $_"}}; switch -regex ('a1'){'\d'{'digit'; break}'a'{'never'}}`,
	`function f($a,$b=2){ "$a-$b" }; f 1; f 1 3; f -b 5 -a 4; function g{ param([int]$n,[switch]$s) if($s){$n}else{-$n} }; g 3; g 3 -s; g -n 4 -s:$false; function k{$args.Count; $args[0]}; k x y`,
	`function p{ begin{'b'} process{"p$_"} end{'e'} }; 1..2 | p; filter q{$_*2}; 1,2|q; function rr{ return 5; 6 }; rr; function s{ 1; 2; return 3 }; (s).Count`,
	`function f{ $x=2; $script:y=3; $global:z=4; $x }; $x=1; f; $x; $z; & { $x=9 }; $x; . { $x=9 }; $x; &{param($a) "got $a"} 7; $sb={ $args[0]*2 }; & $sb 4`,
	`try{ throw 'bad' }catch{ "caught $_"; $_.Exception.Message }finally{ 'finally' }; try{ 1/0 }catch{ $_.Exception.Message }; try{ 'fine' }finally{ 'done' }; try{ [int]'x' }catch{ 'cast' }`,
	`try{ try{ throw 'inner' }finally{ 'f' } }catch{ "outer $_" }; try{ try{ throw 'a' }catch{ throw } }catch{ "again $_" }; try{ Get-Nothing-Here }catch [System.Management.Automation.CommandNotFoundException]{ 'not found' }; $ErrorActionPreference='Stop'; try{ Write-Error 'we' }catch{ "stopped: $_" }`,
	`$x = if($true){'value'}; $x; $y = foreach($i in 1..3){$i}; $y.Count; $z = try{ throw 1 }catch{ 'c' }; $z; $(if($false){1}) -eq $null; @(if($true){1;2}).Count`,
	// pipelines
	`1..5 | Where-Object {$_ -gt 2} | ForEach-Object {$_*10}; 1..10 | Select-Object -First 2; 1..10 | Select-Object -Last 2; 1..5 | Select-Object -Skip 3; 3,1,2 | Sort-Object; 3,1,2 | Sort-Object -Descending; 'b','A','c' | sort; 1,1,2 | select -Unique`,
	`1..3 | ForEach-Object { Write-Host "h$_"; $_ } | ForEach-Object { "o$_" }; 1..3 | % -Begin {'b'} -Process {$_} -End {'e'}; 1..4 | ForEach-Object { if($_ -eq 2){return}; $_ }`,
	`$o=@([pscustomobject]@{n='x';v=2},[pscustomobject]@{n='y';v=1}); $o | Where-Object n -eq 'x' | ForEach-Object v; ($o | Sort-Object v)[0].n; $o | ? { $_.v -lt 2 } | select -ExpandProperty n; ($o | Measure-Object).Count; ($o | Measure-Object v -Sum).Sum; $o | Select-Object n,@{Name='d';Expression={$_.v*2}} | % { "$($_.n) $($_.d)" }`,
	`'a','b','a' | Group-Object | ForEach-Object { "$($_.Name)=$($_.Count)" }; @() | ForEach-Object {'never'}; $e=@() | Where-Object {$true}; $e | ForEach-Object {'never'}; $null | ForEach-Object {'once'}; (1..3 | Out-Null); $r=1..3 | Out-String -Stream; $r.Count`,
	`Write-Output a b c; Write-Output (1,2); Write-Output 'x y' | % Length; Write-Output -InputObject 5; echo hi`,
	`$h=@{Message='splat'}; function f($Message){"<$Message>"}; f @h; $a=1,2; function g($x,$y){"$x/$y"}; g @a`,
	`$null -eq (1..3 | Where-Object {$_ -gt 5}); (1..3 | Where-Object {$_ -gt 2}).GetType().Name; (1..3 | ? {$_ -gt 1}).Count; "$(1..3 | % {$_+1})"`,
	// methods and types
	`'Hello'.ToUpper(); 'Hello'.Substring(1,3); 'Hello'.IndexOf('l'); 'a-b'.Split('-'); ' x '.Trim()+'|'; 'Hello'.Replace('l','L'); 'abc'.Contains('b'); 'abc'.StartsWith('a'); 'x'.PadLeft(3,'0'); 'abc'[1]; 'abc'[-1]; 'abc'.Length; 'abc'.ToCharArray().Count; 'abc'.Insert(1,'Z'); 'abcd'.Remove(1,2)`,
	`[string]::IsNullOrEmpty(''); [string]::Join(',',(1,2,3)); [string]::Format('{0}-{1}',1,2); [math]::Round(2.567,1); [math]::Floor(2.9); [convert]::ToBase64String([text.encoding]::UTF8.GetBytes('hé')); [System.Text.Encoding]::Unicode.GetString([System.Convert]::FromBase64String('YQBiAA=='))`,
	`$sha=[System.Security.Cryptography.SHA256]::Create(); [System.BitConverter]::ToString($sha.ComputeHash([System.Text.Encoding]::ASCII.GetBytes('abc'))).Replace('-','').ToLowerInvariant(); [guid]::Empty.ToString('N'); ([guid]::NewGuid().ToString('N')).Length; [bitconverter]::ToString([byte[]](1,255,16))`,
	`$d=[datetime]'2026-03-04T05:06:07'; $d.Year; $d.AddDays(1).ToString('yyyy-MM-dd HH:mm'); $d.DayOfWeek; ($d - [datetime]'2026-03-03').TotalHours; "$d"; $d.ToString('s'); ([timespan]'01:30:00').TotalMinutes`,
	`[version]'5.0.8308.1149' -gt [version]'5.0.8308.577'; ([version]'1.2.3').Major; [int[]]('1','2') | % { $_+1 }; [string[]](1,2) -join '+'; [byte]255; [array]$a=5; $a.Count; [regex]::Escape('a.b'); [dayofweek]::Friday`,
	`1.0; 0.1+0.2; 1/3; 1e20; 1.5e-7; 123456789012; 2147483647+1; 9223372036854775807+1; 3.0*2; [double]::NaN`,
	// JSON
	`[ordered]@{a=1;b='x<y>';c=@(1,'two',$null,$true);d=[ordered]@{e=1.5};f=@();g=@{}} | ConvertTo-Json; [ordered]@{a=1;b=@(1,2)} | ConvertTo-Json -Compress; 'text' | ConvertTo-Json; 1,2 | ConvertTo-Json -Compress; ConvertTo-Json @(1) -Compress; [dayofweek]::Monday | ConvertTo-Json; [pscustomobject]@{day=[dayofweek]::Friday;s="q'&\"} | ConvertTo-Json -Compress`,
	`$j='{"a":1,"b":[1,2],"c":{"d":"x"},"e":null,"f":1.5,"g":true}' | ConvertFrom-Json; $j.a+1; $j.b.Count; $j.c.d; $null -eq $j.e; $j.f; $j.g; ($j | ConvertTo-Json -Compress -Depth 5); [ordered]@{l1=[ordered]@{l2=[ordered]@{l3=[ordered]@{l4=1}}}} | ConvertTo-Json -Compress`,
	// shown at the end of a pipeline
	`[pscustomobject]@{Name='a';Value=1}; [pscustomobject]@{Name='bbb';Value=22}; 'text'; [pscustomobject]@{Name='c';Value=3}`,
	`[pscustomobject]@{a=1;b=2;c=3;d=4;long=5}; $true; $null; 5`,
	`[ordered]@{k=1;key2='v'}; 'x'; @{}; [ordered]@{z=1}`,
	`[pscustomobject]@{a='x';n=$null;l=@(1,2)} | Format-List; [pscustomobject]@{a='x';b=2} | Format-Table; [pscustomobject]@{a='x';b=2} | Format-Table a; [pscustomobject]@{a='x';b=2} | fl b`,
	`$o=[pscustomobject]@{a=1;b=2;c=3}; $o | Select-Object a,c; ($o | Format-Table | Out-String).Trim().Length; [pscustomobject]@{text='x';list=@(1,2,3,4,5,6);table=@{k='v'}}`,
	`"$([pscustomobject]@{a=[pscustomobject]@{b=1};c=@(1,2);d=@{}})"; $a=@(1,2); $a[0]=$a; $b=[pscustomobject]@{x=$a[1]}; $b.x`,
	// comments, continuation, line ends
	"# comment\n1 # after\n<# block\n comment #> 2\nWrite-Output `\n  continued\n$a = 1,\n 2\n$a.Count\n1..3 |\n  ForEach-Object {\n    $_\n  }\nif ($true)\n{\n'newline'\n}\nelse\n{\n'no'\n}",
	`& { 'block' }; $n='Write-Output'; & $n called; & 'Write-Output' quoted; Invoke-Expression '1+1'; $ExecutionContextNot; "$undefined|"; Write-Output -- -dash`,
	`Write-Warning w 3>$null; $x = Write-Error e 2>&1; "$x"; $y = & { Write-Error q; 'out' } 2>$null; $y; try { Write-Error stop -ErrorAction Stop } catch { "got $_" }; Write-Error quiet -ErrorAction SilentlyContinue; $?; 1; $?; $Error.Count -gt 0`,
	`function f{ [CmdletBinding()]param([Parameter(Mandatory=$true)][string]$Name,[ValidateSet('a','b')][string]$Kind='a') "$Name $Kind" }; f -Name n; f x -Kind b; try{ f x -Kind z }catch{ 'refused' }; try{ f x -Nope 1 }catch{ $_.Exception.Message }`,
	`$s='x'; $s.Foo; try{ $s.Foo() }catch{ $_.Exception.Message }; try{ $null.Foo() }catch{ $_.Exception.Message }; try{ $n=$null; $n[0] }catch{ $_.Exception.Message }; try{ [nosuchtype]::X }catch{ $_.Exception.Message }; try { [int]'abc' } catch { 'bad int' }`,
	`$a = 1; $b = $a -eq 1 -and -not ($a -gt 5); $b; (1 + 2) * 3; -2 + 5; - 2; 2 - -2; 1,2 + 3; (1,2)[1]; @{a=@{b=1}}.a.b; 'a' + 'b' -eq 'ab'; 10 -5; 'x'.Length + 1; !$true -or $true; 1..2 + 3`,
	`Write-Output a,b; Write-Output "x"y; Write-Output $true; Write-Output -1; Write-Output a=b; Write-Output C:\x\y; Write-Output (1+1)2; Write-Output a"b"c; Write-Output $null; Write-Output @(1,2); Write-Output {sb}; Write-Output [int]`,
}

func TestDoesWhatPowerShellDoes(t *testing.T) {
	pwsh := witness.PowerShell(t)
	const mark = "=== script "
	var document strings.Builder
	for i, script := range languageScripts {
		fmt.Fprintf(&document, "Out-Default\n[Console]::Out.WriteLine('%s%d')\n& { try { & {\n%s\n} | Out-Default } catch { 'threw: ' + $_.Exception.Message } } | Out-Default\n", mark, i, script)
	}
	theirs := strings.Split(inEngine(t, pwsh, document.String()).stdout, mark)
	for i, script := range languageScripts {
		ours := run(t, newFrontEnd(), "", "-EncodedCommand", encode(fmt.Sprintf("try { & {\n%s\n} | Out-Default } catch { 'threw: ' + $_.Exception.Message }", script)))
		if i+1 >= len(theirs) {
			t.Fatalf("the engine ended before script %d: %s", i, script)
		}
		_, want, _ := strings.Cut(theirs[i+1], "\n")
		if got := layout(ours.stdout); got != layout(want) {
			t.Errorf("script %d: %s\n--- got\n%s\n--- the engine says\n%s\n--- our standard error\n%s", i, script, got, layout(want), ours.stderr)
		}
	}
}

// These end the process in ways of their own, so each has one of the engine's.
func TestEndsAsPowerShellEnds(t *testing.T) {
	pwsh := witness.PowerShell(t)
	for _, script := range []string{
		`'before'; exit 7; 'never'`,
		`'before'; throw 'x'; 'never'`,
		`'before'; NoSuchCommand-AtAll; 'after'`,
		`NoSuchCommand-AtAll`,
		`$ErrorActionPreference='Stop'; 'a'; NoSuchCommand-AtAll; 'never'`,
		`$ErrorActionPreference='Stop'; Write-Error 'x'; 'never'`,
		`function f { exit 3 }; try { f } finally { 'last words' }`,
		`'a' 'b'`,
		`$x=1; Write-Error 'only reported'`,
	} {
		t.Run(script, func(t *testing.T) {
			want := inEngine(t, pwsh, script)
			got := run(t, newFrontEnd(), "", "-EncodedCommand", encode(script))
			if layout(got.stdout) != layout(want.stdout) || got.code != want.code {
				t.Errorf("got %q, exit code %d; the engine says %q, %d\n%s", got.stdout, got.code, want.stdout, want.code, got.stderr)
			}
			if (got.stderr == "") != (want.stderr == "") {
				t.Errorf("standard error %q; the engine's %q", got.stderr, want.stderr)
			}
		})
	}
}
