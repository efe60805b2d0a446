package deployment

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"time"
)

func TestReadinessFollowsWhichFrontEndsServe(t *testing.T) {
	inContoso(t, func(w world) {
		expect := func(when, state string, active int) {
			w.Helper()
			answer := w.readiness("fe06")
			if answer.State != state || answer.TotalActiveFrontends != active || answer.TotalFrontends != 6 {
				w.Errorf("%s: %s with %d of %d, want %s with %d", when, answer.State, answer.TotalActiveFrontends, answer.TotalFrontends, state, active)
			}
			for _, d := range answer.UpgradeDomains {
				if d.IsReadyForUpgrade != (state == Ready) {
					w.Errorf("%s: %s says %v", when, d.Name, d.IsReadyForUpgrade)
				}
			}
		}
		expect("at the start", Ready, 6)
		w.stop("fe01")
		expect("with one out", Busy, 5)
		w.start("fe01")
		expect("just after it came back", Busy, 6)
		time.Sleep(2 * time.Minute)
		expect("after the replicas are built", Ready, 6)
		w.must(w.host("fe01").Power("off"))
		w.must(w.host("fe02").Power("off"))
		w.must(w.host("fe03").Power("off"))
		expect("with three left", InsufficientActiveFrontEnds, 3)
	})
}

func TestReadinessCannotBeAskedWhereNoFrontEndServes(t *testing.T) {
	inContoso(t, func(w world) {
		w.stop("fe01")
		for short, want := range map[string]error{"fe01": ErrNotInService, "se01": ErrNoUpgradeDomains, "sql01": ErrNoLyncTools} {
			if _, err := w.host(short).Readiness(w.Context()); !errors.Is(err, want) {
				w.Errorf("%s: %v, want %v", short, err, want)
			}
		}
	})
}

func TestAPoolBelowItsMinimumStopsTheRest(t *testing.T) {
	inContoso(t, func(w world) {
		for _, fe := range []string{"fe01", "fe02", "fe03", "fe04"} {
			w.must(w.host(fe).Power("off"))
		}
		w.eventually(func() bool { return w.status("fe05", "RTCSRV") == Stopped && w.status("fe06", "RTCSRV") == Stopped })
	})
}

// A pool of six that is fully stopped needs five front ends; until then their services wait in StartPending.
func TestAStoppedPoolWaitsForEnoughFrontEnds(t *testing.T) {
	inContoso(t, func(w world) {
		all := []string{"fe01", "fe02", "fe03", "fe04", "fe05", "fe06"}
		for _, fe := range all {
			w.must(w.host(fe).Power("off"))
		}
		for _, fe := range all[:4] {
			w.must(w.host(fe).Power("on"))
		}
		time.Sleep(time.Hour)
		for _, fe := range all[:4] {
			if got := w.status(fe, "RTCSRV"); got != StartPending {
				w.Errorf("with four up, %s is %s", fe, got)
			}
		}
		w.must(w.host("fe05").Power("on"))
		w.eventually(func() bool { return w.status("fe01", "RTCSRV") == Running && w.status("fe05", "RTCSRV") == Running })
		w.must(w.host("fe06").Power("on"))
		w.eventually(func() bool { return w.status("fe06", "RTCSRV") == Running })
	})
}

func TestARestartTakesTheHostDown(t *testing.T) {
	inContoso(t, func(w world) {
		h := w.host("fe01")
		w.must(h.Files().WriteFile(`C:\Windows\Temp\kept.txt`, []byte("x")))
		w.must(h.RegisterTask(admin, Task{Path: `\kept`, Command: "hostname"}, "", false))
		_, down := h.Down()
		var ended error
		process, started, err := h.Spawn(func(ctx context.Context) { <-ctx.Done(); ended = context.Cause(ctx) })
		w.must(err)
		before := h.BootTime()
		w.must(h.Restart(admin, 0))
		if err := h.Restart(admin, 0); !errors.Is(err, ErrShutdownInProgress) {
			w.Errorf("a second restart: %v", err)
		}
		<-down
		if isDown, _ := h.Down(); !isDown {
			w.Error("the host still answers")
		}
		if h.Alive(process, started) {
			w.Error("a process outlived the restart")
		}
		w.eventually(func() bool { return h.State().InService })
		if !errors.Is(ended, ErrHostDown) || !h.BootTime().After(before) {
			w.Errorf("the process ended with %v, the boot time moved from %v to %v", ended, before, h.BootTime())
		}
		if _, kept := h.Task(`\KEPT`); !kept || !h.Files().Exists(`c:/windows/temp/KEPT.txt`) {
			w.Error("the file or the task is gone")
		}
	})
}

