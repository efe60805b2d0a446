package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"k8s.io/cli-runtime/pkg/printers"

	"lyncops.dev/operator/internal/preflight"
)

// writeTable shows a report as kubectl shows lists, one line a check, and below it the answers that nobody knows.
func writeTable(out io.Writer, report preflight.Report) error {
	table := printers.GetNewTabWriter(out)
	fmt.Fprintln(table, "CHECK\tSERVER\tRESULT\tFOUND\tREMEDY")
	for _, row := range report.Rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", cell(row.Check), cell(row.Server), cell(string(row.Result)), cell(row.Found), cell(row.Remedy))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, answer := range report.UnknownAnswers {
		if _, err := fmt.Fprintf(out, "\n%s on %s answered what is not known here:\n%s\n", answer.Cmdlet, answer.Server, indented(answer.Raw)); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(out io.Writer, report preflight.Report) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		Passed bool `json:"passed"`
		preflight.Report
	}{report.Passed(), report})
}

// cell makes one line of a text that may come from a server: nothing in it can break the table or speak to the terminal.
func cell(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(letter rune) bool { return unicode.IsSpace(letter) || unicode.IsControl(letter) }), " ")
}

// indented makes JSON readable; what is no JSON is shown as one line.
func indented(raw string) string {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(raw), "", "  "); err != nil {
		return cell(raw)
	}
	return pretty.String()
}
