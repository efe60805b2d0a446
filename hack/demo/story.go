package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lyncops.dev/operator/test/lab"
)

// What the demonstration is made of, relative to the repository. The build is that of the samples.
const (
	deploymentFile = "internal/simulator/testdata/contoso.yaml"
	samplesFolder  = "config/samples/simulated"
	logsFolder     = ".cache/demo"
	desiredBuild   = "5.0.8308.1149"
)

// usualTime is how long the simulated servers take for everything, in their own time; the pauses between two upgrade domains,
// which are real time, and the start come on top.
const (
	usualTime  = 45 * time.Minute
	usualExtra = 20 * time.Second
)

// opening says in five lines what will happen.
func (o options) opening() []string {
	usual := int((o.realTime(usualTime) + usualExtra).Round(time.Minute).Minutes())
	duration := "About a minute."
	if usual > 1 {
		duration = fmt.Sprintf("About %d minutes.", usual)
	}
	return []string{
		"Six Lync front ends, their databases and a Standard Edition server are updated.",
		fmt.Sprintf("All servers are simulated, and every wait is shortened: %g times faster.", o.timeScale),
		"You declare the build in a file; an operator in Kubernetes does it over WinRM.",
		"One front end at a time: drain, stop, install, restart Windows, start, verify.",
		duration + " No cluster or server of yours is touched; Ctrl-C removes all.",
	}
}

// verdict is what the simulated servers and their record say about the upgrade.
type verdict struct {
	violations []lab.Violation
	objections []string
	lines      []string
}

func (v verdict) good() bool { return len(v.violations)+len(v.objections) == 0 }

// judge compares what the servers recorded and say of themselves with what should have happened.
func judge(s summary, state lab.State, violations []lab.Violation) verdict {
	v := verdict{violations: violations}
	servers := map[string]bool{} // those with Lync, and whether they have the build and are in service
	var late []string
	updated := 0
	for _, host := range state.Hosts {
		if len(host.Components) == 0 {
			continue
		}
		at := host.Components[0].Version == desiredBuild && host.InService
		servers[host.FQDN] = at
		if at {
			updated++
		} else {
			late = append(late, shortName(host.FQDN))
		}
	}
	if len(late) > 0 {
		v.objections = append(v.objections, "not updated, or not in service: "+strings.Join(late, ", "))
	}
	v.objections = append(v.objections, s.objections(servers)...)

	rows := [][]string{
		{"", "rules broken", "none: never two upgrade domains out, always a quorum,"},
		{"", "", "no server taken without Ready from the pool, no database"},
		{"", "", "too early, no secret in a command, no service left stopped"},
	}
	if len(violations) > 0 {
		rows = [][]string{{"", "rules broken", fmt.Sprintf("%d:", len(violations))}}
		for _, violation := range violations {
			rows = append(rows, []string{"", "", fmt.Sprintf("%s on %s: %s", violation.Rule, violation.Host, violation.Text)})
		}
	}
	rows = append(rows, []string{"", "servers", fmt.Sprintf("%d of %d have build %s and are in service", updated, len(servers), desiredBuild)})
	if len(v.objections) == 0 {
		rows = append(rows,
			[]string{"", "installers", "one run on each server"},
			[]string{"", "upgrade domains", "one at a time: " + strings.Join(s.domains, ", ")},
			[]string{"", "pool", fmt.Sprintf("%d of its %d front ends out of service at once, never more", s.together, s.members)})
	}
	for _, objection := range v.objections {
		rows = append(rows, []string{"", "objection", objection})
	}
	v.lines = aligned(rows, 2)
	return v
}

// succeeded is the last screen of an upgrade that went well.
func (o options) succeeded(took time.Duration, s summary, since time.Time, v verdict) []string {
	return slices.Concat(
		[]string{"", fmt.Sprintf("DONE in %s. What happened, in order, as the servers recorded it:", clockTime(took)), ""},
		s.lines(since),
		[]string{"", fmt.Sprintf("A second here is %g seconds of a real server: all took %s,", o.timeScale, minutes(o.simulatedTime(took))),
			fmt.Sprintf("and no server was out of service for more than %s.", minutes(o.simulatedTime(s.longestAway()))),
			"se01, a Standard Edition server, is no part of the pool: it went beside it."},
		[]string{"", "What the simulated servers say about it:"},
		v.lines,
	)
}

// failed is the last screen of one that did not.
func failed(took time.Duration, why string, tables []table, v verdict) []string {
	lines := []string{"", "FAILED after " + clockTime(took) + ": " + why}
	if len(tables) > 0 {
		lines = append(lines, "", "Where everything stands:")
		lines = append(lines, kubectlGetLync(tables, 0)...)
	}
	if len(v.lines) > 0 {
		lines = append(lines, "", "What the simulated servers say about it:")
		lines = append(lines, v.lines...)
	}
	return lines
}

// byHand are the commands with which a reader could have done it.
func (o options) byHand() []string {
	return []string{
		"", "The same by hand, in four terminals:",
		"",
		"  # 1: a control plane; a test cluster of your own will do as well",
		"  make cluster",
		"",
		"  # 2: the simulated servers",
		fmt.Sprintf("  go run ./cmd/lyncsim serve --time-scale %g --state-dir .cache/lyncsim \\", o.timeScale),
		"    --deployment " + deploymentFile,
		"",
		"  # 3: what you want, and the operator that does it",
		"  export KUBECONFIG=$PWD/.cache/cluster/kubeconfig",
		"  export PATH=$(go run ./hack/fetch assets):$PATH    # there is kubectl",
		"  make install",
		"  kubectl apply -k " + samplesFolder,
		"  kubectl create configmap winrm-certificate-authority \\",
		"    --from-file=.cache/lyncsim/ca.crt --dry-run=client -o yaml |",
		"    kubectl apply -f -",
		"  make run RUNFLAGS='--winrm-connect-to=*:5986=127.0.0.1:5986'",
		"",
		"  # 4: watching; export the same two variables before",
		"  kubectl get lync           # everything, once",
		"  kubectl get lyncpool -w    # the pool, whenever it changes",
	}
}

// tryNext are the next things worth a try.
func tryNext() []string {
	return []string{
		"", "Try next:",
		"",
		"  make demo DEMOFLAGS='--keep --time-scale 10'",
		"      slower, and it stays: pause the pool meanwhile, from another terminal",
		"  less config/samples/contoso/lyncpool.yaml",
		"      what is declared, with comments; on real servers begin with",
		"      \"management: Observe\", which reports and changes nothing",
	}
}

// access is how another terminal gets at what runs here.
func access(kubeconfig, kubectl string) []string {
	return []string{
		"In another terminal:",
		"  export KUBECONFIG=" + kubeconfig,
		"  export PATH=" + filepath.Dir(kubectl) + ":$PATH",
		"  kubectl get lync",
		"  kubectl describe lyncpool pool01",
		"  kubectl get events --sort-by=.metadata.creationTimestamp",
	}
}

// pausing is what can be tried while the pool is being upgraded.
func pausing() []string {
	return []string{
		"  # finish the server in progress and take no other, until it says false:",
		`  kubectl patch lyncpool pool01 --type merge -p '{"spec":{"paused":true}}'`,
	}
}
