package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// table is what kubectl prints of one kind.
type table struct {
	headings []string
	rows     [][]string
}

// tableFrom keeps the columns that kubectl shows without "-o wide"; names get the kind in front, as with "kubectl get lync".
func tableFrom(kind string, answer *metav1.Table) table {
	var t table
	var shown []int
	for i, column := range answer.ColumnDefinitions {
		if column.Priority == 0 {
			shown = append(shown, i)
			t.headings = append(t.headings, strings.ToUpper(column.Name))
		}
	}
	for _, row := range answer.Rows {
		var cells []string
		for _, i := range shown {
			cell := ""
			if i < len(row.Cells) && row.Cells[i] != nil {
				cell = fmt.Sprint(row.Cells[i])
			}
			if i == 0 {
				cell = kind + "/" + cell
			}
			cells = append(cells, cell)
		}
		t.rows = append(t.rows, cells)
	}
	return t
}

// expendable are the columns that a narrow terminal loses, in this order.
var expendable = []string{"AGE", "OUTAGE-SINCE", "EDITION", "DESIRED", "READY", "INSTALLED"}

// fit returns the lines of the table, without the columns for which the terminal is too narrow; 0 means any width.
func (t table) fit(width int) []string {
	for _, column := range append([]string{""}, expendable...) {
		t = t.without(column)
		lines := t.lines()
		if width == 0 || !slices.ContainsFunc(lines, func(line string) bool { return len(line) > width }) {
			return lines
		}
	}
	return t.lines()
}

func (t table) without(heading string) table {
	i := slices.Index(t.headings, heading)
	if i < 0 {
		return t
	}
	less := table{headings: slices.Delete(slices.Clone(t.headings), i, i+1)}
	for _, row := range t.rows {
		less.rows = append(less.rows, slices.Delete(slices.Clone(row), i, i+1))
	}
	return less
}

func (t table) lines() []string {
	return aligned(append([][]string{t.headings}, t.rows...), 3)
}

// aligned sets rows in columns, with so many spaces between two.
func aligned(rows [][]string, padding int) []string {
	var text strings.Builder
	writer := tabwriter.NewWriter(&text, 0, 4, padding, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(writer, strings.Join(row, "\t"))
	}
	writer.Flush()
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}
