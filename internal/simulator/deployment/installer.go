package deployment

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

type installation struct {
	update *updatePackage
	caller Caller
	abort  context.CancelCauseFunc
	// working says that services ran when it began, so that files were in use.
	working bool
}

// Exit codes of Windows Installer and its wrapper.
const (
	ExitSuccess          = 0
	ExitRebootRequired   = 2
	ExitAlreadyRunning   = 1618
	ExitFatalError       = 1603
	ExitNotAnApplication = 193
)

// ErrNotAProgram is why a file cannot be run as a program.
var ErrNotAProgram = errors.New("is not a valid Win32 application")

// versionOf is the version the package brings for a component, empty when it does not touch it.
func (p *updatePackage) versionOf(component string) string {
	_, short, _ := strings.Cut(component, ",")
	for name, version := range p.Components {
		if sameName(name, component) || sameName(name, strings.TrimSpace(short)) {
			return version
		}
	}
	return p.Build
}

func (p *updatePackage) coreVersion() string { return p.versionOf("x, Core Components") }

func (h *Host) atBuild(p *updatePackage) bool {
	for _, c := range h.components {
		if v := p.versionOf(c.Name); v != "" && p.appliesTo(c.Version) && compareVersions(c.Version, v) < 0 {
			return false
		}
	}
	return true
}

// IsInstaller says whether the file is an update package.
func (h *Host) IsInstaller(path string) bool {
	return h.updateAt(path) != nil
}

func (h *Host) updateAt(path string) *updatePackage {
	contents, err := h.files.ReadFile(path)
	if err != nil && strings.HasPrefix(path, `\\`) {
		contents, _ = h.model.PackageContents(path)
	}
	sum := sha256.Sum256(contents)
	digest := hex.EncodeToString(sum[:])
	for _, p := range h.model.packages {
		if p.sha256 == digest {
			return p
		}
	}
	return nil
}

// RunInstaller runs the update package at a path and returns its exit code. An error means that it did not end by itself: the
// context ended (the process was killed and has left the server half updated), the host went down, or the file is no program.
func (h *Host) RunInstaller(ctx context.Context, caller Caller, path string, arguments []string) (int, error) {
	update := h.updateAt(path)
	if update == nil {
		return ExitNotAnApplication, fmt.Errorf("%s: %w", path, ErrNotAProgram)
	}
	return h.install(ctx, caller, update, arguments)
}

func (h *Host) install(ctx context.Context, caller Caller, update *updatePackage, arguments []string) (int, error) {
	ctx, release := h.Bind(ctx)
	defer release()
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if h.power != powerOn {
		return 0, ErrHostDown
	}
	h.judgeInstall(caller, update)
	if h.installing != nil {
		h.event(caller, "a second installer gives up")
		return ExitAlreadyRunning, nil
	}
	// An installer on a server that works takes it out of service as surely as a stop does.
	if h.isWorking() {
		h.takeOut(caller)
	}
	run := &installation{update: update, caller: caller, abort: abort, working: h.isWorking()}
	h.installing = run
	h.event(caller, fmt.Sprintf("the installer of %s begins (%s)", update.coreVersion(), strings.Join(arguments, " ")))
	takes, exit := h.courseOf(update)
	breaks := m.takeFault(FaultInstallerLeavesSingleUser, nil, h.FQDN(), h.Pool())
	if breaks != nil && exit == ExitSuccess {
		exit = breaks.ExitCode
	}
	if err := h.awaitInstallation(ctx, run, takes); err != nil {
		return 0, err
	}
	h.installing = nil
	defer func() { h.refresh(); m.notify() }()
	succeeded := slices.Contains([]int{ExitSuccess, ExitRebootRequired, 1641, 3010}, exit)
	h.leaveSingleUser(breaks != nil || !succeeded && h.brokenDatabase() != "")
	if !succeeded {
		h.failed(fmt.Sprintf("the installer ended with %d", exit))
		h.event(caller, fmt.Sprintf("the installer failed with %d", exit))
		return exit, nil
	}
	return h.completeInstallation(run, exit), nil
}

