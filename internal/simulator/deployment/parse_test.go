package deployment

import (
	"os"
	"strings"
	"testing"
)

func TestASmallDescriptionIsEnough(t *testing.T) {
	d, err := ParseYAML([]byte("pools:\n- fqdn: pool.example.org\n  frontEnds: [a.example.org, b.example.org, c.example.org]\n  sqlServer: sql.example.org\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Hosts) != 4 || len(d.Pools[0].UpgradeDomains) != 3 || len(d.SQLServers) != 1 {
		t.Fatalf("hosts %d, domains %d, SQL servers %d", len(d.Hosts), len(d.Pools[0].UpgradeDomains), len(d.SQLServers))
	}
	if fe := d.Hosts[0]; fe.NetBIOS != "A" || len(fe.Components) == 0 || fe.Components[0].Version != "5.0.8308.0" || len(fe.Services) == 0 {
		t.Errorf("a front end without its defaults: %+v", fe)
	}
	if sql := d.Hosts[3]; len(sql.Components) != 0 {
		t.Errorf("the SQL server has Lync components: %+v", sql.Components)
	}
}

func TestErrorsNameTheLineOrTheField(t *testing.T) {
	const pool = "pools:\n- fqdn: pool.example.org\n  frontEnds: [a.example.org, b.example.org]\n"
	tests := map[string]struct{ text, want string }{
		"nothing":                  {"", "empty"},
		"unknown field":            {pool + "  colour: blue\n", "line 4: field colour not found"},
		"bad duration":             {pool + "timing: {boot: soon}\n", "line 4: \"soon\" is not a duration"},
		"no pool":                  {"seed: 1\n", "pools: at least one pool"},
		"edition":                  {pool + "  edition: Gold\n", "pools[0].edition"},
		"stranger in a domain":     {pool + "  upgradeDomains: [{name: One, frontEnds: [a.example.org, b.example.org, c.example.org]}]\n", "pools[0].upgradeDomains[0].frontEnds"},
		"front end without domain": {pool + "  upgradeDomains: [{name: One, frontEnds: [a.example.org]}]\n", "they hold 1 of the 2"},
		"short password":           {pool + "accounts: [{user: x, password: abc}]\n", "accounts[0].password"},
		"bad version":              {pool + "build: new\n", "build: \"new\" is not a version"},
		"package without build":    {pool + "packages: [{sources: ['https://example.org/x.exe']}]\n", "packages[0].build"},
		"unknown fault":            {pool + "faults: [{kind: earthquake}]\n", "faults[0]: kind \"earthquake\""},
		"two documents":            {pool + "---\n" + pool, "more than one document"},
		"instance that is missing": {pool + "  sqlServer: s.example.org\n  sqlInstance: rtc\nsqlServers: [{fqdn: s.example.org, instances: [{name: other}]}]\n", "pools[0].sqlInstance"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseYAML([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestTheSampleIsValid(t *testing.T) {
	text, err := os.ReadFile("../testdata/contoso.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseYAML(text); err != nil {
		t.Error(err)
	}
}
