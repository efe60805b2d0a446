package procedure

import (
	"fmt"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
)

// MirroredDatabase is one database as Get-CsDatabaseMirrorState shows it, in its own words.
type MirroredDatabase struct {
	Name            string
	StateOnPrimary  string
	StateOnMirror   string
	StatusOnPrimary string
	StatusOnMirror  string
}

// Mirror is what was found about the mirrors of a pool's databases, or why nothing was.
type Mirror struct {
	Databases []MirroredDatabase
	Problem   string
}

// Words of Get-CsDatabaseMirrorState. The third says two things at once: no mirror, or not reached.
const (
	statePrincipal    = "Principal"
	stateMirror       = "Mirror"
	stateNotMirrored  = "DatabaseInaccessibleOrMirroringNotEnabled"
	stateSynchronized = "synchronized"
)

// raw is the database as it was reported, for people: the words of Lync 2013 are not all published.
func (d MirroredDatabase) raw() string {
	return fmt.Sprintf("%s (primary: %s %q, mirror: %s %q)", d.Name, d.StateOnPrimary, d.StatusOnPrimary, d.StateOnMirror, d.StatusOnMirror)
}

func (d MirroredDatabase) turned() bool {
	return strings.EqualFold(d.StateOnMirror, statePrincipal) || strings.EqualFold(d.StateOnPrimary, stateMirror)
}

// silent says whether the row may mean that there is no mirror.
func (d MirroredDatabase) silent() bool {
	return strings.EqualFold(d.StateOnPrimary, stateNotMirrored) && strings.EqualFold(d.StateOnMirror, stateNotMirrored) && d.StatusOnPrimary == "" && d.StatusOnMirror == ""
}

// inPlace says whether the primary is known to be the principal, and the mirror the mirror.
func (d MirroredDatabase) inPlace() bool {
	return strings.EqualFold(d.StateOnPrimary, statePrincipal) && strings.EqualFold(d.StateOnMirror, stateMirror)
}

// synchronised compares the parts that are there; with none, it is not known.
func (d MirroredDatabase) synchronised() bool {
	there := 0
	for _, status := range []string{d.StatusOnPrimary, d.StatusOnMirror} {
		if status == "" {
			continue
		}
		if !strings.EqualFold(status, stateSynchronized) {
			return false
		}
		there++
	}
	return there > 0
}

// Standing judges the mirrors: MirrorHealthy, PrincipalOnMirror, MirrorNotSynchronised or MirrorStateUnknown, or NotApplicable
// when there are none. Known says that there are, whatever the cmdlet says: its word for "no mirror" is its word for
// "not reached" too.
func (m Mirror) Standing(known bool) (reason, message string) {
	var turned, unknown, behind, mirrored []string
	silent := 0
	for _, database := range m.Databases {
		switch {
		case database.silent():
			silent++
			unknown = append(unknown, database.raw())
			continue
		case database.turned():
			turned = append(turned, database.raw())
		case !database.inPlace():
			unknown = append(unknown, database.raw())
		case !database.synchronised():
			behind = append(behind, database.raw())
		}
		mirrored = append(mirrored, database.Name)
	}
	switch {
	case len(turned) > 0:
		return v1alpha1.ReasonPrincipalOnMirror, "the mirror is the principal of " + strings.Join(turned, ", ")
	case !known && len(mirrored) == 0:
		return v1alpha1.ReasonNotApplicable, "the databases are not mirrored, as far as can be seen"
	case m.Problem != "":
		return v1alpha1.ReasonMirrorStateUnknown, "the databases are mirrored, but how the mirrors stand could not be found out: " + sentence(m.Problem)
	case len(unknown) > 0 || len(m.Databases) == 0:
		return v1alpha1.ReasonMirrorStateUnknown, "the databases are mirrored, but Get-CsDatabaseMirrorState does not say how they stand: " + strings.Join(append(unknown, m.none()...), ", ")
	case len(behind) > 0:
		return v1alpha1.ReasonMirrorNotSynchronised, "principal and mirror do not hold the same: " + strings.Join(behind, ", ")
	}
	return v1alpha1.ReasonMirrorHealthy, fmt.Sprintf("the primary is the principal of all %d databases, and they are synchronised", len(m.Databases))
}

func (m Mirror) none() []string {
	if len(m.Databases) > 0 {
		return nil
	}
	return []string{"it names no database"}
}

// movePrincipal is what a person does about a principal on the mirror.
const movePrincipal = "Make the primary the principal again, type by type: Invoke-CsDatabaseFailover -PoolFqdn ... -DatabaseType ... -NewPrincipal Primary"

// mirrorGate is the last gate before a front end is stopped. The published number of front ends that must run assumes that the
// databases are where the topology says: with the principal on the mirror it is no safe second lock.
func (domain Domain) mirrorGate(result *DomainDecision) (reason, message string) {
	if !domain.AskMirror {
		return "", ""
	}
	if domain.Mirror == nil {
		result.NeedMirror = true
		return v1alpha1.ReasonWaitingForTurn, "the mirrors of the pool's databases are being asked for"
	}
	reason, message = domain.Mirror.Standing(domain.Mirrored)
	switch reason {
	case v1alpha1.ReasonPrincipalOnMirror:
		message += ". " + movePrincipal + "; the rollout then goes on by itself"
	case v1alpha1.ReasonMirrorStateUnknown:
	default:
		return "", ""
	}
	result.QuorumBroken, result.QuorumMessage = true, "the published number of front ends does not hold: "+message
	return reason, message
}
