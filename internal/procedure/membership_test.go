package procedure_test

import (
	"fmt"
	"strings"
	"testing"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

func places(text string) (placed []procedure.PlacedServer) {
	for _, one := range strings.Fields(text) {
		server, domain, _ := strings.Cut(one, "@")
		placed = append(placed, procedure.PlacedServer{FQDN: server, Domain: domain})
	}
	return placed
}

func TestMembersOfUpgradeDomains(t *testing.T) {
	idle := func(name string, servers ...string) procedure.DomainMembers {
		return procedure.DomainMembers{Name: name, Servers: servers}
	}
	busy := func(with, name string, servers ...string) procedure.DomainMembers {
		return procedure.DomainMembers{Name: name, Servers: servers, Keeps: true, WorkedOn: strings.Fields(with)}
	}
	for _, test := range []struct {
		name, found string
		declared    []procedure.DomainMembers
		want        string
	}{
		{"a new pool", "fe01@1 fe02@2 fe03@1", nil, "1[fe01 fe03] 2[fe02]"},
		{"in the order of the topology", "fe02@2 fe01@1", []procedure.DomainMembers{idle("1", "fe01")}, "2[fe02] 1[fe01]"},
		{"a front end is added", "fe01@1 fe02@2 fe03@2", []procedure.DomainMembers{idle("1", "fe01"), idle("2", "fe02")}, "1[fe01] 2[fe02 fe03]"},
		{"a front end moves", "fe01@2 fe02@2 fe03@1", []procedure.DomainMembers{idle("1", "fe01", "fe03"), idle("2", "fe02")}, "2[fe01 fe02] 1[fe03]"},
		{"one that is worked on moves: the domain that began with it finishes it", "FE01@2 fe02@2 fe03@1", []procedure.DomainMembers{busy("fe01", "1", "fe01", "fe03"), idle("2", "fe02")}, "2[fe02] 1[fe03 fe01]"},
		{"one that is worked on leaves the pool: finished as well", "fe02@2 fe03@1", []procedure.DomainMembers{busy("fe01", "1", "fe01", "fe03"), idle("2", "fe02")}, "2[fe02] 1[fe03 fe01]"},
		{"all of a domain are still being finished by another", "fe01@2", []procedure.DomainMembers{busy("fe01", "1", "fe01"), idle("2", "fe02")}, "1[fe01], gone 2"},
		{"a domain disappears", "fe01@1 fe02@1", []procedure.DomainMembers{idle("1", "fe01"), idle("2", "fe02")}, "1[fe01 fe02], gone 2"},
		{"a domain disappears in the middle: it keeps only what it works on", "fe01@1 fe02@1 fe03@1", []procedure.DomainMembers{idle("1", "fe01"), busy("fe02", "2", "fe02", "fe03")}, "1[fe01 fe03] 2[fe02]"},
		{"words differ in case alone", "fe01@DOMAIN1", []procedure.DomainMembers{idle("Domain1", "fe01")}, "DOMAIN1[fe01]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := procedure.Members(places(test.found), test.declared)
			var got []string
			for _, domain := range result.Domains {
				got = append(got, fmt.Sprintf("%s%v", domain.Name, domain.Servers))
			}
			text := strings.Join(got, " ")
			if len(result.Vanished) > 0 {
				text += ", gone " + strings.Join(result.Vanished, " ")
			}
			if text != test.want {
				t.Errorf("got %s, want %s", text, test.want)
			}
		})
	}
}