// courseOf says how long an installation takes, before the time scale, and with which exit code it ends.
func (h *Host) courseOf(update *updatePackage) (time.Duration, int) {
	takes, exit := time.Duration(update.Duration), update.ExitCode
	if f := h.model.takeFault(FaultInstallerSlow, nil, h.FQDN(), h.Pool()); f != nil {
		takes += time.Duration(f.Duration)
	}
	if f := h.model.takeFault(FaultInstallerFails, nil, h.FQDN(), h.Pool()); f != nil {
		takes, exit = takes/2, cmp.Or(f.ExitCode, ExitFatalError)
	}
	return takes, exit
}

// awaitInstallation lets the time pass, and more of it while a fault keeps the installer from ending. An error means that the installation was interrupted, and that this has been dealt with.
func (h *Host) awaitInstallation(ctx context.Context, run *installation, takes time.Duration) error {
	done := false
	h.after(takes, func() { done = true })
	h.model.notify()
	err := h.wait(ctx, func() bool {
		return done && h.model.peekFault(FaultInstallerWaits, nil, h.FQDN(), h.Pool()) == nil || h.installing != run
	})
	switch {
	case err != nil && h.installing == run:
		h.abortInstallation("it was killed")
		h.refresh()
		h.model.notify()
	case err == nil && h.installing != run:
		return ErrHostDown
	}
	return err
}

// completeInstallation leaves everything at the new versions. It gives the exit code, which asks for a restart when files were
// in use.
func (h *Host) completeInstallation(run *installation, exit int) int {
	for i, c := range h.components {
		if v := run.update.versionOf(c.Name); v != "" && run.update.appliesTo(c.Version) && compareVersions(c.Version, v) < 0 {
			h.components[i].Version = v
		}
	}
	for _, d := range h.databases {
		if d.byInstaller {
			d.installed = h.model.expected(h, d)
		}
	}
	h.steps.installed, h.steps.stoppedAgain = true, false
	if h.pool != nil && h.pool.failed == h {
		h.pool.failed, h.pool.failedReason = nil, ""
	}
	if exit != 0 || run.working || h.isWorking() {
		h.pendingReboot = []string{"PendingFileRenameOperations"}
		exit = cmp.Or(exit, ExitRebootRequired)
	}
	h.event(run.caller, fmt.Sprintf("the installer has installed %s (exit code %d)", run.update.coreVersion(), exit))
	if run.update.StartsServices {
		h.event(run.caller, "the installer starts the Lync services")
		for _, s := range h.services {
			if s.lync && s.startType != Disabled {
				_ = h.beginStart(s)
			}
		}
	}
	return exit
}

// abortInstallation leaves the first half of the components at the new versions.
func (h *Host) abortInstallation(why string) {
	run := h.installing
	h.installing = nil
	run.abort(ErrHostDown)
	for i := range h.components[:len(h.components)/2] {
		if v := run.update.versionOf(h.components[i].Name); v != "" && run.update.appliesTo(h.components[i].Version) && compareVersions(h.components[i].Version, v) < 0 {
			h.components[i].Version = v
		}
	}
	h.pendingReboot = []string{"PendingFileRenameOperations"}
	h.failed("the installer was interrupted")
	h.event(run.caller, "the installer is interrupted: "+why)
}

func (h *Host) failed(reason string) {
	if h.pool != nil && h.pool.failed == nil {
		h.pool.failed, h.pool.failedReason = h, reason
	}
}

// Installing says whether an installer runs.
func (h *Host) Installing() bool {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	return h.installing != nil
}

// ErrSourceUnreachable is why a package could not be fetched.
var ErrSourceUnreachable = errors.New("the source cannot be reached")

// Fetch copies what is behind an https URL, a UNC or a local path, and takes the time that takes.
func (h *Host) Fetch(ctx context.Context, source string) ([]byte, error) {
	if err := h.Pause(ctx, time.Duration(h.description.Timing.Copy)); err != nil {
		return nil, err
	}
	h.model.mu.Lock()
	fault := h.model.takeFault(FaultSourceUnreachable, nil, h.FQDN(), h.Pool(), source)
	h.model.mu.Unlock()
	if fault != nil {
		return nil, fmt.Errorf("%s: %w", source, ErrSourceUnreachable)
	}
	if contents, ok := h.model.PackageContents(source); ok {
		return contents, nil
	}
	if contents, err := h.files.ReadFile(source); err == nil {
		return contents, nil
	}
	return nil, fmt.Errorf("%s: %w", source, ErrSourceUnreachable)
}
