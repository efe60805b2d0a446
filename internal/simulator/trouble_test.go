package simulator_test

import (
	"net/http"
	"strings"
	"testing"

	"lyncops.dev/operator/internal/simulator/deployment"
)

func (s *site) fault(t *testing.T, body string) {
	t.Helper()
	var f deployment.Fault
	s.control(t, http.MethodPost, "/faults", body, http.StatusCreated, &f)
	if f.ID == "" {
		t.Fatal("the fault has no id")
	}
}

// The order arrives, the job is started, and nobody hears of it; who asks again gets the same job.
func TestALostLinkDoesNotLoseTheJob(t *testing.T) {
	s := start(t, 600)
	const fe = "fe01.contoso.com"
	s.stage(t, fe)
	s.fault(t, `{"kind":"linkLost","target":"fe01.contoso.com","match":"Start-LyncOpsJob","count":1}`)
	start := order("web-1", "StartWebServer", map[string]any{"timeoutSeconds": 60})
	if j, err := verb[job](t, s, fe, "Start-LyncOpsJob", start, true); err == nil {
		t.Fatalf("the link was not lost: %+v", j)
	}
	// Other connections of the same link may be closed only a moment later; whoever asks again connects anew.
	s.http.CloseIdleConnections()
	j, err := verb[job](t, s, fe, "Start-LyncOpsJob", start, true)
	if err != nil || j.ID != "web-1" {
		t.Fatalf("%+v, %v", j, err)
	}
	claims := 0
	for _, e := range s.Model().Events(0) {
		if strings.Contains(e.Effect, "is claimed") {
			claims++
		}
	}
	if claims != 1 {
		t.Errorf("the job was claimed %d times", claims)
	}
}

func TestAHostThatCannotBeReachedOrRefuses(t *testing.T) {
	s := start(t, 600)
	const fe = "fe01.contoso.com"
	for _, kind := range []string{deployment.FaultHostUnreachable, deployment.FaultLoginRefused} {
		added, err := s.Model().AddFault(deployment.Fault{Kind: kind, Target: fe})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.run(t, fe, "hostname", ""); err == nil {
			t.Errorf("%s: %+v", kind, got)
		}
		if got := s.shell(t, "fe02.contoso.com", "hostname"); got.exit != 0 {
			t.Errorf("%s: another host: %+v", kind, got)
		}
		s.control(t, http.MethodDelete, "/faults/"+added.ID, "", http.StatusNoContent, nil)
		if got := s.shell(t, fe, "hostname"); got.exit != 0 {
			t.Errorf("after %s: %+v", kind, got)
		}
	}
	if got, err := s.run(t, "nosuch.contoso.com", "hostname", ""); err == nil {
		t.Errorf("a host that does not exist: %+v", got)
	}
}

// A restart takes running commands with it, and the host answers again afterwards.
func TestARestartCutsConnections(t *testing.T) {
	s := start(t, 600)
	const fe = "fe01.contoso.com"
	host, _ := s.Model().Host(fe)
	s.control(t, http.MethodPost, "/faults", `{"kind":"slowDrain","target":"fe01.contoso.com","count":1}`, http.StatusCreated, nil)
	ended := make(chan answer, 1)
	go func() {
		// Some clients report a cut connection as an empty answer.
		got, _ := s.run(t, fe, encoded("Stop-CsWindowsService -Graceful; 'stopped'"), "")
		ended <- got
	}()
	waitFor(t, "the stop has begun", func() bool { return host.State().OutBy != nil })
	s.control(t, http.MethodPost, "/hosts/fe01.contoso.com/power", `{"action":"reboot"}`, http.StatusNoContent, nil)
	if got := <-ended; strings.Contains(got.stdout, "stopped") {
		t.Errorf("the command went on after the host went down: %+v", got)
	}
	waitFor(t, "the host answers", func() bool { a, err := s.run(t, fe, "hostname", ""); return err == nil && a.exit == 0 })
}

func TestThePoolsNameReachesAFrontEndThatServes(t *testing.T) {
	s := start(t, 600)
	seen := func() string { return strings.TrimSpace(s.shell(t, poolFQDN, "hostname").stdout) }
	first := seen()
	if again := seen(); again != first {
		t.Errorf("the name led to %s and then to %s", first, again)
	}
	s.control(t, http.MethodPost, "/hosts/"+first+"/power", `{"action":"off"}`, http.StatusNoContent, nil)
	waitFor(t, "the name leads to another front end", func() bool {
		// The first connection afterwards may be one that the host took with it.
		got, err := s.run(t, poolFQDN, "hostname", "")
		return err == nil && strings.TrimSpace(got.stdout) != first
	})
}

func TestAModuleThatIsNotStagedIsReported(t *testing.T) {
	s := start(t, 600)
	if got := s.powershell(t, "fe01.contoso.com", protocolScript(t, "first-lines")+"Get-LyncOpsFacts -Argument 'e30='"); got.exit != 3 || !strings.HasPrefix(got.stdout, "LYNCOPS-NOT-STAGED") {
		t.Errorf("%+v", got)
	}
	if got, err := s.run(t, "fe01.contoso.com", encoded(protocolScript(t, "stage")), "AAAA\n"); err != nil || got.exit != 4 || !strings.HasPrefix(got.stdout, "LYNCOPS-HASH-MISMATCH") {
		t.Errorf("a damaged module: %+v, %v", got, err)
	}
	s.stage(t, "sql01.contoso.com")
	if _, err := verb[any](t, s, "sql01.contoso.com", "Get-LyncOpsTopology", poolArgument(), false); err == nil || !strings.HasPrefix(err.Error(), "CmdletMissing") {
		t.Errorf("a Lync question to a host without Lync: %v", err)
	}
}
