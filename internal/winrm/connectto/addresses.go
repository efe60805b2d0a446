// Package connectto is the flag that says at which addresses WinRM listeners are reached; who connects there belongs elsewhere.
package connectto

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Usage explains the flag to the person who reads the help of a program.
const Usage = "HOST:PORT=ADDRESS:PORT: reach the WinRM listener of HOST (or *, any host) at ADDRESS; names and certificates stay those of HOST. For gateways, split DNS and simulated servers. May be given several times"

// Addresses maps the host and port of a WinRM listener to the address where it is reached. The zero value leads every listener
// to its own name. It is a flag.Value and a pflag.Value.
type Addresses map[string]string

// String lists the pairs in the form in which they are given, sorted.
func (a *Addresses) String() string {
	if a == nil {
		return ""
	}
	pairs := make([]string, 0, len(*a))
	for from, to := range *a {
		pairs = append(pairs, from+"="+to)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}

// Set adds one pair. An error says what is not as it should be.
func (a *Addresses) Set(text string) error {
	from, to, found := strings.Cut(text, "=")
	if !found {
		return fmt.Errorf("%q is not HOST:PORT=ADDRESS:PORT", text)
	}
	for _, end := range []string{from, to} {
		host, name, err := net.SplitHostPort(end)
		if port, notNumber := strconv.ParseUint(name, 10, 16); err != nil || notNumber != nil || port == 0 || host == "" {
			return fmt.Errorf("%q in %q is not a host and a port", end, text)
		}
	}
	if *a == nil {
		*a = Addresses{}
	}
	(*a)[strings.ToLower(from)] = to
	return nil
}

// Type names the value in a help text.
func (*Addresses) Type() string { return "addresses" }

// Address is where to dial for a host and port.
func (a *Addresses) Address(host string, port int) string {
	name := strconv.Itoa(port)
	for _, key := range []string{net.JoinHostPort(strings.ToLower(host), name), net.JoinHostPort("*", name)} {
		if to, ok := (*a)[key]; ok {
			return to
		}
	}
	return net.JoinHostPort(host, name)
}
