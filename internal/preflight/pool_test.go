package preflight

import (
	"strings"
	"testing"

	"lyncops.dev/operator/internal/lync"
)

func TestUpgradeDomainsDivideTheTopology(t *testing.T) {
	domain := func(name string, frontEnds ...string) lync.UpgradeDomainReadiness {
		return lync.UpgradeDomainReadiness{Name: name, Frontends: frontEnds}
	}
	computers := []string{"fe01.contoso.com", "FE02.contoso.com"}
	tests := map[string]struct {
		domains []lync.UpgradeDomainReadiness
		wrong   string // a part of what is said; empty for nothing
	}{
		"one each, whatever the case":  {[]lync.UpgradeDomainReadiness{domain("1", "FE01.contoso.com"), domain("2", "fe02.contoso.com")}, ""},
		"an empty domain":              {[]lync.UpgradeDomainReadiness{domain("1", "fe01.contoso.com", "fe02.contoso.com"), domain("2")}, ""},
		"no domains":                   {nil, "fe01.contoso.com of the topology is in no upgrade domain"},
		"one front end is missing":     {[]lync.UpgradeDomainReadiness{domain("1", "fe01.contoso.com")}, "FE02.contoso.com of the topology"},
		"one front end too many":       {[]lync.UpgradeDomainReadiness{domain("1", "fe01.contoso.com", "fe02.contoso.com", "fe03.contoso.com")}, "fe03.contoso.com of an upgrade domain"},
		"a front end in two domains":   {[]lync.UpgradeDomainReadiness{domain("1", "fe01.contoso.com"), domain("2", "fe02.contoso.com", "FE01.contoso.com")}, "FE01.contoso.com is listed twice"},
		"two domains of the same name": {[]lync.UpgradeDomainReadiness{domain("a", "fe01.contoso.com"), domain("A", "fe02.contoso.com")}, "domain A is listed twice"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wrong := compareDomains(computers, test.domains)
			if (wrong == "") != (test.wrong == "") || !strings.Contains(wrong, test.wrong) {
				t.Errorf("%q, want %q", wrong, test.wrong)
			}
		})
	}
}

func TestAReportPassesWhenSomethingWasCheckedAndNothingFailed(t *testing.T) {
	tests := map[string]struct {
		rows []Row
		want bool
	}{
		"nothing":            {nil, false},
		"a pass and a skip":  {[]Row{{Result: Pass}, {Result: Skip}}, true},
		"a pass and a fault": {[]Row{{Result: Pass}, {Result: Fail}}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := (Report{Rows: test.rows}).Passed(); got != test.want {
				t.Errorf("passed is %v", got)
			}
		})
	}
}
