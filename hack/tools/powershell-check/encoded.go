package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
)

const (
	longestLine = 8191 // cmd.exe's own limit, in characters
	commandLine = "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -EncodedCommand "
)

// placed is a script and the line on which it begins.
type placed struct {
	text string
	line int
}

// encodedScripts gives the indented blocks of a Markdown page that are scripts for -EncodedCommand. Their placeholders are filled
// with as many characters as they hold when they are sent.
func encodedScripts(page string) []placed {
	var found []placed
	var block []string
	lines := strings.Split(page, "\n")
	for i := 0; i <= len(lines); i++ {
		if i < len(lines) && strings.HasPrefix(lines[i], "    ") {
			block = append(block, strings.TrimPrefix(lines[i], "    "))
			continue
		}
		if text := strings.Join(block, "\n"); strings.Contains(text, "$ProgressPreference=") {
			text = strings.ReplaceAll(text, "<sha256>", strings.Repeat("0", 64))
			text = regexp.MustCompile(`<Verb>`).ReplaceAllString(text, "Get-LyncOpsFacts")
			// What varies is an argument in Base64: the length of the rest is what can be checked here.
			text = regexp.MustCompile(`<Base64[^>]*>`).ReplaceAllString(text, "e30=")
			found = append(found, placed{text, i - len(block) + 1})
		}
		block = nil
	}
	return found
}

// tooLong says whether a script does not fit in a command line.
func tooLong(script string) []finding {
	length := len(commandLine) + (2*len(utf16.Encode([]rune(script)))+2)/3*4
	if length <= longestLine {
		return nil
	}
	return []finding{{1, 1, fmt.Sprintf("encoded, the command line has %d characters; cmd.exe takes %d", length, longestLine)}}
}
