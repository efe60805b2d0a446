package procedure

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// silentPorts lists the ports that must listen and do not, as far as the server has been asked.
func (s Server) silentPorts(ports []int) []string {
	var silent []string
	for _, port := range ports {
		if !slices.Contains(s.Listening, port) {
			silent = append(silent, strconv.Itoa(port))
		}
	}
	return silent
}

// upSince is since when the server has had the chance to listen: its boot, or the end of our last work on its services.
func (s Server) upSince() time.Time {
	since := s.BootTime
	if last := s.lastWork(); last != nil && last.Finished.After(since) {
		since = last.Finished
	}
	return since
}

// accepts says whether a server whose services run as before takes new connections, and what to do while it does not. FE, step 2:
// "make sure they are accepting new connections". A service that runs need not listen yet, so the ports are asked for; for
// a while that is waited for, then a person must look. Nothing is done to the server meanwhile: it may serve all the same.
func (d ServerDecision) accepts(plan Plan, server Server) (ServerDecision, bool) {
	if len(plan.Ports) == 0 {
		return d, true
	}
	if server.Listening == nil {
		d.NeedServing = true
		return d.wait(v1alpha1.StepVerify, v1alpha1.ReasonUpgrading, "the services of %s run as before; whether its ports listen is being asked", server.FQDN), false
	}
	silent := server.silentPorts(plan.Ports)
	if len(silent) == 0 {
		return d, true
	}
	said := fmt.Sprintf("the services of %s run as before, but nothing listens on TCP port %s", server.FQDN, strings.Join(silent, ", "))
	if up := server.Time.Sub(server.upSince()); up <= plan.VerifyTimeout {
		d.ActiveSeconds = max(up.Seconds(), 1)
		return d.wait(v1alpha1.StepVerify, v1alpha1.ReasonPortsNotListening, "%s yet; it has %s for that", said, plan.VerifyTimeout), false
	}
	return d.hold(v1alpha1.ReasonPortsNotListening, "%s, %s after its start. Look at the event log \"Lync Server\" and at the certificates; no other server is touched. The rollout goes on by itself once the ports listen, "+
		"or take them out of rollout.verify.ports", said, plan.VerifyTimeout), false
}

// accepting says in words what was seen of a server that takes new connections.
func (s Server) accepting(plan Plan) string {
	if len(plan.Ports) == 0 {
		return ""
	}
	var ports []string
	for _, port := range plan.Ports {
		ports = append(ports, strconv.Itoa(port))
	}
	said := "; TCP " + strings.Join(ports, ", ") + " listen"
	if s.Activity != "" {
		said += "; " + s.Activity
	}
	return said
}