func TestWhatAnUpgradeDomainKeeps(t *testing.T) {
	const silent = v1alpha1.StepUnknown
	for _, test := range []struct {
		name   string
		domain procedure.DeclaredDomain
		want   string
	}{
		{"nobody has looked: all of it", procedure.DeclaredDomain{}, "keeps fe01 fe02"},
		{"nothing has been begun", procedure.DeclaredDomain{State: v1alpha1.DomainWaiting, Known: []procedure.KnownServer{{"fe01", v1alpha1.StepReady, "5.0"}}}, ""},
		{"a server is half way", procedure.DeclaredDomain{State: v1alpha1.DomainOpen, InProgress: true, Known: []procedure.KnownServer{{"fe01", v1alpha1.StepInstall, "5.0"}}}, "keeps fe01"},
		{"a server is held", procedure.DeclaredDomain{State: v1alpha1.DomainHeld, Known: []procedure.KnownServer{{"fe01", v1alpha1.StepHeld, "5.0"}}}, "keeps fe01"},
		{"one that is held has fallen silent", procedure.DeclaredDomain{State: v1alpha1.DomainUnknown, Known: []procedure.KnownServer{{"fe01", v1alpha1.StepHeld, "5.0"}}}, "keeps fe01"},
		{"the same while the users are on the backup pool", procedure.DeclaredDomain{State: v1alpha1.DomainUnknown, PoolFailedOver: true, Known: []procedure.KnownServer{{"fe01", v1alpha1.StepHeld, "5.0"}}}, "fe01"},
		{"never seen since the status was lost, and the finalizer is there", procedure.DeclaredDomain{State: v1alpha1.DomainUnknown, Claimed: true, Known: []procedure.KnownServer{{"fe01", silent, ""}}}, "keeps fe01"},
		{"the same without the finalizer", procedure.DeclaredDomain{State: v1alpha1.DomainUnknown, Known: []procedure.KnownServer{{"fe01", silent, ""}}}, ""},
		{"with it, while the users are on the backup pool", procedure.DeclaredDomain{State: v1alpha1.DomainUnknown, Claimed: true, PoolFailedOver: true, Known: []procedure.KnownServer{{"fe01", silent, ""}}}, ""},
		{"silent, and seen before", procedure.DeclaredDomain{State: v1alpha1.DomainUnknown, Claimed: true, Known: []procedure.KnownServer{{"fe01", silent, "5.0"}}}, ""},
	} {
		test.domain.Servers = []string{"fe01", "fe02"}
		members := test.domain.Members()
		got := strings.Join(members.WorkedOn, " ")
		if members.Keeps {
			got = "keeps " + got
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestServersArePlacedWhereBothReadingsAgree(t *testing.T) {
	answer := procedure.Readiness{Domains: []procedure.ReadinessDomain{{Name: "1", FrontEnds: []string{"FE01", "fe03"}}, {Name: "2", FrontEnds: []string{"fe02"}}}}
	placed, err := procedure.PlaceServers([]string{"fe01", "fe02", "fe03"}, answer)
	if err != nil || !procedure.SamePlaces(placed, places("fe01@1 fe02@2 fe03@1")) {
		t.Errorf("got %v, %v", placed, err)
	}
	if _, err := procedure.PlaceServers([]string{"fe01", "fe02", "fe03", "fe04"}, answer); err == nil || !strings.Contains(err.Error(), "fe04") {
		t.Errorf("a front end in no domain: %v", err)
	}
	if _, err := procedure.PlaceServers([]string{"fe01", "fe02"}, answer); err == nil {
		t.Error("a domain holds a front end that the topology does not name")
	}
	if procedure.SamePlaces(placed, places("fe02@2 fe01@1 fe03@1")) || procedure.SamePlaces(placed, places("fe01@1 fe02@2 fe03@2")) {
		t.Error("another order or another domain is not the same")
	}
}

func TestADeadFrontEndThatHasLeftThePoolIsNotWaitedFor(t *testing.T) {
	known := places("fe01@1 fe02@1 fe03@2 fe04@2")
	kept := procedure.StillThere(known, []string{"FE01", "fe02"}, []string{"fe01", "fe03", "fe05"})
	// fe01 is there and answers, fe02 has left and answers, fe03 is there and silent, fe04 has left and is silent, fe05 is new.
	if !procedure.SamePlaces(kept, places("fe01@1 fe02@1 fe03@2")) {
		t.Errorf("kept are %v", kept)
	}
}

// A pool in which nothing goes on looks whether it still has the servers it waits for.
func TestARestingPoolIsReadAgain(t *testing.T) {
	waiting := procedure.PoolDomain{Name: "1", State: v1alpha1.DomainUnknown, Reason: v1alpha1.ReasonServerUnreachable, Message: "fe01 does not answer"}
	working := procedure.PoolDomain{Name: "2", State: v1alpha1.DomainOpen, InProgress: true, Reason: v1alpha1.ReasonUpgrading}
	for _, test := range []struct {
		name string
		pool procedure.Pool
		want bool
	}{
		{"all is done", procedure.Pool{Domains: []procedure.PoolDomain{{Name: "1", State: v1alpha1.DomainDone}}}, true},
		{"a domain is held", procedure.Pool{Domains: []procedure.PoolDomain{{Name: "1", State: v1alpha1.DomainHeld, Reason: v1alpha1.ReasonInstallerFailed}}}, true},
		{"a server does not answer", procedure.Pool{Domains: []procedure.PoolDomain{waiting}}, true},
		{"a server of the open domain does not answer", procedure.Pool{Open: "1", Domains: []procedure.PoolDomain{waiting}}, true},
		{"a domain is being upgraded", procedure.Pool{Open: "2", Domains: []procedure.PoolDomain{{Name: "1", State: v1alpha1.DomainDone}, working}}, false},
		{"the package is being copied", procedure.Pool{Domains: []procedure.PoolDomain{{Name: "1", State: v1alpha1.DomainWaiting, Reason: v1alpha1.ReasonWaitingForTurn}}}, false},
	} {
		if got := procedure.NextDomain(test.pool); got.ReadAgain != test.want {
			t.Errorf("%s: read again is %t, the decision %+v", test.name, got.ReadAgain, got)
		}
	}
}