func TestServicesGoThroughTheirStates(t *testing.T) {
	inContoso(t, func(w world) {
		expect := func(service string, want Status) {
			w.Helper()
			if got := w.status("fe01", service); got != want {
				w.Errorf("%s is %s, want %s", service, got, want)
			}
		}
		h := w.host("fe01")
		w.must(h.StopLyncServices(w.Context(), admin, StopRequest{Graceful: true, NoWait: true}))
		expect("RTCSRV", Paused)
		expect("REPLICA", StopPending)
		time.Sleep(55 * time.Second)
		expect("RTCSRV", StopPending)
		time.Sleep(time.Minute)
		expect("RTCSRV", Stopped)
		expect("FabricHostSvc", Stopped)
		expect("W3SVC", Stopped)
		expect("MSSQL$RTCLOCAL", Running)
		expect("LanmanServer", Running)
		w.must(h.StartLyncServices(w.Context(), admin, "", true))
		expect("RTCSRV", StartPending)
		w.eventually(func() bool { return h.State().InService })
		w.must(h.StopLyncServices(w.Context(), admin, StopRequest{LeaveWebServer: true}))
		expect("W3SVC", Running)
	})
}

func TestADrainThatNeverEndsYieldsToAStopAtOnce(t *testing.T) {
	inContoso(t, func(w world) {
		w.fault(Fault{Kind: FaultSlowDrain, Target: "fe01.contoso.com", Count: 1})
		h := w.host("fe01")
		if err := h.StopLyncServices(w.limited(time.Hour), admin, StopRequest{Graceful: true}); !errors.Is(err, context.DeadlineExceeded) {
			w.Fatalf("the drain ended: %v", err)
		}
		if got := w.status("fe01", "RTCRGS"); got != Paused {
			w.Errorf("RTCRGS is %s", got)
		}
		w.must(h.StopLyncServices(w.Context(), admin, StopRequest{}))
		if got := w.status("fe01", "RTCRGS"); got != Stopped {
			w.Errorf("RTCRGS is %s", got)
		}
	})
}

func TestADisabledServiceDoesNotStart(t *testing.T) {
	inContoso(t, func(w world) {
		h := w.host("fe01")
		w.must(h.SetStartType(admin, "RTCMEDSRV", Disabled))
		w.must(h.Power("reboot"))
		w.eventually(func() bool { return h.State().Serves })
		time.Sleep(time.Hour)
		if got := w.status("fe01", "RTCMEDSRV"); got != Stopped {
			w.Errorf("RTCMEDSRV is %s after the restart", got)
		}
		if err := h.StartService(w.Context(), admin, "RTCMEDSRV", false); err == nil {
			w.Error("a disabled service was started")
		}
	})
}

func TestAServiceThatWillNotStartIsReported(t *testing.T) {
	inContoso(t, func(w world) {
		w.stop("fe01")
		w.fault(Fault{Kind: FaultServiceWontStart, Target: "fe01.contoso.com", Detail: "RTCMEDSRV", Count: 1})
		var failed StartFailedError
		if err := w.host("fe01").StartLyncServices(w.Context(), admin, "", false); !errors.As(err, &failed) || !slices.Equal(failed.Names, []string{"RTCMEDSRV"}) {
			w.Errorf("error %v", err)
		}
		w.start("fe01")
	})
}

