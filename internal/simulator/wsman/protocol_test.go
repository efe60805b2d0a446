package wsman_test

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	ntlmssp "github.com/Azure/go-ntlmssp"

	"lyncops.dev/operator/internal/simulator/wsman"
)

const identifyQuestion = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
	`xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>`

func readAll(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestReceiveEndsWithTheOperationTimeout(t *testing.T) {
	a := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
	shell, command := a.begin("wait")
	q := receiveQuestion(shell, command)
	q.timeout = "PT0.3S"
	answer := a.ask(q)
	fault := answer.Body.Fault
	if answer.status != http.StatusInternalServerError || answer.fault() != "2150858793" || fault.Code.Value != "s:Receiver" || fault.Code.Subcode != "w:TimedOut" {
		t.Errorf("HTTP %d, fault %+v", answer.status, fault)
	}
	if !strings.Contains(fault.Reason, "OperationTimeout") || fault.Detail.WSManFault.Machine != "fe01.contoso.com" {
		t.Errorf("fault is %+v", fault)
	}
	if answer.Header.RelatesTo != "uuid:11111111-2222-3333-4444-555555555555" || !strings.HasSuffix(answer.Header.Action, "/wsman/fault") {
		t.Errorf("header is %+v", answer.Header)
	}
}

func TestReceiveIsHeldUntilThereIsSomething(t *testing.T) {
	a := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
	shell, command := a.begin("cat")
	held := make(chan *reply, 1)
	go func() {
		answer, _ := a.try(receiveQuestion(shell, command))
		held <- answer
	}()
	a.succeed(sendQuestion(shell, command, "something", true))
	if answer := within(t, "the answer", held); answer == nil || answer.stream(t, "stdout") != "something" {
		t.Errorf("answer is %+v", answer)
	}
}

func TestReceiveAnswersAsSoonAsThereIsOutput(t *testing.T) {
	a := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
	shell, command := a.begin("talk")
	answer := a.succeed(receiveQuestion(shell, command))
	if answer.stream(t, "stdout") != "began" || answer.done() || answer.Body.ReceiveResponse.CommandState.ExitCode != "" {
		t.Errorf("answer is %+v", answer.Body.ReceiveResponse)
	}
}

func TestReceiveOfAFinishedCommandHasItAll(t *testing.T) {
	a := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
	shell, command := a.begin("both")
	answer := a.succeed(receiveQuestion(shell, command))
	state := answer.Body.ReceiveResponse.CommandState
	if answer.stream(t, "stdout") != "good news" || answer.stream(t, "stderr") != "bad" || !answer.done() || state.ExitCode != "3" {
		t.Errorf("answer is %+v", answer.Body.ReceiveResponse)
	}
	ends := 0
	for _, stream := range answer.Body.ReceiveResponse.Stream {
		if stream.End == "true" {
			ends++
		}
	}
	if ends != 2 {
		t.Errorf("%d streams ended, want both", ends)
	}
}

func TestAnswersKeepToTheClientsEnvelopeSize(t *testing.T) {
	for _, size := range []int{8192, 20000, 153600, 400000} {
		a := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
		shell, command := a.begin("big 300000")
		var received strings.Builder
		longest, answers := 0, 0
		for {
			q := receiveQuestion(shell, command)
			q.maxEnvelope = size
			answer := a.succeed(q)
			received.WriteString(answer.stream(t, "stdout"))
			longest = max(longest, answer.length)
			if answers++; answer.done() {
				break
			}
		}
		if received.String() != string(pattern(300000)) {
			t.Errorf("size %d: %d bytes arrived, or others than sent", size, received.Len())
		}
		if longest > size {
			t.Errorf("size %d: one of %d answers had %d bytes", size, answers, longest)
		}
	}
}

func TestInputBySend(t *testing.T) {
	a := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
	shell, command := a.begin("cat")
	a.succeed(sendQuestion(shell, command, "first ", false))
	a.succeed(sendQuestion(shell, command, "second", true))
	var received string
	for done := false; !done; {
		answer := a.succeed(receiveQuestion(shell, command))
		received += answer.stream(t, "stdout")
		done = answer.done()
	}
	if received != "first second" {
		t.Errorf("received %q", received)
	}
	if answer := a.ask(sendQuestion(shell, command, "third", false)); answer.fault() != "232" {
		t.Errorf("input for a command that has ended: HTTP %d, fault %s", answer.status, answer.fault())
	}
	a.succeed(sendQuestion(shell, command, "", true))
}

func TestCommandLineLimit(t *testing.T) {
	a := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
	skip := `<wm:Option Name="WINRS_SKIP_CMD_SHELL">TRUE</wm:Option>`
	for name, test := range map[string]struct {
		length  int
		options string
		refused bool
	}{
		"longest":               {length: 8191},
		"one too long":          {length: 8192, refused: true},
		"long, without cmd.exe": {length: 8192, options: skip},
		"one too long for any":  {length: 32768, options: skip, refused: true},
		"cmd.exe asked for":     {length: 8192, options: `<wm:Option Name="WINRS_SKIP_CMD_SHELL">FALSE</wm:Option>`, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			shell := a.succeed(createQuestion).Body.Shell.ShellID
			q := commandQuestion(shell, "exit 5"+strings.Repeat(" ", test.length-len("exit 5")))
			q.options = test.options
			command := a.succeed(q).Body.CommandResponse.CommandID
			answer := a.succeed(receiveQuestion(shell, command))
			refused := answer.stream(t, "stderr") == "The command line is too long.\r\n" && answer.Body.ReceiveResponse.CommandState.ExitCode == "1"
			if refused != test.refused {
				t.Errorf("answer is %+v", answer.Body.ReceiveResponse)
			}
		})
	}
}

