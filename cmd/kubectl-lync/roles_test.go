package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/preflight"
)

func TestPoolsOfOtherRolesAndProducts(t *testing.T) {
	tests := map[string]struct {
		spec   v1alpha1.LyncPoolSpec
		failed []string
		// rows are "CHECK SERVER RESULT", and a part of what was found.
		rows map[string]string
		// notMade are checks that no server may have.
		notMade []string
	}{
		"an Edge pool": {
			spec:   v1alpha1.LyncPoolSpec{PoolFQDN: "edge.contoso.com", Role: v1alpha1.RoleEdge, Product: v1alpha1.ProductSkypeForBusinessServer2019, Servers: []v1alpha1.FQDN{"edge1.contoso.com", "edge2.contoso.com"}},
			failed: []string{},
			rows: map[string]string{
				"Product edge2.contoso.com Pass": "Skype for Business Server 2019, 2 components", "PoolKnown edge2.contoso.com Pass": "edge.contoso.com",
				"Topology edge.contoso.com Skip": "edge1.contoso.com, edge2.contoso.com", "ReadinessShape edge.contoso.com Skip": "one server after the other", "Databases edge.contoso.com Skip": "no user databases",
			},
			notMade: []string{"ReplicationUpToDate", "PoolReady", "UpgradeDomains"},
		},
		"a Director pool whose servers the topology lists": {
			spec:    v1alpha1.LyncPoolSpec{PoolFQDN: "director.contoso.com", Role: v1alpha1.RoleDirector, DiscoveryServers: []v1alpha1.FQDN{"dir1.contoso.com"}},
			failed:  []string{},
			rows:    map[string]string{"Login dir2.contoso.com Pass": "let in", "Topology dir1.contoso.com Pass": "Director pool, 2 computers", "ReplicationUpToDate dir1.contoso.com Pass": "replicas"},
			notMade: []string{"PoolReady", "UpgradeDomains"},
		},
		"a Persistent Chat pool, of which one server is declared": {
			spec:   v1alpha1.LyncPoolSpec{PoolFQDN: "chat.contoso.com", Role: v1alpha1.RolePersistentChat, Servers: []v1alpha1.FQDN{"chat2.contoso.com"}},
			failed: []string{},
			rows:   map[string]string{"Topology chat2.contoso.com Pass": "chat1.contoso.com"},
		},
		"a server that is not in the pool": {
			spec:   v1alpha1.LyncPoolSpec{PoolFQDN: "mediation.contoso.com", Role: v1alpha1.RoleMediation, Servers: []v1alpha1.FQDN{"med1.contoso.com", "chat1.contoso.com"}},
			failed: []string{"Topology med1.contoso.com"},
			rows:   map[string]string{"Topology med1.contoso.com Fail": "chat1.contoso.com of spec.servers is not among them"},
		},
		"Skype for Business Server 2019": {
			spec:   v1alpha1.LyncPoolSpec{PoolFQDN: "pool19.contoso.com", Product: v1alpha1.ProductSkypeForBusinessServer2019, DiscoveryServers: []v1alpha1.FQDN{"sfe1.contoso.com"}},
			failed: []string{"JobAccount pool19.contoso.com", "Databases sfe1.contoso.com"}, // the sample has no SQL Server
			rows:   map[string]string{"Product sfe3.contoso.com Pass": "Skype for Business Server 2019", "PoolReady sfe1.contoso.com Pass": "Ready", "JobAccount pool19.contoso.com Fail": "LocalSystem is an administrator of no other server"},
		},
		"an account that fails front ends over": {
			spec: v1alpha1.LyncPoolSpec{PoolFQDN: "pool15.contoso.com", Product: v1alpha1.ProductSkypeForBusinessServer2015, DiscoveryServers: []v1alpha1.FQDN{"ofe1.contoso.com"},
				Jobs: v1alpha1.JobAccount{RunAs: v1alpha1.RunAsStoredAccount, CredentialsSecretRef: &v1alpha1.LocalObjectReference{Name: "login"}}},
			failed: []string{"Databases ofe1.contoso.com"},
			rows:   map[string]string{"JobAccount pool15.contoso.com Pass": `Invoke-CsComputerFailOver, as CONTOSO\svc-lyncops`},
		},
		"a pair of front ends, which are not failed over": {
			spec:    v1alpha1.LyncPoolSpec{PoolFQDN: "small15.contoso.com", Product: v1alpha1.ProductSkypeForBusinessServer2015, DiscoveryServers: []v1alpha1.FQDN{"small1.contoso.com"}},
			failed:  []string{"Databases small1.contoso.com"},
			notMade: []string{"JobAccount"},
		},
		"a server found by the pool's name": {
			spec:   v1alpha1.LyncPoolSpec{PoolFQDN: "mediation.contoso.com", Role: v1alpha1.RoleMediation},
			failed: []string{},
			rows:   map[string]string{"Identity mediation.contoso.com Pass": "leads to med1.contoso.com", "Identity med1.contoso.com Pass": "calls itself"},
		},
		"a product that is not declared": {
			spec:   v1alpha1.LyncPoolSpec{PoolFQDN: "edge.contoso.com", Role: v1alpha1.RoleEdge, Servers: []v1alpha1.FQDN{"edge1.contoso.com"}},
			failed: []string{"Product edge1.contoso.com"},
			rows:   map[string]string{"Product edge1.contoso.com Fail": "Skype for Business Server 2019, and not Lync Server 2013"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLabOf(t, "skype.yaml", "")
			l.pool(test.spec)
			_, report := l.report("pool01")
			if difference := cmp.Diff(test.failed, failed(report)); difference != "" {
				t.Errorf("failed checks (-want +got):\n%s", difference)
			}
			for wanted, found := range test.rows {
				words := strings.Fields(wanted)
				if row := rowOf(t, report, words[0], words[1]); string(row.Result) != words[2] || !strings.Contains(row.Found, found) {
					t.Errorf("%+v, want %s and %q", row, wanted, found)
				}
			}
			for _, row := range report.Rows {
				for _, check := range test.notMade {
					if row.Check == check {
						t.Errorf("%+v does not apply", row)
					}
				}
			}
		})
	}
}

