package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// screen shows changes: one line each, or, on a terminal, in a picture that is drawn anew in its place.
type screen struct {
	out io.Writer
	// size of the terminal in characters; nil where there is none.
	size   func() (width, height int)
	latest []string
	drawn  int
}

// newScreen finds out whether out is a terminal that can move its cursor.
func newScreen(out io.Writer, plain bool) *screen {
	s := &screen{out: out}
	file, ok := out.(*os.File)
	if plain || !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return s
	}
	s.size = func() (int, int) {
		width, height, err := term.GetSize(int(file.Fd()))
		if err != nil || width <= 0 || height <= 0 {
			return 80, 24
		}
		return width, height
	}
	return s
}

// live says whether pictures are drawn.
func (s *screen) live() bool { return s.size != nil }

// tell shows a change.
func (s *screen) tell(at time.Duration, c change) {
	line := fmt.Sprintf("%6s  %-21s  %-17s  %s", clockTime(at), c.who, c.what, c.sentence)
	if !s.live() {
		fmt.Fprintln(s.out, line)
		return
	}
	s.latest = append(s.latest, line)
}

// draw puts a new picture in the place of the last one.
func (s *screen) draw(head string, tables []table) {
	if !s.live() {
		return
	}
	width, height := s.size()
	lines := frame(head, tables, s.latest, width, height)
	var text strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&text, "\x1b[%dA\r\x1b[J", s.drawn)
	}
	for _, line := range lines {
		text.WriteString(line + "\n")
	}
	_, _ = io.WriteString(s.out, text.String()) // a screen that is gone is noticed by the reader, not by the demonstration
	s.drawn = len(lines)
}

// leave leaves lines below everything else.
func (s *screen) leave(lines ...string) {
	s.drawn = 0
	for _, line := range lines {
		fmt.Fprintln(s.out, line)
	}
}

// fewestLatest is how many of the latest changes are shown at least.
const fewestLatest = 3

// frame is a picture that fits a terminal: the tables, and as many of the latest changes as there is room for.
func frame(head string, tables []table, latest []string, width, height int) []string {
	lines := append([]string{head, ""}, kubectlGetLync(tables, width)...)
	lines = append(lines, "", "Latest changes:")
	room := max(height-1-len(lines), fewestLatest)
	lines = append(lines, latest[max(0, len(latest)-room):]...)
	// The cursor cannot go back above the top line.
	lines = lines[max(0, len(lines)-(height-1)):]
	for i, line := range lines {
		lines[i] = cut(line, width)
	}
	return lines
}

// kubectlGetLync is what that command prints.
func kubectlGetLync(tables []table, width int) []string {
	lines := []string{"$ kubectl get lync"}
	for i, t := range tables {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, t.fit(width)...)
	}
	return lines
}

// cut shortens a line to a width.
func cut(line string, width int) string {
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	return string(runes[:max(0, width-1)]) + "…"
}
