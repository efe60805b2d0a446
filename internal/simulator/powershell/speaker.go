package powershell

import (
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// speaker writes errors, warnings and verbose text as powershell.exe does: text or CLIXML.
type speaker struct {
	to     io.Writer
	clixml bool
	opened bool
	host   *interpreter
}

func (s *speaker) failure(failed *Failure) error {
	s.host.display.rowsOut()
	for _, line := range failed.lines() {
		for _, part := range foldedLines(line) {
			if s.clixml {
				s.element("Error", part+"\r\n")
			} else {
				_, _ = io.WriteString(s.to, part+"\r\n")
			}
		}
	}
	return nil
}

func (s *speaker) warning(text string) error {
	if s.clixml {
		s.element("warning", text)
	} else {
		s.host.streams.host("WARNING: " + text + "\r\n")
	}
	return nil
}

func (s *speaker) verbose(text string) error {
	if s.clixml {
		s.element("verbose", text)
	} else {
		s.host.streams.host("VERBOSE: " + text + "\r\n")
	}
	return nil
}

var looksEscaped = regexp.MustCompile(`_([xX])`)

// clixmlText escapes control characters as _xHHHH_ and what would look like such an escape.
func clixmlText(text string) string {
	text = looksEscaped.ReplaceAllString(text, "_x005F_$1")
	var escaped strings.Builder
	for _, r := range text {
		if r < 0x20 {
			fmt.Fprintf(&escaped, "_x%04X_", r)
		} else {
			escaped.WriteRune(r)
		}
	}
	var document strings.Builder
	_ = xml.EscapeText(&document, []byte(escaped.String())) // a strings.Builder takes everything
	return strings.NewReplacer("&#39;", "&apos;", "&#34;", "&quot;").Replace(document.String())
}

func (s *speaker) element(kind, text string) {
	if !s.opened {
		s.opened = true
		_, _ = io.WriteString(s.to, "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">")
	}
	_, _ = io.WriteString(s.to, `<S S="`+kind+`">`+clixmlText(text)+"</S>")
}

func (s *speaker) close() {
	if s.opened {
		_, _ = io.WriteString(s.to, "</Objs>")
	}
}

// foldedLines breaks a line at blanks to fit the screen, as PowerShell does with errors.
func foldedLines(line string) []string {
	var folded []string
	for utf8.RuneCountInString(line) >= screenWidth {
		letters := []rune(line)
		cut := screenWidth - 1
		for cut > 0 && letters[cut] != ' ' {
			cut--
		}
		if strings.TrimSpace(string(letters[:cut])) == "" {
			cut = screenWidth - 1
			folded, line = append(folded, string(letters[:cut])), string(letters[cut:])
			continue
		}
		folded, line = append(folded, string(letters[:cut+1])), string(letters[cut+1:])
	}
	return append(folded, line)
}