func TestArgumentsFollowTheCommand(t *testing.T) {
	host := newMachine("fe01.contoso.com")
	a := startEndpoint(t, true, everythingAllowed, host).asker(t, "fe01.contoso.com")
	shell := a.succeed(createQuestion).Body.Shell.ShellID
	q := commandQuestion(shell, "")
	q.body = `<sh:CommandLine><sh:Command><![CDATA[exit]]></sh:Command><sh:Arguments>6</sh:Arguments><sh:Arguments>a&amp;b</sh:Arguments></sh:CommandLine>`
	a.succeed(q)
	if line := within(t, "the command's start", host.started); line != "exit 6 a&b" {
		t.Errorf("the command line is %q", line)
	}
}

func TestSignals(t *testing.T) {
	host := newMachine("fe01.contoso.com")
	a := startEndpoint(t, true, everythingAllowed, host).asker(t, "fe01.contoso.com")

	t.Run("Ctrl+C ends the command, whose exit code can still be received", func(t *testing.T) {
		shell, command := a.begin("wait")
		a.succeed(signalQuestion(shell, command, "ctrl_c"))
		answer := a.succeed(receiveQuestion(shell, command))
		if !answer.done() || answer.Body.ReceiveResponse.CommandState.ExitCode != "3221225786" {
			t.Errorf("answer is %+v", answer.Body.ReceiveResponse)
		}
	})
	t.Run("terminate forgets the command", func(t *testing.T) {
		shell, command := a.begin("wait")
		a.succeed(signalQuestion(shell, command, "terminate"))
		if answer := a.ask(receiveQuestion(shell, command)); answer.fault() != "2150858843" {
			t.Errorf("HTTP %d, fault %s", answer.status, answer.fault())
		}
		a.succeed(commandQuestion(shell, "hostname"))
	})
	t.Run("terminate ends a Receive that is held", func(t *testing.T) {
		shell, command := a.begin("wait")
		held := make(chan *reply, 1)
		go func() {
			answer, _ := a.try(receiveQuestion(shell, command))
			held <- answer
		}()
		a.succeed(signalQuestion(shell, command, "terminate"))
		// Whether the Receive came before or after the signal is not for this test to decide.
		if answer := within(t, "the answer", held); answer == nil || answer.fault() != "995" && answer.fault() != "2150858843" {
			t.Errorf("answer is %+v", answer)
		}
	})
	t.Run("unknown signal", func(t *testing.T) {
		shell, command := a.begin("wait")
		if answer := a.ask(signalQuestion(shell, command, "sigusr1")); answer.status != http.StatusInternalServerError {
			t.Errorf("HTTP %d", answer.status)
		}
	})
}

func TestDeletedShellIsLost(t *testing.T) {
	a := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
	shell, command := a.begin("wait")
	a.succeed(deleteQuestion(shell))
	for name, q := range map[string]question{
		"Receive": receiveQuestion(shell, command), "Command": commandQuestion(shell, "hostname"), "Delete": deleteQuestion(shell),
		"Signal": signalQuestion(shell, command, "terminate"), "Send": sendQuestion(shell, command, "x", false),
	} {
		answer := a.ask(q)
		fault := answer.Body.Fault
		if answer.status != http.StatusInternalServerError || answer.fault() != "2150858843" ||
			!strings.Contains(fault.Detail.WSManFault.Message, shell) || !strings.Contains(fault.Reason, "invalid selectors") {
			t.Errorf("%s: HTTP %d, %+v", name, answer.status, fault)
		}
	}
}

