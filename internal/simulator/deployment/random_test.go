package deployment

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// However wildly several administrators treat the pool at once, nothing hangs, and when they have gone home and somebody starts
// everything, everything runs.
func TestThePoolSurvivesWildAdministrators(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	inContoso(t, func(w world) {
		hosts := w.model.Hosts()
		contents, _ := w.model.PackageContents(source)
		for _, h := range hosts {
			w.must(h.Files().WriteFile(setup, contents))
		}
		var admins sync.WaitGroup
		for n := range 4 {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			admins.Go(func() {
				for range 60 {
					h := hosts[random.IntN(len(hosts))]
					ctx, cancel := context.WithTimeout(w.Context(), time.Duration(random.IntN(300))*time.Second)
					// Most of these fail, which is the point.
					switch random.IntN(9) {
					case 0:
						_ = h.StopLyncServices(ctx, admin, StopRequest{Graceful: true})
					case 1:
						_ = h.StopLyncServices(ctx, admin, StopRequest{})
					case 2:
						_ = h.StartLyncServices(ctx, admin, "", false)
					case 3:
						_ = h.Restart(admin, time.Duration(random.IntN(30))*time.Second)
					case 4:
						_, _ = h.RunInstaller(ctx, admin, setup, nil)
					case 5:
						_ = h.Power([]string{"on", "off", "reboot"}[random.IntN(3)])
					case 6:
						_, _ = h.Readiness(ctx)
					case 7:
						_ = h.InstallDatabases(ctx, admin, DatabaseUpdate{SQLServer: "sql01.contoso.com", Update: true})
					case 8:
						_ = h.StopService(ctx, admin, "RTCSRV", random.IntN(2) == 0)
					}
					cancel()
					time.Sleep(time.Duration(random.IntN(120)) * time.Second)
				}
			})
		}
		admins.Wait()
		w.eventually(func() bool {
			calm := true
			for _, h := range hosts {
				if h.State().Power == "off" {
					_ = h.Power("on")
				}
				if slices.ContainsFunc(h.Services(), func(s ServiceState) bool { return s.StartType == Automatic && s.Status != Running }) || !h.State().InService {
					calm = false
					// Front ends wait for one another, so nobody waits here.
					_ = h.StartLyncServices(w.Context(), admin, "", true)
				}
			}
			return calm
		})
		w.gate()
		if n := len(w.model.Events(0)); n < 100 {
			w.Errorf("only %d events: the administrators did nothing", n)
		}
		for i, e := range w.model.Events(0) {
			if e.Sequence != i+1 {
				w.Fatalf("event %d has sequence number %d", i+1, e.Sequence)
			}
		}
		for _, v := range w.model.CheckAtRest() {
			w.Errorf("%s: %s", v.Host, v.Text)
		}
		for _, p := range w.model.State().Pools {
			if len(p.Out) > 0 {
				w.Errorf("%s still counts as out: %v", p.FQDN, p.Out)
			}
		}
	})
}
