package lync

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
)

// The three scripts of docs/server-protocol.md. What is put into them is checked character by character first, so nothing
// can end the single-quoted string it stands in; everything else travels as data.
const (
	firstLines = `$ProgressPreference='SilentlyContinue'
$module=Join-Path $env:ProgramData 'LyncOps\module\<sha256>\LyncOps.psm1'
if(-not [System.IO.File]::Exists($module)){'LYNCOPS-NOT-STAGED'; exit 3}
Import-Module -Name $module -DisableNameChecking
`
	askScript   = firstLines + `<verb> -Argument '<argument>'`
	orderScript = firstLines + `<verb> -ArgumentFromInput`

	stageScript = `$ErrorActionPreference='Stop'
$ProgressPreference='SilentlyContinue'
$root=Join-Path $env:ProgramData 'LyncOps'
[void][System.IO.Directory]::CreateDirectory($root)
& icacls.exe $root /setowner '*S-1-5-32-544' /Q | Out-Null
& icacls.exe $root /inheritance:r /grant:r '*S-1-5-32-544:(OI)(CI)F' /grant:r '*S-1-5-18:(OI)(CI)F' /Q | Out-Null
$bytes=[System.Convert]::FromBase64String([System.Console]::In.ReadToEnd())
$sha=New-Object System.Security.Cryptography.SHA256CryptoServiceProvider
$hash=[System.BitConverter]::ToString($sha.ComputeHash($bytes)).Replace('-','').ToLowerInvariant()
if($hash -ne '<sha256>'){'LYNCOPS-HASH-MISMATCH '+$hash; exit 4}
$folder=Join-Path $root 'module\<sha256>'
[void][System.IO.Directory]::CreateDirectory($folder)
$target=Join-Path $folder 'LyncOps.psm1'
$temporary=Join-Path $folder ([System.Guid]::NewGuid().ToString('N')+'.tmp')
[System.IO.File]::WriteAllBytes($temporary,$bytes)
if([System.IO.File]::Exists($target)){[System.IO.File]::Delete($temporary)}else{[System.IO.File]::Move($temporary,$target)}
'LYNCOPS-STAGED'`
)

// The exit codes and words of those scripts.
const (
	exitNotStaged    = 3
	exitHashMismatch = 4
	wordNotStaged    = "LYNCOPS-NOT-STAGED"
	wordStaged       = "LYNCOPS-STAGED"
)

var (
	sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)
	verbForm   = regexp.MustCompile(`^[A-Z][a-z]+-LyncOps[A-Za-z]{1,40}$`)
	base64Form = regexp.MustCompile(`^[A-Za-z0-9+/]*={0,2}$`)
)

// askLine is the command line of a question; the argument must not be secret.
func askLine(sha256, verb string, argument []byte) (string, error) {
	return commandLine(askScript, sha256, verb, base64.StdEncoding.EncodeToString(argument))
}

// orderLine is the command line of an order, whose argument goes to standard input.
func orderLine(sha256, verb string) (string, error) {
	return commandLine(orderScript, sha256, verb, "")
}

// stageLine is the command line that puts the module on a server.
func stageLine(sha256 string) (string, error) {
	return commandLine(stageScript, sha256, "Set-LyncOpsModule", "")
}

func commandLine(script, sha256, verb, argument string) (string, error) {
	switch {
	case !sha256Form.MatchString(sha256):
		return "", fmt.Errorf("%q is not a SHA-256 in lower-case hexadecimal digits", sha256)
	case !verbForm.MatchString(verb):
		return "", fmt.Errorf("%q is not the name of a verb", verb)
	case !base64Form.MatchString(argument):
		return "", fmt.Errorf("the argument is not Base64")
	}
	script = strings.NewReplacer("<sha256>", sha256, "<verb>", verb, "<argument>", argument).Replace(script)
	return "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -EncodedCommand " + encodeCommand(script), nil
}

// encodeCommand is what -EncodedCommand takes: Base64 of UTF-16, little end first.
func encodeCommand(script string) string {
	units := utf16.Encode([]rune(script))
	text := make([]byte, 0, 2*len(units))
	for _, unit := range units {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	return base64.StdEncoding.EncodeToString(text)
}

const longestInputLine = 1024 // characters

// inputLines is the form in which data goes to standard input: Base64 in lines a console can read.
func inputLines(data []byte) []byte {
	text := base64.StdEncoding.EncodeToString(data)
	lines := make([]byte, 0, len(text)+len(text)/longestInputLine+1)
	for text != "" {
		length := min(len(text), longestInputLine)
		lines = append(lines, text[:length]...)
		lines = append(lines, '\n')
		text = text[length:]
	}
	return lines
}
