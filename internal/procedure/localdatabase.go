package procedure

import (
	"fmt"
	"slices"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
)

// LocalDatabase is a database of a server's own SQL Server instances, in the words of sys.databases.
type LocalDatabase struct {
	Instance   string
	Name       string
	State      string
	UserAccess string
}

// LocalDatabases is what was found in a server's own instances; an instance that could not be asked is not in it.
type LocalDatabases struct {
	Databases []LocalDatabase
}

// usable says whether the services can work with the database. States that pass by themselves, as after a restart, count as usable.
func (d LocalDatabase) usable() bool {
	lasting := []string{"OFFLINE", "SUSPECT", "EMERGENCY", "RECOVERY_PENDING"}
	return !strings.EqualFold(d.UserAccess, "SINGLE_USER") && !slices.ContainsFunc(lasting, func(state string) bool { return strings.EqualFold(state, d.State) })
}

// Broken lists the databases that an installer has left in a state in which nobody can use them.
func (l LocalDatabases) Broken() []string {
	var broken []string
	for _, database := range l.Databases {
		if !database.usable() {
			broken = append(broken, fmt.Sprintf(`%s of .\%s is %s, %s`, database.Name, database.Instance, database.State, database.UserAccess))
		}
	}
	return broken
}

// afterInstaller looks at the local databases once an installer has run, before a server is accepted and wherever one is held
// whose installer or services are the trouble. A cumulative update changes them itself, so that one that was cut off leaves them
// offline or for a single user; what helps is the update again, never Install-CsDatabase.
func (d ServerDecision) afterInstaller(plan Plan, server Server, found *LocalDatabases) ServerDecision {
	install := server.lastInstall()
	if install == nil || install.Active() || d.Verdict != VerdictPutAway && !d.mayComeFromLocalDatabases() {
		return d
	}
	if found == nil {
		d.NeedLocalDatabases = true
		return d
	}
	broken := found.Broken()
	if len(broken) == 0 {
		return d
	}
	remedy := "Run the same update on it once more, see that it ends without a failure, and start the services; the rollout then goes on by itself"
	if d.Verdict == VerdictHold && server.Build.OlderThan(plan.Build) {
		remedy = "Ask for another try with the annotation " + v1alpha1.AnnotationRetry + ", which runs the installer again"
	}
	before := ""
	if d.Verdict == VerdictHold {
		before = ". Before that: " + d.Message
	}
	return d.hold(v1alpha1.ReasonLocalDatabasesBroken, "the update has left local databases of %s so that its services cannot use them: %s. %s. Install-CsDatabase does not help here%s",
		server.FQDN, strings.Join(broken, "; "), remedy, before)
}

// mayComeFromLocalDatabases says whether a hold is of a kind that broken local databases explain.
func (d ServerDecision) mayComeFromLocalDatabases() bool {
	switch d.Reason {
	case v1alpha1.ReasonInstallerFailed, v1alpha1.ReasonJobInterrupted, v1alpha1.ReasonBuildNotReached, v1alpha1.ReasonServicesNotRunning:
		return d.Verdict == VerdictHold
	default:
		return false
	}
}
