package deployment

import (
	"strings"
	"testing"
	"time"
)

// A front end that leaves hands its replicas over to others, and nothing moves back by itself when it returns.
func TestReplicasMoveWhenAFrontEndLeaves(t *testing.T) {
	inContoso(t, func(w world) {
		look := func() string {
			text, err := w.host("fe02").FabricState(w.Context(), poolName)
			if err != nil {
				w.Fatal(err)
			}
			return text
		}
		before := look()
		if strings.Contains(before, "WARNING") || before != look() {
			w.Errorf("at rest the placement changes or is not whole:\n%s", before)
		}
		if err := w.host("fe01").Power("reboot"); err != nil {
			w.Fatal(err)
		}
		away := look()
		if !strings.Contains(away, "fe01.contoso.com WARNING DOWN") || strings.Contains(away, "=fe01.contoso.com") {
			w.Errorf("without fe01:\n%s", away)
		}
		time.Sleep(2 * time.Hour)
		after := look()
		if strings.Contains(after, "WARNING") || after == before {
			w.Errorf("fe01 is back:\n%s", after)
		}
		for kind, sign := range map[string]string{FaultReplicaMissing: "replicas are missing", FaultPrimariesMove: "RoutingGroup"} {
			if _, err := w.model.AddFault(Fault{Kind: kind, Target: poolName, Count: 1}); err != nil {
				w.Fatal(err)
			}
			if text := look(); text == after || !strings.Contains(text, sign) {
				w.Errorf("%s:\n%s", kind, text)
			}
		}
	})
}
