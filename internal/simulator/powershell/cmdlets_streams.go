package powershell

import (
	"strings"
)

// passThrough leaves what comes to the end of the pipeline.
func passThrough(_ *interpreter, b *bound, _ stopSignal, fed bool, out sink) (stage, error) {
	return stage{process: out, end: endWithInput(b, fed, out)}, nil
}

func quiet(*interpreter, *bound, []Value, bool, sink) error { return nil }

func writeOutput(_ *interpreter, b *bound, input []Value, fed bool, out sink) error {
	if fed {
		return emit(input, out)
	}
	if b.flag("noenumerate") {
		return out(b.parameters["inputobject"])
	}
	if items, many := b.parameters["inputobject"].([]Value); many {
		for _, item := range items {
			if err := emit(item, out); err != nil {
				return err
			}
		}
		return nil
	}
	return emit(b.parameters["inputobject"], out)
}

func writeHost(in *interpreter, b *bound, input []Value, fed bool, _ sink) error {
	separator := " "
	if b.has("separator") {
		separator = b.text("separator")
	}
	items := list(b.parameters["object"])
	if !b.has("object") {
		items = nil
	}
	if fed {
		items = input
		separator = "\r\n"
	}
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = toText(item)
	}
	text := strings.Join(parts, separator)
	if !b.flag("nonewline") {
		text += "\r\n"
	}
	in.streams.host(text)
	return nil
}

func writeError(in *interpreter, b *bound, input []Value, fed bool, _ sink) error {
	failed := &Failure{Message: b.text("message"), ID: b.text("errorid"), Type: "Microsoft.PowerShell.Commands.WriteErrorException"}
	if fed && len(input) > 0 {
		failed.Message = toText(input[0])
	}
	if object, ok := b.parameters["exception"].(*Object); ok {
		failed.Message, failed.Type = toText(object.Get("Message")), object.TypeName
	}
	if failed.ID == "" {
		failed.ID = "Microsoft.PowerShell.Commands.WriteErrorException"
	}
	if category := b.text("category"); category != "" {
		failed.Category = category + ": (:)"
	}
	preference := b.errorAction
	if preference == "" {
		preference = in.preference("erroractionpreference")
	}
	failed.command = "Write-Error"
	return in.nonTerminating(failed, preference)
}

func outString(_ *interpreter, b *bound, input []Value, _ bool, out sink) error {
	text := renderAll(input)
	if b.flag("stream") {
		return emit(textLines(text), out)
	}
	return out(text)
}
