package controllers

import (
	"strings"
	"testing"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// What people have done to a server meanwhile is told when it is found, and what the operator has done itself is not.
func TestDriftIsToldAndOurOwnWorkIsNot(t *testing.T) {
	const name = "fe01.contoso.com"
	row := func(step v1alpha1.ServerStep, build v1alpha1.Build) []v1alpha1.ServerStatus {
		return []v1alpha1.ServerStatus{{FQDN: name, Step: step, InstalledBuild: string(build)}}
	}
	for _, test := range []struct {
		name    string
		before  []v1alpha1.ServerStatus
		now     procedure.ServerDecision
		desired v1alpha1.Build
		reason  string
		says    string
	}{
		{"rebuilt at an older build", row(v1alpha1.StepDone, newBuild), procedure.ServerDecision{Build: oldBuild}, newBuild, v1alpha1.EventDriftFound, "has build " + string(oldBuild) + " again"},
		{"patched by hand while it waited", row(v1alpha1.StepWaiting, oldBuild), procedure.ServerDecision{Build: newBuild}, newBuild, v1alpha1.EventServerAdopted, "without the operator"},
		{"patched by hand while it was ready for its turn", row(v1alpha1.StepReady, oldBuild), procedure.ServerDecision{Build: newBuild}, newBuild, v1alpha1.EventServerAdopted, "left as it is"},
		{"as it was", row(v1alpha1.StepDone, newBuild), procedure.ServerDecision{Build: newBuild}, newBuild, "", ""},
		{"upgraded by us", row(v1alpha1.StepInstall, oldBuild), procedure.ServerDecision{Build: newBuild}, newBuild, "", ""},
		{"being upgraded by us", row(v1alpha1.StepReady, oldBuild), procedure.ServerDecision{Build: newBuild, Begun: true}, newBuild, "", ""},
		{"another build is declared: nothing has changed on it", row(v1alpha1.StepDone, oldBuild), procedure.ServerDecision{Build: oldBuild}, newBuild, "", ""},
		{"it does not answer", row(v1alpha1.StepDone, newBuild), procedure.ServerDecision{}, newBuild, "", ""},
		{"nothing was known of it", nil, procedure.ServerDecision{Build: newBuild}, newBuild, "", ""},
		{"its build was not known", row(v1alpha1.StepWaiting, ""), procedure.ServerDecision{Build: newBuild}, newBuild, "", ""},
		{"no build is desired", row(v1alpha1.StepDone, newBuild), procedure.ServerDecision{Build: oldBuild}, "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.now.FQDN = name
			told := drift(test.before, []procedure.ServerDecision{test.now}, test.desired)
			switch {
			case test.reason == "" && len(told) > 0, test.reason != "" && len(told) != 1:
				t.Errorf("told %+v", told)
			case test.reason != "" && (told[0].reason != test.reason || !strings.Contains(told[0].note, test.says) || !strings.Contains(told[0].note, name)):
				t.Errorf("told %+v, not %s with %q", told, test.reason, test.says)
			}
		})
	}
}
