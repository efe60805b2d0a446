package connectto_test

import (
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"lyncops.dev/operator/internal/winrm/connectto"
)

// The manager reads its flags with the one package, kubectl and its plugins with the other.
var (
	_ flag.Value  = (*connectto.Addresses)(nil)
	_ pflag.Value = (*connectto.Addresses)(nil)
)

func TestConnectToSaysWhereAHostIsReached(t *testing.T) {
	var to connectto.Addresses
	flags := flag.NewFlagSet("program", flag.ContinueOnError)
	flags.Var(&to, "winrm-connect-to", "")
	if err := flags.Parse([]string{"--winrm-connect-to=FE01.contoso.com:5986=10.0.0.1:15986", "--winrm-connect-to", "*:5986=gateway.contoso.com:443",
		"--winrm-connect-to=fe02.contoso.com:5987=[fd00::2]:5986", "--winrm-connect-to=[fd00::3]:5986=10.0.0.3:1"}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		host string
		port int
		want string
	}{
		{"fe01.contoso.com", 5986, "10.0.0.1:15986"},
		{"fe01.CONTOSO.com", 5986, "10.0.0.1:15986"},
		{"fe01.contoso.com", 5985, "fe01.contoso.com:5985"},
		{"fe02.contoso.com", 5986, "gateway.contoso.com:443"},
		{"fe02.contoso.com", 5987, "[fd00::2]:5986"},
		{"fd00::3", 5986, "10.0.0.3:1"},
		{"fd00::4", 5985, "[fd00::4]:5985"},
	} {
		if got := to.Address(test.host, test.port); got != test.want {
			t.Errorf("%s, port %d is reached at %s, want %s", test.host, test.port, got, test.want)
		}
	}
	for _, pair := range []string{"fe01.contoso.com:5986=10.0.0.1:15986", "*:5986=gateway.contoso.com:443"} {
		if !strings.Contains(to.String(), pair) {
			t.Errorf("%q does not show %s", to.String(), pair)
		}
	}
}

func TestWithoutConnectToHostsAreReachedByTheirNames(t *testing.T) {
	var to connectto.Addresses
	if got := to.Address("fe01.contoso.com", 5986); got != "fe01.contoso.com:5986" {
		t.Errorf("it is reached at %s", got)
	}
	if to.String() != "" || (*connectto.Addresses)(nil).String() != "" {
		t.Errorf("it shows %q", to.String())
	}
}

func TestConnectToRefusesWhatIsNoAddress(t *testing.T) {
	for _, text := range []string{"", "fe01.contoso.com:5986", "fe01.contoso.com=10.0.0.1:15986", "fe01.contoso.com:5986=10.0.0.1", "fe01.contoso.com:=10.0.0.1:1",
		"fe01.contoso.com:5986=10.0.0.1:", "fd00::3:5986=10.0.0.1:1", "fe01:5986=10.0.0.1:http", "fe01:0=10.0.0.1:1", "fe01:5986=10.0.0.1:65536", ":5986=10.0.0.1:1", "fe01:5986=:1"} {
		var to connectto.Addresses
		flags := flag.NewFlagSet("program", flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		flags.Var(&to, "winrm-connect-to", "")
		if err := flags.Parse([]string{"--winrm-connect-to=" + text}); err == nil {
			t.Errorf("%q is taken as %v", text, to)
		} else if !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not repeat %q: %v", text, err)
		}
	}
}
