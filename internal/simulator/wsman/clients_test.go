package wsman_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	bodgit "github.com/bodgit/ntlmssp"
	bodgithttp "github.com/bodgit/ntlmssp/http"
	"github.com/google/go-cmp/cmp"
	"github.com/masterzen/winrm"

	"lyncops.dev/operator/internal/simulator/wsman"
)

// ways are all the ways in which a client of today comes in.
var ways = map[string]struct {
	secure  bool
	options wsman.Options
	how     transport
	user    string
	account string // as the command sees it
}{
	"Basic in TLS": {secure: true, options: wsman.Options{AllowBasic: true}, how: basicTransport, user: adminAccount, account: adminAccount},
	"Basic in TLS, name with at sign": {secure: true, options: wsman.Options{AllowBasic: true}, how: basicTransport,
		user: "admin@contoso.com", account: "admin@contoso.com"},
	"Basic in the clear": {options: wsman.Options{BasicOverPlainHTTP: true}, how: basicTransport, user: adminAccount, account: adminAccount},
	"NTLM in TLS":        {secure: true, options: wsman.Options{AllowNTLM: true}, how: ntlmTransport, user: adminAccount, account: adminAccount},
	"NTLM in TLS, name with at sign": {secure: true, options: wsman.Options{AllowNTLM: true}, how: ntlmTransport,
		user: "admin@contoso.com", account: "admin@contoso.com"},
	"NTLM unsealed in the clear": {options: wsman.Options{AllowNTLM: true, UnsealedNTLMOverPlainHTTP: true}, how: ntlmTransport,
		user: adminAccount, account: adminAccount},
	"NTLM sealed": {options: wsman.Options{AllowNTLM: true}, how: sealedTransport, user: adminAccount, account: adminAccount},
	"NTLM sealed, name with at sign": {options: wsman.Options{AllowNTLM: true}, how: sealedTransport,
		user: "admin@contoso.com", account: `contoso.com\admin`},
}

func TestClientsRunCommands(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			e := startEndpoint(t, way.secure, way.options, newMachine("fe01.contoso.com"))
			t.Cleanup(http.DefaultClient.CloseIdleConnections) // The sealed transport leaves connections there.
			client := e.client(t, way.how, "127.0.0.1", way.user, adminPassword)
			for line, want := range map[string]outcome{
				"whoami":   {Stdout: way.account},
				"hostname": {Stdout: "fe01.contoso.com"},
				"both":     {Stdout: "good news", Stderr: "bad", Code: 3},
				"exit -1":  {Code: 4294967295},
				"nonsense": {Stderr: "'nonsense' is not recognized", Code: 1},
			} {
				got, err := run(t, client, line, "")
				if err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", line, diff)
				}
			}
		})
	}
}

func TestClientsAreRefused(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			e := startEndpoint(t, way.secure, way.options, newMachine("fe01.contoso.com"))
			t.Cleanup(http.DefaultClient.CloseIdleConnections)
			for credentials, client := range map[string]*winrm.Client{
				"wrong password":  e.client(t, way.how, "127.0.0.1", way.user, "Pässword:2"),
				"unknown account": e.client(t, way.how, "127.0.0.1", "nobody", adminPassword),
			} {
				_, err := client.CreateShell()
				if err == nil || !strings.Contains(err.Error(), "401") {
					t.Errorf("%s: error is %v, want HTTP 401", credentials, err)
				}
			}
		})
	}
}

func TestWindowsRefusesTheUnencryptedByDefault(t *testing.T) {
	e := startEndpoint(t, false, wsman.Options{AllowBasic: true, AllowNTLM: true}, newMachine("fe01.contoso.com"))
	_, err := e.client(t, basicTransport, "127.0.0.1", adminAccount, adminPassword).CreateShell()
	if err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("Basic: error is %v, want HTTP 401", err)
	}
	_, err = e.client(t, ntlmTransport, "127.0.0.1", adminAccount, adminPassword).CreateShell()
	if err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("NTLM without seal: error is %v, want an empty HTTP 500", err)
	}
}

func TestInputReachesTheCommand(t *testing.T) {
	input := strings.Repeat("line of input\r\n", 30000) // Three Sends.
	for name, way := range ways {
		if strings.HasPrefix(name, "NTLM sealed") {
			continue // This client's writer and poller trip over each other's sequence numbers.
		}
		t.Run(name, func(t *testing.T) {
			e := startEndpoint(t, way.secure, way.options, newMachine("fe01.contoso.com"))
			got, err := run(t, e.client(t, way.how, "127.0.0.1", way.user, adminPassword), "cat", input)
			if err != nil {
				t.Fatal(err)
			}
			if got.Stdout != input || got.Code != 0 {
				t.Errorf("%d of %d bytes came back, exit code %d", len(got.Stdout), len(input), got.Code)
			}
		})
	}
}

func TestLongOutputArrivesWhole(t *testing.T) {
	const length = 3 << 19 // More than fits the buffer, so the command has to wait for the client.
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			e := startEndpoint(t, way.secure, way.options, newMachine("fe01.contoso.com"))
			t.Cleanup(http.DefaultClient.CloseIdleConnections)
			got, err := run(t, e.client(t, way.how, "127.0.0.1", way.user, adminPassword), "big 1572864", "")
			if err != nil {
				t.Fatal(err)
			}
			if got.Stdout != string(pattern(length)) {
				t.Errorf("%d of %d bytes arrived, or others than sent", len(got.Stdout), length)
			}
		})
	}
}