// A pool that holds users and is declared as something else would be upgraded without its gates.
func TestAFrontEndPoolIsTakenForNothingElse(t *testing.T) {
	l := newLab(t, "")
	l.pool(v1alpha1.LyncPoolSpec{PoolFQDN: "pool01.contoso.com", Role: v1alpha1.RoleMediation, DiscoveryServers: []v1alpha1.FQDN{"fe01.contoso.com"}})
	_, report := l.report("pool01")
	if row := rowOf(t, report, "Topology", "fe01.contoso.com"); row.Result != preflight.Fail || !strings.Contains(row.Found, "user databases on sql01.contoso.com") || !strings.Contains(row.Remedy, "role FrontEnd") {
		t.Errorf("%+v", row)
	}
}

func TestTheRightsOfTheJobAccount(t *testing.T) {
	const policy = "hosts:\n- fqdn: fe02.contoso.com\n  batchLogon: ['BUILTIN\\Backup Operators']\n- fqdn: fe03.contoso.com\n  denyBatchLogon: ['CONTOSO\\Domain Users']\n"
	stored := v1alpha1.JobAccount{RunAs: v1alpha1.RunAsStoredAccount, CredentialsSecretRef: &v1alpha1.LocalObjectReference{Name: "login"}}
	tests := map[string]struct {
		jobs   v1alpha1.JobAccount
		failed []string
		// found by server; none for a server without the check
		found map[string]string
	}{
		"the server's own account": {v1alpha1.JobAccount{RunAs: v1alpha1.RunAsLocalSystem}, []string{}, nil},
		"a stored account": {stored, []string{"BatchLogonRight fe02.contoso.com", "BatchLogonRight fe03.contoso.com"}, map[string]string{
			"fe01.contoso.com": `granted to BUILTIN\Administrators`, "fe02.contoso.com": `granted to BUILTIN\Backup Operators, and CONTOSO\svc-lyncops is none of them`, "fe03.contoso.com": `denied to CONTOSO\Domain Users`}},
		"a group managed service account": {v1alpha1.JobAccount{RunAs: v1alpha1.RunAsGroupManagedServiceAccount, AccountName: `CONTOSO\gmsa-lyncops$`}, []string{"BatchLogonRight fe02.contoso.com"}, map[string]string{
			"fe03.contoso.com": `granted to BUILTIN\Administrators`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, policy)
			l.pool(v1alpha1.LyncPoolSpec{PoolFQDN: "pool01.contoso.com", DiscoveryServers: []v1alpha1.FQDN{"fe01.contoso.com"}, Jobs: test.jobs})
			_, report := l.report("pool01")
			if _, _, announced := l.run("pool01"); strings.Contains(announced, "secedit.exe") != (test.found != nil) {
				t.Errorf("it announces: %s", announced)
			}
			if difference := cmp.Diff(test.failed, failed(report)); difference != "" {
				t.Errorf("failed checks (-want +got):\n%s", difference)
			}
			for server, found := range test.found {
				if row := rowOf(t, report, "BatchLogonRight", server); row.Found != found || (row.Result == preflight.Fail) != strings.Contains(row.Remedy, "secpol.msc") {
					t.Errorf("%+v, want %q", row, found)
				}
			}
			for _, row := range report.Rows {
				if row.Check == "BatchLogonRight" && test.found == nil {
					t.Errorf("%+v does not apply", row)
				}
			}
		})
	}
}
