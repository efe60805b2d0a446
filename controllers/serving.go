package controllers

import (
	"context"
	"strings"

	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

// frontEndServiceName is the service whose activity is shown when a server has come back.
const frontEndServiceName = "RTCSRV"

// askServing asks the servers whose services run again whether they take new connections, and puts the answers into the domain. It
// says whether there is anything new to decide upon. A server that cannot be asked is one that has a problem.
func (r *UpgradeDomainReconciler) askServing(ctx context.Context, work *domainWork, domain procedure.Domain, decision procedure.DomainDecision) bool {
	asked := false
	for i, server := range decision.Servers {
		if !server.NeedServing {
			continue
		}
		asked = true
		answer, err := r.Servers.Serving(ctx, work.with.At(server.FQDN), domain.Plan.Ports)
		if err != nil {
			domain.Servers[i].Server, domain.Servers[i].Problem = nil, problemFrom(err)
			continue
		}
		domain.Servers[i].Server.Listening = append([]int{}, answer.Listening...)
		domain.Servers[i].Server.Activity = activityFrom(answer)
	}
	return asked
}

// activityFrom says in words what the front end service does.
func activityFrom(answer lync.Serving) string {
	for _, service := range answer.Activity {
		if strings.EqualFold(service.Name, frontEndServiceName) {
			return service.Name + ": " + strings.ReplaceAll(service.Level, ",", ", ")
		}
	}
	return ""
}
