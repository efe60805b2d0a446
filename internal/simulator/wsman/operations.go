package wsman

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf16"
)

// The longest command lines, in UTF-16 units: that of cmd.exe, and that of CreateProcess without it.
const (
	longestCommandLine         = 8191
	longestCommandLineNoShell  = 32767
	commandLineTooLong         = "The command line is too long.\r\n"
	commandLineTooLongExitCode = 1
)

// answerOverhead is more than an answer to Receive needs besides the Base64 of the output: the envelope and the frames of
// the streams.
const answerOverhead = 3072

// perPieceOverhead is more than the frame of one further piece of output needs.
const perPieceOverhead = 128

// errGone says that nobody waits for the answer any more.
var errGone = errors.New("the client has gone or the machine is down")

// serveSOAP answers one envelope.
func (x *exchange) serveSOAP(message []byte) {
	x.count(func(counters *HostCounters) { counters.SOAPMessages++ })
	request, err := parseEnvelope(message)
	if err != nil {
		x.replyFault(faultInvalidBody, "")
		return
	}
	if request.Body.Identify != nil {
		x.reply(http.StatusOK, soapContentType, identifyAnswer(true))
		return
	}
	header := &request.Header
	x.server.options.Log.V(1).Info("Operation", "host", x.host.Name(), "action", header.Action, "shell", header.shellID(), "account", x.account)

	result, failure, err := x.perform(request)
	switch {
	case err != nil:
		x.server.dropped(x.host, x.connection)
	case failure != nil:
		x.replyFault(failure, header.MessageID)
	default:
		x.reply(http.StatusOK, soapContentType, marshalEnvelope(*result, header.MessageID))
	}
}

func (x *exchange) replyFault(failure *fault, relatesTo string) {
	x.count(func(counters *HostCounters) { counters.SOAPFaults++ })
	written := marshalEnvelope(answer{action: actionFault, body: []any{failure.body(x.host.Name())}}, relatesTo)
	x.reply(http.StatusInternalServerError, soapContentType, written)
}

// perform does what a request asks for. Exactly one of the answer, the fault and the error is set; the error is errGone.
func (x *exchange) perform(request *envelope) (*answer, *fault, error) {
	header := &request.Header
	if _, large := header.envelopeBytes(x.longestEnvelope()); !large {
		return nil, faultEnvelopeTooSmall, nil
	}
	var operation func(*envelope, *shell) (*answer, *fault, error)
	closing := false
	switch header.Action {
	case actionCreate:
	case actionCommand:
		operation = x.startCommand
	case actionSend:
		operation = x.sendInput
	case actionReceive:
		operation = x.receiveOutput
	case actionSignal:
		operation, closing = x.signal, true
	case actionDelete:
		operation, closing = x.deleteShell, true
	default:
		return nil, faultActionNotSupported, nil
	}
	if !strings.EqualFold(header.ResourceURI, resourceCommandShell) {
		return nil, faultResourceNotFound, nil
	}

	release, quota := x.run.begin(x.account, x.server.options.MaxConcurrentOperationsPerUser)
	defer release()
	if quota != nil && !closing { // Giving something back is always allowed, or nobody could get below the quota.
		return nil, quota, nil
	}
	if operation == nil {
		return x.createShell(request)
	}
	found, failure := x.run.shell(header.shellID(), x.account)
	if failure != nil {
		return nil, failure, nil
	}
	if !found.enter() {
		return nil, faultUnknownShell(header.shellID()), nil
	}
	defer found.leave()
	return operation(request, found)
}

func (x *exchange) longestEnvelope() int {
	return x.server.options.MaxEnvelopeKilobytes * 1024
}

func (x *exchange) createShell(request *envelope) (*answer, *fault, error) {
	asked := request.Body.Shell
	if asked == nil {
		return nil, faultInvalidBody, nil
	}
	opened := &shell{
		id: chosenOrNewID(asked.ShellID), owner: x.account, clientAddress: x.request.RemoteAddr,
		inputStreams: asked.InputStreams, outputStreams: asked.OutputStreams,
		idleTimeout: x.server.options.ShellIdleTimeout, created: time.Now(), commands: map[string]*runningCommand{},
	}
	if address, _, err := net.SplitHostPort(opened.clientAddress); err == nil {
		opened.clientAddress = address
	}
	if idle, ok := parseDuration(asked.IdleTimeout); ok && idle > 0 && idle < opened.idleTimeout {
		opened.idleTimeout = idle
	}
	failure, err := x.run.addShell(opened, x.server.options.MaxShellsPerUser, x.server.options.MaxConcurrentUsers)
	if failure != nil || err != nil {
		return nil, failure, err
	}
	scheme := "http"
	if x.request.TLS != nil {
		scheme = "https"
	}
	return &answer{action: actionCreate + "Response", body: []any{
		resourceCreatedXML{
			Address: scheme + "://" + x.request.Host + path, ResourceURI: resourceCommandShell,
			Selectors: []selectorXML{{Name: "ShellId", Value: opened.id}},
		},
		shellXML{
			ShellID: opened.id, ResourceURI: resourceCommandShell, Owner: opened.owner, ClientIP: opened.clientAddress,
			IdleTimeout:  formatDuration(opened.idleTimeout),
			InputStreams: opened.inputStreams, OutputStreams: opened.outputStreams,
			RunTime: formatRunTime(time.Since(opened.created)), Inactivity: formatRunTime(0),
		},
	}}, nil, nil
}

