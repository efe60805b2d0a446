package procedure

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// Action is what a job does on a server.
type Action string

// Actions, as the server protocol names them.
const (
	ActionStagePackage    Action = "StagePackage"
	ActionStopServices    Action = "StopServices"
	ActionStopWebServer   Action = "StopWebServer"
	ActionInstall         Action = "Install"
	ActionRestartComputer Action = "RestartComputer"
	ActionStartWebServer  Action = "StartWebServer"
	ActionStartServices   Action = "StartServices"
	ActionUpdateDatabases Action = "UpdateDatabases"
	// ActionFailOverComputer and ActionFailBackComputer take a front end of Skype for Business Server out of service and bring it back.
	ActionFailOverComputer Action = "FailOverComputer"
	ActionFailBackComputer Action = "FailBackComputer"

	ActionRecordServices        Action = "RecordServices"
	ActionMoveCentralManagement Action = "MoveCentralManagement"
	ActionFailOverPool          Action = "FailOverPool"
	ActionFailBackPool          Action = "FailBackPool"
)

// Order is one job to be started on a server. Its ID follows from the step, the build and the attempt alone, so that whoever
// asks for the same thing again gets the same job.
type Order struct {
	ID     string
	Action Action
	// Graceful lets calls in progress end by themselves (StopServices).
	Graceful bool
	// StopAtOnce stops what is not drained in time (StopServices).
	StopAtOnce bool
	// Variant, SQLServer and what follows are for UpdateDatabases.
	Variant   v1alpha1.DatabaseVariant
	SQLServer string
	// SQLInstance is for the central management store.
	SQLInstance string
	// WithoutUpdate leaves -Update out, as for mirrored databases.
	WithoutUpdate bool
	// Computer is the server as its topology names it, and Pool its pool (FailOverComputer, FailBackComputer). Pool is also the one that
	// FailOverPool and FailBackPool speak of, and that MoveCentralManagement moves the store to.
	Computer, Pool string
	// DrainingTimeout after which sessions that have not ended are cut; zero is never (FailOverComputer).
	DrainingTimeout time.Duration
	// Timeout after which the job itself gives up.
	Timeout time.Duration
}

// Plan is what a server is to become and how.
type Plan struct {
	Variant
	Build           v1alpha1.Build
	PackageSource   string
	PackageSHA256   string
	Graceful        bool
	DrainTimeout    time.Duration
	StopAtOnce      bool
	RestartComputer bool
	InstallTimeout  time.Duration
	RestartTimeout  time.Duration
	// Ports must listen on a server before it counts as taking new connections; VerifyTimeout is how long they may take.
	Ports []int
	// Minimums are the builds that other components must have at least.
	Minimums      []MinimumBuild
	VerifyTimeout time.Duration
	// PoolFailedOver: the users of the pool are on its backup pool, and Invoke-CsPoolFailOver has stopped the services.
	PoolFailedOver bool
}

// stepNames are the words that job identities begin with.
var stepNames = map[v1alpha1.ServerStep]string{
	v1alpha1.StepStagePackage:      "stage-package",
	v1alpha1.StepStopServices:      "stop-services",
	v1alpha1.StepStopWebServer:     "stop-web-server",
	v1alpha1.StepInstall:           "install",
	v1alpha1.StepStopServicesAgain: "stop-services-again",
	v1alpha1.StepStartWebServer:    "start-web-server",
	v1alpha1.StepUpdateDatabases:   "update-databases",
	v1alpha1.StepUpdateOtherStores: "update-other-stores",

	v1alpha1.StepUpdateCentralManagement: "update-central-management",
	v1alpha1.StepRestartComputer:         "restart-computer",
	v1alpha1.StepStartServices:           "start-services",
	v1alpha1.StepRecover:                 "recover",
	v1alpha1.StepRecordServices:          "record-services",
	v1alpha1.StepMoveCentralManagement:   "move-central-management",
	v1alpha1.StepFailOverPool:            "fail-over-pool",
	v1alpha1.StepFailBackPool:            "fail-back-pool",
}

