package procedure

import (
	"strings"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// Server is what was just observed on one server. Times are on the server's own clock.
type Server struct {
	FQDN string
	// Build of the core components; empty when no Lync component is installed.
	Build v1alpha1.Build
	// Components are all installed components.
	Components []Component
	// ProductName is what the core components call themselves; Product is empty when that is no product we know.
	ProductName string
	Product     v1alpha1.Product
	Services    []Service
	// Baseline holds the services as they were before we stopped anything; nil when we have not.
	Baseline      []Service
	Time          time.Time
	BootTime      time.Time
	PendingReboot bool
	Jobs          []Job
	// PatchVersion is the build of the core components as Get-CsServerPatchVersion has it; nil when it was not asked, empty when it
	// could not say.
	PatchVersion *v1alpha1.Build
	// Listening are the TCP ports of the plan on which something listens; nil when the server was not asked.
	Listening []int
	// Activity is what the front end service says it does, for people.
	Activity string
}

// Service is one Windows service.
type Service struct {
	Name      string
	Status    string
	StartType string
}

// Words of the service manager.
const (
	ServiceRunning      = "Running"
	ServiceStopped      = "Stopped"
	ServiceStartPending = "StartPending"
	StartAutomatic      = "Automatic"
	frontEndService     = "RTCSRV"
	webServerService    = "W3SVC"
)

// JobState is where a job on a server stands.
type JobState string

// States of a job.
const (
	JobClaimed     JobState = "Claimed"
	JobRunning     JobState = "Running"
	JobSucceeded   JobState = "Succeeded"
	JobFailed      JobState = "Failed"
	JobInterrupted JobState = "Interrupted"
)

// Job is one durable job of ours on a server.
type Job struct {
	ID       string
	Action   Action
	State    JobState
	ExitCode *int
	Outcome  string
	Message  string
	// Claimed is when the job was ordered, Started when it began to run, Finished when it ended; zero where that has not happened.
	Claimed  time.Time
	Started  time.Time
	Finished time.Time
	// BootTime is the server's boot time when the job began.
	BootTime time.Time
}

// Active says whether the job has not ended.
func (j Job) Active() bool { return j.State == JobClaimed || j.State == JobRunning }

// activeSeconds is how long a job has been awaited on the server's clock: since it began, or since it was ordered where it has not begun
// yet. It is more than zero, so that a job that was ordered a moment ago counts as awaited.
func (j Job) activeSeconds(now time.Time) float64 {
	const aMoment = 0.001
	switch {
	case !j.Started.IsZero():
		return max(now.Sub(j.Started).Seconds(), aMoment)
	case !j.Claimed.IsZero():
		return max(now.Sub(j.Claimed).Seconds(), aMoment)
	}
	return aMoment
}

// Serving says whether the server takes calls: its front end service, or what stands for it on a server of another role, runs.
func (s Server) Serving() bool {
	serving := s.servingService()
	for _, service := range s.Services {
		if strings.EqualFold(service.Name, serving) {
			return service.Status == ServiceRunning
		}
	}
	return false
}

// Starting says whether the front end service is on its way up. It waits there for enough other front ends of its pool.
func (s Server) Starting() bool {
	for _, service := range s.Services {
		if strings.EqualFold(service.Name, frontEndService) {
			return service.Status == ServiceStartPending
		}
	}
	return false
}

// expected lists the services that should run: those that ran before we stopped anything or, when we did not, those that
// start by themselves.
func (s Server) expected() []Service {
	var expected []Service
	if s.Baseline != nil {
		for _, service := range s.Baseline {
			if service.Status == ServiceRunning {
				expected = append(expected, service)
			}
		}
		return expected
	}
	for _, service := range s.Services {
		if service.StartType == StartAutomatic {
			expected = append(expected, service)
		}
	}
	return expected
}

// missing lists the services that should run and do not, and those whose start type is not what it was.
func (s Server) missing() (notRunning, startTypeChanged []string) {
	now := make(map[string]Service, len(s.Services))
	for _, service := range s.Services {
		now[strings.ToUpper(service.Name)] = service
	}
	for _, service := range s.expected() {
		found, ok := now[strings.ToUpper(service.Name)]
		if !ok || found.Status != ServiceRunning {
			notRunning = append(notRunning, service.Name)
		}
	}
	for _, service := range s.Baseline {
		if found, ok := now[strings.ToUpper(service.Name)]; ok && found.StartType != service.StartType {
			startTypeChanged = append(startTypeChanged, service.Name)
		}
	}
	return notRunning, startTypeChanged
}

// lyncServicesUp lists the Lync services that are not stopped. The web server, SQL Server and Windows Fabric are not counted:
// Stop-CsWindowsService leaves some of them alone.
func (s Server) lyncServicesUp() []string {
	var up []string
	for _, service := range s.Services {
		name := strings.ToUpper(service.Name)
		lync := strings.HasPrefix(name, "RTC") || name == "REPLICA" || name == "MASTER" || name == "FTA"
		if lync && service.Status != ServiceStopped {
			up = append(up, service.Name)
		}
	}
	return up
}

// restartedSince says whether Windows has booted since the job began. Another boot time alone proves nothing, because Windows moves
// it when its clock is set: the boot must also lie after the beginning of the job. A second is rounding.
func (s Server) restartedSince(job Job) bool {
	another := s.BootTime.Sub(job.BootTime).Abs() > time.Second
	return another && (job.Started.IsZero() || s.BootTime.After(job.Started.Add(-time.Second)))
}

// undone says whether what a job started may be down again without anybody having failed: the job was cut off by a restart of the server, or
// ended well before one, or before another stop of ours, as where a server was failed back for another try and failed over again. There may be
// no such job. A start or a failback of which that is true is made once more without a person, under the name of the other step that starts
// services: services are stopped or disabled because of us until it is done, and nothing can be lost by it.
func (s Server) undone(job *Job) bool {
	return job != nil && (job.State == JobInterrupted || job.State == JobSucceeded && (s.restartedSince(*job) || s.stoppedSince(*job)))
}

// stoppedSince says whether a stop of ours began after the job did.
func (s Server) stoppedSince(job Job) bool {
	for _, other := range s.Jobs {
		if stops(StepOf(other.ID)) && other.Started.After(job.Started) {
			return true
		}
	}
	return false
}

// stops says whether a step stops the services of a server to work on it.
func stops(step v1alpha1.ServerStep) bool {
	return step == v1alpha1.StepStopServices || step == v1alpha1.StepStopServicesAgain
}

// lastWork is the job that was the last to change whether the server serves; nil when there is none. A failover that was refused has
// changed nothing, and counts only where there is no other.
func (s Server) lastWork() *Job {
	var last, refused *Job
	for i := range s.Jobs {
		job := &s.Jobs[i]
		switch {
		case !BegunBy(job.ID):
		case job.refused():
			refused = job
		case last == nil || !job.Started.Before(last.Started):
			last = job
		}
	}
	if last == nil {
		return refused
	}
	return last
}

// lastEnded is the job of our work that began, or was ordered, last of those that have ended, also where it has changed nothing; nil when there
// is none. What it was to do is over.
func (s Server) lastEnded() *Job {
	var last *Job
	for i := range s.Jobs {
		if job := &s.Jobs[i]; BegunBy(job.ID) && !job.Active() && (last == nil || !job.since().Before(last.since())) {
			last = job
		}
	}
	return last
}

// age is how long ago the job ended, or began when that is not known.
func (j Job) age(now time.Time) time.Duration {
	if j.Finished.After(j.Started) {
		return now.Sub(j.Finished)
	}
	return now.Sub(j.Started)
}

// putBack says whether our last work was to start the services again, and it succeeded or at least made the server serve. From
// then on the server is no longer ours: it is in service, or out of it for a reason that is not us. One that was failed over and is not
// failed back has no users, whatever runs on it.
func (s Server) putBack() bool {
	last := s.lastWork()
	if last == nil || last.Active() || s.failedOver() {
		return false
	}
	step := StepOf(last.ID)
	return (step == v1alpha1.StepRecover || step == v1alpha1.StepStartServices) && (last.State == JobSucceeded || s.Serving())
}

// installerStarts is how long after its end services that run are taken for those that an update has started. What runs on a server later than
// that, users have come back to, whoever has started it.
const installerStarts = 30 * time.Minute

// backByHand says whether everything runs on the server although our last work on it went wrong, was to stop it, or was an installer that
// ended long ago: somebody has started it. From then on it is in service as one that we have put back.
func (s Server) backByHand() bool {
	last := s.lastEnded()
	if last == nil || s.failedOver() {
		return false
	}
	if step := StepOf(last.ID); last.State == JobSucceeded && !stops(step) &&
		(step != v1alpha1.StepInstall || last.age(s.Time) <= installerStarts) {
		return false
	}
	notRunning, _ := s.missing()
	return len(notRunning) == 0
}

// inServiceUnfinished says whether nothing on the server is out because of us although our work on it has not done what it should: what is left
// to be done there needs every gate again. What waits for it would wait for ever where it needs the same gate itself.
func (s Server) inServiceUnfinished(plan Plan) bool {
	last := s.lastWork()
	if last == nil || s.activeJob() != nil || s.halfWay() {
		return false
	}
	byHand := s.backByHand()
	return plan.behind(s) || s.unfinishedInstall(plan.Build) || byHand && last.State != JobSucceeded || (byHand || s.putBack()) && s.restartDue(plan) || StepOf(last.ID) == v1alpha1.StepRecover
}

// stillNeeds says whether an installer is still to be run on the server, or its restart to be made. For that it must have a turn of its own, also
// where it has the build.
func (s Server) stillNeeds(plan Plan) bool {
	return plan.behind(s) || s.unfinishedInstall(plan.Build) || s.restartDue(plan)
}

// heldInService says whether the last that was done to the server is a stop that went wrong and was given up with everything running: where
// services were missing they would have been put back before the hold, and another attempt follows a hold. What does not run now, somebody
// has stopped since.
func (s Server) heldInService(attempt int) bool {
	last := s.lastEnded()
	if last == nil || last.State != JobFailed && last.State != JobInterrupted || s.failedOver() {
		return false
	}
	step, _, number, _ := parseJobID(last.ID)
	return step == v1alpha1.StepStopServices && number < attempt
}

// halfWay says whether services are out, or on their way out or back, because of us.
func (s Server) halfWay() bool {
	if !s.Begun() || s.putBack() {
		return false
	}
	if active := s.activeJob(); active != nil && BegunBy(active.ID) {
		return true
	}
	if s.failedOver() {
		return true // its services are disabled, and a restart does not start them
	}
	if last := s.lastWork(); last.refused() || last.neverBegan() {
		return false // we have done nothing; what does not run now, we have not stopped
	}
	if s.restartedSince(*s.lastWork()) {
		return false // Windows has started the services since; what does not run now, we have not stopped
	}
	notRunning, _ := s.missing()
	return len(notRunning) > 0
}

func (s Server) job(id string) *Job {
	for i := range s.Jobs {
		if s.Jobs[i].ID == id {
			return &s.Jobs[i]
		}
	}
	return nil
}

func (s Server) activeJob() *Job {
	for i := range s.Jobs {
		if s.Jobs[i].Active() {
			return &s.Jobs[i]
		}
	}
	return nil
}
