package deployment_test

import (
	"strings"
	"testing"

	"lyncops.dev/operator/internal/simulator/deployment"
)

func TestWhoMayLogOnAsABatchJob(t *testing.T) {
	const estate = `
accounts:
- {user: svc, domain: CONTOSO, password: Correct-Horse-7}
pools:
- {fqdn: pool01.contoso.com, frontEnds: [fe01.contoso.com, fe02.contoso.com, fe03.contoso.com], sqlServer: sql01.contoso.com}
hosts:
- {fqdn: fe02.contoso.com, batchLogon: ['CONTOSO\somebody']}
- {fqdn: fe03.contoso.com, batchLogon: ['CONTOSO\svc'], denyBatchLogon: ['BUILTIN\Administrators']}
`
	description, err := deployment.ParseYAML([]byte(estate))
	if err != nil {
		t.Fatal(err)
	}
	model, err := deployment.New(description, deployment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(model.Close)
	for _, test := range []struct{ host, account, by, refusal string }{
		{"fe01", `CONTOSO\svc`, `BUILTIN\Administrators`, ""},
		{"fe01", `svc@CONTOSO`, `BUILTIN\Administrators`, ""},
		{"fe01", `CONTOSO\gmsa$`, `BUILTIN\Administrators`, ""},
		{"fe01", `CONTOSO\nobody`, "", "no SID"},
		{"fe02", `CONTOSO\svc`, "", `granted to CONTOSO\somebody`},
		{"fe03", `CONTOSO\svc`, "", `denied to BUILTIN\Administrators`},
	} {
		host, _ := model.Host(test.host)
		by, err := host.MayLogOnAsBatch(test.account)
		if by != test.by || (err == nil) != (test.refusal == "") || err != nil && !strings.Contains(err.Error(), test.refusal) {
			t.Errorf("%s on %s: %q, %v", test.account, test.host, by, err)
		}
		if who, known := host.Identity(test.account); known {
			if again, _ := host.Identity(who.SID); !strings.HasSuffix(test.account, "$") && again.Name != who.Name {
				t.Errorf("%s has the identifier %s of %s", test.account, who.SID, again.Name)
			}
		}
	}
}
