package deployment

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	source2019 = "https://packages.contoso.com/skype/2019/SkypeServerUpdateInstaller.exe"
	source2015 = "https://packages.contoso.com/skype/2015/SkypeServerUpdateInstaller.exe"
)

func inSkype(t *testing.T, f func(w world)) {
	t.Helper()
	text, err := os.ReadFile("../testdata/skype.yaml")
	if err != nil {
		t.Fatal(err)
	}
	inDeployment(t, text, f)
}

func (w world) failOver(short string) error {
	w.Helper()
	return w.host(short).FailOver(w.Context(), admin, FailOverRequest{WaitTime: time.Hour, As: admin.User})
}

func (w world) failBack(short string) error {
	w.Helper()
	return w.host(short).FailBack(w.Context(), admin, FailBackRequest{WaitTime: time.Hour, As: admin.User})
}

func (w world) installFrom(short, source string) {
	w.Helper()
	contents, found := w.model.PackageContents(source)
	if !found {
		w.Fatalf("there is no package at %s", source)
	}
	w.must(w.host(short).Files().WriteFile(setup, contents))
	_, err := w.host(short).RunInstaller(w.Context(), admin, setup, nil)
	w.must(err)
}

// gateOf asks the pool of a host until it is ready.
func (w world) gateOf(short string) {
	w.Helper()
	w.eventually(func() bool { return w.readiness(short).State == Ready })
}

func TestTheCarefulAdministratorOfSkypeBreaksNoRule(t *testing.T) {
	over := func(w world, source string, names ...string) {
		for _, name := range names {
			w.must(w.failOver(name))
			w.installFrom(name, source)
			w.restart(name)
			if got := w.status(name, "RTCSRV"); got != Stopped {
				w.Errorf("after a restart RTCSRV of a server that was failed over is %s", got)
			}
			w.must(w.failBack(name))
		}
	}
	stop := func(w world, source string, names ...string) {
		for _, name := range names {
			w.stop(name)
			w.installFrom(name, source)
			w.start(name)
		}
	}
	tests := map[string]func(w world){
		"fails front ends of 2019 over and back": func(w world) {
			w.gateOf("sfe1")
			over(w, source2019, "sfe1", "sfe2")
			w.gateOf("sfe1")
			over(w, source2019, "sfe3", "sfe4")
		},
		"fails front ends of 2015 over and back": func(w world) {
			for _, name := range []string{"ofe1", "ofe2", "ofe3"} {
				w.gateOf(name)
				over(w, source2015, name)
			}
		},
		"stops and starts a small pool of 2015": func(w world) {
			for _, name := range []string{"small1", "small2"} {
				w.gateOf(name)
				stop(w, source2015, name)
			}
		},
		"takes Edge Servers one at a time":     func(w world) { stop(w, source2019, "edge1", "edge2") },
		"takes Directors one at a time":        func(w world) { stop(w, source, "dir1", "dir2") },
		"takes the announced Mediation Server": func(w world) { stop(w, source, "med1") },
		"takes Persistent Chat one at a time":  func(w world) { stop(w, source, "chat1", "chat2") },
	}
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			inSkype(t, func(w world) {
				do(w)
				w.model.CheckAtRest()
				if found := w.model.Violations(); len(found) > 0 {
					w.Errorf("%+v", found)
				}
			})
		})
	}
}