func TestShellsAreLostWithAReboot(t *testing.T) {
	host := newMachine("fe01.contoso.com")
	a := startEndpoint(t, true, everythingAllowed, host).asker(t, "fe01.contoso.com")
	shell, command := a.begin("wait")
	host.stop()
	host.start()
	// The first try may still meet the old connection while it is being closed.
	answer, err := a.try(receiveQuestion(shell, command))
	if err != nil {
		answer = a.ask(receiveQuestion(shell, command))
	}
	if answer.fault() != "2150858843" {
		t.Errorf("HTTP %d, fault %s", answer.status, answer.fault())
	}
}

func TestIdleShellExpires(t *testing.T) {
	a := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
	q := createQuestion
	q.body = strings.Replace(q.body, "<sh:Shell>", "<sh:Shell><sh:IdleTimeOut>PT0.050S</sh:IdleTimeOut>", 1)
	shell := a.succeed(q).Body.Shell.ShellID
	for deadline := time.Now().Add(patience); ; {
		time.Sleep(200 * time.Millisecond)
		if answer := a.ask(commandQuestion(shell, "hostname")); answer.fault() == "2150858843" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the shell never expired")
		}
	}
}

func TestClientsMayChooseIdentifiers(t *testing.T) {
	const shell, command = "aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b"
	a := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
	create := createQuestion
	create.body = strings.Replace(create.body, "<sh:Shell>", `<sh:Shell ShellId="`+shell+`">`, 1)
	start := commandQuestion(shell, "wait")
	start.body = strings.Replace(start.body, "<sh:CommandLine>", `<sh:CommandLine CommandId="`+command+`">`, 1)
	if got := a.succeed(create).Body.Shell.ShellID; got != shell {
		t.Errorf("the shell is %s", got)
	}
	if got := a.succeed(start).Body.CommandResponse.CommandID; got != command {
		t.Errorf("the command is %s", got)
	}
	if answer := a.ask(create); answer.fault() != "2150859223" {
		t.Errorf("shell once more: HTTP %d, fault %s", answer.status, answer.fault())
	}
	if answer := a.ask(start); answer.fault() != "2150859222" {
		t.Errorf("command once more: HTTP %d, fault %s", answer.status, answer.fault())
	}
	a.succeed(signalQuestion(strings.ToUpper(shell), strings.ToUpper(command), "Terminate"))
}

