package e2e_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"lyncops.dev/operator/internal/simulator/windows"
	"lyncops.dev/operator/test/lab"
)

// windowsVariable asks for the tests that need Windows machines, as "make test-windows" does: they take minutes.
const windowsVariable = "LYNCOPS_WINDOWS"

// windowsPatience is how long the rollout may take on a loaded machine: 900 looks, a second apart.
const windowsPatience = 900 * longestLook

// jobPassword is that of the account under which the pool's jobs run.
const jobPassword = "Another-Donkey-9-Capacitor"

// windowsServers are the three front ends and the Standard Edition server.
var windowsServers = []string{"fe01.contoso.com", "fe02.contoso.com", "fe03.contoso.com", "se01.contoso.com"}

const smallDeployment = "../../internal/simulator/windows/testdata/small.yaml"

// windowsObjects are the pool, the SQL Server behind it and the Standard Edition server of the small deployment.
func windowsObjects(update lab.Package) string {
	source, connection := "    source: '"+update.Sources[0]+"'\n    sha256: "+update.SHA256+"\n", `    credentialsSecretRef: {name: lync-credentials}
    certificateAuthority: {name: winrm-certificate-authority}
`
	return `apiVersion: v1
kind: Secret
metadata: {name: lync-credentials}
type: kubernetes.io/basic-auth
stringData: {username: 'CONTOSO\svc-lyncops', password: ` + password + `}
---
apiVersion: v1
kind: Secret
metadata: {name: lync-jobs}
type: kubernetes.io/basic-auth
stringData: {username: 'CONTOSO\svc-lyncjobs', password: ` + jobPassword + `}
---
apiVersion: lyncops.dev/v1alpha1
kind: LyncPool
metadata: {name: pool01}
spec:
  poolFQDN: pool01.contoso.com
  desiredBuild: ` + update.Build + `
  package:
` + source + `  connection:
` + connection + `  discoveryServers: [fe01.contoso.com]
  jobs: {runAs: StoredAccount, credentialsSecretRef: {name: lync-jobs}}
  rollout:
    readiness: {interval: 2s, attempts: 20}
    soak: 1s
    verify: {ports: []}
---
apiVersion: lyncops.dev/v1alpha1
kind: BackEndServer
metadata: {name: sql01}
spec:
  edition: Enterprise
  poolRef: {name: pool01}
  sql: {fqdn: sql01.contoso.com, instanceName: rtc}
  desiredBuild: ` + update.Build + `
---
apiVersion: lyncops.dev/v1alpha1
kind: BackEndServer
metadata: {name: se01}
spec:
  edition: Standard
  serverFQDN: se01.contoso.com
  desiredBuild: ` + update.Build + `
  package:
` + source + `  connection:
` + connection
}

// TestRolloutOnWindowsMachines: the module runs unmodified over a Win32 API, on services, a registry and a task scheduler that are
// real, and the installer is a program. Nothing of the operator is told.
func TestRolloutOnWindowsMachines(t *testing.T) {
	if os.Getenv(windowsVariable) == "" {
		t.Skip("takes minutes: make test-windows")
	}
	if _, err := windows.Find(t.Context()); err != nil {
		t.Skip(err)
	}
	directory := t.TempDir()
	machine, err := lab.BuildMachine(t.Context(), directory)
	if err != nil {
		t.Fatal(err)
	}
	l := startLab(t, lab.Options{Directory: directory, Deployment: smallDeployment, TimeScale: 20, Windows: true, Binaries: lab.Binaries{Machine: machine}})
	atStart := readState(t, l)
	packages, err := l.Simulator().Packages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	startOperator(t, l)
	if err := l.Apply(t.Context(), windowsObjects(packages[0])); err != nil {
		t.Fatal(err)
	}
	// Each question is a new process of 100 MB, so this takes longer than anything else here.
	eventuallyWithin(t, windowsPatience, "6 Ready objects", func() (bool, string) {
		time.Sleep(time.Second)
		objects, err := allObjects(t.Context(), l, lab.Namespace)
		if err != nil {
			return false, err.Error()
		}
		waitsFor := ""
		for _, object := range objects {
			if ready, _, text := says(object); !ready {
				waitsFor = text
			}
			if stalled(object) {
				t.Fatal(waitsFor)
			}
		}
		return len(objects) == 6 && waitsFor == "", fmt.Sprintf("%d objects; %s", len(objects), waitsFor)
	})
	events := readRecord(t, l)
	for _, frontEnd := range windowsServers[:3] {
		checkSteps(t, events, frontEnd, frontEndSteps, true)
	}
	checkSteps(t, events, "se01.contoso.com", standardSteps, false)
	checkOneDomainAtATime(t, events, atStart)
	checkAtRest(t, l, atStart)
	checkBuild(t, l, packages[0].Build)
	checkNoViolations(t, l)
	checkNoPassword(t, l, directory, password)
	checkNoPassword(t, l, directory, jobPassword)
	if err := l.StopOperator(); err != nil {
		t.Error(err)
	}
	checkMachineDisks(t, l, directory, windowsServers, packages[0].Build, password, jobPassword)
}
