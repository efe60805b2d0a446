package conformance_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	actionCreate  = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create"
	actionDelete  = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete"
	actionCommand = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Command"
	actionReceive = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Receive"
	actionSend    = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Send"
	actionSignal  = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Signal"
)

// curl speaks WS-Man in letters of our own, over the HTTP and the authentication of curl.
type curl struct {
	t           *testing.T
	e           *endpoint
	login       []string // options
	password    string
	environment []string
	id          int
}

// post sends a message and gives the HTTP status and the body of the answer.
func (c *curl) post(message string) (status, body string) {
	c.t.Helper()
	address, err := url.Parse(c.e.url)
	if err != nil {
		c.t.Fatal(err)
	}
	folder := c.t.TempDir()
	// The password stands in a file of options, not on the command line.
	options := fmt.Sprintf("user = %q\n", user+":"+c.password)
	arguments := append([]string{"--silent", "--show-error", "--max-time", "60", "--config", "-", "--cacert", c.e.ca,
		"--resolve", address.Host + ":127.0.0.1", "--noproxy", "*", "--header", "Content-Type: application/soap+xml;charset=UTF-8",
		"--data-binary", "@" + filepath.Join(folder, "message.xml"), "--output", filepath.Join(folder, "answer.xml"), "--write-out", "%{http_code}"}, c.login...)
	if err := os.WriteFile(filepath.Join(folder, "message.xml"), []byte(message), 0o600); err != nil {
		c.t.Fatal(err)
	}
	got := run(c.t, c.environment, options, "curl", append(arguments, c.e.url)...)
	if got.exit != 0 {
		c.t.Fatalf("curl ended with %d: %s", got.exit, got.stderr)
	}
	answer, err := os.ReadFile(filepath.Join(folder, "answer.xml"))
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	return got.stdout, string(answer)
}

// ask sends an action and gives what a pattern's group finds in the answer.
func (c *curl) ask(action, shell, options, body, pattern string) string {
	c.t.Helper()
	c.id++
	selector := ""
	if shell != "" {
		selector = `<w:SelectorSet><w:Selector Name="ShellId">` + shell + `</w:Selector></w:SelectorSet>`
	}
	status, answer := c.post(`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:r="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Header>
<a:To>` + c.e.url + `</a:To><a:ReplyTo><a:Address s:mustUnderstand="true">http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>
<a:Action s:mustUnderstand="true">` + action + `</a:Action><a:MessageID>uuid:` + fmt.Sprintf("11111111-2222-3333-4444-%012d", c.id) + `</a:MessageID>
<w:ResourceURI s:mustUnderstand="true">http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd</w:ResourceURI>
<w:MaxEnvelopeSize s:mustUnderstand="true">153600</w:MaxEnvelopeSize><w:OperationTimeout>PT20S</w:OperationTimeout>` + selector + options + `
</s:Header><s:Body>` + body + `</s:Body></s:Envelope>`)
	if status != "200" {
		c.t.Fatalf("%s: HTTP %s: %s", action, status, answer)
	}
	found := regexp.MustCompile(pattern).FindStringSubmatch(answer)
	if found == nil {
		c.t.Fatalf("%s: the answer does not match %s: %s", action, pattern, answer)
	}
	return found[len(found)-1]
}