func TestTheInstaller(t *testing.T) {
	core := func(w world) []string {
		var versions []string
		for _, c := range w.host("fe01").Components() {
			versions = append(versions, c.Version)
		}
		return slices.Compact(slices.Sorted(slices.Values(versions)))
	}
	t.Run("changes the versions at its end", func(t *testing.T) {
		inContoso(t, func(w world) {
			w.stop("fe01")
			if exit := w.install("fe01"); exit != 0 || !slices.Equal(core(w), []string{target}) || len(w.host("fe01").PendingReboot()) != 0 {
				w.Errorf("exit %d, versions %v, pending %v", exit, core(w), w.host("fe01").PendingReboot())
			}
		})
	})
	t.Run("wants a restart when services ran", func(t *testing.T) {
		inContoso(t, func(w world) {
			if exit := w.install("fe01"); exit != ExitRebootRequired || len(w.host("fe01").PendingReboot()) == 0 {
				w.Errorf("exit %d, pending %v", exit, w.host("fe01").PendingReboot())
			}
			w.restart("fe01")
			if len(w.host("fe01").PendingReboot()) != 0 {
				w.Error("the restart did not help")
			}
		})
	})
	t.Run("leaves half behind when the host restarts under it", func(t *testing.T) {
		inContoso(t, func(w world) {
			w.stop("fe01")
			_, _, err := w.host("fe01").Spawn(func(ctx context.Context) {
				contents, _ := w.model.PackageContents(source)
				_ = w.host("fe01").Files().WriteFile(setup, contents)
				_, _ = w.host("fe01").RunInstaller(ctx, admin, setup, nil)
			})
			w.must(err)
			time.Sleep(time.Minute)
			w.must(w.host("fe01").Power("reboot"))
			w.eventually(func() bool { return w.host("fe01").State().Serves })
			if got := core(w); len(got) != 2 {
				w.Errorf("versions %v, want old and new ones", got)
			}
		})
	})
	t.Run("changes nothing when it fails", func(t *testing.T) {
		inContoso(t, func(w world) {
			w.fault(Fault{Kind: FaultInstallerFails, ExitCode: 1642, Count: 1})
			w.stop("fe01")
			if exit := w.install("fe01"); exit != 1642 || !slices.Equal(core(w), []string{"5.0.8308.0"}) {
				w.Errorf("exit %d, versions %v", exit, core(w))
			}
		})
	})
	t.Run("does not end before the fault that keeps it is cleared", func(t *testing.T) {
		inContoso(t, func(w world) {
			fault, err := w.model.AddFault(Fault{Kind: FaultInstallerWaits, Target: w.host("fe01").FQDN()})
			w.must(err)
			w.stop("fe01")
			w.stop("fe02")
			if exit := w.install("fe02"); exit != 0 {
				w.Errorf("the installer of another host ended with %d", exit)
			}
			ended := make(chan int, 1)
			go func() { ended <- w.install("fe01") }()
			time.Sleep(24 * time.Hour)
			if len(ended) > 0 || !w.host("fe01").Installing() {
				w.Error("the installer has ended")
			}
			w.model.RemoveFault(fault.ID)
			if exit := <-ended; exit != 0 || !slices.Equal(core(w), []string{target}) {
				w.Errorf("exit %d, versions %v", exit, core(w))
			}
			if _, err := w.model.AddFault(Fault{Kind: FaultInstallerWaits, Count: 1}); err == nil {
				w.Error("it was to wait once, whatever that means")
			}
		})
	})
	t.Run("is known by its contents, not its name", func(t *testing.T) {
		inContoso(t, func(w world) {
			w.must(w.host("fe01").Files().WriteFile(setup, []byte("MZ something else")))
			if _, err := w.host("fe01").RunInstaller(w.Context(), admin, setup, nil); !errors.Is(err, ErrNotAProgram) {
				w.Errorf("error %v", err)
			}
		})
	})
}

// What is expected depends on the build of the server that asks.
func TestDatabasesAreComparedWithTheAskingBuild(t *testing.T) {
	inContoso(t, func(w world) {
		outdated := func(short string) []string {
			answer, err := w.host(short).TestDatabases(w.Context(), "sql01.contoso.com", false)
			w.must(err)
			var names []string
			for _, r := range answer.Rows {
				if r.ExpectedVersion != r.InstalledVersion {
					names = append(names, r.DatabaseName)
				}
			}
			return names
		}
		w.upgrade("fe01")
		if got := outdated("fe02"); len(got) != 0 {
			w.Errorf("seen from the old build, %v are outdated", got)
		}
		if got := outdated("fe01"); !slices.Equal(got, []string{"rtcxds", "rtcab"}) {
			w.Errorf("seen from the new build, %v are outdated", got)
		}
		w.must(w.host("sql01").Power("off"))
		answer, err := w.host("fe01").TestDatabases(w.Context(), "sql01.contoso.com", false)
		w.must(err)
		if len(answer.Warnings) == 0 || answer.Rows[0].Succeed || answer.Rows[0].InstalledVersion != "" {
			w.Errorf("an unreachable server: %+v", answer)
		}
		if err := w.databases("fe01"); err == nil {
			w.Error("databases of an unreachable server were updated")
		}
	})
}