func TestEachEvilAdministratorOfSkypeIsCaught(t *testing.T) {
	tests := map[string]struct {
		do   func(w world)
		want []Rule
	}{
		"stops a front end without failing it over":    {func(w world) { w.gateOf("sfe1"); w.stop("sfe1") }, []Rule{RuleNotFailedOver}},
		"restarts a front end without failing it over": {func(w world) { w.gateOf("sfe1"); w.restart("sfe1") }, []Rule{RuleNotFailedOver}},
		"fails over without asking":                    {func(w world) { w.must(w.failOver("sfe1")) }, []Rule{RuleDomainGate}},
		"leaves the services disabled": {func(w world) {
			w.gateOf("sfe1")
			w.must(w.failOver("sfe1"))
			w.model.CheckAtRest()
		}, []Rule{RuleNotAtRest}},
		"enables and starts instead of failing back, and goes on": {func(w world) {
			w.gateOf("sfe1")
			w.must(w.failOver("sfe1"))
			for _, s := range w.host("sfe1").Services() {
				if s.StartType == Disabled {
					w.must(w.host("sfe1").SetStartType(admin, s.Name, Automatic))
				}
			}
			w.start("sfe1")
			w.gateOf("sfe1")
			w.must(w.failOver("sfe2"))
		}, []Rule{RuleNotFailedBack}},
		"forces a rehearsal": {func(w world) {
			w.host("sfe1").JudgeCommand("x", "Invoke-CsComputerFailOver -ComputerName sfe1.contoso.com -WhatIf -Force")
		}, []Rule{RuleForbiddenCommand}},
		"takes two Edge Servers": {func(w world) { w.stop("edge1"); w.stop("edge2") }, []Rule{RuleTwoServersOut, RuleLastServer}},
		"takes the last Edge Server": {func(w world) {
			w.must(w.host("edge1").Power("off"))
			w.stop("edge2")
		}, []Rule{RuleLastServer}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inSkype(t, func(w world) {
				test.do(w)
				got := w.rules()
				slices.Sort(got)
				if want := slices.Sorted(slices.Values(test.want)); !slices.Equal(got, want) {
					w.Errorf("broken rules %v, want %v: %+v", got, want, w.model.Violations())
				}
			})
		})
	}
}

func TestAFailoverThatExceedsItsWaitTimeDoesNothing(t *testing.T) {
	inSkype(t, func(w world) {
		w.must(w.host("sfe3").Power("off"))
		w.must(w.host("sfe4").Power("off"))
		before := w.host("sfe1").Services()
		err := w.host("sfe1").FailOver(w.Context(), admin, FailOverRequest{WaitTime: 10 * time.Minute, As: admin.User})
		if !errors.Is(err, ErrWaitTimeExceeded) || !slices.Equal(before, w.host("sfe1").Services()) || len(w.model.Violations()) > 0 {
			w.Errorf("got %v, %+v", err, w.model.Violations())
		}
	})
}

func TestWhoMayFailOverWhat(t *testing.T) {
	inSkype(t, func(w world) {
		for name, test := range map[string]struct {
			host, as string
			want     error
		}{
			"a pool of two":               {"small1", admin.User, ErrNoComputerFailOver},
			"an Edge Server":              {"edge1", admin.User, ErrNoComputerFailOver},
			"the computer account itself": {"sfe1", "LocalSystem", ErrFailOverDenied},
		} {
			if err := w.host(test.host).FailOver(w.Context(), admin, FailOverRequest{WaitTime: time.Minute, As: test.as}); !errors.Is(err, test.want) {
				w.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestSessionsAreCutAfterTheDrainingTimeout(t *testing.T) {
	for name, test := range map[string]struct {
		draining, atMost time.Duration
		ends             bool
	}{"cut": {time.Minute, 2 * time.Minute, true}, "never cut": {0, time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			inSkype(t, func(w world) {
				w.fault(Fault{Kind: FaultSlowDrain, Target: "sfe1.contoso.com"})
				w.gateOf("sfe1")
				err := w.host("sfe1").FailOver(w.limited(test.atMost), admin, FailOverRequest{WaitTime: time.Hour, DrainingTimeout: test.draining, As: admin.User})
				if (err == nil) != test.ends {
					w.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestAPackageOfAnotherProductChangesNothing(t *testing.T) {
	inSkype(t, func(w world) {
		w.gateOf("sfe1")
		w.must(w.failOver("sfe1"))
		w.installFrom("sfe1", source2015)
		for _, c := range w.host("sfe1").Components() {
			if c.Version != "7.0.2046.0" || !strings.HasPrefix(c.Name, "Skype for Business Server 2019, ") {
				w.Errorf("%s has %s", c.Name, c.Version)
			}
		}
	})
}

func TestMistakesAboutProductsAndRolesAreTold(t *testing.T) {
	const pool = "pools:\n- fqdn: pool.example.org\n  frontEnds: [a.example.org, b.example.org]\n"
	for text, want := range map[string]string{
		pool + "  role: Archiving\n": "pools[0].role",
		pool + "  role: Edge\n  upgradeDomains: [{name: One, frontEnds: [a.example.org, b.example.org]}]\n": "pools[0].upgradeDomains",
		pool + "  announcedDowntime: true\n": "pools[0].announcedDowntime",
		pool + "  product: Another Server\n": "pools[0].build",
	} {
		if _, err := ParseYAML([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
