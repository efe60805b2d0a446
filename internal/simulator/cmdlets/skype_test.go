package cmdlets

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
	"lyncops.dev/operator/internal/simulator/sample"
)

func inSkype(t *testing.T, f func(t *testing.T, m *deployment.Model)) {
	t.Helper()
	sample.InVirtualTime(t, "skype.yaml", "", f)
}

// typed runs what a person types in PowerShell on a host.
func typed(t *testing.T, m *deployment.Model, short, script string) string {
	t.Helper()
	host, ok := m.Host(short)
	if !ok {
		t.Fatalf("there is no host %s", short)
	}
	var stdout, stderr bytes.Buffer
	Execute(t.Context(), host, `CONTOSO\svc-lyncops`, "powershell.exe -NoProfile -EncodedCommand "+encode(script), strings.NewReader(""), &stdout, &stderr)
	// Standard error is CLIXML with lines broken at a console's width.
	return stdout.String() + strings.ReplaceAll(stderr.String(), ` _x000D__x000A_</S><S S="Error">`, " ")
}

func TestEveryProductHasItsOwnCmdlets(t *testing.T) {
	inSkype(t, func(t *testing.T, m *deployment.Model) {
		for _, test := range []struct{ host, script, want string }{
			{"sfe1", "(Get-CsUpgradeDomainInfo).State", "Ready"},
			{"sfe1", "(Get-CsPoolUpgradeReadinessState).State", "not recognized"},
			{"ofe1", "(Get-CsPoolUpgradeReadinessState -SkipIdleSecondaryVerification).State", "Ready"},
			{"ofe1", "(Get-CsUpgradeDomainInfo).State", "not recognized"},
			{"dir1", "Invoke-CsComputerFailOver -ComputerName dir1.contoso.com", "not recognized"},
			{"dir1", "Get-CsServerPatchVersion", "not recognized"},
			{"edge1", "@(Get-CsServerPatchVersion)[0].ComponentName", "Skype for Business Server 2019, Core Components"},
			{"sfe1", "(Get-CsService -Registrar -PoolFqdn pool19.contoso.com).Version", "8"},
			{"sfe1", "Import-Module Lync", "was not loaded"},
			{"sfe1", "Import-Module SkypeForBusiness; 'loaded'", "loaded"},
			{"sfe1", "Get-CsServerVersion", "Skype for Business Server 2019 (7.0.2046.0)"},
			{"small1", "Invoke-CsComputerFailOver -ComputerName small1.contoso.com -WaitTime 00:10:00 -Confirm:$false", "pool of three or more"},
		} {
			if got := typed(t, m, test.host, test.script); !strings.Contains(got, test.want) {
				t.Errorf("%s on %s: %q, want %q", test.script, test.host, got, test.want)
			}
		}
		if v := m.Violations(); len(v) > 0 {
			t.Errorf("%+v", v)
		}
		host, _ := m.Host("sfe1")
		if names := SkypeCommands(host); !slices.Contains(names, "Invoke-CsComputerFailBack") || slices.Contains(names, "Get-CsPoolUpgradeReadinessState") {
			t.Errorf("a host of 2019 has %v", names)
		}
	})
}

func TestTheTrapsOfTheFailoverCmdlet(t *testing.T) {
	inSkype(t, func(t *testing.T, m *deployment.Model) {
		for host := range strings.FieldsSeq("sfe3 sfe4") {
			h, _ := m.Host(host)
			if err := h.Power("off"); err != nil {
				t.Fatal(err)
			}
		}
		// The pool cannot spare sfe1, so that only the wait time ends it.
		for wait, takes := range map[string]time.Duration{"15": 15 * 100 * time.Nanosecond, "'00:15:00'": 15 * time.Minute, "([timespan]::FromSeconds(90))": 90 * time.Second, "'15'": 15 * 24 * time.Hour} {
			began := time.Now()
			said := typed(t, m, "sfe1", "Invoke-CsComputerFailOver -ComputerName sfe1.contoso.com -WaitTime "+wait+" -Confirm:$false")
			if waited := time.Since(began); !strings.Contains(said, "nothing was changed") || waited < takes || waited > takes+time.Minute {
				t.Errorf("-WaitTime %s: waited %s: %s", wait, waited, said)
			}
		}
		if said := typed(t, m, "sfe1", "Invoke-CsComputerFailOver -ComputerName sfe1.contoso.com -WhatIf"); strings.Contains(said, "nothing was changed") {
			t.Error("a rehearsal waited: " + said)
		}
		if len(m.Violations()) > 0 {
			t.Errorf("%+v", m.Violations())
		}
		typed(t, m, "sfe1", "Invoke-CsComputerFailOver -ComputerName sfe1.contoso.com -WaitTime 1 -WhatIf -Force")
		if v := m.Violations(); len(v) != 1 || v[0].Rule != deployment.RuleForbiddenCommand {
			t.Errorf("-Force with -WhatIf: %+v", v)
		}
	})
}

func TestTextsThatAreTimeSpans(t *testing.T) {
	for text, want := range map[string]time.Duration{"00:30:00": 30 * time.Minute, "1:30": 90 * time.Minute, "2": 48 * time.Hour, "1.02:00:00": 26 * time.Hour} {
		if got, ok := parseSpan(text); !ok || got != want {
			t.Errorf("%q is %s", text, got)
		}
	}
	for _, text := range []string{"", "soon", "1:2:3:4", "a:b"} {
		if _, ok := parseSpan(text); ok {
			t.Errorf("%q is a time span", text)
		}
	}
	if _, err := (call{Invocation: powershell.Invocation{Parameters: map[string]powershell.Value{"waittime": "soon"}}}).span("waittime", 0); err == nil {
		t.Error("a bad time span was taken")
	}
}

// Subscription Edition has the cmdlets of 2019, on whose base it stands, and calls itself by its own name.
func TestSubscriptionEditionIs2019ByAnotherName(t *testing.T) {
	sample.InVirtualTime(t, "skype.yaml", `- fqdn: poolse.contoso.com
  product: Skype for Business Server Subscription Edition
  frontEnds: [ses1.contoso.com, ses2.contoso.com, ses3.contoso.com]
`, func(t *testing.T, m *deployment.Model) {
		for _, test := range []struct{ script, want string }{
			{"(Get-CsUpgradeDomainInfo).State", "Ready"},
			{"(Get-CsPoolUpgradeReadinessState).State", "not recognized"},
			{"@(Get-CsServerPatchVersion)[0].ComponentName", "Skype for Business Server Subscription Edition, Core Components"},
			{"Get-CsServerVersion", "Skype for Business Server Subscription Edition (7.0.2046.0)"},
			{"Import-Module SkypeForBusiness; 'loaded'", "loaded"},
			{"(Get-CsService -Registrar -PoolFqdn poolse.contoso.com).Version", "8"},
		} {
			if got := typed(t, m, "ses1", test.script); !strings.Contains(got, test.want) {
				t.Errorf("%s: %q, want %q", test.script, got, test.want)
			}
		}
		if v := m.Violations(); len(v) > 0 {
			t.Errorf("%+v", v)
		}
	})
}