func (x *exchange) deleteShell(_ *envelope, target *shell) (*answer, *fault, error) {
	x.run.removeShell(target)
	return &answer{action: actionDelete + "Response"}, nil, nil
}

func (x *exchange) startCommand(request *envelope, target *shell) (*answer, *fault, error) {
	asked := request.Body.CommandLine
	if asked == nil {
		return nil, faultInvalidBody, nil
	}
	command := newRunningCommand(x.run.ctx, chosenOrNewID(asked.CommandID))
	if failure := target.add(command, x.server.options.MaxProcessesPerShell); failure != nil {
		command.cancel()
		return nil, failure, nil
	}
	line := asked.line()
	longest := longestCommandLine
	if strings.EqualFold(request.Header.option(optionSkipCommandShell), "TRUE") {
		longest = longestCommandLineNoShell
	}
	if len(utf16.Encode([]rune(line))) > longest {
		_, _ = command.write(streamStderr, []byte(commandLineTooLong)) // Fails only if the command is gone already.
		command.finish(commandLineTooLongExitCode)
	} else if !x.server.work(func() {
		command.finish(x.host.Execute(command.ctx, Command{
			Line: line, User: x.account, Stdin: commandInput{command},
			Stdout: commandOutput{command, streamStdout}, Stderr: commandOutput{command, streamStderr},
		}))
	}) {
		command.cancel()
		return nil, nil, errGone
	}
	return &answer{action: actionCommand + "Response", body: []any{commandResponseXML{CommandID: command.id}}}, nil, nil
}

func (x *exchange) sendInput(request *envelope, target *shell) (*answer, *fault, error) {
	asked := request.Body.Send
	if asked == nil {
		return nil, faultInvalidBody, nil
	}
	ctx, cancel := x.waiting()
	defer cancel()
	timeout := request.Header.timeout(x.server.options.MaxTimeout)
	for _, stream := range asked.Streams {
		command, ok := target.command(stream.CommandID)
		if !ok {
			return nil, faultUnknownCommand, nil
		}
		content, err := base64.StdEncoding.DecodeString(strings.TrimSpace(stream.Content))
		if err != nil || stream.Name != "stdin" {
			return nil, faultInvalidBody, nil
		}
		end := strings.EqualFold(stream.End, "true") || stream.End == "1"
		if failure, err := command.send(ctx, timeout, content, end); failure != nil || err != nil {
			return nil, failure, err
		}
	}
	return &answer{action: actionSend + "Response", body: []any{sendResponseXML{}}}, nil, nil
}

func (x *exchange) receiveOutput(request *envelope, target *shell) (*answer, *fault, error) {
	asked := request.Body.Receive
	if asked == nil {
		return nil, faultInvalidBody, nil
	}
	command, ok := target.command(asked.DesiredStream.CommandID)
	if !ok {
		return nil, faultUnknownCommand, nil
	}
	ctx, cancel := x.waiting()
	defer cancel()
	envelopeBytes, _ := request.Header.envelopeBytes(x.longestEnvelope())
	longest := (envelopeBytes - answerOverhead) / 4 * 3
	taken, failure, err := command.receive(ctx, request.Header.timeout(x.server.options.MaxTimeout), longest)
	if taken == nil {
		return nil, failure, err
	}
	response := receiveResponseXML{State: commandStateXML{CommandID: command.id, State: commandStateRunning}}
	for _, piece := range taken.pieces {
		response.Streams = append(response.Streams, outputStream(piece.stream, command.id, piece.content))
	}
	if taken.done {
		response.Streams = append(response.Streams, endOfStream(streamStdout, command.id), endOfStream(streamStderr, command.id))
		response.State.State, response.State.ExitCode = commandStateDone, &taken.exitCode
	}
	return &answer{action: actionReceive + "Response", body: []any{response}}, nil, nil
}

func (x *exchange) signal(request *envelope, target *shell) (*answer, *fault, error) {
	asked := request.Body.Signal
	if asked == nil {
		return nil, faultInvalidBody, nil
	}
	command, ok := target.command(asked.CommandID)
	if !ok {
		return nil, faultUnknownCommand, nil
	}
	switch strings.ToLower(strings.TrimSpace(asked.Code)) { // Clients write both terminate and Terminate.
	case signalTerminate:
		target.remove(command.id)
		command.abort()
	case signalControlC, signalBreak:
		command.interrupt()
	default:
		return nil, faultInvalidBody, nil
	}
	return &answer{action: actionSignal + "Response", body: []any{signalResponseXML{}}}, nil, nil
}

// waiting is a context that ends when the client has gone or the machine is down.
func (x *exchange) waiting() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(x.request.Context())
	release := context.AfterFunc(x.run.ctx, func() { cancel(errGone) })
	return ctx, func() {
		release()
		cancel(nil)
	}
}
