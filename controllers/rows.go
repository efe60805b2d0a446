package controllers

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// rowOf is the row of one server; nil when there is none.
func rowOf(rows []v1alpha1.ServerStatus, fqdn string) *v1alpha1.ServerStatus {
	for i := range rows {
		if strings.EqualFold(rows[i].FQDN, fqdn) {
			return &rows[i]
		}
	}
	return nil
}

// rowsFrom makes the rows of the status; the time at which a server came to its step is kept while it stays there.
func rowsFrom(earlier []v1alpha1.ServerStatus, decisions []procedure.ServerDecision, now time.Time) []v1alpha1.ServerStatus {
	rows := make([]v1alpha1.ServerStatus, 0, len(decisions))
	for _, decision := range decisions {
		since := metav1.NewTime(now.Truncate(time.Second))
		row := v1alpha1.ServerStatus{FQDN: decision.FQDN, InstalledBuild: string(decision.Build), Step: decision.Step,
			Attempt: int32(min(decision.Attempt, 1000)), Since: &since, Message: bounded(decision.Message)} //nolint:gosec // bounded above
		if old := rowOf(earlier, decision.FQDN); old != nil {
			if old.Step == row.Step && old.Attempt == row.Attempt {
				row.Since = old.Since
			}
			if row.InstalledBuild == "" {
				row.InstalledBuild = old.InstalledBuild
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// oldestBuild is the build that the slowest server has; empty when one of them is not known.
func oldestBuild(decisions []procedure.ServerDecision) string {
	oldest := v1alpha1.Build("")
	for _, decision := range decisions {
		if decision.Build == "" {
			return ""
		}
		if oldest == "" || decision.Build.OlderThan(oldest) {
			oldest = decision.Build
		}
	}
	return string(oldest)
}
