package powershell

import (
	"errors"
	"fmt"
	"strings"
)

// Failure is an error with what PowerShell shows beside the message. A Command may return one to set category and
// identifier; any other error is shown with its text alone.
type Failure struct {
	Message  string
	ID       string // FullyQualifiedErrorId
	Category string // such as "ObjectNotFound: (RTCSRV:String)"; empty means NotSpecified
	Type     string // the exception's type

	command string // the command that failed, shown before the message
	target  Value
	record  *Object
	at      *extent
	source  *source
	fatal   bool // ends the script, not only the statement
	parsed  *ParseError
	native  bool // a line a program wrote to standard error
}

func (f *Failure) Error() string { return f.Message }

func failure(id, format string, values ...any) *Failure {
	return &Failure{ID: id, Message: fmt.Sprintf(format, values...)}
}

// asFailure makes a Failure of any error that is not flow control.
func asFailure(err error) *Failure {
	var known *Failure
	if errors.As(err, &known) {
		if known.record == nil && known.at == nil {
			// A command may return the same error value twice: what is known about this occurrence goes to a copy.
			fresh := *known
			return &fresh
		}
		return known
	}
	return &Failure{Message: err.Error()}
}

func (f *Failure) exceptionType() string {
	if f.Type != "" {
		return f.Type
	}
	switch f.ID {
	case "CommandNotFoundException":
		return "System.Management.Automation.CommandNotFoundException"
	case "ItemNotFoundException":
		return "System.Management.Automation.ItemNotFoundException"
	}
	return "System.Management.Automation.RuntimeException"
}

// errorRecord is the $_ of a catch block.
func (f *Failure) errorRecord() *Object {
	if f.record != nil {
		return f.record
	}
	exception := NewObject(f.exceptionType(), "Message", f.Message, "InnerException", nil, "HResult", int64(-2146233087), "StackTrace", "", "Source", "")
	exception.Text = f.exceptionType() + ": " + f.Message
	line, column, text := int64(1), int64(1), ""
	if f.at != nil && f.source != nil {
		l, c := f.source.position(f.at.start)
		line, column = int64(l), int64(c)
		text, _ = f.source.line(f.at.start)
	}
	id := f.ID
	if id == "" {
		id = "RuntimeException"
	}
	category := f.category()
	categoryInfo := NewObject("System.Management.Automation.ErrorCategoryInfo", "Category", strings.TrimSpace(strings.SplitN(category, ":", 2)[0]),
		"Activity", f.command, "Reason", f.reason(), "TargetName", toText(f.target), "TargetType", "")
	categoryInfo.Text = category
	record := NewObject("System.Management.Automation.ErrorRecord", "Exception", exception, "TargetObject", f.target,
		"CategoryInfo", categoryInfo, "FullyQualifiedErrorId", id, "ErrorDetails", nil,
		"InvocationInfo", NewObject("System.Management.Automation.InvocationInfo", "ScriptLineNumber", line, "OffsetInLine", column,
			"Line", text, "PositionMessage", strings.Join(f.positionLines(), "\r\n"), "MyCommand", f.command, "InvocationName", f.command),
		"ScriptStackTrace", fmt.Sprintf("at <ScriptBlock>, <No file>: line %d", line))
	record.Text = f.Message
	record.failure = f
	f.record = record
	return record
}

func (f *Failure) reason() string {
	name := f.exceptionType()
	return name[strings.LastIndexByte(name, '.')+1:]
}

func (f *Failure) category() string {
	category := f.Category
	if category == "" {
		category = "NotSpecified: (:)"
	}
	activity := f.command
	if f.ID == "CommandNotFoundException" {
		activity = ""
	}
	return category + " [" + activity + "], " + f.reason()
}

func (f *Failure) positionLines() []string {
	if f.parsed != nil {
		return []string{fmt.Sprintf("At line:%d char:%d", f.parsed.Line, f.parsed.Column)}
	}
	if f.at == nil || f.source == nil {
		return nil
	}
	line, column := f.source.position(f.at.start)
	where := "line:" + fmt.Sprint(line)
	if f.source.name != "" {
		where = f.source.name + ":" + fmt.Sprint(line)
	}
	text, offset := f.source.line(f.at.start)
	shown := []rune(text)
	length := max(1, min(f.at.end-f.at.start, len(shown)-offset))
	before, after := "", ""
	if offset > 60 {
		shown, before = shown[offset-20:], "... "
		offset = 20
	}
	if len(shown) > 70 {
		shown, after = shown[:70], " ..."
		length = max(1, min(length, 70-offset))
	}
	return []string{
		fmt.Sprintf("At %s char:%d", where, column),
		"+ " + before + string(shown) + after,
		"+ " + strings.Repeat(" ", len(before)+offset) + strings.Repeat("~", length),
	}
}

// lines are what PowerShell shows of the error.
func (f *Failure) lines() []string {
	if f.native {
		return []string{f.Message}
	}
	message := f.Message
	if f.command != "" {
		message = f.command + " : " + message
	}
	id := f.ID
	if id == "" {
		id = "RuntimeException"
	}
	lines := append([]string{}, strings.Split(strings.ReplaceAll(message, "\r\n", "\n"), "\n")...)
	lines = append(lines, f.positionLines()...)
	return append(lines, "    + CategoryInfo          : "+f.category(), "    + FullyQualifiedErrorId : "+id, " ")
}

func notRecognized(name string) *Failure {
	return &Failure{
		ID: "CommandNotFoundException", Category: "ObjectNotFound: (" + name + ":String)", command: name, target: name,
		Message: "The term '" + name + "' is not recognized as the name of a cmdlet, function, script file, or operable program. " +
			"Check the spelling of the name, or if a path was included, verify that the path is correct and try again.",
	}
}

// Flow control travels as errors.
type (
	exitSignal struct{ code int }
	loopSignal struct {
		again bool
		label string
	}
	returnSignal struct{}
	// stopSignal ends what feeds a stage of a pipeline that wants no more.
	stopSignal struct {
		pipeline *pipeline
		stage    int
	}
)

func (exitSignal) Error() string   { return "exit" }
func (loopSignal) Error() string   { return "break or continue outside of a loop" }
func (returnSignal) Error() string { return "return" }
func (stopSignal) Error() string   { return "the pipeline has been stopped" }

// isFailure tells an error from flow control and from the end of the context.
func isFailure(err error) bool {
	switch err.(type) {
	case nil, exitSignal, loopSignal, returnSignal, stopSignal, cancelled:
		return false
	}
	return true
}

// cancelled wraps the context's error: no script can catch it.
type cancelled struct{ error }