// execute runs a command line with input and gives its output and exit code.
func (c *curl) execute(line, input string) (stdout, code string) {
	c.t.Helper()
	shell := c.ask(actionCreate, "", `<w:OptionSet><w:Option Name="WINRS_CODEPAGE">65001</w:Option></w:OptionSet>`,
		`<r:Shell><r:InputStreams>stdin</r:InputStreams><r:OutputStreams>stdout stderr</r:OutputStreams></r:Shell>`, `Name="ShellId">([^<]+)<`)
	command := c.ask(actionCommand, shell, "", `<r:CommandLine><r:Command>`+line+`</r:Command></r:CommandLine>`, `CommandId>([^<]+)<`)
	if input != "" {
		c.ask(actionSend, shell, "", `<r:Send><r:Stream Name="stdin" CommandId="`+command+`" End="true">`+base64.StdEncoding.EncodeToString([]byte(input))+`</r:Stream></r:Send>`, `SendResponse`)
	}
	var output strings.Builder
	for code == "" {
		answer := c.ask(actionReceive, shell, "", `<r:Receive><r:DesiredStream CommandId="`+command+`">stdout stderr</r:DesiredStream></r:Receive>`, `(?s)^.*$`)
		for _, stream := range regexp.MustCompile(`<\w+:Stream [^>]*Name="stdout"[^>]*>([^<]*)<`).FindAllStringSubmatch(answer, -1) {
			text, err := base64.StdEncoding.DecodeString(stream[1])
			if err != nil {
				c.t.Fatal(err)
			}
			output.Write(text)
		}
		if strings.Contains(answer, "CommandState/Done") {
			code = regexp.MustCompile(`ExitCode>(\d+)<`).FindStringSubmatch(answer + "ExitCode>0<")[1]
		}
	}
	c.ask(actionSignal, shell, "", `<r:Signal CommandId="`+command+`"><r:Code>http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/terminate</r:Code></r:Signal>`, `SignalResponse`)
	c.ask(actionDelete, shell, "", "", `(?s)^.*$`)
	return output.String(), code
}

// conform runs a program with input, one that fails, and then knocks with a wrong password.
func (c *curl) conform() {
	c.t.Helper()
	if stdout, code := c.execute("hostname", ""); stdout != "FE01\r\n" || code != "0" {
		c.t.Errorf("hostname: %q, exit code %s", stdout, code)
	}
	script := "powershell -Command &quot;$input | ForEach-Object { $_.ToUpper() }; exit 5&quot;"
	if stdout, code := c.execute(script, "good day\r\n"); stdout != "GOOD DAY\r\n" || code != "5" {
		c.t.Errorf("input: %q, exit code %s", stdout, code)
	}
}

func TestCurl(t *testing.T) {
	if os.Getenv("LYNCOPS_CONFORMANCE") == "" {
		t.Skip("run it with \"make conformance\"")
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl")
	}
	about := run(t, nil, "", "curl", "--version").stdout
	report(t, "curl", strings.Fields(about)[1])
	for _, login := range []string{"--basic", "--ntlm"} {
		t.Run(login, func(t *testing.T) {
			if login == "--ntlm" && !strings.Contains(about, "NTLM") {
				t.Skip("this curl was built without NTLM")
			}
			c := &curl{t: t, e: start(t, true), login: []string{login}, password: password}
			c.conform()
			c.password = "Somebody-Else-9"
			if status, _ := c.post("<wrong/>"); status != "401" {
				t.Errorf("a wrong password: HTTP %s, want 401", status)
			}
		})
	}
	t.Run("--negotiate", func(t *testing.T) { negotiate(t, about) })
}

// Without a Kerberos realm, curl can only negotiate NTLM, and only through a mechanism that GSSAPI must be told of.
func negotiate(t *testing.T, about string) {
	libraries := filepath.Join(folderOf(t, "LYNCOPS_CLIENTS_DEBIAN"), "usr", "lib")
	found, err := filepath.Glob(filepath.Join(libraries, "*", "gssntlmssp", "gssntlmssp.so"))
	if err != nil || len(found) != 1 || !strings.Contains(about, "GSS-API") {
		t.Skipf("needs a curl with GSS-API and gss-ntlmssp; found %v", found)
	}
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	knows := func(secret string) []string {
		return []string{"LD_LIBRARY_PATH=" + filepath.Dir(filepath.Dir(found[0])), "KRB5CCNAME=FILE:" + filepath.Join(folder, "none"),
			"GSS_MECH_CONFIG=" + write("mech", "gssntlmssp_v1 1.3.6.1.4.1.311.2.2.10 "+found[0]+"\n"),
			"NTLM_USER_FILE=" + write("user", "CONTOSO:svc-lyncops:"+secret+"\n")}
	}
	c := &curl{t: t, e: start(t, true), login: []string{"--negotiate"}, password: "not used", environment: knows(password)}
	c.conform()
	report(t, "gss-ntlmssp under curl --negotiate", "1.2.0")
	c.environment = knows("Somebody-Else-9")
	if status, _ := c.post("<wrong/>"); status != "401" {
		t.Errorf("a wrong password: HTTP %s, want 401", status)
	}
}
