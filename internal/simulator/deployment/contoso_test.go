package deployment

import (
	"context"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const (
	source   = "https://packages.contoso.com/lync/LyncServerUpdateInstaller.exe"
	setup    = `C:\Windows\Temp\setup.exe`
	target   = "5.0.8308.1149"
	poolName = "pool01.contoso.com"
)

var admin = Caller{User: `CONTOSO\administrator`, Command: "typed by an administrator"}

// world is testdata/contoso.yaml in virtual time.
type world struct {
	*testing.T
	model *Model
}

func inContoso(t *testing.T, f func(w world)) {
	t.Helper()
	text, err := os.ReadFile("../testdata/contoso.yaml")
	if err != nil {
		t.Fatal(err)
	}
	inDeployment(t, text, f)
}

// inDeployment starts a model of a description in virtual time.
func inDeployment(t *testing.T, text []byte, f func(w world)) {
	t.Helper()
	description, err := ParseYAML(text)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		m, err := New(description, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		f(world{t, m})
	})
}

func (w world) host(short string) *Host {
	w.Helper()
	h, ok := w.model.Host(short)
	if !ok {
		w.Fatalf("there is no host %s", short)
	}
	return h
}

func (w world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w world) stop(short string) {
	w.Helper()
	w.must(w.host(short).StopLyncServices(w.Context(), admin, StopRequest{Graceful: true}))
}

func (w world) start(short string) {
	w.Helper()
	w.must(w.host(short).StartLyncServices(w.Context(), admin, "", false))
}

// install runs the package and returns its exit code.
func (w world) install(short string) int {
	w.Helper()
	contents, _ := w.model.PackageContents(source)
	w.must(w.host(short).Files().WriteFile(setup, contents))
	exit, err := w.host(short).RunInstaller(w.Context(), admin, setup, []string{"/silentmode"})
	w.must(err)
	return exit
}

func (w world) restart(short string) {
	w.Helper()
	before := w.host(short).BootTime()
	w.must(w.host(short).Restart(admin, 0))
	w.eventually(func() bool { return !w.host(short).BootTime().Equal(before) })
}

func (w world) upgrade(short string) {
	w.Helper()
	w.stop(short)
	w.install(short)
	w.restart(short)
	w.start(short)
}

func (w world) databases(short string) error {
	return w.host(short).InstallDatabases(w.Context(), admin, DatabaseUpdate{SQLServer: "sql01.contoso.com", Update: true})
}

func (w world) readiness(short string) Readiness {
	w.Helper()
	answer, err := w.host(short).Readiness(w.Context())
	w.must(err)
	return answer
}

// gate asks until the pool is ready.
func (w world) gate() {
	w.Helper()
	w.eventually(func() bool {
		for _, h := range w.model.Hosts() {
			if h.State().Serves && h.Pool() == poolName {
				return w.readiness(h.FQDN()).State == Ready
			}
		}
		return false
	})
}

// eventually waits, in virtual time, for at most a day.
func (w world) eventually(condition func() bool) {
	w.Helper()
	for range 24 * 60 * 12 {
		if condition() {
			return
		}
		time.Sleep(5 * time.Second)
	}
	w.Fatal("it never happened")
}

func (w world) rules() []Rule {
	var rules []Rule
	for _, v := range w.model.Violations() {
		if !slices.Contains(rules, v.Rule) {
			rules = append(rules, v.Rule)
		}
	}
	return rules
}

func (w world) fault(f Fault) {
	w.Helper()
	_, err := w.model.AddFault(f)
	w.must(err)
}

func (w world) status(short, service string) Status {
	w.Helper()
	s, ok := w.host(short).Service(service)
	if !ok {
		w.Fatalf("%s has no service %s", short, service)
	}
	return s.Status
}

// limited gives a context that ends after a while of virtual time.
func (w world) limited(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(w.Context(), d)
	w.Cleanup(cancel)
	return ctx
}