func TestQuotas(t *testing.T) {
	t.Run("shells of a user", func(t *testing.T) {
		options := everythingAllowed
		options.MaxShellsPerUser = 2
		a := startEndpoint(t, true, options, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
		shell := a.succeed(createQuestion).Body.Shell.ShellID
		a.succeed(createQuestion)
		if answer := a.ask(createQuestion); answer.fault() != "2150859173" || answer.status != http.StatusInternalServerError {
			t.Errorf("HTTP %d, fault %s", answer.status, answer.fault())
		}
		a.succeed(deleteQuestion(shell))
		a.succeed(createQuestion)
	})
	t.Run("users", func(t *testing.T) {
		options := everythingAllowed
		options.MaxConcurrentUsers = 1
		a := startEndpoint(t, true, options, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
		a.succeed(createQuestion)
		a.account = "second"
		if answer := a.ask(createQuestion); answer.fault() != "2150859179" {
			t.Errorf("HTTP %d, fault %s", answer.status, answer.fault())
		}
	})
	t.Run("operations of a user", func(t *testing.T) {
		options := everythingAllowed
		options.MaxConcurrentOperationsPerUser = 2
		a := startEndpoint(t, true, options, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
		shell, command := a.begin("wait")
		a.succeed(commandQuestion(shell, "wait"))
		if answer := a.ask(commandQuestion(shell, "wait")); answer.fault() != "2150859174" {
			t.Errorf("HTTP %d, fault %s", answer.status, answer.fault())
		}
		a.succeed(signalQuestion(shell, command, "terminate"))
		a.succeed(commandQuestion(shell, "hostname"))
	})
	t.Run("processes of a shell", func(t *testing.T) {
		options := everythingAllowed
		options.MaxProcessesPerShell = 1
		a := startEndpoint(t, true, options, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
		shell, _ := a.begin("wait")
		if answer := a.ask(commandQuestion(shell, "wait")); answer.fault() != "1816" {
			t.Errorf("HTTP %d, fault %s", answer.status, answer.fault())
		}
	})
}

func TestShellBelongsToItsUser(t *testing.T) {
	a := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
	shell := a.succeed(createQuestion).Body.Shell.ShellID
	a.account = "second"
	if answer := a.ask(deleteQuestion(shell)); answer.fault() != "5" {
		t.Errorf("HTTP %d, fault %s", answer.status, answer.fault())
	}
}

type rawQuestion string

func (q rawQuestion) String() string { return string(q) }

func TestSenseless(t *testing.T) {
	a := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com")).asker(t, "fe01.contoso.com")
	shell, command := a.begin("wait")
	small := receiveQuestion(shell, command)
	small.maxEnvelope = 8191
	badInput := sendQuestion(shell, command, "", false)
	badInput.body = strings.Replace(badInput.body, "></sh:Stream>", ">*</sh:Stream>", 1)
	for name, test := range map[string]struct {
		question interface{ String() string }
		fault    string
	}{
		"unknown action":       {question{action: shellURI + "/Reconnect", shell: shell}, "2150858771"},
		"unknown resource":     {question{action: transferURI + "/Create", resource: "http://schemas.microsoft.com/powershell/Microsoft.PowerShell"}, "2150858752"},
		"no XML":               {rawQuestion("Hello?"), "2150858791"},
		"other XML":            {rawQuestion("<a/>"), "2150858791"},
		"no body":              {question{action: transferURI + "/Create"}, "2150858791"},
		"input no Base64":      {badInput, "2150858791"},
		"small envelope":       {small, "2150858805"},
		"unknown command":      {receiveQuestion(shell, "00000000-0000-0000-0000-000000000000"), "2150858843"},
		"identifiers any case": {signalQuestion(strings.ToLower(shell), strings.ToLower(command), "ctrl_c"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := a.try(test.question)
			if err != nil {
				t.Fatal(err)
			}
			if answer.fault() != test.fault || (answer.status == http.StatusOK) != (test.fault == "") {
				t.Errorf("HTTP %d, fault %q, want %q", answer.status, answer.fault(), test.fault)
			}
		})
	}
}

func post(t *testing.T, client *http.Client, url, body string, header map[string]string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestOfferedSchemes(t *testing.T) {
	for name, test := range map[string]struct {
		secure  bool
		options wsman.Options
		want    string
	}{
		"TLS":                    {true, wsman.Options{AllowBasic: true, AllowNTLM: true}, `Negotiate|Basic realm="WSMAN"`},
		"in the clear":           {false, wsman.Options{AllowBasic: true, AllowNTLM: true}, "Negotiate"},
		"in the clear, all open": {false, everythingAllowed, `Negotiate|Basic realm="WSMAN"`},
		"Basic only":             {true, wsman.Options{AllowBasic: true}, `Basic realm="WSMAN"`},
	} {
		t.Run(name, func(t *testing.T) {
			e := startEndpoint(t, test.secure, test.options, newMachine("fe01.contoso.com"))
			response := post(t, e.httpClient(t), e.url("fe01.contoso.com"), identifyQuestion, nil)
			_ = readAll(t, response)
			if got := strings.Join(response.Header.Values("WWW-Authenticate"), "|"); got != test.want || response.StatusCode != http.StatusUnauthorized {
				t.Errorf("HTTP %d, %s", response.StatusCode, got)
			}
			if response.ContentLength != 0 {
				t.Errorf("the length is %d", response.ContentLength)
			}
		})
	}
}

func TestIdentifyNeedsNoAccount(t *testing.T) {
	e := startEndpoint(t, true, wsman.Options{AllowNTLM: true}, newMachine("fe01.contoso.com"))
	response := post(t, e.httpClient(t), e.url("fe01.contoso.com"), identifyQuestion, map[string]string{"WSMANIDENTIFY": "unauthenticated"})
	if content := readAll(t, response); response.StatusCode != http.StatusOK || !strings.Contains(content, "OS: 0.0.0 SP: 0.0 Stack: 3.0") {
		t.Errorf("HTTP %d: %s", response.StatusCode, content)
	}
}

func TestOtherPathsAndMethods(t *testing.T) {
	e := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com"))
	client := e.httpClient(t)
	response, err := client.Get(e.url("fe01.contoso.com"))
	if err != nil {
		t.Fatal(err)
	}
	if _ = readAll(t, response); response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: HTTP %d", response.StatusCode)
	}
	response = post(t, client, strings.Replace(e.url("fe01.contoso.com"), "/wsman", "/owa", 1), "x", nil)
	if content := readAll(t, response); response.StatusCode != http.StatusNotFound || !strings.Contains(content, "HTTP Error 404") {
		t.Errorf("other path: HTTP %d", response.StatusCode)
	}
	response = post(t, client, e.url("fe01.contoso.com"), strings.Repeat("x", 600<<10), nil)
	if _ = readAll(t, response); response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("too long: HTTP %d", response.StatusCode)
	}
}

// handshake authenticates the client's only connection with NTLM and an empty request.
func handshake(t *testing.T, client *http.Client, url, scheme string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	negotiate, err := ntlmssp.NewNegotiateMessage("", "")
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", scheme+" "+encode(negotiate))
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = readAll(t, response)
	token, found := strings.CutPrefix(response.Header.Get("WWW-Authenticate"), scheme+" ")
	if !found || response.StatusCode != http.StatusUnauthorized {
		t.Fatalf("HTTP %d, %v", response.StatusCode, response.Header)
	}
	authenticate, err := ntlmssp.NewAuthenticateMessage(decode(t, token), adminAccount, adminPassword, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", scheme+" "+encode(authenticate))
	response, err = client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = readAll(t, response)
	return response
}

func TestNTLMBelongsToTheConnection(t *testing.T) {
	for _, scheme := range []string{"Negotiate", "NTLM"} {
		t.Run(scheme, func(t *testing.T) {
			e := startEndpoint(t, true, wsman.Options{AllowNTLM: true}, newMachine("fe01.contoso.com"), newMachine("fe02.contoso.com"))
			client, url := e.httpClient(t), e.url("fe01.contoso.com")
			client.Transport.(*http.Transport).MaxConnsPerHost = 1 // the next request must wait for the connection, not open another
			if response := handshake(t, client, url, scheme); response.StatusCode != http.StatusOK {
				t.Fatalf("HTTP %d", response.StatusCode)
			}
			status := func(client *http.Client, body string) int {
				response := post(t, client, url, body, map[string]string{"Content-Type": "application/soap+xml;charset=UTF-8"})
				_ = readAll(t, response)
				return response.StatusCode
			}
			if got := status(client, identifyQuestion); got != http.StatusOK {
				t.Errorf("same connection: HTTP %d", got)
			}
			if got := status(e.httpClient(t), identifyQuestion); got != http.StatusUnauthorized {
				t.Errorf("other connection: HTTP %d", got)
			}
			if got := status(client, ""); got != http.StatusUnauthorized {
				t.Errorf("empty request on the same connection: HTTP %d", got)
			}
			if got := status(client, identifyQuestion); got != http.StatusUnauthorized {
				t.Errorf("after that: HTTP %d", got)
			}
		})
	}
}

func TestProofIsGoodForOneMachineOnly(t *testing.T) {
	e := startEndpoint(t, false, everythingAllowed, newMachine("fe01.contoso.com"), newMachine("fe02.contoso.com"))
	network, err := e.dial("tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1, DialContext: func(context.Context, string, string) (net.Conn, error) { return network, nil }}}
	handshake(t, client, e.url("fe01.contoso.com"), "Negotiate")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url("fe01.contoso.com"), strings.NewReader(identifyQuestion))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "fe02.contoso.com"
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if _ = readAll(t, response); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("HTTP %d", response.StatusCode)
	}
}

func TestIdleConnectionsAreClosedWhenTheMachineGoesDown(t *testing.T) {
	host, other := newMachine("fe01.contoso.com"), newMachine("fe02.contoso.com")
	e := startEndpoint(t, false, everythingAllowed, host, other)
	network, err := e.dial("tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	if err := network.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(network, "POST /wsman HTTP/1.1\r\nHost: fe01.contoso.com:5985\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	length, err := network.Read(buffer)
	if err != nil || !strings.HasPrefix(string(buffer[:length]), "HTTP/1.1 401 ") {
		t.Fatalf("read %q, %v", buffer[:length], err)
	}
	host.stop()
	if _, err := network.Read(buffer); err == nil || isTimeout(err) {
		t.Errorf("the connection stayed open: %v", err)
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

func encode(token []byte) string { return base64.StdEncoding.EncodeToString(token) }

func decode(t *testing.T, token string) []byte {
	t.Helper()
	decoded, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}
