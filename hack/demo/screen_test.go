package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func answer() *metav1.Table {
	return &metav1.Table{
		ColumnDefinitions: []metav1.TableColumnDefinition{{Name: "Name"}, {Name: "Pool", Priority: 1}, {Name: "Desired"}, {Name: "Reason"}, {Name: "Age"}},
		Rows: []metav1.TableRow{
			{Cells: []any{"pool01", "pool01.contoso.com", "5.0.8308.1149", "Upgrading", "41s"}},
			{Cells: []any{"pool02", "pool02.contoso.com", nil, "Observing", "41s"}},
		},
	}
}

func TestTableShowsWhatKubectlGetLyncShows(t *testing.T) {
	want := []string{
		"NAME              DESIRED         REASON      AGE",
		"lyncpool/pool01   5.0.8308.1149   Upgrading   41s",
		"lyncpool/pool02                   Observing   41s",
	}
	if difference := cmp.Diff(want, tableFrom("lyncpool", answer()).fit(0)); difference != "" {
		t.Error(difference)
	}
}

func TestNarrowTerminalKeepsWhatMattersMost(t *testing.T) {
	for width, want := range map[int]string{
		49: "NAME              DESIRED         REASON      AGE",
		48: "NAME              DESIRED         REASON",
		42: "NAME              REASON",
		10: "NAME              REASON",
	} {
		if got := tableFrom("lyncpool", answer()).fit(width)[0]; got != want {
			t.Errorf("width %d: %q, want %q", width, got, want)
		}
	}
}

func TestPictureFitsItsTerminal(t *testing.T) {
	var latest []string
	for i := range 100 {
		latest = append(latest, fmt.Sprintf("change %d is told with rather many words so that a narrow terminal has to cut it", i))
	}
	for _, size := range [][2]int{{200, 60}, {80, 24}, {40, 10}, {20, 3}} {
		lines := frame("head", []table{tableFrom("lyncpool", answer())}, latest, size[0], size[1])
		if len(lines) >= size[1] {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, line := range lines {
			if utf8.RuneCountInString(line) > size[0] {
				t.Errorf("%v: too wide: %q", size, line)
			}
		}
		if !strings.HasPrefix(lines[len(lines)-1], "change 99") {
			t.Errorf("%v: the latest change is not shown: %q", size, lines[len(lines)-1])
		}
	}
}

func TestWithoutTerminalEveryChangeIsOnePlainLine(t *testing.T) {
	var out strings.Builder
	s := newScreen(&out, false)
	s.tell(75*time.Second, change{"fe01", "Install", "the installer runs"})
	s.draw("head", nil)
	if want := "  1:15  fe01                   Install            the installer runs\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestFlags(t *testing.T) {
	for arguments, want := range map[string]string{
		"--time-scale 4":   "not between",
		"--time-scale 0":   "not between",
		"--time-scale NaN": "not between",
		"--limit -1s":      "less than nothing",
		"now":              "one argument too many",
		"--fast":           "not defined",
	} {
		var said strings.Builder
		if _, err := parse(strings.Fields(arguments), &said); err == nil || !strings.Contains(said.String(), want) {
			t.Errorf("%s: error %v, said %q; want %q", arguments, err, said.String(), want)
		}
	}
	slow, err := parse([]string{"--time-scale", "5"}, &strings.Builder{})
	if err != nil {
		t.Fatal(err)
	}
	fast, err := parse(nil, &strings.Builder{})
	if err != nil {
		t.Fatal(err)
	}
	if slow.limit <= fast.limit {
		t.Errorf("a slower world gets no more time: %v, and %v", slow.limit, fast.limit)
	}
	if n := len(fast.opening()); n != 5 || slices.ContainsFunc(fast.opening(), func(line string) bool { return len(line) > 79 }) {
		t.Errorf("the opening is not five lines that fit any terminal:\n%s", strings.Join(fast.opening(), "\n"))
	}
}