// JobID is the identity of the job that does this step for this build at this attempt.
func JobID(step v1alpha1.ServerStep, build v1alpha1.Build, attempt int) string {
	return fmt.Sprintf("%s-%s-%d", stepNames[step], build, attempt)
}

// stageJobID is the identity of staging this package: another source or hash is another job, so that a mended package is
// fetched without anybody asking for a retry.
func (p Plan) stageJobID(attempt int) string {
	return fmt.Sprintf("%s-%s-%d", stepNames[v1alpha1.StepStagePackage], p.fingerprint(), attempt)
}

// fingerprint is what tells this package from others in the identities of jobs.
func (p Plan) fingerprint() string {
	sum := sha256.Sum256([]byte(p.PackageSource + "\n" + strings.ToLower(p.PackageSHA256)))
	return hex.EncodeToString(sum[:8])
}

// stepOfName is stepNames the other way round.
var stepOfName = func() map[string]v1alpha1.ServerStep {
	steps := make(map[string]v1alpha1.ServerStep, len(stepNames))
	for step, name := range stepNames {
		steps[name] = step
	}
	return steps
}()

// parseJobID returns step, subject (a build, or the fingerprint of a package) and attempt of a job of ours.
func parseJobID(id string) (step v1alpha1.ServerStep, subject string, attempt int, ok bool) {
	end := strings.LastIndexByte(id, '-')
	begin := strings.LastIndexByte(id[:max(end, 0)], '-')
	if begin < 0 {
		return "", "", 0, false
	}
	step, ok = stepOfName[id[:begin]]
	subject = id[begin+1 : end]
	number, err := strconv.ParseUint(id[end+1:], 10, 31)
	if !ok || subject == "" || err != nil {
		return "", "", 0, false
	}
	return step, subject, int(number), true
}

// BegunBy says whether the job belongs to the part of a procedure that takes a server out of service or brings it back.
func BegunBy(id string) bool {
	step, _, _, ok := parseJobID(id)
	return ok && step != v1alpha1.StepStagePackage && !UpdatesDatabases(step) && !ofFailOver(step)
}

// Begun says whether our work on the services of this server has begun and is not yet put away.
func (s Server) Begun() bool {
	for _, job := range s.Jobs {
		if BegunBy(job.ID) {
			return true
		}
	}
	return false
}

// UpdatingDatabases says whether a job on this server is updating databases.
func (s Server) UpdatingDatabases() bool {
	job := s.activeJob()
	return job != nil && UpdatesDatabases(StepOf(job.ID))
}

// begunFor says whether services were stopped, or an installer ran, for this very build.
func (s Server) begunFor(build v1alpha1.Build) bool {
	for _, job := range s.Jobs {
		step, subject, _, ok := parseJobID(job.ID)
		if ok && subject == string(build) && (step == v1alpha1.StepStopServices || step == v1alpha1.StepInstall) {
			return true
		}
	}
	return false
}

// staged is the job that copied the package of this plan at this attempt, or at an earlier one that succeeded: that package is
// still there, and is verified again before it runs. Nil when there is none.
func (s Server) staged(plan Plan, attempt int) *Job {
	if job := s.job(plan.stageJobID(attempt)); job != nil {
		return job
	}
	for earlier := attempt - 1; earlier > 0; earlier-- {
		if job := s.job(plan.stageJobID(earlier)); job != nil && job.State == JobSucceeded {
			return job
		}
	}
	return nil
}

// attempt is the attempt that the server is at for this plan: what a person has allowed or what the server already shows,
// whichever is higher.
func (s Server) attempt(plan Plan, permitted int) int {
	attempt := max(permitted, 1)
	fingerprint := plan.fingerprint()
	for _, job := range s.Jobs {
		if step, subject, number, ok := parseJobID(job.ID); ok && !ofFailOver(step) && (subject == string(plan.Build) || subject == fingerprint) {
			attempt = max(attempt, number)
		}
	}
	return attempt
}

// StepOf names the step a job belongs to; StepUnknown for a job that is not ours.
func StepOf(id string) v1alpha1.ServerStep {
	if step, _, _, ok := parseJobID(id); ok {
		return step
	}
	return v1alpha1.StepUnknown
}
