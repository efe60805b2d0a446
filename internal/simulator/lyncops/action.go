package lyncops

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
)

// work is what an action needs.
type work struct {
	host   *deployment.Host
	caller deployment.Caller
	as     string
	log    *jobLog
}

// action does a job. With an error goes the outcome, a word for programs.
type action func(ctx context.Context, w work) (exitCode *int, outcome string, err error)

// Outcomes of a failed job.
const (
	hashMismatch         = "HashMismatch"
	sourceUnreachable    = "SourceUnreachable"
	drainTimeout         = "DrainTimeout"
	serviceStuck         = "ServiceStuck"
	installerFailed      = "InstallerFailed"
	installerTimeout     = "InstallerTimeout"
	databaseUpdateFailed = "DatabaseUpdateFailed"
	accessDenied         = "AccessDenied"
)

var (
	sha256Pattern   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	fileNamePattern = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._ ()+-]{0,125}[A-Za-z0-9_)])?$`)
)

type packageParameters struct {
	SHA256   string `json:"sha256"`
	FileName string `json:"fileName"`
}

func (p packageParameters) check() error {
	if !sha256Pattern.MatchString(p.SHA256) {
		return wrongArgument("parameters.sha256", "%q is not a lower-case SHA-256", p.SHA256)
	}
	if !fileNamePattern.MatchString(p.FileName) {
		return wrongArgument("parameters.fileName", "%q is not a plain file name", p.FileName)
	}
	return nil
}

func (p packageParameters) path() string { return packageFolder + `\` + p.SHA256 + `\` + p.FileName }

type timeout struct {
	Seconds int `json:"timeoutSeconds"`
}

func (t timeout) check() error {
	if t.Seconds <= 0 {
		return wrongArgument("parameters.timeoutSeconds", "%d is not a number of seconds", t.Seconds)
	}
	return nil
}

// bound limits a context by the server's clock, which no time scale changes.
func (t timeout) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Duration(t.Seconds)*time.Second)
}

// actions read the parameters of each action.
var actions = map[string]func(parameters json.RawMessage) (action, error){
	"StagePackage":          newStagePackage,
	"StopServices":          newStopServices,
	"StopWebServer":         func(p json.RawMessage) (action, error) { return newWebServer(p, false) },
	"StartWebServer":        func(p json.RawMessage) (action, error) { return newWebServer(p, true) },
	"Install":               newInstall,
	"RestartComputer":       newRestart,
	"StartServices":         newStartServices,
	"UpdateDatabases":       newUpdateDatabases,
	"FailOverComputer":      newFailOver,
	"FailBackComputer":      newFailBack,
	"RecordServices":        newRecordServices,
	"MoveCentralManagement": newMoveCentralManagement,
	"FailOverPool":          func(p json.RawMessage) (action, error) { return newPoolMove(p, false) },
	"FailBackPool":          func(p json.RawMessage) (action, error) { return newPoolMove(p, true) },
}

// Actions are the words for what a job can do.
func Actions() []string { return slices.Sorted(maps.Keys(actions)) }

// newAction reads the parameters of an action.
func newAction(name string, parameters json.RawMessage) (action, error) {
	if read := actions[name]; read != nil {
		return read(parameters)
	}
	return nil, wrongArgument("action", "%q is not one this module knows", name)
}

func newStagePackage(text json.RawMessage) (action, error) {
	var p struct {
		packageParameters
		Source string `json:"source"`
	}
	if err := read(text, &p); err != nil {
		return nil, err
	}
	if p.Source == "" {
		return nil, wrongArgument("parameters.source", "is missing")
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, w work) (*int, string, error) {
		files := w.host.Files()
		if present, err := files.ReadFile(p.path()); err == nil && digest(present) == p.SHA256 {
			w.log.say("the package is there already")
			return nil, "", nil
		}
		contents, err := w.host.Fetch(ctx, p.Source)
		if errors.Is(err, deployment.ErrSourceUnreachable) {
			return nil, sourceUnreachable, err
		}
		if err != nil {
			return nil, internalError, err
		}
		if found := digest(contents); found != p.SHA256 {
			return nil, hashMismatch, fmt.Errorf("%s has SHA-256 %s, not %s", p.Source, found, p.SHA256)
		}
		folder := packageFolder + `\` + p.SHA256
		if err := files.MkdirAll(folder); err != nil {
			return nil, internalError, err
		}
		if err := files.WriteFile(p.path()+".tmp", contents); err != nil {
			return nil, internalError, err
		}
		if err := files.Replace(p.path()+".tmp", p.path()); err != nil {
			return nil, internalError, err
		}
		w.host.Record(w.caller, "the package "+p.FileName+" is staged")
		return nil, "", nil
	}, nil
}

func digest(contents []byte) string {
	sum := sha256.Sum256(contents)
	return hex.EncodeToString(sum[:])
}

// stopAtOnceSeconds is what services get to stop at once after their drain deadline.
const stopAtOnceSeconds = 600

func newStopServices(text json.RawMessage) (action, error) {
	var p struct {
		timeout
		Graceful  *bool  `json:"graceful"`
		OnTimeout string `json:"onTimeout"`
		WebServer *bool  `json:"webServer"`
	}
	if err := read(text, &p); err != nil {
		return nil, err
	}
	if p.Graceful == nil {
		return nil, wrongArgument("parameters.graceful", "is missing")
	}
	if p.WebServer == nil {
		return nil, wrongArgument("parameters.webServer", "is missing")
	}
	if p.OnTimeout != "Fail" && p.OnTimeout != "StopAtOnce" {
		return nil, wrongArgument("parameters.onTimeout", "%q is neither Fail nor StopAtOnce", p.OnTimeout)
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, w work) (*int, string, error) {
		if err := writeBaseline(w.host); err != nil {
			return nil, internalError, err
		}
		bounded, cancel := p.bound(ctx)
		defer cancel()
		err := w.host.StopLyncServices(bounded, w.caller, deployment.StopRequest{Graceful: *p.Graceful})
		if errors.Is(err, context.DeadlineExceeded) && *p.Graceful && p.OnTimeout == "StopAtOnce" {
			w.log.say("not drained after %d seconds, stopping at once", p.Seconds)
			again, cancel := timeout{stopAtOnceSeconds}.bound(ctx)
			defer cancel()
			err = w.host.StopLyncServices(again, w.caller, deployment.StopRequest{})
			if errors.Is(err, context.DeadlineExceeded) {
				return nil, serviceStuck, errors.New("services did not stop at once either: " + notStopped(w.host))
			}
		}
		switch {
		case errors.Is(err, context.DeadlineExceeded) && *p.Graceful:
			return nil, drainTimeout, fmt.Errorf("not drained after %d seconds: %s", p.Seconds, notStopped(w.host))
		case errors.Is(err, context.DeadlineExceeded):
			return nil, serviceStuck, fmt.Errorf("not stopped after %d seconds: %s", p.Seconds, notStopped(w.host))
		case err != nil:
			return nil, cmdletFailed, err
		}
		if *p.WebServer {
			return stopWebServer(ctx, w, p.timeout)
		}
		return nil, "", nil
	}, nil
}

func writeBaseline(host *deployment.Host) error {
	if host.Files().Exists(baselineFile) {
		return nil
	}
	baseline := []serviceFact{}
	for _, s := range lyncServices(host) {
		if !strings.HasPrefix(strings.ToUpper(s.Name), "MSSQL$") {
			baseline = append(baseline, serviceFact{Name: s.Name, Status: s.Status, StartType: s.StartType})
		}
	}
	text, err := json.Marshal(baseline)
	if err != nil {
		return err
	}
	if err := host.Files().MkdirAll(root); err != nil {
		return err
	}
	return host.Files().WriteFile(baselineFile, text)
}

func notStopped(host *deployment.Host) string {
	var names []string
	for _, s := range host.Services() {
		if s.Lync && s.Status != deployment.Stopped {
			names = append(names, s.Name+" is "+s.StatusName)
		}
	}
	return strings.Join(names, ", ")
}

func newWebServer(text json.RawMessage, start bool) (action, error) {
	var p timeout
	if err := read(text, &p); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if !start {
		return func(ctx context.Context, w work) (*int, string, error) { return stopWebServer(ctx, w, p) }, nil
	}
	return func(ctx context.Context, w work) (*int, string, error) {
		bounded, cancel := p.bound(ctx)
		defer cancel()
		if err := w.host.StartService(bounded, w.caller, "W3SVC", false); err != nil {
			return nil, serviceStuck, fmt.Errorf("W3SVC does not run: %w", err)
		}
		return nil, "", nil
	}, nil
}

func stopWebServer(ctx context.Context, w work, limit timeout) (*int, string, error) {
	if s, ok := w.host.Service("W3SVC"); !ok || s.Status == deployment.Stopped {
		return nil, "", nil
	}
	if err := writeBaseline(w.host); err != nil {
		return nil, internalError, err
	}
	bounded, cancel := limit.bound(ctx)
	defer cancel()
	if err := w.host.StopService(bounded, w.caller, "W3SVC", false); err != nil {
		return nil, serviceStuck, fmt.Errorf("W3SVC is not stopped: %w", err)
	}
	return nil, "", nil
}

func newInstall(text json.RawMessage) (action, error) {
	var p struct {
		packageParameters
		timeout
		Arguments []string `json:"arguments"`
	}
	if err := read(text, &p); err != nil {
		return nil, err
	}
	if err := errors.Join(p.packageParameters.check(), p.timeout.check()); err != nil {
		return nil, err
	}
	if p.Arguments == nil {
		return nil, wrongArgument("parameters.arguments", "must be a list")
	}
	return func(ctx context.Context, w work) (*int, string, error) {
		contents, err := w.host.Files().ReadFile(p.path())
		if err != nil {
			return nil, hashMismatch, fmt.Errorf("the package is not staged: %w", err)
		}
		if found := digest(contents); found != p.SHA256 {
			return nil, hashMismatch, fmt.Errorf("%s has SHA-256 %s", p.path(), found)
		}
		if w.host.Installing() {
			return nil, installerFailed, errors.New("another installer runs on this server")
		}
		bounded, cancel := p.bound(ctx)
		defer cancel()
		exit, err := w.host.RunInstaller(bounded, w.caller, p.path(), p.Arguments)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return nil, installerTimeout, fmt.Errorf("the installer did not end within %d seconds and was ended", p.Seconds)
		case err != nil:
			return nil, installerFailed, err
		}
		w.log.say("the installer ended with %d", exit)
		switch exit {
		case 0, 2, 3010, 1641:
			return &exit, "", nil
		}
		return &exit, installerFailed, fmt.Errorf("the installer ended with %d", exit)
	}, nil
}

func newRestart(text json.RawMessage) (action, error) {
	var p struct {
		DelaySeconds *int `json:"delaySeconds"`
	}
	if err := read(text, &p); err != nil {
		return nil, err
	}
	if p.DelaySeconds == nil || *p.DelaySeconds < 0 || *p.DelaySeconds > 3600 {
		return nil, wrongArgument("parameters.delaySeconds", "must be a number from 0 to 3600")
	}
	return func(_ context.Context, w work) (*int, string, error) {
		// A restart that is under way already is what was asked for.
		if err := w.host.Restart(w.caller, time.Duration(*p.DelaySeconds)*time.Second); err != nil && !errors.Is(err, deployment.ErrShutdownInProgress) {
			return nil, cmdletFailed, err
		}
		return nil, "", nil
	}, nil
}

func newStartServices(text json.RawMessage) (action, error) {
	var p timeout
	if err := read(text, &p); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, w work) (*int, string, error) {
		baseline, err := readBaseline(w.host)
		if err != nil {
			return nil, internalError, err
		}
		for _, b := range baseline {
			if err := w.host.SetStartType(w.caller, b.Name, b.StartType); err != nil {
				return nil, cmdletFailed, err
			}
		}
		bounded, cancel := p.bound(ctx)
		defer cancel()
		err = w.host.StartLyncServices(bounded, w.caller, "", false)
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, serviceStuck, fmt.Errorf("not running after %d seconds: %s", p.Seconds, notRunning(w.host, baseline))
		}
		var dead deployment.StartFailedError
		if errors.As(err, &dead) {
			return nil, serviceStuck, err
		}
		if err != nil {
			return nil, cmdletFailed, err
		}
		if left := notRunning(w.host, baseline); left != "" {
			return nil, serviceStuck, errors.New("not running: " + left)
		}
		return nil, "", nil
	}, nil
}

func notRunning(host *deployment.Host, baseline []serviceFact) string {
	var names []string
	for _, b := range baseline {
		if s, ok := host.Service(b.Name); b.Status == "Running" && (!ok || s.Status != deployment.Running) {
			names = append(names, b.Name+" is "+s.StatusName)
		}
	}
	return strings.Join(names, ", ")
}

func newUpdateDatabases(text json.RawMessage) (action, error) {
	var p struct {
		timeout
		Variant         string  `json:"variant"`
		Update          *bool   `json:"update"`
		SQLServerFQDN   string  `json:"sqlServerFqdn"`
		SQLInstanceName *string `json:"sqlInstanceName"`
	}
	if err := read(text, &p); err != nil {
		return nil, err
	}
	switch p.Variant {
	case "Enterprise", "EnterpriseCollocated", "CentralManagement":
		if p.SQLServerFQDN == "" {
			return nil, wrongArgument("parameters.sqlServerFqdn", "is missing")
		}
	case "Standard":
	default:
		return nil, wrongArgument("parameters.variant", "%q is not Enterprise, EnterpriseCollocated, Standard or CentralManagement", p.Variant)
	}
	if p.Update == nil {
		return nil, wrongArgument("parameters.update", "must be true or false")
	}
	if p.SQLInstanceName == nil {
		return nil, wrongArgument("parameters.sqlInstanceName", "is missing")
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, w work) (*int, string, error) {
		bounded, cancel := p.bound(ctx)
		defer cancel()
		err := w.host.InstallDatabases(bounded, w.caller, deployment.DatabaseUpdate{Update: *p.Update, Local: p.Variant == "Standard",
			SQLServer: p.SQLServerFQDN, CentralManagement: p.Variant == "CentralManagement", Instance: *p.SQLInstanceName,
			ExcludeCollocated: p.Variant == "EnterpriseCollocated", As: w.as})
		if errors.Is(err, deployment.ErrNoLyncTools) {
			return nil, cmdletFailed, err
		}
		if err != nil {
			return nil, databaseUpdateFailed, err
		}
		return nil, "", nil
	}, nil
}
