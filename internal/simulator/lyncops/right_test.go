package lyncops

import (
	"testing"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/sample"
)

// The task scheduler takes the task of an account that may not log on as a batch job. It never begins.
func TestAJobWhoseAccountMayNotLogOnNeverBegins(t *testing.T) {
	const policy = "hosts:\n- fqdn: fe01.contoso.com\n  denyBatchLogon: ['CONTOSO\\svc-lyncops']\n"
	sample.InVirtualTime(t, "contoso.yaml", policy, func(t *testing.T, m *deployment.Model) {
		order := jobOrder("stop-1", "StopWebServer", map[string]any{"timeoutSeconds": 60})
		for name, wanted := range map[string]string{"fe01": interrupted, "fe02": succeeded} {
			h := host(t, m, name)
			if j := ask[job](t, h, "Start-LyncOpsJob", order); j.State != claimed {
				t.Errorf("%s: ordered, it is %s", name, j.State)
			}
			j := finish(t, h, "stop-1")
			web, _ := h.Service("W3SVC")
			if j.State != wanted || (web.Status == deployment.Running) != (wanted == interrupted) {
				t.Errorf("%s: it is %s %s, and W3SVC is %s", name, j.State, j.Message, web.StatusName)
			}
		}
	})
}
