package main

import (
	"flag"
	"io"
	"strings"
	"testing"
)

func TestConnectToSaysWhereAHostIsReached(t *testing.T) {
	var to connectTo
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
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
		if got := to.address(test.host, test.port); got != test.want {
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
	var to connectTo
	if got := to.address("fe01.contoso.com", 5986); got != "fe01.contoso.com:5986" {
		t.Errorf("it is reached at %s", got)
	}
	if to.String() != "" || (*connectTo)(nil).String() != "" {
		t.Errorf("it shows %q", to.String())
	}
}

func TestConnectToRefusesWhatIsNoAddress(t *testing.T) {
	for _, text := range []string{"", "fe01.contoso.com:5986", "fe01.contoso.com=10.0.0.1:15986", "fe01.contoso.com:5986=10.0.0.1", "fe01.contoso.com:=10.0.0.1:1",
		"fe01.contoso.com:5986=10.0.0.1:", "fd00::3:5986=10.0.0.1:1", "fe01:5986=10.0.0.1:http", "fe01:0=10.0.0.1:1", "fe01:5986=10.0.0.1:65536", ":5986=10.0.0.1:1", "fe01:5986=:1"} {
		var to connectTo
		flags := flag.NewFlagSet("manager", flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		flags.Var(&to, "winrm-connect-to", "")
		if err := flags.Parse([]string{"--winrm-connect-to=" + text}); err == nil {
			t.Errorf("%q is taken as %v", text, to)
		} else if !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not repeat %q: %v", text, err)
		}
	}
}

func TestWatchedNamespaces(t *testing.T) {
	if watched("") != nil {
		t.Error("no list is not every namespace")
	}
	for _, list := range []string{"lync,voice", " lync , voice"} {
		names := watched(list)
		if _, lync := names["lync"]; !lync || len(names) != 2 {
			t.Errorf("%q is %v", list, names)
		}
	}
	// A comma too many must not turn into every namespace.
	if names := watched("lync,"); len(names) != 1 {
		t.Errorf("a trailing comma watches %d namespaces", len(names))
	}
}
