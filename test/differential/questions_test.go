package differential_test

import (
	"fmt"
	"strings"
	"testing"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/lyncops"
)

const (
	ofPool     = `{"poolFqdn":"pool01.contoso.com"}`
	ofNowhere  = `{"poolFqdn":"nowhere.contoso.com"}`
	ofStandard = `{"poolFqdn":"se01.contoso.com"}`
)

func job(id, action, parameters, principal string) string {
	return fmt.Sprintf(`{"id":%q,"action":%q,"parameters":%s,"principal":%s}`, id, action, parameters, principal)
}

const localSystem = `{"kind":"LocalSystem"}`

// stage is a moment of the deployment, and what is asked then on one host.
type stage struct {
	name      string
	host      string
	prepare   func(t *testing.T, s *side)
	questions []question
}

func fault(f deployment.Fault) func(*testing.T, *side) {
	return func(t *testing.T, s *side) {
		t.Helper()
		if _, err := s.model.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
}

// stages are asked in this order.
var stages = []stage{
	{"a front end in service", "fe01", nil, []question{
		{"Get-LyncOpsFacts", `{}`},
		{"Get-LyncOpsTopology", ofPool}, {"Get-LyncOpsTopology", ofStandard}, {"Get-LyncOpsTopology", ofNowhere},
		{"Get-LyncOpsPoolReadiness", ofPool},
		{"Get-LyncOpsPoolFabric", ofPool}, {"Get-LyncOpsPoolFabric", ofNowhere},
		{"Get-LyncOpsDatabase", `{"sqlServerFqdn":"sql01.contoso.com","local":false}`}, {"Get-LyncOpsDatabase", `{"sqlServerFqdn":"","local":true}`},
		{"Get-LyncOpsDatabase", `{"sqlServerFqdn":"nosql.contoso.com","local":false}`},
		{"Get-LyncOpsDatabase", `{"sqlServerFqdn":"sql01.contoso.com","local":false,"centralManagement":true}`},
		{"Get-LyncOpsDatabaseMirror", ofPool}, {"Get-LyncOpsDatabaseMirror", ofNowhere},
		{"Get-LyncOpsLocalDatabase", `{}`},
		{"Get-LyncOpsPatchVersion", `{}`}, {"Get-LyncOpsServing", `{"ports":[5061,443,1]}`}, {"Get-LyncOpsReplication", `{}`},
		{"Get-LyncOpsPartner", ofPool}, {"Get-LyncOpsPartner", ofNowhere},
		{"Get-LyncOpsPreflight", ofPool}, {"Get-LyncOpsPreflight", ofNowhere},
		{"Get-LyncOpsPreflight", `{"poolFqdn":"pool01.contoso.com","jobAccount":"CONTOSO\\svc-lyncops"}`},
		{"Get-LyncOpsPreflight", `{"poolFqdn":"pool01.contoso.com","jobAccount":"CONTOSO\\gmsa-lyncops$"}`},
		{"Get-LyncOpsPreflight", `{"poolFqdn":"pool01.contoso.com","jobAccount":"CONTOSO\\nobody","outsideDomain":true}`},
		{"Clear-LyncOpsJobs", `{"except":[]}`},
	}},
	{"arguments that are none", "fe01", nil, []question{
		{"Get-LyncOpsFacts", `{"x":1}`}, {"Get-LyncOpsTopology", `{}`}, {"Get-LyncOpsPoolReadiness", `{"poolFqdn":7}`},
		{"Get-LyncOpsPoolFabric", `{"poolFqdn":""}`}, {"Get-LyncOpsDatabase", `{"sqlServerFqdn":"sql01.contoso.com"}`},
		{"Get-LyncOpsDatabase", `{"sqlServerFqdn":"","local":false}`}, {"Get-LyncOpsPreflight", `{"poolFqdn":null}`},
		{"Start-LyncOpsJob", job("../x", "StopWebServer", `{"timeoutSeconds":1}`, localSystem)},
		{"Start-LyncOpsJob", job("x", "Format", `{}`, localSystem)},
		{"Start-LyncOpsJob", job("x", "StopWebServer", `{}`, localSystem)},
		{"Start-LyncOpsJob", job("x", "StopServices", `{"timeoutSeconds":1,"onTimeout":"Fail","webServer":true}`, localSystem)},
		{"Start-LyncOpsJob", job("x", "StopServices", `{"graceful":true,"timeoutSeconds":1,"onTimeout":"Pray","webServer":true}`, localSystem)},
		{"Start-LyncOpsJob", job("x", "StagePackage", `{"source":"https://a/b","sha256":"ABC","fileName":"x.exe"}`, localSystem)},
		{"Start-LyncOpsJob", job("x", "RestartComputer", `{"delaySeconds":1}`, `{"kind":"Somebody"}`)},
		{"Start-LyncOpsJob", job("x", "RestartComputer", `{"delaySeconds":1}`, `{"kind":"StoredAccount","userName":"x"}`)},
	}},
	{"a Standard Edition server", "se01", nil, []question{
		{"Get-LyncOpsFacts", `{}`}, {"Get-LyncOpsTopology", ofStandard}, {"Get-LyncOpsPoolReadiness", ofStandard},
		{"Get-LyncOpsDatabase", `{"sqlServerFqdn":"se01.contoso.com","local":true}`}, {"Get-LyncOpsLocalDatabase", `{}`},
	}},
	{"a server without Lync", "sql01", nil, []question{
		{"Get-LyncOpsFacts", `{}`}, {"Get-LyncOpsTopology", ofPool}, {"Get-LyncOpsPoolReadiness", ofPool}, {"Get-LyncOpsPoolFabric", ofPool}, {"Get-LyncOpsPreflight", ofPool},
	}},
	{"a pool that is busy", "fe01", fault(deployment.Fault{Kind: deployment.FaultPoolBusy, Count: 1}), []question{{"Get-LyncOpsPoolReadiness", ofPool}}},
	{"a pool with too few front ends", "fe01", fault(deployment.Fault{Kind: deployment.FaultPoolInsufficient, Count: 1}), []question{{"Get-LyncOpsPoolReadiness", ofPool}}},
	{"strange answers about readiness", "fe01", func(t *testing.T, s *side) {
		for _, f := range []deployment.Fault{{Kind: deployment.FaultDomainNotReady, Detail: "UpgradeDomain2", Count: 1}, {Kind: deployment.FaultDuplicateDomain, Count: 1},
			{Kind: deployment.FaultDuplicateFrontEnd, Count: 1}} {
			fault(f)(t, s)
		}
	}, []question{{"Get-LyncOpsPoolReadiness", ofPool}}},
	{"a shape nobody knows", "fe01", fault(deployment.Fault{Kind: deployment.FaultReadinessShape, Count: 1}), []question{{"Get-LyncOpsPoolReadiness", ofPool}}},
	{"a front end whose services are stopped", "fe01", func(t *testing.T, s *side) {
		if err := s.host(t, "fe01").StopLyncServices(t.Context(), deployment.Caller{User: user}, deployment.StopRequest{}); err != nil {
			t.Fatal(err)
		}
	}, []question{{"Get-LyncOpsFacts", `{}`}, {"Get-LyncOpsPoolReadiness", ofPool}, {"Get-LyncOpsPoolFabric", ofPool}, {"Get-LyncOpsLocalDatabase", `{}`}}},
}

// TestQuestionsAreAnsweredAlike asks every question of both, in health and in sickness, and compares the answers.
func TestQuestionsAreAnsweredAlike(t *testing.T) {
	for _, edition := range []string{"Desktop", "Core"} {
		t.Run(edition, func(t *testing.T) {
			t.Parallel()
			askBoth(t, edition, contoso, stages)
		})
	}
}

// TestOtherDeploymentsAreAnsweredAlike asks where other products are, and of a pool that is paired with another.
func TestOtherDeploymentsAreAnsweredAlike(t *testing.T) {
	const nineteen, fifteen = `{"poolFqdn":"pool19.contoso.com"}`, `{"poolFqdn":"pool15.contoso.com"}`
	for sample, at := range map[string][]stage{
		"paired.yaml": {{"a front end of a paired pool", "fe01", nil, []question{{"Get-LyncOpsPartner", ofPool}, {"Get-LyncOpsTopology", ofPool}, {"Get-LyncOpsReplication", `{}`}}}},
		"skype.yaml": {
			{"a front end of 2019", "sfe1", nil, []question{{"Get-LyncOpsFacts", `{}`}, {"Get-LyncOpsPoolReadiness", nineteen}, {"Get-LyncOpsPatchVersion", `{}`}}},
			{"an Edge Server", "edge1", nil, []question{{"Get-LyncOpsFacts", `{}`}, {"Get-LyncOpsPreflight", `{"poolFqdn":"edge.contoso.com","outsideDomain":true,"jobAccount":"edge-lyncops"}`}}},
			{"a front end of 2015", "ofe1", nil, []question{{"Get-LyncOpsFacts", `{}`}, {"Get-LyncOpsPoolReadiness", fifteen}, {"Get-LyncOpsPatchVersion", `{}`}}},
		},
	} {
		t.Run(sample, func(t *testing.T) {
			t.Parallel()
			askBoth(t, "Desktop", sample, at)
		})
	}
}

// askBoth asks both sides what the stages say, in their order, and compares the answers.
func askBoth(t *testing.T, edition, sample string, stages []stage) {
	t.Helper()
	simulated, module := builtIn(t, sample), inEngine(t, edition, sample)
	staged := map[string]bool{}
	for _, at := range stages {
		answers := [2][]answer{}
		for i, s := range []*side{simulated, module} {
			if !staged[at.host] {
				s.stage(t, at.host)
			}
			if at.prepare != nil {
				at.prepare(t, s)
			}
			answers[i] = s.ask(t, at.host, at.questions...)
		}
		staged[at.host] = true
		for i, q := range at.questions {
			compare(t, at.name+": "+q.verb+" "+q.argument, answers[0][i], answers[1][i])
		}
	}
	compareWorlds(t, "after all questions", simulated, module)
}

// TestEveryVerbIsCompared: whoever adds a verb to the simulator has to add a question here, and whoever adds an action a job.
func TestEveryVerbIsCompared(t *testing.T) {
	asked := map[string]bool{}
	for _, at := range stages {
		for _, q := range at.questions {
			asked[q.verb] = true
		}
	}
	for _, verb := range lyncops.Verbs() {
		if !asked[verb] {
			t.Errorf("%s is asked in no stage", verb)
		}
	}
	succeeded := map[string]bool{}
	for _, series := range scenarios {
		for _, one := range series.steps {
			succeeded[one.action] = succeeded[one.action] || strings.HasPrefix(one.want, "Succeeded")
		}
	}
	for _, action := range lyncops.Actions() {
		if !succeeded[action] {
			t.Errorf("no scenario has a job %s that succeeds", action)
		}
	}
}