func TestAnUpdateOfDatabasesWaitsForTheEndOfAFault(t *testing.T) {
	inContoso(t, func(w world) {
		fault, err := w.model.AddFault(Fault{Kind: FaultDatabaseWaits, Target: poolName})
		w.must(err)
		w.upgrade("fe01")
		ended := make(chan error, 1)
		go func() { ended <- w.databases("fe01") }()
		time.Sleep(24 * time.Hour)
		if len(ended) > 0 {
			w.Errorf("the update has ended: %v", <-ended)
		}
		w.model.RemoveFault(fault.ID)
		w.must(<-ended)
	})
}

func TestFaultsHappenAsOftenAsAsked(t *testing.T) {
	inContoso(t, func(w world) {
		w.fault(Fault{Kind: FaultPoolBusy, Target: poolName, Count: 2})
		w.fault(Fault{Kind: FaultDomainNotReady, Detail: "UpgradeDomain2"})
		var states []string
		for range 3 {
			states = append(states, w.readiness("fe01").State)
		}
		if want := []string{Busy, Busy, Ready}; !slices.Equal(states, want) {
			w.Errorf("states %v, want %v", states, want)
		}
		ready := func() (names []string) {
			for _, d := range w.readiness("fe01").UpgradeDomains {
				if d.IsReadyForUpgrade {
					names = append(names, d.Name)
				}
			}
			return names
		}
		if got := ready(); !slices.Equal(got, []string{"UpgradeDomain1", "UpgradeDomain3"}) {
			w.Errorf("ready: %v", got)
		}
		for _, f := range w.model.Faults() {
			w.model.RemoveFault(f.ID)
		}
		if got := ready(); len(got) != 3 {
			w.Errorf("ready after the fault was cleared: %v", got)
		}
	})
}

func TestThePoolsNameLeadsToAFrontEndThatServes(t *testing.T) {
	inContoso(t, func(w world) {
		for _, fe := range []string{"fe01", "fe02"} {
			w.must(w.host(fe).Power("off"))
		}
		for range 50 {
			h, ok := w.model.ServingFrontEnd(poolName)
			if !ok || h.NetBIOS() == "FE01" || h.NetBIOS() == "FE02" {
				w.Fatalf("it led to %v", h)
			}
		}
	})
}

func TestFiles(t *testing.T) {
	for name, folder := range map[string]string{"in memory": "", "in a folder": t.TempDir()} {
		t.Run(name, func(t *testing.T) { testFiles(t, newFiles(folder, func(string, []byte) {})) })
	}
}

func testFiles(t *testing.T, f *Files) {
	t.Helper()
	if err := f.WriteFile(`C:\a\b.txt`, []byte("1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file in a folder that is not there: %v", err)
	}
	for _, err := range []error{f.MkdirAll(`C:\A\Sub`), f.WriteFile(`c:\a\sub\One.txt`, []byte("1")), f.Rename(`C:\A\Sub`, `C:\A\Moved`)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if text, err := f.ReadFile(`C:/a/moved/ONE.TXT`); err != nil || string(text) != "1" {
		t.Errorf("%q, %v", text, err)
	}
	if err := f.CreateFile(`C:\A\Moved\one.txt`, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second creation: %v", err)
	}
	if names, err := f.List(`C:\a`); err != nil || !slices.Equal(names, []string{"Moved"}) {
		t.Errorf("%v, %v", names, err)
	}
	if err := f.Remove(`C:\a`); err != nil || f.Exists(`C:\A\Moved\One.txt`) {
		t.Errorf("removing a folder: %v", err)
	}
}