func TestShortCommandTakesFiveMessages(t *testing.T) {
	e := startEndpoint(t, true, everythingAllowed, newMachine("fe01.contoso.com"))
	client := e.client(t, ntlmTransport, "fe01.contoso.com", adminAccount, adminPassword)
	if _, err := run(t, client, "both", ""); err != nil {
		t.Fatal(err)
	}
	counters := e.server.Counters().Hosts["fe01.contoso.com"]
	// Create, Command, Receive, Signal, Delete; and two more HTTP requests for the one handshake.
	if counters.SOAPMessages != 5 || counters.HTTPRequests != 7 || counters.Authentications != 1 || counters.SOAPFaults != 0 {
		t.Errorf("counters are %+v", counters)
	}
	if counters.BytesIn == 0 || counters.BytesOut == 0 || e.server.Counters().Total() != counters {
		t.Errorf("counters are %+v, in total %+v", counters, e.server.Counters().Total())
	}
}

func TestCommandEndsWithItsClientsContext(t *testing.T) {
	host := newMachine("fe01.contoso.com")
	e := startEndpoint(t, true, everythingAllowed, host)
	client := e.client(t, ntlmTransport, "fe01.contoso.com", adminAccount, adminPassword)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := client.RunWithContext(ctx, "talk", writerFunc(func(p []byte) (int, error) {
			cancel() // Its first output is the sign that the command runs.
			return len(p), nil
		}), writerFunc(func(p []byte) (int, error) { return len(p), nil }))
		result <- err
	}()
	within(t, "the end of the call", result)
	e.server.Close() // Waits for the command, which would never end by itself.
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestBodgitClientSealsIdentify(t *testing.T) {
	e := startEndpoint(t, false, wsman.Options{AllowNTLM: true}, newMachine("fe01.contoso.com"))
	ntlm, err := bodgit.NewClient(bodgit.SetUserInfo(adminUser, adminPassword), bodgit.SetDomain(adminDomain), bodgit.SetVersion(bodgit.DefaultVersion()))
	if err != nil {
		t.Fatal(err)
	}
	client, err := bodgithttp.NewClient(e.httpClient(t), ntlm, bodgithttp.Encryption(true))
	if err != nil {
		t.Fatal(err)
	}
	send := func(body string) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url("fe01.contoso.com"), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/soap+xml;charset=UTF-8")
		request.ContentLength = -1 // This client does not count what sealing adds.
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		return response
	}
	send("") // The handshake.
	response := send(identifyQuestion)
	if content := readAll(t, response); !strings.Contains(content, "OS: 6.3.9600") || response.StatusCode != http.StatusOK {
		t.Errorf("HTTP %d: %s", response.StatusCode, content)
	}
}

func TestMachineGoesDownInMidCommand(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			host := newMachine("fe01.contoso.com")
			e := startEndpoint(t, way.secure, way.options, host)
			t.Cleanup(http.DefaultClient.CloseIdleConnections)
			client := e.client(t, way.how, "127.0.0.1", way.user, adminPassword)
			type result struct {
				outcome
				err error
			}
			ended := make(chan result, 1)
			go func() {
				got, err := run(t, client, "wait", "")
				ended <- result{got, err}
			}()
			within(t, "the command's start", host.started)
			host.stop()
			if got := within(t, "the end of the call", ended); got.err == nil {
				t.Errorf("the client saw %+v and no error", got.outcome)
			}
			if _, err := client.CreateShell(); err == nil {
				t.Error("a shell was opened on a machine that is off")
			}

			host.start()
			got, err := run(t, e.client(t, way.how, "127.0.0.1", way.user, adminPassword), "hostname", "")
			if err != nil || got.Stdout != "fe01.contoso.com" {
				t.Errorf("after the restart: %+v, %v", got, err)
			}
		})
	}
}

func TestTwoMachinesOnOneEndpoint(t *testing.T) {
	first, second := newMachine("fe01.contoso.com"), newMachine("fe02.contoso.com")
	e := startEndpoint(t, true, everythingAllowed, first, second)
	for host, want := range map[string]string{"fe01.contoso.com": "fe01.contoso.com", "FE02.Contoso.COM": "fe02.contoso.com"} {
		got, err := run(t, e.client(t, ntlmTransport, host, adminAccount, adminPassword), "hostname", "")
		if err != nil || got.Stdout != want {
			t.Errorf("%s answered %+v, %v", host, got, err)
		}
	}
	first.stop()
	if _, err := e.client(t, ntlmTransport, "fe01.contoso.com", adminAccount, adminPassword).CreateShell(); err == nil {
		t.Error("the machine that is off answered")
	}
	if got, err := run(t, e.client(t, ntlmTransport, "fe02.contoso.com", adminAccount, adminPassword), "hostname", ""); err != nil || got.Stdout != second.name {
		t.Errorf("the other machine answered %+v, %v", got, err)
	}
	if _, err := e.client(t, ntlmTransport, "fe03.contoso.com", adminAccount, adminPassword).CreateShell(); err == nil {
		t.Error("a machine that does not exist answered")
	}
}

func TestFaultOnCreateIsReadable(t *testing.T) {
	options := everythingAllowed
	options.MaxShellsPerUser = 1
	e := startEndpoint(t, true, options, newMachine("fe01.contoso.com"))
	client := e.client(t, ntlmTransport, "fe01.contoso.com", adminAccount, adminPassword)
	if _, err := client.CreateShell(); err != nil {
		t.Fatal(err)
	}
	_, err := client.CreateShell()
	var failure *winrm.ExecuteCommandError
	if !errors.As(err, &failure) || !strings.Contains(failure.Body, "maximum number of 1 concurrent shells") {
		t.Errorf("error is %v", err)
	}
}
